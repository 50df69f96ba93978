"""The ledger's claims on all kernels of oom_kernels, in the quick situations and in two of a global OOM."""

from __future__ import annotations

from itertools import pairwise

import pytest
from todays import AFTER, BEFORE, V6_18, V7_2, short

from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from oom_kernels import v7_3_last_out, v7_3_rfc
from oom_kernels.today import switches
from oom_kernels.today.oom_kill import mark_oom_victim
from oom_kernels.today.switches import no, yes
from oom_review.claims import HOLDS
from oom_review.explore import explore
from oom_review.situations.families import QUICK, SITUATIONS
from oom_review.situations.script import scenario
from patched.freezer import freezing_slow_path

RFC, LAST_OUT = v7_3_rfc.VARIANT, v7_3_last_out.VARIANT
# Nobody kills himself here: whoever finds no memory is a kernel thread.
GLOBAL_OOM = ("global-oom/threads=1/suspend", "global-oom/threads=1/snapshot")
NAMES = (*QUICK, *GLOBAL_OOM)

LEFT_BEHIND = {"fridge-empties", "victim-dies"}
TAIL = {"disabled-means-quiet"}
QUIET = {"suspended-means-quiet"}
LEAK = {"count-returns"}
EBUSY = {"no-spurious-ebusy"}
SHARERS = {"sharers-leave"}
"""Whoever shares the mm with a victim is thawed by no kernel."""

# What is refuted, by situation, in the order BEFORE, AFTER, RFC; nothing but SHARERS in LAST_OUT, and nothing where no row is.
REFUTED: dict[str, tuple[set[str], set[str], set[str]]] = {
    "memcg-oom/threads=2/freezer=frozen": (LEFT_BEHIND, set(), LEAK),
    "memcg-oom/threads=2/freezer=frozen/leader=long-gone": (set(), set(), LEAK),
    "memcg-oom/threads=2/freezer=frozen/parent=frozen": (LEFT_BEHIND, set(), LEAK),
    "self-oom/threads=2/suspend": (LEFT_BEHIND | TAIL, TAIL | QUIET, LEAK | EBUSY),
    "self-oom/threads=2/racing=second-oom": (set(), {"counted-once-per-group"}, LEAK),
    "self-oom/threads=1/suspend": (TAIL, TAIL | QUIET, set()),
    "self-oom/threads=1/snapshot": (TAIL, TAIL, set()),
    "memcg-oom/threads=1/suspend/freezer=frozen": (TAIL, TAIL | QUIET, set()),
    "memcg-oom/threads=2": (set(), set(), LEAK),
    "memcg-oom/threads=2/leader=long-gone": (set(), set(), LEAK),
    "memcg-oom/threads=1/traced=leader": (set(), set(), LEAK),
    "memcg-oom/threads=1/racing=clone": (set(), set(), LEAK),
    "memcg-oom/threads=2/suspend/leader=long-gone": (TAIL, TAIL | QUIET, LEAK | EBUSY),
    "memcg-oom/threads=1/freezer=frozen/sharer=clone-vm": (SHARERS, SHARERS, SHARERS),
    "global-oom/threads=1/suspend": (TAIL, TAIL | QUIET, set()),
    "global-oom/threads=1/snapshot": (TAIL, TAIL, set()),
}
FROZEN, WAKES = {"frozen-does-not-run"}, {"machine-wakes"}
# The promises about every task, in the order BEFORE, V6_18, V7_2, AFTER, as which RFC and LAST_OUT are: nothing where no row is.
EVERYONE: dict[str, tuple[set[str], set[str], set[str], set[str]]] = {
    # From 7.2 on the state is read without a look at whoever dies last (css_task_iter_advance).
    "cgroup/read": (set(), set(), FROZEN, FROZEN),
    # Whoever was frozen where it sleeps is thawed by any thaw (__thaw_task); in 7.2 wait4() does not freeze in place.
    "cgroup/resume-waits": (FROZEN, FROZEN, set(), FROZEN),
    "snapshot/thread": (WAKES, WAKES, WAKES, WAKES),
}


def refuted(name: str, variant: Variant) -> set[str]:
    """On all interleavings of the situation."""
    result = explore(scenario(SITUATIONS[name]), variant)
    assert not result.bounded
    return {claim for claim, verdict in result.verdicts.items() if verdict.verdict != HOLDS}


@pytest.mark.parametrize("variant", [BEFORE, AFTER, RFC, LAST_OUT], ids=short)
@pytest.mark.parametrize("name", NAMES)
def test_verdicts(name: str, variant: Variant) -> None:
    """As the table above says."""
    rows = dict(zip([BEFORE, AFTER, RFC], REFUTED.get(name, (set(), set(), set())), strict=True))
    last_out = rows[AFTER] & SHARERS
    assert refuted(name, variant) == rows.get(variant, last_out) | of_everyone(name, variant)


def of_everyone(name: str, variant: Variant) -> set[str]:
    """What of the promises about every task is refuted."""
    row = EVERYONE.get(name, (set(), set(), set(), set()))
    return dict(zip([BEFORE, V6_18, V7_2, AFTER], row, strict=True)).get(variant, row[-1])


@pytest.mark.parametrize("variant", [V6_18, V7_2], ids=short)
@pytest.mark.parametrize("name", EVERYONE)
def test_the_kernels_between_keep_and_break_the_promises_about_every_task(
    name: str, variant: Variant
) -> None:
    """As the rows say."""
    assert refuted(name, variant) == of_everyone(name, variant)


@pytest.mark.parametrize("variant", [V6_18, V7_2], ids=short)
@pytest.mark.parametrize("name", REFUTED)
def test_the_kernels_between_are_as_7_3(name: str, variant: Variant) -> None:
    """What their switches change, no verdict here rests on."""
    assert refuted(name, variant) == REFUTED[name][1]


@pytest.mark.parametrize("variant", [RFC, LAST_OUT], ids=short)
def test_every_row_names_a_situation(variant: Variant) -> None:
    assert set(REFUTED) | set(EVERYONE) <= set(NAMES)
    assert variant.base is AFTER


FROM_6_12_TO_7_3 = (
    (replaces(switches.listed_until_dead, yes),),
    (replaces(switches.exit_signals_takes_siglock, yes),),
    (replaces(switches.tty_before_files, yes),),
    (replaces(switches.dying_charge_bypasses_oom, no),),
    (
        replaces(prototypes.freezing_slow_path, freezing_slow_path),
        replaces(prototypes.mark_oom_victim, mark_oom_victim),
    ),
)
# Which of them, in this order, changes what a situation can end in.
CHANGES = {
    "memcg-oom/threads=2/freezer=frozen": [4],
    "memcg-oom/threads=2/freezer=frozen/parent=frozen": [4],
    "self-oom/threads=2/suspend": [4],
    "self-oom/threads=1/suspend": [4],
    "memcg-oom/threads=1/suspend/freezer=frozen": [4],
    "memcg-oom/threads=2/suspend/leader=long-gone": [4],
    "global-oom/threads=1/suspend": [4],
    "self-oom/threads=2/racing=second-oom": [3],
}


def chain() -> list[Variant]:
    """6.12, and one change after the other until it is 7.3."""
    kernels = [BEFORE]
    for number, change in enumerate(FROM_6_12_TO_7_3):
        kernels.append(Variant(f"step{number}", change, base=kernels[-1]))
    return kernels


@pytest.mark.parametrize("name", REFUTED)
def test_every_difference_between_6_12_and_7_3_has_a_name(name: str) -> None:
    """All of it is commit 59d4d36158ba's or the charge of a dying task; the rest changes no end."""
    ends = [set(explore(scenario(SITUATIONS[name]), kernel).finals) for kernel in (*chain(), AFTER)]
    assert ends[-1] == ends[-2]
    changed = [n for n, (before, after) in enumerate(pairwise(ends)) if before != after]
    assert changed == CHANGES.get(name, [])

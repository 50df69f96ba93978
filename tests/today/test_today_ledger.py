"""The kernels between 6.12 and 7.3, and which change makes which difference; tests/situations has 6.12 and 7.3 themselves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from todays import AFTER, BEFORE, V6_18, V7_2, short

from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from oom_kernels import v7_3_rfc
from oom_kernels.today import switches
from oom_kernels.today.oom_kill import mark_oom_victim
from oom_kernels.today.switches import no, yes
from oom_review.explore import explore
from oom_review.situations.families import FAMILIES, QUICK, SITUATIONS
from oom_review.situations.job import Job, run
from oom_review.situations.script import scenario
from oom_review.situations.verdicts import unexpected
from patched.freezer import freezing_slow_path

RFC = v7_3_rfc.VARIANT
# Nobody kills himself here: whoever finds no memory is a kernel thread.
GLOBAL_OOM = ("global-oom/threads=1/suspend", "global-oom/threads=1/snapshot")
NAMES = (*QUICK, *GLOBAL_OOM)

# Those in which 6.12, 7.3 or the RFC on 7.3 refutes something.
REFUTING = tuple(
    name
    for name in NAMES
    if any(
        row.situation.name == name and row.refuted & {BEFORE.name, AFTER.name, RFC.name}
        for family in FAMILIES.values()
        for row in family.rows
    )
)


@pytest.mark.parametrize("variant", [V6_18, V7_2], ids=short)
@pytest.mark.parametrize("name", REFUTING)
def test_the_kernels_between_are_as_7_3(name: str, variant: Variant) -> None:
    """What their switches change, no verdict here rests on."""
    outcome = run(Job(name, variant.name))
    assert not outcome.bounded
    assert [(claim.id, expected) for claim, _outcome, expected in unexpected([outcome])] == []


# Nothing is refuted there, and 6.12 and 7.3 differ.
FORKS = "memcg-oom/threads=1/racing=fork"
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
    # A group with no thread alive is passed by, so that its memory, which it still has, does not keep the next one from being killed.
    FORKS: [0],
}


def chain() -> list[Variant]:
    """6.12, and one change after the other until it is 7.3."""
    kernels = [BEFORE]
    for number, change in enumerate(FROM_6_12_TO_7_3):
        kernels.append(Variant(f"step{number}", change, base=kernels[-1]))
    return kernels


@pytest.mark.parametrize("name", [*REFUTING, FORKS])
def test_every_difference_between_6_12_and_7_3_has_a_name(name: str) -> None:
    """All of it is commit 59d4d36158ba's, the charge of a dying task's or the cgroup's list's; the rest changes no end."""
    ends = [set(explore(scenario(SITUATIONS[name]), kernel).finals) for kernel in (*chain(), AFTER)]
    assert ends[-1] == ends[-2]
    changed = [n for n, (before, after) in enumerate(pairwise(ends)) if before != after]
    assert changed == CHANGES.get(name, [])

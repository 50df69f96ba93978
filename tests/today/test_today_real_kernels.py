"""What kernels of 6.12 to 7.3 did is what their models do: rows of data/observations.jsonl, and of the older file for 6.x and 7.x.

A row says which kernel it is of, and so which base and switches it is held against (KERNELS).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import test_real_kernels as older
from builders import ANY, INIT, OOM, THAW, VICTIM, Victim, ask, do
from reach import Items, Look, Until, WatchedSession, outcomes
from todays import AFTER, BEFORE, V6_18

from kernel_model.sched import Kernel
from kernel_model.variant import Variant, replaces
from oom_kernels.today import switches
from oom_kernels.today.file import TTY_RELEASE
from oom_kernels.today.switches import no
from oom_review.play.observation import DEAD
from oom_review.scenario.items import Op, Run

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "observations.jsonl").read_text().splitlines()
]

_OLDER = (
    replaces(switches.waits_are_freezable, no),
    replaces(switches.dump_is_refused_while_freezing, no),
)
KERNELS = {
    "6.12.95": Variant("6.12.95", _OLDER, base=BEFORE),
    "6.12.117": BEFORE,
    # M. Hocko's patch of April 2025 is in it.
    "6.17.13": Variant("6.17.13", (*_OLDER, replaces(switches.dying_charge_bypasses_oom, no)), base=BEFORE),
    "6.18.5": V6_18,
    "6.18.44": V6_18,
    "7.3.4": AFTER,
}
STAYS = "6.1 and 5.10 stay on the base of 2016, on which the RFC stands that was tried with 6.1: they are compared with it"


def kernel(row: dict[str, Any]) -> str:
    """6.12.117-1~deb12u1 (Debian) is 6.12.117."""
    return str(row["kernel_version"]).partition(" ")[0].partition("-")[0]


def held_against(row: dict[str, Any]) -> Variant:
    """An unknown kernel is an error."""
    variant = KERNELS[kernel(row)]
    # The ledger is about programs without io_uring: with it 6.12 breaks marked-reaches-exit-mm (test_repair.py).
    return (
        Variant(f"{variant.name}, asked for io_uring", base=variant)
        if "io_wq_workers" in row["situation"]
        else variant
    )


OLDER_ROWS = [row for row in older.ROWS if kernel(row) in KERNELS]


@pytest.mark.parametrize("row", OLDER_ROWS, ids=lambda row: f"{row['id']}-{kernel(row)}")
def test_rows_of_the_older_file(row: dict[str, Any]) -> None:
    """The one outcome of the real kernel is the only one that 200 schedules reach."""
    quantities, real = older.observed(row)
    v = older.victim(row)
    found = outcomes(older.plan(row), held_against(row), lambda s: json.dumps(older.measure(s, v)), tries=200)
    assert {tuple(json.loads(m)[q] for q in quantities) for m in found} == real


def test_what_stays_where_it_was() -> None:
    rest = {kernel(row) for row in older.ROWS} - set(KERNELS)
    assert {v.rpartition(".")[0] for v in rest} == {"6.1", "5.10"}, STAYS


BEFORE_IT, TRIED, WOKEN = "before the suspend", "the suspend was tried", "woken"
CLOSING = "victim closes 6000 ttyS1 files; suspend starts when its mm is gone"
FLUSHING = "victim past exit_mm sleeps in a FUSE flush; suspend with pm_test=freezer"
# What the victim has open, and until when it runs alone before the suspend is asked for.
OPEN = {CLOSING: "open_ttys", FLUSHING: "open_fuse"}
SUSPEND: Items = (
    Look(BEFORE_IT),
    *ask(INIT, "s2idle"),
    *ANY,
    Look(TRIED),
    Op("wakeup"),
    Run(),
    Look(WOKEN),
)
AGAIN: Items = (*ask(INIT, "s2idle"), *ANY, Op("wakeup"), Run())
WORKER, WAITS = "w", {"in the kernel": "D in io_wq_put_and_exit, with mm"}


def closes(k: Kernel) -> bool:
    """The victim's mm is gone, and the first terminal comes next."""
    return next(p.at for p in k.tasks.values() if p.name == VICTIM) is TTY_RELEASE


THENS: dict[str, Items] = {
    FLUSHING: (*OOM, *ANY, *SUSPEND, Op("fuse_answer"), Run(), Look(older.END)),
    CLOSING: (*OOM, Until(closes), *SUSPEND, Look(older.END)),
    "wait 3 s, suspend": (*OOM, *ANY, *SUSPEND, Look(older.END)),
    "wait 3 s, suspend, thaw": (*OOM, *ANY, *SUSPEND, *THAW, *ANY, Look(older.END)),
    "wait 3 s, suspend, thaw, suspend": (*OOM, *ANY, *SUSPEND, *THAW, *ANY, *AGAIN, Look(older.END)),
}


FREEZERS: dict[str | None, Items] = {
    None: (),
    "cgroup-v1": do(INIT, "freeze", "A"),
    # Below the one that is out of memory: whoever charges there is not frozen.
    "cgroup-v2": (*do(INIT, "memcg_attach", VICTIM, "M/N"), *do(INIT, "v2_freeze", "M/N")),
}


def plan(row: dict[str, Any]) -> Items:
    """The row as operations, runs and looks, from its fields alone."""
    given = row["situation"]
    assert set(given) <= {"threads", "io_wq_workers", "frozen_by", "trigger", "then"}
    assert given["trigger"] == "memcg-oom"
    frozen = FREEZERS[given.get("frozen_by")]
    v = Victim(threads=given["threads"], parent="does not wait")
    then = given["then"]
    opened = do(VICTIM, OPEN[then]) if then in OPEN else ()
    worker = do(VICTIM, "io_uring_worker", WORKER) if given.get("io_wq_workers") else ()
    return (*v.build(), *opened, *worker, *frozen, *THENS[then])


def some(count: int) -> str:
    """How many closes there were depends on the machine."""
    return "some" if count else "none"


def measure(session: WatchedSession) -> dict[str, Any]:
    """Everything that some row observes, in the rows' words."""
    (before, began), (_tried, ended) = session.looks[BEFORE_IT], session.looks[TRIED]
    woken, _clock = session.looks[WOKEN]
    end, _clock = session.looks[older.END]
    closed = [phase for _who, what, phase in end.io if what == "tty_release"]
    quiet = [phase for phase in closed if phase in ("disabled", "suspended")]
    return {
        "suspend": woken.pm[0][2],
        "seconds": "20" if ended - began >= older.FREEZE_TIMEOUT else "less",
        "victim_alive_after": woken.state(VICTIM) not in DEAD,
        "tty_release_before_success": some(len(closed) - len(quiet)),
        "tty_release_between_success_and_thaw": some(len(quiet)),
        "threads_left_in_fridge_after_3s": len(before.fridge),
        "process_dead_before_thaw": before.state(VICTIM) in DEAD,
        "process_dead_after_thaw": end.state(VICTIM) in DEAD,
        # Before PF_EXITING it has its mm yet.
        "owner": "dead" if before.state(VICTIM) in DEAD else WAITS.get(before.state(VICTIM), ""),
        "worker": "in the fridge" if WORKER in before.fridge else "dead",
        "suspend_after_thaw": end.pm[-1][2],
    }


def observed(row: dict[str, Any]) -> dict[str, Any]:
    """What the row says, with counts as "some" or "none" and seconds as the time-out or less."""
    words: dict[str, Any] = {}
    for quantity, value in row["observed"].items():
        if quantity.startswith("tty_release"):
            words[quantity] = some(value)
        elif quantity == "seconds":
            words[quantity] = "20" if value >= 20 else "less"
        else:
            words[quantity] = value
    return words


THOUSANDS = "two closes stand for 6000, which take longer than a freeze: a suspend comes neither after nor before them all"
ONLY_IN_THE_MODEL = {
    "busy-close/7.3.4": {("ok", "some", "none"): THOUSANDS, ("ok", "none", "some"): THOUSANDS},
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_observation_is_reproduced(row: dict[str, Any]) -> None:
    """The real outcome is reached, and no other without a reason."""
    real = observed(row)
    found = outcomes(plan(row), held_against(row), lambda s: json.dumps(measure(s)), tries=200)
    model = {tuple(json.loads(m)[q] for q in real) for m in found}
    assert tuple(real.values()) in model
    assert model - {tuple(real.values())} == set(ONLY_IN_THE_MODEL.get(row["id"], {}))


def test_every_row_is_there() -> None:
    assert len(ROWS) == 10
    assert set(ONLY_IN_THE_MODEL) <= {row["id"] for row in ROWS}
    assert len(OLDER_ROWS) == 22

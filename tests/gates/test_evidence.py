"""What a stock kernel's log shows of a broken promise, and what it has to show for it to have been kept."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from kept import HELD, found

from oom_review.boot.console import DONE, DONE_STATUS, Record, read
from oom_review.gates.evidence import SHOWN, Run, cases
from oom_review.scenario.items import Scenario, in_peace, operation

DATA = Path(__file__).with_name("data")
TWO_THREADS = Scenario(in_peace(map(operation, ("init: fork p1", "p1: clone p2", "init: suspend"))))
SHARED = Scenario(in_peace(map(operation, ("init: fork p1", "p1: clone_vm p2"))))
IN_A = Scenario(in_peace(map(operation, ("init: fork p", "init: attach p A"))))


def event(who: str, kind: str, text: str = "", times: int = 1) -> Record:
    """As the probe prints it."""
    return {"event": kind, "who": who, "text": text, "times": times}


MARKED = event("p1", "mark_victim", "p1")
FROZEN = event("init", "suspend_resume", "freeze_processes[0] end")
THAW = event("init", "suspend_resume", "thaw_processes[0] begin")
IO = event("p1", "block_bio_queue", times=4096)
OK, BUSY = ({"who": "init", "did": "suspend", "result": result} for result in (0, -16))


def shown(
    claim: str, scenario: Scenario, records: Iterable[Record], acts: Iterable[str] = ()
) -> tuple[bool, str]:
    """The verdict, and what was seen."""
    real = SHOWN[claim](Run(list(records), scenario, list(acts)))
    return real.broken, real.sentence


@pytest.mark.parametrize("claim", ["suspended-means-quiet", "disabled-means-quiet"])
def test_a_device_access_in_a_frozen_system(claim: str) -> None:
    """Between a freeze that succeeded and the thaw, by a marked group; nowhere else, and by nobody else."""
    broken = shown(claim, TWO_THREADS, [MARKED, FROZEN, IO, THAW, OK])
    assert broken == (
        True,
        "p1, of a marked group, submitted 4096 bios between freeze_processes() and thaw_processes()",
    )
    assert not shown(claim, TWO_THREADS, [MARKED, FROZEN, THAW, IO, OK])[0]
    assert not shown(claim, TWO_THREADS, [FROZEN, IO, THAW, OK])[0]
    kworker = event("31", "block_bio_queue")
    assert not shown(claim, TWO_THREADS, [MARKED, FROZEN, kworker, THAW, OK])[0]


def test_between_two_looks() -> None:
    """At the kernel's variable, with the victim gone through its I/O between them."""
    look, through = "oom_killer_disabled is 1", "reached exit_task_stack_account() on CPU 1"
    early = [MARKED, IO, FROZEN, THAW, OK]
    assert shown("disabled-means-quiet", TWO_THREADS, early, [look, through, look])[0]
    assert not shown("disabled-means-quiet", TWO_THREADS, early, [through, look])[0]
    assert not shown("disabled-means-quiet", TWO_THREADS, [MARKED, FROZEN, THAW, OK], [look, through, look])[
        0
    ]


def test_a_freeze_that_failed() -> None:
    """Thaws before it ends, and nothing counts."""
    kept = shown("suspended-means-quiet", TWO_THREADS, [MARKED, IO, THAW, FROZEN, BUSY])
    assert kept == (
        False,
        "the suspend failed with -16; no bio of a marked group between a freeze that succeeded and the thaw",
    )


def test_a_sibling_is_of_the_group() -> None:
    """Whoever of it was marked."""
    assert shown("suspended-means-quiet", TWO_THREADS, [MARKED, FROZEN, IO | {"who": "p2"}, THAW])[0]


def test_a_tail() -> None:
    """It has begun to exit before the freeze succeeded, and its last switch is not there yet."""
    exits, death = event("p1", "sched_process_exit"), event("p1", "sched_switch")
    assert shown("no-tail-when-suspended", TWO_THREADS, [MARKED, exits, FROZEN, death, THAW, OK])[0]
    assert shown("no-tail-when-suspended", TWO_THREADS, [MARKED, exits, FROZEN, THAW, death, OK])[0]
    assert not shown("no-tail-when-suspended", TWO_THREADS, [MARKED, exits, death, FROZEN, THAW, OK])[0]
    assert not shown("no-tail-when-suspended", TWO_THREADS, [MARKED, FROZEN, THAW, exits, death, OK])[0]
    assert not shown("no-tail-when-suspended", TWO_THREADS, [MARKED, exits, THAW, FROZEN, death, BUSY])[0]


@pytest.mark.parametrize("claim", ["fridge-empties", "victim-dies"])
def test_left_in_the_fridge(claim: str) -> None:
    """It was seen there, and died behind the thaw only."""
    seen = {"who": "p2", "is": "in the fridge"}
    death = event("p2", "sched_switch")
    assert shown(claim, TWO_THREADS, [seen, MARKED, FROZEN, THAW, death, OK])[0]
    assert not shown(claim, TWO_THREADS, [seen, MARKED, death, FROZEN, THAW, OK])[0]
    assert not shown(claim, TWO_THREADS, [MARKED, FROZEN, THAW, death, OK])[0]
    assert not shown(claim, TWO_THREADS, [seen, MARKED, THAW, FROZEN, death, BUSY])[0]


def test_counted_twice() -> None:
    """For one group, by whomever."""
    again = event("9", "mark_victim", "p2")
    assert shown("counted-once-per-group", TWO_THREADS, [MARKED, again])[0]
    assert shown("counted-once-per-group", TWO_THREADS, [MARKED]) == (
        False,
        "oom_victims was raised 1 time for one marked group",
    )
    apart = Scenario(in_peace(map(operation, ("init: fork p1", "init: fork p2"))))
    assert not shown("counted-once-per-group", apart, [MARKED, again])[0]


def test_it_reads_frozen_and_runs() -> None:
    """By I/O, or by being out of the fridge at rest; a cgroup that reads FREEZING breaks nothing."""
    reads, freezing = ({"who": "admin", "did": "read_state", "result": ord(letter)} for letter in "Ff")
    io = event("p", "block_bio_queue", times=3)
    rest = {"at": "rest", "tasks": {"p": "in the kernel"}}
    assert shown("frozen-does-not-run", IN_A, [reads, io])[0]
    assert shown("frozen-does-not-run", IN_A, [reads, rest])[0]
    assert not shown("frozen-does-not-run", IN_A, [freezing, io, rest])[0]
    assert not shown("frozen-does-not-run", IN_A, [reads, rest | {"tasks": {"p": "in the fridge"}}])[0]


def test_nobody_thaws() -> None:
    """Some seconds after whoever froze the machine is gone."""
    seen = {"who": "p1", "is": "in the fridge"}
    later = "10 s later pm_freezing is 1"
    assert shown("machine-wakes", TWO_THREADS, [seen], [later])[0]
    assert not shown("machine-wakes", TWO_THREADS, [seen], ["10 s later pm_freezing is 0"])[0]
    assert not shown("machine-wakes", TWO_THREADS, [seen, {"at": "end"}], [later])[0]


def test_a_sharer_is_left() -> None:
    """Another process with the victim's mm, in the fridge at rest; the victim itself is no such one."""
    by_p2 = event("9", "mark_victim", "p2")
    left = {"at": "rest", "tasks": {"p1": "in the fridge", "p2": "zombie"}}
    assert shown("sharers-leave", SHARED, [by_p2, left])[0]
    assert not shown("sharers-leave", SHARED, [left])[0]
    assert not shown(
        "sharers-leave", SHARED, [by_p2, {"at": "rest", "tasks": {"p1": "zombie", "p2": "zombie"}}]
    )[0]


def test_all_that_is_kept_can_be_shown() -> None:
    """For each claim that can be forced there is something that a kernel shows of it."""
    assert {claim for claim, _variant in HELD} == set(SHOWN)


def test_records_by_case() -> None:
    """Those of no case are nobody's."""
    records = [
        {"case": "", "says": "0"},
        {"case": "a 1", "at": "begin"},
        {"symbol": "x"},
        {"case": "a 2", "at": "end"},
    ]
    assert cases(records) == {"a 1": [records[1]], "a 2": [records[3]]}


@pytest.mark.parametrize(
    ("claims", "kernel", "broken"),
    [
        (("suspended-means-quiet", "disabled-means-quiet", "no-tail-when-suspended"), "7.3.4", True),
        (("suspended-means-quiet", "disabled-means-quiet", "no-tail-when-suspended"), "6.12.117", False),
        (("fridge-empties", "victim-dies"), "6.12.117", True),
        (("fridge-empties", "victim-dies"), "7.3.4", False),
    ],
)
def test_what_real_kernels_said(claims: tuple[str, ...], kernel: str, broken: bool) -> None:
    """Ten forced runs each, as the console had them; one boot shows what several promises are about."""
    log = (DATA / f"{claims[0]}-{kernel}.log").read_text()
    outcome = read(log, DONE_STATUS)
    assert outcome.status == DONE
    variant = "oom_kernels.v7_3" if "quiet" in claims[0] else "oom_kernels.v6_12"
    run = found(claims[0], variant).gated
    assert run is not None
    runs = cases(outcome.records)
    assert len(runs) == 10
    for claim in claims:
        reals = [SHOWN[claim](Run(records, run.scenario)) for records in runs.values()]
        assert {real.broken for real in reals} == {broken}

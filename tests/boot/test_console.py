"""The console's log: stored ones of real boots, each as it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from oom_review.boot.console import CUT, DONE, HUNG, PANIC, read

DATA = Path(__file__).parent / "data"
DONE_STATUS = 33


def log(name: str) -> str:
    """A stored one."""
    return (DATA / f"{name}.log").read_bytes().decode()


@pytest.mark.parametrize(
    ("name", "qemu", "status", "why"),
    [
        ("good", 33, DONE, ""),
        ("foreign", 33, DONE, ""),
        ("twice", 33, DONE, ""),
        ("panic", 0, PANIC, "Oops: int3"),
        ("panic", None, PANIC, "Oops: int3"),
        ("hang", None, HUNG, "suspend/zombie"),
        ("truncated", 33, CUT, "QEMU ended with 33 after: "),
        # A power-off, and a panic with nothing to say, end with 0, too.
        ("good", 0, CUT, "QEMU ended with 0"),
    ],
)
def test_how_it_ended(name: str, qemu: int | None, status: str, why: str) -> None:
    """By more than QEMU's status: the last line has to be the end record."""
    outcome = read(log(name), qemu)
    assert outcome.status == status
    assert why in outcome.why
    assert bool(why) == bool(outcome.why)


def test_records_are_the_probes_alone() -> None:
    """Firmware, the kernel's lines, half a line and JSON that is no record are none."""
    plain, foreign = read(log("good"), DONE_STATUS), read(log("foreign"), DONE_STATUS)
    assert plain.records == foreign.records
    assert [r["case"] for r in plain.records if r.get("at") == "end"] == ["cgroup/kill", "suspend/zombie"]


def test_a_machine_that_began_again() -> None:
    """What it said before does not count."""
    assert read(log("twice"), DONE_STATUS).records == read(log("good"), DONE_STATUS).records


def test_nothing_was_printed() -> None:
    """That is said."""
    assert read("", None).why == "no end; the last line is: nothing was printed"


def test_it_can_not_leave() -> None:
    """A power-off is no end, and what would have made it one is said."""
    said = '{"kernel": "7.3.4"}\n{"lacks": "X86_IOPL_IOPERM"}\n{"end": true}\n'
    assert read(said, 0).why == 'QEMU ended with 0 after: {"end": true}; the kernel lacks X86_IOPL_IOPERM'

"""``oom-review kernels replay``: in the machine's place stands one that does what it is told to have done."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from kept import ROOT

from oom_review.boot.console import DONE, HUNG, Outcome, Record
from oom_review.boot.kernel import BootKernel
from oom_review.commands.cli import main
from oom_review.commands.kernel_actions import options as choice
from oom_review.commands.kernel_actions import replay as action
from oom_review.gates import replay
from oom_review.gates.force import Forced
from oom_review.gates.plan import Plan, functions, script

CORPUS = ROOT / "tests" / "corpus"
QUIET = CORPUS / "suspended-means-quiet--oom_kernels.v7_3.scenario"


def records(case: str, *, breaks: bool) -> list[Record]:
    """A victim's I/O in a frozen system, or a suspend that fails."""
    froze: Record = {"event": "suspend_resume", "who": "init", "text": "freeze_processes[0] end", "times": 1}
    thaws = froze | {"text": "thaw_processes[0] begin"}
    io: Record = {"event": "block_bio_queue", "who": "p1", "times": 7}
    mark: Record = {"event": "mark_victim", "who": "p1", "text": "p1", "times": 1}
    suspend: Record = {"who": "init", "did": "suspend", "result": 0 if breaks else -16}
    all_of_it = [mark, froze, io, thaws, suspend] if breaks else [mark, io, thaws, froze, suspend]
    return [{"case": case} | record for record in [*all_of_it, {"at": "end"}]]


def machine(
    monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], *, hangs: bool = False, honest: bool = True
) -> list[Plan]:
    """Kernels that break the promise where a victim is held at exit_files() and they are 7.3, or never."""
    plans = []

    def force(kernel: BootKernel, _probe: bytes, plan: Plan, come_to: Callable[[int], None]) -> Forced:
        plans.append(plan)
        for i in range(len(plan.rounds) // (1 + hangs)):
            come_to(i)
        breaks = honest and kernel.name == "7.3" and "exit_files" in functions(plan)
        names = [line.removeprefix("case ") for line in script(plan).splitlines() if line.startswith("case ")]
        said = tuple(r for name in names[: len(names) - hangs] for r in records(name, breaks=breaks))
        outcome = Outcome(HUNG, "no end", said, "") if hangs else Outcome(DONE, "", said, "")
        return Forced(
            outcome, ("close exit_files() on CPU 1",) * len(names), "not come to: x" if hangs else ""
        )

    monkeypatch.setattr(replay, "force", force)
    monkeypatch.setattr(choice, "unpacked", lambda _place, name: BootKernel(name, Path("vmlinuz")))
    for module in (replay, action, choice):
        monkeypatch.setattr(module, "release", lambda kernel: versions[kernel.name])
    monkeypatch.setattr(action, "found_qemu", lambda: "qemu")
    monkeypatch.setattr(action, "probe", lambda: b"")
    return plans


BOTH = {"7.3": "7.3.4", "6.12": "6.12.117"}


def test_forced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """For real in each run; kept with the opposite gate, and on the other kernel, each by its own model."""
    plans = machine(monkeypatch, BOTH)
    assert main(["kernels", "replay", str(QUIET), "k/6.12", "k/7.3", "--runs", "4"]) == 0
    said = capsys.readouterr().out
    assert "held, until nothing else can go on: p1 at exit_files()" in said
    assert (
        "7.3.4, held: p1 at exit_files(): 7.3 breaks the promise, and it was broken for real in 4 of 4 forced runs"
        in said
    )
    assert "7.3.4, held: p1 at exit_oom_victim(): 7.3 keeps the promise, and it was kept in 4 of 4" in said
    assert "6.12.117, held: p1 at exit_files(): 6.12 keeps the promise, and it was kept in 4 of 4" in said
    assert "p1: block_bio_queue x7" in said
    assert len(plans) == 3


def test_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each tenth of all runs, those that did not come to their end among them; none if it is to be quiet."""
    machine(monkeypatch, BOTH, hangs=True)
    main(["kernels", "replay", str(QUIET), "k/6.12", "k/7.3", "--runs", "10"])
    lines = re.findall(r"^(\d+)/30 jobs, .*: ([\d.]+), held: (.*)$", capsys.readouterr().out, re.MULTILINE)
    first, opposite, other = "p1 at exit_files()", "p1 at exit_oom_victim()", "p1 at exit_files()"
    told = [("7.3.4", first)] * 3 + [("7.3.4", opposite)] * 3 + [("6.12.117", other)] * 4
    assert [(int(n), version, held) for n, version, held in lines] == [
        (3 * i, *where) for i, where in enumerate(told, 1)
    ]
    main(["kernels", "replay", str(QUIET), "k/7.3", "--quiet"])
    assert "jobs" not in capsys.readouterr().out


def test_otherwise_than_the_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1, and how many runs agreed."""
    machine(monkeypatch, BOTH, honest=False)
    assert main(["kernels", "replay", str(QUIET), "k/7.3", "--runs", "2", "--quiet"]) == 1
    assert "broken for real in 0 of 2 forced runs: the suspend failed with -16" in capsys.readouterr().out


def test_a_run_that_did_not_come_to_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Does not count, and that is said."""
    machine(monkeypatch, BOTH, hangs=True)
    assert main(["kernels", "replay", str(QUIET), "k/7.3", "--runs", "3", "--quiet"]) == 0
    assert "in 2 of 2 forced runs" in (said := capsys.readouterr().out)
    assert "a run does not count: not come to: x" in said


def test_no_run_at_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Agrees with nothing."""
    machine(monkeypatch, BOTH, hangs=True)
    assert main(["kernels", "replay", str(QUIET), "k/7.3", "--runs", "1", "--quiet"]) == 1
    assert "0 of 0 forced runs: none came to its end" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([str(QUIET), "k/6.12"], "no model of these kernels breaks suspended-means-quiet"),
        (
            [str(QUIET), "k/7.3", "--hold", "p1@exit_mm"],
            "p1 at exit_mm() would break suspended-means-quiet on 7.3, but exit_mm() is inlined",
        ),
        (
            [str(QUIET), "k/7.3", "--hold", "p1@get_signal"],
            "breaks suspended-means-quiet in it so, and all others at rest",
        ),
        ([str(QUIET), "k/7.3", "--claim", "no-deadlock"], "nobody has said what a stock kernel shows"),
        ([str(QUIET), "k/7.3", "--claim", "nonsense"], "nonsense"),
        ([str(CORPUS / "none.scenario"), "k/7.3"], "none.scenario"),
    ],
)
def test_refused(
    words: list[str], why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, before anything is booted."""
    plans = machine(monkeypatch, BOTH)
    assert main(["kernels", "replay", *words]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1
    assert not plans

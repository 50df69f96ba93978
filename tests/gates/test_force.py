"""A plan played on a console and a debugger's port that are not a machine's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_port import FakePort

from oom_review.boot.console import CUT
from oom_review.boot.kernel import BootKernel
from oom_review.boot.qemu import Machine
from oom_review.errors import BadInput
from oom_review.gates import force as forcing
from oom_review.gates.force import Forced, force
from oom_review.gates.gate import Gate
from oom_review.gates.plan import CLOSE, IS, LIFT, REACHED, Act, Plan, Round

FILES, VICTIMS = 0xFFFFFFFF81001000, 0xFFFFFFFF84000000
HELD = Gate("exit_files", 1)
PROBE = r"""
import sys
print('{"kernel": "7.3.4"}')
print('{"symbol": "exit_files", "at": "%x"}' % FILES)
print('{"symbol": "oom_victims", "at": "%x"}' % VICTIMS)
for line in sys.argv[1].splitlines():
    if line.startswith("say "):
        print('{"case": "", "says": "%s"}' % line[4:], flush=True)
    elif line == "hear":
        sys.stdin.readline()
    elif line.startswith("case "):
        print('{"case": "%s", "at": "end"}' % line[5:])
print('{"end": true}', flush=True)
"""
PLAN = Plan(
    (
        Round(("case one",), (Act(CLOSE, HELD),)),
        Round(
            ("meanwhile",),
            (Act(REACHED, HELD), Act(IS, variable="oom_victims", value=1)),
            (Act(LIFT, HELD),),
        ),
    ),
    cpus=2,
)


@pytest.fixture
def boots(monkeypatch: pytest.MonkeyPatch) -> list[Machine]:
    """Machines that were started: on each CPU 1 stands at exit_files()."""
    started = []

    @contextmanager
    def start(
        _kernel: object, _probe: bytes, machine: Machine, _accelerated: object
    ) -> Iterator[subprocess.Popen[bytes]]:
        started.append(machine)
        words = next(word for word in machine.arguments if word.startswith("socket,path="))
        code = {FILES + i: byte for i, byte in enumerate(b"\xf3\x0f\x1e\xfa\x90\x90\x90\x90")}
        port = FakePort(Path(words.split("=")[1].split(",")[0]), [0x1000, FILES], code | {VICTIMS: 1})
        script = PROBE.replace("% FILES", f"% {FILES}").replace("% VICTIMS", f"% {VICTIMS}")
        command = [sys.executable, "-c", script, machine.situation]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as running:
            try:
                yield running
            finally:
                running.kill()
                port.close()

    monkeypatch.setattr(forcing, "started", start)
    monkeypatch.setattr(forcing, "accelerator", lambda _kernel, _probe: ())
    monkeypatch.setattr(forcing, "LONG", 0.2)
    return started


def played(plan: Plan, rounds: list[int] | None = None) -> Forced:
    """On a kernel of no file; ``rounds``: those that were come to."""
    come_to = [] if rounds is None else rounds
    return force(BootKernel("7.3", Path("vmlinuz")), b"", plan, come_to.append)


def test_a_plan_is_played(boots: list[Machine]) -> None:
    """Act by act, to the console's end; the kernel's symbols were asked for."""
    rounds: list[int] = []
    forced = played(PLAN, rounds)
    assert rounds == [0, 1]
    assert forced.acts == (
        "close exit_files() on CPU 1",
        "reached exit_files() on CPU 1",
        "oom_victims is 1",
        "lift exit_files() on CPU 1",
    )
    assert not forced.missed
    # No exit device here: it ended with QEMU's status of nothing.
    assert forced.outcome.status == CUT
    assert {"case": "one", "at": "end"} in forced.outcome.records
    (machine,) = boots
    assert {"exit_files", "oom_victims", "__preempt_count"} <= set(machine.symbols)
    assert "nokaslr" in machine.append
    assert machine.arguments[:2] == ("-smp", "2")


def test_what_nobody_comes_to(boots: list[Machine]) -> None:
    """Is missed, the gates are lifted, and the console goes on to its end."""
    wrong = Act(IS, variable="oom_victims", value=2)
    forced = played(Plan((PLAN.rounds[0], Round((), (wrong,))), cpus=2))
    assert forced.missed == "not come to: oom_victims is 2, but to 1"
    assert {"end": True} in forced.outcome.records
    elsewhere = Act(REACHED, Gate("exit_files", 0))
    forced = played(Plan((PLAN.rounds[0], Round((), (elsewhere,))), cpus=2))
    assert forced.missed == "not come to: reached exit_files() on CPU 0"
    assert len(boots) == 2


def test_a_gate_that_can_not_be_had(boots: list[Machine]) -> None:
    """Is an error in one line, and the machine goes."""
    with pytest.raises(BadInput, match=r"exit_mm\(\) has no entry in 7.3"):
        played(Plan((Round((), (Act(CLOSE, Gate("exit_mm", 1)),)),), cpus=2))
    assert len(boots) == 1

"""A plan played on a machine: the console on one side, the debugger's port on the other."""

from __future__ import annotations

import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs

from oom_review.boot.console import DONE, Outcome, read
from oom_review.boot.kernel import BootKernel
from oom_review.boot.qemu import Machine, accelerator, started
from oom_review.gates import symbols
from oom_review.gates.gate import Gates
from oom_review.gates.gdbstub import Stub
from oom_review.gates.plan import CLOSE, LIFT, REACHED, Act, Plan, functions, script

LOOK_EVERY = 0.05
LONG = 40
LINGER = 10
"""Seconds: for a machine that the model says nobody thaws."""
FREEZING = "pm_freezing"
PATIENCE, EACH = 120, 15
"""Seconds: for a boot, and for each round."""
MODULES = ("virtio_pci", "virtio_blk")
APPEND = "nokaslr"
DISK = 64 << 20


@attrs.define(frozen=True)
class Forced:
    """``outcome``: of the boot; ``acts``: what was done at the gates, in order; ``missed``: what nobody came to, "" if all was as planned."""

    outcome: Outcome
    acts: tuple[str, ...]
    missed: str = ""


def force(kernel: BootKernel, probe: bytes, plan: Plan, come_to: Callable[[int], None]) -> Forced:
    """Boot it, and play the plan; once more if it does not even come to the plan.  Raises BadInput if a gate can't be had.

    ``come_to`` is told the number of each round, when the probe has played its lines.
    """
    forced = _force(kernel, probe, plan, come_to)
    if forced.acts or forced.outcome.status == DONE:
        return forced
    again = _force(kernel, probe, plan, come_to)
    return attrs.evolve(again, outcome=attrs.evolve(again.outcome, repeats=1))


def _force(kernel: BootKernel, probe: bytes, plan: Plan, come_to: Callable[[int], None]) -> Forced:
    with tempfile.TemporaryDirectory(prefix="oom-review-") as place:
        port = Path(place) / "gates"
        machine = Machine(
            situation=script(plan),
            modules=MODULES,
            symbols=(*functions(plan), *symbols.VARIABLES),
            arguments=("-smp", str(plan.cpus), *_debugger(port), *_disk(Path(place) / "disk")),
            append=APPEND,
        )
        with started(kernel, probe, machine, accelerator(kernel, probe)) as running:
            play = _Play(running, port, kernel.name, PATIENCE + EACH * len(plan.rounds))
            return play.all(plan, come_to)


def _debugger(port: Path) -> tuple[str, ...]:
    return ("-chardev", f"socket,path={port},server=on,wait=off,id=gates", "-gdb", "chardev:gates")


def _disk(image: Path) -> tuple[str, ...]:
    """An empty one, which takes no room until it is written to."""
    with image.open("wb") as stream:
        stream.truncate(DISK)
    return (
        "-drive",
        f"file={image},if=none,id=disk,format=raw,cache=unsafe",
        "-device",
        "virtio-blk-pci,drive=disk",
    )


def _come_to(act: Act, gates: Gates) -> bool:
    held = gates.look()
    return act.gate in held if act.what == REACHED else gates.number(act.variable) == act.value


class _Play:
    def __init__(self, running: subprocess.Popen[bytes], port: Path, name: str, patience: float) -> None:
        self._running, self._port, self._name = running, port, name
        assert running.stdout is not None
        os.set_blocking(running.stdout.fileno(), False)
        self._out = running.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self._log = ""
        self._acts: list[str] = []
        self._end = time.monotonic() + patience

    def all(self, plan: Plan, come_to: Callable[[int], None]) -> Forced:
        missed = ""
        if self._says(0):
            with Stub(self._port) as stub:
                stub.go()
                gates = Gates(stub, symbols.addresses(read(self._log, None).records), self._name)
                awaited = range(len(plan.rounds) - (not plan.ends))
                missed = next(filter(None, (self._round(i, gates, plan, come_to) for i in awaited)), "")
                gates.open_all()
                if not plan.ends and not missed:
                    self._linger()
                    self._acts.append(f"{LINGER} s later {FREEZING} is {gates.number(FREEZING)}")
                stub.detach()
        if missed or not plan.ends:
            self._end = min(self._end, time.monotonic() + (LINGER if plan.ends else 0))
        while self._more():
            pass
        over = self._running.poll()
        return Forced(read(self._log, over), tuple(self._acts), missed)

    def _linger(self) -> None:
        """Nobody is known to come; somebody could."""
        until = time.monotonic() + LINGER
        while time.monotonic() < until and self._more():
            pass

    def _round(self, i: int, gates: Gates, plan: Plan, come_to: Callable[[int], None]) -> str:
        if not self._says(i, gates):
            return f"round {i} was not come to"
        come_to(i)
        missed = self._do(plan.rounds[i].first, gates)
        assert self._running.stdin is not None
        self._running.stdin.write(b"on\n")
        self._running.stdin.flush()
        return missed or self._do(plan.rounds[i].then, gates)

    def _do(self, acts: tuple[Act, ...], gates: Gates) -> str:
        for act in acts:
            if act.what == CLOSE:
                gates.close(act.gate)
            elif act.what == LIFT:
                gates.lift(act.gate)
            elif not self._until(partial(_come_to, act, gates)):
                return f"not come to: {act}" + (
                    f", but to {gates.number(act.variable)}" if act.variable else ""
                )
            self._acts.append(str(act))
        return ""

    def _until(self, true: Callable[[], bool]) -> bool:
        """For so long as one waits for a machine that is in no hurry; False if it does not come to that."""
        until = time.monotonic() + LONG
        while not true():
            if time.monotonic() > until or not self._more(LOOK_EVERY):
                return False
        return True

    def _says(self, i: int, gates: Gates | None = None) -> bool:
        """Meanwhile whoever is not meant is let through the gates."""
        while f'"says": "{i}"' not in self._log:
            if not self._more(LOOK_EVERY if gates and gates.closed else 1):
                return False
            if gates and gates.closed:
                gates.look()
        return True

    def _more(self, seconds: float = 1.0) -> bool:
        """Read what there is; False when the machine is gone, or time is up."""
        if time.monotonic() > self._end:
            return False
        if self._selector.select(seconds):
            text = self._out.read()
            if text == b"":
                self._running.wait()
                return False
            self._log += (text or b"").decode("utf-8", "replace")
        return True

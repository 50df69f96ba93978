"""A gate: whoever enters a function on a certain CPU stays at its entry until the gate is lifted; on other CPUs they pass.

Over the first two bytes stands a jump to itself, which spins with interrupts on, so that the CPU answers all others and its timer
ticks.  The tasks of a case are each pinned to a CPU: that tells who it is.  Who is not meant is put behind the first instruction, which
does nothing there (the landing pad of indirect branches, or the tracer's place).
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from oom_review.errors import BadInput
from oom_review.gates import symbols
from oom_review.gates.gdbstub import Cpu, Stub

HERE = b"\xeb\xfe"
IDLE = {
    b"\xf3\x0f\x1e\xfa": 4,
    b"\x66\x0f\x1f\x00": 4,
    b"\x0f\x1f\x40": 4,
    b"\x0f\x1f\x44\x00\x00": 5,
    b"\x66\x90": 2,
    b"\x90": 1,
}
PREEMPTIONS = 0x000000FF
"""Of the count: how deep preemption is disabled, which a spin lock does, too."""
ADDRESSES = 1 << 64


@attrs.define(frozen=True)
class Gate:
    """``function`` as the kernel calls it; ``cpu``: whose entry is meant."""

    function: str
    cpu: int

    def __str__(self) -> str:
        """As the log says it."""
        return f"{self.function}() on CPU {self.cpu}"


class Gates:
    """Those of one machine."""

    def __init__(self, stub: Stub, known: Mapping[str, int], kernel: str) -> None:
        """``known``: the kernel's symbols; ``kernel``: its name, for who reads an error."""
        self._stub = stub
        self._known = known
        self._kernel = kernel
        self._counts = symbols.preempt_count(known)
        self._before: dict[str, bytes] = {}
        self._closed: set[Gate] = set()

    def close(self, gate: Gate) -> None:
        """From now on.  Raises BadInput if the function has no entry, or one that nobody could be let through."""
        if gate.function not in self._before:
            at = symbols.entry(self._known, gate.function, self._kernel)
            with self._stub.halted():
                first = self._stub.read(at, 8)
                if _length(first) is None:
                    raise BadInput(
                        f"{gate.function}() begins with {first.hex()} in {self._kernel}, which other callers can't be put behind: "
                        "it takes a kernel with FUNCTION_TRACER or X86_KERNEL_IBT"
                    )
                self._before[gate.function] = first
                self._stub.write(at, HERE)
        self._closed.add(gate)

    def lift(self, gate: Gate) -> None:
        """Whoever stands there goes on."""
        self._closed.discard(gate)
        if all(other.function != gate.function for other in self._closed):
            first = self._before.pop(gate.function)
            with self._stub.halted():
                self._stub.write(self._known[gate.function], first[: len(HERE)])

    def open_all(self) -> None:
        """Nobody is held any more."""
        for gate in self.closed:
            self.lift(gate)

    @property
    def closed(self) -> frozenset[Gate]:
        """All that are."""
        return frozenset(self._closed)

    def look(self) -> frozenset[Gate]:
        """Which are held at this moment; who is not meant is let through.

        Raises BadInput, with that gate lifted, if who came there may not be held: with interrupts off, or with preemption disabled.
        """
        held = set()
        with self._stub.halted():
            for cpu in self._stub.cpus():
                function = next((f for f in self._before if self._known[f] == cpu.rip), None)
                if function is None:
                    continue
                gate = Gate(function, cpu.number)
                if gate in self._closed:
                    held.add(gate)
                    self._check(gate, cpu)
                else:
                    self._stub.jump(cpu.number, cpu.rip + (_length(self._before[function]) or 0))
        return frozenset(held)

    def number(self, variable: str) -> int:
        """What a variable of the kernel is.  Raises BadInput if it has none of that name."""
        if variable not in self._known:
            raise BadInput(
                f"{variable} has no address in {self._kernel}: it is gone, or KALLSYMS_ALL is lacking"
            )
        with self._stub.halted():
            return int.from_bytes(self._stub.read(self._known[variable], symbols.SIZES[variable]), "little")

    def _check(self, gate: Gate, cpu: Cpu) -> None:
        why = "" if cpu.interrupts else "interrupts are off there"
        if not why and self._counts is not None:
            count = self._stub.read((cpu.gs_base + self._counts) % ADDRESSES, 4)
            if int.from_bytes(count, "little") & PREEMPTIONS:
                why = "preemption is disabled there, as under a spin lock"
        if why:
            self.lift(gate)
            raise BadInput(f"{gate} can't hold anybody: {why}")


def _length(first: bytes) -> int | None:
    return next((size for code, size in IDLE.items() if first.startswith(code)), None)

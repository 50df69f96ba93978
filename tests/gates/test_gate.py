"""Gates over a machine that is not there: who is held, who passes, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_port import FakePort

from oom_review.errors import BadInput
from oom_review.gates.gate import Gate, Gates
from oom_review.gates.gdbstub import Stub

FILES, ODD, COUNT, VICTIMS = 0xFFFFFFFF81001000, 0xFFFFFFFF81002000, 0xFFFFFFFF83000000, 0xFFFFFFFF84000000
KNOWN = {"exit_files": FILES, "odd": ODD, "__preempt_count": COUNT, "oom_victims": VICTIMS}
LANDING = b"\xf3\x0f\x1e\xfa\x0f\x1f\x44\x00"
HELD = Gate("exit_files", 1)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[FakePort]:
    """Both CPUs are elsewhere; odd() begins with an instruction that does something."""
    code = {FILES: LANDING, ODD: b"\x55\x48\x89\xe5\x41\x54\x53\x90", VICTIMS: b"\x02\x00\x00\x00"}
    fake = FakePort(
        tmp_path / "port",
        [0x1000, 0x2000],
        {at + i: b for at, text in code.items() for i, b in enumerate(text)},
    )
    yield fake
    fake.close()


@pytest.fixture
def gates(port: FakePort, tmp_path: Path) -> Iterator[Gates]:
    """Of a running machine."""
    assert port.rips
    with Stub(tmp_path / "port") as stub:
        stub.go()
        yield Gates(stub, KNOWN, "7.3")


def code(port: FakePort) -> bytes:
    """The first bytes of exit_files()."""
    return bytes(port.memory[FILES + i] for i in range(8))


def test_it_is_closed_and_lifted(port: FakePort, gates: Gates) -> None:
    """A jump to itself, and what stood there before; the machine runs on."""
    gates.close(HELD)
    assert code(port) == b"\xeb\xfe" + LANDING[2:]
    gates.lift(HELD)
    assert code(port) == LANDING
    assert port.runs.wait(5)


def test_who_is_meant_is_held(port: FakePort, gates: Gates) -> None:
    """On that CPU."""
    gates.close(HELD)
    assert gates.look() == frozenset()
    port.rips[1] = FILES
    assert gates.look() == {HELD}
    assert port.rips[1] == FILES


def test_who_is_not_meant_passes(port: FakePort, gates: Gates) -> None:
    """Behind the first instruction, which does nothing."""
    gates.close(HELD)
    port.rips[0] = FILES
    assert gates.look() == frozenset()
    assert port.rips[0] == FILES + 4


def test_two_gates_of_one_function(port: FakePort, gates: Gates) -> None:
    """The function is whole again when the second is lifted."""
    other = Gate("exit_files", 0)
    gates.close(HELD)
    gates.close(other)
    gates.lift(HELD)
    assert code(port)[:2] == b"\xeb\xfe"
    gates.open_all()
    assert code(port) == LANDING


def test_no_entry(gates: Gates) -> None:
    """Refused in one line."""
    with pytest.raises(BadInput, match=r"exit_mm\(\) has no entry in 7.3: it is inlined there"):
        gates.close(Gate("exit_mm", 1))


def test_a_first_instruction_that_does_something(port: FakePort, gates: Gates) -> None:
    """Refused, and left alone: others could not be let through."""
    with pytest.raises(
        BadInput, match=r"odd\(\) begins with 55.* in 7.3, .*: it takes a kernel with FUNCTION"
    ):
        gates.close(Gate("odd", 1))
    assert port.memory[ODD] == 0x55


def test_interrupts_are_off(port: FakePort, gates: Gates) -> None:
    """Whoever comes with interrupts off is not held: the gate is lifted, and refused."""
    gates.close(HELD)
    port.rips[1], port.flags[1] = FILES, 0x46
    with pytest.raises(BadInput, match=r"exit_files\(\) on CPU 1 can't hold anybody: interrupts are off"):
        gates.look()
    assert code(port) == LANDING


def test_preemption_is_disabled(port: FakePort, gates: Gates) -> None:
    """As under a spin lock; the highest bit is none of the count's."""
    gates.close(HELD)
    port.rips[1] = FILES
    port.memory[COUNT + 3] = 0x80
    assert gates.look() == {HELD}
    port.memory[COUNT] = 1
    with pytest.raises(BadInput, match="preemption is disabled"):
        gates.look()


def test_a_variable(gates: Gates) -> None:
    """Of the kernel; None if it has none of that name."""
    assert gates.number("oom_victims") == 2
    with pytest.raises(BadInput, match=r"pm_freezing has no address in 7.3: it is gone, or KALLSYMS_ALL"):
        gates.number("pm_freezing")

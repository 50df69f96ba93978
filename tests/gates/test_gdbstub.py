"""The client of the debugger's port, against one that answers as QEMU does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_port import FakePort

from oom_review.errors import BadInput
from oom_review.gates.gdbstub import Cpu, Stub

CODE = 0xFFFFFFFF81000000


@pytest.fixture
def port(tmp_path: Path) -> Iterator[FakePort]:
    """Two CPUs, and some bytes of code."""
    memory = {CODE + i: byte for i, byte in enumerate(b"\xf3\x0f\x1e\xfa\x90")}
    fake = FakePort(tmp_path / "port", [CODE, 0x1000], memory)
    yield fake
    fake.close()


def test_where_each_cpu_is(port: FakePort, tmp_path: Path) -> None:
    """Also with the stop that is told unasked at the opening."""
    port.flags[1] = 0x46
    with Stub(tmp_path / "port") as stub:
        assert stub.cpus() == [Cpu(0, CODE, 0x246, 0), Cpu(1, 0x1000, 0x46, 0)]
        assert [cpu.interrupts for cpu in stub.cpus()] == [True, False]


def test_memory(port: FakePort, tmp_path: Path) -> None:
    """Is read and written."""
    with Stub(tmp_path / "port") as stub:
        assert stub.read(CODE, 5) == b"\xf3\x0f\x1e\xfa\x90"
        stub.write(CODE, b"\xeb\xfe")
        assert stub.read(CODE, 3) == b"\xeb\xfe\x1e"
    assert port.memory[CODE] == 0xEB


def test_it_stops_and_goes_on(port: FakePort, tmp_path: Path) -> None:
    """Halted within, and as before behind it; at the opening it stands still."""
    with Stub(tmp_path / "port") as stub:
        with stub.halted():
            pass
        assert not port.runs.is_set()
        stub.go()
        with stub.halted():
            assert not port.runs.is_set()
            stub.read(CODE, 1)
        stub.detach()
    assert port.asked[-1] == b"D"
    assert port.asked.count(b"vCont;c") == 2


def test_a_cpu_is_put_elsewhere(port: FakePort, tmp_path: Path) -> None:
    """That one alone."""
    with Stub(tmp_path / "port") as stub:
        stub.jump(1, CODE + 4)
    assert port.rips == [CODE, CODE + 4]


def test_an_error_is_one_line(port: FakePort, tmp_path: Path) -> None:
    """What was asked, and what came."""
    port.answers[b"m%x,4" % CODE] = b"E14"
    with (
        Stub(tmp_path / "port") as stub,
        pytest.raises(BadInput, match=r"answers E14 to mffffffff81000000,4$"),
    ):
        stub.read(CODE, 4)


def test_a_machine_that_is_gone(port: FakePort, tmp_path: Path) -> None:
    """Is said, not waited for."""
    port.answers[b"g"] = b"hang up"
    with Stub(tmp_path / "port") as stub, pytest.raises(BadInput, match="is the machine gone"):
        stub.cpus()


def test_no_port_there(tmp_path: Path) -> None:
    """The path, and why."""
    with pytest.raises(BadInput, match="no debugger's port there: No such file"):
        Stub(tmp_path / "none")

"""A client of QEMU's debugger port: stop and go on, memory, and the registers of each CPU.

The protocol is gdb's remote one; of it only what a gate needs.  gdb itself can be scripted, and is not on every machine.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import attrs

from oom_review.errors import BadInput

# Where they stand in the answer to "g" on x86-64: 16 registers, rip, eflags, 6 segments, fs_base, gs_base.
RIP, EFLAGS, GS_BASE = slice(128, 136), slice(136, 140), slice(172, 180)
RIP_NUMBER = 16
INTERRUPTS_ON = 0x200
PATIENCE = 30
BREAK = b"\x03"
STOPPED = b"T"
PACKET = re.compile(rb"\$([^#]*)#([0-9a-fA-F]{2})", re.DOTALL)


@attrs.define(frozen=True)
class Cpu:
    """Where a CPU is.  ``gs_base``: in the kernel, what a per-CPU variable's address is counted from."""

    number: int
    rip: int
    flags: int
    gs_base: int

    @property
    def interrupts(self) -> bool:
        """They are on."""
        return bool(self.flags & INTERRUPTS_ON)


class Stub:
    """A connection.  The machine stands still from its opening on, until go()."""

    def __init__(self, path: Path) -> None:
        """``path``: of a socket.  Raises BadInput."""
        self._where = path
        self._buffer = b""
        self._running = False
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise BadInput(f"{path}: no debugger's port there: {error.strerror}") from None
        # Single registers can be asked for and set only by who has asked what registers there are.
        self._ask(b"qXfer:features:read:target.xml:0,fff")
        self._cpus = self._numbers()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closed; a machine that stood still stays so."""
        self._socket.close()

    def go(self) -> None:
        """All CPUs go on."""
        self._send(b"vCont;c")
        self._running = True

    def stop(self) -> None:
        """All CPUs stand still."""
        self._socket.sendall(BREAK)
        while not self._answer().startswith(STOPPED):
            pass
        self._running = False

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Stopped within, and as before behind it."""
        running = self._running
        if running:
            self.stop()
        try:
            yield
        finally:
            if running:
                self.go()

    def detach(self) -> None:
        """The machine goes on without us."""
        if self._running:
            self.stop()
        self._ask(b"D")

    def read(self, address: int, size: int) -> bytes:
        """Of the stopped machine's memory, as its kernel sees it.  Raises BadInput."""
        return self._bytes(b"m%x,%x" % (address, size))

    def write(self, address: int, data: bytes) -> None:
        """Also over what is read-only to the kernel.  Raises BadInput."""
        self._ok(b"M%x,%x:" % (address, len(data)) + data.hex().encode())

    def cpus(self) -> list[Cpu]:
        """All of them, stopped.  Raises BadInput."""
        return [self._cpu(number) for number in range(len(self._cpus))]

    def jump(self, cpu: int, address: int) -> None:
        """That CPU goes on from there.  Raises BadInput."""
        self._choose(cpu)
        self._ok(b"P%x=" % RIP_NUMBER + address.to_bytes(8, "little").hex().encode())

    def _cpu(self, number: int) -> Cpu:
        self._choose(number)
        registers = self._bytes(b"g")
        rip, flags, gs_base = (int.from_bytes(registers[part], "little") for part in (RIP, EFLAGS, GS_BASE))
        return Cpu(number, rip, flags, gs_base)

    def _choose(self, cpu: int) -> None:
        self._ok(b"Hg" + self._cpus[cpu])

    def _numbers(self) -> list[bytes]:
        answer, found = self._ask(b"qfThreadInfo"), []
        while answer.startswith(b"m"):
            found += answer[1:].split(b",")
            answer = self._ask(b"qsThreadInfo")
        return found

    def _ok(self, request: bytes) -> None:
        if (answer := self._ask(request)) != b"OK":
            raise BadInput(self._said(request, answer))

    def _bytes(self, request: bytes) -> bytes:
        answer = self._ask(request)
        try:
            return bytes.fromhex(answer.decode("ascii"))
        except ValueError:
            raise BadInput(self._said(request, answer)) from None

    def _said(self, request: bytes, answer: bytes) -> str:
        words = answer.decode("ascii", "replace") or "nothing"
        return f"{self._where}: the debugger's port answers {words} to {request.decode('ascii')}"

    def _ask(self, request: bytes) -> bytes:
        """QEMU tells of the stop at a connection's opening, too, which nobody has asked for."""
        self._send(request)
        while (answer := self._answer()).startswith(STOPPED):
            pass
        return answer

    def _send(self, request: bytes) -> None:
        self._socket.sendall(b"$" + request + b"#%02x" % (sum(request) % 256))

    def _answer(self) -> bytes:
        """The next packet; acknowledgements before it are dropped."""
        while not (found := PACKET.search(self._buffer)):
            try:
                more = self._socket.recv(1 << 16)
            except OSError as error:
                raise BadInput(f"{self._where}: the debugger's port: {error}") from None
            if not more:
                raise BadInput(f"{self._where}: the debugger's port was closed; is the machine gone?")
            self._buffer += more
        self._buffer = self._buffer[found.end() :]
        self._socket.sendall(b"+")
        return found[1]

"""A debugger's port of a machine that is not there: CPUs with registers, memory, and the answers that QEMU gives."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

PACKET = re.compile(rb"\$([^#]*)#..", re.DOTALL)


class FakePort:
    """Serves one connection in a thread.  ``asked`` has each request; ``answers`` overrides them."""

    def __init__(self, path: Path, rips: list[int], memory: dict[int, int] | None = None) -> None:
        self.rips, self.memory = list(rips), dict(memory or {})
        self.flags = [0x246] * len(rips)
        self.answers: dict[bytes, bytes] = {}
        self.asked: list[bytes] = []
        self.runs = threading.Event()
        self._chosen = 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The machine is gone."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        try:
            peer, _address = self._listener.accept()
            self._talk(peer)
        except OSError:
            # The other side has gone, or nobody ever came.
            return

    def _talk(self, peer: socket.socket) -> None:
        with peer:
            # As QEMU does: the stop at the opening is told unasked.
            self._say(peer, b"T02thread:01;")
            buffer = b""
            while data := peer.recv(4096):
                buffer += data
                while buffer:
                    if buffer[:1] == b"\x03":
                        buffer = buffer[1:]
                        self.runs.clear()
                        self._say(peer, b"T02thread:01;")
                    elif buffer[:1] == b"+":
                        buffer = buffer[1:]
                    elif found := PACKET.match(buffer):
                        buffer = buffer[found.end() :]
                        peer.sendall(b"+")
                        self._request(peer, found[1])
                    else:
                        break

    def _request(self, peer: socket.socket, request: bytes) -> None:
        self.asked.append(request)
        if request in self.answers:
            if self.answers[request] == b"hang up":
                peer.shutdown(socket.SHUT_RDWR)
                return
            self._say(peer, self.answers[request])
        elif request == b"vCont;c":
            self.runs.set()
        else:
            self._say(peer, self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        if request == b"qfThreadInfo":
            return b"m" + b",".join(b"%02x" % (i + 1) for i in range(len(self.rips)))
        if request == b"qsThreadInfo":
            return b"l"
        if request.startswith(b"qXfer"):
            return b"l<target/>"
        if request.startswith(b"Hg"):
            self._chosen = int(request.removeprefix(b"Hg").decode(), base=16) - 1
            return b"OK"
        if request == b"g":
            registers = bytearray(200)
            registers[128:136] = self.rips[self._chosen].to_bytes(8, "little")
            registers[136:140] = self.flags[self._chosen].to_bytes(4, "little")
            return bytes(registers).hex().encode()
        if request.startswith(b"P10="):
            self.rips[self._chosen] = int.from_bytes(bytes.fromhex(request[4:].decode()), "little")
            return b"OK"
        if request.startswith(b"m"):
            at, size = (int(n, 16) for n in request[1:].split(b","))
            return bytes(self.memory.get(at + i, 0) for i in range(size)).hex().encode()
        if request.startswith(b"M"):
            where, data = request[1:].split(b":")
            at = int(where.split(b",")[0], 16)
            for i, byte in enumerate(bytes.fromhex(data.decode())):
                self.memory[at + i] = byte
            return b"OK"
        return b"OK" if request == b"D" else b""

    @staticmethod
    def _say(peer: socket.socket, text: bytes) -> None:
        peer.sendall(b"$" + text + b"#%02x" % (sum(text) % 256))

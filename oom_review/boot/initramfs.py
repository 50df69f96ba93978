"""An initramfs, made without root: a cpio archive in the "newc" form.  There are no device nodes in it: the probe mounts devtmpfs.

The kernel's own gen_init_cpio and cpio(1) do the same, and neither is on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

FOLDER, PROGRAM, FILE = 0o040755, 0o100755, 0o100644
MAGIC = "070701"
BLOCK = 512


def initramfs(files: Mapping[str, bytes], programs: tuple[str, ...] = ("init",)) -> bytes:
    """The archive; ``files`` by their paths from the root, the folders above them are made, too."""
    folders = dict.fromkeys(["dev", *(above for path in files for above in _above(path))])
    entries = [(name, FOLDER, b"") for name in folders]
    entries += [(name, PROGRAM if name in programs else FILE, text) for name, text in files.items()]
    archive = b"".join(
        _entry(number, *entry) for number, entry in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1)
    )
    return _padded(archive, BLOCK)


def _above(path: str) -> Iterator[str]:
    parts = path.split("/")[:-1]
    return ("/".join(parts[: i + 1]) for i in range(len(parts)))


def _entry(number: int, name: str, mode: int, text: bytes) -> bytes:
    letters = name.encode() + b"\0"
    links = 2 if mode == FOLDER else 1
    fields = (number, mode, 0, 0, links, 0, len(text), 0, 0, 0, 0, len(letters), 0)
    head = MAGIC + "".join(f"{field:08x}" for field in fields)
    return _padded(head.encode() + letters, 4) + _padded(text, 4)


def _padded(text: bytes, size: int) -> bytes:
    return text + b"\0" * (-len(text) % size)

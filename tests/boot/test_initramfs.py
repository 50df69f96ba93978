"""The archive, read back by hand: the form is the kernel's (Documentation/driver-api/early-userspace/buffer-format)."""

from __future__ import annotations

from collections.abc import Iterator

from oom_review.boot.initramfs import initramfs

HEAD, FIELDS = 6, 13


def entries(archive: bytes) -> Iterator[tuple[str, int, bytes]]:
    """(name, mode, text) of each."""
    at = 0
    while archive[at : at + HEAD] == b"070701":
        fields = [int(archive[at + HEAD + 8 * i : at + HEAD + 8 * (i + 1)], 16) for i in range(FIELDS)]
        begin = at + HEAD + 8 * FIELDS
        name = archive[begin : begin + fields[11] - 1].decode()
        text = -(-(begin + fields[11]) // 4) * 4
        yield name, fields[1], archive[text : text + fields[6]]
        at = -(-(text + fields[6]) // 4) * 4


def test_what_is_in_it() -> None:
    """Folders before what is in them, the program can be run, sizes are whole blocks."""
    archive = initramfs({"init": b"program", "lib/a.ko": b"12345", "situation": b""})
    found = list(entries(archive))
    assert found == [
        ("dev", 0o040755, b""),
        ("lib", 0o040755, b""),
        ("init", 0o100755, b"program"),
        ("lib/a.ko", 0o100644, b"12345"),
        ("situation", 0o100644, b""),
        ("TRAILER!!!", 0, b""),
    ]
    assert len(archive) % 512 == 0

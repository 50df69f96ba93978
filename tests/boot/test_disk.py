"""Kernels on the disk: images, versions, modules and what they depend on."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from oom_review.boot.kernel import BootKernel, release, unpacked, with_dependencies
from oom_review.errors import BadInput

VERSION = 0x300


def image(version: bytes) -> bytes:
    """The head of a bzImage."""
    head = bytearray(0x600)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (VERSION - 0x200).to_bytes(2, "little")
    head[VERSION : VERSION + len(version)] = version
    return bytes(head)


def module(depends: str) -> bytes:
    """The part of one that says what it needs."""
    return f"\x7fELF\0license=GPL\0depends={depends}\0name=x\0".encode()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An unpacked package."""
    modules = tmp_path / "usr/lib/modules/9.9.1-amd64"
    (modules / "kernel/drivers/block").mkdir(parents=True)
    (modules / "vmlinuz").write_bytes(image(b"9.9.1-amd64 (somebody) #1\0"))
    for name, depends in (
        ("virtio_blk", "virtio,virtio_ring"),
        ("virtio_ring", ""),
        ("virtio", "virtio-ring"),
    ):
        (modules / f"kernel/drivers/block/{name}.ko.xz").write_bytes(lzma.compress(module(depends)))
    return tmp_path


def test_an_unpacked_package(place: Path) -> None:
    """Its image, its version, and modules in the order in which they can be loaded."""
    kernel = unpacked(place, "9.9")
    assert release(kernel) == "9.9.1-amd64"
    found = with_dependencies(kernel, ("virtio-blk", "built_in"))
    assert list(found) == ["virtio_ring", "virtio", "virtio_blk"]
    assert found["virtio_ring"] == module("")


def test_no_modules() -> None:
    """A kernel that has all it needs."""
    assert with_dependencies(BootKernel("own", Path("vmlinuz")), ("virtio_blk",)) == {}


def test_what_is_no_kernel(tmp_path: Path, place: Path) -> None:
    """One line: what and where."""
    with pytest.raises(BadInput, match="there is no kernel image in it"):
        unpacked(tmp_path / "empty", "x")
    (tmp_path / "text").write_text("not a kernel")
    with pytest.raises(BadInput, match="text: not a kernel image"):
        release(BootKernel("x", tmp_path / "text"))
    with pytest.raises(BadInput, match="No such file"):
        release(BootKernel("x", tmp_path / "gone"))
    next(place.rglob("virtio.ko.xz")).write_bytes(b"not packed")
    with pytest.raises(BadInput, match=r"virtio\.ko\.xz: "):
        with_dependencies(unpacked(place, "9.9"), ("virtio_blk",))

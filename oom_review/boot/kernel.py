"""What a kernel on the disk is: its image, and the modules that it needs for a disk."""

from __future__ import annotations

import gzip
import lzma
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from oom_review.errors import BadInput

SUFFIXES = (".ko", ".ko.xz", ".ko.gz")
IMAGES = (
    "boot/vmlinuz-*",
    "vmlinuz-*",
    "usr/lib/modules/*/vmlinuz",
    "lib/modules/*/vmlinuz",
    "arch/x86/boot/bzImage",
)
FOLDERS = ("lib/modules/*/kernel", "usr/lib/modules/*/kernel")
# The boot protocol of x86: where the magic stands, and a pointer to the version, from the end of the first sector.
MAGIC_AT, VERSION_AT, SETUP = slice(0x202, 0x206), slice(0x20E, 0x210), 0x200


@attrs.define(frozen=True)
class BootKernel:
    """``image``: what QEMU loads; ``modules``: the folder that has the ``.ko`` files somewhere below, None for a kernel that needs none."""

    name: str
    image: Path
    modules: Path | None = None


def unpacked(place: Path, name: str) -> BootKernel:
    """The kernel of an unpacked package, or of a built tree.  Raises BadInput."""
    images = [path for pattern in IMAGES for path in sorted(place.glob(pattern))]
    if not images:
        raise BadInput(f"{place}: there is no kernel image in it (vmlinuz or arch/x86/boot/bzImage)")
    folders = [path for pattern in FOLDERS for path in sorted(place.glob(pattern))]
    return BootKernel(name, images[0], folders[0] if folders else None)


def release(kernel: BootKernel) -> str:
    """The version that the image's header has, such as ``6.12.117+deb13-amd64``.  Raises BadInput."""
    image = _read(kernel.image)
    if image[MAGIC_AT] != b"HdrS":
        raise BadInput(f"{kernel.image}: not a kernel image (bzImage or vmlinuz of x86-64)")
    at = int.from_bytes(image[VERSION_AT], "little") + SETUP
    return image[at : at + 128].split(b"\0")[0].split(b" ")[0].decode("ascii", "replace")


def with_dependencies(kernel: BootKernel, names: tuple[str, ...]) -> dict[str, bytes]:
    """The modules and what they depend on, unpacked, in the order in which they can be loaded.

    A name that no file has is built into the kernel, or is missed by whoever needs it: the probe says so.
    """
    if kernel.modules is None:
        return {}
    files = {_plain(path.name.partition(".")[0]): path for path in sorted(_modules(kernel.modules))}
    found: dict[str, bytes] = {}
    for name in names:
        _load(_plain(name), files, found)
    return found


def _modules(folder: Path) -> Iterator[Path]:
    return (p for p in folder.rglob("*.ko*") if p.name.endswith(SUFFIXES))


def _load(name: str, files: dict[str, Path], found: dict[str, bytes]) -> None:
    if name in found or name not in files:
        return
    text = _read(files[name])
    depends = re.search(rb"\0depends=([^\0]*)\0", text)
    for other in depends[1].decode().split(",") if depends else ():
        _load(_plain(other), files, found)
    found[name] = text


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _read(path: Path) -> bytes:
    try:
        text = path.read_bytes()
        if path.suffix == ".xz":
            return lzma.decompress(text)
        return gzip.decompress(text) if path.suffix == ".gz" else text
    except (OSError, lzma.LZMAError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise BadInput(f"{path}: {reason or error}") from None

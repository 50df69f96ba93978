"""A boot: a kernel with an initramfs in QEMU, until the probe leaves through the exit device, or falls silent.

KVM is tried, not asked for: /dev/kvm can be there, open, and still fail at once.  A boot without an end is repeated once and counted:
under multi-threaded emulation one in some hundred ends early without any doing of ours.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

import attrs

from oom_review.boot.console import DONE, Outcome, read
from oom_review.boot.initramfs import initramfs
from oom_review.boot.kernel import BootKernel, with_dependencies
from oom_review.errors import BadInput

QEMU = "qemu-system-x86_64"
EMULATED = ("-accel", "tcg,thread=multi", "-cpu", "max,-cx16")
KVM = ("-accel", "kvm", "-cpu", "host")
MACHINE = ("-smp", "2", "-m", "512", "-nographic", "-nodefaults", "-serial", "stdio", "-no-reboot")
EXIT_DEVICE = ("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04")
# Without no_timer_check one boot in twenty panics on a loaded host.
COMMAND_LINE = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check"
PATIENCE = 90
TRIAL = 15
"""Seconds without a word, until a boot counts as hung, and one that tries KVM; on a loaded host thrice what there is."""


@attrs.define(frozen=True)
class Machine:
    """What a boot has beside the kernel and the probe's program.

    ``situation``: the probe's script; ``files``: more for the initramfs; ``modules``: names, loaded with what they depend on;
    ``symbols``: whose addresses the probe prints; ``arguments``: of QEMU; ``append``: to the kernel's command line; ``input``: a console's.
    """

    situation: str = ""
    files: Mapping[str, bytes] = attrs.field(factory=dict)
    modules: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    append: str = ""
    input: bytes = b""
    patience: int = PATIENCE


def found_qemu() -> str:
    """Where QEMU is.  Raises BadInput."""
    path = shutil.which(QEMU)
    if path is None:
        raise BadInput(f"{QEMU} is missing (on Debian: apt install qemu-system-x86)")
    return path


def boot(kernel: BootKernel, probe: bytes, machine: Machine) -> Outcome:
    """Boot it to its end, twice if the first time there is none.  Raises BadInput if nothing can be booted at all."""
    first = boot_once(kernel, probe, machine)
    return first if first.status == DONE else attrs.evolve(boot_once(kernel, probe, machine), repeats=1)


def boot_once(kernel: BootKernel, probe: bytes, machine: Machine) -> Outcome:
    """Boot it, however it ends.  Raises BadInput if nothing can be booted at all."""
    return _boot(kernel, probe, machine, accelerator(kernel, probe))


@cache
def accelerator(kernel: BootKernel, probe: bytes) -> tuple[str, ...]:
    """KVM if a trial boot with it comes to its end, else emulation."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return EMULATED
    return KVM if _boot(kernel, probe, Machine(patience=TRIAL), KVM).status == DONE else EMULATED


def command(kernel: BootKernel, machine: Machine, archive: Path, accelerated: tuple[str, ...]) -> list[str]:
    """QEMU's command line."""
    line = f"{COMMAND_LINE} {machine.append}".strip()
    image = ("-kernel", str(kernel.image), "-initrd", str(archive), "-append", line)
    return [found_qemu(), *accelerated, *MACHINE, *EXIT_DEVICE, *image, *machine.arguments]


def archive(kernel: BootKernel, probe: bytes, machine: Machine) -> bytes:
    """The initramfs of that boot."""
    modules = with_dependencies(kernel, machine.modules)
    files = {f"lib/{name}.ko": text for name, text in modules.items()}
    lists = {"modules": [f"/{path}" for path in files], "symbols": list(machine.symbols)}
    files |= {name: "".join(f"{line}\n" for line in lines).encode() for name, lines in lists.items()}
    return initramfs({"init": probe, "situation": machine.situation.encode(), **files, **machine.files})


@contextmanager
def started(
    kernel: BootKernel, probe: bytes, machine: Machine, accelerated: tuple[str, ...]
) -> Iterator[subprocess.Popen[bytes]]:
    """QEMU with the machine's console on its standard input and output, for whoever talks to the probe; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="oom-review-") as place:
        path = Path(place) / "initramfs"
        path.write_bytes(archive(kernel, probe, machine))
        running = subprocess.Popen(
            command(kernel, machine, path, accelerated),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        with running:
            try:
                yield running
            finally:
                running.kill()


def _boot(kernel: BootKernel, probe: bytes, machine: Machine, accelerated: tuple[str, ...]) -> Outcome:
    with started(kernel, probe, machine, accelerated) as running:
        assert running.stdin is not None
        with suppress(BrokenPipeError):
            running.stdin.write(machine.input)
            running.stdin.close()
        log, silent = _heard(running, machine.patience)
        if silent:
            running.kill()
        status = running.wait()
    return read(log.decode("utf-8", "replace"), None if silent else status)


def _heard(running: subprocess.Popen[bytes], patience: float) -> tuple[bytes, bool]:
    """All that it prints, and whether it fell silent for so long; how long it takes in all is nobody's business."""
    assert running.stdout is not None
    log = b""
    with DefaultSelector() as selector:
        selector.register(running.stdout, EVENT_READ)
        while selector.select(patience):
            chunk = os.read(running.stdout.fileno(), 65536)
            if not chunk:
                return log, False
            log += chunk
    return log, True

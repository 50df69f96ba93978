"""Boots, with a program in QEMU's place that prints a stored log and ends as it is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from oom_review.boot import qemu
from oom_review.boot.console import CUT, DONE, HUNG
from oom_review.boot.kernel import BootKernel
from oom_review.boot.qemu import EMULATED, KVM, Machine, accelerator, archive, boot, command
from oom_review.errors import BadInput

KERNEL = BootKernel("x", Path("/somewhere/vmlinuz"))
GOOD = Path(__file__).parent / "data" / "good.log"
END = f"cat {GOOD}; exit 33"


def in_its_place(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A QEMU that runs this shell script; the file counts its starts."""
    count = place / "count"
    program = place / qemu.QEMU
    program.write_text(f"#!/bin/sh\necho x >> {count}\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    accelerator.cache_clear()
    monkeypatch.setattr(qemu, "accelerator", lambda _kernel, _probe: EMULATED)
    return count


def starts(count: Path) -> int:
    """How often it was started."""
    return len(count.read_text().splitlines())


def test_a_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, to its end."""
    count = in_its_place(tmp_path, monkeypatch, END)
    outcome = boot(KERNEL, b"probe", Machine())
    assert (outcome.status, outcome.repeats, starts(count)) == (DONE, 0, 1)


def test_a_boot_without_an_end_is_repeated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And counted; the second may be as bad."""
    count = in_its_place(tmp_path, monkeypatch, f"if test $(wc -l < {tmp_path}/count) = 2; then {END}; fi")
    outcome = boot(KERNEL, b"probe", Machine())
    assert (outcome.status, outcome.repeats) == (DONE, 1)
    outcome = boot(KERNEL, b"probe", Machine())
    assert (outcome.status, outcome.repeats, starts(count)) == (CUT, 1, 4)


def test_a_hang_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it printed is kept, and it is gone."""
    in_its_place(tmp_path, monkeypatch, f"head -5 {GOOD}; echo $$ > {tmp_path}/pid; exec tail -f /dev/null")
    outcome = qemu.boot_once(KERNEL, b"probe", Machine(patience=1))
    assert outcome.status == HUNG
    assert len(outcome.records) == 2
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a machine asks for stands in it."""
    in_its_place(tmp_path, monkeypatch, END)
    machine = Machine(append="nokaslr", arguments=("-gdb", "tcp:127.0.0.1:1"))
    words = command(KERNEL, machine, tmp_path / "initramfs", EMULATED)
    assert words[words.index("-append") + 1].endswith("no_timer_check nokaslr")
    assert words[-2:] == ["-gdb", "tcp:127.0.0.1:1"]


def test_what_is_in_the_archive() -> None:
    """The probe, its script, lists, and files of one's own."""
    made = archive(KERNEL, b"probe", Machine("case x\n", {"disk": b"1"}, symbols=("do_exit",)))
    for text in (b"probe", b"case x\n", b"do_exit\n", b"disk"):
        assert text in made


@pytest.mark.parametrize(("trial", "expected"), [(END, KVM), ("exit 1", EMULATED)])
def test_kvm_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: str, expected: tuple[str, ...]
) -> None:
    """A device that opens says nothing; a boot to its end does."""
    tried = accelerator.__wrapped__
    in_its_place(tmp_path, monkeypatch, trial)
    monkeypatch.setattr(os, "access", lambda _path, _mode: True)
    assert tried(KERNEL, b"probe") == expected


def test_kvm_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is booted to find that out."""
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert accelerator.__wrapped__(KERNEL, b"probe") == EMULATED


def test_qemu_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One line, with what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        BadInput, match=r"qemu-system-x86_64 is missing \(on Debian: apt install qemu-system-x86\)"
    ):
        qemu.found_qemu()

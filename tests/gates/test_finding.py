"""The finding's program: what it prints is read, and held against the model."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from oom_review.boot.compile import built
from oom_review.boot.console import DONE, HUNG, Outcome
from oom_review.boot.kernel import BootKernel
from oom_review.commands.cli import main
from oom_review.commands.kernel_actions import finding as action
from oom_review.commands.kernel_actions import options as choice
from oom_review.gates import finding
from oom_review.variants.loading import known

V6_12, V7_3 = "oom_kernels.v6_12", "oom_kernels.v7_3"


def console(end: str) -> str:
    """As a serial console has it, with a kernel's line in between."""
    lines = (
        " 1 Linux 7.3.4: victim",
        "[    4.2] random: crng init done",
        " 4 echo freeze: success",
        "10 done",
        end,
    )
    return "\r\n".join(lines) + "\r\n"


@pytest.mark.parametrize(
    ("end", "broken"), [("END rc=1", True), ("END rc=0", False), ("END rc=2", None), ("", None)]
)
def test_what_it_says(end: str, broken: bool | None) -> None:
    """I/O was seen, none was, it could not set itself up, or it never came to say so."""
    shown = finding.read(Outcome(DONE, "", (), console(end)))
    assert shown.broken is broken
    assert shown.lines == ("1 Linux 7.3.4: victim", "4 echo freeze: success", "10 done")


@pytest.mark.parametrize(
    ("variant", "killer", "breaks"),
    [(V7_3, "oom", True), (V7_3, "sigkill", False), (V6_12, "oom", False), (V6_12, "sigkill", False)],
)
def test_the_model(variant: str, killer: str, breaks: bool) -> None:
    """7.3 and the OOM killer alone break it; where it is kept, the suspend fails."""
    trace = finding.modelled(known(variant), killer)
    assert (finding.CLAIM in {v.claim for v in trace.violations}) is breaks
    assert bool(trace.observation.pm) is not breaks


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler here")
def test_it_compiles() -> None:
    """Without a warning."""
    assert built([finding.SOURCE]).startswith(b"\x7fELF")


def ask(monkeypatch: pytest.MonkeyPatch, outcomes: dict[str, Outcome]) -> int:
    """The command on a kernel that ends so for each killer."""
    kernel = BootKernel("7.3", Path("vmlinuz"))
    monkeypatch.setattr(choice, "unpacked", lambda _place, _name: kernel)
    for module in (action, choice):
        monkeypatch.setattr(module, "release", lambda _kernel: "7.3.4")
    monkeypatch.setattr(action, "found_qemu", lambda: "qemu")
    monkeypatch.setattr(finding, "run", lambda _kernel, killer, _suspend: finding.read(outcomes[killer]))
    return main(["kernels", "finding", "kernels/7.3"])


def test_as_in_the_model(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0, with both sides."""
    ends = {
        "oom": Outcome(DONE, "", (), console("END rc=1")),
        "sigkill": Outcome(DONE, "", (), console("END rc=0")),
    }
    assert ask(monkeypatch, ends) == 0
    said = capsys.readouterr().out
    assert "7.3.4, oom: I/O in a frozen system, as the model" in said
    assert "7.3.4, sigkill: no I/O in a frozen system, as the model" in said
    assert re.search(r"init: dpm_suspend\(\)", said)
    assert re.search(r"# v: open_fuse +4 echo freeze: success", said)


def test_it_can_not_set_itself_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it needed and did not find stands there."""
    why = "set-up failed: /sys/power/pm_test: No such file or directory"
    ends = dict.fromkeys(("oom", "sigkill"), Outcome(DONE, "", (), console(f"Booting...{why}\r\nEND rc=2")))
    assert ask(monkeypatch, ends) == 1
    assert f"7.3.4, oom: done, which says nothing: {why}\n" in capsys.readouterr().out


def test_otherwise(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1; so it is for a machine that hung, of which that is said and nothing else."""
    ends = {
        "oom": Outcome(DONE, "", (), console("END rc=0")),
        "sigkill": Outcome(HUNG, "no end", (), console("")),
    }
    assert ask(monkeypatch, ends) == 1
    said = capsys.readouterr().out
    assert "7.3.4, oom: no I/O in a frozen system, BUT THE MODEL: I/O in a frozen system" in said
    assert "7.3.4, sigkill: hung, which says nothing: no end" in said

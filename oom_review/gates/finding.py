"""The finding of docs/findings.md on a stock kernel, by a program of ten lines of output: oomfreeze.c, as init of a machine with a slow disk.

No gate and no probe: what it needs is a disk that takes its time, so that anybody can run it elsewhere, too.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import attrs

from kernel_model.variant import Variant
from oom_review.boot.compile import built
from oom_review.boot.console import Outcome
from oom_review.boot.kernel import BootKernel, with_dependencies
from oom_review.boot.qemu import Machine, boot
from oom_review.play.trace import Trace, record
from oom_review.scenario.items import Scenario, in_peace, operation

SOURCE = Path(__file__).with_name("oomfreeze.c")
CLAIM = "suspended-means-quiet"
KILLERS = {"oom": "sysrq_f", "sigkill": "init: kill v KILL"}
"""What kills the victim, and what does so in the model."""
TEST, REAL = "freezer", "mem"
DISK, BYTES_A_SECOND = 64 << 20, 4 << 20
MODULE = "virtio_blk"
END = re.compile(r"^END rc=(\d+)", re.MULTILINE)
FAILED = re.compile(r"set-up failed: .*")
"""Also behind what the firmware left in that line."""
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|c)")
"""Of the firmware, in front of the first line."""
LINE = re.compile(r"^ ?\d+ .*", re.MULTILINE)
IO_SEEN, NO_IO = 1, 0
PATIENCE = 300


@attrs.define(frozen=True)
class Shown:
    """``lines``: the program's; ``broken``: whether a victim did I/O in a frozen system, None if it did not come to say so; ``why`` not."""

    outcome: Outcome
    lines: tuple[str, ...]
    broken: bool | None
    why: str = ""


def run(kernel: BootKernel, killer: str, suspend: str = TEST) -> Shown:
    """``killer`` of KILLERS; ``suspend``: TEST or REAL, of which a machine need not come back.  Raises BadInput."""
    module = with_dependencies(kernel, (MODULE,)).get(MODULE)
    with tempfile.TemporaryDirectory(prefix="oom-review-") as place:
        disk = Path(place) / "disk"
        with disk.open("wb") as stream:
            stream.truncate(DISK)
        drive = f"file={disk},if=none,id=disk,format=raw,throttling.bps-write={BYTES_A_SECOND}"
        machine = Machine(
            files={} if module is None else {f"{MODULE}.ko": module},
            arguments=("-drive", drive, "-device", "virtio-blk-pci,drive=disk"),
            append=f"kill={killer} suspend={suspend}",
            patience=PATIENCE,
        )
        return read(boot(kernel, built([SOURCE]), machine))


def read(outcome: Outcome) -> Shown:
    """What the program said on the console."""
    log = ESCAPES.sub("", outcome.log.replace("\r", ""))
    end = END.search(log)
    broken = {IO_SEEN: True, NO_IO: False}.get(int(end[1])) if end else None
    failed = FAILED.search(log)
    why = failed[0].strip() if failed else outcome.why
    return Shown(outcome, tuple(line.strip() for line in LINE.findall(log)), broken, why)


def modelled(variant: Variant, killer: str) -> Trace:
    """The same in the model: the disk answers late, as a FUSE server does there."""
    lines = (
        "init: fork v",
        "v: open_fuse",
        "init: oom_score_adj v 1000",
        KILLERS[killer],
        "init: suspend",
        "fuse_answer",
    )
    return record(Scenario(in_peace(map(operation, lines))), variant)

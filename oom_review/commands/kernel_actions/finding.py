"""``oom-review kernels finding``: a victim that writes to a disk of a frozen system, on real kernels, beside the model's columns."""

from __future__ import annotations

import argparse

from kernel_model.variant import Variant
from oom_review.boot.kernel import BootKernel, release
from oom_review.boot.qemu import found_qemu
from oom_review.commands.kernel_actions.options import add_kernels, chosen
from oom_review.errors import one_line
from oom_review.gates import finding
from oom_review.gates.finding import KILLERS, modelled
from oom_review.show.columns import beside


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action's options."""
    parser.description = (
        "Run a small program on each kernel (oomfreeze.c): a victim with dirty pages on a slow disk is killed by the OOM killer, and as a "
        "control by SIGKILL; then everybody is frozen as for a suspend.  Its output stands beside the model's run.  Status 1 if one ends "
        "otherwise than the model."
    )
    add_kernels(parser)
    parser.add_argument(
        "--real",
        action="store_true",
        help="suspend to RAM in earnest, and have the clock wake the machine; it may hang, which is told apart",
    )


def run(options: argparse.Namespace) -> int:
    """Status 0 if each came out as in the model, else 1.  Raises BadInput."""
    kernels = chosen(options)
    found_qemu()
    agree = [
        _one(k, m, killer, finding.REAL if options.real else finding.TEST)
        for k, m in kernels
        for killer in KILLERS
    ]
    return int(not all(agree))


def _one(kernel: BootKernel, model: Variant, killer: str, suspend: str) -> bool:
    trace, shown = modelled(model, killer), finding.run(kernel, killer, suspend)
    breaks = any(v.claim == finding.CLAIM for v in trace.violations)
    print(beside(trace, shown.lines, f"{release(kernel)}, killed by {killer}"))
    if shown.broken is None:
        said = f"{shown.outcome.status}, which says nothing: {one_line(shown.why)}"
        print(f"{release(kernel)}, {killer}: {said}\n", flush=True)
        return False
    found = {True: "I/O in a frozen system", False: "no I/O in a frozen system"}
    agree = "as the model" if shown.broken == breaks else f"BUT THE MODEL: {found[breaks]}"
    print(f"{release(kernel)}, {killer}: {found[shown.broken]}, {agree}\n", flush=True)
    return shown.broken == breaks

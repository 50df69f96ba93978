"""Which kernels are booted, and the model that each is held against: the same words for each action that boots any."""

from __future__ import annotations

import argparse
from pathlib import Path

from kernel_model.variant import Variant
from oom_review.boot.kernel import BootKernel, release, unpacked
from oom_review.errors import BadInput
from oom_review.observed.models import model_of
from oom_review.variants.loading import load


def add_kernels(parser: argparse.ArgumentParser) -> None:
    """The kernels, by their place or their image, and ``--model``."""
    parser.add_argument(
        "kernels", metavar="DIR/VERSION", nargs="*", help="kernels that fetch unpacked, or built trees"
    )
    parser.add_argument(
        "--kernel",
        metavar="VMLINUZ",
        action="append",
        default=[],
        help="any kernel's image; may be repeated, and comes behind DIR/VERSION",
    )
    parser.add_argument(
        "--modules", metavar="DIR", help="the modules of --kernel, if it has virtio_blk as one"
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        action="append",
        default=[],
        help="hold them against this model (default: by the kernel's version); given as often as there are kernels, each has its own",
    )


def chosen(options: argparse.Namespace) -> list[tuple[BootKernel, Variant]]:
    """Each with its model.  Raises BadInput."""
    if options.modules and not options.kernel:
        raise BadInput("--modules: there is no --kernel that they belong to")
    modules = Path(options.modules) if options.modules else None
    kernels = [unpacked(Path(place), Path(place).name) for place in options.kernels]
    kernels += [BootKernel(image, Path(image), modules) for image in options.kernel]
    if not kernels:
        raise BadInput("no kernel is named: DIR/VERSION (oom-review kernels fetch) or --kernel VMLINUZ")
    versions = [release(kernel) for kernel in kernels]
    names = (
        options.model * len(kernels) if len(options.model) == 1 else options.model or map(model_of, versions)
    )
    models = [load(name) for name in names]
    if len(models) != len(kernels):
        raise BadInput(
            f"--model: {len(models)} models for {len(kernels)} kernels; it takes one, or one for each"
        )
    return list(zip(kernels, models, strict=True))

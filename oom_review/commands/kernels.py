"""``oom-review kernels``: real kernels, fetched, booted under QEMU, and held against the models.  Each action is a module of kernel_actions."""

from __future__ import annotations

import argparse
from importlib import import_module

ACTIONS = {
    "config": "print what a kernel of your own has to be built with",
    "fetch": "fetch Debian's kernels into a directory",
    "finding": "run a program that shows the finding of docs/findings.md on kernels, beside the model's columns",
    "list": "say which situations a real kernel can be brought into",
    "replay": "force a counterexample on kernels: hold tasks at functions' entries until the others are through",
    "run": "play situations on kernels, and hold what comes out against what the models can reach",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The actions, each with its options."""
    parser.description = "Boot stock kernels under QEMU and ask them what the models say (docs/kernels.md)."
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="what to do")
    for name, line in ACTIONS.items():
        module = import_module(f"oom_review.commands.kernel_actions.{name}")
        one = actions.add_parser(name, help=line, allow_abbrev=False)
        module.arguments(one)
        one.set_defaults(act=module.run)


def run(options: argparse.Namespace) -> int:
    """The action's status.  Raises BadInput."""
    status: int = options.act(options)
    return status

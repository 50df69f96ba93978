"""``oom-review kernels config``: what a kernel of one's own has to be built with."""

from __future__ import annotations

import argparse
from pathlib import Path

from oom_review import boot

CONFIG = Path(boot.__file__).with_name("probe.config")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action's options."""
    parser.description = (
        "Print the options of a kernel's configuration that the probe, the finding and the gates need, to be given to a tree of your "
        "own: KCONFIG_ALLCONFIG=FILE allnoconfig, or scripts/kconfig/merge_config.sh."
    )


def run(_options: argparse.Namespace) -> int:
    """Status 0."""
    print(CONFIG.read_text(), end="")
    return 0

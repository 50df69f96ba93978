"""``oom-review kernels fetch``: Debian's kernels into a directory."""

from __future__ import annotations

import argparse
from pathlib import Path

from oom_review.boot.fetch import fetch
from oom_review.boot.kernel import release
from oom_review.files import check_directory


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action's options."""
    parser.description = (
        "Fetch the newest kernel of each version that Debian has, and unpack it in DIR/VERSION: some 200 MB each.  Nothing is installed, "
        "and nothing needs root.  What is there already is left as it is."
    )
    parser.add_argument("directory", metavar="DIR", help="where they go; made if it is not there")
    parser.add_argument("versions", metavar="VERSION", nargs="+", help="such as 6.12 or 7.3.4")


def run(options: argparse.Namespace) -> int:
    """Status 0.  Raises BadInput."""
    place = Path(options.directory)
    check_directory(place)
    for version in options.versions:
        kernel = fetch(place, version)
        print(f"{version}: {release(kernel)}, {kernel.image}")
    return 0

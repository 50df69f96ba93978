"""What this project is, where an output says what made it."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """Of the installed package."""
    try:
        return metadata.version("oom-review")
    except metadata.PackageNotFoundError:
        return "unknown"

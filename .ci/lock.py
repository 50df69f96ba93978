"""Renew both locks, from pyproject.toml: uv resolves, pip says what each pinned distribution requires. Needs uv on PATH.

requirements.lock holds what the main job runs with and is built with, requirements-dev.lock what `dev` adds to that. Both are
installed without resolving anything, so below each pin its distribution's requirements are kept, as comments: from them
tests/setup/test_locks.py proves without network that nothing is missing.
Dropped: proving it with `pip check` after a set-up, which sees one platform and one Python, and no extras.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COMPILE = (
    *("uv", "pip", "compile", "--quiet", "--upgrade", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
)
REPORT = (
    *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"),
    *("--no-deps", "--ignore-installed", "--ignore-requires-python", "--require-hashes", "--report", "-"),
)


def output_of(*command: str, given: str = "") -> str:
    """What a command prints; its errors go where ours go, and its failure ends us."""
    done = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"error: {command[0]} failed, see above")
    return done.stdout


def pins(lock: str) -> dict[str, str]:
    """The lines of each pin, by the name of its distribution."""
    return {
        block.split("==")[0]: block for block in re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE) if block
    }


def metadata(lock: str) -> dict[str, Mapping[str, Any]]:
    """Each pinned distribution's metadata, also of those that this platform does not install."""
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as everywhere:
        everywhere.write(re.sub(r" ; .*(?= \\$)", "", lock, flags=re.MULTILINE))
        everywhere.flush()
        report = json.loads(output_of(*REPORT, "-r", everywhere.name))
    found = (item["metadata"] for item in report["install"])
    return {re.sub(r"[-_.]+", "-", one["name"]).lower(): one for one in found}


def with_requirements(lock: str) -> str:
    """The lock with each distribution's own requirements below its pin."""
    known = metadata(lock)
    lines = []
    for name, block in pins(lock).items():
        lines.append(block.rstrip("\n"))
        lines.append(f"    # Requires-Python: {known[name].get('requires_python', '')}".rstrip())
        lines += (
            f"    # Requires-Dist: {requirement}" for requirement in known[name].get("requires_dist", ())
        )
    return "\n".join(lines) + "\n"


def resolved(requirements: Iterable[str], *arguments: str) -> str:
    """A lock for these requirements."""
    return output_of(*COMPILE, *arguments, "-", given="\n".join(requirements))


def main() -> None:
    """Write both files, when both are resolved."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = declared["project"]
    run = resolved([*project["dependencies"], *declared["build-system"]["requires"]])
    with tempfile.NamedTemporaryFile("w", suffix=".lock") as constraint:
        constraint.write(run)
        constraint.flush()
        both = resolved(project["optional-dependencies"]["dev"], "--constraint", constraint.name)
    added = "".join(block for name, block in pins(both).items() if name not in pins(run))
    for name, lock in (("requirements.lock", run), ("requirements-dev.lock", added)):
        (ROOT / name).write_text(with_requirements(lock), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Wheels with the compiled core, for the platform that they are built on.

Without a C++ compiler, or where OOM_REVIEW_WHEEL is "pure", the wheel is for any platform and has the core's sources alone.
"""

from __future__ import annotations

import os
import runpy
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledCore(BuildHookInterface):  # type: ignore[type-arg]
    """Makes the core and puts it beside its sources, where explore/build.py looks first."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the wheel is built; an editable install makes its core when it is set up."""
        if version == "editable" or os.environ.get("OOM_REVIEW_WHEEL") == "pure":
            return
        # By its path: what the package imports need not be there when it is built.
        build = runpy.run_path(str(Path(self.root) / "oom_review/explore/build.py"))
        self._made = tempfile.TemporaryDirectory()
        library = Path(self._made.name) / build["name"](build["FLAGS"])
        try:
            build["make"](build["found_compiler"](), build["FLAGS"], library)
        except build["NotBuilt"] as reason:
            sys.stderr.write(f"no compiled core in this wheel: {reason}\n")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False
        build_data["force_include"][str(library)] = f"oom_review/explore/core/{library.name}"

    def finalize(self, _version: str, _build_data: dict[str, Any], _artifact: str) -> None:
        """What was made is in the wheel by now."""
        if hasattr(self, "_made"):
            self._made.cleanup()

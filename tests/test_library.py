"""The face for programs: docs/library.md does what it says, and importing it loads no more than is asked for."""

from __future__ import annotations

import doctest
import subprocess
import sys
from pathlib import Path

import oom_review

PAGE = Path(__file__).parent.parent / "docs" / "library.md"


def test_the_page_is_true() -> None:
    """Every example of it, in order."""
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 8
    assert not failed


def test_every_name_is_there() -> None:
    """And no other."""
    for name in oom_review.__all__:
        assert getattr(oom_review, name)
    assert not hasattr(oom_review, "no_such_name")


def test_the_import_is_quick() -> None:
    """Neither Hypothesis nor the explorer is loaded before somebody asks."""
    code = (
        "import sys, oom_review; print(sum(m.startswith(('hypothesis', 'oom_review.')) for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"0\n"

"""A package that is no variant, in every way that somebody came up with: one line that says what is wrong and where, status 2."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from oom_review.commands.cli import main
from oom_review.variants import loading

HEAD = """\
import patched
from kernel_model import exit, freezer
from kernel_model.variant import Variant, replaces
"""
MADE = "VARIANT = Variant(__name__, {}, base=patched.VARIANT)\n"
ONE = MADE.format("(replaces(freezer.thaw_task, {}),)")
# The text of the package's __init__.py, or None for none, and what is said of it behind its name.
WRONG: dict[str, tuple[str | None, str]] = {
    "no file": (None, "it has no __init__.py"),
    "nothing in it": ("", "my_v2 has no VARIANT of type kernel_model.variant.Variant"),
    "no Variant": ("VARIANT = 1\n", "my_v2 has no VARIANT of type kernel_model.variant.Variant"),
    "another name": (
        HEAD + MADE.format("()").replace("__name__", "'mine'"),
        "give it its package's: name=__name__",
    ),
    "no Python": ("VARIANT = (\n", "SyntaxError"),
    "an exception": ("1 / 0\n", "ZeroDivisionError"),
    "an exit": ("raise SystemExit(0)\n", "SystemExit"),
    "a missing module": ("import nobody_has_this\n", "nobody_has_this"),
    "no such function": (
        HEAD + "def thaw_tusk(k, cur, p): yield\n" + MADE.format("(('thaw_tusk', thaw_tusk),)"),
        "__init__.py:4: the base has no function thaw_tusk() (did you mean thaw_task?)",
    ),
    "another signature": (
        HEAD + "def thaw_task(k): yield\n" + ONE.format("thaw_task"),
        "thaw_task() takes (k, cur, p), not (k)",
    ),
    "no generator": (
        HEAD + "def thaw_task(k, cur, p): pass\n" + ONE.format("thaw_task"),
        "thaw_task() has to yield",
    ),
    "a generator": (
        HEAD
        + "def exit_io_context(k, cur): yield\n"
        + MADE.format("(replaces(exit.exit_io_context, exit_io_context),)"),
        "exit_io_context() must not yield",
    ),
    "no function": (HEAD + ONE.format("1"), "what replaces thaw_task() is no function: 1"),
    "one function twice": (
        HEAD
        + "def thaw_task(k, cur, p): yield\n"
        + MADE.format("(replaces(freezer.thaw_task, thaw_task), replaces(freezer.thaw_task, thaw_task))"),
        "my_v2 replaces thaw_task() twice",
    ),
    "a base that is none": (
        HEAD + "VARIANT = Variant(__name__, (), base=1)\n",
        "its VARIANT can't be linked",
    ),
    "no tuples": (HEAD + MADE.format("(1,)"), "its VARIANT can't be linked"),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_package_is_one_line(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "_GIVEN", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_v2", raising=False)
    text, said = WRONG[how]
    (tmp_path / "my_v2").mkdir()
    if text is not None:
        (tmp_path / "my_v2" / "__init__.py").write_text(text, encoding="utf-8")
    assert main(["compare", "patched", "./my_v2"]) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    assert errors.startswith("oom-review: variant './my_v2'")
    assert said in errors, errors

"""docs/your-own-patch.md, done as it stands there, on one script instead of a hundred."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from oom_review.commands.cli import main
from oom_review.variants import loading

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "your-own-patch.md").read_text(encoding="utf-8")
LEAK = """\
oom-review scenario 1
init: fork v
run
v: clone t1
run
init: oom_score_adj v 1000
run
v: exit
run
kworker: alloc
run
end
"""


def commands() -> list[list[str]]:
    """Those of the page, without the one that needs somebody's C patch."""
    lines = [line.split()[1:] for line in PAGE.splitlines() if line.startswith("    oom-review ")]
    return [words for words in lines if "my.patch" not in words]


def test_the_page_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loading, "_GIVEN", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "my_v2", raising=False)
    functions, new, compare, review = commands()
    assert main(functions) == 0
    assert "exit_notify(k: Kernel, tsk: TaskStruct, group_dead: bool)" in capsys.readouterr().out
    assert main(new) == 0
    mine = tmp_path / "my_v2" / "exit.py"
    text = mine.read_text(encoding="utf-8")
    assert text.endswith("\n    return last\n")
    assert "`return group_dead`" in PAGE
    mine.write_text(text.replace("\n    return last\n", "\n    return group_dead\n"), encoding="utf-8")
    capsys.readouterr()
    (tmp_path / "leak.scenario").write_text(LEAK, encoding="utf-8")
    assert main([*compare, "leak.scenario", "--jobs", "1"]) == 1
    said = capsys.readouterr().out
    assert "count-returns: refuted -> holds in 1 scripts" in said
    assert "^^^^ first divergence" in said
    budget = ["--budget", "0.001", "--quiet", "--jobs", "1"]
    assert main([*review, *budget]) == 1
    assert "bounded" in capsys.readouterr().out

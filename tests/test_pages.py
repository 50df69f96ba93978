"""The pages that are made from the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from oom_review.pages import PAGES

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_what_the_code_makes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/ says what is true today: `python -m oom_review.pages` would change nothing."""
    monkeypatch.chdir(ROOT)
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name]()

"""The pages of docs/ that are made from templates."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from oom_review.claims import CLAIMS, REFUTED

DOCS = Path(__file__).parents[1] / "docs"
PAGES: dict[Path, str] = runpy.run_path(str(DOCS / "make.py"))["pages"]()


def test_every_template_makes_a_page() -> None:
    assert {path.name for path in PAGES} == {"claims.md", "differences.md", "situations.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_what_the_template_makes(page: Path) -> None:
    """docs/ says what is true today: `make docs` would change nothing."""
    assert page.read_text(encoding="utf-8") == PAGES[page]


def test_the_ledger_leads_to_every_counterexample() -> None:
    """Each refutation's link is there, and so is what it leads to."""
    ledger = PAGES[DOCS / "claims.md"]
    for claim in CLAIMS:
        for variant, verdict in claim.expected.items():
            link = f"../tests/corpus/{claim.id}--{variant}.scenario"
            assert (link in ledger) == (DOCS / link).exists() == (verdict == REFUTED), link

"""The pages of docs/ that are made from templates."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from kernel_model.events import Dead, FreezerState, Io, LeftFridge, PmResult
from oom_review.claims import CLAIMS, REFUTED
from oom_review.play.session import Session, play
from oom_review.scenario import file as scenario_file
from oom_review.show.columns import columns
from oom_review.variants.loading import DEFAULT_VARIANTS, load

DOCS = Path(__file__).parents[1] / "docs"
MADE = runpy.run_path(str(DOCS / "make.py"))
PAGES: dict[Path, str] = MADE["pages"]()


def test_every_template_makes_a_page() -> None:
    assert {path.name for path in PAGES} == {
        "claims.md",
        "differences.md",
        "findings.md",
        "other-findings.md",
        "promises.md",
        "situations.md",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_what_the_template_makes(page: Path) -> None:
    """docs/ says what is true today: `make docs` would change nothing."""
    assert page.read_text(encoding="utf-8") == PAGES[page]


def test_the_ledger_leads_to_every_counterexample() -> None:
    """Each refutation's link is there, and so is what it leads to."""
    ledger = PAGES[DOCS / "claims.md"]
    for claim in CLAIMS:
        for variant in MADE["LEDGER"]:
            refuted = claim.expected[variant] == REFUTED
            name = MADE["kept"](claim.id, variant) if refuted else f"{claim.id}--{variant}"
            link = f"../tests/corpus/{name}.scenario"
            assert (link in ledger) == (DOCS / link).exists() == refuted, link


def played(name: str) -> Session:
    """A scenario of docs/, as the kernel that it names plays it."""
    file = scenario_file.read(DOCS / f"{name}.scenario")
    return play(file.scenario, load(file.variants[0]))


def test_the_findings_are_what_their_scenarios_show() -> None:
    """FROZEN is read while somebody runs; a suspend fails."""
    frozen, suspend = played("frozen-and-runs"), played("exec-and-suspend")
    happened = [type(event) for _step, event in frozen.history]
    reads = [i for i, kind in enumerate(happened) if kind is FreezerState]
    assert {e.state for _step, e in frozen.history if isinstance(e, FreezerState)} == {"FROZEN"}
    assert len(reads) == len(("before", "after"))
    assert happened.index(LeftFridge) < reads[1] < happened.index(Dead)
    assert Io in happened[reads[1] :]
    assert [e.result for _step, e in suspend.history if isinstance(e, PmResult)] == ["EBUSY"]
    assert not frozen.violations | suspend.violations


@pytest.mark.parametrize(
    ("file", "variant", "claim"),
    [
        ("docs/victim-past-exit_mm.scenario", "7.3", "suspended-means-quiet"),
        ("tests/corpus/count-returns--patched.scenario", "rfc", "count-returns"),
    ],
)
def test_the_readme_shows_what_is_printed(file: str, variant: str, claim: str) -> None:
    """Its two interleavings, to the letter."""
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    scenario = scenario_file.read(str(DOCS.parent / file)).scenario
    printed = columns(scenario, load(variant), claim)
    assert printed.partition("\n\nAt the end")[0].strip("\n") in text


def test_the_readme_has_a_row_for_each_claim_that_is_refuted_somewhere() -> None:
    """With the ledger's verdicts; in words of its own, so that only how many rows there are of each kind is compared."""
    text = (
        (DOCS.parent / "README.md").read_text(encoding="utf-8").split("## What it found")[1].split("\n\n")[1]
    )
    rows = [tuple(cell.strip(" *") for cell in line.split("|")[2:-1]) for line in text.splitlines()[2:]]
    ledger = [tuple(c.expected[v] for v in DEFAULT_VARIANTS) for c in CLAIMS]
    assert sorted(rows) == sorted(row for row in ledger if REFUTED in row)

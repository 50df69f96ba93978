"""docs/*.md from docs/*.md.j2: the prose stands in the templates, what the code knows is filled in (``python docs/make.py``)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jinja2

from oom_review.claims import BY_ID, CLAIMS, REFUTED
from oom_review.claims.claim import OF_2016
from oom_review.claims.everyone import OF_EVERYONE
from oom_review.claims.victims import OF_VICTIMS
from oom_review.differences import DIFFERENCES
from oom_review.scenario import file as scenario_file
from oom_review.scenario.items import Run, Scenario
from oom_review.show.columns import columns
from oom_review.situations.families import FAMILIES, QUICK, SITUATIONS
from oom_review.situations.family import Family
from oom_review.situations.of_today import OF_TODAY, REFUTED_IN, expected
from oom_review.situations.situation import DIMENSIONS, MAX_THREADS
from oom_review.situations.without_oom import SCRIPTS
from oom_review.variants.loading import DEFAULT_VARIANTS, TITLES, load, title_of

DOCS = Path(__file__).parent
CORPUS = DOCS.parent / "tests" / "corpus"
PROMISES = json.loads((CORPUS.parent / "data" / "promises.json").read_text(encoding="utf-8"))
"""By kernel, what tests/promises.py found."""


LEDGER = (*DEFAULT_VARIANTS, "oom_kernels.v7_3_rfc", "oom_kernels.v7_3_last_out")
"""Kernels that a review names by default, and the two repairs of 7.3."""
FOUND = (*LEDGER[:-1], "oom_kernels.last_out", LEDGER[-1])
"""Those that the findings compare: with the repair on the kernel of 2016."""


def kept(claim: str, variant: str) -> str:
    """The name of a kept counterexample: its own, or another kernel's that breaks the claim on it as well."""
    files = sorted(CORPUS.glob(f"{claim}--*.scenario"), key=lambda p: not p.stem.endswith(f"--{variant}"))
    for path in files:
        expected = dict(scenario_file.read(path).expect).get(variant)
        if expected is not None and claim in (expected.refuted or ()):
            return path.stem
    raise LookupError(f"no counterexample of {claim} on {variant} is kept")


def interleaving(claim: str, variant: str) -> str:
    """The kept counterexample in columns, as a replay prints it."""
    kept = scenario_file.read(CORPUS / f"{claim}--{variant}.scenario")
    return columns(kept.scenario, load(variant), claim).rstrip()


def story(file: str, variant: str, claim: str) -> str:
    """The steps alone of a scenario file, up to where the claim is broken."""
    printed = columns(scenario_file.read(DOCS.parent / file).scenario, load(variant), claim)
    return printed.partition("\n\nAt the end")[0]


def script(scenario: Scenario) -> str:
    """A scenario in one line; a run to quiescence is a slash, any other is spelt out."""
    return " ".join("/" if item == Run() else f"`{item}`" for item in scenario.items)


def refuted(family: Family) -> str:
    """On which variants exploring refutes the claim, in how many of its situations, the first of them by name."""
    said = []
    for variant in LEDGER:
        title = TITLES[variant]
        names = [row.situation.name for row in family.rows if variant in row.refuted]
        if names:
            said.append(f"{title}: {len(names)}, first `{names[0]}`")
    return "; ".join(said) or "none"


def refuted_in(situation: str, variant: str) -> str:
    """The claims that exploring refutes in that situation of today's kernels."""
    return ", ".join(c for c in REFUTED_IN.get(situation, {}) if expected(c, situation, variant) == REFUTED)


def render(template: Path) -> str:
    """The page that a template makes today."""
    # Markdown, made of our own words: nothing to escape.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(DOCS),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(
        BY_ID=BY_ID,
        CLAIMS=CLAIMS,
        DIFFERENCES=DIFFERENCES,
        DIMENSIONS=DIMENSIONS,
        FAMILIES=FAMILIES,
        FOUND=FOUND,
        LEDGER=LEDGER,
        MAX_THREADS=MAX_THREADS,
        OF_2016=OF_2016,
        OF_EVERYONE=OF_EVERYONE,
        OF_TODAY=OF_TODAY,
        OF_VICTIMS=OF_VICTIMS,
        PROMISES=PROMISES,
        QUICK=QUICK,
        REFUTED=REFUTED,
        SCRIPTS=SCRIPTS,
        SINCE=frozenset(k for k in PROMISES if load(k).lineage()[0].name not in OF_2016),
        SITUATIONS=SITUATIONS,
        TITLES=TITLES,
        interleaving=interleaving,
        kept=kept,
        refuted=refuted,
        refuted_in=refuted_in,
        script=script,
        story=story,
        title_of=title_of,
    )
    made = f"<!-- Made from {template.name} by `make docs`. -->\n\n"
    return made + environment.get_template(template.name).render()


def pages() -> dict[Path, str]:
    """Each page and what it has to say."""
    return {template.with_suffix(""): render(template) for template in sorted(DOCS.glob("*.md.j2"))}


def main() -> int:
    """Write those that say something else."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())

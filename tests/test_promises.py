"""The table of promises on all kernels: what it rests on, and that each refutation in it has a file that shows it."""

from __future__ import annotations

import json

import promises
import pytest

from oom_review.claims import BY_ID, CLAIMS, REFUTED
from oom_review.explore.explorer import SLEEPS
from oom_review.scenario import file as scenario_file
from oom_review.situations.families import QUICK

ROWS = json.loads(promises.DATA.read_text(encoding="utf-8"))
SHOWN = {
    (path.stem.partition("--")[0], kernel)
    for path in promises.CORPUS.glob("*.scenario")
    for kernel, expected in scenario_file.read(path).expect
    if path.stem.partition("--")[0] in (expected.refuted or ())
}
"""What a file that is named after the promise breaks; that it does is shown by its replay (test_corpus.py)."""


def test_all_kernels_that_have_a_package_are_in_it() -> None:
    """But the mixtures of hunks, and what several kernels stand on."""
    packages = {path.parent.name for path in (promises.HERE.parent / "oom_kernels").glob("*/__init__.py")}
    names = {f"oom_kernels.{name}" for name in packages - {"hunks", "today"}}
    assert names | {"legacy_tifmemdie", "patched"} == set(ROWS) == set(promises.KERNELS)


@pytest.mark.parametrize("kernel", promises.KERNELS)
def test_every_refutation_has_a_scenario_file(kernel: str) -> None:
    broken = {c.id for c in CLAIMS if c.expected.get(kernel) == REFUTED} | set(ROWS[kernel]["refuted"])
    assert {(claim, kernel) for claim in broken} <= SHOWN
    assert {claim for claim, shown_on in SHOWN if shown_on == kernel} == broken


@pytest.mark.parametrize("kernel", promises.OF_THE_LEDGER)
def test_nothing_in_it_contradicts_the_ledger(kernel: str) -> None:
    assert all(BY_ID[claim].expected[kernel] == REFUTED for claim in ROWS[kernel]["refuted"])
    assert ROWS[kernel]["stopped"] == []


def test_another_verdict_is_news_and_another_number_of_states_is_none() -> None:
    new = {kernel: row | {"bound": "fewer states"} for kernel, row in ROWS.items()}
    assert promises.differ(ROWS, new) == []
    new["patched"] = ROWS["patched"] | {"refuted": {}}
    new["oom_kernels.v7_3"] = ROWS["oom_kernels.v7_3"] | {"stopped": ["self-oom/threads=2/suspend"]}
    assert promises.differ(ROWS, new) == ["patched", "oom_kernels.v7_3"]


@pytest.mark.parametrize("kernel", promises.KERNELS)
def test_the_bound_counts_what_was_explored(kernel: str) -> None:
    whole = len(QUICK) - len(ROWS[kernel]["stopped"])
    assert ROWS[kernel]["bound"].startswith(f"all interleavings of {whole} situations, ")
    assert ROWS[kernel]["bound"].endswith(SLEEPS)

"""What kernels did under `oom-review kernels run` is what their models can do: its rows, copied to data/observations.jsonl.

Each run tries the situations of a few hundred states; the thorough profile tries all.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from oom_review.explore.limits import Limits
from oom_review.observed.models import model_of
from oom_review.observed.prediction import Prediction, predict
from oom_review.observed.rows import Observed, read
from oom_review.observed.translation import Played, translated
from oom_review.observed.verdict import WITHIN, Verdict, both_sides
from oom_review.situations.families import EVERY
from oom_review.situations.of_today import OF_TODAY
from oom_review.variants.loading import known

ROWS = tuple(read(Path(__file__).parent / "data" / "observations.jsonl"))
REPAIRED = "7.3.4-last-out"
SMALL, SMALL_OF_TODAY = 75, 250
THOROUGH = os.environ.get("OOM_REVIEW_PROFILE") == "thorough"
TRIED = [
    row
    for row in ROWS
    if THOROUGH or EVERY[row.situation].size <= (SMALL_OF_TODAY if row.situation in OF_TODAY else SMALL)
]
# On which kernels a sibling stays in the fridge is what all this began with.
FRIDGE = [row for row in ROWS if row.situation == "memcg-oom/threads=2/freezer=frozen" and row not in TRIED]
# Which suspends over a last close that waits, and which leaves an io_uring worker in the fridge.
OTHERWISE = [row for row in ROWS if row.situation in ("fuse/resume", "io_uring/frozen-suspend")]


@cache
def prediction(situation: str, variant: str) -> Prediction:
    """Once for all rows of that situation and model."""
    script = translated(EVERY[situation])
    assert isinstance(script, Played), script
    return predict(script, known(variant), Limits())


@pytest.mark.parametrize("row", TRIED + FRIDGE, ids=lambda row: f"{row.situation}-{row.version}")
def test_the_model_can_do_it(row: Observed) -> None:
    """Every outcome of the row."""
    found = Verdict(prediction(row.situation, row.kernel), row)
    assert found.verdict == WITHIN, both_sides(found)


def test_the_rows_say_what_the_models_do_not_share() -> None:
    """A row of one kernel, held against the other's model, is a mismatch: the comparison can fail."""
    other = {"oom_kernels.v6_12": "oom_kernels.v7_3", "oom_kernels.v7_3": "oom_kernels.v6_12"}
    for row in FRIDGE + OTHERWISE:
        if row.kernel in other:
            assert Verdict(prediction(row.situation, other[row.kernel]), row).outside == tuple(
                sorted(row.outcomes)
            )


def test_every_row_is_there() -> None:
    """Of three kernels and one that was built with a repair, each held against its model, in situations that there are."""
    assert {row.version.split("+")[0].removesuffix("-amd64") for row in ROWS} == {
        "6.1.0-56",
        "6.12.117",
        "7.3.4",
        REPAIRED,
    }
    repair = {REPAIRED: "oom_kernels.v7_3_last_out"}
    assert all(row.kernel == repair.get(row.version, model_of(row.version)) for row in ROWS)
    assert {row.situation for row in ROWS} <= set(EVERY)

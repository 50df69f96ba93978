"""The file of predictions: written before a kernel is booted, and taken from there as long as nothing that decides them has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import cattrs

from oom_review.observed.prediction import Prediction
from oom_review.situations.results import header
from oom_review.situations.results_file import ResultsFile
from oom_review.variants.loading import known
from oom_review.variants.sources import variant_digest

FORMAT = "oom-review predictions"
DECIDES = ("observed",)
_CONVERTER = cattrs.Converter(forbid_extra_keys=True)


class Predictions:
    """An open file of them; nobody else writes to it meanwhile.  Whatever is wrong with it raises BadInput."""

    def __init__(self, path: Path) -> None:
        """Read what there is; begin a new file if there is none."""
        self._made: dict[tuple[str, str, str], Prediction] = {}
        self._file = ResultsFile(path, attrs.asdict(header(FORMAT, DECIDES)), "a file of predictions")
        self._file.each(self._take)

    def close(self) -> None:
        """What is written stays."""
        self._file.close()

    def of(self, situation: str, variant: str) -> Prediction | None:
        """The prediction, if it is made; one that hit a limit is made anew."""
        found = self._made.get((situation, variant, variant_digest(known(variant))))
        return None if found is None or found.bounded else found

    def add(self, prediction: Prediction) -> None:
        """Remember it."""
        digest = variant_digest(known(prediction.variant))
        data: dict[str, Any] = cattrs.unstructure(prediction)
        self._file.append(data | {"sources": digest})
        self._made[prediction.situation, prediction.variant, digest] = prediction

    def _take(self, number: int, line: bytes) -> None:
        try:
            data = json.loads(line)
            digest = data.pop("sources")
            prediction = _CONVERTER.structure(data, Prediction)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, cattrs.BaseValidationError):
            raise self._file.bad(number, "not a prediction") from None
        self._made[prediction.situation, prediction.variant, digest] = prediction

"""What is expected of a kernel: what a file says of it; what the ledger says; and of one that the ledger does not know, what its base does.

A verdict that is not the expected one is news, and what a patch has from its base is none.  The ledger knows those that
come with the project; a base that it does not know either is reviewed beside the patch (``beside``), and its verdicts are what is
expected.  A kernel without a base is to keep every claim.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from oom_review.claims import CLAIMS, HOLDS, REFUTED, Claim
from oom_review.errors import BadInput
from oom_review.files import write_over_ours
from oom_review.situations import of_today
from oom_review.situations.families import FAMILIES
from oom_review.situations.of_today import OF_TODAY
from oom_review.variants.loading import VariantError, known
from oom_review.verdicts import Cell

FORMAT, VERSION = "oom-review expectations", 1
MARKER = f'"format": "{FORMAT}"'
MAX_BYTES = 1_000_000
EITHER = ""
"""No expectation."""
Verdicts = Mapping[str, Mapping[str, str]]
"""By variant and claim."""

KNOWN = frozenset(name for claim in CLAIMS for name in claim.expected)
"""The kernels of which the ledger says what is expected."""


@attrs.define(frozen=True)
class Expectations:
    """``base``: whose verdicts are expected of kernels that the ledger does not know; empty for the one that each of them stands on.
    ``given``: what a file says.
    """  # noqa: D205 - what the values mean is the summary

    base: str = ""
    given: Verdicts = attrs.Factory(dict)

    def verdict(self, claim: Claim, variant: str) -> str:
        """HOLDS or REFUTED."""
        given = self.given.get(variant, {}).get(claim.id)
        return given or claim.expected.get(self._decides(claim, variant), HOLDS)

    def in_situation(self, claim: Claim, situation: str, variant: str) -> str:
        """The verdict in one situation, or EITHER: a file, and the ledger outside of a claim's family, do not say where it is refuted."""
        verdict = self.verdict(claim, variant)
        family = FAMILIES.get(claim.id)
        if claim.id not in self.given.get(variant, {}):
            if situation in OF_TODAY:
                return of_today.expected(claim.id, situation, self._decides(claim, variant))
            if family is not None and situation in family.names:
                return family.expected(situation, self._decides(claim, variant))
        return EITHER if verdict == REFUTED else HOLDS

    def _decides(self, claim: Claim, variant: str) -> str:
        """The kernel whose verdict is expected; empty if nobody says anything of any."""
        return next((name for name in (variant, *self._under(variant)) if name in claim.expected), "")

    def _under(self, variant: str) -> list[str]:
        """What the kernel stands on, the nearest first; for one that the ledger knows nothing else counts."""
        if variant in KNOWN:
            return []
        own = _lineage(variant)[1:]
        return _lineage(self.base) if self.base and self.base != variant else own

    def base_of(self, variant: str) -> str:
        """The kernel that it is held to; empty for none."""
        return next(iter(self._under(variant)), "")

    def beside(self, variant: str) -> str:
        """A base of which the ledger knows nothing: it has to be reviewed, too.  Empty if there is none, or a file says what is expected."""
        under = self._under(variant)
        measured = under and variant not in self.given and not KNOWN.intersection(under)
        return under[0] if measured else ""

    def bases(self, variants: Iterable[str]) -> frozenset[str]:
        """Those that are reviewed beside any of these."""
        return frozenset(filter(None, map(self.beside, variants)))

    def with_bases(self, variants: Iterable[str]) -> list[str]:
        """These, and behind them bases of which nothing is known."""
        names = list(variants)
        return list(dict.fromkeys((*names, *sorted(self.bases(names)))))


def _lineage(variant: str) -> list[str]:
    """The kernel and what it stands on; of one that is not at hand nothing is known."""
    try:
        return [v.name for v in reversed(known(variant).lineage())]
    except VariantError:
        return [variant]


def read(path: Path) -> Verdicts:
    """The verdicts in a file of expectations.  Raises BadInput."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path}: larger than {MAX_BYTES} bytes")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path}: not a file of expectations") from None
    if not _is_ours(data):
        raise BadInput(f"{path}: not a file of expectations, or of another version")
    given: Verdicts = data["expected"]
    return given


def _is_ours(data: Any) -> bool:
    if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (FORMAT, VERSION):
        return False
    rows = data.get("expected")
    return isinstance(rows, dict) and all(
        isinstance(row, dict) and all(verdict in (HOLDS, REFUTED) for verdict in row.values())
        for row in rows.values()
    )


def write(path: Path, cells: Iterable[Cell]) -> list[str]:
    """What was found, as a file over nothing or an older one; the verdicts that are no expectation, in words.  Raises BadInput."""
    expected: dict[str, dict[str, str]] = {}
    left = []
    for cell in cells:
        if cell.verdict in (HOLDS, REFUTED):
            expected.setdefault(cell.variant, {})[cell.id] = cell.verdict
        else:
            left.append(f"{cell.id} on {cell.variant} is {cell.verdict}")
    data = {"format": FORMAT, "version": VERSION, "expected": expected}
    write_over_ours(path, json.dumps(data, indent=1) + "\n", MARKER)
    return left


def not_in_step(given: Verdicts, cells: Iterable[Cell], *, whole: bool) -> list[str]:
    """Verdicts that the file does not have, and with ``whole`` those that only the file has, of the kernels that were reviewed; a line each."""
    made = {(c.variant, c.id): c.verdict for c in cells}
    said = {(variant, claim) for variant, row in given.items() for claim in row}
    reviewed = {variant for variant, _claim in made}
    lines = [
        f"not in the file: {claim} on {variant} {made[variant, claim]}"
        for variant, claim in made
        if (variant, claim) not in said
    ]
    stale = sorted((v, c) for v, c in said - set(made) if v in reviewed) if whole else []
    return lines + [
        f"only in the file: {claim} on {variant} {given[variant][claim]}" for variant, claim in stale
    ]

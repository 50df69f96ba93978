"""A review's verdicts as data, which ``oom-review review --json`` writes and a report reads.  What is wrong raises BadInput."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs
import cattrs
import jsonschema

from oom_review import ledger
from oom_review.errors import BadInput
from oom_review.project import version
from oom_review.scenario.file import parse
from oom_review.variants.loading import origin, title_of

FORMAT = "oom-review review"
MARKER = f'"format": "{FORMAT}"'
MAX_BYTES = 20_000_000
VERSION = 1


@attrs.define(frozen=True)
class Alternative:
    """Another context that could have taken a step.  ``outcome``: after it the promise "breaks" whatever follows, can still be
    kept ("keeps"), or is "unknown", as a limit was hit; ``end``: an end that was found there, in words.
    """  # noqa: D205 - what the values mean is the summary

    task: str
    outcome: str
    end: str


@attrs.define(frozen=True)
class Cell:
    """One verdict, next to the one that the ledger expects.

    ``bound``: within which every interleaving was tried, if any; ``scenario``: a scenario file's text; ``sentence``: what is
    promised, or what was broken; ``surprise``: what an exploration gave that nobody expected, or where it stopped.
    ``alternatives``: by the number of a step of the counterexample; a step that is not there was not explored from.
    ``endless``: of the programs' runs, so many never came to rest and were left after a limit of steps.
    """

    id: str
    variant: str
    verdict: str
    expected: str
    examples: int
    interleavings: int
    scenario: str | None
    seed: int | None = None
    bound: str | None = None
    seconds: float = 0.0
    sentence: str = ""
    surprise: str | None = None
    alternatives: dict[str, list[Alternative]] = attrs.Factory(dict)
    endless: int = 0

    @property
    def as_expected(self) -> bool:
        """The suite's own verdict."""
        return self.verdict == self.expected and not self.surprise


@attrs.define(frozen=True)
class Kind:
    """A kind of end that only one of two kernels has, instead of what the other one has.

    ``names``: as the accepted differences call it; ``situations``: in how many it was seen.
    """

    only_on: str
    has: tuple[str, ...]
    instead_of: tuple[str, ...]
    names: tuple[str, ...]
    situations: int


@attrs.define(frozen=True)
class Change:
    """What a patch changes as a whole: all interleavings of so many ``situations`` on both kernels.

    ``unexpected``: what is not as the accepted differences say, in one line, or empty.
    """

    base: str
    patch: str
    situations: int
    kinds: tuple[Kind, ...]
    unexpected: str = ""

    @property
    def title(self) -> str:
        """From which kernel to which."""
        return " -> ".join(title_of(name) for name in (self.base, self.patch))


@attrs.define(frozen=True)
class Review:
    """All verdicts; differences found in lockstep, with counts, and explored bounds, if the review has any.

    ``endless``: for a variant on which an exploration found a run that never comes to rest, though its base's all do, the text of a
    scenario file with it.  ``change``: what the RFC changes, if both its kernels were compared, too.

    ``command`` made it at the time ``made``, with those versions of the ``project`` and ``python``, of variants that were loaded
    from those ``files``: empty or None if not recorded.
    """

    claims: tuple[Cell, ...]
    differences: dict[str, int] = attrs.Factory(dict)
    bounds: tuple[str, ...] = ()
    endless: dict[str, str] = attrs.Factory(dict)
    change: Change | None = None
    command: str = ""
    made: str = ""
    project: str = ""
    python: str = ""
    seed: int | None = None
    files: dict[str, str] = attrs.Factory(dict)

    def cell(self, claim: str, variant: str) -> Cell | None:
        """The verdict on that claim on that variant."""
        return next((c for c in self.claims if (c.id, c.variant) == (claim, variant)), None)

    @property
    def news(self) -> list[str]:
        """What nobody expected beside the verdicts, a line each."""
        lines = [
            f"{title_of(name)} need not come to rest in {parse(text).settings.title}"
            for name, text in self.endless.items()
        ]
        if self.change is not None and self.change.unexpected:
            lines.append(f"{self.change.title}: {self.change.unexpected}")
        return lines

    @property
    def as_expected(self) -> bool:
        """All of it is."""
        return not self.news and all(c.as_expected for c in self.claims)

    @property
    def variants(self) -> list[str]:
        """In the order of the review."""
        return list(dict.fromkeys(c.variant for c in self.claims))

    @property
    def ids(self) -> list[str]:
        """The claims' ids in the order of the review."""
        return list(dict.fromkeys(c.id for c in self.claims))


def made_by(review: Review, words: Sequence[str], seed: int) -> Review:
    """The review, with how it came about: the command line without its program, now and here."""
    return attrs.evolve(
        review,
        command=shlex.join(["oom-review", *words]),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        project=version(),
        python=platform.python_version(),
        seed=seed,
        files={name: origin(name) for name in review.variants},
    )


def only(review: Review, claims: Sequence[str]) -> Review:
    """The verdicts on these claims alone.  Raises BadInput for a claim that is not in it."""
    for claim in claims:
        if ledger.find(claim).id not in review.ids:
            raise BadInput(f"the review has no verdict on {claim}")
    return attrs.evolve(review, claims=tuple(c for c in review.claims if c.id in claims), change=None)


def schema() -> dict[str, Any]:
    """The published JSON Schema of a review."""
    text = files("oom_review").joinpath("review.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def as_json(review: Review) -> str:
    """For a file."""
    return json.dumps({"format": FORMAT, "version": VERSION, **attrs.asdict(review)}, indent=1) + "\n"


def read(path: Path) -> Review:
    """The review in that file."""
    try:
        if not path.is_file():
            raise BadInput(f"{path}: not a regular file" if path.exists() else f"{path}: No such file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path}: larger than {MAX_BYTES} bytes")
    try:
        value = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not JSON: {_line(error)}") from None
    return from_data(value, str(path))


def from_data(value: Any, name: str) -> Review:
    """The review in a JSON value."""
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema()).iter_errors(value))
    if error is not None:
        where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        raise BadInput(
            f"{name}: not the result of a review: {where.lstrip('.') or 'it'}: {_line(error.message)}"
        )
    review = cattrs.structure(value, Review)
    seen = set()
    for cell in review.claims:
        if not ledger.is_known(cell.id):
            raise BadInput(f"{name}: {ledger.no_such(cell.id)}")
        if (cell.id, cell.variant) in seen:
            raise BadInput(f"{name}: two verdicts on {cell.id} on {cell.variant!r}")
        seen.add((cell.id, cell.variant))
    return review


def _line(reason: object) -> str:
    text = " ".join(str(reason).split())
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= 200 else f"{shown[:90]} ... {shown[-90:]}"  # noqa: PLR2004 - one line of a terminal

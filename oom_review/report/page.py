"""The page.  The same verdicts always give the same bytes: nothing in it depends on time, place or the order of a hash."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from markupsafe import Markup

from oom_review import ledger
from oom_review.claims import REFUTED
from oom_review.compare.brief import headline, statement
from oom_review.differences import DIFFERENCES, diverge
from oom_review.errors import BadInput
from oom_review.project import version
from oom_review.report.drawing import LEGEND, title
from oom_review.report.players import Player, Stage, players
from oom_review.report.templates import environment, text_of
from oom_review.scenario.file import dumps
from oom_review.verdicts import Cell, Review

MARKER = '<meta name="generator" content="oom-review report">'
MAX_BYTES = 3_000_000
# A run with more steps than that is shown without a player; the next is tried when the page grows too large.
STEP_LIMITS = (3000, 600, 150, 0)
SCRIPTS = (
    "timeline.js",
    "lanes.js",
    "panel.js",
    "search.js",
    "play.js",
    "player.js",
    "address.js",
    "overview.js",
    "copy.js",
    "main.js",
)
NOT_RECORDED = "not recorded"


@attrs.define(frozen=True)
class Shown:
    """A cell of the verdict table: the verdict's words, what it rests on, and where its player is."""

    cell: Cell
    basis: tuple[str, ...]
    key: str

    @property
    def as_expected(self) -> bool:
        """The suite's own verdict on this verdict."""
        return self.cell.as_expected


def page(review: Review, name: str) -> str:
    """The whole page.  Raises BadInput if a scenario can't be replayed, or if the page would be too large."""
    return fitting(lambda limit: _render(review, players(review, name, limit)), name)


def fitting(made: Callable[[int], str], name: str) -> str:
    """A page with as many players as fit; ``made`` makes it with those of at most so many steps.  Raises BadInput."""
    size = 0
    for limit in STEP_LIMITS:
        text = made(limit)
        size = len(text.encode())
        if size < MAX_BYTES:
            return text
    raise BadInput(f"{name}: the page would have {size} bytes, more than {MAX_BYTES}")


def render(template: str, **more: object) -> str:
    """A page of ours, with what all of them need."""
    css, js = text_of("lanes.css", "style.css"), _script()
    return (
        environment()
        .get_template(template)
        .render(
            marker=Markup(MARKER),  # noqa: S704 - our own
            policy=_policy(css, js),
            css=css,
            js=js,
            letters=LEGEND,
            title=title,
            file_text=lambda p: dumps(p.file),
            download=_download,
            data=_embedded,
            ends=_ends,
            version=version(),
            **more,
        )
    )


def _render(review: Review, made: Sequence[Player]) -> str:
    shown = {(p.cell.id, p.cell.variant): p for p in made}
    rows = [
        (ledger.find(claim), [_shown(review.cell(claim, v), shown) for v in review.variants])
        for claim in review.ids
    ]
    return render(
        "template.html.j2",
        variants=[(v, title(v)) for v in review.variants],
        rows=rows,
        unexpected=[s for _claim, cells in rows for s in cells if s is not None and not s.as_expected],
        refuted=sum(c.verdict == REFUTED for c in review.claims),
        players=made,
        claims=ledger.by_id(),
        origin=_origin(review),
        verdicts=list(dict.fromkeys(c.verdict for c in review.claims)),
        differences=_differences(review),
        bounds=review.bounds,
        news=review.news,
        endless=[(title(name), text) for name, text in review.endless.items()],
        change=review.change,
        change_headline=headline(review.change) if review.change else "",
        statement=statement,
    )


def _origin(review: Review) -> list[tuple[str, str, bool]]:
    """How the review came about: what, with what, and whether that is code."""
    versions = [f"oom-review {review.project}"] if review.project else []
    versions += [f"Python {review.python}"] if review.python else []
    seeds = [] if review.seed is None else [f"from {review.seed}"]
    seeds += (
        ["where a verdict has one of its own, it names it"]
        if any(c.seed is not None for c in review.claims)
        else []
    )
    return [
        ("Reviewed", review.made or NOT_RECORDED, False),
        ("Command", review.command or NOT_RECORDED, bool(review.command)),
        ("Versions", ", ".join(versions) or NOT_RECORDED, False),
        ("Kernels", "; ".join(f"{v}: {f}" for v, f in review.files.items()) or NOT_RECORDED, False),
        ("Seeds", "; ".join(seeds) or NOT_RECORDED, False),
    ]


def _shown(cell: Cell | None, made: dict[tuple[str, str], Player]) -> Shown | None:
    if cell is None:
        return None
    basis = [cell.bound] if cell.bound else []
    player = made.get((cell.id, cell.variant))
    seed = cell.seed
    if player is not None:
        scenario = player.file.scenario
        seed = player.file.settings.seed if seed is None else seed
        basis.append(
            f"{_plural(len(scenario.operations), 'operation')}, {_plural(scenario.preemptions, 'preemption')}"
        )
    if cell.verdict == REFUTED:
        basis.append(f"example {cell.examples}" + ("" if seed is None else f", seed {seed}"))
    else:
        basis += [
            _plural(cell.examples, "example"),
            _plural(cell.examples + cell.interleavings, "interleaving"),
        ]
        basis += [f"{cell.endless} of them without end"] if cell.endless else []
        basis += [] if seed is None else [f"from seed {seed}"]
    return Shown(cell, tuple(basis), player.key if player is not None else "")


def _plural(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _ends(player: Stage) -> list[tuple[str, str, str]]:
    """What could be seen and is not the same in the end."""
    left, right = (s.trace.observation for s in player.sides)
    return [(f"{d.kind} {d.subject}".strip(), _said(d.left), _said(d.right)) for d in diverge(left, right)]


def _said(value: object) -> str:
    if isinstance(value, tuple):
        return (
            ", ".join(_said(v) if not isinstance(v, tuple) else " ".join(map(str, v)) for v in value)
            or "none"
        )
    return str(value) or "none"


def _differences(review: Review) -> list[tuple[str, str, str, int]]:
    known = {d.id: d for d in DIFFERENCES}
    found = [
        (id_, known[id_].seen, known[id_].why, count)
        for id_, count in review.differences.items()
        if id_ in known
    ]
    found += [(id_, "", "", count) for id_, count in review.differences.items() if id_ not in known]
    return sorted(found, key=lambda d: (-d[3], d[0]))


def _script() -> Markup:
    """The modules, in one scope of their own."""
    return Markup('"use strict";\n(() => {{\n{}}})();\n').format(text_of(*SCRIPTS))


def _policy(css: str, js: str) -> str:
    """Nothing from anywhere; of scripts and styles only these."""
    return (
        f"default-src 'none'; script-src {_hash(js)}; style-src {_hash(css)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    # The browser hashes all that stands between the tags, with the line ends of our template.
    digest = hashlib.sha256(b"\n" + text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _embedded(value: dict[str, Any]) -> Markup:
    """JSON in a script element: nothing in it may end the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - escaped for where it stands


def _download(text: str) -> str:
    return f"data:text/plain;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"

"""The page of an ablation: a heat map, mixtures of the RFC's hunks down and promises across."""

from __future__ import annotations

from oom_review.ablate.ablation import Ablation
from oom_review.ablate.text import by_promise, lines, short
from oom_review.report.page import render


def page(a: Ablation) -> str:
    """The whole page; the mixtures that break least come first."""
    rows = sorted(a.broken.items(), key=lambda row: (len(row[1]), len(row[0])))
    return render(
        "ablated.html.j2",
        promises=a.promises,
        places=a.places,
        rows=[(short(parts), by_promise(cells)) for parts, cells in rows],
        lines=list(lines(a)),
    )

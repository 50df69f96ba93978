"""The roads not taken: what each of them breaks in five small situations, every interleaving; and the page that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from oom_review.claims import REFUTED
from oom_review.explore.explorer import explore
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario
from oom_review.variants.loading import load, title_of

PAGE = Path(__file__).parent.parent / "docs/roads.md"
SUSPEND, SECOND, ALONE = (
    "self-oom/threads=2/suspend",
    "self-oom/threads=2/racing=second-oom",
    "memcg-oom/threads=2",
)
THAWED, ONE = "memcg-oom/threads=1/suspend/freezer=frozen", "self-oom/threads=1/suspend"
PLACES = (SUSPEND, SECOND, ALONE, THAWED, ONE)
LEAKS, SPURIOUS, ONCE = "count-returns", "no-spurious-ebusy", "counted-once-per-group"
NOISE, TAIL = ("disabled-means-quiet", "suspended-means-quiet"), "no-tail-when-suspended"
FRIDGE = ("fridge-empties", "victim-dies")

BROKEN: dict[str, tuple[tuple[str, ...], ...]] = {
    "legacy_tifmemdie": ((NOISE[0], *FRIDGE), (ONCE,), (), (NOISE[0],), (NOISE[0],)),
    "patched": ((LEAKS, SPURIOUS), (LEAKS,), (LEAKS,), (), ()),
    "oom_kernels.postponed": (FRIDGE, (ONCE,), (), (), ()),
    "oom_kernels.mark_every_thread": (
        (LEAKS, ONCE, NOISE[0], SPURIOUS),
        (LEAKS, ONCE),
        (LEAKS, ONCE),
        (NOISE[0],),
        (NOISE[0],),
    ),
    "oom_kernels.poll_until_dead": ((ONCE, *FRIDGE), (ONCE,), (ONCE,), (ONCE, *NOISE, TAIL), (ONCE,)),
    "oom_kernels.thread_count": ((LEAKS, SPURIOUS), (LEAKS,), (LEAKS,), (), ()),
    "oom_kernels.group_dead": ((*NOISE, TAIL), (), ("count-never-negative", LEAKS), (), ()),
    "oom_kernels.last_out": ((), (), (), (), ()),
}
"""By kernel, and by place in their order: the promises that some interleaving breaks."""


@pytest.mark.parametrize("kernel", BROKEN)
def test_what_it_breaks(kernel: str) -> None:
    """No more, and no less."""
    for place, broken in zip(PLACES, BROKEN[kernel], strict=True):
        result = explore(scenario(SITUATIONS[place]), load(kernel))
        assert not result.bounded
        refuted = {claim for claim, v in result.verdicts.items() if v.verdict == REFUTED}
        assert refuted == set(broken), place


def table() -> str:
    """In Markdown: a row for each kernel, the promises in the order of the places where they break first."""
    rows = ["| kernel | breaks | in |", "|---|---|---|"]
    for kernel, broken in BROKEN.items():
        first = {
            claim: place
            for place, claims in reversed(list(zip(PLACES, broken, strict=True)))
            for claim in claims
        }
        claims = sorted(first, key=lambda claim: (PLACES.index(first[claim]), claim))
        where = ", ".join(dict.fromkeys(f"`{first[claim]}`" for claim in claims))
        rows.append(f"| {title_of(kernel)} | {', '.join(claims) or 'none of these'} | {where} |")
    return "\n".join(rows) + "\n"


def test_the_page_has_this_table() -> None:
    """And the five places."""
    page = PAGE.read_text(encoding="utf-8")
    assert table() in page, table()
    assert all(f"`{place}`" in page for place in PLACES)

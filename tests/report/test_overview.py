"""The head of the page and its overview in a browser: how it came about, what the filter leaves, and that nothing breaks in two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chromium import Listener
from pages import data, made, review
from playwright.sync_api import Browser, Page, expect

from oom_review.differences import DIFFERENCES

# The verdicts that are to be seen: (claim, kernel, verdict).
SEEN = """() => [...document.querySelectorAll(".verdicts td")].filter((td) => td.checkVisibility()
    && td.firstElementChild.checkVisibility({ visibilityProperty: true }))
  .map((td) => [td.dataset.claim, td.dataset.kernel, td.dataset.verdict])"""
PLAYERS = """() => [...document.querySelectorAll("section.player")].filter((s) => s.checkVisibility()).map((s) => s.id)"""


def wanted(**chosen: str) -> list[list[str]]:
    """What the review says, as far as it is chosen."""
    cells = [{"claim": c["id"], "kernel": c["variant"], "verdict": c["verdict"]} for c in data()["claims"]]
    return [list(c.values()) for c in cells if chosen.items() <= c.items()]


def origin(page: Page) -> dict[str, str]:
    """The head's list."""
    pairs = page.locator(".origin div").all()
    return {str(p.locator("dt").text_content()): str(p.locator("dd").text_content()) for p in pairs}


def test_the_head_says_how_the_review_came_about(opened: tuple[Page, Listener]) -> None:
    """When, with which command, versions and seeds."""
    page, _listener = opened
    assert origin(page) == {
        "Reviewed": "2026-11-20T09:30:00+00:00",
        "Command": "oom-review review --budget 60 --json review.json",
        "Versions": "oom-review 1.0, Python 3.11.7",
        "Kernels": "not recorded",
        "Seeds": "from 0",
    }


def test_what_an_older_review_lacks_is_not_recorded(chromium: Browser, tmp_path: Path) -> None:
    """And nothing is made up for it."""
    value = data()
    for name in ("command", "made", "project", "python", "seed"):
        del value[name]
    value["claims"][0]["seed"] = 7
    path = tmp_path / "report.html"
    path.write_text(made(value), encoding="utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    said = origin(page)
    page.close()
    assert said == dict.fromkeys(("Reviewed", "Command", "Versions", "Kernels"), "not recorded") | {
        "Seeds": "where a verdict has one of its own, it names it"
    }


@pytest.mark.parametrize(
    "chosen",
    [
        {"claim": "disabled-means-quiet"},
        {"kernel": "oom_kernels.v7_3"},
        {"verdict": "refuted"},
        {"verdict": "holds", "kernel": "patched"},
        {"claim": "fridge-empties", "verdict": "refuted"},
        {"claim": "count-never-negative", "verdict": "refuted"},
    ],
    ids=lambda c: "-".join(c.values()),
)
def test_the_filter_leaves_what_is_asked_for(
    opened: tuple[Page, Listener], address: str, chosen: dict[str, str]
) -> None:
    """In the table and of the players; the address keeps it, a reload too, and one button undoes it."""
    page, _listener = opened
    assert page.evaluate(SEEN) == wanted()
    all_players = page.evaluate(PLAYERS)
    for name, value in chosen.items():
        page.locator(f".filter [name={name}]").select_option(value)
    found = wanted(**chosen)
    assert page.evaluate(SEEN) == found
    headers = page.locator(".verdicts thead th[data-kernel]")
    kernels = [str(th.get_attribute("data-kernel")) for th in headers.all() if th.is_visible()]
    assert kernels == ([chosen["kernel"]] if "kernel" in chosen else review().variants)
    expect(page.locator(".filter [role=status]")).to_have_text(f"{len(found)} of 15 verdicts")
    left = page.evaluate(PLAYERS)
    refuted = {(claim, kernel) for claim, kernel, verdict in found if verdict == "refuted"}
    shown = [
        page.locator(f"[id='{key}']").evaluate("(s) => [s.dataset.claim, s.dataset.kernel]") for key in left
    ]
    assert {(claim, kernel) for claim, kernel in shown} == refuted
    query = "&".join(f"{n}={chosen[n]}" for n in ("claim", "kernel", "verdict") if n in chosen)
    expect(page).to_have_url(f"{address}#?{query}")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate(SEEN) == found
    page.locator(".filter button").click()
    assert page.evaluate(SEEN) == wanted()
    assert page.evaluate(PLAYERS) == all_players


def test_an_address_names_a_step_and_a_filter(opened: tuple[Page, Listener], address: str) -> None:
    """Both are followed; stepping keeps the filter, and a link to what it leaves out undoes it."""
    page, _listener = opened
    page.goto(f"{address}#no-spurious-ebusy/42?kernel=patched&verdict=refuted")
    assert page.evaluate(PLAYERS) == ["no-spurious-ebusy"]
    expect(page.locator("#no-spurious-ebusy .where")).to_have_text("step 42 of 127")
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(f"{address}#no-spurious-ebusy/43?kernel=patched&verdict=refuted")
    page.evaluate("() => { location.hash = '#fridge-empties/9?kernel=nobody'; }")
    page.wait_for_function("() => document.querySelector('#fridge-empties').checkVisibility()")
    assert page.evaluate(SEEN) == wanted()
    page.evaluate("() => { location.hash = '#?kernel=patched'; }")
    page.wait_for_function("() => !document.querySelector('#fridge-empties').checkVisibility()")
    page.evaluate("() => { location.hash = '#fridge-empties/9'; }")
    page.wait_for_function("() => document.querySelector('#fridge-empties').checkVisibility()")
    assert page.evaluate(SEEN) == wanted()


def test_the_unexpected_can_be_asked_for(chromium: Browser, tmp_path: Path) -> None:
    """Where there is any."""
    value = data()
    value["claims"][3]["expected"] = "refuted"
    path = tmp_path / "report.html"
    path.write_text(made(value), encoding="utf-8")
    page = chromium.new_page()
    page.goto(f"{path.as_uri()}#?verdict=unexpected")
    page.wait_for_selector("html[data-ready]")
    seen: Any = page.evaluate(SEEN)
    page.close()
    assert seen == [["count-never-negative", "legacy_tifmemdie", "holds"]]


@pytest.mark.parametrize("width", [360, 700, 1300])
def test_no_heading_or_number_breaks_in_two(chromium: Browser, tmp_path: Path, width: int) -> None:
    """ "Times" and its numbers stand in one line at any width; what is long has room or scrolls."""
    value = data()
    value["differences"] = {d.id: 12_345_678 for d in DIFFERENCES}
    path = tmp_path / "report.html"
    path.write_text(made(value), encoding="utf-8")
    page = chromium.new_page(viewport={"width": width, "height": 800})
    page.goto(path.as_uri())
    lines = page.evaluate(
        """() => [...document.querySelectorAll(".number")].map((cell) => {
          const range = document.createRange();
          range.selectNodeContents(cell);
          return new Set([...range.getClientRects()].map((r) => r.top)).size;
        })"""
    )
    page.close()
    assert len(lines) == len(DIFFERENCES) + 1
    assert set(lines) == {1}

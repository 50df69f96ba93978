"""The page of a comparison: each difference with its player, as text and in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Listener
from playwright.sync_api import Browser, Page, expect

from oom_review.commands import cli
from oom_review.compare import accepted
from oom_review.compare.comparison import Bounds, Comparison, compare, jobs
from oom_review.report import compared
from oom_review.report.page import MARKER
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.variants.loading import PAIR

# Both threads of a group run out of memory: the count leaks on the RFC, and rises twice on legacy.
SCRIPT = Scenario(
    (
        *(Op("fork", "init", ("p1",)), Run()),
        *(Op("clone", "p1", ("p2",)), Run()),
        *(Op("charge", "p1"), Op("charge", "p2"), Run()),
    )
)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    bounds = Bounds(0, 0, 1)
    return compare(jobs(PAIR, (), [("both", SCRIPT)], bounds, states=10_000), bounds, 1, lambda _said: None)


@pytest.fixture(scope="module")
def text(comparison: Comparison) -> str:
    return compared.page(comparison, accepted.ours(PAIR))


def test_every_difference_is_there(comparison: Comparison, text: str) -> None:
    assert compared.page(comparison, accepted.ours(PAIR)) == text
    assert "accepted as count-leaks" in text
    assert "accepted as" not in compared.page(comparison)
    assert len(comparison.groups) == text.count('<section class="player"') == text.count("ends so</span>")
    for number in range(1, len(comparison.groups) + 1):
        assert f"oom-review replay difference-{number}.scenario --variant " in text
    for reach in comparison.reach:
        assert f"<code>{reach.function.name}()</code>: " in text


def test_only_an_older_page_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = Scenario((Op("fork", "init", ("p1",)), Run()))
    (tmp_path / "small").write_text(scenario_file.dumps(ScenarioFile(small)))
    out = tmp_path / "page.html"
    words = ["compare", "legacy", "rfc", str(tmp_path / "small"), "--jobs", "1", "--out", str(out)]
    assert cli.main(words) == cli.main(words) == 1
    assert MARKER in out.read_text()
    out.write_text("mine")
    assert cli.main(words) == 2
    assert "page.html: exists, and is not an older one of ours" in capsys.readouterr().err
    assert out.read_text() == "mine"


@pytest.fixture
def opened(chromium: Browser, text: str, tmp_path: Path) -> Iterator[Page]:
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    page = chromium.new_page()
    listener = Listener(page)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page
    page.close()
    assert listener.messages == []
    assert {url.partition("#")[0] for url in listener.requests} == {path.as_uri()}


def test_it_opens_where_the_runs_part_and_can_be_stepped(opened: Page, text: str) -> None:
    section = opened.locator("#difference-1")
    where = section.locator(".where")
    written = re.findall(r'<output class="where">(.*?)</output>', text)[0]
    assert where.text_content() == written
    section.locator("[data-go=last]").click()
    expect(where).not_to_have_text(written)
    section.locator("[data-go=marked]").click()
    expect(where).to_have_text(written)
    sides = section.locator(".side .now .step")
    section.locator("[data-go=first]").click()
    expect(sides.nth(0)).to_have_text("The machine has booted.")
    expect(sides.nth(1)).to_have_text("The machine has booted.")


def test_the_filter_leaves_the_differences_of_one_kernel(opened: Page, comparison: Comparison) -> None:
    opened.locator("select[name=kernel]").select_option("patched")
    mine = sum(g.side for g in comparison.groups)
    assert 0 < mine < len(comparison.groups)
    expect(opened.locator("section.player:visible")).to_have_count(mine)
    expect(opened.locator(".filter [role=status]")).to_have_text(
        f"{mine} of {len(comparison.groups)} differences"
    )
    opened.locator(".filter button[type=reset]").click()
    expect(opened.locator("section.player:visible")).to_have_count(len(comparison.groups))

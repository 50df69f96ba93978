"""A player in a browser: the mark, arrows, who else could go, search, lanes that are hidden, and play."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from chromium import Listener
from pages import player, review
from playwright.sync_api import Browser, Page, expect

from oom_review.play import happens_before
from oom_review.play.trace import Step, Trace
from oom_review.report.players import Player, players

KEY = "no-spurious-ebusy"
EXPLORED = "suspended-means-quiet"
ALL = [p.key for p in players(review(), "review.json", 1000)]


def mine(made: Player) -> tuple[int, Trace]:
    """Which kernel of a player refutes the claim, and its run."""
    side = next(i for i, s in enumerate(made.sides) if s.trace.variant == made.cell.variant)
    return side, made.sides[side].trace


def go(page: Page, key: str, place: str) -> None:
    """To that place of a player."""
    page.evaluate("(hash) => { location.hash = hash; }", f"#{key}/{place}")
    after = "after " if "." in place else ""
    text = re.compile(f"^{after}step {place.partition('.')[0]} of")
    expect(page.locator(f"[id='{key}'] .where")).to_have_text(text)


GUTTER = 5
"""Of the columns: where the numbers of the steps stand."""


@pytest.mark.parametrize("key", ALL)
def test_the_mark_stands_where_the_columns_have_it(opened: tuple[Page, Listener], key: str) -> None:
    """Function and context above the text's ``^^^^`` are those of the step that the page marks, opens at and names."""
    page, _listener = opened
    section = page.locator(f"[id='{key}']")
    text = str(section.locator(f"[id='{key}-columns']").text_content()).splitlines()
    names = re.findall(r"CPU\d+ \((\S+)\)", next(line for line in text if line.startswith("step CPU0")))
    at = next(i for i, line in enumerate(text) if line.strip() and not line.strip().strip("^"))
    column = (text[at].index("^") - GUTTER) // 32
    number = int(re.findall(r"step (\d+) of", str(section.locator(".where").text_content()))[0])
    side, trace = mine(player(key))
    step = trace.steps[number - 1]
    assert step.task == names[column]
    above = [line[GUTTER + column * 32 :] for line in text[:at]]
    assert [n for line in text[:at] if (n := line[: GUTTER - 1].strip()).isdigit()][-1] == str(number)
    called = [m for line in above if line[:1] and (m := re.match(r" *(\w+)\(\)", line))]
    assert called[-1][1] == step.point[0]
    assert f"step {number}:" in str(section.locator(".blame").text_content())
    now = section.locator(".side").nth(side).locator(".now .mark")
    expect(now).to_be_visible()
    carets = section.locator(".side").nth(side).locator("svg .lane:has(.mark)")
    assert carets.get_attribute("data-task") == step.task
    section.locator("[data-go=next]").click()
    expect(now).to_be_hidden()
    section.locator("[data-go=marked]").click()
    expect(now).to_be_visible()
    expect(section.locator(".where")).to_have_text(f"step {number} of {len(trace.steps)}")


@pytest.mark.parametrize("key", ALL)
def test_the_marks_place_in_the_lanes_is_its_step(opened: tuple[Page, Listener], key: str) -> None:
    """The ``^^^^`` of the picture stands in the middle of the cursor when the player is at the step to blame."""
    page, _listener = opened
    side, _trace = mine(player(key))
    svg = page.locator(f"[id='{key}'] .side").nth(side).locator("svg").first
    x, width = (float(str(svg.locator(".cursor").get_attribute(name))) for name in ("x", "width"))
    assert float(str(svg.locator("text.mark").get_attribute("x"))) == pytest.approx(x + width / 2, abs=0.2)


def test_signs_are_explained_beside_the_lanes(opened: tuple[Page, Listener]) -> None:
    """Each player has its own, in sight with its lanes, and explains what occurs there and nothing else."""
    page, _listener = opened
    page.set_viewport_size({"width": 1300, "height": 900})
    for key in ALL:
        section = page.locator(f"[id='{key}']")
        said = section.locator(".legend li").evaluate_all(
            "(all) => all.map((li) => li.lastChild.textContent.trim())"
        )
        states = {s for side in player(key).sides for s in side.drawing.states}
        arrows = {a.arrow.kind for side in player(key).sides for a in side.drawing.arrows}
        assert states <= set(said)
        assert ("in the fridge" in said) == ("in the fridge" in states)
        assert ("releases its lock" in said) == (happens_before.UNLOCKS in arrows)
        legend, lanes = (section.locator(s).first.bounding_box() for s in (".legend", ".sides svg"))
        assert legend is not None
        assert lanes is not None
        assert legend["x"] > lanes["x"] + lanes["width"]
        assert legend["y"] < lanes["y"] + lanes["height"]


@pytest.mark.parametrize("key", ALL)
def test_an_arrow_for_each_edge_between_two_lanes(opened: tuple[Page, Listener], key: str) -> None:
    """The picture's arrows are the trace's edges, and lead from the lane of who acts to that of who is let go on."""
    page, _listener = opened
    made = player(key)
    for i, side in enumerate(made.sides):
        node = page.locator(f"[id='{key}'] .side").nth(i)
        found = node.locator("svg .arrow").evaluate_all(
            """(arrows) => arrows.map((a) => {
              const lane = (task) => [...a.closest("svg").querySelectorAll(".lane")]
                .find((l) => l.dataset.task === task).querySelector(".state").getBoundingClientRect();
              const [box, from, to] = [a.getBoundingClientRect(), lane(a.dataset.from), lane(a.dataset.to)];
              const ends = [[box.top, Math.min(from.bottom, to.bottom)], [box.bottom, Math.max(from.top, to.top)]];
              return [a.dataset.from, a.dataset.to, ends.every(([is, wanted]) => Math.abs(is - wanted) < 2)];
            })"""
        )
        wanted = {
            (s.number, s.task, e.task)
            for s in side.trace.steps
            for e in s.edges
            if {s.task, e.task} <= set(made.tasks)
        }
        assert sorted(found) == sorted([a, b, True] for _number, a, b in wanted)
        assert found


def test_a_reader_can_follow_who_let_whom_go_on(opened: tuple[Page, Listener]) -> None:
    """The lock that suspend waits for: its release, and from the step that got it back to who gave it."""
    page, _listener = opened
    side, trace = mine(player(KEY))
    given = next(s for s in trace.steps if any(e.kind == happens_before.UNLOCKS for e in s.edges))
    edge = next(e for e in given.edges if e.kind == happens_before.UNLOCKS and e.task == "init")
    taken = next(s for s in trace.steps[given.number :] if s.task == edge.task)
    go(page, KEY, str(given.number))
    node = page.locator(f"#{KEY} .side").nth(side)
    assert f"releases {edge.what} for init" in node.locator(".seen li").all_inner_texts()
    expect(node.locator(".arrow.now[data-to=init]")).to_have_count(1)
    go(page, KEY, str(taken.number))
    expect(node.locator(".now .cause")).to_have_text(
        f"It can go since step {given.number}: {given.task} releases {edge.what} for init"
    )
    expect(node.locator(".arrow.led-here")).to_have_count(1)
    node.locator(".now .cause button").click()
    expect(page.locator(f"#{KEY} .where")).to_have_text(f"step {given.number} of {len(trace.steps)}")


def test_another_next_step_says_what_exploring_found(opened: tuple[Page, Listener]) -> None:
    """Click on it: the outcome, and an end if one was found; the next click folds it again, and the next step forgets it."""
    page, _listener = opened
    made = player(EXPLORED)
    side, _trace = mine(made)
    others = page.locator(f"#{EXPLORED} .side").nth(side).locator(".others")
    for number, alternatives in made.cell.alternatives.items():
        go(page, EXPLORED, number)
        buttons = others.locator("button")
        assert buttons.count() == len(alternatives)
        for i, alternative in enumerate(alternatives):
            buttons.nth(i).click()
            told = str(others.locator(".told").text_content())
            meaning = {"breaks": "is broken", "keeps": "can still be kept", "unknown": "not known"}
            assert f"With a step of {alternative.task} instead" in told
            assert meaning[alternative.outcome] in told
            assert (f"An end: {alternative.end}." in told) == bool(alternative.end)
            assert others.locator("button[aria-pressed=true]").count() == 1
        buttons.last.click()
        expect(others.locator(".told")).to_have_text("")
        buttons.first.click()
        go(page, EXPLORED, str(int(number) + 1))
        assert others.locator(".told").count() == 0
    other = page.locator(f"#{EXPLORED} .side").nth(1 - side).locator(".others")
    go(page, EXPLORED, "20")
    assert "Not explored." in str(other.text_content()) or "Nobody else" in str(other.text_content())


def test_search_lists_the_steps_in_which_a_function_runs(opened: tuple[Page, Listener]) -> None:
    """On each kernel, by the numbers of its own steps; a click or Enter goes there."""
    page, _listener = opened
    section = page.locator(f"#{KEY}")
    box = section.locator("input[type=search]")
    for wanted in ("mark_oom_victim", "oom_kill_process()", "EXIT_MM", "no_such_function"):
        box.fill(wanted)
        name = wanted.removesuffix("()").lower()
        lines = section.locator(".found p").all_inner_texts()
        for line, kernel in zip(lines, player(KEY).sides, strict=True):
            found = {s.number for s in kernel.trace.steps if runs(s, name)}
            ranges = [
                tuple(map(int, re.findall(r"\d+", part)))
                for part in re.findall(" (\\d+(?:\N{EN DASH}\\d+)?)(?= |$)", line)
            ]
            assert {n for r in ranges for n in range(r[0], r[-1] + 1)} == found
            assert ("no step" in line) == (not found)
    box.fill("mark_oom_victim")
    side, trace = mine(player(KEY))
    first = next(s for s in trace.steps if runs(s, "mark_oom_victim"))
    section.locator(".found p").nth(side).locator("button").first.click()
    expect(section.locator(".where")).to_have_text(f"step {first.number} of {len(trace.steps)}")
    section.locator("[data-go=first]").click()
    box.fill("freeze_task")
    box.press("Enter")
    at = section.locator(".where").text_content()
    box.press("Enter")
    assert section.locator(".where").text_content() != at
    options = section.locator("datalist option").evaluate_all("(o) => o.map((n) => n.value)")
    assert {s.point[0] for side_ in player(KEY).sides for s in side_.trace.steps} <= set(options)


def runs(step: Step, name: str) -> bool:
    """A function whose name has that in it runs in the step."""
    return any(name in function.lower() for function in (step.point[0], *step.calls))


def test_arrow_keys_belong_to_the_search_while_one_writes(opened: tuple[Page, Listener]) -> None:
    """Home and the arrows move the caret, and a p is a letter."""
    page, _listener = opened
    section = page.locator(f"#{KEY}")
    before = section.locator(".where").text_content()
    section.locator("input[type=search]").press_sequentially("pp")
    for key in ("ArrowLeft", "Home", "End"):
        page.keyboard.press(key)
    assert section.locator(".where").text_content() == before
    assert section.locator("input[type=search]").input_value() == "pp"
    expect(section).not_to_have_class(re.compile("playing"))


def test_a_lane_can_be_hidden(opened: tuple[Page, Listener]) -> None:
    """On both kernels, with its arrows and its row of the table; the others close up, and it comes back."""
    page, _listener = opened
    section = page.locator(f"#{KEY}")
    before = picture(page)
    section.locator(".shown-lanes input[value=p2]").uncheck()
    hidden = picture(page)
    assert all("p2" in side["lanes"] and "p2" in side["rows"] for side in before)
    for old, new in zip(before, hidden, strict=True):
        assert new["lanes"] == [t for t in old["lanes"] if t != "p2"]
        assert new["rows"] == [t for t in old["rows"] if t != "p2"]
        assert new["arrows"] == [a for a in old["arrows"] if "p2" not in a]
        assert new["height"] < old["height"]
        tops = sorted(set(new["tops"]))
        assert [b - a for a, b in pairwise(tops)] == [28] * (len(tops) - 1)
    section.locator("[data-go=next]").click()
    section.locator("[data-go=previous]").click()
    assert picture(page) == hidden
    section.locator(".shown-lanes input[value=p2]").check()
    assert picture(page) == before


def picture(page: Page) -> list[dict[str, Any]]:
    """What is to be seen of the lanes of both kernels."""
    found: list[dict[str, Any]] = page.locator(f"#{KEY} .side").evaluate_all(
        """(sides) => sides.map((side) => {
          const svg = side.querySelector("svg");
          const shown = (all) => [...all].filter((n) => getComputedStyle(n).display !== "none");
          const lanes = shown(svg.querySelectorAll(".lane"));
          return {
            lanes: [...new Set(lanes.map((l) => l.dataset.task))],
            tops: lanes.map((l) => l.transform.baseVal[0].matrix.f),
            arrows: shown(svg.querySelectorAll(".arrow")).map((a) => [a.dataset.from, a.dataset.to]),
            rows: [...side.querySelectorAll("tbody th")].map((th) => th.textContent),
            height: svg.viewBox.baseVal.height,
          };
        })"""
    )
    return found


@pytest.fixture
def clocked(chromium: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page with a clock that only the test moves."""
    page = chromium.new_page(reduced_motion=request.param)
    page.clock.install()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    page.clock.pause_at(page.evaluate("() => Date.now() + 1000"))
    yield page
    page.close()


def stops() -> list[int]:
    """The positions at which it plays."""
    return [i for i, stop in enumerate(player(KEY).data["stops"]) if stop]


def position(page: Page) -> int:
    """Where the player stands."""
    return int(page.locator(f"#{KEY} input[type=range]").input_value())


@pytest.mark.parametrize(
    ("clocked", "pace"), [("no-preference", 800), ("reduce", 2000)], indirect=["clocked"]
)
def test_it_plays_from_change_to_change(clocked: Page, pace: int) -> None:
    """At its pace, slower for who prefers little motion; it can be paused and gone on with, and ends at the end."""
    section = clocked.locator(f"#{KEY}")
    play = section.locator(".play")
    section.locator("[data-go=first]").click()
    play.click()
    assert position(clocked) == 0
    for wanted in stops()[1:4]:
        clocked.clock.run_for(pace - 1)
        assert position(clocked) < wanted
        clocked.clock.run_for(1)
        assert position(clocked) == wanted
    glides = section.locator(".cursor").first.evaluate(
        "(c) => getComputedStyle(c).transitionDuration !== '0s'"
    )
    assert glides == (pace == 800)
    play.click()
    clocked.clock.run_for(10 * pace)
    assert position(clocked) == stops()[3]
    assert play.get_attribute("aria-label") == "play, from change to change"
    play.click()
    assert play.get_attribute("aria-label") == "pause, from change to change"
    clocked.clock.run_for(pace)
    assert position(clocked) == stops()[4]
    clocked.clock.run_for(pace * len(stops()))
    last = int(str(section.locator("input[type=range]").get_attribute("max")))
    assert position(clocked) == last
    assert play.get_attribute("aria-label") == "play, from change to change"
    play.click()
    assert position(clocked) == 0


@pytest.mark.parametrize("clocked", ["no-preference"], indirect=True)
def test_a_readers_own_step_ends_play(clocked: Page) -> None:
    """And screen readers are told where it stands once, when it ends."""
    section = clocked.locator(f"#{KEY}")
    section.locator("[data-go=first]").click()
    section.locator(".play").focus()
    clocked.keyboard.press("p")
    told = section.locator("[role=status]").first
    before = told.text_content()
    clocked.clock.run_for(1600)
    assert told.text_content() == before
    clocked.keyboard.press("ArrowRight")
    assert position(clocked) == stops()[2] + 1
    assert told.text_content() != before
    clocked.clock.run_for(8000)
    assert position(clocked) == stops()[2] + 1

"""The page in a real browser: what it says at each step, its keys and addresses, accessibility, and that it asks for nothing."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from chromium import Listener
from pages import data, made
from playwright.sync_api import Browser, Page, expect

from kernel_model.events import KINDS
from oom_review.differences import DIFFERENCES
from oom_review.play.happens_before import Edge
from oom_review.play.happens_before import words as edge_words
from oom_review.play.trace import Seen, record
from oom_review.report.lanes import frames
from oom_review.scenario.file import parse
from oom_review.schedules.driver import TICK
from oom_review.show.columns import in_source
from oom_review.show.remarks import focus_on, words
from oom_review.variants.loading import load

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
FIRST = "fridge-empties"
EXPLORED = "suspended-means-quiet"
OUTCOMES = {
    "breaks": "✗ {}, the promise is broken, whatever follows",
    "keeps": "✓ {}, the promise can still be kept",
    "unknown": "? {}, not known: the exploration hit a limit",
}

# All that a player says at the position where it stands.
SAYS = """(key) => {
  const section = document.getElementById(key);
  const texts = (node, selector) => [...node.querySelectorAll(selector)].map((n) => n.textContent.trim());
  return {
    where: section.querySelector(".where").textContent,
    slider: Number(section.querySelector("input[type=range]").value),
    operation: texts(section, ".operations [aria-current]"),
    sides: [...section.querySelectorAll(".side")].map((side) => ({
      step: side.querySelector(".step").textContent,
      calls: side.querySelector(".calls").textContent,
      source: side.querySelector(".source").textContent,
      seen: texts(side, ".seen li"),
      cause: side.querySelector(".cause").textContent,
      others: side.querySelector(".others").textContent,
      marked: !side.querySelector(".mark[hidden]"),
      kernel: side.querySelector(".kernel").textContent,
      rows: [...side.querySelectorAll(".tasks tbody tr")].map((row) => texts(row, "th, td")),
    })),
  };
}"""
# The same at all positions from the first to the last, each reached with a key.
SAYS_ALL = f"""(key) => {{
  const says = {SAYS};
  const section = document.getElementById(key);
  const slider = section.querySelector("input[type=range]");
  const press = (name) => slider.dispatchEvent(new KeyboardEvent("keydown", {{ key: name, bubbles: true, cancelable: true }}));
  press("Home");
  const all = [says(key)];
  for (let i = 0; i < Number(slider.max); i += 1) {{ press("ArrowRight"); all.push(says(key)); }}
  return all;
}}"""


def replayed(page: Page, key: str, directory: Path) -> tuple[dict[str, Any], str]:
    """The file that the page offers for download, replayed on the command line with the page's own command."""
    section = page.locator(f"[id='{key}']")
    link = section.locator("a[download]")
    text = base64.b64decode(str(link.get_attribute("href")).partition("base64,")[2]).decode()
    name = str(link.get_attribute("download"))
    (directory / name).write_text(text, encoding="utf-8")
    _program, *words_ = str(section.locator(".replay code").text_content()).split()
    done = subprocess.run(
        [sys.executable, "-m", "oom_review", *words_, "--json"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return json.loads(done.stdout), text


def expected(
    replay: dict[str, Any],
    indices: list[int | None],
    marked: int | None,
    explored: dict[str, list[dict[str, str]]],
) -> list[dict[str, Any]]:
    """What the page has to say of one kernel at each position, by the replay's JSON.

    ``marked``: the number of the step to blame; ``explored``: alternatives to steps by their numbers.
    """
    rows = {row["task"]: row for row in replay["boot"]}
    steps = sum(e["entry"] == "step" for e in replay["entries"])
    now: dict[str, Any] = {"number": 0, "oom_victims": 0, "phase": "running", "clock": 0}
    all_of_it = [said("The machine has booted.", {}, now, steps, rows, explored)]
    causes = CausesSoFar()
    for index in indices:
        if index is None:
            waits = "Nothing here: the other kernel takes a step of its own."
            all_of_it.append(said(waits, {}, now, steps, rows, explored))
            continue
        entry = replay["entries"][index]
        rows |= {row["task"]: row for row in entry.get("rows", [])}
        if entry["entry"] == "step":
            now = entry
        all_of_it.append(said(line(entry), entry, now, steps, rows, explored))
        all_of_it[-1] |= {"cause": causes.of(entry), "marked": entry.get("number", 0) == marked}
    return all_of_it


class CausesSoFar:
    """For each task, by what it was let go on since its own last step."""

    def __init__(self) -> None:
        self.causes: dict[str, str] = {}

    def of(self, entry: dict[str, Any]) -> str:
        """What the page says of an entry, each being shown in turn."""
        if entry["entry"] != "step":
            return ""
        who = "the clock" if entry["task"] == TICK else entry["task"]
        told = self.causes.pop(entry["task"], "")
        for edge in reversed(entry["edges"]):
            words_ = edge_words(Edge(**edge))
            self.causes[edge["task"]] = f"It can go since step {entry['number']}: {who} {words_}"
        return told


def others(entry: dict[str, Any], explored: dict[str, list[dict[str, str]]]) -> str:
    """Who else could go, and what exploring from there came to, if that was done."""
    if entry.get("entry") != "step":
        return ""
    if found := explored.get(str(entry["number"])):
        return "Could go instead: " + "".join(OUTCOMES[a["outcome"]].format(a["task"]) for a in found)
    names = [n for n in entry["ready"] if n != entry["task"]]
    names += [f"{n} if its sleep ends" for n in entry["may_wake"] if n != entry["task"]]
    return f"Could go instead: {', '.join(names)}. Not explored." if names else "Nobody else could go."


def line(entry: dict[str, Any]) -> str:
    if entry["entry"] == "rest":
        return "The run is over: nobody can go on." if entry["quiet"] else "The run is over."
    if entry["entry"] == "step":
        task = "the clock" if entry["task"] == "@tick" else entry["task"]
        return f"{task}: {entry['function']}: {entry['step']}"
    operation = " ".join([entry["op"], *map(str, entry["args"])])
    refused = f" (refused: {entry['refused']})" if entry["refused"] else ""
    return f"Asked for: {entry['task'] + ': ' if entry['task'] else ''}{operation}{refused}"


def said(
    text: str,
    entry: dict[str, Any],
    now: dict[str, Any],
    steps: int,
    rows: dict[str, Any],
    explored: dict[str, list[dict[str, str]]],
) -> dict[str, Any]:
    seen = [words(Seen(KINDS[e["kind"]], e)) for e in entry.get("seen", [])]
    edges = [edge_words(Edge(**e)) for e in entry.get("edges", [])]
    return {
        "step": text,
        "source": entry.get("source", ""),
        "cause": "",
        "others": others(entry, explored),
        "marked": False,
        "calls": " → ".join(f"{c}()" for c in entry.get("calls", []) if in_source(c)),
        "seen": seen
        + [e for e in edges if e not in seen]
        + [f"✗ broken: {claim}" for claim in entry.get("broken", [])],
        "kernel": f"Step {now['number']} of {steps} · oom_victims {now['oom_victims']}"
        f" · phase {now['phase']} · {now['clock']} ms",
        "rows": [
            [
                row["task"],
                row["state"] + ", marked" * row["marked"] + ", TIF_MEMDIE" * row["memdie"],
                row["at"] or "\N{EN DASH}",
            ]
            for row in rows.values()
        ],
    }


def all_expected(value: dict[str, Any], text: str) -> tuple[list[list[dict[str, Any]]], list[str]]:
    """For each position what both sides have to say, and where it is by the steps of the kernel that refutes the claim."""
    file = parse(text)
    explored = next(
        c.get("alternatives", {})
        for c in data()["claims"]
        if (c["id"], c["variant"]) == (file.settings.claim, file.settings.variant)
    )
    traces = [record(file.scenario, load(r["variant"])) for r in value["replays"]]
    order = frames(traces)
    sides = [
        expected(
            r,
            [frame[i] for frame in order],
            focus_on(traces[i], load(r["variant"]), file.settings.claim).blamed,
            explored if r["variant"] == file.settings.variant else {},
        )
        for i, r in enumerate(value["replays"])
    ]
    mine = [t.variant for t in traces].index(file.settings.variant)
    entries = value["replays"][mine]["entries"]
    steps = sum(e["entry"] == "step" for e in entries)
    number, where = 0, [f"step 0 of {steps}"]
    for frame in order:
        entry = {} if frame[mine] is None else entries[frame[mine] or 0]
        number = entry.get("number", number)
        where.append(f"{'' if 'number' in entry else 'after '}step {number} of {steps}")
    return [list(both) for both in zip(*sides, strict=True)], where


def test_each_step_says_what_the_replay_says(opened: tuple[Page, Listener], tmp_path: Path) -> None:
    """Stepping through every counterexample shows, at each step, exactly what the replay of its own file gives to programs."""
    page, _listener = opened
    keys = [str(s.get_attribute("id")) for s in page.locator("section.player").all()]
    assert FIRST in keys
    assert len(keys) >= 4
    for key in keys:
        value, text = replayed(page, key, tmp_path)
        wanted, where = all_expected(value, text)
        found = page.evaluate(SAYS_ALL, key)
        assert [f["slider"] for f in found] == list(range(len(wanted))), key
        for position, (f, w) in enumerate(zip(found, wanted, strict=True)):
            assert f["sides"] == w, f"{key}/{position}"
            assert f["where"] == where[position]


def test_the_keyboard_steps_and_the_address_follows(opened: tuple[Page, Listener], address: str) -> None:
    """Arrow keys step, with Shift to a change; the address names the step, and a reload stays there."""
    page, _listener = opened
    page.locator(f"[id='{FIRST}'] [data-go=first]").click()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(SAYS, FIRST)["slider"] == 11
    # Where a request or a rest stands, the address says how far behind which step.
    assert page.evaluate(SAYS, FIRST)["where"] == "after step 7 of 91"
    # The address is written a moment later; a script that waits for it would be against the page's own policy.
    expect(page).to_have_url(f"{address}#{FIRST}/7.3")
    before = page.evaluate(SAYS, FIRST)
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate(SAYS, FIRST) == before
    page.keyboard.press("Shift+ArrowRight")
    after = page.evaluate(SAYS, FIRST)
    assert after["slider"] > 11
    page.keyboard.press("End")
    end = page.evaluate(SAYS, FIRST)
    # The run is over after the last step: one position more.
    assert end["where"] == "after step 91 of 91"
    expect(page).to_have_url(re.compile(rf"#{FIRST}/91\.\d+$"))


def test_an_address_leads_to_its_step(opened: tuple[Page, Listener], address: str) -> None:
    """A link from a mail opens the page at the step, in sight; one that makes no sense changes nothing."""
    page, _listener = opened
    page.goto(f"{address}#no-spurious-ebusy/42")
    slider = page.locator("#no-spurious-ebusy input[type=range]")
    where = page.locator("#no-spurious-ebusy .where")
    expect(where).to_have_text("step 42 of 127")
    there = page.evaluate(SAYS, "no-spurious-ebusy")["slider"]
    assert page.locator("#no-spurious-ebusy").evaluate("(s) => s.getBoundingClientRect().top < innerHeight")
    for wrong in (
        "#no-spurious-ebusy/x",
        "#nothing/3",
        "#%ff/1",
        "#no-spurious-ebusy/99999999999",
        "#a/b/c",
        "#?claim=x",
    ):
        page.evaluate("(hash) => { location.hash = hash; }", wrong)
        assert page.evaluate(SAYS, "no-spurious-ebusy")["slider"] == there
    page.evaluate("() => { location.hash = '#no-spurious-ebusy/9999999'; }")
    expect(slider).to_have_value(str(slider.get_attribute("max")))
    page.evaluate("() => { location.hash = '#no-spurious-ebusy/13.1'; }")
    expect(where).to_have_text("after step 13 of 127")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, tmp_path: Path, scheme: Any) -> None:
    """No violation of any of axe-core's rules, best practices included, with all that a page can have, unfolded."""
    value = data() | {"bounds": ["RFC: 9 situations"], "differences": {DIFFERENCES[0].id: 12}}
    value["claims"][3]["expected"] = "refuted"
    path = tmp_path / "report.html"
    path.write_text(made(value), encoding="utf-8")
    page = chromium.new_page(color_scheme=scheme)
    page.goto(f"{path.as_uri()}#{EXPLORED}/71")
    page.wait_for_selector("html[data-ready]")
    page.locator(f"#{EXPLORED} .other").first.click()
    page.locator(f"#{EXPLORED} input[type=search]").fill("freeze")
    page.locator(f"#{EXPLORED} .shown-lanes input").first.uncheck()
    page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.evaluate(AXE)
    result = page.evaluate("() => axe.run(document)")
    page.close()
    assert len(result["passes"]) > 30
    assert [
        (v["id"], v["nodes"][0]["target"], v["nodes"][0]["failureSummary"]) for v in result["violations"]
    ] == []


def test_a_phone_need_not_scroll_sideways(chromium: Browser, address: str) -> None:
    """At 360 pixels nothing is wider than the screen."""
    page = chromium.new_page(viewport={"width": 360, "height": 740})
    page.goto(address)
    wide = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    page.close()
    assert wide == [360, 360]

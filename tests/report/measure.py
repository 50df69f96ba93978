"""How large the page of a review is, how long it takes to make and to show, and what axe-core finds; pictures if asked for.

python tests/report/measure.py REVIEW.json [DIRECTORY for report-table.png, report-player.png, report-phone.png]
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from chromium import Listener, browser
from playwright.sync_api import Browser

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"


def generate(review: Path, page: Path) -> None:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "oom_review", "report", "--review", review, "--out", page],
        check=False,
        stdout=subprocess.DEVNULL,
    )
    print(f"generated in {time.perf_counter() - started:.2f} s, the start of Python included")
    data = page.read_bytes()
    print(f"{len(data)} bytes, {len(gzip.compress(data, mtime=0))} compressed")


def look(chromium: Browser, address: str) -> None:
    for scheme in ("light", "dark"):
        page = chromium.new_page(color_scheme="dark" if scheme == "dark" else "light")
        listener = Listener(page)
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        print(f"{scheme}: first picture after {page.evaluate(PAINT):.0f} ms")
        page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        page.evaluate(AXE)
        found = page.evaluate("() => axe.run(document)")
        names = [v["id"] for v in found["violations"]]
        print(f"{scheme}: axe-core: {len(found['passes'])} rules passed, violations: {names or 'none'}")
        print(
            f"{scheme}: console: {listener.messages or 'silent'}; requests: {len(listener.requests)}, the page itself"
        )
        page.close()


def take_pictures(chromium: Browser, address: str, directory: Path) -> None:
    views = (
        ("table", 1000, 640, 1, ""),
        ("player", 1100, 760, 1, "#fridge-empties/55"),
        ("phone", 390, 844, 1, "#fridge-empties/55"),
    )
    for name, width, height, scale, fragment in views:
        page = chromium.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
        page.goto(address + fragment)
        page.wait_for_selector("html[data-ready]")
        page.screenshot(path=directory / f"report-{name}.png")
        page.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, browser() as chromium:
        path = Path(directory) / "report.html"
        generate(Path(sys.argv[1]), path)
        look(chromium, path.as_uri())
        if len(sys.argv) > 2:
            take_pictures(chromium, path.as_uri(), Path(sys.argv[2]))


if __name__ == "__main__":
    main()

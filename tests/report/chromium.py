"""The browser for the report's tests: any Chromium or Chrome that is there, driven by Playwright.

Run as a script, as `make test` does, it installs Chromium where there is none and the machine lets us. A plain pytest installs
nothing. Playwright's own browser was dropped: it is one more download, and lies in the user's cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

# Another browser, or none if it is empty.
CHOICE = "OOM_REVIEW_BROWSER"
NAMES = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
DEBIAN = Path("/etc/debian_version")
MISSING = "no Chromium or Chrome found"
INSTALL = (
    ("apt-get", "update"),
    ("apt-get", "install", "--yes", "--no-install-recommends", "chromium"),
)


def find() -> str | None:
    """The path of a browser, if there is one."""
    chosen = os.environ.get(CHOICE)
    names = NAMES if chosen is None else (chosen,)
    return next(filter(None, map(shutil.which, names)), None)


def install() -> None:
    """Install Chromium if there is none and we are root on Debian, and say so; what fails is said, and fails nothing else."""
    if find() or CHOICE in os.environ or os.geteuid() or not DEBIAN.exists():
        return
    print(f"{MISSING}: installing it, with {' '.join(INSTALL[-1])}", flush=True)
    for command in INSTALL:
        done = subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            print(done.stdout, file=sys.stderr)
            print(f"{' '.join(command)} failed, see above", file=sys.stderr)
            return


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser; without one the test fails on CI, and says why it is left out anywhere else."""
    path = find()
    if path is None:
        why = f"{MISSING}; the report was not tried in a browser"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield launched
        finally:
            launched.close()


class Listener:
    """What a page says on its console and asks for from anywhere."""

    def __init__(self, page: Page) -> None:
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.messages.append(f"uncaught: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))


if __name__ == "__main__":
    install()

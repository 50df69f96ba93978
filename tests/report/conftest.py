"""The page of the small review, open in a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import Listener, browser
from pages import made
from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests here."""
    with browser() as launched:
        yield launched


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the page lies."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(made(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(chromium: Browser, address: str) -> Iterator[tuple[Page, Listener]]:
    """The page, opened from a file; nothing may appear on its console, and nothing but itself be asked for."""
    page = chromium.new_page()
    listener = Listener(page)
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    yield page, listener
    page.close()
    assert listener.messages == []
    assert {url.partition("#")[0] for url in listener.requests} == {address}

"""What every test run shares: Hypothesis profiles, loaded explicitly, the kept regressions first, what was not run last."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase
from hypothesis.statistics import collector, describe_statistics

ROOT = Path(__file__).parent
LONGEST = 120
HERE = ROOT / ".hypothesis" / "examples"
T = TypeVar("T")
NO_BROWSER = "not tried in a browser"


class SharedDatabase(ExampleDatabase):
    """Redis; what it can't be asked, or told, is kept here instead: a server that is down must not cost a counterexample."""

    def __init__(self, address: str) -> None:
        """Nobody is connected to yet."""
        from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415 - an extra
        from redis import Redis  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 - the extra

        super().__init__()
        self._here = DirectoryBasedExampleDatabase(HERE)
        self._now: ExampleDatabase = RedisExampleDatabase(Redis.from_url(address))

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """See ExampleDatabase."""
        return self._ask(lambda database: list(database.fetch(key)))

    def save(self, key: bytes, value: bytes) -> None:
        """See ExampleDatabase."""
        self._ask(lambda database: database.save(key, value))

    def delete(self, key: bytes, value: bytes) -> None:
        """See ExampleDatabase."""
        self._ask(lambda database: database.delete(key, value))

    def _ask(self, what: Callable[[ExampleDatabase], T]) -> T:
        try:
            return what(self._now)
        except Exception as error:
            if self._now is self._here:
                raise
            sys.stderr.write(f"OOM_REVIEW_DATABASE: {error}; from here on examples are kept in {HERE}\n")
            self._now = self._here
            return what(self._now)


def _database() -> ExampleDatabase:
    """Where failing examples are kept: a directory, or Redis if OOM_REVIEW_DATABASE is its address."""
    place = os.environ.get("OOM_REVIEW_DATABASE") or str(HERE)
    if not place.startswith(("redis://", "rediss://")):
        return DirectoryBasedExampleDatabase(place)
    try:
        return SharedDatabase(place)
    except (ImportError, ValueError) as error:
        raise pytest.UsageError(
            f"OOM_REVIEW_DATABASE: {error} (the extra redis has to be installed)"
        ) from None


_CHECKS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
settings.register_profile(
    "default",
    max_examples=150,
    stateful_step_count=22,
    deadline=None,
    database=_database(),
    print_blob=True,
    suppress_health_check=_CHECKS,
)
# The same examples on every machine and worker.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, database=None)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=20_000)
# Goes on where the last run stopped, for hours if need be.
settings.register_profile("explore", settings.get_profile("default"), max_examples=1_000_000)
# Hypothesis would choose a profile of its own under CI, silently.
settings.load_profile(os.environ.get("OOM_REVIEW_PROFILE") or ("ci" if os.environ.get("CI") else "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The kept regressions first."""
    items.sort(key=lambda item: "test_corpus" not in item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """``--hypothesis-show-statistics`` also for tests that run their machines themselves, of which its plugin knows nothing."""
    if is_hypothesis_test(getattr(item, "obj", None)):
        return (yield)
    told: list[str] = []

    def note(statistics: Any) -> None:
        statistics["nodeid"] = item.nodeid
        lines = describe_statistics(statistics).splitlines()
        # One of them is the machine with all its rules.
        told.append("\n".join(line if len(line) <= LONGEST else f"{line[:LONGEST]} ..." for line in lines))

    with collector.with_value(cast("Any", note)):
        try:
            return (yield)
        finally:
            if told:
                # Where Hypothesis's plugin looks for them.
                item.hypothesis_statistics = "\n\n".join(told)  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """After pytest's own summary: how many tests wanted a browser, and how they come to one. Workers have no reporter."""
    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    if without := sum(NO_BROWSER in str(report.longrepr) for report in reporter.stats.get("skipped", ())):
        reporter.write_line(
            f"{without} tests were NOT run, for want of a browser: install Chromium or Chrome (on Debian: apt-get install "
            "chromium), or name one in OOM_REVIEW_BROWSER, and run make test again"
        )


@pytest.fixture(autouse=True)
def nobody_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers load what a user has named: a package that an earlier test had made is gone by then."""
    from oom_review import ledger  # noqa: PLC0415 - collecting is quicker without
    from oom_review.variants import loading  # noqa: PLC0415

    monkeypatch.setattr(loading, "_GIVEN", {})
    monkeypatch.setattr(ledger, "_GIVEN", {})

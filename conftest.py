"""What every test run shares: Hypothesis profiles, loaded explicitly, and ``pytest --replay FILE``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from oom_review import scenario_file
from oom_review.columns import columns
from oom_review.replay import replay
from oom_review.scenario_form import ScenarioError
from oom_review.variants import VariantError, load

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent


def _database() -> ExampleDatabase:
    """Where failing examples are kept: a directory, or Redis if OOM_REVIEW_DATABASE is a redis:// address."""
    place = os.environ.get("OOM_REVIEW_DATABASE", str(ROOT / ".hypothesis" / "examples"))
    if place.startswith("redis://"):
        from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415 - an extra
        from redis import Redis  # noqa: PLC0415

        return RedisExampleDatabase(Redis.from_url(place))
    return DirectoryBasedExampleDatabase(place)


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


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--replay FILE``."""
    parser.addoption("--replay", metavar="FILE", help="play this scenario file instead of the tests")


class ReplayItem(pytest.Item):
    """One scenario file on one variant: fails if its expectations are not met, or the claim it was made for still breaks."""

    def __init__(self, *, file: str, variant: str, **kwargs: object) -> None:
        """Remember what to play."""
        super().__init__(**kwargs)  # type: ignore[arg-type]  # pytest's own arguments
        self.file = file
        self.variant = variant

    def runtest(self) -> None:
        """Play it."""
        file = scenario_file.read(self.file)
        for played in replay(file, [load(self.variant)], self.file):
            if played.unmet:
                raise ReplayFailure(
                    columns(file.scenario, load(self.variant)) + "\n" + "\n".join(played.unmet)
                )

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The columns, and the command that prints them again."""
        del style
        return f"{excinfo.value}\noom-review replay {self.file} --variant {self.variant}"

    def reportinfo(self) -> tuple[str, int, str]:
        """Where it stands in the summary."""
        return self.file, 0, f"replay {self.file} on {self.variant}"


class ReplayFailure(AssertionError):
    """A replay did not give what its file expects."""


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Only the replay if one is asked for; else the kept regressions first."""
    file = config.getoption("--replay")
    if file is None:
        items.sort(key=lambda item: "test_corpus" not in item.nodeid)
        return
    items[:] = list(_replays(session, file))


def _replays(session: pytest.Session, name: str) -> Iterator[pytest.Item]:
    try:
        file = scenario_file.read(name)
        wanted = dict.fromkeys([v for v, _e in file.expect] or ["legacy_tifmemdie", "patched"])
        for variant in wanted:
            load(variant)
            yield ReplayItem.from_parent(
                session, name=f"{Path(name).name}[{variant}]", file=name, variant=variant
            )
    except (ScenarioError, VariantError) as error:
        pytest.exit(str(error), returncode=2)

"""``pytest --replay FILE``: a scenario file plays instead of the tests, on every variant that it expects something of.

A plugin of its own, because pytest must know the option before it reads any conftest.py.  Nothing is imported before it is needed:
coverage shall see the model being imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--replay FILE``."""
    parser.addoption("--replay", metavar="FILE", help="play this scenario file instead of the tests")


class ReplayFailure(AssertionError):
    """A replay did not give what its file expects."""


class ReplayItem(pytest.Item):
    """One scenario file on one variant: fails if the file's expectations are not met."""

    def __init__(self, *, file: str, variant: str, **kwargs: object) -> None:
        """Remember what to play."""
        super().__init__(**kwargs)  # type: ignore[arg-type]  # pytest's own arguments
        self.file = file
        self.variant = variant

    def runtest(self) -> None:
        """Play it."""
        from oom_review.scenario import file as scenario_file  # noqa: PLC0415
        from oom_review.show.columns import columns  # noqa: PLC0415
        from oom_review.show.replay import replay  # noqa: PLC0415
        from oom_review.variants import load  # noqa: PLC0415

        file = scenario_file.read(self.file)
        variant = load(self.variant)
        for played in replay(file, [variant], self.file):
            if played.unmet:
                raise ReplayFailure("\n".join([columns(file.scenario, variant), *played.unmet]))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The columns, and the command that prints them again."""
        del style
        return f"{excinfo.value}\noom-review replay {self.file} --variant {self.variant}"

    def reportinfo(self) -> tuple[str, int, str]:
        """Where it stands in the summary."""
        return self.file, 0, f"replay {self.file} on {self.variant}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Only the replay, if one is asked for."""
    file = config.getoption("--replay")
    if file is not None:
        items[:] = list(_replays(session, file))


def _replays(session: pytest.Session, name: str) -> Iterator[pytest.Item]:
    from oom_review.errors import BadInput  # noqa: PLC0415
    from oom_review.scenario import file as scenario_file  # noqa: PLC0415
    from oom_review.variants import PAIR, load  # noqa: PLC0415

    try:
        file = scenario_file.read(name)
        for variant in [v for v, _expected in file.expect] or PAIR:
            load(variant)
            yield ReplayItem.from_parent(
                session, name=f"{Path(name).name}[{variant}]", file=name, variant=variant
            )
    except BadInput as error:
        pytest.exit(str(error), returncode=2)

"""``pytest --oom-replay=FILE``: a scenario file plays instead of the tests, on every kernel that it names.

A plugin of its own, because pytest must know the options before it reads any conftest.py.  Nothing is imported before it is needed:
coverage shall see the model being imported.

With a blank instead of the ``=``, pytest takes FILE for a place to test, as it reads its settings before it knows our options: what
stands there (pytest.ini, conftest.py, rootdir) is not the user's word, and that is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

REPLAY, VARIANT, CLAIMS = "--oom-replay", "--oom-variant", "--oom-claims"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--oom-replay=FILE``, ``--oom-variant=NAME``, ``--oom-claims=FILE.py``."""
    group = parser.getgroup("oom-review")
    group.addoption(REPLAY, metavar="FILE", help="play this scenario file instead of the tests")
    group.addoption(
        VARIANT,
        metavar="NAME",
        action="append",
        help="a kernel of your own, such as ./my_v2, which files may name; with --oom-replay the one to play it on",
    )
    group.addoption(
        CLAIMS, metavar="FILE.py", action="append", help="claims of your own, which files may name"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before any conftest.py: settings that came from elsewhere than where the user stands came from the file's place."""
    if early_config.known_args_namespace.oom_replay is None:
        return
    here = early_config.invocation_params.dir
    settings = early_config.inipath
    places = [early_config.rootpath, *([] if settings is None else [settings.parent])]
    given = any(str(word).startswith(("--rootdir", "-c", "--config-file")) for word in _words(early_config))
    if not given and not all(here.is_relative_to(place) for place in places):
        raise pytest.UsageError(
            f"write {REPLAY}=FILE in one word: pytest has taken its settings from {places[-1]}"
        )


def _words(config: pytest.Config) -> tuple[object, ...]:
    return tuple(config.invocation_params.args)


def pytest_configure(config: pytest.Config) -> None:
    """Kernels and claims that the user gives may be named by files; nothing is collected beside a file that is to be played."""
    words, files = config.getoption(VARIANT) or (), config.getoption(CLAIMS) or ()
    if words or files:
        from oom_review import ledger  # noqa: PLC0415
        from oom_review.errors import BadInput  # noqa: PLC0415
        from oom_review.variants.loading import load_all  # noqa: PLC0415

        try:
            load_all(words)
            ledger.load_all(files)
        except BadInput as error:
            pytest.exit(str(error), returncode=2)
    if config.getoption(REPLAY) is not None:
        config.args[:] = []


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
        from oom_review.variants.loading import known, origins  # noqa: PLC0415
        from oom_review.workers.broken import bad_input  # noqa: PLC0415
        from oom_review.workers.endless import StepNeverEnds, watched  # noqa: PLC0415

        file = scenario_file.read(self.file)
        variant = known(self.variant)
        try:
            with watched():
                [played] = replay(file, [variant], self.file)
                shown = columns(file.scenario, variant) if played.unmet else ""
        except (Exception, SystemExit, StepNeverEnds) as error:
            bad = bad_input(error)
            if bad is None:
                raise
            raise ReplayFailure(bad) from None
        if played.unmet:
            raise ReplayFailure("\n".join([shown, *origins([variant.name]), *played.unmet]))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The columns, and the command that prints them again."""
        from oom_review.variants.loading import replaying  # noqa: PLC0415

        del style
        return f"{excinfo.value}\n{replaying(self.file, self.variant)}"

    def reportinfo(self) -> tuple[str, int, str]:
        """Where it stands in the summary."""
        return self.file, 0, f"replay {self.file} on {self.variant}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Only the replay, if one is asked for."""
    file = config.getoption(REPLAY)
    if file is not None:
        items[:] = list(_replays(session, file, config.getoption(VARIANT)))


def _replays(session: pytest.Session, name: str, words: list[str] | None) -> Iterator[pytest.Item]:
    from oom_review.errors import BadInput  # noqa: PLC0415
    from oom_review.scenario import file as scenario_file  # noqa: PLC0415
    from oom_review.variants.loading import chosen  # noqa: PLC0415

    try:
        file = scenario_file.read(name)
        for variant in chosen(words, file.variants):
            yield ReplayItem.from_parent(
                session, name=f"{Path(name).name}[{variant.name}]", file=name, variant=variant.name
            )
    except BadInput as error:
        pytest.exit(str(error), returncode=2)

"""The compiled core and the Python engine: equal to the last count, on kernels and on tables drawn at random."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from generated import KILLINGS, SMALL, killing, scenario
from tables import Likes, Table

import legacy_tifmemdie
import patched
from benchmarks.exploring import with_rivals
from kernel_model.variant import Variant
from oom_kernels import v7_3
from oom_review.claims import CLAIMS
from oom_review.errors import BadInput
from oom_review.explore import Bounds, Limits, Result, build, engines, explore, interface
from oom_review.explore import compiled as compiled_search
from oom_review.explore.compiled import CompiledSearch
from oom_review.explore.explorer import can_keep
from oom_review.explore.interface import Core
from oom_review.explore.limits import Cycle, LimitReached
from oom_review.explore.search import Search
from oom_review.scenario.items import Scenario
from oom_review.situations import script
from oom_review.situations.families import QUICK, SITUATIONS

VARIANTS = (legacy_tifmemdie.VARIANT, patched.VARIANT, v7_3.VARIANT)


def no_compiler() -> str:
    """Why there is none; a core that a compiler does not take is no reason to skip anything."""
    try:
        build.found_compiler()
    except build.NotBuilt as reason:
        return str(reason)
    return ""


needs_a_compiler = pytest.mark.skipif(bool(no_compiler()), reason=f"no compiled core here: {no_compiler()}")
TABLES = range(150)
SANITIZED = range(60)
FEW, MANY = Limits(states=400), Limits(states=1500)
SANITIZE = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
    "-g",
    "-D_GLIBCXX_ASSERTIONS",
)


# Tables drawn at random


def both(seed: int, core: Core) -> list[dict[str, Any]]:
    """All that either engine says of one table, and what it asked in which order."""
    answers = []
    for compiled in (False, True):
        table = Table(seed)
        likes = Likes(table)
        told: dict[Any, list[int]] = {}
        how: dict[str, Any] = {
            "por": seed % 5 != 0,
            "limits": FEW,
            "keep": "claim" if seed % 3 == 0 else "",
            "found": lambda claim, sentence, choices, told=told: told.setdefault((claim, sentence), choices),
            "ended": lambda final, choices, told=told: told.setdefault(final, choices),
        }
        search = CompiledSearch(core, table, likes, **how) if compiled else Search(table, likes, **how)
        stopped = ""
        try:
            search.run()
        except (LimitReached, Cycle) as reason:
            stopped = repr(reason)
        answers.append(
            {
                "counts": search.counts,
                "kept": search.kept,
                "stopped": stopped,
                "told": list(told.items()),
                "asked": table.asked,
                "held": table.held,
                "values": table.values(),
            }
        )
    return answers


@needs_a_compiler
@pytest.mark.parametrize("seed", TABLES)
def test_a_table(seed: int) -> None:
    """The same counts, ends, broken claims and choices, and the same questions in the same order."""
    python, compiled = both(seed, engines.core())  # type: ignore[arg-type]
    assert compiled == python


def test_tables_are_not_all_alike() -> None:
    """Many are searched to the end; states come back, are like others, are put off; slots come up; some break a claim or go in circles."""
    answers = [table_alone(seed) for seed in TABLES]
    assert sum(not stopped for _counts, stopped, _grown in answers) > len(TABLES) / 3
    assert sum("Cycle" in stopped for _counts, stopped, _grown in answers) >= 3
    assert sum(counts.pruned_by_symmetry > 0 for counts, _stopped, _grown in answers) >= 20
    assert sum(counts.pruned_by_cache > 0 for counts, _stopped, _grown in answers) >= 50
    assert sum(counts.pruned_by_order > 0 for counts, _stopped, _grown in answers) >= 50
    assert sum(grown > 3 for _counts, _stopped, grown in answers) >= 50


def table_alone(seed: int) -> tuple[Any, str, int]:
    table = Table(seed)
    likes = Likes(table)
    size = table.size()
    search = Search(table, likes, por=seed % 5 != 0, limits=FEW, found=lambda *_: None, ended=lambda *_: None)
    try:
        search.run()
    except (LimitReached, Cycle) as reason:
        return search.counts, repr(reason), table.size() - size
    return search.counts, "", table.size() - size


def test_a_sanitized_core_on_tables() -> None:
    """Nothing is read or written where nothing is, and nothing undefined is done: a build that would say so, in a process of its own."""
    flags = (*SANITIZE, *build.FLAGS)
    try:
        core = build.library(flags)
    except build.NotBuilt as reason:
        pytest.skip(f"no sanitizer build here: {reason}")
    compiler = build.found_compiler()
    # The interpreter has neither, and exceptions are looked for when the first is loaded.
    runtimes = [
        subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        for name in ("libasan.so", "libstdc++.so.6")
    ]
    if not all(Path(runtime.stdout.strip()).is_absolute() for runtime in runtimes):
        pytest.skip(f"{compiler} names no runtime of its sanitizers that can be loaded ahead")
    done = subprocess.run(
        [sys.executable, __file__, str(core)],
        env={
            **os.environ,
            "LD_PRELOAD": " ".join(runtime.stdout.strip() for runtime in runtimes),
            # The interpreter's own leaks are not ours.
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == f"{len(SANITIZED)} tables\n"


# What is raised meanwhile


class Odd(Exception):
    pass


def interrupted(core: Core, seed: int, interrupt: Callable[[Table], None]) -> None:
    """A search whose table interrupts at its twentieth question."""
    table = Table(seed)
    ask = table.drawn

    def drawn(*what: Any) -> Any:
        if len(table.asked) == 20:
            interrupt(table)
        return ask(*what)

    table.drawn = drawn  # type: ignore[assignment,method-assign]
    told: dict[str, Any] = {"found": lambda *_: None, "ended": lambda *_: None}
    CompiledSearch(core, table, Likes(table), por=True, limits=Limits(), **told).run()


@needs_a_compiler
def test_what_an_answer_raises_comes_out() -> None:
    """As it was raised."""

    def fails(_table: Table) -> None:
        raise Odd

    with pytest.raises(Odd):
        interrupted(engines.core(), 1, fails)  # type: ignore[arg-type]


@needs_a_compiler
def test_an_interrupt_while_the_core_runs_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is seen when the next answer begins, where nothing in Python could catch it."""
    seen: list[int] = []

    def before_the_first_line(table: Table) -> None:
        # As the interpreter does it for a signal: on entry of the next function that the core calls.
        def trace(frame: Any, _event: str, _argument: object) -> None:
            if frame.f_code.co_name == "asked":
                sys.settrace(before)
                seen.append(len(table.asked))
                raise KeyboardInterrupt

        before = sys.gettrace()
        sys.settrace(trace)

    with pytest.raises(KeyboardInterrupt):
        interrupted(engines.core(), 1, before_the_first_line)  # type: ignore[arg-type]
    assert seen


# Kernels


def explored(
    monkeypatch: pytest.MonkeyPatch, engine: str, situation: Scenario, variant: Variant, **how: Any
) -> Result:
    monkeypatch.setenv(engines.ASKED, engine)
    return explore(situation, variant, **how)


def compared(monkeypatch: pytest.MonkeyPatch, situation: Scenario, variant: Variant, **how: Any) -> Result:
    """Both answers are asserted to be equal: counts, verdicts, ends in their order, witnesses."""
    python, compiled = (
        explored(monkeypatch, e, situation, variant, **how) for e in (engines.PYTHON, engines.COMPILED)
    )
    assert attrs.evolve(compiled, engine=python.engine) == python
    assert list(compiled.finals) == list(python.finals)
    assert compiled.engine != python.engine
    return python


@needs_a_compiler
@pytest.mark.parametrize("seed", SMALL)
def test_generated_scenarios(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the start, with and without reductions."""
    bounds = Bounds(por=seed % 3 != 0, symmetry=seed % 4 != 0, short_sleeps=seed % 2 == 0)
    compared(monkeypatch, scenario(seed), VARIANTS[seed % 3], limits=MANY, bounds=bounds)


@needs_a_compiler
@pytest.mark.parametrize("seed", KILLINGS)
def test_killings(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where like threads die."""
    compared(monkeypatch, killing(seed), VARIANTS[seed % 3], limits=MANY)


@needs_a_compiler
@pytest.mark.parametrize("name", QUICK)
def test_quick_situations(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a review explores, on one kernel after the other."""
    variant = VARIANTS[QUICK.index(name) % 3]
    compared(monkeypatch, script.scenario(SITUATIONS[name]), variant, limits=MANY)


@needs_a_compiler
@pytest.mark.parametrize(
    ("operations", "short_sleeps"), [(3, False), (1, True)], ids=["at rest", "at any time"]
)
def test_like_threads_in_the_core_situation(
    operations: int, short_sleeps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many states stand for others here; at any time it is too large to come to them soon, unless the charge is alone."""
    result = compared(
        monkeypatch,
        with_rivals(3, operations),
        patched.VARIANT,
        limits=Limits(7000),
        bounds=Bounds(short_sleeps=short_sleeps),
    )
    assert result.counts.pruned_by_symmetry > 50


@needs_a_compiler
@pytest.mark.parametrize("seed", KILLINGS[:4])
def test_can_a_claim_be_kept(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answer, end and number of states for every claim."""
    for claim in CLAIMS:
        answers = []
        for engine in (engines.PYTHON, engines.COMPILED):
            monkeypatch.setenv(engines.ASKED, engine)
            answers.append(can_keep(killing(seed), VARIANTS[seed % 3], claim, limits=Limits(300)))
        assert answers[0] == answers[1]


# Which engine


def test_an_engine_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line."""
    monkeypatch.setenv(engines.ASKED, "fortran")
    with pytest.raises(BadInput, match="OOM_REVIEW_ENGINE=fortran: there are compiled and python"):
        explore(scenario(4), patched.VARIANT)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(engines.ASKED, raising=False)
    engines.core.cache_clear()
    yield tmp_path
    engines.core.cache_clear()


def without(engine: str) -> str:
    assert engine.startswith("explored in Python: ")
    return engine.removeprefix("explored in Python: ")


def test_without_a_compiler_python_explores(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result says so; who asked for the core is told that there is none."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    result = explore(scenario(4), patched.VARIANT)
    assert without(result.engine) == "CXX names no-such-compiler, which is not here"
    monkeypatch.setenv(engines.ASKED, engines.COMPILED)
    with pytest.raises(BadInput, match="OOM_REVIEW_ENGINE=compiled: there is no compiled core: CXX names"):
        explore(scenario(4), patched.VARIANT)


def test_nowhere_to_keep_it(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is at home."""

    def homeless(_path: Path) -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert without(engines.said()) == "there is no home directory to keep it in"


def test_a_compiler_that_fails(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first line is the reason, and nothing is kept of what it made."""
    compiler = elsewhere / "broken"
    compiler.write_text("#!/bin/sh\necho 'no room' >&2\nexit 1\n", encoding="utf-8")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    assert without(engines.said()) == f"{compiler} failed: no room"
    assert not list(elsewhere.rglob("*.so"))


def test_a_cache_that_cannot_be_written(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the directory should be."""
    (elsewhere / "oom-review").write_text("", encoding="utf-8")
    monkeypatch.setenv("CXX", sys.executable)
    assert "oom-review: " in without(engines.said())


@pytest.mark.parametrize("content", [b"", b"no library"])
def test_a_library_that_cannot_be_loaded(content: bytes, elsewhere: Path) -> None:
    """Python does it."""
    library = build.cache() / build.name(build.FLAGS)
    library.parent.mkdir()
    library.write_bytes(content)
    assert without(engines.said()).startswith("it can't be loaded: ")


def test_a_core_that_was_shipped(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken as it is, with no compiler and no cache; one that was made from other sources is not."""
    sources = elsewhere / "core"
    sources.mkdir()
    (sources / "core.cpp").write_text("", encoding="utf-8")
    monkeypatch.setattr(build, "SOURCES", sources)
    monkeypatch.setenv("CXX", "no-such-compiler")
    shipped = sources / build.name(build.FLAGS)
    shipped.write_bytes(b"")
    assert build.library() == shipped
    (sources / "core.cpp").write_text("int core;", encoding="utf-8")
    with pytest.raises(build.NotBuilt, match="no-such-compiler"):
        build.library()


@needs_a_compiler
def test_a_core_of_another_version(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not asked anything."""
    version = interface.VERSION
    monkeypatch.setattr(interface, "VERSION", 0)
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert f"its version is {version}, not 0" in without(engines.said())


@needs_a_compiler
def test_too_many_tasks_for_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python does it, from the beginning, and it is said."""
    monkeypatch.delenv(engines.ASKED, raising=False)
    monkeypatch.setattr(compiled_search, "MOST", 4)
    result = explore(scenario(4), patched.VARIANT)
    assert without(result.engine) == "more than 4 tasks"
    assert result.counts == explored(monkeypatch, engines.PYTHON, scenario(4), patched.VARIANT).counts


if __name__ == "__main__":
    for seed in SANITIZED:
        python, compiled = both(seed, Core(Path(sys.argv[1])))
        assert python == compiled
    sys.stdout.write(f"{len(SANITIZED)} tables\n")

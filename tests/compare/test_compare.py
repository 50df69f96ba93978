"""Comparing two kernels: what is found, that it is minimal and replays, what is said when a limit was hit, and bad input."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import attrs
import jsonschema
import pytest

from oom_review.commands.cli import main
from oom_review.compare.job import PROGRAM, Found, Job, Outcome, run
from oom_review.compare.programs import drawn
from oom_review.compare.shrink import shorter_ones, shrink
from oom_review.compare.statements import Difference, difference, nearest, statements
from oom_review.compare.window import RUNS, Measure, measure
from oom_review.explore import Bounds, explore
from oom_review.explore.final import Final
from oom_review.play.session import play
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario
from oom_review.variants import sources
from oom_review.variants.loading import load

PAIR = ("legacy_tifmemdie", "patched")
LEAK = Difference(("oom_victims ends at 1",), ("oom_victims ends at 0",))
TWO_THREADS = scenario(SITUATIONS["memcg-oom/threads=2"])
SMALLEST = Scenario(
    (
        *(Op("fork", "init", ("p1",)), Run()),
        *(Op("clone", "p1", ("p2",)), Run()),
        *(Op("charge", "p1"), Run()),
    )
)
WITH_MORE = Scenario((*SMALLEST.items[:-2], Op("fork", "init", ("p3",)), Run(), *SMALLEST.items[-2:]))
STILL = Final((("init", "user mode", False, ()),), (), (), (), (), "running", "")


def outcome(script: Scenario, states: int = 100_000) -> Outcome:
    return run(Job("file", "script", script, PAIR, (states, states)))


def found(script: Scenario) -> dict[tuple[int, Difference], Found]:
    return {(f.side, f.difference): f for f in outcome(script).found}


def test_the_leak_is_the_only_difference_of_two_threads() -> None:
    assert found(TWO_THREADS).keys() == {(1, LEAK)}
    assert outcome(TWO_THREADS).promises == (("count-returns", "holds", "refuted"),)


def test_a_kernel_does_not_differ_from_itself() -> None:
    again = run(Job("file", "script", TWO_THREADS, ("patched", "patched"), (100_000, 100_000)))
    assert (again.found, again.promises, again.lines) == ((), (), {})


def test_both_runs_replay() -> None:
    f = found(TWO_THREADS)[1, LEAK]
    assert play(f.here, load("patched")).observe().count == 1
    assert play(f.there, load("legacy")).observe().count == 0


def test_with_and_without_the_reductions() -> None:
    """The differences are those of the whole sets of ends."""
    script = scenario(SITUATIONS["memcg-oom/threads=1/traced=leader"])
    slow = Bounds(por=False, symmetry=False, whole_walks=False)
    for name in PAIR:
        assert (
            explore(script, load(name)).finals.keys()
            == explore(script, load(name), bounds=slow).finals.keys()
        )


def test_a_limit_is_said_and_nothing_is_sure() -> None:
    small = outcome(TWO_THREADS, 500)
    assert small.bounded == ("stopped at 500 states", "stopped at 500 states")
    assert not any(f.sure for f in small.found)


def test_the_smallest_script_can_lose_no_operation() -> None:
    key = (1, LEAK)
    explored: list[Job] = []

    def answers(jobs: Sequence[Job]) -> list[Outcome]:
        explored.extend(jobs)
        return list(map(run, jobs))

    smallest, f = shrink([key], [outcome(WITH_MORE)], lambda _key: 20_000, answers)[key]
    assert len(smallest.operations) < len(WITH_MORE.operations)
    assert f.difference == LEAK
    assert len({job.scenario for job in explored}) == len(explored)
    assert key in found(smallest)
    for index in range(len(smallest.items)):
        for shorter in shorter_ones(smallest, index):
            assert key not in _found_or_nothing(shorter), str(shorter)


def test_a_smaller_script_that_is_known_already_is_not_looked_for() -> None:
    """Nobody is asked for what lies between."""
    key = (1, LEAK)
    large, small = outcome(WITH_MORE), outcome(SMALLEST)
    asked: list[Scenario] = []

    def answers(jobs: Sequence[Job]) -> list[Outcome]:
        asked.extend(job.scenario for job in jobs)
        return list(map(run, jobs))

    assert shrink([key], [large, small], lambda _key: 20_000, answers)[key][0] == SMALLEST
    assert asked
    assert all(len(script.operations) < len(SMALLEST.operations) for script in asked)


def test_a_script_that_does_not_fit_is_passed_over_on_the_base_only() -> None:
    """What is tried must not depend on the patch: a program that is too large there only is a limit that was hit."""
    over = run(Job(PROGRAM, "program 1", TWO_THREADS, PAIR, (500, 100_000)))
    assert over.passed_over
    assert over.states[1] == 0
    hit = run(Job(PROGRAM, "program 1", TWO_THREADS, PAIR, (100_000, 500)))
    assert not hit.passed_over
    assert hit.bounded == ("", "stopped at 500 states")


def test_how_likely_it_is_and_how_wide_its_window() -> None:
    """If no end were of the kind, each place where somebody else could go would lead away."""
    both = found(Scenario((*SMALLEST.items[:-1], Op("charge", "p2"), Run())))
    rises = next(f for key, f in both.items() if key[1].only == ("oom_victims rises to 2",))
    got = measure(Measure(rises, PAIR))
    assert 0 <= got.likely <= RUNS
    assert 0 < got.window < got.steps
    everywhere = measure(Measure(attrs.evolve(rises, ends=frozenset()), PAIR))
    assert everywhere.likely == 0
    assert everywhere.window > got.window


def _found_or_nothing(script: Scenario) -> dict[tuple[int, Difference], Found]:
    got = outcome(script)
    return {} if got.impossible else {(f.side, f.difference): f for f in got.found}


def test_an_operation_that_one_kernel_does_not_allow() -> None:
    script = Scenario((Op("exit", "nobody_there"), Run()))
    assert outcome(script).impossible.startswith("legacy_tifmemdie: ")


# What is said of two ends


def changed(**values: object) -> Final:
    return Final(**{**{n: getattr(STILL, n) for n in STILL.__slots__ if n != "__weakref__"}, **values})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"counts": (1,)}, "oom_victims ends at 1"),
        ({"counts": (1, 2, 1, 0)}, "oom_victims rises to 2"),
        ({"counts": (-1, 0)}, "oom_victims falls to -1"),
        ({"pm": (("init", "suspend", "EBUSY"),)}, "suspend returns -EBUSY"),
        ({"warnings": ("oom_killer_disabled",)}, "warning: oom_killer_disabled"),
        ({"freezer_states": (("A", "FROZEN"),)}, "freezer.state of A reads FROZEN"),
        ({"phase": "suspended"}, "the machine stays suspended"),
        ({"panicked": "no reason"}, "panic: no reason"),
        ({"tasks": (*STILL.tasks, ("p1", "zombie", True, ("image",)))}, "a victim's thread: zombie"),
        ({"tasks": (*STILL.tasks, ("p1", "zombie", True, ("image",)))}, "a victim's thread: I/O while image"),
    ],
)
def test_everything_that_an_end_holds_is_said(values: dict[str, object], said: str) -> None:
    assert said in difference(changed(**values), STILL).only


def test_whose_name_differs_is_said_only_if_nothing_else_does() -> None:
    one = changed(tasks=(("p1", "zombie", False, ()), ("p2", "reaped", False, ())))
    two = changed(tasks=(("p1", "reaped", False, ()), ("p2", "zombie", False, ())))
    assert difference(one, two) == Difference(("p1: zombie", "p2: reaped"), ("p1: reaped", "p2: zombie"))


def test_the_nearest_end_differs_in_the_least() -> None:
    far = changed(panicked="x", phase="suspended")
    near = changed(phase="suspended")
    assert nearest(STILL, [far, near]) is near
    assert statements(STILL, names=True) == {"init: user mode": 1}


# Programs


def test_the_same_seed_draws_the_same_programs() -> None:
    legacy = load("legacy")
    assert drawn(legacy, 20, 7) == drawn(legacy, 20, 7)
    assert drawn(legacy, 20, 7) != drawn(legacy, 20, 8)
    assert len(set(drawn(legacy, 20, 7))) == 20


# The command


@pytest.fixture
def leak(tmp_path: Path) -> str:
    file = tmp_path / "leak.scenario"
    file.write_text(scenario_file.dumps(ScenarioFile(WITH_MORE)))
    return str(file)


def test_a_mail_has_75_columns_and_the_run(leak: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "legacy", "rfc", leak, "--mail", "--jobs", "1"]) == 1
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 75
    assert "1. only on patched: oom_victims ends at 1 (instead of: oom_victims ends at" in out
    digests = [sources.variant_digest(load(name))[:12] for name in PAIR]
    told = f"sources of legacy_tifmemdie {digests[0]}, patched {digests[1]}"
    assert told in " ".join(out.split())
    assert "oom-review replay difference-1.scenario --variant patched" in out
    assert "release_task() in exit.py: ran in 1 explorations" in out
    assert out.endswith("1 kinds of ends only on patched\n")


def test_accepted_differences(leak: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = tmp_path / "known.json"
    words = ["compare", "legacy", "rfc", leak, "--jobs", "1", "--resume", str(tmp_path / "explored")]
    assert main([*words, "--json", str(tmp_path / "x.json"), "--write-accept", str(known)]) == 1
    data = json.loads((tmp_path / "x.json").read_text())
    assert [(d["only on"], d["has"]) for d in data["differences"]] == [("patched", list(LEAK.only))]
    schema = json.loads(files("oom_review.compare").joinpath("comparison.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(data, schema, jsonschema.Draft202012Validator)
    for part in (data, data["differences"][0], data["functions"][0]):
        for name in [n for n in part if n != "$schema"]:
            left_out = part.pop(name)
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(data, schema, jsonschema.Draft202012Validator)
            part[name] = left_out
    bounded = data["bounded"]
    capsys.readouterr()
    assert main([*words, "--accept", str(known)]) == int(bool(bounded))
    assert "all differences are accepted ones" in capsys.readouterr().out
    empty = json.loads(known.read_text())
    row = empty["differences"].pop()
    known.write_text(json.dumps(empty))
    assert main([*words, "--accept", str(known)]) == 1
    assert "not accepted: only on patched: oom_victims ends at 1" in capsys.readouterr().out
    row["names"] = ["the-leak"]
    empty["differences"] = [row, row | {"has": ["something else"]}]
    known.write_text(json.dumps(empty))
    assert main([*words, "--accept", str(known)]) == 1
    out = capsys.readouterr().out
    assert "accepted, and gone: only on patched: something else" in out
    assert "accepted as the-leak" in out
    again = tmp_path / "again.json"
    main([*words, "--accept", str(known), "--write-accept", str(again)])
    assert main([*words, "--write-accept", str(again)]) == 2
    assert "again.json: exists; it is left as it is" in capsys.readouterr().err
    main([*words, "--accept", str(known), "--json", "-"])
    printed = capsys.readouterr()
    assert json.loads(printed.out)["sources"].keys() == set(PAIR)
    assert "accepted, and gone" in printed.err
    assert [r["names"] for r in json.loads(again.read_text())["differences"]] == [["the-leak"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["legacy", "legacy"], "are the same kernel"),
        (["legacy", "nobody"], "variant 'nobody' can't be imported"),
        (["legacy", "rfc", "missing.scenario"], "missing.scenario"),
        (["legacy", "rfc", "--accept", "missing.json"], "missing.json: No such file"),
        (["legacy", "rfc", "--programs", "-1"], "--programs -1"),
        (["legacy", "rfc", "--states", "0"], "not a number above 0"),
    ],
)
def test_bad_input(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = main(["compare", *words])
    except SystemExit as end:
        status = int(end.code or 0)
    assert status == 2
    assert said in capsys.readouterr().err

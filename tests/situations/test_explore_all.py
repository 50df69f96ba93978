"""`oom-review explore` without a file, as its users run it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import patched
from oom_review.claims import BY_ID, HOLDS, REFUTED
from oom_review.commands.cli import main
from oom_review.play.session import play
from oom_review.scenario import file as scenario_file
from oom_review.show.table import print_unexpected
from oom_review.situations.exploration import Exploration
from oom_review.situations.families import FAMILIES, QUICK, SITUATIONS
from oom_review.situations.job import Job, Outcome, run
from oom_review.situations.progress import Progress
from oom_review.situations.results import Results
from oom_review.situations.verdicts import unexpected, verdicts
from oom_review.variants import loading
from oom_review.variants.loading import DEFAULT_VARIANTS, load

ONE, TWO, GONE = "memcg-oom/threads=1", "memcg-oom/threads=2", "memcg-oom/threads=2/leader=long-gone"


def chosen(*names: str) -> list[str]:
    """The arguments that choose these situations, and one variant."""
    return [word for name in names for word in ("--situation", name)] + ["--variant", "rfc"]


def explore(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """The exit status, output and errors of the command."""
    words = [sys.executable, "-m", "oom_review", "explore", *arguments]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_it_says_what_holds_within_which_bounds_and_keeps_what_is_refuted(tmp_path: Path) -> None:
    """A table with bounds, a scenario file for the smallest refutation; a second run explores nothing anew and says the same."""
    arguments = [*chosen(ONE, GONE), "--claim", "count-returns", "--claim", "victim-dies"]
    arguments += ["--resume", "results", "--save", "found", "--jobs", "2", "--verbose"]
    status, output, errors = explore(*arguments, cwd=tmp_path)
    assert (status, errors) == (0, "")
    words = " ".join(output.split())
    assert "2/2 jobs" in words
    assert "refuted in 1 of 2 situations" in words.replace("│ ", "")
    assert "all interleavings of 1 situation, up to 1 thread, " in words.replace("│ ", "")
    assert f"count-returns is refuted on RFC: {GONE}" in output
    assert "oom-review replay found/count-returns--patched.scenario --variant patched" in output
    kept = scenario_file.read(tmp_path / "found" / "count-returns--patched.scenario")
    assert "count-returns" in play(kept.scenario, load("patched")).violations
    again = explore(*arguments, cwd=tmp_path)
    assert again[0] == 0
    assert "jobs" not in again[1]
    first, second = (
        said[said.index("count-returns is") : said.index("oom-review replay")] for said in (output, again[1])
    )
    assert first == second
    assert (tmp_path / "found" / "count-returns--patched-2.scenario").is_file()


def test_a_limit_never_counts_as_holds(capfd: pytest.CaptureFixture[str]) -> None:
    """Status 1, and no verdict of holds in the table; what was refuted before the limit is."""
    assert main(["explore", *chosen(ONE, TWO), "--states", "10", "--verbose"]) == 1
    output = capfd.readouterr().out
    assert "bounded: stopped at 10 states in 2 of 2" in " ".join(output.replace("│", "").split())
    assert "bounded: 2 of 2 jobs hit a limit, 0 were lost" in output
    assert "holds" not in output
    assert "7 verdicts: 0 hold, 0 refuted, 7 bounded\n" in output


def killed_over_two(job: Job) -> Outcome:
    """A worker that somebody kills over one of the jobs."""
    if job.situation == TWO:
        os.kill(os.getpid(), signal.SIGKILL)
    return run(job)


def test_a_killed_worker_loses_one_job(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One line names it, the rest goes on, nothing of it counts as explored, and the next run does it alone."""
    jobs = [Job(name, "patched") for name in (ONE, TWO, GONE)]
    for answer, lost in ((killed_over_two, 1), (run, 0)):
        results = Results(tmp_path / "r", ["patched"])
        exploration = Exploration(jobs, results, answer)
        exploration.run(2)
        results.close()
        printed, errors = capfd.readouterr()
        assert len(exploration.lost) == lost
        assert len(exploration.outcomes) == 3 - lost
        assert errors.count("\n") == lost
        if lost:
            assert (
                errors
                == f"oom-review: the worker that explored {TWO} on patched died (Killed); all else is kept\n"
            )
            cells = verdicts([j.situation for j in jobs], ["patched"], exploration.outcomes.values())
            cell = next(c for c in cells if c.claim.id == "no-io-after-io-context")
            assert (cell.verdict, cell.bound) == ("bounded", "bounded: 1 not explored of 2 situations")
        else:
            assert printed.count("\n") == 1


def test_interrupted_it_says_how_to_go_on(tmp_path: Path) -> None:
    """Ctrl-C: one line, status 130; what is finished is kept, and the command that is printed does the rest."""
    # Many jobs of much the same size: there is plenty left after the first.
    some = [
        "[12]",
        "2/leader=first",
        "2/leader=last",
        "2/parent=ignores",
        "2/parent=nocldwait",
        "2/parent=frozen",
    ]
    globs = [word for end in some for word in ("--situation", f"memcg-oom/threads={end}")]
    words = [sys.executable, "-m", "oom_review", "explore", *globs, "--jobs", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        _rest, errors = process.communicate()
    assert first.startswith("3/28 jobs")
    assert process.returncode == 130
    assert errors.count("\n") == 1
    said, again = errors.split("to go on: oom-review explore ")
    done = int(said.split("interrupted; ")[1].split()[0])
    assert done >= 1
    assert again.split()[-2:] == ["--resume", "oom-review-explore.jsonl"]
    results = Results(tmp_path / "oom-review-explore.jsonl", DEFAULT_VARIANTS)
    jobs = [Job(name, variant) for name in SITUATIONS for variant in DEFAULT_VARIANTS]
    assert sum(results.outcome(job) is not None for job in jobs) == done
    results.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--situation", "no-such"], "no such situation: 'no-such'"),
        (["--claim", "no-such"], "; there are: fridge-empties, "),
        (["--threads", "5"], "--threads 5: victims have 1 to 4 threads"),
        (["--threads", "0"], "--threads 0: victims have 1 to 4 threads"),
        (["--states", "-1"], "argument --states: '-1' is not a number above 0"),
        (["--jobs", "many"], "argument --jobs: 'many' is not a number above 0 and up to 256"),
        (["--claim", "fridge-empties", "--situation", "*/sharer=*", "--list"], "no situation is in all"),
        (["--variant", "nope"], "variant 'nope' can't be imported"),
        (["--variant", "short"], "variant 'short': short does not define release_task()"),
        (["--variant", "broken", "--situation", ONE], "variant 'broken' broke at "),
        (["--resume", "mine.txt"], "mine.txt: not the results of an exploration; it is left as it is"),
        (["--save", "mine.txt"], "mine.txt: File exists"),
        (
            ["mine.txt", "--claim", "fridge-empties"],
            "--claim chooses among situations: not together with a file",
        ),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Status 2, one line that says what; nothing of the user's is touched."""
    monkeypatch.setattr(loading, "_GIVEN", {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine.txt").write_text("precious\n", encoding="utf-8")
    (tmp_path / "short.py").write_text(
        "from kernel_model.sched import Variant\nVARIANT = Variant('short')\n", encoding="utf-8"
    )
    shutil.copytree(
        Path(patched.__file__).parent, tmp_path / "broken", ignore=shutil.ignore_patterns("__pycache__")
    )
    source = tmp_path / "broken" / "exit.py"
    source.write_text(
        source.read_text(encoding="utf-8").replace("last = False", "last = nothing"), encoding="utf-8"
    )
    try:
        status = main(["explore", *arguments])
    except SystemExit as leaving:
        status = int(str(leaving.code))
    assert status == 2
    errors = capfd.readouterr().err
    assert errors.count("\n") == 1
    assert message in errors
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "precious\n"


def test_list_names_situations_and_explores_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The name first; below, what it is, and which claims it bears on and where they are refuted in it."""
    assert main(["explore", "--list", "--claim", "sharers-leave", "--threads", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [name for name in FAMILIES["sharers-leave"].names if SITUATIONS[name].threads == 1]
    assert set(lines[::3]) == set(names)
    frozen = ["freezer=frozen" in name for name in lines[::3]]
    # 6.1 is expected to do what 6.12 does: nothing of its own is listed.
    refuted = [title for name, title in loading.TITLES.items() if name != "oom_kernels.v6_1"]
    said = f"sharers-leave (refuted on {' and '.join(refuted)})"
    assert [said in c for c in lines[2::3]] == frozen
    assert all("sharers-leave" in line for line in lines[2::3])
    assert ["a review explores it, too" in line for line in lines[1::3]] == [n in QUICK for n in lines[::3]]


def test_what_nobody_expected_is_an_error_in_both_directions() -> None:
    """A claim that is refuted where the family says holds, or the other way; a variant nobody knows is to keep all claims."""
    outcome = run(Job(GONE, "patched"))
    assert unexpected([outcome]) == []
    repaired = Outcome(outcome.job, 1, 1, 1, 0.0, "", {})
    assert [(c.id, expected) for c, _o, expected in unexpected([repaired])] == [("count-returns", REFUTED)]
    broken = Outcome(
        outcome.job, 1, 1, 1, 0.0, "", outcome.refuted | {"victim-dies": outcome.refuted["count-returns"]}
    )
    assert [c.id for c, _o, _e in unexpected([broken])] == ["victim-dies"]
    stranger = Outcome(Job(GONE, "my_v2"), 1, 1, 1, 0.0, "", outcome.refuted)
    assert [c.id for c, _o, _e in unexpected([stranger])] == ["count-returns"]
    stopped = Outcome(outcome.job, 1, 1, 1, 0.0, "stopped at 1 states", {})
    assert unexpected([stopped]) == []
    cells = verdicts([GONE], ["patched"], [stopped])
    assert {c.verdict for c in cells} == {"bounded"}
    assert all(c.claim.id in BY_ID for c in cells)


def test_an_unexpected_refutation_leaves_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As every failure does: the interleaving, the command that replays it, and what was expected."""
    monkeypatch.setenv("OOM_REVIEW_FAILURES", str(tmp_path))
    outcome = run(Job(GONE, "patched"))
    print_unexpected([(BY_ID["count-returns"], outcome, HOLDS)] * 2)
    output = capsys.readouterr().out
    assert output.count("and oom_victims is 1") == 1
    assert (
        output.count(f"oom-review replay {tmp_path}/count-returns--patched.scenario --variant patched") == 1
    )
    assert output.count(f"UNEXPECTED: count-returns on patched refuted in {GONE}, expected holds") == 2
    assert (tmp_path / "count-returns--patched.scenario").is_file()


def test_progress_says_how_far_it_is() -> None:
    """Done and total, states a second, and the time left, by the sizes of what is left."""
    now = [0.0]
    progress = Progress(4, "states", 1, ahead=100.0, clock=lambda: now[0])
    assert progress.line() == "1/4 jobs"
    now[0] = 2.0
    progress.finished("it", 3000, 20.0)
    assert progress.line() == "2/4 jobs, 1500 states/s, about 8 s left"
    now[0] = 200.0
    assert progress.line() == "2/4 jobs, 15 states/s, about 13 min left"

"""A variant that raises, leaves or never comes back, and terminals that do not take what is said: one line, and the right status."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import patched
from oom_review.claims import BY_ID, REFUTED
from oom_review.commands import cli
from oom_review.commands import review as review_command
from oom_review.explore.explorer import BOUNDED
from oom_review.review.review import Reviewed, Work, review
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile, Settings
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.situations.families import QUICK
from oom_review.variants import loading
from oom_review.verdicts import Cell, Review, read
from oom_review.workers.endless import StepNeverEnds, watched

BEGINNING = '"""The way of a thread from its last signal to TASK_DEAD."""'
FAULTS = {
    "endless": "while k.tasks:\n        k.progress += 0",
    "endless_calls": "while True:\n        thread_group_leader(tsk)",
    "raises": 'raise ValueError("two\\nlines \\x1b[2J and bells \\a")',
    "leaves": "__import__('sys').exit(0)",
    "gives_up": "raise KeyboardInterrupt",
    "built_in": "sum(iter(int, 1))",
    "dies": "__import__('os').kill(__import__('os').getpid(), 9)",
}
SAID = {
    "endless": "exit.py:{line}: do_exit() goes on without end: 100000 instructions and no preemption point",
    "endless_calls": "exit.py:{line}: do_exit() goes on without end: 100000 instructions and no preemption point",
    "raises": "exit.py:{line}: ValueError: two lines ?[2J and bells ?",
    "leaves": "exit.py:{line}: SystemExit: 0",
}
FILE = """oom-review scenario 1

init: fork v
run
v: exit
run

end
"""


def variant(name: str, place: Path) -> int:
    """A variant of that name in that place, whose exit goes wrong; the line where."""
    source = Path(patched.__file__).parent
    shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = place / name / "exit.py"
    text = path.read_text(encoding="utf-8")
    new = text.replace(BEGINNING, f"{BEGINNING}\n    {FAULTS[name]}")
    assert new != text
    path.write_text(new, encoding="utf-8")
    return new[: new.index(FAULTS[name])].count("\n") + 1


def command(*arguments: str, cwd: Path, redirect: str = "", **environment: str) -> tuple[int, str, str]:
    """The exit status, output and errors of `oom-review`, run by a shell that redirects its output."""
    words = ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-m", "oom_review", *arguments]
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | environment
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", list(SAID))
def test_a_variant_that_breaks_costs_one_line(name: str, tmp_path: Path) -> None:
    """Status 2, the variant, the file, the line and what: whoever plays it."""
    line = variant(name, tmp_path)
    (tmp_path / "f.scenario").write_text(FILE, encoding="utf-8")
    (tmp_path / "corpus").mkdir()
    said = f"variant '{name}' broke at {tmp_path}/{name}/{SAID[name].format(line=line)}"
    here = [["replay", "f.scenario"]]
    in_a_worker = [["explore", "--situation", QUICK[0], "--jobs", "1"]]
    everywhere = [
        *here,
        *in_a_worker,
        ["draw", "f.scenario", "--out", "f.svg"],
        ["explore", "f.scenario"],
        ["keep", "f.scenario", "--name", "x", "--corpus", "corpus"],
        ["review", "--jobs", "1", "--programs", "1"],
    ]
    for words in everywhere if name == "endless" else here + in_a_worker:
        status, _output, errors = command(*words, "--variant", name, cwd=tmp_path)
        assert status == 2, words
        assert errors.count("\n") == 1, errors
        assert said in errors, words
    assert sorted(p.name for p in (tmp_path / "corpus").iterdir()) == []
    assert not (tmp_path / "f.svg").exists()


def test_a_killed_worker_loses_its_job_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others are reviewed for is known, and what it was to find is bounded."""
    variant("dies", tmp_path)
    monkeypatch.setattr(loading, "_GIVEN", {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    few = [BY_ID[c] for c in ("count-returns", "zombies-go", "sharers-leave", "killed-dies")]
    done = review(["patched", "dies"], claims=few, work=Work(1, 1, QUICK[:1]), jobs=2)
    assert not done.interrupted
    for cell in done.review.claims:
        if cell.variant == "patched":
            assert cell.as_expected or not BY_ID[cell.id].programs, cell
        else:
            assert cell.verdict == BOUNDED
            assert "a worker died (Killed) over it" in (cell.surprise or "")


def test_what_is_slow_is_not_endless() -> None:
    """Nor is a loop outside of a kernel: nothing is stopped that the machine does not run."""
    with watched():
        for _ in range(3):
            signal.raise_signal(signal.SIGVTALRM)
        assert sum(range(100_000)) > 0
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert not issubclass(StepNeverEnds, Exception)


def test_ctrl_c_in_a_review_keeps_what_was_found(tmp_path: Path) -> None:
    """The verdicts so far are printed and kept; one line says so; status 130; nobody is left behind."""
    words = [sys.executable, "-m", "oom_review", "review", "--variant", "patched", "--jobs", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate()
    assert "jobs" in first
    assert process.returncode == 130
    assert errors == "oom-review: interrupted; what was found is kept in oom-review-interrupted.json\n"
    assert "bounded: interrupted after 0 of 1200 programs" in output
    assert "count-returns is refuted on RFC" in output
    assert REFUTED in (tmp_path / "oom-review-interrupted.json").read_text(encoding="utf-8")
    status, _output, errors = command(
        "report", "--review", "oom-review-interrupted.json", "--out", "page.html", cwd=tmp_path
    )
    assert (status, errors) == (1, "")


@pytest.mark.parametrize("death", [signal.SIGTERM, signal.SIGKILL])
def test_nobody_outlives_a_review(death: signal.Signals, tmp_path: Path) -> None:
    """The workers hold the pipe, too: it is at its end when everybody is gone."""
    words = [sys.executable, "-m", "oom_review", "review", "--variant", "patched", "--jobs", "2"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(2):
            process.stdout.readline()
        process.send_signal(death)
        output, _errors = process.communicate(timeout=120)
    assert "verdicts" not in output
    assert process.returncode == -death


def test_where_output_can_t_go_is_one_line(tmp_path: Path) -> None:
    """A full disk and a closed output: status 2.  A reader that went away: nothing to say."""
    (tmp_path / "f.scenario").write_text(FILE, encoding="utf-8")
    for words in (["replay", "f.scenario"], ["explore", "f.scenario"], ["explore", "--list"]):
        for redirect, said in (
            ("> /dev/full", "oom-review: standard output: No space left on device\n"),
            (">&-", "oom-review: standard output is closed\n"),
        ):
            status, _output, errors = command(*words, cwd=tmp_path, redirect=redirect)
            assert (status, errors) == (2, said)
        status, _output, errors = command(*words, cwd=tmp_path, redirect="| true; exit 0")
        assert errors == ""


def test_a_full_disk_costs_no_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can't be said any more when the review is done is written all the same."""

    def full(*_anything: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    found = Reviewed(Review((Cell("count-returns", "patched", BOUNDED, REFUTED, 0, 0, None),)))
    monkeypatch.setattr(review_command, "reviewed", lambda *_anything, **_more: found)
    monkeypatch.setattr(review_command, "_print", full)
    monkeypatch.setattr(cli, "_say_nothing_at_exit", lambda: None)
    assert cli.main(["review", "--json", str(tmp_path / "r.json")]) == 2
    assert capsys.readouterr().err == "oom-review: standard output: No space left on device\n"
    assert read(tmp_path / "r.json").claims == found.review.claims


def test_letters_that_a_terminal_lacks(tmp_path: Path) -> None:
    """They are written as escapes, and the frame of the table in what there is."""
    file = ScenarioFile(Scenario((Op("fork", "init", ("v",)), Run())), Settings(title="größer als 1"))
    (tmp_path / "f.scenario").write_text(scenario_file.dumps(file), encoding="utf-8")
    status, output, errors = command("replay", "f.scenario", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (status, errors) == (0, "")
    assert "gr\\xf6\\xdfer als 1" in output
    words = ["review", "--variant", "patched", "--budget", "0.001"]
    status, output, errors = command(*words, cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (status, errors) == (1, "")


def test_results_are_no_link_and_not_empty(tmp_path: Path) -> None:
    """One line; both are left as they are."""
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("empty", "link"):
        words = ["explore", "--situation", QUICK[0], "--variant", "rfc", "--resume", name]
        status, _output, errors = command(*words, cwd=tmp_path)
        assert (status, errors.count("\n")) == (2, 1), errors
    assert (tmp_path / "empty").read_bytes() == b""
    assert not (tmp_path / "elsewhere").exists()


BUILT_IN = """
import sys
from oom_review.commands.cli import main
from oom_review.workers import endless
endless.SILENT = 1
main(sys.argv[1:])
"""


def test_a_loop_within_a_built_in_function_ends_the_process(tmp_path: Path) -> None:
    """Nothing of ours runs meanwhile: the system ends it, and says where it was."""
    line = variant("built_in", tmp_path)
    (tmp_path / "f.scenario").write_text(FILE, encoding="utf-8")
    words = [sys.executable, "-c", BUILT_IN, "replay", "f.scenario", "--variant", "./built_in"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-signal.SIGXCPU, "")
    assert f'/built_in/exit.py", line {line} in do_exit' in done.stderr


WALKS = """import patched
from kernel_model import freezer
from kernel_model.preempt import visits_one
from kernel_model.variant import Variant, replaces

@visits_one
def freeze_task(k, cur, p):
    while True:
        yield freezer.FREEZE_TASK_SKIP, p

VARIANT = Variant(__name__, (replaces(freezer.freeze_task, freeze_task),), base=patched.VARIANT)
"""
SUSPEND = "oom-review scenario 1\n\ninit: fork v\nrun\ninit: suspend\nrun\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explore", "walk"], "variant 'walks': init walks through freeze_task() for 50000 steps and no end"),
        (["explore", "before"], "walks: before the explored run: 50000 steps and no end"),
        (["find", "count", "before"], "walks: before the explored run: 50000 steps and no end"),
        (
            ["explore", "--situation", "self-oom/threads=1/suspend", "--jobs", "1"],
            "variant 'walks': init walks through freeze_task() for 50000 steps and no end",
        ),
    ],
    ids=["a walk", "what comes before", "before a question", "in a worker"],
)
def test_what_never_rests_is_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    """Each of its steps ends: the machine is never at rest."""
    (tmp_path / "walks").mkdir()
    (tmp_path / "walks" / "__init__.py").write_text(WALKS, encoding="utf-8")
    (tmp_path / "walk").write_text(f"{SUSPEND}\nend\n", encoding="utf-8")
    (tmp_path / "before").write_text(f"{SUSPEND}v: exit\nrun\n\nend\n", encoding="utf-8")
    status, _output, errors = command(*words, "--variant", "./walks", cwd=tmp_path)
    assert (status, errors.count("\n"), said in errors) == (2, 1, True), errors


def test_a_schedule_that_does_not_fit_before_the_explored_run(tmp_path: Path) -> None:
    """One line: which kernel, and what was asked for."""
    text = "oom-review scenario 1\n\ninit: fork v\nrun exactly v*900\nv: exit\nrun\n\nend\n"
    (tmp_path / "f").write_text(text, encoding="utf-8")
    status, _output, errors = command("explore", "f", "--variant", "rfc", cwd=tmp_path)
    assert (status, errors.count("\n")) == (2, 1), errors
    assert "patched: before the explored run: " in errors

"""The main job, as its users run it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import patched
from oom_kernels import v7_3
from oom_review.claims import BY_ID, CLAIMS, HOLDS, REFUTED
from oom_review.explore.explorer import BOUNDED
from oom_review.review.review import Work, review
from oom_review.scenario import file as scenario_file
from oom_review.situations.families import QUICK
from oom_review.variants import loading

# They take a long search, or much shrinking, and are no other kind of claim.
LONG = (
    "no-deadlock",
    "machine-wakes",
    "no-spurious-ebusy",
    "count-never-negative",
    "suspended-means-quiet",
)
SOME = tuple(c for c in CLAIMS if c.id not in LONG)


def run(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """The exit status, output and errors of `oom-review`."""
    command = [sys.executable, "-m", "oom_review", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def copied(name: str, place: Path, old: str = "", new: str = "") -> None:
    """A variant of one's own: the RFC, with one line of its exit.py replaced."""
    source = Path(patched.__file__).parent
    shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = place / name / "exit.py"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new) if old else text, encoding="utf-8")


def test_review_writes_what_it_found(tmp_path: Path) -> None:
    """A table, an interleaving and a scenario for each refutation; below the floor of work nothing holds: status 1."""
    only = [word for claim in SOME for word in ("--claim", claim.id)]
    status, output, errors = run(
        *("review", "--variant", "patched", "--programs", "1", "--json", "r.json", "--save", "found", *only),
        cwd=tmp_path,
    )
    assert (status, errors) == (1, ""), output
    cells = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["claims"]
    assert [c["id"] for c in cells] == [c.id for c in SOME]
    assert {c["id"]: c["verdict"] for c in cells} == {
        c.id: REFUTED if c.expected["patched"] == REFUTED else BOUNDED for c in SOME
    }
    for cell in cells:
        # What exploring alone shows needs no program.
        assert (cell["examples"] > 0) == (cell["verdict"] == BOUNDED or BY_ID[cell["id"]].programs)
        assert (cell["scenario"] is not None) == (cell["verdict"] == REFUTED)
        if cell["scenario"] is not None:
            assert f"{cell['id']} is refuted on RFC" in output
            saved = tmp_path / "found" / f"{cell['id']}--patched.scenario"
            assert scenario_file.read(saved).scenario == scenario_file.parse(cell["scenario"]).scenario
        else:
            assert cell["surprise"] == "bounded: only 150 of 1200 programs"


def test_the_last_lines_say_what_was_found(tmp_path: Path) -> None:
    """After the interleavings, on a screen of 80 columns: a word for each claim, what is not as expected, how to see more."""
    status, output, _errors = run(
        "review", "--variant", "patched", "--programs", "1", "--budget", "0.001", cwd=tmp_path
    )
    assert status == 1
    last = output[output.index(" claim ") :].splitlines()
    assert len(last) <= 24
    short = f"claims on patched bounded: cut short after 0 of 1200 programs, 0 of {len(QUICK)} situations"
    assert sum(line.endswith(short) for line in last) == 1
    n = len(CLAIMS)
    assert last[-2] == f"{n} verdicts: 0 hold, 0 refuted, {n} bounded; {n} not as expected (!)"
    assert last[-1].startswith("--verbose says")


BY_THE_LAST = "if (yield from exit_notify(k, tsk, group_dead)) and tsk_is_oom_victim(tsk):"
ON_GROUP_DEAD = "yield from exit_notify(k, tsk, group_dead)\n    if group_dead and tsk_is_oom_victim(tsk):"
LITTLE = Work(batches=1, floor=1, situations=QUICK[:3])


def verdicts_of(names: list[str], workers: int) -> dict[str, object]:
    """All that a review of these claims says, but for times."""
    done = review(names, claims=SOME, work=LITTLE, jobs=workers)
    cells = {f"{c.id} on {c.variant}": attrs.asdict(attrs.evolve(c, seconds=0.0)) for c in done.review.claims}
    return cells | {"differences": done.review.differences, "bounds": set(done.review.bounds)}


def test_the_same_seed_gives_the_same_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of the variants and the number of workers: also of a variant that breaks what ought to hold."""
    copied("my_v2", tmp_path, BY_THE_LAST, ON_GROUP_DEAD)
    monkeypatch.setattr(loading, "_GIVEN", {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    one = verdicts_of(["patched", "my_v2"], 1)
    two = verdicts_of(["my_v2", "patched"], 2)
    assert one == two
    expected = [c for c in SOME if c.expected["patched"] == REFUTED]
    refuted = {key for key, cell in one.items() if isinstance(cell, dict) and cell.get("verdict") == REFUTED}
    of_the_rfc = {key.partition(" ")[0] for key in refuted if key.endswith("on patched")}
    # Chance may show what it need not.
    assert {c.id for c in expected if c.programs} <= of_the_rfc <= {c.id for c in expected}
    assert len(refuted) > 6


def test_the_renamed_mainline_is_reviewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What exploring refutes is shrunk from an exact schedule, which a dropped operation does not fit; without a base it is to keep all."""
    shutil.copytree(Path(v7_3.__file__).parent, tmp_path / "my_mainline")
    monkeypatch.setattr(loading, "_GIVEN", {})
    loading.load(f"{tmp_path}/my_mainline")
    work = Work(0, 0, ("self-oom/threads=1/suspend",))
    done = review(["my_mainline"], work=work, jobs=1)
    refuted = {c.id: c for c in done.review.claims if c.verdict == REFUTED}
    assert set(refuted) == {"disabled-means-quiet", "suspended-means-quiet", "no-tail-when-suspended"}
    for cell in refuted.values():
        assert cell.scenario is not None
        assert "exactly" not in cell.scenario
        assert cell.expected == HOLDS


def test_a_variant_of_ones_own_is_to_keep_every_claim(tmp_path: Path) -> None:
    """A copy of the RFC under another name breaks what the RFC breaks, which is now unexpected: status 1."""
    copied("my_v2", tmp_path)
    only = ("--claim", "count-returns", "--claim", "sharers-leave", "--claim", "victim-dies")
    status, output, _errors = run("review", "--variant", "my_v2", "--programs", "1", *only, cwd=tmp_path)
    assert status == 1
    assert "UNEXPECTED: count-returns on my_v2 refuted, expected holds; exploring " in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["review", "--budget", "0"], "argument --budget: '0' is not a number above 0"),
        (["review", "--jobs", "x"], "argument --jobs: 'x' is not a number above 0 and up to 256"),
        (["review", "--variant", "nope"], "variant 'nope' can't be imported"),
        (["review", "--variant", "broken"], "variant 'broken' broke at"),
        (["review", "--json", "mine.txt"], "mine.txt: exists, and is not an older one of ours"),
        (["review", "--json", "nowhere/r.json"], "nowhere/r.json: can't be written"),
        (["review", "--save", "mine.txt"], "mine.txt: File exists"),
        (["nosuch"], "invalid choice: 'nosuch'"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    """Status 2 and one line that says what and where; nothing of the user's is touched."""
    (tmp_path / "mine.txt").write_text("precious\n", encoding="utf-8")
    copied("broken", tmp_path, "last = False", "last = nothing")
    status, _output, errors = run(*arguments, cwd=tmp_path)
    assert status == 2
    assert errors.count("\n") == 1
    assert message in errors
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "precious\n"

"""Which kernel runs: what the user named, from where they said, under its own name; what a file names is never run for that."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "tests" / "corpus"
LEAK = CORPUS / "count-returns--patched.scenario"
OVER_RFC = (
    "import attrs, patched\nVARIANT = attrs.evolve(patched.VARIANT, name=__name__, base=patched.VARIANT)\n"
)
REVIEW = ("review", "--claim", "count-returns", "--programs", "1")
EVIL = "from pathlib import Path\nPath('it-ran').touch()\n" + OVER_RFC


def run(*arguments: str, cwd: Path, stdin: str = "") -> tuple[int, str, str]:
    """The exit status, output and errors of the installed command."""
    command = [str(Path(sys.executable).parent / "oom-review"), *arguments]
    done = subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def package(directory: Path, text: str = OVER_RFC) -> Path:
    """A variant there."""
    directory.mkdir(parents=True)
    (directory / "__init__.py").write_text(text, encoding="utf-8")
    return directory


def one_line(result: tuple[int, str, str]) -> str:
    """Of bad input."""
    status, output, errors = result
    assert (status, output, errors.count("\n")) == (2, "", 1), result
    return errors


@pytest.mark.parametrize(
    "text",
    [
        "import attrs, patched\nVARIANT = attrs.evolve(patched.VARIANT)\n",
        "import patched\nfrom kernel_model.variant import Variant\nVARIANT = Variant('mine', base=patched.VARIANT)\n",
        "from patched import VARIANT\n",
    ],
    ids=["a copy without a name", "another name", "somebody else's"],
)
@pytest.mark.parametrize("word", ["my_v2", "./my_v2"])
def test_a_variant_has_its_package_s_name(text: str, word: str, tmp_path: Path) -> None:
    """Or it would be reviewed, and shown, as another one."""
    package(tmp_path / "my_v2", text)
    said = one_line(run("replay", str(LEAK), "--variant", word, cwd=tmp_path))
    assert re.search(r"the VARIANT of my_v2 has the name '\w+'; give it its package's: name=__name__", said)


def test_a_replacement_that_does_not_fit_is_one_line(tmp_path: Path) -> None:
    """With its file and line, before anything is played."""
    text = (
        "import patched\nfrom kernel_model import freezer\nfrom kernel_model.variant import Variant, replaces\n"
        "def thaw_task(k): pass\nVARIANT = Variant(__name__, (replaces(freezer.thaw_task, thaw_task),), base=patched.VARIANT)\n"
    )
    file = package(tmp_path / "my_v2", text) / "__init__.py"
    said = one_line(run("replay", str(LEAK), "--variant", "./my_v2", cwd=tmp_path))
    assert f"variant './my_v2': {file}:4: thaw_task() takes (k, cur, p), not (k)" in said


@pytest.mark.parametrize("absolute", [False, True], ids=["relative", "absolute"])
def test_a_directory_is_loaded_from_exactly_there(absolute: bool, tmp_path: Path) -> None:
    """Also when another package of that name lies where one would look for it; with a variant beside it that it stands on."""
    package(tmp_path / "my_v2", EVIL)
    package(tmp_path / "there" / "below")
    package(tmp_path / "there" / "my_v2", OVER_RFC.replace("patched", "below"))
    word = f"{tmp_path}/there/my_v2" if absolute else "there/my_v2/"
    status, output, errors = run("replay", str(LEAK), "--variant", word, cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert "\nmy_v2: loaded from ./there/my_v2\n" in output
    status, output, errors = run("replay", str(LEAK), "--variant", word, "--json", cwd=tmp_path)
    assert [r["files"] for r in json.loads(output)["replays"]] == ["./there/my_v2"]
    assert not (tmp_path / "it-ran").exists()
    assert not list(tmp_path.rglob("__pycache__"))


def test_workers_load_it_from_there_too(tmp_path: Path) -> None:
    """A review, and an exploration; it stands on nothing, and is to keep every claim."""
    package(tmp_path / "there" / "my_v2", OVER_RFC.replace(", base=patched.VARIANT", ""))
    word = "there/my_v2"
    status, output, errors = run(*REVIEW, "--variant", word, "--save", "s", cwd=tmp_path)
    assert (status, errors) == (1, "")
    assert "\nmy_v2: loaded from ./there/my_v2\n" in output
    assert "UNEXPECTED: count-returns on my_v2 refuted, expected holds" in output
    name = "memcg-oom/threads=2"
    status, output, errors = run("explore", "--situation", name, "--variant", word, cwd=tmp_path)
    assert "\nmy_v2: loaded from ./there/my_v2\n" in f"\n{output}"
    assert errors == ""


@pytest.mark.parametrize("name", ["patched", "json", "sched", "oom_review"])
def test_another_package_of_that_name_is_one_line(name: str, tmp_path: Path) -> None:
    """An edited copy of ours, Python's own, the project itself: neither is mixed up with the other."""
    package(tmp_path / name)
    said = one_line(run("replay", str(LEAK), "--variant", f"./{name}", cwd=tmp_path))
    assert f"variant './{name}': there is another package '{name}'" in said


def test_two_directories_of_one_name_are_one_line(tmp_path: Path) -> None:
    """Which of them was reviewed could not be told."""
    for place in ("a", "b"):
        package(tmp_path / place / "my_v2")
    said = one_line(run("replay", str(LEAK), "--variant", "a/my_v2", "--variant", "b/my_v2", cwd=tmp_path))
    assert f"variant 'b/my_v2': there is another package 'my_v2', {tmp_path}/a/my_v2/__init__.py" in said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("./nowhere", "no such directory"),
        ("./empty", "it has no __init__.py"),
        ("./my-v2", "'my-v2' can't name a package"),
        ("./raises", "can't be imported: SystemExit: no"),
        ("my-v2", "not a package's name"),
    ],
)
def test_what_is_no_variant_is_one_line(word: str, said: str, tmp_path: Path) -> None:
    """What, and why."""
    (tmp_path / "empty").mkdir()
    package(tmp_path / "my-v2")
    package(tmp_path / "raises", "raise SystemExit('no')\n")
    assert f"variant '{word}': {said}".replace(": can't be", " can't be") in one_line(
        run("replay", str(LEAK), "--variant", word, cwd=tmp_path)
    )


def test_an_edited_copy_beside_what_is_installed_is_not_ignored_without_a_word(tmp_path: Path) -> None:
    """It says that it was not looked at."""
    package(tmp_path / "patched")
    status, output, _errors = run("replay", str(LEAK), "--variant", "rfc", cwd=tmp_path)
    assert status == 0
    assert "\npatched: installed (./patched is another one, and was not looked at)\n" in output


def test_in_a_checkout_the_project_s_own_directories_are_its_kernels() -> None:
    """They are the same files."""
    status, output, errors = run("replay", str(LEAK), "--variant", "./patched", cwd=ROOT)
    assert (status, errors) == (0, "")
    assert "\npatched: loaded from ./patched\n" in output


# What a file names


def named(directory: Path, name: str = "evilmod") -> Path:
    """A scenario that names somebody's package, which lies where Python would find it."""
    package(directory / "evilmod", EVIL)
    text = LEAK.read_text(encoding="utf-8").replace("variant patched", f"variant {name}")
    path = directory / "a.scenario"
    path.write_text(re.sub(r"expect patched", f"expect {name}", text), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "a.scenario"],
        ["draw", "a.scenario", "--out", "a.svg"],
        ["report", "--review", "r.json", "--out", "r.html"],
        ["review", "--from", "r.json"],
    ],
    ids=lambda a: a[0],
)
def test_a_name_in_a_file_runs_nobody_s_code(arguments: list[str], tmp_path: Path) -> None:
    """Unless the user gives it, too."""
    named(tmp_path)
    review = json.loads((ROOT / "tests" / "report" / "review.json").read_text(encoding="utf-8"))
    review["claims"] = [c | {"variant": "evilmod"} for c in review["claims"] if c["variant"] == "patched"]
    (tmp_path / "r.json").write_text(json.dumps(review), encoding="utf-8")
    said = one_line(run(*arguments, cwd=tmp_path))
    assert "variant 'evilmod' does not come with the project" in said
    assert not (tmp_path / "it-ran").exists()
    status, _output, errors = run(*arguments, "--variant", "./evilmod", cwd=tmp_path)
    assert (status in (0, 1), errors) == (True, "")
    assert (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("name", ["oom_kernels.evil", "patched.exit", "json", "tests.evil"])
def test_a_name_that_only_looks_like_ours_is_somebody_s(name: str, tmp_path: Path) -> None:
    """Only what lies beside the project's own package ships with it."""
    package(tmp_path / "oom_kernels")
    package(tmp_path / "oom_kernels" / "evil", EVIL)
    named(tmp_path, name)
    assert "does not come with the project" in one_line(run("replay", "a.scenario", cwd=tmp_path))
    assert not (tmp_path / "it-ran").exists()

"""What a command prints can be done: its commands are complete, its files fail while the bug is there, its data says what made it."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import jsonschema
import pytest

from oom_review import verdicts
from oom_review.commands.cli import main
from oom_review.scenario import file as scenario_file
from oom_review.verdicts import schema

ROOT = Path(__file__).parents[1]
LEAK = ROOT / "tests" / "corpus" / "count-returns--patched.scenario"
OVER = "import attrs, {0}\nVARIANT = attrs.evolve({0}.VARIANT, name=__name__)\n"
BIN = Path(sys.executable).parent


def run(*arguments: str, cwd: Path, stdin: str = "") -> tuple[int, str, str]:
    """The exit status, output and errors of the installed command."""
    done = subprocess.run(
        [str(BIN / "oom-review"), *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def variant(directory: Path, over: str) -> Path:
    """A kernel that is another one under a name of its own, and has no base: it is to keep every claim."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "__init__.py").write_text(OVER.format(over), encoding="utf-8")
    return directory


REVIEW = ("review", "--variant", "./v/my_v2", "--claim", "count-returns", "--programs", "1", "--seed", "7")


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where a leaking kernel was reviewed, and what that printed."""
    here = tmp_path_factory.mktemp("reviewed")
    variant(here / "v" / "my_v2", "patched")
    status, output, errors = run(*REVIEW, "--save", "saved", "--json", "r.json", cwd=here)
    assert (status, errors) == (1, ""), output
    return here, output


def test_only_the_claims_that_were_asked_for(reviewed: tuple[Path, str]) -> None:
    """No verdict on another one; one that there is not is bad input."""
    here, _output = reviewed
    assert {c["id"] for c in json.loads((here / "r.json").read_text(encoding="utf-8"))["claims"]} == {
        "count-returns"
    }
    status, output, errors = run("review", "--claim", "joy", cwd=here)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert "no such claim: 'joy'" in errors


def test_the_command_that_save_prints_replays_the_bug(reviewed: tuple[Path, str]) -> None:
    """As it stands, on the very kernel, with status 1 while the claim is broken; with 0 when that is mended."""
    here, output = reviewed
    command = re.findall(r"^oom-review (replay .*)$", output, re.MULTILINE)[-1]
    assert command == "replay saved/count-returns--my_v2.scenario --variant ./v/my_v2"
    status, output, errors = run(*shlex.split(command), cwd=here)
    assert (status, errors) == (1, "")
    assert "// point of no return" in output
    assert "my_v2: NOT as expected: holds: count-returns is broken" in output
    variant(here / "mended" / "my_v2", "legacy_tifmemdie")
    words = [w.replace("./v/", "./mended/") for w in shlex.split(command)]
    status, output, errors = run(*words, cwd=here)
    assert (status, output.endswith("my_v2: as expected\n"), errors) == (0, True, "")


def test_what_is_kept_is_missed_when_it_vanishes(reviewed: tuple[Path, str]) -> None:
    """``keep`` turns it round: the refutation is what is expected from now on, on that kernel too."""
    here, _output = reviewed
    saved = "saved/count-returns--my_v2.scenario"
    status, output, _errors = run("keep", saved, "--name", "leak", "--corpus", ".", cwd=here)
    assert (status, output) == (2, "")
    status, output, errors = run(
        "keep", saved, "--name", "leak", "--corpus", ".", "--variant", "./v/my_v2", cwd=here
    )
    assert (status, errors) == (0, "")
    assert "my_v2: loaded from ./v/my_v2" in output
    assert "expect my_v2\n  fridge -\n  count 1\n  suspend -\n  refuted count-returns\n" in (
        here / "leak.scenario"
    ).read_text(encoding="utf-8")
    assert run("replay", "leak.scenario", "--variant", "./v/my_v2", cwd=here)[0] == 0
    variant(here / "mended" / "my_v2", "legacy_tifmemdie")
    status, output, _errors = run("replay", "leak.scenario", "--variant", "./mended/my_v2", cwd=here)
    assert (status, "refuted: expected count-returns, was nothing" in output) == (1, True)


def test_a_file_plays_on_the_kernels_that_it_names(tmp_path: Path) -> None:
    """On the two of 2016 only if it names none."""
    text = LEAK.read_text(encoding="utf-8")
    bare = text[: text.index("\nexpect")] + "\nend\n"
    for name, content, expected in (
        ("all", text, list(dict(scenario_file.parse(text).expect))),
        ("made-on", bare.replace("variant patched", "variant oom_kernels.v7_3"), ["oom_kernels.v7_3"]),
        ("none", bare.replace("variant patched\n", ""), ["legacy_tifmemdie", "patched"]),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
        status, output, errors = run("replay", name, "--json", cwd=tmp_path)
        assert (status, errors) == (0, "")
        assert [r["variant"] for r in json.loads(output)["replays"]] == expected


def test_the_json_says_what_made_it(reviewed: tuple[Path, str]) -> None:
    """Format, version, command line, time, versions, seeds and files; and it is valid by the published schema."""
    here, _output = reviewed
    data = json.loads((here / "r.json").read_text(encoding="utf-8"))
    command = shlex.join(["oom-review", *REVIEW, "--save", "saved", "--json", "r.json"])
    assert [data[k] for k in ("format", "version", "command", "seed", "files")] == [
        "oom-review review",
        1,
        command,
        7,
        {"my_v2": "./v/my_v2"},
    ]
    assert (data["project"], data["python"]) == (version("oom-review"), platform.python_version())
    assert datetime.fromisoformat(data["made"]).tzinfo == UTC
    assert all(isinstance(c["seed"], int) for c in data["claims"])
    jsonschema.Draft202012Validator(schema()).validate(data)


def test_the_schema_is_one_and_says_what_each_field_is() -> None:
    """Every field of a review is in it, and none that there is not."""
    jsonschema.Draft202012Validator.check_schema(schema())
    for kind, described in (
        (verdicts.Review, schema()["properties"]),
        (verdicts.Cell, schema()["$defs"]["cell"]["properties"]),
        (verdicts.Alternative, schema()["$defs"]["alternative"]["properties"]),
        (verdicts.Change, schema()["$defs"]["change"]["properties"]),
        (verdicts.Kind, schema()["$defs"]["kind"]["properties"]),
    ):
        fields = {a.name for a in kind.__attrs_attrs__}
        assert fields == set(described) - {"format", "version"}


def verdict_lines(output: str) -> list[str]:
    """All but what is said before there are verdicts, and where files were written."""
    lines = output.splitlines()
    first = next(i for i, line in enumerate(lines) if "claim" in line and "my_v2" in line)
    # How to see more is not the same for what is kept by now.
    return [line for line in lines[first:] if not line.startswith(("oom-review replay", "--verbose"))]


def test_the_table_comes_again_from_the_json(reviewed: tuple[Path, str]) -> None:
    """With the same verdicts, interleavings and status; what it names is not run unless the user names it, too."""
    here, first = reviewed
    status, output, errors = run("review", "--from", "r.json", "--variant", "./v/my_v2", cwd=here)
    assert (status, errors) == (1, "")
    assert verdict_lines(output) == verdict_lines(first)
    assert "// point of no return" in output
    status, output, errors = run("review", "--from", "r.json", cwd=here)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    status, output, errors = run(
        "review", "--from", "r.json", "--claim", "victim-dies", "--variant", "./v/my_v2", cwd=here
    )
    assert (status, output, errors) == (2, "", "oom-review: the review has no verdict on victim-dies\n")


def test_quiet_is_the_verdicts_only(reviewed: tuple[Path, str]) -> None:
    """No interleaving; what nobody expected is still said."""
    here, _first = reviewed
    status, output, _errors = run("review", "--from", "r.json", "--variant", "./v/my_v2", "--quiet", cwd=here)
    assert (status, "// point of no return" in output, "UNEXPECTED: count-returns on my_v2" in output) == (
        1,
        False,
        True,
    )
    status, output, _errors = run("replay", str(LEAK), "--variant", "rfc", "--quiet", cwd=here)
    assert status == 0
    assert re.fullmatch(r"patched: [^\n]+\npatched: as expected\n", output)


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the package that is installed."""
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"oom-review {version('oom-review')}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "-"],
        ["draw", "-", "--out", "-"],
        ["explore", "-", "--variant", "rfc"],
        ["keep", "-", "--name", "x", "--corpus", "."],
    ],
    ids=lambda a: a[0],
)
def test_a_scenario_from_standard_input(arguments: list[str], tmp_path: Path) -> None:
    """As from a file; what is wrong has its line."""
    status, output, errors = run(*arguments, cwd=tmp_path, stdin=LEAK.read_text(encoding="utf-8"))
    assert (status, errors) == (0, "")
    assert output
    status, output, errors = run(*arguments, cwd=tmp_path, stdin="oom-review scenario 1\nnonsense\nend\n")
    assert (status, output) == (2, "")
    assert re.fullmatch(r"oom-review: -:2: no such operation: 'nonsense'\n", errors)


# Bisecting


def git(*arguments: str, cwd: Path, **more: str) -> str:
    """Run it, away from the user's settings."""
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for who in ("AUTHOR", "COMMITTER"):
        nobody |= {f"GIT_{who}_NAME": "n", f"GIT_{who}_EMAIL": "n@example.org"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env={**os.environ, **nobody, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_git_bisect_finds_the_commit_that_broke_it(tmp_path: Path) -> None:
    """Versions of a patch that can't be imported in between are skipped; all are as long and as old as the next one."""
    git("init", "--quiet", cwd=tmp_path)
    kinds = [
        "legacy_tifmemdie",
        "legacy_tifmemdie",
        "no_such_kernel",
        "legacy_tifmemdie",
        "patched",
        "patched",
    ]
    commits = []
    for number, over in enumerate(kinds):
        variant(tmp_path / "my_v2", over.ljust(16))
        (tmp_path / "number").write_text(str(number), encoding="utf-8")
        git("add", "--all", cwd=tmp_path)
        git("commit", "--quiet", "--message", f"v{number}", cwd=tmp_path)
        commits.append(git("rev-parse", "HEAD", cwd=tmp_path).strip())
    found = tmp_path.with_name(f"{tmp_path.name}.scenario")
    text = LEAK.read_text(encoding="utf-8")
    found.write_text(
        text[: text.index("\nexpect")].replace("variant patched", "variant my_v2")
        + "\nexpect my_v2\n  holds count-returns\n\nend\n",
        encoding="utf-8",
    )
    git("bisect", "start", commits[-1], commits[0], cwd=tmp_path)
    replay = ["oom-review", "replay", "--bisect", "--quiet", str(found), "--variant", "./my_v2"]
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    output = git("bisect", "run", *replay, cwd=tmp_path, PATH=path)
    assert f"{commits[4]} is the first bad commit" in output
    assert git("rev-parse", "refs/bisect/bad", cwd=tmp_path).strip() == commits[4]


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing"],
        [str(LEAK), "--variant", "./nowhere"],
        [str(LEAK), "--variant"],
        [str(LEAK), "--no-such-option"],
    ],
)
def test_what_can_t_be_tried_is_skipped(arguments: list[str], tmp_path: Path) -> None:
    """Status 125 and the same line; without --bisect it is 2."""
    (first, output, said), (second, *_same) = (
        run("replay", *arguments, *more, cwd=tmp_path) for more in (["--bisect"], [])
    )
    assert (first, second, output, said.count("\n")) == (125, 2, "", 1)


def test_quiet_explorations_are_the_verdicts_only(tmp_path: Path) -> None:
    """Of situations: no progress and no interleaving, but what nobody expected; of a file: no ends."""
    variant(tmp_path / "my_v2", "patched")
    words = ("explore", "--situation", "memcg-oom/threads=2", "--variant", "./my_v2", "--jobs", "1")
    loud, quiet = run(*words, cwd=tmp_path), run(*words, "--quiet", cwd=tmp_path)
    assert (loud[0], quiet[0]) == (1, 1)
    for text, there in (
        ("1/1 jobs", False),
        ("point of no return", False),
        ("UNEXPECTED: count-returns", True),
    ):
        assert text in loud[1]
        assert (text in quiet[1]) == there, text
    of_a_file = ("explore", str(LEAK), "--variant", "rfc")
    loud, quiet = run(*of_a_file, cwd=tmp_path), run(*of_a_file, "--quiet", cwd=tmp_path)
    assert "\nend 1: " in loud[1]
    assert "\nend 1: " not in quiet[1]
    assert "Observation count-returns" in quiet[1]


def test_a_quiet_report_tells_no_progress(tmp_path: Path) -> None:
    """Only where the page is."""
    words = ("report", "--out", "r.html", "--claim", "count-returns", "--variant", "rfc", "--programs", "1")
    assert " jobs" in run(*words, cwd=tmp_path)[1]
    status, output, errors = run(*words, "--quiet", cwd=tmp_path)
    assert (status, errors, output.splitlines()[0][:7]) == (0, "", "r.html:"), output
    assert " jobs" not in output


def test_a_comparison_says_what_it_compared(tmp_path: Path) -> None:
    """Which files were loaded; its command replays a run on the very kernel."""
    variant(tmp_path / "v" / "my_v2", "patched")
    words = ("compare", "legacy", "./v/my_v2", str(LEAK), "--jobs", "1")
    status, output, errors = run(*words, "--save", "s", "--json", "c.json", cwd=tmp_path)
    assert (status, errors) == (1, ""), output
    assert "\nmy_v2: loaded from ./v/my_v2\n" in output
    files = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))["files"]
    assert files["my_v2"] == "./v/my_v2"
    command = next(line for line in output.splitlines() if "--variant ./v/my_v2" in line)
    status, output, errors = run(*shlex.split(command.split("oom-review ")[1]), cwd=tmp_path)
    assert (status, errors) == (0, "")

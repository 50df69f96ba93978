"""Replaying files from the command line: what is printed, the exit status, and that nothing depends on the process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import legacy_tifmemdie
import patched
from kernel_model.events import KINDS, fields
from oom_review.commands.cli import COMMANDS, main
from oom_review.scenario.file import parse
from oom_review.show.replay import replay
from oom_review.variants import loading

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "scenario-format.md"

FRIDGE = """\
oom-review scenario 1
title Two threads in the fridge
claim fridge-empties
variant legacy_tifmemdie

init: fork v
run
v: clone t1
run
init: attach v A
run
init: freeze A
run
kworker: alloc
run

expect legacy_tifmemdie
  fridge t1
  count 0
  refuted fridge-empties victim-dies
expect patched
  fridge -
  count 1
  refuted count-returns

end
"""


@pytest.fixture
def fridge(tmp_path: Path) -> str:
    """The scenario in a file."""
    path = tmp_path / "fridge.scenario"
    path.write_text(FRIDGE, encoding="utf-8")
    return str(path)


def changed(tmp_path: Path, old: str, new: str) -> str:
    """The file with a change."""
    assert old in FRIDGE
    path = tmp_path / "changed.scenario"
    path.write_text(FRIDGE.replace(old, new), encoding="utf-8")
    return str(path)


def test_legacy_and_patched_side_by_side(fridge: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By default both are played; columns, lockstep and the final observations of both are printed."""
    assert main(["replay", fridge]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Two threads in the fridge\n\nlegacy_tifmemdie\n----")
    assert "Broken promise: every thread of a marked group leaves the fridge" in out
    assert "^^^^ first divergence" in out
    table = out[out.index("\ninit    ") :]
    assert re.search(r"^ {17}legacy_tifmemdie +patched\n {17}={16} +=======\n", out, re.MULTILINE)
    for label, left, right in (
        ("v", "zombie, marked", "zombie, marked"),
        ("t1", "in the fridge, marked", "reaped, marked"),
        ("oom_victims", "0 1 0", "0 1"),
        ("refuted", "fridge-empties", "count-returns"),
    ):
        assert re.search(rf"^{label} +{left} +{right}$", table, re.MULTILINE)
    assert "device access    v: exit_files, running       v: exit_files, running" in table
    assert out.endswith("\n\nlegacy_tifmemdie: as expected\n\npatched: as expected\n")
    assert re.search(r"^patched: (installed|loaded from \S+)$", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("fridge t1", "fridge -", "legacy_tifmemdie: NOT as expected: fridge: expected nothing, was t1"),
        ("count 1", "count 0", "patched: NOT as expected: count: expected 0, was 1"),
        ("count 1", "suspend ok", "patched: NOT as expected: suspend: expected ok, was nothing"),
        (
            "refuted count-returns",
            "refuted -",
            "patched: NOT as expected: refuted: expected nothing, was count-returns",
        ),
        (
            "alloc\nrun",
            "alloc\nrun exactly v",
            "legacy_tifmemdie: NOT as expected: it stopped: step 1 of the run: ",
        ),
    ],
)
def test_unmet_expectations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, complaint: str
) -> None:
    """Status 1, and what was expected and what was there."""
    assert main(["replay", changed(tmp_path, old, new)]) == 1
    assert complaint in capsys.readouterr().out


def test_only_the_variant_at_issue_has_to_follow_exact_choices(tmp_path: Path) -> None:
    """Without an expectation a schedule may diverge on a variant that it was not made on."""
    text = FRIDGE[: FRIDGE.index("expect")] + "end\n"
    exact = text.replace("alloc\nrun", "alloc\nrun exactly kworker*25 v*2 t1")
    legacy, rfc = replay(parse(exact), [legacy_tifmemdie.VARIANT, patched.VARIANT])
    assert legacy.unmet == (
        "it stopped: step 28 of the run: expected a step of t1, but t1 can't run; ready to run: oom_reaper, v",
    )
    assert rfc.unmet == ()
    made_on_rfc = exact.replace("variant legacy_tifmemdie", "variant patched")
    legacy, rfc = replay(parse(made_on_rfc), [legacy_tifmemdie.VARIANT, patched.VARIANT])
    assert legacy.trace.stopped
    assert legacy.unmet == ()


def test_an_operation_that_no_variant_allows_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2 and the line; what only one variant refuses is told, and left out there."""
    path = changed(tmp_path, "kworker: alloc", "v: exit")
    assert main(["replay", path]) == 2
    assert (
        capsys.readouterr().err
        == f"oom-review: {path}:14: v: exit is not possible: the task is in the fridge\n"
    )
    path = changed(tmp_path, "alloc\nrun", "alloc\nrun\ninit: thaw A\nrun\nkworker: alloc\nrun")
    assert main(["replay", path, "--variant", "legacy"]) == 1
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing"], "missing: No such file or directory"),
        (["FILE", "--variant", "nowhere"], "variant 'nowhere' can't be imported: ModuleNotFoundError"),
        (["FILE", "--variant", "json"], "variant 'json': json has no VARIANT"),
        (
            ["FILE", "--variant", "a-b"],
            "variant 'a-b': not a package's name; a directory's path has a / in it",
        ),
        (["FILE", "--claim", "x"], "no such claim: 'x'; there are: fridge-empties, "),
    ],
)
def test_bad_input(
    fridge: str, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    """One line, status 2, nothing on standard output."""
    assert main(["replay", *(fridge if a == "FILE" else a for a in arguments)]) == 2
    out = capsys.readouterr()
    assert out.err.startswith(f"oom-review: {complaint}")
    assert (out.out, out.err.count("\n")) == ("", 1)


def test_variants_by_any_name() -> None:
    """Names and aliases."""
    assert loading.load("legacy") is loading.load("legacy_tifmemdie") is legacy_tifmemdie.VARIANT
    assert loading.load("rfc") is loading.load("patched") is patched.VARIANT
    assert loading.load("mainline") is loading.load("7.3") is loading.load("oom_kernels.v7_3")


def test_json_says_what_the_text_says(fridge: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The final observations, and that the rows of the steps add up to them."""
    assert main(["replay", fridge, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    legacy, rfc = document["replays"]
    assert (legacy["variant"], rfc["variant"]) == ("legacy_tifmemdie", "patched")
    assert {"task": "t1", "state": "in the fridge", "marked": True} in legacy["tasks"]
    assert (legacy["oom_victims"], rfc["oom_victims"]) == ([0, 1, 0], [0, 1])
    (leak,) = rfc["refuted"]
    assert leak["claim"] == "count-returns"
    assert set(leak["blame"]) == {"step", "point_of_no_return", "before", "why"}
    said = leak["blame"]
    assert (said["before"] == "keeps") == (said["point_of_no_return"] == said["step"])
    assert str(said["step"] if said["before"] == "keeps" else "^^^^") in said["why"]
    for one in (legacy, rfc):
        states = {row["task"]: row for row in one["boot"]}
        for entry in one["entries"]:
            states.update({row["task"]: row for row in entry.get("rows", ())})
        assert all(
            (states[t["task"]]["state"], states[t["task"]]["marked"]) == (t["state"], t["marked"])
            for t in one["tasks"]
        )
        steps = [e for e in one["entries"] if e["entry"] == "step"]
        assert [s["number"] for s in steps] == list(range(1, len(steps) + 1))
        assert steps[-1]["oom_victims"] == one["oom_victims"][-1]


def keys(value: Any) -> set[str]:
    """Every key anywhere in it."""
    if isinstance(value, dict):
        return set(value) | set[str]().union(*(keys(v) for v in value.values()))
    return set[str]().union(*(keys(v) for v in value)) if isinstance(value, list) else set()


def test_every_field_of_the_json_is_documented(fridge: str, capsys: pytest.CaptureFixture[str]) -> None:
    """docs/scenario-format.md names each field, and each field of each kind of event."""
    main(["replay", fridge, "--json"])
    document = json.loads(capsys.readouterr().out)
    del document["scenario"]
    documented = set(re.findall(r"`(\w+)`", DOCUMENT.read_text(encoding="utf-8")))
    assert keys(document) <= documented
    assert {field for kind, event in KINDS.items() for field in (kind, *fields(event))} <= documented


def test_the_document_s_example_does_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first code block of docs/scenario-format.md is a scenario file, and meets its expectations."""
    example = re.findall(r"```\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[0]
    (tmp_path / "example").write_text(example, encoding="utf-8")
    assert main(["replay", str(tmp_path / "example")]) == 0
    assert capsys.readouterr().out.count("as expected") == 2


@pytest.mark.parametrize("extra", [[], ["--json"]], ids=["text", "json"])
def test_another_process_prints_the_same_bytes(fridge: str, extra: list[str]) -> None:
    """Whatever the hash seed and the locale."""
    outputs = {
        subprocess.run(
            [sys.executable, "-m", "oom_review", "replay", fridge, *extra],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale},
            check=True,
            capture_output=True,
        ).stdout
        for seed, locale in (("1", "C"), ("2", "C.UTF-8"))
    }
    assert len(outputs) == 1


def test_a_closed_pipe_is_no_traceback(fridge: str) -> None:
    """``oom-review replay ... | head`` ends quietly."""
    process = subprocess.Popen(
        [sys.executable, "-m", "oom_review", "replay", fridge, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait()


@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_an_output_that_takes_nothing_is_one_line(fridge: str, where: str) -> None:
    """A full disk, or no standard output at all: status 2."""
    command = f'"{sys.executable}" -m oom_review replay "{fridge}" {where}'
    done = subprocess.run(["sh", "-c", command], check=False, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "standard output" in done.stderr


def test_letters_that_the_terminal_has_not_are_no_traceback(fridge: str, tmp_path: Path) -> None:
    """They are spelt."""
    path = changed(tmp_path, "title ", "title caf\N{LATIN SMALL LETTER E WITH ACUTE} ")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "oom_review", "replay", path]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "caf\\xe9" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_complete_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--help ends with 0 and explains every argument."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    options = [i for i, line in enumerate(lines) if re.match(r"  (-|\w)", line)]
    assert options
    assert all(
        len(lines[i].split()) > 1 + lines[i].count("--") or lines[i + 1].startswith("     ") for i in options
    )


def test_no_command_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and how to call it."""
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "(see oom-review --help)" in capsys.readouterr().err

"""Questions about ends: the language, the smallest run, and what "none" rests on."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import attrs
import pytest

import patched
from oom_review.commands.cli import main
from oom_review.errors import BadInput
from oom_review.explore.final import Final
from oom_review.find.expression import NAMES, NOBODY, parse
from oom_review.find.search import Job, asked, find
from oom_review.search.minimize import droppable
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario

END = Final(
    (("p1", "zombie", True, ("disabled",)), ("p2", "in the fridge", False, ())),
    (1, 0),
    (("init", "suspend", "ok"), ("init", "suspend", "EBUSY")),
    ("oom_killer_disabled",),
    (("A", "FROZEN"),),
    "running",
    "",
)
GONE = "memcg-oom/threads=2/suspend/leader=long-gone"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("suspend == EBUSY and zombies", True),
        ("suspend == ok", False),
        ("results == (ok, EBUSY)", True),
        ("'p1' in zombies and 'p1' not in fridge", True),
        ("fridge == ('p2',)", True),
        ("count", False),
        ("most > 0 and not count", True),
        ("0 <= count < most", True),
        ("least < -1 or panic", False),
        ("'disabled' in io and 'p1' in marked", True),
        ("warnings", True),
        ("phase == 'suspended'", False),
        ("'FROZEN' in cgroups", True),
    ],
)
def test_the_language(text: str, answer: bool) -> None:
    """Over one end."""
    assert parse(text).of(END) is answer


def test_every_field_of_an_end_can_be_asked_for() -> None:
    """Each changes the value of some name."""
    values = [value(NOBODY) for _what, value in NAMES.values()]
    for field in attrs.fields(Final):
        one = attrs.evolve(
            NOBODY, **{field.name: getattr(attrs.evolve(END, phase="frozen", panicked="no"), field.name)}
        )
        assert [value(one) for _what, value in NAMES.values()] != values, field.name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column"),
        ("suspend ==", "column"),
        ("zombie", "column 1: there is no 'zombie' (did you mean zombies?)"),
        ("count and v", "column 11: there is no 'v' (oom-review find --names"),
        ("__import__('os').system('touch ran')", "only names, constants, comparisons"),
        ("zombies.__class__", "only names, constants, comparisons"),
        ("[z for z in zombies]", "only names, constants, comparisons"),
        ("lambda: 1", "only names, constants, comparisons"),
        ("2 ** 9999999", "only names, constants, comparisons"),
        ("count is 1", "only names, constants, comparisons"),
        ("1.5 < count", "only names, constants, comparisons"),
        ("count < 'one'", "'<' not supported"),
        ("1 in count", "not iterable"),
        ("not " * 400 + "count", "longer than"),
        ("(" * 300 + "count" + ")" * 300, "too many nested"),
        ("count\0", "null bytes"),
    ],
)
def test_what_is_not_in_it_is_one_line(text: str, said: str) -> None:
    """Before anything is explored; with the column where there is one."""
    with pytest.raises(BadInput) as error:
        parse(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_smallest_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody can drop an operation of it; what is printed replays it, as the file expects it."""
    monkeypatch.chdir(tmp_path)
    text = "suspend == EBUSY and zombies"
    assert main(["find", text, "--situation", GONE, "--variant", "rfc", "--jobs", "1"]) == 0
    output = capsys.readouterr().out
    assert f"patched: ends with {text}, found in {GONE}\n" in output
    assert "// suspend: -EBUSY" in output
    command = next(line for line in output.splitlines() if line.startswith("oom-review replay"))
    assert command == "oom-review replay found/end--patched.scenario --variant patched"
    assert main(shlex.split(command)[1:]) == 0
    assert "patched: as expected\n" in capsys.readouterr().out
    job = Job(GONE, scenario(SITUATIONS[GONE]), "patched", text, 10_000)
    answer = find([job], 1)
    assert answer.run is not None
    assert answer.small
    assert droppable(answer.run, patched.VARIANT, asked(parse(text))) == []


def test_none_says_what_that_rests_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All interleavings, or where it stopped; status 1."""
    monkeypatch.chdir(tmp_path)
    words = ["find", "count < 0", "--situation", GONE, "--variant", "rfc", "--jobs", "1"]
    assert main(words) == 1
    assert "patched: no end is so in 1 script, " in (said := capsys.readouterr().out)
    assert "all interleavings; sleeps" in said
    assert main([*words, "--states", "10"]) == 1
    assert f"bounded: {GONE} on patched: " in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_file_and_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last run of a scenario file; whatever is wrong is one line, status 2."""
    monkeypatch.chdir(tmp_path)
    leak = Path(__file__).parents[1] / "corpus" / "count-returns--patched.scenario"
    shutil.copy(leak, "a.scenario")
    words = ["--variant", "rfc", "--jobs", "1"]
    assert main(["find", "count and zombies", "a.scenario", *words]) == 0
    assert "oom_victims 1." in capsys.readouterr().out
    assert main(["find", "--names"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} >= set(NAMES)
    for bad, said in (
        (["find"], "needs an expression"),
        (["find", "nonsense"], "there is no 'nonsense'"),
        (["find", "count", "nowhere"], "nowhere: No such file"),
        (["find", "count", "a.scenario", "--situation", "*"], "not together with a file"),
        (["find", "count", "--situation", "no-such"], "no such situation"),
    ):
        assert main([*bad, *words]) == 2
        error = capsys.readouterr().err
        assert (error.count("\n"), said in error) == (1, True), error

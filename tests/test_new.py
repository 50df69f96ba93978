"""A variant of one's own: what can be replaced, a package that works at once, a C patch read, and wrong packages in one line each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernel_model.variant import ASKED_BY_THE_MACHINE, base_functions
from oom_review.commands.cli import main
from oom_review.explore import explore
from oom_review.explore.explorer import Bounds
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario
from oom_review.variants import c_diff
from oom_review.variants.c_diff import ELSEWHERE, MODELLED, NOT_MODELLED
from oom_review.variants.functions import replaceable
from oom_review.variants.loading import load

DATA = Path(__file__).parent / "data"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory to work in; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_functions_lists_each_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["functions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(base_functions().keys() - ASKED_BY_THE_MACHINE)
    assert main(["functions", "--grep", r"\bthaw_task\("]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    where, signature = line.split(": ", 1)
    file, number = where.split(":")
    assert signature.startswith("thaw_task(k: Kernel, ")
    assert "def thaw_task(" in (Path(__file__).parent.parent / file).read_text().splitlines()[int(number) - 1]
    assert main(["functions", "--grep", "no_such_thing"]) == 1
    assert main(["functions", "--grep", "("]) == 2


@pytest.mark.parametrize("base", ["legacy", "rfc", "6.12", "7.3", "oom_kernels.last_out"])
def test_a_copy_of_everything_is_linked_and_does_the_same(
    base: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"copy_of_{base.replace('.', '_')}"
    names = [r.name for r in replaceable(load(base))]
    assert main(["new", name, *names, "--from", base]) == 0
    copy = load(name)
    assert len(copy.replaced) == len(names)
    script = scenario(SITUATIONS["memcg-oom/threads=2/leader=long-gone"])
    # Nothing is known of a copy's walks until somebody says it.
    mine, theirs = (explore(script, v, bounds=Bounds(whole_walks=False)) for v in (copy, load(base)))
    assert mine.counts == theirs.counts
    assert mine.finals.keys() == theirs.finals.keys()


def test_only_what_was_asked_for_is_in_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "only_two", "--from", "patched", "do_exit", "freeze_task"]) == 0
    assert sorted(p.name for p in (here / "only_two").iterdir()) == ["__init__.py", "exit.py", "freezer.py"]
    assert [name for name, _f in load("only_two").replaced] == ["do_exit", "freeze_task"]
    assert main(["new", "nothing_yet"]) == 0
    assert load("nothing_yet").replaced == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["do_exit_", "do_exit"], "do_exit_: exists already"),
        (["new_1", "do_exot"], "no function do_exot() to replace (did you mean do_exit?)"),
        (["new_1", "frozen"], "no function frozen() to replace"),
        (["not-a-name"], "can't be a package's name"),
        (["class"], "can't be a package's name"),
        (["json"], "there is a package of that name already"),
        (["patched"], "there is a package of that name already"),
        (["new_1", "--from", "nobody"], "variant 'nobody' can't be imported"),
        (["new_1", "--from-diff", "missing.patch"], "missing.patch: No such file"),
        (["new_1", "--from-diff", "words.patch"], "words.patch: there is no unified diff in it"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    words: list[str], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "do_exit_").mkdir()
    (here / "words.patch").write_text("nothing but words\n")
    assert main(["new", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert sorted(p.name for p in here.iterdir()) == ["do_exit_", "words.patch"]
    assert not list((here / "do_exit_").iterdir())


# A C patch


def test_the_rfc_as_a_diff(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    touched = c_diff.read(DATA / "rfc.patch")
    assert [(t.function, t.kind) for t in touched] == [
        ("", NOT_MODELLED),
        ("release_task", MODELLED),
        ("exit_mm", MODELLED),
        ("exit_notify", MODELLED),
        ("do_exit", MODELLED),
        ("freezing_slow_path", MODELLED),
        ("mark_oom_victim", MODELLED),
        ("exit_oom_victim", MODELLED),
    ]
    assert main(["new", "rfc_again", "--from-diff", str(DATA / "rfc.patch")]) == 0
    assert {n for n, _f in load("rfc_again").replaced} == {t.function for t in touched if t.function}
    assert "kernel/freezer.c: freezing_slow_path(): modelled" in capsys.readouterr().out


def test_59d4d36158ba_as_a_diff() -> None:
    touched = c_diff.read(DATA / "59d4d36158ba.patch")
    assert [(t.file, t.function, t.kind) for t in touched] == [
        ("include/linux/freezer.h", "", NOT_MODELLED),
        ("kernel/freezer.c", "freezing_slow_path", MODELLED),
        ("kernel/freezer.c", "thaw_process", NOT_MODELLED),
        ("mm/oom_kill.c", "mark_oom_victim", MODELLED),
    ]


def test_what_is_elsewhere_and_what_is_not_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        *("--- a/kernel/x.c", "+++ b/kernel/x.c"),
        *("@@ -1,2 +1,2 @@ void exit_files(struct task_struct *tsk)", "-\told", "+\tnew", " \trest"),
        *("@@ -11,2 +11,2 @@ static int perf_event_open(void)", "-\told", "+\tnew", " \trest"),
    ]
    (here / "x.patch").write_text("\n".join([*lines, ""]))
    assert [t.kind for t in c_diff.read(here / "x.patch")] == [ELSEWHERE, NOT_MODELLED]
    assert main(["new", "nothing", "--from-diff", "x.patch"]) == 2
    out, err = capsys.readouterr()
    assert "x.c: exit_files(): elsewhere in the model (kernel_model/" in out
    assert "none of its functions is modelled; nothing is written" in err
    assert not (here / "nothing").exists()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("static void exit_mm(struct task_struct *tsk)", "exit_mm"),
        ("bool freezing_slow_path(struct task_struct *p)", "freezing_slow_path"),
        ("SYSCALL_DEFINE1(exit, int, error_code)", "exit"),
        ("extern void release_task(struct task_struct *p);", ""),
        ("struct sched_class {", ""),
        ("EXPORT_SYMBOL(freezing_slow_path)", ""),
        ("#define for_each(p) \\", ""),
    ],
)
def test_what_begins_a_function(line: str, name: str) -> None:
    assert c_diff.defined(line) == name


# Wrong packages

HEAD = "from kernel_model.freezer import freeze_task\nfrom kernel_model.variant import Variant, replaces\nimport patched\n"
TABLE = "VARIANT = Variant(__name__, (('{name}', {function}),), base=patched.VARIANT)\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module\n", "can't be imported: ModuleNotFoundError"),
        ("def f(:\n", "can't be imported: SyntaxError"),
        ("raise SystemExit(3)\n", "can't be imported: SystemExit: 3"),
        ("", "has no VARIANT"),
        ("VARIANT = 3\n", "has no VARIANT"),
        (
            "def f(k, p):\n    pass\n" + TABLE.format(name="freeze_tusk", function="f"),
            "did you mean freeze_task?",
        ),
        (
            "def f(k):\n    yield\n" + TABLE.format(name="freeze_task", function="f"),
            "freeze_task() takes (k, ",
        ),
        ("def f(k, cur, p):\n    pass\n" + TABLE.format(name="freeze_task", function="f"), "has to yield"),
        ("def f(p):\n    yield\n" + TABLE.format(name="thread_group_leader", function="f"), "must not yield"),
        ("def f(p):\n    return 0\n" + TABLE.format(name="frozen", function="f"), "can't be replaced"),
        (TABLE.format(name="freeze_task", function="3"), "what replaces freeze_task() is no function: 3"),
        ("VARIANT = Variant('patched', base=patched.VARIANT)\n", "has the name 'patched'"),
        ("VARIANT = Variant(__name__)\n", "does not define release_task()"),
    ],
)
def test_a_wrong_package_is_one_line(
    text: str, said: str, here: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    name = f"wrong_{abs(hash(request.node.name))}"
    (here / f"{name}.py").write_text(HEAD + text)
    assert main(["explore", "--variant", name, "--situation", "memcg-oom/threads=1"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1

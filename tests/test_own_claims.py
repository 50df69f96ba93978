"""Claims of somebody's own: in every command and process as the project's are; what is wrong with them is one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from oom_review import ledger
from oom_review.errors import BadInput

ROOT = Path(__file__).parents[1]
EBUSY = ROOT / "tests" / "corpus" / "no-spurious-ebusy--patched.scenario"
PAGE = ROOT / "docs" / "your-own-claims.md"
BIN = Path(sys.executable).parent
CLAIM = "from oom_review.claims import Claim\nCLAIMS = (Claim('mine', 'a promise', 'us'{0}),)\n"


def run(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    """The exit status, output and errors of the installed command."""
    command = [str(BIN / "oom-review"), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The page's example, as mine.py."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "mine.py"
    path.write_text(code, encoding="utf-8")
    return path


def test_the_page_is_true(example: Path) -> None:
    """A replay shows the claim, its sentence and the step to blame; what it prints can be done again."""
    words = ("--variant", "rfc", "--claims", "mine.py")
    status, output, errors = run(
        "replay", str(EBUSY), *words, "--claim", "suspend-succeeds", cwd=example.parent
    )
    assert (status, errors) == (1, "")
    assert "Broken promise: suspend never fails (suspend-succeeds)." in output
    assert "mine.py: loaded for suspend-succeeds, few-zombies\n" in output
    assert "was count-returns, few-zombies, no-spurious-ebusy, suspend-succeeds" in output
    assert not list(example.parent.rglob("__pycache__"))


def test_workers_know_it_and_files_name_it(example: Path) -> None:
    """An exploration on all situations that were chosen; its file is replayed with the command that is printed, and not without."""
    words = ("explore", "--situation", "self-oom/threads=1/suspend", "--variant", "rfc", "--jobs", "1")
    more = ("--claims", "mine.py", "--claim", "few-zombies", "--claim", "suspend-succeeds", "--save", "s")
    status, output, errors = run(*words, *more, cwd=example.parent)
    assert errors == ""
    assert re.search(r"few-zombies +(holds|refuted)", output), output
    assert status in (0, 1)


def test_a_review_of_it(example: Path) -> None:
    """In the table, in the JSON and what is printed from it; a counterexample's command carries the file."""
    words = ("review", "--claims", "mine.py", "--claim", "suspend-succeeds", "--variant", "rfc")
    status, output, errors = run(
        *words, "--programs", "1", "--json", "r.json", "--save", "s", cwd=example.parent
    )
    assert (status, errors) == (1, "")
    assert "suspend-succeeds on patched refuted, expected holds" in output
    (cell,) = json.loads((example.parent / "r.json").read_text(encoding="utf-8"))["claims"]
    assert (cell["id"], cell["verdict"], cell["sentence"]) == (
        "suspend-succeeds",
        "refuted",
        "init's suspend fails",
    )
    command = "replay s/suspend-succeeds--patched.scenario --variant patched --claims mine.py"
    assert f"oom-review {command}\n" in output
    assert run(*command.split(), cwd=example.parent)[0] == 1
    again = ("review", "--from", "r.json", "--quiet")
    assert "1 verdict: 0 hold, 1 refuted" in run(*again, "--claims", "mine.py", cwd=example.parent)[1]
    for bad in (
        again,
        ("replay", "s/suspend-succeeds--patched.scenario"),
        ("replay", str(EBUSY), "--claim", "suspend-succeeds"),
    ):
        status, output, errors = run(*bad, cwd=example.parent)
        assert (status, output, errors.count("\n")) == (2, "", 1)
        assert "no such claim: 'suspend-succeeds'" in errors
        assert "give its file" in errors


def test_pytest_takes_them(example: Path) -> None:
    """With --oom-claims; without it the file is bad input, in one line."""
    text = EBUSY.read_text(encoding="utf-8")
    text = text[: text.index("\nexpect")] + "\nexpect patched\n  holds suspend-succeeds\n\nend\n"
    (example.parent / "a.scenario").write_text(text, encoding="utf-8")
    for more, status, said in (
        ([], 2, "give its file: --claims FILE.py"),
        (["--oom-claims=mine.py"], 1, "holds: suspend-succeeds is broken"),
        (["--oom-claims=nowhere.py"], 2, "nowhere.py: no such file"),
    ):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--oom-replay=a.scenario"]
        done = subprocess.run(
            [*command, *more], cwd=example.parent, capture_output=True, text=True, check=False
        )
        assert (done.returncode, said in done.stdout + done.stderr) == (status, True), done.stdout


@pytest.fixture(autouse=True)
def _nobody_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_GIVEN", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has no CLAIMS = (Claim(...), ...)"),
        ("CLAIMS = ()", "it has no CLAIMS = (Claim(...), ...)"),
        ("CLAIMS = 'quiet'", "it has no CLAIMS = (Claim(...), ...)"),
        ("CLAIMS = (1,)", "CLAIMS has a int in it"),
        ("raise ValueError('two\\nlines')", "mine.py:1: ValueError: two lines"),
        ("import sys\nsys.exit(0)", "mine.py:2: SystemExit: 0"),
        ("CLAIMS = (", "SyntaxError"),
        (CLAIM.format("").replace("'mine'", "'count-returns'"), "there is a claim 'count-returns' already"),
        (CLAIM.format("").replace("'mine'", "'Not an id'"), "id is 'Not an id', and has to be a name of"),
        (CLAIM.format("").replace("'mine'", "3"), "id is 3, and has to be a name of"),
        (CLAIM.format("").replace("'a promise'", "''"), "sentence is '', and has to be a line of text"),
        (CLAIM.format(", {'patched': 'maybe'}"), "expected is {'patched': 'maybe'}, and has to be a dict"),
        (CLAIM.format(", kinds={1}"), "kinds is {1}, and has to be a frozenset of classes"),
        (CLAIM.format(", at_rest='x'"), "at_rest is 'x', and has to be a function"),
        (CLAIM.format(", start=[]"), "start is [], and has to be hashable"),
    ],
)
def test_what_is_no_file_of_claims_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    """With the file's name; nothing of it is known afterwards."""
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=re.escape(said)) as error:
        ledger.load(str(path))
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)
    assert ledger.given() == ()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('no')", "mine.py:2: ValueError: no"),
        ("return 1", "function() answers with 1, and has to with a sentence"),
        ("while True: pass", "mine.py:2: function() goes on without end: 100000 instructions and no answer"),
    ],
    ids=["raises", "no sentence", "never comes back"],
)
@pytest.mark.parametrize(
    "words",
    [["replay", str(EBUSY)], ["explore", "--situation", "memcg-oom/threads=2", "--jobs", "1"]],
    ids=["here", "in a worker"],
)
def test_a_claim_that_breaks_is_one_line(body: str, said: str, words: list[str], tmp_path: Path) -> None:
    """Whose it is, where and what; the variant is not blamed."""
    text = f"def function(k, state):\n    {body}\n" + CLAIM.format(", at_rest=function")
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    status, output, errors = run(*words, "--variant", "rfc", "--claims", "mine.py", cwd=tmp_path)
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert "claim 'mine'" in errors
    assert said in errors
    assert "variant" not in errors


def test_results_know_which_claims_they_rest_on(tmp_path: Path) -> None:
    """What was explored without a claim says nothing about it."""
    (tmp_path / "mine.py").write_text(CLAIM.format(""), encoding="utf-8")
    words = (
        "explore",
        "--situation",
        "memcg-oom/threads=1/traced=leader",
        "--variant",
        "rfc",
        "--resume",
        "r",
    )
    assert run(*words, cwd=tmp_path)[0] == 0
    status, _output, errors = run(*words, "--claims", "mine.py", cwd=tmp_path)
    assert (status, "made with other sources of the model" in errors) == (2, True)

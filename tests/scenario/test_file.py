"""Scenario files: what is written is read again, and whatever is wrong is said in one line."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import legacy_tifmemdie
import patched
from kernel_model.machine import Machine
from kernel_model.operations import OPERATIONS, SIGNALS, Arg
from kernel_model.variant import Variant, link
from oom_review.claims import BY_ID
from oom_review.commands.cli import main
from oom_review.play.trace import record
from oom_review.scenario import file as scenario_file
from oom_review.scenario.file import MAX_BYTES, dumps, parse, read
from oom_review.scenario.form import (
    Expectation,
    ScenarioError,
    ScenarioFile,
    Settings,
    counterexample,
    schema,
    structure,
    unstructure,
)
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.scenario.parser import (
    BOOT_CGROUPS,
    BOOT_MEMCGS,
    BOOT_TASKS,
    EXPECTATIONS,
    MAX_CHOICES,
    MAX_ITEMS,
    MAX_TASKS,
    SETTINGS,
)
from oom_review.schedules.choices import Choices
from oom_review.schedules.gaps import Gaps
from oom_review.search import reschedule
from oom_review.variants.loading import known

# `make` runs the default; a release runs a hundred thousand.
MUTATIONS = int(os.environ.get("OOM_REVIEW_MUTATIONS", "3000"))
ROUND_TRIPS = int(os.environ.get("OOM_REVIEW_ROUND_TRIPS", "60"))

BY_HAND = """\
oom-review scenario 1
# Five threads, a freeze, an OOM and a suspend.
title Left behind in the fridge
claim fridge-empties
variant legacy_tifmemdie
seed 42
strategy pct 3
limit 5000
tool 0.1.0

init: fork v
run
v: clone t1   # a thread
run after 3 v, after 5 @tick, for 40 steps
run
init: attach v A
run
init: freeze A
run
kworker: alloc
run exactly
  kworker*4
  v
run again v*2 @tick
sysrq_f
run
init: suspend
run

expect legacy_tifmemdie
  fridge t1
  count 0
expect patched
  fridge -
  refuted count-returns no-spurious-ebusy
  suspend EBUSY

end
"""

EXACT = "run exactly\n  kworker*4\n  v\nrun again v*2 @tick\n"


def test_every_part_of_the_format() -> None:
    """One file with all that can be said, read into the right objects."""
    file = parse(BY_HAND)
    assert file.settings == Settings(
        "Left behind in the fridge", "fridge-empties", "legacy_tifmemdie", 42, "pct 3", 5000, "0.1.0"
    )
    assert file.scenario.items[:4] == (
        Op("fork", "init", ("v",)),
        Run(),
        Op("clone", "v", ("t1",)),
        Run(Gaps(((3, "v"), (5, "@tick")), 40)),
    )
    assert Run(Choices(("kworker",) * 4 + ("v",))) in file.scenario.items
    assert Run(Choices(("v", "v", "@tick"), again=True)) in file.scenario.items
    assert Op("sysrq_f") in file.scenario.items
    assert dict(file.expect) == {
        "legacy_tifmemdie": Expectation(fridge=("t1",), count=0),
        "patched": Expectation(fridge=(), suspend=("EBUSY",), refuted=("count-returns", "no-spurious-ebusy")),
    }
    assert file.line(3) == 14
    assert parse(dumps(file)) == file


WRONG = {
    "": (1, "not a scenario file: the first line has to be 'oom-review scenario 1'"),
    "oom-review scenario 2\nend\n": (1, "version '2' of the format; this tool reads version 1"),
    "oom-review scenario 1\ninit: fork v\n": (3, "the file has no 'end': has it been cut off?"),
    "oom-review scenario 1\nend\nrun\n": (3, "nothing may follow 'end'"),
    "oom-review scenario 1\n\ninit: dance v\nend": (3, "no such operation: 'dance'"),
    "oom-review scenario 1\nx: fork v\nend": (2, "no such task: 'x'; no operation above makes it"),
    "oom-review scenario 1\nv: fork v\nend": (2, "no such task: 'v'; no operation above makes it"),
    "oom-review scenario 1\nv: fork w\nw: fork v\nend": (2, "no such task: 'v'; no operation above makes it"),
    "oom-review scenario 1\ninit: mkdir X X\nend": (2, "no such freezer cgroup: 'X'"),
    "oom-review scenario 1\ninit: kill init HUP\nend": (2, "no such signal: 'HUP'"),
    "oom-review scenario 1\ninit: fork\nend": (2, "'fork' takes new task, not 0 arguments"),
    "oom-review scenario 1\ninit: fork a*b\nend": (
        2,
        "'a*b' can't name a new task: letters, digits and _./+- only",
    ),
    "oom-review scenario 1\ninit: sysrq_f\nend": (2, "nobody does 'sysrq_f': write it without a task"),
    "oom-review scenario 1\nsuspend\nend": (2, "'suspend' needs the task that does it: 'task: suspend'"),
    "oom-review scenario 1\ninit:\nend": (2, "an operation is missing after the colon"),
    "oom-review scenario 1\ninit: oom_score_adj init 1001\nend": (
        2,
        "'1001' is not a number from -1000 to 1000",
    ),
    "oom-review scenario 1\nrun after 3\nend": (
        2,
        "'after' in a schedule: it is 'after N task, ... for N steps', 'exactly ...' or 'again ...'",
    ),
    "oom-review scenario 1\nrun after 3 v\nend": (2, "no such task: 'v'; no operation above makes it"),
    "oom-review scenario 1\nrun exactly\n  init\n  init*0\nend": (4, "'0' is not a number from 1 to 100000"),
    "oom-review scenario 1\nrun for 3 inches\nend": (
        2,
        "'inches' after a number of steps: it is 'for N steps'",
    ),
    "oom-review scenario 1\nclaim none\nend": (
        2,
        "no such claim: 'none' (if it is one of your own, give its file: --claims FILE.py)",
    ),
    "oom-review scenario 1\nseed x\nend": (2, "'x' is not a seed: a number of at most 40 digits"),
    "oom-review scenario 1\nseed 1\nseed 2\nend": (3, "'seed' is given twice"),
    "oom-review scenario 1\nrun\nseed 2\nend": (3, "'seed' has to stand above the first operation"),
    "oom-review scenario 1\nexpect p\n  joy 1\nend": (
        3,
        "'joy' can't be expected; count, fridge, holds, refuted, suspend can",
    ),
    "oom-review scenario 1\nexpect p\n  holds joy\nend": (
        3,
        "no such claim: 'joy' (if it is one of your own, give its file: --claims FILE.py)",
    ),
    "oom-review scenario 1\nexpect p\n  holds victim-dies\n  refuted victim-dies\nend": (
        4,
        "victim-dies is expected to be refuted, and to hold",
    ),
    "oom-review scenario 1\nexpect p\n  count x\nend": (3, "'x' is not a number from -200 to 200"),
    "oom-review scenario 1\nexpect p\n  fridge x\nend": (3, "no such task: 'x'; no operation above makes it"),
    "oom-review scenario 1\nexpect p\n  suspend no\nend": (3, "'no' is no result of a suspend: ok or EBUSY"),
    "oom-review scenario 1\nexpect p\nexpect p\nend": (3, "p has expectations already"),
    "oom-review scenario 1\ninit: suspend\n  run\nend": (
        3,
        "an indented line can only follow 'run' or 'expect'",
    ),
    "  oom-review scenario 1\nend": (1, "an indented line, and nothing above that it could belong to"),
}


@pytest.mark.parametrize("text", WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_is_wrong_is_said_with_its_line(text: str) -> None:
    """File, line, reason: nothing else."""
    line, reason = WRONG[text]
    with pytest.raises(ScenarioError) as caught:
        parse(text, "file")
    assert str(caught.value) == f"file:{line}: {reason}"


TODAY = "oom_kernels.v7_3"
SLOW_CLOSE = "oom-review scenario 1\n{above}\ninit: fork v\nrun\nv: open_fuse\nrun\n{below}\nend\n"


@pytest.mark.parametrize(
    "names", [{"above": f"variant {TODAY}", "below": ""}, {"above": "", "below": f"expect {TODAY}"}], ids=str
)
def test_a_file_may_ask_for_what_only_a_kernel_that_it_names_has(names: dict[str, str]) -> None:
    """By any line that names it; and what is read is written again."""
    file = parse(SLOW_CLOSE.format(**names))
    assert Op("open_fuse", "v") in file.scenario.items
    assert parse(dumps(file)) == file


def test_the_page_lists_what_todays_kernels_have() -> None:
    """Each of their own operations."""
    page = (Path(__file__).parents[2] / "docs" / "scenario-format.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    own = set(link(known(TODAY)).operations) - set(OPERATIONS)
    assert own
    assert all(any(f"{name} " in row or f"{name}`" in row for row in rows) for name in own)


@pytest.mark.parametrize(
    ("above", "reason"),
    [
        ("", "no such operation on a kernel that the file names; it is oom_kernels.v6_12's: 'open_fuse'"),
        (
            "variant patched",
            "no such operation on a kernel that the file names; it is oom_kernels.v6_12's: 'open_fuse'",
        ),
        (
            "variant my_v2",
            (
                "no such operation on every kernel: 'open_fuse'; variant 'my_v2' does not come with the project, and "
                "nobody's code is run because a file names it: name it yourself (--variant ./DIRECTORY; pytest: --oom-variant)"
            ),
        ),
    ],
)
def test_other_kernels_do_not_have_it(above: str, reason: str) -> None:
    """One line that says whose it is, or which kernel could not be asked."""
    with pytest.raises(ScenarioError) as caught:
        parse(SLOW_CLOSE.format(above=above, below=""), "file")
    assert str(caught.value) == f"file:5: {reason}"


def test_limits() -> None:
    """Counts are bounded, and the line that exceeds one is named."""
    head = "oom-review scenario 1\n"
    many = "".join(f"init: fork p{i}\n" for i in range(MAX_TASKS))
    for text, reason in (
        (
            head + "run\n" * (MAX_ITEMS + 1) + "end",
            f":{MAX_ITEMS + 2}: more than {MAX_ITEMS} operations and runs",
        ),
        (head + many + "end", f"more than {MAX_TASKS} names"),
        (head + f"run exactly init*{MAX_CHOICES} init\nend", f":2: more than {MAX_CHOICES} choices"),
    ):
        with pytest.raises(ScenarioError, match=re.escape(reason)):
            parse(text)


def test_files_that_are_no_files(tmp_path: Path) -> None:
    """Missing, a directory, a pipe that nobody writes to, not UTF-8, too large: each a line, none read whole."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"oom-review scenario 1\n# na\xefve\nend\n")
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(100 * MAX_BYTES)
    wrong = {
        "missing": "missing: No such file or directory",
        ".": ": ",
        "pipe": "pipe: not a regular file",
        "latin": "latin:2: not UTF-8",
        "large": f"large:1: the file is larger than {MAX_BYTES} bytes",
    }
    for name, message in wrong.items():
        with pytest.raises(ScenarioError, match=re.escape(message)) as caught:
            read(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(ScenarioError) as caught:
        read("a\nb\x1b")
    assert str(caught.value) == "a\\nb\\x1b: No such file or directory"
    with pytest.raises(ScenarioError, match="null byte"):
        read("a\0b")


@pytest.mark.parametrize(
    "op", [Op("fork", "init", ("two words",)), Op("fork", "init", ("",)), Op("exit", "nobody")]
)
def test_what_the_format_cannot_say_is_not_written(op: Op) -> None:
    """Better no file than one that says something else."""
    with pytest.raises(ScenarioError, match="the scenario"):
        dumps(ScenarioFile(Scenario((op,))))


@pytest.mark.parametrize("title", [" x", "two\nlines", "x" * 1001])
def test_a_title_that_would_come_back_changed_is_not_written(title: str) -> None:
    """Nor is one that is too long."""
    with pytest.raises(ScenarioError, match="the scenario"):
        dumps(ScenarioFile(Scenario(), Settings(title=title)))


def test_preemptions_for_tasks_that_nothing_makes_are_left_out() -> None:
    """They are passed over when played: the gap goes to the next one."""
    gaps = Gaps(((2, "gone"), (3, "init"), (1, "gone")), 9)
    text = dumps(ScenarioFile(Scenario((Run(gaps),))))
    assert "run after 5 init, for 9 steps\n" in text
    alloc = (Op("alloc", "kworker"), Op("fork", "init", ("v",)))
    variant = legacy_tifmemdie.VARIANT
    with_it, without = (record(Scenario((*alloc, Run(g))), variant) for g in (gaps, Gaps(((5, "init"),), 9)))
    assert with_it.steps == without.steps


def test_the_parser_knows_what_a_machine_boots_with() -> None:
    """The names that need no operation."""
    machine = Machine(legacy_tifmemdie.VARIANT)
    assert set(machine.names_now()) == BOOT_TASKS
    assert set(machine.k.cgroups) == BOOT_CGROUPS
    assert set(machine.k.memcgs) == BOOT_MEMCGS


def test_no_operation_is_a_keyword() -> None:
    """An event stands alone on its line, as settings do."""
    assert not set(OPERATIONS) & (SETTINGS | EXPECTATIONS - {"suspend"} | {"run", "expect", "end"})


# Generated files


def texts() -> st.SearchStrategy[str]:
    """What settings hold; a # after a blank would begin a comment."""
    letters = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["C", "Z"])
    return st.text(letters, min_size=1, max_size=20).filter(lambda text: not text.startswith("#"))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Operations with names that exist, in any order; most could not be played."""
    names = {
        Arg.TASK: sorted(BOOT_TASKS),
        Arg.CGROUP: sorted(BOOT_CGROUPS),
        Arg.MEMCG: sorted(BOOT_MEMCGS),
        Arg.SIGNAL: sorted(SIGNALS),
    }
    items: list[Op | Run] = []
    for number in range(draw(st.integers(0, 12))):
        contexts = st.sampled_from([*names[Arg.TASK], "@tick"])
        if draw(st.booleans()):
            gaps = st.lists(st.tuples(st.integers(0, 99), contexts), max_size=20)
            steps = st.none() | st.integers(0, 5000)
            exact = st.builds(Choices, st.lists(contexts, max_size=60).map(tuple), st.booleans())
            items.append(Run(draw(st.builds(Gaps, gaps.map(tuple), steps) | exact)))
            continue
        operation = OPERATIONS[draw(st.sampled_from(sorted(OPERATIONS)))]
        args: list[str | int] = []
        made: list[tuple[Arg, str]] = []
        for kind in operation.args:
            if kind is Arg.NUMBER:
                args.append(draw(st.integers(-1000, 1000)))
            elif kind in names:
                args.append(draw(st.sampled_from(names[kind])))
            else:
                name = draw(st.sampled_from(["p", "A.", "x/", "7", "run", "end", "title"])) + str(number)
                made.append((Arg.TASK if kind is Arg.NEW else Arg.CGROUP, name))
                args.append(name)
        task = None if operation.by == "event" else draw(st.sampled_from(names[Arg.TASK]))
        items.append(Op(operation.name, task, tuple(args)))
        for kind, name in made:
            names[kind].append(name)
    return Scenario(tuple(items))


def expectations() -> st.SearchStrategy[Expectation]:
    """Each part there or not."""
    ids = sorted(BY_ID)
    # No claim is expected to be refuted, and to hold.
    refuted, holds = (st.lists(st.sampled_from(ids[i::2]), max_size=3).map(tuple) for i in (0, 1))
    results = st.lists(st.sampled_from(["ok", "EBUSY"]), max_size=3).map(tuple)
    fridge = st.lists(st.sampled_from(sorted(BOOT_TASKS)), max_size=3).map(tuple)
    count = st.none() | st.integers(-9, 9)
    return st.builds(
        Expectation, st.none() | fridge, count, st.none() | results, st.none() | refuted, st.none() | holds
    )


FILES = st.builds(
    ScenarioFile,
    scenarios(),
    st.builds(
        Settings,
        texts() | st.just(""),
        st.sampled_from(["", *BY_ID]),
        st.sampled_from(["", "patched", "my.own_v2"]),
        st.none() | st.integers(0, 10**39),
        texts() | st.just(""),
        st.none() | st.integers(0, 50_000),
        texts() | st.just(""),
    ),
    st.dictionaries(st.sampled_from(["patched", "legacy_tifmemdie", "v2"]), expectations()).map(
        lambda d: tuple(d.items())
    ),
)


@given(FILES)
@settings(deadline=None)
def test_files_round_trip(file: ScenarioFile) -> None:
    """File to text to file, and file to parsed form to file, is the same; the form is valid by the published schema."""
    assert parse(dumps(file)) == file
    form = unstructure(file)
    assert structure(form) == file
    jsonschema.Draft202012Validator(schema()).validate(form)


def test_the_schema_is_one_and_rejects() -> None:
    """The schema itself is valid, and it is not one that accepts everything."""
    jsonschema.Draft202012Validator.check_schema(schema())
    form = unstructure(parse(BY_HAND))
    for key, value in (
        ("version", 2),
        ("items", [{"run": {}}]),
        ("settings", {"colour": "red"}),
        ("expect", {"p": {"count": "x"}}),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**form, key: value}, schema())


def test_a_counterexample_expects_its_claim_to_hold() -> None:
    """On the kernel that it was found on; without a claim there is nothing to expect."""
    scenario = parse(BY_HAND).scenario
    file = counterexample(scenario, Settings(claim="count-returns", variant="my_v2"))
    assert "\nexpect my_v2\n  holds count-returns\n" in dumps(file)
    assert counterexample(scenario, Settings(variant="my_v2")).expect == ()


def random_program(rng: random.Random) -> Scenario:
    """A program of operations that make sense often enough to be played in part."""
    tasks = ["init", "v", "t1", "t2", "w"]
    pool = [
        *(
            Op(kind, rng.choice(tasks), (name,))
            for kind in ("fork", "clone", "clone_vm", "vfork")
            for name in tasks[1:]
        ),
        *(
            Op(name, who)
            for name in ("exit", "wait", "suspend", "charge", "fault", "ignore_sigchld")
            for who in tasks
        ),
        *(Op("attach", "init", (who, "A")) for who in tasks[1:]),
        Op("freeze", "init", ("A",)),
        Op("thaw", "init", ("A",)),
        Op("alloc", "kworker"),
        Op("sysrq_f"),
        Op("wakeup"),
    ]
    items: list[Op | Run] = [Op("fork", "init", ("v",)), Run(), Op("clone", "v", ("t1",)), Run()]
    for _ in range(12):
        items.append(rng.choice(pool))
        if rng.random() < 0.7:
            items.append(Run())
    return Scenario(tuple(items))


def played(seed: int, variant: Variant) -> Scenario:
    """A scenario with preemptions that can be played to its end on that variant."""
    rng = random.Random(seed)
    _session, recorded = reschedule.shuffle(random_program(rng), variant, (), rng, strict=False)
    return reschedule.record(recorded, variant)


@pytest.mark.parametrize("variant", [legacy_tifmemdie.VARIANT, patched.VARIANT], ids=["legacy", "rfc"])
def test_a_scenario_from_a_file_takes_the_same_steps(variant: Variant) -> None:
    """Generated scenario, file, replay: the same trace and observations, with gap lists and with exact choices."""
    for seed in range(ROUND_TRIPS):
        scenario = played(seed, variant)
        first = record(scenario, variant)
        again = record(parse(dumps(ScenarioFile(scenario))).scenario, variant)
        assert again == first
        exact = Scenario(
            tuple(
                Run(Choices(tuple(s.task for s in first.steps if s.item == i)))
                if isinstance(item, Run)
                else item
                for i, item in enumerate(scenario.items)
            )
        )
        by_choice = record(parse(dumps(ScenarioFile(exact))).scenario, variant)
        assert by_choice.steps == first.steps
        assert by_choice.observation == first.observation


# Mutated files


def mutations(count: int) -> Iterator[bytes]:
    """Files with bytes, words and lines changed, doubled, swapped and cut."""
    rng = random.Random(1016)
    bases = (BY_HAND.encode(), BY_HAND.replace(EXACT, "").encode())
    words = sorted(
        {w.encode() for w in re.findall(r"\S+", BY_HAND)}
        | {b"999999999", b"-1", b"*", b":", b"@tick", b"\xff", b"\0"}
    )
    for _ in range(count):
        data = rng.choice(bases)
        for _times in range(rng.choice((1, 1, 2, 5))):
            way = rng.randrange(5)
            if way == 0:
                at = rng.randrange(len(data) + 1)
                data = data[:at] + bytes([rng.randrange(256)]) + data[at + rng.randrange(2) :]
            elif way == 1:
                data = data[: rng.randrange(len(data) + 1)]
            elif way == 2:
                parts = re.split(rb"([ \n])", data)
                parts[2 * rng.randrange((len(parts) + 1) // 2)] = rng.choice(words)
                data = b"".join(parts)
            else:
                lines = data.split(b"\n")
                line = lines.pop(rng.randrange(len(lines)))
                for _copy in range(rng.choice((0, 1, 1, 2))):
                    lines.insert(rng.randrange(len(lines) + 1), line)
                data = b"\n".join(lines)
        yield data


def test_mutated_files_are_played_or_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never a traceback, never more than a line of complaint, and a good file among them is still played."""
    path = tmp_path / "m.scenario"
    statuses = []
    for number, data in enumerate(mutations(MUTATIONS)):
        path.write_bytes(data)
        try:
            scenario_file.read(path)
        except ScenarioError as error:
            complaint = str(error)
        else:
            complaint = ""
        if complaint:
            assert complaint.startswith(f"{path}:")
            assert complaint.isprintable()
            continue
        if number % 3:
            continue
        statuses.append(main(["replay", str(path), "--variant", "patched"]))
        out = capsys.readouterr()
        assert (statuses[-1] == 2) == (out.out == "")
        assert (statuses[-1] == 2) == (out.err.count("\n") == 1)
    assert set(statuses) == {0, 1, 2}

"""Scenario files as text: reading and making it (docs/scenario-format.md).  Whatever is wrong raises ScenarioError."""

from __future__ import annotations

import os
import stat
import sys

import attrs

from kernel_model.operations import Arg
from oom_review.scenario.form import HEADER, VERSION, ScenarioError, ScenarioFile, structure
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.scenario.operations import operation_of
from oom_review.scenario.parser import BOOT_TASKS, Parser
from oom_review.schedules.choices import Choices
from oom_review.schedules.driver import TICK
from oom_review.schedules.gaps import Gaps

STDIN = "-"
MAX_BYTES = 1_000_000
TEXT_WIDTH = 75


def read(path: str | os.PathLike[str]) -> ScenarioFile:
    """The file's content, or that of standard input for "-".  Raises ScenarioError; no more than MAX_BYTES of it are read."""
    name = os.fspath(path)
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1) if name == STDIN else _bytes(name)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise ScenarioError(name, None, reason or str(error)) from None
    if len(data) > MAX_BYTES:
        raise ScenarioError(
            name, data.count(b"\n", 0, MAX_BYTES) + 1, f"the file is larger than {MAX_BYTES} bytes"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(name, data.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
    return parse(text, name)


def _bytes(name: str) -> bytes:
    with open(name, "rb", opener=_open) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise ScenarioError(name, None, "not a regular file")
        return stream.read(MAX_BYTES + 1)


def _open(path: str, flags: int) -> int:
    # A pipe that nobody writes to must not hang us.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def parse(text: str, file: str = "<text>") -> ScenarioFile:
    """The content of a file that was read already."""
    parser = Parser(file, text)
    form = parser.form()
    return attrs.evolve(structure(form), lines=tuple(parser.lines))


def dumps(file: ScenarioFile) -> str:
    """The file as text.  Raises ScenarioError for what the format can't say."""
    file = attrs.evolve(file, scenario=without_strangers(file.scenario, file.variants))
    lines = [f"{HEADER} {VERSION}"]
    lines += [f"{k} {v}" for k, v in attrs.asdict(file.settings).items() if v not in ("", None)]
    lines.append("")
    for item in file.scenario.items:
        lines += run_lines(item) if isinstance(item, Run) else [str(item)]
    for variant, expectation in file.expect:
        lines += ["", f"expect {variant}"]
        for key, value in attrs.asdict(expectation).items():
            if value is not None:
                words = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
                lines.append(f"  {key} {words or '-'}")
    text = "\n".join([*lines, "", "end", ""])
    again = parse(text, "the scenario")
    if again != file:
        raise ScenarioError("the scenario", None, "it holds names or values that a scenario file can't say")
    return text


def without_strangers(scenario: Scenario, kernels: tuple[str, ...] = ()) -> Scenario:
    """The same, without preemptions for tasks that no operation makes on these kernels: schedulers pass them over."""
    tasks = set(BOOT_TASKS) | {TICK}
    items: list[Op | Run] = []
    for item in scenario.items:
        if isinstance(item, Op):
            operation = operation_of(item.name, kernels)
            kinds = operation.args if operation is not None else ()
            tasks |= {str(a) for kind, a in zip(kinds, item.args, strict=False) if kind is Arg.NEW}
        elif isinstance(item.schedule, Gaps):
            item = Run(attrs.evolve(item.schedule, preemptions=_known(item.schedule, tasks)))  # noqa: PLW2901
        items.append(item)
    return Scenario(tuple(items))


def _known(gaps: Gaps, tasks: set[str]) -> tuple[tuple[int, str], ...]:
    preemptions = []
    passed_over = 0
    for gap, task in gaps.preemptions:
        if task in tasks:
            preemptions.append((gap + passed_over, task))
            passed_over = 0
        else:
            passed_over += gap
    return tuple(preemptions)


def run_lines(run: Run) -> list[str]:
    """A run as it stands in a file: a line, and indented ones for the rest of a long schedule."""
    schedule = run.schedule
    if isinstance(schedule, Choices):
        head, words = f"run {run.keyword}", str(schedule).split()
    else:
        head = "run"
        parts = [f"after {gap} {task}" for gap, task in schedule.preemptions]
        parts += [] if schedule.steps is None else [f"for {schedule.steps} steps"]
        words = [f"{part}," for part in parts[:-1]] + parts[-1:]
    lines = [head]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > TEXT_WIDTH:
            lines.append(" ")
        lines[-1] += f" {word}"
    return lines

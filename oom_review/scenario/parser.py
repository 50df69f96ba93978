"""From the text of a scenario file to its parsed form, line by line: the first thing that is wrong is the error."""

from __future__ import annotations

import re
from typing import Any

import attrs

from kernel_model.operations import SIGNALS, Arg, Operation
from kernel_model.sched import OOM_SCORE_ADJ_MIN
from oom_review import ledger
from oom_review.scenario.form import EXACT, HEADER, VERSION, ScenarioError
from oom_review.scenario.operations import operation_of, owner
from oom_review.schedules.driver import STEP_LIMIT, TICK
from oom_review.variants.loading import VariantError

MAX_ITEMS = 2_000
MAX_TASKS = 200
MAX_CHOICES = 100_000
BOOT_TASKS = frozenset({"init", "oom_reaper", "kworker", "kswapd"})
BOOT_CGROUPS = frozenset({"/", "A", "A/B"})
BOOT_MEMCGS = frozenset({"M", "M/N"})
RESULTS = frozenset({"ok", "EBUSY"})
NAME = re.compile(r"[A-Za-z0-9_./+-]{1,64}", re.ASCII)
MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,199}", re.ASCII)
NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
SEED = re.compile(r"[0-9]{1,40}", re.ASCII)
SETTINGS = frozenset({"title", "claim", "variant", "seed", "strategy", "limit", "tool"})
EXPECTATIONS = frozenset({"fridge", "count", "suspend", "refuted", "holds"})


@attrs.define
class Parser:
    """One pass over the lines; ``statement`` is a line and the indented ones below it, each with its number."""

    file: str
    text: str
    number: int = 1
    lines: list[int] = attrs.Factory(list)
    settings: dict[str, Any] = attrs.Factory(dict)
    items: list[dict[str, Any]] = attrs.Factory(list)
    expect: dict[str, dict[str, Any]] = attrs.Factory(dict)
    tasks: set[str] = attrs.Factory(lambda: set(BOOT_TASKS))
    cgroups: set[str] = attrs.Factory(lambda: set(BOOT_CGROUPS))
    kernels: tuple[str, ...] = ()
    choices: int = 0

    def error(self, reason: str, line: int | None = None) -> ScenarioError:
        """The error to raise about the line at hand, or another one."""
        return ScenarioError(self.file, self.number if line is None else line, reason)

    def form(self) -> dict[str, Any]:
        """The parsed form of the whole file."""
        statements = self.statements()
        self.header(statements[0] if statements else [])
        # What is expected stands below the operations.
        self.kernels = tuple(map(_kernel, (first for (_number, first), *_below in statements)))
        for statement in statements[1:]:
            self.number, first = statement[0]
            if first == "end":
                self.end(statement, statements[-1])
                return {
                    "format": HEADER,
                    "version": VERSION,
                    "settings": self.settings,
                    "items": self.items,
                    "expect": self.expect,
                }
            self.statement(first, statement)
        raise self.error("the file has no 'end': has it been cut off?", self.text.count("\n") + 1)

    def statements(self) -> list[list[tuple[int, str]]]:
        """The lines that are neither empty nor comments, indented ones with what they belong to."""
        out: list[list[tuple[int, str]]] = []
        for number, raw in enumerate(self.text.split("\n"), 1):
            self.number = number
            line = raw.rstrip(" \t\r")
            content = line.lstrip(" \t")
            if not content or content.startswith("#"):
                continue
            if not content.startswith("title "):
                content = content.split(" #")[0].rstrip(" \t")
            if line[0] not in " \t":
                out.append([(self.number, content)])
            elif out:
                out[-1].append((self.number, content))
            else:
                raise self.error("an indented line, and nothing above that it could belong to")
        return out

    def header(self, statement: list[tuple[int, str]]) -> None:
        """The first line says what this is, and of which version."""
        self.number, first = statement[0] if statement else (1, "")
        if not first.startswith(f"{HEADER} ") or len(statement) > 1:
            raise self.error(f"not a scenario file: the first line has to be '{HEADER} {VERSION}'")
        version = first.removeprefix(HEADER).strip()
        if version != str(VERSION):
            raise self.error(f"version {_quoted(version)} of the format; this tool reads version {VERSION}")

    def end(self, statement: list[tuple[int, str]], last: list[tuple[int, str]]) -> None:
        """Nothing may follow."""
        if statement is not last or len(statement) > 1:
            line = (last if statement is not last else statement)[-1][0]
            raise self.error("nothing may follow 'end'", line)

    def statement(self, first: str, statement: list[tuple[int, str]]) -> None:
        """A setting, a run, an expectation or an operation."""
        keyword, _, rest = first.partition(" ")
        rest = rest.strip()
        if keyword == "run":
            self.add_item({"run": self.run(rest, statement)})
            return
        if keyword == "expect":
            self.expectation(rest, statement[1:])
            return
        if len(statement) > 1:
            raise self.error("an indented line can only follow 'run' or 'expect'", statement[1][0])
        if keyword in SETTINGS:
            self.setting(keyword, rest)
        else:
            self.add_item(self.operation(first))

    def add_item(self, item: dict[str, Any]) -> None:
        """Remember an operation or a run, and its line."""
        if len(self.items) >= MAX_ITEMS:
            raise self.error(f"more than {MAX_ITEMS} operations and runs")
        self.items.append(item)
        self.lines.append(self.number)

    def setting(self, key: str, value: str) -> None:
        """One of what made the scenario."""
        if self.items:
            raise self.error(f"'{key}' has to stand above the first operation")
        if key in self.settings:
            raise self.error(f"'{key}' is given twice")
        if not value or len(value) > 1000 or not value.isprintable():  # noqa: PLR2004 - a line's worth
            raise self.error(f"'{key}' needs a value of printable text")
        if key == "claim" and not ledger.is_known(value):
            raise self.error(ledger.no_such(value))
        if key == "variant" and not MODULE.fullmatch(value):
            raise self.error(f"{_quoted(value)} can't name a variant")
        if key == "seed":
            if not SEED.fullmatch(value):
                raise self.error(f"{_quoted(value)} is not a seed: a number of at most 40 digits")
            self.settings[key] = int(value)
        elif key == "limit":
            self.settings[key] = self.whole(value, STEP_LIMIT)
        else:
            self.settings[key] = value

    def whole(self, word: str, most: int, least: int = 0) -> int:
        """A number within bounds."""
        if not NUMBER.fullmatch(word) or not least <= int(word) <= most:
            raise self.error(f"{_quoted(word)} is not a number from {least} to {most}")
        return int(word)

    # Operations

    def operation(self, text: str) -> dict[str, Any]:
        """``task: operation arguments``, or ``operation arguments`` for what nobody does."""
        head, colon, rest = text.partition(":")
        task = head.strip() if colon else None
        words = (rest if colon else text).split()
        if not words:
            raise self.error("an operation is missing after the colon")
        operation = self.known_operation(words[0])
        if operation.by == "event":
            if task is not None:
                raise self.error(f"nobody does '{operation.name}': write it without a task")
            return {"op": operation.name, "task": None, "args": self.arguments(operation, words[1:])}
        if task is None:
            raise self.error(f"'{operation.name}' needs the task that does it: 'task: {operation.name}'")
        self.known_task(task)
        return {"op": operation.name, "task": task, "args": self.arguments(operation, words[1:])}

    def known_operation(self, name: str) -> Operation:
        """One that every kernel has, or one that the file names."""
        try:
            operation = operation_of(name, filter(None, self.kernels))
        except VariantError as error:
            raise self.error(f"no such operation on every kernel: {_quoted(name)}; {error}") from None
        if operation is None:
            kernel = owner(name)
            reason = "" if kernel is None else f" on a kernel that the file names; it is {kernel}'s"
            raise self.error(f"no such operation{reason}: {_quoted(name)}")
        return operation

    def arguments(self, operation: Operation, words: list[str]) -> list[str | int]:
        """As many as the operation takes, each of its kind."""
        if len(words) != len(operation.args):
            wanted = ", ".join(a.value for a in operation.args) or "no argument"
            raise self.error(f"'{operation.name}' takes {wanted}, not {len(words)} arguments")
        pairs = list(zip(operation.args, words, strict=True))
        values = [self.argument(kind, word) for kind, word in pairs if kind not in (Arg.NEW, Arg.NEW_CGROUP)]
        # New names last: nothing can be made of itself.
        news = [self.new_name(kind, word) for kind, word in pairs if kind in (Arg.NEW, Arg.NEW_CGROUP)]
        return [(news if kind in (Arg.NEW, Arg.NEW_CGROUP) else values).pop(0) for kind in operation.args]

    def argument(self, kind: Arg, word: str) -> str | int:
        """A name that exists, a signal or a number."""
        if kind is Arg.NUMBER:
            return self.whole(word, -OOM_SCORE_ADJ_MIN, OOM_SCORE_ADJ_MIN)
        if kind is Arg.TASK:
            return self.known_task(word)
        known = {Arg.CGROUP: self.cgroups, Arg.MEMCG: BOOT_MEMCGS, Arg.SIGNAL: SIGNALS}[kind]
        if word not in known:
            raise self.error(f"no such {kind.value}: {_quoted(word)}")
        return word

    def new_name(self, kind: Arg, word: str) -> str:
        """A name for what the operation makes."""
        if not NAME.fullmatch(word):
            raise self.error(f"{_quoted(word)} can't name a {kind.value}: letters, digits and _./+- only")
        known = self.tasks if kind is Arg.NEW else self.cgroups
        known.add(word)
        if len(known) > MAX_TASKS:
            raise self.error(f"more than {MAX_TASKS} names")
        return word

    def known_task(self, name: str) -> str:
        """A task that exists at boot or that an operation above makes."""
        if name not in self.tasks:
            raise self.error(f"no such task: {_quoted(name)}; no operation above makes it")
        return name

    # Schedules

    def run(self, rest: str, statement: list[tuple[int, str]]) -> dict[str, Any]:
        """Everything after ``run``, indented lines included."""
        words = [(self.number, w) for w in rest.split()]
        words += [(number, w) for number, line in statement[1:] for w in line.split()]
        start = self.number
        keyword = words[0][1] if words else ""
        form = {keyword: self.bursts(words[1:])} if keyword in EXACT else self.gaps(words)
        self.number = start
        return form

    def bursts(self, words: list[tuple[int, str]]) -> list[list[Any]]:
        """``v*3 kworker @tick``: who takes each step."""
        bursts = []
        for self.number, word in words:
            name, star, count = word.partition("*")
            times = self.whole(count, MAX_CHOICES, 1) if star else 1
            self.choices += times
            if self.choices > MAX_CHOICES:
                raise self.error(f"more than {MAX_CHOICES} choices")
            bursts.append([self.scheduled(name), times])
        return bursts

    def gaps(self, words: list[tuple[int, str]]) -> dict[str, Any]:
        """``after 3 v, after 5 @tick, for 40 steps``."""
        preemptions: list[list[Any]] = []
        steps: int | None = None
        rest = list(words)
        while rest:
            self.number, word = rest.pop(0)
            pair = [w for _number, w in rest[:2]]
            del rest[:2]
            if steps is not None or word not in ("after", "for") or len(pair) < 2:  # noqa: PLR2004 - a pair
                raise self.error(
                    f"{_quoted(word)} in a schedule: it is 'after N task, ... for N steps', 'exactly ...' or 'again ...'"
                )
            if word == "after":
                self.choices += 1
                if self.choices > MAX_CHOICES:
                    raise self.error(f"more than {MAX_CHOICES} choices")
                preemptions.append(
                    [self.whole(pair[0], STEP_LIMIT), self.scheduled(pair[1].removesuffix(","))]
                )
            elif pair[1] == "steps":
                steps = self.whole(pair[0], STEP_LIMIT)
            else:
                raise self.error(f"{_quoted(pair[1])} after a number of steps: it is 'for N steps'")
        return {"preemptions": preemptions, "steps": steps}

    def scheduled(self, name: str) -> str:
        """A context, or the clock."""
        return name if name == TICK else self.known_task(name)

    # Expectations

    def expectation(self, variant: str, lines: list[tuple[int, str]]) -> None:
        """``expect variant`` and its indented lines."""
        if not MODULE.fullmatch(variant):
            raise self.error(f"{_quoted(variant)} can't name a variant")
        if variant in self.expect:
            raise self.error(f"{variant} has expectations already")
        form: dict[str, Any] = {}
        for self.number, line in lines:
            key, *values = line.split()
            if key not in EXPECTATIONS:
                raise self.error(f"{_quoted(key)} can't be expected; {', '.join(sorted(EXPECTATIONS))} can")
            if key in form:
                raise self.error(f"'{key}' is expected twice")
            if not values:
                raise self.error(f"'{key}' needs a value, '-' for none")
            form[key] = self.expected(key, values)
            both = set(form.get("refuted", ())) & set(form.get("holds", ()))
            if both:
                raise self.error(f"{min(both)} is expected to be refuted, and to hold")
        self.expect[variant] = form

    def expected(self, key: str, values: list[str]) -> int | list[str]:
        """The value of one expectation."""
        if key == "count":
            if len(values) > 1:
                raise self.error("'count' takes one number")
            return self.whole(values[0], MAX_TASKS, -MAX_TASKS)
        if values == ["-"]:
            return []
        for value in values:
            if key == "fridge":
                self.known_task(value)
            elif key in ("refuted", "holds") and not ledger.is_known(value):
                raise self.error(ledger.no_such(value))
            elif key == "suspend" and value not in RESULTS:
                raise self.error(f"{_quoted(value)} is no result of a suspend: ok or EBUSY")
        return values


def _kernel(line: str) -> str:
    """The kernel that a line names, if it is one that does."""
    keyword, _, rest = line.partition(" ")
    return rest.strip() if keyword in ("variant", "expect") and MODULE.fullmatch(rest.strip()) else ""


def _quoted(word: str) -> str:
    return repr(word if len(word) <= 60 else word[:60] + "...")  # noqa: PLR2004 - fits a line

"""What a scenario file holds, as objects and in its parsed form (scenario.schema.json), and how one becomes the other."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from oom_review.errors import BadInput
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import Choices
from oom_review.schedules.gaps import Gaps

VERSION = 1
HEADER = "oom-review scenario"
EXACT = ("exactly", "again")
"""What stands before exact choices."""


class ScenarioError(BadInput):
    """A scenario file, or something that was to become one, is wrong: ``file:line: reason``."""

    def __init__(self, file: str, line: int | None, reason: str) -> None:
        """``line`` is None if there is none to blame."""
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{_printable(where, 4096)}: {_printable(reason, 1000)}")
        self.file = file
        self.line = line
        self.reason = reason


@attrs.define(frozen=True)
class Settings:
    """What made the scenario.  ``limit``: the most steps of a run."""

    title: str = ""
    claim: str = ""
    variant: str = ""
    seed: int | None = None
    strategy: str = ""
    limit: int | None = None
    tool: str = ""


@attrs.define(frozen=True)
class Expectation:
    """What is expected on one variant; None for what is left open.

    ``suspend``: all results, "ok" or "EBUSY", in order; ``refuted``: all claims that are broken; ``holds``: some that are not.
    """

    fridge: tuple[str, ...] | None = None
    count: int | None = None
    suspend: tuple[str, ...] | None = None
    refuted: tuple[str, ...] | None = None
    holds: tuple[str, ...] | None = None


@attrs.define(frozen=True)
class ScenarioFile:
    """All that a file holds.  ``expect`` goes by variant."""

    scenario: Scenario
    settings: Settings = attrs.field(factory=Settings)
    expect: tuple[tuple[str, Expectation], ...] = ()
    lines: tuple[int, ...] = attrs.field(default=(), eq=False, repr=False)

    def line(self, item: int) -> int | None:
        """Where in the file that item of the scenario stands."""
        return self.lines[item] if item < len(self.lines) else None

    @property
    def variants(self) -> tuple[str, ...]:
        """All that it names: those of which it expects something, and the one that it was made on."""
        named = [*(variant for variant, _expected in self.expect), self.settings.variant]
        return tuple(dict.fromkeys(name for name in named if name))


def counterexample(scenario: Scenario, made_by: Settings) -> ScenarioFile:
    """What broke a claim, as a file that expects the claim to hold: a replay of it fails until that is mended."""
    held = Expectation(holds=(made_by.claim,))
    return ScenarioFile(scenario, made_by, ((made_by.variant, held),) if made_by.claim else ())


def _printable(text: str, limit: int) -> str:
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:limit])
    return shown + ("..." if len(text) > limit else "")


def _structure_item(value: dict[str, Any], _type: Any) -> Op | Run:
    if "run" not in value:
        return Op(value["op"], value["task"], tuple(value["args"]))
    run = value["run"]
    for keyword in EXACT:
        if keyword in run:
            names = tuple(name for name, count in run[keyword] for _ in range(count))
            return Run(Choices(names, again=keyword == "again"))
    return Run(Gaps(tuple((gap, task) for gap, task in run["preemptions"]), run["steps"]))


def _unstructure_run(run: Run) -> dict[str, Any]:
    schedule = run.schedule
    if isinstance(schedule, Choices):
        return {"run": {run.keyword: [list(burst) for burst in schedule.bursts]}}
    return {"run": {"preemptions": [list(p) for p in schedule.preemptions], "steps": schedule.steps}}


_CONVERTER = cattrs.Converter(forbid_extra_keys=True)
_CONVERTER.register_structure_hook(Op | Run, _structure_item)
for _class in (Settings, Expectation):
    _CONVERTER.register_structure_hook(_class, make_dict_structure_fn(_class, _CONVERTER))


def structure(form: dict[str, Any]) -> ScenarioFile:
    """The objects for a parsed form that is valid by the schema."""
    items = _CONVERTER.structure(form["items"], tuple[Op | Run, ...])
    expect = _CONVERTER.structure(form["expect"], dict[str, Expectation])
    settings = _CONVERTER.structure(form["settings"], Settings)
    return ScenarioFile(Scenario(items), settings, tuple(expect.items()))


def unstructure(file: ScenarioFile) -> dict[str, Any]:
    """The parsed form, as scenario.schema.json describes it."""
    return {
        "format": HEADER,
        "version": VERSION,
        "settings": {k: v for k, v in attrs.asdict(file.settings).items() if v not in ("", None)},
        "items": [
            _unstructure_run(i)
            if isinstance(i, Run)
            else {"op": i.name, "task": i.task, "args": list(i.args)}
            for i in file.scenario.items
        ],
        "expect": {
            variant: {
                k: list(v) if isinstance(v, tuple) else v for k, v in attrs.asdict(e).items() if v is not None
            }
            for variant, e in file.expect
        },
    }


def schema() -> dict[str, Any]:
    """The published JSON Schema of the parsed form."""
    text = files("oom_review.scenario").joinpath("scenario.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded

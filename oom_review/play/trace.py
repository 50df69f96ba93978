"""A scenario played step by step with everything that a reader may ask for: calls, events, the state of every task.

Slower than a session and for few runs only; all values are plain, so that two traces can be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import attrs

from kernel_model.errors import IllegalOperation
from kernel_model.events import Event, fields
from kernel_model.machine import Machine, stopped_at
from kernel_model.preempt import Kind, PreemptionPoint
from kernel_model.sched import EXIT_ZOMBIE, PF_KTHREAD, TIF_MEMDIE, Kernel, TaskStruct
from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.claims import Claim, group_name
from oom_review.play.happens_before import Edge, Wait, edges, waits
from oom_review.play.observation import Observation, task_state
from oom_review.play.session import Session, Violation
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import SHORT_SLEEP, TICK, ScheduleDiverged, StepLimitReached

STEP_LIMIT = 20_000


@attrs.define(frozen=True)
class Seen:
    """An event with names for numbers: a group goes by the name of its first thread."""

    event: type[Event]
    fields: dict[str, str | int | bool]

    def __getitem__(self, field: str) -> str | int | bool:
        """The value of that field."""
        return self.fields[field]


@attrs.define(frozen=True)
class Row:
    """A task as it is after a step.  ``at``: the preemption point where its context stands."""

    task: str
    state: str
    marked: bool
    memdie: bool
    zombie: bool
    at: str


@attrs.define(frozen=True)
class Step:
    """One step.  ``calls``: the suspended call chain that was gone on with; the first ``kept`` of them are not yet over.

    ``after``: the chain at the next preemption point.  ``point``: function and step of the atomic block that ran; ``source``: file
    and line of the model where that point stands.  ``rows``: the tasks that changed.  ``waits``: the context now sleeps, wants a
    lock or is in user mode.  ``broken``: claims refuted here.  ``edges``: what it did to other contexts.  ``ready``: who could run
    when it was taken; ``may_wake``: who of the others has a sleep that could end just then, a short one or a poller's.
    """

    number: int
    item: int
    task: str
    point: tuple[str, str]
    source: str
    calls: tuple[str, ...]
    kept: int
    after: tuple[str, ...]
    seen: tuple[Seen, ...]
    phase: str
    count: int
    clock: int
    rows: tuple[Row, ...]
    waits: bool
    broken: tuple[str, ...]
    edges: tuple[Edge, ...]
    ready: tuple[str, ...]
    may_wake: tuple[str, ...]


@attrs.define(frozen=True)
class Request:
    """An operation was asked for; ``refused`` says why it was not possible."""

    item: int
    op: Op
    seen: tuple[Seen, ...] = ()
    rows: tuple[Row, ...] = ()
    refused: str = ""


@attrs.define(frozen=True)
class Rest:
    """A run is over; ``quiet``: nothing can run any more.  ``broken``: claims that the machine at rest refutes."""

    item: int
    quiet: bool
    broken: tuple[str, ...]


@attrs.define(frozen=True)
class Trace:
    """All of it.  ``stopped`` says why the scenario could not be played to its end."""

    scenario: Scenario
    variant: str
    boot: tuple[Row, ...]
    entries: tuple[Request | Step | Rest, ...]
    violations: tuple[Violation, ...]
    observation: Observation
    kthreads: frozenset[str]
    stopped: str = ""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps alone."""
        return tuple(e for e in self.entries if isinstance(e, Step))

    def cyclic(self, step: Step) -> bool:
        """The step is part of a cycle that can be gone around for ever."""
        return self.scenario.cyclic(step.item)

    @property
    def refused(self) -> tuple[Request, ...]:
        """The operations that were not possible where they stand."""
        return tuple(e for e in self.entries if isinstance(e, Request) and e.refused)


def call_chain(t: TaskStruct) -> tuple[Any, ...]:
    """The suspended generators of a task's context, the outermost first."""
    chain = []
    generator: Any = t.context
    while generator is not None and hasattr(generator, "gi_yieldfrom"):
        chain.append(generator)
        generator = generator.gi_yieldfrom
    return tuple(chain)


def source(chain: tuple[Any, ...]) -> str:
    """FILE:LINE of the preemption point where the chain stands, the file as its package names it; "" for no chain."""
    if not chain:
        return ""
    frame = chain[-1].gi_frame
    path = PurePath(frame.f_code.co_filename)
    depth = frame.f_globals["__name__"].count(".") + 1 + (path.name == "__init__.py")
    return f"{'/'.join(path.parts[-depth:])}:{frame.f_lineno}"


def named(k: Kernel, event: Event) -> Seen:
    """The event with names for pids and group numbers."""
    return Seen(type(event), {f: _name(k, f, getattr(event, f)) for f in fields(type(event))})


def _name(k: Kernel, field: str, value: Any) -> Any:
    if field in ("task", "by"):
        return k.tasks[value].name
    return group_name(k, value) if field == "group" else value


def row_values(p: TaskStruct) -> tuple[str, str, bool, bool, bool, str]:
    """The task as it is now, as a Row's values."""
    at = str(stopped_at(p) or "")
    memdie = bool(p.thread_flags & TIF_MEMDIE)
    return p.name, task_state(p), p.signal.oom_mm is not None, memdie, p.exit_state == EXIT_ZOMBIE, at


@attrs.define(eq=False)
class _Recorder:
    """Listens to a session; generators are kept, not names, as only they tell a call from its successor."""

    session: Session
    item: int = 0
    entries: list[Request | Step | Rest] = attrs.Factory(list)
    rows: dict[str, tuple[str, str, bool, bool, bool, str]] = attrs.Factory(dict)
    chains: dict[str, tuple[Any, ...]] = attrs.Factory(dict)
    sources: dict[str, str] = attrs.Factory(dict)
    waits: Mapping[str, Wait] = attrs.Factory(dict)
    ready: tuple[str, ...] = ()
    may_wake: tuple[str, ...] = ()
    _history: int = 0
    _broken: int = 0

    def changed_rows(self) -> tuple[Row, ...]:
        """The tasks that changed since the last call."""
        now = [row_values(p) for p in self.session.machine.k.tasks.values()]
        changed = [values for values in now if self.rows.get(values[0]) != values]
        self.rows.update({values[0]: values for values in changed})
        return tuple(Row(*values) for values in changed)

    def new_events(self) -> tuple[Seen, ...]:
        """The events since the last call."""
        new = self.session.history[self._history :]
        self._history = len(self.session.history)
        return tuple(named(self.session.machine.k, event) for _step, event in new)

    def new_broken(self) -> tuple[str, ...]:
        """The claims refuted since the last call."""
        new = tuple(self.session.violations)[self._broken :]
        self._broken = len(self.session.violations)
        return new

    def look(self) -> None:
        """Note who waits for what and who could go on, as the next step will find them."""
        machine = self.session.machine
        self.waits = waits(machine)
        self.ready = tuple(p.name for p in machine.runnable_tasks())
        others = [p for p in machine.k.tasks.values() if not machine.runnable(p)]
        self.may_wake = tuple(p.name for p in others if _may_wake(machine, p))

    def keep_chain(self, task: TaskStruct) -> None:
        """Note where the task's context stands."""
        self.chains[task.name] = chain = call_chain(task)
        self.sources[task.name] = source(chain)

    def request(self, op: Op) -> None:
        """Play an operation."""
        try:
            self.session.request(op)
        except IllegalOperation as refusal:
            self.entries.append(Request(self.item, op, refused=refusal.reason))
            return
        self.entries.append(Request(self.item, op, self.new_events(), self.changed_rows()))
        self.look()

    def on_step(self, task: TaskStruct | None) -> None:
        """Record a step that was taken."""
        if self.session.steps > STEP_LIMIT:
            raise StepLimitReached(f"{STEP_LIMIT} steps and no end")
        k = self.session.machine.k
        name = TICK if task is None else task.name
        before = self.chains.get(name, ())
        after = () if task is None else call_chain(task)
        kept = next(
            (i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] is not pair[1]), None
        )
        at = self.rows[name][-1] if task is not None else "the clock: goes on to the next timer"
        function, _, step = at.partition(": ")
        changed = self.changed_rows()
        waited, ready, may_wake = self.waits, self.ready, self.may_wake
        self.look()
        entry = Step(
            number=self.session.steps,
            item=self.item,
            task=name,
            point=(function, step),
            source=self.sources.get(name, ""),
            calls=tuple(g.__name__ for g in before),
            kept=min(len(before), len(after)) if kept is None else kept,
            after=tuple(g.__name__ for g in after),
            seen=self.new_events(),
            phase=k.pm_phase,
            count=k.oom_victims,
            clock=k.clock,
            rows=changed,
            waits=task is None or _waits(self.session.machine, task),
            broken=self.new_broken(),
            edges=edges(waited, self.waits, name),
            ready=ready,
            may_wake=may_wake,
        )
        if task is not None:
            self.keep_chain(task)
        for r in changed:
            if not self.chains.get(r.task):
                self.keep_chain(self.session.machine.names_now()[r.task])
        self.entries.append(entry)


def _may_wake(machine: Machine, task: TaskStruct) -> bool:
    if not machine.may_expire(task):
        return False
    return task.polling or (task.timer is not None and task.timer - machine.k.clock <= SHORT_SLEEP)


def _waits(machine: Machine, task: TaskStruct) -> bool:
    if not machine.runnable(task):
        return True
    return isinstance(task.at, PreemptionPoint) and task.at.kind == Kind.USER


@attrs.define(eq=False, slots=True)
class _TracedSession(Session):
    """A session that tells a recorder of each step."""

    recorder: _Recorder | None = None

    def on_step(self, task: TaskStruct | None) -> None:
        """See Session."""
        Session.on_step(self, task)
        if self.recorder is not None:
            self.recorder.on_step(task)


def record(scenario: Scenario, variant: Variant, claims: Iterable[Claim] | None = None) -> Trace:
    """Play the scenario and write everything down.

    An operation that is not possible is noted and left out; a schedule that diverges, or STEP_LIMIT, ends it (``stopped``).
    """
    session = _TracedSession(Machine(variant), tuple(ledger.claims() if claims is None else claims))
    recorder = session.recorder = _Recorder(session)
    boot = recorder.changed_rows()
    machine = session.machine
    for p in machine.names_now().values():
        recorder.keep_chain(p)
    recorder.look()
    stopped = ""
    for recorder.item, item in enumerate(scenario.items):
        if not isinstance(item, Run):
            recorder.request(item)
            continue
        try:
            session.run(follow(item.schedule))
        except (ScheduleDiverged, StepLimitReached) as reason:
            stopped = str(reason)
            break
        quiet = bool(machine.k.panicked) or not (machine.runnable_tasks() or machine.sleepers_due())
        recorder.entries.append(Rest(recorder.item, quiet, recorder.new_broken()))
    kthreads = frozenset(p.name for p in machine.k.tasks.values() if p.flags & PF_KTHREAD)
    violations = tuple(session.violations.values())
    return Trace(
        scenario,
        variant.name,
        boot,
        tuple(recorder.entries),
        violations,
        session.observe(),
        kthreads,
        stopped,
    )

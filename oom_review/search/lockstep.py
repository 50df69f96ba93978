"""Two variants in lockstep: every operation and every schedule goes to both, and what can be seen is compared after each rule."""

from __future__ import annotations

import random
from typing import ClassVar

from hypothesis import event

from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine, describe
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import PF_KTHREAD, TaskStruct
from kernel_model.variant import Variant
from oom_review.differences import Divergence, Pair, books_balance, compare
from oom_review.play.session import Session
from oom_review.scenario.form import Settings
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import OnStep, StepLimitReached, drive
from oom_review.schedules.named_priorities import NamedPriorities
from oom_review.search.alphabet import AlphabetMachine
from oom_review.search.reschedule import Recorded, record
from oom_review.show import failure
from oom_review.show.columns import columns

# How often a run is for a few of the tasks only.
SOME_ONLY = 0.4


class UnexplainedDifference(AssertionError):
    """Two variants parted in a way that the catalogue does not have; ``sides`` holds what each of them was given."""

    def __init__(
        self, divergences: list[Divergence], log: list[str], sides: list[tuple[Variant, Recorded]]
    ) -> None:
        """Say what differs, after which operations and runs."""
        what = "\n  ".join(map(str, divergences))
        script = "\n  ".join(log)
        super().__init__(f"unexplained difference:\n  {what}\nafter\n  {script}")
        self.divergences = divergences
        self.sides = sides

    def account(self) -> str:
        """Write a scenario file for each side; the columns of both and the commands that replay them."""
        parts = [str(self)]
        for variant, recorded in self.sides:
            scenario = record(recorded, variant)
            settings = Settings(variant=variant.name, strategy="lockstep")
            parts += [columns(scenario, variant), failure.kept(scenario, settings, "unexplained")]
        return "\n".join(parts)


class LockstepMachine(AlphabetMachine):
    """Subclassed by lockstep_machine() with two variants."""

    variants: ClassVar[tuple[Variant, Variant]]
    tally: ClassVar[dict[str, int]] = {}
    points: ClassVar[set[PreemptionPoint]] = set()

    def __init__(self) -> None:
        """Boot both."""
        super().__init__()
        left, right = self.variants
        self.pair = Pair(Session(Machine(left), ()), Session(Machine(right), ()))
        self.log: list[str] = []
        self.recorded: tuple[list[Op | tuple[str, ...]], ...] = ([], [])
        self.at_rest = False
        self.endless = False

    @property
    def sessions(self) -> tuple[Session, Session]:
        """Left and right."""
        return self.pair.left, self.pair.right

    def people(self) -> list[str]:
        """See AlphabetMachine: user tasks that are still there on both sides."""
        right = self.pair.right.machine.names_now()
        alive = (
            p
            for p in self.pair.left.machine.k.tasks.values()
            if not p.flags & PF_KTHREAD and p.at is not None
        )
        both = [p.name for p in alive if p.name in right and right[p.name].at is not None]
        return both or ["init"]

    def submit(self, op: Op) -> bool:
        """See AlphabetMachine: only what is possible on both sides."""
        if self.endless:
            return False
        left, right = self.sessions
        try:
            right.machine.check(op.name, op.task, *op.args)
            left.request(op)
        except IllegalOperation:
            return False
        right.request(op)
        self.at_rest = False
        for recorded in self.recorded:
            recorded.append(op)
        self.log.append(str(op))
        self.count(f"operation {op.name}")
        return True

    def advance(self, seed: int, kind: str, who: list[str]) -> None:
        """See AlphabetMachine: the same priorities on both sides, sometimes for a few of the tasks only.

        Where one side has no end there is nothing to compare, then or later.
        """
        if self.at_rest or self.endless:
            return
        changes = 0
        only = frozenset(who)
        if kind != "rest":
            rng = random.Random(seed)
            changes = rng.randint(0, 3)
            if kind == "portfolio" and rng.random() < SOME_ONLY:
                names = [*self.people(), "kworker", "kswapd", "oom_reaper"]
                only = frozenset(rng.sample(names, rng.randint(1, len(names))))
        self.log.append(f"run {sorted(only) or 'everybody'} with priorities {seed}, {changes} changes a task")
        for session, recorded in zip(self.sessions, self.recorded, strict=True):
            before = len(session.taken)
            try:
                drive(session.machine, NamedPriorities(seed, changes, only), self._on_step(session))
            except StepLimitReached:
                self.endless = True
                self.count("without end")
                return
            recorded.append(tuple(session.taken[before:]))
        self._compare()
        # Until somebody asks for something no run would take a step, and no comparison see anything new.
        self.at_rest = kind == "rest"

    def _on_step(self, session: Session) -> OnStep:
        taken, met = session.on_step, self.points.add

        def on_step(task: TaskStruct | None) -> None:
            taken(task)
            if task is not None and (at := task.at) is not None:
                met(at if isinstance(at, PreemptionPoint) else at[0])

        return on_step

    def _compare(self) -> None:
        remaining = compare(self.pair)
        for session in self.sessions:
            wrong = books_balance(session)
            if wrong:
                remaining.append(Divergence("books", session.machine.k.variant.name, wrong, ""))
        if remaining:
            sides = [(v, tuple(r)) for v, r in zip(self.variants, self.recorded, strict=True)]
            raise UnexplainedDifference(remaining, [*self.log, *self._places()], sides)

    def _places(self) -> list[str]:
        return [
            f"{s.machine.k.variant.name}: {t.name} at {describe(t)}"
            for s in self.sessions
            for t in s.machine.k.tasks.values()
        ]

    def teardown(self) -> None:
        """To quiescence, and compare for the last time."""
        self.settle()
        for name, times in self.pair.parted.items():
            event(f"difference: {name}")
            self.count(f"difference {name}", times)
        self.count("examples")

    @classmethod
    def count(cls, what: str, times: int = 1) -> None:
        """Keep a tally over all examples, for those who print it."""
        cls.tally[what] = cls.tally.get(what, 0) + times


def lockstep_machine(left: Variant, right: Variant) -> type[LockstepMachine]:
    """A state machine class for two variants, with a tally of its own."""
    members = {"variants": (left, right), "tally": {}, "points": set()}
    return type(f"Lockstep_{left.name}_{right.name}", (LockstepMachine,), members)


def lockstep_play(scenario: Scenario, left: Variant, right: Variant) -> tuple[Pair, list[Divergence]]:
    """Play one scenario on both, comparing after each run; returns what was explained and what was not.

    Raises IllegalOperation for an operation that is not possible on both.
    """
    pair = Pair(Session(Machine(left), ()), Session(Machine(right), ()))
    remaining: list[Divergence] = []
    for item in scenario.items:
        for session in (pair.left, pair.right):
            if isinstance(item, Run):
                session.run(follow(item.schedule))
            else:
                session.request(item)
        if isinstance(item, Run):
            remaining += compare(pair)
    return pair, remaining

"""Seconds per example of the lockstep machine over those of a rule-based machine that does nothing, with as many rules and steps."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from benchmarks.report import Report, goal
from oom_review.scenario.items import Op
from oom_review.search.alphabet import AlphabetMachine
from oom_review.search.lockstep import lockstep_machine
from oom_review.variants.loading import load

STEPS = 22


class DrawsOnly(AlphabetMachine):
    """The same rules and draws, done to nobody."""

    def people(self) -> list[str]:
        return ["init"]

    def submit(self, op: Op) -> bool:
        del op
        return False

    def advance(self, seed: int, kind: str, who: list[str]) -> None:
        del seed, kind, who


def empty_machine(rules: int) -> type[RuleBasedStateMachine]:
    members = {name: rule()(nothing(name)) for name in (f"rule_{i:02}" for i in range(rules))}
    return type("EmptyMachine", (RuleBasedStateMachine,), members)


def nothing(name: str) -> Callable[[RuleBasedStateMachine], None]:
    def same(self: RuleBasedStateMachine) -> None:
        del self

    same.__name__ = name
    return same


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--examples", type=int, default=100, help="of each machine in each round (default 100)"
    )
    parser.add_argument(
        "--rounds", type=int, default=15, help="in each, the machines take turns (default 15)"
    )


def run(given: argparse.Namespace) -> Report:
    lockstep = lockstep_machine(load("legacy_tifmemdie"), load("patched"))
    rules = len(lockstep().rules)
    machines: list[tuple[str, type[RuleBasedStateMachine]]] = [
        (f"empty: {rules} rules without arguments", empty_machine(rules)),
        ("the lockstep machine's rules and draws, done to nobody", DrawsOnly),
        ("lockstep, legacy and RFC", lockstep),
    ]
    # Once for what is computed once: rules, strategies, code that is specialised.
    for _what, machine in machines:
        measure(machine, 20, first_seed=0)
    # Side by side, as the computer may be slower at one time than at another.
    rounds = [
        [measure(machine, given.examples, first_seed) for _what, machine in machines]
        for first_seed in range(1, given.rounds + 1)
    ]
    report = Report(
        "floor",
        f"processor time per example of at most {STEPS} steps, {given.rounds} rounds of {given.examples} examples",
    )
    empty, *_others = totals = [total(spent) for spent in zip(*rounds, strict=True)]
    for i, ((what, _machine), spent) in enumerate(zip(machines, totals, strict=True)):
        by_round = [r[i].per_example / r[0].per_example for r in rounds]
        report.rows.append(
            {
                "machine": what,
                "ms/example": 1000 * spent.per_example,
                "steps/example": spent.steps / spent.examples,
                "example over empty": spent.per_example / empty.per_example,
                "least": min(by_round),
                "most": max(by_round),
                "step over empty": spent.per_step / empty.per_step,
            }
        )
    ours = report.rows[-1]
    report.remarks = [
        goal(f"lockstep over an empty machine, per {what}", ours[f"{what} over empty"], 2.0, above=False)
        for what in ("example", "step")
    ]
    return report


class Spent(NamedTuple):
    """Hypothesis ends some examples early, not as many for every machine."""

    seconds: float
    examples: int
    steps: int

    @property
    def per_example(self) -> float:
        return self.seconds / self.examples

    @property
    def per_step(self) -> float:
        return self.seconds / self.steps


def total(spent: Iterable[Spent]) -> Spent:
    seconds, examples, steps = zip(*spent, strict=True)
    return Spent(sum(seconds), sum(examples), sum(steps))


def measure(machine: type[RuleBasedStateMachine], examples: int, first_seed: int) -> Spent:
    configured = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
        derandomize=False,
        verbosity=Verbosity.quiet,
    )
    count = steps = 0

    class Counted(machine):  # type: ignore[misc, valid-type]  # the base is a value
        def check_invariants(self, *args: Any) -> None:
            """After each step, and once before the first."""
            nonlocal steps
            steps += 1
            super().check_invariants(*args)

        def teardown(self) -> None:
            nonlocal count
            count += 1
            super().teardown()

    begin = time.process_time()
    run_state_machine_as_test(seed(first_seed)(Counted), settings=configured)
    return Spent(time.process_time() - begin, count, steps - count)

"""Seconds per example of the lockstep machine over those of a rule-based machine that does nothing, with as many rules and steps."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from benchmarks.report import Report, goal
from oom_review.machines.alphabet import AlphabetMachine
from oom_review.machines.lockstep import lockstep_machine
from oom_review.scenario import Op
from oom_review.variants import load

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
    parser.add_argument("--examples", type=int, default=300, help="of each machine (default 300)")


def run(given: argparse.Namespace) -> Report:
    lockstep = lockstep_machine(load("legacy_tifmemdie"), load("patched"))
    rules = len(lockstep().rules)
    machines: list[tuple[str, type[RuleBasedStateMachine]]] = [
        (f"empty: {rules} rules without arguments", empty_machine(rules)),
        ("the lockstep machine's rules and draws, done to nobody", DrawsOnly),
        ("lockstep, legacy and RFC", lockstep),
    ]
    seconds = {what: per_example(machine, given.examples) for what, machine in machines}
    empty, draws, ours = seconds.values()
    report = Report("floor", f"processor time per example of {STEPS} steps, {given.examples} examples")
    for what, value in seconds.items():
        report.rows.append(
            {
                "machine": what,
                "ms/example": 1000 * value,
                "over empty": value / empty,
                "over draws": value / draws,
            }
        )
    report.remarks = [
        goal("lockstep over an empty machine", ours / empty, 2.0, above=False),
        goal("lockstep over the same draws", ours / draws, 2.0, above=False),
    ]
    return report


def per_example(machine: type[RuleBasedStateMachine], examples: int) -> float:
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
    count = 0

    class Counted(machine):  # type: ignore[misc, valid-type]  # the base is a value
        def teardown(self) -> None:
            nonlocal count
            count += 1
            super().teardown()

    # Once for what is computed once: rules, strategies, code that is specialised.
    run_state_machine_as_test(seed(2)(machine), settings=settings(configured, max_examples=20))
    begin = time.process_time()
    run_state_machine_as_test(seed(1)(Counted), settings=configured)
    return (time.process_time() - begin) / count

"""Micro-steps per second on one core: whole runs of the core situation against bare loops over generators that yield once.

Two bare loops, as the peer can be read in two ways.  In the one each generator is made, yields once and ends: a step pays for all
three.  In the other, which is harder to beat, the generators are made once and yield once each time that they are resumed.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Generator
from functools import partial
from itertools import cycle, islice

from benchmarks.core import core_situation
from benchmarks.report import Report, goal
from kernel_model.machine import Machine
from kernel_model.preempt import Kind, PreemptionPoint
from kernel_model.variant import Variant
from oom_review.claims import CLAIMS
from oom_review.play.session import Session
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules import portfolio
from oom_review.schedules.choices import follow
from oom_review.schedules.driver import TICK, Scheduler
from oom_review.variants.loading import TITLES, load

POINT = PreemptionPoint("benchmark", "one yield", Kind.RUN)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=3.0, help="for each row (default 3)")
    parser.add_argument("--threads", type=int, default=3, help="of the victim (default 3)")


def run(given: argparse.Namespace) -> Report:
    scenario = core_situation(given.threads)
    made, resumed = (rate(loop, given.seconds)[0] for loop in (made_loop, resumed_loop))
    report = Report("steps", f"micro-steps per second, core situation with N={given.threads}, one core")

    def add(what: str, variant: str, steps: float, runs: float) -> None:
        report.rows.append(
            {
                "what": what,
                "variant": variant,
                "steps/s": steps,
                "over made": steps / made,
                "over resumed": steps / resumed,
                "runs/s": runs,
            }
        )

    add("bare loop: generators made, resumed once, ended", "", made, 0.0)
    add("bare loop: generators made once, resumed for ever", "", resumed, 0.0)
    for name in ("legacy_tifmemdie", "patched"):
        variant = load(name)
        ways: list[tuple[str, Callable[[], int]]] = [
            ("steps alone: recorded choices", recorded(scenario, variant)),
            ("whole runs, default schedule", partial(whole, scenario, variant, None)),
            ("whole runs, portfolio, claims watched", drawn(scenario, variant)),
        ]
        for what, once in ways:
            add(what, TITLES[name], *rate(once, given.seconds))
        report.remarks += [
            goal(f"{TITLES[name]}, {r['what']}, over {peer}", r[f"over {peer}"], 0.4, above=True)
            for r in report.rows[-3:]
            for peer in ("made", "resumed")
        ]
    return report


def rate(once: Callable[[], int], seconds: float) -> tuple[float, float]:
    """Steps and runs per second of processor time."""
    once()
    steps = runs = 0
    begin = time.process_time()
    while (spent := time.process_time() - begin) < seconds:
        steps += once()
        runs += 1
    return steps / spent, runs / spent


def one_yield() -> Generator[PreemptionPoint, None, None]:
    yield POINT


def made_loop(steps: int = 50_000) -> int:
    for _ in range(steps):
        context = one_yield()
        next(context)
        try:
            next(context)
        except StopIteration:
            continue
    return steps


def one_yield_at_a_time() -> Generator[PreemptionPoint, None, None]:
    while True:
        yield POINT


def resumed_loop(steps: int = 50_000) -> int:
    contexts = [one_yield_at_a_time() for _ in range(4)]
    for context in islice(cycle(contexts), steps):
        next(context)
    return steps


def whole(scenario: Scenario, variant: Variant, last: Scheduler | None) -> int:
    """From boot to rest; all runs but the last one follow their own schedules."""
    session = Session(Machine(variant), () if last is None else CLAIMS)
    for index, item in enumerate(scenario.items):
        if isinstance(item, Op):
            session.request(item)
        elif last is None or index < len(scenario.items) - 1:
            session.run(follow(item.schedule))
        else:
            session.run(last)
    return session.steps


def drawn(scenario: Scenario, variant: Variant) -> Callable[[], int]:
    rng = random.Random(1)
    return lambda: whole(scenario, variant, portfolio.draw(rng))


def recorded(scenario: Scenario, variant: Variant) -> Callable[[], int]:
    """The generators and Machine.step() alone: nobody chooses, nobody watches."""
    session = Session(Machine(variant), ())
    script: list[Op | list[str]] = []
    for item in scenario.items:
        if isinstance(item, Run):
            script.append(session.run(follow(item.schedule)))
        else:
            session.request(item)
            script.append(item)

    def once() -> int:
        machine = Machine(variant)
        for item in script:
            if isinstance(item, Op):
                machine.request(item.name, item.task, *item.args)
                continue
            tasks = machine.names_now()
            for name in item:
                if name == TICK:
                    machine.tick()
                    continue
                task = tasks.get(name) or (tasks := machine.names_now())[name]
                machine.step(task)
        return session.steps

    return once

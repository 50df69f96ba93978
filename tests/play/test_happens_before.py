"""Who let whom go on, where each step stands in the model, and who else could have gone: on every scenario of the corpus."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest

from kernel_model import events
from oom_review.play.happens_before import SIGNALS, STARTS, UNLOCKS, WAKES, Edge, Wait, edges
from oom_review.play.trace import Request, Step, Trace, record
from oom_review.scenario.file import read
from oom_review.schedules.driver import TICK
from oom_review.variants.loading import load

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
CORPUS = [*sorted((ROOT / "tests" / "corpus").glob("*.scenario")), *sorted(PICTURES.glob("*.scenario"))]
VARIANTS = ("legacy_tifmemdie", "patched", "oom_kernels.v7_3")


@cache
def trace(name: str, variant: str) -> Trace:
    """A scenario of that name on that variant."""
    path = next(p for p in CORPUS if p.stem == name)
    return record(read(path).scenario, load(variant))


def all_traces() -> list[Trace]:
    """Every scenario on every variant."""
    return [trace(path.stem, v) for path in CORPUS for v in VARIANTS]


def between(t: Trace) -> list[tuple[Step, Step]]:
    """Each two steps with no request between them."""
    pairs = zip(t.entries, t.entries[1:], strict=False)
    return [(a, b) for a, b in pairs if isinstance(a, Step) and isinstance(b, Step)]


def test_nobody_becomes_ready_without_an_edge() -> None:
    """Who could not run before a step of another, and can after it, was started, woken or signalled, or got a lock."""
    found = set()
    for t in all_traces():
        for step, following in between(t):
            new = set(following.ready) - set(step.ready) - {step.task}
            assert new <= {e.task for e in step.edges}, f"{t.variant}: step {step.number}"
            found |= {e.kind for e in step.edges}
    assert found == {STARTS, WAKES, SIGNALS, UNLOCKS}


def test_nobody_is_woken_or_handed_a_lock_in_vain() -> None:
    """After a wake-up or the release of a wanted lock the other is ready, whoever goes first."""
    for t in all_traces():
        for step, following in between(t):
            told = {e.task for e in step.edges if e.kind in (WAKES, UNLOCKS)}
            assert told <= set(following.ready), f"{t.variant}: step {step.number}"


def test_the_models_own_record_agrees() -> None:
    """Whom the model says to have thawed was woken in that step, whoever was killed was signalled, whoever was born starts."""
    thawed = born = killed = 0
    for t in all_traces():
        started = {e.task for s in t.steps for e in s.edges if e.kind == STARTS}
        for step in t.steps:
            kinds = {(e.kind, e.task) for e in step.edges}
            for event in step.seen:
                if event.event is events.Thawed:
                    # Since 6.1 whoever was frozen where it sleeps sleeps on.
                    assert (WAKES, event["task"]) in kinds or t.variant.startswith("oom_kernels.")
                    thawed += 1
                if event.event is events.Born:
                    assert event["task"] in started
                    born += 1
                killing = event.event is events.Killed and step.point[0] == "do_send_sig_info"
                if killing and event["group"] != step.task:
                    assert Edge(SIGNALS, str(event["group"]), "SIGKILL") in step.edges
                    killed += 1
    assert min(thawed, born, killed) > 5


def test_a_known_story() -> None:
    """The RFC's false -EBUSY: the freezer's signal, the kill, the sleep that ends, and the lock that suspend waits for."""
    found = [
        (e.number, e.task, edge.kind, edge.task, edge.what)
        for e in trace("no-spurious-ebusy--patched", "legacy_tifmemdie").steps
        for edge in e.edges
    ]
    assert [f[1:] for f in found if f[3] in ("init", "p2")] == [
        ("p1", STARTS, "p2", ""),
        ("init", SIGNALS, "p2", ""),
        ("kworker", SIGNALS, "p2", "SIGKILL"),
        (TICK, WAKES, "init", ""),
        ("kworker", UNLOCKS, "init", "oom_lock"),
        (TICK, WAKES, "init", ""),
    ]


def test_only_what_is_new_is_an_edge() -> None:
    """A task that is not touched has none; a signal to the group is news to the thread that was told to look."""
    quiet = Wait(True, True, False, frozenset(), frozenset(), "oom_lock")

    def made(**now: Any) -> tuple[Edge, ...]:
        after = {"v": attrs.evolve(quiet, **now), "me": attrs.evolve(quiet, sleeps=False)}
        return edges({"v": quiet, "me": quiet}, after, "me")

    assert made() == ()
    assert made(sleeps=False) == (Edge(WAKES, "v"),)
    assert made(lock="") == (Edge(UNLOCKS, "v", "oom_lock"),)
    assert made(shared_pending=frozenset({17})) == ()
    assert made(sigpending=True, shared_pending=frozenset({17})) == (Edge(SIGNALS, "v", "SIGCHLD"),)
    assert made(sigpending=True, pending=frozenset({9})) == (Edge(SIGNALS, "v", "SIGKILL"),)
    assert made(sigpending=True) == (Edge(SIGNALS, "v", ""),)


def test_each_step_stands_where_the_model_yields() -> None:
    """FILE:LINE leads from the project's root to the statement that yields; the clock alone has none."""
    for t in all_traces():
        for step in t.steps:
            if step.task == TICK:
                assert step.source == ""
                continue
            file, _, number = step.source.partition(":")
            line = (ROOT / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]
            assert "yield" in line, f"{t.variant}: step {step.number}: {step.source}"


def test_a_variants_own_functions_stand_in_its_own_files() -> None:
    """The same function of C is another file in another kernel."""
    packages = {
        "legacy_tifmemdie": "legacy_tifmemdie",
        "patched": "patched",
        "oom_kernels.v7_3": "oom_kernels/today",
    }
    for variant in VARIANTS:
        steps = trace("no-spurious-ebusy--patched", variant).steps
        files = {s.source.partition(":")[0] for s in steps if s.point[0] == "mark_oom_victim"}
        assert files == {f"{packages[variant]}/oom_kill.py"}


@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.stem)
def test_who_takes_a_step_was_ready_or_his_sleep_could_end(path: Path) -> None:
    """So the rest of both lists is who else could have gone; the clock goes on when nobody is ready."""
    text = path.read_text(encoding="utf-8")
    for variant in VARIANTS:
        # Exact choices that were made on another kernel may end a long sleep here.
        in_so_many_words = "run exactly" in text and variant not in text
        for step in trace(path.stem, variant).steps:
            if step.task == TICK:
                assert not step.ready or "@tick" in text
            else:
                assert step.task in step.ready + step.may_wake or in_so_many_words
            assert not set(step.ready) & set(step.may_wake)


def test_a_request_changes_who_is_ready() -> None:
    """Who is asked for something can go: the first step after a request finds it in its list."""
    t = trace("fridge-empties--legacy_tifmemdie", "legacy_tifmemdie")
    for request, step in zip(t.entries, t.entries[1:], strict=False):
        if isinstance(request, Request) and isinstance(step, Step):
            assert request.op.task in step.ready

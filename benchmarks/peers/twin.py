"""What the twin found, kept in a file: every configuration's outcomes, and what they say of the claims that both sides can judge."""

from __future__ import annotations

import hashlib
import itertools
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import attrs

from benchmarks.peers.run import MODEL, USAGE_ERROR, Configuration, Limits, Outcome, RunError, search, tool

STORED = Path(__file__).parents[2] / "tests" / "explore" / "twin_outcomes.json"
VARIANTS = ("legacy", "rfc")
# (suspend, with the round for kernel threads)
SUSPENDS = ((False, False), (True, False), (True, True))


def _some_left_in_fridge(outcome: Outcome, threads: int) -> bool:
    # Somebody has died: the group was killed, so that it is marked. All in the fridge is what a suspend does to a living group.
    return 0 < outcome.left_in_fridge < threads


# By claim: does this outcome refute it?
JUDGES: dict[str, Callable[[Outcome, int], bool]] = {
    "fridge-empties": _some_left_in_fridge,
    "victim-dies": _some_left_in_fridge,
    "count-returns": lambda o, _threads: o.fully_dead and o.oom_victims != 0,
    "disabled-means-quiet": lambda o, _threads: o.io_while_disabled or o.io_while_suspended,
    "suspended-means-quiet": lambda o, _threads: o.io_while_suspended,
    # A time-out comes when nothing else can run: who is dead in the end and still counted was so then.
    "no-spurious-ebusy": lambda o, _threads: o.suspend == "EBUSY" and o.fully_dead and o.oom_victims != 0,
}


def configurations(threads: int) -> Iterator[Configuration]:
    """All that core.pml has for so many threads."""
    for variant, (suspend, kthreads), frozen, parent, trigger in itertools.product(
        VARIANTS, SUSPENDS, (False, True), ("waits", "ignores"), ("task", "kthread")
    ):
        yield Configuration(variant, threads, frozen, suspend, kthreads, parent, trigger)


def name(c: Configuration) -> str:
    """For people."""
    words = [c.variant, f"N={c.threads}"]
    words += [
        word for word, on in (("frozen", c.frozen), ("suspend", c.suspend), ("kthreads", c.kthreads)) if on
    ]
    return " ".join([*words, f"parent-{c.parent}", f"trigger-{c.trigger}"])


@attrs.define(frozen=True)
class Found:
    """What Spin found for one configuration."""

    outcomes: tuple[Outcome, ...]
    states: int
    transitions: int


def refuted(outcomes: tuple[Outcome, ...], threads: int) -> set[str]:
    """The claims that these outcomes refute."""
    return {claim for claim, judge in JUDGES.items() if any(judge(o, threads) for o in outcomes)}


def digest() -> str:
    """Of core.pml as it is now."""
    return hashlib.sha256(MODEL.read_bytes()).hexdigest()


def spin_version() -> str:
    """As spin prints it."""
    done = subprocess.run([tool("spin"), "-V"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def record(threads: list[int], limits: Limits) -> dict[str, Any]:
    """Search every configuration with Spin.  Raises RunError for a search that is not complete."""
    rows = []
    for c in itertools.chain.from_iterable(configurations(n) for n in threads):
        found = search(c, limits)
        rows.append(
            {
                **asdict(c),
                "outcomes": [list(o) for o in found.outcomes],
                "refuted": sorted(refuted(tuple(found.outcomes), c.threads)),
                "states": found.states,
                "transitions": found.transitions,
            }
        )
        print(
            f"{name(c)}: {len(found.outcomes)} outcomes, {found.states} states, {found.run_seconds:.1f} s",
            flush=True,
        )
    return {
        "core.pml": digest(),
        "spin": spin_version(),
        "fields": list(Outcome._fields),
        "configurations": rows,
    }


def as_text(recorded: dict[str, Any]) -> str:
    """A line for each configuration, so that a difference is one line too."""
    rows = recorded["configurations"]
    head = json.dumps({**recorded, "configurations": []}, indent=1).removesuffix("[]\n}")
    return head + "[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n ]\n}\n"


def load(path: Path = STORED) -> tuple[str, dict[Configuration, Found]]:
    """The digest of the core.pml that was searched, and what was found."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        found = {}
        for row in stored["configurations"]:
            c = Configuration(**{field: row[field] for field in Configuration.__dataclass_fields__})
            outcomes = tuple(Outcome(*values) for values in row["outcomes"])
            found[c] = Found(outcomes, row["states"], row["transitions"])
        return stored["core.pml"], found
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}", USAGE_ERROR) from None
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is not what 'python -m benchmarks.peers record' writes: {error}", USAGE_ERROR
        ) from None

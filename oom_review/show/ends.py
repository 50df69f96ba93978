"""The ends of an exploration, as text: what each is, what it breaks, and a schedule that leads there."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.claims import REFUTED
from oom_review.explore.explorer import SLEEPS, Result
from oom_review.explore.final import Final
from oom_review.play.session import play
from oom_review.scenario.file import run_lines
from oom_review.scenario.items import Run, Scenario
from oom_review.show.columns import observation_line

WIDTH = 78


def text(result: Result, variant: Variant, *, with_ends: bool = True) -> str:
    """Counts, the ends, and for each claim how many of the distinct ends come from a run that breaks it."""
    c = result.counts
    endless = sum(not final.rests for final in result.finals)
    never = f", {endless} of them never at rest" if endless else ""
    lines = [
        f"{variant.name}: {len(result.finals)} ends{never}, {c.states} states, {c.transitions} transitions"
    ]
    lines.append(
        f"bounded: {result.bounded}; nothing here counts as holds"
        if result.bounded
        else f"all interleavings of the last run; {SLEEPS}"
    )
    lines.append(result.engine)
    lines += [f"there may be further ends: {result.unseen}"] if result.unseen != result.stopped else []
    broken = [set(play(w, variant).violations) for w in result.finals.values()]
    for number, (final, witness) in enumerate(result.finals.items() if with_ends else (), 1):
        lines += ["", *_end(number, final, witness, broken[number - 1])]
    lines.append("")
    for claim in ledger.claims():
        positive = sum(claim.id in found for found in broken)
        negative = len(broken) - positive
        verdict = result.verdicts[claim.id].verdict
        # A run may break a claim on its way to an end that another run reaches without, or to none.
        positive = max(positive, int(verdict == REFUTED))
        lines.append(f"{observation_line(claim.id, positive, negative)}  {verdict}")
    return "\n".join([*lines, ""])


def _end(number: int, final: Final, witness: Scenario, broken: set[str]) -> Iterator[str]:
    said = f"end {number}: {describe(final)}"
    if broken:
        said += f"; breaks {', '.join(c.id for c in ledger.claims() if c.id in broken)}"
    yield from textwrap.wrap(said, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    # The last run, which ends in a cycle if it is without end.
    last = -1 if final.rests else -2
    for item in witness.items[last:]:
        yield from (f"  {line}" for line in (run_lines(item) if isinstance(item, Run) else ()))


def describe(final: Final) -> str:
    """An end in words, as columns and replay say it."""
    parts = []
    for name, state, marked, phases in final.tasks:
        parts.append(f"{name} {state}{', marked' if marked else ''}")
        parts += [f"{name} did I/O while {phase}" for phase in phases]
    parts.append(f"oom_victims {' '.join(map(str, (0, *final.counts)))}")
    parts += [
        f"{task}: {what} {'-EBUSY' if result == 'EBUSY' else result}" for task, what, result in final.pm
    ]
    parts += [f"warning: {warning}" for warning in final.warnings]
    parts += [f"{cgroup} reads {state}" for cgroup, state in final.freezer_states]
    parts += [] if final.phase == "running" else [f"the machine is {final.phase}"]
    parts += [f"panic: {final.panicked}"] if final.panicked else []
    return "; ".join(parts)

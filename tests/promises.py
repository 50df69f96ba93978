"""Every promise on every kernel of the project, over all interleavings of the quick situations: ``python tests/promises.py [RESULTS]``.

Writes tests/data/promises.json, from which docs/promises.md is made, and keeps a scenario file in tests/corpus for each refutation that
none there shows.  Status 1 if a verdict is not what that file said.  RESULTS is a file that ``oom-review explore --resume`` keeps, too: what is in it is not explored again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from oom_review.claims import CLAIMS, REFUTED, Claim
from oom_review.claims.claim import OF_2016
from oom_review.commands.keep import expectation, keep
from oom_review.play.trace import record
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile, Settings
from oom_review.scenario.items import Scenario
from oom_review.search.minimize import minimize
from oom_review.search.reschedule import replay_or_none
from oom_review.situations.exploration import Exploration
from oom_review.situations.families import QUICK
from oom_review.situations.job import Job, Outcome
from oom_review.situations.results import Results
from oom_review.situations.verdicts import Explored, bound_of, verdicts
from oom_review.variants.loading import load

HERE = Path(__file__).parent
CORPUS, DATA = HERE / "corpus", HERE / "data" / "promises.json"
OF_THE_LEDGER = tuple(sorted(CLAIMS[0].expected, key=lambda name: name not in OF_2016))
ROADS = tuple(
    f"oom_kernels.{name}"
    for name in ("postponed", "mark_every_thread", "poll_until_dead", "thread_count", "group_dead")
)
UNREAD = ("oom_kernels.v6_1",)
KERNELS = (*OF_THE_LEDGER, *UNREAD, *ROADS)
"""Those of 2016, those since 6.12, one of which the ledger says nothing, and the roads not taken."""
STATES = 100_000
"""As a review: more than any quick situation has on the kernels of the ledger."""


@attrs.define(frozen=True)
class Row:
    """A kernel: ``bound`` of what was explored whole; ``stopped``: situations that hit the limit; ``refuted``: by claim, the smallest situation."""

    bound: str
    stopped: tuple[str, ...]
    refuted: dict[str, str]


def row(kernel: str, outcomes: Iterable[Outcome], cells: Iterable[Explored]) -> Row:
    """What a kernel's explorations say."""
    mine = [o for o in outcomes if o.job.variant == kernel]
    return Row(
        bound_of(o for o in mine if not o.bounded),
        tuple(sorted(o.job.situation for o in mine if o.bounded)),
        {c.claim.id: c.smallest.job.situation for c in cells if c.variant == kernel and c.smallest},
    )


def kept(claim: Claim, kernel: str, explored: Scenario | None) -> Path:
    """The scenario file of the corpus that breaks the claim there, which now expects it; a new one if there is none.  ``explored`` breaks it, too."""
    variant, own = load(kernel), f"{claim.id}--{kernel}"
    files = sorted(CORPUS.glob(f"{claim.id}--*.scenario"), key=lambda path: path.stem != own)
    for path in files:
        file = scenario_file.read(path)
        if kernel in dict(file.expect):
            if claim.id in (dict(file.expect)[kernel].refuted or ()):
                return path
        elif replay_or_none(file.scenario, variant, claim):
            said = (*file.expect, (kernel, expectation(record(file.scenario, variant))))
            path.write_text(scenario_file.dumps(attrs.evolve(file, expect=said)), encoding="utf-8")
            return path
    assert explored is not None, own
    smallest = minimize(explored, variant, claim)
    made_by = Settings(claim=claim.id, variant=kernel, strategy="every interleaving")
    return keep(ScenarioFile(smallest, made_by), own, own, [variant], CORPUS)


def differ(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The kernels of which one breaks what the other does not, or hits a limit; how many states there are is no verdict."""
    verdicts_of = {kernel: (row["stopped"], set(row["refuted"])) for kernel, row in old.items()}
    return [k for k, row in new.items() if verdicts_of.get(k) != (row["stopped"], set(row["refuted"]))]


def main() -> int:
    """Explore, write the data, and keep what refutes."""
    results = Results(Path(sys.argv[1]), KERNELS) if len(sys.argv) > 1 else None
    exploration = Exploration([Job(name, kernel, STATES) for name in QUICK for kernel in KERNELS], results)
    exploration.run(None)
    outcomes = list(exploration.outcomes.values())
    cells = verdicts(QUICK, KERNELS, outcomes)
    rows = {kernel: attrs.asdict(row(kernel, outcomes, cells)) for kernel in KERNELS}
    made = json.dumps(rows, indent=1) + "\n"
    news = differ(json.loads(DATA.read_text(encoding="utf-8")), json.loads(made))
    DATA.write_text(made, encoding="utf-8")
    found = {(c.claim.id, c.variant): c.smallest for c in cells}
    for claim in CLAIMS:
        for kernel in KERNELS:
            smallest = found.get((claim.id, kernel))
            if smallest is not None or claim.expected.get(kernel) == REFUTED:
                text = smallest and smallest.refuted[claim.id].scenario
                explored = scenario_file.parse(text).scenario if text else None
                print(f"{claim.id} on {kernel}: {kept(claim, kernel, explored).name}")
    for kernel in news:
        print(f"{kernel}: other verdicts than {DATA.name} had")
    return int(bool(news))


if __name__ == "__main__":
    sys.exit(main())

"""The counterexamples that are kept for today's kernels, and what has to be held for each."""

from __future__ import annotations

from pathlib import Path

from oom_review.gates.holds import Found, find
from oom_review.scenario import file as scenario_file
from oom_review.variants.loading import known

ROOT = Path(__file__).parents[2]
V6_12, V7_3 = "oom_kernels.v6_12", "oom_kernels.v7_3"
HELD = {
    ("suspended-means-quiet", V7_3): ["p1 at exit_files()"],
    ("disabled-means-quiet", V7_3): ["p1 at exit_files()"],
    ("no-tail-when-suspended", V7_3): ["p1 at exit_files()"],
    ("counted-once-per-group", V6_12): ["p2 at get_signal()"],
    ("counted-once-per-group", V7_3): ["p2 at get_signal()"],
    ("fridge-empties", V6_12): ["init at try_to_freeze_tasks()"],
    ("victim-dies", V6_12): ["init at try_to_freeze_tasks()"],
    ("frozen-does-not-run", V7_3): ["p at exit_files()"],
    ("machine-wakes", V6_12): ["p2 at try_to_freeze_tasks()"],
    ("machine-wakes", V7_3): ["p2 at try_to_freeze_tasks()"],
    # The order of the operations is enough.
    ("frozen-does-not-run", V6_12): [],
    ("sharers-leave", V6_12): [],
    ("sharers-leave", V7_3): [],
}


def found(claim: str, variant: str) -> Found:
    """For the counterexample that is kept."""
    file = scenario_file.read(ROOT / "tests" / "corpus" / f"{claim}--{variant}.scenario")
    return find(file.scenario, known(variant), claim)

"""The pages of docs/ that are made from the code: docs/claims.md, docs/differences.md, docs/situations.md (``python -m oom_review.pages``)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from oom_review import scenario_file
from oom_review.claims import CLAIMS, REFUTED, Claim
from oom_review.columns import columns
from oom_review.differences import DIFFERENCES, Difference
from oom_review.situations.page import situations_page
from oom_review.variants import TITLES, load

MADE = "<!-- Made by `python -m oom_review.pages`; edit the code instead. -->\n"

CLAIMS_HEAD = """# Claims

A claim is one promise of the RFC's changelog, or one thing that everybody takes for granted, as a property of a run of one
variant. Verdicts rest only on what a user or a driver could see: who is alive, who sits in the fridge, the count and its
changes, what suspend returned, each device access with the phase in which it happened. `make review` finds them anew;
the test suite asserts each of them, refutations as strictly as successes.

`holds` means: no counterexample in all interleavings of the claim's situations ([situations.md](situations.md); `oom-review explore`
tries all of them, a review the small ones), nor in as many random programs as the review reports, each under many interleavings.
`refuted` means: the scenario below, which anybody can replay.

The verdicts for the two kernels of 2016 are those that the review of the RFC led us to expect; the faithful model gave no
other. For mainline they are our findings. The variant `mainline_v6_18` is our base (Linux v4.8 with what became v4.9's OOM
changes) with the two functions that commit 59d4d36158ba changed. The freezer of a real v6.18 was rewritten in v6.1
(TASK_FROZEN; sleepers are frozen where they sleep; a dump waits before exit_mm). What the refutations for mainline rest
on is the same there: freezing_slow_path() exempts whatever tsk_is_oom_victim() says, for as long as the signal_struct
lives; oom_victims counts marked threads and drops at the end of exit_mm(); files are closed and task work is run after that.

Two readings are worth knowing. A task with PF_SUSPEND_TASK is not meant by the claims about devices: it is the one that
suspends (fork hands the flag on, as in the C source, so the children of whoever froze through /dev/snapshot never freeze, in
every variant). And a victim whose death waits for a tracer, a dump, a pid namespace, I/O in flight, or for the power
button (it put the machine to sleep, or wants to and waits for whoever did), does not break victim-dies.

## The refutations that concern kernels in use

On v6.18 and later a victim that has passed exit_mm() is neither counted (the count dropped there) nor frozen (oom_mm is
still set, so freezing() is false for ever): freeze_processes() and freeze_kernel_threads() both succeed while the task still
closes files, writes the accounting record and runs task work. Before, the second pass waited for it, because TIF_MEMDIE
was cleared when the count dropped. With several threads the siblings of the marked thread are in the same position
from the moment of the mark. The RFC does not have this hole: there the count stays up until the last exit_notify().
"""

DIFFERENCES_HEAD = """# Differences

A difference is a named way in which the RFC's kernel may part from the one before it on the same scenario. In lockstep
both kernels get the same operations and the same priorities, and every divergence of what can be seen is put down to the
first of these that fits; one that fits none is an *unexplained difference* and fails the suite. Until the kernels have parted for
a root cause nothing at all may differ. Left is legacy, right is the RFC. Hunks are numbered as in docs/hunks.md.
"""


def claims_page() -> str:
    """docs/claims.md."""
    names = list(TITLES)
    lines = [
        MADE,
        CLAIMS_HEAD,
        "## The ledger\n",
        "| claim | promise | " + " | ".join(TITLES[n] for n in names) + " |",
    ]
    lines.append("|---|---|" + "---|" * len(names))
    lines += [
        f"| `{c.id}` | {c.sentence} | " + " | ".join(c.expected[n] for n in names) + " |" for c in CLAIMS
    ]
    lines.append("")
    for claim in CLAIMS:
        lines += _claim(claim, names)
    return "\n".join(lines).rstrip() + "\n"


def corpus_file(claim: Claim, variant: str) -> Path:
    """The kept counterexample."""
    return Path("tests/corpus") / f"{claim.id}--{variant}.scenario"


def _claim(claim: Claim, names: list[str]) -> list[str]:
    lines = [
        f"## {claim.id}\n",
        f"{claim.sentence[0].upper()}{claim.sentence[1:]}.\n",
        f"Source: {claim.source}.\n",
    ]
    for name in names:
        if claim.expected[name] != REFUTED:
            continue
        path = corpus_file(claim, name)
        shown = columns(scenario_file.read(path).scenario, load(name), claim.id).rstrip()
        lines += [
            f"Refuted on {TITLES[name]} (`oom-review replay {path} --variant {name}`):\n",
            f"```\n{shown}\n```\n",
        ]
    return lines


def differences_page() -> str:
    """docs/differences.md."""
    return (
        "\n".join([MADE, DIFFERENCES_HEAD, *(line for d in DIFFERENCES for line in _difference(d))]).rstrip()
        + "\n"
    )


def _difference(d: Difference) -> list[str]:
    kind = "a root cause" if d.root else "follows from another difference"
    script = "\n".join(str(i) for i in d.example.items)
    return [
        f"## {d.id}\n",
        f"- Seen: {d.seen}.",
        f"- Since hunk: {d.hunks}.",
        f"- Why it is allowed: {d.why}.",
        f"- It is {kind}.\n",
        f"```\n{script}\n```\n",
    ]


PAGES: dict[str, Callable[[], str]] = {
    "docs/claims.md": claims_page,
    "docs/differences.md": differences_page,
    "docs/situations.md": lambda: situations_page(MADE),
}


def main() -> int:
    """Write the pages, here."""
    for name, page in PAGES.items():
        Path(name).write_text(page(), encoding="utf-8")
        sys.stdout.write(f"{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A child that cgroup.kill misses, forced on a stock kernel: python docs/cgroup_kill_and_fork.py DIR/VERSION [RUNS].

The writer of cgroup.kill is held at send_sig() with the group's first process in its hand; that one forks.  Alone in the group it is
the last of the walk, and its child lives.  With another one behind it the walk goes on, meets the child, and all die: the opposite.
An example of a plan of one's own, too, for what no promise is about (oom_review/gates).
"""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

from oom_review.boot.compile import probe
from oom_review.boot.kernel import unpacked
from oom_review.errors import BadInput
from oom_review.gates.force import force
from oom_review.gates.gate import Gate
from oom_review.gates.plan import CLOSE, LIFT, REACHED, Act, Plan, Round

WRITER, FORKER = 0, 1
"""Their CPUs."""
KILLS, LISTS = Gate("send_sig", WRITER), Gate("cgroup_post_fork", FORKER)
WRITTEN, FORKED = Gate("vfs_read", WRITER), Gate("vfs_read", FORKER)
"""Who reads there waits for the next order: the last one is done."""
BEGIN = ("init: pin init 0", "init: fork p", "init: pin p 1", "init: memcg_attach p M")
BEHIND = ("init: fork q", "init: memcg_attach q M")


def rounds(name: str, *, behind: bool) -> tuple[Round, ...]:
    """``behind``: with another process behind the one that forks, so that the walk is not over."""
    missed = (
        Act(CLOSE, WRITTEN),
        Act(LIFT, KILLS),
        Act(REACHED, WRITTEN),
        Act(LIFT, WRITTEN),
        Act(LIFT, LISTS),
    )
    met = (Act(CLOSE, FORKED), Act(LIFT, LISTS), Act(REACHED, FORKED), Act(LIFT, FORKED), Act(LIFT, KILLS))
    return (
        Round((f"case {name}", *BEGIN, *(BEHIND if behind else ())), (Act(CLOSE, KILLS),)),
        Round(("meanwhile", "init: cgroup_kill M"), (Act(REACHED, KILLS), Act(CLOSE, LISTS))),
        Round(("p: fork c",), (Act(REACHED, LISTS), *(met if behind else missed))),
        Round(("rest", "end")),
    )


def main(place: str, runs: int) -> None:
    """A boot for each of the two; what became of p and its child c in each run."""
    kernel = unpacked(Path(place), Path(place).name)
    for behind in (False, True):
        print(f"{'with another process behind it' if behind else 'p alone in the group'}:")
        each = (rounds(f"run {i}", behind=behind) for i in range(1, runs + 1))
        forced = force(kernel, probe(), Plan(tuple(chain.from_iterable(each)), cpus=2), lambda _round: None)
        for record in forced.outcome.records:
            if record.get("at") == "rest":
                print(f"  {record['case']}: p {record['tasks']['p']}, c {record['tasks']['c']}")
        if why := forced.missed or forced.outcome.why:
            print(f"  {forced.outcome.status}: {why}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 10)
    except (BadInput, IndexError, ValueError) as error:
        sys.stderr.write(f"usage: {sys.argv[0]} DIR/VERSION [RUNS]: {error}\n")
        sys.exit(2)

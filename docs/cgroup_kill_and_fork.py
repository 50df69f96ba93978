"""A child that cgroup.kill misses, forced on a stock kernel: python docs/cgroup_kill_and_fork.py DIR/VERSION [RUNS].

The writer of cgroup.kill is held at send_sig() with the group's first process in its hand; that one forks.  Alone in the group it is
the last of the walk, and its child lives.  With another one behind it the walk goes on, meets the child, and all die: the opposite.
An example of a plan of one's own, too, for what no promise is about (oom_review/gates).
"""

from __future__ import annotations

import sys
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
BEGIN = ("init: pin init 0", "init: fork p", "init: pin p 1", "init: memcg_attach p M")
BEHIND = ("init: fork q", "init: memcg_attach q M")


def rounds(name: str, read: str, *, behind: bool) -> tuple[Round, ...]:
    """``read``: where a task of the probe waits for its next order, so that the last one is done."""
    written, forked = Gate(read, WRITER), Gate(read, FORKER)
    missed = (
        Act(CLOSE, written),
        Act(LIFT, KILLS),
        Act(REACHED, written),
        Act(LIFT, written),
        Act(LIFT, LISTS),
    )
    met = (Act(CLOSE, forked), Act(LIFT, LISTS), Act(REACHED, forked), Act(LIFT, forked), Act(LIFT, KILLS))
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
        for read in ("anon_pipe_read", "pipe_read"):
            each = (rounds(f"run {i}", read, behind=behind) for i in range(1, runs + 1))
            plan = Plan(tuple(part for one in each for part in one), cpus=2)
            try:
                forced = force(kernel, probe(), plan, lambda _round: None)
            except BadInput:
                if read == "pipe_read":
                    raise
                continue
            for record in forced.outcome.records:
                if record.get("at") == "rest":
                    print(f"  {record['case']}: p {record['tasks']['p']}, c {record['tasks']['c']}")
            print(forced.missed, end="")
            break


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 10)
    except (BadInput, IndexError, ValueError) as error:
        sys.exit(f"usage: {sys.argv[0]} DIR/VERSION [RUNS]: {error}")

"""The families: for each claim the situations in which it is explored.

Not every combination: each family has what its claim depends on, and the sentence says what that is.  Those of the promises about
every task are in families_of_everyone.py.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from oom_review.errors import BadInput
from oom_review.ledger import find
from oom_review.situations.families_of_everyone import OF_EVERYONE
from oom_review.situations.family import Family, at
from oom_review.situations.of_today import OF_TODAY
from oom_review.situations.script import AnySituation
from oom_review.situations.situation import MAX_THREADS

_FRIDGE_EMPTIES = Family(
    "fridge-empties",
    "Who is in the fridge when the OOM killer comes, or on the way into it, by which freezer; the marked thread is the only "
    "one that legacy thaws, so that the number of threads that are alive decides.",
    (
        at(freezer="frozen", quick=True),
        at("LB", threads=2, freezer="frozen", quick=True),
        at("LB", threads=3, freezer="frozen"),
        at("LB", threads=4, freezer="frozen"),
        at(threads=2, leader="long-gone", freezer="frozen", quick=True),
        at("LB", threads=3, leader="long-gone", freezer="frozen"),
        at("LB", threads=2, oom="global", freezer="frozen"),
        at("LB", threads=2, parent="frozen", freezer="frozen"),
        at("LB", threads=2, traced="leader", freezer="frozen"),
        at("LB", threads=2, traced="all", freezer="frozen"),
        at("LB", threads=2, racing="second-oom", freezer="frozen"),
        at(freezer="freezing"),
        at(racing="thaw", freezer="frozen"),
        at(freezer="frozen", pm="suspend"),
        at("LB", threads=2, freezer="frozen", pm="suspend"),
        at("LB", threads=2, freezer="frozen", pm="snapshot"),
        at("LB", threads=2, oom="self", pm="suspend", quick=True),
        at("LB", threads=3, oom="self", pm="suspend"),
        at("LB", threads=2, oom="self", pm="snapshot"),
        at("LB", threads=2, pm="suspend", parent="waits"),
        at("LB", threads=3, pm="suspend", parent="waits", large=True),
    ),
)

_COUNTED_ONCE = Family(
    "counted-once-per-group",
    "How often a group can be marked: whoever charges or allocates while it dies marks itself, once a thread in legacy.",
    (
        at(quick=True),
        at(threads=2, quick=True),
        at(threads=3),
        at(threads=4),
        at(oom="self", threads=2),
        at("LT", oom="self", threads=2, racing="second-oom", quick=True),
        at("LT", oom="self", threads=3, racing="second-oom"),
        at(oom="self", threads=2, racing="exit_group"),
        at(oom="self", threads=2, leader="first"),
        at(oom="self", threads=2, leader="last"),
        at(racing="second-oom"),
        at(oom="global", racing="second-oom"),
        at(oom="global", threads=2),
        at(threads=2, freezer="frozen"),
        at(threads=2, racing="exit_group"),
        at(sharer="clone-vm"),
    ),
)

_COUNT_RETURNS = Family(
    "count-returns",
    "In which order the threads end, and who wants to see the leader as a zombie: exit_notify() of the RFC finds the last thread "
    "by that.",
    (
        at(quick=True),
        at("RP", threads=2, quick=True),
        at("RP", threads=3),
        at("RP", threads=4),
        at("RP", threads=2, leader="first"),
        at("RP", threads=2, leader="last"),
        at("RP", threads=3, leader="last"),
        at("RP", threads=2, leader="long-gone", quick=True),
        at("RP", threads=3, leader="long-gone"),
        at("RP", threads=4, leader="long-gone"),
        at(parent="waits", quick=True),
        at("RP", threads=2, parent="waits"),
        at("RP", threads=2, parent="frozen"),
        at(threads=2, parent="ignores", quick=True),
        at(threads=2, parent="nocldwait"),
        at(threads=3, parent="ignores"),
        at(parent="dies"),
        at("RP", traced="leader", quick=True),
        at("RP", threads=2, traced="one-thread"),
        at("RP", threads=2, traced="all"),
        at("RP", traced="leader", racing="tracer-waits"),
        at("RP", traced="leader", racing="tracer-dies"),
        at("RP", oom="self", threads=2),
        at("RP", oom="global", threads=2),
        at(racing="exec"),
        at("RP", racing="clone"),
        at("RP", threads=2, freezer="frozen", pm="suspend"),
    ),
)

_NEVER_NEGATIVE = Family(
    "count-never-negative",
    "All that could drop the count twice: several marks, several last threads, a leader that is released by somebody else.",
    (
        at(quick=True),
        at(threads=2, quick=True),
        at(threads=3),
        at(threads=4),
        at(oom="self", threads=2, racing="second-oom", quick=True),
        at(oom="self", threads=3, racing="second-oom"),
        at(threads=2, leader="first"),
        at(threads=3, leader="last"),
        at(threads=2, parent="waits"),
        at(threads=2, parent="ignores", quick=True),
        at(threads=3, parent="ignores"),
        at(threads=2, parent="nocldwait"),
        at(parent="dies"),
        at(traced="leader", racing="tracer-waits"),
        at(traced="leader", racing="tracer-dies"),
        at(threads=2, traced="all"),
        at(racing="second-oom"),
        at(racing="exec"),
        at(threads=2, racing="exit_group"),
        at(threads=2, freezer="frozen"),
    ),
)

_DISABLED_QUIET = Family(
    "disabled-means-quiet",
    "Suspend and SNAPSHOT_FREEZE against a victim on its way out; a victim that brings the OOM about itself is late, and a sleep "
    "that ends early lets suspend catch it anywhere.",
    (
        at("LBT", oom="self", pm="suspend", quick=True),
        at("LBT", oom="self", pm="snapshot", quick=True),
        at("LBT", oom="self", threads=2, pm="suspend", quick=True),
        at("LBT", oom="self", threads=3, pm="suspend"),
        at("LBT", oom="self", threads=2, pm="snapshot"),
        at("LBT", oom="global", pm="suspend"),
        at("LBT", pm="suspend"),
        at("LBT", pm="snapshot"),
        at("LBT", oom="global", pm="snapshot"),
        at("LBT", pm="suspend", parent="waits"),
        at("LBT", threads=2, pm="suspend", parent="waits"),
        at("LBT", threads=3, pm="suspend", parent="waits", large=True),
        at("LBT", freezer="frozen", pm="suspend"),
        at("LT", threads=2, freezer="frozen", pm="suspend"),
        at("LT", threads=2, freezer="frozen", pm="snapshot"),
    ),
)

_SUSPENDED_QUIET = Family(
    "suspended-means-quiet",
    "The same, with both passes: freeze_kernel_threads() waits for whoever freezes, and a victim does not since 6.18.",
    (
        at("T", oom="self", pm="suspend", quick=True),
        at("T", oom="self", threads=2, pm="suspend"),
        at("T", oom="self", threads=3, pm="suspend"),
        at("T", oom="global", pm="suspend"),
        at("T", pm="suspend"),
        at("T", pm="suspend", parent="waits"),
        at("T", threads=3, pm="suspend", parent="waits", large=True),
        at("T", threads=2, pm="suspend", parent="waits"),
        at("T", freezer="frozen", pm="suspend", quick=True),
        at("T", threads=2, freezer="frozen", pm="suspend"),
    ),
)

_NO_SPURIOUS_EBUSY = Family(
    "no-spurious-ebusy",
    "Suspend against a victim whose count may leak: by its threads, its leader and its parent.",
    (
        at(oom="self", pm="suspend", quick=True),
        at("RP", oom="self", threads=2, pm="suspend"),
        at("RP", oom="self", threads=3, pm="suspend"),
        at("RP", threads=2, leader="long-gone", pm="suspend", quick=True),
        at("RP", threads=2, freezer="frozen", pm="suspend"),
        at("RP", threads=2, pm="suspend"),
        at(threads=2, parent="ignores", pm="suspend"),
        at("RP", traced="leader", pm="suspend"),
        at(pm="suspend"),
        at(pm="suspend", parent="waits"),
        at("RP", threads=2, pm="suspend", parent="waits"),
        at("RP", threads=3, pm="suspend", parent="waits", large=True),
        at("RP", threads=2, leader="long-gone", pm="snapshot"),
        at(oom="global", pm="snapshot"),
    ),
)

_VICTIM_DIES = Family(
    "victim-dies",
    "All that may keep a thread from its death: both fridges, a frozen or dead parent, exec and exit_group on the way, fork.",
    (
        at(quick=True),
        at(freezer="frozen", quick=True),
        at("LB", threads=2, freezer="frozen", quick=True),
        at("LB", threads=3, freezer="frozen"),
        at("LB", threads=4, freezer="frozen"),
        at(threads=2, leader="long-gone", freezer="frozen", quick=True),
        at("LB", threads=2, traced="all", freezer="frozen"),
        at(freezer="freezing"),
        at("LB", threads=2, freezer="frozen", pm="suspend"),
        at("LB", threads=2, oom="self", pm="suspend"),
        at("LB", threads=3, oom="self", pm="suspend"),
        at("LB", threads=3, pm="suspend", parent="waits", large=True),
        at("LB", threads=2, pm="suspend", parent="waits"),
        at(parent="frozen"),
        at(threads=2, parent="frozen"),
        at(parent="dies"),
        at(traced="leader"),
        at(threads=2, traced="one-thread"),
        at(traced="leader", racing="tracer-dies"),
        at(threads=2, leader="first"),
        at(racing="exec"),
        at(threads=2, racing="exit_group"),
        at(racing="clone"),
        at(racing="second-oom"),
    ),
)

_NEVER_MARKED = Family(
    "never-marked-while-disabled",
    "Whoever may mark a victim, against whoever disables the OOM killer: two marks, each way to the OOM killer.",
    (
        at(oom="self", pm="suspend", quick=True),
        at(oom="self", pm="snapshot", quick=True),
        at(oom="self", threads=3, pm="suspend"),
        at(oom="self", threads=2, racing="second-oom", pm="suspend"),
        at(pm="suspend"),
        at(pm="snapshot"),
        at(oom="global", pm="suspend"),
        at(oom="global", pm="snapshot"),
        at(threads=2, freezer="frozen", pm="suspend"),
        at(threads=2, freezer="frozen", pm="snapshot"),
    ),
)

_FORK_CANNOT_ESCAPE = Family(
    "fork-cannot-escape",
    "copy_process() against the kill: a new thread, a new process, and a thread that execs, in and out of the fridge.",
    (
        at(racing="clone", quick=True),
        at(racing="fork", quick=True),
        at(oom="global", racing="clone"),
        at(oom="self", threads=2, racing="clone"),
        at(oom="self", threads=2, racing="fork"),
        at(threads=2, racing="fork"),
        at(oom="self", threads=2, racing="exec"),
        at(racing="exec", quick=True),
        at(sharer="clone-vm", quick=True),
        at(threads=2, leader="long-gone", racing="clone"),
    ),
)

_NO_IO_AFTER = Family(
    "no-io-after-io-context",
    "Each way out: killed, exit_group, the leader first or last, exec; alone and in company.",
    (
        at(quick=True),
        at(threads=2, quick=True),
        at(threads=3),
        at(threads=2, leader="first"),
        at(threads=2, leader="last"),
        at(racing="exit_group", quick=True),
        at(threads=2, racing="exit_group"),
        at(racing="exec"),
        at(threads=2, parent="waits"),
        at(oom="self", pm="suspend", quick=True),
        at(traced="leader", racing="tracer-waits"),
        at(sharer="clone-vm"),
    ),
)

_BYSTANDERS_STAY = Family(
    "bystanders-stay",
    "Who sits in the same fridge: a frozen parent, a process that shares the mm; and who thaws or freezes meanwhile.",
    (
        at(parent="frozen", quick=True),
        at(parent="frozen", freezer="frozen", quick=True),
        at(threads=2, parent="frozen", freezer="frozen", quick=True),
        at(sharer="clone-vm", freezer="frozen", quick=True),
        at(threads=2, sharer="clone-vm", freezer="frozen"),
        at(oom="global", sharer="clone-vm", freezer="frozen"),
        at(racing="thaw", freezer="frozen"),
        at(freezer="frozen", pm="suspend"),
        at(threads=2, freezer="frozen", pm="snapshot"),
        at(threads=2, traced="leader", freezer="frozen"),
    ),
)

_MM_PIN = Family(
    "mm-pin-balanced",
    "Who marks first and who is the last user of the mm: two OOMs, exec under the mark, a process that shares the mm, reapers of all kinds.",
    (
        at(quick=True),
        at(oom="self", threads=2, racing="second-oom", quick=True),
        at(oom="self", threads=3, racing="second-oom"),
        at(racing="second-oom"),
        at(oom="global", racing="second-oom"),
        at(racing="exec", quick=True),
        at(oom="self", threads=2, racing="exec"),
        at(racing="exit_group"),
        at(parent="waits", quick=True),
        at(threads=2, parent="ignores"),
        at(threads=2, parent="waits"),
        at(traced="leader", racing="tracer-waits"),
        at(sharer="clone-vm"),
        at(threads=2, freezer="frozen"),
    ),
)

_SHARERS_LEAVE = Family(
    "sharers-leave",
    "A process that shares the victim's mm, in the fridge with it or outside; no variant thaws it.",
    (
        at(sharer="clone-vm", quick=True),
        at("LRKBTPO", sharer="clone-vm", freezer="frozen", quick=True),
        at("LRKBTPO", threads=2, sharer="clone-vm", freezer="frozen"),
        at("LRKBTPO", oom="global", sharer="clone-vm", freezer="frozen"),
        at("LRKBTPO", sharer="clone-vm", freezer="frozen", pm="suspend"),
    ),
)

_REACHES_EXIT_MM = Family(
    "marked-reaches-exit-mm",
    "Where the marked thread may be when it is marked: in each fridge or on its way there, under a tracer, dying already.",
    (
        at(freezer="frozen", quick=True),
        at(threads=2, freezer="frozen", quick=True),
        at(freezer="freezing"),
        at(threads=2, oom="self", pm="suspend", quick=True),
        at(freezer="frozen", pm="suspend", quick=True),
        at(oom="global", pm="suspend"),
        at(traced="leader", quick=True),
        at(threads=2, traced="all", freezer="frozen"),
        at(racing="exec", quick=True),
        at(oom="self", threads=2, racing="second-oom", quick=True),
    ),
)

_NO_TAIL = Family(
    "no-tail-when-suspended",
    "As for suspended-means-quiet: the last I/O of a victim is after its exit_mm(), and only what counts it to there waits for it.",
    (
        at("T", oom="self", pm="suspend", quick=True),
        at("T", oom="self", threads=2, pm="suspend"),
        at("T", oom="global", pm="suspend"),
        at("T", pm="suspend"),
        at("T", pm="suspend", parent="waits"),
        at("T", freezer="frozen", pm="suspend", quick=True),
        at("T", threads=2, freezer="frozen", pm="suspend"),
        at("T", threads=2, leader="long-gone", pm="suspend", quick=True),
    ),
)

FAMILIES: dict[str, Family] = {
    family.claim: family
    for family in (
        _FRIDGE_EMPTIES,
        _COUNTED_ONCE,
        _COUNT_RETURNS,
        _NEVER_NEGATIVE,
        _DISABLED_QUIET,
        _SUSPENDED_QUIET,
        _NO_SPURIOUS_EBUSY,
        _VICTIM_DIES,
        _NEVER_MARKED,
        _FORK_CANNOT_ESCAPE,
        _NO_IO_AFTER,
        _BYSTANDERS_STAY,
        _MM_PIN,
        _SHARERS_LEAVE,
        _REACHES_EXIT_MM,
        _NO_TAIL,
        *OF_EVERYONE,
    )
}

SITUATIONS: dict[str, AnySituation] = {
    row.situation.name: row.situation for family in FAMILIES.values() for row in family.rows
}
"""Every one of them by its name, each once, however many claims it bears on."""

EVERY: dict[str, AnySituation] = {**SITUATIONS, **OF_TODAY}
"""And those that only some kernels can be in, and that are explored only if somebody names them."""

QUICK: tuple[str, ...] = tuple(
    dict.fromkeys(row.situation.name for family in FAMILIES.values() for row in family.rows if row.quick)
)
"""The small ones that a review explores."""

LARGE: frozenset[str] = frozenset(
    row.situation.name for family in FAMILIES.values() for row in family.rows if row.large
)
"""Those that are explored only if somebody names them."""


def bearing(claim: str) -> tuple[str, ...]:
    """The names of the situations in which the claim is explored: its family's, and those of none; a claim of somebody's own has no family."""
    return (*(FAMILIES[claim].names if claim in FAMILIES else SITUATIONS), *OF_TODAY)


def select(patterns: list[str], claims: list[str], threads: int | None) -> list[AnySituation]:
    """All that match one of the patterns, are in the family of one of the claims and have no more threads; raises BadInput.

    Without patterns the large ones are left out, and those of today.
    """
    for claim in claims:
        find(claim)
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise BadInput(f"--threads {threads}: victims have 1 to {MAX_THREADS} threads")
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in EVERY):
            raise BadInput(f"no such situation: {pattern!r} (oom-review explore --list names them all)")
    wanted = {name for claim in claims or FAMILIES for name in bearing(claim)}
    chosen = [
        s
        for name, s in EVERY.items()
        if name in wanted
        and (any(fnmatchcase(name, p) for p in patterns) if patterns else name not in LARGE | OF_TODAY.keys())
        and (threads is None or s.threads <= threads)
    ]
    if not chosen:
        raise BadInput(
            "no situation is in all of what was asked for (oom-review explore --list names them all)"
        )
    return chosen

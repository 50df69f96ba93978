"""The kernel of a mixture by its name.

Only mixtures that differ in what they do have one.  What ``last`` says counts for nothing unless somebody asks it (h9), and h9 does nothing
if nobody ever says so; with a count of the group (``count``, ``both``) no thread has TIF_MEMDIE, so that h5 and ``clear`` change nothing.
"""

from __future__ import annotations

import itertools

from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from legacy_tifmemdie import VARIANT as LEGACY
from oom_kernels.hunks import exit as one_hunk  # the kernel's file name
from oom_kernels.hunks import oom_kill
from patched import exit as rfc_exit
from patched import freezer as rfc_freezer
from patched import oom_kill as rfc_oom_kill

HOME = "oom_kernels.hunks"
LAST = {
    frozenset({"h7"}): one_hunk.exit_notify_7,
    frozenset({"h8"}): one_hunk.exit_notify_8,
    frozenset({"h7", "h8"}): rfc_exit.exit_notify,
}
EXIT = {
    frozenset({"h9"}): one_hunk.do_exit_9,
    frozenset({"h10"}): one_hunk.do_exit_10,
    frozenset({"h9", "h10"}): rfc_exit.do_exit,
}
MARK = {
    "thaw": oom_kill.mark_and_thaw_all,
    "count": oom_kill.mark_and_count_once,
    "both": rfc_oom_kill.mark_oom_victim,
}
PARTS = {
    "h5": "exit_mm() does not drop the count",
    "h7": "exit_notify() says last for an untraced leader that is alone",
    "h8": "exit_notify() says last for a sub-thread that takes its leader along (with hunks 2 to 4)",
    "h9": "do_exit(): the last thread of a victim drops the count after exit_notify()",
    "h10": "do_exit(): exit_io_context() comes before exit_notify()",
    "h12": "the freezer leaves every thread of a victim alone",
    "clear": "exit_oom_victim() does not clear TIF_MEMDIE",
    "thaw": "mark_oom_victim(): all threads are thawed; flag and count are as before",
    "count": "mark_oom_victim(): one count for the group, and no flag; one thread is thawed",
    "both": "mark_oom_victim(): one count for the group, no flag, all threads thawed",
}
"""What a name is made of, in order, and what each does."""
RFC = frozenset({"h5", "h7", "h8", "h9", "h10", "h12", "clear", "both"})


def name_of(parts: frozenset[str]) -> str:
    """The name of the kernel with these."""
    return f"{HOME}.{'_'.join(p for p in PARTS if p in parts) or 'none'}"


def parts_of(name: str) -> frozenset[str]:
    """What is in it.  Raises KeyError for a name that is no mixture's."""
    word = name.removeprefix(f"{HOME}.")
    parts = frozenset(() if word == "none" else word.split("_"))
    if name_of(parts) != name or len(parts & MARK.keys()) > 1:
        raise KeyError(name)
    return parts


def plain(parts: frozenset[str]) -> frozenset[str]:
    """The smallest mixture that does the same, step by step."""
    if not {"h7", "h8"} & parts or "h9" not in parts:
        parts -= {"h7", "h8", "h9"}
    return parts - {"h5", "clear"} if {"count", "both"} & parts else parts


def mixtures() -> list[frozenset[str]]:
    """All that differ in what they do, the small ones first."""
    hunks = [part for part in PARTS if part not in MARK]
    some = [c for size in range(len(hunks) + 1) for c in itertools.combinations(hunks, size)]
    every = [frozenset((*chosen, mark)) - {""} for chosen in some for mark in ("", *MARK)]
    return [parts for parts in every if plain(parts) == parts]


def variant(name: str) -> Variant:
    """The kernel of that name.  Raises KeyError."""
    parts = parts_of(name)
    replaced = {
        "h5": replaces(prototypes.exit_mm, rfc_exit.exit_mm),
        "h8": replaces(prototypes.release_task, rfc_exit.release_task),
        "h12": replaces(prototypes.freezing_slow_path, rfc_freezer.freezing_slow_path),
        "clear": replaces(prototypes.exit_oom_victim, rfc_oom_kill.exit_oom_victim),
        **{form: replaces(prototypes.mark_oom_victim, mark) for form, mark in MARK.items()},
    }
    said, ways = parts & {"h7", "h8"}, parts & {"h9", "h10"}
    shared = [replaces(prototypes.exit_notify, LAST[said])] if said else []
    shared += [replaces(prototypes.do_exit, EXIT[ways])] if ways else []
    return Variant(
        name, (*(replaced[p] for p in PARTS if p in parts and p in replaced), *shared), base=LEGACY
    )

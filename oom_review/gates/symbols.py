"""Where functions and variables are in a kernel that was booted: what the probe printed of /proc/kallsyms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from oom_review.boot.console import Record
from oom_review.errors import BadInput

# Where per-CPU data has the preemption count: a variable of its own since 6.15, before that the second word of pcpu_hot.
COUNTS = {"__preempt_count": 0, "pcpu_hot": 8}
SIZES = {"oom_victims": 4, "pm_freezing": 1, "oom_killer_disabled": 1}
VARIABLES = (*SIZES, *COUNTS)


def addresses(records: Iterable[Record]) -> dict[str, int]:
    """Of the records that name a symbol; of a name that occurs twice, as static functions do, neither can be meant."""
    found: dict[str, set[int]] = {}
    for record in records:
        if "symbol" in record:
            found.setdefault(record["symbol"], set()).add(int(record["at"], 16))
    return {name: next(iter(places)) for name, places in found.items() if len(places) == 1}


def entry(known: Mapping[str, int], function: str, kernel: str) -> int:
    """The function's address.  Raises BadInput if it has none of its own."""
    if function not in known:
        raise BadInput(
            f"{function}() has no entry in {kernel}: it is inlined there, gone, or not the only one of its name"
        )
    return known[function]


def preempt_count(known: Mapping[str, int]) -> int | None:
    """Where a CPU's preemption count is, counted from its gs_base; None if this kernel does not tell."""
    return next((known[name] + behind for name, behind in COUNTS.items() if name in known), None)

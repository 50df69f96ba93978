"""A kernel's own operations in its random programs: two rules more, for the kernels that have some, so that the others' draws stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from kernel_model.operations import Arg, Operation
from kernel_model.variant import Variant
from oom_review.scenario.items import Op
from oom_review.search.alphabet import ALLOCATORS, ANYBODY, CGROUPS, SEED, SIGNALS, AlphabetMachine, together

SLEEPERS = ("futex_wait", "nanosleep")
DEATHS = ("sysrq_f", *ALLOCATORS)
MADE = "A/C"
MEMCGS = ("M", "M/N")
NUMBERS = (0, 1000, -1000)


def own_operations(variant: Variant) -> tuple[Operation, ...]:
    """What user space can ask of it and not of every kernel, and programs shall (their weight is not 0)."""
    by_name = {o.name: o for v in variant.lineage() for o in v.operations}
    return tuple(o for o in by_name.values() if o.weight)


def rules(variant: Variant) -> dict[str, Any]:
    """The rules, under their names, if the kernel has operations of its own."""
    own = own_operations(variant)
    if not own:
        return {}
    weighted = [o for o in own for _ in range(o.weight)]
    plain = [o for o in weighted if not o.args]
    by_users = [o.name for o in plain if o.by != "event"]
    beside = [Op(o.name, None if o.by == "event" else "init") for o in plain]
    return {
        "z_own": rule(operation=st.sampled_from(weighted), who=ANYBODY, whom=ANYBODY)(z_own),
        "b_own": rule(
            name=st.sampled_from([*by_users, *SLEEPERS]),
            beside=st.sampled_from([*beside, Op("suspend", "init"), None]),
            drawn=together(range(1, 4), DEATHS),
            seed=SEED,
        )(b_own),
    }


def z_own(machine: AlphabetMachine, operation: Operation, who: int, whom: int) -> None:
    """Somebody, or a device, does what only this kernel has."""
    caller = None if operation.by == "event" else machine.person(who)
    arguments = tuple(ARGUMENTS[arg](machine, whom + i) for i, arg in enumerate(operation.args))
    if machine.submit(Op(operation.name, caller, arguments)) and Arg.NEW in operation.args:
        machine.births += 1


def b_own(machine: AlphabetMachine, name: str, beside: Op | None, drawn: tuple[int, str], seed: int) -> None:
    """A process does it, or sleeps where such a kernel freezes sleepers in place; then it dies, and something else happens."""
    threads, death = drawn
    machine.settle()
    leader = machine.birth("fork", "init")
    machine.settle()
    for _ in range(threads - 1):
        machine.birth("clone", leader)
        machine.settle()
    machine.submit(Op("oom_score_adj", "init", (leader, 1000)))
    machine.settle()
    machine.submit(Op(name, leader))
    if name != "nanosleep":
        machine.settle()
    machine.submit(Op("sysrq_f") if death == "sysrq_f" else Op("alloc", death))
    if beside is not None:
        machine.submit(beside)
    machine.advance(seed, "portfolio", [])


ARGUMENTS: dict[Arg, Callable[[AlphabetMachine, int], str | int]] = {
    Arg.TASK: lambda machine, n: machine.child(n),
    Arg.NEW: lambda machine, _n: f"p{machine.births + 1}",
    Arg.CGROUP: lambda _machine, n: CGROUPS[n % len(CGROUPS)],
    Arg.NEW_CGROUP: lambda _machine, _n: MADE,
    Arg.MEMCG: lambda _machine, n: MEMCGS[n % len(MEMCGS)],
    Arg.SIGNAL: lambda _machine, n: SIGNALS[n % len(SIGNALS)],
    Arg.NUMBER: lambda _machine, n: NUMBERS[n % len(NUMBERS)],
}

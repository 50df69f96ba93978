"""A situation as a script for the probe, or why a real kernel can't be brought into it.

The operations are the model's, word for word; what differs is where a model's machine has a part that a stock machine does not give
to whoever asks: a kernel thread that allocates is SysRq-f here, in the prediction, too, and the machine resumes by itself.
"""

from __future__ import annotations

import attrs

from oom_review.scenario.items import Op, Run, Scenario
from oom_review.situations.script import UNKILLABLE, AnySituation, scenario

MEMORY = 10
"""MB that the killable members of the memory cgroup fill of its 16."""
NOT_TO_BE_HAD = {
    "io_submit": "I/O in flight at a process's exit needs a device that holds it back",
    "writeback": "a task that waits for a device for as long as one likes needs a device of one's own",
    "core_pipe": "the reader of a core dump's pipe is a program that the kernel starts, in the probe's place",
    "memory_pressure": "a machine that is out of memory everywhere does not come to rest",
}
KERNEL_THREADS = frozenset({"kworker", "kswapd"})
WAKES_BY_ITSELF = "wakeup"
SERVE = "fuse"
"""The probe's line for a FUSE server, and the module that a kernel may have for it."""
LEFT_OUT = {
    "fuse/answer-asleep": "a machine that is frozen has frozen its FUSE server, too; the model's is elsewhere",
    "trace/exec": "the models leave out cred_guard_mutex (docs/model.md), on which a real tracer waits for whoever execs, too",
}
SNAPSHOT = "whoever froze everybody through /dev/snapshot may not get to thaw them: the probe would stay frozen with all others"


@attrs.define(frozen=True)
class Played:
    """``scenario``: what the model plays; ``lines``: the same for the probe; ``reads``: a freezer.state is read among what races."""

    name: str
    scenario: Scenario
    lines: tuple[str, ...]
    reads: bool


def translated(situation: AnySituation) -> Played | str:
    """The script, or the reason why there is none."""
    whole = scenario(situation)
    before, meanwhile = _parts(whole)
    why = (
        LEFT_OUT.get(situation.name)
        or _impossible([*before, *meanwhile])
        or _frozen_for_good(before, meanwhile)
    )
    if why:
        return why
    ours = Scenario(tuple(_global_oom(i) if isinstance(i, Op) else i for i in whole.items))
    filling = _filling(before)
    lines = [SERVE] if any(op.name == "open_fuse" for op in before) else []
    lines += [line for op in map(_global_oom, before) for line in _lines(op, filling)]
    lines += ["race", *(line for op in map(_global_oom, meanwhile) for line in _lines(op, {}))]
    return Played(situation.name, ours, (*lines, "rest"), any(op.name == "read_state" for op in meanwhile))


def text(played: Played, seed: int) -> str:
    """A case of the probe; the seed draws how long each waits before it does what it is told at once with others."""
    return "\n".join([f"case {played.name}", f"seed {seed}", *played.lines, "end", ""])


def _parts(whole: Scenario) -> tuple[list[Op], list[Op]]:
    runs = [number for number, item in enumerate(whole.items) if isinstance(item, Run)]
    last = runs[-2] if len(runs) > 1 else -1
    ops = [(number > last, item) for number, item in enumerate(whole.items) if isinstance(item, Op)]
    return [op for late, op in ops if not late], [op for late, op in ops if late]


def _impossible(ops: list[Op]) -> str:
    why = next((NOT_TO_BE_HAD[op.name] for op in ops if op.name in NOT_TO_BE_HAD), "")
    global_ooms = [op for op in ops if op.task in KERNEL_THREADS]
    if global_ooms and any(
        op.name in ("charge", "charge_fault", "alloc") and op not in global_ooms[:1] for op in ops
    ):
        return (
            why
            or "a second OOM by a kernel thread: SysRq-f, which stands for it, does not spare a machine that has a victim already"
        )
    return why


def _frozen_for_good(before: list[Op], meanwhile: list[Op]) -> str:
    """Whoever freezes must be one thread, and in no cgroup that freezes, and nobody may have frozen everybody before."""
    freezers = {op.task for op in meanwhile if op.name == "snapshot_freeze"}
    already = any(op.name == "snapshot_freeze" for op in before)
    threaded = any({op.task, *op.args} & freezers for op in before if op.name == "clone")
    cgroup = freezers and any(op.name == "freeze" for op in meanwhile)
    return SNAPSHOT if already or threaded or cgroup else ""


def _global_oom(op: Op) -> Op:
    return Op("sysrq_f") if op.task in KERNEL_THREADS else op


def _filling(before: list[Op]) -> dict[str, int]:
    """How much of the memory cgroup each of its killable members fills, in MB."""
    members = [str(op.args[0]) for op in before if op.name == "memcg_attach"]
    safe = {str(op.args[0]) for op in before if op.name == "oom_score_adj" and op.args[1] == UNKILLABLE}
    killable = [m for m in members if m not in safe]
    return {m: MEMORY // len(killable) for m in killable}


def _lines(op: Op, filling: dict[str, int]) -> list[str]:
    if op.name == WAKES_BY_ITSELF:
        return []
    lines = [str(op)]
    who = str(op.args[0]) if op.args else ""
    return [*lines, f"{who}: touch {filling[who]}"] if op.name == "memcg_attach" and who in filling else lines

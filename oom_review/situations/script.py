"""From a situation to its scenario: what comes before, in peace, and what happens meanwhile, all at once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from kernel_model.variant import Variant, link
from oom_review.errors import BadInput
from oom_review.scenario.items import Op, Run, Scenario, in_peace
from oom_review.situations.situation import Situation
from oom_review.situations.without_oom import Script
from oom_review.variants.loading import known, title_of

AnySituation = Situation | Script

INIT, PARENT, VICTIM, TRACER, SHARER = "init", "parent", "v", "tracer", "sharer"
CHARGER, ADMIN = "charger", "admin"
UNKILLABLE, FIRST_CHOICE = -1000, 1000


def scenario(s: AnySituation) -> Scenario:
    """What comes before, each operation in peace; then everything at once, in a run whose schedule is left open."""
    if isinstance(s, Script):
        return s.scenario
    return Scenario((*in_peace(_before(s)), *_meanwhile(s), Run()))


def possible(
    situations: Iterable[AnySituation], variants: Iterable[str]
) -> tuple[list[tuple[AnySituation, str]], list[str]]:
    """Each situation with each kernel that can be in it; and of the others why not, in words.  Raises BadInput if there is none."""
    pairs = [(s, v, lacking(s, known(v))) for s in situations for v in variants]
    out = [why for _s, _v, why in pairs if why]
    if len(out) == len(pairs):
        raise BadInput(out[0])
    return [(s, v) for s, v, why in pairs if not why], out


@cache
def lacking(s: AnySituation, variant: Variant) -> str:
    """Why that kernel can't be in it, in words: an operation that nobody can ask of it; or ""."""
    known = link(variant).operations
    unknown = next((op.name for op in scenario(s).operations if op.name not in known), None)
    return f"{s.name} on {title_of(variant.name)}: this kernel's model has no {unknown}" if unknown else ""


def _before(s: Situation) -> list[Op]:
    """The family, the cgroups, the tracer; the victim's threads are in user mode or in the fridge at the end."""
    threads = _threads(s)
    ops = _parent(s)
    ops += [Op("clone", VICTIM, (t,)) for t in threads[1:]]
    if s.sharer == "clone-vm":
        ops.append(Op("clone_vm", VICTIM, (SHARER,)))
    ops += _memory(s)
    ops += _tracer(s, threads)
    if _admin(s) == ADMIN:
        ops.append(Op("fork", INIT, (ADMIN,)))
    if s.leader == "long-gone":
        ops.append(Op("exit", VICTIM))
    return ops + _fridge(s)


def _threads(s: Situation) -> tuple[str, ...]:
    return (VICTIM, *(f"t{i}" for i in range(1, s.threads)))


def _parent(s: Situation) -> list[Op]:
    if s.parent == "init":
        return [Op("fork", INIT, (VICTIM,))]
    ops = [Op("fork", INIT, (PARENT,))]
    if s.parent == "ignores":
        ops.append(Op("ignore_sigchld", PARENT))
    if s.parent == "nocldwait":
        ops.append(Op("nocldwait", PARENT))
    return [*ops, Op("fork", PARENT, (VICTIM,))]


def _memory(s: Situation) -> list[Op]:
    if s.oom == "global":
        return [Op("oom_score_adj", INIT, (VICTIM, FIRST_CHOICE))]
    ops = [Op("memcg_attach", INIT, (VICTIM, "M"))]
    if s.oom == "memcg":
        ops += [
            Op("fork", INIT, (CHARGER,)),
            Op("memcg_attach", INIT, (CHARGER, "M")),
            Op("oom_score_adj", INIT, (CHARGER, UNKILLABLE)),
        ]
    return ops


def _tracer(s: Situation, threads: tuple[str, ...]) -> list[Op]:
    traced = {"none": (), "leader": threads[:1], "one-thread": threads[1:2], "all": threads}[s.traced]
    if not traced:
        return []
    return [Op("fork", INIT, (TRACER,)), *(Op("ptrace_seize", TRACER, (t,)) for t in traced)]


def _fridge(s: Situation) -> list[Op]:
    """The victim lives in A, a frozen parent in A/B."""
    ops = []
    if s.freezer != "none":
        ops.append(Op("attach", INIT, (VICTIM, "A")))
        if s.sharer == "clone-vm":
            ops.append(Op("attach", INIT, (SHARER, "A")))
    if s.parent == "frozen":
        ops += [Op("wait", PARENT), Op("attach", INIT, (PARENT, "A/B"))]
    if s.freezer == "frozen":
        ops.append(Op("freeze", INIT, ("A",)))
    elif s.parent == "frozen":
        ops.append(Op("freeze", INIT, ("A/B",)))
    return ops


def _admin(s: Situation) -> str:
    """Who freezes and thaws: init, unless that is busy with suspend."""
    busy = s.pm != "none" or (s.freezer == "freezing" and s.racing == "thaw")
    return ADMIN if busy and (s.freezer == "freezing" or s.racing == "thaw") else INIT


def _meanwhile(s: Situation) -> list[Op]:
    """The OOM and all that races with it."""
    free = list(_threads(s))
    if s.leader == "long-gone":
        del free[0]
    ops = []
    if s.leader == "first":
        ops.append(Op("exit", free.pop(0)))
    elif s.leader == "last":
        ops += [Op("exit", free.pop()) for _ in range(s.threads - 1)]
    ops += _oom(s, free)
    ops += _racing(s, free)
    if s.parent == "waits":
        ops.append(Op("wait", PARENT))
    elif s.parent == "dies":
        ops.append(Op("exit_group", PARENT))
    if s.freezer == "freezing":
        ops.append(Op("freeze", _admin(s), ("A",)))
    if s.pm != "none":
        ops.append(Op({"suspend": "suspend", "snapshot": "snapshot_freeze"}[s.pm], INIT))
    return ops


def _oom(s: Situation, free: list[str]) -> list[Op]:
    """Threads that do something are no longer free."""
    if s.oom == "self":
        return [Op("charge", free.pop(0))]
    return [Op("charge", CHARGER) if s.oom == "memcg" else Op("alloc", "kworker")]


def _racing(s: Situation, free: list[str]) -> list[Op]:
    if s.racing == "second-oom":
        if s.oom == "self":
            return [Op("charge", free.pop(0))]
        return [Op("alloc", "kswapd" if s.oom == "global" else "kworker")]
    if s.racing in ("clone", "fork"):
        return [Op(s.racing, free.pop(), ("child",))]
    if s.racing in ("exec", "exit_group"):
        return [Op({"exec": "execve"}.get(s.racing, s.racing), free.pop())]
    if s.racing == "thaw":
        return [Op("thaw", INIT if s.pm == "none" else _admin(s), ("A",))]
    tracer = {"tracer-waits": "wait_all", "tracer-dies": "exit_group"}.get(s.racing)
    return [Op(tracer, TRACER)] if tracer else []

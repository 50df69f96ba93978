"""Which of a point's declared touches can't happen in the present state: the block's own conditions, asked before it runs.

A declaration holds for every way through its block.  Most ways are short: a thread that is not the last of its group wakes no
parent.  Each function here says for one point which declarations the conditions of the present state rule out; the conditions
themselves read nothing but what stays declared.  watch.py checks what is left against what the block then touches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kernel_model import exit as kernel_exit
from kernel_model import get_signal, mm, oom_kill, signal
from kernel_model.core import frozen
from kernel_model.entry import USER_MODE
from kernel_model.freezer import FREEZE_TASK_LOCK, THAW_TASK_LOCK, TRY_TO_FREEZE, freezing
from kernel_model.oom_kill import group_will_free_mem
from kernel_model.page_alloc import KWORKER_IDLE
from kernel_model.preempt import PreemptionPoint
from kernel_model.sched import (
    EXIT_ZOMBIE,
    PF_EXITING,
    SIGKILL,
    Kernel,
    TaskStruct,
    signal_group_exit,
    signal_pending,
    thread_group_leader,
)
from oom_review.explore.final import QUIET_PHASES

Locals = Mapping[str, Any]
RuledOut = tuple[str, ...]
NONE: RuledOut = ()
FREEZING = ("freezable", "memdie", "oom_mm", "cgroup")
_DEQUEUE = ("others", "pm", "alone", *FREEZING)
_GROUP_EXIT = ("state", "sig", "alone", "exit_state")
_IO = ("oom_mm",)
_MMPUT_SHARED = ("phase", "oom_mm", "aio")
_MM_RELEASE = ("vfork", "state:vfork")
_NOTIFY_NO_RELATIVES = ("others",)
_NOTIFY_LEADER_EARLY = ("parent(", "others")
_NOTIFY_THREAD = ("parent(", "others", "alone")
_RELEASE_PLAIN = ("others",)
_RELEASE_NO_EXEC = ("others", "state:group(p)?")
_RELEASE_NO_ZAP = ("parent(leader(",)
_RELEASE_LEADER = ("parent(leader(", "exit_state")
_DEC = ("state:oom_victims_wait?",)
_THAW_TASK = ("state:p?", "oom_mm")
_FREEZE_TASK = ("sig:p?", "int")
_SEND_SIG = ("signal:p", "sig:group", "state:group", "exiting", "ptrace")
_WILL_FREE = ("mm_users", "mm_flags", "others")
_SAME_GROUP = ("threads", "mm", "mm_flags")
_WORST_CHILD = ("others",)
_DISABLE_CHECK = ("others",)
_USER = ("memory", "wait", "alone", "snapshot", "sighand")


def matches(rule: str, text: str) -> bool:
    """The declaration is meant: by its object, by the beginning of its whole text, or by a part of its scope."""
    name, _colon, scope = text.partition(":")
    return (
        name.rstrip("!~?") == rule
        or (":" in rule and text.startswith(rule))
        or (rule.endswith("(") and rule in scope)
    )


def name(point: PreemptionPoint) -> tuple[str, str]:
    """Function and step."""
    return point.function, point.step


def _try_to_freeze(k: Kernel, _cur: TaskStruct, _l: Locals) -> RuledOut:
    return NONE if k.system_freezing_cnt else FREEZING


def _dequeue(_k: Kernel, cur: TaskStruct, _l: Locals) -> RuledOut:
    if cur.jobctl:
        return NONE
    if SIGKILL in cur.pending:
        more = len(cur.pending) > 1 or cur.signal.shared_pending
        return _DEQUEUE if more else ("others",)
    return NONE if cur.pending or cur.signal.shared_pending else ("others",)


def _group_exit(_k: Kernel, cur: TaskStruct, _l: Locals) -> RuledOut:
    return _GROUP_EXIT if signal_group_exit(cur.signal) else NONE


def _io(k: Kernel, _cur: TaskStruct, _l: Locals) -> RuledOut:
    return NONE if k.pm_phase in QUIET_PHASES else _IO


def _mmput(k: Kernel, cur: TaskStruct, loc: Locals) -> RuledOut:
    if loc["mm"].aio_in_flight:
        return NONE
    out = _exiting(cur)
    return (*out, *_MMPUT_SHARED) if loc["mm"].mm_users > 1 else (*out, *_io(k, cur, loc))


def _unmap(k: Kernel, cur: TaskStruct, loc: Locals) -> RuledOut:
    return *_exiting(cur), *_io(k, cur, loc)


def _exiting(cur: TaskStruct) -> RuledOut:
    """A dying task does not go back to user mode."""
    return ("sig:cur", "state:cur") if cur.flags & PF_EXITING else NONE


def _mmap_read(_k: Kernel, _cur: TaskStruct, loc: Locals) -> RuledOut:
    return ("others",) if loc["mm"].core_state is None else NONE


def _dead(_k: Kernel, cur: TaskStruct, _l: Locals) -> RuledOut:
    return NONE if cur.usage == 1 and cur.signal.sigcnt == 1 else ("oom_mm",)


def _oom_killer(k: Kernel, cur: TaskStruct) -> RuledOut:
    """Who runs the OOM killer does not go back to user mode yet."""
    return ("sig:cur", "state:cur", "cgroup") if k.oom_lock.owner is cur else NONE


def _mm_release(_k: Kernel, cur: TaskStruct, _l: Locals) -> RuledOut:
    return NONE if cur.vfork_done is not None else _MM_RELEASE


def _notify(_k: Kernel, cur: TaskStruct, _l: Locals) -> RuledOut:
    if (
        cur.ptrace
        or cur.children
        or cur.ptraced
        or cur.pid_ns.child_reaper is cur
        or cur.signal.notify_count < 0
    ):
        return NONE
    if not thread_group_leader(cur):
        return _NOTIFY_THREAD
    others = len(cur.signal.threads) > 1
    return _NOTIFY_LEADER_EARLY if others else _NOTIFY_NO_RELATIVES


def _release(k: Kernel, cur: TaskStruct, loc: Locals) -> RuledOut:
    p: TaskStruct = loc["p"]
    if p.ptrace or p.pid_ns is not k.init_pid_ns:
        return NONE
    out = (*_exiting(cur), *(_RELEASE_NO_EXEC if p.signal.notify_count <= 0 else _RELEASE_PLAIN))
    if thread_group_leader(p):
        return (*out, *_RELEASE_LEADER)
    out = (*out, "hashed", "relatives")
    leader = p.group_leader
    left = [t for t in p.signal.threads if t is not p]
    if left == [leader] or not left:
        return out if leader.exit_state == EXIT_ZOMBIE else (*out, *_RELEASE_NO_ZAP)
    return (*out, *_RELEASE_LEADER, "oom_mm")


def _dec(k: Kernel, _cur: TaskStruct, _l: Locals) -> RuledOut:
    return NONE if k.oom_victims == 1 else _DEC


def _thaw_task(k: Kernel, cur: TaskStruct, loc: Locals) -> RuledOut:
    out = _oom_killer(k, cur) or ("hashed", "oom_reaper")
    return out if frozen(loc["p"]) else (*out, *_THAW_TASK)


def _freeze_task(k: Kernel, cur: TaskStruct, loc: Locals) -> RuledOut:
    p = loc["p"]
    out: RuledOut = ("sig:cur",) if k.pm_mutex.owner is cur else ()
    return out if freezing(k, p) and not frozen(p) else (*out, *_FREEZE_TASK)


def _send_sig(k: Kernel, cur: TaskStruct, loc: Locals) -> RuledOut:
    out = _oom_killer(k, cur) or ("hashed", "oom_reaper")
    return out if loc["p"].sighand is not None else (*out, *_SEND_SIG)


def _will_free(_k: Kernel, cur: TaskStruct, _l: Locals) -> RuledOut:
    return NONE if cur.mm is not None and group_will_free_mem(cur) else _WILL_FREE


def _evaluate(_k: Kernel, _cur: TaskStruct, loc: Locals) -> RuledOut:
    out: RuledOut = () if any(t.vfork_done for t in loc["p"].signal.threads) else ("others",)
    return out if loc["oc"].memcg is None else (*out, "hashed")


def _sharers(_k: Kernel, _cur: TaskStruct, loc: Locals) -> RuledOut:
    return (
        _SAME_GROUP
        if loc["p"].signal is loc["victim"].signal
        else ("mm_flags",)
        if loc["p"].pid != 1
        else NONE
    )


def _chosen(_k: Kernel, _cur: TaskStruct, loc: Locals) -> RuledOut:
    p = loc["p"]
    return NONE if p.mm is not None and group_will_free_mem(p) else _WILL_FREE


def _worst_child(_k: Kernel, _cur: TaskStruct, loc: Locals) -> RuledOut:
    return NONE if any(t.children for t in loc["p"].signal.threads) else _WORST_CHILD


def _disable_check(k: Kernel, cur: TaskStruct, loc: Locals) -> RuledOut:
    fails = k.oom_victims and (k.clock >= loc["end"] or signal_pending(cur))
    return NONE if fails else _DISABLE_CHECK


def _user(_k: Kernel, cur: TaskStruct, _l: Locals) -> RuledOut:
    return NONE if cur.syscall is not None else _USER


# By name: the points of the variants are not known here.
_EXIT_NOTIFY = ("exit_notify", "tasklist_lock: exit_state")
_RELEASE_TASK = ("release_task", "tasklist_lock: unhash, and zap the leader?")
_DEC_VICTIMS = ("exit_oom_victim", "atomic_dec_return(oom_victims)")

NARROW: dict[tuple[str, str], Callable[[Kernel, TaskStruct, Locals], RuledOut]] = {
    name(USER_MODE): _user,
    name(KWORKER_IDLE): _user,
    name(TRY_TO_FREEZE): _try_to_freeze,
    name(get_signal.DEQUEUE): _dequeue,
    name(get_signal.GROUP_EXIT): _group_exit,
    name(kernel_exit.ACCT_PROCESS): _io,
    name(kernel_exit.EXIT_FILES): _io,
    name(kernel_exit.DISASSOCIATE_CTTY): _io,
    name(kernel_exit.EXIT_NAMESPACES): _io,
    name(kernel_exit.EXIT_TASK_WORK): _io,
    name(mm.UNMAP): _unmap,
    name(kernel_exit.MMAP_READ): _mmap_read,
    name(kernel_exit.DEAD): _dead,
    name(mm.MMPUT): _mmput,
    name(mm.MM_RELEASE): _mm_release,
    _EXIT_NOTIFY: _notify,
    _RELEASE_TASK: _release,
    _DEC_VICTIMS: _dec,
    name(THAW_TASK_LOCK): _thaw_task,
    name(FREEZE_TASK_LOCK): _freeze_task,
    name(signal.SEND_SIG): _send_sig,
    name(oom_kill.WILL_FREE): _will_free,
    name(oom_kill.EVALUATE): _evaluate,
    name(oom_kill.SHARERS): _sharers,
    name(oom_kill.CHOSEN_LOCK): _chosen,
    name(oom_kill.WORST_CHILD): _worst_child,
    name(oom_kill.DISABLE_CHECK): _disable_check,
}

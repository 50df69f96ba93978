"""cgroup.kill, and births in a cgroup that is being killed or frozen (kernel/cgroup/cgroup.c).

The memory cgroups are the groups of the v2 hierarchy.  Who moves a process waits for cgroup_mutex, as whoever kills holds it.
"""

from __future__ import annotations

from kernel_model.cgroup_freezer import FORK, POST_FORK, join_list
from kernel_model.freezer import freeze_task
from kernel_model.locking import acquire, release
from kernel_model.mm import mem_cgroup_commit_charge, mem_cgroup_tree
from kernel_model.operations import MEMCG_ATTACH, memcg_migrate
from kernel_model.preempt import Steps, lock
from kernel_model.sched import CGROUP_FREEZING, SIGKILL, Kernel, MemCgroup, TaskStruct
from kernel_model.signal import do_send_sig_info

from .cgroup_freezer_v2 import cgroup_freeze_task, cgroup_freezer_migrate_task, freezes
from .css_task_iter import Met, css_task_iter_next
from .switches import cgroup_kill_walks_threads

KILL_WRITE = lock("cgroup_kill_write", "cgroup_mutex")
KILL_SEQ = lock("cgroup_kill", "css_set_lock: kill_seq")
KILL_NEXT = lock("cgroup_kill", "css_set_lock: the next task; has it a SIGKILL of its own?")


def cgroup_kill_write(k: Kernel, cur: TaskStruct, memcg: MemCgroup) -> Steps[str]:
    """A write to cgroup.kill: whoever is there or below dies; nobody is marked, thawed or exempted."""
    yield KILL_WRITE, k.cgroup_mutex
    acquire(cur, k.cgroup_mutex)
    tree = mem_cgroup_tree(memcg)
    for _i, each in enumerate(tree):
        yield from cgroup_kill(k, cur, each)
    release(cur, k.cgroup_mutex)
    return ""


def cgroup_kill(k: Kernel, cur: TaskStruct, memcg: MemCgroup) -> Steps[None]:
    """cgroup_mutex held.  SIGKILL to each thread that has none of its own (__cgroup_kill)."""
    yield KILL_SEQ, k.css_set_lock
    acquire(cur, k.css_set_lock)
    memcg.kill_seq += 1
    release(cur, k.css_set_lock)
    met: Met = ()
    over = False
    while not over:
        yield KILL_NEXT, k.css_set_lock
        p, over = css_task_iter_next(k, memcg, met, procs=not cgroup_kill_walks_threads())
        if p is None:
            return
        met += ((p.pid, p.on_cgroup_list),)
        if SIGKILL not in p.pending:
            yield from do_send_sig_info(k, cur, p, SIGKILL, group=False, force=cur.pid_ns is not p.pid_ns)


def cgroup_can_fork(cur: TaskStruct) -> None:
    """Threadgroup_rwsem held for reading.  Note how often the cgroup was killed (cgroup_css_set_fork)."""
    if cur.memcg is not None:
        cur.kill_seq = cur.memcg.kill_seq


def cgroup_post_fork(k: Kernel, cur: TaskStruct, child: TaskStruct) -> Steps[None]:
    """As in 2016; and a child of a cgroup that was killed meanwhile is killed, one of a frozen cgroup is to trap."""
    yield POST_FORK, k.css_set_lock
    acquire(cur, k.css_set_lock)
    child.cgroup = cur.cgroup
    join_list(child, child.cgroup)
    child.memcg = cur.memcg
    kill = False
    if child.memcg is not None:
        child.memcg.tasks.append(child)
        mem_cgroup_commit_charge(k, child.signal, child.memcg)
        kill = cur.kill_seq != child.memcg.kill_seq
        if freezes(child.memcg):
            cgroup_freeze_task(cur, child, freeze=True)
    release(cur, k.css_set_lock)
    if child.cgroup is not k.root_cgroup:
        yield FORK, k.freezer_mutex
        acquire(cur, k.freezer_mutex)
        if child.cgroup.state & CGROUP_FREEZING:
            yield from freeze_task(k, cur, child)
        release(cur, k.freezer_mutex)
    if kill:
        yield from do_send_sig_info(k, cur, child, SIGKILL, group=True, force=cur.pid_ns is not child.pid_ns)


def _memcg_attach(k: Kernel, cur: TaskStruct, target: TaskStruct, memcg: MemCgroup) -> Steps[str]:
    """As in 2016, but not while a cgroup is killed; a fork under way begins anew, as it were, in the other cgroup."""
    yield MEMCG_ATTACH, k.cgroup_mutex
    acquire(cur, k.cgroup_mutex)
    before = [(p, p.memcg) for p in target.signal.threads if p.memcg is not memcg]
    memcg_migrate(k, cur, target, memcg)
    for p, source in before:
        if p.memcg is not memcg:
            continue
        p.kill_seq = memcg.kill_seq
        cgroup_freezer_migrate_task(k, cur, p, source)
    release(cur, k.cgroup_mutex)
    return ""

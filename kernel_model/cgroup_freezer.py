"""The cgroup v1 freezer (kernel/cgroup_freezer.c) and as much of kernel/cgroup.c as it needs."""

from __future__ import annotations

from kernel_model import events
from kernel_model.core import frozen
from kernel_model.freezer import freeze_task, freezing, thaw_task
from kernel_model.locking import acquire, acquire_read, release, release_read
from kernel_model.mm import mem_cgroup_commit_charge
from kernel_model.preempt import Steps, lock, point, read_lock
from kernel_model.sched import (
    CGROUP_FREEZING,
    CGROUP_FREEZING_PARENT,
    CGROUP_FREEZING_SELF,
    CGROUP_FROZEN,
    PF_EXITING,
    PF_FREEZER_SKIP,
    FreezerCgroup,
    Kernel,
    TaskStruct,
    list_del_rcu,
)

WRITE = lock("freezer_change_state", "freezer_mutex")
APPLY = point("freezer_apply_state", "set or clear CGROUP_FREEZING")
LIST = point("freezer_apply_state", "the cgroup's next task")
READ = lock("freezer_read", "freezer_mutex: update_if_frozen")
FORK = lock("freezer_fork", "freezer_mutex")
MIGRATE_BEGIN = lock("cgroup_attach_task", "cgroup_threadgroup_rwsem for writing")
MIGRATE = lock("cgroup_migrate", "css_set_lock: move the task")
ATTACH = lock("freezer_attach", "freezer_mutex")
POST_FORK = lock("cgroup_post_fork", "css_set_lock: list the child")
EXIT = lock("cgroup_exit", "css_set_lock: leave the list")
CHANGE_BEGIN = read_lock("threadgroup_change_begin", "cgroup_threadgroup_rwsem for reading")


def cgroup_freezing(p: TaskStruct) -> bool:
    """The task's cgroup is freezing or frozen (kernel/cgroup_freezer.c, cgroup_freezing)."""
    return bool(p.cgroup.state & CGROUP_FREEZING)


def descendants(cgroup: FreezerCgroup) -> list[FreezerCgroup]:
    """The cgroup and all below it, parents first (css_for_each_descendant_pre)."""
    found = [cgroup]
    for child in cgroup.children:
        found += descendants(child)
    return found


def apply_state(k: Kernel, cgroup: FreezerCgroup, state: int, *, freeze: bool) -> bool:
    """freezer_mutex held.  Set or clear a bit; True if the tasks have to be told (freezer_apply_state's head)."""
    if freeze:
        if not cgroup.state & CGROUP_FREEZING:
            k.system_freezing_cnt += 1
        cgroup.state |= state
        return True
    was_freezing = cgroup.state & CGROUP_FREEZING
    cgroup.state &= ~state
    if cgroup.state & CGROUP_FREEZING:
        return False
    if was_freezing:
        k.system_freezing_cnt -= 1
    cgroup.state &= ~CGROUP_FROZEN
    return True


def online(k: Kernel, cgroup: FreezerCgroup) -> bool:
    """Not removed yet (kernel/cgroup.c, cgroup_kn_lock_live)."""
    return k.cgroups.get(cgroup.name) is cgroup


def freezer_change_state(k: Kernel, cur: TaskStruct, cgroup: FreezerCgroup, *, freeze: bool) -> Steps[str]:
    """A write to freezer.state: apply it to the whole tree, parents first (kernel/cgroup_freezer.c)."""
    yield WRITE, k.freezer_mutex
    if not online(k, cgroup):
        return "ENODEV"
    acquire(cur, k.freezer_mutex)
    tree = tuple(descendants(cgroup))
    for _i, pos in enumerate(tree):
        yield APPLY
        if pos is cgroup:
            tell = apply_state(k, pos, CGROUP_FREEZING_SELF, freeze=freeze)
        else:
            assert pos.parent is not None
            parent_freezing = bool(pos.parent.state & CGROUP_FREEZING)
            tell = apply_state(k, pos, CGROUP_FREEZING_PARENT, freeze=parent_freezing)
        if tell:
            yield from _tell_tasks(k, cur, pos)
    release(cur, k.freezer_mutex)
    return ""


def _tell_tasks(k: Kernel, cur: TaskStruct, cgroup: FreezerCgroup) -> Steps[None]:
    """freezer_mutex held.  Freeze or thaw every listed task (freeze_cgroup and unfreeze_cgroup)."""
    # Source: kernel/cgroup.c, css_task_iter_next(): whoever leaves the list meanwhile makes it skip nobody else.
    told: tuple[int, ...] = ()
    while True:
        yield LIST
        p = next((t for t in cgroup.tasks if t.pid not in told), None)
        if p is None:
            return
        told += (p.pid,)
        if cgroup.state & CGROUP_FREEZING:
            yield from freeze_task(k, cur, p)
        else:
            yield from thaw_task(k, cur, p)


def update_if_frozen(k: Kernel, cgroup: FreezerCgroup) -> None:
    """freezer_mutex held.  FREEZING becomes FROZEN once all is frozen below (kernel/cgroup_freezer.c)."""
    if not cgroup.state & CGROUP_FREEZING or cgroup.state & CGROUP_FROZEN:
        return
    if any(not child.state & CGROUP_FROZEN for child in cgroup.children):
        return
    if any(freezing(k, p) and not frozen(p) and not p.flags & PF_FREEZER_SKIP for p in cgroup.tasks):
        return
    cgroup.state |= CGROUP_FROZEN


def freezer_read(k: Kernel, cur: TaskStruct, cgroup: FreezerCgroup) -> Steps[str]:
    """A read of freezer.state, updated from the leaves upwards (kernel/cgroup_freezer.c)."""
    yield READ, k.freezer_mutex
    acquire(cur, k.freezer_mutex)
    for pos in reversed(descendants(cgroup)):
        update_if_frozen(k, pos)
    release(cur, k.freezer_mutex)
    state = (
        "FROZEN"
        if cgroup.state & CGROUP_FROZEN
        else "FREEZING"
        if cgroup.state & CGROUP_FREEZING
        else "THAWED"
    )
    events.freezer_state(k, cgroup.name, state)
    return state


def freezer_css_online(k: Kernel, cgroup: FreezerCgroup) -> None:
    """A cgroup below a freezing one is born frozen (kernel/cgroup_freezer.c)."""
    if cgroup.parent is not None and cgroup.parent.state & CGROUP_FREEZING:
        cgroup.state |= CGROUP_FREEZING_PARENT | CGROUP_FROZEN
        k.system_freezing_cnt += 1


def freezer_css_offline(k: Kernel, cgroup: FreezerCgroup) -> None:
    """A cgroup that goes away freezes nobody any more (kernel/cgroup_freezer.c)."""
    if cgroup.state & CGROUP_FREEZING:
        k.system_freezing_cnt -= 1
    cgroup.state = 0


def cgroup_attach_task(k: Kernel, cur: TaskStruct, leader: TaskStruct, cgroup: FreezerCgroup) -> Steps[str]:
    """A write to cgroup.procs: the whole group moves (kernel/cgroup.c, cgroup_attach_task and freezer_attach)."""
    yield MIGRATE_BEGIN, k.threadgroup_rwsem
    acquire(cur, k.threadgroup_rwsem)
    yield MIGRATE, k.css_set_lock
    # Here and not before: in the kernel cgroup_mutex keeps rmdir out.
    if not online(k, cgroup):
        release(cur, k.threadgroup_rwsem)
        return "ENODEV"
    acquire(cur, k.css_set_lock)
    moved = tuple(p for p in leader.signal.threads if not p.flags & PF_EXITING)
    for p in moved:
        leave_list(p)
        p.cgroup = cgroup
        join_list(p, cgroup)
    release(cur, k.css_set_lock)
    yield ATTACH, k.freezer_mutex
    acquire(cur, k.freezer_mutex)
    for _i, p in enumerate(moved):
        if cgroup.state & CGROUP_FREEZING:
            yield from freeze_task(k, cur, p)
            pos: FreezerCgroup | None = cgroup
            while pos is not None:
                pos.state &= ~CGROUP_FROZEN
                pos = pos.parent
        else:
            yield from thaw_task(k, cur, p)
    release(cur, k.freezer_mutex)
    release(cur, k.threadgroup_rwsem)
    return ""


def join_list(p: TaskStruct, cgroup: FreezerCgroup) -> None:
    """css_set_lock held, or the task not yet running."""
    cgroup.tasks.append(p)
    p.on_cgroup_list = True


def leave_list(p: TaskStruct) -> None:
    """css_set_lock held."""
    p.cgroup.tasks = list_del_rcu(p.cgroup.tasks, p)
    p.on_cgroup_list = False


def cgroup_post_fork(k: Kernel, cur: TaskStruct, child: TaskStruct) -> Steps[None]:
    """List the child where its parent is now, and freeze it if that is freezing (kernel/cgroup.c; freezer_fork is its hook)."""
    yield POST_FORK, k.css_set_lock
    acquire(cur, k.css_set_lock)
    child.cgroup = cur.cgroup
    join_list(child, child.cgroup)
    child.memcg = cur.memcg
    if child.memcg is not None:
        child.memcg.tasks.append(child)
        mem_cgroup_commit_charge(k, child.signal, child.memcg)
    release(cur, k.css_set_lock)
    if child.cgroup is k.root_cgroup:
        return
    yield FORK, k.freezer_mutex
    acquire(cur, k.freezer_mutex)
    if child.cgroup.state & CGROUP_FREEZING:
        yield from freeze_task(k, cur, child)
    release(cur, k.freezer_mutex)


def cgroup_exit(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """Leave the lists but keep the cgroup pointer: freezing() still sees it (kernel/cgroup.c, cgroup_exit)."""
    yield EXIT, k.css_set_lock
    acquire(cur, k.css_set_lock)
    leave_list(cur)
    if cur.memcg is not None:
        cur.memcg.tasks = list_del_rcu(cur.memcg.tasks, cur)
    release(cur, k.css_set_lock)


def threadgroup_change_begin(k: Kernel, cur: TaskStruct) -> Steps[None]:
    """No thread of the group changes its cgroup until the end (include/linux/sched.h)."""
    yield CHANGE_BEGIN, k.threadgroup_rwsem
    acquire_read(cur, k.threadgroup_rwsem)


def threadgroup_change_end(k: Kernel, cur: TaskStruct) -> None:
    """Source: include/linux/sched.h, threadgroup_change_end()."""
    release_read(cur, k.threadgroup_rwsem)

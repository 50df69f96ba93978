"""Single functions of today's fork, files and do_exit(), each called alone on a state that the test sets up."""

from __future__ import annotations

from typing import Any

import pytest
from boot import Box
from todays import AFTER, V7_2, each, ended, ran, victim

from kernel_model.events import Dead, Io, IoContextGone
from kernel_model.fork import VFORK_SLEEP, CloneArgs
from kernel_model.page_alloc import RETRY
from kernel_model.sched import (
    CLONE_PARENT,
    CLONE_SIGHAND,
    CLONE_THREAD,
    CLONE_VM,
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    PF_NOFREEZE,
    SIGKILL,
    SIGNAL_STOP_STOPPED,
    SIGTERM,
    TASK_DEAD,
    TASK_KILLABLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_MEMDIE,
    TIF_SIGPENDING,
)
from kernel_model.variant import Variant
from oom_kernels.today.file import FUSE_SLEEP, TTY_RELEASE, TTYS
from oom_kernels.today.sched import TASK_FREEZABLE

THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD


def whats(box: Box) -> list[str]:
    """Which I/O there was."""
    return [e.what for e in box.events(Io)]


def hashed(box: Box, flags: int) -> Any:
    """``v`` has a child or thread by now, which nobody runs."""
    args = CloneArgs("c", flags)
    c = ran(box, "dup_task_struct", box.k, box["v"], args)
    c.real_parent = box["v"]
    ran(box, "hash_task", box.k, box["v"], c, args)
    return c


@pytest.mark.parametrize(
    ("count", "flags", "jobctl", "after"),
    [
        (0, 0, 0, 0),
        (2, 0, JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME, 3),
        (2, SIGNAL_STOP_STOPPED, JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME, 3),
        (0, SIGNAL_STOP_STOPPED, JOBCTL_STOP_PENDING, 0),
    ],
)
@pytest.mark.parametrize("thread", [False, True])
@each
def test_what_a_new_thread_is_born_into(
    variant: Variant, thread: bool, count: int, flags: int, jobctl: int, after: int
) -> None:
    """The stop of its group, under way or over; a new process has no part in any."""
    box = victim(variant)
    signal = box["v"].signal
    signal.group_stop_count, signal.flags = count, flags
    c = hashed(box, THREAD if thread else 0)
    assert c.jobctl == (jobctl if thread else 0)
    assert bool(c.thread_flags & TIF_SIGPENDING) == (thread and bool(jobctl))
    assert signal.group_stop_count == (after if thread else count)
    threads = 2 if thread else 1
    assert (signal.quick_threads, signal.files_count, signal.live) == (threads,) * 3
    assert (c.signal.quick_threads, c.signal.files_count) == (threads, threads)


@pytest.mark.parametrize(
    ("flags", "parent", "exec_id"), [(0, "v", 7), (CLONE_PARENT, "init", 3), (THREAD, "init", 3)]
)
@each
def test_whose_child_it_is(variant: Variant, flags: int, parent: str, exec_id: int) -> None:
    """One's own, or one's parent's, with that one's program."""
    box = victim(variant)
    v = box["v"]
    v.self_exec_id, v.parent_exec_id = 7, 3
    c = ended(box.call("copy_process", v, CloneArgs("c", flags)))
    assert (c.real_parent, c.parent, c.parent_exec_id) == (box[parent], box[parent], exec_id)
    assert c.hashed
    assert c.on_cgroup_list
    assert (v.held, box.k.threadgroup_rwsem.readers) == ([], type(box.k.threadgroup_rwsem.readers)())


@pytest.mark.parametrize("flags", [0, THREAD, CLONE_VM])
@pytest.mark.parametrize("why", ["killed", "disabled", "signal"])
@each
def test_which_fork_comes_to_nothing(variant: Variant, why: str, flags: int) -> None:
    """One that finds a signal at its beginning, a SIGKILL or the end of its namespace at its end; a use of the mm is given back."""
    box = victim(variant)
    v = box["v"]
    assert v.mm is not None
    if why == "signal":
        v.pending = {SIGTERM}
    steps = box.call("copy_process", v, CloneArgs("c", flags))
    next(steps)
    if why != "signal":
        next(steps)
        v.pending, v.thread_flags = ({SIGKILL}, TIF_SIGPENDING) if why == "killed" else (set(), 0)
        v.pid_ns.disabled = why == "disabled"
    assert ended(steps) is None
    assert v.mm.mm_users == 1
    assert "c" not in {t.name for t in box.k.tasks.values()}
    assert v.held == []
    assert not box.k.threadgroup_rwsem.readers


@pytest.mark.parametrize("end", ["done", "killed", "let go late"])
@each
def test_how_a_vfork_ends(variant: Variant, end: str) -> None:
    """The child has let go, or the parent is killed and forgets it."""
    box = victim(variant)
    box.fork("w", by="v")
    v, w = box["v"], box["w"]
    w.vfork_done = v
    steps = box.call("wait_for_vfork_done", v, w)
    for _twice in range(2):
        assert next(steps) is VFORK_SLEEP
        assert v.state == TASK_KILLABLE | TASK_FREEZABLE
    if end == "done":
        w.vfork_done = None
        assert next(steps, None) is None
    else:
        v.pending, v.thread_flags = {SIGKILL}, TIF_SIGPENDING
        assert next(steps) is not VFORK_SLEEP
        if end == "let go late":
            w.vfork_done = box["init"]
        ended(steps)
    assert v.state == TASK_RUNNING
    assert w.vfork_done is (box["init"] if end == "let go late" else None)
    assert v.held == []


@each
def test_who_closes_files(variant: Variant) -> None:
    """The last user: terminals one by one, and the server's answer last, whatever wakes the task meanwhile."""
    box = victim(variant, "t1")
    v, signal = box["v"], box["v"].signal
    box.do("open_ttys", "v")
    box.do("open_fuse", "v")
    assert (signal.tty_files, signal.fuse_file) == (TTYS, True)
    ran(box, "exit_files", box.k, box["t1"])
    assert (signal.files_count, whats(box)) == (1, [])
    steps = box.call("exit_files", v)
    next(steps)
    assert whats(box) == []
    assert [next(steps), next(steps)] == [TTY_RELEASE] * 2
    for _twice in range(2):
        assert next(steps) is FUSE_SLEEP
        assert v.state == TASK_UNINTERRUPTIBLE
        assert whats(box) == ["exit_files", "tty_release", "tty_release"]
    signal.fuse_file = False
    ended(steps)
    assert (v.state, signal.files_count, signal.tty_files) == (TASK_RUNNING, 0, 0)
    assert whats(box)[3:] == ["fuse_flush"]


@each
def test_whom_a_server_answers(variant: Variant) -> None:
    """Those that wait for it, and nobody else."""
    box = victim(variant)
    box.fork("w", "x")
    for name in ("v", "w"):
        box.do("open_fuse", name)
    box.ask("exit_group", "v")
    box.rest()
    assert box["v"].at is FUSE_SLEEP
    box["x"].state = TASK_UNINTERRUPTIBLE
    box.m.request("fuse_answer", None)
    assert (box["v"].signal.fuse_file, box["w"].signal.fuse_file) == (False, True)
    assert [box[n].state for n in ("v", "x")] == [TASK_RUNNING, TASK_UNINTERRUPTIBLE]


@each
def test_how_the_memory_is_given_up(variant: Variant) -> None:
    """A marked thread drops its count, with memory or without; nobody else does."""
    box = victim(variant, "t1")
    v, t1, k = box["v"], box["t1"], box.k
    mm = v.mm
    assert mm is not None
    k.oom_victims, v.thread_flags = 1, TIF_MEMDIE
    ran(box, "exit_mm", k, t1)
    assert (t1.mm, mm.mm_users, k.oom_victims) == (None, 1, 1)
    ran(box, "exit_mm", k, t1)
    assert mm.mm_users == 1
    ran(box, "exit_mm", k, v)
    assert (v.mm, mm.mm_users, k.oom_victims) == (None, 0, 0)
    assert not v.thread_flags & TIF_MEMDIE
    assert (v.held, t1.held) == ([], [])


@pytest.mark.parametrize("memcg", [False, True])
@each
def test_the_last_of_a_task(variant: Variant, memcg: bool) -> None:
    """TASK_DEAD, not to be frozen, a reference less; from 7.2 on it leaves its lists only now."""
    box = victim(variant)
    v, k = box["v"], box.k
    box.do("attach", "init", "v", "A")
    if memcg:
        box.do("memcg_attach", "init", "v", "M")
    usage = v.usage
    ran(box, "do_task_dead", k, v)
    listed = variant not in (V7_2, AFTER)
    assert (v.state, v.flags & PF_NOFREEZE, v.usage) == (TASK_DEAD, PF_NOFREEZE, usage - 1)
    assert [e.task for e in box.events(Dead)] == [v.pid]
    assert (v.on_cgroup_list, v in k.cgroups["A"].tasks) == (listed, listed)
    assert (v in k.memcgs["M"].tasks) == (listed and memcg)
    assert v.held == []


@pytest.mark.parametrize("group_dead", [False, True])
@pytest.mark.parametrize("works", [0, 1])
@each
def test_the_io_of_a_dying_task(variant: Variant, group_dead: bool, works: int) -> None:
    """Accounting and the terminal are the group's; a file whose close allocates meets the OOM killer."""
    box = victim(variant)
    box.fork("w")
    w = box["w"]
    w.task_works = works
    box["w"].signal.oom_score_adj = -1000
    k = box.k
    k.snapshot_owner = w.signal
    for point in box.call("_exit_files_and_namespaces", w, group_dead=group_dead):
        k.freed += point is RETRY
    tty = ["disassociate_ctty"] if group_dead else []
    files = [*tty, "exit_files"] if variant is AFTER else ["exit_files", *tty]
    accounting = ["acct_process"] if group_dead else []
    assert whats(box) == [*accounting, *files, "exit_task_namespaces", "exit_task_work"]
    assert (box["v"].signal.oom_mm is not None) == bool(works)
    assert (k.snapshot_owner is None) == group_dead


@pytest.mark.parametrize("threads", [(), ("t1",)])
@each
def test_do_exit(variant: Variant, threads: tuple[str, ...]) -> None:
    """Code, count and I/O context; only the last of a group is its end, and it releases itself if nobody waits for it."""
    box = victim(variant, *threads)
    box.do("attach", "init", "v", "A")
    last = not threads
    p = box[(*threads, "v")[0]]
    p.io_context = True
    live = p.signal.live
    ran(box, "do_exit", box.k, p, 7)
    assert (p.exit_code, p.signal.live, p.signal.quick_threads) == (7, live - 1, live - 1)
    assert (p.io_context, len(box.events(IoContextGone))) == (False, 1)
    assert ("acct_process" in whats(box)) == last
    assert (p.state, p.on_cgroup_list, p in box.k.cgroups["A"].tasks) == (TASK_DEAD, False, False)
    assert box.k.panicked == ""
    assert p.held == []


@each
def test_the_last_thread_of_init_is_a_panic(variant: Variant) -> None:
    """And no other end is."""
    box = Box(variant)
    box.clone("init", "i2")
    steps = box.call("_exit_io", box["i2"], 0)
    ended(steps)
    assert box.k.panicked == ""
    ended(box.call("_exit_io", box["init"], 0))
    assert box.k.panicked == "Attempted to kill init!"

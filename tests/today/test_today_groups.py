"""Single functions of cgroup v2, io_uring's workers and process_mrelease(), each called alone on a state that the test sets up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from boot import Box
from todays import AFTER, V7_2, each, ended, ran, reach, victim

from kernel_model.events import Io
from kernel_model.fork import CloneArgs
from kernel_model.locking import acquire
from kernel_model.preempt import Steps
from kernel_model.sched import (
    CGROUP_FREEZING_SELF,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_STOP,
    MMF_OOM_SKIP,
    MMF_UNSTABLE,
    OOM_SCORE_ADJ_MIN,
    PF_EXITING,
    PF_SIGNALED,
    PF_USER_WORKER,
    SIGKILL,
    SIGNAL_GROUP_EXIT,
    SIGSTOP,
    SIGTERM,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    IoWq,
)
from kernel_model.variant import Variant, replaces
from oom_kernels.today import switches
from oom_kernels.today.cgroup_freezer_v2 import TELL, TRAP_SLEEP
from oom_kernels.today.io_wq import EXIT_START, IDLE, LEAVE, LOOK, SUBMIT, WAIT
from oom_kernels.today.sched import JOBCTL_TRAP_FREEZE, TASK_FREEZABLE

LONGEST = 9


def in_m(variant: Variant, *threads: str, below: bool = False) -> Box:
    """Process v in M, or M/N."""
    box = victim(variant, *threads)
    box.do("memcg_attach", "init", "v", "M/N" if below else "M")
    return box


@pytest.mark.parametrize("freeze", [True, False])
@each
def test_a_task_is_asked_for_the_trap_or_no_more(variant: Variant, freeze: bool) -> None:
    """By a signal that is none, and by a wake-up; who is gone is left alone."""
    box = victim(variant)
    v, init = box["v"], box["init"]
    v.state, v.jobctl = TASK_INTERRUPTIBLE, JOBCTL_TRAP_STOP | (0 if freeze else JOBCTL_TRAP_FREEZE)
    ran(box, "cgroup_freeze_task", init, v, freeze=freeze)
    assert v.jobctl == JOBCTL_TRAP_STOP | (JOBCTL_TRAP_FREEZE if freeze else 0)
    assert (v.state, v.thread_flags) == (TASK_RUNNING, TIF_SIGPENDING if freeze else 0)
    v.sighand, v.jobctl = None, 0
    ran(box, "cgroup_freeze_task", init, v, freeze=freeze)
    assert v.jobctl == 0
    assert init.held == []


@pytest.mark.parametrize(
    ("frozen", "source", "here", "asked", "told"),
    [
        (False, False, False, False, False),
        (True, False, False, False, True),
        (False, True, False, False, True),
        (False, False, True, True, True),
    ],
)
@each
def test_who_comes_from_another_cgroup(
    variant: Variant, frozen: bool, source: bool, here: bool, asked: bool, told: bool
) -> None:
    """What its cgroup is now counts, for whom either or itself is frozen."""
    box = in_m(variant)
    v, k = box["v"], box.k
    v.frozen, k.memcgs["M"].e_freeze, k.memcgs["M/N"].e_freeze = frozen, here, source
    v.state = TASK_UNINTERRUPTIBLE
    ran(box, "cgroup_freezer_migrate_task", k, box["init"], v, k.memcgs["M/N"])
    assert bool(v.jobctl & JOBCTL_TRAP_FREEZE) == asked
    assert (v.state == TASK_RUNNING) == (told and not asked)
    v.frozen = k.memcgs["M"].e_freeze = False
    ran(box, "cgroup_freezer_migrate_task", k, box["init"], v, None)
    assert box["init"].held == []


@pytest.mark.parametrize("freeze", [True, False])
@each
def test_which_cgroups_a_write_reaches(variant: Variant, freeze: bool) -> None:
    """Those whose state it changes: not one that another write freezes already, or still."""
    box = in_m(variant, below=True)
    k, m, n = box.k, box.k.memcgs["M"], box.k.memcgs["M/N"]
    if not freeze:
        ran(box, "cgroup_freeze_write", k, box["init"], m, freeze=True)
        assert [m.e_freeze, n.e_freeze, m.freeze, n.freeze] == [True, True, True, False]
    n.freeze = n.e_freeze = True
    box["v"].jobctl = 0
    points = [*box.call("cgroup_freeze_write", box["init"], m, freeze=freeze)]
    assert [m.freeze, m.e_freeze, n.freeze, n.e_freeze] == [freeze, freeze, True, True]
    assert TELL not in [p[0] for p in points]
    assert box["v"].jobctl == 0
    ran(box, "cgroup_freeze_write", k, box["init"], n, freeze=False)
    assert (n.freeze, n.e_freeze) == (False, freeze)
    assert box["init"].held == []


@each
def test_a_freeze_tells_each_thread(variant: Variant) -> None:
    """Once, and nobody who has left."""
    box = in_m(variant, "t1", "t2")
    m = box.k.memcgs["M"]
    box["t1"].sighand = None
    points = [*box.call("cgroup_do_freeze", box["init"], m, freeze=True)]
    assert [p[0] for p in points].count(TELL) == 2
    assert [bool(box[n].jobctl & JOBCTL_TRAP_FREEZE) for n in ("v", "t1", "t2")] == [True, False, True]
    ran(box, "cgroup_do_freeze", box.k, box["init"], m, freeze=False)
    assert [box[n].jobctl for n in ("v", "t1", "t2")] == [0, 0, 0]
    assert not m.e_freeze


@pytest.mark.parametrize("jobctl", [0, JOBCTL_STOP_PENDING, JOBCTL_TRAP_STOP])
@each
def test_the_trap(variant: Variant, jobctl: int) -> None:
    """A sleep that any freezer freezes, without the signal that brought it there; another stop comes first."""
    box = victim(variant)
    v = box["v"]
    v.jobctl, v.thread_flags = JOBCTL_TRAP_FREEZE | jobctl, TIF_SIGPENDING
    acquire(v, v.sighand.siglock)  # type: ignore[union-attr]
    steps = ran_in(box, "do_freezer_trap", v)
    if jobctl:
        assert next(steps, None) is None
        assert (v.frozen, v.thread_flags, v.held) == (False, TIF_SIGPENDING, [])
        return
    assert next(steps) is TRAP_SLEEP
    assert (v.state, v.thread_flags) == (TASK_INTERRUPTIBLE | TASK_FREEZABLE, 0)
    assert (v.frozen, v.held) == (True, [])
    assert next(steps, None) is None
    assert v.state == TASK_RUNNING


def ran_in(box: Box, function: str, *args: object) -> Steps[None]:
    """The steps of a function that does not ask for the kernel."""
    steps: Steps[None] = box.m.image.functions[function](*args)
    return steps


@pytest.mark.parametrize("freezes", [False, True])
@pytest.mark.parametrize("asked", [False, True])
@each
def test_who_leaves_a_sleep_that_counts_as_frozen(variant: Variant, freezes: bool, asked: bool) -> None:
    """It is frozen on in a cgroup that freezes, and asked for the trap if nobody has asked it yet."""
    box = in_m(variant)
    v = box["v"]
    v.memcg.e_freeze, v.frozen = freezes, True  # type: ignore[union-attr]
    v.jobctl = JOBCTL_TRAP_FREEZE if asked else 0
    ran(box, "cgroup_leave_frozen", box.k, v)
    assert v.frozen == freezes
    assert bool(v.jobctl & JOBCTL_TRAP_FREEZE) == (asked or freezes)
    assert bool(v.thread_flags & TIF_SIGPENDING) == (freezes and not asked)
    assert v.held == []


@each
def test_a_kill_of_a_cgroup(variant: Variant) -> None:
    """Each thread that has no SIGKILL, there and below; forks see the number."""
    box = in_m(variant, "t1")
    box.fork("w")
    box.do("memcg_attach", "init", "w", "M/N")
    k, m, n = box.k, box.k.memcgs["M"], box.k.memcgs["M/N"]
    box["v"].signal.flags = box["w"].signal.flags = SIGNAL_GROUP_EXIT
    assert ran(box, "cgroup_kill_write", k, box["init"], m) == ""
    assert [m.kill_seq, n.kill_seq] == [1, 1]
    assert box["init"].held == []
    box = in_m(variant, "t1")
    box["v"].pending.add(SIGKILL)
    ran(box, "cgroup_kill", box.k, box["init"], box.k.memcgs["M"])
    assert (SIGKILL in box["t1"].pending) == ran(box, "cgroup_kill_walks_threads")


@pytest.mark.parametrize("late", [0, 1])
@pytest.mark.parametrize("frozen", ["", "v1", "v2"])
@each
def test_a_child_joins_what_its_parent_is_in(variant: Variant, late: int, frozen: str) -> None:
    """And dies if that was killed meanwhile, freezes if that freezes."""
    box = in_m(variant)
    v, k, m = box["v"], box.k, box.k.memcgs["M"]
    box.do("attach", "init", "v", "A")
    box.fork("c")
    c = box["c"]
    k.root_cgroup.tasks.remove(c)
    c.on_cgroup_list = False
    ran(box, "cgroup_can_fork", v)
    assert v.kill_seq == m.kill_seq
    m.kill_seq += late
    m.e_freeze = frozen == "v2"
    if frozen == "v1":
        k.cgroups["A"].state, k.system_freezing_cnt = CGROUP_FREEZING_SELF, 1
    ran(box, "cgroup_post_fork", k, v, c)
    assert (c.cgroup, c.memcg, c in k.cgroups["A"].tasks, c in m.tasks) == (k.cgroups["A"], m, True, True)
    assert c.on_cgroup_list
    assert (SIGKILL in c.pending) == bool(late)
    assert bool(c.jobctl & JOBCTL_TRAP_FREEZE) == (frozen == "v2")
    assert bool(c.thread_flags & TIF_SIGPENDING) == bool(late or frozen)
    assert v.held == []


@each
def test_who_moves_notes_the_other_cgroups_number(variant: Variant) -> None:
    """Each thread that moves, also behind one that is on no list any more and stays."""
    box = victim(variant, "t1")
    v, t1, m = box["v"], box["t1"], box.k.memcgs["M"]
    m.kill_seq, v.on_cgroup_list = 3, False
    assert ended(box.call("_memcg_attach", box["init"], v, m)) == ""
    assert (v.memcg, v.kill_seq) == (None, 0)
    assert (t1.memcg, t1.kill_seq) == (m, 3)
    assert box["init"].held == []


@each
def test_a_fork_without_a_memory_cgroup(variant: Variant) -> None:
    """Notes nothing, and nobody kills the child for it."""
    box = victim(variant)
    v = box["v"]
    v.kill_seq = 7
    ran(box, "cgroup_can_fork", v)
    assert v.kill_seq == 7
    c = ended(box.call("copy_process", v, CloneArgs("c", 0)))
    assert (c.memcg, c.pending) == (None, set())


@pytest.mark.parametrize(
    ("why", "workers", "requests", "error", "left"),
    [
        ("killed", 0, 2, "ENOMEM", 0),
        ("killed", 1, 2, "ENOMEM", 2),
        ("namespace", 0, 2, "ENOMEM", 0),
        ("signal", 0, 2, "ERESTARTNOINTR", 1),
        ("signal", 1, 0, "", 0),
    ],
)
@each
def test_a_request_for_which_no_worker_was_made(
    variant: Variant, why: str, workers: int, requests: int, error: str, left: int
) -> None:
    """Once more, unless somebody has done it; who dies cancels what nobody can do."""
    box = victim(variant, "t1")
    v = box["v"]
    wq = IoWq(v)
    wq.requests, wq.workers = requests, [box["t1"]] * workers
    v.thread_flags, v.pending = TIF_SIGPENDING, {SIGKILL if why == "killed" else SIGTERM}
    v.pid_ns.disabled = why == "namespace"
    assert ran(box, "_without_worker", v, wq) == error
    assert wq.requests == left


def with_worker(variant: Variant, requests: int) -> Box:
    """Process v, its worker w at the beginning of its life, and requests."""
    box = victim(variant, "w")
    v, w = box["v"], box["w"]
    v.io_wq = w.io_wq = IoWq(v)
    w.flags |= PF_USER_WORKER
    v.io_wq.workers, v.io_wq.requests = [w], requests
    return box


def submitted(box: Box) -> int:
    """How many requests were done."""
    return [e.what for e in box.events(Io)].count("io_wq_submit_work")


@pytest.mark.parametrize(
    ("killed", "leaves", "done"), [(False, False, 2), (True, False, 0), (False, True, 2), (True, True, 2)]
)
@each
def test_a_workers_life(variant: Variant, killed: bool, leaves: bool, done: int) -> None:
    """It works, sleeps and looks again; who was killed works for an owner who leaves alone, and then it goes."""
    box = with_worker(variant, 2)
    w, wq = box["w"], box["v"].io_wq
    assert wq is not None
    w.flags |= PF_SIGNALED if killed else 0
    wq.exit = leaves
    steps = box.call("io_wq_worker", w)
    assert next(steps) is LOOK
    seen = [next(steps) for _ in range(2 * done + 1)]
    assert seen == [SUBMIT, LOOK] * done + [LEAVE if killed or leaves else IDLE]
    assert (submitted(box), wq.requests) == (done, 2 - done)
    if seen[-1] is IDLE:
        assert w.state == TASK_INTERRUPTIBLE
        assert next(steps) is LOOK
        assert w.state == TASK_RUNNING
        wq.exit = True
        assert next(steps) is LEAVE
    assert wq.workers == [w]
    next(steps)
    assert wq.workers == []
    assert w.exit_code == 0


@each
def test_a_worker_with_a_signal_does_not_sleep(variant: Variant) -> None:
    """It handles that, and looks again."""
    box = with_worker(variant, 0)
    w = box["w"]
    w.thread_flags = TIF_SIGPENDING
    points = box.call("io_wq_worker", w)
    seen = [next(points) for _ in range(4)]
    assert IDLE not in seen
    assert seen[-1] is LOOK
    assert w.thread_flags == 0


@pytest.mark.parametrize("waits", [False, True])
@each
def test_the_last_worker_wakes_who_waits_for_it(variant: Variant, waits: bool) -> None:
    """And nobody who sleeps elsewhere."""
    box = with_worker(variant, 0)
    v, wq = box["v"], box["v"].io_wq
    assert wq is not None
    wq.exit, v.state, v.at = True, TASK_UNINTERRUPTIBLE, WAIT if waits else IDLE
    reach(box.call("io_wq_worker", box["w"]), LEAVE)
    assert v.state == TASK_UNINTERRUPTIBLE
    ended(box.call("io_wq_worker", box["w"]))
    assert (v.state == TASK_RUNNING) == waits


@pytest.mark.parametrize("everything", [False, True])
@each
def test_who_leaves_io_uring_waits_for_its_workers(variant: Variant, everything: bool) -> None:
    """It wakes those that sleep, and sleeps until the last has gone; another thread of the group does nothing."""
    box = with_worker(variant, 2)
    v, w, wq = box["v"], box["w"], box["v"].io_wq
    assert wq is not None
    assert [*box.call("io_uring_cancel", w, cancel_all=True)] == []
    assert w.io_wq is wq
    w.state, w.at = TASK_INTERRUPTIBLE, IDLE
    steps = box.call("io_uring_cancel", v, cancel_all=everything)
    assert next(steps) is EXIT_START
    assert not wq.exit
    for _twice in range(2):
        assert next(steps) is WAIT
        assert v.state == TASK_UNINTERRUPTIBLE
    assert (wq.exit, wq.requests, w.state) == (True, 0 if everything else 2, TASK_RUNNING)
    wq.workers = []
    assert next(steps, None) is None
    assert (v.state, v.io_wq) == (TASK_RUNNING, None)
    assert [*box.call("io_uring_cancel", v, cancel_all=True)] == []


@pytest.mark.parametrize("asleep", [False, True])
@each
def test_a_request_wakes_who_sleeps_for_one(variant: Variant, asleep: bool) -> None:
    """Not who sleeps elsewhere; without workers it is refused."""
    box = with_worker(variant, 0)
    v, w, wq = box["v"], box["w"], box["v"].io_wq
    assert wq is not None
    w.state, w.at = TASK_INTERRUPTIBLE, IDLE if asleep else LOOK
    assert ran(box, "io_uring_request", box.k, v) == ""
    assert (wq.requests, w.state) == (1, TASK_RUNNING if asleep else TASK_INTERRUPTIBLE)
    wq.workers = []
    assert ran(box, "io_uring_request", box.k, v) == "ENXIO"
    assert wq.requests == 1


@each
def test_a_new_worker(variant: Variant) -> None:
    """A thread that runs at once, in the kernel, for the queue of who asked."""
    box = victim(variant)
    v = box["v"]
    assert ended(box.call("io_uring_worker", v, "w")) == ""
    w, wq = box["w"], v.io_wq
    assert wq is not None
    assert (wq.workers, wq.requests, wq.task, wq.exit, w.io_wq) == ([w], 1, v, False, wq)
    assert (w.flags & PF_USER_WORKER, w.state, w.at) == (PF_USER_WORKER, TASK_RUNNING, LOOK)
    assert w.signal is v.signal
    ended(box.call("io_uring_worker", v, "w2"))
    assert (v.io_wq, wq.workers, wq.requests) == (wq, [w, box["w2"]], 2)
    v.pending, v.thread_flags = {SIGTERM}, TIF_SIGPENDING
    assert ended(box.call("io_uring_worker", v, "w3")) == "ERESTARTNOINTR"
    assert wq.requests == 2


@pytest.mark.parametrize("first", [False, True])
def test_an_exec_leaves_io_uring_once(first: bool) -> None:
    """Before it is alone, or when it is; not if it comes to nothing."""
    switch: Callable[[], bool] = switches.yes if first else switches.no
    kernel = Variant("either", (replaces(switches.io_uring_before_de_thread, switch),), base=AFTER)
    box = victim(kernel, "t1")
    v = box["v"]
    v.io_wq = IoWq(v)
    v.signal.flags = SIGNAL_GROUP_EXIT
    assert ended(box.call("de_thread", v)) == "EAGAIN"
    assert (v.io_wq is None) == first
    v.io_wq, v.signal.threads, v.signal.flags = IoWq(v), [v], 0
    assert ended(box.call("de_thread", v)) == ""
    assert v.io_wq is None


@each
def test_what_a_worker_blocks(variant: Variant) -> None:
    """All but SIGKILL and SIGSTOP: it does not want the rest, take it, or note it."""
    box = with_worker(variant, 0)
    v, w, k = box["v"], box["w"], box.k
    every = {SIGKILL, SIGSTOP, SIGTERM}
    assert [ran(box, "unblocked", p, every) for p in (v, w)] == [every, {SIGKILL, SIGSTOP}]
    assert [s for s in sorted(every) if ran(box, "wants_signal", w, s)] == [SIGKILL, SIGSTOP]
    assert [s for s in sorted(every) if ran(box, "wants_signal", v, s)] == sorted(every)
    w.state = TASK_STOPPED
    assert not ran(box, "wants_signal", w, SIGSTOP)
    for p, takes in ((w, 0), (v, SIGTERM)):
        p.pending, p.thread_flags = {SIGTERM}, 0
        assert ran(box, "recalc_sigpending_tsk", p) == bool(takes)
        assert p.thread_flags == (TIF_SIGPENDING if takes else 0)
        assert ran(box, "dequeue_signal", k, p) == takes
        assert p.pending == (set() if takes else {SIGTERM})
    w.signal.shared_pending = {SIGTERM, SIGSTOP}
    assert ran(box, "dequeue_signal", k, w) == SIGSTOP
    assert ran(box, "dequeue_signal", k, w) == 0
    assert (w.signal.shared_pending, w.thread_flags) == ({SIGTERM}, 0)


@pytest.mark.parametrize(
    ("jobctl", "frozen", "noted"),
    [
        (0, False, False),
        (0, True, True),
        (JOBCTL_STOP_PENDING, False, True),
        (JOBCTL_TRAP_STOP, False, True),
        (JOBCTL_TRAP_FREEZE, False, True),
    ],
)
@each
def test_what_else_is_to_be_handled(variant: Variant, jobctl: int, frozen: bool, noted: bool) -> None:
    """A stop, a trap, or the way out of one."""
    box = victim(variant)
    v = box["v"]
    v.jobctl, v.frozen = jobctl, frozen
    assert ran(box, "recalc_sigpending_tsk", v) == noted
    assert v.thread_flags == (TIF_SIGPENDING if noted else 0)


@each
def test_who_takes_over_what_a_worker_blocks(variant: Variant) -> None:
    """The next that does not: each signal finds one, and no more are woken than it takes."""
    box = victim(variant, "gone", "w", "t1", "t2")
    v, w, t1 = box["v"], box["w"], box["t1"]
    box["gone"].flags |= PF_EXITING
    w.flags |= PF_USER_WORKER
    v.signal.shared_pending = {SIGSTOP, SIGTERM}
    ran(box, "retarget_shared_pending", v)
    told = [bool(box[n].thread_flags) for n in ("v", "gone", "w", "t1", "t2")]
    assert told == [False, False, True, True, False]
    w.thread_flags = t1.thread_flags = 0
    v.signal.shared_pending = {SIGSTOP}
    ran(box, "retarget_shared_pending", v)
    assert [bool(box[n].thread_flags) for n in ("w", "t1")] == [True, False]
    w.thread_flags = 0
    v.signal.shared_pending = set()
    ran(box, "retarget_shared_pending", v)
    assert w.thread_flags == 0


@pytest.mark.parametrize(
    ("who", "domain", "groups", "found"),
    [
        ("M/N", "M", ("M", "M/N"), "M"),
        ("M/N", "M", ("M/N",), "M/N"),
        ("M/N", "M/N", ("M", "M/N"), "M/N"),
        ("M/N", None, ("M",), "M"),
        ("M", "M", (), None),
        ("M", "M/N", ("M",), None),
        ("", None, ("M",), None),
    ],
)
@each
def test_which_group_dies_together(
    variant: Variant, who: str, domain: str | None, groups: tuple[str, ...], found: str | None
) -> None:
    """The highest that says so, from the victim's to the one that is out of memory."""
    box = victim(variant)
    memcgs = box.k.memcgs
    if who:
        box.do("memcg_attach", "init", "v", who)
    for name in groups:
        ran(box, "mem_cgroup_oom_group_write", box.k, box["init"], memcgs[name])
    group = ran(box, "mem_cgroup_get_oom_group", box["v"], memcgs.get(domain or ""))
    assert group is memcgs.get(found or "")


@each
def test_who_of_a_group_is_spared(variant: Variant) -> None:
    """Init, and whoever must not be killed; the others die and are marked."""
    box = in_m(variant)
    box.fork("hard", "w")
    for name in ("hard", "init"):
        box.do("memcg_attach", "init", name, "M")
    box.do("memcg_attach", "init", "w", "M/N")
    box["hard"].signal.oom_score_adj = OOM_SCORE_ADJ_MIN
    ran(box, "oom_kill_memcg_members", box.k, box["init"], box.k.memcgs["M"])
    assert {n for n in ("v", "hard", "w", "init") if box[n].signal.oom_mm is not None} == {"v", "w"}


@each
def test_whose_end_a_list_of_the_dying_shows(variant: Variant) -> None:
    """A leader that exits, is on no list, and is there."""
    box = victim(variant, "t1")
    v = box["v"]
    v.flags, v.on_cgroup_list = PF_EXITING, False
    assert ran(box, "dying_leaders", box.k) == [v]
    for field, value in (("flags", 0), ("on_cgroup_list", True), ("hashed", False)):
        before = getattr(v, field)
        setattr(v, field, value)
        assert ran(box, "dying_leaders", box.k) == []
        setattr(v, field, before)
    v.flags, box["t1"].flags, box["t1"].on_cgroup_list = 0, PF_EXITING, False
    assert ran(box, "dying_leaders", box.k) == []


@pytest.mark.parametrize("procs", [False, True])
@each
def test_a_walk_that_comes_back(variant: Variant, procs: bool) -> None:
    """Each thread, or leader, once; the dead leaders last, and from them there is no way back."""
    box = in_m(variant, "t1")
    box.fork("d", "w")
    box.clone("d", "d1")
    for name in ("d", "w"):
        box.do("memcg_attach", "init", name, "M")
    k, m, d = box.k, box.k.memcgs["M"], box["d"]
    d.flags, d.on_cgroup_list = PF_EXITING, False
    m.tasks.remove(d)
    met: tuple[tuple[int, bool], ...] = ()
    seen, over = [], False
    while not over:
        p, over = ran(box, "css_task_iter_next", k, m, met, procs=procs)
        seen.append(p.name)
        met += ((p.pid, p.on_cgroup_list),)
        assert len(seen) < LONGEST
    assert ran(box, "css_task_iter_next", k, m, met, procs=procs) == (None, True)
    assert seen == (["v", "w", "d"] if procs else ["v", "t1", "d1", "w"])
    if procs:
        assert ran(box, "css_task_iter_next", k, m, ((d.pid, False),), procs=True) == (None, True)
        hidden = variant in (V7_2, AFTER)
        box["v"].signal.live, box["v"].flags = 0, PF_EXITING
        first, over = ran(box, "css_task_iter_next", k, m, (), procs=True)
        assert not over
        assert first is box["w" if hidden else "v"]


@pytest.mark.parametrize(
    ("state", "result", "reaped"),
    [
        ("alive", "EINVAL", False),
        ("dying", "", True),
        ("skipped", "", False),
        ("skipped alive", "", False),
        ("without memory", "ESRCH", False),
        ("gone", "ESRCH", False),
    ],
)
@each
def test_process_mrelease(variant: Variant, state: str, result: str, reaped: bool) -> None:
    """Who dies anyway is reaped, and the OOM killer is told nothing; an mm that was skipped is left, and no pin stays."""
    box = victim(variant)
    v, mm = box["v"], box["v"].mm
    assert mm is not None
    if state in ("dying", "skipped"):
        v.signal.flags = SIGNAL_GROUP_EXIT
    if state.startswith("skipped"):
        mm.flags = MMF_OOM_SKIP
    v.mm = None if state == "without memory" else mm
    v.hashed = state != "gone"
    assert ended(box.call("process_mrelease", box["init"], v)) == result
    assert (mm.pages, mm.mm_count) == (0 if reaped else 1, 1)
    assert mm.flags & MMF_UNSTABLE == (MMF_UNSTABLE if reaped else 0)
    assert bool(mm.flags & MMF_OOM_SKIP) == state.startswith("skipped")
    assert box["init"].held == []
    assert not mm.mmap_sem.readers

"""Requests, the clock, and the refusals: what is not possible leaves the machine as it was."""

from __future__ import annotations

from typing import Any

import pytest
from boot import Box, digest

from kernel_model.errors import IllegalOperation
from kernel_model.machine import Machine, describe
from kernel_model.operations import OPERATIONS
from kernel_model.sched import PF_KTHREAD, PF_NOFREEZE, SIGNAL_UNKILLABLE, Jiffies


def world() -> Box:
    """A live v, a zombie z, a frozen f, a sleeper w, kworker at work, a fork under way, a cgroup's name given away."""
    box = Box()
    box.fork("v", "z", "f", "w", "x", "y")
    box.do("attach", "init", "f", "A")
    box.do("freeze", "init", "A")
    box.do("exit_group", "z")
    box.do("oom_score_adj", "init", "y", 900)
    box.do("wait", "v")
    box.fork("c", by="w")
    box.do("wait", "w")
    box.ask("fork", "y", "soon")
    box.until("y", "copy_process: tasklist_lock")
    box.ask("mkdir", "x", "given", "/")
    box.ask("alloc", "kworker")
    return box


REFUSED = [
    (("no_such", "v"), "no_such by v: no such operation"),
    (("no_such", None), "no_such by nobody: no such operation"),
    (("fork", None, "n"), "fork by nobody: a task has to do this"),
    (("fork", "who", "n"), "fork by who: no such task"),
    (("sysrq_f", "v"), "sysrq_f by v: nobody does this: it is an event"),
    (("sysrq_f", None, "v"), "sysrq_f by nobody: 1 arguments where it takes none"),
    (("fork", "z", "n"), "fork by z: the task is dead"),
    (("fork", "f", "n"), "fork by f: the task is in the fridge"),
    (("fork", "w", "n"), "fork by w: the task is in the kernel, at do_wait: schedule"),
    (("fork", "y", "n"), "fork by y: the task is in the kernel, at copy_process"),
    (("fork", "x", "n"), "fork by x: its last call has not begun yet: put a run before this one"),
    (("fork", "kworker", "n"), "fork by kworker: a kernel thread does not do this"),
    (("alloc", "kworker"), "alloc by kworker: the kernel thread is busy"),
    (("alloc", "oom_reaper"), "alloc by oom_reaper: a kernel thread does not do this"),
    (("kill", "c", "v"), "kill by c: 1 arguments where it takes task, signal"),
    (("kill", "c", "nobody", "KILL"), "kill by c: no such task: 'nobody'"),
    (("kill", "c", "v", "HUP"), "kill by c: no such signal: 'HUP'"),
    (("kill", "c", 7, "KILL"), "kill by c: no such task: 7"),
    (("freeze", "c", "Z"), "freeze by c: no such freezer cgroup: 'Z'"),
    (("memcg_attach", "c", "v", "A"), "memcg_attach by c: no such memory cgroup: 'A'"),
    (("oom_score_adj", "c", "v", 1001), "oom_score_adj by c: 1001 is not a number from -1000 to 1000"),
    (("oom_score_adj", "c", "v", "5"), "oom_score_adj by c: '5' is not a number"),
    (("fork", "c", "v"), "fork by c: 'v' can't name a new task: it is taken"),
    (("fork", "c", "soon"), "fork by c: 'soon' can't name a new task: it is taken"),
    (("fork", "c", ""), "fork by c: '' can't name a new task"),
    (("fork", "c", 3), "fork by c: 3 can't name a new task"),
    (("mkdir", "c", "A", "/"), "mkdir by c: 'A' can't name a new freezer cgroup: it is taken"),
    (("mkdir", "c", "given", "/"), "mkdir by c: 'given' can't name a new freezer cgroup: it is taken"),
    (("mkdir", "c", "given2", "Z"), "mkdir by c: no such freezer cgroup: 'Z'"),
]


@pytest.mark.parametrize(("request_", "message"), REFUSED, ids=lambda x: x if isinstance(x, str) else "")
def test_a_refusal_names_everything_and_changes_nothing(request_: tuple[Any, ...], message: str) -> None:
    """The operation, the task and the reason are named; a deep digest of all data is the same before and after."""
    box = world()
    before = digest(box.m)
    name, task, *args = request_
    with pytest.raises(IllegalOperation) as refused:
        box.m.request(name, task, *args)
    assert str(refused.value).startswith(message)
    assert (refused.value.operation, refused.value.task) == (name, task or "nobody")
    assert refused.value.reason
    assert digest(box.m) == before


def test_a_panicked_kernel_refuses_everything() -> None:
    """Events and system calls."""
    box = world()
    box.k.panicked = "test"
    before = digest(box.m)
    for name, task in (("fork", "c"), ("sysrq_f", None)):
        with pytest.raises(IllegalOperation, match=f"{name} by .*: the kernel panicked: test"):
            box.m.request(name, task)
    assert digest(box.m) == before


def test_the_digest_sees_every_kind_of_change() -> None:
    """Otherwise the test above could not fail: a flag, a set, a list, a lock's owner, a context's position."""
    same = digest(world().m)
    assert digest(world().m) == same
    changes = (
        lambda b: setattr(b["v"], "flags", 1),
        lambda b: b["v"].pending.add(3),
        lambda b: b.k.cgroups["A"].tasks.pop(),
        lambda b: setattr(b.k.oom_lock, "owner", b["v"]),
        lambda b: b["y"].context is not None and b.m.step(b["y"]),
        lambda b: setattr(b["v"], "syscall", None if b["v"].syscall else print),
        lambda b: b.m.given.clear(),
        lambda b: setattr(b.k, "clock", 9),
        lambda b: setattr(b["v"], "mm", b["c"].mm),
    )
    for change in changes:
        box = world()
        change(box)
        assert digest(box.m) != same


def test_every_operation_is_described() -> None:
    """By whom, with what; meanings are one line each and differ."""
    assert all(o.by in {"user", "kthread", "event"} and o.meaning for o in OPERATIONS.values())
    assert len({o.meaning for o in OPERATIONS.values()}) == len(OPERATIONS)
    assert all(name == o.name for name, o in OPERATIONS.items())


def test_what_is_there_at_boot() -> None:
    """init is unkillable and a user task; three kernel threads, of which kswapd freezes; cgroups and their tree."""
    box = Box()
    assert list(box.m.names) == ["init", "oom_reaper", "kworker", "kswapd"]
    assert box["init"].signal.flags == SIGNAL_UNKILLABLE
    assert box["init"].mm is not None
    assert box.k.init is box["init"]
    assert box["kswapd"].flags == PF_KTHREAD
    assert box["kworker"].flags == box["oom_reaper"].flags == PF_KTHREAD | PF_NOFREEZE
    assert box.k.cgroups["A/B"].parent is box.k.cgroups["A"]
    assert box.k.cgroups["A"].parent is box.k.root_cgroup
    assert box.k.root_cgroup.tasks == list(box.k.tasks.values())
    assert repr(box["kworker"]) == "kworker"
    box.rest()
    assert not box.m.runnable_tasks()


def test_the_clock_moves_to_the_next_timer_and_no_further() -> None:
    """tick(): the earliest sleeper, lowest pid first; never backwards; nothing for the frozen or the dead."""
    box = Box()
    box.fork("a", "b")
    for name, timer in (("a", 30), ("b", 20)):
        box[name].state = 2
        box[name].timer = Jiffies(timer)
    assert box.m.sleepers_due() == (20, box["b"])
    assert box.m.tick()
    assert (box.k.clock, box["b"].state, box["b"].timer) == (20, 0, None)
    box.k.clock = Jiffies(40)
    assert box.m.tick()
    assert box.k.clock == 40
    assert not box.m.tick()
    box["a"].state = 2
    box["a"].timer = Jiffies(50)
    box["a"].flags |= 0x10000
    assert box.m.sleepers_due() is None
    box["a"].flags = 0
    box["a"].at = None
    assert not box.m.tick()


def test_a_poller_looks_again_when_there_is_news() -> None:
    """Due one tick from now if anything happened since it looked, else at its own timer, if any."""
    box = Box()
    box.fork("a")
    box["init"].signal.oom_mm = box["init"].mm
    box["a"].polling, box["a"].state = True, 2
    box["a"].seen_progress = box.k.progress
    assert box.m.sleepers_due() is None
    box["a"].timer = Jiffies(70)
    assert box.m.sleepers_due() == (70, box["a"])
    box.k.progress += 1
    assert box.m.sleepers_due() == (box.k.clock + 1, box["a"])
    box["a"].timer = None
    assert box.m.sleepers_due() == (box.k.clock + 1, box["a"])


def test_steps_count_as_news_but_for_pollers_and_the_restless() -> None:
    """progress is what pollers compare."""
    box = Box()
    for field, counted in (("", 1), ("polling", 0), ("restless", 0)):
        box.ask("subreaper", "init")
        box["init"].polling = box["init"].restless = False
        if field:
            setattr(box["init"], field, True)
        before = box.k.progress
        box.step("init")
        assert box.k.progress - before == counted
        box.rest()


def test_where_a_task_stands() -> None:
    """describe()."""
    box = Box()
    box.fork("a")
    assert describe(box["a"]) == "user mode: a system call or a signal"
    box.ask("kill", "a", "init", "TERM")
    box.step("a")
    assert describe(box["a"]) == "do_send_sig_info: siglock: queue, choose, wake"
    box.rest()
    box.do("exit_group", "a")
    assert describe(box["a"]) == "TASK_DEAD"


def test_machines_are_independent() -> None:
    """Two kernels share nothing that changes."""
    one, two = Box(), Box()
    before = digest(two.m)
    one.fork("a")
    one.do("suspend", "a")
    assert digest(two.m) == before
    assert isinstance(one.m, Machine)

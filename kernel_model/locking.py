"""Locks and their order (kernel/locking/): explicit owners, and a checker in the manner of lockdep.

A context takes a lock only after the preemption point that asked for it found it free, so that taking one never blocks here.
"""

from __future__ import annotations

from typing import Protocol

from kernel_model.errors import LockOrder

OOM_LOCK = "oom_lock"
PM_MUTEX = "pm_mutex"
FREEZER_MUTEX = "freezer_mutex"
CGROUP_MUTEX = "cgroup_mutex"
THREADGROUP_RWSEM = "cgroup_threadgroup_rwsem"
MMAP_SEM = "mmap_sem"
ALLOC_LOCK = "alloc_lock"
TASKLIST_LOCK = "tasklist_lock"
SIGLOCK = "siglock"
FREEZER_LOCK = "freezer_lock"
REAPER_LOCK = "oom_reaper_lock"
CSS_SET_LOCK = "css_set_lock"

SLEEPING = frozenset({OOM_LOCK, PM_MUTEX, FREEZER_MUTEX, CGROUP_MUTEX, THREADGROUP_RWSEM, MMAP_SEM})

# (outer, inner): every nesting that the modelled paths of the C source use, and no other; none sleeps under a spinning one.
NESTINGS = frozenset(
    {
        (OOM_LOCK, ALLOC_LOCK),
        (OOM_LOCK, SIGLOCK),
        (OOM_LOCK, FREEZER_LOCK),
        (OOM_LOCK, TASKLIST_LOCK),
        (OOM_LOCK, REAPER_LOCK),
        (OOM_LOCK, MMAP_SEM),
        (ALLOC_LOCK, SIGLOCK),
        (ALLOC_LOCK, FREEZER_LOCK),
        (ALLOC_LOCK, REAPER_LOCK),
        (TASKLIST_LOCK, SIGLOCK),
        (TASKLIST_LOCK, FREEZER_LOCK),
        (TASKLIST_LOCK, ALLOC_LOCK),
        (FREEZER_LOCK, SIGLOCK),
        (FREEZER_MUTEX, FREEZER_LOCK),
        (FREEZER_MUTEX, SIGLOCK),
        (FREEZER_MUTEX, CSS_SET_LOCK),
        (CGROUP_MUTEX, CSS_SET_LOCK),
        (CGROUP_MUTEX, SIGLOCK),
        (CSS_SET_LOCK, SIGLOCK),
        (THREADGROUP_RWSEM, TASKLIST_LOCK),
        (THREADGROUP_RWSEM, SIGLOCK),
        (THREADGROUP_RWSEM, FREEZER_MUTEX),
        (THREADGROUP_RWSEM, FREEZER_LOCK),
        (THREADGROUP_RWSEM, CSS_SET_LOCK),
        (MMAP_SEM, ALLOC_LOCK),
        (MMAP_SEM, SIGLOCK),
        (PM_MUTEX, OOM_LOCK),
        (PM_MUTEX, TASKLIST_LOCK),
        (PM_MUTEX, FREEZER_LOCK),
        (PM_MUTEX, SIGLOCK),
    }
)


class Holder(Protocol):
    """A task, as far as a lock knows it."""

    name: str
    held: list[Lock]


class Lock:
    """A lock of any kind: its class says whether it sleeps, and what it may be nested in."""

    __slots__ = ("lock_class", "name", "owner", "readers", "sleeping")

    def __init__(self, lock_class: str, name: str = "") -> None:
        """``lock_class`` is one of the constants above, ``name`` tells apart the locks of one class."""
        self.lock_class = lock_class
        self.name = f"{lock_class}({name})" if name else lock_class
        self.sleeping = lock_class in SLEEPING
        self.owner: Holder | None = None
        self.readers: tuple[Holder, ...] = ()

    def __repr__(self) -> str:
        """The kernel's name, with the owner's in brackets."""
        return self.name


def _nests_badly(cur: Holder, outer: Lock, lock: Lock) -> LockOrder:
    if outer is lock:
        return LockOrder(f"{cur.name} takes {lock.name} twice: self-deadlock")
    return LockOrder(f"{cur.name} takes {lock.name} while it holds {outer.name}")


def acquire(cur: Holder, lock: Lock) -> None:
    """Take a free lock for writing.  Raises LockOrder for a nesting that the kernel has not, or a lock that is not free."""
    for outer in cur.held:
        if (outer.lock_class, lock.lock_class) not in NESTINGS:
            raise _nests_badly(cur, outer, lock)
    if lock.owner is not None or lock.readers:
        raise LockOrder(f"{cur.name} takes {lock.name}, which is not free")
    lock.owner = cur
    cur.held.append(lock)


def release(cur: Holder, lock: Lock) -> None:
    """Give back a lock that was taken with acquire()."""
    if lock.owner is not cur:
        raise LockOrder(f"{cur.name} releases {lock.name}, which it does not hold")
    lock.owner = None
    cur.held.remove(lock)


def acquire_read(cur: Holder, lock: Lock) -> None:
    """Take a lock for reading that no writer holds."""
    for outer in cur.held:
        if (outer.lock_class, lock.lock_class) not in NESTINGS:
            raise _nests_badly(cur, outer, lock)
    if lock.owner is not None:
        raise LockOrder(f"{cur.name} takes {lock.name} for reading, which is not free")
    lock.readers = (*lock.readers, cur)
    cur.held.append(lock)


def release_read(cur: Holder, lock: Lock) -> None:
    """Give back a lock that was taken with acquire_read()."""
    if cur not in lock.readers:
        raise LockOrder(f"{cur.name} releases {lock.name}, which it does not hold")
    readers = list(lock.readers)
    readers.remove(cur)
    lock.readers = tuple(readers)
    cur.held.remove(lock)


def trylock(cur: Holder, lock: Lock) -> bool:
    """Take the lock for writing if it is free; a trylock never waits, so order does not matter but self-nesting does."""
    if lock in cur.held:
        raise LockOrder(f"{cur.name} takes {lock.name} twice: self-deadlock")
    if lock.owner is not None or lock.readers:
        return False
    lock.owner = cur
    cur.held.append(lock)
    return True


def trylock_read(cur: Holder, lock: Lock) -> bool:
    """Take the lock for reading if no writer holds it."""
    if lock in cur.held:
        raise LockOrder(f"{cur.name} takes {lock.name} twice: self-deadlock")
    if lock.owner is not None:
        return False
    lock.readers = (*lock.readers, cur)
    cur.held.append(lock)
    return True

"""In what the kernels of 2024 to 2026 differ, and their numbers do not tell: stable kernels have much of it by backports.

Each is what 7.3.4 does; the packages of the other kernels replace some.
"""

from __future__ import annotations


def waits_are_freezable() -> bool:
    """wait4() and the waits of a dying pid namespace's init freeze in place ("pid_namespace: make zap_pid_ns_processes() freezable")."""
    return True


def dump_is_refused_while_freezing() -> bool:
    """No dump begins once a freeze was asked for, and a signal or a freezer's request ends one.

    Source: "signal: only SIGKILL and the freezers interrupt a coredumping task".
    """
    return True


def listed_until_dead() -> bool:
    """A task leaves its cgroup's list after TASK_DEAD, and walks hide it once its group's ``live`` is 0 (d245698d727a)."""
    return True


def exit_signals_takes_siglock() -> bool:
    """PF_EXITING is always set under siglock, the private set is emptied there, and private signals are dropped from then on."""
    return True


def tty_before_files() -> bool:
    """The controlling terminal is hung up before exit_files(), not after exit_fs()."""
    return True


def cgroup_kill_walks_threads() -> bool:
    """cgroup.kill tells each thread, not each leader ("cgroup: fix cgroup.kill for exited thread group leader")."""
    return True


def io_uring_before_de_thread() -> bool:
    """An exec leaves io_uring before it kills the other threads, not after."""
    return True


def dying_charge_bypasses_oom() -> bool:
    """A dying task's charge does not reach out_of_memory() (removed by M. Hocko's patch of 2 Apr 2025)."""
    return False


def yes() -> bool:
    """To put a switch."""
    return True


def no() -> bool:
    """To put a switch."""
    return False

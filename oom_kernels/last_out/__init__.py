"""The RFC's idea with another count: whoever is the last of a marked group to leave do_exit()'s device accesses drops it.

Marked, thawed and counted as the RFC does, once a group.  "Last" is a second signal_struct.live, ``io_live``: raised with it when
copy_process() hashes a thread, dropped once the thread has run its last task work.  Zombies, tracers and exec don't come into it.

Tried and dropped: ``live`` itself (its last thread is the last to enter do_exit(), not to leave it); nr_threads and thread_group_empty()
(a zombie that nobody reaps counts for ever).
"""

from __future__ import annotations

from kernel_model import fork as base_fork
from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from patched import VARIANT as RFC

from . import exit, fork  # noqa: A004 - the kernel's file name

VARIANT = Variant(
    __name__,
    (
        replaces(base_fork.hash_task, fork.hash_task),
        replaces(prototypes.release_task, exit.release_task),
        replaces(prototypes.exit_notify, exit.exit_notify),
        replaces(prototypes.do_exit, exit.do_exit),
    ),
    base=RFC,
)

"""What a kernel was not built with, read off what the probe could not do there.

The probe ends an operation with ENOSYS if the kernel has no such thing, whatever the kernel itself says of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from oom_review.boot.console import Record

NOT_THERE = -38
OPTIONS = {
    "attach": "CGROUP_FREEZER",
    "freeze": "CGROUP_FREEZER",
    "thaw": "CGROUP_FREEZER",
    "read_state": "CGROUP_FREEZER",
    "clone_newpid": "PID_NS",
    "charge": "MEMFD_CREATE",
    "suspend": "PM_DEBUG or SUSPEND",
    "s2idle": "PM_DEBUG or SUSPEND",
    "hibernate": "PM_DEBUG or HIBERNATION",
    "snapshot_freeze": "HIBERNATION_SNAPSHOT_DEV",
    "open_ttys": "UNIX98_PTYS",
    "io_uring_worker": "IO_URING",
    "io_uring_request": "IO_URING",
    "open_disk": "VIRTIO_BLK and VIRTIO_PCI, or the modules are not given",
}
"""By operation: options of the kernel's configuration (probe.config)."""


def lacks(records: Iterable[Record]) -> str:
    """Of one case, in words; "" if it could do all that it was told."""
    for record in records:
        if "did" in record and record.get("result") == NOT_THERE:
            operation = str(record["did"]).split(" ")[0]
            return f"the kernel can't do {operation}: it lacks {OPTIONS.get(operation, 'that system call')}"
    return ""

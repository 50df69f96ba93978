"""One kernel: the functions of the RFC's three C files, and their table."""

from __future__ import annotations

from kernel_model.sched import Variant

from . import exit, freezer, oom_kill  # noqa: A004 - the kernel's file name

VARIANT = Variant(
    name=__name__,
    release_task=exit.release_task,
    exit_mm=exit.exit_mm,
    exit_notify=exit.exit_notify,
    do_exit=exit.do_exit,
    freezing_slow_path=freezer.freezing_slow_path,
    mark_oom_victim=oom_kill.mark_oom_victim,
    exit_oom_victim=oom_kill.exit_oom_victim,
)

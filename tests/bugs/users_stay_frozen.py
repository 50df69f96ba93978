"""When kernel threads can't be frozen, the user's tasks stay frozen (fixed by 03afed8bc296)."""

from __future__ import annotations

from kernel_model import events
from kernel_model.locking import release, trylock
from kernel_model.power import main
from kernel_model.power.main import DEVICES_UP, PM_TRYLOCK, _device_phase, finish
from kernel_model.power.process import freeze_kernel_threads, freeze_processes, thaw_processes
from kernel_model.preempt import Steps
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant, replaces
from oom_kernels import last_out


def pm_suspend(k: Kernel, cur: TaskStruct) -> Steps[str]:
    """Who fails late thaws nobody."""
    yield PM_TRYLOCK
    if not trylock(cur, k.pm_mutex):
        return finish(k, cur, "suspend", "another suspend is under way")
    k.pm_wakeup = False
    error = yield from freeze_processes(k, cur)
    if not error:
        error = yield from freeze_kernel_threads(k, cur)
        if not error:
            yield from _device_phase(k, cur)
            yield DEVICES_UP
            events.pm_phase(k, "disabled")
            yield from thaw_processes(k, cur)
    release(cur, k.pm_mutex)
    return finish(k, cur, "suspend", error)


VARIANT = Variant(__name__, (replaces(main.pm_suspend, pm_suspend),), base=last_out.VARIANT)

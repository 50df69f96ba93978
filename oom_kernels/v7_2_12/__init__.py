"""Linux 7.2.12: 7.3.4 without the backports of its last weeks."""

from __future__ import annotations

from kernel_model.variant import Variant, replaces
from oom_kernels import v7_3
from oom_kernels.today import switches
from oom_kernels.today.switches import no

_LACKS = (
    switches.waits_are_freezable,
    switches.dump_is_refused_while_freezing,
    switches.tty_before_files,
    switches.io_uring_before_de_thread,
    switches.cgroup_kill_walks_threads,
)
VARIANT = Variant(__name__, tuple(replaces(switch, no) for switch in _LACKS), base=v7_3.VARIANT)

"""Linux 6.1, with the backports of its stable series.  *Source not read*: 6.12's, less what a 6.1.192 was seen not to do.

Beside a frozen cgroup whoever waits in wait4() is in the fridge again after a resume (cgroup/resume-waits, docs/kernels.md): the wait
is not frozen in place.  The other switch came with the same series of patches.
"""

from __future__ import annotations

from kernel_model.variant import Variant, replaces
from oom_kernels import v6_12
from oom_kernels.today import switches
from oom_kernels.today.switches import no

_LACKS = (switches.waits_are_freezable, switches.dump_is_refused_while_freezing)
VARIANT = Variant(__name__, tuple(replaces(switch, no) for switch in _LACKS), base=v6_12.VARIANT)

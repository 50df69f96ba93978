"""Linux 6.18, the first with commit 59d4d36158ba.  *Source not read*: what is here follows from the symbols of a running 6.18.44."""

from __future__ import annotations

from kernel_model.variant import Variant, replaces
from oom_kernels import v7_3
from oom_kernels.today import switches
from oom_kernels.today.switches import no

_LACKS = (switches.listed_until_dead, switches.exit_signals_takes_siglock, switches.tty_before_files)
VARIANT = Variant(__name__, tuple(replaces(switch, no) for switch in _LACKS), base=v7_3.VARIANT)

"""Linux 6.12.117: before commit 59d4d36158ba, with the backports of its stable series.

One thread is exempt from freezing, thawed, marked and counted: what legacy_tifmemdie says of these is still so.
"""

from __future__ import annotations

from kernel_model import prototypes
from kernel_model.variant import Variant, replaces
from legacy_tifmemdie.freezer import freezing_slow_path
from legacy_tifmemdie.oom_kill import mark_oom_victim
from oom_kernels import v7_3
from oom_kernels.today import switches
from oom_kernels.today.switches import no, yes

VARIANT = Variant(
    __name__,
    (
        replaces(prototypes.freezing_slow_path, freezing_slow_path),
        replaces(prototypes.mark_oom_victim, mark_oom_victim),
        replaces(switches.listed_until_dead, no),
        replaces(switches.exit_signals_takes_siglock, no),
        replaces(switches.tty_before_files, no),
        replaces(switches.dying_charge_bypasses_oom, yes),
    ),
    base=v7_3.VARIANT,
)

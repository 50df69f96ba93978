"""A script whose last allocation never ends.

A namespace's init that calls execve() loses the SIGKILL that its dying leader has taken: exit_signals() hands nothing on while the
group is exiting for an exec, and nobody else is woken for a signal to such an init.  kswapd then kills it again and again, as its
parent's child; as long as SIGKILL is pending no further one is queued, and there is nobody else to kill.
"""

from __future__ import annotations

from oom_review.scenario.file import parse
from oom_review.scenario.items import Op

DEAF = parse("""\
oom-review scenario 1
init: fork q
run
q: clone_newpid p1
run
p1: clone p2
run
init: oom_score_adj p1 1000
run
p2: execve
sysrq_f
run exactly p2*6 p1*5 kworker*27 p1*14 p2*11 oom_reaper*4
end
""").scenario
AGAIN = Op("alloc", "kswapd")

"""What the preemption points touch that stand in the variants' own files: the same in all of them, so it is said once.

See PreemptionPoint for the notation.  A point that only one variant has may declare its touches where it stands.
"""

from __future__ import annotations

VARIANT_TOUCHES: dict[tuple[str, str], tuple[str, ...]] = {
    ("release_task", "tasklist_lock: unhash, and zap the leader?"): (
        "threads:p~",
        "alone:p?",
        "signal:p?",
        "hashed:p!",
        "sig:p?",
        "exit_state:leader(p)?",
        "others",
        "relatives:parent(p)!",
        "ptrace:p",
        "usage:p~",
        "refs:p~",
        "pid_ns~",
        "state:group(p)?",
        "signal:parent(leader(p))?",
        "sig:group(parent(leader(p)))?",
        "int:group(parent(leader(p)))?",
        "sighand:parent(leader(p))",
        "exiting:group(parent(leader(p)))",
        "wait:parent(leader(p))",
        "wait:cur?",
        "ptrace:group(parent(leader(p)))",
        "ptrace:leader(p)",
        "oom_mm:p",
        "sig:cur",
        "state:cur?",
    ),
    ("exit_mm", "task_lock: mm = NULL"): ("mm:cur!",),
    ("exit_notify", "tasklist_lock: exit_state"): (
        "oom_mm:cur",
        "exit_state:cur?",
        "relatives:cur!",
        "alone:cur",
        "signal:cur",
        "ptrace:cur",
        "others",
        "signal:parent(cur)?",
        "sig:group(parent(cur))?",
        "int:group(parent(cur))?",
        "sighand:parent(cur)",
        "exiting:group(parent(cur))",
        "wait:parent(cur)",
        "ptrace:group(parent(cur))",
    ),
    ("do_exit", "atomic_dec_and_test(signal->live)"): (
        "live:cur~",
        "vfork:cur",
    ),
    ("mark_oom_victim", "WARN_ON(oom_killer_disabled)"): ("oom_killer_disabled",),
    ("mark_oom_victim", "test_and_set TIF_MEMDIE"): (
        "hashed:first_process",
        "oom_reaper",
        "memdie:tsk!",
    ),
    ("mark_oom_victim", "cmpxchg(signal->oom_mm)"): (
        "hashed:first_process",
        "oom_reaper",
        "oom_mm:tsk!",
        "threads:tsk",
    ),
    ("mark_oom_victim", "atomic_inc(oom_victims)"): (
        "hashed:first_process",
        "oom_reaper",
        "oom_victims!",
        "threads:tsk",
    ),
    ("exit_oom_victim", "atomic_dec_return(oom_victims)"): (
        "oom_victims_wait",
        "oom_victims!",
        "memdie:cur!",
        "state:oom_victims_wait?",
    ),
}

"""Generated scenarios that are small enough to explore in full."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from kernel_model.machine import describe
from kernel_model.variant import Variant
from oom_review.play.session import play
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.schedules.choices import Choices

Make = Callable[[str], Op]

_SETUP = (
    Op("nocldwait", "p"),
    Op("ignore_sigchld", "p"),
    Op("memcg_attach", "init", ("v", "M")),
    Op("attach", "init", ("v", "A")),
    Op("ptrace_seize", "s", ("v",)),
    Op("ptrace_seize_exit", "s", ("v",)),
    Op("subreaper", "init"),
    Op("freeze", "init", ("A",)),
)
_PLAIN = (
    "exit",
    "exit_group",
    "wait",
    "charge",
    "charge_fault",
    "fault",
    "execve",
    "snapshot_freeze",
    "io_submit",
    "suspend",
)
_WITH: tuple[tuple[str, *tuple[str | int, ...]], ...] = (
    ("kill", "v", "KILL"),
    ("kill", "v", "STOP"),
    ("kill", "v", "ABRT"),
    ("freeze", "A"),
    ("thaw", "A"),
    ("read_state", "A"),
    ("attach", "v", "A"),
    ("ptrace_attach", "v"),
    ("oom_score_adj", "v", 5),
)
_BIRTHS = ("fork", "clone", "vfork")

# Seeds of scenarios with 40 to 2500 states, short sleeps or not.
SMALL = (
    1,
    4,
    5,
    12,
    14,
    17,
    21,
    24,
    34,
    37,
    50,
    51,
    54,
    57,
    60,
    67,
    75,
    78,
    84,
    87,
    91,
    93,
    96,
    98,
    100,
    114,
    123,
    128,
    131,
    134,
    137,
    144,
    149,
    150,
    154,
    158,
    160,
    164,
    172,
    176,
    178,
    179,
    182,
    184,
    188,
    194,
    198,
    220,
    221,
    222,
    242,
    249,
    250,
    252,
    255,
    266,
    267,
    269,
    276,
    289,
    302,
    308,
    316,
    317,
    322,
    323,
    327,
    328,
    336,
    343,
    344,
    348,
    353,
    358,
    359,
    363,
    372,
    379,
    383,
    384,
    389,
    395,
    399,
)


def operation(rng: random.Random, task: str) -> Op:
    """Something for the task to do."""
    kind = rng.randrange(10)
    if kind < 5:
        return Op(rng.choice(_PLAIN), task)
    if kind < 8:
        chosen = rng.choice(_WITH)
        return Op(chosen[0], task, chosen[1:])
    if kind < 9:
        return Op(rng.choice(_BIRTHS), task, ("n" + task,))
    return Op("alloc", "kworker")


def scenario(seed: int) -> Scenario:
    """A parent p, its child v of up to three threads, a stranger s; two or three of them, or init, do something at once."""
    rng = random.Random(seed)
    threads = [f"t{i}" for i in range(1, rng.choice((1, 1, 2, 2, 3)))]
    setup = [Op("fork", "init", ("p",)), Op("fork", "p", ("v",)), Op("fork", "init", ("s",))]
    setup += [Op("clone", "v", (name,)) for name in threads]
    setup += rng.sample(_SETUP, rng.randrange(3))
    actors = rng.sample(["init", "p", "v", "s", *threads[:1]], rng.choice((2, 2, 3)))
    concurrent: dict[str | None, Op] = {}
    for actor in actors:
        op = operation(rng, actor)
        concurrent.setdefault(op.task, op)
    event = (Op("sysrq_f"),) if rng.random() < 0.2 else ()
    return Scenario((*[item for op in setup for item in (op, Run())], *concurrent.values(), *event, Run()))


# Seeds of killings with 70 to 10 000 states: some break a claim, in some like threads stand in for each other.
KILLINGS = (5, 10, 13, 22, 43, 45, 49, 55, 58, 68)


def killing(seed: int) -> Scenario:
    """A group v of two or three threads, frozen or not, is killed by the OOM killer, by a signal or itself; sometimes p waits."""
    rng = random.Random(seed)
    threads = [f"t{i}" for i in range(1, rng.choice((2, 2, 3)))]
    setup = [Op("fork", "init", ("p",)), Op("fork", "p", ("v",)), Op("fork", "init", ("s",))]
    setup += [Op("clone", "v", (name,)) for name in threads]
    setup += rng.sample(_SETUP, rng.randrange(3))
    if rng.random() < 0.5:
        setup += [Op("attach", "init", ("v", "A")), Op("freeze", "init", ("A",))]
    if rng.random() < 0.3:
        setup.append(Op("exit", "v"))
    kill = rng.choice(
        (Op("sysrq_f"), Op("sysrq_f"), Op("exit_group", "v"), Op("kill", "init", ("v", "KILL")))
    )
    more = rng.choice(((), (Op("wait", "p"),), (Op("thaw", "s", ("A",)),), (Op("exit", "p"),)))
    return Scenario((*[item for op in setup for item in (op, Run())], kill, *more, Run()))


SWITCH = 0.1
# What collides in the middle of a run: a kill, what disables the OOM killer, who waits for whom.
_COLLIDING: tuple[Op, ...] = (
    Op("sysrq_f"),
    Op("charge", "c"),
    Op("alloc", "kworker"),
    Op("suspend", "s"),
    Op("snapshot_freeze", "s"),
    Op("kill", "init", ("v", "KILL")),
    Op("kill", "init", ("p", "KILL")),
    Op("freeze", "init", ("A",)),
    Op("thaw", "init", ("A",)),
    Op("wait", "p"),
    Op("vfork", "p", ("np",)),
    Op("vfork", "v", ("nv",)),
    Op("charge", "v"),
    Op("exit_group", "v"),
    Op("execve", "v"),
    Op("exit", "t"),
    Op("io_submit", "v"),
)


TRIED = SMALL if os.environ.get("OOM_REVIEW_PROFILE") == "thorough" else SMALL[::2]
"""Those of each run, where one costs much; the thorough profile tries all."""

# Seeds, and the steps before what is explored: 85 to 584 states; some noticed planted faults (test_oracle.py).
MIDWAY = (
    (1, 45),
    (4, 2),
    (9, 53),
    (26, 37),
    (44, 71),
    (60, 65),
    (91, 0),
    (97, 36),
    (121, 1),
    (227, 3),
    (355, 29),
    (369, 79),
    (378, 36),
)
# The same, for sleeps that end at any time.
SLEEPING = (
    (4, 42),
    (37, 43),
    (76, 74),
    (132, 56),
    (149, 107),
    (150, 32),
    (157, 40),
    (177, 107),
    (187, 117),
    (188, 66),
)


def midway(seed: int, variant: Variant, begun: int) -> Scenario:
    """Three to five things at once around v, which the OOM killer likes best; ``begun`` steps of a random walk are no longer explored.

    So few states are left, and yet victims are counted, timers run, and somebody is just about to sleep.
    """
    rng = random.Random(seed)
    setup = [Op("fork", "init", (name,)) for name in ("p", "c", "s")] + [Op("fork", "p", ("v",))]
    setup += [Op("clone", "v", ("t",))] * rng.randrange(2)
    setup += [Op("memcg_attach", "init", (name, "M")) for name in ("v", "c")]
    setup += [Op("oom_score_adj", "init", ("c", -1000)), Op("oom_score_adj", "init", ("v", 500))]
    setup += [Op("attach", "init", ("v", "A"))] * rng.randrange(2)
    together: dict[str | None, Op] = {}
    for op in rng.sample(_COLLIDING, rng.choice((3, 4, 5))):
        if op.task != "t" or Op("clone", "v", ("t",)) in setup:
            together.setdefault(op.task, op)
    before = Scenario((*[item for op in setup for item in (op, Run())], *together.values()))
    session = play(before, variant)
    machine = session.machine
    current = machine.k.init
    walked: list[str] = []
    while len(walked) < begun and (runnable := machine.runnable_tasks()):
        if current not in runnable or rng.random() < SWITCH:
            current = rng.choice(runnable)
        machine.step(current)
        walked.append(current.name)
    return Scenario((*before.items, Run(Choices(tuple(walked))), Run()))


def led(before: Scenario, variant: Variant, *ways: tuple[str, str]) -> Scenario:
    """What is explored begins when each task in turn has come to its preemption point, the first whose name has this in it."""
    machine = play(before, variant).machine
    walked: list[str] = []
    for name, where in ways:
        t = machine.names_now()[name]
        while True:
            if not machine.runnable(t):
                machine.expire(t)
            machine.step(t)
            walked.append(name)
            if where in describe(t):
                break
    return Scenario((*before.items, Run(Choices(tuple(walked))), Run()))


def set_up(*setup: Op) -> tuple[Op | Run, ...]:
    """Each operation by itself."""
    return tuple([item for op in setup for item in (op, Run())])


AGAIN = "schedule_timeout_uninterruptible(1)"
TICK = "schedule_timeout_killable(1)"


def killed_before_it_sleeps(variant: Variant) -> Scenario:
    """C's charge kills c, which sleeps with the signal pending; it stays a zombie only if s seizes it before it is gone."""
    setup = (
        Op("fork", "init", ("p",)),
        Op("fork", "init", ("s",)),
        Op("fork", "p", ("c",)),
        Op("nocldwait", "p"),
    )
    together = (Op("charge", "c"), Op("ptrace_seize", "s", ("c",)))
    before = Scenario((*set_up(*setup, Op("memcg_attach", "init", ("c", "M"))), *together))
    return led(before, variant, ("c", TICK))


def counted_while_it_is_disabled(variant: Variant) -> Scenario:
    """V is about to be counted off while s waits for that to suspend."""
    setup = (Op("fork", "init", ("v",)), Op("fork", "init", ("s",)), Op("oom_score_adj", "init", ("v", 500)))
    before = Scenario((*set_up(*setup), Op("sysrq_f"), Op("suspend", "s")))
    ways = (("kworker", TICK), ("v", "exit_oom_victim"), ("kworker", "wait for work"), ("s", "usleep_range"))
    return led(before, variant, *ways, ("init", "refrigerator: schedule"), ("s", "oom_victims == 0?"))


def looked_in_vain(variant: Variant) -> Scenario:
    """The kworker's allocation has killed v, and looked for memory twice; v is about to give it back."""
    setup = (Op("fork", "init", ("v",)), Op("oom_score_adj", "init", ("v", 500)))
    before = Scenario((*set_up(*setup), Op("alloc", "kworker")))
    return led(before, variant, ("kworker", TICK), ("kworker", AGAIN), ("kworker", AGAIN), ("kworker", AGAIN))

"""A run of the model with holds as a plan for a stock kernel.

Each task has a CPU of its own.  The model says what to wait for after each operation: who is held, and what becomes of all others.
While the machine is frozen the probe is, too: then only gates tell how far somebody is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from oom_review.errors import BadInput
from oom_review.gates.entries import RESUMES, THROUGH
from oom_review.gates.gate import Gate
from oom_review.gates.holds import ANSWERS, SLEEPS, Gated, Hold, Stage
from oom_review.gates.plan import CLOSE, IS, LIFT, REACHED, Act, Plan, Round
from oom_review.scenario.items import Op

SETTINGS = (
    "/proc/sys/vm/dirty_writeback_centisecs 0",
    "/proc/sys/vm/dirty_bytes 600000000",
    "/proc/sys/vm/dirty_background_bytes 500000000",
    "/sys/power/sync_on_suspend 0",
)
"""The last close alone writes the victim's pages to the disk, and a suspend does not wait for that before it begins."""
IN_THE_KERNEL = frozenset({"charge", "alloc"})
TRIGGERS = IN_THE_KERNEL | {"charge_fault", "sysrq_f"}
SUSPENDS = frozenset({"suspend", "s2idle"})
BY_ITSELF = frozenset({"wakeup"}) | SLEEPS | ANSWERS
KERNEL_THREADS = frozenset({"kworker", "kswapd"})
RUNNING = "running"
DISABLED = "oom_killer_disabled"
DEAD = frozenset({"zombie", "reaped", "dead"})
WRITES = ("{0}: open_disk /dev/vda 16",)
PAYS = ("init: memcg_attach {0} M", "{0}: touch 10", "init: oom_score_adj {0} 1000")
"""Of one process alone: its last close is the disk's, and it is the victim."""


def plan(run: Gated, name: str, runs: int = 1) -> Plan:
    """``name``: of the case; it is played so many times in one boot, and its name has the number of the run behind it.

    Once, if nobody thaws the machine.  Raises BadInput for what can't be told to a probe.
    """
    one = _Translation(run)
    rounds = one.rounds_of(f"{name} 1")
    more = (_Translation(run).rounds_of(f"{name} {i}") for i in range(2, runs + 1))
    settings = Round(tuple(f"set {setting}" for setting in SETTINGS))
    return Plan((settings, *rounds, *chain.from_iterable(more if one.ends else ())), len(one.cpus), one.ends)


class _Translation:
    def __init__(self, run: Gated) -> None:
        self.run = run
        self.ops = [op for stage in run.stages for op in stage.ops]
        births = [str(op.args[0]) for op in self.ops if _bears(op)]
        self.cpus = {name: cpu for cpu, name in enumerate(["init", *births])}
        self.victim = self._victim()
        self.rounds: list[Round] = []
        self.lines: list[str] = []
        self.closed: set[Hold] = set()
        self.acts: list[Act] = []

    def rounds_of(self, name: str) -> list[Round]:
        self.lines += [f"case {name}", "init: pin init 0", "trace on"]
        for stage in self.run.stages:
            self._stage(stage)
        self._lifts()
        self._round()
        self.lines = ["rest", *self._read_again(), "trace", "end"]
        self._round()
        return self.rounds

    def _stage(self, stage: Stage) -> None:
        if self.acts:
            late = next((op for op in stage.ops if op.name not in BY_ITSELF), None)
            if late is not None:
                raise BadInput(f"{late}: the probe can't be told that, as it is frozen by then")
            return
        closing = [hold for hold in stage.held if hold not in self.closed]
        suspended = self._suspends(stage)
        if closing or suspended:
            acts = [Act(CLOSE, self._gate(hold)) for hold in closing]
            if suspended:
                dying = [h.task for h in self.run.holds if h.task != suspended]
                acts += [
                    Act(CLOSE, Gate(RESUMES, self.cpus[suspended])),
                    *(Act(CLOSE, self._through(t)) for t in dying),
                ]
            self._round(acts)
            self.closed.update(closing)
        if self.closed:
            self.lines.append("meanwhile")
        for op in stage.ops:
            self.lines += self._translated(op)
        if suspended:
            self.acts = [Act(REACHED, Gate(RESUMES, self.cpus[suspended]))]
        elif stage.phase != RUNNING:
            self.acts = [Act(REACHED, self._gate(hold)) for hold in closing]
        elif self.closed:
            self.lines += self._waits(stage)
            self._round(
                [
                    *(Act(REACHED, self._gate(h)) for h in closing),
                    Act(IS, variable="oom_victims", value=stage.oom_victims),
                ]
            )

    def _suspends(self, stage: Stage) -> str:
        """Who suspends here with somebody else held; "" for nobody."""
        who = next((op.task for op in stage.ops if op.name in SUSPENDS), None)
        return who if who and self.closed and who not in {h.task for h in stage.held} else ""

    def _lifts(self) -> None:
        """One after the other; whoever dies of it is waited for where its I/O is done, if the probe is frozen and can't tell."""
        resumes = [act.gate for act in self.acts if act.gate.function == RESUMES]
        acts = list(self.acts)
        for hold, after in zip(self.run.holds, self.run.lifts, strict=True):
            dies = (self.acts or not self.ends) and after.states.get(hold.task) in DEAD
            through = [self._through(hold.task)] if dies else []
            new = [self._gate(other) for other in after.held if other not in self.closed]
            self.closed.update(after.held)
            acts += [Act(CLOSE, gate) for gate in (*new, *(through if not resumes else []))]
            acts += [Act(LIFT, self._gate(hold)), *(Act(REACHED, gate) for gate in (*new, *through))]
            acts += [Act(IS, variable=DISABLED, value=1)] if after.phase == "disabled" and after.held else []
            acts += [Act(LIFT, gate) for gate in through]
        acts += [Act(LIFT, gate) for gate in resumes]
        acts += [] if self.ends else [Act(IS, variable="pm_freezing", value=1)]
        if self.acts:
            # What is told to the probe last freezes it: all this comes behind the round before.
            last = self.rounds.pop()
            self.rounds.append(Round(last.lines, last.first, tuple(acts)))
        elif acts:
            self._round((), acts)

    @property
    def ends(self) -> bool:
        """False: whoever froze everybody through /dev/snapshot is gone, and nobody thaws."""
        stages = (*self.run.stages, *self.run.lifts)
        return not (any(op.name == "snapshot_freeze" for op in self.ops) and stages[-1].phase != RUNNING)

    def _round(self, first: Iterable[Act] = (), then: Iterable[Act] = ()) -> None:
        if self.lines or first or then:
            self.rounds.append(Round(tuple(self.lines), tuple(first), tuple(then)))
        self.lines = []

    def _gate(self, hold: Hold) -> Gate:
        return Gate(hold.function, self.cpus[hold.task])

    def _through(self, task: str) -> Gate:
        return Gate(THROUGH, self.cpus[task])

    def _translated(self, op: Op) -> Iterator[str]:
        if op.name in BY_ITSELF:
            return
        if op.name in TRIGGERS and (op.task is None or op.task in KERNEL_THREADS):
            yield "sysrq_f"
            return
        yield str(Op("charge_pipes", op.task) if op.name in IN_THE_KERNEL else op)
        if _bears(op):
            born = str(op.args[0])
            if born == self.victim:
                pays = PAYS if any(op.name in TRIGGERS for op in self.ops) else ()
                yield from (line.format(born) for line in (*WRITES, *pays))
            yield f"init: pin {born} {self.cpus[born]}"

    def _victim(self) -> str:
        """The process that is to run out of memory, or else that somebody of is held; "" for nobody."""
        actors = [op.task for op in self.ops if op.name in TRIGGERS and op.task in self.cpus]
        held = [h.task for h in self.run.holds if h.task != "init"]
        triggered = any(op.name in TRIGGERS for op in self.ops)
        first = next((op.args[0] for op in self.ops if op.name == "fork"), "") if triggered else ""
        name = str(next(filter(None, (*actors, *held, first)), ""))
        above = {str(op.args[0]): str(op.task) for op in self.ops if op.name == "clone"}
        while name in above:
            name = above[name]
        return name

    def _waits(self, stage: Stage) -> Iterator[str]:
        """For all that becomes of whom is not held."""
        return (
            f"wait {task} {state}" for task, state in stage.states.items() if state not in ("dead", "exiting")
        )

    def _read_again(self) -> Iterator[str]:
        """What freezer.state says at rest, where the order of the operations is all."""
        read = next((op for op in reversed(self.ops) if op.name == "read_state"), None)
        if read and not self.run.holds:
            yield str(Op("read_state", "init", read.args))
            yield "rest"


def _bears(op: Op) -> bool:
    return op.name in ("fork", "vfork") or op.name.startswith("clone")

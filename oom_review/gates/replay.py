"""A counterexample forced on a stock kernel so many times, and whether that agrees with the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from oom_review.boot.console import DONE, Record
from oom_review.boot.kernel import BootKernel, release
from oom_review.boot.lacks import lacks
from oom_review.gates.evidence import SHOWN, Real, Run, cases
from oom_review.gates.force import Forced, force
from oom_review.gates.holds import Gated
from oom_review.gates.plan import Plan
from oom_review.gates.translate import plan


@attrs.define(frozen=True)
class Replayed:
    """``held``: who where, in words; ``breaks``: the model does; ``reals``: each run that came to its end; ``lost``: why others did not.

    ``log``: of one run, what was done at the gates and what the kernel said.
    """

    kernel: str
    variant: str
    held: str
    breaks: bool
    reals: tuple[Real, ...]
    lost: tuple[str, ...]
    log: tuple[str, ...]

    @property
    def agreeing(self) -> int:
        """Runs that ended as the model does."""
        return sum(real.broken == self.breaks for real in self.reals)

    @property
    def agrees(self) -> bool:
        """All of them, and there are some."""
        return bool(self.reals) and self.agreeing == len(self.reals)


def replayed(
    kernel: BootKernel,
    probe: bytes,
    run: Gated,
    variant: str,
    claim: str,
    held: str,
    runs: int,
    over: Callable[[], None],
) -> Replayed:
    """In one boot, or in one for each run if a run leaves the machine frozen.  Raises BadInput if a gate can't be had.

    ``over`` is called as each run is, however it ended.
    """
    once = plan(run, claim, runs)
    boots = [
        _forced(kernel, probe, once, runs if once.ends else 1, over) for _ in range(1 if once.ends else runs)
    ]
    each = sum(len(part.first) + len(part.then) for part in plan(run, claim).rounds)
    reals: list[Real] = []
    lost: list[str] = []
    log: tuple[str, ...] = ()
    for forced in boots:
        for i, records in enumerate(cases(forced.outcome.records).values()):
            if why := _does_not_count(forced, records, ends=once.ends):
                lost.append(why)
                continue
            acts = forced.acts[each * i : each * (i + 1)] if once.ends else forced.acts
            reals.append(SHOWN[claim](Run(records, run.scenario, acts)))
            log = log or tuple(_log(acts, records))
        lost += [why] if (why := _ended_early(forced, ends=once.ends)) else []
    reasons = tuple(dict.fromkeys(lost))
    return Replayed(release(kernel), variant, held, claim in run.broken, tuple(reals), reasons, log)


def _forced(kernel: BootKernel, probe: bytes, plan: Plan, runs: int, over: Callable[[], None]) -> Forced:
    """One boot, of so many runs: the last round of each tells that it is over, and the boot's end that all are."""
    told = 0
    each = (len(plan.rounds) - 1) // runs

    def come_to(i: int) -> None:
        nonlocal told
        while told < i // each:
            told += 1
            over()

    forced = force(kernel, probe, plan, come_to)
    for _left in range(told, runs):
        over()
    return forced


def _does_not_count(forced: Forced, records: Sequence[Record], *, ends: bool) -> str:
    """Why that run does not; "" if it does."""
    failed = next((f"{r['failed']}" for r in records if "failed" in r), "")
    restless = "it never came to rest" if any("restless" in r for r in records) else ""
    ended = (not ends and not forced.missed) or any(r.get("at") == "end" for r in records)
    return failed or lacks(records) or restless or ("" if ended else "it did not come to its end")


def _ended_early(forced: Forced, *, ends: bool) -> str:
    if forced.missed:
        return forced.missed
    return f"{forced.outcome.status}: {forced.outcome.why}" if ends and forced.outcome.status != DONE else ""


def _log(acts: Iterable[str], records: Iterable[Record]) -> Iterator[str]:
    yield from (f"gate: {act}" for act in acts)
    for r in records:
        if "event" in r:
            times = f" x{r['times']}" if r["times"] > 1 else ""
            yield f"{r['who']}: {r['event']}{times} {r.get('text', '')}".rstrip()
        elif "did" in r:
            yield f"{r['who']}: {r['did']} = {r['result']}"
        elif "is" in r:
            yield f"{r['who']} is {r['is']}"
        elif r.get("at") == "rest":
            yield f"at rest: oom_victims {r['oom_victims']}"
            yield from (f"  {who} {state}" for who, state in r["tasks"].items())

"""From the outcomes of many jobs to a verdict on each claim, with the bound within which it holds; and what nobody expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from oom_review import ledger
from oom_review.claims import HOLDS, REFUTED, Claim
from oom_review.explore.explorer import BOUNDED, SLEEPS
from oom_review.situations.expectations import EITHER, Expectations
from oom_review.situations.families import EVERY, bearing
from oom_review.situations.job import Outcome
from oom_review.situations.script import lacking, scenario
from oom_review.variants.loading import known


@attrs.define(frozen=True)
class Explored:
    """The verdict on one claim on one variant, from the situations of the claim's family that were to be explored.

    ``bound`` says how much was explored, or where it stopped; a refutation has the smallest situation that shows it.
    """

    claim: Claim
    variant: str
    verdict: str
    bound: str
    smallest: Outcome | None = None


def verdicts(
    wanted: Sequence[str],
    variants: Sequence[str],
    outcomes: Iterable[Outcome],
    claims: Iterable[Claim] | None = None,
) -> list[Explored]:
    """Of each of these claims that these situations bear on, or that was broken in one of them, on each variant that can be in them."""
    by_variant: dict[str, dict[str, Outcome]] = {v: {} for v in variants}
    for outcome in outcomes:
        by_variant[outcome.job.variant][outcome.job.situation] = outcome
    found = []
    for claim in ledger.claims() if claims is None else claims:
        bears = [name for name in wanted if name in bearing(claim.id)]
        for variant in variants:
            family = [name for name in bears if not lacking(EVERY[name], known(variant))]
            cell = _explored(claim, variant, family, by_variant[variant])
            found += [cell] if family or cell.verdict == REFUTED else []
    return found


def _explored(claim: Claim, variant: str, family: Sequence[str], outcomes: dict[str, Outcome]) -> Explored:
    broken = [o for o in outcomes.values() if claim.id in o.refuted]
    if broken:
        smallest = min(broken, key=lambda o: (len(scenario(EVERY[o.job.situation]).operations), o.states))
        bound = f"refuted in {len(broken)} of {_count(len(outcomes), 'situation')}"
        return Explored(claim, variant, REFUTED, bound, smallest)
    stopped = [o.bounded for name in family if name in outcomes and (o := outcomes[name]).bounded]
    left = sum(name not in outcomes for name in family)
    if stopped or left:
        reasons = [f"{stopped[0]} in {len(stopped)}"] if stopped else []
        reasons += [f"{left} not explored"] if left else []
        return Explored(
            claim, variant, BOUNDED, f"bounded: {'; '.join(reasons)} of {_count(len(family), 'situation')}"
        )
    return Explored(claim, variant, HOLDS, bound_of(outcomes[name] for name in family))


def bound_of(outcomes: Iterable[Outcome]) -> str:
    """How much was explored, where nothing was left out."""
    explored = list(outcomes)
    threads = max((EVERY[o.job.situation].threads for o in explored), default=0)
    states = f"{sum(o.states for o in explored):,}".replace(",", " ")
    what = f"all interleavings of {_count(len(explored), 'situation')}, up to {_count(threads, 'thread')}, {states} states"
    return f"{what}; {SLEEPS}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def endless(outcomes: Sequence[Outcome], expectations: Expectations) -> list[Outcome]:
    """Where a run need not come to rest, though it has to on the kernel that the variant is held to."""
    known = {(o.job.situation, o.job.variant) for o in outcomes if o.endless}
    return [
        o
        for o in outcomes
        if o.endless and (o.job.situation, expectations.beside(o.job.variant)) not in known
    ]


def unexpected(
    outcomes: Sequence[Outcome],
    expectations: Expectations = Expectations(),  # noqa: B008 - frozen
) -> list[tuple[Claim, Outcome, str]]:
    """Each verdict that is not the one that the families and the ledger, or the base, let expect, with the expected one."""
    verdicts = {(o.job.situation, o.job.variant): o for o in outcomes}
    bases = expectations.bases({o.job.variant for o in outcomes})
    found = []
    for outcome in outcomes:
        if outcome.job.variant in bases:
            continue
        beside = expectations.beside(outcome.job.variant)
        base = verdicts.get((outcome.job.situation, beside))
        for claim in ledger.claims():
            if base is not None:
                wanted = base.verdict(claim.id)
            else:
                wanted = expectations.in_situation(claim, outcome.job.situation, outcome.job.variant)
            # A limit says nothing, on either side.
            verdict = outcome.verdict(claim.id)
            if verdict not in (wanted, BOUNDED) and wanted not in (EITHER, BOUNDED):
                found.append((claim, outcome, wanted))
    return found

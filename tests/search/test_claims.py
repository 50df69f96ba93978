"""The ledger's verdicts, each asserted as strictly as the other."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test
from settings_of_tests import again, profile

import legacy_tifmemdie
import patched
from kernel_model.variant import Variant
from oom_kernels import v7_3
from oom_review.claims import BY_ID, CLAIMS, HOLDS, REFUTED, Claim
from oom_review.search.claim_machine import INTERLEAVINGS, ClaimRefuted, claim_machine
from oom_review.search.minimize import droppable, minimize
from oom_review.search.one_claim import search
from oom_review.show import failure

VARIANTS = (legacy_tifmemdie.VARIANT, patched.VARIANT, v7_3.VARIANT)


def expected(variant: Variant, verdict: str) -> tuple[Claim, ...]:
    """The claims of which the ledger says this."""
    return tuple(c for c in CLAIMS if c.expected.get(variant.name, HOLDS) == verdict)


REFUTED_CELLS = [(v, c) for v in VARIANTS for c in expected(v, REFUTED) if c.programs]
PUBLISHED = {
    "fridge-empties": "refuted holds",
    "counted-once-per-group": "refuted holds",
    "count-returns": "holds refuted",
    "count-never-negative": "holds holds",
    "disabled-means-quiet": "refuted holds",
    "suspended-means-quiet": "holds holds",
    "no-spurious-ebusy": "holds refuted",
    "victim-dies": "refuted holds",
    "never-marked-while-disabled": "holds holds",
    "fork-cannot-escape": "holds holds",
    "no-io-after-io-context": "holds holds",
    "bystanders-stay": "holds holds",
    "mm-pin-balanced": "holds holds",
    "sharers-leave": "refuted refuted",
    "ebusy-names-a-task": "holds holds",
    "fridge-has-a-reason": "holds holds",
    "frozen-does-not-run": "refuted refuted",
    "suspender-stays-awake": "holds holds",
    "machine-wakes": "refuted refuted",
    "killed-dies": "refuted refuted",
    "no-deadlock": "refuted refuted",
    "zombies-go": "holds holds",
    "memory-waiters-go-on": "holds holds",
    "marked-reaches-exit-mm": "holds holds",
    "no-tail-when-suspended": "holds holds",
}


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_what_ought_to_hold_holds(variant: Variant) -> None:
    """No example of the profile breaks a claim that the ledger expects to hold."""
    machine = claim_machine(variant, expected(variant, HOLDS))
    try:
        run_state_machine_as_test(machine, settings=profile())
    except ClaimRefuted as refuted:
        claim = BY_ID[refuted.violation.claim]
        scenario = minimize(refuted.scenario, variant, claim)
        told = failure.account(scenario, variant, claim.id)
        pytest.fail(f"{refuted}\n{told}\n{again(refuted)}", pytrace=False)


@pytest.mark.parametrize(("variant", "claim"), REFUTED_CELLS, ids=lambda x: getattr(x, "name", "") or x.id)
def test_what_ought_to_be_refuted_is_refuted(variant: Variant, claim: Claim) -> None:
    """Hypothesis finds each expected violation from nothing, and shrinks it to a script that nobody can shorten."""
    assert claim in CLAIMS
    found = search(variant, claim, max_examples=2000)
    assert found.verdict == REFUTED
    assert found.scenario is not None
    assert droppable(found.scenario, variant, BY_ID[found.claim]) == []


def test_the_ledger_is_the_published_table() -> None:
    """The verdicts that the suite asserts are those that were promised for the two kernels of 2016, and what we found."""
    ledger = {c.id: f"{c.expected['legacy_tifmemdie']} {c.expected['patched']}" for c in CLAIMS}
    assert ledger == PUBLISHED


@pytest.mark.parametrize("first_seed", range(2))
def test_same_seed_same_result(first_seed: int) -> None:
    """A search is a function of its seed: twice the same counterexample after as many examples."""
    variant, claim = patched.VARIANT, BY_ID["count-returns"]
    first, second = (search(variant, claim, max_examples=500, first_seed=first_seed) for _ in range(2))
    assert (first.scenario, first.examples, first.interleavings) == (
        second.scenario,
        second.examples,
        second.interleavings,
    )


def test_a_claim_that_holds_is_not_refuted_by_searching_for_it() -> None:
    """The search says holds, with what it tried, where there is nothing to find."""
    found = search(patched.VARIANT, BY_ID["count-never-negative"], max_examples=20)
    assert (found.verdict, found.scenario, found.violation) == (HOLDS, None, None)
    assert found.examples >= 20


@pytest.mark.parametrize("first_seed", range(3))
def test_programs_that_kill_nobody_do_not_count(first_seed: int) -> None:
    """A search for so many examples has tried other interleavings of as many programs in which somebody may die."""
    found = search(patched.VARIANT, BY_ID["count-never-negative"], max_examples=20, first_seed=first_seed)
    assert found.interleavings >= 20 * INTERLEAVINGS
    assert found.interleavings == found.examples * INTERLEAVINGS

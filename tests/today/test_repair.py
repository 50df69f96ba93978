"""What the count that falls with the last thread past its I/O was tried against beyond the situations: who else may die, and how one may sleep.

Inits of pid namespaces, sharers of the mm, hibernation, io_uring's workers: all interleavings, on both bases.
"""

from __future__ import annotations

import pytest
from todays import AFTER, BEFORE, broken, short

from kernel_model.variant import Variant
from oom_kernels import last_out, v7_3_last_out, v7_3_rfc
from oom_review.claims import CLAIMS, REFUTED
from oom_review.scenario.items import Op
from oom_review.search.claim_machine import claim_machine
from oom_review.search.one_claim import run_machine

ON_2016, ON_7_3 = last_out.VARIANT, v7_3_last_out.VARIANT
FIRST = "init: oom_score_adj {} 1000"
NAMESPACE = ("init: clone_newpid n", "n: fork c")
SHARED = ("init: fork v", "v: clone_vm w", FIRST.format("v"))
ALONE = ("init: fork v", FIRST.format("v"))
TWO = ("init: fork v", "v: clone t", FIRST.format("v"))
OOM, SUSPEND, HIBERNATE = "kworker: alloc", "init: suspend", "init: hibernate"
SHARERS = {"sharers-leave"}

SCRIPTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], set[str]]] = {
    "namespace": ((*NAMESPACE, FIRST.format("n")), (OOM, SUSPEND), set()),
    "namespace-threads": ((*NAMESPACE, "n: clone t", FIRST.format("n")), (OOM, SUSPEND), set()),
    "namespace-tracer": (
        (*NAMESPACE, "n: ptrace_seize c", "n: ignore_sigchld", FIRST.format("n")),
        ("c: exit", OOM, SUSPEND),
        set(),
    ),
    "namespace-exec": (
        ("init: clone_newpid n", "n: clone t", FIRST.format("n")),
        ("t: execve", OOM, SUSPEND),
        set(),
    ),
    "namespace-hibernation": ((*NAMESPACE, FIRST.format("n")), (OOM, HIBERNATE), set()),
    "hibernation": (ALONE, (OOM, HIBERNATE), set()),
    "hibernation-threads": (TWO, (OOM, HIBERNATE), set()),
    "hibernation-frozen": ((*TWO, "init: attach v A", "init: freeze A"), (OOM, HIBERNATE), set()),
    "hibernation-suspend": ((*ALONE, "init: fork s"), (OOM, HIBERNATE, "s: suspend"), set()),
    "snapshot-hibernation": ((*ALONE, "init: fork s"), (OOM, "s: snapshot_freeze", HIBERNATE), set()),
    "sharer": (SHARED, (OOM, SUSPEND), SHARERS),
    "sharer-threads": ((*TWO, "v: clone_vm w", FIRST.format("v")), (OOM, SUSPEND), SHARERS),
    "sharer-hibernation": (SHARED, (OOM, HIBERNATE), SHARERS),
    "vfork": (ALONE, ("v: vfork w", OOM, SUSPEND), SHARERS),
}
"""One by one in peace; all at once; what breaks."""
SMALL = ("hibernation", "sharer")
"""On the kernel of 2016 the others have 40 000 to some millions of states."""


@pytest.mark.parametrize("name", SCRIPTS)
def test_on_7_3(name: str) -> None:
    before, meanwhile, expected = SCRIPTS[name]
    assert broken(ON_7_3, before, meanwhile) == expected


@pytest.mark.parametrize("name", SMALL)
def test_on_the_kernel_of_2016(name: str) -> None:
    before, meanwhile, expected = SCRIPTS[name]
    assert broken(ON_2016, before, meanwhile) == expected


WORKER = ("init: fork v", "v: io_uring_worker w", FIRST.format("v"))
IN_A = ("init: attach v A", "init: freeze A")
LEAKS = {"count-returns", "no-spurious-ebusy"}
LOUD = {"disabled-means-quiet", "suspended-means-quiet", "no-tail-when-suspended"}
STAYS = {"fridge-empties", "victim-dies", "marked-reaches-exit-mm"}
RFC_7_3 = v7_3_rfc.VARIANT


@pytest.mark.parametrize(
    ("kernel", "frozen", "suspend"),
    [
        (BEFORE, STAYS, {"disabled-means-quiet"}),
        (AFTER, set(), LOUD),
        (RFC_7_3, {"count-returns"}, LEAKS),
        (ON_7_3, set(), set()),
    ],
    ids=short,
)
def test_a_worker_of_io_uring(kernel: Variant, frozen: set[str], suspend: set[str]) -> None:
    """A process of one thread that has one: in a frozen cgroup, and beside a suspend while it asks for more."""
    assert broken(kernel, (*WORKER, *IN_A), (OOM,)) == frozen
    assert broken(kernel, WORKER, (OOM, SUSPEND, "v: io_uring_request")) == suspend


@pytest.mark.parametrize(
    ("before", "meanwhile"),
    [
        (ALONE, (OOM, SUSPEND, "v: io_uring_worker w")),
        (WORKER, (OOM, SUSPEND, "v: execve")),
        (WORKER, (OOM, HIBERNATE)),
    ],
    ids=["born", "exec", "hibernation"],
)
def test_a_worker_is_counted_like_any_thread(before: tuple[str, ...], meanwhile: tuple[str, ...]) -> None:
    assert broken(ON_7_3, before, meanwhile) == set()


def test_random_programs_beside_a_worker() -> None:
    """All promises that this kernel keeps; a process with a worker is there from the beginning."""
    kept = tuple(c for c in CLAIMS if c.expected[ON_7_3.name] != REFUTED)
    born = []

    class Beside(claim_machine(ON_7_3, kept)):  # type: ignore[misc]  # the base is a value
        def __init__(self) -> None:
            super().__init__()
            leader = self.birth("fork", "init")
            self.settle()
            born.append(self.submit(Op("io_uring_worker", leader, (f"p{self.births + 1}",))))
            self.births += 1
            self.settle()

    run_machine(Beside, max_examples=25, first_seed=0)
    assert all(born)
    assert len(born) >= 25


def test_who_waits_for_a_worker_in_a_shut_fridge_has_an_excuse() -> None:
    """A user can see that it is kept shut: killed-dies holds; and ebusy-names-a-task, as the owner is one."""
    assert broken(AFTER, (*WORKER, *IN_A), ("init: kill v KILL",)) == set()
    assert broken(AFTER, (*WORKER, "init: fork a"), ("a: kill v KILL", SUSPEND)) == set()

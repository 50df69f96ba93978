"""A kernel's own operations are drawn in its programs, and only there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

import patched
from kernel_model.operations import Arg, Operation
from kernel_model.preempt import Steps, point
from kernel_model.sched import Kernel, TaskStruct
from kernel_model.variant import Variant
from oom_kernels import v6_12, v7_3
from oom_review.claims import BY_ID
from oom_review.scenario.items import Op
from oom_review.search.claim_machine import claim_machine
from oom_review.search.one_claim import run_machine
from oom_review.search.own_operations import DEATHS, SLEEPERS, b_own, own_operations, rules

MET = point("meet", "somebody")


def asked(variant: Variant, examples: int = 120) -> Counter[str]:
    """How often programs of this kernel ask for each operation, as far as it was possible."""
    machine = claim_machine(variant, (BY_ID["count-never-negative"],))
    names: Counter[str] = Counter()

    class Counted(machine):  # type: ignore[misc, valid-type]  # the base is a value
        interleavings = 0

        def submit(self, op: Op) -> bool:
            possible: bool = super().submit(op)
            if possible:
                names[op.name] += 1
            return possible

    run_machine(Counted, max_examples=examples, first_seed=1)
    return names


@pytest.mark.parametrize("variant", [v6_12.VARIANT, v7_3.VARIANT], ids=lambda v: v.name)
def test_programs_of_today_have_todays_operations(variant: Variant) -> None:
    """The slow close and its answer, terminals, s2idle."""
    names = asked(variant)
    own = {"open_fuse", "fuse_answer", "open_ttys", "s2idle"}
    assert own == {o.name for o in own_operations(variant)}
    assert own <= names.keys()


@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("name", [*SLEEPERS, "open_fuse"])
def test_a_process_that_sleeps_or_has_a_slow_file_dies(name: str, death: str) -> None:
    """With threads, while the machine goes to s2idle: the rule asks for nothing that is not possible."""
    machine = claim_machine(v7_3.VARIANT, ())()
    b_own(machine, name, Op("s2idle", "init"), (2, death), 7)
    asked_for = [item.name for item in machine.items if isinstance(item, Op)]
    killer = "sysrq_f" if death == "sysrq_f" else "alloc"
    assert asked_for == ["fork", "clone", "oom_score_adj", name, killer, "s2idle"]
    machine.settle()
    assert not machine.endless


def test_a_kernel_without_has_no_rule_more() -> None:
    """So that its programs are what they were, seed by seed."""
    assert rules(patched.VARIANT) == {}
    of_today = set(dir(claim_machine(v7_3.VARIANT, ()))) - set(dir(claim_machine(patched.VARIANT, ())))
    assert of_today == {"b_own", "z_own"}


def meet(k: Kernel, cur: TaskStruct, target: TaskStruct, sig: int, score: int) -> Steps[str]:
    """Of somebody's patch."""
    yield MET
    return ""


def born(k: Kernel, cur: TaskStruct, name: str, cgroup: object, memcg: object) -> Steps[str]:
    """Of somebody's patch."""
    yield MET
    return ""


def kernel(name: str, takes: dict[str, Arg], start: Callable[..., object], weight: int = 1) -> Variant:
    """The RFC with one operation more."""
    operation = Operation(name, "user", takes, start, "an operation", weight)
    return Variant("patch", operations=(operation,), base=patched.VARIANT)


def test_a_patchs_own_operation_is_drawn_with_its_arguments() -> None:
    meeting = kernel("meet", {"target": Arg.TASK, "sig": Arg.SIGNAL, "score": Arg.NUMBER}, meet)
    assert asked(meeting)["meet"]
    birth = kernel("born", {"name": Arg.NEW, "cgroup": Arg.CGROUP, "memcg": Arg.MEMCG}, born)
    assert asked(birth)["born"]


def test_an_operation_without_weight_is_not_drawn() -> None:
    """And a weight that is none is refused."""
    assert not asked(kernel("meet", {}, meet, 0), 20)["meet"]
    with pytest.raises(ValueError, match="weight"):
        kernel("meet", {}, meet, -1)

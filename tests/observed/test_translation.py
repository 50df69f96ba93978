"""Situations as scripts of the probe: the model's operations, and why some can't be had."""

from __future__ import annotations

import pytest

from oom_review.observed.translation import KERNEL_THREADS, NOT_TO_BE_HAD, SERVE, Played, text, translated
from oom_review.scenario.items import Op
from oom_review.situations.families import EVERY
from oom_review.situations.script import scenario

SCRIPTS = {name: translated(s) for name, s in EVERY.items()}
PLAYED = {name: s for name, s in SCRIPTS.items() if isinstance(s, Played)}


def test_how_many() -> None:
    """Each has a script or a reason, and most have a script."""
    assert len(PLAYED) == 168
    reasons = {s for s in SCRIPTS.values() if isinstance(s, str)}
    assert all(len(reason) > 30 for reason in reasons)


@pytest.mark.parametrize("name", PLAYED)
def test_the_operations_are_the_situations(name: str) -> None:
    """Word for word and in order, but for what stands for a kernel thread's OOM, memory that is filled, and who wakes the machine."""
    ours = [
        line for line in PLAYED[name].lines if line not in {"race", "rest", SERVE} and ": touch " not in line
    ]
    theirs = [
        "sysrq_f" if op.task in KERNEL_THREADS else str(op)
        for op in scenario(EVERY[name]).operations
        if op.name != "wakeup"
    ]
    assert ours == theirs
    assert [str(op) for op in PLAYED[name].scenario.operations if op.name != "wakeup"] == theirs


@pytest.mark.parametrize("name", PLAYED)
def test_nobody_is_told_two_things_at_once(name: str) -> None:
    """The probe's tasks do one thing at a time."""
    lines = PLAYED[name].lines
    told = [line.partition(": ")[0] for line in lines[lines.index("race") + 1 :] if ": " in line]
    assert len(told) == len(set(told))


def test_memory_fits_before_anybody_charges() -> None:
    """10 MB of 16, however many share it; who can't be killed has next to none."""
    for name, script in PLAYED.items():
        filled = [int(line.rpartition(" ")[2]) for line in script.lines if ": touch " in line]
        assert sum(filled) in ({10} if "memcg" in name or "self" in name else {0, 10}), name
    assert "p: touch 5" in PLAYED["charge/two"].lines
    assert "p: touch 10" not in PLAYED["suspend/charge"].lines


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("suspend/io", NOT_TO_BE_HAD["io_submit"]),
        ("kill/dump-pipe", NOT_TO_BE_HAD["core_pipe"]),
        ("snapshot/thread", "/dev/snapshot"),
        ("snapshot/thread-killed", "/dev/snapshot"),
        ("snapshot/own-cgroup", "/dev/snapshot"),
        ("trace/exec", "cred_guard_mutex"),
        ("fuse/answer-asleep", "frozen its FUSE server"),
        ("global-oom/threads=1/racing=second-oom", "SysRq-f"),
    ],
)
def test_why_not(name: str, word: str) -> None:
    """In words."""
    assert word in str(SCRIPTS[name])


def test_one_global_oom_is_sysrq_f() -> None:
    """In the prediction, too."""
    script = PLAYED["global-oom/threads=2"]
    assert script.lines[-2:] == ("sysrq_f", "rest")
    assert script.scenario.operations[-1] == Op("sysrq_f")


def test_a_server_is_there_before_anybody_opens_its_file() -> None:
    """And nowhere else; it answers before all that happens at once begins, as an event does."""
    served = {name for name, script in PLAYED.items() if SERVE in script.lines}
    assert served == {name for name, script in PLAYED.items() if any("open_fuse" in x for x in script.lines)}
    assert all(PLAYED[name].lines[0] == SERVE for name in served)
    answered = [script.lines for script in PLAYED.values() if "fuse_answer" in script.lines]
    assert answered
    assert all(lines[lines.index("race") + 1] == "fuse_answer" for lines in answered)


def test_a_case() -> None:
    """As the probe gets it."""
    assert text(PLAYED["wait/exit"], 7) == (
        "case wait/exit\nseed 7\ninit: fork p\np: fork c\nrace\nc: exit_group\np: wait\nrest\nend\n"
    )

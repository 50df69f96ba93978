"""Whose memory a memory cgroup's charge waits for: pages go back to the cgroup that they were charged to."""

from __future__ import annotations

import pytest
from boot import Box

import legacy_tifmemdie
import patched
from kernel_model.sched import MemCgroup, MmStruct
from kernel_model.variant import Variant
from oom_kernels import v7_3
from oom_review.explore import explore
from oom_review.scenario.items import Op, Run, Scenario

KERNELS = (legacy_tifmemdie.VARIANT, patched.VARIANT, v7_3.VARIANT)


@pytest.fixture(params=KERNELS, ids=lambda variant: variant.name)
def box(request: pytest.FixtureRequest) -> Box:
    """Processes hog, v and x; hog can't be killed; memory cgroups M and N, which has a limit, too."""
    made = Box(request.param)
    made.fork("hog", "v", "x")
    made.k.memcgs["N"] = MemCgroup("N")
    made.do("memcg_attach", "init", "hog", "M")
    made.do("oom_score_adj", "init", "hog", -1000)
    return made


def charged(box: Box, name: str) -> str:
    mm = box[name].mm
    assert isinstance(mm, MmStruct)
    return mm.memcg.name if mm.memcg is not None else "-"


def freed(box: Box) -> tuple[int, int, int]:
    """Everywhere, in M, in N."""
    return (box.k.freed, box.k.memcgs["M"].freed, box.k.memcgs["N"].freed)


def test_a_charge_below_meets_the_limit_above(box: Box) -> None:
    """The killer looks at both cgroups, and what a victim in the lower one frees is room in the upper one."""
    box.do("memcg_attach", "init", "v", "M")
    box.do("memcg_attach", "init", "x", "M/N")
    box.do("oom_score_adj", "init", "v", 500)
    box.do("charge", "x")
    assert box["x"].result
    assert box["v"].at is None
    assert box.user_mode("hog", "x")
    assert (box.k.memcgs["M"].freed, box.k.memcgs["M/N"].freed) == (1, 0)
    box.do("charge", "hog")
    assert box["x"].at is None
    assert (box.k.memcgs["M"].freed, box.k.memcgs["M/N"].freed) == (2, 1)


def test_a_charge_below_may_kill_above(box: Box) -> None:
    """Parents first; whoever is in no cgroup of the tree is not seen."""
    box.do("memcg_attach", "init", "v", "M")
    box.do("oom_score_adj", "init", "x", 1000)
    box.do("fork", "init", "low")
    box.do("memcg_attach", "init", "low", "M/N")
    box.do("oom_score_adj", "init", "low", -1000)
    box.do("charge_fault", "low")
    assert box["v"].at is None
    assert box.user_mode("x", "low")


def test_an_exit_frees_where_the_pages_were_charged(box: Box) -> None:
    box.do("memcg_attach", "init", "v", "N")
    box.do("exit_group", "v")
    assert freed(box) == (1, 0, 1)
    box.do("exit_group", "x")
    assert freed(box) == (2, 0, 1)


@pytest.mark.parametrize("box", KERNELS[:2], indirect=True, ids=lambda variant: variant.name)
def test_the_reaper_frees_where_the_pages_were_charged(box: Box) -> None:
    """The victim's memory goes, and the victim can't; 7.3's reaper waits for two seconds first (tests/today)."""
    box.do("memcg_attach", "init", "v", "N")
    box.do("oom_score_adj", "init", "v", 1000)
    box.ask("sysrq_f")
    box.until("kworker", "wake_oom_reaper")
    box["v"].at = None
    box.rest()
    assert box["v"].exit_state == 0
    assert freed(box) == (1, 0, 1)


def test_a_charge_is_not_satisfied_by_another_cgroups_victim(box: Box) -> None:
    """v is killed in N while hog waits in M: hog looks again, in vain, and its own cgroup's OOM kill comes."""
    box.do("memcg_attach", "init", "v", "N")
    box.do("memcg_attach", "init", "x", "M")
    box.do("oom_score_adj", "init", "v", 1000)
    box.ask("charge", "hog")
    box.until("hog", "room by now")
    box.ask("sysrq_f")
    for name in ("kworker", "v"):
        box.alone(name)
    assert box["v"].at is None
    assert freed(box) == (1, 0, 1)
    box.rest()
    assert box["x"].at is None
    assert box["hog"].result is True


def test_nobody_to_kill_and_memory_freed_elsewhere_is_no_room(box: Box) -> None:
    box.ask("charge", "hog")
    box.until("hog", "room by now")
    box.ask("exit_group", "x")
    box.alone("x")
    assert freed(box) == (1, 0, 0)
    box.rest()
    assert box["hog"].result is False


def test_charges_stay_where_they_were_made(box: Box) -> None:
    """From one memory cgroup to the next a process goes without them (memory.move_charge_at_immigrate is 0)."""
    assert charged(box, "v") == "-"
    box.do("memcg_attach", "init", "v", "M")
    assert charged(box, "v") == "M"
    box.do("memcg_attach", "init", "v", "N")
    assert charged(box, "v") == "M"
    box.do("exit_group", "v")
    assert freed(box) == (1, 1, 0)


def test_a_new_address_space_is_charged_where_its_owner_lives(box: Box) -> None:
    """fork() and execve() after a move: the old pages are the old cgroup's, the new ones the new cgroup's."""
    box.do("memcg_attach", "init", "v", "M")
    box.do("memcg_attach", "init", "v", "N")
    box.fork("child", by="v")
    assert charged(box, "child") == "N"
    box.do("execve", "v")
    assert charged(box, "v") == "N"
    assert freed(box) == (1, 1, 0)


def test_who_only_shares_the_mm_takes_no_pages_along(box: Box) -> None:
    """Pages are charged to the cgroup of the mm's owner."""
    box.do("clone_vm", "v", "sharer")
    box.do("memcg_attach", "init", "sharer", "M")
    assert charged(box, "sharer") == "-"
    box.do("exit_group", "v")
    box.do("memcg_attach", "init", "sharer", "N")
    assert charged(box, "sharer") == "N"


@pytest.mark.parametrize("dying", ["killed", "execs", "exits"])
def test_who_does_not_come_back_to_user_mode_touches_nothing(box: Box, dying: str) -> None:
    """A move finds a group that is killed, one that waits in execve() for its other threads, or the last thread on its way out."""
    if dying == "killed":
        box.ask("kill", "init", "v", "KILL")
        box.alone("init")
    elif dying == "execs":
        box.clone("v", "t")
        box.ask("execve", "v")
        box.until("v", "wait for the other threads")
    else:
        box.ask("exit", "v")
        box.until("v", "mm_release")
    box.ask("memcg_attach", "init", "v", "M")
    box.alone("init")
    assert box.k.memcgs["M"].tasks[-1].signal is box["v"].signal
    assert charged(box, "v") == "-"


def script(*inside: str) -> Scenario:
    """hog, who can't be killed, and v are in M; hog meets M's limit while x exits."""
    before = [Op("fork", "init", (name,)) for name in ("hog", "v", "x")]
    before += [Op("memcg_attach", "init", (name, "M")) for name in ("hog", "v", *inside)]
    before += [Op("oom_score_adj", "init", ("hog", -1000)), Op("oom_score_adj", "init", ("v", 1000))]
    peace = [item for op in before for item in (op, Run())]
    return Scenario((*peace, Op("charge", "hog"), Op("exit_group", "x"), Run()))


@pytest.mark.parametrize("variant", KERNELS, ids=lambda variant: variant.name)
@pytest.mark.parametrize(("inside", "fates"), [((), {"zombie"}), (("x",), {"zombie", "user mode"})])
def test_only_an_exit_inside_can_save_the_victim(
    variant: Variant, inside: tuple[str, ...], fates: set[str]
) -> None:
    """All interleavings: what x frees is room in M if x is charged to M."""
    result = explore(script(*inside), variant)
    assert not result.bounded
    assert {state for f in result.finals for name, state, *_rest in f.tasks if name == "v"} == fates

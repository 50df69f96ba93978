"""Which files are mutated, and which tests a mutant of each has to survive: those that are quick and look at what a kernel does.

Not among them: what compares text (hunks, pages, the table of switches); what rewrites source text and so fails on any change of it
(tests/test_mutations.py, tests/today/test_today_mutations.py); golden numbers of states and recorded steps (tests/test_corpus.py,
tests/explore), which a change that nobody can observe would break, too.
"""

from __future__ import annotations

from pathlib import Path

VARIANTS = ("legacy_tifmemdie", "patched", "oom_kernels")
BASE = tuple(
    f"kernel_model/{name}.py"
    for name in ("exit", "freezer", "cgroup_freezer", "signal", "get_signal", "oom", "oom_kill", "oom_reaper")
)

Stages = tuple[tuple[str, ...], ...]

MODEL = ("tests/model",)
EXITS = tuple(f"tests/model/test_{name}.py" for name in ("exit", "marking", "power"))
TODAY = (
    *(
        f"tests/today/test_today_{name}.py"
        for name in (
            *("exit", "signal", "coredump", "tasks", "freezer", "fridge", "freezer_v2", "cgroup_kill"),
            *("oom", "oom_group", "memory", "mrelease", "io_wq", "groups"),
        )
    ),
    "tests/model/test_marking.py",
)
WALKS = tuple(f"tests/today/test_today_{name}.py" for name in ("walks", "promises"))
ROADS = ("tests/test_roads_not_taken.py",)
UNIT_TESTS = {
    stem: f"tests/model/test_{tests}.py"
    for tests, stems in {
        "exit": ("exit",),
        "freezer": ("freezer",),
        "cgroup_freezer": ("cgroup_freezer",),
        "signal": ("signal",),
        "get_signal": ("get_signal",),
        "oom": ("oom", "oom_kill", "oom_reaper"),
    }.items()
    for stem in stems
}
TODAY_TESTS = {
    stem: f"tests/today/test_today_{tests}.py"
    for tests, stems in {
        "signal": ("signal", "get_signal", "ptrace", "ptrace_stop"),
        "coredump": ("coredump",),
        "memory": ("memcontrol", "oom_kill", "oom_reaper"),
        "fridge": ("cgroup_freezer", "freezer", "pid_namespace", "power", "sched", "sleepers", "wait"),
        "tasks": ("exit", "file", "fork"),
        "groups": ("cgroup", "cgroup_freezer_v2", "css_task_iter", "exec", "io_wq"),
    }.items()
    for stem in stems
}
STAGES: dict[str, Stages] = {
    "oom_kernels/hunks/": (EXITS, ("tests/test_mixtures.py",), ("tests/ablate/test_ablation.py",)),
    "oom_kernels/today/": (TODAY, MODEL, WALKS),
    "oom_kernels/last_out/": (EXITS, ("tests/today/test_last_out.py",), ROADS),
    "oom_kernels/v7_3_last_out/": (EXITS, ("tests/today/test_last_out.py",), WALKS),
    "oom_kernels/v7_3_rfc/": (EXITS, TODAY, WALKS),
    "oom_kernels/": (EXITS, ROADS),
    "": (MODEL, TODAY, ("tests/test_scenarios_fridge.py", "tests/claims/test_waiting.py"), WALKS),
}
"""By the beginning of the path, the first that fits: a later stage runs if the one before it is green."""

TEXT = ("tests/test_roads_not_taken.py::test_the_page_has_this_table",)
"""Tests among these that compare text."""


def files(root: Path) -> dict[str, list[str]]:
    """The files that are mutated, by part."""
    variants = [p for package in VARIANTS for p in (root / package).rglob("*.py")]
    return {"variants": sorted(str(p.relative_to(root)) for p in variants), "kernel_model": list(BASE)}


def stages_of(path: str) -> Stages:
    """Those for a file; where its own unit tests exist they come first, alone: most mutants die there, in a second."""
    stages = next(stages for beginning, stages in STAGES.items() if path.startswith(beginning))
    units = {MODEL: UNIT_TESTS, TODAY: TODAY_TESTS}.get(stages[0], {})
    own = units.get(Path(path).stem)
    return stages if own is None else ((own,), *stages)

"""The core situation: a victim of N threads, a memory cgroup's OOM, a suspend, a parent that waits; as a table for N = 1, 2, ..."""

from __future__ import annotations

import argparse
import sys
import time

import legacy_tifmemdie
import patched
from oom_kernels import v6_12, v7_3, v7_3_last_out, v7_3_rfc
from oom_review.claims import REFUTED
from oom_review.explore import Bounds, Limits, explore
from oom_review.scenario.items import Op, Run, Scenario, in_peace

VARIANTS = {
    "legacy": legacy_tifmemdie.VARIANT,
    "patched": patched.VARIANT,
    "6.12": v6_12.VARIANT,
    "7.3": v7_3.VARIANT,
    "7.3-rfc": v7_3_rfc.VARIANT,
    "7.3-last-out": v7_3_last_out.VARIANT,
}


def core_situation(threads: int) -> Scenario:
    """Charger c can't be killed; v and c are in memory cgroup M; everything after the set-up is concurrent.

    Init suspends: it would have to freeze otherwise, and a bystander who only freezes doubles the states.
    """
    setup = [
        Op("fork", "init", ("p",)),
        Op("fork", "p", ("v",)),
        Op("fork", "init", ("c",)),
    ]
    setup += [Op("clone", "v", (f"t{i}",)) for i in range(1, threads)]
    setup += [Op("memcg_attach", "init", (name, "M")) for name in ("v", "c")]
    setup.append(Op("oom_score_adj", "init", ("c", -1000)))
    concurrent = (Op("charge", "c"), Op("suspend", "init"), Op("wait", "p"), Run())
    return Scenario((*in_peace(setup), *concurrent))


def main(arguments: list[str] | None = None) -> int:
    """Print one line per number of threads; 1 if a limit was hit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.core", description=__doc__)
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], help="threads of the victim (default: 1 2)"
    )
    parser.add_argument("--variant", choices=sorted(VARIANTS), nargs="+", default=["legacy", "patched"])
    parser.add_argument("--seconds", type=float, help="give up after so many for each line")
    parser.add_argument("--states", type=int, help="give up after so many for each line")
    for reduction in ("por", "symmetry", "whole-walks"):
        parser.add_argument(
            f"--no-{reduction}",
            dest=reduction.replace("-", "_"),
            action="store_false",
            help=f"switch off {reduction}",
        )
    parser.add_argument(
        "--short-sleeps", action="store_true", help="short sleeps may end while others can still run"
    )
    args = parser.parse_args(arguments)
    if min(args.threads) < 1:
        parser.error(f"--threads {min(args.threads)}: a group has at least one thread")
    limits = Limits(args.states, args.seconds)
    print(
        f"{'variant':14}{'N':>3}{'states':>10}{'transitions':>13}{'executions':>12}{'ends':>6}{'seconds':>9}  refuted"
    )
    bounded = False
    for variant in args.variant:
        for n in args.threads:
            start = time.perf_counter()
            result = explore(
                core_situation(n),
                VARIANTS[variant],
                bounds=Bounds(
                    por=args.por,
                    symmetry=args.symmetry,
                    whole_walks=args.whole_walks,
                    short_sleeps=args.short_sleeps,
                ),
                limits=limits,
            )
            seconds = time.perf_counter() - start
            c = result.counts
            refuted = ", ".join(i for i, v in result.verdicts.items() if v.verdict == REFUTED) or "none"
            end = f" (bounded: {result.stopped})" if result.stopped else ""
            numbers = (
                f"{c.states:>10}{c.transitions:>13}{c.executions:>12}{len(result.finals):>6}{seconds:>9.2f}"
            )
            print(f"{variant:14}{n:>3}{numbers}  {refuted}{end}", flush=True)
            bounded = bounded or bool(result.stopped)
    return int(bounded)


if __name__ == "__main__":
    sys.exit(main())

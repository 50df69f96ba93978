"""``oom-review find EXPRESSION``: the smallest run that ends so, or that there is none within the bounds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from kernel_model.errors import IllegalOperation
from oom_review.commands.keep import with_expectations
from oom_review.commands.options import MOST_STATES, add_claims, add_jobs, add_variants, number
from oom_review.errors import BadInput
from oom_review.explore.explorer import SLEEPS
from oom_review.explore.setup import played
from oom_review.files import check_directory, write_beside
from oom_review.find.expression import NAMES, parse
from oom_review.find.search import Answer, Job, find
from oom_review.play.trace import record
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import ScenarioFile, Settings
from oom_review.scenario.items import Run, Scenario
from oom_review.show.columns import focus_columns
from oom_review.show.remarks import Focus
from oom_review.situations.families import QUICK, SITUATIONS, select
from oom_review.situations.script import possible, scenario
from oom_review.variants.loading import DEFAULT_VARIANTS, known, load_all, origins, replaying

STATES = 100_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.description = (
        "Explore scripts, the smallest first, until one of them can end so, and print the smallest run that does.  Without FILE: the quick "
        "situations (docs/situations.md).  Status 0 if there is one on any of the variants, 1 if not."
    )
    parser.add_argument(
        "expression",
        metavar="EXPRESSION",
        nargs="?",
        help="such as 'suspend == EBUSY and zombies' (--names says what may stand in it)",
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", help="only this scenario file's last run; - for standard input"
    )
    parser.add_argument("--names", action="store_true", help="say which names an expression may have")
    parser.add_argument(
        "--situation", metavar="GLOB", action="append", help="only these situations; may be repeated"
    )
    parser.add_argument(
        "--states",
        type=number(int, MOST_STATES),
        metavar="N",
        default=STATES,
        help=f"stop each exploration after so many states ({STATES})",
    )
    parser.add_argument(
        "--save", metavar="DIR", default="found", help="where what is found is written (found)"
    )
    add_variants(parser, "look on", "all four")
    add_claims(parser)
    add_jobs(parser)


def run(options: argparse.Namespace) -> int:
    """Status 0 if one is found, else 1.  Raises BadInput."""
    if options.names:
        print("\n".join(f"{name:10}{what}" for name, (what, _value) in NAMES.items()))
        print("Threads that nothing tells apart have one name, such as 'a thread of v'.")
        return 0
    if options.expression is None:
        raise BadInput("find needs an expression (--names says what may stand in it)")
    parse(options.expression)
    variants = [v.name for v in load_all(options.variant or DEFAULT_VARIANTS)]
    scripts = _scripts(options, variants)
    found = False
    for variant in filter(scripts.get, variants):
        jobs = [Job(name, s, variant, options.expression, options.states) for name, s in scripts[variant]]
        answer = find(jobs, options.jobs)
        if answer.run is None:
            _print_none(answer, variant)
        else:
            found = True
            _print_found(answer, answer.run, variant, options)
    print(*origins(variants), sep="\n")
    return int(not found)


def _scripts(options: argparse.Namespace, variants: Sequence[str]) -> dict[str, list[tuple[str, Scenario]]]:
    """What is explored on each kernel, the smallest first."""
    if options.file is None:
        chosen = select(options.situation, [], None) if options.situation else [SITUATIONS[n] for n in QUICK]
        pairs, lacking = possible(sorted(chosen, key=lambda s: s.size), variants)
        for why in lacking:
            print(f"left out: {why}")
        return {v: [(s.name, scenario(s)) for s, on in pairs if on == v] for v in variants}
    if options.situation:
        raise BadInput(f"--situation chooses among situations: not together with a file, {options.file}")
    script = scenario_file.read(options.file).scenario
    runs = [i for i, item in enumerate(script.items) if isinstance(item, Run)]
    if not runs:
        raise BadInput(f"{options.file}: there is no run to explore")
    for variant in variants:
        try:
            played(script.items[: runs[-1]], known(variant))
        except IllegalOperation as error:
            raise BadInput(f"{options.file}: {variant}: {error}") from None
    return {v: [(options.file, script)] for v in variants}


def _print_none(answer: Answer, variant: str) -> None:
    scripts = f"{answer.explored} script{'' if answer.explored == 1 else 's'}, {answer.states} states"
    how = f"bounded: {'; '.join(answer.bounded)}" if answer.bounded else f"all interleavings; {SLEEPS}"
    print(f"{variant}: no end is so in {scripts}: {how}")


def _print_found(answer: Answer, found: Scenario, variant: str, options: argparse.Namespace) -> None:
    kernel = known(variant)
    title = f"ends with {' '.join(options.expression.split())}"
    file = ScenarioFile(found, Settings(title=title, variant=variant, strategy="every interleaving"))
    check_directory(Path(options.save))
    text = scenario_file.dumps(with_expectations(file, [kernel], "the run"))
    path = write_beside(Path(options.save), f"end--{variant}", ".scenario", text)
    print(f"{variant}: {title}, found in {answer.where}{'' if answer.small else '; not made smaller'}\n")
    print(focus_columns(Focus(record(found, kernel), whole=True)))
    print(f"{replaying(path, variant)}\n")

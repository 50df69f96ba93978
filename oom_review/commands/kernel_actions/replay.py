"""``oom-review kernels replay``: a counterexample of the model forced on stock kernels, without luck."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from rich.console import Console

from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.boot.compile import probe
from oom_review.boot.kernel import BootKernel, release
from oom_review.boot.qemu import found_qemu
from oom_review.commands.kernel_actions.options import add_kernels, chosen
from oom_review.commands.options import add_quiet, number
from oom_review.errors import BadInput
from oom_review.gates.evidence import SHOWN
from oom_review.gates.holds import Found, Gated, Hold, as_asked, find, gated, opposite
from oom_review.gates.replay import Replayed, replayed
from oom_review.play.trace import record
from oom_review.scenario import file as scenario_file
from oom_review.scenario.items import Scenario
from oom_review.show.columns import beside
from oom_review.situations.progress import Progress, shown
from oom_review.variants.loading import title_of

RUNS, MOST_RUNS = 3, 100
ORDER = "nobody: the order of the operations is enough"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The action's options."""
    parser.description = (
        "Force a counterexample on stock kernels under QEMU: the model says which task has to be held at which function's entry, the "
        "debugger's port of the machine holds it.  The opposite hold, and the other kernels, are tried, too, each against its model.  "
        "Status 1 if a run ends otherwise than its model."
    )
    parser.add_argument("file", metavar="FILE", help="a scenario file (docs/scenario-format.md)")
    add_kernels(parser)
    parser.add_argument("--claim", metavar="ID", help="the promise to break (default: the file's)")
    parser.add_argument(
        "--hold",
        type=_hold,
        metavar="TASK@FUNCTION",
        action="append",
        default=[],
        help="hold this task there; may be repeated, in the order in which they are to be lifted (default: what the model finds)",
    )
    parser.add_argument(
        "--runs",
        type=number(int, MOST_RUNS),
        metavar="N",
        default=RUNS,
        help=f"of each kernel and gate ({RUNS})",
    )
    add_quiet(parser, "print no progress, and the verdicts alone")


def _hold(text: str) -> Hold:
    task, at, function = text.partition("@")
    if not (task and at and function.isidentifier()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a task, an @ and a function, such as v@exit_files")
    return Hold(task, function)


def run(options: argparse.Namespace) -> int:
    """Status 0 if all forced runs ended as the model does, else 1.  Raises BadInput."""
    file = scenario_file.read(options.file)
    claim = options.claim or file.settings.claim
    if claim is None:
        raise BadInput(f"{options.file}: it names no claim; --claim says which promise is to be broken")
    sentence = ledger.find(claim).sentence
    if claim not in SHOWN:
        raise BadInput(
            f"{claim}: nobody has said what a stock kernel shows of it; of these: {', '.join(SHOWN)}"
        )
    kernels = sorted(chosen(options), key=lambda pair: pair[1].name != file.settings.variant)
    kernel, variant, found = _breaking(kernels, file.scenario, claim, options)
    found_qemu()
    program = probe()
    print(f"{claim}: {sentence}", *_said(found), sep="\n", flush=True)
    assert found.gated is not None
    results = []
    tries = list(_tries(kernels, kernel, variant, found.gated, claim))
    console = Console(quiet=options.quiet)
    progress = Progress(len(tries) * options.runs, "runs", ahead=len(tries) * options.runs)
    for one, model, held, gates in tries:
        with shown(console, progress) as tell:
            over = partial(_over, progress, tell, f"{release(one)}, held: {held}")
            results.append(replayed(one, program, gates, model.name, claim, held, options.runs, over))
        if not options.quiet and len(results) == 1:
            print(f"\n{beside(record(gates.played, model), results[0].log, results[0].kernel)}", flush=True)
        print(_verdict(results[-1]), flush=True)
    return int(not all(result.agrees for result in results))


def _over(progress: Progress, tell: Callable[[bool], None], what: str) -> None:
    progress.finished(what, 0, 1)
    tell(True)


def _breaking(
    kernels: Sequence[tuple[BootKernel, Variant]], scenario: Scenario, claim: str, options: argparse.Namespace
) -> tuple[BootKernel, Variant, Found]:
    """The first kernel whose model breaks the promise in a way that can be forced.  Raises BadInput, with the reason."""
    holds = tuple(options.hold)
    held = "so" if holds else "with one task held, or two"
    why = f"no model of these kernels breaks {claim} in it {held}, and all others at rest"
    for kernel, variant in kernels:
        found = as_asked(scenario, variant, claim, holds) if holds else find(scenario, variant, claim)
        if found.gated is not None:
            return kernel, variant, found
        if found.refused:
            holds, reason = found.refused[0]
            why = (
                f"{', '.join(map(str, holds))} would break {claim} on {title_of(variant.name)}, but {reason}"
            )
    raise BadInput(f"{options.file}: {why}")


def _tries(
    kernels: Sequence[tuple[BootKernel, Variant]],
    kernel: BootKernel,
    variant: Variant,
    run: Gated,
    claim: str,
) -> Iterator[tuple[BootKernel, Variant, str, Gated]]:
    held = ", ".join(map(str, run.holds)) or ORDER
    yield kernel, variant, held, run
    if (other := opposite(run, variant, claim)) is not None:
        yield kernel, variant, other[0], other[1]
    for control, model in kernels:
        if control is not kernel:
            yield control, model, held, gated(run.scenario, model, run.holds)


def _said(found: Found) -> Iterator[str]:
    """Who is held, and who could not be."""
    assert found.gated is not None
    held = ", ".join(map(str, found.gated.holds))
    for holds, why in found.refused:
        yield f"can't be held: {', '.join(map(str, holds))}: {why}; the nearest that would do: {held or ORDER}"
    yield f"held, until nothing else can go on: {held}" if held else f"held: {ORDER}"


def _verdict(result: Replayed) -> str:
    word = "breaks" if result.breaks else "keeps"
    real = "broken for real" if result.breaks else "kept"
    seen = "; ".join(dict.fromkeys(r.sentence for r in result.reals))
    lost = f"; a run does not count: {'; '.join(result.lost)}" if result.lost else ""
    return (
        f"{result.kernel}, held: {result.held}: {title_of(result.variant)} {word} the promise, and it was {real} in "
        f"{result.agreeing} of {len(result.reals)} forced runs: {seen or 'none came to its end'}{lost}"
    )

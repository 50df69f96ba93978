"""What a variant's own code did wrong, told from a mistake of ours: the traceback leads through the machine that ran it."""

from __future__ import annotations

import traceback

from oom_review.errors import one_line
from oom_review.variants.loading import VariantBroke
from oom_review.workers.endless import MACHINE, STEPS, StepNeverEnds

MOST_WORDS = 300


def reason(error: BaseException) -> str:
    """Where and what, in one line."""
    if isinstance(error, StepNeverEnds):
        return one_line(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return one_line(
        f"{last.filename}:{last.lineno}: {one_line(f'{type(error).__name__}: {error}')[:MOST_WORDS]}"
    )


def by_a_variant(error: BaseException) -> VariantBroke | None:
    """The error as the variant's that was at work, or None if none was."""
    for frame, _line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name in STEPS and frame.f_globals.get("__name__") == MACHINE:
            return VariantBroke(frame.f_locals["self"].k.variant.name, reason(error))
    return None

"""What a variant's or a claim's own code did wrong, told from a mistake of ours: the traceback leads through what called it."""

from __future__ import annotations

import traceback

from oom_review.errors import BadInput, one_line
from oom_review.variants.loading import VariantBroke
from oom_review.workers.endless import GUARD, MACHINE, STEPS, StepNeverEnds

MOST_WORDS = 300


def reason(error: BaseException) -> str:
    """Where and what, in one line."""
    if isinstance(error, StepNeverEnds):
        return one_line(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return one_line(
        f"{last.filename}:{last.lineno}: {one_line(f'{type(error).__name__}: {error}')[:MOST_WORDS]}"
    )


def bad_input(error: BaseException) -> BadInput | None:
    """What the user can do something about, as his variant or his claim did it; None for a mistake of ours."""
    return error if isinstance(error, BadInput) else _by_a_claim(error) or by_a_variant(error)


def by_a_variant(error: BaseException) -> VariantBroke | None:
    """The error as the variant's that was at work, or None if none was."""
    for frame, _line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name in STEPS and frame.f_globals.get("__name__") == MACHINE:
            return VariantBroke(frame.f_locals["self"].k.variant.name, reason(error))
    return None


def _by_a_claim(error: BaseException) -> BadInput | None:
    """One that never comes back; whatever else it does its guard has said."""
    for frame, _line in traceback.walk_tb(error.__traceback__):
        if (frame.f_globals.get("__name__"), frame.f_code.co_name) == GUARD:
            return BadInput(f"claim {frame.f_locals['claim']!r} broke at {reason(error)}")
    return None

"""Exhaustive exploration: all interleavings of a scenario on one variant, or on two to compare."""

from oom_review.explore.explorer import Bounds, Comparison, Result, Verdict, compare, explore
from oom_review.explore.limits import Counts, Limits

__all__ = ["Bounds", "Comparison", "Counts", "Limits", "Result", "Verdict", "compare", "explore"]

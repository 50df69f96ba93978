"""What a reviewer uses, and its face for programs: scenarios are read, and played, explored or searched for on kernels.

The names below are loaded when they are asked for; docs/library.md shows them at work.  The rooms are modules called scenario, play, search,
explore ..., so that the functions carry their object in the name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oom_review.explore.explorer import explore as explore_scenario
    from oom_review.play.session import play as play_scenario
    from oom_review.review.review import review as review_variants
    from oom_review.scenario.file import parse as parse_scenario
    from oom_review.scenario.file import read as read_scenario
    from oom_review.scenario.items import Op, Run, Scenario
    from oom_review.search.one_claim import search as search_claim
    from oom_review.variants.loading import load as load_variant

__all__ = [
    "Op",
    "Run",
    "Scenario",
    "explore_scenario",
    "load_variant",
    "parse_scenario",
    "play_scenario",
    "read_scenario",
    "review_variants",
    "search_claim",
]

_HOMES = {
    "Op": ("scenario.items", "Op"),
    "Run": ("scenario.items", "Run"),
    "Scenario": ("scenario.items", "Scenario"),
    "explore_scenario": ("explore.explorer", "explore"),
    "load_variant": ("variants.loading", "load"),
    "parse_scenario": ("scenario.file", "parse"),
    "play_scenario": ("play.session", "play"),
    "read_scenario": ("scenario.file", "read"),
    "review_variants": ("review.review", "review"),
    "search_claim": ("search.one_claim", "search"),
}


def __getattr__(name: str) -> Any:
    """Loading everything takes a second: only what is asked for is loaded."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(f"{__name__}.{module}"), attribute)

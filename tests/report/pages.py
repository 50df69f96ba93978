"""A small review and its page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from oom_review.report.page import page
from oom_review.report.players import Player, players
from oom_review.verdicts import Review, from_data

REVIEW = Path(__file__).parent / "review.json"


def data() -> dict[str, Any]:
    """The review, as a value of its own that may be changed."""
    loaded: dict[str, Any] = json.loads(REVIEW.read_text(encoding="utf-8"))
    return loaded


def review(value: dict[str, Any] | None = None) -> Review:
    """The review as the report reads it."""
    return from_data(data() if value is None else value, "review.json")


def made(value: dict[str, Any] | None = None) -> str:
    """Its page."""
    return page(review(value), "review.json")


def player(key: str) -> Player:
    """One of its players."""
    return next(p for p in players(review(), "review.json", 1000) if p.key == key)

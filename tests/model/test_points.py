"""docs/model.md tells of every shared object that a preemption point declares."""

from __future__ import annotations

import re
from pathlib import Path

import legacy_tifmemdie
import mainline_v6_18
import patched
from kernel_model.machine import Machine
from kernel_model.preempt import POINTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "model.md"


def documented() -> set[str]:
    """The objects in the first column of the table."""
    rows = re.findall(r"^\| (`.*?`) \| (?:task|group|mm|global) \|", DOCUMENT.read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_object_is_documented_and_exists() -> None:
    """No declared object is missing from the table, and the table has no other."""
    for variant in (legacy_tifmemdie.VARIANT, patched.VARIANT, mainline_v6_18.VARIANT):
        Machine(variant)
    declared = {
        text.split(":")[0].rstrip("!?~")
        for point in POINTS.values()
        for text in point.touches
        if point.function != "test"
    }
    # The kinds of sleep are declared one by one where a waker asks for one only.
    assert declared - {"*", "others", "int", "unint", "kill", "stop"} == documented()

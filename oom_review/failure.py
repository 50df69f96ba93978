"""From failure to file: whatever fails leaves a scenario behind, and says how to replay it."""

from __future__ import annotations

import os
from pathlib import Path

from kernel_model.sched import Variant
from oom_review import scenario_file
from oom_review.columns import columns
from oom_review.scenario import Scenario
from oom_review.scenario_form import ScenarioFile, Settings

PLACE = "OOM_REVIEW_FAILURES"


def directory() -> Path:
    """Where failures are written: the environment's OOM_REVIEW_FAILURES, or failures/ here."""
    return Path(os.environ.get(PLACE) or "failures")


def write(scenario: Scenario, settings: Settings, name: str) -> Path:
    """Write the scenario under a name that nothing has yet; never over an older one."""
    place = directory()
    place.mkdir(parents=True, exist_ok=True)
    file = ScenarioFile(scenario_file.without_strangers(scenario), settings)
    number = 1
    while True:
        path = place / (f"{name}.scenario" if number == 1 else f"{name}-{number}.scenario")
        if not path.exists():
            scenario_file.save(path, file)
            return path
        number += 1


def account(scenario: Scenario, variant: Variant, claim_id: str, *, strategy: str = "") -> str:
    """Write the file; the columns and the one command that replays them, to be printed."""
    settings = Settings(claim=claim_id, variant=variant.name, strategy=strategy)
    path = write(scenario, settings, f"{claim_id}--{variant.name}")
    shown = columns(scenario, variant, claim_id)
    return f"{shown}\noom-review replay {path} --variant {variant.name}"

"""From failure to file: whatever fails leaves a scenario behind, and says how to replay it."""

from __future__ import annotations

import os
from pathlib import Path

from kernel_model.variant import Variant
from oom_review.errors import BadInput
from oom_review.files import check_directory, write_beside
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import Settings, counterexample
from oom_review.scenario.items import Scenario
from oom_review.show.columns import columns
from oom_review.variants.loading import replaying

PLACE = "OOM_REVIEW_FAILURES"


def directory() -> Path:
    """Where failures are written: the environment's OOM_REVIEW_FAILURES, or failures/ here."""
    return Path(os.environ.get(PLACE) or "failures")


def kept(scenario: Scenario, settings: Settings, name: str) -> str:
    """Write the scenario under a name that nothing has yet; the command that replays it.

    Nothing is lost when that can't be done: then it says why, and the scenario itself.
    """
    text = ""
    try:
        text = scenario_file.dumps(counterexample(scenario, settings))
        check_directory(directory())
        path = write_beside(directory(), name, ".scenario", text)
    except BadInput as error:
        return f"not written to a file: {error}\n{text or scenario}"
    return replaying(path, settings.variant)


def account(scenario: Scenario, variant: Variant, claim_id: str, *, strategy: str = "") -> str:
    """Keep the scenario; its columns and the one command that replays them, to be printed."""
    settings = Settings(claim=claim_id, variant=variant.name, strategy=strategy)
    said = kept(scenario, settings, f"{claim_id}--{variant.name}")
    return f"{columns(scenario, variant, claim_id)}\n{said}"

"""What the tests of the machines share."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, Phase, settings


def again(error: BaseException) -> str:
    """Hypothesis's decorator that runs the very example again; a machine's test runs the machine itself, so it goes there."""
    decorators = re.findall(
        r"@(reproduce_failure\(.*?, b'.*?'\))", "\n".join(getattr(error, "__notes__", ()))
    )
    return "\n".join(
        f"to run the very example again: @{d} (from hypothesis), as {d}(machine) before the machine is run"
        for d in decorators
    )


def profile(examples: int | None = None) -> settings:
    """The loaded profile, with its own number of examples unless another is given."""
    current = settings.get_profile(settings.get_current_profile_name())
    return settings(
        current,
        max_examples=examples or current.max_examples,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        suppress_health_check=tuple(HealthCheck),
        report_multiple_bugs=False,
    )

"""What the tests of the machines share."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings


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

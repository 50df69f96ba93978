"""How sure a rate is that was seen in a sample."""

from __future__ import annotations

import math

Z_95 = 1.959964


def wilson(hits: int, tried: int, z: float = Z_95) -> tuple[float, float]:
    """Both ends of Wilson's score interval (1927) of a share, 95 % by default; nothing tried says nothing."""
    if not tried:
        return 0.0, 1.0
    share, spread = hits / tried, z * z / tried
    middle = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / tried + spread / (4 * tried))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))

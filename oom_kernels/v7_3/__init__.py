"""Linux 7.3.4."""

from __future__ import annotations

from kernel_model.variant import Variant
from oom_kernels.today import ADDED, OPERATIONS, TODAY

VARIANT = Variant(__name__, TODAY, operations=OPERATIONS, added=ADDED)

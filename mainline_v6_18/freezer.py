"""freezing_slow_path() (kernel/freezer.c) of v6.18: the test is the RFC's."""

from __future__ import annotations

from patched.freezer import freezing_slow_path

__all__ = ["freezing_slow_path"]

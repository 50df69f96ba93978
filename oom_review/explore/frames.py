"""What of a suspended frame's locals can still matter."""

from __future__ import annotations

from types import CodeType

# The names under which functions of the kernel keep what they walk with preemption points in between; a test holds them to it.
WALKED = ("threads", "candidates", "dead", "moved", "tree")


def walked_by(code: CodeType) -> str:
    """The local that the function walks with enumerate(), counting in ``_i``: what lies behind it is not looked at again."""
    return next(name for name in WALKED if name in code.co_varnames)

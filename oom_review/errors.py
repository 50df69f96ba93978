"""The user's mistakes."""

from __future__ import annotations


class BadInput(Exception):
    """What the user gave can't be used; the message is one line: what and where.  Exit status 2."""

"""The user's mistakes."""

from __future__ import annotations


class BadInput(Exception):
    """What the user gave can't be used; the message is one line: what and where.  Exit status 2."""

    def __init__(self, message: str) -> None:
        """Whatever stands in it, which may be a stranger's."""
        super().__init__(one_line(message))


def one_line(text: object) -> str:
    """In one line that a terminal can show: no escapes, no other controls."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))

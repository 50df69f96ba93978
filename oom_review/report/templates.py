"""The templates and the other files that pages and pictures are made of."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import jinja2
from markupsafe import Markup

PACKAGE = "oom_review.report"


@cache
def environment() -> jinja2.Environment:
    """Templates of this package; everything that they print is escaped, and a misspelt name is an error."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_load),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _load(name: str) -> str:
    return files(PACKAGE).joinpath(name).read_text(encoding="utf-8")


def text_of(*names: str) -> Markup:
    """Files of ours, one after the other, as they are."""
    return Markup("".join(_load(name) for name in names))  # noqa: S704 - our own files

"""A C patch as the model sees it: which functions it touches, and what each of them is here.

unidiff reads the hunks; which function a changed line is in, git's own rule says: the nearest line above it, in the hunk or in the
hunk's heading, that begins in the first column as a function's definition does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import attrs
from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, PatchSet

from oom_review.errors import BadInput
from oom_review.variants.functions import mentioned, replaceable

MODELLED, ELSEWHERE, NOT_MODELLED = "modelled", "elsewhere in the model", "not modelled"
MEANS = {
    MODELLED: "a verdict is about what you make of its copy",
    ELSEWHERE: "its effect is part of other functions: a verdict is about the patch only if you edit those as well",
    NOT_MODELLED: "no verdict says anything about this part of the patch",
}
MOST_BYTES = 10_000_000
_NO_DEFINITION = re.compile(
    r"(#|typedef\b|struct\s+\w+\s*\{|enum\b|EXPORT_SYMBOL|return\b|else\b|if\b|for\b|while\b|switch\b)"
)
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_COMMENT = re.compile(r"\s*(/\*|\*|//|[{}]?\s*$)")
_DEFINER = re.compile(r"(?:SYSCALL|COMPAT_SYSCALL)_DEFINE\d\((\w+)")


@attrs.define(frozen=True)
class Touched:
    """A C function that the patch changes; ``function`` is "" for a change outside all functions.

    ``kind``: MODELLED, ELSEWHERE or NOT_MODELLED; ``where``: FILE:LINE of the model, or "".
    """

    file: str
    function: str
    kind: str
    where: str


def read(path: Path) -> list[Touched]:
    """What the patch touches, in its order, each once.  Raises BadInput."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise BadInput(f"{path}: larger than {MOST_BYTES} bytes")
    try:
        patch = PatchSet(data.decode(errors="replace"))
    except UnidiffParseError as error:
        raise BadInput(f"{path}: not a unified diff: {' '.join(str(error).split())[:200]}") from None
    if not patch:
        raise BadInput(f"{path}: there is no unified diff in it")
    where = {r.name: r.where for r in replaceable()}
    found = [(f.path, name) for f in patch for hunk in f for name in _functions(hunk)]
    return [_judged(file, name, where.get(name, "")) for file, name in dict.fromkeys(found)]


def _judged(file: str, name: str, where: str) -> Touched:
    if where:
        return Touched(file, name, MODELLED, where)
    elsewhere = mentioned(name) if name else ""
    return Touched(file, name, ELSEWHERE if elsewhere else NOT_MODELLED, elsewhere)


def _functions(hunk: Hunk) -> Iterable[str]:
    """Those in which the hunk adds or removes a line."""
    now = defined(hunk.section_header)
    for line in hunk:
        text = line.value.rstrip("\n")
        if text[:1] not in ("", "\t", " ", "{", "}", "/", "*"):
            begins = defined(text)
            now = begins if begins or _ends_one(text) else now
        if not line.is_context and (now or not _COMMENT.match(text)):
            yield now
        if text.startswith("}") and line.is_context:
            now = ""


def _ends_one(text: str) -> bool:
    """Something else begins in the first column: a declaration, a macro, a structure; a label does not."""
    return not text.rstrip().endswith(":")


def defined(text: str) -> str:
    """The function whose definition begins with this line; "" if none does."""
    text = text.strip()
    if match := _DEFINER.match(text):
        return match[1]
    if not text or text.endswith(";") or _NO_DEFINITION.match(text):
        return ""
    match = _CALLED.search(text)
    return match[1] if match else ""

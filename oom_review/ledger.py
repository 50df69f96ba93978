"""The claims of this process: the project's own, and those of files that the user gave, which run as a variant's package does.

Everybody asks here for claims; ``claims`` only says what the project's are.  A claim of somebody's own is called through a guard:
what it raises, or answers with the wrong type, is its mistake and is said with its file and line.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import attrs

from kernel_model.events import Event
from kernel_model.sched import Kernel
from oom_review.claims import CLAIMS, HOLDS, REFUTED, Claim
from oom_review.errors import BadInput

NAME = "CLAIMS"
IDENTITY = re.compile(r"[a-z][a-z0-9-]{0,59}", re.ASCII)
MODULE = "claims of one's own, number {}"
"""No import finds it, and it hides no module."""

# By the path as it was given: what is defined there.
_GIVEN: dict[str, tuple[Claim, ...]] = {}


class ClaimBroke(BadInput):
    """A claim of somebody's own raised, or answered with what is no answer."""


def claims() -> tuple[Claim, ...]:
    """All of them, the project's first."""
    return (*CLAIMS, *(c for mine in _GIVEN.values() for c in mine))


def by_id() -> dict[str, Claim]:
    """All of them."""
    return {c.id: c for c in claims()}


def is_known(claim_id: str) -> bool:
    """There is such a claim."""
    return claim_id in by_id()


def find(claim_id: str) -> Claim:
    """The claim with that id.  Raises BadInput."""
    known = by_id()
    if claim_id not in known:
        raise BadInput(
            f"no such claim: {_short(claim_id)}; there are: {', '.join(known)} (one of your own: give its file, --claims FILE.py)"
        )
    return known[claim_id]


def no_such(claim_id: str) -> str:
    """What to say of an id that is not known here."""
    return f"no such claim: {_short(claim_id)} (if it is one of your own, give its file: --claims FILE.py)"


def _short(claim_id: str) -> str:
    return repr(claim_id if len(claim_id) <= 60 else f"{claim_id[:60]}...")  # noqa: PLR2004 - fits a line


def given() -> tuple[str, ...]:
    """The files that the user gave: another process, and another command, need them to know as much."""
    return tuple(_GIVEN)


def origins() -> list[str]:
    """A line for each of those files: which claims are of it."""
    return [f"{name}: loaded for {', '.join(c.id for c in mine)}" for name, mine in _GIVEN.items()]


def sources() -> tuple[Path, ...]:
    """Where those files are."""
    return tuple(Path(name).resolve() for name in _GIVEN)


def load(name: str) -> None:
    """Run the file and take up its ``CLAIMS``.  Raises BadInput, and then nothing of it is known."""
    if name in _GIVEN:
        return
    path = Path(name)
    if not path.is_file():
        raise BadInput(f"{name}: {'not a regular file' if path.exists() else 'no such file'}")
    found = _defined(name, _run(path, name))
    known = set(by_id())
    for claim in found:
        _check(name, claim)
        if claim.id in known:
            raise BadInput(f"{name}: there is a claim {claim.id!r} already; give this one an id of its own")
        known.add(claim.id)
    _GIVEN[name] = tuple(map(_guarded, found))


def load_all(names: Iterable[str]) -> None:
    """Each once."""
    for name in names:
        load(name)


def _run(path: Path, name: str) -> dict[str, Any]:
    spec = spec_from_file_location(MODULE.format(len(_GIVEN) + 1), path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{name}: not a Python file (its name ends with .py)")
    module = module_from_spec(spec)
    try:
        # Not through the loader, which would write bytecode beside the file.
        exec(compile(path.read_bytes(), path.resolve(), "exec"), vars(module))  # noqa: S102 - the user's own word
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's file may raise anything
        raise BadInput(f"{name} can't be run: {_where(error)}") from None
    return vars(module)


def _where(error: BaseException) -> str:
    said = f"{type(error).__name__}: {error}"[:300]
    last = traceback.extract_tb(error.__traceback__)[-1]
    # The line of a SyntaxError stands in what it says.
    return said if last.filename == __file__ else f"{last.filename}:{last.lineno}: {said}"


def _defined(name: str, there: dict[str, Any]) -> tuple[Claim, ...]:
    found = there.get(NAME)
    if not isinstance(found, (tuple, list)) or not found:
        raise BadInput(f"{name}: it has no {NAME} = (Claim(...), ...): a tuple of oom_review.claims.Claim")
    for one in found:
        if not isinstance(one, Claim):
            raise BadInput(f"{name}: {NAME} has a {type(one).__name__} in it, not an oom_review.claims.Claim")
    return tuple(found)


def _is_kinds(value: object) -> bool:
    return isinstance(value, frozenset) and all(isinstance(k, type) and issubclass(k, Event) for k in value)


def _is_expected(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and verdict in (HOLDS, REFUTED) for name, verdict in value.items()
    )


def _is_names(value: object) -> bool:
    return isinstance(value, frozenset) and all(isinstance(name, str) for name in value)


_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "id": (lambda v: isinstance(v, str) and bool(IDENTITY.fullmatch(v)), "a name of a-z, 0-9 and -"),
    "sentence": (lambda v: isinstance(v, str) and bool(v.strip()) and v.isprintable(), "a line of text"),
    "source": (lambda v: isinstance(v, str) and v.isprintable(), "a line of text"),
    "expected": (_is_expected, f"a dict of variants' names and {HOLDS!r} or {REFUTED!r}"),
    "kinds": (_is_kinds, "a frozenset of classes of kernel_model.events"),
    "on_event": (callable, "a function"),
    "at_rest": (callable, "a function"),
    "start": (lambda v: isinstance(v, Hashable), "hashable"),
    "shows": (_is_kinds, "a frozenset of classes of kernel_model.events"),
    "sharers": (lambda v: isinstance(v, bool), "True or False"),
    "programs": (lambda v: isinstance(v, bool), "True or False"),
    "premise": (_is_names, "a frozenset of names of operations"),
}


def _check(name: str, claim: Claim) -> None:
    for field, (fits, what) in _FIELDS.items():
        value = getattr(claim, field)
        if not fits(value):
            shown = repr(value)[:100]
            raise BadInput(
                f"{name}: the claim {str(claim.id)[:60]!r}: {field} is {shown}, and has to be {what}"
            )


def _guarded(claim: Claim) -> Claim:
    return attrs.evolve(
        claim,
        on_event=partial(_on_event, claim.id, claim.on_event),
        at_rest=partial(_at_rest, claim.id, claim.at_rest),
    )


def _on_event(
    claim: str, does: Callable[..., Any], k: Kernel, state: Hashable, event: Any
) -> tuple[Hashable, str]:
    said = _asked(claim, does, k, state, event)
    if not (isinstance(said, tuple) and len(said) == 2 and isinstance(said[1], str)):  # noqa: PLR2004 - a pair
        raise _no_answer(claim, does, said, "(state, sentence)")
    try:
        hash(said[0])
    except TypeError:
        raise _no_answer(claim, does, said[0], "a state that is hashable") from None
    return said


def _at_rest(claim: str, does: Callable[..., Any], k: Kernel, state: Hashable) -> str:
    said = _asked(claim, does, k, state)
    if not isinstance(said, str):
        raise _no_answer(claim, does, said, 'a sentence, or "" if nothing is broken')
    return said


def _asked(claim: str, does: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return does(*arguments)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's function may raise anything
        raise ClaimBroke(f"claim {claim!r} broke at {_where(error)}") from None


def _no_answer(claim: str, does: Callable[..., Any], said: object, wanted: str) -> ClaimBroke:
    where = getattr(does, "__qualname__", repr(does))
    return ClaimBroke(f"claim {claim!r}: {where}() answers with {repr(said)[:100]}, and has to with {wanted}")

"""The kernel's structures as recordable fields: how each is read, written and compared, and what names the structure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import attrs

from kernel_model.fields import STRUCTURES, Kind
from kernel_model.locking import Lock
from kernel_model.sched import Jiffies

RAW = object.__getattribute__
Name = tuple[Hashable, ...]

FIELDS: dict[type, dict[str, Kind]] = {Lock: {"owner": Kind.PLAIN, "readers": Kind.PLAIN}}
"""Every structure that was asked for, with its recorded fields."""

REAL: dict[type, type] = {}
"""The class behind each class of a structure that is being recorded."""

_NAMED: dict[type, tuple[str, ...]] = {Lock: ("lock", "name")}


def unknown() -> list[type]:
    """The structures that were declared since this was last asked: their fields are known from here on."""
    new = [cls for cls in STRUCTURES if cls not in FIELDS]
    for cls in new:
        word, name = STRUCTURES[cls]
        _NAMED[cls] = word, *(name.split(".") if name else ())
        hints = get_type_hints(cls, include_extras=True)
        kinds = {a.name: _kind(hints[a.name]) for a in attrs.fields(cls)}
        FIELDS[cls] = {field: kind for field, kind in kinds.items() if kind != Kind.BESIDE}
    return new


def _kind(hint: Any) -> Kind:
    if get_origin(hint) is Annotated:
        return next(x for x in get_args(hint) if isinstance(x, Kind))
    if Jiffies in (hint, *get_args(hint)):
        return Kind.TIMER
    if hint is Lock:
        return Kind.CONSTANT
    container = get_origin(hint)
    if container is list:
        return Kind.LIST
    return Kind.CONTAINER if container in (set, dict) else Kind.PLAIN


def name_of(x: Any, cls: type) -> Name:
    """What a structure is called, in every run alike; ``cls`` is its class."""
    word, *path = _NAMED[cls]
    for field in path:
        x = RAW(x, field)
    return (word, x) if path else (word,)

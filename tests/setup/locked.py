"""Whether a lock holds all that its distributions require, on any platform, from what the lock itself says about them.

A lock is installed without resolving, so nothing else would notice a requirement that no pin meets before it is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import field, frozen
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

Environment = Mapping[str, str]


@frozen
class Pin:
    """A locked distribution: where it is installed, and what it requires there."""

    name: str
    version: str
    marker: Marker | None
    requires_python: SpecifierSet
    requires: Sequence[Requirement]

    def installed(self, environment: Environment) -> bool:
        """Whether the lock's own marker is true there."""
        return self.marker is None or self.marker.evaluate(dict(environment))


@frozen
class Walk:
    """What was reached from some requirements in one environment, and what was found wrong."""

    wrong: list[str] = field(factory=list)
    reached: set[str] = field(factory=set)


def read(*locks: str) -> dict[str, Pin]:
    """The pins of one or more locks, by name; ValueError if one is pinned twice, or not what it requires is known."""
    found: dict[str, Pin] = {}
    for block in (block for lock in locks for block in re.split(r"(?m)^(?=[a-z0-9])", lock) if block):
        pinned = Requirement(block.partition("\\")[0].strip())
        name = canonicalize_name(pinned.name)
        (exact,) = pinned.specifier
        python = re.findall(r"(?m)^ +# Requires-Python:(.*)$", block)
        if len(python) != 1 or exact.operator != "==" or name in found:
            raise ValueError(f"{pinned}: not one pin with its requirements below it")
        requires = [Requirement(text) for text in re.findall(r"(?m)^ +# Requires-Dist: (.*)$", block)]
        found[name] = Pin(name, exact.version, pinned.marker, SpecifierSet(python[0]), requires)
    return found


def asked(
    requirements: Iterable[Requirement], extras: Iterable[str], environment: Environment
) -> Iterator[Requirement]:
    """Those that count in this environment, if these extras were asked for."""
    contexts = [{**environment, "extra": extra} for extra in ("", *extras)]
    for requirement in requirements:
        if requirement.marker is None or any(map(requirement.marker.evaluate, contexts)):
            yield requirement


def walk(pins: Mapping[str, Pin], roots: Iterable[str], environment: Environment) -> Walk:
    """Follow all requirements from these; each has to be met by a pin that is installed there and runs there."""
    done = Walk()
    waiting = [("pyproject.toml", wanted) for wanted in asked(map(Requirement, roots), (), environment)]
    followed: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        who, wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        pin = pins.get(name)
        if pin is None or not pin.installed(environment):
            done.wrong.append(f"{who} needs {wanted}: not locked there")
            continue
        if not wanted.specifier.contains(pin.version, prereleases=True):
            done.wrong.append(f"{who} needs {wanted}: locked is {pin.version}")
        done.reached.add(name)
        extras = frozenset(map(canonicalize_name, wanted.extras))
        if (name, extras) in followed:
            continue
        followed.add((name, extras))
        if not pin.requires_python.contains(environment["python_full_version"]):
            done.wrong.append(f"{name} {pin.version} needs Python {pin.requires_python}")
        whole = f"{name}[{','.join(sorted(extras))}]" if extras else name
        waiting += [(f"{whole} {pin.version}", one) for one in asked(pin.requires, extras, environment)]
    return done

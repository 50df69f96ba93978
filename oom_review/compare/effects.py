"""What a recorded step read and wrote, as one number: the same for two functions that do the same, however they are written.

Where the suspended frames stand is left out, with their locals; the preemption point is a field, and so part of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from kernel_model.fields import Kind
from oom_review.explore.codes import Coder
from oom_review.explore.fields import FIELDS, RAW, REAL, name_of
from oom_review.explore.places import field_code
from oom_review.explore.recorder import Entry, Recorder


def pids(r: Recorder) -> frozenset[int]:
    """Of all tasks that there are."""
    return frozenset(RAW(r.k, "tasks"))


def effect(r: Recorder, before: frozenset[int]) -> int:
    """The step's, which has been taken; ``before``: the pids that there were."""
    fields = frozenset(_field(r, e) for e in r.entries.values() if e.kind != Kind.NEWS)
    born = frozenset(_newborn(r, RAW(r.k, "tasks").keys() - before))
    return hash((fields, born, tuple(map(repr, RAW(r.k, "events")))))


def _field(r: Recorder, e: Entry) -> Hashable:
    """Of a flag word only the bits that were looked at, and those that were written."""
    name = e.place[1]
    value = RAW(e.x, name)
    if e.kind == Kind.WORD:
        return e.place, e.before & e.known, int(value) & e.dirty, e.dirty
    return e.place, e.before, r.code(name, e.kind, value)


def _newborn(r: Recorder, new: set[int]) -> Iterator[Hashable]:
    """All fields of tasks that the step made, and of what they hold: nobody recorded how they were filled in."""
    coder = Coder(r.k)
    for pid in new:
        task = RAW(r.k, "tasks")[pid]
        for x in (task, RAW(task, "signal"), RAW(task, "sighand"), RAW(task, "mm")):
            cls = REAL.get(type(x), type(x))
            for field in FIELDS.get(cls, ()):
                if FIELDS[cls][field] != Kind.NEWS and field != "context":
                    yield name_of(x, cls), field, field_code(x, field, coder)

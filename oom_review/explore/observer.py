"""What claims and finals need of a run, remembered under names, so that a step notes what it asks of the past and adds to it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from kernel_model.events import QUIET_PHASES, Event, Io
from kernel_model.sched import Kernel
from oom_review.claims import Claim
from oom_review.explore.commuting import WRITE
from oom_review.explore.fields import RAW, Name
from oom_review.explore.final import Final, final
from oom_review.explore.recorder import Recorder
from oom_review.play.past import ADDED, History
from oom_review.play.session import Session


class Observer:
    """Shows recorded steps' events to the claims."""

    def __init__(self, session: Session, common_names: Mapping[int, str]) -> None:
        """``session`` has played the set-up; ``common_names`` of threads that nothing tells apart (symmetry.py)."""
        self.common_names = common_names
        self.new_memory: Callable[[], None] = lambda: None
        self.start: dict[Name, Hashable] = {}
        self._claims = session.claims
        self._listeners: dict[type[Event], list[Claim]] = {}
        for claim, state in zip(session.claims, session.monitor_states(), strict=True):
            for kind in claim.kinds:
                self._listeners.setdefault(kind, []).append(claim)
            if isinstance(state, frozenset):
                for item in state:
                    name: Name = ("claim", claim.id, item if isinstance(item, int) else item[1])
                    known = self.start.get(name, frozenset())
                    assert isinstance(known, frozenset)
                    self.start[name] = known | packed(frozenset({item}))
            else:
                self.start["claim", claim.id] = state
        history = History.of(session.history)
        for field, _item in ADDED.values():
            self.start["history", field] = getattr(history, field)
        self.start.update({("io", pid): phases for pid, phases in history.io.items()})
        self._groups: dict[str, set[Name]] = {c.id: set() for c in session.claims}
        for name in self.start:
            match name:
                case ("claim", str(claim_id), _whose):
                    self._groups[claim_id].add(name)

    def see(self, k: Kernel, r: Recorder) -> list[tuple[str, str]]:
        """The step's events; the claims that they break, with sentences."""
        broken: list[tuple[str, str]] = []
        happened = RAW(k, "events")
        for event in happened:
            for claim in self._listeners.get(type(event), ()):
                sentence = self._show(claim, event, k, r)
                if sentence:
                    broken.append((claim.id, sentence))
            self._history(event, r)
        happened.clear()
        return broken

    def _show(self, claim: Claim, event: Any, k: Kernel, r: Recorder) -> str:
        """The event; what of the claim it breaks."""
        if isinstance(claim.start, frozenset) and not hasattr(event, "about"):
            before = self._of_everybody(claim, k, r)
            state, sentence = claim.on_event(k, before, event)
            assert state == before, (
                f"{claim.id}: {event.kind} is nobody's, and can't be remembered of somebody"
            )
            return sentence
        name = self._name(claim, event)
        state, sentence = claim.on_event(k, unpacked(r.recall(name, claim.start), name[-1]), event)
        r.remember(name, packed(state))
        return sentence

    @staticmethod
    def _of_everybody(claim: Claim, k: Kernel, r: Recorder) -> frozenset[Hashable]:
        """What a claim remembers of each task that there is; the step has read who that is."""
        whole: frozenset[Hashable] = frozenset()
        for pid in k.tasks:
            whole |= unpacked(r.recall(("claim", claim.id, pid), frozenset()), pid)
        return whole

    def _name(self, claim: Claim, event: Any) -> Name:
        """What a claim remembers of one task or group is a memory of its own."""
        if not isinstance(claim.start, frozenset):
            return "claim", claim.id
        name = "claim", claim.id, event.about
        if name not in self._groups[claim.id]:
            self._groups[claim.id].add(name)
            self.new_memory()
        return name

    @staticmethod
    def _history(event: Event, r: Recorder) -> None:
        if type(event) in ADDED:
            field, item = ADDED[type(event)]
            name: Name = ("history", field)
            known = r.recall(name, ())
            assert isinstance(known, tuple)
            r.remember(name, (*known, item(event)))
        elif isinstance(event, Io) and event.phase in QUIET_PHASES:
            name = ("io", event.task)
            phases = r.recall(name, frozenset())
            assert isinstance(phases, frozenset)
            r.remember(name, phases | {event.phase})

    def changed(self, name: Name) -> list[tuple[tuple[object, ...], int]]:
        """Who adds to the past in which order can be seen."""
        return [(name, WRITE)]

    def rest(self, k: Kernel, r: Recorder) -> list[tuple[str, str]]:
        """Nothing moves any more: what the claims say of the machine at rest; nothing of one that panicked."""
        if k.panicked:
            return []
        broken = []
        for claim in self._claims:
            sentence = claim.at_rest(k, self._whole(claim, r))
            if sentence:
                broken.append((claim.id, sentence))
        return broken

    def _whole(self, claim: Claim, r: Recorder) -> Hashable:
        if not isinstance(claim.start, frozenset):
            return r.recall(("claim", claim.id), claim.start)
        whole: frozenset[Hashable] = frozenset()
        for name in sorted(self._groups[claim.id], key=str):
            part = unpacked(r.recall(name, frozenset()), name[2])
            assert isinstance(part, frozenset)
            whole |= part
        return whole

    def final(self, k: Kernel, r: Recorder) -> Final:
        """What is kept of the run."""
        known: list[Any] = [r.recall(("history", field), ()) for field, _item in ADDED.values()]
        history = History(*known)
        for pid in RAW(k, "tasks"):
            phases = r.recall(("io", pid), frozenset())
            assert isinstance(phases, frozenset)
            if phases:
                history.io[pid] = phases
        return final(k, history, self.common_names)


IT = "it"


def packed(state: Any) -> Any:
    """What is remembered of one task or group, without its number."""
    if not isinstance(state, frozenset):
        return state
    return frozenset([IT if isinstance(item, int) else (item[0], IT) for item in state])


def unpacked(state: Any, number: Any) -> Any:
    """With its number, as the claim wants it."""
    if not isinstance(state, frozenset):
        return state
    return frozenset([number if item == IT else (item[0], number) for item in state])

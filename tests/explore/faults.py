"""Faults for the explorer, each planted by a small change to the live engine in Python; what notices each is in test_oracle.py."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kernel_model.machine import Machine
from kernel_model.preempt import Kind
from kernel_model.sched import Jiffies, Kernel
from oom_review.explore import commuting
from oom_review.explore.codes import Coder
from oom_review.explore.commuting import READ, UPDATE, WRITE
from oom_review.explore.fields import FIELDS
from oom_review.explore.numbering import State
from oom_review.explore.recorder import Entry, Part, Recorder
from oom_review.explore.search import Node, Search, absorb
from oom_review.explore.sleepers import Row, Sleepers
from oom_review.explore.steps import Steps
from oom_review.explore.table import Leaf


def a_pending_signal_ends_no_sleep(patch: pytest.MonkeyPatch) -> None:
    """A sleep that begins with a signal already pending does not end."""
    may = Sleepers._may

    def deaf(self: Sleepers, row: Row, state: State) -> bool | None:
        asleep = (
            self._wait(state[row.at]).kind == Kind.SLEEP
            and self._steps.numbering.codes[state[row.state]] != 0
        )
        if not asleep:
            return may(self, row, state)
        return self._short_sleeps and self.sleep_may_end(row, state)

    patch.setattr(Sleepers, "_may", deaf)


def a_read_is_not_recorded(patch: pytest.MonkeyPatch) -> None:
    """That a step depends on flags is not noted."""
    test = Recorder.test

    def forgetful(self: Recorder, e: Entry, part: Part) -> None:
        if e.place[1] != "flags":
            test(self, e, part)

    patch.setattr(Recorder, "test", forgetful)


def updates_commute_with_reads(patch: pytest.MonkeyPatch) -> None:
    """As if nobody could see who came first, the last one to count down or who looks."""
    patch.setitem(commuting._ENEMIES, READ, WRITE)
    patch.setitem(commuting._ENEMIES, UPDATE, WRITE)


def a_lock_taken_away_is_no_race(patch: pytest.MonkeyPatch) -> None:
    """Who can't go on after a choice is not tried before it."""
    patch.setattr(Search, "_disabled", staticmethod(lambda *_: None))
    patch.setattr(Sleepers, "waiting", lambda *_: [])


def a_signal_never_leaves_user_mode(patch: pytest.MonkeyPatch) -> None:
    """Who is in user mode takes a step for a system call only."""
    may = Sleepers._may

    def deaf(self: Sleepers, row: Row, state: State) -> bool | None:
        if self._wait(state[row.at]).kind == Kind.USER:
            return self._steps.numbering.codes[state[row.syscall]] is not None
        return may(self, row, state)

    patch.setattr(Sleepers, "_may", deaf)


def oom_victims_is_no_part_of_a_state(patch: pytest.MonkeyPatch) -> None:
    """The count is not recorded."""
    patch.delitem(FIELDS[Kernel], "oom_victims")


def no_news_for_pollers(patch: pytest.MonkeyPatch) -> None:
    """Who looks again and again is not told that something happened."""
    after = Steps.after
    patch.setattr(
        Steps, "after", lambda self, state, leaf: after(self, state, attrs.evolve(leaf, progress=False))
    )


def the_end_of_a_wait_is_not_relative(patch: pytest.MonkeyPatch) -> None:
    """A local that holds a time is coded as it is."""
    rare = Coder._rare

    def absolute(self: Coder, v: Any, kind: type) -> Any:
        return int(v) if kind is Jiffies else rare(self, v, kind)

    patch.setattr(Coder, "_rare", absolute)


def a_broken_claim_is_gone_on_from(patch: pytest.MonkeyPatch) -> None:
    """An end counts as one that keeps the claim if it is not broken at rest, whatever was before."""
    loses = Search._loses
    patch.setattr(Search, "_loses", lambda self, leaf: not leaf.moves and loses(self, leaf))


def nobody_else_is_tried_where_a_claim_breaks(patch: pytest.MonkeyPatch) -> None:
    """As if the step that breaks the claim had been taken."""
    patch.setattr(Search, "_cut", lambda _self, node: absorb(node, None, {}))


def what_a_breaking_step_touches_is_no_race(patch: pytest.MonkeyPatch) -> None:
    """As if it had never wanted to be taken."""

    def cut(_self: Search, node: Node) -> None:
        for pid in node.enabled:
            node.add(pid)

    patch.setattr(Search, "_cut", cut)


def a_panic_keeps_what_it_did_not_break(patch: pytest.MonkeyPatch) -> None:
    """Any end at which the claim is not broken will do."""
    rest = Steps._pass_time

    def pass_time(self: Steps, machine: Machine, r: Recorder, leaf: Leaf) -> None:
        rest(self, machine, r, leaf)
        if leaf.final is not None:
            leaf.final = attrs.evolve(leaf.final, panicked="")

    patch.setattr(Steps, "_pass_time", pass_time)

"""Mixtures of the RFC's hunks: each has a name and is linked; none of them is legacy, all of them are the RFC."""

from __future__ import annotations

import pytest

from kernel_model.variant import link
from oom_kernels.hunks.family import RFC, mixtures, name_of, parts_of, plain, variant
from oom_review.explore.explorer import explore
from oom_review.situations.families import SITUATIONS
from oom_review.situations.script import scenario
from oom_review.variants.loading import VariantError, known, load, ships

PLACES = ("memcg-oom/threads=2", "memcg-oom/threads=1/suspend/freezer=frozen")


def test_each_mixture_has_a_name_of_its_own() -> None:
    """And its kernel is linked."""
    names = [name_of(parts) for parts in mixtures()]
    assert len(names) == len(set(names)) == 160
    for name in names:
        assert name_of(parts_of(name)) == name
        link(variant(name))


@pytest.mark.parametrize("place", PLACES)
def test_none_of_them_is_legacy_and_all_of_them_are_the_rfc(place: str) -> None:
    """State by state; the names that leave out what changes nothing, too."""
    whole = name_of(RFC)
    for name, same in (
        ("oom_kernels.hunks.none", "legacy_tifmemdie"),
        (whole, "patched"),
        (name_of(plain(RFC)), "patched"),
    ):
        mine, theirs = (explore(scenario(SITUATIONS[place]), load(v)) for v in (name, same))
        assert mine.counts == theirs.counts
        assert {c: v.verdict for c, v in mine.verdicts.items()} == {
            c: v.verdict for c, v in theirs.verdicts.items()
        }


def test_a_name_in_a_file_is_enough() -> None:
    """It ships with the project; what is no mixture does not."""
    assert known("oom_kernels.hunks.h5_thaw").name == "oom_kernels.hunks.h5_thaw"
    for name in (
        "oom_kernels.hunks.h6",
        "oom_kernels.hunks.thaw_h5",
        "oom_kernels.hunks.thaw_count",
        "oom_kernels.nobody",
    ):
        assert not ships(name)
        with pytest.raises(VariantError):
            known(name)
        with pytest.raises(VariantError, match="can't be imported"):
            load(name)

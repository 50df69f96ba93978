"""The kept regressions: every run replays them first."""

from __future__ import annotations

from pathlib import Path

import pytest

from oom_review.claims import CLAIMS, REFUTED
from oom_review.commands import keep
from oom_review.errors import BadInput
from oom_review.scenario import file as scenario_file
from oom_review.show.columns import columns
from oom_review.show.replay import replay
from oom_review.variants.loading import DEFAULT_VARIANTS, known, load

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(CORPUS.glob("*.scenario"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_kept_scenario_gives_what_it_gave(path: Path) -> None:
    """A kept scenario gives on every variant what its file expects."""
    file = scenario_file.read(path)
    variants = [known(name) for name, _expected in file.expect]
    assert variants
    for variant, played in zip(variants, replay(file, variants, str(path)), strict=True):
        assert not played.unmet, (
            f"{columns(file.scenario, variant)}\noom-review replay {path} --variant {variant.name}"
        )


def test_every_refutation_is_kept() -> None:
    """For each claim that is refuted on a variant of a review the corpus has the counterexample, and it refutes.

    On the two repairs of 7.3 that of another kernel does.
    """
    kept = {
        (p.stem.partition("--")[0], p.stem.partition("--")[2], v)
        for p in FILES
        for v, expected in scenario_file.read(p).expect
        if p.stem.partition("--")[0] in (expected.refuted or ())
    }
    repairs = ("oom_kernels.v7_3_rfc", "oom_kernels.v7_3_last_out")
    for c in CLAIMS:
        refuted = {v for v, verdict in c.expected.items() if verdict == REFUTED}
        assert {(c.id, v, v) for v in refuted & set(DEFAULT_VARIANTS)} <= kept
        assert refuted & set(repairs) <= {v for claim, _file, v in kept if claim == c.id}


def test_keep_writes_a_regression_once(tmp_path: Path) -> None:
    """A kept file replays as it is; a second one of the same name, a bad name or a bad place is refused."""
    source, name = scenario_file.read(FILES[0]), str(FILES[0])
    variants = [load("legacy"), load("patched")]
    kept = keep.keep(source, name, "again", variants, tmp_path)
    before = kept.read_bytes()
    file = scenario_file.read(kept)
    assert [name for name, _e in file.expect] == ["legacy_tifmemdie", "patched"]
    assert all(not p.unmet for p in replay(file, variants))
    with pytest.raises(BadInput):
        keep.keep(source, name, "again", variants, tmp_path)
    with pytest.raises(BadInput, match="can't name a regression"):
        keep.keep(source, name, "../again", variants, tmp_path)
    with pytest.raises(BadInput, match="no such directory"):
        keep.keep(source, name, "other", variants, tmp_path / "nowhere")
    assert kept.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["again.scenario"]

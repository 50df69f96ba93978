"""The kept regressions: every run replays them first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from oom_review.claims import CLAIMS, REFUTED
from oom_review.commands import keep
from oom_review.errors import BadInput
from oom_review.scenario import file as scenario_file
from oom_review.show.columns import columns
from oom_review.show.replay import replay
from oom_review.variants import load

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(CORPUS.glob("*.scenario"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_kept_scenario_gives_what_it_gave(path: Path) -> None:
    """A kept scenario gives on every variant what its file expects."""
    file = scenario_file.read(path)
    variants = [load(name) for name, _expected in file.expect]
    assert variants
    for variant, played in zip(variants, replay(file, variants, str(path)), strict=True):
        shown = columns(file.scenario, variant)
        assert not played.unmet, f"{shown}\noom-review replay {path} --variant {variant.name}"


def test_every_refutation_is_kept() -> None:
    """For each claim that is refuted on a variant the corpus has the counterexample, and it refutes."""
    wanted = {f"{c.id}--{v}" for c in CLAIMS for v, verdict in c.expected.items() if verdict == REFUTED}
    assert wanted <= {p.stem for p in FILES}
    for name in wanted:
        claim, variant = name.split("--")
        expected = dict(scenario_file.read(CORPUS / f"{name}.scenario").expect)[variant]
        assert expected.refuted is not None
        assert claim in expected.refuted


def test_keep_writes_a_regression_once(tmp_path: Path) -> None:
    """A kept file replays as it is; a second one of the same name, a bad name or a bad place is refused."""
    source = str(FILES[0])
    variants = [load("legacy"), load("patched")]
    kept = keep.keep(source, "again", variants, tmp_path)
    before = kept.read_bytes()
    file = scenario_file.read(kept)
    assert [name for name, _e in file.expect] == ["legacy_tifmemdie", "patched"]
    assert all(not p.unmet for p in replay(file, variants))
    with pytest.raises(BadInput):
        keep.keep(source, "again", variants, tmp_path)
    with pytest.raises(BadInput, match="can't name a regression"):
        keep.keep(source, "../again", variants, tmp_path)
    with pytest.raises(BadInput, match="no such directory"):
        keep.keep(source, "other", variants, tmp_path / "nowhere")
    assert kept.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["again.scenario"]


def replay_with_pytest(path: Path) -> tuple[int, str]:
    """The exit status and all output of `pytest --replay`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--replay", str(path)]
    done = subprocess.run(command, cwd=CORPUS.parents[1], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_pytest_replays_a_file(tmp_path: Path) -> None:
    """`pytest --replay FILE` gives the file's verdict, and one line with status 2 for what is no scenario."""
    status, output = replay_with_pytest(FILES[0])
    assert (status, "3 passed" in output) == (0, True), output
    bad = tmp_path / "bad.scenario"
    bad.write_text(FILES[0].read_text(encoding="utf-8").replace("count 0", "count 7", 1), encoding="utf-8")
    status, output = replay_with_pytest(bad)
    assert (status, "1 failed, 2 passed" in output) == (1, True), output
    assert "count: expected 7, was" in output
    assert f"oom-review replay {bad} --variant" in output
    broken = tmp_path / "broken.scenario"
    broken.write_text("nonsense\n", encoding="utf-8")
    status, output = replay_with_pytest(broken)
    assert status == 2, output
    assert f"{broken}:1:" in output
    assert "Traceback" not in output

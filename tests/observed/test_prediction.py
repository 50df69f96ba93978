"""What models can reach, in the words of an outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from oom_review.errors import BadInput
from oom_review.explore.limits import Limits
from oom_review.observed.models import model_of
from oom_review.observed.prediction import Prediction, predict
from oom_review.observed.predictions import Predictions
from oom_review.observed.translation import Played, translated
from oom_review.situations.families import SITUATIONS
from oom_review.variants.loading import known

NONE = Limits()


def script(name: str) -> Played:
    """Of a situation that has one."""
    found = translated(SITUATIONS[name])
    assert isinstance(found, Played)
    return found


def predicted(name: str, variant: str, limits: Limits = NONE) -> Prediction:
    """Of a shipped kernel."""
    return predict(script(name), known(variant), limits)


def test_the_fridge() -> None:
    """The one difference that everybody can see: the sibling stays on 6.12, and not on 7.3."""
    name = "memcg-oom/threads=2/freezer=frozen"
    old, new = predicted(name, "oom_kernels.v6_12"), predicted(name, "oom_kernels.v7_3")
    assert "v: zombie" in new.outcomes[0].tasks
    assert all("t1: in the fridge" in seen.tasks or "v: in the fridge" in seen.tasks for seen in old.outcomes)
    assert not set(old.outcomes) & set(new.outcomes)


def test_the_machine_resumes() -> None:
    """Nobody is left asleep: a suspend comes back, also one that begins when another one is over."""
    for name in ("suspend/zombie", "snapshot/suspend"):
        found = predicted(name, "oom_kernels.v7_3")
        assert {p for seen in found.outcomes for p in seen.pm if "init" in p} <= {"init: ok", "init: EBUSY"}
        assert all("init: user mode" in seen.tasks and seen.pm for seen in found.outcomes)


def test_a_limit_is_said() -> None:
    """And the prediction is made anew once it may go on."""
    assert "5 states" in predicted("memcg-oom/threads=1", "oom_kernels.v7_3", Limits(states=5)).bounded


def test_the_file(tmp_path: Path) -> None:
    """What is written comes back the same; what hit a limit does not count."""
    path = tmp_path / "p"
    whole = predicted("suspend/zombie", "oom_kernels.v7_3")
    short = predicted("wait/exit", "oom_kernels.v7_3", Limits(states=5))
    file = Predictions(path)
    file.add(whole)
    file.add(short)
    file.close()
    file = Predictions(path)
    assert file.of("suspend/zombie", "oom_kernels.v7_3") == whole
    assert file.of("suspend/zombie", "oom_kernels.v6_12") is None
    assert file.of("wait/exit", "oom_kernels.v7_3") is None
    file.close()


def test_a_file_of_somebody_else(tmp_path: Path) -> None:
    """It is left as it is."""
    path = tmp_path / "p"
    path.write_text("mine\n")
    with pytest.raises(BadInput, match="not a file of predictions; it is left as it is"):
        Predictions(path)
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize(
    ("release", "model"),
    [
        ("5.10.0-32-amd64", "legacy_tifmemdie"),
        ("6.1.0-56-amd64", "oom_kernels.v6_1"),
        ("6.12.117+deb13-amd64", "oom_kernels.v6_12"),
        ("6.18.5", "oom_kernels.v6_18"),
        ("7.2.9", "oom_kernels.v6_18"),
        ("7.2.13+deb14-amd64", "oom_kernels.v7_2_12"),
        ("7.3.4+deb13-amd64", "oom_kernels.v7_3"),
        ("8.0.0-rc1", "oom_kernels.v7_3"),
        ("mine", "oom_kernels.v7_3"),
    ],
)
def test_which_model(release: str, model: str) -> None:
    """The newest that is not newer."""
    assert model_of(release) == model

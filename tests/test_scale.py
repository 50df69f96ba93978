"""Many workers on paper: recorded jobs dealt out as an exploration deals them out."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.report import NotAvailable
from benchmarks.scale import Done, in_order, makespan
from oom_review.situations.exploration import Exploration, size
from oom_review.situations.families import QUICK, SITUATIONS
from oom_review.situations.job import Job
from oom_review.situations.results import Results


def test_whoever_is_free_takes_the_next() -> None:
    """One does all; two share; many wait for the longest."""
    seconds = [5.0, 3.0, 3.0, 2.0, 1.0]
    assert makespan(seconds, 1) == 14
    assert makespan(seconds, 2) == 7
    assert makespan(seconds, 1000) == 5
    assert makespan([1.0, 1.0, 8.0], 2) == 9
    assert makespan([1.0] * 10, 1000, each=0.5) == 6


def test_the_order_is_that_of_an_exploration() -> None:
    """Or what is simulated is somebody else's."""
    jobs = [Job(name, "patched") for name in QUICK]
    done = [Done(job.situation, SITUATIONS[job.situation].size, 1.0, 1) for job in jobs]
    assert [d.name for d in in_order(done)] == [job.situation for job in sorted(jobs, key=size, reverse=True)]


def test_a_campaign_s_results(tmp_path: Path) -> None:
    """Its own file; one worker is as fast as one, many as slow as the longest job."""
    smallest = sorted(QUICK, key=lambda name: SITUATIONS[name].size)[:2]
    kept = Results(tmp_path / "kept", ["patched"])
    Exploration([Job(name, "patched") for name in smallest], kept).run(1)
    kept.close()
    report = scale.run(argparse.Namespace(results=tmp_path / "kept", workers=[1, 1000], each=0.001, times=1))
    one, many = report.rows
    assert one["efficiency"] == pytest.approx(1, rel=0.1)
    assert many["seconds"] >= many["at best"] == max(d.seconds for d in scale.recorded(tmp_path / "kept"))
    assert many["efficiency"] < one["efficiency"]
    twice = scale.run(argparse.Namespace(results=tmp_path / "kept", workers=[1], each=0.001, times=2)).rows[0]
    assert twice["seconds"] == pytest.approx(2 * one["seconds"], rel=0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file or directory"),
        ("{}\n{", "not the results of an exploration"),
        ('{}\n{"job": 1, "elapsed": 1, "states": 1}', "not the results of an exploration"),
        ("{}\n", "no job is finished"),
        (
            f'{{}}\n{{"job": {{"situation": "{QUICK[0]}", "variant": "x"}}, "elapsed": 1, "states": 1, "bounded": "stopped"}}',
            f"{re.escape(QUICK[0])} on x hit a limit",
        ),
    ],
)
def test_what_says_nothing_is_refused(text: str | None, said: str, tmp_path: Path) -> None:
    """In a line."""
    path = tmp_path / "results"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(NotAvailable, match=said):
        scale.recorded(path)

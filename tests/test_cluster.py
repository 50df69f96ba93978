"""The workers of a cluster: the same answers as here, from whoever lives; who is of another version, or gone, is said in one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import attrs
import pytest
from cluster_jobs import read, refuse, square_or_die, who
from distributed import LocalCluster
from distributed.scheduler import KilledWorker, WorkerState

import patched
from oom_review import ledger
from oom_review.commands import cli
from oom_review.errors import BadInput
from oom_review.situations import exploration
from oom_review.situations.exploration import Exploration
from oom_review.situations.families import QUICK, SITUATIONS
from oom_review.situations.job import Job
from oom_review.situations.results import Results
from oom_review.variants import loading
from oom_review.workers import cluster, remote, runner
from oom_review.workers.cluster import Cluster, ClusterGone, opened
from oom_review.workers.pool import Broke, Lost, Pool, listed
from oom_review.workers.runner import Runner

OVER_RFC = "import attrs, patched\n{}\nVARIANT = attrs.evolve(patched.VARIANT, name=__name__, base=patched.VARIANT)\n"
LEAK = Path(__file__).parent / "corpus" / "count-returns--patched.scenario"
CLAIM = """from oom_review.claims import Claim
CLAIMS = (Claim("no-end", "nothing ever ends", "an example", at_rest=lambda k, state: "it ends"),)
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of two workers, each a process under a nanny."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=60
    ) as two:
        yield two.scheduler_address


@pytest.fixture(autouse=True)
def nobody_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """What these tests load is theirs alone."""
    monkeypatch.setattr(loading, "_GIVEN", {})
    monkeypatch.setattr(ledger, "_GIVEN", {})


@pytest.fixture(scope="module")
def workers(address: str) -> Iterator[Cluster]:
    """These two, with their processes ready; when all is done nobody is left behind."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (loading, ledger):
            patch.setattr(module, "_GIVEN", {})
        with Cluster(address) as both:
            yield both
            last = answers(both, who, [""])
    [(_worker, process)] = last.values()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def answers(workers: Cluster, answer: Callable[[Any], Any], jobs: list[Any]) -> dict[Any, Any]:
    """What the cluster says."""
    return dict(one for one in workers.run(answer, listed(jobs)) if one is not None)


def test_every_job_is_answered_and_a_dead_process_costs_its_own(workers: Cluster) -> None:
    """As in the pool of this machine."""
    said = answers(workers, square_or_die, list(range(6)))
    broke = said.pop(4)
    assert said == {0: 0, 1: 1, 2: Lost(signal.strsignal(signal.SIGKILL) or ""), 3: 9, 5: 25}
    assert isinstance(broke, Broke)
    assert broke.reason.endswith(": ValueError: four lines")


def test_a_killed_worker_s_job_is_begun_anew(workers: Cluster, tmp_path: Path) -> None:
    """Nothing is lost."""
    said = answers(workers, who, ["", str(tmp_path / "killed")])
    assert (tmp_path / "killed").exists()
    assert all(isinstance(one, tuple) for one in said.values()), said


def test_a_slow_worker_holds_nobody_up(workers: Cluster, tmp_path: Path) -> None:
    """The other one does all else meanwhile."""
    slow = tmp_path / "slow"
    os.mkfifo(slow)
    said = []
    for one in workers.run(read, listed([str(slow), *[""] * 5])):
        said += [one] if one is not None else []
        if len(said) == 5:
            assert all(job == "" for job, _text in said)
            slow.write_text("done", encoding="utf-8")
    assert said[-1] == (str(slow), "done")


def test_a_worker_that_becomes_another_one_ends_it(workers: Cluster) -> None:
    """One line that says who."""
    with pytest.raises(ClusterGone, match=r"^--cluster \S+: the worker at tcp://\S+: it was edited$"):
        answers(workers, refuse, [1])


def test_a_worker_of_another_version_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, before a job is given away; and by the process that would do the job, if it is another one than its worker."""
    origin, files = remote.here()
    other = tuple((what, "f00d" if what == "sources" else said) for what, said in origin.identity)
    monkeypatch.setattr(cluster, "here", lambda: (attrs.evolve(origin, identity=other), files))
    with pytest.raises(
        BadInput, match=r"the worker at tcp://\S+ is another one: sources: [0-9a-f]{12} there, f00d here"
    ):
        opened(address).__enter__()
    work = attrs.evolve(origin, identity=(("Python", "2.7"),)), "/", b""
    said = remote.answered(work)
    assert isinstance(said, remote.Refused)
    assert said.reason == f"Python: 3.{sys.version_info.minor} there, 2.7 here"


def test_a_worker_of_another_version_that_comes_late_gets_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on."""
    monkeypatch.setattr(Runner, "answer", lambda _self, worker, _key, _packed: worker.address)
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            protocol="tcp",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=60,
        ) as two,
        Cluster(two.scheduler_address) as there,
    ):
        first = two.workers[0].address
        monkeypatch.setattr(runner, "difference", lambda _wanted: "engine: another")
        two.scale(2)
        there._client.wait_for_workers(2)
        assert set(answers(there, read, list(range(6))).values()) == {first}


def results(path: Path) -> list[dict[str, Any]]:
    """But for times, and in one order."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line.pop("elapsed", None)
    return sorted(lines, key=lambda line: str(line.get("job")))


def test_kernels_and_claims_of_one_s_own_travel(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a path and by a name, as source; the results are those of this machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            OVER_RFC.format(f"from {name} import part"), encoding="utf-8"
        )
        (tmp_path / name / "part.py").write_text("", encoding="utf-8")
    (tmp_path / "mine.py").write_text(CLAIM, encoding="utf-8")
    words = [
        "explore",
        "--situation",
        QUICK[0],
        "--variant",
        "./one",
        "--variant",
        "two",
        "--claims",
        "mine.py",
        "--quiet",
    ]
    for there in (["--cluster", address], ["--jobs", "1"]):
        assert cli.main([*words, *there, "--resume", f"{there[0][2:]}.jsonl"]) == 1
    found, wanted = (results(tmp_path / f"{name}.jsonl") for name in ("cluster", "jobs"))
    assert found == wanted
    assert [len(line.get("refuted", ())) for line in found] == [0, 1, 1]


def test_a_kernel_that_breaks_there_is_one_line(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file as its author has it.  What it needs and did not travel is said, too."""
    monkeypatch.chdir(tmp_path)
    source = Path(patched.__file__).parent
    shutil.copytree(source, tmp_path / "broken_there", ignore=shutil.ignore_patterns("__pycache__"))
    text = (source / "exit.py").read_text(encoding="utf-8")
    assert "last = False\n" in text
    (tmp_path / "broken_there" / "exit.py").write_text(
        text.replace("last = False\n", "last = 1 // 0\n"), encoding="utf-8"
    )
    (tmp_path / "lame.py").write_text(OVER_RFC.format("import beside"), encoding="utf-8")
    (tmp_path / "beside.py").touch()
    said = []
    for variant in ("./broken_there", "lame"):
        words = ["explore", "--situation", QUICK[0], "--variant", variant, "--cluster", address, "--quiet"]
        assert cli.main(words) == 2
        said += capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "variant 'broken_there' broke at broken_there/exit.py:" in said[0]
    assert "ModuleNotFoundError: No module named 'beside'" in said[1]


def test_a_comparison_says_the_same(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the smallest script of each difference, and how likely it is."""
    monkeypatch.chdir(tmp_path)
    said = []
    for there in (["--cluster", address], ["--jobs", "1"]):
        assert cli.main(["compare", "legacy", "rfc", str(LEAK), *there]) == 1
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "only on patched: " in said[0]


class Stopped(Exploration):
    """Somebody loses patience at the second answer."""

    def _take(self, *given: Any) -> None:
        super()._take(*given)
        if self.results is not None and len(self.outcomes) % 2 == 0:
            raise KeyboardInterrupt


def test_interrupted_three_times_it_comes_to_the_same(
    workers: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One results file, and what is in it is not done again."""
    monkeypatch.setattr(exploration, "opened", lambda here: opened(here) if here else nullcontext(workers))
    small = sorted(QUICK, key=lambda name: SITUATIONS[name].size)[:4]
    jobs = [Job(name, variant) for name in small for variant in loading.PAIR]
    for number in range(1, 4):
        kept = Results(tmp_path / "kept", loading.PAIR)
        with pytest.raises(KeyboardInterrupt):
            Stopped(jobs, kept).run(None)
        kept.close()
        assert len(results(tmp_path / "kept")) == 1 + 2 * number
    for name, here in (("kept", None), ("undisturbed", 1)):
        kept = Results(tmp_path / name, loading.PAIR)
        Exploration(jobs, kept).run(here)
        kept.close()
    assert results(tmp_path / "kept") == results(tmp_path / "undisturbed")


def test_a_scheduler_that_dies_keeps_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, which says how to go on; status 2."""
    monkeypatch.chdir(tmp_path)
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as one:
        take = Exploration._take

        def and_then_it_dies(self: Exploration, *given: Any) -> None:
            take(self, *given)
            one.close()

        monkeypatch.setattr(Exploration, "_take", and_then_it_dies)
        words = ["explore", "--situation", QUICK[0], "--situation", QUICK[1], "--variant", "rfc", "--quiet"]
        assert cli.main([*words, "--cluster", one.scheduler_address]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"oom-review: --cluster {one.scheduler_address}: the scheduler is gone")
    assert "; 1 of 2 jobs are finished; to go on: oom-review explore" in said
    assert said.endswith(f"--cluster {one.scheduler_address} --quiet --resume oom-review-explore.jsonl\n")
    assert len(results(tmp_path / "oom-review-explore.jsonl")) == 2


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:1", "Timed out trying to connect"),
        ("nowhere", "missing port number"),
        ("", "missing port number"),
    ],
)
def test_where_nobody_answers(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, status 2, in a bounded time."""
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    assert cli.main(["explore", "--situation", QUICK[0], "--cluster", address]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert errors.startswith(f"oom-review: --cluster {address}: nobody answers there (")
    assert said in errors


def test_a_cluster_without_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, in a bounded time."""
    monkeypatch.setattr(cluster, "FIRST_WORKER", 0.1)
    with (
        LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as none,
        pytest.raises(
            BadInput, match=r"^--cluster tcp://\S+: the scheduler has no worker: \w+: Only 0/1 workers"
        ),
    ):
        opened(none.scheduler_address).__enter__()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadInput, match=r"^--cluster: .*\(the extra cluster has to be installed\)$"):
        Cluster("tcp://127.0.0.1:1").__enter__()


def test_a_job_that_kills_every_worker_is_lost() -> None:
    """distributed gives up on it; what a worker raises of its own, and a scheduler that is gone, ends all."""
    there = Cluster("tcp://127.0.0.1:1")
    said: list[Future[Any]] = [Future() for _ in range(3)]
    said[0].set_exception(KilledWorker("job", WorkerState.__new__(WorkerState), 3))
    said[1].set_exception(ModuleNotFoundError("No module named 'oom_review'"))
    said[2].cancel()
    assert there._got(said[0]) == Lost("so did each worker that had it")
    with pytest.raises(
        ClusterGone, match=r"a worker failed: ModuleNotFoundError: No module named 'oom_review'$"
    ):
        there._got(said[1])
    with pytest.raises(ClusterGone, match=r"the scheduler is gone$"):
        there._got(said[2])


def test_a_budget_is_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    """Clocks of other machines say something else."""
    assert cli.main(["review", "--budget", "1", "--cluster", "tcp://127.0.0.1:1", "--quiet"]) == 2
    assert (
        capsys.readouterr().err
        == "oom-review: --budget is by this machine's clock: not together with --cluster\n"
    )


def test_who_works() -> None:
    """Processes here, unless an address is given."""
    assert isinstance(opened(None), Pool)
    assert isinstance(opened(2), Pool)
    assert isinstance(opened("tcp://127.0.0.1:1"), Cluster)

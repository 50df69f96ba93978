"""The main job: for every claim and every variant, search for a counterexample, and say what was found.

Claims that are known to be refuted are searched for one by one.  All others are watched together, over a fixed number of
programs.  Besides, every interleaving of small situations is tried: that gives the bounds within which a claim holds for
certain.

A review is so much work, not so much time: the same seed gives the same verdicts on any machine.  Whatever ends it early (a budget in
seconds, Ctrl-C, a worker that died, a limit) leaves verdicts of ``bounded`` where ``holds`` would rest on less.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing

import attrs

from kernel_model.variant import Variant
from oom_review import ledger
from oom_review.claims import HOLDS, REFUTED, Claim
from oom_review.explore.explorer import BOUNDED
from oom_review.play.session import Violation
from oom_review.review.board import Board, Explorations
from oom_review.review.jobs import (
    BATCH,
    NEVER,
    REFUTE_EXAMPLES,
    Alternatives,
    Answer,
    Batch,
    Compared,
    Job,
    Lockstep,
    Others,
    Search,
    Shrink,
    Watched,
    answer,
)
from oom_review.scenario import file as scenario_file
from oom_review.scenario.form import Settings, counterexample
from oom_review.search.one_claim import Found
from oom_review.situations import job as exploring
from oom_review.situations.expectations import Expectations
from oom_review.situations.families import QUICK, SITUATIONS, bearing
from oom_review.situations.job import Outcome
from oom_review.situations.progress import Progress
from oom_review.situations.verdicts import Explored
from oom_review.variants.loading import PAIR, load, title_of
from oom_review.verdicts import Alternative, Cell, Review
from oom_review.workers.cluster import Cluster, ClusterGone, Workers, opened
from oom_review.workers.pool import Broke, Lost, Pool, listed

BATCHES = 8
"""For each variant: with all else a review then takes some two minutes and a half on two cores."""
STATES = 100_000
"""More than any quick situation has on the variants that come with the project: one of your own may have no end."""
BY_THE_USER = "interrupted"


@attrs.define(frozen=True)
class Work:
    """How much a review tries: ``batches`` of programs for each variant, and all interleavings of all ``situations``.

    No claim holds after fewer batches than the ``floor``.
    """

    batches: int = BATCHES
    floor: int = BATCHES
    situations: tuple[str, ...] = QUICK
    states: int = STATES

    @classmethod
    def of(cls, programs: int) -> Work:
        """As many batches as it takes for so many programs."""
        return cls(batches=-(-programs // BATCH))


DEFAULT_WORK = Work()


@attrs.define
class Reviewer:
    """A review under way: who is reviewed, how much of it is to be done, and what is known by now."""

    pool: Pool | Cluster
    variants: list[Variant]
    work: Work = DEFAULT_WORK
    until: float = NEVER
    first_seed: int = 0
    claims: tuple[Claim, ...] = attrs.Factory(ledger.claims)
    expectations: Expectations = attrs.Factory(Expectations)
    board: Board = attrs.Factory(Board)
    explored: Explorations = attrs.Factory(Explorations)
    compared: Compared = attrs.Factory(lambda: Compared({}))
    progress: Progress = attrs.Factory(lambda: Progress(0, "examples"))
    tell: Callable[[bool], None] = lambda _news: None
    interrupted: str = ""
    cut: bool = False
    others: dict[tuple[str, str], dict[str, list[Alternative]]] = attrs.Factory(dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all variants."""
        return tuple(v.name for v in self.variants)

    @property
    def situations(self) -> list[str]:
        """Those that bear on the claims, the smallest first."""
        bears = {name for claim in self.claims for name in bearing(claim.id)}
        mine = [name for name in self.work.situations if name in bears or self._all_claims]
        return sorted(mine, key=lambda name: SITUATIONS[name].size)

    @property
    def _all_claims(self) -> bool:
        return self.claims == ledger.claims()

    def run(self) -> None:
        """All of it; raises BadInput for what a variant or a claim of the user's does wrong."""
        first = self.searches() + self.lockstep() + self.explorations()
        self.progress.total = len(first) + self.work.batches * len(self.variants)
        self._know(self._stage(first))
        batches = self.batches()
        self.progress.total = len(first) + len(batches)
        self._know(self._stage([*self._shrinks(), *batches]))
        self._know(self._stage(self._shrinks()))

    # What there is to do

    def searches(self) -> list[Job]:
        """For every refutation that is expected."""
        return [
            Search(v.name, claim.id, self.first_seed, self.names, self.until)
            for v in self.variants
            for claim in self.claims
            if searched(claim, v.name)
        ]

    def lockstep(self) -> list[Job]:
        """The two kernels of 2016, if both are reviewed, and with all claims."""
        both = set(PAIR) <= set(self.names) and self._all_claims
        return [Lockstep(*PAIR, self.first_seed, self.names)] if both else []

    def explorations(self) -> list[Job]:
        """The smallest first, whatever the time is enough for."""
        return [
            exploring.Job(name, v.name, self.work.states) for name in self.situations for v in self.variants
        ]

    def batches(self) -> list[Job]:
        """All that is watched, the variants in turn."""
        watched = {
            v.name: tuple(
                c.id for c in self.claims if not searched(c, v.name) and not self.board.refuted(v.name, c.id)
            )
            for v in self.variants
        }
        return [
            Batch(name, ids, self.first_seed, number, self.names, self.until)
            for number in range(self.work.batches)
            for name, ids in watched.items()
            if ids
        ]

    def _shrinks(self) -> list[Job]:
        """Refutations that came from elsewhere than a search, which shrinks its own."""
        return [
            Shrink(f.variant, f.claim, self._text(f))
            for f in self.board.found.values()
            if f.verdict == REFUTED and f.as_found
        ]

    def explore_others(self) -> None:
        """Who else could have gone at the steps of each refutation."""
        jobs: list[Job] = [
            Others(f.variant, f.claim, self._text(f))
            for f in self.board.found.values()
            if f.scenario is not None
        ]
        self.progress.total += len(jobs)
        self._know(self._stage(jobs))

    # What becomes of it

    def _stage(self, jobs: Sequence[Job]) -> list[tuple[Job, Answer | Lost]]:
        """The answers in the order of the jobs, whoever was faster; those that were not begun have none."""
        got: dict[Job, Answer | Lost] = {}
        try:
            if not self.interrupted:
                self._work(jobs, got)
        except KeyboardInterrupt:
            self.interrupted = BY_THE_USER
        except ClusterGone as error:
            self.interrupted = str(error)
        self.cut = self.cut or len(got) < len(jobs)
        return [(job, got[job]) for job in jobs if job in got]

    def _work(self, jobs: Sequence[Job], got: dict[Job, Answer | Lost]) -> None:
        with closing(self.pool.run(answer, listed(jobs, self.until))) as answers:
            for one in answers:
                if one is not None:
                    job, said = one
                    if isinstance(said, Broke):
                        raise said.error(_about(job))
                    got[job] = said
                    self.progress.finished(*_progress(job, said))
                self.tell(one is not None)

    def _know(self, answers: Sequence[tuple[Job, Answer | Lost]]) -> None:
        outcomes, lost = [], []
        for job, said in answers:
            if isinstance(said, Outcome):
                outcomes.append(said)
            elif isinstance(said, Watched):
                self.board.watched(job.variant, said)
                self.cut = self.cut or not said.whole
            elif isinstance(said, Compared):
                self.compared = said
            elif isinstance(said, Alternatives):
                assert isinstance(job, Others)
                self.others[job.claim, job.variant] = said.by_step
            elif isinstance(said, Found):
                self._found(job, said)
            elif isinstance(job, exploring.Job):
                lost.append((job, said))
            else:
                self._lose(job, said)
        if outcomes or lost:
            self.explored = Explorations(tuple(outcomes), tuple(lost))
            self._refuted_by_exploring()

    def _found(self, job: Job, found: Found) -> None:
        self.cut = self.cut or found.cut
        if isinstance(job, Shrink):
            self.board.shrunk(found)
        else:
            self.board.add(found)

    def _lose(self, job: Job, lost: Lost) -> None:
        claims = job.claims if isinstance(job, Batch) else (job.claim,) if isinstance(job, Search) else ()
        for claim in claims:
            self.board.lost[job.variant, claim] = lost.reason
        if isinstance(job, Lockstep):
            self.compared = Compared({}, f"lockstep: a worker died ({lost.reason}) over it")

    def _refuted_by_exploring(self) -> None:
        for (claim, variant), cell in self.explored.cells(self.names).items():
            wanted = ledger.find(claim) in self.claims and not self.board.refuted(variant, claim)
            if cell.smallest is not None and wanted:
                shown = cell.smallest.refuted[claim]
                violation = Violation(claim, shown.sentence, 0)
                scenario = scenario_file.parse(shown.scenario).scenario
                self.board.add(
                    Found(claim, variant, REFUTED, 0, 0, 0.0, 0, violation, scenario, as_found=True)
                )

    def short(self, claim: Claim, variant: str) -> str:
        """Why the claim can't be said to hold; empty if all was done that ``holds`` asks for."""
        key = (variant, claim.id)
        died = self.board.lost.get(key)
        reasons = [f"a worker died ({died}) over it"] if died else []
        reasons += self.explored.stopped(variant)[:1]
        found = self.board.found.get(key)
        tried = []
        if searched(claim, variant):
            if found is None or found.cut:
                tried.append(f"{found.examples if found else 0} of {REFUTE_EXAMPLES} programs")
        elif (done := self.board.batches.get(key, 0)) < self.work.floor:
            tried.append(f"{done * BATCH} of {self.work.floor * BATCH} programs")
        explored, all_of_them = self.explored.answered(variant), len(self.situations)
        if explored < all_of_them:
            tried.append(f"{explored} of {all_of_them} situations")
        if tried and not (reasons and not self.cut):
            how = "interrupted after" if self.interrupted else "cut short after" if self.cut else "only"
            reasons.append(f"{how} {', '.join(tried)}")
        return f"bounded: {'; '.join(reasons)}" if reasons else ""

    def verdict(self, claim: Claim, variant: str) -> tuple[str, str]:
        """The verdict, and why it is BOUNDED, if so."""
        if self.board.refuted(variant, claim.id):
            return REFUTED, ""
        short = self.short(claim, variant)
        return BOUNDED if short else HOLDS, short

    def wanted(self, claim: Claim, variant: str) -> str:
        """The expected verdict: that of a base that is reviewed beside it, if there is one; such a base is to do what it does."""
        bases = self.expectations.bases(self.names)
        base = variant if variant in bases else self.expectations.beside(variant)
        measured = self.verdict(claim, base)[0] if base in self.names else BOUNDED
        return self.expectations.verdict(claim, variant) if measured == BOUNDED else measured

    def cells(self) -> tuple[Cell, ...]:
        """The verdict on each claim on each variant."""
        bounds, surprises = self.explored.cells(self.names), self.explored.surprises(self.expectations)
        keys = [(claim, name) for claim in self.claims for name in self.names]
        return tuple(
            self._cell(claim, name, bounds.get((claim.id, name)), surprises.get((claim.id, name), ""))
            for claim, name in keys
        )

    def _cell(self, claim: Claim, variant: str, explored: Explored | None, surprise: str) -> Cell:
        found = self.board.found.get((variant, claim.id)) or Found(claim.id, variant, HOLDS, 0, 0, 0.0)
        verdict, short = self.verdict(claim, variant)
        return Cell(
            claim.id,
            variant,
            verdict,
            self.wanted(claim, variant),
            found.examples,
            found.interleavings,
            None if found.scenario is None else self._text(found),
            found.seed,
            bound_beside(found, explored) or None,
            round(found.seconds, 3),
            found.violation.sentence if found.violation else claim.sentence,
            surprise or short or None,
            self.others.get((claim.id, variant), {}),
            found.endless,
        )

    @staticmethod
    def _text(found: Found) -> str:
        """The refutation as a scenario file."""
        assert found.scenario is not None
        made_by = Settings(claim=found.claim, variant=found.variant, strategy="portfolio", seed=found.seed)
        return scenario_file.dumps(counterexample(found.scenario, made_by))


def searched(claim: Claim, variant: str) -> bool:
    """The ledger itself says that it is refuted there: it pays to look for that claim alone.  A patch may have mended what its base breaks."""
    return claim.programs and claim.expected.get(variant, HOLDS) == REFUTED


def _about(job: Job) -> str:
    """The job for people."""
    return str(job) if isinstance(job, exploring.Job) else f"{type(job).__name__.lower()} on {job.variant}"


def _progress(job: Job, said: Answer | Lost) -> tuple[str, int]:
    """What was done, and how many programs that took."""
    if isinstance(said, Lost):
        return f"{job.variant}: a worker died ({said.reason})", 0
    if isinstance(said, Found):
        return f"{said.variant}: {said.claim} {said.verdict}", said.examples
    if isinstance(said, Watched):
        return f"watching {job.variant}", max(one.examples for one in said.found)
    if isinstance(said, Alternatives):
        return f"{job.variant}: explored from the steps of a refutation", 0
    return ("lockstep", 0) if isinstance(said, Compared) else (f"explored {job}", 0)


def bound_beside(found: Found, explored: Explored | None) -> str:
    """What holds in all that was explored is no bound of a claim that is refuted elsewhere."""
    if explored is None or (found.verdict == REFUTED and explored.verdict != REFUTED):
        return ""
    return explored.bound


@attrs.define(frozen=True)
class Reviewed:
    """A review and how it went: ``unexplained`` is a difference without a name; ``interrupted`` by what, if it was."""

    review: Review
    unexplained: str = ""
    interrupted: str = ""


def review(
    names: Sequence[str],
    *,
    claims: Sequence[Claim] | None = None,
    expectations: Expectations = Expectations(),  # noqa: B008 - frozen
    work: Work = DEFAULT_WORK,
    budget: float | None = None,
    jobs: Workers = None,
    first_seed: int = 0,
    progress: Progress | None = None,
    tell: Callable[[bool], None] = lambda _news: None,
    whole: bool = False,
) -> Reviewed:
    """Review these variants on ``jobs`` cores (all, by default), or on the cluster at that address; after ``budget`` seconds nothing is begun any more.

    ``whole``: with the alternatives at the steps of each refutation, which takes some seconds for each.  ``tell`` is called after
    each job (True) and now and then in between.  Raises BadInput for what a variant or
    a claim of the user's does wrong.
    """
    variants = [load(name) for name in names]
    until = NEVER if budget is None else time.monotonic() + budget
    with opened(jobs) as pool:
        reviewer = Reviewer(
            pool,
            variants,
            work,
            until,
            first_seed,
            tuple(ledger.claims() if claims is None else claims),
            expectations,
            tell=tell,
        )
        reviewer.progress = progress or reviewer.progress
        reviewer.run()
        if whole:
            reviewer.explore_others()
    return Reviewed(
        Review(
            reviewer.cells(),
            reviewer.compared.differences,
            tuple(
                f"{title_of(name)}: {bound}"
                for name in reviewer.names
                if (bound := reviewer.explored.bound(name))
            ),
            reviewer.explored.endless(expectations),
        ),
        reviewer.compared.unexplained,
        reviewer.interrupted,
    )

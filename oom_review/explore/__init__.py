"""Exhaustive exploration: all interleavings of a scenario on one variant.

A step is a function of what it reads.  So each step of the kernel runs once, on the real model, for all states that look alike to it:

- recorder.py gives the kernel's structures classes that tell what one step reads and writes, field by field (fields.py, whose kinds
  are declared beside the structures in kernel_model); codes.py and frames.py say what a value, and what a suspended context, is equal to.
- table.py keeps that as a decision tree for each context and place: from another state with the same values read, the step is a look-up.
- numbering.py holds a state as a tuple of numbers, and places.py knows what has one from the start; steps.py takes a step that is not in the
  table, on a machine that setup.py leads to the state first, and notes.py puts it there.
- sleepers.py says who can take a step in a state, and whose sleep may end early; observer.py shows the steps' events to the claims.
- search.py walks depth first over all states.  It asks for no more than model.py says, and knows nothing of kernels.
- core/ is the same search in C++, for what recorded.py says, ten times as fast on what is large; compiled.py speaks with it over
  interface.py, build.py makes it and engines.py chooses.  Where there is no compiler search.py does the same, and the tests hold both to
  the same counts.

Nothing is modelled a second time: every entry of the table was computed by the model.  What could not be seen would be a silent loss, so
that it is refused by name (frames.Unseen).  Then the reductions, each of which can be switched off (Bounds) and is compared with doing without:

- steps that commute are tried in one order: commuting.py says from what was recorded which do, summaries.py what a part that is
  known already would race with;
- threads that nothing tells apart stand for each other: symmetry.py finds them, orbits.py renames;
- the freezer's walks are one step each (walks.py).

lasso.py looks for runs that never come to rest, if the search came back to where it had been.

explorer.py puts it together and says what comes of it: ends (final.py), verdicts, witnesses.  limits.py is where a search gives up,
which never counts as "holds".  The tests hold all this to an explorer that does none of it (tests/explore/plainly.py).

Tried and dropped: a second engine that repeated steps on fresh machines and went by what preemption points declared to touch: whoever
wrote a patch had to write declarations; sleep sets, which a search that knows states again has no use for; mypyc and Cython for the
search, which were 1.1 and 1.25 times as fast.
"""

from oom_review.explore.explorer import Bounds, Result, Verdict, explore
from oom_review.explore.limits import Counts, Limits

__all__ = ["Bounds", "Counts", "Limits", "Result", "Verdict", "explore"]

"""docs/situations.md: the dimensions, and each claim's family as a table."""

from __future__ import annotations

from oom_review.claims import CLAIMS, HOLDS
from oom_review.situations.dimensions import DIMENSIONS, MAX_THREADS
from oom_review.situations.families import FAMILIES, QUICK, SITUATIONS, Family
from oom_review.variants import TITLES

HEAD = f"""# Situations

A situation is a scenario without a schedule: first come, one by one, the operations that make the victim and the people around it;
then everything else at once, and `oom-review explore` tries all interleavings of that. Its name says which value it has of
each dimension; plain values are left out.

For each claim there is a family of situations, chosen by what the claim depends on; it is no blind product of all values. Each
row says on which variants exploring refutes the claim there, and any other outcome is an error, in both directions. What a
verdict of `holds` was explored in is said with it: "all interleavings of 9 situations, up to 2 threads, 31 204 states". An
exploration that hits a limit yields "bounded: stopped at ...", and never counts as holds.

In all of them a time-out comes only when nobody can run, but for those that say `sleeps=any-time`: there a sleep of up to 200 ms, or of
a task that looks again and again, may end at any moment, unless it would look in vain. The freezer's walks over all threads of the
system, or of a group, are one step each: docs/model.md says why nothing depends on it. The machine that suspends sleeps on at the end; nobody presses the power button.

```
oom-review explore --list                        # all {len(SITUATIONS)}, with the claims they bear on
oom-review explore --claim victim-dies           # one family, on all cores
oom-review explore --situation '*/suspend*' --threads 1
oom-review explore --resume results.jsonl        # keep what is finished; go on there after Ctrl-C
```

A results file has a header (format version, project version, a digest of the sources of model, claims and exploration) and a line of
JSON for each finished job, with the verdicts, the counts, the digest of the variant's sources and a scenario file for each
refutation. It is no use once these sources have changed, and then it is refused.

`oom-review review` explores the {len(QUICK)} small ones that are printed in bold, as far as its budget allows.

## Dimensions

| dimension | value | what it says |
|---|---|---|
| `threads` | 1 to {MAX_THREADS} | of the victim |
"""


def situations_page(made: str) -> str:
    """The whole page; ``made`` is what all such pages begin with."""
    lines = [made, HEAD.rstrip()]
    for dimension, values in DIMENSIONS.items():
        for value, sentence in values.items():
            lines.append(f"| `{dimension}` | `{value}` | {sentence or 'plain'} |")
    lines.append("")
    for claim in CLAIMS:
        lines += _family(FAMILIES[claim.id], claim.sentence)
    return "\n".join(lines).rstrip() + "\n"


def _family(family: Family, promise: str) -> list[str]:
    lines = [
        f"## {family.claim}\n",
        f"{promise[0].upper()}{promise[1:]}. {family.why}\n",
        "| situation | " + " | ".join(TITLES.values()) + " |",
        "|---|" + "---|" * len(TITLES),
    ]
    for row in family.rows:
        verdicts = [family.expected(row.situation.name, variant) for variant in TITLES]
        shown = [v if v == HOLDS else f"**{v}**" for v in verdicts]
        name = f"`{row.situation.name}`"
        lines.append(f"| {f'**{name}**' if row.quick else name} | {' | '.join(shown)} |")
    return [*lines, ""]

"""The two packages differ by the RFC's 13 hunks and by nothing else; docs/hunks.md says which lines are which hunk."""

from __future__ import annotations

import ast
import re
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "hunks.md"
LEGACY, PATCHED = "legacy_tifmemdie", "patched"
PACKAGES = (LEGACY, PATCHED)

# The RFC's diffstat, hunk by hunk.
RFC = ["include/linux/sched.h"] + ["kernel/exit.c"] * 9 + ["kernel/freezer.c"] * 2 + ["mm/oom_kill.c"]
COLUMNS = 8

Line = tuple[str, str, int]  # package, file, number


@attrs.define(frozen=True)
class Hunk:
    """A row of the page."""

    number: int
    rfc_file: str
    functions: tuple[str, ...]
    lines: frozenset[Line]


def numbers(cell: str) -> list[int]:
    """The lines of a cell such as ``6, 28, 120-121``; "-" is none."""
    if cell == "-":
        return []
    found: list[int] = []
    for part in cell.split(", "):
        first, _dash, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def hunk(row: list[str]) -> Hunk:
    """One row's cells, understood."""
    number, rfc_file, _place, functions, file, legacy, patched, _what = row
    lines = [(LEGACY, file, n) for n in numbers(legacy)] + [(PATCHED, file, n) for n in numbers(patched)]
    assert len(set(lines)) == len(lines), f"hunk {number} names a line twice"
    return Hunk(int(number), rfc_file, tuple(functions.split(", ")), frozenset(lines))


def hunks() -> list[Hunk]:
    """The page's table."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if re.match(r"\| \d", line)
    ]
    assert all(len(row) == COLUMNS for row in rows)
    return [hunk(row) for row in rows]


def files(package: str) -> list[str]:
    return sorted(p.name for p in (ROOT / package).glob("*.py"))


def source(package: str, file: str) -> list[str]:
    return (ROOT / package / file).read_text().splitlines()


def differing() -> set[Line]:
    """Every line that is only in one of the two packages."""
    found: set[Line] = set()
    for file in files(PATCHED):
        matcher = SequenceMatcher(None, source(LEGACY, file), source(PATCHED, file), autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag != "equal":
                found |= {(LEGACY, file, n + 1) for n in range(i1, i2)}
                found |= {(PATCHED, file, n + 1) for n in range(j1, j2)}
    return found


def said(lines: set[Line]) -> str:
    """For people: where, and what stands there."""
    texts = []
    for package, file, number in sorted(lines):
        text = source(package, file)
        texts.append(
            f"{package}/{file}:{number}: {text[number - 1] if number <= len(text) else 'past the end'}"
        )
    return "\n".join(texts)


def test_same_files() -> None:
    """Both packages have the RFC's three C files, and no other module beside their table of functions."""
    assert files(LEGACY) == files(PATCHED) == ["__init__.py", "exit.py", "freezer.py", "oom_kill.py"]


def test_the_page_has_the_hunks_of_the_rfc() -> None:
    """13 hunks, numbered, in the order of the RFC's files."""
    assert [h.number for h in hunks()] == list(range(1, 14))
    assert [h.rfc_file for h in hunks()] == RFC


def test_each_hunk_has_lines() -> None:
    """No hunk of the RFC was left out of the Python."""
    assert [h.number for h in hunks() if not h.lines] == []


def test_each_line_has_one_hunk() -> None:
    """The page's lines are those that differ today, each in one row."""
    claimed = Counter(line for h in hunks() for line in h.lines)
    assert [line for line, times in claimed.items() if times > 1] == []
    stale, unclaimed = set(claimed) - differing(), differing() - set(claimed)
    assert not stale, f"the page says that these differ:\n{said(stale)}"
    assert not unclaimed, f"no hunk of the page has these:\n{said(unclaimed)}"


@pytest.mark.parametrize("file", files(PATCHED))
def test_nothing_else_differs(file: str) -> None:
    """Without the hunks' lines the two files are the same text, so that either can be made from the other and the page."""
    claimed = {line for h in hunks() for line in h.lines}
    rest = {
        package: [
            text for n, text in enumerate(source(package, file), 1) if (package, file, n) not in claimed
        ]
        for package in PACKAGES
    }
    assert rest[LEGACY] == rest[PATCHED]


def spans(package: str, file: str) -> dict[str, range]:
    """The lines of each function, with the blank ones after it; of imports and declarations together, under ""."""
    body = ast.parse("\n".join(source(package, file))).body
    found = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef):
            end = after.lineno if after is not None else len(source(package, file)) + 1
            found[node.name] = range(node.lineno, end)
    found[""] = range(1, min(s.start for s in found.values()))
    return found


def test_lines_are_where_the_page_says() -> None:
    """A hunk's lines lie in its functions; what is left of them are imports, declarations and points before the first."""
    for h in hunks():
        for package, file, number in h.lines:
            places = [name for name, span in spans(package, file).items() if number in span]
            assert places, f"hunk {h.number}: {said({(package, file, number)})}"
            assert set(places) <= {*h.functions, ""}, f"hunk {h.number}: {said({(package, file, number)})}"


def test_each_hunk_changes_its_own_function() -> None:
    """Imports alone are a hunk only where the RFC's hunk is an #include."""
    for h in hunks():
        inside = {
            line
            for line in h.lines
            if any(line[2] in spans(line[0], line[1])[f] for f in h.functions if f in spans(line[0], line[1]))
        }
        assert bool(inside) == (h.number != 11)


def ranges(lines: list[int]) -> str:
    """The reverse of numbers()."""
    starts = [n for n in lines if n - 1 not in lines]
    ends = [n for n in lines if n + 1 not in lines]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True)) or "-"


def renumbered() -> str:
    """The page for lines that moved and did not change: the order in which they belong to hunks is still the same."""
    claimed, now = sorted(line for h in hunks() for line in h.lines), sorted(differing())
    assert [line[:2] for line in claimed] == [line[:2] for line in now], (
        "lines came or went: edit the page by hand"
    )
    moved = dict(zip(claimed, now, strict=True))
    page = PAGE.read_text().splitlines()
    for i, text in enumerate(page):
        if re.match(r"\| \d", text):
            row = [cell.strip() for cell in text.strip("|").split("|")]
            for column, package in ((5, LEGACY), (6, PATCHED)):
                row[column] = ranges([moved[package, row[4], n][2] for n in numbers(row[column])])
            page[i] = f"| {' | '.join(row)} |"
    return "\n".join([*page, ""])


def test_renumbering() -> None:
    """A page whose numbers are right is renumbered to itself."""
    assert renumbered() == PAGE.read_text()


if __name__ == "__main__":
    PAGE.write_text(renumbered())

"""The commands that the findings name: each is run as it stands there, from the repository's root; those that boot kernels are only parsed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from oom_review.commands.cli import main, parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "docs" / name for name in ("findings.md", "other-findings.md")]
TYPED = ".venv/bin/oom-review"
COMMANDS = [
    c for page in PAGES for c in re.findall(rf"^    ({TYPED} .+)$", page.read_text("utf-8"), re.MULTILINE)
]
BOOTS = f"{TYPED} kernels "
RUN = [command for command in COMMANDS if not command.startswith(BOOTS)]
SECTIONS = [s for page in PAGES for s in re.split(r"^## ", page.read_text("utf-8"), flags=re.MULTILINE)[1:]]


@pytest.mark.parametrize("command", RUN, ids=lambda c: c.removeprefix(f"{TYPED} ").replace("/", "-"))
def test_a_command_ends_as_the_page_says(
    command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    status = main(shlex.split(command)[1:])
    output, errors = capfd.readouterr()
    assert (status, errors) == (0, "")
    assert output.splitlines()[-1].endswith("as expected"), output


def test_what_boots_kernels_is_a_command() -> None:
    """The real ones are for who has QEMU, and the network."""
    boots = [command for command in COMMANDS if command not in RUN]
    actions = [parser("kernels").parse_args(shlex.split(c)[1:]).action for c in boots]
    assert actions == ["fetch", "replay", "finding"]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda s: s.partition("\n")[0].replace("/", "-"))
def test_each_finding_has_a_command(section: str) -> None:
    """And what looks like one, but is typed in another way, is none that was run."""
    assert TYPED in section
    assert section.count("oom-review ") == section.count(f"{TYPED} ")

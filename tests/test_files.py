"""Files that people keep: whole or not at all, never over a stranger's, and no failure to write one costs what it would hold."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from oom_review import files
from oom_review.errors import BadInput
from oom_review.files import HEAD, check_directory, check_target, write_beside, write_new, write_over_ours
from oom_review.scenario import file as scenario_file
from oom_review.scenario.items import Op, Run, Scenario
from oom_review.show import failure
from oom_review.variants.loading import load
from oom_review.verdicts import MARKER as REVIEW

MARKER = "<!-- ours -->"
OURS = f"<p>{MARKER}old</p>"


def names(directory: Path) -> list[str]:
    return sorted(p.name for p in directory.iterdir())


def test_what_exists_is_never_written_over(tmp_path: Path) -> None:
    """Nor is what a link points to, or would point to; nothing else is left behind."""
    (tmp_path / "mine").write_text("precious", encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for name in ("mine", "link"):
        with pytest.raises(BadInput, match=rf"{name}: File exists"):
            write_new(tmp_path / name, "new")
    assert (tmp_path / "mine").read_text(encoding="utf-8") == "precious"
    assert names(tmp_path) == ["link", "mine"]
    assert write_beside(tmp_path, "mine", "", "new").name == "mine-2"
    assert write_beside(tmp_path, "link", "", "new").name == "link-2"


def test_writers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    """Each gets a file of its own, however many come at once."""
    together = Barrier(8)

    def write(number: int) -> Path:
        together.wait()
        return write_beside(tmp_path, "it", ".txt", str(number))

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(write, range(8)))
    assert [p.read_text(encoding="utf-8") for p in paths] == [str(n) for n in range(8)]
    assert len(names(tmp_path)) == 8


def test_a_name_that_is_taken_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look for a free name and the writing."""
    (tmp_path / "taken").write_text("theirs", encoding="utf-8")
    monkeypatch.setattr(files, "fresh_names", lambda *_: iter([tmp_path / "taken", tmp_path / "free"]))
    assert write_beside(tmp_path, "taken", "", "ours") == tmp_path / "free"
    assert (tmp_path / "taken").read_text(encoding="utf-8") == "theirs"


def test_an_older_one_of_ours_is_replaced(tmp_path: Path) -> None:
    """With the permissions that a new file has."""
    path = tmp_path / "ours"
    write_over_ours(path, OURS, MARKER)
    write_over_ours(path, OURS.replace("old", "new"), MARKER)
    assert "new" in path.read_text(encoding="utf-8")
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert names(tmp_path) == ["ours", "plain"]


@pytest.mark.parametrize(
    "content", ['{"claims": []}', " " * HEAD + OURS, "", '{"claims": "the format is oom-review review"}']
)
def test_a_stranger_s_file_stays_as_it_is(content: str, tmp_path: Path) -> None:
    """Also one that has the same words elsewhere."""
    path = tmp_path / "theirs"
    path.write_text(content, encoding="utf-8")
    for marker in (MARKER, REVIEW):
        with pytest.raises(BadInput, match="exists, and is not an older one of ours; it is left as it is"):
            write_over_ours(path, f"{marker}new", marker)
    assert path.read_text(encoding="utf-8") == content
    assert names(tmp_path) == ["theirs"]


def test_where_nothing_can_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    """Links, devices, directories, places that are not there, names that no file can have."""
    (tmp_path / "file").write_text(OURS, encoding="utf-8")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    paths = ["link", ".", "no/x", "file/x", "x" * 300, "a\0b"]
    for path in [*(tmp_path / p for p in paths), Path("/dev/full"), Path("/proc/x")]:
        with pytest.raises(BadInput) as caught:
            write_over_ours(path, OURS, MARKER)
        assert "\n" not in str(caught.value)
    for path in (tmp_path / "file", tmp_path / "file" / "x", Path("/proc/x"), tmp_path / "a\0b"):
        with pytest.raises(BadInput) as caught:
            check_directory(path)
        assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["file", "link"]


FULL = f"""
import resource, sys
from pathlib import Path
from oom_review.errors import BadInput
from oom_review.files import write_beside, write_new, write_over_ours
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
here = Path(sys.argv[1])
long = "{MARKER}" + "x" * 1001
for write in (
    lambda: write_over_ours(here / "ours", long, "{MARKER}"),
    lambda: write_new(here / "new", long),
    lambda: write_beside(here, "beside", ".txt", long),
):
    try:
        write()
    except BadInput as error:
        print(error)
"""


def test_a_disk_that_is_full_costs_nothing_that_is_there(tmp_path: Path) -> None:
    """No half of a file, and the older one as it was."""
    (tmp_path / "ours").write_text(OURS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert [line.split(": ")[1] for line in done.stdout.splitlines()] == ["File too large"] * 3
    assert names(tmp_path) == ["ours"]
    assert (tmp_path / "ours").read_text(encoding="utf-8") == OURS


def test_a_target_is_checked_before_there_is_anything_to_write(tmp_path: Path) -> None:
    """And is not made by that."""
    check_target(tmp_path / "x", MARKER)
    assert names(tmp_path) == []


def test_a_counterexample_that_can_t_be_kept_is_printed_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns, why there is no file, and the scenario as a file would hold it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv(failure.PLACE, str(tmp_path / "file"))
    scenario = Scenario((Op("fork", "init", ("v",)), Run()))
    said = failure.account(scenario, load("rfc"), "count-returns")
    assert "# init: fork v" in said
    assert f"not written to a file: {tmp_path / 'file'}: File exists\n" in said
    text = said[said.index("oom-review scenario 1") :]
    assert scenario_file.parse(text).scenario == scenario
    monkeypatch.setenv(failure.PLACE, str(tmp_path / "made"))
    path = tmp_path / "made" / "count-returns--patched.scenario"
    said = failure.account(scenario, load("rfc"), "count-returns")
    assert said.endswith(f"oom-review replay {path} --variant patched")
    assert dict(scenario_file.read(path).expect)["patched"].holds == ("count-returns",)

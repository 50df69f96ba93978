"""``oom-review kernels``: what it prints and with which status it ends; in the machine's place stands what a real one printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from oom_review.boot.compile import SOURCES
from oom_review.boot.console import CUT, DONE, Outcome, Record
from oom_review.boot.lacks import OPTIONS
from oom_review.boot.qemu import Machine
from oom_review.commands.cli import main
from oom_review.observed import campaign

NAME = "memcg-oom/threads=2/freezer=frozen"


def kernel(place: Path, version: str) -> Path:
    """The head of an image of that version."""
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (0x100).to_bytes(2, "little")
    path = place / "vmlinuz"
    path.write_bytes(bytes(head[:0x300]) + version.encode() + b" x\0")
    return path


def prints(
    monkeypatch: pytest.MonkeyPatch,
    sibling: str,
    calls: list[int],
    *more: Record,
    ended: str = DONE,
    why: str = "",
) -> None:
    """A machine on which the victim's sibling ends in that state, in each of the cases that it is given."""

    def boot(_kernel: object, _probe: bytes, machine: Machine) -> Outcome:
        calls.append(machine.situation.count("case "))
        tasks = {"init": "user mode", "v": "zombie", "t1": sibling, "charger": "user mode"}
        records: list[Record] = [
            {"case": NAME, "at": "begin", "oom_victims": 0},
            *more,
            {"case": NAME, "at": "rest", "oom_victims": 0, "tasks": tasks},
            {"case": NAME, "at": "end", "oom_victims": 0, "clean": True},
        ]
        return Outcome(ended, why, tuple(records * calls[-1]), "")

    monkeypatch.setattr(campaign, "boot_once", boot)
    monkeypatch.setattr("oom_review.commands.kernel_actions.run.found_qemu", lambda: "qemu")
    monkeypatch.setattr("oom_review.commands.kernel_actions.run.probe", lambda: b"")
    monkeypatch.setattr(campaign, "probe", lambda: b"")


def ask(place: Path, *more: str) -> int:
    """One situation on a kernel of one's own."""
    words = ["kernels", "run", "--kernel", str(place / "vmlinuz"), "--results", str(place / "rows.jsonl")]
    return main([*words, "--situation", NAME, "--quiet", *more])


@pytest.mark.parametrize(
    ("version", "sibling", "status"),
    [
        ("7.3.4", "reaped", 0),
        ("6.12.117", "in the fridge", 0),
        ("7.3.4", "in the fridge", 1),
        ("6.12.117", "reaped", 1),
    ],
)
def test_a_verdict(
    version: str,
    sibling: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The fridge that empties is a mismatch before 6.18, the one that does not is one since."""
    kernel(tmp_path, version)
    prints(monkeypatch, sibling, [])
    assert ask(tmp_path) == status
    said = capsys.readouterr().out
    assert f"{status} mismatches" in said
    assert ("the kernel, 3 of 3:" in said) == bool(status)
    row = json.loads((tmp_path / "rows.jsonl").read_text())
    assert (row["runs"], row["kernel_version"], row["situation"]) == (3, version, {"name": NAME})


def test_each_kernel_has_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By their versions, or those that are named: one for all, or one for each, in order."""
    images = [kernel(tmp_path, "7.3.4").rename(tmp_path / "one"), kernel(tmp_path, "6.12.117")]
    prints(monkeypatch, "reaped", [])
    words = ["kernels", "run", *(word for image in images for word in ("--kernel", str(image)))]
    words += ["--situation", NAME, "--quiet", "--results", str(tmp_path / "rows.jsonl"), "--runs", "1"]
    for more, models in (
        ([], ["7.3", "6.12"]),
        (["--model", "7.3"], ["7.3", "7.3"]),
        (["--model", "6.12", "--model", "7.3"], ["6.12", "7.3"]),
    ):
        main([*words, *more])
        said = re.findall(r"^(\S+) is held against (.*)$", capsys.readouterr().out, re.MULTILINE)
        assert said == list(zip(["7.3.4", "6.12.117"], models, strict=True))


def test_it_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has enough runs is not played again, and predictions are taken from their file."""
    kernel(tmp_path, "7.3.4")
    calls: list[int] = []
    prints(monkeypatch, "reaped", calls)
    assert (ask(tmp_path), ask(tmp_path)) == (0, 0)
    assert calls == [3]
    assert ask(tmp_path, "--runs", "5") == 0
    assert calls == [3, 2]
    assert len((tmp_path / "rows.jsonl.predicted").read_text().splitlines()) == 2
    assert [json.loads(line)["runs"] for line in (tmp_path / "rows.jsonl").read_text().splitlines()] == [3, 2]
    assert re.search(r"1 +1 +5 +within", capsys.readouterr().out)


def test_todays_situations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kernel of 2016 has no operation for them, and says so; a server of FUSE may need a module."""
    machines: list[Machine] = []

    def boot(_kernel: object, _probe: bytes, machine: Machine) -> Outcome:
        machines.append(machine)
        return Outcome(DONE, "", (), "")

    prints(monkeypatch, "reaped", [])
    monkeypatch.setattr(campaign, "boot_once", boot)
    for version in ("5.10.0", "7.3.4"):
        kernel(tmp_path, version)
        asked = ask(tmp_path, "--situation", "fuse/wait")
        said = capsys.readouterr().out
        left = "left out: fuse/wait on legacy: this kernel's model has no open_fuse"
        assert (asked, left in said) == (1, version == "5.10.0")
    assert [machine.modules for machine in machines] == [(), ("fuse",)]


def test_a_boot_that_came_to_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is counted, and why it did not is said, once for all; its cases that did count."""
    kernel(tmp_path, "7.3.4")
    prints(monkeypatch, "reaped", [], ended=CUT, why="QEMU ended with 0")
    assert ask(tmp_path, "--situation", "memcg-oom/threads=2/freezer=frozen", "--runs", "50") == 0
    said = capsys.readouterr().out
    assert said.count("a boot came to no end: cut short: QEMU ended with 0\n") == 1
    assert "boots: 2, of them to their end: 0" in said


def test_what_a_kernel_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Costs the runs that need it, in one line for all of them, and is no mismatch."""
    kernel(tmp_path, "7.3.4")
    prints(monkeypatch, "reaped", [], {"case": NAME, "who": "init", "did": "freeze A", "result": -38})
    assert ask(tmp_path) == 1
    said = capsys.readouterr().out
    why = "the kernel can't do freeze: it lacks CGROUP_FREEZER"
    assert f"{NAME} on 7.3.4: runs that do not count: 3: {why}\n" in said
    assert "0 mismatches" in said
    assert ask(tmp_path, "--situation", "memcg-oom/threads=2") == 1
    assert f" and 1 more on 7.3.4: runs that do not count: 6: {why}\n" in capsys.readouterr().out
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_limit_is_no_mismatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said."""
    kernel(tmp_path, "7.3.4")
    prints(monkeypatch, "in the fridge", [])
    assert ask(tmp_path, "--states", "5") == 0
    assert "1 predictions hit a limit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "no kernel is named: DIR/VERSION (oom-review kernels fetch) or --kernel VMLINUZ"),
        (["finding"], "no kernel is named"),
        (["run", "/nowhere", "--kernel", "VMLINUZ"], "/nowhere: there is no kernel image in it"),
        (["run", "x", "--modules", "y"], "--modules: there is no --kernel"),
        (["run", "--kernel", "VMLINUZ", "--model", "7.3", "--model", "6.12"], "2 models for 1 kernels"),
        (["run", "--kernel", "/nowhere/vmlinuz"], "/nowhere/vmlinuz: No such file or directory"),
        (["run", "/nowhere"], "/nowhere: there is no kernel image in it"),
        (
            ["run", "--kernel", "VMLINUZ", "--situation", "suspend/io"],
            "no real kernel can be brought into it: I/O in flight",
        ),
        (["run", "--kernel", "VMLINUZ", "--situation", "nothing"], "no such situation: 'nothing'"),
        (["run", "--kernel", "VMLINUZ", "--model", "nothing"], "nothing"),
        (["fetch", "DIR", "six"], "'six' is not a version of a kernel"),
        (["list", "--situation", "nothing"], "no such situation: 'nothing'"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status 2, no traceback, and nothing written."""
    monkeypatch.chdir(tmp_path)
    prints(monkeypatch, "reaped", [])
    image = kernel(tmp_path, "7.3.4")
    names = {"VMLINUZ": str(image), "DIR": str(tmp_path)}
    assert main(["kernels", *(names.get(w, w) for w in words)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    """What is said to be lacking, here or by the probe, is asked for; each option once."""
    assert main(["kernels", "config"]) == 0
    options = re.findall(r"^CONFIG_(\w+)=y$", said := capsys.readouterr().out, re.MULTILINE)
    assert len(options) == len(set(options)) == len(re.findall("^[^#\n]", said, re.MULTILINE))
    said_to_lack = [*OPTIONS.values()]
    for source in SOURCES.glob("*.c"):
        said_to_lack += re.findall(r'lacks[ \\":]+([A-Z0-9_ or]+)', source.read_text())
    lacking = {word for words in said_to_lack for word in re.findall(r"[A-Z]\w*[A-Z]", words)}
    assert {"CGROUP_FREEZER", "X86_IOPL_IOPERM", "VIRTIO_PCI", "MEMCG", "FTRACE"} < lacking
    assert lacking <= set(options)


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Each situation with what it is, or why it can't be had; with its script if that is asked for."""
    assert main(["kernels", "list", "--situation", "suspend/*", "--script"]) == 0
    said = capsys.readouterr().out
    assert "suspend/kthread: a task that waits for a device" in said
    assert "    p: exit_group\n    race\n    init: suspend\n    rest\n" in said
    assert said.endswith("11 of 13 situations can be played on a real kernel\n")

"""Debian's kernels: which package is meant, whence, and what is said if it is not there.  Nothing is fetched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from oom_review.boot import fetch
from oom_review.boot.fetch import mirror, newest
from oom_review.boot.kernel import release
from oom_review.errors import BadInput

THERE = (
    "linux-image-6.1.0-47-amd64",
    "linux-image-6.1.0-50-amd64",
    "linux-image-6.1.0-50-amd64-unsigned",
    "linux-image-6.12.95+deb12-amd64",
    "linux-image-6.12.117+deb13-amd64",
    "linux-image-6.12.117+deb13-cloud-amd64",
    "linux-image-7.3.4+deb13-amd64",
    "linux-binary-7.3.4+deb13-amd64",
    "linux-modules-7.3.4+deb13-amd64",
    "linux-image-amd64",
    "linux-headers-6.12.117+deb13-amd64",
)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("6.1", ("linux-image-6.1.0-50-amd64",)),
        ("6.12", ("linux-image-6.12.117+deb13-amd64",)),
        ("6.12.95", ("linux-image-6.12.95+deb12-amd64",)),
        ("7.3", ("linux-binary-7.3.4+deb13-amd64", "linux-modules-7.3.4+deb13-amd64")),
    ],
)
def test_the_newest(version: str, expected: tuple[str, ...]) -> None:
    """Not the cloud's; signed rather than unsigned; where the image is split, both parts."""
    assert newest(version, THERE).all == expected


def test_a_version_that_is_gone() -> None:
    """One line with those that there are."""
    with pytest.raises(BadInput, match=r"there is no kernel 5\.10 in .*; there are: 6\.1, 6\.12, 7\.3$"):
        newest("5.10", THERE)
    with pytest.raises(BadInput, match="there are: none at all"):
        newest("6.1", ())


def test_what_is_no_version(tmp_path: Path) -> None:
    """Nor may it name a directory."""
    for wrong in ("six", "../6.1", "7", "-o"):
        with pytest.raises(BadInput, match="is not a version of a kernel"):
            fetch.fetch(tmp_path, wrong)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "deb http://mirror.invalid/debian bookworm main\n",
        "# deb http://old.invalid/debian x\ndeb [arch=amd64] https://mirror.invalid/debian/ sid main\n",
        "Types: deb\n# http://old.invalid/debian\nURIs: http://mirror.invalid/debian\nSuites: bookworm\n",
    ],
)
def test_the_mirror_is_the_machines_own(tmp_path: Path, text: str) -> None:
    """In both forms of a source; a comment is none, nor is the security archive."""
    (tmp_path / "a.list").write_text("deb http://mirror.invalid/debian-security bookworm-security main\n")
    (tmp_path / "b.list").write_text(text)
    assert mirror(sorted(tmp_path.iterdir())).partition("://")[2] == "mirror.invalid/debian"


def test_no_mirror(tmp_path: Path) -> None:
    """Elsewhere one's own kernel is the way."""
    (tmp_path / "a.list").write_text("deb http://mirror.invalid/ubuntu noble main\n")
    with pytest.raises(BadInput, match="--kernel takes any kernel"):
        mirror(tmp_path.iterdir())


def test_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With programs in the place of apt and dpkg: unpacked whole, packages gone, and not fetched twice."""
    called: list[str] = []

    def run(command: list[str], where: Path) -> str:
        called.append(
            " ".join(command[:1] + [w for w in command if w in {"update", "pkgnames", "download", "-x"}])
        )
        if "pkgnames" in command:
            return "\n".join(THERE)
        if "download" in command:
            for name in command[command.index("download") + 1 :]:
                (where / f"{name}_1_amd64.deb").write_text("")
        if command[0] == "dpkg":
            image = Path(command[3]) / "boot"
            image.mkdir(parents=True, exist_ok=True)
            (image / "vmlinuz-6.12.117").write_bytes(
                b"\0" * 0x202 + b"HdrS" + b"\0" * 8 + b"\0\x01" + b"\0" * 0xF0 + b"6.12.117 x\0"
            )
        return ""

    monkeypatch.setattr(fetch, "_run", run)
    monkeypatch.setattr(fetch, "mirror", lambda _files: "http://mirror.invalid/debian")
    monkeypatch.setattr(shutil, "which", lambda name: name)
    kernel = fetch.fetch(tmp_path, "6.12")
    assert kernel.image == tmp_path / "6.12/boot/vmlinuz-6.12.117"
    assert called == ["apt-get update", "apt-cache pkgnames", "apt-get download", "dpkg -x"]
    assert list((tmp_path / "packages").iterdir()) == []
    assert release(kernel) == "6.12.117"
    fetch.fetch(tmp_path, "6.12")
    assert len(called) == 4


def test_a_tool_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, with its package."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="apt-get is missing, from Debian's package apt"):
        fetch.packages(tmp_path)


@pytest.mark.parametrize("names", [THERE, ("linux-base",)])
def test_a_suite_that_is_gone(
    names: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others' kernels are there; only where there are none at all is it an error."""

    def run(command: list[str], _where: Path) -> str:
        if "update" in command:
            raise BadInput("E: no Release file")
        return "\n".join(names)

    monkeypatch.setattr(fetch, "_run", run)
    monkeypatch.setattr(fetch, "mirror", lambda _files: "http://mirror.invalid/debian")
    monkeypatch.setattr(shutil, "which", lambda name: name)
    if names is THERE:
        assert fetch.packages(tmp_path) == list(THERE)
    else:
        with pytest.raises(BadInput, match="no Release file"):
            fetch.packages(tmp_path)


def test_what_apt_says(tmp_path: Path) -> None:
    """Its first error, in one line."""
    program = tmp_path / "apt-get"
    program.write_text("#!/bin/sh\necho W: a warning >&2\necho E: no network >&2\nexit 100\n")
    program.chmod(0o755)
    with pytest.raises(BadInput, match=r"apt-get: E: no network$"):
        fetch._run([str(program)], tmp_path)

"""Debian's kernels, fetched and unpacked below a directory: no root, and nothing is installed.

apt-get does it, with a configuration of its own: further suites of the mirror that the machine's own sources name.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from oom_review.boot.kernel import BootKernel, unpacked
from oom_review.errors import BadInput, one_line

SOURCES = Path("/etc/apt")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITES = ("bookworm", "bookworm-backports", "trixie", "trixie-backports", "sid")
TOOLS = {"apt-get": "apt", "apt-cache": "apt", "dpkg": "dpkg"}
# Not the cloud's kernels, which lack PM_DEBUG.
IMAGE = re.compile(r"linux-(?P<kind>image|binary)-(?P<version>\d[^-]*(-\d+)?)-amd64(?P<unsigned>-unsigned)?")
MIRROR = re.compile(r"https?://\S+/debian/?(?=\s|$)", re.MULTILINE)


@attrs.define(frozen=True)
class Package:
    """An image's package; ``version`` of the kernel, such as ``6.12.117+deb13``."""

    name: str
    kind: str
    version: str

    @property
    def all(self) -> tuple[str, ...]:
        """With the package that has its modules, where that is another one."""
        modules = f"linux-modules-{self.version}-amd64"
        return (self.name, modules) if self.kind == "binary" else (self.name,)

    @property
    def key(self) -> tuple[tuple[int, ...], bool, bool]:
        """To sort by: the newest last; where there is a binary package its image is empty; a signed one after an unsigned one."""
        numbers = tuple(map(int, re.findall(r"\d+", self.version)))
        return numbers, self.kind == "binary", not self.name.endswith("-unsigned")


def fetch(place: Path, version: str) -> BootKernel:
    """The newest kernel of that version, such as ``6.12``: fetched if it is not there yet.  Raises BadInput."""
    if not re.fullmatch(r"\d+(\.\d+)+", version):
        raise BadInput(f"{version!r} is not a version of a kernel, such as 6.12")
    home = place / version
    if not home.is_dir():
        package = newest(version, packages(place))
        _download(place, package, home)
    return unpacked(home, version)


def newest(version: str, there: Iterable[str]) -> Package:
    """Of the packages that are there, by their names.  Raises BadInput, with the versions that there are."""
    images = [Package(n, m["kind"], m["version"]) for n in there if (m := IMAGE.fullmatch(n))]
    ours = [
        p
        for p in images
        if p.version == version or p.version.startswith((f"{version}.", f"{version}+", f"{version}-"))
    ]
    if not ours:
        known = sorted({tuple(map(int, p.version.split(".")[:2])) for p in images if "." in p.version})
        said = ", ".join(".".join(map(str, k)) for k in known) or "none at all"
        raise BadInput(f"there is no kernel {version} in {', '.join(SUITES)}; there are: {said}")
    return max(ours, key=lambda p: p.key)


def mirror(files: Iterable[Path]) -> str:
    """The address of Debian's archive in the machine's own sources.  Raises BadInput."""
    for file in files:
        found = MIRROR.search(re.sub(r"^\s*#.*", "", file.read_text(errors="replace"), flags=re.MULTILINE))
        if found:
            return found[0].rstrip("/")
    raise BadInput(
        f"{SOURCES}: no source there is a mirror of Debian; fetch works on Debian alone (--kernel takes any kernel)"
    )


def packages(place: Path) -> list[str]:
    """The names of all packages with a kernel, in all suites.  Raises BadInput."""
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise BadInput(f"{tool} is missing, from Debian's package {package} (--kernel takes any kernel)")
    configuration = _configured(place)
    failed = None
    try:
        _run(["apt-get", "-q", "-c", str(configuration), "update"], place)
    except BadInput as error:
        # A suite that the mirror does not have any more costs its kernels, not the others'.
        failed = error
    names = _run(["apt-cache", "-c", str(configuration), "pkgnames", "linux-"], place).split()
    if failed is not None and not any(map(IMAGE.fullmatch, names)):
        raise failed
    return names


def _configured(place: Path) -> Path:
    home = place / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (home / name).mkdir(parents=True, exist_ok=True)
    address = mirror(_source_files())
    signed = f"[signed-by={KEYRING}] " if KEYRING.is_file() else ""
    (home / "sources.list").write_text("".join(f"deb {signed}{address} {suite} main\n" for suite in SUITES))
    settings = {
        "Dir::Etc::sourcelist": home / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": home / "lists",
        "Dir::Cache": home / "cache",
        # Else root could not write to a directory that is its own.
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    path = home / "apt.conf"
    path.write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    return path


def _source_files() -> Iterator[Path]:
    yield from (p for p in (SOURCES / "sources.list",) if p.is_file())
    yield from sorted(p for p in (SOURCES / "sources.list.d").glob("*") if p.suffix in (".list", ".sources"))


def _download(place: Path, package: Package, home: Path) -> None:
    into = place / "packages"
    into.mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "-q", "-c", str(place.resolve() / "apt" / "apt.conf"), "download", *package.all], into)
    half = home.with_name(f"{home.name}.part")
    shutil.rmtree(half, ignore_errors=True)
    for name in package.all:
        for file in sorted(into.glob(f"{name}_*.deb")):
            _run(["dpkg", "-x", str(file.resolve()), str(half.resolve())], place)
            file.unlink()
    half.rename(home)


def _run(command: list[str], where: Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        wrong = [
            line for line in done.stderr.splitlines() if line.startswith("E:")
        ] or done.stderr.splitlines()
        raise BadInput(f"{command[0]}: {one_line(wrong[0] if wrong else f'status {done.returncode}')}")
    return done.stdout

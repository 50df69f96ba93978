"""The locks are complete on every Python and platform, hold nothing else, and what is missing in one is noticed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from locked import Environment, read, walk

ROOT = Path(__file__).parents[2]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUN = [*DECLARED["project"]["dependencies"], *DECLARED["build-system"]["requires"]]
DEV = [*RUN, *DECLARED["project"]["optional-dependencies"]["dev"]]
RUN_LOCK, DEV_LOCK = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "requirements-dev.lock")
)

MACHINES = (("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64"))
SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}


def environment(python: str, platform: str, machine: str) -> Environment:
    """What markers see on CPython there."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "nt" if platform == "win32" else "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": SYSTEMS[platform],
        "platform_version": "",
        "python_full_version": python,
        "python_version": python.rpartition(".")[0],
        "sys_platform": platform,
    }


# The first release of each Python, and a late one.
ENVIRONMENTS = [
    environment(f"3.{minor}.{patch}", *machine)
    for minor in (11, 12, 13, 14)
    for patch in (0, 15)
    for machine in MACHINES
]
# The locks are universal: what only Windows needs may stand in them.
WINDOWS = [environment(f"3.{minor}.0", "win32", "AMD64") for minor in (11, 12, 13, 14)]
OURS = ENVIRONMENTS[0]


def named(where: Environment) -> str:
    return f"{where['python_full_version']}-{where['sys_platform']}-{where['platform_machine']}"


@pytest.mark.parametrize("where", ENVIRONMENTS, ids=named)
def test_the_locks_are_complete(where: Environment) -> None:
    """Alone the first has all that the main job and the build need; both together have all that development needs."""
    assert walk(read(RUN_LOCK), RUN, where).wrong == []
    assert walk(read(RUN_LOCK, DEV_LOCK), DEV, where).wrong == []


def test_the_locks_hold_nothing_else() -> None:
    """Whatever is locked is needed somewhere: the main job fetches only what it runs with."""
    everywhere = [*ENVIRONMENTS, *WINDOWS]
    run = set.union(*(walk(read(RUN_LOCK), RUN, where).reached for where in everywhere))
    dev = set.union(*(walk(read(RUN_LOCK, DEV_LOCK), DEV, where).reached for where in everywhere))
    assert run == set(read(RUN_LOCK))
    assert dev - run == set(read(DEV_LOCK))


def test_no_pin_can_go() -> None:
    """Without any one of them something is missing somewhere, and nothing else is wrong; late releases need no others."""
    pins = read(RUN_LOCK, DEV_LOCK)
    first = [where for where in ENVIRONMENTS if where["python_full_version"].endswith(".0")]
    for name in pins:
        rest = {other: pin for other, pin in pins.items() if other != name}
        wrong = {line for where in (*first, *WINDOWS) for line in walk(rest, DEV, where).wrong}
        assert wrong, name
        assert all(line.endswith(": not locked there") for line in wrong)


SMALL = """\
app==2.0 \\
    --hash=sha256:00
    # Requires-Python: >=3.8
    # Requires-Dist: base[fast]>=1.5; python_version >= "3.11"
    # Requires-Dist: mac>=1; sys_platform == "darwin"
    # Requires-Dist: old>=1; python_version < "3.11"
    # Requires-Dist: unasked>=1; extra == "more"
base==1.5 \\
    --hash=sha256:00 \\
    --hash=sha256:11
    # Requires-Python:
    # Requires-Dist: Quick_Part[inner]; extra == "fast"
mac==1.0 ; sys_platform == 'darwin' \\
    --hash=sha256:00
    # Requires-Python: >=3.8
quick-part==0.9 \\
    --hash=sha256:00
    # Requires-Python: >=3.8, <3.14
    # Requires-Dist: deep; extra == "inner"
deep==3 \\
    --hash=sha256:00
    # Requires-Python: >=3.8
"""
MAC = environment("3.12.0", "darwin", "arm64")
NEWEST = environment("3.14.0", "linux", "x86_64")


def without(name: str) -> str:
    """The small lock without one pin."""
    head, _, rest = SMALL.partition(f"{name}==")
    _, _, tail = rest.partition("\n    # Requires-Python")
    tail = tail.partition("\n")[2]
    while tail.startswith(" "):
        tail = tail.partition("\n")[2]
    return head + tail


@pytest.mark.parametrize("where", [OURS, MAC], ids=named)
def test_a_complete_small_lock(where: Environment) -> None:
    """Extras are followed through extras; what only an extra that nobody asks for, or an older Python, needs is not missed."""
    assert walk(read(SMALL), ["app>=1"], where).wrong == []


@pytest.mark.parametrize(
    ("lock", "where", "complaint"),
    [
        (without("app"), OURS, "pyproject.toml needs app>=1: not locked there"),
        (without("base"), OURS, 'app 2.0 needs base[fast]>=1.5; python_version >= "3.11": not locked there'),
        (
            without("quick-part"),
            OURS,
            'base[fast] 1.5 needs Quick_Part[inner]; extra == "fast": not locked there',
        ),
        (without("deep"), OURS, 'quick-part[inner] 0.9 needs deep; extra == "inner": not locked there'),
        (without("mac"), MAC, 'app 2.0 needs mac>=1; sys_platform == "darwin": not locked there'),
        (
            SMALL.replace("'darwin'", "'win32'"),
            MAC,
            'app 2.0 needs mac>=1; sys_platform == "darwin": not locked there',
        ),
        (
            SMALL.replace("base==1.5", "base==1.4"),
            OURS,
            'app 2.0 needs base[fast]>=1.5; python_version >= "3.11": locked is 1.4',
        ),
        (SMALL, NEWEST, "quick-part 0.9 needs Python <3.14,>=3.8"),
    ],
)
def test_what_is_missing_is_named(lock: str, where: Environment, complaint: str) -> None:
    """A pin that is gone, too old, left out there or not for this Python: who needs what."""
    assert walk(read(lock), ["app>=1"], where).wrong == [complaint]


@pytest.mark.parametrize(
    "locks",
    [
        (SMALL.replace("    # Requires-Python:\n", ""),),
        (SMALL.replace("base==1.5", "base>=1.5"),),
        (SMALL, SMALL.partition("base==")[0]),
    ],
    ids=["requirements not kept", "no exact version", "pinned twice"],
)
def test_a_lock_that_cant_be_proved_is_refused(locks: tuple[str, ...]) -> None:
    """No proof rests on what is not written down, or is written twice."""
    with pytest.raises(ValueError, match="not one pin with its requirements below it"):
        read(*locks)

"""What a machine printed: the probe's records, and whether it came to its end.

A record is a line of JSON.  Whatever else stands there, firmware, the kernel, half a line, is foreign and kept in the log alone.
"""

from __future__ import annotations

import json
import re
from typing import Any

import attrs

DONE, PANIC, HUNG, CUT = "done", "panic", "hung", "cut short"
PANICS = re.compile(r"Kernel panic - not syncing: (.*)|(BUG: .*|Oops: .*|Unable to mount root.*)")
DONE_STATUS, PANIC_STATUS = 33, 0

Record = dict[str, Any]


@attrs.define(frozen=True)
class Outcome:
    """``status``: DONE, PANIC, HUNG or CUT; ``why``: in words, "" for DONE; ``records``: of the probe, in order; ``log``: the whole console.

    ``repeats``: how many boots before this one came to no end.
    """

    status: str
    why: str
    records: tuple[Record, ...]
    log: str
    repeats: int = 0


def read(log: str, status: int | None) -> Outcome:
    """``status`` is QEMU's exit status, None if it was stopped as it had nothing to say.

    QEMU's status says nothing of a panic (0, as after a power-off), so that the end record decides, and only if it is the last line.
    """
    lines = [line.strip("\r\n\0 ") for line in log.split("\n")]
    records = _last_boot([record for record in map(_record, lines) if record is not None])
    filled = [line for line in lines if line]
    ended = bool(filled) and _record(filled[-1]) == {"end": True}
    panic = next((m for m in map(PANICS.search, lines) if m), None)
    if ended and status == DONE_STATUS:
        return Outcome(DONE, "", records, log)
    if panic:
        return Outcome(PANIC, next(filter(None, panic.groups())).strip(), records, log)
    if status is None:
        return Outcome(HUNG, f"no end; the last line is: {_last(filled)}", records, log)
    lacking = "".join(f"; the kernel lacks {record['lacks']}" for record in records if "lacks" in record)
    return Outcome(CUT, f"QEMU ended with {status} after: {_last(filled)}{lacking}", records, log)


def _record(line: str) -> Record | None:
    if not line.startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _last_boot(records: list[Record]) -> tuple[Record, ...]:
    """A machine that began again says again which kernel it is: only what came after that counts."""
    starts = [i for i, record in enumerate(records) if "kernel" in record]
    return tuple(records[starts[-1] :] if starts else records)


def _last(lines: list[str]) -> str:
    return lines[-1][:160] if lines else "nothing was printed"

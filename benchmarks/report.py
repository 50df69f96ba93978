"""How a result is shown: a table for people, JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import attrs
from rich import box
from rich.console import Console
from rich.table import Table

Row = dict[str, Any]


class NotAvailable(Exception):
    """What would be measured is not there, or the request makes no sense: said in one line, status 2."""


@attrs.define
class Report:
    """One benchmark's answer: rows with the same columns, and sentences that judge them."""

    name: str
    title: str
    rows: list[Row] = attrs.Factory(list)
    remarks: list[str] = attrs.Factory(list)

    def show(self) -> None:
        print(self.title)
        table = Table(box=box.SIMPLE_HEAD)
        for column in self.rows[0] if self.rows else ():
            right = not isinstance(self.rows[0][column], str)
            table.add_column(column, justify="right" if right else "left")
        for row in self.rows:
            table.add_row(*(text(value) for value in row.values()))
        Console(width=max(80, Console().width) if Console().is_terminal else 200).print(table)
        for remark in self.remarks:
            print(remark)
        print(flush=True)

    def write(self, folder: Path) -> None:
        """Raises NotAvailable rather than overwrite a file."""
        path = folder / f"{self.name}.json"
        record = {
            "benchmark": self.name,
            "title": self.title,
            **where(),
            "rows": self.rows,
            "remarks": self.remarks,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(json.dumps(record, indent=2) + "\n")
        except FileExistsError:
            raise NotAvailable(f"{path} is there already") from None
        except OSError as error:
            raise NotAvailable(f"cannot write {path}: {error.strerror}") from None


def text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if value < 10 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def goal(what: str, value: float, bound: float, *, above: bool) -> str:
    met = value > bound if above else value < bound
    return f"goal {what} {'>' if above else '<'} {bound}: {value:.3g}, {'met' if met else 'NOT met'}"


def where() -> Row:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(len(ordered) * share * 100) // 100) - 1)]

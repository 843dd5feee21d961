"""The tables of the comparison: what is tried of whom, and how a table is written."""

from __future__ import annotations

import csv
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

__all__ = ["NOT_COMPARED", "Row", "Table"]

NOT_COMPARED: Final = "not compared"


@dataclass(frozen=True, slots=True)
class Row:
    """A feature, how it is tried, the function that tries it, and whether peers are tried too."""

    feature: str
    how: str
    probe: Callable[[Any], str]
    peers: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Who is tried, by what rows, and the name of the file of the page."""

    file: str
    subjects: Mapping[str, Any]
    rows: tuple[Row, ...]

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return Path(__file__).parents[1] / "docs" / "topics" / self.file

    def column(self, name: str) -> list[str]:
        """Try all rows of one of the subjects; of a peer only what is compared."""
        subject, is_ours = self.subjects[name], name == "mailproto"
        return [row.probe(subject) if is_ours or row.peers else NOT_COMPARED for row in self.rows]

    def write(self) -> None:
        """Try everything and keep it."""
        features = ["Feature", *(row.feature for row in self.rows)]
        columns = [[_title(name), *self.column(name)] for name in self.subjects]
        ways = ["How it was tried", *(row.how for row in self.rows)]
        with self.path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(zip(features, *columns, ways, strict=True))


def _title(name: str) -> str:
    match name:
        case "mailproto":
            return name
        case "smtplib" | "imaplib":
            return f"{name} of Python {platform.python_version()}"
    return f"{name} {version(name)}"

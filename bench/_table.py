"""Rows of the result: what was measured, against whom, the ratio and the floor that it must reach."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

__all__ = ["Row", "compare", "memory_row", "print_rows", "versions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; `is_met` says whether the floor is reached."""

    what: str
    ours: str
    theirs: str
    result: str
    floor: str
    is_met: bool


def compare(
    what: str,
    ours: Callable[[], float],
    peer: str,
    theirs: Callable[[], float],
    *,
    floor: float,
    units: int,
    rounds: int = 5,
) -> Row:
    """Time both by turns and return the median of the ratios of one round.

    Both callables do the same work of *units* messages and return seconds. Turns make what else the machine
    does hit both alike.
    """
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    ratio = statistics.median(slow / fast for fast, slow in pairs)
    rates = [units / statistics.median(column) for column in zip(*pairs, strict=True)]
    return Row(
        what=what,
        ours=f"{rates[0]:,.0f}/s",
        theirs=f"{peer} {rates[1]:,.0f}/s",
        result=f"{ratio:.2f} x",
        floor=f">= {floor:g} x",
        is_met=ratio >= floor,
    )


def memory_row(what: str, octets: float, maximum: int) -> Row:
    """Return the line for memory that something takes, or that it grows by."""
    return Row(
        what=what,
        ours=f"{octets / 1024:,.1f} KiB",
        theirs="",
        result=f"{octets / 1024:,.1f} KiB",
        floor=f"< {maximum // 1024:,} KiB",
        is_met=octets < maximum,
    )


def print_rows(rows: list[Row]) -> None:
    """Print *rows* as a table in plain text."""
    header = Row(what="what", ours="mailproto", theirs="peer", result="result", floor="floor", is_met=True)
    lines = [(row.what, row.ours, row.theirs, row.result, row.floor) for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for row, line in zip((header, *rows), lines, strict=True):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(cells.rstrip() + ("" if row.is_met else "   NOT MET"))


def versions(*packages: str) -> str:
    """Return the versions of Python packages in one line."""
    return ", ".join(f"{package} {version(package)}" for package in packages)

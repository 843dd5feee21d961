"""What people see: the dialogue with C: and S:, tables, progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, TextIO

from mailproto.cli._exit import Exit, Failure

__all__ = ["Dialogue", "print_table", "printable", "require", "showing_progress", "with_progress"]

MAX_SHOWN_LINE: Final = 200
CONTROL_OCTETS: Final = {
    octet: f"\\x{octet:02x}" for octet in (*range(0x20), *range(0x7F, 0xA0)) if octet != 9
}


class Dialogue:
    """A client's trace that prints lines with `C:` and `S:` before them, and *label* before those."""

    def __init__(self, label: str = "", file: TextIO | None = None) -> None:
        self._label = label
        self._file = file or sys.stderr
        self._unfinished = {"sent": b"", "received": b""}

    def __call__(self, direction: Literal["sent", "received"], octets: bytes) -> None:
        """Print the lines that *octets* complete; control characters become escapes, long lines are cut."""
        mark = self._label + ("C:" if direction == "sent" else "S:")
        *lines, self._unfinished[direction] = (self._unfinished[direction] + octets).split(b"\r\n")
        for line in lines:
            shown = line[:MAX_SHOWN_LINE].decode("utf-8", "backslashreplace").translate(CONTROL_OCTETS)
            cut = f"... ({len(line)} octets)" if len(line) > MAX_SHOWN_LINE else ""
            print(mark, shown + cut, file=self._file)


def printable(text: str) -> str:
    """Return *text* with control characters, and what no encoding has, as escapes."""
    return text.translate(CONTROL_OCTETS).encode("utf-8", "backslashreplace").decode("utf-8")


def require(module: str, purpose: str) -> None:
    """Raise Failure in one sentence if *module*, of the extra `cli`, is not installed."""
    try:
        __import__(module)
    except ImportError:
        message = f"{purpose} needs {module}, which is not installed: pip install 'mailproto[cli]'"
        raise Failure(message, Exit.NOT_INSTALLED) from None


def _has_rich() -> bool:
    try:
        require("rich", "drawing tables and progress")
    except Failure as failure:
        print(f"mailproto: {failure}; going on with plain text", file=sys.stderr)
        return False
    return True


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print *rows* as they come: drawn with rich on a terminal, else one line each, tabs between."""
    if not (sys.stdout.isatty() and _has_rich()):
        for row in rows:
            print("\t".join(cell.translate(CONTROL_OCTETS).replace("\t", " ") for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell.translate(CONTROL_OCTETS)) for cell in row))
    Console().print(table)


def with_progress(chunks: Iterable[bytes], total: int | None, label: str) -> Iterator[bytes]:
    """Yield *chunks* and show on a terminal how many of *total* octets have gone."""
    if not (sys.stderr.isatty() and _has_rich()):
        yield from chunks
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    parts = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*parts, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        for chunk in chunks:
            yield chunk
            progress.advance(task, len(chunk))


@contextmanager
def showing_progress(label: str) -> Iterator[Callable[[int, int], object]]:
    """Yield what shows on a terminal how many things are done, of how many."""
    if not (sys.stderr.isatty() and _has_rich()):
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    parts = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    with Progress(*parts, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)

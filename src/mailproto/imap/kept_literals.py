"""What is kept of the streamed literals of one response, until the response comes that they stand in.

A large literal comes in pieces, before the response around it: it is handed on to a download, kept for who
has asked for it, or thrown away.
"""

from __future__ import annotations

from typing import cast, final

from mailproto.imap._response import DataValue, NamedValues
from mailproto.imap.answers import Inbox
from mailproto.imap.events import LiteralData, LiteralEnded, LiteralStarted
from mailproto.imap.ext.convert import ConvertedData
from mailproto.imap.fetch import BodyItem, ItemValue
from mailproto.imap.fetch_data import FetchData
from mailproto.limits import IMAPLimits

__all__ = ["KeptLiterals"]


@final
class _Literal:
    """A literal on its way: to a *download*, into *chunks*, or, without either, to nobody."""

    __slots__ = ("chunks", "download", "item")

    def __init__(
        self, item: BodyItem | DataValue | ItemValue, download: Inbox | None, chunks: list[bytes] | None
    ) -> None:
        self.item = item
        self.download = download
        self.chunks = chunks


@final
class KeptLiterals:
    """The octets of literals that are kept: of each at most `max_section`, of one response `max_backlog`.

    `are_kept` says whether there are any.
    """

    __slots__ = ("_current", "_limits", "_sections", "_size", "_values", "are_kept")

    def __init__(self, limits: IMAPLimits) -> None:
        self._limits = limits
        self._current: _Literal | None = None
        self._sections: dict[str, tuple[BodyItem, bytes]] = {}
        self._values: list[bytes | None] = []
        self._size = 0
        # It is asked for with each message, so it is no property.
        self.are_kept: bool = False

    def hand_on(self, start: LiteralStarted, download: Inbox) -> None:
        """Give the octets of the literal to *download* as they come, *start* itself at once."""
        self._current = _Literal(start.item, download, None)
        download.put(start)

    def begin(self, start: LiteralStarted, *, is_wanted: bool) -> None:
        """Keep the octets of a literal that is wanted and not too large, else throw them away."""
        limits = self._limits
        is_kept = (
            is_wanted and start.size <= limits.max_section and self._size + start.size <= limits.max_backlog
        )
        self._size += start.size if is_kept else 0
        self._current = _Literal(start.item, None, [] if is_kept else None)

    def take(self, event: LiteralData) -> Inbox | None:
        """Take octets; return the inbox that they went into, if any."""
        literal = cast(_Literal, self._current)
        if literal.download is not None:
            literal.download.put(event)
        elif literal.chunks is not None:
            literal.chunks.append(event.data)
        return literal.download

    def end(self, event: LiteralEnded) -> Inbox | None:
        """Note that the literal is whole; return the inbox that was told so, if any."""
        literal, self._current = cast(_Literal, self._current), None
        if literal.download is not None:
            literal.download.put(event)
        elif isinstance(literal.item, DataValue | ItemValue):
            self._values.append(None if literal.chunks is None else b"".join(literal.chunks))
            self.are_kept = True
        elif literal.chunks is not None:
            # Sent twice, the last one counts.
            self._sections[literal.item.key] = (literal.item, b"".join(literal.chunks))
            self.are_kept = True
        return literal.download

    def put_into_fetch(self, data: FetchData) -> FetchData:
        """Return *data* with what was kept of it."""
        data = data.replaced(*(item.answer(octets) for item, octets in self._sections.values()))
        if self._values:
            data = data.filled(self._values)
        self.forget()
        return data

    def put_into_values(self, data: NamedValues) -> NamedValues:
        """Return *data* with the values that were kept of it."""
        if self._values:
            data = data.filled(self._values)
            self.forget()
        return data

    def put_into_converted(self, data: ConvertedData) -> ConvertedData:
        """Return *data* with the parts that were kept of it."""
        if self._sections:
            data = data.replaced({key: octets for key, (_, octets) in self._sections.items()})
        self.forget()
        return data

    def forget(self) -> None:
        """Note that the response has ended in which they stand."""
        self._values.clear()
        self._sections.clear()
        self._size = 0
        self.are_kept = False

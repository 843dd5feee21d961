"""The client's procedures of CONVERT (RFC 5259), as those of `mailproto.imap.client_flows`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from mailproto.flow import Flow
from mailproto.imap.client_flows import data_of, run
from mailproto.imap.conversion import Conversion
from mailproto.imap.ext.convert import (
    ConversionData,
    Conversions,
    Convert,
    ConvertedData,
    ConvertItem,
    UIDConvert,
    check_convert_items,
)
from mailproto.imap.fetching import Results
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sequence import SequenceSet, UIDSet

__all__ = ["Converting", "conversions"]


def conversions(session: Inboxes, source: str, target: str) -> Flow[tuple[ConversionData, ...]]:
    """Return which conversions the server can do from *source* to *target*, either of which may be `*`."""
    inbox = yield from run(session, Conversions(source, target))
    return data_of(session, inbox, ConversionData)


@final
class Converting(Results[ConvertedData]):
    """The results of CONVERT or UID CONVERT, in the order in which they come."""

    __slots__ = ("_conversion", "_items")

    def __init__(
        self,
        session: Inboxes,
        numbers: SequenceSet | UIDSet,
        mime_type: str | None,
        items: tuple[ConvertItem, ...],
        parameters: Mapping[str, str],
    ) -> None:
        self._conversion = Conversion(mime_type, tuple(parameters.items()))
        self._items = check_convert_items(items)
        super().__init__(session, numbers)

    def _command(self, numbers: SequenceSet | UIDSet) -> Convert | UIDConvert:
        if isinstance(numbers, UIDSet):
            return UIDConvert(numbers, self._conversion, self._items)
        return Convert(numbers, self._conversion, self._items)

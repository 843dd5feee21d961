"""The methods of `IMAPClient` for CONVERT (RFC 5259); `mailproto.asyncio` has the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import final

from mailproto.imap import client_flows as flows
from mailproto.imap.client_flows import Numbers
from mailproto.imap.convert_flows import Converting, conversions
from mailproto.imap.ext.convert import ConversionData, ConvertedData, ConvertItem
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.sync._driver import ClientDriver

__all__ = ["ConvertMethods", "Converted"]

_NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


@final
class Converted:
    """The results of CONVERT, as they come: an iterator, a window of messages after the other.

    Closing or dropping it throws away what is on its way. It raises `IMAPStatusError` if the server refuses;
    what could not be converted of a message that came before is in its `failures`.
    """

    def __init__(self, driver: ClientDriver, converting: Converting) -> None:
        self._driver = driver
        self._converting = converting

    def __iter__(self) -> Converted:
        return self

    def __next__(self) -> ConvertedData:
        ready = self._converting.ready
        if not ready:
            self._driver.run(self._converting.fill())
            if not ready:
                raise StopIteration
        return ready.popleft()

    def all(self) -> list[ConvertedData]:
        """Read to the end and return all that was not taken yet."""
        return list(self)

    def close(self) -> None:
        """Want no more; without IO."""
        self._converting.close()

    __del__ = close


class ConvertMethods:
    """What `IMAPClient` inherits: it has the driver and the session."""

    _driver: ClientDriver
    _session: Inboxes

    def convert(
        self,
        sequence_set: SequenceSet | Numbers,
        mime_type: str | None,
        *items: ConvertItem,
        parameters: Mapping[str, str] = _NO_PARAMETERS,
    ) -> Converted:
        """Iterate over *items* of messages by number, converted to *mime_type* (CONVERT, RFC 5259).

        With None the server chooses the type. *parameters* say how: {"charset": "utf-8"}, {"pix-x": "128"}.
        Items are UID, `BinarySection`, `BinarySize`, `BodyPartStructure`, `AvailableConversions` of a part,
        and headers as `BodySection`, for which *mime_type* is None.
        """
        numbers = flows.sequence_set(sequence_set)
        return Converted(self._driver, Converting(self._session, numbers, mime_type, items, parameters))

    def uid_convert(
        self,
        uids: UIDSet | Numbers,
        mime_type: str | None,
        *items: ConvertItem,
        parameters: Mapping[str, str] = _NO_PARAMETERS,
    ) -> Converted:
        """Iterate over *items* of the messages with these UIDs, converted as `convert` does."""
        numbers = flows.uid_set(uids)
        return Converted(self._driver, Converting(self._session, numbers, mime_type, items, parameters))

    def conversions(self, source: str = "*", target: str = "*") -> tuple[ConversionData, ...]:
        """Return which conversions the server can do: of "image/gif", of "image/*", or of all "*"."""
        return self._driver.run(conversions(self._session, source, target))

"""One body part as a stream without IO: its octets pass through, decoded if that is wanted."""

from __future__ import annotations

from typing import Final, TypeAlias, cast, final

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.answers import Inbox
from mailproto.imap.client_flows import raise_refusal, run
from mailproto.imap.commands import Fetch, UIDFetch
from mailproto.imap.events import LiteralData, LiteralStarted
from mailproto.imap.ext.binary import BinarySection
from mailproto.imap.fetch import BODYSTRUCTURE, BodySection, FetchItem
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sections import Section
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.mime.decoding import Decoder, decoder

__all__ = ["Downloading", "SectionLike"]

SectionLike: TypeAlias = BodySection | BinarySection | Section | str
"""A section of a message: "" is all of it, "1.2" a part, "HEADER" the header. The server decodes a
`BinarySection` (RFC 3516)."""

_AS_IT_IS: Final = "binary"


@final
class Downloading:
    """The octets of one section of one message.

    `chunks` holds what has come. `size` is in octets as they travel, None until they begin. While it is open
    it has the connection to itself.
    """

    __slots__ = (
        "_decoder",
        "_inbox",
        "_is_decoding",
        "_item",
        "_numbers",
        "_session",
        "chunks",
        "is_finished",
        "size",
    )

    def __init__(
        self,
        session: Inboxes,
        numbers: SequenceSet | UIDSet,
        section: SectionLike,
        *,
        is_decoding: bool,
    ) -> None:
        if len(numbers) != 1:
            raise LocalProtocolError(f"download: expected one message, got {len(numbers)}")
        self._session = session
        self._numbers = numbers
        self._item = _item(section)
        self._is_decoding = is_decoding
        self._decoder: Decoder = decoder(_AS_IT_IS)
        self._inbox: Inbox | None = None
        self.chunks: list[bytes] = []
        self.size: int | None = None
        self.is_finished: bool = False

    def open(self) -> Flow[None]:
        """Ask for the section and wait until its octets begin. Raises ItemMissing if there is none."""
        try:
            if self._is_decoding and isinstance(self._item, BodySection):
                self._decoder = decoder((yield from self._encoding()))
            self._inbox = yield from self._session.send(
                self._fetch(self._item), keys=frozenset({self._item.key}), is_exclusive=True
            )
            while self.size is None and not self.is_finished:
                yield from self._advance()
            if self.size is None:
                raise ItemMissing(self._item.key)
        except BaseException:
            self.close()
            raise

    def _fetch(self, item: FetchItem[object]) -> Fetch | UIDFetch:
        numbers = self._numbers
        return UIDFetch(numbers, (item,)) if isinstance(numbers, UIDSet) else Fetch(numbers, (item,))

    def _encoding(self) -> Flow[bytes | str]:
        """Ask for the structure of the message and return how the part is encoded."""
        inbox = yield from run(self._session, self._fetch(BODYSTRUCTURE), frozenset({"BODYSTRUCTURE"}))
        found = [event for event in self._session.take(inbox) if isinstance(event, FetchData)]
        if not found:
            raise ItemMissing(self._item.key)
        if getattr(self._item, "specifier", None) is not None:
            return _AS_IT_IS
        wanted = ".".join(map(str, self._item.part)) or "1"
        parts = dict(found[-1].body_structure.walk())
        return getattr(parts.get(wanted), "encoding", _AS_IT_IS)

    def fill(self) -> Flow[None]:
        """Wait until there is something in `chunks`, or no more to come. Raises IMAPStatusError."""
        try:
            while not self.chunks and not self.is_finished:
                yield from self._advance()
        except BaseException:
            self.close()
            raise

    def _advance(self) -> Flow[None]:
        inbox = cast(Inbox, self._inbox)
        yield from self._session.wait(inbox)
        for event in self._session.take(inbox):
            if isinstance(event, LiteralData):
                self._add(self._decoder.feed(event.data))
            elif isinstance(event, LiteralStarted):
                self.size = event.size
            elif isinstance(event, FetchData) and self.size is None:
                octets = event[self._item]
                self.size = len(octets)
                self._add(self._decoder.feed(octets))
        if inbox.status is not None:
            self.is_finished = True
            self._inbox = None
            raise_refusal(inbox)
            self._add(self._decoder.finish())

    def _add(self, octets: bytes) -> None:
        if octets:
            self.chunks.append(octets)

    def take(self) -> list[bytes]:
        """Return what has come and keep nothing."""
        chunks, self.chunks = self.chunks, []
        return chunks

    def close(self) -> None:
        """Want no more, and let others use the connection; what is on its way is thrown away as it comes."""
        self.is_finished = True
        self.chunks = []
        inbox, self._inbox = self._inbox, None
        if inbox is not None and inbox.status is None:
            self._session.drain(inbox)


def _item(section: SectionLike) -> BodySection | BinarySection:
    if isinstance(section, BodySection | BinarySection):
        return section
    if isinstance(section, str):
        section = Section.parse(section)
    return BodySection(section.part, section.specifier, section.fields)

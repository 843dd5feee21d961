"""One body part as a stream without IO: its octets pass through, decoded if that is wanted."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final, Protocol, TypeAlias, cast, final

from mailproto.errors import Defect, IMAPStatusError, ItemMissing, LocalProtocolError
from mailproto.flow import Call, Flow
from mailproto.imap.answers import Inbox
from mailproto.imap.capability import Capabilities
from mailproto.imap.client_flows import Progress, raise_refusal, run
from mailproto.imap.commands import Fetch, UIDFetch
from mailproto.imap.events import LiteralData, LiteralStarted
from mailproto.imap.ext.binary import BinarySection
from mailproto.imap.fetch import BODYSTRUCTURE, BodySection, FetchItem
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sections import Section
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.mime.decoding import Decoder, decoder

__all__ = ["Downloading", "SectionLike", "Writable", "left_to_write"]

SectionLike: TypeAlias = BodySection | BinarySection | Section | str
"""A section of a message: "" is all of it, "1.2" a part, "HEADER" the header. The server decodes a
`BinarySection` (RFC 3516)."""


class Writable(Protocol):
    """What takes octets: a file, or in asyncio an object whose `write` is a coroutine function."""

    def write(self, octets: bytes, /) -> object:
        """Take octets; return how many if it was not all of them."""


def left_to_write(chunk: bytes, written: object) -> bytes:
    """Return what a `write` that returned *written* has left of *chunk*; a raw file need not take all.

    Raises LocalProtocolError if it took nothing.
    """
    if not isinstance(written, int) or written >= len(chunk):
        return b""
    if written < 1:
        raise LocalProtocolError("file: expected it to take octets, it took none")
    return chunk[written:]


_AS_IT_IS: Final = "binary"

TO_THE_END: Final = 2**31 - 1
"""Octets that are asked for from an offset to the end: a number that no server takes for a negative one."""


@final
class Downloading:
    """The octets of one section of one message.

    `chunks` holds what has come. `size` is in octets as they travel, None until they begin; `total` is how
    many octets come out, None if that cannot be known, because they are decoded here. `done` counts those
    that were taken. While it is open it has the connection to itself.

    With *is_decoding* the server undoes the transfer encoding of the part, if it offers BINARY and can; else
    it is undone here, and `defects` says what was malformed. The first *offset* octets of what comes out are
    left out, and it ends after *length*. *progress* is called with the octets that have come, and `total`.
    """

    __slots__ = (
        "_came",
        "_decoder",
        "_inbox",
        "_is_decoding",
        "_item",
        "_left",
        "_length",
        "_numbers",
        "_offset",
        "_progress",
        "_session",
        "_skip",
        "_told",
        "chunks",
        "done",
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
        offset: int = 0,
        length: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        if len(numbers) != 1:
            raise LocalProtocolError(f"download: expected one message, got {len(numbers)}")
        self._session = session
        self._numbers = numbers
        self._item = _item(section)
        self._offset = offset
        self._length = length
        self._check_range()
        # Of the whole message and of a header nothing is encoded as a whole.
        self._is_decoding = is_decoding and _is_part(self._item)
        self._progress = progress
        self._decoder: Decoder = decoder(_AS_IT_IS)
        # What is still to be cut away here, and how much may come then.
        self._skip = 0
        self._left: int | None = None
        self._inbox: Inbox | None = None
        self._came = 0
        self._told = 0
        self.chunks: deque[bytes] = deque()
        self.done: int = 0
        self.size: int | None = None
        self.is_finished: bool = False

    def _check_range(self) -> None:
        if self._offset < 0 or (self._length is not None and self._length < 1):
            raise LocalProtocolError(
                f"download: expected an offset of 0 or more and a length of 1 or more, "
                f"got {self._offset} and {self._length}"
            )
        if self._is_partial and self._item.partial is not None:
            raise LocalProtocolError("download: expected a range, or a section that has one, got both")

    @property
    def _is_partial(self) -> bool:
        return bool(self._offset) or self._length is not None

    @property
    def total(self) -> int | None:
        """How many octets come out; None if that is not known yet, or only the end will tell."""
        return None if self._is_decoding else self.size

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was malformed in a transfer encoding that is undone here; offsets count octets of the part."""
        return self._decoder.defects

    def open(self) -> Flow[None]:
        """Ask for the section and wait until its octets begin. Raises ItemMissing if there is none."""
        try:
            if not self._is_decoding:
                yield from self._ask(self._with_range(self._item))
            elif self._offers_binary:
                yield from self._ask_for_decoded()
            else:
                yield from self._ask_and_decode()
        except BaseException:
            self.close()
            raise

    @property
    def _offers_binary(self) -> bool:
        return (self._session.conn.capabilities or Capabilities()).offers(BinarySection.capability)

    def _ask_for_decoded(self) -> Flow[None]:
        """Let the server decode; where it refuses, do it here.

        RFC 3516 section 4.3 has UNKNOWN-CTE for an encoding that it does not know; for octets that it cannot
        decode a server says what it likes, Dovecot PARSE.
        """
        item, self._is_decoding = self._item, False
        try:
            yield from self._ask(self._with_range(BinarySection(item.part, peek=item.peek)))
        except IMAPStatusError:
            if self.size is not None:
                raise
            self._item, self._is_decoding, self.is_finished = item, True, False
            yield from self._ask_and_decode()

    def _ask_and_decode(self) -> Flow[None]:
        """Ask for all of the part: where a decoded octet stands in it, only decoding tells."""
        self._decoder = decoder((yield from self._encoding()))
        self._skip, self._left = self._offset, self._length
        yield from self._ask(self._item)

    def _with_range(self, item: BodySection | BinarySection) -> BodySection | BinarySection:
        if not self._is_partial:
            return item
        count = TO_THE_END if self._length is None else self._length
        return replace(item, partial=(self._offset, count))

    def _ask(self, item: BodySection | BinarySection) -> Flow[None]:
        self._item = item
        self._inbox = yield from self._session.send(
            self._fetch(item), keys=frozenset({item.key}), is_exclusive=True
        )
        while self.size is None and not self.is_finished:
            yield from self._advance()
        if self.size is None:
            raise ItemMissing(item.key)

    def _fetch(self, item: FetchItem[object]) -> Fetch | UIDFetch:
        numbers = self._numbers
        return UIDFetch(numbers, (item,)) if isinstance(numbers, UIDSet) else Fetch(numbers, (item,))

    def _encoding(self) -> Flow[bytes | str]:
        """Ask for the structure of the message and return how the part is encoded."""
        inbox = yield from run(self._session, self._fetch(BODYSTRUCTURE), frozenset({"BODYSTRUCTURE"}))
        found = [event for event in self._session.take(inbox) if isinstance(event, FetchData)]
        if not found:
            raise ItemMissing(self._item.key)
        parts = dict(found[-1].body_structure.walk())
        return getattr(parts.get(".".join(map(str, self._item.part))), "encoding", _AS_IT_IS)

    def fill(self) -> Flow[None]:
        """Wait until there is something in `chunks`, or no more to come. Raises IMAPStatusError."""
        try:
            while not self.chunks and not self.is_finished:
                yield from self._advance()
            if self._progress is not None and self._came > self._told:
                self._told = self._came
                yield Call(self._progress, (self._came, self.total))
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
        elif self._left == 0:
            self._stop()

    def _add(self, octets: bytes) -> None:
        if self._skip:
            skipped = min(self._skip, len(octets))
            self._skip -= skipped
            octets = octets[skipped:]
        if self._left is not None:
            octets = octets[: self._left]
            self._left -= len(octets)
        if octets:
            self._came += len(octets)
            self.chunks.append(octets)

    def pop(self) -> bytes:
        """Return the next chunk that has come."""
        chunk = self.chunks.popleft()
        self.done += len(chunk)
        return chunk

    def take(self) -> list[bytes]:
        """Return all chunks that have come."""
        return [self.pop() for _ in range(len(self.chunks))]

    def close(self) -> None:
        """Want no more, and let others use the connection; what is on its way is thrown away as it comes."""
        self.chunks.clear()
        self._stop()

    def _stop(self) -> None:
        self.is_finished = True
        inbox, self._inbox = self._inbox, None
        if inbox is not None and inbox.status is None:
            self._session.drain(inbox)


def _is_part(item: BodySection | BinarySection) -> bool:
    return isinstance(item, BodySection) and item.specifier is None and bool(item.part)


def _item(section: SectionLike) -> BodySection | BinarySection:
    if isinstance(section, BodySection | BinarySection):
        return section
    if isinstance(section, str):
        section = Section.parse(section)
    return BodySection(section.part, section.specifier, section.fields)

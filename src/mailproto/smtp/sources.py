"""The message that a client sends, in whatever form the caller has it: octets, a file, chunks.

A source is read with its line ends made right, and again after `rewind`, but for what can be read once only.
Files and iterators are read through `Call`, so that they may be async; nothing of them is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from io import BufferedReader, BytesIO, TextIOBase
from typing import BinaryIO, Final, Protocol, TypeAlias, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.flow import Call, Flow
from mailproto.smtp.data import NewlineNormalizer
from mailproto.smtp.email_message import to_ascii_header, to_lines, to_seven_bit, to_utf8_header
from mailproto.smtp.outgoing import (
    AsItIs,
    Envelope,
    Needs,
    Newlines,
    Refuser,
    Survey,
    envelope_of,
    newlines_of,
    without_bcc,
)

__all__ = [
    "CHUNK",
    "ChunksSource",
    "FileSource",
    "Message",
    "OctetsSource",
    "Pieces",
    "SupportsAsBytes",
    "pull_from",
    "source_of",
]

CHUNK: Final = 65_536
"""Octets that are read, and given on, at once."""
_WHOLE: Final = (BufferedReader, BytesIO)
"""Files that give less than is asked for only at their end, if they can seek."""
_NO_CHUNKS: Final = (str, bytearray, memoryview, TextIOBase, Mapping)
"""What gives items, but no octets."""


class SupportsAsBytes(Protocol):
    """An `email.message.EmailMessage`, or whatever else gives its octets."""

    def as_bytes(self) -> bytes:
        """Return the message, header and body."""


Message: TypeAlias = SupportsAsBytes | bytes | BinaryIO | Iterable[bytes] | AsyncIterable[bytes]
"""A message to send. A file is read from where it stands to its end; one that can seek, twice."""


@final
class OctetsSource:
    """A message that is in memory, from bytes or from an EmailMessage, whose Bcc is never sent."""

    __slots__ = ("_message", "_newlines", "_octets", "_position")

    is_repeatable: Final = True
    """It can be read again."""

    @property
    def only_chunk(self) -> bytes | None:
        """What `read` will give, if that is all at once; None: it is not, or not known."""
        return self._octets if len(self._octets) <= CHUNK else None

    def __init__(self, message: bytes | SupportsAsBytes, newlines: Newlines) -> None:
        message = to_lines(message) or message
        message = to_utf8_header(message) or message
        self._message = message
        self._newlines = newlines
        self._position = 0
        self._take(_octets_of(message))

    def _take(self, octets: bytes) -> None:
        is_octets = isinstance(self._message, bytes)
        keeps = self._newlines == "keep" and not is_octets
        newlines = newlines_of("convert" if keeps else self._newlines)
        octets = newlines.convert(octets) + newlines.finish()
        self._octets = octets if is_octets else without_bcc(octets)

    def survey(self) -> Flow[Needs]:
        """Return what the message needs."""
        yield from ()
        survey = Survey(self._newlines)
        survey.see(self._octets)
        return survey.needs()

    def take_envelope(self) -> Envelope:
        """Return what the header says, and leave Bcc out from now on. Raises LocalProtocolError."""
        octets = self._octets
        if not isinstance(self._message, bytes):
            # Its Bcc was left out already.
            newlines = newlines_of("convert")
            octets = newlines.convert(_octets_of(self._message)) + newlines.finish()
        envelope = envelope_of(octets)
        self._octets = without_bcc(self._octets)
        return envelope

    def to_seven_bit(self) -> bool:
        """Encode 8-bit parts anew, if the message is an EmailMessage; return whether that helped.

        The caller's message stays as it is. Raises LocalProtocolError if 8-bit octets are signed.
        """
        return self._replace(to_seven_bit(self._message)) and self._octets.isascii()

    def to_ascii_header(self) -> bool:
        """Write encoded words in place of UTF-8 in the header of an EmailMessage; return whether it is one.

        Raises LocalProtocolError for a local part in UTF-8, and if UTF-8 is in what is signed.
        """
        return self._replace(to_ascii_header(self._message))

    def _replace(self, message: SupportsAsBytes | None) -> bool:
        if message is None:
            return False
        self._message = message
        self._take(_octets_of(message))
        return True

    def rewind(self) -> Flow[None]:
        """Begin anew."""
        yield from ()
        self._position = 0

    def read(self) -> Flow[bytes | None]:
        """Return the next octets, None at the end."""
        yield from ()
        octets, start = self._octets, self._position
        if start >= len(octets):
            return None
        self._position = start + CHUNK
        return octets if start == 0 and len(octets) <= CHUNK else octets[start : start + CHUNK]


def _octets_of(message: bytes | SupportsAsBytes) -> bytes:
    """Return the octets of *message*. Raises LocalProtocolError if it cannot be written."""
    if isinstance(message, bytes):
        return message
    try:
        return message.as_bytes()
    except Exception as error:
        # Which errors there are is for `email` to know, and nothing was sent: the session can go on.
        raise LocalProtocolError(f"message: expected what can be written as octets: {error}") from error


class _Streamed:
    """What files and iterators share: octets that come by a `Call`."""

    is_repeatable: bool = False
    """Whether it can be read again: a file that can seek, once it was surveyed."""

    @property
    def only_chunk(self) -> bytes | None:
        """What `read` will give, if that is all at once; None: it is not, or not known."""
        return None

    def __init__(self, newlines: Newlines) -> None:
        self._policy = newlines
        self._newlines: AsItIs | NewlineNormalizer | Refuser = newlines_of(newlines)
        self._is_at_end = False

    def take_envelope(self) -> Envelope:
        """Raise LocalProtocolError: the header is not known before the message is sent."""
        raise LocalProtocolError("reverse_path and forward_paths: needed, the message is not in memory")

    def to_seven_bit(self) -> bool:
        """Return False: nothing can be encoded anew."""
        return False

    def to_ascii_header(self) -> bool:
        """Return False: nothing can be encoded anew."""
        return False

    def rewind(self) -> Flow[None]:
        """Do nothing: what is read once only is at its beginning."""
        yield from ()

    def _converted(self, chunk: object, end: object) -> bytes | None:
        if self._is_at_end:
            return None
        if chunk == end:
            self._is_at_end = True
            return self._newlines.finish() or None
        if not isinstance(chunk, bytes):
            raise LocalProtocolError(f"message: expected bytes, got {type(chunk).__name__}")
        return self._newlines.convert(chunk)


@final
class FileSource(_Streamed):
    """A file opened for reading octets. One of less than `CHUNK` octets is read once only, and kept."""

    def __init__(self, file: BinaryIO, newlines: Newlines) -> None:
        super().__init__(newlines)
        self._file = file
        self._offset = 0
        self._is_read = False
        self._whole = 0
        self._is_clean = False
        self._kept: list[bytes] = []
        self._next_kept = 0

    @property
    def only_chunk(self) -> bytes | None:
        return self._kept[0] if len(self._kept) == 1 else None

    def survey(self) -> Flow[Needs]:
        """Read the file to its end, and go back; nothing is known of one that cannot seek."""
        if not (yield Call(self._file.seekable)):
            return Needs()
        self._whole = CHUNK if type(self._file) in _WHOLE else 0
        survey = Survey(self._policy)
        while (chunk := (yield from self._read_file())) is not None:
            survey.see(chunk)
            self._kept = [*self._kept, chunk] if self._offset < CHUNK else []
        # Each bare CR or LF that is converted makes a message longer.
        self._is_clean = survey.size == self._offset
        self.is_repeatable = True
        yield from self.rewind()
        return survey.needs()

    def rewind(self) -> Flow[None]:
        """Go back to where the file stood; one that cannot seek goes on."""
        self._next_kept = 0
        if self._kept or not (self.is_repeatable and self._offset):
            return
        yield Call(self._file.seek, (-self._offset, 1))
        self._offset = 0
        self._is_read = False
        self._newlines = AsItIs() if self._is_clean else newlines_of(self._policy)
        self._is_at_end = False

    def read(self) -> Flow[bytes | None]:
        """Return the next octets, None at the end."""
        if self._next_kept == len(self._kept):
            return (yield from self._read_file())
        self._next_kept += 1
        return self._kept[self._next_kept - 1]

    def _read_file(self) -> Flow[bytes | None]:
        chunk = b"" if self._is_read or self._is_at_end else (yield Call(self._file.read, (CHUNK,)))
        converted = self._converted(chunk, b"")
        self._offset += len(chunk)
        self._is_read = len(chunk) < self._whole
        return converted


def pull_from(items: Iterable[object] | AsyncIterable[object]) -> Call:
    """Return what gives the next of *items* each time it is called, None at the end."""
    if isinstance(items, AsyncIterable):
        return Call(anext, (aiter(items), None))
    return Call(next, (iter(items), None))


@final
class ChunksSource(_Streamed):
    """Chunks from an iterator, which may be async, cut anywhere."""

    def __init__(self, chunks: Iterable[bytes] | AsyncIterable[bytes], newlines: Newlines) -> None:
        super().__init__(newlines)
        self._call = pull_from(chunks)

    def survey(self) -> Flow[Needs]:
        """Return that nothing is known."""
        yield from ()
        return Needs()

    def read(self) -> Flow[bytes | None]:
        """Return the next octets, None at the end."""
        return self._converted(None if self._is_at_end else (yield self._call), None)


@final
class Pieces:
    """Cuts what *source* gives for BDAT: pieces of at most `CHUNK` octets, small ones put together.

    Text gets the CRLF at its end that it may lack, so that what arrives is the same as by DATA.
    """

    def __init__(self, source: OctetsSource | FileSource | ChunksSource, *, is_text: bool) -> None:
        self._source = source
        self._tail = b"" if is_text else b"\r\n"
        self._is_text = is_text
        self._slices: Iterator[bytes] = iter(())
        self._held: bytes | None = None

    def read(self) -> Flow[tuple[bytes, bool]]:
        """Return the next octets, and whether they are the last; of an empty message none."""
        parts: list[bytes] = []
        room = CHUNK
        while (piece := self._held or (yield from self._next())) is not None:
            self._held = None
            if parts and len(piece) > room:
                self._held = piece
                return b"".join(parts), False
            parts.append(piece)
            room -= len(piece)
        return b"".join(parts), True

    def _next(self) -> Flow[bytes | None]:
        while (piece := next(self._slices, None)) is None:
            octets = yield from self._source.read()
            if octets is None:
                return self._finish()
            self._slices = (octets[at : at + CHUNK] for at in range(0, len(octets), CHUNK))
        if self._is_text:
            self._tail = (self._tail + piece[-2:])[-2:]
        return piece

    def _finish(self) -> bytes | None:
        """Return the CRLF that the text lacks, once."""
        lacks = self._tail not in (b"", b"\r\n")
        self._tail = b"\r\n"
        return b"\r\n" if lacks else None


def source_of(message: Message, newlines: Newlines) -> OctetsSource | FileSource | ChunksSource:
    """Return the source for *message*. Raises LocalProtocolError for what is no message."""
    if isinstance(message, bytes):
        return OctetsSource(message, newlines)
    if hasattr(message, "as_bytes"):
        return OctetsSource(cast(SupportsAsBytes, message), newlines)
    if hasattr(message, "read") and not isinstance(message, TextIOBase):
        return FileSource(cast(BinaryIO, message), newlines)
    if isinstance(message, _NO_CHUNKS) or not isinstance(message, Iterable | AsyncIterable):
        raise LocalProtocolError(f"message: expected octets, a file or chunks, got {type(message).__name__}")
    return ChunksSource(cast("Iterable[bytes] | AsyncIterable[bytes]", message), newlines)

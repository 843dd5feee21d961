"""CATENATE: a message put together on the server, of texts and of parts of other messages (RFC 4469)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, TypeAlias, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.appending import APPEND_DATA, AppendData, check_content, parse_literal_octets, size_of
from mailproto.imap.codes import ResponseCode, register_code
from mailproto.imap.command import parse_text, text_octets
from mailproto.imap.cursor import Cursor
from mailproto.imap.values import Streamed, check_octets
from mailproto.imap.writer import Writer

__all__ = ["BadURLCode", "Catenate", "CatenatePart", "TextLiteral", "URLPart"]

CAPABILITY: Final = "CATENATE"


@final
@dataclass(frozen=True, slots=True)
class TextLiteral:
    """TEXT: octets of the message, or `Streamed(size)`."""

    octets: bytes | Streamed = field(repr=False)

    def __post_init__(self) -> None:
        if isinstance(check_content(self.octets), bytes):
            check_octets(self.octets, "text")  # type: ignore[arg-type]  # just checked

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read a `literal`."""
        octets = parse_literal_octets(cursor)
        new = cls.__new__(cls)
        object.__setattr__(new, "octets", octets)
        return new

    def write(self, writer: Writer) -> None:
        """Write the name and the literal."""
        writer.write(b"TEXT ")
        writer.message(self.octets)


@final
@dataclass(frozen=True, slots=True)
class URLPart:
    """URL: a message or a part of one on this server, such as `/Drafts;UIDVALIDITY=1/;UID=20/;section=1`.

    It is relative to the account, or to the selected mailbox (section 3). Octets that are not UTF-8 stand in
    it as `surrogateescape` has them.
    """

    url: str

    def __post_init__(self) -> None:
        text_octets(self.url, "URL")

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read an `astring`."""
        return cls(parse_text(cursor))

    def write(self, writer: Writer) -> None:
        """Write the name and the URL."""
        writer.write(b"URL ")
        writer.astring(text_octets(self.url, "URL"))


CatenatePart: TypeAlias = TextLiteral | URLPart
"""A part of the message that `Catenate` puts together."""

_PARTS: Final[dict[str, type[TextLiteral] | type[URLPart]]] = {"TEXT": TextLiteral, "URL": URLPart}


@final
@dataclass(frozen=True, slots=True)
class Catenate(AppendData):
    """The parts of a message, one or more, in order: the `message` of Append, MultiAppend and Replace."""

    capability: ClassVar[str] = CAPABILITY
    parts: tuple[CatenatePart, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        if not self.parts:
            raise LocalProtocolError("expected a part or more, got none")
        for part in self.parts:
            if not isinstance(part, TextLiteral | URLPart):
                raise LocalProtocolError(f"expected a TextLiteral or URLPart, got {type(part).__name__}")

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The texts that travel in chunks, in order."""
        texts = (part.octets for part in self.parts if isinstance(part, TextLiteral))
        return tuple(octets for octets in texts if isinstance(octets, Streamed))

    @property
    def size(self) -> int:
        """How many octets the texts have; the server knows how many the other parts have."""
        return sum(size_of(part.octets) for part in self.parts if isinstance(part, TextLiteral))

    # append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "(" cat-part *(SP cat-part) ")"`."""
        cursor.expect(b" (")
        parts = [_parse_part(cursor)]
        while not cursor.accept(b")"):
            cursor.sp()
            parts.append(_parse_part(cursor))
        return cls(tuple(parts))

    def write(self, writer: Writer) -> None:
        """Write the parts in parentheses."""
        writer.write(b"CATENATE (")
        for index, part in enumerate(self.parts):
            if index:
                writer.write(b" ")
            part.write(writer)
        writer.write(b")")


def _parse_part(cursor: Cursor) -> CatenatePart:
    start = cursor.position
    kind = _PARTS.get(cursor.word())
    if kind is None:
        raise cursor.error("TEXT or URL", start)
    cursor.sp()
    return kind.parse(cursor)


APPEND_DATA["CATENATE"] = Catenate.parse


# url-resp-text   = 1*(%x01-09 / %x0B-0C / %x0E-5B / %x5D-FE)    ; Any TEXT-CHAR except "]"
_URL_TEXT: Final = re.compile(rb"[^\x00\r\n\]]+")


@final
@register_code
@dataclass(frozen=True, slots=True)
class BadURLCode(ResponseCode):
    """BADURL: the first URL that could not be used, as it was given (section 4.1).

    It stands in the response as it is, so it has no `]`, and the quotes that some servers write are part of
    it. Octets that are not UTF-8 are as in `URLPart`.
    """

    name: ClassVar[str] = "BADURL"
    url: str

    def __post_init__(self) -> None:
        if not _URL_TEXT.fullmatch(text_octets(self.url, "URL")):
            raise LocalProtocolError(f"expected a URL without CR, LF and ], got {self.url[:40]!r}")

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP url-resp-text`."""
        cursor.sp()
        return cls(cursor.expect_match(_URL_TEXT, "a URL").group().decode("utf-8", "surrogateescape"))

    def write(self, writer: Writer) -> None:
        """Write the URL as it is."""
        writer.write(b" " + text_octets(self.url, "URL"))

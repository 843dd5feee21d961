"""BINARY: body parts without their transfer encoding, and messages with NUL (RFC 3516).

`BINARY[1.2]` gives the octets of a part as they are; a large one streams, as `BODY[1.2]` does. NUL travels
in a `literal8` only: in the answer to such an item, and in APPEND.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Final, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.appending import APPEND_DATA, LiteralData8, check_content, parse_literal8_octets
from mailproto.imap.codes import SimpleCode
from mailproto.imap.cursor import MAX_NUMBER64, Cursor, ParseError
from mailproto.imap.fetch import (
    Answer,
    BodyItem,
    FetchItem,
    ItemData,
    check_partial,
    parse_partial,
    register_item_reader,
)
from mailproto.imap.fetch_data import DATA_READERS, parse_origin, parse_space
from mailproto.imap.sections import Section, parse_section
from mailproto.imap.streaming import ITEM_STREAMS
from mailproto.imap.values import Content, Message, check_ncontent
from mailproto.imap.writer import Writer

__all__ = [
    "UNKNOWN_CTE",
    "BinaryData",
    "BinaryMessage",
    "BinarySection",
    "BinarySize",
    "BinarySizeData",
    "check_size",
    "parse_part",
    "write_binary",
]

CAPABILITY: Final = "BINARY"

UNKNOWN_CTE: Final = SimpleCode("UNKNOWN-CTE")
"""The server cannot undo the encoding of the part, or cannot store binary content (sections 4.3 and 4.4)."""


# section-binary  = "[" [section-part] "]"
def parse_part(cursor: Cursor) -> tuple[int, ...]:
    """Read a `section-binary`: part numbers in brackets."""
    start = cursor.position
    section = parse_section(cursor)
    if section.specifier is not None:
        raise cursor.error("part numbers", start)
    return section.part


def _section(part: tuple[int, ...]) -> str:
    return f"[{Section(part)}]"


@final
@dataclass(frozen=True, slots=True)
class BinarySection(FetchItem[bytes]):
    """`BINARY[part]<partial>`: octets of a part without its transfer encoding (section 4.2).

    `part` is () for the whole message. `partial` is (first octet, how many at most), counted when decoded.
    With `peek` the message does not become `\\\\Seen`.
    """

    capability: ClassVar[str] = CAPABILITY
    part: tuple[int, ...] = ()
    partial: tuple[int, int] | None = field(default=None, kw_only=True)
    peek: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        Section(self.part)
        if self.partial is not None:
            check_partial(*self.partial)

    @property
    def key(self) -> str:
        """The name in a FETCH response: without `.PEEK`, and of the partial only the first."""
        return _key(self.part, None if self.partial is None else self.partial[0])

    def answer(self, value: Content | None) -> Answer:
        """Return *value* as the octets of this part, NUL among them; None is NIL, for no such part."""
        check_ncontent(value)
        origin = None if self.partial is None else self.partial[0]
        return Answer(self.key, BinaryData(self.part, origin, value))

    def write(self, writer: Writer) -> None:
        """Write the `fetch-att`."""
        name = "BINARY.PEEK" if self.peek else "BINARY"
        writer.write(f"{name}{_section(self.part)}".encode("ascii"))
        if self.partial is not None:
            writer.write(b"<%d.%d>" % self.partial)


def _key(part: tuple[int, ...], origin: int | None) -> str:
    return f"BINARY{_section(part)}" + ("" if origin is None else f"<{origin}>")


@final
@dataclass(frozen=True, slots=True)
class BinaryData(ItemData):
    """A part as it was answered: `origin` is the first octet of a partial answer, None for a whole one."""

    part: tuple[int, ...]
    origin: int | None
    data: Content | None

    @property
    def value(self) -> Content | None:
        """The octets, or what stands for them."""
        return self.data

    def write(self, writer: Writer) -> None:
        """Write the name and the octets."""
        writer.write(_key(self.part, self.origin).encode("ascii") + b" ")
        write_binary(writer, self.data)


def write_binary(writer: Writer, data: Content | None) -> None:
    """Write octets or NIL: a `literal8` if NUL is, or may be, among them (section 4.3)."""
    if data is None:
        writer.write(b"NIL")
    elif isinstance(data, bytes) and b"\0" not in data:
        writer.literal(data)
    else:
        writer.message8(data)


@final
@dataclass(frozen=True, slots=True)
class BinarySize(FetchItem[int]):
    """`BINARY.SIZE[part]`: how many octets `BINARY[part]` has, which a server may have to find out first."""

    capability: ClassVar[str] = CAPABILITY
    part: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        Section(self.part)

    @property
    def key(self) -> str:
        """The name in a FETCH response."""
        return f"BINARY.SIZE{_section(self.part)}"

    def answer(self, value: int) -> Answer:
        """Return *value* checked, to build a FetchData of. Raises LocalProtocolError."""
        return Answer(self.key, BinarySizeData(self.part, check_size(value)))

    def write(self, writer: Writer) -> None:
        """Write the `fetch-att`."""
        writer.write(self.key.encode("ascii"))


def check_size(size: int) -> int:
    """Return *size* if it is a number of octets of 63 bits. Raises LocalProtocolError."""
    if type(size) is not int or not 0 <= size <= MAX_NUMBER64:
        raise LocalProtocolError(f"expected a size of 0 or more, got {str(size)[:40]}")
    return size


@final
@dataclass(frozen=True, slots=True)
class BinarySizeData(ItemData):
    """The size of a part as it was answered."""

    part: tuple[int, ...]
    size: int

    @property
    def value(self) -> int:
        """The size."""
        return self.size

    def write(self, writer: Writer) -> None:
        """Write the name and the size."""
        writer.write(f"BINARY.SIZE{_section(self.part)} {self.size}".encode("ascii"))


def _read_section(cursor: Cursor, *, peek: bool) -> BinarySection:
    part = parse_part(cursor)
    return BinarySection(part, partial=parse_partial(cursor), peek=peek)


def _read_size(cursor: Cursor) -> BinarySize:
    return BinarySize(parse_part(cursor))


register_item_reader("BINARY[", partial(_read_section, peek=False))
register_item_reader("BINARY.PEEK[", partial(_read_section, peek=True))
register_item_reader("BINARY.SIZE[", _read_size)


def _read_data(cursor: Cursor) -> tuple[str, ItemData]:
    part = parse_part(cursor)
    origin = parse_origin(cursor)
    parse_space(cursor)
    return _key(part, origin), BinaryData(part, origin, cursor.ncontent())


def _read_size_data(cursor: Cursor) -> tuple[str, ItemData]:
    item = BinarySize(parse_part(cursor))
    parse_space(cursor)
    return item.key, BinarySizeData(item.part, cursor.number64())


def _read_peek_data(cursor: Cursor) -> tuple[str, ItemData]:
    cursor.defect("BINARY without .PEEK in a response", cursor.position)
    return _read_data(cursor)


DATA_READERS["BINARY["] = _read_data
DATA_READERS["BINARY.PEEK["] = _read_peek_data
DATA_READERS["BINARY.SIZE["] = _read_size_data


def _streamed(octets: bytes, literals: tuple[Content, ...], size: int) -> BodyItem | None:
    cursor = Cursor(Message(octets))
    try:
        cursor.expect(b"BINARY")
        part = parse_part(cursor)
        origin = parse_origin(cursor)
        cursor.expect_end()
    except ParseError:
        return None
    return BinarySection(part, partial=None if origin is None else (origin, max(size, 1)))


ITEM_STREAMS[b"BINARY["] = _streamed


@final
@dataclass(frozen=True, slots=True)
class BinaryMessage(LiteralData8):
    """A message to append that may hold NUL (section 4.4): octets, or `Streamed(size)`."""

    capability: ClassVar[str] = CAPABILITY
    # RFC 9051 appendix B: IMAP4rev2 has the items of FETCH, "but not extensions to the APPEND command".
    is_listed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_content(self.octets)

    def write(self, writer: Writer) -> None:
        """Write a `literal8`."""
        writer.message8(self.octets)


def _read_message(cursor: Cursor) -> BinaryMessage:
    cursor.position -= 1
    return BinaryMessage(parse_literal8_octets(cursor))


APPEND_DATA["~"] = _read_message

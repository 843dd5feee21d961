"""What FETCH asks for: items, macros and BODY sections (RFC 3501 section 6.4.5).

An item is a typed value: `message[ITEM]` on a `mailproto.imap.fetch_data.FetchData` has the type that the
item says. The module of an extension makes its items with `NamedItem` and adds them by `register_item`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import ClassVar, Final, Generic, NamedTuple, Self, TypeAlias, TypeVar, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._grammar import ATOM
from mailproto.imap.body import parse_body, without_extension, write_body
from mailproto.imap.capability import REV1
from mailproto.imap.cursor import MAX_NUMBER, Cursor
from mailproto.imap.dates import check_date_time, parse_date_time, write_date_time
from mailproto.imap.envelope import parse_envelope, write_envelope
from mailproto.imap.flags import flag_set, parse_flag_list, write_flag_list
from mailproto.imap.needs import Need
from mailproto.imap.sections import Section, Specifier, parse_section, section_key, write_section
from mailproto.imap.values import Content, Omitted, Streamed, Value, check_octets, check_value
from mailproto.imap.writer import Writer
from mailproto.mime.body_structure import BodyStructure
from mailproto.mime.envelope import Envelope

__all__ = [
    "ALL",
    "BODY",
    "BODYSTRUCTURE",
    "ENVELOPE",
    "FAST",
    "FLAGS",
    "FULL",
    "INTERNALDATE",
    "ITEMS",
    "ITEM_READERS",
    "OTHER_NAME",
    "RFC822",
    "RFC822_HEADER",
    "RFC822_SIZE",
    "RFC822_TEXT",
    "UID",
    "Answer",
    "BodyItem",
    "BodySection",
    "FetchItem",
    "ItemData",
    "ItemValue",
    "ItemValues",
    "NamedItem",
    "OtherItem",
    "SectionData",
    "check_content",
    "check_fetch_items",
    "check_partial",
    "needs_of_items",
    "parse_fetch_items",
    "parse_partial",
    "register_item",
    "register_item_reader",
    "write_content",
    "write_fetch_items",
    "write_item_list",
]

T_co = TypeVar("T_co", covariant=True)

MAX_SIZE: Final = 2**63 - 1


class Answer(NamedTuple):
    """What a FETCH response says about one item; made by `item.answer(value)`.

    `key` is the name of the item as it stands in a response, `value` has been checked.
    """

    key: str
    value: object


class FetchItem(Generic[T_co]):
    """An item of a message that can be fetched; its value is of type T.

    It is a `NamedItem`, a `BodySection`, an `OtherItem`, or an item of an extension. `capability` is what a
    server must offer for it, "" if it is an item of RFC 3501 or one that nobody knows. One that `is_news` is
    sent by servers alone, and cannot be asked for.
    """

    __slots__ = ()
    is_news: ClassVar[bool] = False

    @property
    def capability(self) -> str:
        """The capability that a server must offer for it."""
        return ""

    @property
    def key(self) -> str:
        """The name in a FETCH response, in upper case, by which asked and answered meet."""
        raise NotImplementedError

    def answer(self, value: T_co) -> Answer:  # type: ignore[misc]  # who answers holds the exact item
        """Return *value* checked, to build a FetchData of. Raises LocalProtocolError."""
        raise NotImplementedError

    def write(self, writer: Writer) -> None:
        """Write the `fetch-att`."""
        raise NotImplementedError


def _unchanged(value: T_co) -> T_co:  # type: ignore[misc]  # the identity
    return value


@final
@dataclass(frozen=True, slots=True, repr=False)
class NamedItem(FetchItem[T_co]):
    """An item that is a name: how its value is read, written, and checked when it is answered.

    `check` returns the value as it travels, or raises LocalProtocolError. `needs` is its `capability`. A
    FETCH with it switches `enables` on, as if by ENABLE.
    """

    name: str
    parse_value: Callable[[Cursor], T_co] = field(compare=False)
    write_value: Callable[[Writer, T_co], None] = field(compare=False)
    check: Callable[[T_co], T_co] = field(default=_unchanged, compare=False, kw_only=True)
    needs: str = field(default="", compare=False, kw_only=True)
    enables: str = field(default="", compare=False, kw_only=True)
    # No property: it is asked for at each access to a value.
    key: str = field(init=False, compare=False)
    """The name."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.name)
        if not ATOM.fullmatch(self.name.encode("utf-8", "surrogatepass")):
            raise LocalProtocolError(f"expected the name of an item, got {self.name[:40]!r}")

    @property
    def capability(self) -> str:
        """The capability that a server must offer for it."""
        return self.needs

    def answer(self, value: T_co) -> Answer:  # type: ignore[misc]  # who answers holds the exact item
        """Return *value* checked, to build a FetchData of. Raises LocalProtocolError."""
        return Answer(self.name, self.check(value))

    def write(self, writer: Writer) -> None:
        """Write the name."""
        writer.atom(self.name)

    def __repr__(self) -> str:
        return self.name


class SectionData(NamedTuple):
    """A body section as it was answered.

    `origin` is the first octet of a partial answer, None for a whole one. `data` is None if the server says
    NIL, and `Streamed` or `Omitted` if its octets are not here.
    """

    section: Section
    origin: int | None
    data: Content | None


class ItemData(ABC):
    """The value of an item whose name has arguments, such as a section."""

    __slots__ = ()

    @property
    @abstractmethod
    def value(self) -> object:
        """What `message[ITEM]` gives: a `Content` or None stands for octets."""

    @abstractmethod
    def write(self, writer: Writer) -> None:
        """Write the name with its arguments, and the value."""


class ItemValues(ItemData):
    """The value of an item that has values inside, each of which may be a literal that streams."""

    __slots__ = ()

    @property
    @abstractmethod
    def last(self) -> tuple[tuple[str, ...], Content | None]:
        """The names of the last value inside, and that value."""

    @abstractmethod
    def filled(self, contents: Iterator[bytes | None]) -> Self:
        """Return this with *contents*, in order, where literals were streamed; None leaves one as it is."""


@final
@dataclass(frozen=True, slots=True)
class ItemValue:
    """Says what a streamed literal is: the value with these *names* inside an item."""

    item: str
    names: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class BodySection(FetchItem[bytes]):
    """`BODY[section]<partial>`: octets of the message or of a part of it.

    `partial` is (first octet, how many at most). With `peek` the message does not become `\\Seen`. Raises
    LocalProtocolError for a section that the grammar does not have (see `Section`).
    """

    part: tuple[int, ...] = ()
    specifier: Specifier | None = None
    fields: tuple[str, ...] = ()
    partial: tuple[int, int] | None = field(default=None, kw_only=True)
    peek: bool = field(default=True, kw_only=True)
    _key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        key = f"BODY{section_key(self.section).upper()}"
        if self.partial is not None:
            check_partial(*self.partial)
            key += f"<{self.partial[0]}>"
        object.__setattr__(self, "_key", key)

    @property
    def section(self) -> Section:
        """The part of the message that is meant."""
        return Section(self.part, self.specifier, self.fields)

    @property
    def key(self) -> str:
        """The name in a FETCH response, in upper case: without `.PEEK`, and of the partial only the first."""
        return self._key

    def answer(self, value: Content | None) -> Answer:
        """Return *value* as the octets of this section; None is NIL, for a part that does not exist."""
        check_content(value)
        origin = None if self.partial is None else self.partial[0]
        return Answer(self._key, SectionData(self.section, origin, value))

    def write(self, writer: Writer) -> None:
        """Write the `fetch-att`."""
        writer.write(b"BODY.PEEK" if self.peek else b"BODY")
        write_section(writer, self.section)
        if self.partial is not None:
            writer.write(b"<%d.%d>" % self.partial)


def check_partial(first: int, count: int) -> None:
    """Raise LocalProtocolError unless *first* is 0 or more, *count* 1 or more."""
    if not 0 <= first <= MAX_SIZE or not 1 <= count <= MAX_SIZE:
        raise LocalProtocolError(f"expected a partial of (0 or more, 1 or more), got ({first}, {count})")


def check_content(value: Content | None) -> Content | None:
    """Return *value* if it is an `nstring`, or what stands for one. Raises LocalProtocolError."""
    if isinstance(value, bytes):
        check_octets(value, "body section")
    elif value is not None and not isinstance(value, Streamed | Omitted):
        raise LocalProtocolError(f"expected octets, got {type(value).__name__}")
    return value


BodyItem: TypeAlias = FetchItem[bytes]
"""An item whose value can be a streamed literal: a `BodySection`, `RFC822` and its like."""

# What an unknown item looks like: an atom, a section in brackets, a partial; then arguments.
OTHER_NAME: Final = re.compile(
    rb'[^\x00-\x20\x7f-\xff(){%*"\\\]\[<]+(?:\[[^\x00-\x1f\x7f-\xff"{\]]*\])?(?:<[0-9.]+>)?'
)


@final
@dataclass(frozen=True, slots=True)
class OtherItem(FetchItem[Value]):
    """An item that no module knows: its name with what stands in brackets, and its arguments, if any."""

    name: str
    arguments: tuple[Value, ...] | None = None

    def __post_init__(self) -> None:
        if not OTHER_NAME.fullmatch(self.name.encode("utf-8", "surrogatepass")):
            raise LocalProtocolError(f"expected the name of a fetch item, got {self.name[:40]!r}")
        object.__setattr__(self, "name", self.name.upper())
        if self.name in ITEMS or self.name in MACROS or _has_reader(self.name):
            raise LocalProtocolError(f"{self.name}: expected the item of this name")
        check_value(self.arguments)

    @property
    def key(self) -> str:
        """The name, which is taken to be the same in a response."""
        return self.name

    def answer(self, value: Value) -> Answer:
        """Return *value* checked, to build a FetchData of. Raises LocalProtocolError."""
        check_value(value)
        return Answer(self.name, value)

    def write(self, writer: Writer) -> None:
        """Write the name and the arguments."""
        writer.write(self.name.encode("ascii"))
        if self.arguments is not None:
            writer.write(b" ")
            writer.value(self.arguments)


def _has_reader(name: str) -> bool:
    return name in ITEM_READERS or name.partition("[")[0] + "[" in ITEM_READERS


ITEMS: Final[dict[str, NamedItem[object]]] = {}
"""Name of each item that is a name -> the item; the modules of the RFCs fill it."""


def register_item(item: NamedItem[T_co]) -> NamedItem[T_co]:
    """Add *item* to `ITEMS` and return it."""
    ITEMS[item.name] = item
    return item


ITEM_READERS: Final[dict[str, Callable[[Cursor], FetchItem[object]]]] = {}
"""Name of an item that has arguments in a command -> what reads them; the modules of the RFCs fill it.

A name that ends with `[` has a section, which is left to be read with its bracket.
"""


def register_item_reader(name: str, read: Callable[[Cursor], FetchItem[object]]) -> None:
    """Let *read* read what is behind *name* in a FETCH command."""
    ITEM_READERS[name] = read


def _check_number(least: int, most: int, number: int) -> int:
    if isinstance(number, bool) or not least <= number <= most:
        raise LocalProtocolError(f"expected a number from {least} to {most}, got {str(number)[:40]}")
    return number


def _check_uid(number: int) -> int:
    return _check_number(1, MAX_NUMBER, number)


def _check_size(number: int) -> int:
    return _check_number(0, MAX_SIZE, number)


_NEGATIVE: Final = re.compile(rb"-[0-9]{1,20}(?![0-9])")
_FLOATING: Final = re.compile(rb"[0-9](?:\.[0-9]{1,17})?[Ee]\+?[0-9]{1,2}(?![0-9])")
_IN_QUOTES: Final = re.compile(rb'"([0-9]{1,18})"')


def _parse_size(cursor: Cursor) -> int:
    start = cursor.position
    # Some servers count in signed 32 bits, and so send a negative size for a message of 2 GiB or more.
    if cursor.accept_match(_NEGATIVE):
        cursor.defect("a size of 0 or more", start)
        return 0
    if match := cursor.accept_match(_FLOATING):
        cursor.defect("a size in digits", start)
        return min(int(float(match.group())), MAX_SIZE)
    if match := cursor.accept_match(_IN_QUOTES):
        cursor.defect("a size in digits", start)
        return int(match[1])
    return cursor.number64()


def write_content(writer: Writer, content: Content | None) -> None:
    """Write an `nstring` as a literal, which even clients that know no other form of a body can read."""
    if content is None:
        writer.write(b"NIL")
    elif isinstance(content, bytes):
        writer.literal(content)
    else:
        writer.content(content)


def _flags(flags: Iterable[str]) -> frozenset[str]:
    return flag_set(flags)


def _parse_octets(cursor: Cursor) -> bytes:
    # The type says what a reader of the item gets: FetchData raises ItemMissing where this is not bytes.
    return cursor.ncontent()  # type: ignore[return-value]


FLAGS: Final[NamedItem[frozenset[str]]] = register_item(
    NamedItem("FLAGS", parse_flag_list, write_flag_list, check=_flags)
)
"""The flags, `\\Recent` among them."""
UID: Final[NamedItem[int]] = register_item(
    NamedItem("UID", Cursor.nz_number, Writer.number, check=_check_uid)
)
"""The unique identifier."""
INTERNALDATE: Final[NamedItem[datetime]] = register_item(
    NamedItem("INTERNALDATE", parse_date_time, write_date_time, check=check_date_time)
)
"""When the message was received, with a time zone."""
RFC822_SIZE: Final[NamedItem[int]] = register_item(
    NamedItem("RFC822.SIZE", _parse_size, Writer.number, check=_check_size)
)
"""Octets of the whole message."""
ENVELOPE: Final[NamedItem[Envelope]] = register_item(NamedItem("ENVELOPE", parse_envelope, write_envelope))
"""The envelope: the fields of the header that mail readers show."""
BODY: Final[NamedItem[BodyStructure]] = register_item(
    NamedItem("BODY", parse_body, write_body, check=without_extension)
)
"""The body structure without extension data."""
BODYSTRUCTURE: Final[NamedItem[BodyStructure]] = register_item(
    NamedItem("BODYSTRUCTURE", parse_body, write_body)
)
"""The body structure with extension data."""
RFC822: Final[NamedItem[bytes]] = register_item(
    NamedItem("RFC822", _parse_octets, write_content, check=check_content, needs=REV1)  # type: ignore[arg-type]  # as above
)
"""The whole message, which becomes `\\Seen`; `BodySection(peek=False)` is the form that IMAP4rev2 has too."""
RFC822_HEADER: Final[NamedItem[bytes]] = register_item(
    NamedItem("RFC822.HEADER", _parse_octets, write_content, check=check_content, needs=REV1)  # type: ignore[arg-type]  # as above
)
"""The header; `BodySection((), "HEADER")` is the form that IMAP4rev2 has too."""
RFC822_TEXT: Final[NamedItem[bytes]] = register_item(
    NamedItem("RFC822.TEXT", _parse_octets, write_content, check=check_content, needs=REV1)  # type: ignore[arg-type]  # as above
)
"""The text, after which the message is `\\Seen`; in IMAP4rev2, `BodySection((), "TEXT", peek=False)`."""

FAST: Final[tuple[FetchItem[object], ...]] = (FLAGS, INTERNALDATE, RFC822_SIZE)
"""The macro FAST."""
ALL: Final[tuple[FetchItem[object], ...]] = (*FAST, ENVELOPE)
"""The macro ALL."""
FULL: Final[tuple[FetchItem[object], ...]] = (*ALL, BODY)
"""The macro FULL."""

MACROS: Final = {"ALL": ALL, "FAST": FAST, "FULL": FULL}

_PARTIAL: Final = re.compile(rb"<([0-9]{1,19})\.([1-9][0-9]{0,18})>")
_NAME: Final = re.compile(rb"[A-Za-z0-9.-]+(?![^ \[()<])")


def check_fetch_items(items: Iterable[FetchItem[object]]) -> tuple[FetchItem[object], ...]:
    """Return *items* as a tuple. Raises LocalProtocolError unless there is one or more, and only items."""
    checked = tuple(items)
    if not checked:
        raise LocalProtocolError("expected a fetch item, got none")
    for item in checked:
        if not isinstance(item, FetchItem):
            raise LocalProtocolError(f"expected a fetch item, got {type(item).__name__}")
        if item.is_news:
            raise LocalProtocolError(f"{item.key}: expected an item that can be asked for")
    return checked


def needs_of_items(items: Iterable[FetchItem[object]]) -> tuple[Need, ...]:
    """Return what a server must offer for *items*; of an unknown one nobody can say."""
    return tuple(
        Need(item.key, (item.capability,), enables=getattr(item, "enables", ""))
        for item in items
        if item.capability
    )


# fetch           = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att /
#                   "(" fetch-att *(SP fetch-att) ")")
def parse_fetch_items(cursor: Cursor) -> tuple[FetchItem[object], ...]:
    """Read a macro, one `fetch-att`, or a list of them; macros are expanded, unknown items kept."""
    if cursor.accept(b"("):
        items = [_parse_item(cursor)]
        while not cursor.accept(b")"):
            cursor.sp()
            items.append(_parse_item(cursor))
        return tuple(items)
    start = cursor.position
    if match := cursor.accept_match(_NAME):
        macro = MACROS.get(match.group().decode("ascii").upper())
        if macro is not None:
            return macro
        cursor.position = start
    return (_parse_item(cursor),)


def _parse_item(cursor: Cursor) -> FetchItem[object]:
    start = cursor.position
    name = cursor.expect_match(_NAME, "a fetch item").group().decode("ascii").upper()
    read = ITEM_READERS.get(name + "[" if cursor.peek() == b"[" else name)
    if read is not None:
        return read(cursor)
    if name in ITEMS and cursor.peek() not in (b"[", b"<"):
        return ITEMS[name]
    cursor.position = start
    return _parse_other_item(cursor)


def parse_partial(cursor: Cursor) -> tuple[int, int] | None:
    """Read `["<" number "." nz-number ">"]`."""
    if cursor.peek() != b"<":
        return None
    start = cursor.position
    match = cursor.expect_match(_PARTIAL, "a partial")
    first, count = int(match[1]), int(match[2])
    if max(first, count) > MAX_SIZE:
        raise cursor.error("a partial of 63 bits", start)
    return first, count


def _parse_body_section(cursor: Cursor, *, peek: bool) -> BodySection:
    section = parse_section(cursor)
    count = parse_partial(cursor)
    return BodySection(section.part, section.specifier, section.fields, partial=count, peek=peek)


register_item_reader("BODY[", partial(_parse_body_section, peek=False))
register_item_reader("BODY.PEEK[", partial(_parse_body_section, peek=True))


def _parse_other_item(cursor: Cursor) -> OtherItem:
    start = cursor.position
    name = cursor.expect_match(OTHER_NAME, "a fetch item").group().decode("ascii")
    arguments = None
    if cursor.accept(b" ("):
        cursor.position -= 1
        arguments = cursor.value()
    try:
        return OtherItem(name, arguments if isinstance(arguments, tuple) else None)
    except LocalProtocolError:
        raise cursor.error("a fetch item", start) from None


def write_fetch_items(writer: Writer, items: tuple[FetchItem[object], ...]) -> None:
    """Write one item bare, several as a list."""
    if len(items) == 1:
        items[0].write(writer)
    else:
        write_item_list(writer, items)


def write_item_list(writer: Writer, items: tuple[FetchItem[object], ...]) -> None:
    """Write `"(" fetch-att *(SP fetch-att) ")"`."""
    for index, item in enumerate(items):
        writer.write(b" " if index else b"(")
        item.write(writer)
    writer.write(b")")

"""What FETCH answers: the items of one message (RFC 3501 section 7.4.2).

`FetchData` is the value at both ends. A server that answers the same items again and again keeps them as
octets by `prepare` and sends `PreparedFetch`. What items there are is in `mailproto.imap.fetch`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import ClassVar, Final, NoReturn, Self, TypeAlias, TypeVar, cast, final

from mailproto.errors import Defect, ItemMissing, LocalProtocolError
from mailproto.imap._loose import note, skip_value
from mailproto.imap.body import parse_body
from mailproto.imap.cursor import MAX_NUMBER, Cursor, ParseError
from mailproto.imap.dates import parse_date_time
from mailproto.imap.envelope import parse_envelope
from mailproto.imap.fetch import (
    BODY,
    BODYSTRUCTURE,
    ENVELOPE,
    FLAGS,
    INTERNALDATE,
    ITEMS,
    OTHER_NAME,
    RFC822,
    RFC822_HEADER,
    RFC822_SIZE,
    RFC822_TEXT,
    UID,
    Answer,
    BodyItem,
    BodySection,
    FetchItem,
    ItemData,
    ItemValues,
    OtherItem,
    SectionData,
    write_content,
)
from mailproto.imap.flags import parse_flag_list
from mailproto.imap.sections import Section, parse_section, write_section
from mailproto.imap.values import Content, Message, Omitted, Streamed, Value
from mailproto.imap.writer import LiteralForm, Writer
from mailproto.mime._open import opened
from mailproto.mime.body_structure import BasicPart, BodyStructure, MessagePart, MultiPart, TextPart
from mailproto.mime.envelope import Envelope

__all__ = [
    "DATA_READERS",
    "FETCH_ROWS",
    "FetchData",
    "PreparedFetch",
    "PreparedItem",
    "kinds_of",
    "known_flags",
    "numbers_and_uids",
    "octets_of",
    "parse_fetch_data",
    "parse_items",
    "parse_origin",
    "parse_section_data",
    "parse_space",
    "prepare",
]

T = TypeVar("T")


@final
class _Missing:
    """Stands where there is no value: None is one."""


_MISSING: Final = _Missing()

_STRUCTURES: Final = frozenset({BasicPart, TextPart, MessagePart, MultiPart})
_PLAIN: Final = _STRUCTURES | {int, bytes, frozenset, datetime, Envelope}
"""Types of values that are given as they are: asking for an abstract class takes longer than all the rest."""

_STREAMABLE: Final[dict[str, BodyItem]] = {item.key: item for item in (RFC822, RFC822_HEADER, RFC822_TEXT)}


class FetchData:
    """A FETCH response: the items of the message that has this sequence number.

    Built of answers, as `FetchData(12, UID.answer(40), RFC822_SIZE.answer(512))`; raises LocalProtocolError
    without one or for the same item twice. `message[ITEM]` has the type of the item and raises `ItemMissing`
    if the server did not send it; `.get(ITEM)` is None then. Two are equal if they hold equal items in the
    same order. `mailproto.imap.ext.uidonly.UIDFetchData` is the one without a sequence number.
    """

    __slots__ = ("_values", "defects", "number")

    name: ClassVar[str] = "FETCH"
    number: int
    """The number that it begins with: of a FETCH response the sequence number."""
    defects: tuple[Defect, ...]
    """What in the response was against the grammar; left out of equality and serialization."""
    _values: dict[str, object]

    def __init__(self, number: int, *answers: Answer) -> None:
        if not answers or len({answer.key for answer in answers}) < len(answers):
            raise LocalProtocolError("expected answers to one item or more, each once")
        if type(number) is not int or not 1 <= number <= MAX_NUMBER:
            raise LocalProtocolError(f"expected the number of a message, got {str(number)[:40]}")
        for name, value in (("number", number), ("_values", dict(answers)), ("defects", ())):
            object.__setattr__(self, name, value)

    @classmethod
    def of_parsed(cls, number: int, values: dict[str, object], defects: tuple[Defect, ...]) -> Self:
        """Return a response as it was read; skips validation and takes *values* over."""
        new = _new(_OPEN)
        new.number = number
        new._values = values
        new.defects = defects
        new.__class__ = cls  # type: ignore[assignment]  # it has the same slots
        return new  # type: ignore[return-value]  # it is one now; cast() is a call for each message

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name}: a FetchData does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{name}: a FetchData does not change")

    def __getitem__(self, item: FetchItem[T]) -> T:
        """Return the value of *item*; raises ItemMissing."""
        key = item.key
        value = self._values.get(key)
        if type(value) in _PLAIN:
            return value  # type: ignore[return-value]  # what the item reads; cast() is a call for each access
        if type(value) is SectionData and type(value.data) is bytes:
            return value.data  # type: ignore[return-value]  # what a BodySection reads
        value = self._value(key)
        if isinstance(value, SectionData):
            value = octets_of(key, value.data)
        elif isinstance(value, ItemData):
            value = value.value
            if value is None or isinstance(value, bytes | Streamed | Omitted):
                value = octets_of(key, value)
        elif key in _STREAMABLE:
            value = octets_of(key, cast("Content | None", value))
        return cast(T, value)

    def get(self, item: FetchItem[T]) -> T | None:
        """Return the value of *item*; None where `message[item]` raises ItemMissing."""
        try:
            return self[item]
        except ItemMissing:
            return None

    def content(self, item: BodyItem) -> Content | None:
        """Return what *item* has, be it streamed, omitted or NIL; raises ItemMissing if it was not sent."""
        value = self._value(item.key)
        if isinstance(value, SectionData):
            return value.data
        return cast("Content | None", value.value if isinstance(value, ItemData) else value)

    @property
    def known_uid(self) -> int | None:
        """The unique identifier, None if the server did not send it."""
        uid = self._values.get("UID")
        return uid if type(uid) is int else None

    def _value(self, key: str) -> object:
        try:
            return self._values[key]
        except KeyError:
            raise ItemMissing(key) from None

    def __contains__(self, item: FetchItem[object]) -> bool:
        return item.key in self._values

    @property
    def sequence_number(self) -> int:
        """The number of the message in the mailbox, from 1."""
        return self.number

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the items, in order, as they stand in the response."""
        return tuple(self._values)

    @property
    def told(self) -> tuple[str, ...]:
        """The names of all that it tells of the message."""
        return tuple(self._values)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The items with their values, in order, to build another response of."""
        return tuple(Answer(key, value) for key, value in self._values.items())

    @property
    def uid(self) -> int:
        """The unique identifier."""
        uid = self._values.get("UID")
        # What nearly every message is asked for first, so without the way of `message[UID]`.
        return uid if type(uid) is int else self[UID]

    @property
    def flags(self) -> frozenset[str]:
        """The flags, `\\Recent` among them."""
        flags = self._values.get("FLAGS")
        return flags if type(flags) is frozenset else self[FLAGS]

    @property
    def internal_date(self) -> datetime:
        """When the message was received."""
        date = self._values.get("INTERNALDATE")
        return date if type(date) is datetime else self[INTERNALDATE]

    @property
    def size(self) -> int:
        """Octets of the whole message."""
        size = self._values.get("RFC822.SIZE")
        return size if type(size) is int else self[RFC822_SIZE]

    @property
    def envelope(self) -> Envelope:
        """The envelope."""
        envelope = self._values.get("ENVELOPE")
        return envelope if type(envelope) is Envelope else self[ENVELOPE]

    @property
    def body(self) -> BodyStructure:
        """The body structure without extension data."""
        return self[BODY]

    @property
    def body_structure(self) -> BodyStructure:
        """The body structure with extension data."""
        structure = self._values.get("BODYSTRUCTURE")
        if type(structure) in _STRUCTURES:
            return structure  # type: ignore[return-value]  # one of these
        return self[BODYSTRUCTURE]

    @property
    def rfc822(self) -> bytes:
        """The whole message."""
        return self[RFC822]

    @property
    def rfc822_header(self) -> bytes:
        """The header."""
        return self[RFC822_HEADER]

    @property
    def rfc822_text(self) -> bytes:
        """The text."""
        return self[RFC822_TEXT]

    @property
    def sections(self) -> tuple[SectionData, ...]:
        """The body sections, in order."""
        return tuple(value for value in self._values.values() if isinstance(value, SectionData))

    @property
    def other(self) -> tuple[tuple[str, Value], ...]:
        """The items that no module knows: name in upper case, and value."""
        return tuple(
            (key, cast(Value, value)) for key, value in self._values.items() if _is_other(key, value)
        )

    def joined(self, later: FetchData) -> FetchData:
        """Return the items of both, for servers that split what was asked; *later* has the last word."""
        values = {**self._values, **later._values}
        return later.of_parsed(later.number, values, self.defects + later.defects)

    def at(self, number: int) -> Self:
        """Return this as of the message that has *number* now."""
        if number == self.number:
            return self
        return self.of_parsed(number, self._values, self.defects)

    def replaced(self, *answers: Answer) -> Self:
        """Return this with *answers* in place of, or behind, what it has: for literals that were streamed."""
        return self.of_parsed(self.number, {**self._values, **dict(answers)}, self.defects)

    def filled(self, contents: Iterable[bytes | None]) -> Self:
        """Return this with *contents*, in order, where literals inside of items were streamed.

        None leaves one as it is.
        """
        rest = iter(contents)
        values = {
            key: value.filled(rest) if isinstance(value, ItemValues) else value
            for key, value in self._values.items()
        }
        return self.of_parsed(self.number, values, self.defects)

    def write(self, writer: Writer) -> None:
        """Write `nz-number SP "FETCH" SP msg-att`. Raises LocalProtocolError where no item is left."""
        if not self._values:
            raise LocalProtocolError("expected a fetch item, got none")
        writer.write(f"{self.number} {self.name} (".encode("ascii"))
        for index, (key, value) in enumerate(self._values.items()):
            if index:
                writer.write(b" ")
            _write_item(writer, key, value)
        writer.write(b")")

    def _compared(self) -> list[object]:
        """Return what makes two equal: two datetimes are only if they are written alike."""
        compared: list[object] = [self.number]
        for key, value in self._values.items():
            compared += [key, value, value.utcoffset() if isinstance(value, datetime) else None]
        return compared

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((self.name, self.number, self.keys))

    def __reduce__(self) -> tuple[object, ...]:
        return self.of_parsed, (self.number, dict(self.answers), self.defects)

    def __repr__(self) -> str:
        values = "".join(f", {key}={value!r}" for key, value in self._values.items())
        return f"{type(self).__name__}({self.number}{values})"


class _Fields:
    """The fields of a `FetchData`, for the type checker: open to assignment."""

    number: int
    _values: dict[str, object]
    defects: tuple[Defect, ...]


_OPEN: Final[type[_Fields]] = opened(FetchData)
_new: Final = object.__new__


def numbers_and_uids(fetched: Iterable[FetchData]) -> tuple[list[int], list[int]]:
    """Return the sequence numbers of those FETCH responses that have a UID, and the UIDs."""
    pairs = [(data.number, uid) for data in fetched if type(uid := data._values.get("UID")) is int]
    return [number for number, _ in pairs], [uid for _, uid in pairs]


def kinds_of(fetched: Iterable[FetchData]) -> set[tuple[str, ...]]:
    """Return the different `keys` that there are in *fetched*."""
    return {tuple(data._values) for data in fetched}


def octets_of(key: str, content: Content | None) -> bytes:
    """Return *content*, the value of the item with this key, if its octets are here; raises ItemMissing."""
    if isinstance(content, bytes):
        return content
    if content is None:
        raise ItemMissing(key, "the server said NIL")
    if isinstance(content, Streamed):
        raise ItemMissing(key, f"its {content.size} octets came as events; use download")
    raise ItemMissing(key, f"its {content.size} octets were above a limit; use download")


def _is_other(key: str, value: object) -> bool:
    return key not in ITEMS and not isinstance(value, SectionData | ItemData)


def _write_item(writer: Writer, key: str, value: object) -> None:
    if isinstance(value, SectionData):
        writer.write(b"BODY")
        write_section(writer, value.section)
        writer.write(b" " if value.origin is None else b"<%d> " % value.origin)
        write_content(writer, value.data)
    elif isinstance(value, ItemData):
        value.write(writer)
    elif key in ITEMS:
        writer.write(key.encode("ascii") + b" ")
        ITEMS[key].write_value(writer, value)
    else:
        writer.write(OtherItem(key).name.encode("ascii") + b" ")
        writer.value(cast(Value, value))


@final
@dataclass(frozen=True, slots=True)
class PreparedItem:
    """Items with their values as a server sends them; made by `prepare`, and only by that."""

    octets: bytes


def prepare(*answers: Answer) -> PreparedItem:
    """Return *answers* as octets, to be sent many times. Raises LocalProtocolError for a streamed literal."""
    writer = Writer(LiteralForm.SERVER)
    for index, answer in enumerate(answers):
        if index:
            writer.write(b" ")
        _write_item(writer, answer.key, answer.value)
    return PreparedItem(writer.getvalue())


@dataclass(frozen=True, slots=True)
class PreparedFetch:
    """A FETCH response of a server in which items may be prepared; a client reads it as a `FetchData`."""

    name: ClassVar[str] = FetchData.name
    number: int
    items: tuple[PreparedItem | Answer, ...]
    defects: ClassVar[tuple[Defect, ...]] = ()

    def write(self, writer: Writer) -> None:
        """Write `nz-number SP "FETCH" SP msg-att`."""
        separator = f"{self.number} {self.name} (".encode("ascii")
        for item in self.items:
            writer.write(separator)
            if isinstance(item, PreparedItem):
                writer.write(item.octets)
            else:
                _write_item(writer, item.key, item.value)
            separator = b" "
        writer.write(b")")


# What most responses are made of. The order is that of _READERS; what this does not match is read by
# _parse_next.
_ITEM: Final = re.compile(
    rb"(?:"
    rb"UID ([1-9][0-9]{0,8})"
    rb"|FLAGS (\([^\x00-\x1f\x7f-\xff(){\"]*+\))"
    rb"|INTERNALDATE \"([ 0-3][0-9]-[A-Z][a-z]{2}-[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4})\""
    rb"|RFC822\.SIZE ([0-9]{1,18})"
    rb"|(ENVELOPE )(?=\()"
    rb"|(BODYSTRUCTURE )(?=\()"
    rb"|(BODY )(?=\()"
    rb")"
)


# What a response begins with if its items stand in the order of the macros (RFC 3501 section 6.4.5), as most
# servers send them: one match for four items.
_HEAD: Final = re.compile(
    rb"\((?:UID ([1-9][0-9]{0,8}) )?"
    rb"(?:FLAGS (\([^\x00-\x1f\x7f-\xff(){\"]{0,500}+\)) )?"
    rb"(?:INTERNALDATE \"([ 0-3][0-9]-[A-Z][a-z]{2}-[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4})\" )?"
    rb"(?:RFC822\.SIZE ([0-9]{1,18}) )?"
    rb"(?=[A-Z])"
)


def _parse_head(cursor: Cursor) -> dict[str, object]:
    """Read the parenthesis and what items `_HEAD` has; nothing but the parenthesis if one has a defect."""
    values: dict[str, object] = {}
    match = _HEAD.match(cursor.text, cursor.position)
    if match is None:
        cursor.expect(b"(")
        return values
    uid, flags, date, size = match.groups()
    if uid is not None:
        values["UID"] = int(uid)
    if flags is not None:
        values["FLAGS"] = known_flags(flags)
    if date is not None:
        values["INTERNALDATE"] = _date_of(date)
    if size is not None:
        values["RFC822.SIZE"] = int(size)
    if None in values.values():
        cursor.position += 1
        return {}
    cursor.position = match.end()
    return values


def _read_number(cursor: Cursor, match: re.Match[bytes]) -> object:
    return int(match[match.lastindex or 0])


def _read_flags(cursor: Cursor, match: re.Match[bytes]) -> object:
    octets: bytes = match[2]
    flags = known_flags(octets) if len(octets) <= MAX_CACHED else None
    if flags is None:
        cursor.position = match.start(2)
        return parse_flag_list(cursor)
    return flags


@lru_cache(maxsize=1_024)
def known_flags(octets: bytes) -> frozenset[str] | None:
    """Return the flags of a list, remembered as a short one; None if it has a defect."""
    cursor = Cursor(Message(octets))
    flags = parse_flag_list(cursor)
    return None if cursor.defects else flags


_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_IN_ISO: Final = {name: f"-{number:02}-" for number, name in enumerate(_MONTHS, 1)}


def _read_date(cursor: Cursor, match: re.Match[bytes]) -> object:
    date = _date_of(match[3])
    if date is not None:
        return date
    cursor.position = match.start(3) - 1
    return parse_date_time(cursor)


def _date_of(octets: bytes) -> datetime | None:
    """Return the moment of the common form, or None if there is no such day or time."""
    # datetime.fromisoformat takes half the time of a datetime made of seven numbers.
    text = octets.decode("ascii")
    try:
        return datetime.fromisoformat(_iso_day(text[:11]) + text[12:20] + text[21:])
    except (KeyError, ValueError):
        return None


@lru_cache(maxsize=256)
def _iso_day(day: str) -> str:
    """Return `22-Nov-2026` as `2026-11-22T`; raises KeyError for an unknown month."""
    return f"{day[7:11]}{_MONTH_IN_ISO[day[3:6]]}{day[:2].replace(' ', '0')}T"


def _read_envelope(cursor: Cursor, match: re.Match[bytes]) -> object:
    cursor.look_ahead()
    return parse_envelope(cursor)


def _read_body(cursor: Cursor, match: re.Match[bytes]) -> object:
    cursor.look_ahead()
    return parse_body(cursor)


MAX_CACHED: Final = 512
"""Octets of a list of flags or of a section up to which it is remembered."""

_Reader: TypeAlias = Callable[[Cursor, re.Match[bytes]], object]
_READERS: Final[tuple[tuple[str, _Reader], ...]] = (
    (UID.key, _read_number),
    (FLAGS.key, _read_flags),
    (INTERNALDATE.key, _read_date),
    (RFC822_SIZE.key, _read_number),
    (ENVELOPE.key, _read_envelope),
    (BODYSTRUCTURE.key, _read_body),
    (BODY.key, _read_body),
)

_WORD: Final = re.compile(rb"[A-Za-z0-9.-]+")
_ENDS: Final = frozenset({b" ", b")"})
_ORIGIN: Final = re.compile(rb"<([0-9]{1,18})(\.[0-9]{1,18})?>")
_SPACES: Final = re.compile(rb" +")
_NEXT_ITEM: Final = re.compile(rb" +([A-Za-z0-9.]+)(?=[ \[])")

DATA_READERS: Final[dict[str, Callable[[Cursor], tuple[str, ItemData]]]] = {}
"""Name of an item in a response -> what reads the rest, from section or space on, into key and value.

For items of which one name has several keys; one that ends with `[` has a section. The modules of the RFCs
fill it.
"""

_SEPARATOR: Final = re.compile(rb"(?=[ )])( *)(\)?)")


def parse_fetch_data(cursor: Cursor, number: int) -> FetchData:
    """Read `msg-att`, the number and "FETCH" having been read.

    An item that cannot be read is a defect and left out. Raises ParseError without a list, and for each
    defect when strict.
    """
    values = parse_items(cursor)
    return FetchData.of_parsed(number, values, tuple(cursor.defects))


FETCH_ROWS: Final[dict[str, Callable[[Cursor, int], FetchData]]] = {FetchData.name: parse_fetch_data}
"""Name of each response with `msg-att` behind a number -> what reads it; the modules of the RFCs fill it."""


def parse_items(cursor: Cursor) -> dict[str, object]:
    """Read `msg-att`, up to the end of the response, into values by the keys of their items."""
    values = _parse_head(cursor)
    more = _parse_common(cursor, values)
    if more and values and cursor.peek() in (b" ", b")"):
        cursor.position -= 1
        more = _parse_separator(cursor)
    while more:
        more = _parse_next(cursor, values)
    if not cursor.is_at_end:
        cursor.defect("the end of the response")
    return values


def _parse_common(cursor: Cursor, values: dict[str, object]) -> bool:
    """Read items as long as `_ITEM` matches them; False at the end of the list.

    The first that comes twice, or has neither a space nor a parenthesis behind it, is left unread.
    """
    text = cursor.text
    while (match := _ITEM.match(text, cursor.position)) is not None:
        literal_index, defects = cursor.literal_index, len(cursor.defects)
        key, read = _READERS[match.lastindex - 1]  # type: ignore[operator]  # each branch has one group
        cursor.position = match.end()
        try:
            value = read(cursor, match)
        except ParseError:
            value = _MISSING
        end = cursor.position
        behind = text[end : end + 1]
        if value is _MISSING or key in values or behind not in _ENDS:
            cursor.position, cursor.literal_index = match.start(), literal_index
            del cursor.defects[defects:]
            return True
        values[key] = value
        cursor.position = end + 1
        if behind == b")":
            return False
    return True


def _parse_next(cursor: Cursor, values: dict[str, object]) -> bool:
    """Read one item and what separates it from the next; False at the end of the list."""
    start, literal_index, defects = cursor.position, cursor.literal_index, len(cursor.defects)
    try:
        key, value = _parse_item(cursor)
        if key in values:
            cursor.defect("each item only once", start)
        values[key] = value
        return _parse_separator(cursor)
    except ParseError as error:
        if cursor.strict:
            raise
        cursor.position, cursor.literal_index = start, literal_index
        del cursor.defects[defects:]
        return _skip_item(cursor, error)


def _parse_separator(cursor: Cursor) -> bool:
    """Read what follows an item; False for the closing parenthesis."""
    start = cursor.position
    spaces, closing = cursor.expect_match(_SEPARATOR, "one space or a closing parenthesis").groups()
    if len(spaces) != (not closing):
        cursor.defect("one space or a closing parenthesis", start)
    return not closing


def _skip_item(cursor: Cursor, error: ParseError) -> bool:
    """Move past an item that cannot be read; False if there is no next one, or none can be found."""
    if _has_no_value(cursor):
        cursor.defect("a value behind each item", error.offset)
        return _parse_separator(cursor)
    note(cursor, error)
    try:
        cursor.expect_match(OTHER_NAME, "a fetch item")
        cursor.expect_match(_SPACES, "a space")
        skip_value(cursor)
        return _parse_separator(cursor)
    except ParseError:
        cursor.position = len(cursor.text)
        return False


def _has_no_value(cursor: Cursor) -> bool:
    """Whether the next item stands where the value of this one should; then move behind its name."""
    start = cursor.position
    if cursor.accept_match(OTHER_NAME):
        if cursor.peek() == b")":
            return True
        match = _NEXT_ITEM.match(cursor.text, cursor.position)
        if match and match[1].decode("ascii").upper() in ITEMS:
            return True
    cursor.position = start
    return False


def _parse_item(cursor: Cursor) -> tuple[str, object]:
    """Read any item and its value; the general form of `_ITEM`."""
    start = cursor.position
    if cursor.accept_word(b"BODY["):
        cursor.position -= 1
        return parse_section_data(cursor)
    match = cursor.accept_match(_WORD)
    name = match.group().decode("ascii").upper() if match else ""
    read = DATA_READERS.get(name + "[" if cursor.peek() == b"[" else name)
    if read is not None:
        return read(cursor)
    item = ITEMS.get(name)
    if item is not None and cursor.peek() == b" ":
        parse_space(cursor)
        return item.key, item.parse_value(cursor)
    cursor.position = start
    return _parse_other(cursor)


def parse_section_data(cursor: Cursor) -> tuple[str, SectionData]:
    """Read a body section, from its bracket on, and its value; the key of the item comes first."""
    start = cursor.position
    section = parse_section(cursor)
    origin = parse_origin(cursor)
    parse_space(cursor)
    key_of = _known_key if cursor.position - start <= MAX_CACHED else _section_key
    return key_of(section, origin), SectionData(section, origin, cursor.ncontent())


def _section_key(section: Section, origin: int | None) -> str:
    partial = None if origin is None else (origin, 1)
    return BodySection(section.part, section.specifier, section.fields, partial=partial).key


_known_key: Final = lru_cache(maxsize=256)(_section_key)


def _parse_other(cursor: Cursor) -> tuple[str, Value]:
    start = cursor.position
    octets = cursor.expect_match(OTHER_NAME, "a fetch item").group()
    try:
        key = OtherItem(octets.decode("ascii")).key
    except LocalProtocolError:
        raise cursor.error("a fetch item", start) from None
    parse_space(cursor)
    return key, cursor.value()


def parse_origin(cursor: Cursor) -> int | None:
    """Read `["<" number ">"]`; a length behind the number, as a client asks for it, is a defect."""
    start = cursor.position
    match = cursor.accept_match(_ORIGIN)
    if match is None:
        return None
    if match[2]:
        cursor.defect("an origin without a length", start)
    return int(match[1])


def parse_space(cursor: Cursor) -> None:
    """Read the space before a value; too many are a defect."""
    start = cursor.position
    if len(cursor.expect_match(_SPACES, "a space").group()) > 1:
        cursor.defect("one space before a value", start)

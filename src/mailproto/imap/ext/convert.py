"""CONVERT: body parts as the server converts them to other types (RFC 5259).

`BINARY[1.2]` of CONVERT is the octets of the converted part; a large one streams, as in FETCH. What stands in
place of one that could not be converted is in `mailproto.imap.conversion`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Generic, NamedTuple, Self, TypeAlias, TypeVar, cast, final

from mailproto.errors import Defect, ItemMissing, LocalProtocolError
from mailproto.imap._response import (
    DataResponse,
    check_sequence_number,
    read_or_leave_out,
    register_numbered,
    register_response,
)
from mailproto.imap.body import parse_body, write_body
from mailproto.imap.codes import ResponseCode, SimpleCode, check_nz_number, register_code
from mailproto.imap.command import Command, TaggedCommand, check_tag, parse_text, register_command
from mailproto.imap.conversion import (
    Conversion,
    ConversionFailure,
    accept_failure,
    check_mime_type,
    check_names,
    parse_mime_type,
    parse_names,
    write_failure,
    write_mime_type,
    write_names,
)
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.ext.binary import BinarySection, BinarySize, check_size, parse_part, write_binary
from mailproto.imap.fetch import (
    OTHER_NAME,
    UID,
    BodySection,
    FetchItem,
    OtherItem,
    check_content,
    parse_partial,
    write_content,
)
from mailproto.imap.fetch_data import octets_of, parse_origin, parse_space
from mailproto.imap.message_commands import SetCommand
from mailproto.imap.sections import Section, parse_section, section_key
from mailproto.imap.sequence import NumberSet, SequenceSet, UIDSet
from mailproto.imap.values import Message, Omitted, Streamed, Value, check_value
from mailproto.imap.writer import Writer
from mailproto.mime.body_structure import BasicPart, BodyStructure, MessagePart, MultiPart, TextPart

__all__ = [
    "TEMPFAIL",
    "AvailableConversions",
    "BodyPartStructure",
    "ConversionData",
    "Conversions",
    "Convert",
    "ConvertItem",
    "ConvertedData",
    "MaxConvertMessagesCode",
    "MaxConvertPartsCode",
    "PartItem",
    "UIDConvert",
    "check_convert_items",
    "reason_not_to_convert",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
SetT = TypeVar("SetT", bound=NumberSet)


# Items.


@dataclass(frozen=True, slots=True)
class PartItem(ABC, Generic[T_co]):
    """An item of CONVERT alone, of one part; `part` is () for the whole message."""

    part: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        Section(self.part)

    @property
    @abstractmethod
    def name(self) -> str:
        """What stands before the part."""

    @property
    def key(self) -> str:
        """The item as it stands in a command and in a response."""
        return f"{self.name}[{Section(self.part)}]"

    def write(self, writer: Writer) -> None:
        """Write the `convert-att`."""
        writer.write(self.key.encode("ascii"))


@final
class BodyPartStructure(PartItem[BodyStructure]):
    """`BODYPARTSTRUCTURE[part]`: the structure that the converted part has (section 8.2)."""

    __slots__ = ()
    name: ClassVar[str] = "BODYPARTSTRUCTURE"


@final
class AvailableConversions(PartItem[tuple[str, ...]]):
    """`AVAILABLECONVERSIONS[part]`: the MIME types to which a part can be converted (section 8.4)."""

    __slots__ = ()
    name: ClassVar[str] = "AVAILABLECONVERSIONS"


ConvertItem: TypeAlias = FetchItem[object] | PartItem[object]
"""What CONVERT can ask for: UID, `BinarySection`, `BinarySize`, the header or the MIME header of a part as
`BodySection`, and the two items that only CONVERT has."""


def check_convert_items(items: Iterable[ConvertItem]) -> tuple[ConvertItem, ...]:
    """Return *items* as CONVERT has them, which never makes a message `\\\\Seen`: none has `peek`.

    Raises LocalProtocolError unless there is one or more, and only items of CONVERT.
    """
    checked = tuple(map(_checked_item, items))
    if not checked:
        raise LocalProtocolError("expected an item of CONVERT, got none")
    return checked


def _checked_item(item: object) -> ConvertItem:
    if isinstance(item, BinarySection):
        return replace(item, peek=False)
    if isinstance(item, BodySection) and item.specifier in _HEADERS and item.partial is None:
        return replace(item, peek=False)
    if isinstance(item, BinarySize | PartItem) or item is UID:
        return cast(ConvertItem, item)
    if isinstance(item, OtherItem) and item.arguments is None and _name_of(item.name) not in _ROWS:
        return item
    raise LocalProtocolError(f"expected an item of CONVERT, got {str(item)[:40]}")


_HEADERS: Final = ("HEADER", "MIME")

_WORD: Final = re.compile(rb"[A-Za-z0-9.-]+")


def _name_of(key: str) -> str:
    return key.partition("[")[0]


def _parse_binary(cursor: Cursor) -> BinarySection:
    part = parse_part(cursor)
    return BinarySection(part, partial=parse_partial(cursor), peek=False)


def _parse_header(cursor: Cursor) -> BodySection:
    section = parse_section(cursor)
    return BodySection(section.part, section.specifier, section.fields, peek=False)


_ITEM_READERS: Final[dict[str, Callable[[Cursor], ConvertItem]]] = {
    "BINARY": _parse_binary,
    "BINARY.SIZE": lambda cursor: BinarySize(parse_part(cursor)),
    "BODY": _parse_header,
    "BODYPARTSTRUCTURE": lambda cursor: BodyPartStructure(parse_part(cursor)),
    "AVAILABLECONVERSIONS": lambda cursor: AvailableConversions(parse_part(cursor)),
}
"""Name of each item with a section -> what reads that."""


def _parse_item(cursor: Cursor) -> ConvertItem:
    start = cursor.position
    name = cursor.expect_match(_WORD, "an item of CONVERT").group().decode("ascii").upper()
    if name in _ITEM_READERS and cursor.peek() == b"[":
        return _ITEM_READERS[name](cursor)
    if name == UID.name and cursor.peek() in (b"", b" ", b")"):
        return UID
    cursor.position = start
    octets: bytes = cursor.expect_match(OTHER_NAME, "an item of CONVERT").group()
    return OtherItem(octets.decode("ascii"))


# convert-att / "(" convert-att *(SP convert-att) ")"
def _parse_items(cursor: Cursor) -> tuple[ConvertItem, ...]:
    if not cursor.accept(b"("):
        return (_parse_item(cursor),)
    items = [_parse_item(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        items.append(_parse_item(cursor))
    return tuple(items)


def _write_items(writer: Writer, items: tuple[ConvertItem, ...]) -> None:
    is_list = len(items) > 1
    for index, item in enumerate(items):
        writer.write(b" (" if is_list and not index else b" ")
        item.write(writer)
    writer.write(b")" if is_list else b"")


# Commands.


@dataclass(frozen=True, slots=True)
class _ConvertCommand(SetCommand[SetT]):
    conversion: Conversion
    items: tuple[ConvertItem, ...]

    def __post_init__(self) -> None:
        SetCommand.__post_init__(self)
        if not isinstance(self.conversion, Conversion):
            raise LocalProtocolError(f"expected a Conversion, got {type(self.conversion).__name__}")
        object.__setattr__(self, "items", check_convert_items(self.items))
        # "No destination MIME type MUST be specified with" a header, which is converted in its charset only.
        has_header = any(isinstance(item, BodySection) for item in self.items)
        if has_header and self.conversion.mime_type is not None:
            raise LocalProtocolError(f"{self.name}: expected no MIME type for a header (RFC 5259 section 6)")

    # convert = "CONVERT" SP sequence-set SP convert-params SP
    #           ( convert-att / "(" convert-att *(SP convert-att) ")" )
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP sequence-set SP convert-params SP` and one item, or a list of them."""
        numbers = cls._parse_set(cursor)
        cursor.sp()
        conversion = Conversion.parse(cursor)
        cursor.sp()
        return cls(numbers, conversion, _parse_items(cursor))

    def write(self, writer: Writer) -> None:
        """Write the set, the conversion and the items."""
        self._write_set(writer)
        writer.write(b" ")
        self.conversion.write(writer)
        _write_items(writer, self.items)


@final
@register_command
class Convert(_ConvertCommand[SequenceSet]):
    """CONVERT: parts of messages, converted (section 6); the items are those of `ConvertItem`."""

    __slots__ = ()
    name: ClassVar[str] = "CONVERT"
    _kind = SequenceSet


@final
@register_command
class UIDConvert(_ConvertCommand[UIDSet]):
    """UID CONVERT: parts of messages by UID, converted (section 6)."""

    __slots__ = ()
    name: ClassVar[str] = "UID CONVERT"
    _kind = UIDSet


# mime-type-req = "*" / (type-name "/*") / concrete-mime-type
_ANY_TYPE: Final = re.compile(r"\*|([A-Za-z0-9!#$&.+^_-]{1,127})/\*")


def _check_requested(mime_type: object) -> None:
    if not isinstance(mime_type, str) or not _ANY_TYPE.fullmatch(mime_type):
        check_mime_type(mime_type)


@final
@register_command
@dataclass(frozen=True, slots=True)
class Conversions(Command):
    """CONVERSIONS: which conversions the server can do (section 5.1).

    Either is a MIME type, all subtypes of one as `image/*`, or `*` for all.
    """

    name: ClassVar[str] = "CONVERSIONS"
    source: str = "*"
    target: str = "*"

    def __post_init__(self) -> None:
        _check_requested(self.source)
        _check_requested(self.target)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP from-mime-type-req SP to-mime-type-req`."""
        cursor.sp()
        source = parse_text(cursor)
        cursor.sp()
        return cls(source, parse_text(cursor))

    def write(self, writer: Writer) -> None:
        """Write both in quotes."""
        for mime_type in (self.source, self.target):
            writer.write(b" ")
            write_mime_type(writer, mime_type)


# Responses.


@final
@register_response
@dataclass(frozen=True, slots=True)
class ConversionData(DataResponse):
    """CONVERSION: the server can convert `source` to `target`, and knows these parameters (section 5.2)."""

    name: ClassVar[str] = "CONVERSION"
    source: str
    target: str
    parameters: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_mime_type(self.source)
        check_mime_type(self.target)
        object.__setattr__(self, "parameters", check_names(self.parameters))

    # conversion-data = "CONVERSION" SP quoted-from-mime-type SP quoted-to-mime-type
    #                   [SP "(" transcoding-param-name *(SP transcoding-param-name) ")"]
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read all behind the name."""
        cursor.sp()
        source = parse_mime_type(cursor)
        cursor.sp()
        target = parse_mime_type(cursor)
        return cls(source, target, parse_names(cursor) if cursor.accept(b" ") else ())

    def write(self, writer: Writer) -> None:
        """Write the name, both types, and the names of the parameters if there are any."""
        writer.write(b"CONVERSION ")
        write_mime_type(writer, self.source)
        writer.write(b" ")
        write_mime_type(writer, self.target)
        if self.parameters:
            writer.write(b" ")
            write_names(writer, self.parameters)


# mimetype-list = "(" "(" [quoted-to-mime-type *(SP quoted-to-mime-type)] ")" ")"
def _parse_mime_types(cursor: Cursor) -> tuple[str, ...]:
    cursor.expect(b"((")
    mime_types: list[str] = []
    while not cursor.accept(b"))"):
        if mime_types:
            cursor.sp()
        mime_types.append(parse_mime_type(cursor))
    return tuple(mime_types)


def _write_mime_types(writer: Writer, value: object) -> None:
    writer.write(b"((")
    for index, mime_type in enumerate(cast("tuple[str, ...]", value)):
        writer.write(b" " if index else b"")
        write_mime_type(writer, mime_type)
    writer.write(b"))")


def _check_mime_types(value: object) -> None:
    if not isinstance(value, tuple):
        raise LocalProtocolError(f"expected a tuple of MIME types, got {type(value).__name__}")
    for mime_type in value:
        check_mime_type(mime_type)


def _check_structure(value: object) -> None:
    if not isinstance(value, TextPart | MessagePart | BasicPart | MultiPart):
        raise LocalProtocolError(f"expected a body structure, got {type(value).__name__}")


def _check_binary(value: object) -> None:
    if value is not None and not isinstance(value, bytes | Streamed | Omitted):
        raise LocalProtocolError(f"expected octets, got {type(value).__name__}")


class _Row(NamedTuple):
    """How the value of one kind of item is read, written and checked; an ERROR may stand in its place."""

    parse: Callable[[Cursor], object]
    write: Callable[[Writer, object], None]
    check: Callable[[object], object]


def _row(
    parse: Callable[[Cursor], object], write: Callable[[Writer, T], None], check: Callable[[T], object]
) -> _Row:
    return _Row(
        parse, cast("Callable[[Writer, object], None]", write), cast("Callable[[object], object]", check)
    )


_ROWS: Final[dict[str, _Row]] = {
    "UID": _row(Cursor.nz_number, Writer.number, check_nz_number),
    "BINARY": _row(Cursor.ncontent, write_binary, _check_binary),
    "BINARY.SIZE": _row(Cursor.number64, Writer.number, check_size),
    "BODY": _row(Cursor.ncontent, write_content, check_content),
    "BODYPARTSTRUCTURE": _row(parse_body, write_body, _check_structure),
    "AVAILABLECONVERSIONS": _row(_parse_mime_types, _write_mime_types, _check_mime_types),
}
"""Name of each item -> the row of its value; what has none has a generic value."""


@final
@register_numbered
@dataclass(frozen=True, slots=True)
class ConvertedData(DataResponse):
    """CONVERTED: what came of the conversion of one message (section 8.1).

    `tag` is that of the command. `items` are pairs of an item, by its key, and a value: octets or None,
    sizes, a body structure, MIME types; or a `ConversionFailure` in place of any. Built of pairs with the
    items themselves, `ConvertedData(2, "a001", ((BinarySection((3,)), octets),))`; the UID is the first.

    `data[ITEM]` has the type of the item. It raises `ItemMissing` for what the server did not send or could
    not convert; `failure(ITEM)` says why.
    """

    name: ClassVar[str] = "CONVERTED"
    sequence_number: int
    tag: str
    items: tuple[tuple[str, object], ...]
    defects: tuple[Defect, ...] = field(default=(), init=False, compare=False, repr=False)

    def __init__(
        self, sequence_number: int, tag: str, items: Iterable[tuple[ConvertItem | str, object]]
    ) -> None:
        check_sequence_number(sequence_number)
        check_tag(tag)
        checked = tuple((_checked_key(item), value) for item, value in items)
        keys = [key for key, _ in checked]
        if not keys or len(set(keys)) < len(keys):
            raise LocalProtocolError("expected one item or more, each once")
        if UID.key in keys[1:]:
            raise LocalProtocolError("UID: expected it to be the first item (RFC 5259 section 8.1)")
        for key, value in checked:
            _check_item_value(key, value)
        self._set(sequence_number, tag, checked, ())

    def _set(
        self,
        sequence_number: int,
        tag: str,
        items: tuple[tuple[str, object], ...],
        defects: tuple[Defect, ...],
    ) -> None:
        for name, value in (
            ("sequence_number", sequence_number),
            ("tag", tag),
            ("items", items),
            ("defects", defects),
        ):
            object.__setattr__(self, name, value)

    # message-data =/ nz-number SP "CONVERTED" SP convert-correlator SP convert-msg-attrs
    # convert-correlator = "(" "TAG" SP tag-string ")"
    @classmethod
    def parse(cls, cursor: Cursor, number: int) -> Self:
        """Read all behind the name. A value that cannot be read is a defect, and left out."""
        if not number:
            raise cursor.error("a sequence number", 2)
        tag = _parse_correlator(cursor)
        cursor.expect(b" (")
        items: dict[str, object] = {}
        is_first = True
        while is_first or not cursor.accept(b")"):
            if not is_first:
                cursor.sp()
            is_first = False
            start = cursor.position
            pair = _parse_pair(cursor)
            if not items.keys().isdisjoint(pair):
                cursor.defect("each item only once", start)
            items.update(pair)
        new = cls.__new__(cls)
        new._set(number, tag, tuple(items.items()), ())
        return new

    def write(self, writer: Writer) -> None:
        """Write the number, the name, the tag and the items."""
        if not self.items:
            raise LocalProtocolError("expected an item, got none")
        writer.write(b"%d CONVERTED (TAG " % self.sequence_number)
        writer.string(self.tag.encode("ascii"))
        separator = b") ("
        for key, value in self.items:
            writer.write(separator + key.encode("ascii") + b" ")
            _write_value(writer, key, value)
            separator = b" "
        writer.write(b")")

    def __getitem__(self, item: FetchItem[T] | PartItem[T]) -> T:
        """Return the value of *item*; raises ItemMissing."""
        value = self._value(item.key)
        if isinstance(value, ConversionFailure):
            raise ItemMissing(item.key, f"the server could not convert it: {value.text}")
        if value is None or isinstance(value, bytes | Streamed | Omitted):
            value = octets_of(item.key, value)
        return cast(T, value)

    def _value(self, key: str) -> object:
        for other, value in self.items:
            if other == key:
                return value
        raise ItemMissing(key)

    def get(self, item: FetchItem[T] | PartItem[T]) -> T | None:
        """Return the value of *item*; None where `data[item]` raises ItemMissing."""
        try:
            return self[item]
        except ItemMissing:
            return None

    def failure(self, item: ConvertItem) -> ConversionFailure | None:
        """Return why *item* could not be converted; None if the server does not say that."""
        value = dict(self.items).get(item.key)
        return value if isinstance(value, ConversionFailure) else None

    @property
    def failures(self) -> tuple[tuple[str, ConversionFailure], ...]:
        """The items that could not be converted, by their keys, and why."""
        return tuple((key, value) for key, value in self.items if isinstance(value, ConversionFailure))

    @property
    def uid(self) -> int:
        """The unique identifier; raises ItemMissing if the server did not send it."""
        return self[UID]

    def replaced(self, contents: dict[str, bytes]) -> Self:
        """Return this with octets, by key, in place of literals that were streamed."""
        new = type(self).__new__(type(self))
        items = tuple(
            (key, contents.get(key, value) if isinstance(value, Streamed) else value)
            for key, value in self.items
        )
        new._set(self.sequence_number, self.tag, items, self.defects)
        return new


def _parse_correlator(cursor: Cursor) -> str:
    cursor.sp()
    cursor.expect(b"(")
    start = cursor.position
    if not cursor.accept_word(b"TAG "):
        raise cursor.error("TAG", start)
    tag = cursor.string().decode("utf-8", "surrogateescape")
    cursor.expect(b")")
    try:
        check_tag(tag)
    except LocalProtocolError:
        raise cursor.error("a tag", start) from None
    return tag


def _parse_pair(cursor: Cursor) -> dict[str, object]:
    """Read an item and its value; nothing if that cannot be read."""
    key = _parse_key(cursor)
    parse_space(cursor)
    row = _ROWS.get(_name_of(key))
    if row is None:
        return {key: cursor.value()}
    value = read_or_leave_out(cursor, lambda cursor: _read(cursor, row), (b" ", b")"))
    return {} if value is None else {key: value[0]}


def _read(cursor: Cursor, row: _Row) -> tuple[object]:
    """Return the value in a tuple, since None is one."""
    failure = accept_failure(cursor)
    return (row.parse(cursor) if failure is None else failure,)


def _parse_key(cursor: Cursor) -> str:
    start = cursor.position
    name = cursor.expect_match(_WORD, "an item of CONVERT").group().decode("ascii").upper()
    if name in _ITEM_READERS and cursor.peek() == b"[":
        section = parse_section(cursor) if name == "BODY" else Section(parse_part(cursor))
        origin = parse_origin(cursor) if name == "BINARY" else None
        return f"{name}{section_key(section).upper()}" + ("" if origin is None else f"<{origin}>")
    if name == UID.key:
        return name
    cursor.position = start
    octets: bytes = cursor.expect_match(OTHER_NAME, "an item of CONVERT").group()
    key = octets.decode("ascii").upper()
    if _name_of(key) in _ROWS:
        raise cursor.error("a section behind the name of the item", start)
    return key


def _checked_key(item: ConvertItem | str) -> str:
    key = item if isinstance(item, str) else item.key
    octets = key.encode("utf-8", "surrogatepass")
    try:
        cursor = Cursor(Message(octets), strict=True)
        parsed = _parse_key(cursor)
        cursor.expect_end()
    except ParseError:
        parsed = ""
    if parsed != key:
        raise LocalProtocolError(f"expected an item of CONVERT, got {key[:40]!r}")
    return key


def _check_item_value(key: str, value: object) -> None:
    row = _ROWS.get(_name_of(key))
    if row is None:
        check_value(value)
    elif key == UID.key or not isinstance(value, ConversionFailure):
        row.check(value)


def _write_value(writer: Writer, key: str, value: object) -> None:
    row = _ROWS.get(_name_of(key))
    if row is None:
        writer.value(cast(Value, value))
    elif isinstance(value, ConversionFailure):
        write_failure(writer, value)
    else:
        row.write(writer, value)


def reason_not_to_convert(data: ConvertedData, tagged: TaggedCommand | None) -> str | None:
    """Return why a server does not send *data* while *tagged* is answered (None: no command), or None."""
    if tagged is None or not isinstance(tagged.command, Convert | UIDConvert):
        return "CONVERTED: expected CONVERT in progress"
    if data.tag != tagged.tag:
        return f"CONVERTED: expected the tag {tagged.tag[:40]!r} of the command, got {data.tag[:40]!r}"
    if isinstance(tagged.command, UIDConvert) and UID.key not in dict(data.items):
        return "CONVERTED: expected the UID, which UID CONVERT asks for"
    return None


# Codes.

TEMPFAIL: Final = SimpleCode("TEMPFAIL")
"""The conversion has failed, and may succeed later (section 9)."""


@dataclass(frozen=True, slots=True)
class _LimitCode(ResponseCode):
    limit: int

    def __post_init__(self) -> None:
        check_nz_number(self.limit)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP nz-number`."""
        cursor.sp()
        return cls(cursor.nz_number())

    def write(self, writer: Writer) -> None:
        """Write the limit."""
        writer.write(b" %d" % self.limit)


@final
@register_code
class MaxConvertMessagesCode(_LimitCode):
    """MAXCONVERTMESSAGES: the server converts at most `limit` messages in one command (section 9)."""

    __slots__ = ()
    name: ClassVar[str] = "MAXCONVERTMESSAGES"


@final
@register_code
class MaxConvertPartsCode(_LimitCode):
    """MAXCONVERTPARTS: the server converts at most `limit` parts of a message in one command (section 9)."""

    __slots__ = ()
    name: ClassVar[str] = "MAXCONVERTPARTS"

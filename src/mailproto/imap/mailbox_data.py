"""Responses about mailboxes and their size (RFC 3501 sections 7.2, 7.3, 7.4.1 and 9, `mailbox-data`).

LIST attributes of CHILDREN (RFC 3348) are among them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple, Self, TypeAlias, cast, final

from mailproto.errors import Defect, ItemMissing, LocalProtocolError
from mailproto.imap._loose import note
from mailproto.imap._response import (
    DataResponse,
    check_count,
    check_sequence_number,
    read_or_leave_out,
    register_numbered,
    register_response,
)
from mailproto.imap.capability import REV1
from mailproto.imap.cursor import MAX_NUMBER, MAX_NUMBER64, Cursor, ParseError
from mailproto.imap.flags import flag_set, parse_flag_list, write_flag_list
from mailproto.imap.mailbox import check_mailbox, parse_bare_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.needs import Need
from mailproto.imap.values import Value, check_value
from mailproto.imap.writer import Writer

__all__ = [
    "LIST_ITEMS",
    "SPECIAL_USES",
    "ListItem",
    "needs_of_status",
    "register_list_attributes",
    "register_list_item",
    "ExistsData",
    "ExpungeData",
    "FlagsData",
    "LSubData",
    "ListData",
    "RecentData",
    "STATUS_VALUES",
    "SearchData",
    "StatusData",
    "StatusItem",
    "check_delimiter",
    "check_found",
    "parse_delimiter",
    "register_status_item",
    "parse_found",
    "write_delimiter",
    "write_found",
]

_ATTRIBUTES: Final = (
    "\\Noinferiors",
    "\\Noselect",
    "\\Marked",
    "\\Unmarked",
    "\\HasChildren",
    "\\HasNoChildren",
)
_SPELLING: Final = {attribute.lower(): attribute for attribute in _ATTRIBUTES}

SPECIAL_USES: Final = (
    "\\All",
    "\\Archive",
    "\\Drafts",
    "\\Flagged",
    "\\Important",
    "\\Junk",
    "\\Sent",
    "\\Trash",
)
"""The attributes that say what a mailbox is for (RFC 6154 section 2, RFC 8457 section 3)."""


def register_list_attributes(*attributes: str) -> None:
    """Let these attributes have one spelling, whatever case comes."""
    _SPELLING.update((attribute.lower(), attribute) for attribute in attributes)


class ListItem(NamedTuple):
    """What may stand behind the name in a LIST response: how its value is read, written and checked."""

    parse: Callable[[Cursor], object]
    write: Callable[[Writer, object], None]
    check: Callable[[object], None]


LIST_ITEMS: Final[dict[str, ListItem]] = {}
"""Tag of each `mbox-list-extended-item` -> its row; the modules of the RFCs fill it."""


def register_list_item(
    name: str,
    parse: Callable[[Cursor], object],
    write: Callable[[Writer, object], None],
    check: Callable[[object], None],
) -> None:
    """Add the row of *name* to `LIST_ITEMS`."""
    LIST_ITEMS[name] = ListItem(parse, write, check)


Extended: TypeAlias = tuple[tuple[str, object], ...]
"""Pairs of a tag in upper case and a value, as RFC 5258 puts them behind the name."""


@dataclass(frozen=True, slots=True)
class MailboxListData(DataResponse):
    """What LIST and LSUB responses have in common; build one of those.

    `attributes` are as written, those of RFC 3501 and 3348 in one spelling. `delimiter` is the character
    between levels, None in a flat hierarchy. `extended` are pairs of a tag and a value behind the name (RFC
    5258), None if there is no list; an unknown tag has a generic value.
    """

    attributes: frozenset[str]
    delimiter: str | None
    mailbox: str
    extended: Extended | None = field(default=None, kw_only=True)
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        attributes = frozenset(_spelled(attribute) for attribute in flag_set(self.attributes))
        object.__setattr__(self, "attributes", attributes)
        check_delimiter(self.delimiter)
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        if self.extended is not None:
            object.__setattr__(self, "extended", tuple(map(_checked_item, self.extended)))

    @property
    def is_selectable(self) -> bool:
        """Whether it can be selected: there is no `\\Noselect`, which `\\NonExistent` implies (RFC 5258)."""
        return not {"\\Noselect", "\\NonExistent"} & self.attributes

    @property
    def special_uses(self) -> frozenset[str]:
        """What it is for: those of its attributes that are in `SPECIAL_USES` (RFC 6154)."""
        return self.attributes.intersection(SPECIAL_USES)

    @property
    def child_info(self) -> tuple[str, ...]:
        """The selection options that mailboxes below it match: "SUBSCRIBED" (RFC 5258 section 3.5)."""
        return cast("tuple[str, ...]", dict(self.extended or ()).get("CHILDINFO", ()))

    @property
    def old_name(self) -> str | None:
        """The name that it had before, None if the server does not say (RFC 5465 section 5.4)."""
        return cast("str | None", dict(self.extended or ()).get("OLDNAME"))

    @property
    def has_children(self) -> bool | None:
        """Whether there are mailboxes below it (RFC 3348); None if the server does not say."""
        if "\\HasChildren" in self.attributes:
            return True
        return False if {"\\HasNoChildren", "\\Noinferiors"} & self.attributes else None

    # mailbox-list    = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox-list`, and a list behind it that RFC 5258 allows."""
        cursor.sp()
        attributes = parse_flag_list(cursor)
        cursor.sp()
        delimiter = parse_delimiter(cursor)
        cursor.sp()
        mailbox, extended = _parse_name(cursor)
        new = cls.__new__(cls)
        for name, value in (
            ("attributes", frozenset(map(_spelled, attributes))),
            ("delimiter", delimiter),
            ("mailbox", mailbox),
            ("extended", extended),
            ("defects", ()),
        ):
            object.__setattr__(new, name, value)
        return new

    def write(self, writer: Writer) -> None:
        """Write the name and `mailbox-list`."""
        writer.write(self.name.encode("ascii") + b" ")
        write_flag_list(writer, self.attributes)
        writer.write(b" ")
        write_delimiter(writer, self.delimiter)
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        if self.extended is not None:
            writer.write(b" ")
            _write_extended(writer, self.extended)


def _spelled(attribute: str) -> str:
    return _SPELLING.get(attribute.lower(), attribute)


def _parse_name(cursor: Cursor) -> tuple[str, Extended | None]:
    """Read the mailbox and the list behind it; where something else follows, all of it is the mailbox."""
    start, literal_index, defects = cursor.position, cursor.literal_index, len(cursor.defects)
    try:
        mailbox = parse_mailbox(cursor)
        extended = _parse_extended(cursor) if cursor.accept(b" (") else None
        if not cursor.text[cursor.position :].strip(b" ") or cursor.literal_index > literal_index:
            return mailbox, extended
    except ParseError:
        if cursor.strict or cursor.literal_index > literal_index:
            raise
    cursor.position = start
    del cursor.defects[defects:]
    return parse_bare_mailbox(cursor, len(cursor.text)), None


# mbox-list-extended          =  "(" [mbox-list-extended-item *(SP mbox-list-extended-item)] ")"
# mbox-list-extended-item     =  mbox-list-extended-item-tag SP tagged-ext-val
# mbox-list-extended-item-tag =  astring
def _parse_extended(cursor: Cursor) -> Extended:
    """Read the list behind its `(`; an item that cannot be read is a defect, and left out."""
    items: list[tuple[str, object]] = []
    is_first = True
    while not cursor.accept(b")"):
        if not is_first:
            cursor.sp()
        is_first = False
        item = _parse_list_item(cursor)
        if item is not None:
            items.append(item)
    return tuple(items)


def _parse_list_item(cursor: Cursor) -> tuple[str, object] | None:
    start = cursor.position
    name = cursor.astring().decode("utf-8", "surrogateescape").upper()
    if not _STATUS_ITEM.fullmatch(name.encode("utf-8", "surrogateescape")):
        raise cursor.error("the tag of an extended item", start)
    cursor.sp()
    row = LIST_ITEMS.get(name)
    if row is None:
        return name, cursor.value()
    value = read_or_leave_out(cursor, row.parse, (b" ", b")"))
    return None if value is None else (name, value)


def _write_extended(writer: Writer, items: Extended) -> None:
    for index, (name, value) in enumerate(items):
        writer.write(b" " if index else b"(")
        writer.string(name.encode("ascii"))
        writer.write(b" ")
        row = LIST_ITEMS.get(name)
        if row is None:
            writer.value(cast(Value, value))
        else:
            row.write(writer, value)
    writer.write(b")" if items else b"()")


def _checked_item(item: tuple[str, object]) -> tuple[str, object]:
    name, value = item
    if not _STATUS_ITEM.fullmatch(name.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected the tag of an extended item, got {str(name)[:40]!r}")
    row = LIST_ITEMS.get(name.upper())
    if row is None:
        check_value(value)
    else:
        row.check(value)
    return name.upper(), value


def check_delimiter(delimiter: object) -> None:
    """Raise LocalProtocolError unless *delimiter* is one `QUOTED-CHAR` or None."""
    if delimiter is not None and (
        not isinstance(delimiter, str) or not re.fullmatch(r"[\x01-\x09\x0b\x0c\x0e-\x7f]", delimiter)
    ):
        raise LocalProtocolError(f"expected a delimiter of one character, got {str(delimiter)[:40]!r}")


_BARE_BACKSLASH: Final = re.compile(rb'"\\"(?!")')


def parse_delimiter(cursor: Cursor) -> str | None:
    """Read `DQUOTE QUOTED-CHAR DQUOTE / nil`; a string of another length is a defect and reads as None."""
    start = cursor.position
    if cursor.accept_match(_BARE_BACKSLASH):
        cursor.defect("a backslash escaped inside a quoted string", start)
        return "\\"
    octets = cursor.nstring()
    if octets is None:
        return None
    if len(octets) != 1 or not octets.isascii():
        cursor.defect("a delimiter of one character", start)
        return None
    return octets.decode("ascii")


def write_delimiter(writer: Writer, delimiter: str | None) -> None:
    """Write `DQUOTE QUOTED-CHAR DQUOTE / nil`."""
    writer.nstring(None if delimiter is None else delimiter.encode("ascii"))


@final
@register_response
@dataclass(frozen=True, slots=True)
class ListData(MailboxListData):
    """LIST: a mailbox, or a level of the hierarchy (section 7.2.2)."""

    name: ClassVar[str] = "LIST"


@final
@register_response
@dataclass(frozen=True, slots=True)
class LSubData(MailboxListData):
    """LSUB: a subscribed mailbox (section 7.2.3)."""

    name: ClassVar[str] = "LSUB"


@final
@dataclass(frozen=True, slots=True)
class StatusItem:
    """A STATUS item of an extension: how its value is read, written, and checked.

    `check` raises LocalProtocolError. `capability` is what a server must offer for it, "" if nothing. A
    STATUS with it switches `enables` on, as if by ENABLE.
    """

    name: str
    capability: str
    parse_value: Callable[[Cursor], Value] = field(compare=False)
    write_value: Callable[[Writer, Value], None] = field(compare=False)
    check: Callable[[Value], object] = field(compare=False)
    enables: str = field(default="", compare=False)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the server must offer for it."""
        return (Need(self.name, (self.capability,), enables=self.enables),) if self.capability else ()


STATUS_VALUES: Final[dict[str, StatusItem]] = {}
"""Name of each STATUS item of an extension -> the item; the modules of the RFCs fill it."""


_RECENT: Final = (Need("RECENT", (REV1,)),)
"""RFC 9051 appendix E: there is no RECENT in IMAP4rev2."""


def needs_of_status(items: Iterable[str]) -> tuple[Need, ...]:
    """Return what a server must offer for these STATUS items; of unknown ones nobody can say."""
    return tuple(need for item in items for need in _needs_of_item(item))


def _needs_of_item(item: str) -> tuple[Need, ...]:
    if item == "RECENT":
        return _RECENT
    return STATUS_VALUES[item].needs if item in STATUS_VALUES else ()


def register_status_item(item: StatusItem) -> StatusItem:
    """Add *item* to `STATUS_VALUES` and return it."""
    STATUS_VALUES[item.name] = item
    return item


# status-att, as it may stand in a response of any extension
_STATUS_ITEM: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_STATUS_ITEMS: Final = re.compile(rb" \((?:[A-Z-]+ [0-9(]|\))", re.IGNORECASE)
_COUNTS: Final = frozenset({"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN"})
_NEVER_ZERO: Final = frozenset({"UIDNEXT", "UIDVALIDITY"})
_SPACE: Final = re.compile(rb" *")


@final
@register_response
@dataclass(frozen=True, slots=True)
class StatusData(DataResponse):
    """STATUS: counts of a mailbox that need not be selected (section 7.2.4).

    `items` are pairs of a name in upper case and a value, a number for those of RFC 3501. The properties
    raise `ItemMissing` for what the server did not send.
    """

    name: ClassVar[str] = "STATUS"
    mailbox: str
    items: tuple[tuple[str, Value], ...]
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "items", tuple(_checked_status_item(*pair) for pair in self.items))

    def get(self, item: str) -> Value:
        """Return the value of *item*, None if the server did not send it."""
        return dict(self.items).get(item.upper())

    def _number(self, item: str) -> int:
        value = self.get(item)
        if not isinstance(value, int):
            raise ItemMissing(item)
        return value

    @property
    def messages(self) -> int:
        """How many messages there are."""
        return self._number("MESSAGES")

    @property
    def recent(self) -> int:
        """How many of them are `\\Recent`."""
        return self._number("RECENT")

    @property
    def uid_next(self) -> int:
        """The UID that the next message gets at least."""
        return self._number("UIDNEXT")

    @property
    def uid_validity(self) -> int:
        """The UIDVALIDITY of the mailbox."""
        return self._number("UIDVALIDITY")

    @property
    def unseen(self) -> int:
        """How many messages are not `\\Seen`."""
        return self._number("UNSEEN")

    @property
    def size(self) -> int:
        """Octets of all messages, or more (RFC 8438)."""
        return self._number("SIZE")

    @property
    def mailbox_id(self) -> str:
        """The object identifier of the mailbox, which it keeps when it is renamed (RFC 8474)."""
        value = self.get("MAILBOXID")
        if not isinstance(value, str):
            raise ItemMissing("MAILBOXID")
        return value

    @property
    def append_limit(self) -> int | None:
        """Octets of a message that may be appended at most; None: no limit (RFC 7889)."""
        return None if ("APPENDLIMIT", None) in self.items else self._number("APPENDLIMIT")

    @property
    def deleted(self) -> int:
        """How many messages are `\\Deleted` (RFC 9208)."""
        return self._number("DELETED")

    @property
    def deleted_storage(self) -> int:
        """Octets that an EXPUNGE would free, or about so many (RFC 9208)."""
        return self._number("DELETED-STORAGE")

    def highest_mod_seq(self) -> int:
        """The highest mod-sequence, 0 if the mailbox has none (RFC 7162 section 3.1.7)."""
        return self._number("HIGHESTMODSEQ")

    # "STATUS" SP mailbox SP "(" [status-att-list] ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> StatusData:
        """Read `SP mailbox SP "(" [status-att-list] ")"`. Spaces too many are a defect."""
        cursor.sp()
        mailbox = _parse_status_mailbox(cursor)
        cursor.expect(b" (")
        items: list[tuple[str, Value]] = []
        while not cursor.accept(b")"):
            start = cursor.position
            spaces = len(cursor.expect_match(_SPACE, "a space").group())
            if cursor.peek() == b")" or spaces != bool(items):
                cursor.defect("one space before each item", start)
            if cursor.peek() != b")":
                items += _parse_status_item(cursor)
        new = cls.__new__(cls)
        object.__setattr__(new, "mailbox", mailbox)
        object.__setattr__(new, "items", tuple(items))
        object.__setattr__(new, "defects", ())
        return new

    def write(self, writer: Writer) -> None:
        """Write the name, the mailbox and the items."""
        writer.write(b"STATUS ")
        write_mailbox(writer, self.mailbox)
        for index, (item, value) in enumerate(self.items):
            writer.write(b" " if index else b" (")
            writer.atom(item)
            writer.write(b" ")
            known = STATUS_VALUES.get(item)
            (Writer.value if known is None else known.write_value)(writer, value)
        writer.write(b")" if self.items else b" ()")


def _parse_status_mailbox(cursor: Cursor) -> str:
    start, literal_index, defects = cursor.position, cursor.literal_index, len(cursor.defects)
    try:
        mailbox = parse_mailbox(cursor)
        if cursor.text.startswith(b" (", cursor.position):
            return mailbox
    except ParseError:
        if cursor.strict:
            raise
    end = _STATUS_ITEMS.search(cursor.text, start)
    if end is None or cursor.literal_index > literal_index:
        raise cursor.error("a list of status items")
    cursor.position = start
    del cursor.defects[defects:]
    return parse_bare_mailbox(cursor, end.start())


def _parse_status_item(cursor: Cursor) -> list[tuple[str, Value]]:
    """Read an item and its value; one whose value is not what its RFC says is a defect, and left out."""
    item = cursor.expect_match(_STATUS_ITEM, "a status item").group().decode("ascii").upper()
    cursor.sp()
    known = STATUS_VALUES.get(item)
    start = cursor.position
    try:
        value = _parse_number_or_other(cursor, item) if known is None else known.parse_value(cursor)
        if cursor.peek() not in (b" ", b")"):
            raise cursor.error("a space or a closing parenthesis")
    except ParseError as error:
        if cursor.strict:
            raise
        note(cursor, error)
        cursor.position = start
        cursor.value()
        return []
    return [(item, value)]


def _parse_number_or_other(cursor: Cursor, item: str) -> Value:
    start = cursor.position
    value = cursor.value()
    if item in _COUNTS and not isinstance(value, int):
        raise cursor.error("a number", start)
    if value == 0 and item in _NEVER_ZERO:
        cursor.defect("a number other than 0", start)
    return value


def _checked_status_item(item: object, value: Value) -> tuple[str, Value]:
    if not isinstance(item, str) or not _STATUS_ITEM.fullmatch(item.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected a status item, got {str(item)[:40]!r}")
    known = STATUS_VALUES.get(item.upper())
    (check_value if known is None else known.check)(value)
    return item.upper(), value


# "SEARCH" [1*(SP nz-number) SP search-sort-mod-seq]
# search-sort-mod-seq = "(" "MODSEQ" SP mod-sequence-value ")"
_SEARCH: Final = re.compile(rb"(?: [1-9][0-9]{0,9}+)*+(?=\Z| \()")
_MOD_SEQ: Final = re.compile(rb" \(MODSEQ ([0-9]{1,19})\)", re.IGNORECASE)
_SEARCH_NUMBER: Final = re.compile(rb" +([0-9]{1,20})(?![^ ])")


@final
@register_response
@dataclass(frozen=True, slots=True)
class SearchData(DataResponse):
    """SEARCH: the messages that were found, sequence numbers or UIDs as asked, in the order of the server.

    `mod_seq` is the highest mod-sequence of these, if the keys had MODSEQ (RFC 7162 section 3.1.5).
    """

    name: ClassVar[str] = "SEARCH"
    numbers: tuple[int, ...] = ()
    mod_seq: int | None = field(default=None, kw_only=True)
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", check_found(self.numbers, self.mod_seq))

    @classmethod
    def parse(cls, cursor: Cursor) -> SearchData:
        """Read `[1*(SP nz-number) [SP search-sort-mod-seq]]`.

        Spaces too many, and 0 or numbers above 32 bits, are defects.
        """
        numbers, mod_seq = parse_found(cursor)
        new = cls.__new__(cls)
        object.__setattr__(new, "numbers", numbers)
        object.__setattr__(new, "mod_seq", mod_seq)
        object.__setattr__(new, "defects", ())
        return new

    def write(self, writer: Writer) -> None:
        """Write the name, the numbers, and the mod-sequence if there is one."""
        writer.write(b"SEARCH")
        write_found(writer, self.numbers, self.mod_seq)


def check_found(numbers: Iterable[int], mod_seq: int | None) -> tuple[int, ...]:
    """Return *numbers* as a tuple. Raises LocalProtocolError for what SEARCH and SORT cannot answer."""
    found = tuple(numbers)
    for number in found:
        check_sequence_number(number)
    if mod_seq is not None and (type(mod_seq) is not int or not 1 <= mod_seq <= MAX_NUMBER64 or not found):
        raise LocalProtocolError(f"expected a mod-sequence beside numbers, got {str(mod_seq)[:40]}")
    return found


def parse_found(cursor: Cursor) -> tuple[tuple[int, ...], int | None]:
    """Read `[1*(SP nz-number) [SP search-sort-mod-seq]]`: what SEARCH and SORT answer."""
    numbers = _parse_numbers(cursor)
    start = cursor.position
    match = cursor.accept_match(_MOD_SEQ)
    if match is None:
        return numbers, None
    mod_seq = int(match[1])
    if numbers and 1 <= mod_seq <= MAX_NUMBER64:
        return numbers, mod_seq
    cursor.defect("a mod-sequence only beside numbers", start)
    return numbers, None


def write_found(writer: Writer, numbers: tuple[int, ...], mod_seq: int | None) -> None:
    """Write `[1*(SP nz-number) [SP search-sort-mod-seq]]`."""
    writer.write("".join([f" {number}" for number in numbers]).encode("ascii"))
    if mod_seq is not None:
        writer.write(b" (MODSEQ %d)" % mod_seq)


def _parse_numbers(cursor: Cursor) -> tuple[int, ...]:
    match = _SEARCH.match(cursor.text, cursor.position)
    if match is not None:
        # The decoder of JSON, written in C, needs half the time of an `int` for each.
        numbers = tuple(json.loads(b"[%b]" % match.group()[1:].replace(b" ", b",")))
        if max(numbers, default=0) <= MAX_NUMBER:
            cursor.position = match.end()
            return numbers
    return _parse_loose_numbers(cursor)


def _parse_loose_numbers(cursor: Cursor) -> tuple[int, ...]:
    cursor.defect("numbers from 1 on, one space before each")
    numbers = []
    while match := cursor.accept_match(_SEARCH_NUMBER):
        number = int(match[1])
        if 1 <= number <= MAX_NUMBER:
            numbers.append(number)
    if cursor.text.find(b"(", cursor.position) < 0:
        cursor.accept_match(_SPACE)
    return tuple(numbers)


@final
@register_response
@dataclass(frozen=True, slots=True)
class FlagsData(DataResponse):
    """FLAGS: the flags that messages of this mailbox have or can have (section 7.2.6)."""

    name: ClassVar[str] = "FLAGS"
    flags: frozenset[str]
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "flags", flag_set(self.flags))

    @classmethod
    def parse(cls, cursor: Cursor) -> FlagsData:
        """Read `SP flag-list`."""
        cursor.sp()
        new = cls.__new__(cls)
        object.__setattr__(new, "flags", parse_flag_list(cursor))
        object.__setattr__(new, "defects", ())
        return new

    def write(self, writer: Writer) -> None:
        """Write the name and the flags, sorted."""
        writer.write(b"FLAGS ")
        write_flag_list(writer, self.flags)


@dataclass(frozen=True, slots=True)
class _CountData(DataResponse):
    count: int
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_count(self.count)

    @classmethod
    def parse(cls, cursor: Cursor, number: int) -> Self:
        """Read nothing: there is nothing behind the name."""
        return cls(number)

    def write(self, writer: Writer) -> None:
        """Write the number and the name."""
        writer.write(f"{self.count} {self.name}".encode("ascii"))


@final
@register_numbered
@dataclass(frozen=True, slots=True)
class ExistsData(_CountData):
    """EXISTS: how many messages there are in the mailbox (section 7.3.1)."""

    name: ClassVar[str] = "EXISTS"


@final
@register_numbered
@dataclass(frozen=True, slots=True)
class RecentData(_CountData):
    """RECENT: how many messages are `\\Recent` (section 7.3.2)."""

    name: ClassVar[str] = "RECENT"


@final
@register_numbered
@dataclass(frozen=True, slots=True)
class ExpungeData(DataResponse):
    """EXPUNGE: this message is gone, and the numbers above it are one less from now on (section 7.4.1)."""

    name: ClassVar[str] = "EXPUNGE"
    sequence_number: int
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_sequence_number(self.sequence_number)

    @classmethod
    def parse(cls, cursor: Cursor, number: int) -> ExpungeData:
        """Read nothing: there is nothing behind the name. Raises ParseError for the number 0."""
        if not number:
            raise cursor.error("a sequence number", 2)
        return cls(number)

    def write(self, writer: Writer) -> None:
        """Write the number and the name."""
        writer.write(b"%d EXPUNGE" % self.sequence_number)

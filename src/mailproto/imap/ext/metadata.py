"""METADATA and METADATA-SERVER: annotations of mailboxes and of the server as a whole (RFC 5464).

An annotation has a name of components behind slashes, such as `/private/comment`, and a value of octets. The
mailbox "" stands for the server.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Literal, Self, TypeAlias, cast, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import (
    RESPONSE_ROWS,
    STREAMED_RESPONSES,
    DataResponse,
    NamedContents,
    NamedValues,
    check_count,
    filled,
)
from mailproto.imap.capability import IMPLIED_BY
from mailproto.imap.codes import ResponseCode, register_code
from mailproto.imap.command import STREAMED_COMMANDS, Command, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.needs import Need
from mailproto.imap.values import Content, Streamed, Value, check_ncontent, check_value
from mailproto.imap.writer import Writer

__all__ = [
    "Depth",
    "GetMetadata",
    "MetadataChangedData",
    "MetadataCode",
    "MetadataData",
    "MetadataReason",
    "SetMetadata",
    "check_entry",
]

CAPABILITY: Final = "METADATA"

_OF_MAILBOX: Final = (Need("an annotation of a mailbox", (CAPABILITY,)),)

# RFC 5464 section 1: METADATA has server annotations too, METADATA-SERVER nothing else.
IMPLIED_BY["METADATA-SERVER"] = CAPABILITY

Depth: TypeAlias = Literal[0, 1, "infinity"]
"""How far below an entry: nothing, its children, or all (RFC 5464 section 4.2.2)."""

_DEPTHS: Final[dict[str, Depth]] = {"0": 0, "1": 1, "INFINITY": "infinity"}

# Section 3.2: names begin with "/", have no "//", "*", "%", nothing that is not ASCII and nothing up to 0x19,
# and do not end with "/".
_ENTRY: Final = re.compile(rb"(?:/[\x1a-\x24\x26-\x29\x2b-\x2e\x30-\x7f]+)+\Z")


def check_entry(entry: object) -> str:
    """Return *entry* if it is the name of an annotation (section 3.2). Raises LocalProtocolError."""
    if not isinstance(entry, str) or not _ENTRY.match(entry.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected the name of an annotation, got {str(entry)[:40]!r}")
    return entry


def _checked_entries(entries: Iterable[str]) -> tuple[str, ...]:
    if isinstance(entries, str):
        raise LocalProtocolError(f"expected several entries, got the string {entries[:40]!r}")
    names = tuple(map(check_entry, entries))
    if not names:
        raise LocalProtocolError("expected an entry or more, got none")
    return names


def _parse_entry(cursor: Cursor) -> str:
    start = cursor.position
    octets = cursor.astring()
    if not _ENTRY.match(octets):
        raise cursor.error("the name of an annotation", start)
    return octets.decode("ascii")


def _write_entry(writer: Writer, entry: str) -> None:
    writer.astring(entry.encode("ascii"))


# entry-values    = "(" entry-value *(SP entry-value) ")"
# entry-value     = entry SP value
# value           = nstring / literal8
def _parse_entry_values(cursor: Cursor) -> NamedContents:
    cursor.expect(b"(")
    values = [_parse_entry_value(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        values.append(_parse_entry_value(cursor))
    return tuple(values)


def _parse_entry_value(cursor: Cursor) -> tuple[str, Content | None]:
    entry = _parse_entry(cursor)
    cursor.sp()
    return entry, cursor.ncontent()


def _write_entry_values(writer: Writer, values: NamedContents) -> None:
    for index, (entry, value) in enumerate(values):
        writer.write(b" " if index else b" (")
        _write_entry(writer, entry)
        writer.write(b" ")
        writer.ncontent(value)
    writer.write(b")")


def _checked_values(values: Iterable[tuple[str, Content | None]]) -> NamedContents:
    checked = tuple((check_entry(entry), check_ncontent(value)) for entry, value in values)
    if not checked:
        raise LocalProtocolError("expected an entry or more, got none")
    return checked


@final
@register_command
@dataclass(frozen=True, slots=True)
class GetMetadata(Command):
    """GETMETADATA: ask for annotations (section 4.2).

    `max_size` leaves out values of more octets, `depth` asks for entries below these ones too.
    `more_options` are further ones, as pairs of name and value (None: without one).
    """

    name: ClassVar[str] = "GETMETADATA"
    mailbox: str
    entries: tuple[str, ...]
    max_size: int | None = field(default=None, kw_only=True)
    depth: Depth | None = field(default=None, kw_only=True)
    more_options: tuple[tuple[str, Value], ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "entries", _checked_entries(self.entries))
        if self.max_size is not None:
            check_count(self.max_size)
        if self.depth is not None and (
            str(self.depth).upper() not in _DEPTHS or isinstance(self.depth, bool)
        ):
            raise LocalProtocolError(f"expected 0, 1 or infinity as depth, got {str(self.depth)[:40]!r}")
        checked = tuple(_checked_option(*option) for option in self.more_options)
        object.__setattr__(self, "more_options", checked)

    # getmetadata     = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
    # The examples of the RFC have the options behind the mailbox: both places are read.
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP getmetadata-options] SP mailbox SP entries`."""
        options = _parse_options(cursor) if cursor.text.startswith(b" (", cursor.position) else {}
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        if not options and _OPTIONS_AHEAD.match(cursor.text, cursor.position):
            options = _parse_options(cursor)
        cursor.sp()
        return cls(
            mailbox,
            _parse_entries(cursor),
            max_size=cast("int | None", options.pop("MAXSIZE", None)),
            depth=cast("Depth | None", options.pop("DEPTH", None)),
            more_options=tuple(options.items()),
        )

    def write(self, writer: Writer) -> None:
        """Write the options, the mailbox and the entries."""
        _write_options(writer, self._all_options())
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        is_list = len(self.entries) > 1
        for index, entry in enumerate(self.entries):
            writer.write(b" " if index or not is_list else b" (")
            _write_entry(writer, entry)
        if is_list:
            writer.write(b")")

    @property
    def needs(self) -> tuple[Need, ...]:
        """METADATA for a mailbox; METADATA-SERVER is enough for the server."""
        return _OF_MAILBOX if self.mailbox else ()

    def _all_options(self) -> tuple[tuple[str, Value], ...]:
        known = (("MAXSIZE", self.max_size), ("DEPTH", self.depth))
        return (*((name, value) for name, value in known if value is not None), *self.more_options)


_KNOWN_OPTIONS: Final = frozenset({"MAXSIZE", "DEPTH"})

# tagged-ext-label  = tagged-label-fchar *tagged-label-char      (RFC 4466 section 7)
# tagged-ext-simple = sequence-set / number
_OPTION_NAME: Final = re.compile(rb"[A-Za-z_.-][A-Za-z0-9_.:-]*")
_SIMPLE_VALUE: Final = re.compile(rb"[0-9*][0-9:,*]*")

# No name of an option begins as an entry does.
_OPTIONS_AHEAD: Final = re.compile(rb" \([A-Za-z_.-]")


def _checked_option(name: object, value: Value) -> tuple[str, Value]:
    if not isinstance(name, str) or not _OPTION_NAME.fullmatch(name.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected the name of an option, got {str(name)[:40]!r}")
    if name.upper() in _KNOWN_OPTIONS:
        raise LocalProtocolError(f"{name.upper()}: expected as an argument of its own")
    check_value(value)
    is_simple = isinstance(value, str) and _SIMPLE_VALUE.fullmatch(value.encode("ascii", "replace"))
    if not (value is None or is_simple or isinstance(value, int | tuple)):
        raise LocalProtocolError(f"expected a number, a set or a list, got {str(value)[:40]!r}")
    return name.upper(), value


# getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"
# getmetadata-option  = tagged-ext-label [SP tagged-ext-val]
def _parse_options(cursor: Cursor) -> dict[str, Value]:
    cursor.expect(b" (")
    options: dict[str, Value] = {}
    while not options or not cursor.accept(b")"):
        if options:
            cursor.sp()
        start = cursor.position
        name = cursor.expect_match(_OPTION_NAME, "the name of an option").group().decode("ascii").upper()
        if name in options:
            raise cursor.error("each option once", start)
        options[name] = _OPTION_VALUES.get(name, _parse_value)(cursor)
    return options


def _parse_max_size(cursor: Cursor) -> Value:
    cursor.sp()
    return cursor.number()


def _parse_depth(cursor: Cursor) -> Value:
    cursor.sp()
    start = cursor.position
    depth = _DEPTHS.get(cursor.word())
    if depth is None:
        raise cursor.error("0, 1 or infinity", start)
    return depth


def _parse_value(cursor: Cursor) -> Value:
    """Read `[SP tagged-ext-val]`; what could be the name of the next option is none."""
    start = cursor.position
    if cursor.accept(b" ") and (cursor.peek() == b"(" or _SIMPLE_VALUE.match(cursor.text, cursor.position)):
        return cursor.value()
    cursor.position = start
    return None


_OPTION_VALUES: Final = {"MAXSIZE": _parse_max_size, "DEPTH": _parse_depth}
"""Name of an option -> what reads all that is behind it."""


def _write_options(writer: Writer, options: tuple[tuple[str, Value], ...]) -> None:
    for index, (name, value) in enumerate(options):
        writer.write(b" " if index else b" (")
        writer.atom(name)
        if value is not None:
            writer.write(b" ")
            writer.value(value)
    writer.write(b")" if options else b"")


# entries         = entry / "(" entry *(SP entry) ")"
def _parse_entries(cursor: Cursor) -> tuple[str, ...]:
    if not cursor.accept(b"("):
        return (_parse_entry(cursor),)
    entries = [_parse_entry(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        entries.append(_parse_entry(cursor))
    return tuple(entries)


@final
@register_command
@dataclass(frozen=True, slots=True)
class SetMetadata(Command):
    """SETMETADATA: set annotations, or remove those whose value is None (section 4.3).

    A value is octets, NUL among them too, or `Streamed(size)` where they go through the connection in chunks.
    """

    name: ClassVar[str] = "SETMETADATA"
    mailbox: str
    values: NamedContents

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "values", _checked_values(self.values))

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The values that travel in chunks, in order."""
        return tuple(value for _, value in self.values if isinstance(value, Streamed))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox SP entry-values`."""
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        cursor.sp()
        return cls(mailbox, _parse_entry_values(cursor))

    @property
    def needs(self) -> tuple[Need, ...]:
        """METADATA for a mailbox; METADATA-SERVER is enough for the server."""
        return _OF_MAILBOX if self.mailbox else ()

    def write(self, writer: Writer) -> None:
        """Write the mailbox and the pairs."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        _write_entry_values(writer, self.values)


STREAMED_COMMANDS.add(SetMetadata.name)


@final
@dataclass(frozen=True, slots=True)
class MetadataData(NamedValues):
    """METADATA with values: what answers GETMETADATA (section 4.4.1)."""

    name: ClassVar[str] = "METADATA"
    mailbox: str
    values: NamedContents
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "values", _checked_values(self.values))

    @property
    def last(self) -> tuple[str, Content | None]:
        """The last pair."""
        return self.values[-1]

    def filled(self, contents: Iterable[bytes | None]) -> Self:
        """Return this with *contents*, in order, where values were streamed; None leaves one as it is."""
        return replace(self, values=filled(self.values, contents))

    def write(self, writer: Writer) -> None:
        """Write the name, the mailbox and the pairs."""
        writer.write(b"METADATA ")
        write_mailbox(writer, self.mailbox)
        _write_entry_values(writer, self.values)


@final
@dataclass(frozen=True, slots=True)
class MetadataChangedData(DataResponse):
    """METADATA without values: entries that somebody else has changed (section 4.4.2).

    A server sends it only to a client that has enabled METADATA or METADATA-SERVER (section 4.1).
    """

    name: ClassVar[str] = "METADATA"
    mailbox: str
    entries: tuple[str, ...]
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "entries", _checked_entries(self.entries))

    def write(self, writer: Writer) -> None:
        """Write the name, the mailbox and the entries."""
        writer.write(b"METADATA ")
        write_mailbox(writer, self.mailbox)
        for entry in self.entries:
            writer.write(b" ")
            _write_entry(writer, entry)


# metadata-resp   = "METADATA" SP mailbox SP (entry-values / entry-list)
# entry-list      = entry *(SP entry)
def _parse_data(cursor: Cursor) -> DataResponse:
    cursor.sp()
    mailbox = parse_mailbox(cursor)
    cursor.sp()
    if cursor.peek() == b"(":
        return MetadataData(mailbox, _parse_entry_values(cursor))
    entries = [_parse_entry(cursor)]
    while cursor.accept(b" "):
        entries.append(_parse_entry(cursor))
    return MetadataChangedData(mailbox, tuple(entries))


RESPONSE_ROWS["METADATA"] = _parse_data
STREAMED_RESPONSES.add("METADATA")


class MetadataReason(enum.Enum):
    """What a `MetadataCode` says (section 5, `resp-text-code`)."""

    LONG_ENTRIES = "LONGENTRIES"
    """There are values of more octets than MAXSIZE; the largest has so many."""
    MAX_SIZE = "MAXSIZE"
    """The value is too large; the server takes so many octets."""
    TOO_MANY = "TOOMANY"
    """There are as many annotations as there can be."""
    NO_PRIVATE = "NOPRIVATE"
    """The server has no private annotations."""


_WITH_SIZE: Final = frozenset({MetadataReason.LONG_ENTRIES, MetadataReason.MAX_SIZE})


@final
@register_code
@dataclass(frozen=True, slots=True)
class MetadataCode(ResponseCode):
    """METADATA: why annotations were left out, or not set; `size` is in octets, where the reason has one."""

    name: ClassVar[str] = "METADATA"
    reason: MetadataReason
    size: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.reason, MetadataReason):
            raise LocalProtocolError(f"expected a MetadataReason, got {type(self.reason).__name__}")
        if (self.size is not None) is not (self.reason in _WITH_SIZE):
            raise LocalProtocolError(f"METADATA {self.reason.value}: expected a size where it has one")
        if self.size is not None:
            check_count(self.size)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP ("LONGENTRIES" SP number / "MAXSIZE" SP number / "TOOMANY" / "NOPRIVATE")`."""
        cursor.sp()
        start = cursor.position
        reason = _REASONS.get(cursor.word())
        if reason is None:
            raise cursor.error("a reason of METADATA", start)
        if reason not in _WITH_SIZE:
            return cls(reason)
        cursor.sp()
        return cls(reason, cursor.number())

    def write(self, writer: Writer) -> None:
        """Write the reason and the size."""
        size = "" if self.size is None else f" {self.size}"
        writer.write(f" {self.reason.value}{size}".encode("ascii"))


_REASONS: Final = {reason.value: reason for reason in MetadataReason}

"""A message as APPEND and REPLACE carry it: flags, a date, and the octets (RFC 3501 and 4466 section 2.4).

The octets are a literal, or one of the forms that extensions add: each is an `AppendData`, with its row in
`APPEND_DATA`. What else extensions add to a message is an `AppendOption`, with its row in `APPEND_OPTIONS`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final, Self, TypeAlias, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import Cursor
from mailproto.imap.dates import check_date_time, parse_date_time, write_date_time
from mailproto.imap.flags import flag_set, parse_flag_list, write_flag_list
from mailproto.imap.needs import Need
from mailproto.imap.parameters import Parameter, needs_of
from mailproto.imap.values import Streamed, check_octets
from mailproto.imap.writer import Writer

__all__ = [
    "APPEND_DATA",
    "APPEND_OPTIONS",
    "AppendData",
    "AppendMessage",
    "AppendOctets",
    "AppendOption",
    "LiteralData8",
    "parse_literal_octets",
    "parse_literal8_octets",
    "size_of",
]


class AppendData(ABC):
    """The octets of a message in a form that an extension added. `capability` is what it needs.

    With `is_listed` a server has to name that itself, see `Need`.
    """

    __slots__ = ()
    capability: ClassVar[str]
    is_listed: ClassVar[bool] = False

    @property
    @abstractmethod
    def streamed(self) -> tuple[Streamed, ...]:
        """The literals in it that travel in chunks, in order."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many octets of the message are in it."""

    @abstractmethod
    def write(self, writer: Writer) -> None:
        """Write the `append-data`."""


AppendOctets: TypeAlias = bytes | Streamed | AppendData
"""A whole message, `Streamed(size)` where its octets go through the connection in chunks, or another form."""

APPEND_DATA: Final[dict[str, Callable[[Cursor], AppendData]]] = {}
"""First word of a form, in upper case -> what reads all behind it; "~" is that of a bare `literal8`."""


class AppendOption(Parameter):
    """What an extension says of a message, between the date and the octets (`append-ext`)."""

    __slots__ = ()

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The literals in it that travel in chunks, in order."""
        return ()


APPEND_OPTIONS: Final[dict[str, Callable[[Cursor], AppendOption]]] = {}
"""Name of an option, in upper case -> what reads all that follows it; the modules of the RFCs fill it."""

_OPTION: Final = re.compile(rb"[A-Za-z0-9-]+(?= )")
_FORM: Final = re.compile(rb"([A-Za-z0-9-]+(?= )|~(?=\{))")


@dataclass(frozen=True, slots=True)
class LiteralData8(AppendData):
    """What forms of one `literal8` have in common; build one of those."""

    octets: bytes | Streamed = field(repr=False)

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The literal, if it travels in chunks."""
        return (self.octets,) if isinstance(self.octets, Streamed) else ()

    @property
    def size(self) -> int:
        """How many octets the message has."""
        return size_of(self.octets)


def size_of(octets: bytes | Streamed) -> int:
    """Return how many octets these are, or stand for."""
    return octets.size if isinstance(octets, Streamed) else len(octets)


def check_content(octets: object) -> bytes | Streamed:
    """Return *octets* if they are bytes or stand for some. Raises LocalProtocolError."""
    if not isinstance(octets, bytes | Streamed):
        raise LocalProtocolError(f"expected bytes, got {type(octets).__name__}")
    return octets


def _checked_octets(octets: object) -> AppendOctets:
    if isinstance(octets, AppendData):
        return octets
    checked = check_content(octets)
    if isinstance(checked, bytes):
        check_octets(checked, "message")
    return checked


def parse_literal_octets(cursor: Cursor) -> bytes | Streamed:
    """Read a `literal` that may be streamed; NUL in it is a defect. Raises ParseError above a limit."""
    start = cursor.position
    if cursor.peek() != b"{":
        raise cursor.error("a literal")
    octets = parse_literal8_octets(cursor)
    if isinstance(octets, bytes) and b"\0" in octets:
        cursor.defect("a literal without NUL", start)
    return octets


def parse_literal8_octets(cursor: Cursor) -> bytes | Streamed:
    """Read the mark of a literal of either kind, and its octets."""
    start = cursor.position
    octets = cursor.literal()
    if not isinstance(octets, bytes | Streamed):
        raise cursor.error("a message within the limit", start)
    return octets


def _parse_octets(cursor: Cursor) -> AppendOctets:
    if cursor.peek() == b"{":
        return parse_literal_octets(cursor)
    start = cursor.position
    match = cursor.accept_match(_FORM)
    read = APPEND_DATA.get(match[1].decode("ascii").upper()) if match else None
    if read is None:
        raise cursor.error("a message", start)
    return read(cursor)


def _checked_options(options: object) -> tuple[AppendOption, ...]:
    if not isinstance(options, tuple) or not all(isinstance(option, AppendOption) for option in options):
        raise LocalProtocolError("expected options of APPEND as a tuple")
    if len({option.name for option in options}) < len(options):
        raise LocalProtocolError("expected each option of APPEND once")
    return options


# append-ext      = append-ext-name SP append-ext-value   (RFC 4466 section 3)
def _parse_options(cursor: Cursor) -> tuple[AppendOption, ...]:
    """Read `*(append-ext SP)`; what has no row begins the octets."""
    options: dict[str, AppendOption] = {}
    while match := _OPTION.match(cursor.text, cursor.position):
        name = match.group().decode("ascii").upper()
        read = APPEND_OPTIONS.get(name)
        if read is None:
            break
        if name in options:
            raise cursor.error("each option once")
        cursor.position = match.end()
        options[name] = read(cursor)
        cursor.sp()
    return tuple(options.values())


@final
@dataclass(frozen=True, slots=True, eq=False)
class AppendMessage:
    """A message to append, with its flags, its internal date if one is given, and options of extensions.

    A message that was received in a `literal` may hold NUL; one with NUL cannot be sent so. The same moment
    in two zones makes two that are not equal.
    """

    message: AppendOctets = field(repr=False)
    flags: frozenset[str] = frozenset()
    internal_date: datetime | None = None
    options: tuple[AppendOption, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        _checked_octets(self.message)
        object.__setattr__(self, "options", _checked_options(self.options))
        object.__setattr__(self, "flags", flag_set(self.flags))
        if self.internal_date is not None:
            object.__setattr__(self, "internal_date", check_date_time(self.internal_date))

    def _key(self) -> tuple[object, ...]:
        zone = None if self.internal_date is None else self.internal_date.utcoffset()
        return self.message, self.flags, self.internal_date, zone, self.options

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, AppendMessage) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """The literals in it that travel in chunks, in order."""
        before = tuple(literal for option in self.options for literal in option.streamed)
        if isinstance(self.message, AppendData):
            return before + self.message.streamed
        return (*before, self.message) if isinstance(self.message, Streamed) else before

    @property
    def size(self) -> int:
        """How many octets of the message are in it."""
        return self.message.size if isinstance(self.message, AppendData) else size_of(self.message)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What a server must offer for its form and its options."""
        options = needs_of(self.options)
        if not isinstance(self.message, AppendData):
            return options
        is_listed = self.message.is_listed
        return (Need("this form of a message", (self.message.capability,), is_listed=is_listed), *options)

    @classmethod
    def of_parsed(
        cls,
        message: AppendOctets,
        flags: frozenset[str],
        internal_date: datetime | None,
        options: tuple[AppendOption, ...],
    ) -> Self:
        """Return a message as it was read; skips validation."""
        new = cls.__new__(cls)
        object.__setattr__(new, "message", message)
        object.__setattr__(new, "flags", flags)
        object.__setattr__(new, "internal_date", internal_date)
        object.__setattr__(new, "options", options)
        return new

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP flag-list] [SP date-time] *(SP append-ext) SP append-data`."""
        cursor.sp()
        flags: frozenset[str] = frozenset()
        if cursor.peek() == b"(":
            flags = parse_flag_list(cursor)
            cursor.sp()
        internal_date = None
        if cursor.peek() == b'"':
            internal_date = parse_date_time(cursor)
            cursor.sp()
        options = _parse_options(cursor)
        return cls.of_parsed(_parse_octets(cursor), flag_set(flags), internal_date, options)

    def write(self, writer: Writer) -> None:
        """Write flags, date and options if there are any, and the octets, each with its leading space."""
        writer.write(b" ")
        if self.flags:
            write_flag_list(writer, self.flags)
            writer.write(b" ")
        if self.internal_date is not None:
            write_date_time(writer, self.internal_date)
            writer.write(b" ")
        for option in self.options:
            writer.atom(option.name)
            option.write(writer)
            writer.write(b" ")
        if isinstance(self.message, AppendData):
            self.message.write(writer)
        else:
            writer.message(self.message)

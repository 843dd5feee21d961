"""Response codes (RFC 3501 section 7.1 and RFC 5530): what a status says to programs.

There is a class for each code with arguments, `SimpleCode` for all without, `UnknownCode` for what no module
knows. Those of extensions stand in `mailproto.imap.ext`; each adds its row to `CODES`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol, Self, TypeVar, final

from mailproto.errors import LocalProtocolError, URLValue
from mailproto.imap._grammar import ATOM, RESP_CODE_TEXT
from mailproto.imap.capability import Capabilities, parse_capabilities, write_capabilities
from mailproto.imap.cursor import MAX_NUMBER, Cursor, ParseError
from mailproto.imap.flags import flag_set, parse_flag_list, write_flag_list
from mailproto.imap.writer import Writer

__all__ = [
    "ALERT",
    "ALREADYEXISTS",
    "AUTHENTICATIONFAILED",
    "AUTHORIZATIONFAILED",
    "CANNOT",
    "CLIENTBUG",
    "CLOSED",
    "CODES",
    "CONTACTADMIN",
    "CORRUPTION",
    "EXPIRED",
    "EXPUNGEISSUED",
    "HASCHILDREN",
    "INUSE",
    "LIMIT",
    "NONEXISTENT",
    "NOPERM",
    "OVERQUOTA",
    "PARSE",
    "PRIVACYREQUIRED",
    "READ_ONLY",
    "READ_WRITE",
    "SERVERBUG",
    "TOOBIG",
    "TRYCREATE",
    "UIDNOTSTICKY",
    "UNAVAILABLE",
    "BadCharsetCode",
    "CapabilityCode",
    "PermanentFlagsCode",
    "ResponseCode",
    "SimpleCode",
    "UIDNextCode",
    "UIDValidityCode",
    "UnknownCode",
    "UnseenCode",
    "check_nz_number",
    "parse_resp_text_code",
    "register_code",
    "write_resp_text_code",
]


class ResponseCode(ABC):
    """What stands between the brackets of a status."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the code, in upper case."""

    @property
    def referrals(self) -> tuple[URLValue, ...]:
        """Other servers that it names, as `IMAPURL`; only REFERRAL names any (RFC 2193)."""
        return ()

    @abstractmethod
    def write(self, writer: Writer) -> None:
        """Write what follows the name, with its leading space."""


class _CodeClass(Protocol):
    name: ClassVar[str]

    @classmethod
    def parse(cls, cursor: Cursor) -> ResponseCode: ...


CODES: Final[dict[str, Callable[[Cursor], ResponseCode]]] = {}
"""Name of each code with arguments -> what reads them; the modules of the RFCs fill it."""

_CodeClassT = TypeVar("_CodeClassT", bound=_CodeClass)


def register_code(code: type[_CodeClassT]) -> type[_CodeClassT]:
    """Add the row of *code* to `CODES`; a class decorator."""
    CODES[code.name] = code.parse
    return code


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise LocalProtocolError(f"expected the name of a code as str, got {type(name).__name__}")
    if not ATOM.fullmatch(name.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected the name of a code, got {name[:40]!r}")
    if name.upper() in CODES:
        raise LocalProtocolError(f"{name.upper()}: expected the class of this code")
    return name.upper()


@final
@dataclass(frozen=True, slots=True)
class SimpleCode(ResponseCode):
    """A code without arguments, known or not; those of the RFCs are constants of this module."""

    name: str = field()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _checked_name(self.name))

    def write(self, writer: Writer) -> None:
        """Write nothing: there is nothing behind the name."""


@final
@dataclass(frozen=True, slots=True)
class UnknownCode(ResponseCode):
    """A code that no module knows, or a known one that could not be read: *text* is what follows the name."""

    name: str = field()
    text: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _checked_name(self.name))
        if not isinstance(self.text, bytes):
            raise LocalProtocolError(f"expected text as bytes, got {type(self.text).__name__}")
        if not RESP_CODE_TEXT.fullmatch(self.text) or not self.text.isascii():
            raise LocalProtocolError(f"expected ASCII without CR, LF, NUL and ], got {self.text[:40]!r}")

    @classmethod
    def of_parsed(cls, name: str, text: bytes) -> Self:
        """Return a code as it was read; skips validation."""
        new = cls.__new__(cls)
        object.__setattr__(new, "name", name)
        object.__setattr__(new, "text", text)
        return new

    def write(self, writer: Writer) -> None:
        """Write the text as it is."""
        if self.text:
            writer.write(b" " + self.text)


@final
@register_code
@dataclass(frozen=True, slots=True)
class BadCharsetCode(ResponseCode):
    """BADCHARSET: the charset of SEARCH is not supported; those that are, if the server says so."""

    name: ClassVar[str] = "BADCHARSET"
    charsets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "charsets", _checked_charsets(self.charsets))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP "(" astring *(SP astring) ")"]`."""
        if not cursor.accept(b" "):
            return cls()
        cursor.expect(b"(")
        charsets = [cursor.astring()]
        while not cursor.accept(b")"):
            cursor.sp()
            charsets.append(cursor.astring())
        return cls(tuple(name.decode("ascii", "surrogateescape") for name in charsets))

    def write(self, writer: Writer) -> None:
        """Write the charsets in parentheses, or nothing."""
        for index, name in enumerate(self.charsets):
            writer.write(b" " if index else b" (")
            writer.astring(name.encode("ascii"))
        if self.charsets:
            writer.write(b")")


def _checked_charsets(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise LocalProtocolError(f"expected several charsets, got the string {names[:40]!r}")
    return tuple(map(_checked_charset, names))


def _checked_charset(name: object) -> str:
    if not isinstance(name, str):
        raise LocalProtocolError(f"expected the name of a charset as str, got {type(name).__name__}")
    if not name.isascii() or "\0" in name:
        raise LocalProtocolError(f"expected the name of a charset, got {name[:40]!r}")
    return name


@final
@register_code
@dataclass(frozen=True, slots=True)
class CapabilityCode(ResponseCode):
    """CAPABILITY: what the server offers now, sent without being asked."""

    name: ClassVar[str] = "CAPABILITY"
    capabilities: Capabilities

    def __post_init__(self) -> None:
        object.__setattr__(self, "capabilities", Capabilities(self.capabilities))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `*(SP capability)`."""
        return cls(parse_capabilities(cursor))

    def write(self, writer: Writer) -> None:
        """Write each capability."""
        write_capabilities(writer, self.capabilities)


@final
@register_code
@dataclass(frozen=True, slots=True)
class PermanentFlagsCode(ResponseCode):
    """PERMANENTFLAGS: the flags that a client can change for good; `\\*` if it can make keywords."""

    name: ClassVar[str] = "PERMANENTFLAGS"
    flags: frozenset[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "flags", flag_set(self.flags, wildcard=True))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "(" [flag-perm *(SP flag-perm)] ")"`; what is no flag is a defect, and kept."""
        cursor.sp()
        new = cls.__new__(cls)
        object.__setattr__(new, "flags", parse_flag_list(cursor))
        return new

    def write(self, writer: Writer) -> None:
        """Write the list of flags."""
        writer.write(b" ")
        write_flag_list(writer, self.flags)


def check_nz_number(number: object) -> None:
    """Raise LocalProtocolError unless *number* is an `nz-number`."""
    if type(number) is not int or not 1 <= number <= MAX_NUMBER:
        raise LocalProtocolError(f"expected a number from 1 to {MAX_NUMBER}, got {str(number)[:40]}")


@final
@register_code
@dataclass(frozen=True, slots=True)
class UIDNextCode(ResponseCode):
    """UIDNEXT: the UID that the next new message gets, at least."""

    name: ClassVar[str] = "UIDNEXT"
    uid: int

    def __post_init__(self) -> None:
        check_nz_number(self.uid)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP nz-number`."""
        cursor.sp()
        return cls(cursor.nz_number())

    def write(self, writer: Writer) -> None:
        """Write the UID."""
        writer.write(b" %d" % self.uid)


@final
@register_code
@dataclass(frozen=True, slots=True)
class UIDValidityCode(ResponseCode):
    """UIDVALIDITY: the number with which the UIDs of the mailbox are valid."""

    name: ClassVar[str] = "UIDVALIDITY"
    uid_validity: int

    def __post_init__(self) -> None:
        check_nz_number(self.uid_validity)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP nz-number`."""
        cursor.sp()
        return cls(cursor.nz_number())

    def write(self, writer: Writer) -> None:
        """Write the number."""
        writer.write(b" %d" % self.uid_validity)


@final
@register_code
@dataclass(frozen=True, slots=True)
class UnseenCode(ResponseCode):
    """UNSEEN: the sequence number of the first message without `\\Seen`."""

    name: ClassVar[str] = "UNSEEN"
    sequence_number: int

    def __post_init__(self) -> None:
        check_nz_number(self.sequence_number)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP nz-number`."""
        cursor.sp()
        return cls(cursor.nz_number())

    def write(self, writer: Writer) -> None:
        """Write the sequence number."""
        writer.write(b" %d" % self.sequence_number)


ALERT: Final = SimpleCode("ALERT")
PARSE: Final = SimpleCode("PARSE")
READ_ONLY: Final = SimpleCode("READ-ONLY")
READ_WRITE: Final = SimpleCode("READ-WRITE")
TRYCREATE: Final = SimpleCode("TRYCREATE")
UIDNOTSTICKY: Final = SimpleCode("UIDNOTSTICKY")
UNAVAILABLE: Final = SimpleCode("UNAVAILABLE")
AUTHENTICATIONFAILED: Final = SimpleCode("AUTHENTICATIONFAILED")
AUTHORIZATIONFAILED: Final = SimpleCode("AUTHORIZATIONFAILED")
EXPIRED: Final = SimpleCode("EXPIRED")
PRIVACYREQUIRED: Final = SimpleCode("PRIVACYREQUIRED")
CONTACTADMIN: Final = SimpleCode("CONTACTADMIN")
NOPERM: Final = SimpleCode("NOPERM")
INUSE: Final = SimpleCode("INUSE")
EXPUNGEISSUED: Final = SimpleCode("EXPUNGEISSUED")
CORRUPTION: Final = SimpleCode("CORRUPTION")
SERVERBUG: Final = SimpleCode("SERVERBUG")
CLIENTBUG: Final = SimpleCode("CLIENTBUG")
CANNOT: Final = SimpleCode("CANNOT")
LIMIT: Final = SimpleCode("LIMIT")
OVERQUOTA: Final = SimpleCode("OVERQUOTA")
ALREADYEXISTS: Final = SimpleCode("ALREADYEXISTS")
NONEXISTENT: Final = SimpleCode("NONEXISTENT")
HASCHILDREN: Final = SimpleCode("HASCHILDREN")
"""The mailbox has others below it, and so is not deleted (RFC 9051 section 6.3.5)."""
CLOSED: Final = SimpleCode("CLOSED")
TOOBIG: Final = SimpleCode("TOOBIG")
"""A message is too large (RFC 4469 section 4.2, RFC 7889 section 4)."""


_ZERO: Final = re.compile(rb" 0+\]")


def parse_resp_text_code(cursor: Cursor) -> ResponseCode:
    """Read a `resp-text-code` up to its `]`, which is left.

    A known code whose arguments cannot be read is a defect and comes as `UnknownCode`.
    """
    name = cursor.word()
    row = CODES.get(name)
    if row is None:
        return _parse_unknown(cursor, name)
    start = cursor.position
    defects = len(cursor.defects)
    try:
        code = row(cursor)
        if cursor.peek() != b"]":
            raise cursor.error("the end of the response code")
    except (ParseError, LocalProtocolError):
        del cursor.defects[defects:]
        cursor.position = start
        is_zero = _ZERO.match(cursor.text, start)
        cursor.defect("a number other than 0" if is_zero else "the arguments of the response code", start)
        return _parse_unknown(cursor, name)
    return code


def _parse_unknown(cursor: Cursor, name: str) -> ResponseCode:
    if not cursor.accept(b" ") or cursor.peek() == b"]":
        return UnknownCode.of_parsed(name, b"") if name in CODES else SimpleCode(name)
    text = cursor.expect_match(RESP_CODE_TEXT, "the text of a response code").group()
    return UnknownCode.of_parsed(name, text)


def write_resp_text_code(writer: Writer, code: ResponseCode) -> None:
    """Write a `resp-text-code`, without its brackets."""
    writer.atom(code.name)
    code.write(writer)

"""Status responses: OK, NO, BAD, PREAUTH and BYE with their text and code (RFC 3501 sections 7.1 and 9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap.codes import ResponseCode, parse_resp_text_code, write_resp_text_code
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.writer import Writer

__all__ = [
    "STATUSES",
    "Bad",
    "Bye",
    "No",
    "Ok",
    "PreAuth",
    "StatusResponse",
    "parse_resp_text",
    "parse_status",
    "write_resp_text",
    "write_status",
]

# text            = 1*TEXT-CHAR
_TEXT = re.compile(r"[^\0\r\n]+")
_EMPTY_CODE = re.compile(rb"\[ *\] *")
_LINE_ENDS = re.compile(rb"[\r\n]+")


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """The fields that the five have in common; build one of those.

    `text` is for people: one line, not empty, and without a code it does not begin with `[`. It is written
    as UTF-8, and read as UTF-8 or else Latin-1.
    """

    text: str
    code: ResponseCode | None = None
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    name: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.code is not None and not isinstance(self.code, ResponseCode):
            raise LocalProtocolError(f"expected a response code, got {type(self.code).__name__}")
        _check_text(self.text, may_have_bracket=self.code is not None)

    @classmethod
    def of_parsed(cls, text: str, code: ResponseCode | None) -> Self:
        """Return a status as it was read; skips validation."""
        new = cls.__new__(cls)
        object.__setattr__(new, "text", text)
        object.__setattr__(new, "code", code)
        object.__setattr__(new, "defects", ())
        return new

    @property
    def code_name(self) -> str | None:
        """The name of the code, in upper case; None if there is no code."""
        return None if self.code is None else self.code.name


def _check_text(text: object, *, may_have_bracket: bool) -> None:
    if not isinstance(text, str):
        raise LocalProtocolError(f"expected text as str, got {type(text).__name__}")
    if not _TEXT.fullmatch(text) or not _is_unicode(text):
        raise LocalProtocolError(f"expected one line of text, got {text[:40]!r}")
    if text.startswith("[") and not may_have_bracket:
        raise LocalProtocolError(f"expected text that does not begin as a code, got {text[:40]!r}")


@final
@dataclass(frozen=True, slots=True)
class Ok(StatusResponse):
    """OK: done, or information; as a greeting, ready for login."""

    text: str = "completed"
    name: ClassVar[str] = "OK"


@final
@dataclass(frozen=True, slots=True)
class No(StatusResponse):
    """NO: failed, or a warning."""

    text: str = "failed"
    name: ClassVar[str] = "NO"


@final
@dataclass(frozen=True, slots=True)
class Bad(StatusResponse):
    """BAD: a command that was not understood or came out of turn."""

    text: str = "command not understood"
    name: ClassVar[str] = "BAD"


@final
@dataclass(frozen=True, slots=True)
class PreAuth(StatusResponse):
    """PREAUTH: the greeting of a connection that needs no login."""

    text: str = "ready"
    name: ClassVar[str] = "PREAUTH"


@final
@dataclass(frozen=True, slots=True)
class Bye(StatusResponse):
    """BYE: the server closes the connection."""

    text: str = "closing"
    name: ClassVar[str] = "BYE"


STATUSES: Final[dict[str, type[StatusResponse]]] = {kind.name: kind for kind in (Ok, No, Bad, PreAuth, Bye)}
"""Name of a status, in upper case -> its class."""


def parse_status(cursor: Cursor, kind: type[StatusResponse]) -> StatusResponse:
    """Read `SP resp-text` up to the end, the name having been read."""
    # Servers are known to send a status with nothing behind it, or a code with nothing behind that. The text
    # may be empty in IMAP4rev2, but not the space before it: resp-text = ["[" resp-text-code "]" SP] [text]
    if cursor.is_at_end:
        cursor.defect("text after the status")
        return kind.of_parsed("", None)
    cursor.sp()
    return kind.of_parsed(*parse_resp_text(cursor))


def write_status(writer: Writer, status: StatusResponse) -> None:
    """Write the name, a space and `resp-text`."""
    writer.write(status.name.encode("ascii") + b" ")
    write_resp_text(writer, status.text, status.code)


def parse_resp_text(cursor: Cursor) -> tuple[str, ResponseCode | None]:
    """Read `["[" resp-text-code "]" SP] text` up to the end; a code that never closes counts as text."""
    code = _parse_code(cursor) if cursor.peek() == b"[" else None
    if code is None or cursor.accept(b" "):
        return _parse_text(cursor), code
    cursor.defect("a space and text after the response code")
    return "" if cursor.is_at_end else _parse_text(cursor), code


def _parse_code(cursor: Cursor) -> ResponseCode | None:
    """Read a code in brackets; where it cannot be read, move nothing, note a defect and return None."""
    start = cursor.position
    if cursor.accept_match(_EMPTY_CODE):
        cursor.defect("a response code with a name", start)
        return None
    try:
        cursor.expect(b"[")
        code = parse_resp_text_code(cursor)
        cursor.expect(b"]")
    except ParseError:
        cursor.position = start
        cursor.defect("a response code", start)
        return None
    return code


def _parse_text(cursor: Cursor) -> str:
    start = cursor.position
    octets = _LINE_ENDS.sub(b" ", cursor.rest())
    if (not octets and not cursor.rev2) or b"\0" in octets:
        cursor.defect("text without NUL, of one character or more", start)
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        cursor.defect("text in UTF-8", start)
        return octets.decode("latin-1")


def write_resp_text(writer: Writer, text: str, code: ResponseCode | None) -> None:
    """Write `["[" resp-text-code "]" SP] text`. Raises LocalProtocolError for NUL in a text that was read."""
    if code is not None:
        writer.write(b"[")
        write_resp_text_code(writer, code)
        writer.write(b"] ")
    octets = text.encode("utf-8")
    if b"\0" in octets:
        raise LocalProtocolError("expected text without NUL")
    writer.write(octets)


def _is_unicode(text: str) -> bool:
    """Return whether *text* holds no lone surrogates, which have no octets."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") == text

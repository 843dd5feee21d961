"""What a server sends: data, statuses and continuation requests (RFC 3501 section 7).

`parse_response` and `serialize_response` are the two directions. The data responses stand in the modules of
their subjects and are all named here too; each adds its row to the tables by which `parse_response` finds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar, cast, final

from mailproto._secret import hide_token
from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import NUMBERED_ROWS, RESPONSE_ROWS, DataResponse, DataValue
from mailproto.imap.commands import check_tag
from mailproto.imap.cursor import MAX_NUMBER, Cursor, ParseError
from mailproto.imap.fetch_data import (
    FETCH_ROWS,
    FetchData,
    PreparedFetch,
    PreparedItem,
    parse_fetch_data,
    prepare,
)
from mailproto.imap.mailbox_data import (
    ExistsData,
    ExpungeData,
    FlagsData,
    ListData,
    LSubData,
    RecentData,
    SearchData,
    StatusData,
)
from mailproto.imap.server_data import CapabilityData, EnabledData, IDData, NamespaceData, NamespacePrefix
from mailproto.imap.short_fetch import LONGEST, parse_short_fetch
from mailproto.imap.status import (
    STATUSES,
    Bad,
    Bye,
    No,
    Ok,
    StatusResponse,
    parse_resp_text,
    parse_status,
    write_status,
)
from mailproto.imap.values import MAX_DEPTH, Content, Message, Value, check_value
from mailproto.imap.writer import Fragment, LiteralForm, Writer

__all__ = [
    "CapabilityData",
    "ContinuationRequest",
    "DataResponse",
    "DataValue",
    "EnabledData",
    "ExistsData",
    "ExpungeData",
    "FetchData",
    "FlagsData",
    "IDData",
    "LSubData",
    "ListData",
    "NamespaceData",
    "NamespacePrefix",
    "PreparedFetch",
    "PreparedItem",
    "RecentData",
    "Response",
    "SearchData",
    "StatusData",
    "TaggedStatus",
    "UnknownData",
    "UnreadResponse",
    "parse_response",
    "prepare",
    "serialize_response",
    "write_response",
]

# What no row knows: a name that may stand behind a number.
_NAME: Final = re.compile(rb'(?!\[)[^\x00-\x20\x7f-\xff(){%*"\\\]]+')


@final
@dataclass(frozen=True, slots=True)
class UnknownData(DataResponse):
    """A response that no module knows: its name in upper case, the number before it, and what follows."""

    name: str  # type: ignore[misc]  # of the value here, of the class elsewhere
    values: tuple[Value, ...] = ()
    number: int | None = None
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name.encode("utf-8", "surrogatepass")) or self.name.isdigit():
            raise LocalProtocolError(f"expected the name of a response, got {self.name[:40]!r}")
        name = self.name.upper()
        known = RESPONSE_ROWS if self.number is None else {*NUMBERED_ROWS, *FETCH_ROWS}
        if name in known or (name in STATUSES and self.number is None):
            raise LocalProtocolError(f"{name}: expected the class of this response")
        object.__setattr__(self, "name", name)
        check_value(self.values)
        if self.number is not None and not 0 <= self.number <= MAX_NUMBER:
            raise LocalProtocolError(f"expected a number of 32 bits, got {str(self.number)[:40]}")

    def write(self, writer: Writer) -> None:
        """Write the number, the name and the values."""
        writer.write((f"{self.number} " if self.number is not None else "").encode("ascii"))
        writer.atom(self.name)
        writer.values(self.values)


@final
@dataclass(frozen=True, slots=True, repr=False)
class UnreadResponse:
    """A well-framed response that cannot be read; `defects` has one that says why.

    `text` and `literals` are its octets. `tag` is that of the command which it completes all the same; None
    if it is untagged. It cannot be sent.
    """

    text: bytes
    literals: tuple[Content, ...] = ()
    tag: str | None = None
    defects: tuple[Defect, ...] = field(default=(), compare=False, kw_only=True)

    def __repr__(self) -> str:
        text, literals, defects = hide_token(self.text), self.literals, self.defects
        return f"UnreadResponse({text=}, {literals=}, tag={self.tag!r}, {defects=})"


# Octets that are not UTF-8 are the surrogates from DC80 to DCFF; there are none for the others.
_NOT_TEXT: Final = re.compile("[\r\n\0\ud800-\udc7f\udd00-\udfff]")


@final
@dataclass(frozen=True, slots=True)
class ContinuationRequest:
    """`+`: the server is ready for what comes next (section 7.5). `text` is `resp-text` or base64."""

    text: str = ""
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        if _NOT_TEXT.search(self.text):
            raise LocalProtocolError(f"expected one line of text, got {self.text[:40]!r}")

    def write(self, writer: Writer) -> None:
        """Write `"+" SP text`."""
        writer.write(b"+ " + self.text.encode("utf-8", "surrogateescape"))


@final
@dataclass(frozen=True, slots=True)
class TaggedStatus:
    """The status that completes the command of this tag (section 7.1)."""

    tag: str
    status: Ok | No | Bad
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        check_tag(self.tag)
        if not isinstance(self.status, Ok | No | Bad):
            raise LocalProtocolError(f"expected OK, NO or BAD, got {type(self.status).__name__}")

    def write(self, writer: Writer) -> None:
        """Write the tag and the status."""
        writer.atom(self.tag)
        writer.write(b" ")
        write_status(writer, self.status)


Response: TypeAlias = (
    DataResponse
    | FetchData
    | PreparedFetch
    | StatusResponse
    | TaggedStatus
    | ContinuationRequest
    | UnreadResponse
)
"""What a server sends. A `PreparedFetch` is sent only: it is read as a `FetchData`."""

ValueT = TypeVar("ValueT", bound=DataResponse | StatusResponse | TaggedStatus | ContinuationRequest)

_FETCH: Final = re.compile(rb"\* ([1-9][0-9]{0,8}) FETCH (?=\()")
_UNTAGGED: Final = re.compile(rb"\* (?:([0-9]{1,10}) )?([^\x00-\x20\x7f-\xff(){%*\"\\\]]+)")


def parse_response(
    message: Message,
    *,
    strict: bool = False,
    max_depth: int = MAX_DEPTH,
    max_ranges: int = 100_000,
    utf8: bool = False,
    rev2: bool = False,
) -> Response:
    """Read a framed response; what no module knows is `UnknownData`, what cannot be read `UnreadResponse`.

    Offsets of defects count in the text of *message*. *utf8* says that UTF-8 is enabled (RFC 9755), *rev2*
    that IMAP4rev2 is spoken (RFC 9051). Raises ParseError only if *strict*, for each defect.
    """
    fetched = parse_short_fetch(message.text) if len(message.text) <= LONGEST else None
    if fetched is not None:
        return fetched
    cursor = Cursor(message, strict=strict, max_depth=max_depth, max_ranges=max_ranges, utf8=utf8, rev2=rev2)
    try:
        match = _FETCH.match(cursor.text)
        if match is not None:
            cursor.position = match.end()
            return parse_fetch_data(cursor, int(match[1]))
        return _parse(cursor)
    except ParseError as error:
        if strict:
            raise
        defect = Defect(error.expected, error.offset, error.found)
        return UnreadResponse(message.text, message.literals, _tag(message.text), defects=(defect,))


_TAG: Final = re.compile(rb'([^\x00-\x20\x7f-\xff(){%*"\\+]+)(?: |\Z)')


def _tag(text: bytes) -> str | None:
    match = _TAG.match(text)
    return match[1].decode("ascii") if match else None


# response-tagged = tag SP resp-cond-state CRLF
_TAGGED: Final = re.compile(rb'([^\x00-\x20\x7f-\xff(){%*"\\+]+) (OK|NO|BAD|BYE)(?=[ ]|\Z)', re.IGNORECASE)
_TAGLESS_CODE: Final = re.compile(rb"(?:OK )?(\[[A-Z])", re.IGNORECASE)


def _parse(cursor: Cursor) -> Response:
    if cursor.text.startswith(b"+"):
        return _parse_continuation(cursor)
    if cursor.text.startswith(b"*"):
        return _parse_untagged(cursor)
    match = cursor.accept_match(_TAGGED)
    if match is None:
        return _parse_stray(cursor)
    tag, kind = match[1].decode("ascii"), STATUSES[match[2].decode("ascii").upper()]
    if kind is Bye:
        # What the client asked for is not done, but for LOGOUT.
        cursor.defect("no tag before BYE", 0)
        kind = No
    status = cast("Ok | No | Bad", parse_status(cursor, kind))
    return _with_defects(TaggedStatus(tag, status), cursor)


def _parse_stray(cursor: Cursor) -> Response:
    """Read a line that is neither untagged, tagged nor `+`: a code, or what stands behind a wrong literal."""
    match = _TAGLESS_CODE.match(cursor.text)
    if match is None:
        raise cursor.error("* or + or a tag and a status")
    return _parse_code_alone(cursor, match.start(1))


def _parse_code_alone(cursor: Cursor, start: int) -> Response:
    """Read `resp-text` whose status is missing, as if it were an untagged OK."""
    cursor.defect("a status before a response code", start)
    cursor.position = start
    text, code = parse_resp_text(cursor)
    if code is None:
        raise cursor.error("a response code", start)
    return _with_defects(Ok.of_parsed(text, code), cursor)


def _parse_continuation(cursor: Cursor) -> ContinuationRequest:
    cursor.position = 1
    # Some servers leave the space out when nothing follows it.
    if not cursor.accept(b" "):
        cursor.defect("a space behind +")
    start = cursor.position
    octets = cursor.rest()
    if b"\0" in octets or b"\r" in octets or b"\n" in octets:
        cursor.defect("text of one line", start)
        octets = re.sub(rb"[\0\r\n]+", b" ", octets)
    return _with_defects(ContinuationRequest(octets.decode("utf-8", "surrogateescape")), cursor)


def _parse_untagged(cursor: Cursor) -> Response:
    if cursor.text.startswith(b"* ["):
        return _parse_code_alone(cursor, 2)
    number, octets = cursor.expect_match(_UNTAGGED, "a response").groups()
    name = octets.decode("ascii").upper()
    if number is not None:
        return _parse_numbered(cursor, int(number), name)
    if name in STATUSES:
        return _with_defects(parse_status(cursor, STATUSES[name]), cursor)
    if name in RESPONSE_ROWS:
        return _ended(RESPONSE_ROWS[name](cursor), cursor)
    return _ended(_parse_unknown(cursor, name, None), cursor)


def _parse_numbered(cursor: Cursor, number: int, name: str) -> Response:
    if number > MAX_NUMBER:
        raise cursor.error("a number of 32 bits", 2)
    if name in FETCH_ROWS:
        if not number:
            raise cursor.error("the number of a message", 2)
        cursor.sp()
        return FETCH_ROWS[name](cursor, number)
    if name in NUMBERED_ROWS:
        return _ended(NUMBERED_ROWS[name](cursor, number), cursor)
    return _ended(_parse_unknown(cursor, name, number), cursor)


def _parse_unknown(cursor: Cursor, name: str, number: int | None) -> UnknownData:
    values = cursor.values()
    try:
        return UnknownData(name, values, number)
    except LocalProtocolError:
        raise cursor.error("a response", 2) from None


def _ended(value: DataResponse, cursor: Cursor) -> DataResponse:
    """Return *value* with the defects of *cursor*, what is left of the line among them."""
    if not cursor.is_at_end:
        cursor.defect("the end of the response")
    return _with_defects(value, cursor)


def _with_defects(value: ValueT, cursor: Cursor) -> ValueT:
    if cursor.defects:
        object.__setattr__(value, "defects", tuple(cursor.defects))
    return value


def write_response(writer: Writer, response: Response) -> None:
    """Write *response* with its CRLF. Raises LocalProtocolError for what cannot be sent."""
    if isinstance(response, UnreadResponse):
        raise LocalProtocolError("expected a response, got one that could not be read")
    if isinstance(response, TaggedStatus | ContinuationRequest):
        response.write(writer)
    else:
        writer.write(b"* ")
        if isinstance(response, StatusResponse):
            write_status(writer, response)
        else:
            response.write(writer)
    writer.write(b"\r\n")


def serialize_response(response: Response, *, utf8: bool = False) -> list[Fragment]:
    """Return *response* as octets with its CRLF, and places for what is streamed.

    *utf8* says that the client has enabled UTF-8, or IMAP4rev2, which has that. Raises LocalProtocolError for
    what cannot be sent.
    """
    writer = Writer(LiteralForm.SERVER, utf8=utf8)
    write_response(writer, response)
    return writer.fragments()

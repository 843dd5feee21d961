from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import (
    NUMBERED_ROWS,
    RESPONSE_ROWS,
    DataResponse,
    register_numbered,
    register_response,
)
from mailproto.imap.codes import ALERT, UIDNextCode
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.mailbox_data import ExistsData
from mailproto.imap.responses import (
    ContinuationRequest,
    Response,
    TaggedStatus,
    UnknownData,
    UnreadResponse,
    parse_response,
    serialize_response,
)
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth
from mailproto.imap.values import Message, Omitted, Streamed
from mailproto.imap.writer import Writer
from support_imap_wire import frame

CASES: list[tuple[bytes, Response]] = [
    # RFC 3501 section 7
    (b"* OK IMAP4rev1 server ready", Ok("IMAP4rev1 server ready")),
    (b"* OK [ALERT] System shutdown in 10 minutes", Ok("System shutdown in 10 minutes", ALERT)),
    (b"* NO Disk is 98% full", No("Disk is 98% full")),
    (b"* BAD Command line too long", Bad("Command line too long")),
    (b"* PREAUTH logged in as Smith", PreAuth("logged in as Smith")),
    (b"* BYE Autologout; idle for too long", Bye("Autologout; idle for too long")),
    (b"A222 NO COPY failed", TaggedStatus("A222", No("COPY failed"))),
    (b"a1 OK [UIDNEXT 5] done {3}", TaggedStatus("a1", Ok("done {3}", UIDNextCode(5)))),
    (b"+ ", ContinuationRequest()),
    (
        b"+ YGgGCSqGSIb3EgECAgIAb1kwV6ADAgEFoQMCAQ+iSzBJ",
        ContinuationRequest("YGgGCSqGSIb3EgECAgIAb1kwV6ADAgEFoQMCAQ+iSzBJ"),
    ),
    (b"+ Ready for additional command text", ContinuationRequest("Ready for additional command text")),
    (b"+ b\xc3\xa9reit \xff", ContinuationRequest("béreit \udcff")),
    (b"* X-FOO", UnknownData("X-FOO")),
    (b'* X-ROOT INBOX ""', UnknownData("X-ROOT", ("INBOX", b""))),
    (b"* 5 X-FOO (1 NIL (a)) {1}\r\n\n", UnknownData("X-FOO", ((1, None, ("a",)), b"\n"), 5)),
    (b"* X-GONE (EARLIER) 300:310,405", UnknownData("X-GONE", (("EARLIER",), "300:310,405"))),
]

OTHER_SPELLINGS: list[tuple[bytes, Response]] = [
    (b"* ok Ready", Ok("Ready")),
    (b"a1 no x", TaggedStatus("a1", No("x"))),
    (b"* x-foo", UnknownData("X-FOO")),
]

DEVIATIONS: list[tuple[bytes, Response, str]] = [
    (b"+", ContinuationRequest(), "a space behind +"),
    (b"+ok", ContinuationRequest("ok"), "a space behind +"),
    (b"* OK", Ok.of_parsed("", None), "text after the status"),
    (b"a1 OK [X", TaggedStatus("a1", Ok.of_parsed("[X", None)), "a response code"),
    (b"+ a\0b", ContinuationRequest("a b"), "text of one line"),
]

UNREAD: list[tuple[bytes, str | None]] = [
    (b"", None),
    (b"*", None),
    (b"* ", None),
    (b"*OK done", None),
    (b"* (x)", None),
    (b'* "OK" done', None),
    (b"* FOO " + b"(" * 2_000, None),
    (b"* FOO  x", None),
    (b"* FOO (", None),
    (b"* 99999999999 EXISTS", None),
    (b"a1", "a1"),
    (b"a1 ", "a1"),
    (b"a1 DONE", "a1"),
    (b"a1 OKAY x", "a1"),
    (b"\xff OK", None),
    (b" OK", None),
]


@pytest.mark.parametrize(("octets", "response"), CASES, ids=repr)
def test_both_directions(octets: bytes, response: Response) -> None:
    message = Message(octets) if b"{3}" in octets else frame(octets + b"\r\n")
    parsed = parse_response(message, strict=True)
    assert parsed == response
    assert type(parsed) is type(response)
    assert hash(parsed) == hash(response)
    assert serialize_response(response) == [octets + b"\r\n"]


@pytest.mark.parametrize(("octets", "response"), OTHER_SPELLINGS, ids=repr)
def test_other_spellings(octets: bytes, response: Response) -> None:
    assert parse_response(Message(octets), strict=True) == response


@pytest.mark.parametrize(("octets", "response", "rule"), DEVIATIONS, ids=repr)
def test_deviations(octets: bytes, response: Response, rule: str) -> None:
    parsed = parse_response(Message(octets))
    assert parsed == response
    assert not isinstance(parsed, DataResponse | UnreadResponse)
    assert parsed.defects[0].rule == rule
    with pytest.raises(ParseError):
        parse_response(Message(octets), strict=True)


@pytest.mark.parametrize(("octets", "tag"), UNREAD, ids=lambda value: repr(value)[:30])
def test_unread(octets: bytes, tag: str | None) -> None:
    parsed = parse_response(Message(octets))
    assert parsed == UnreadResponse(octets, (), tag)
    assert isinstance(parsed, UnreadResponse)
    assert len(parsed.defects) == 1
    with pytest.raises(ParseError):
        parse_response(Message(octets), strict=True)
    with pytest.raises(LocalProtocolError):
        serialize_response(parsed)


def test_a_number_with_a_status_name_is_unknown_data() -> None:
    assert parse_response(Message(b"* 5 OK x")) == UnknownData("OK", ("x",), 5)


@pytest.mark.parametrize(
    "octets",
    [b"* EXISTS", b"* EXPUNGE 5", b"* 5 SEARCH", b"* 5 LIST () NIL a", b"* 5 FLAGS ()"],
    ids=repr,
)
def test_a_known_name_in_the_wrong_form_is_unknown_data(octets: bytes) -> None:
    assert isinstance(parse_response(Message(octets)), UnknownData)


def test_a_literal_that_was_not_kept_stays_in_unknown_data() -> None:
    message = Message(b"* X {9}\r\n {9}\r\n", (Streamed(9), Omitted(9)))
    assert parse_response(message) == UnknownData("X", (Streamed(9), Omitted(9)))


def test_literals_of_what_cannot_be_read_are_kept() -> None:
    assert parse_response(Message(b"* X ({1}\r\n", (b"a",))) == UnreadResponse(b"* X ({1}\r\n", (b"a",))


WRONG: list[Callable[[], object]] = [
    lambda: UnknownData("a b"),
    lambda: UnknownData("5"),
    lambda: UnknownData("search"),
    lambda: UnknownData("OK"),
    lambda: UnknownData("fetch", (), 5),
    lambda: UnknownData("exists", (), 5),
    lambda: UnknownData("X", (), -1),
    lambda: UnknownData("X", (), 2**32),
    lambda: UnknownData("X", ("a b",)),
    lambda: UnknownData("é"),
    lambda: ContinuationRequest("a\r\nb"),
    lambda: ContinuationRequest("a\0"),
    lambda: ContinuationRequest("\ud800"),
    lambda: TaggedStatus("+", Ok("x")),
    lambda: TaggedStatus("a b", Ok("x")),
    lambda: TaggedStatus("a", Bye("x")),  # type: ignore[arg-type]  # wrong on purpose
]


@pytest.mark.parametrize("build", WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_built(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_defects_are_no_part_of_equality() -> None:
    defect = (Defect("x", 0),)
    assert ExistsData(5, defects=defect) == ExistsData(5)
    assert hash(ExistsData(5, defects=defect)) == hash(ExistsData(5))
    assert UnreadResponse(b"x", defects=defect) == UnreadResponse(b"x")


@dataclass(frozen=True)
class XTestData(DataResponse):
    name: ClassVar[str] = "X-TEST"
    number: int = 0
    defects: tuple[Defect, ...] = ()

    @classmethod
    def parse(cls, cursor: Cursor, number: int = 0) -> XTestData:
        return cls(number)

    def write(self, writer: Writer) -> None:
        writer.write(b"X-TEST")


def test_an_extension_registers_its_rows() -> None:
    try:
        register_response(XTestData)
        register_numbered(XTestData)
        assert parse_response(Message(b"* X-TEST"), strict=True) == XTestData()
        assert parse_response(Message(b"* 5 X-TEST"), strict=True) == XTestData(5)
        assert serialize_response(XTestData()) == [b"* X-TEST\r\n"]
    finally:
        del RESPONSE_ROWS["X-TEST"], NUMBERED_ROWS["X-TEST"]


@given(
    st.binary(max_size=60),
    st.sampled_from((b"", b"* ", b"+ ", b"a OK ", b"* 5 ", b"* LIST ", b"* NAMESPACE ")),
)
def test_any_octets_are_a_response(octets: bytes, start: bytes) -> None:
    for literals in ((), (b"a", Streamed(5))):
        response = parse_response(Message(start + octets, literals))
        assert hash(response) is not None

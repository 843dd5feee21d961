from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import (
    ALERT,
    READ_WRITE,
    BadCharsetCode,
    CapabilityCode,
    ResponseCode,
    SimpleCode,
    UIDNextCode,
    UnknownCode,
)
from mailproto.imap.cursor import ParseError
from mailproto.imap.status import (
    STATUSES,
    Bad,
    Bye,
    No,
    Ok,
    PreAuth,
    StatusResponse,
    parse_status,
    write_status,
)
from support_imap_strategies import lines, response_codes
from support_imap_wire import cursor_at, frame, written


def _parse(octets: bytes, *, strict: bool = False) -> tuple[StatusResponse, int]:
    message = frame(octets)
    cursor = cursor_at(message.text, *message.literals, strict=strict)
    status = parse_status(cursor, STATUSES[cursor.word()])
    cursor.expect_end()
    return status, len(cursor.defects)


CASES: list[tuple[bytes, StatusResponse]] = [
    (b"OK IMAP4rev1 Service Ready", Ok("IMAP4rev1 Service Ready")),
    (b"OK completed", Ok()),
    (b"NO failed", No()),
    (b"BAD command not understood", Bad()),
    (b"PREAUTH ready", PreAuth()),
    (b"BYE closing", Bye()),
    (b"OK [ALERT] System shutdown in 10 minutes", Ok("System shutdown in 10 minutes", ALERT)),
    (b"OK [READ-WRITE] SELECT completed", Ok("SELECT completed", READ_WRITE)),
    (b"OK [UIDNEXT 4392] [sic]", Ok("[sic]", UIDNextCode(4392))),
    (b"NO [BADCHARSET (UTF-8 {1}\r\n\n)] no", No("no", BadCharsetCode(("UTF-8", "\n")))),
    (b"OK [CAPABILITY IMAP4rev1 IDLE] hi", Ok("hi", CapabilityCode(["IMAP4rev1", "IDLE"]))),  # type: ignore[arg-type]  # any iterable will do
    (b"NO [X-NEW some thing {5}] text {9}.", No("text {9}.", UnknownCode("X-NEW", b"some thing {5}"))),
    ("OK schön".encode(), Ok("schön")),
]


@pytest.mark.parametrize(("wire", "value"), CASES)
def test_both_directions(wire: bytes, value: StatusResponse) -> None:
    parsed, defects = _parse(wire + b"\r\n", strict=True)
    assert (parsed, defects) == (value, 0)
    assert type(parsed) is type(value)
    assert written(lambda writer: write_status(writer, value)) == wire


DEFECTS: list[tuple[bytes, str, ResponseCode | None, int]] = [
    (b"OK", "", None, 1),
    (b"OK ", "", None, 1),
    (b"OK [ALERT]", "", ALERT, 1),
    (b"OK [ALERT] ", "", ALERT, 1),
    (b"OK [ALERT]text", "text", ALERT, 1),
    (b"OK [ALERT text", "[ALERT text", None, 1),
    (b"OK [] text", "text", None, 1),
    (b"OK [UIDNEXT 0] text", "text", UnknownCode.of_parsed("UIDNEXT", b"0"), 1),
    (b"OK [UIDNEXT] text", "text", UnknownCode.of_parsed("UIDNEXT", b""), 1),
    (b"OK [COPYUID 1 2:3 4] text", "text", UnknownCode.of_parsed("COPYUID", b"1 2:3 4"), 1),
    (b"OK [ALERT ] text", "text", ALERT, 0),
    (b"OK caf\xe9", "café", None, 1),
    (b"OK a\0b", "a\0b", None, 1),
    (b"OK [BADCHARSET ({3}\r\nabc text", "[BADCHARSET ({3}  text", None, 2),
]


@pytest.mark.parametrize(("wire", "text", "code", "defects"), DEFECTS)
def test_what_is_read_with_a_defect(wire: bytes, text: str, code: ResponseCode | None, defects: int) -> None:
    status, found = _parse(wire + b"\r\n")
    assert (status.text, status.code, found) == (text, code, defects)
    if defects:
        with pytest.raises(ParseError):
            _parse(wire + b"\r\n", strict=True)


def test_no_space_behind_the_name_is_not_read() -> None:
    with pytest.raises(ParseError):
        _parse(b"OK(ALERT) text\r\n")


ATTACKS: list[object] = ["", "a\r\nb", "a\nb", "a\rb", "a\0b", "\ud800", "[ALERT] x", "[", b"bytes", None]


@pytest.mark.parametrize("text", ATTACKS, ids=repr)
@pytest.mark.parametrize("kind", [Ok, No, Bad, PreAuth, Bye])
def test_attacks_in_the_text(kind: type[StatusResponse], text: str) -> None:
    with pytest.raises(LocalProtocolError):
        kind(text)


def test_a_code_is_a_response_code() -> None:
    with pytest.raises(LocalProtocolError):
        Ok("text", "ALERT")  # type: ignore[arg-type]  # what an untyped caller does


def test_text_with_nul_that_was_read_is_not_written() -> None:
    status, _ = _parse(b"OK a\0b\r\n")
    with pytest.raises(LocalProtocolError):
        written(lambda writer: write_status(writer, status))


def test_names() -> None:
    assert [kind().name for kind in (Ok, No, Bad, PreAuth, Bye)] == ["OK", "NO", "BAD", "PREAUTH", "BYE"]
    assert Ok().code_name is None
    assert No("x", SimpleCode("nonexistent")).code_name == "NONEXISTENT"
    assert len({Ok("x"), No("x"), Ok("x")}) == 2


@given(st.sampled_from([Ok, No, Bad, PreAuth, Bye]), lines, st.none() | response_codes)
def test_round_trip(kind: type[StatusResponse], text: str, code: ResponseCode | None) -> None:
    if text.startswith("[") and code is None:
        return
    status = kind(text, code)
    assert _parse(written(lambda writer: write_status(writer, status)) + b"\r\n", strict=True) == (status, 0)


@given(st.binary().filter(lambda octets: b"\r" not in octets and b"\n" not in octets))
def test_any_line_of_text_is_read(octets: bytes) -> None:
    message = b"OK " + octets
    cursor = cursor_at(message)
    assert parse_status(cursor, STATUSES[cursor.word()]).name == "OK"
    assert cursor.is_at_end

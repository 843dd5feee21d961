from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap import codes
from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import (
    BadCharsetCode,
    CapabilityCode,
    PermanentFlagsCode,
    ResponseCode,
    SimpleCode,
    UIDNextCode,
    UIDValidityCode,
    UnknownCode,
    UnseenCode,
    parse_resp_text_code,
    write_resp_text_code,
)
from support_imap_strategies import response_codes
from support_imap_wire import cursor_at, frame, written

CASES: list[tuple[bytes, ResponseCode]] = [
    (b"ALERT", codes.ALERT),
    (b"READ-ONLY", codes.READ_ONLY),
    (b"TRYCREATE", codes.TRYCREATE),
    (b"CLOSED", codes.CLOSED),
    (b"BADCHARSET", BadCharsetCode()),
    (b"BADCHARSET (UTF-8)", BadCharsetCode(("UTF-8",))),
    (b'BADCHARSET (UTF-8 "a b")', BadCharsetCode(("UTF-8", "a b"))),
    (b"CAPABILITY IMAP4rev1 IDLE", CapabilityCode(Capabilities(["IDLE", "imap4rev1"]))),
    (b"CAPABILITY", CapabilityCode(Capabilities())),
    (b"PERMANENTFLAGS (\\* \\Deleted \\Seen)", PermanentFlagsCode(frozenset({"\\Deleted", "\\Seen", "\\*"}))),
    (b"PERMANENTFLAGS ()", PermanentFlagsCode(frozenset())),
    (b"UIDNEXT 4392", UIDNextCode(4392)),
    (b"UIDVALIDITY 3857529045", UIDValidityCode(3857529045)),
    (b"UNSEEN 12", UnseenCode(12)),
    (b"X-NEW", SimpleCode("X-NEW")),
    (b"X-REFERRAL imap://joe@example.org/", UnknownCode("X-REFERRAL", b"imap://joe@example.org/")),
]


@pytest.mark.parametrize(("wire", "value"), CASES)
def test_both_directions(wire: bytes, value: ResponseCode) -> None:
    cursor = cursor_at(wire + b"]", strict=True)
    assert parse_resp_text_code(cursor) == value
    assert cursor.peek() == b"]"
    assert written(lambda writer: write_resp_text_code(writer, value)) == wire


def test_names_are_read_in_any_case() -> None:
    assert parse_resp_text_code(cursor_at(b"uidNext 5]")) == UIDNextCode(5)
    assert parse_resp_text_code(cursor_at(b"x-new]")) == SimpleCode("X-NEW")


RFC_5530 = [
    "UNAVAILABLE",
    "AUTHENTICATIONFAILED",
    "AUTHORIZATIONFAILED",
    "EXPIRED",
    "PRIVACYREQUIRED",
    "CONTACTADMIN",
    "NOPERM",
    "INUSE",
    "EXPUNGEISSUED",
    "CORRUPTION",
    "SERVERBUG",
    "CLIENTBUG",
    "CANNOT",
    "LIMIT",
    "OVERQUOTA",
    "ALREADYEXISTS",
    "NONEXISTENT",
]


@pytest.mark.parametrize("name", RFC_5530)
def test_each_code_of_rfc_5530_is_a_constant(name: str) -> None:
    assert getattr(codes, name) == SimpleCode(name)


_ARGUMENTS = "the arguments of the response code"


@pytest.mark.parametrize(
    ("wire", "name", "text", "rule"),
    [
        (b"UNSEEN 0]", "UNSEEN", b"0", "a number other than 0"),
        (b"UIDNEXT 4294967296]", "UIDNEXT", b"4294967296", _ARGUMENTS),
        (b"UIDVALIDITY " + b"9" * 1000 + b"]", "UIDVALIDITY", b"9" * 1000, _ARGUMENTS),
        (b"PERMANENTFLAGS \\Seen]", "PERMANENTFLAGS", b"\\Seen", _ARGUMENTS),
        (b"CAPABILITY (x)]", "CAPABILITY", b"(x)", _ARGUMENTS),
        (b"UNSEEN 5 6]", "UNSEEN", b"5 6", _ARGUMENTS),
        (b"UIDNEXT ]", "UIDNEXT", b"", _ARGUMENTS),
    ],
)
def test_known_codes_with_other_arguments_are_kept_with_a_defect(
    wire: bytes, name: str, text: bytes, rule: str
) -> None:
    cursor = cursor_at(wire)
    code = parse_resp_text_code(cursor)
    assert code == UnknownCode.of_parsed(name, text)
    assert [defect.rule for defect in cursor.defects] == [rule]
    again = written(lambda writer: write_resp_text_code(writer, code))
    assert parse_resp_text_code(cursor_at(again + b"]")) == code


ATTACKS: list[tuple[str, Callable[[], object]]] = [
    *(
        (f"SimpleCode({name!r})", lambda name=name: SimpleCode(name))
        for name in ("", "a b", "a]", "a\r\n", "é", "\0", 5)
    ),
    ("SimpleCode of a code with arguments", lambda: SimpleCode("uidnext")),
    ("UnknownCode of a known code", lambda: UnknownCode("UNSEEN", b"5")),
    *(
        (f"UnknownCode text {text!r}", lambda text=text: UnknownCode("X", text))
        for text in (b"", b"a]b", b"a\r\nb", b"a\n", b"\0", b"\xe9")
    ),
    ("UnknownCode name", lambda: UnknownCode("X Y", b"a")),
    ("BadCharsetCode", lambda: BadCharsetCode(("a\0",))),
    ("BadCharsetCode in 8 bit", lambda: BadCharsetCode(("é",))),
    ("BadCharsetCode of bytes", lambda: BadCharsetCode((b"UTF-8",))),  # type: ignore[arg-type]  # what an untyped caller does
    ("BadCharsetCode of a string", lambda: BadCharsetCode("UTF-8")),  # type: ignore[arg-type]  # the mistake
    ("UnknownCode text as str", lambda: UnknownCode("X", "a")),  # type: ignore[arg-type]  # the mistake
    ("PermanentFlagsCode", lambda: PermanentFlagsCode(frozenset({"a b"}))),
    ("CapabilityCode", lambda: CapabilityCode(Capabilities(["a]"]))),
    *(
        (f"{kind.__name__}({number!r})", lambda kind=kind, number=number: kind(number))
        for kind in (UIDNextCode, UIDValidityCode, UnseenCode)
        for number in (0, -1, 2**32, True, "1", 1.0)
    ),
]


@pytest.mark.parametrize("build", [attack[1] for attack in ATTACKS], ids=[attack[0] for attack in ATTACKS])
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


@given(response_codes)
def test_round_trip(code: ResponseCode) -> None:
    message = frame(written(lambda writer: write_resp_text_code(writer, code)) + b"]\r\n")
    cursor = cursor_at(message.text, *message.literals, strict=True)
    assert parse_resp_text_code(cursor) == code
    assert cursor.peek() == b"]"

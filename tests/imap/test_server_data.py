from __future__ import annotations

from collections.abc import Callable

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap._response import DataResponse
from mailproto.imap.cursor import ParseError
from mailproto.imap.responses import UnreadResponse, parse_response, serialize_response
from mailproto.imap.server_data import CapabilityData, EnabledData, IDData, NamespaceData, NamespacePrefix
from mailproto.imap.values import Message
from support_imap_wire import frame

CASES: list[tuple[bytes, DataResponse]] = [
    (
        b"* CAPABILITY IMAP4rev1 AUTH=GSSAPI STARTTLS",
        CapabilityData(("IMAP4rev1", "STARTTLS", "AUTH=GSSAPI")),
    ),
    (b"* ENABLED CONDSTORE", EnabledData(("CONDSTORE",))),
    (b"* ENABLED", EnabledData()),
    # RFC 2971 section 4
    (b"* ID NIL", IDData()),
    (
        b'* ID ("name" "Cyrus" "os" NIL "x" {1}\r\n\n)',
        IDData((("name", "Cyrus"), ("os", None), ("x", "\n"))),
    ),
    # RFC 2342 section 5
    (b'* NAMESPACE (("" "/")) NIL NIL', NamespaceData((NamespacePrefix("", "/"),))),
    (b'* NAMESPACE NIL NIL (("" "."))', NamespaceData(shared=(NamespacePrefix("", "."),))),
    (
        b'* NAMESPACE (("" "/")) (("~" "/")) (("#shared/" "/")("#public/" NIL))',
        NamespaceData(
            (NamespacePrefix("", "/"),),
            (NamespacePrefix("~", "/"),),
            (NamespacePrefix("#shared/", "/"), NamespacePrefix("#public/", None)),
        ),
    ),
    (
        b'* NAMESPACE (("" "/")("#mh/" "/" "X-PARAM" ("FLAG1" "FLAG2") "Y" ("z"))) NIL NIL',
        NamespaceData(
            (
                NamespacePrefix("", "/"),
                NamespacePrefix("#mh/", "/", ((b"X-PARAM", (b"FLAG1", b"FLAG2")), (b"Y", (b"z",)))),
            )
        ),
    ),
]

DEVIATIONS: list[tuple[bytes, DataResponse, tuple[str, int]]] = [
    # So an example of RFC 2342 section 5 has it.
    (
        b'* NAMESPACE (("INBOX." ".")) NIL  NIL',
        NamespaceData((NamespacePrefix("INBOX.", "."),)),
        ("no space but those of the grammar", 33),
    ),
    (
        b'* NAMESPACE (("" "/") ("#" "/")) NIL NIL',
        NamespaceData((NamespacePrefix("", "/"), NamespacePrefix("#", "/"))),
        ("no space but those of the grammar", 21),
    ),
    (b"* CAPABILITY IMAP4rev1 ", CapabilityData(("IMAP4rev1",)), ("one space before each capability", 22)),
    (b"* ENABLED ", EnabledData(), ("one space before each capability", 9)),
    (
        b'* NAMESPACE (("" "//")) NIL NIL',
        NamespaceData((NamespacePrefix("", None),)),
        ("a delimiter of one character", 17),
    ),
    (b"* ID NIL x", IDData(), ("the end of the response", 8)),
]

UNREAD = [
    b"* ID",
    b"* ID (x)",
    b"* NAMESPACE NIL NIL",
    b"* NAMESPACE () NIL NIL",
    b'* NAMESPACE (("" "/" "X" ())) NIL NIL',
    b'* NAMESPACE (("" "/" "X")) NIL NIL',
]


@pytest.mark.parametrize(("octets", "response"), CASES, ids=repr)
def test_both_directions(octets: bytes, response: DataResponse) -> None:
    parsed = parse_response(frame(octets + b"\r\n"), strict=True)
    assert parsed == response
    assert hash(parsed) == hash(response)
    assert isinstance(parsed, DataResponse)
    assert parsed.defects == ()
    (written,) = serialize_response(response)
    assert isinstance(written, bytes)
    assert sorted(written.split()) == sorted(octets.split())
    assert parse_response(frame(written), strict=True) == response


@pytest.mark.parametrize(("octets", "response", "defect"), DEVIATIONS, ids=repr)
def test_deviations(octets: bytes, response: DataResponse, defect: tuple[str, int]) -> None:
    parsed = parse_response(Message(octets))
    assert parsed == response
    assert isinstance(parsed, DataResponse)
    assert [(found.rule, found.offset) for found in parsed.defects] == [defect]
    with pytest.raises(ParseError):
        parse_response(Message(octets), strict=True)


@pytest.mark.parametrize("octets", UNREAD, ids=repr)
def test_unread(octets: bytes) -> None:
    assert isinstance(parse_response(Message(octets)), UnreadResponse)


def test_an_id_beyond_the_limits_is_read() -> None:
    octets = b"* ID (%b)" % b" ".join(b'"f%d" "v"' % number for number in range(31))
    parsed = parse_response(Message(octets))
    assert isinstance(parsed, IDData)
    assert parsed.parameters is not None
    assert len(parsed.parameters) == 31
    assert [defect.rule for defect in parsed.defects] == ["parameters within the limits of RFC 2971"]


def test_nul_in_a_namespace_cannot_be_read() -> None:
    octets = b'* NAMESPACE (({1}\r\n "/")) NIL NIL'
    assert isinstance(parse_response(Message(octets, (b"\0",))), UnreadResponse)


WRONG: list[Callable[[], object]] = [
    lambda: CapabilityData(("a b",)),
    lambda: EnabledData("CONDSTORE"),
    lambda: IDData((("x" * 31, "y"),)),
    lambda: NamespacePrefix("a\0", "/"),
    lambda: NamespacePrefix("a", "//"),
    lambda: NamespacePrefix("a", "/", ((b"x", ()),)),
    lambda: NamespacePrefix("a", "/", ((b"x", (b"\0",)),)),
]


@pytest.mark.parametrize("build", WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_built(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()

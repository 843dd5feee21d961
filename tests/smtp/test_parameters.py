from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.address import NULL_PATH, Mailbox, Path
from mailproto.errors import LocalProtocolError
from mailproto.smtp import AUTH, BODY, SIZE, Parameters
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp.parameters import decode_xtext, encode_xtext

CASES: list[tuple[bytes, Parameters]] = [
    (b"", Parameters()),
    (b" SIZE=0", Parameters.of(size=0)),
    (b" SIZE=99999999999999999999", Parameters.of(size=99999999999999999999)),
    (b" BODY=7BIT", Parameters.of(body="7BIT")),
    (b" SMTPUTF8", Parameters.of(smtputf8=True)),
    (b" AUTH=<>", Parameters.of(auth=NULL_PATH)),
    (b" AUTH=e+3Dmc2@example.com", Parameters.of(auth=Path(Mailbox("e=mc2", "example.com")))),
    (
        b" AUTH=<> BODY=8BITMIME SIZE=1",
        Parameters([AUTH.pair(NULL_PATH), BODY.pair("8BITMIME"), SIZE.pair(1)]),
    ),
    (b" X-A=b!~ X2", Parameters([("X-A", "b!~"), ("X2", None)])),
    (" X=é".encode(), Parameters([("X", "é")])),
]


@pytest.mark.parametrize("octets, parameters", CASES)
def test_reads_and_writes(octets: bytes, parameters: Parameters) -> None:
    assert Parameters.parse(octets) == parameters
    assert parameters.serialize() == octets


def test_typed_access() -> None:
    parameters = Parameters.parse(b" size=12 body=8bitmime AUTH=a+2Bb@x.example SMTPUTF8 FOO")
    assert parameters.size == 12
    assert parameters.body == "8BITMIME"
    assert parameters.auth == Path(Mailbox("a+b", "x.example"))
    assert parameters.smtputf8
    assert parameters.has("foo")
    assert parameters.get("Size") == "12"
    assert parameters.get("FOO") is None
    assert repr(Parameters([("A", "b")])) == "Parameters([('A', 'b')])"


def test_absent_ones() -> None:
    none = Parameters()
    assert (none.size, none.body, none.auth, none.smtputf8, none.has("X")) == (None, None, None, False, False)
    assert repr(none) == "Parameters()"


def test_an_identity_that_is_no_address_is_not_known() -> None:
    assert Parameters.parse(b" AUTH=someone").auth == NULL_PATH
    assert Parameters.parse(b" AUTH=<>").auth == NULL_PATH
    assert Parameters.parse(b" AUTH=+FF@x.example").auth == NULL_PATH


def test_an_identity_in_utf_8() -> None:
    assert Parameters.parse(b" AUTH=j+C3+BCrgen@x.example").auth == Path(Mailbox("jürgen", "x.example"))


@pytest.mark.parametrize(
    "octets",
    [
        b" =x",
        b" A=",
        b" A=b=c",
        b" -A",
        b" BODY=9BIT",
        b" BODY",
        " BODY=7Bıt".encode(),
        b" AUTH=+ZZ",
        b" AUTH=+2b",
        b" SMTPUTF8=x",
        b" A=1 a=2",
        b" \x01",
        b" A=\xff",
        b" SIZE=-1",
    ],
)
def test_refuses(octets: bytes) -> None:
    with pytest.raises(CommandSyntaxError) as caught:
        Parameters.parse(octets)
    assert caught.value.code == 501


@pytest.mark.parametrize(
    "pairs",
    [
        [("A B", None)],
        [("A", "b c")],
        [("A", "")],
        [("", "x")],
        [("A", "b=c")],
        [("A=b", "c")],
        [("A=b", None)],
        [("A", "1"), ("a", "2")],
        [("SIZE", "x")],
        [("SIZE", None)],
        [("A", "\r\nX")],
        [("ſize", "1")],
        [("A", "\ud800")],
    ],
)
def test_cannot_be_built(pairs: list[tuple[str, str | None]]) -> None:
    with pytest.raises(LocalProtocolError):
        Parameters(pairs)


@given(st.text(st.characters(max_codepoint=127)))
def test_xtext_round_trip(text: str) -> None:
    assert decode_xtext(encode_xtext(text)) == text


def test_xtext_is_ascii() -> None:
    with pytest.raises(LocalProtocolError):
        encode_xtext("é")

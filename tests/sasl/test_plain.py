from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.sasl import Accepted, Challenge, Need, PlainClient, PlainServer, Refused, Secret, Verify

# RFC 4616 section 4, and the limits of section 2.
CASES = {
    "own identity": (("tim", "tanstaaftanstaaf", None), b"\0tim\0tanstaaftanstaaf"),
    "other identity": (("Kurt", "xipj3plmq", "Ursel"), b"Ursel\0Kurt\0xipj3plmq"),
    "UTF-8": (("jürgen", "pässwörd", None), "\0jürgen\0pässwörd".encode()),
    "255 octets": (("a" * 255, "b" * 255, "c" * 255), b"c" * 255 + b"\0" + b"a" * 255 + b"\0" + b"b" * 255),
}
NOT_CASES = {
    "empty": b"",
    "one field": b"tim",
    "two fields": b"tim\0secret",
    "four fields": b"\0tim\0secret\0",
    "no name": b"\0\0secret",
    "no password": b"\0tim\0",
    "not UTF-8": b"\0tim\0\xff",
    "authzid not UTF-8": b"\xff\0tim\0secret",
}


@pytest.mark.parametrize("arguments, message", CASES.values(), ids=CASES)
def test_both_ends(arguments: tuple[str, str, str | None], message: bytes) -> None:
    authcid, password, authzid = arguments
    client = PlainClient(authcid, password, authzid=authzid)
    assert client.initial_response() == message
    assert client.respond(b"any prompt") == message
    client.finish()
    assert PlainServer().step(message) == Need(Verify(authcid, Secret(password), authzid))


@pytest.mark.parametrize("message", NOT_CASES.values(), ids=NOT_CASES)
def test_server_refuses(message: bytes) -> None:
    assert isinstance(PlainServer().step(message), Refused)


def test_without_initial_response() -> None:
    server = PlainServer()
    assert server.step(None) == Challenge(b"")
    assert server.step(b"\0tim\0x") == Need(Verify("tim", Secret("x")))
    assert server.resume("tim@example.org") == Accepted("tim@example.org", "tim")


@pytest.mark.parametrize("answer", [None, "", 1, True, b"tim"], ids=repr)
def test_no_identity_is_a_refusal(answer: object) -> None:
    server = PlainServer()
    server.step(b"\0tim\0x")
    assert server.resume(answer) == Refused("the credentials were not accepted")


@pytest.mark.parametrize("value", ["", "a\0b", "\udc80"], ids=repr)
def test_client_refuses(value: str) -> None:
    for arguments in ((value, "x", None), ("x", value, None), ("x", "x", value)):
        with pytest.raises(LocalProtocolError) as caught:
            PlainClient(arguments[0], arguments[1], authzid=arguments[2])
        assert "\udc80" not in str(caught.value)


def test_password_is_not_shown() -> None:
    client = PlainClient("tim", Secret("tanstaaf"))
    assert "tanstaaf" not in repr(client)
    assert "tanstaaf" not in repr(PlainServer().step(client.initial_response()))


@given(st.binary(max_size=40))
def test_random_octets(message: bytes) -> None:
    assert isinstance(PlainServer().step(message), Need | Refused)

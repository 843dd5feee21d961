from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.sasl import (
    Accepted,
    Anonymous,
    AnonymousClient,
    AnonymousServer,
    Challenge,
    Need,
    PasswordAuthenticator,
    Refused,
)
from support_sasl import exchange, setting

# RFC 4505 sections 2 and 4
CASES = {
    "the example": ("sirhc", b"sirhc"),
    "nothing": ("", b""),
    "an address": ("tim@example.org", b"tim@example.org"),
    "UTF-8": ("jürgen", "jürgen".encode()),
    "longest": ("ü" * 255, "ü".encode() * 255),
}
NOT_CASES = {"too long": "x" * 256, "control": "a\nb", "NUL": "\0", "private": "\ue000"}


@pytest.mark.parametrize("trace, message", CASES.values(), ids=CASES)
def test_both_ends(trace: str, message: bytes) -> None:
    client = AnonymousClient(trace)
    assert client.initial_response() == client.respond(b"") == message
    client.finish()
    server = AnonymousServer()
    assert server.step(message) == Need(Anonymous(trace))
    assert server.resume("guest") == Accepted("guest", "")


@pytest.mark.parametrize("trace", NOT_CASES.values(), ids=NOT_CASES)
def test_refused_at_both_ends(trace: str) -> None:
    with pytest.raises(LocalProtocolError):
        AnonymousClient(trace)
    assert AnonymousServer().step(trace.encode()) == Refused("expected a trace")


def test_without_initial_response() -> None:
    assert AnonymousServer().step(None) == Challenge(b"")
    assert AnonymousServer().step(b"\xff") == Refused("expected a trace in UTF-8")


def test_only_if_the_authenticator_wants_it() -> None:
    def welcome(request: Anonymous) -> str | None:
        return "guest" if request.trace else None

    guests = PasswordAuthenticator({}, anonymous=welcome)
    assert guests.mechanisms == ("ANONYMOUS",)
    assert exchange(AnonymousClient("x"), AnonymousServer(), guests, setting()) == Accepted("guest", "")
    for authenticator in (guests, PasswordAuthenticator({"": ""})):
        assert isinstance(exchange(AnonymousClient(), AnonymousServer(), authenticator, setting()), Refused)
    assert "ANONYMOUS" not in PasswordAuthenticator({"tim": "x"}).mechanisms


@given(st.binary(max_size=40))
def test_random_octets(message: bytes) -> None:
    assert isinstance(AnonymousServer().step(message), Need | Refused)

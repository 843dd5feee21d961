from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.sasl import Accepted, Challenge, External, ExternalClient, ExternalServer, Need, Refused
from support_sasl import FakeChannel

CHANNEL = FakeChannel(b"DER")


# RFC 4422 appendix A.2
@pytest.mark.parametrize(
    "authzid, message", [(None, b""), ("fred@example.com", b"fred@example.com")], ids=repr
)
def test_both_ends(authzid: str | None, message: bytes) -> None:
    client = ExternalClient(authzid)
    assert client.initial_response() == client.respond(b"") == message
    client.finish()
    server = ExternalServer(CHANNEL)
    assert server.step(message) == Need(External(b"DER", authzid))
    assert server.resume("fred") == Accepted("fred", "fred")


def test_without_initial_response() -> None:
    assert ExternalServer(CHANNEL).step(None) == Challenge(b"")


@pytest.mark.parametrize("answer", [None, "", 1], ids=repr)
def test_no_identity_is_a_refusal(answer: object) -> None:
    server = ExternalServer(CHANNEL)
    server.step(b"")
    assert isinstance(server.resume(answer), Refused)


def test_without_certificate() -> None:
    assert ExternalServer().step(b"") == Refused("no certificate was shown")
    assert ExternalServer(FakeChannel(None)).step(b"") == Refused("no certificate was shown")


@pytest.mark.parametrize("message", [b"\xff", b"a\0b"], ids=repr)
def test_server_refuses(message: bytes) -> None:
    assert ExternalServer(CHANNEL).step(message) == Refused("expected an authzid in UTF-8")


@pytest.mark.parametrize("authzid", ["", "a\0b", "\udc80"], ids=repr)
def test_client_refuses(authzid: str) -> None:
    with pytest.raises(LocalProtocolError):
        ExternalClient(authzid)

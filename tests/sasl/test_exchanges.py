"""Every mechanism, its client against its server, with any names and secrets, and with messages garbled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailproto.sasl import (
    SCRAM_MECHANISMS,
    SERVER_MECHANISMS,
    Accepted,
    AnonymousClient,
    AuthenticationAborted,
    ClientMechanism,
    CramMD5Client,
    ExternalClient,
    LoginClient,
    OAuthBearerClient,
    PasswordAuthenticator,
    PlainClient,
    Refused,
    ScramClient,
    VerifyToken,
    XOAuth2Client,
)
from support_sasl import FakeChannel, exchange, setting

CLIENTS: dict[str, Callable[[str, str], ClientMechanism]] = {
    "PLAIN": PlainClient,
    "LOGIN": LoginClient,
    "CRAM-MD5": CramMD5Client,
    "OAUTHBEARER": OAuthBearerClient,
    "XOAUTH2": XOAuth2Client,
    "EXTERNAL": lambda name, secret: ExternalClient(name),
    "ANONYMOUS": lambda name, secret: AnonymousClient(name),
    **{
        mechanism: lambda name, secret, mechanism=mechanism: ScramClient(name, secret, mechanism)  # type: ignore[misc]  # the default binds it
        for mechanism in SCRAM_MECHANISMS
    },
}
WHERE = setting(
    FakeChannel(b"DER", {"tls-exporter": b"exported"}), *(name for name in CLIENTS if name.endswith("-PLUS"))
)
names = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1, max_size=30)


def users(name: str, secret: str) -> PasswordAuthenticator:
    def check(request: VerifyToken) -> str | None:
        return name if request.token.reveal() == secret and request.authzid == name else None

    return PasswordAuthenticator(
        {name: secret}, tokens=check, certificates=lambda request: name, anonymous=lambda request: name
    )


def test_every_mechanism_is_here() -> None:
    assert set(CLIENTS) == set(SERVER_MECHANISMS)


@pytest.mark.parametrize("mechanism", CLIENTS)
@settings(max_examples=12, deadline=None)
@given(name=names, secret=names, wrong=names)
def test_right_and_wrong(mechanism: str, name: str, secret: str, wrong: str) -> None:
    authenticator = users(name, secret)
    server = SERVER_MECHANISMS[mechanism].make
    outcome = exchange(CLIENTS[mechanism](name, secret), server(WHERE), authenticator, WHERE)
    assert isinstance(outcome, Accepted)
    assert outcome.identity == name
    if wrong != secret and mechanism not in ("EXTERNAL", "ANONYMOUS"):
        outcome = exchange(CLIENTS[mechanism](name, wrong), server(WHERE), authenticator, WHERE)
        assert isinstance(outcome, Refused)


@pytest.mark.parametrize("mechanism", CLIENTS)
@settings(max_examples=30, deadline=None)
@given(which=st.integers(0, 4), position=st.integers(0, 120), instead=st.binary(max_size=4))
def test_a_message_that_is_cut_or_garbled(mechanism: str, which: int, position: int, instead: bytes) -> None:
    def tamper(number: int, message: bytes) -> bytes:
        return message[: position % (len(message) + 1)] + instead if number == which else message

    client, server = CLIENTS[mechanism]("tim", "secret"), SERVER_MECHANISMS[mechanism].make(WHERE)
    try:
        outcome = exchange(client, server, users("tim", "secret"), WHERE, tamper=tamper)
    except AuthenticationAborted:
        return
    assert isinstance(outcome, Accepted | Refused)
    assert isinstance(outcome, Refused) or outcome.identity == "tim"

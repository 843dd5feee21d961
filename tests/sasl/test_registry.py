from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.sasl import (
    CLEARTEXT_MECHANISMS,
    NOWHERE,
    SERVER_MECHANISMS,
    AnonymousClient,
    ClientMechanism,
    CramMD5Client,
    ExternalClient,
    ExternalServer,
    LoginServer,
    MechanismRow,
    OAuthBearerClient,
    Offer,
    PlainServer,
    ScramClient,
    ScramServer,
    Setting,
    XOAuth2Client,
    login_mechanisms,
    mechanisms_to_try,
    password_mechanisms,
    server_mechanism,
    token_mechanisms,
    usable_mechanisms,
)
from support_sasl import FakeChannel, setting

SCRAM = ("SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1")
PLUS = tuple(f"{name}-PLUS" for name in SCRAM)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("PLAIN", PlainServer),
        ("login", LoginServer),
        ("External", ExternalServer),
        ("scram-sha-1", ScramServer),
    ],
)
def test_by_name(name: str, kind: type) -> None:
    mechanism = server_mechanism(name, NOWHERE)
    assert isinstance(mechanism, kind)
    assert mechanism is not None
    assert mechanism.name == name.upper()


def test_unknown_name() -> None:
    assert server_mechanism("KERBEROS_V4", NOWHERE) is None
    assert server_mechanism("PLAIN", NOWHERE, ["LOGIN"]) is None


CLIENTS: tuple[ClientMechanism, ...] = (
    *password_mechanisms("a", "b"),
    *(ScramClient("a", "b", name) for name in PLUS),
    *(OAuthBearerClient("a", "b"), XOAuth2Client("a", "b")),
    *(CramMD5Client("a", "b"), ExternalClient(), AnonymousClient()),
)


def test_rows_agree() -> None:
    for name, row in SERVER_MECHANISMS.items():
        assert row.make(setting()).name == row.name == name
    assert {client.name for client in CLIENTS} == set(SERVER_MECHANISMS)
    for client in CLIENTS:
        assert client.is_cleartext is (client.name in CLEARTEXT_MECHANISMS)
        is_server_first = client.initial_response(setting(BOUND)) is None
        # Some clients begin LOGIN, which no RFC forbids.
        assert SERVER_MECHANISMS[client.name].is_server_first is (is_server_first and client.name != "LOGIN")


OWN = MechanismRow("X-OWN", lambda setting: PlainServer(), is_cleartext=True)
OFFERS: tuple[Offer, ...] = ("EXTERNAL", "X-OTHER", *PLUS[:1], *SCRAM[:1], "Plain", "LOGIN", OWN, "ANONYMOUS")
BOUND = FakeChannel(channel_bindings={"tls-unique": b"x"})
USABLE = {
    "in the clear": (setting(), False, ("SCRAM-SHA-512", "ANONYMOUS")),
    "in the clear, without randomness": (NOWHERE, False, ("ANONYMOUS",)),
    "in the clear, allowed": (setting(), True, ("SCRAM-SHA-512", "PLAIN", "LOGIN", "X-OWN", "ANONYMOUS")),
    "TLS, without randomness": (Setting(channel=BOUND), False, ("PLAIN", "LOGIN", "X-OWN", "ANONYMOUS")),
    "TLS": (setting(FakeChannel()), False, ("SCRAM-SHA-512", "PLAIN", "LOGIN", "X-OWN", "ANONYMOUS")),
    "TLS with a binding": (
        setting(BOUND),
        False,
        ("SCRAM-SHA-512-PLUS", "SCRAM-SHA-512", "PLAIN", "LOGIN", "X-OWN", "ANONYMOUS"),
    ),
    "TLS with certificate": (
        setting(FakeChannel(b"DER")),
        False,
        ("EXTERNAL", "SCRAM-SHA-512", "PLAIN", "LOGIN", "X-OWN", "ANONYMOUS"),
    ),
}


@pytest.mark.parametrize("where, allow_cleartext, names", USABLE.values(), ids=USABLE)
def test_usable(where: Setting, allow_cleartext: bool, names: tuple[str, ...]) -> None:
    assert usable_mechanisms(OFFERS, where, allow_cleartext=allow_cleartext) == names


def names_of(mechanisms: tuple[ClientMechanism, ...]) -> tuple[str, ...]:
    return tuple(mechanism.name for mechanism in mechanisms)


def test_what_a_password_can_be_used_with() -> None:
    usual = (*SCRAM, "PLAIN", "LOGIN")
    assert names_of(password_mechanisms("tim", "x")) == usual
    assert names_of(password_mechanisms("tim", "x", channel=FakeChannel())) == usual
    assert names_of(password_mechanisms("tim", "x", channel=BOUND)) == (*PLUS, *usual)
    assert names_of(password_mechanisms("tim", "\t", channel=BOUND)) == ("PLAIN", "LOGIN")


def test_a_login_has_a_password_or_a_token() -> None:
    assert names_of(token_mechanisms("tim", "x")) == ("OAUTHBEARER", "XOAUTH2")
    assert names_of(login_mechanisms("tim", None, "x", BOUND)) == ("OAUTHBEARER", "XOAUTH2")
    assert names_of(login_mechanisms("tim", "x", None, BOUND))[0] == "SCRAM-SHA-512-PLUS"
    for password, token in ((None, None), ("x", "y")):
        with pytest.raises(LocalProtocolError, match="either a password or a token"):
            login_mechanisms("tim", password, token, None)


CHOICES = {
    "strongest": (("LOGIN", "PLAIN", "SCRAM-SHA-1"), ["SCRAM-SHA-1", "PLAIN", "LOGIN"]),
    "a binding before a long hash": (
        ("SCRAM-SHA-512", "SCRAM-SHA-1-PLUS"),
        ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-512"],
    ),
    "any case": (("X", "login"), ["LOGIN"]),
}


@pytest.mark.parametrize("offered, names", CHOICES.values(), ids=CHOICES)
def test_choice(offered: tuple[str, ...], names: list[str]) -> None:
    mechanisms = password_mechanisms("tim", "x", channel=BOUND)
    found = mechanisms_to_try("AUTH", mechanisms, offered, may_send_secrets=True)
    assert [mechanism.name for mechanism in found] == names


def test_no_choice() -> None:
    mechanisms = password_mechanisms("tim", "x")
    with pytest.raises(
        LocalProtocolError, match=r"AUTH: expected one of SCRAM-SHA-512, .*, offered are CRAM-MD5"
    ):
        mechanisms_to_try("AUTH", mechanisms, ["CRAM-MD5"], may_send_secrets=True)
    with pytest.raises(LocalProtocolError, match="expected one of none, offered are none"):
        mechanisms_to_try("AUTH", [], [], may_send_secrets=True)
    with pytest.raises(LocalProtocolError, match="AUTH: PLAIN, LOGIN without TLS needs allow_cleartext=True"):
        mechanisms_to_try("AUTH", mechanisms, ["PLAIN", "LOGIN"], may_send_secrets=False)
    [safe] = mechanisms_to_try("AUTH", mechanisms, ["PLAIN", "SCRAM-SHA-1"], may_send_secrets=False)
    assert safe.name == "SCRAM-SHA-1"

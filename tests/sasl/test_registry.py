from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from mailproto.sasl import (
    CLEARTEXT_MECHANISMS,
    SERVER_MECHANISMS,
    ExternalClient,
    ExternalServer,
    LoginClient,
    LoginServer,
    PlainClient,
    PlainServer,
    choose_mechanism,
    password_mechanisms,
    server_mechanism,
    usable_mechanisms,
)


@dataclass
class FakeChannel:
    peer_certificate: bytes | None = None
    channel_bindings: Mapping[str, bytes] = field(default_factory=dict)


@pytest.mark.parametrize(
    "name, kind", [("PLAIN", PlainServer), ("login", LoginServer), ("External", ExternalServer)]
)
def test_by_name(name: str, kind: type) -> None:
    mechanism = server_mechanism(name)
    assert isinstance(mechanism, kind)
    assert mechanism is not None
    assert mechanism.name == name.upper()


def test_unknown_name() -> None:
    assert server_mechanism("KERBEROS_V4") is None


def test_rows_agree() -> None:
    for name in SERVER_MECHANISMS:
        mechanism = server_mechanism(name)
        assert mechanism is not None
        assert mechanism.is_cleartext is (name in CLEARTEXT_MECHANISMS)
    for client in (PlainClient("a", "b"), LoginClient("a", "b"), ExternalClient()):
        assert client.is_cleartext is (client.name in CLEARTEXT_MECHANISMS)


NAMES = ("EXTERNAL", "X-OTHER", "Plain", "LOGIN")
USABLE = {
    "in the clear": (None, False, ()),
    "in the clear, allowed": (None, True, ("PLAIN", "LOGIN")),
    "TLS": (FakeChannel(), False, ("PLAIN", "LOGIN")),
    "TLS with certificate": (FakeChannel(b"DER"), False, ("EXTERNAL", "PLAIN", "LOGIN")),
}


@pytest.mark.parametrize("channel, allow_cleartext, names", USABLE.values(), ids=USABLE)
def test_usable(channel: FakeChannel | None, allow_cleartext: bool, names: tuple[str, ...]) -> None:
    assert usable_mechanisms(NAMES, channel=channel, allow_cleartext=allow_cleartext) == names


CHOICES = {
    "strongest": (("LOGIN", "PLAIN"), "PLAIN"),
    "any case": (("X", "login"), "LOGIN"),
    "none": (("CRAM-MD5",), None),
    "nothing offered": ((), None),
}


@pytest.mark.parametrize("offered, name", CHOICES.values(), ids=CHOICES)
def test_choice(offered: tuple[str, ...], name: str | None) -> None:
    chosen = choose_mechanism(password_mechanisms("tim", "x"), offered)
    assert (None if chosen is None else chosen.name) == name

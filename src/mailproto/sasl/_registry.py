"""The mechanisms by name: one row each. A new mechanism is one file and its row here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from mailproto._secret import Secret
from mailproto.sasl._mechanism import Channel, ClientMechanism, ServerMechanism
from mailproto.sasl.external import ExternalServer
from mailproto.sasl.login import LoginClient, LoginServer
from mailproto.sasl.plain import PlainClient, PlainServer

__all__ = [
    "CLEARTEXT_MECHANISMS",
    "SERVER_MECHANISMS",
    "choose_mechanism",
    "password_mechanisms",
    "server_mechanism",
    "usable_mechanisms",
]

SERVER_MECHANISMS: Final[dict[str, Callable[[Channel | None], ServerMechanism]]] = {
    "EXTERNAL": ExternalServer,
    "PLAIN": lambda channel: PlainServer(),
    "LOGIN": lambda channel: LoginServer(),
}
"""Makers of the server's side, by name."""

CLEARTEXT_MECHANISMS: Final = frozenset({"PLAIN", "LOGIN"})
"""Those that send the password itself: a server does not offer them without TLS unless it is allowed."""

_PASSWORD_CLIENTS: Final[tuple[Callable[[str, str | Secret[str]], ClientMechanism], ...]] = (
    PlainClient,
    LoginClient,
)


def server_mechanism(name: str, channel: Channel | None = None) -> ServerMechanism | None:
    """Return a new exchange of the mechanism *name*, in any case of letters; None if there is none."""
    make = SERVER_MECHANISMS.get(name.upper())
    return None if make is None else make(channel)


def usable_mechanisms(
    names: Iterable[str], *, channel: Channel | None, allow_cleartext: bool
) -> tuple[str, ...]:
    """Return those of *names* that a server may offer now, in their order.

    *channel* is None without TLS: then mechanisms that send the password are left out unless allowed.
    EXTERNAL is left out where the client showed no certificate.
    """
    has_certificate = channel is not None and channel.peer_certificate is not None
    return tuple(
        name
        for name in (name.upper() for name in names)
        if name in SERVER_MECHANISMS
        and (channel is not None or allow_cleartext or name not in CLEARTEXT_MECHANISMS)
        and (has_certificate or name != "EXTERNAL")
    )


def password_mechanisms(authcid: str, password: str | Secret[str]) -> tuple[ClientMechanism, ...]:
    """Return what a name and a password can be used with, strongest first."""
    return tuple(make(authcid, password) for make in _PASSWORD_CLIENTS)


def choose_mechanism(mechanisms: Sequence[ClientMechanism], offered: Iterable[str]) -> ClientMechanism | None:
    """Return the first of *mechanisms* whose name is among those *offered*; None if there is none."""
    names = {name.upper() for name in offered}
    return next((mechanism for mechanism in mechanisms if mechanism.name in names), None)

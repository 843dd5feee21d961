"""The mechanisms by name: one row each, strongest first. A mechanism of your own is one more row.

A client hands in the mechanism itself, a server its row, in the `mechanisms` of its authenticator.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.sasl._mechanism import Channel, ClientMechanism, ServerMechanism, Setting
from mailproto.sasl.anonymous import AnonymousServer
from mailproto.sasl.cram_md5 import CramMD5Server
from mailproto.sasl.external import ExternalServer
from mailproto.sasl.login import LoginClient, LoginServer
from mailproto.sasl.oauthbearer import OAuthBearerClient, OAuthBearerServer
from mailproto.sasl.plain import PlainClient, PlainServer
from mailproto.sasl.scram import PLUS, SCRAM_MECHANISMS, ScramClient, ScramServer, binding_of
from mailproto.sasl.xoauth2 import XOAuth2Client, XOAuth2Server

__all__ = [
    "CLEARTEXT_MECHANISMS",
    "MechanismRow",
    "Offer",
    "SERVER_MECHANISMS",
    "login_mechanisms",
    "mechanism_row",
    "mechanisms_to_try",
    "password_mechanisms",
    "server_mechanism",
    "token_mechanisms",
    "usable_mechanisms",
]


def _anywhere(setting: Setting) -> bool:
    return True


def _with_certificate(setting: Setting) -> bool:
    return setting.channel is not None and setting.channel.peer_certificate is not None


def _with_secrets(setting: Setting) -> bool:
    return setting.entropy is not None and setting.secret is not None


def _with_binding(setting: Setting) -> bool:
    return _with_secrets(setting) and binding_of(setting.channel_bindings) is not None


@dataclass(frozen=True, slots=True)
class MechanismRow:
    """The server's side of one mechanism: its name, and what makes the object that serves one exchange.

    `is_cleartext` says that the server, or whoever listens, gets a secret that can be used again: then it is
    not offered without TLS unless that is allowed. `is_usable` says whether it works in a setting at all.
    With `is_server_first` an initial response is an error (RFC 4954 section 4, RFC 4959 section 3).
    """

    name: str
    make: Callable[[Setting], ServerMechanism]
    is_cleartext: bool = False
    is_usable: Callable[[Setting], bool] = _anywhere
    is_server_first: bool = False


Offer: TypeAlias = str | MechanismRow
"""A mechanism that a server may offer: the name of one of `SERVER_MECHANISMS`, or a row of your own."""

_ROWS: Final = (
    MechanismRow("EXTERNAL", lambda setting: ExternalServer(setting.channel), is_usable=_with_certificate),
    *(
        MechanismRow(
            name,
            partial(ScramServer, name),
            is_usable=_with_binding if name.endswith(PLUS) else _with_secrets,
        )
        for name in SCRAM_MECHANISMS
    ),
    MechanismRow("OAUTHBEARER", lambda setting: OAuthBearerServer(), is_cleartext=True),
    MechanismRow("XOAUTH2", lambda setting: XOAuth2Server(), is_cleartext=True),
    MechanismRow("CRAM-MD5", CramMD5Server, is_usable=_with_secrets, is_server_first=True),
    MechanismRow("PLAIN", lambda setting: PlainServer(), is_cleartext=True),
    MechanismRow("LOGIN", lambda setting: LoginServer(), is_cleartext=True),
    MechanismRow("ANONYMOUS", lambda setting: AnonymousServer()),
)

SERVER_MECHANISMS: Final[dict[str, MechanismRow]] = {row.name: row for row in _ROWS}
"""The mechanisms that need no row of their own, by name; strongest first."""

CLEARTEXT_MECHANISMS: Final = frozenset(row.name for row in _ROWS if row.is_cleartext)
"""Those that send a secret itself: a server does not offer them without TLS unless it is allowed."""


def _rows_of(offers: Iterable[Offer]) -> list[MechanismRow]:
    rows = (
        offer if isinstance(offer, MechanismRow) else SERVER_MECHANISMS.get(offer.upper()) for offer in offers
    )
    return [row for row in rows if row is not None]


def usable_mechanisms(offers: Iterable[Offer], setting: Setting, *, allow_cleartext: bool) -> tuple[str, ...]:
    """Return the names of those of *offers* that a server may offer in *setting*, in their order.

    Without TLS those that send a secret are left out unless allowed, without a certificate of the client
    EXTERNAL is, without a channel binding what ends in "-PLUS", without `entropy` and `secret` what needs a
    nonce.
    """
    may_send_secrets = setting.channel is not None or allow_cleartext
    rows = _rows_of(offers)
    return tuple(
        row.name for row in rows if row.is_usable(setting) and (may_send_secrets or not row.is_cleartext)
    )


def server_mechanism(
    name: str, setting: Setting, offers: Iterable[Offer] = tuple(SERVER_MECHANISMS)
) -> ServerMechanism | None:
    """Return a new exchange of the mechanism *name*, in any case; None if it is not among *offers*."""
    row = mechanism_row(name, offers)
    return None if row is None else row.make(setting)


def mechanism_row(name: str, offers: Iterable[Offer]) -> MechanismRow | None:
    """Return the row of the mechanism *name*, in any case; None if it is not among *offers*."""
    wanted = name.upper()
    return next((row for row in _rows_of(offers) if row.name == wanted), None)


def password_mechanisms(
    authcid: str, password: str | Secret[str], *, channel: Channel | None = None
) -> tuple[ClientMechanism, ...]:
    """Return what a name and a password can be used with, strongest first.

    Those that bind to the *channel* are among them if it has a binding. A password that SCRAM cannot carry,
    since SASLprep forbids it, is for PLAIN and LOGIN only.
    """
    is_bound = channel is not None and binding_of(channel.channel_bindings) is not None
    mechanisms: list[ClientMechanism] = []
    with contextlib.suppress(LocalProtocolError):
        names = (name for name in SCRAM_MECHANISMS if is_bound or not name.endswith(PLUS))
        mechanisms.extend(ScramClient(authcid, password, name) for name in names)
    return (*mechanisms, PlainClient(authcid, password), LoginClient(authcid, password))


def token_mechanisms(user: str, token: str | Secret[str]) -> tuple[ClientMechanism, ...]:
    """Return what an OAuth token can be used with, the standard first."""
    return OAuthBearerClient(user, token), XOAuth2Client(user, token)


def login_mechanisms(
    user: str,
    password: str | Secret[str] | None,
    token: str | Secret[str] | None,
    channel: Channel | None,
) -> tuple[ClientMechanism, ...]:
    """Return the mechanisms for whichever of *password* and *token* is given. Raises LocalProtocolError."""
    if password is not None and token is None:
        return password_mechanisms(user, password, channel=channel)
    if token is not None and password is None:
        return token_mechanisms(user, token)
    raise LocalProtocolError("login: expected either a password or a token")


def mechanisms_to_try(
    command: str, mechanisms: Sequence[ClientMechanism], offered: Iterable[str], *, may_send_secrets: bool
) -> list[ClientMechanism]:
    """Return those of *mechanisms* that the server offers and that may be used, in their order.

    Raises LocalProtocolError, in the name of *command*, if there are none.
    """
    names = {name.upper() for name in offered}
    common = [mechanism for mechanism in mechanisms if mechanism.name in names]
    if not common:
        wanted = ", ".join(mechanism.name for mechanism in mechanisms) or "none"
        raise LocalProtocolError(
            f"{command}: expected one of {wanted}, offered are {' '.join(sorted(names)) or 'none'}"
        )
    found = [mechanism for mechanism in common if may_send_secrets or not mechanism.is_cleartext]
    if not found:
        shown = ", ".join(mechanism.name for mechanism in common)
        raise LocalProtocolError(f"{command}: {shown} without TLS needs allow_cleartext=True")
    return found

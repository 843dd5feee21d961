"""The client's procedures at the two ends of a session: the greeting, TLS, login, ENABLE, logout."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Final, Literal, TypeAlias

from mailproto._secret import Secret
from mailproto.errors import (
    AuthenticationFailed,
    ConnectionClosed,
    IMAPStatusError,
    LocalProtocolError,
    TLSUnavailable,
)
from mailproto.flow import Flow, start_tls
from mailproto.imap.answers import Inbox
from mailproto.imap.capability import NO_CAPABILITIES, REV2, Capabilities
from mailproto.imap.client_flows import raise_refusal, run
from mailproto.imap.commands import Authenticate, Capability, Login, Logout, StartTLS
from mailproto.imap.events import ContinuationRequested
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.ext.utf8 import UTF8_ACCEPT
from mailproto.imap.inbox import Inboxes
from mailproto.imap.state import State
from mailproto.imap.status import Bye, Ok, PreAuth
from mailproto.sasl import _base64
from mailproto.sasl._mechanism import (
    NOWHERE,
    AuthenticationAborted,
    ClientMechanism,
    Setting,
    explain,
)
from mailproto.sasl._registry import login_mechanisms, mechanisms_to_try

__all__ = [
    "ENABLED_BY_DEFAULT",
    "TLSMode",
    "authenticate",
    "enable_offered",
    "login",
    "logout",
    "open_session",
    "unauthenticate",
]

TLSMode: TypeAlias = Literal["implicit", "starttls", "none"]
"""How TLS begins; `implicit`: before the greeting, by the driver."""

ENABLED_BY_DEFAULT: Final = Capabilities((REV2, UTF8_ACCEPT))
"""What the clients enable unless they are told otherwise: what changes how the same things are written.

IMAP4rev2, since a client that wants it "MUST issue an ENABLE IMAP4rev2 command" (RFC 9051 appendix A), and
UTF8=ACCEPT, without which a server may refuse a mailbox with a message in UTF-8, or under UTF8=ONLY all of
them (RFC 9755). Not CONDSTORE, which adds to each FETCH response and is switched on by its first use anyway,
nor QRESYNC and UIDONLY, with which EXPUNGE becomes VANISHED, nor what makes a server send more than was asked
for.
"""

MAX_INITIAL_RESPONSE: Final = 8_000
"""Octets, in base64, of an initial response that goes with the command: its line may have 8,192 octets
(RFC 7162 section 4)."""


def open_session(
    session: Inboxes,
    *,
    tls: TLSMode = "none",
    server_hostname: str | None = None,
    enable: Iterable[str] = NO_CAPABILITIES,
) -> Flow[None]:
    """Read the greeting, start TLS if *tls* is "starttls", and learn the capabilities.

    *enable* is that of `login`, for a server that greets with PREAUTH. Raises ConnectionClosed if the server
    says BYE, and TLSUnavailable rather than to go on in the clear.
    """
    conn = session.conn
    if tls == "implicit":
        conn.tls_started()
    yield from session.wait_until(lambda: conn.greeting is not None)
    if isinstance(conn.greeting, Bye):
        reason = f"the server refused the connection: {conn.greeting.text}"
        raise ConnectionClosed(reason, phase="connect", status=conn.greeting)
    if tls == "starttls":
        yield from _upgrade(session, server_hostname)
    yield from _know_capabilities(session)
    if isinstance(conn.greeting, PreAuth):
        yield from enable_offered(session, enable)


def enable_offered(session: Inboxes, names: Iterable[str]) -> Flow[None]:
    """Send ENABLE for those of *names* that the server offers and that are not in effect (RFC 5161).

    What the server refuses stays as it was: `conn.enabled` says what is on. Once a mailbox is selected
    nothing is sent.
    """
    conn = session.conn
    offered = conn.capabilities or NO_CAPABILITIES
    in_effect = conn.enabled | ({REV2} if conn.is_rev2 else set())
    wanted = [name for name in Capabilities(names) if offered.offers(name) and name not in in_effect]
    if wanted and offered.offers(Enable.name) and conn.next_state is State.AUTHENTICATED:
        with contextlib.suppress(IMAPStatusError):
            yield from run(session, Enable(Capabilities(wanted)))


def _upgrade(session: Inboxes, server_hostname: str | None) -> Flow[None]:
    if isinstance(session.conn.greeting, PreAuth):
        # RFC 9051 section 11.1: PREAUTH takes the chance to start TLS away, and may be an attacker's.
        raise TLSUnavailable("STARTTLS: the server greets with PREAUTH", phase="tls")
    yield from _know_capabilities(session)
    if "STARTTLS" not in (session.conn.capabilities or ()):
        raise TLSUnavailable("STARTTLS: the server does not offer it", phase="tls")
    try:
        yield from run(session, StartTLS())
    except IMAPStatusError as error:
        raise TLSUnavailable(f"STARTTLS: the server refused it: {error}", phase="tls") from error
    yield from start_tls(server_hostname)


def _know_capabilities(session: Inboxes) -> Flow[Capabilities]:
    if session.conn.capabilities is None:
        yield from run(session, Capability())
    return session.conn.capabilities or Capabilities()


def login(
    session: Inboxes,
    user: str,
    password: str | Secret[str] | None = None,
    *,
    token: str | Secret[str] | None = None,
    allow_cleartext: bool = False,
    channel_binding: bool = True,
    setting: Setting = NOWHERE,
    enable: Iterable[str] = NO_CAPABILITIES,
) -> Flow[None]:
    """Log in by the strongest mechanism that both have; with a password, if there is none, by LOGIN.

    Without *channel_binding* those that bind to the channel are left out. *setting* is that of
    `authenticate`. What the server offers of *enable* is enabled then, by one ENABLE. Raises
    AuthenticationFailed, and LocalProtocolError if there is no way, or only one by which the password would
    go in the clear and that is not allowed.
    """
    mechanisms = login_mechanisms(user, password, token, setting.channel if channel_binding else None)
    offered = yield from _know_capabilities(session)
    if password is None or not offered.auth.isdisjoint(mechanism.name for mechanism in mechanisms):
        yield from authenticate(
            session, *mechanisms, allow_cleartext=allow_cleartext, setting=setting, enable=enable
        )
        return
    if "LOGINDISABLED" in offered:
        raise LocalProtocolError("LOGIN: the server offers LOGINDISABLED, and no mechanism for a password")
    if not (session.conn.is_tls or allow_cleartext):
        raise LocalProtocolError("LOGIN: without TLS the password goes in the clear; allow_cleartext=True")
    yield from run(session, Login(user, password if isinstance(password, Secret) else Secret(password)))
    yield from _begin(session, enable)


def _begin(session: Inboxes, enable: Iterable[str]) -> Flow[None]:
    """Do what comes first once somebody is logged in."""
    yield from _know_capabilities(session)
    yield from enable_offered(session, enable)


def authenticate(
    session: Inboxes,
    *mechanisms: ClientMechanism,
    allow_cleartext: bool = False,
    setting: Setting = NOWHERE,
    enable: Iterable[str] = NO_CAPABILITIES,
) -> Flow[None]:
    """Log in by the first of *mechanisms* that the server offers (RFC 3501 section 6.2.2).

    *setting* is what a mechanism may know of the connection, but for what the server offers; *enable* is as
    for `login`. Raises AuthenticationFailed; LocalProtocolError if none is offered, or as `login`;
    AuthenticationAborted if a mechanism gives up: that ends the session if the server has accepted.
    """
    offered = yield from _know_capabilities(session)
    may_send_secrets = session.conn.is_tls or allow_cleartext
    mechanism = mechanisms_to_try(
        "AUTHENTICATE", mechanisms, offered.auth, may_send_secrets=may_send_secrets
    )[0]
    initial = mechanism.initial_response(replace(setting, offered=offered.auth))
    is_early = initial is not None and session.conn.may_respond_initially and _is_short(initial)
    early = Secret(initial) if is_early and initial is not None else None
    inbox = yield from session.send(Authenticate(mechanism.name, early))
    try:
        yield from _answer_challenges(session, inbox, mechanism, None if is_early else initial)
    except AuthenticationAborted:
        raise
    except BaseException:
        session.conn.abort()
        raise
    _finish(session, inbox, mechanism)
    yield from _begin(session, enable)


def _is_short(initial: bytes) -> bool:
    """Return whether *initial* may stand in the command: servers need not read lines over 8,192 octets."""
    return len(_base64.encode(initial)) <= MAX_INITIAL_RESPONSE


def _finish(session: Inboxes, inbox: Inbox, mechanism: ClientMechanism) -> None:
    try:
        raise_refusal(inbox)
    except AuthenticationFailed as error:
        explain(error, mechanism)
        raise
    try:
        mechanism.finish()
    except LocalProtocolError:
        session.conn.abort()
        raise


def _answer_challenges(
    session: Inboxes, inbox: Inbox, mechanism: ClientMechanism, initial: bytes | None
) -> Flow[None]:
    while inbox.status is None:
        yield from session.wait(inbox)
        for event in session.take(inbox):
            if isinstance(event, ContinuationRequested):
                yield from _answer(session, inbox, mechanism, event.data, initial)
                initial = None


def _answer(
    session: Inboxes, inbox: Inbox, mechanism: ClientMechanism, challenge: bytes | None, initial: bytes | None
) -> Flow[None]:
    """Answer one challenge; what is no base64, or what the mechanism will not answer, cancels."""
    try:
        if challenge is None:
            raise AuthenticationAborted("the challenge is not base64")
        response = initial if initial is not None else mechanism.respond(challenge)
    except AuthenticationAborted:
        session.conn.send_sasl(None)
        yield from session.wait(inbox, is_whole=True)
        if isinstance(inbox.status, Ok):
            # Who accepts what was cancelled may be somebody who could not prove to know the password.
            session.conn.abort()
        raise
    session.conn.send_sasl(response)


def unauthenticate(session: Inboxes) -> Flow[None]:
    """End the session of who has logged in, so that somebody else can log in (RFC 8437)."""
    yield from run(session, Unauthenticate())
    yield from _know_capabilities(session)


def logout(session: Inboxes) -> Flow[None]:
    """End the session (RFC 3501 section 6.1.3); a server that just closes, or refuses, has ended it too.

    Nothing is sent after a BYE, which has ended it already.
    """
    if session.conn.state is State.LOGOUT:
        session.conn.abort()
        return
    try:
        yield from run(session, Logout())
    except (ConnectionClosed, IMAPStatusError):
        session.conn.abort()

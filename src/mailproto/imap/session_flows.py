"""The client's procedures at the two ends of a session: the greeting, TLS, login, logout."""

from __future__ import annotations

from typing import Literal, TypeAlias

from mailproto._secret import Secret
from mailproto.errors import ConnectionClosed, IMAPStatusError, LocalProtocolError, TLSUnavailable
from mailproto.flow import Flow, start_tls
from mailproto.imap.answers import Inbox
from mailproto.imap.capability import Capabilities
from mailproto.imap.client_flows import raise_refusal, run
from mailproto.imap.commands import Authenticate, Capability, Login, Logout, StartTLS
from mailproto.imap.events import ContinuationRequested
from mailproto.imap.inbox import Inboxes
from mailproto.imap.status import Bye, PreAuth
from mailproto.sasl._mechanism import AuthenticationAborted, ClientMechanism
from mailproto.sasl._registry import choose_mechanism, password_mechanisms

__all__ = ["TLSMode", "authenticate", "login", "logout", "open_session"]

TLSMode: TypeAlias = Literal["implicit", "starttls", "none"]
"""How TLS begins; `implicit`: before the greeting, by the driver."""


def open_session(
    session: Inboxes, *, tls: TLSMode = "none", server_hostname: str | None = None
) -> Flow[None]:
    """Read the greeting, start TLS if *tls* is "starttls", and learn the capabilities.

    Raises ConnectionClosed if the server says BYE, and TLSUnavailable rather than to go on in the clear.
    """
    conn = session.conn
    if tls == "implicit":
        conn.tls_started()
    yield from session.wait_until(lambda: conn.greeting is not None)
    if isinstance(conn.greeting, Bye):
        raise ConnectionClosed(f"the server refused the connection: {conn.greeting.text}", phase="connect")
    if tls == "starttls":
        yield from _upgrade(session, server_hostname)
    yield from _know_capabilities(session)


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
    session: Inboxes, user: str, password: str | Secret[str], *, allow_cleartext: bool = False
) -> Flow[None]:
    """Log in by the strongest mechanism that both have, else by LOGIN.

    Raises AuthenticationFailed, and LocalProtocolError if the password would go in the clear and that is not
    allowed.
    """
    offered = yield from _know_capabilities(session)
    secret = password if isinstance(password, Secret) else Secret(password)
    mechanism = choose_mechanism(password_mechanisms(user, secret), offered.auth)
    if mechanism is not None:
        yield from authenticate(session, mechanism, allow_cleartext=allow_cleartext)
        return
    _check_cleartext(session, "LOGIN", is_allowed=allow_cleartext)
    yield from run(session, Login(user, secret))
    yield from _know_capabilities(session)


def _check_cleartext(session: Inboxes, name: str, *, is_allowed: bool) -> None:
    if not (session.conn.is_tls or is_allowed):
        raise LocalProtocolError(f"{name}: without TLS the password goes in the clear; allow_cleartext=True")


def authenticate(session: Inboxes, *mechanisms: ClientMechanism, allow_cleartext: bool = False) -> Flow[None]:
    """Log in by the first of *mechanisms* that the server offers (RFC 3501 section 6.2.2).

    Raises AuthenticationFailed; LocalProtocolError if none is offered, or as `login`.
    """
    offered = yield from _know_capabilities(session)
    mechanism = choose_mechanism(mechanisms, offered.auth)
    if mechanism is None:
        names = ", ".join(mechanism.name for mechanism in mechanisms)
        raise LocalProtocolError(f"AUTHENTICATE: the server offers none of {names}")
    if mechanism.is_cleartext:
        _check_cleartext(session, mechanism.name, is_allowed=allow_cleartext)
    initial = mechanism.initial_response()
    is_early = initial is not None and "SASL-IR" in offered
    early = Secret(initial) if is_early and initial is not None else None
    inbox = yield from session.send(Authenticate(mechanism.name, early))
    try:
        yield from _answer_challenges(session, inbox, mechanism, None if is_early else initial)
    except AuthenticationAborted:
        raise
    except BaseException:
        session.conn.abort()
        raise
    raise_refusal(inbox)
    mechanism.finish()
    yield from _know_capabilities(session)


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
        raise
    session.conn.send_sasl(response)


def logout(session: Inboxes) -> Flow[None]:
    """End the session (RFC 3501 section 6.1.3); a server that just closes has ended it too."""
    try:
        yield from run(session, Logout())
    except ConnectionClosed:
        session.conn.abort()

"""The client's procedures of a session, written once: the greeting, EHLO, STARTTLS, AUTH, XCLIENT, QUIT.

Each is a flow (`mailproto.flow`) over an `SMTPClientConnection`; a driver runs it. A negative reply is an
`SMTPReplyError`, after which the session is usable. A 421, which ends the session at any time, is a
`ConnectionClosed` whose cause is the `SMTPReplyError`. Messages are sent by `mailproto.smtp.client_flows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal, TypeAlias, cast

from mailproto._secret import Secret
from mailproto.errors import (
    ConnectionClosed,
    LocalProtocolError,
    SMTPAuthenticationFailed,
    SMTPReplyError,
    TLSUnavailable,
)
from mailproto.flow import Flow, Receive, start_tls
from mailproto.sasl._mechanism import (
    NOWHERE,
    AuthenticationAborted,
    ClientMechanism,
    Setting,
    explain,
)
from mailproto.sasl._registry import mechanisms_to_try
from mailproto.smtp.client import SMTPClientConnection
from mailproto.smtp.commands import (
    Auth,
    Bdat,
    Command,
    Data,
    Ehlo,
    Helo,
    Lhlo,
    Quit,
    StartTLS,
    XClient,
    XForward,
)
from mailproto.smtp.events import ConnectionLost
from mailproto.smtp.ext.attributes import Attributes
from mailproto.smtp.reply import Reply
from mailproto.wants import Wants

__all__ = [
    "TLSMode",
    "authenticate",
    "command",
    "error_of",
    "exchange",
    "next_reply",
    "open_session",
    "quit_session",
    "raise_if_closing",
    "read_reply",
    "send",
    "take_reply",
    "upgrade_to_tls",
    "xclient",
    "xforward",
]

TLSMode: TypeAlias = Literal["implicit", "starttls", "none", "opportunistic"]
"""How TLS begins. `implicit`: before the greeting, by the driver; `opportunistic`: STARTTLS if offered."""


MAX_COMMAND: Final = 512
"""Octets of a command that every server takes (RFC 5321 section 4.5.3.1.4)."""

MAX_AUTH_COMMAND: Final = 512
"""Octets of an AUTH command with its initial response (RFC 4954 section 4, RFC 5321 section 4.5.3.1.4)."""

_RECEIVE: Final = Receive()
_SERVICE_CLOSING: Final = 421


def next_reply(conn: SMTPClientConnection) -> Flow[Reply]:
    """Return the next reply, whatever it says. Raises ConnectionClosed if none comes."""
    while (event := conn.next_event()) is None or isinstance(event, ConnectionLost):
        _raise_if_lost(conn, event)
        yield _RECEIVE
    return event


def read_reply(conn: SMTPClientConnection) -> Flow[Reply]:
    """Return the next reply, negative ones too. Raises ConnectionClosed at a 421."""
    while (reply := take_reply(conn)) is None:
        yield _RECEIVE
    return reply


def take_reply(conn: SMTPClientConnection) -> Reply | None:
    """Return the next reply as `read_reply` does, if it has come; else None."""
    event = conn.next_event()
    if event is None or isinstance(event, ConnectionLost):
        _raise_if_lost(conn, event)
        return None
    if event.code == _SERVICE_CLOSING:
        raise_if_closing(event)
    return event


def _raise_if_lost(conn: SMTPClientConnection, event: ConnectionLost | None) -> None:
    if event is not None:
        raise ConnectionClosed("the server closed the connection", phase="read")
    if conn.wants is Wants.CLOSED:
        raise ConnectionClosed("the connection is closed", phase="read")


def raise_if_closing(reply: Reply) -> None:
    """Raise ConnectionClosed at a 421."""
    if reply.code == _SERVICE_CLOSING:
        error = ConnectionClosed(f"the server ends the session: 421 {reply.text}", phase="read")
        raise error from error_of(reply)


def command(conn: SMTPClientConnection, request: Command) -> Flow[Reply]:
    """Send *request* and return its positive reply. Raises SMTPReplyError for any other."""
    send(conn, request)
    reply = yield from read_reply(conn)
    if not reply.is_positive:
        raise error_of(reply)
    return reply


def send(conn: SMTPClientConnection, request: Command) -> None:
    """Send *request*. Raises if something was said before, which would be taken for the reply to it."""
    if not conn.pending:
        event = conn.next_event()
        if isinstance(event, ConnectionLost):
            raise ConnectionClosed("the server closed the connection", phase="write")
        if event is not None:
            raise_if_closing(event)
    conn.send_command(request)


def exchange(conn: SMTPClientConnection, request: Command | bytes, replies: int = 1) -> Flow[Reply]:
    """Send a command, or octets exactly as they are; return the reply, of several the last.

    A negative reply is a value here, a 421 too. What changes who speaks next has flows of its own: DATA,
    BDAT, STARTTLS and AUTH are refused with LocalProtocolError unless they are given as octets.
    """
    if isinstance(request, bytes):
        conn.send_unchecked(request, replies)
    elif isinstance(request, Data | StartTLS | Auth | Bdat):
        raise LocalProtocolError(f"{request.name}: has a method of its own")
    else:
        conn.send_command(request)
        replies = 1
    reply = yield from next_reply(conn)
    for _ in range(replies - 1):
        reply = yield from next_reply(conn)
    return reply


def error_of(reply: Reply) -> SMTPReplyError:
    """Return the error that a negative *reply* is."""
    return SMTPReplyError(reply, "connect" if reply.command is None else reply.command.name)


def open_session(
    conn: SMTPClientConnection,
    local_hostname: str,
    *,
    tls: TLSMode = "none",
    server_hostname: str | None = None,
) -> Flow[None]:
    """Read the greeting, say EHLO (in LMTP LHLO), and STARTTLS and EHLO again as *tls* says.

    A server that answers EHLO with any 5yz is greeted with HELO, unless TLS is asked for. *local_hostname*
    is a domain or an address literal; *server_hostname* is what the certificate must be for. Raises
    SMTPReplyError, and TLSUnavailable where "starttls" cannot be had.
    """
    greeting = yield from read_reply(conn)
    if not greeting.is_positive:
        yield from quit_session(conn)
        raise error_of(greeting)
    yield from _say_hello(conn, local_hostname, may_fall_back=tls != "starttls")
    if tls == "starttls" or (tls == "opportunistic" and conn.extensions.start_tls):
        try:
            yield from upgrade_to_tls(conn, local_hostname, server_hostname)
        except TLSUnavailable:
            if tls == "starttls" or conn.wants is Wants.CLOSED:
                raise


def _say_hello(conn: SMTPClientConnection, local_hostname: str, *, may_fall_back: bool) -> Flow[None]:
    send(conn, Lhlo(local_hostname) if conn.is_lmtp else Ehlo(local_hostname))
    reply = yield from read_reply(conn)
    if reply.is_positive:
        return
    if not reply.is_permanent or conn.is_lmtp:
        raise error_of(reply)
    if not may_fall_back:
        raise TLSUnavailable(f"the server does not know EHLO: {reply.code} {reply.text}") from error_of(reply)
    yield from command(conn, Helo(local_hostname))


def upgrade_to_tls(
    conn: SMTPClientConnection, local_hostname: str, server_hostname: str | None = None
) -> Flow[None]:
    """Send STARTTLS, shake hands and say EHLO again (RFC 3207).

    Raises TLSUnavailable if the server does not offer it, or refuses; the session goes on in the clear
    then, if the caller wants that.
    """
    if not conn.extensions.start_tls:
        raise TLSUnavailable("the server does not offer STARTTLS", phase="tls")
    send(conn, StartTLS())
    reply = yield from read_reply(conn)
    if not reply.is_positive:
        error = error_of(reply)
        raise TLSUnavailable(f"STARTTLS refused: {reply.code} {reply.text}", phase="tls") from error
    yield from start_tls(server_hostname)
    yield from _say_hello(conn, local_hostname, may_fall_back=False)


def xclient(conn: SMTPClientConnection, request: XClient, local_hostname: str | None = None) -> Flow[Reply]:
    """Send XCLIENT and say EHLO again, as a new session needs it; return the reply to XCLIENT.

    *local_hostname* is what EHLO says, by default what it has said before. Raises SMTPReplyError if the
    server refuses: the session goes on as before then.
    """
    # Without one there is no offer, and the command is not sent.
    said = cast(Ehlo | Helo | Lhlo, conn.hello)
    reply = yield from command(conn, request)
    yield from _say_hello(conn, local_hostname or said.domain, may_fall_back=True)
    return reply


def xforward(conn: SMTPClientConnection, request: XForward) -> Flow[Reply]:
    """Say where the next message comes from; return the last reply. Raises SMTPReplyError.

    What is longer than a command may be goes in several, which add up.
    """
    reply = None
    for part in _parts_of(request):
        reply = yield from command(conn, part)
    return cast(Reply, reply)


def _parts_of(request: XForward) -> list[XForward]:
    """Return *request* as commands of at most 512 octets (RFC 5321 section 4.5.3.1.4)."""
    parts: list[XForward] = []
    for pair in request.attributes:
        longer = XForward(Attributes((*parts[-1].attributes, pair))) if parts else None
        if longer is not None and len(longer.serialize()) <= MAX_COMMAND:
            parts[-1] = longer
        else:
            parts.append(XForward(Attributes((pair,))))
    return parts


def quit_session(conn: SMTPClientConnection) -> Flow[None]:
    """Say QUIT, if that is possible, and end. Raises nothing for what the server does meanwhile."""
    try:
        conn.send_command(Quit())
        while conn.pending:
            yield from next_reply(conn)
    except (LocalProtocolError, ConnectionClosed):
        pass
    finally:
        conn.abort()


def authenticate(
    conn: SMTPClientConnection,
    mechanisms: Sequence[ClientMechanism],
    *,
    allow_cleartext: bool = False,
    setting: Setting = NOWHERE,
) -> Flow[Reply]:
    """Log in by the first of *mechanisms* that the server offers (RFC 4954); the strongest stands first.

    One that the server offers and then does not know (504) is passed over. *setting* is what a mechanism may
    know of the connection, but for what the server offers. Raises LocalProtocolError if none is offered, or
    only such as would send a secret without TLS and *allow_cleartext* is False; SMTPAuthenticationFailed if
    the server refuses; AuthenticationAborted if a mechanism gives up: that ends the session if the server
    has accepted, or goes on.
    """
    offered = conn.extensions.auth
    setting = replace(setting, offered=frozenset(offered))
    may_send_secrets = conn.is_tls_active or allow_cleartext
    for mechanism in mechanisms_to_try("AUTH", mechanisms, offered, may_send_secrets=may_send_secrets):
        reply = yield from _authenticate_by(conn, mechanism, setting)
        if reply.is_positive:
            _finish(conn, mechanism)
            return reply
        error = SMTPAuthenticationFailed(reply, "AUTH")
        explain(error, mechanism)
        if reply.code != 504:
            break
    raise error


def _authenticate_by(conn: SMTPClientConnection, mechanism: ClientMechanism, setting: Setting) -> Flow[Reply]:
    initial = mechanism.initial_response(setting)
    request = Auth(mechanism.name, None if initial is None else Secret(initial))
    if len(request.serialize()) > MAX_AUTH_COMMAND:
        request = Auth(mechanism.name)
    waiting = initial if request.initial_response is None else None
    send(conn, request)
    reply = yield from read_reply(conn)
    while reply.is_intermediate:
        try:
            response = waiting if waiting is not None else _respond(mechanism, reply)
            conn.send_sasl(response)
        except LocalProtocolError:
            yield from _cancel(conn)
            raise
        waiting = None
        reply = yield from read_reply(conn)
    return reply


def _cancel(conn: SMTPClientConnection) -> Flow[None]:
    """End an exchange, and the session too if the server does not let it end (RFC 4954 section 4)."""
    conn.send_sasl(None)
    reply = yield from read_reply(conn)
    if not reply.is_negative:
        # Who accepts what was cancelled may be somebody who could not prove to know the password.
        conn.abort()


def _respond(mechanism: ClientMechanism, reply: Reply) -> bytes:
    challenge = reply.challenge
    if challenge is None:
        raise AuthenticationAborted(f"{mechanism.name}: expected a challenge in base64")
    return mechanism.respond(challenge)


def _finish(conn: SMTPClientConnection, mechanism: ClientMechanism) -> None:
    try:
        mechanism.finish()
    except LocalProtocolError:
        conn.abort()
        raise

"""The client's procedures, written once: opening a session, STARTTLS, AUTH, sending a message.

Each is a flow (`mailproto.flow`) over an `SMTPClientConnection`; a driver runs it. A negative reply is an
`SMTPReplyError`, after which the session is usable. A 421, which ends the session at any time, is a
`ConnectionClosed` whose cause is the `SMTPReplyError`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NoReturn, TypeAlias

from mailproto._secret import Secret
from mailproto.address import Mailbox, Path
from mailproto.errors import (
    ConnectionClosed,
    LocalProtocolError,
    MailProtoError,
    SMTPAuthenticationFailed,
    SMTPRecipientsRefused,
    SMTPReplyError,
    TLSUnavailable,
)
from mailproto.flow import Flow, Flush, Receive, start_tls
from mailproto.sasl._mechanism import (
    NOWHERE,
    AuthenticationAborted,
    ClientMechanism,
    Setting,
    explain,
)
from mailproto.sasl._registry import mechanisms_to_try
from mailproto.smtp.client import SMTPClientConnection
from mailproto.smtp.commands import Auth, Command, Data, Ehlo, Helo, Lhlo, Mail, Quit, Rcpt, Rset, StartTLS
from mailproto.smtp.events import ConnectionLost
from mailproto.smtp.outgoing import Needs, Newlines
from mailproto.smtp.parameters import Parameters
from mailproto.smtp.reply import Reply
from mailproto.smtp.sources import CHUNK, ChunksSource, FileSource, Message, OctetsSource, source_of
from mailproto.wants import Wants

__all__ = [
    "Pairs",
    "Recipient",
    "SendResult",
    "TLSMode",
    "authenticate",
    "command",
    "exchange",
    "next_reply",
    "open_session",
    "quit_session",
    "read_reply",
    "send_message",
    "upgrade_to_tls",
]

TLSMode: TypeAlias = Literal["implicit", "starttls", "none", "opportunistic"]
"""How TLS begins. `implicit`: before the greeting, by the driver; `opportunistic`: STARTTLS if offered."""

Recipient: TypeAlias = str | bytes | Mailbox | Path
"""An address as a caller gives it, with or without angle brackets."""

Pairs: TypeAlias = Iterable[tuple[str, str | None]]
"""Parameters of MAIL or RCPT, or what they are built of."""


MAX_AUTH_COMMAND: Final = 512
"""Octets of an AUTH command with its initial response (RFC 4954 section 4, RFC 5321 section 4.5.3.1.4)."""

_RECEIVE: Final = Receive()
_FLUSH: Final = Flush()


@dataclass(frozen=True, slots=True)
class SendResult:
    """Who gets a message: at least one. `refused` says for each of the others why.

    Recipients stand as the caller wrote them. `reply` is the one to the message, in LMTP the last positive
    one.
    """

    accepted: tuple[Recipient, ...]
    refused: Mapping[Recipient, Reply] = field(hash=False)
    reply: Reply


def next_reply(conn: SMTPClientConnection) -> Flow[Reply]:
    """Return the next reply, whatever it says. Raises ConnectionClosed if none comes."""
    while True:
        event = conn.next_event()
        if event is None:
            if conn.wants is Wants.CLOSED:
                raise ConnectionClosed("the connection is closed", phase="read")
            yield _RECEIVE
        elif isinstance(event, ConnectionLost):
            raise ConnectionClosed("the server closed the connection", phase="read")
        else:
            return event


def read_reply(conn: SMTPClientConnection) -> Flow[Reply]:
    """Return the next reply, negative ones too. Raises ConnectionClosed at a 421."""
    reply = yield from next_reply(conn)
    _raise_if_closing(reply)
    return reply


def _raise_if_closing(reply: Reply) -> None:
    if reply.code == 421:
        error = ConnectionClosed(f"the server ends the session: 421 {reply.text}", phase="read")
        raise error from _error(reply)


def command(conn: SMTPClientConnection, request: Command) -> Flow[Reply]:
    """Send *request* and return its positive reply. Raises SMTPReplyError for any other."""
    conn.send_command(request)
    reply = yield from read_reply(conn)
    if not reply.is_positive:
        raise _error(reply)
    return reply


def exchange(conn: SMTPClientConnection, request: Command | bytes, replies: int = 1) -> Flow[Reply]:
    """Send a command, or octets exactly as they are; return the reply, of several the last.

    A negative reply is a value here, a 421 too. What changes who speaks next has flows of its own: DATA,
    STARTTLS and AUTH are refused with LocalProtocolError unless they are given as octets.
    """
    if isinstance(request, bytes):
        conn.send_unchecked(request, replies)
    elif isinstance(request, Data | StartTLS | Auth):
        raise LocalProtocolError(f"{request.name}: has a method of its own")
    else:
        conn.send_command(request)
        replies = 1
    reply = yield from next_reply(conn)
    for _ in range(replies - 1):
        reply = yield from next_reply(conn)
    return reply


def _error(reply: Reply) -> SMTPReplyError:
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
        raise _error(greeting)
    yield from _say_hello(conn, local_hostname, may_fall_back=tls != "starttls")
    if tls == "starttls" or (tls == "opportunistic" and conn.extensions.start_tls):
        try:
            yield from upgrade_to_tls(conn, local_hostname, server_hostname)
        except TLSUnavailable:
            if tls == "starttls" or conn.wants is Wants.CLOSED:
                raise


def _say_hello(conn: SMTPClientConnection, local_hostname: str, *, may_fall_back: bool) -> Flow[None]:
    conn.send_command(Lhlo(local_hostname) if conn.is_lmtp else Ehlo(local_hostname))
    reply = yield from read_reply(conn)
    if reply.is_positive:
        return
    if not reply.is_permanent or conn.is_lmtp:
        raise _error(reply)
    if not may_fall_back:
        raise TLSUnavailable(f"the server does not know EHLO: {reply.code} {reply.text}") from _error(reply)
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
    conn.send_command(StartTLS())
    reply = yield from read_reply(conn)
    if not reply.is_positive:
        error = _error(reply)
        raise TLSUnavailable(f"STARTTLS refused: {reply.code} {reply.text}", phase="tls") from error
    yield from start_tls(server_hostname)
    yield from _say_hello(conn, local_hostname, may_fall_back=False)


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
    the server refuses; AuthenticationAborted if a mechanism gives up.
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
    conn.send_command(request)
    reply = yield from read_reply(conn)
    while reply.is_intermediate:
        try:
            response = waiting if waiting is not None else _respond(mechanism, reply)
            conn.send_sasl(response)
        except LocalProtocolError:
            conn.send_sasl(None)
            yield from read_reply(conn)
            raise
        waiting = None
        reply = yield from read_reply(conn)
    return reply


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


def send_message(
    conn: SMTPClientConnection,
    message: Message,
    *,
    reverse_path: Recipient | None = None,
    forward_paths: Recipient | Iterable[Recipient] | None = None,
    body: Literal["7BIT", "8BITMIME"] | None = None,
    newlines: Newlines = "convert",
    mail_parameters: Pairs = (),
    rcpt_parameters: Pairs | Mapping[Recipient, Pairs] = (),
) -> Flow[SendResult]:
    """Send *message* and return who gets it.

    Without *reverse_path* or *forward_paths* they are taken from the header of a message that is given as
    octets or as an EmailMessage, and its Bcc field is left out. What is sent ahead of the message, SIZE and
    8BITMIME, is found by reading it first; of an iterator only *body* is known, 7BIT unless it says
    otherwise, and an octet against it ends the connection.

    *mail_parameters* and *rcpt_parameters* go with MAIL and with each RCPT, beside those found here:
    `[RET.pair(Ret.HDRS)]`. A mapping gives each recipient, as it is named in *forward_paths*, its own.

    Raises SMTPReplyError if nobody will get the message: the transaction is reset then, and the session
    usable unless the server refused in the middle of the message. LocalProtocolError if it cannot be sent:
    too big for the server, 8-bit octets without 8BITMIME, no recipient. `is_outcome_unknown` of any error
    is True if the message was sent and its reply did not come.
    """
    source = source_of(message, newlines)
    needs = yield from source.survey()
    if reverse_path is None or forward_paths is None:
        envelope = source.take_envelope()
        reverse_path = envelope.reverse_path if reverse_path is None else reverse_path
        forward_paths = envelope.forward_paths if forward_paths is None else forward_paths
        needs = yield from source.survey()
    if needs.is_eight_bit and not conn.extensions.eight_bit_mime and source.to_seven_bit():
        needs = yield from source.survey()
    recipients = _recipients_of(forward_paths)
    parameters = Parameters((*_checked(conn, needs, body), *mail_parameters))
    envelope_commands = _envelope(conn, reverse_path, recipients, parameters, rcpt_parameters)
    if mail_parameters or rcpt_parameters:
        # Half an envelope must not be sent when RCPT has what is not offered.
        for request in envelope_commands:
            if isinstance(request, Mail | Rcpt):
                conn.require_parameters(request)
    replies = yield from _send_envelope(conn, envelope_commands)
    refused = {
        recipient: reply
        for recipient, reply in zip(recipients, replies[1:], strict=False)
        if not reply.is_positive
    }
    accepted = tuple(recipient for recipient in recipients if recipient not in refused)
    if not (replies[0].is_positive and accepted and replies[-1].is_intermediate):
        yield from _give_up(conn, replies, refused)
    yield from _send_body(conn, source, may_be_eight_bit=bool(needs.is_eight_bit) or body == "8BITMIME")
    return (yield from _read_outcome(conn, accepted, refused))


def _recipients_of(forward_paths: Recipient | Iterable[Recipient]) -> tuple[Recipient, ...]:
    if isinstance(forward_paths, str | bytes | Mailbox | Path):
        forward_paths = (forward_paths,)
    recipients = tuple(dict.fromkeys(forward_paths))
    if not recipients:
        raise LocalProtocolError("forward_paths: expected at least one recipient")
    return recipients


def _sendable(conn: SMTPClientConnection, path: Path) -> Path:
    """Return *path* with A-labels if the server does not take UTF-8 (RFC 6531 section 3.2)."""
    if path.mailbox is None or path.is_ascii or conn.extensions.smtputf8:
        return path
    if not path.mailbox.local_part.isascii():
        raise LocalProtocolError(f"SMTPUTF8: the server does not offer it, which {path.mailbox} needs")
    return Path(path.mailbox.to_ascii())


def _checked(conn: SMTPClientConnection, needs: Needs, body: str | None) -> Parameters:
    """Return the parameters of MAIL. Raises LocalProtocolError if the server cannot take the message."""
    limit = conn.extensions.size
    if limit and needs.size is not None and needs.size > limit:
        raise LocalProtocolError(f"SIZE: the message has {needs.size} octets, the server takes {limit}")
    if needs.is_eight_bit and body == "7BIT":
        raise LocalProtocolError("body: the message has octets that are not 7BIT")
    if needs.is_eight_bit:
        body = "8BITMIME"
    if body is not None and not conn.extensions.eight_bit_mime:
        if body == "8BITMIME":
            raise LocalProtocolError("8BITMIME: the message needs it and the server does not offer it")
        body = None
    return Parameters.of(size=needs.size if limit is not None else None, body=body)


def _envelope(
    conn: SMTPClientConnection,
    reverse_path: Recipient,
    forward_paths: tuple[Recipient, ...],
    parameters: Parameters,
    rcpt_parameters: Pairs | Mapping[Recipient, Pairs],
) -> list[Command]:
    """Return MAIL, the RCPTs and DATA."""
    first, *others = [_sendable(conn, Path.of(path)) for path in (reverse_path, *forward_paths)]
    if not parameters.smtputf8 and not all(path.is_ascii for path in (first, *others)):
        parameters = Parameters((*parameters, ("SMTPUTF8", None)))
    each = _parameters_of_each(forward_paths, rcpt_parameters)
    rcpts = [Rcpt(path, own) for path, own in zip(others, each, strict=True)]
    return [Mail(first, parameters), *rcpts, Data()]


def _parameters_of_each(
    forward_paths: tuple[Recipient, ...], parameters: Pairs | Mapping[Recipient, Pairs]
) -> Sequence[Parameters]:
    if not isinstance(parameters, Mapping):
        return [Parameters(parameters)] * len(forward_paths)
    unknown = [recipient for recipient in parameters if recipient not in forward_paths]
    if unknown:
        raise LocalProtocolError(f"rcpt_parameters: {str(unknown[0])[:40]!r} is no recipient")
    return [Parameters(parameters.get(recipient, ())) for recipient in forward_paths]


def _send_envelope(conn: SMTPClientConnection, requests: list[Command]) -> Flow[list[Reply]]:
    """Send MAIL, the RCPTs and DATA, in one group if the server offers PIPELINING (RFC 2920).

    Return the replies in order. Without pipelining it stops where going on makes no sense.
    """
    window = conn.limits.max_pending if conn.extensions.pipelining else 1
    replies: list[Reply] = []
    sent = 0
    for request in requests:
        if sent - len(replies) >= window:
            replies.append((yield from read_reply(conn)))
        if len(replies) == sent and _is_hopeless(replies, request):
            break
        conn.send_command(request)
        sent += 1
    while len(replies) < sent:
        replies.append((yield from read_reply(conn)))
    return replies


def _is_hopeless(replies: list[Reply], request: Command) -> bool:
    if not replies:
        return False
    wanted = replies[1:] if isinstance(request, Data) else replies[:1]
    return not any(reply.is_positive for reply in wanted)


def _give_up(
    conn: SMTPClientConnection, replies: list[Reply], refused: dict[Recipient, Reply]
) -> Flow[NoReturn]:
    """Reset the transaction and raise.

    "If the DATA command was properly rejected the client SMTP can just issue RSET, but if the DATA command
    was accepted the client SMTP should send a single dot" (RFC 2920 section 3.1).
    """
    with contextlib.suppress(ConnectionClosed):
        if conn.wants is Wants.BODY:
            conn.end_body()
        elif replies[0].is_positive:
            conn.send_command(Rset())
        while conn.pending:
            yield from read_reply(conn)
    if not replies[0].is_positive:
        raise _error(replies[0])
    if not any(reply.is_positive for reply in replies[1:]):
        raise SMTPRecipientsRefused(refused, "RCPT")
    raise _error(replies[-1])


def _send_body(
    conn: SMTPClientConnection, source: OctetsSource | FileSource | ChunksSource, *, may_be_eight_bit: bool
) -> Flow[None]:
    """Send the message and its end; one that cannot be completed closes the connection without a dot."""
    try:
        while (chunk := (yield from source.read())) is not None:
            if not may_be_eight_bit and not chunk.isascii():
                raise LocalProtocolError("expected a message of 7-bit octets, since body is not 8BITMIME")
            conn.send_body(chunk)
            if conn.unsent > CHUNK // 2:
                yield _FLUSH
            _raise_early_refusal(conn)
        conn.end_body()
    except BaseException:
        conn.abort()
        raise


def _raise_early_refusal(conn: SMTPClientConnection) -> None:
    event = conn.next_event()
    if isinstance(event, ConnectionLost):
        raise ConnectionClosed("the server closed the connection in the middle of the message", phase="write")
    if event is not None:
        _raise_if_closing(event)
        raise _error(event)


def _read_outcome(
    conn: SMTPClientConnection, accepted: tuple[Recipient, ...], refused: dict[Recipient, Reply]
) -> Flow[SendResult]:
    """Read the reply to the message, in LMTP one for each accepted recipient (RFC 2033 section 4.2)."""
    replies: list[Reply] = []
    try:
        while conn.pending:
            replies.append((yield from read_reply(conn)))
    except MailProtoError as error:
        error.is_outcome_unknown = True
        raise
    refused |= {
        recipient: reply
        for recipient, reply in zip(accepted, replies, strict=False)
        if conn.is_lmtp and not reply.is_positive
    }
    positive = [reply for reply in replies if reply.is_positive]
    if not positive:
        raise (
            SMTPRecipientsRefused(refused, "message")
            if conn.is_lmtp
            else SMTPReplyError(replies[0], "message")
        )
    left = tuple(recipient for recipient in accepted if recipient not in refused)
    return SendResult(left, refused, positive[-1])

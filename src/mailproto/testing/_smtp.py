"""An SMTP or LMTP server for tests: keeps what it gets, and fails where a script says so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Final, final

from mailproto._network import Accepted, ServerTLS
from mailproto.address import Path
from mailproto.errors import ConnectionClosed, LocalProtocolError
from mailproto.flow import Connection, Flow
from mailproto.limits import SMTPLimits
from mailproto.sasl._authenticator import authenticator_for
from mailproto.smtp.commands import Bdat, Mail, Rcpt
from mailproto.smtp.data import NewlinePolicy
from mailproto.smtp.events import BodyData, BodyEnded, ChunkEnded, ConnectionLost, InvalidCommand, ServerEvent
from mailproto.smtp.handler import MessageSink, SMTPHandler, SMTPSession, Transaction
from mailproto.smtp.reply import Reply
from mailproto.smtp.server import SMTPServerConnection
from mailproto.smtp.server_flow import Service, serve
from mailproto.smtp.state import State
from mailproto.testing._dialogue import Dialogue
from mailproto.testing._script import (
    BODY,
    CHUNK,
    CONNECT,
    MESSAGE,
    Action,
    Drop,
    Script,
    ScriptedReply,
    action_of,
    stage_of,
)
from mailproto.testing._server import USER, LoopbackServer

__all__ = ["ReceivedMessage", "SMTPTestServer"]

_LOGIN_FIRST: Final = Reply.of(530, "5.7.0", "authentication required")
_ACCEPTED: Final = Reply.of(250, "2.0.0", "message accepted")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message that the server has accepted, with its envelope.

    Addresses are text without angle brackets, the null reverse-path is ""; `forward_paths` are those that
    were accepted. `mail` and `recipients` are the commands, with their parameters. `identity` is who had
    logged in, None: nobody. `is_tls` says whether it came under TLS, `hello` how the client called itself.
    """

    reverse_path: str
    forward_paths: tuple[str, ...]
    octets: bytes = field(repr=False)
    mail: Mail
    recipients: tuple[Rcpt, ...]
    identity: str | None
    is_tls: bool
    hello: str

    @property
    def email(self) -> EmailMessage:
        """The message, parsed anew each time by the standard library's `email`; its lines end in LF."""
        return message_from_bytes(self.octets.replace(b"\r\n", b"\n"), policy=policy.default)


class SMTPTestServer(LoopbackServer):
    """A server that accepts and keeps every message, except where `answer` and `drop` say otherwise.

    It runs in threads, so blocking and async code can be tested against it. *tls*: "none", "starttls" or
    "implicit", for which trustme must be installed. AUTH takes *user* and *password*, without TLS too;
    *require_auth* refuses MAIL before it. A message is in `messages` before the client gets its reply.
    """

    def __init__(
        self,
        *,
        tls: ServerTLS = "none",
        lmtp: bool = False,
        require_auth: bool = False,
        user: str = USER,
        password: str = "secret",
        hostname: str = "mx.example.org",
        newlines: NewlinePolicy = "reject",
        limits: SMTPLimits | None = None,
    ) -> None:
        self._lmtp = lmtp
        self._hostname = hostname
        self._newlines: NewlinePolicy = newlines
        self._limits = limits or SMTPLimits()
        self._script = Script()
        self._messages: list[ReceivedMessage] = []
        self._arrived = threading.Condition()
        self._service = Service(
            handler=_Keeping(self, self._script, require_auth),
            authenticator=authenticator_for({user: password}),
            allow_cleartext=True,
            start_tls=tls == "starttls",
        )
        super().__init__(tls=tls, user=user, password=password)

    def _make(self, accepted: Accepted, dialogue: Dialogue) -> tuple[Connection[object], Flow[None]]:
        conn = _ScriptedConnection(
            self._limits, hostname=self._hostname, lmtp=self._lmtp, newlines=self._newlines
        )
        conn.script = self._script
        conn.trace = dialogue.trace_server
        if accepted.tls is not None:
            conn.tls_started()
        return conn, serve(conn, self._service, peer=accepted.peer, tls=accepted.tls)

    @property
    def messages(self) -> list[ReceivedMessage]:
        """The messages that were accepted, in the order in which they came."""
        with self._arrived:
            return list(self._messages)

    def wait_for(self, count: int = 1, timeout: float = 5.0) -> list[ReceivedMessage]:
        """Wait, blocking, until there are *count* messages, and return all. Raises TimeoutError.

        It is for code that sends behind the test's back; in async code call it in a thread
        (`asyncio.to_thread`). *timeout* is in seconds.
        """
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._messages) >= count, timeout):
                raise TimeoutError(f"expected {count} messages in {timeout} s, got {len(self._messages)}")
            return list(self._messages)

    def answer(
        self,
        command: str,
        reply: ScriptedReply,
        times: int | None = 1,
        *,
        recipient: str | Path | None = None,
    ) -> None:
        """Answer the next *times* such commands with *reply*, every one if *times* is None.

        *command* is a verb, "connect" for the greeting, "message" for the end of a message, "SASL response"
        within AUTH. A refused command has no effect. Of several answers for one command the first is used
        up before the next. *recipient* narrows it to one forward-path: for RCPT, and for "message" in LMTP,
        where an answer without it goes to all. Commands that the protocol itself refuses do not count.
        Raises LocalProtocolError for an unknown command or what is no reply.
        """
        stage = stage_of(command)
        if stage == BODY:
            raise LocalProtocolError("body: nothing answers it, expected 'message' or a drop")
        if recipient is not None and stage != "RCPT" and not (stage == MESSAGE and self._lmtp):
            raise LocalProtocolError(f"recipient: {stage} has none")
        path = None if recipient is None else Path.of(recipient)
        self._script.add(stage, path, action_of(reply), times)

    def drop(self, after: str, times: int | None = 1, *, answered: bool = False) -> None:
        """Close the connection when the next *times* such commands have come, without an answer.

        *after* is a command as for `answer`, or "body": in the middle of a message. With *answered* the
        command has its effect and its answer, and the connection is closed behind that; behind STARTTLS so
        is the handshake. After "connect" the server closes instead of greeting.
        """
        stage = stage_of(after)
        if answered and stage == BODY:
            raise LocalProtocolError("body: nothing answers it")
        self._script.add(stage, None, Drop(answered), times)

    def reset(self) -> None:
        """Forget messages, dialogues and what `answer` and `drop` have said; connections stay open."""
        self._script.clear()
        self._forget_dialogues()
        with self._arrived:
            self._messages.clear()

    def _keep(self, message: ReceivedMessage, session: SMTPSession) -> None:
        with self._arrived:
            self._messages.append(message)
            self._arrived.notify_all()


@final
class _Keeping(SMTPHandler):
    """Asks for a login where it is wanted, and keeps each message."""

    def __init__(self, server: SMTPTestServer, script: Script, require_auth: bool) -> None:
        self._server = server
        self._script = script
        self._require_auth = require_auth

    def mail(self, session: SMTPSession, mail: Mail) -> Reply | None:
        return _LOGIN_FIRST if self._require_auth and session.identity is None else None

    def message(self, session: SMTPSession) -> MessageSink:
        return _Sink(self._server, self._script, session)


@final
class _Sink:
    """Collects one message; at its end the script decides, in LMTP for each recipient."""

    def __init__(self, server: SMTPTestServer, script: Script, session: SMTPSession) -> None:
        self._server = server
        self._script = script
        self._session = session
        self._chunks: list[bytes] = []
        self.write = self._chunks.append

    def finish(self) -> Reply | tuple[Reply, ...]:
        transaction = self._session.transaction
        if transaction is None:
            raise LocalProtocolError("message: no transaction is open")
        general = self._answer(None) or _ACCEPTED
        if not self._session.is_lmtp:
            self._keep(transaction, transaction.recipients if general.is_positive else [])
            return general
        replies = tuple(self._answer(rcpt.forward_path) or general for rcpt in transaction.recipients)
        pairs = zip(transaction.recipients, replies, strict=True)
        self._keep(transaction, [rcpt for rcpt, reply in pairs if reply.is_positive])
        return replies

    def _answer(self, recipient: Path | None) -> Reply | None:
        action = self._script.take(MESSAGE, (recipient,), _is_reply)
        return action if isinstance(action, Reply) else None

    def _keep(self, transaction: Transaction, recipients: list[Rcpt]) -> None:
        if recipients:
            session = self._session
            message = ReceivedMessage(
                reverse_path=_text(transaction.mail.reverse_path),
                forward_paths=tuple(_text(rcpt.forward_path) for rcpt in recipients),
                octets=b"".join(self._chunks),
                mail=transaction.mail,
                recipients=tuple(recipients),
                identity=session.identity,
                is_tls=session.tls is not None,
                hello=session.hello.domain if session.hello is not None else "",
            )
            self._server._keep(message, session)

    def abort(self) -> None:
        self._chunks.clear()


def _text(path: Path) -> str:
    return str(path)[1:-1]


class _ScriptedConnection(SMTPServerConnection):  # type: ignore[misc]  # final for users; here it may misbehave
    """A server's connection that carries out the script before its flow sees the command."""

    script: Script

    def __init__(self, limits: SMTPLimits, *, hostname: str, lmtp: bool, newlines: NewlinePolicy) -> None:
        super().__init__(limits, hostname=hostname, lmtp=lmtp, newlines=newlines)
        self._stage = CONNECT
        self._recipient: Path | None = None
        self._ends = False

    def next_event(self) -> ServerEvent | None:
        """Return the next event that the script has nothing against."""
        if self._ends:
            self._end()
        while (event := super().next_event()) is not None:
            self._stage = _stage_of_event(event)
            self._recipient = event.forward_path if isinstance(event, Rcpt) else None
            decides = _DECIDES.get(self._stage, _is_no_success)
            action = self.script.take(self._stage, (None, self._recipient), decides)
            if action is None:
                return event
            self._do(action)
        return None

    def send_reply(self, reply: Reply) -> None:
        """Queue *reply*, or what the script has in its place."""
        stage, self._stage = self._stage, ""
        action = self.script.take(stage, (None, self._recipient), _REPLACES.get(stage, _is_success))
        match action:
            case Reply():
                self._send_fitting(action)
            case Drop(answered=True):
                self._ends = True
                super().send_reply(reply)
            case None:
                super().send_reply(reply)
            case _:
                self._do(action)

    def _send_fitting(self, reply: Reply) -> None:
        try:
            super().send_reply(reply)
        except LocalProtocolError:
            # No answer to this command by the RFC, and that is what the test wants to see.
            self.send_unchecked(reply.serialize(), max(1, self.replies_due))

    def _do(self, action: Action) -> None:
        if isinstance(action, Drop):
            self.abort()
        else:
            octets = action.serialize() if isinstance(action, Reply) else action
            self.send_unchecked(octets, max(1, self.replies_due))

    def _end(self) -> None:
        """Close behind an answer. A driver that is about to shake hands needs to be told by an error."""
        if self.state is State.TLS:
            self.abort()
            raise ConnectionClosed("closed in place of the handshake", phase="tls")
        self.abort()


def _stage_of_event(event: ServerEvent) -> str:
    """Return the stage of *event*; "" for what the script has no say in."""
    match event:
        case BodyData():
            return BODY
        case BodyEnded():
            return MESSAGE
        case ChunkEnded():
            return CHUNK
        case InvalidCommand() | ConnectionLost() | Bdat():
            return ""
    return event.name


def _is_any(action: Action) -> bool:
    return True


def _is_reply(action: Action) -> bool:
    return isinstance(action, Reply)


def _is_answered_drop(action: Action) -> bool:
    return isinstance(action, Drop) and action.answered


def _is_success(action: Action) -> bool:
    return not _is_no_success(action)


def _is_no_success(action: Action) -> bool:
    match action:
        case Reply():
            return action.is_negative
        case Drop():
            return not action.answered
    return True


def _is_no_reply(action: Action) -> bool:
    return isinstance(action, bytes) or (isinstance(action, Drop) and not action.answered)


_DECIDES: Final[dict[str, Callable[[Action], bool]]] = {MESSAGE: _is_no_reply}
"""What is done at a stage in place of all that the flow would do: elsewhere a refusal, octets, a drop."""
_REPLACES: Final[dict[str, Callable[[Action], bool]]] = {CONNECT: _is_any, MESSAGE: _is_answered_drop}
"""What takes the place of the flow's answer: elsewhere a success, which has had its effect."""

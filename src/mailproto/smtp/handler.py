"""What an application is to an SMTP or LMTP server: a handler that answers, and a sink for each message.

`smtp.server_flow` calls these methods, through a driver, so each may be plain or async; or it returns a flow
(`mailproto.flow`), which is run and may call into stores. What is wrong by the protocol alone (order, syntax,
sizes, too many recipients) never gets here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from mailproto.flow import Flow, TLSInfo
from mailproto.smtp.commands import Ehlo, Expn, Helo, Help, Lhlo, Mail, Noop, Rcpt, UnknownCommand, Vrfy
from mailproto.smtp.reply import Reply

__all__ = [
    "Answer",
    "DiscardingSink",
    "Finish",
    "Hello",
    "MessageSink",
    "SMTPHandler",
    "SMTPSession",
    "Transaction",
    "WholeMessages",
]

Answer: TypeAlias = Reply | None | Awaitable[Reply | None] | Flow[Reply | None]
"""A reply; None for the usual one, which accepts; or an awaitable or a flow of either."""

Finish: TypeAlias = Reply | tuple[Reply, ...] | None
"""What a message ends with: one reply for all, one for each accepted recipient, or None: accepted."""

Finishing: TypeAlias = Finish | Awaitable[Finish] | Flow[Finish]

Hello: TypeAlias = Ehlo | Lhlo | Helo


@dataclass(slots=True)
class Transaction:
    """An envelope in the making (RFC 5321 section 3.3): MAIL, and the RCPTs that were accepted."""

    mail: Mail
    recipients: list[Rcpt] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class SMTPSession:
    """What is known of a client. The server flow writes it, a handler reads it.

    `peer` is the address as the driver knows it: (host, port), or the path of a Unix socket. `hello`, `tls`
    and `identity` are None until there was EHLO, TLS and a login. `state` is the handler's own.
    """

    peer: tuple[str, int] | str = ""
    is_lmtp: bool = False
    hello: Hello | None = None
    tls: TLSInfo | None = None
    identity: str | None = None
    transaction: Transaction | None = None
    state: object = None

    @property
    def protocol(self) -> str:
        """The word for the `with` clause of a Received line: "ESMTPSA" and its kin (RFC 3848)."""
        if isinstance(self.hello, Helo) and not self.is_lmtp:
            return "SMTP"
        name = "LMTP" if self.is_lmtp else "ESMTP"
        return f"{name}{'S' if self.tls else ''}{'A' if self.identity is not None else ''}"


class MessageSink(Protocol):
    """The state of one message while it arrives; each method may be async, or return a flow.

    Exactly one of `finish` and `abort` is called, once, and nothing after it.
    """

    def write(self, chunk: bytes, /) -> object:
        """Take the next octets, without dot-stuffing; chunks are cut anywhere."""

    def finish(self) -> Finishing:
        """Take the end. Once this accepts, the message is the server's responsibility.

        One reply counts for all recipients; a tuple has one for each accepted recipient (LMTP).
        """

    def abort(self) -> object:
        """Forget the message: the connection was lost, it grew too big, or the server stops."""


Accepting: TypeAlias = Reply | MessageSink | Awaitable[Reply | MessageSink] | Flow[Reply | MessageSink]


class DiscardingSink:
    """Accepts a message and keeps nothing of it."""

    def write(self, chunk: bytes, /) -> None:
        """Drop *chunk*."""

    def finish(self) -> Finish:
        """Accept."""
        return None

    def abort(self) -> None:
        """Do nothing."""


class SMTPHandler:
    """Accepts everything; override what should be answered otherwise, plain or async.

    A negative reply of `hello`, `mail` or `rcpt` leaves the state as it was before the command. A method
    that raises ends the session with 421, and the error goes to the driver. Over the blocking server the
    methods of one handler are called from several threads.
    """

    def connect(self, session: SMTPSession) -> Answer:
        """Greet; 554, 521 or 421 turn the client away.

        After 554 and 521 only QUIT is answered otherwise than with a 503, or the 521 again (RFC 7504).
        """
        return None

    def hello(self, session: SMTPSession, hello: Hello) -> Answer:
        """Answer EHLO, HELO or LHLO. Only a negative reply is sent as it is: the other lists extensions."""
        return None

    def mail(self, session: SMTPSession, mail: Mail) -> Answer:
        """Answer MAIL; `session.transaction` is None until it is accepted."""
        return None

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Answer:
        """Answer RCPT; `session.transaction.recipients` holds those accepted before."""
        return None

    def message(self, session: SMTPSession) -> Accepting:
        """Answer DATA: a negative reply, or the sink for the message."""
        return DiscardingSink()

    def reset(self, session: SMTPSession) -> object:
        """Note that a transaction was given up, by RSET, EHLO or STARTTLS."""
        return None

    def vrfy(self, session: SMTPSession, vrfy: Vrfy) -> Answer:
        """Answer VRFY; by default 252 (RFC 5321 section 3.5.3)."""
        return None

    def expn(self, session: SMTPSession, expn: Expn) -> Answer:
        """Answer EXPN; by default 502."""
        return None

    def help(self, session: SMTPSession, help_: Help) -> Answer:
        """Answer HELP; by default 214."""
        return None

    def noop(self, session: SMTPSession, noop: Noop) -> Answer:
        """Answer NOOP."""
        return None

    def unknown(self, session: SMTPSession, command: UnknownCommand) -> Answer:
        """Answer a verb of an extension of your own, which the connection offers; by default 502."""
        return None

    def closed(self, session: SMTPSession) -> object:
        """Note that the session is over, however it ended."""
        return None


class WholeMessages(SMTPHandler):
    """A handler made of one function, which gets each message whole.

    It is called with the session, whose `transaction` is the envelope, and the octets of the message; it
    returns what `MessageSink.finish` does, and may be async.
    """

    def __init__(self, function: Callable[[SMTPSession, bytes], Finishing]) -> None:
        self._function = function

    def message(self, session: SMTPSession) -> MessageSink:
        """Return a sink that collects."""
        return _Collector(self._function, session)


class _Collector:
    __slots__ = ("_chunks", "_function", "_session", "write")

    def __init__(self, function: Callable[[SMTPSession, bytes], Finishing], session: SMTPSession) -> None:
        self._function = function
        self._session = session
        self._chunks: list[bytes] = []
        self.write = self._chunks.append

    def finish(self) -> Finishing:
        chunks = self._chunks
        return self._function(self._session, chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def abort(self) -> None:
        self._chunks.clear()

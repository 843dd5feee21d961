"""What an application is to an SMTP or LMTP server: a handler that answers, and a sink for each message.

`smtp.server_flow` calls these methods, through a driver, so each may be plain or async; or it returns a flow
(`mailproto.flow`), which is run and may call into stores. What is wrong by the protocol alone (order, syntax,
sizes, too many recipients) never gets here.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from mailproto.flow import Flow, TLSInfo
from mailproto.smtp.commands import (
    Burl,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
)
from mailproto.smtp.ext.attributes import NO_ATTRIBUTES, Attributes
from mailproto.smtp.extensions import NO_EXTENSIONS, Extensions
from mailproto.smtp.reply import Reply

__all__ = [
    "Answer",
    "DiscardingSink",
    "Fetched",
    "Finish",
    "Hello",
    "MessageSink",
    "SMTPHandler",
    "SMTPSession",
    "Transaction",
    "WholeMessages",
    "overridden",
]

Answer: TypeAlias = Reply | None | Awaitable[Reply | None] | Flow[Reply | None]
"""A reply; None for the usual one, which accepts; or an awaitable or a flow of either."""

Finish: TypeAlias = Reply | tuple[Reply, ...] | None
"""What a message ends with: one reply for all, one for each accepted recipient, or None: accepted."""

Fetched: TypeAlias = bytes | Iterable[bytes | Reply] | AsyncIterable[bytes | Reply] | Reply | None
"""What a URL stands for: octets, at once or in chunks, or a refusal; None: it cannot be resolved.

Fetching that fails in the middle gives the refusal in place of a chunk.
"""

Fetching: TypeAlias = Fetched | Awaitable[Fetched]

Finishing: TypeAlias = Finish | Awaitable[Finish] | Flow[Finish] | Iterator[Reply] | AsyncIterator[Reply]
"""The same, waited for; or one reply after another for each accepted recipient."""

Hello: TypeAlias = Ehlo | Lhlo | Helo


@dataclass(slots=True)
class Transaction:
    """An envelope in the making (RFC 5321 section 3.3): MAIL, and the RCPTs that were accepted."""

    mail: Mail
    recipients: list[Rcpt] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class SMTPSession:
    """What is known of a client. The server flow writes it, a handler reads it.

    `peer` and `local` are the addresses of the client and of this end as the driver knows them: (host,
    port), or the path of a Unix socket. `hostname` is what this server calls itself. `hello`, `tls` and
    `identity` are None until there was EHLO, TLS (with the client's certificate, if it was asked for one) and
    a login; STARTTLS makes the first and the last None again. `extensions` are those that the last EHLO reply
    offered. `state` is the handler's own.
    """

    peer: tuple[str, int] | str = ""
    local: tuple[str, int] | str = ""
    hostname: str = ""
    is_lmtp: bool = False
    hello: Hello | None = None
    tls: TLSInfo | None = None
    identity: str | None = None
    extensions: Extensions = NO_EXTENSIONS
    transaction: Transaction | None = None
    state: object = None
    xclient: Attributes = NO_ATTRIBUTES
    """What XCLIENT has said, several together; `peer`, `hello` and `identity` are made of it."""
    forwarded: Attributes = NO_ATTRIBUTES
    """What XFORWARD has said of the next message, or of the one that is being received."""

    @property
    def protocol(self) -> str:
        """The word for the `with` clause of a Received line: "ESMTPSA" and its kin (RFC 3848).

        For a message that MAIL has called SMTPUTF8 they are "UTF8SMTPSA" and so on (RFC 6531 section 4.3).
        """
        if isinstance(self.hello, Helo) and not self.is_lmtp:
            return "SMTP"
        is_utf8 = self.transaction is not None and self.transaction.mail.parameters.smtputf8
        name = _PROTOCOLS[self.is_lmtp, is_utf8]
        return f"{name}{'S' if self.tls else ''}{'A' if self.identity is not None else ''}"


_PROTOCOLS: Final = {
    (False, False): "ESMTP",
    (False, True): "UTF8SMTP",
    (True, False): "LMTP",
    (True, True): "UTF8LMTP",
}
"""The first part of `SMTPSession.protocol`, for LMTP or not, with SMTPUTF8 or not."""


class MessageSink(Protocol):
    """The state of one message while it arrives; each method may be async, or return a flow.

    Exactly one of `finish` and `abort` is called, once, and nothing after it. If `write` raises, `abort`
    follows, the rest of the message is dropped, and 451 stands at its end. If `finish` raises the answer is
    451 too; it has to leave nothing behind by itself, for `abort` is not called then.
    """

    def write(self, chunk: bytes, /) -> object:
        """Take the next octets, without dot-stuffing; chunks are cut anywhere."""

    def finish(self) -> Finishing:
        """Take the end. Once this accepts, the message is the server's responsibility.

        One reply counts for all recipients; a tuple has one for each accepted recipient, in order. Those
        are sent in LMTP and under PRDR; else one refusal among them refuses the message for all. An iterator
        gives them one by one, `map(deliver, recipients)` say, and so may an async one: in LMTP each is sent
        as soon as it is there (RFC 2033 section 5). It must be no generator, since that is taken for a flow.
        """

    def abort(self) -> object:
        """Forget the message: `write` raised, the client is gone, it grew too big, or the server stops."""


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

    A negative reply of `hello`, `auth`, `mail` or `rcpt` leaves the state as it was before the command. A
    method that raises, or gives what is no answer to the command, costs the client a 451 and no more: the
    session goes on, and the error is reported to the driver, once.

    A reply without an enhanced code gets X.0.0 (RFC 2034 section 4), unless ENHANCEDSTATUSCODES is no row of
    the connection. In its text `?` is sent for what is not ASCII, but where a client has said SMTPUTF8 and a
    reply may show an address: to VRFY, to EXPN, and by 251 and 551 (RFC 6531 section 3.7.4).

    Over the blocking server the methods of one handler are called from several threads.
    """

    def connect(self, session: SMTPSession) -> Answer:
        """Greet; 554, 521 or 421 turn the client away.

        After 554 and 521 only QUIT is answered otherwise than with a 503, or the 521 again (RFC 7504). If
        this raises, the client gets 421 and no session.
        """
        return None

    def hello(self, session: SMTPSession, hello: Hello) -> Answer:
        """Answer EHLO, HELO or LHLO. A negative reply is sent as it is.

        Of a positive one the first line stands behind the host name; the others list the extensions.
        """
        return None

    def auth(self, session: SMTPSession, identity: str, mechanism: str) -> Answer:
        """Answer a login as *identity*, whose credentials were found right: by default, and at best, 235.

        `session.identity` is None until it is accepted. A negative reply refuses it; a 5yz counts as a bad
        login (RFC 4954 section 6: 535 says no, 454 later, 432 that a new password is needed).
        """
        return None

    def mail(self, session: SMTPSession, mail: Mail) -> Answer:
        """Answer MAIL; `session.transaction` is None until it is accepted."""
        return None

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Answer:
        """Answer RCPT; `session.transaction.recipients` holds those accepted before."""
        return None

    def message(self, session: SMTPSession) -> Accepting:
        """Answer DATA, or the first BDAT or BURL: a negative reply, or the sink for the message.

        `session.transaction.mail` says what may come: under BODY=BINARYMIME any octets at all.
        """
        return DiscardingSink()

    def burl(self, session: SMTPSession, burl: Burl) -> Fetching:
        """Fetch `burl.url` (RFC 4468), which the row `burl("imap")` offers; by default 554.

        What is returned is appended to the message. This method is never a flow: a generator that it returns
        gives chunks. "If the IMAP URL uses the "submit+" access identifier
        prefix, the submit server MUST refuse the BURL command unless the userid in the URL's <access> token
        matches the submit client's authorization identity" (section 3.3), here `session.identity`.
        """
        return None

    def reset(self, session: SMTPSession) -> object:
        """Note that a transaction was given up, by RSET, EHLO or STARTTLS, which are answered as ever."""
        return None

    def quit(self, session: SMTPSession, quit_: Quit) -> Answer:
        """Answer QUIT, with 221 and no other code (RFC 5321 section 4.1.1.10), or 421."""
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

    def etrn(self, session: SMTPSession, etrn: Etrn) -> Answer:
        """Answer ETRN, which the row `ETRN` offers: see `EtrnAnswer`; by default 458."""
        return None

    def xclient(self, session: SMTPSession, xclient: XClient) -> Answer:
        """Say whether `session.peer` may speak for another client; by default 550.

        A 220 accepts and is the greeting: `session` is that client's then, and starts over with its EHLO.
        The row `XCLIENT` offers the command.
        """
        return None

    def xforward(self, session: SMTPSession, xforward: XForward) -> Answer:
        """Say whether `session.peer` may tell where a message came from; by default 550.

        A 250 accepts: `session.forwarded` has it then. The row `XFORWARD` offers the command.
        """
        return None

    def unknown(self, session: SMTPSession, command: UnknownCommand) -> Answer:
        """Answer a verb of an extension of your own, which the connection offers; by default 502."""
        return None

    def closed(self, session: SMTPSession) -> object:
        """Note that the session is over, however it ended."""
        return None


def overridden(handler: SMTPHandler) -> dict[str, Callable[..., object]]:
    """Return the bound methods, by name, that *handler* does not have from `SMTPHandler`."""
    names = (name for name, value in vars(SMTPHandler).items() if callable(value) and name[0] != "_")
    bound = {name: getattr(handler, name) for name in names}
    return {
        name: method
        for name, method in bound.items()
        if getattr(method, "__func__", None) is not vars(SMTPHandler)[name]
    }


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

"""The server's end of an SMTP or LMTP connection, without IO (RFC 5321, 1870, 2033, 2034, 3030, 3207, 4468,
4954).

`next_event` reads one command and stops until `send_reply`: what the next octets mean depends on the answer.
What the grammar, the table of states or a limit refuses comes as `InvalidCommand` with the reply that is due.
BDAT is an event without a reply: its octets follow as `ChunkData`, and behind them a reply is due to
`ChunkEnded`, at the last to `BodyEnded`. What stands behind a BDAT that is refused is read and dropped before
the refusal comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, cast, final, get_args

from mailproto._connection import Endpoint
from mailproto._secret import hide_token
from mailproto.errors import Defect, LocalProtocolError, RemoteProtocolError, excerpt
from mailproto.limits import SMTPLimits
from mailproto.smtp import _refusals as refusals
from mailproto.smtp._body import TOO_BIG, BinaryBody, Body, NormalizedBody
from mailproto.smtp._grammar import CommandSyntaxError, match_verb
from mailproto.smtp._offered import NOTHING_OFFERED, ehlo_reply, helo_reply, offered_in, require_needed
from mailproto.smtp.commands import (
    Auth,
    Bdat,
    Burl,
    Command,
    Data,
    Ehlo,
    Expn,
    Helo,
    Lhlo,
    Mail,
    MessageBody,
    Rcpt,
    SASLResponse,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
    add_defects,
    conditions_of,
    parse_command,
    parse_sasl_response,
)
from mailproto.smtp.data import NewlinePolicy, require_newline_policy
from mailproto.smtp.events import (
    BodyData,
    BodyEnded,
    ChunkData,
    ChunkEnded,
    ConnectionLost,
    InvalidCommand,
    ServerEvent,
)
from mailproto.smtp.extensions import (
    EXTENSIONS,
    Extension,
    Extensions,
    Offer,
)
from mailproto.smtp.reply import Reply, ReplyReader
from mailproto.smtp.state import (
    EXEMPT,
    IN_TRANSACTION,
    REFUSED_HELLO,
    TRANSITIONS,
    Condition,
    Row,
    State,
    replies_due,
    row_of,
)
from mailproto.wants import Wants

__all__ = ["SMTPServerConnection"]

_Pending: TypeAlias = Command | SASLResponse | MessageBody | InvalidCommand | None

# On Python 3.11 a member of an enumeration takes four times as long to reach as a name of the module.
_AUTH: Final = State.AUTH
_BODY: Final = State.BODY
_CLOSED: Final = State.CLOSED
_ENDED: Final = State.ENDED
_TLS: Final = State.TLS
_WANTS_CLOSED: Final = Wants.CLOSED
_WANTS_DATA: Final = Wants.DATA
_WANTS_REPLY: Final = Wants.REPLY

_DEFAULT_LIMITS: Final = SMTPLimits()
_INTERMEDIATE: Final = 300
_SERVICE_CLOSING: Final = 421
_NO_MAIL: Final = 521


_TLS_RECORD: Final = b"\x16\x03"
"""How a ClientHello begins (RFC 8446 section 5.1)."""
_HTTP_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PRI", "PUT", "TRACE"}
)
# field-line = field-name ":" ... (RFC 9112 section 5): no command of SMTP has a colon in its first word
_match_field: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:").match


_ANY_BODY: Final = MessageBody()
_GREETING: Final = TRANSITIONS[State.GREETING, "greeting"]
_MESSAGE: Final = TRANSITIONS[State.ENDED, MessageBody.name].under(())
_VERDICTS: Final = TRANSITIONS[State.VERDICTS, MessageBody.name]
_UNCONDITIONAL: Final = {
    lmtp: {
        (state, name): row
        for (state, name), row in TRANSITIONS.items()
        if row.is_legal
        and row.unless in (None, Condition.BINARY_MIME)
        and not row.extensions
        and name not in REFUSED_HELLO[lmtp]
    }
    for lmtp in (False, True)
}
"""The rows of which nothing has to be asked but that they are there: those of nearly all commands.

Whether DATA is for a message that is BINARYMIME is asked by its check.
"""
_REQUIREMENTS: Final[dict[tuple[bool, bool], tuple[Condition, ...]]] = {
    (False, False): (),
    (False, True): (Condition.AUTHENTICATED,),
    (True, False): (Condition.TLS_ACTIVE,),
    (True, True): (Condition.TLS_ACTIVE, Condition.AUTHENTICATED),
}
"""What a server requires, by `require_tls` and `require_auth`."""
_NONE_UNCONDITIONAL: Final[dict[tuple[State, str], Row]] = {}
"""What takes its place where TLS or a login is required."""
_CHUNKS: Final = frozenset({Bdat, Burl})
_NAMES_OF_CHUNKS: Final = frozenset({"BDAT", "BDAT LAST", "BURL", "BURL LAST"})
_BEHIND_MAIL: Final = frozenset({"RCPT", "DATA"}) | _NAMES_OF_CHUNKS
"""What a client that pipelines may have sent behind a MAIL, a RCPT or a chunk that is refused."""
_AFTER_REFUSAL: Final = {
    **{state: Row(positive=state, negative=state) for state in State},
    State.AUTH: TRANSITIONS[State.AUTH, SASLResponse.name],
    State.ENDED: _MESSAGE,
}
"""What judges the reply to an `InvalidCommand`: it changes nothing, but ends a message or an exchange."""
_AFTER_REFUSED_CHUNK: Final = {
    (state, name): Row(positive=row.negative, negative=row.negative)
    for (state, name), row in TRANSITIONS.items()
    if name in _NAMES_OF_CHUNKS or row.negative is State.FAILED
}
"""The same where a refusal alone changes the state."""


@final
class SMTPServerConnection(Endpoint[ServerEvent]):
    """Commands out, replies in: `next_event`, `send_reply`, `data_to_send`.

    First of all the application sends the greeting. `hostname` is what `ehlo_reply` says. `extensions` are
    the rows that may be offered, `auth_mechanisms` and `start_tls` what they decide by; both can be changed
    between two EHLO. What counts is what the EHLO reply has said. `newlines` is the policy for a bare CR or
    LF in a message; `strict` refuses with 501 what would be a defect. With `require_tls` and `require_auth`
    commands that are not in `state.EXEMPT` get 530 as long as there is no TLS, no login. Raises
    LocalProtocolError if a row lacks one that it needs, or LMTP lacks PIPELINING or ENHANCEDSTATUSCODES.

    HTTP, a header field and a TLS ClientHello where a command is due come from something that a web page has
    sent here, or from a client of another port: 421 ends the connection before more is read.
    """

    _body: Body
    """The message that is being received; there is none before the first DATA."""
    unsent: int
    """Octets queued and not drained."""

    __slots__ = (
        "_authenticated",
        "_bad_commands",
        "_bad_logins",
        "_body",
        "_declined_mail",
        "_domains",
        "_hello",
        "_lmtp",
        "_mail",
        "_newlines",
        "_offered",
        "_pending",
        "_recipients",
        "_refusal",
        "_replies_due",
        "_required",
        "_rest",
        "_row",
        "_rows",
        "_strict",
        "_tls_active",
        "_transactions",
        "_unconditional",
        "auth_mechanisms",
        "dropped",
        "hostname",
        "limits",
        "progress",
        "start_tls",
        "state",
    )

    def __init__(
        self,
        limits: SMTPLimits = _DEFAULT_LIMITS,
        *,
        hostname: str,
        lmtp: bool = False,
        strict: bool = False,
        newlines: NewlinePolicy = "reject",
        extensions: Iterable[Extension] = EXTENSIONS,
        auth_mechanisms: Iterable[str] = (),
        start_tls: bool = False,
        require_tls: bool = False,
        require_auth: bool = False,
    ) -> None:
        super().__init__()
        require_newline_policy(newlines)
        rows = tuple(extensions)
        require_needed(rows, lmtp=lmtp)
        self.limits: SMTPLimits = limits
        """What this connection accepts."""
        self.hostname: str = hostname
        """What `ehlo_reply` calls this server."""
        self.auth_mechanisms: tuple[str, ...] = tuple(auth_mechanisms)
        """The SASL mechanisms that the next EHLO reply offers."""
        self.start_tls: bool = start_tls
        """Whether the next EHLO reply offers STARTTLS; it never does when TLS is active."""
        self.dropped: int = 0
        """Octets that came in the clear before a TLS handshake and were dropped: most likely an attack."""
        # Drivers and flows ask for these two at each step, so they are no properties.
        self.progress: int = 0
        """A number that changes whenever the clock of `timeout` starts again."""
        self.state: State = State.GREETING
        """The state that the replies sent so far have led to. The connection alone sets it."""
        self._lmtp = lmtp
        self._strict = strict
        self._newlines: NewlinePolicy = newlines
        self._rows = rows
        self._required = _REQUIREMENTS[require_tls, require_auth]
        self._unconditional = _NONE_UNCONDITIONAL if self._required else _UNCONDITIONAL[lmtp]
        self._offered = NOTHING_OFFERED
        self._hello: Ehlo | Helo | Lhlo | None = None
        self._pending: _Pending = None
        self._row: Row = _GREETING
        self._refusal = refusals.BAD_SEQUENCE
        self._replies_due = 1
        self._mail: Mail | None = None
        self._transactions = 0
        self._domains: frozenset[str] = frozenset()
        self._recipients = 0
        self._declined_mail = False
        self._rest: bytes | _Chunk | None = None
        self._bad_commands = 0
        self._bad_logins = 0
        self._tls_active = False
        self._authenticated = False

    @property
    def hello(self) -> Ehlo | Helo | Lhlo | None:
        """The greeting of the client that was accepted last; None before it, after TLS began and XCLIENT."""
        return self._hello

    @property
    def extensions(self) -> Extensions:
        """What the last EHLO reply has offered."""
        return self._offered.extensions

    def can_offer(self, keyword: str) -> bool:
        """Return whether there is a row of *keyword*, in capital letters, whatever EHLO was answered."""
        return any(row.keyword == keyword for row in self._rows)

    @property
    def is_tls_active(self) -> bool:
        """True after `tls_started`."""
        return self._tls_active

    @property
    def is_authenticated(self) -> bool:
        """True after a positive reply to AUTH."""
        return self._authenticated

    @property
    def is_lmtp(self) -> bool:
        """True if this is LMTP."""
        return self._lmtp

    @property
    def recipients(self) -> int:
        """How many recipients were accepted in the transaction."""
        return self._recipients

    @property
    def has_verdicts(self) -> bool:
        """True if a 353 may answer the message, and a reply for each recipient follow it.

        MAIL has asked for PRDR, and there is more than one recipient.
        """
        return self._recipients > 1 and self._holds(Condition.PRDR)

    @property
    def replies_due(self) -> int:
        """How many replies `next_event` waits for: one, in LMTP behind a message one for each recipient."""
        return self._replies_due

    @property
    def wants(self) -> Wants:
        """Why `next_event` returned None: REPLY when `send_reply` is due, the greeting included."""
        if self.state is _CLOSED:
            return _WANTS_CLOSED
        if self._replies_due:
            return _WANTS_REPLY
        return Wants.TLS if self.state is _TLS else _WANTS_DATA

    @property
    def timeout(self) -> float | None:
        """Seconds to wait for a command or for more of a message (RFC 5321 section 4.5.3.2.7).

        While it is not the client's turn, those for which it may leave unread what it was sent.
        """
        state = self.state
        if self._replies_due or state is _CLOSED:
            return self.limits.write_timeout
        if state is _BODY or type(self._rest) is _Chunk:
            return self.limits.body_timeout
        return self.limits.command_timeout

    @property
    def max_buffered(self) -> int:
        """`limits.max_buffered`."""
        return self.limits.max_buffered

    @property
    def max_unsent(self) -> int:
        """`limits.max_unsent`."""
        return self.limits.max_unsent

    def ehlo_reply(self, text: str = "") -> Reply:
        """Return the reply to the EHLO, LHLO or HELO that waits: the host name, *text*, what is offered now.

        HELO gets the first line only.
        """
        first = f"{self.hostname} {text}".rstrip()
        if isinstance(self._pending, Helo):
            return helo_reply(first)
        offer = Offer(
            start_tls=self.start_tls and not self._tls_active,
            auth_mechanisms=self.auth_mechanisms,
            max_message=self.limits.max_message,
            is_tls_active=self._tls_active,
            is_authenticated=self._authenticated,
            max_transactions=self.limits.max_transactions,
            max_recipients=self.limits.max_recipients,
            max_recipient_domains=self.limits.max_recipient_domains,
        )
        return ehlo_reply(self._rows, offer, first)

    def next_event(self) -> ServerEvent | None:
        """Return the next event, or None: `wants` says why. It never raises: what is wrong is an event."""
        if self._replies_due:
            return None
        if self._input.size or self._rest is not None or self.state is _ENDED:
            event = _READERS[self.state](self)
            if event is not None:
                self.progress += 1
                return event
        # Most often: all that has come is answered.
        return self._lost() if self._eof and self.state is not _CLOSED else None

    def send_reply(self, reply: Reply) -> None:
        """Queue *reply* to what `next_event` gave last, or the greeting; its code decides the next state.

        A 421 may be sent at any time and ends the connection. Raises LocalProtocolError, and queues
        nothing, if no reply is due or if the command has no such answer (a 250 to DATA, a 354 to MAIL).
        """
        code = reply.code
        if code == _SERVICE_CLOSING or not self._replies_due:
            self._require_closing(code)
            state: State | None = _CLOSED
        else:
            row = self._row
            state = row.positive if code < _INTERMEDIATE else row.after(code)
        if state is None:
            raise LocalProtocolError(f"{self._name_of_pending()}: {code} is no answer to it")
        # Nearly all replies were sent before.
        octets = reply._octets or reply.serialize()
        size = len(octets)
        if size > self.limits.max_reply_line:
            self._check_long_reply(octets)
        # What `_queue` does, at a call less.
        self._output.append(octets)
        self.unsent += size
        if self.trace is not None:
            self.trace("sent", octets)
        pending = self._pending
        _NOTES[type(pending)](self, pending, reply)
        self._answered(state)

    def _check_long_reply(self, octets: bytes) -> None:
        # A challenge may be longer than any other reply (RFC 4954 section 4).
        is_login = isinstance(self._pending, Auth | SASLResponse)
        limit = self.limits.max_auth_line if is_login else self.limits.max_reply_line
        if max(map(len, octets.split(b"\n"))) >= limit:
            raise LocalProtocolError(f"reply: expected lines of at most {limit} octets")

    def send_unchecked(self, octets: bytes, replies: int = 1) -> None:
        """Queue *octets* exactly as they are, for tests of the other end.

        They stand for *replies* of the replies that are due, and have the effect of the reply that they can
        be read as; if they are none, the session goes on as after a refusal.
        """
        if self.state is _CLOSED:
            raise LocalProtocolError("the connection is closed")
        self._queue(octets)
        reply = _read_reply(octets)
        state = None
        if reply is not None:
            state = _CLOSED if reply.code == _SERVICE_CLOSING else self._row.after(reply.code)
        for _ in range(min(replies, self._replies_due)):
            if reply is None or state is None:
                self._answered(self.state if self._pending is None else self._row.negative)
            else:
                _NOTES[type(self._pending)](self, self._pending, reply)
                self._answered(state)

    def receive_data(self, data: bytes) -> None:
        """Buffer *data*; in the clear behind STARTTLS it is dropped and counted in `dropped`."""
        if self.state is _TLS:
            self.dropped += len(data)
        elif not self._eof:
            self._input.feed(data)

    def tls_started(self) -> None:
        """Note that the handshake is done; what the client said is forgotten (RFC 3207 section 4.2).

        Before the greeting this is implicit TLS. Raises LocalProtocolError if no handshake is due.
        """
        if self.state is _TLS:
            self.state = State.START
            self._hello = None
            self._offered = NOTHING_OFFERED
            self._authenticated = False
        elif self.state is not State.GREETING or self._tls_active:
            raise LocalProtocolError("TLS: no handshake is due")
        self.dropped += self._input.clear()
        self._tls_active = True
        self.progress += 1

    def abort(self) -> None:
        """End the connection at once: `wants` is CLOSED and no event comes any more."""
        self.state = _CLOSED
        self._pending = None
        self._rest = None
        self._replies_due = 0

    def _require_closing(self, code: int) -> None:
        if self.state is _CLOSED:
            raise LocalProtocolError("reply: the connection is closed")
        if code != _SERVICE_CLOSING:
            raise LocalProtocolError(f"reply: no command waits for {code}")

    def _name_of_pending(self) -> str:
        return "greeting" if self._pending is None else self._pending.name

    def _answered(self, state: State) -> None:
        """Count one reply and go on to *state* after the last."""
        self.progress += 1
        due = self._replies_due - 1
        if due > 0 and state is not _CLOSED:
            self._replies_due = due
            return
        self._replies_due = 0
        self._pending = None
        self.state = state
        if state not in IN_TRANSACTION:
            self._recipients = 0
            if state is _TLS:
                self.dropped += self._input.clear()

    def _note_greeting(self, greeting: None, reply: Reply) -> None:
        # "the server MAY [...] continue sending 521 reply codes" (RFC 7504 section 3); else it is 503.
        if reply.code == _NO_MAIL:
            self._refusal = reply

    def _note_mail(self, mail: Mail, reply: Reply) -> None:
        self._declined_mail = reply.code >= 400
        self._mail = mail

    def _note_rcpt(self, rcpt: Rcpt, reply: Reply) -> None:
        self._recipients += reply.code < 300

    def _note_hello(self, hello: Ehlo | Helo | Lhlo, reply: Reply) -> None:
        self._declined_mail = False
        if reply.is_positive:
            self._accept_hello(hello, reply)

    def _note_login(self, request: Auth | SASLResponse, reply: Reply) -> None:
        self._declined_mail = False
        self._authenticated = self._authenticated or reply.is_positive
        self._bad_logins += reply.is_permanent

    def _note_data(self, data: Data, reply: Reply) -> None:
        if reply.code < 400:
            self._body = self._new_body()

    def _note_message(self, message: MessageBody | Bdat | Burl, reply: Reply) -> None:
        self._declined_mail = False
        code = reply.code
        if code < 400:
            self._bad_commands = 0
            if code >= _INTERMEDIATE:
                self._begin_verdicts()

    def _begin_verdicts(self) -> None:
        """Let the replies by recipient follow the 353 that is being sent."""
        self.state = State.VERDICTS
        self._pending = _ANY_BODY
        self._row = _VERDICTS
        self._replies_due += replies_due(_VERDICTS, self._recipients, lmtp=self._lmtp)

    def _note_chunk(self, chunk: Bdat | Burl, reply: Reply) -> None:
        self._declined_mail = False
        if chunk.last:
            self._note_message(chunk, reply)

    def _note_invalid(self, event: InvalidCommand, reply: Reply) -> None:
        if event.name not in _BEHIND_MAIL:
            self._declined_mail = event.name == "MAIL" and reply.is_negative

    def _note_other(self, request: Command, reply: Reply) -> None:
        self._declined_mail = False

    def _note_xclient(self, xclient: XClient, reply: Reply) -> None:
        self._declined_mail = False
        if reply.is_positive:
            # What was offered stays, since another XCLIENT may follow; all else needs EHLO first.
            self._hello = None
            self._authenticated = xclient.is_authenticated

    def _accept_hello(self, hello: Ehlo | Helo | Lhlo, reply: Reply) -> None:
        self._hello = hello
        lines = () if isinstance(hello, Helo) else reply.lines[1:]
        self._offered = offered_in(self._rows, lines)

    def _drop(self) -> None:
        """Keep nothing that comes after the end."""
        self._input.clear()

    def _lost(self) -> ConnectionLost:
        clean = not self._input.size and self._rest is None and self.state in (State.START, State.READY)
        self.abort()
        self.progress += 1
        return ConnectionLost(clean)

    def _next_of_line(self) -> ServerEvent | None:
        if self._rest is not None:
            return self._read_rest(self._rest)
        line = self._input.take_line()
        if not line:
            return self._wait_for_line_end()
        if len(line) > self.limits.max_command_line and len(line) > self._max_line(line):
            return self._too_long(excerpt(line))
        return self._read_sasl(line) if self.state is _AUTH else self._read_command(line)

    def _max_line(self, start: bytes) -> int:
        if self.state is _AUTH or start[:5].upper() == b"AUTH ":
            return self.limits.max_auth_line
        return self.limits.max_command_line

    def _wait_for_line_end(self) -> ServerEvent | None:
        """Keep what there is of a line, unless it is too long already, or never becomes a command."""
        size = self._input.size
        if self._input.peek(2) == _TLS_RECORD and self.state is not _AUTH:
            return self._refuse_stranger(_TLS_RECORD)
        if size > self.limits.max_command_line and size > self._max_line(self._input.peek(5)):
            self._rest = excerpt(self._input.peek(self.limits.max_command_line))
            self._input.clear()
        return None

    def _read_rest(self, rest: bytes | _Chunk) -> ServerEvent | None:
        return self._discard_line(rest) if isinstance(rest, bytes) else self._next_of_chunk(rest)

    def _discard_line(self, start: bytes) -> ServerEvent | None:
        """Drop the rest of a line that is too long; the refusal comes once it has ended."""
        if not self._input.take_line():
            self._input.clear()
            return None
        self._rest = None
        return self._too_long(start)

    def _too_long(self, start: bytes) -> ServerEvent:
        shown = b"***" if self.state is _AUTH else _shown(start)
        self._show_received(shown + b"...\r\n")
        if self.state is _AUTH:
            return self._invalid(refusals.TOO_LONG_SASL, b"***", SASLResponse.name)
        if _is_strange(start):
            return self._refuse_stranger(start)
        return self._invalid(refusals.TOO_LONG, start, _verb_of(start) if b" " in start else "")

    def _read_command(self, line: bytes) -> ServerEvent | None:
        defects: tuple[Defect, ...] = ()
        if line.endswith(b"\r\n"):
            content = line[:-2]
        else:
            content, defects = _without_bare_lf(line)
        try:
            command = parse_command(content)
        except CommandSyntaxError as error:
            self._show_received(_shown(content) + b"\r\n")
            if _is_strange(content):
                return self._refuse_stranger(content)
            return self._invalid(refusals.reply_of(error), content, _verb_of(content))
        if self.trace is not None:
            self._show_received(command.shown() if isinstance(command, Auth | Burl) else line)
        if defects:
            command = add_defects(command, defects)
        refusal = self._refusal_of(command)
        if type(command) in _CHUNKS:
            return self._read_chunk(cast(Bdat | Burl, command), refusal, content)
        if refusal is not None:
            return self._invalid(refusal, content, command.name)
        self._pending = command
        self._replies_due = 1
        return command

    def _read_sasl(self, line: bytes) -> ServerEvent:
        is_bare = not line.endswith(b"\r\n")
        content, defects = _without_bare_lf(line) if is_bare else (line[:-2], ())
        self._show_received(b"*\r\n" if content == b"*" else b"***\r\n")
        try:
            response = parse_sasl_response(content)
        except CommandSyntaxError as error:
            return self._invalid(refusals.reply_of(error), b"***", SASLResponse.name)
        if defects:
            if self._strict:
                return self._invalid(refusals.DEVIATION, b"***", SASLResponse.name)
            response = add_defects(response, defects)
        self._pending = response
        self._row = TRANSITIONS[_AUTH, SASLResponse.name]
        self._replies_due = 1
        return response

    def _refusal_of(self, command: Command) -> Reply | None:
        """Return the reply that the table, an extension or a limit has for *command*; None: it is legal."""
        row = self._unconditional.get((self.state, command.name))
        if row is None or command.defects:
            refusal = self._refusal_by_condition(command)
            if refusal is not None:
                return refusal
        else:
            self._row = row
        check = _CHECKS.get(type(command))
        return None if check is None else check(self, command)

    def _refusal_by_condition(self, command: Command) -> Reply | None:
        if command.name in REFUSED_HELLO[self._lmtp] or not self._is_known(command):
            return refusals.NOT_MAIL if command.name in _HTTP_METHODS else refusals.UNKNOWN
        if command.defects and self._strict:
            return refusals.DEVIATION
        missing = self._missing(command)
        if missing is not None:
            return missing
        row = row_of(self.state, command.name, known=not isinstance(command, UnknownCommand))
        if row is None or not row.is_legal:
            return self._out_of_order(command)
        if row.unless is not None and self._holds(row.unless):
            return refusals.BAD_SEQUENCE
        if any(keyword not in self._offered.extensions for keyword in row.extensions):
            return refusals.NOT_IMPLEMENTED
        if row.needs is not None and not self._holds(row.needs):
            return refusals.REQUIRED[row.needs]
        self._row = row
        return None

    def _missing(self, command: Command) -> Reply | None:
        for condition in self._required:
            if command.name not in EXEMPT[condition] and not self._holds(condition):
                return refusals.REQUIRED[condition]
        return None

    def _out_of_order(self, command: Command) -> Reply:
        if command.name in _BEHIND_MAIL and self.state is State.TRANSACTION:
            return refusals.NO_RECIPIENTS_LMTP if self._lmtp else refusals.NO_RECIPIENTS
        return refusals.BAD_SEQUENCE

    def _is_known(self, command: Command) -> bool:
        return not isinstance(command, UnknownCommand) or command.verb in self._offered.verbs

    def _holds(self, condition: Condition) -> bool:
        if condition is Condition.TLS_ACTIVE:
            return self._tls_active
        if condition is Condition.AUTHENTICATED:
            return self._authenticated
        mail = self._mail
        return mail is not None and bool(mail.parameters) and condition in conditions_of(mail)

    def _check_mail(self, command: Mail) -> Reply | None:
        if self.limits.max_transactions and self._count_transaction() > self.limits.max_transactions:
            return refusals.TOO_MANY_TRANSACTIONS
        if command.parameters:
            refusal = self._check_parameters(command)
            if refusal is not None:
                return refusal
            if (command.parameters.size or 0) > self.limits.max_message > 0:
                return TOO_BIG
        if command.reverse_path.is_ascii or command.parameters.smtputf8:
            return None
        return refusals.NOT_ASCII_SENDER

    def _count_transaction(self) -> int:
        self._transactions += 1
        return self._transactions

    def _check_rcpt(self, command: Rcpt) -> Reply | None:
        if command.parameters:
            refusal = self._check_parameters(command)
            if refusal is not None:
                return refusal
        if self._recipients >= self.limits.max_recipients:
            return refusals.TOO_MANY_RECIPIENTS
        if not command.forward_path.is_ascii and not self._mail_is_utf8:
            return refusals.NOT_ASCII
        return self._check_domain(command) if self.limits.max_recipient_domains else None

    def _check_domain(self, command: Rcpt) -> Reply | None:
        mailbox = command.forward_path.mailbox
        domain = "" if mailbox is None else mailbox.domain.lower()
        if not domain or domain in self._domains:
            # <Postmaster> has none.
            return None
        if len(self._domains) >= self.limits.max_recipient_domains:
            return refusals.TOO_MANY_DOMAINS
        self._domains |= {domain}
        return None

    @property
    def _mail_is_utf8(self) -> bool:
        return self._mail is not None and self._mail.parameters.smtputf8

    def _check_parameters(self, command: Mail | Rcpt) -> Reply | None:
        """Return the reply to a parameter that is not offered or breaks a rule; None: there is none."""
        allowed, name = self._offered.parameters, command.name
        for keyword, _ in command.parameters:
            row = allowed.get((name, keyword))
            if row is None:
                return refusals.not_offered(keyword)
            if row.check is not None:
                try:
                    row.check(command.parameters, self._offered.extensions)
                except CommandSyntaxError as error:
                    return refusals.reply_of(error)
        return None

    def _check_question(self, command: Vrfy | Expn) -> Reply | None:
        """Refuse UTF-8, asked for or given, if SMTPUTF8 is not offered (RFC 6531 section 3.7.4.2)."""
        if "SMTPUTF8" in self._offered.extensions:
            return None
        if command.smtputf8:
            return refusals.NO_SMTPUTF8
        return None if command.argument.isascii() else refusals.NOT_ASCII

    def _check_data(self, command: Data) -> Reply | None:
        # "BINARYMIME cannot be used with the DATA command" (RFC 3030 section 3)
        mail = self._mail
        if mail is None or not mail.parameters:
            return None
        return refusals.BAD_SEQUENCE if self._holds(Condition.BINARY_MIME) else None

    def _check_bdat(self, command: Bdat) -> Reply | None:
        before = self._body.size if self.state is State.CHUNKS else 0
        return TOO_BIG if before + command.size > self.limits.max_message > 0 else None

    def _check_auth(self, command: Auth) -> Reply | None:
        if self._bad_logins >= self.limits.max_bad_logins:
            return refusals.TOO_MANY_LOGINS
        return None if command.mechanism in self._offered.extensions.auth else refusals.BAD_MECHANISM

    def _check_attributes(self, command: XClient | XForward) -> Reply | None:
        offered = (self._offered.extensions.get(command.name) or "").split()
        return None if all(name in offered for name, _ in command.attributes) else refusals.BAD_ATTRIBUTE

    def _invalid(self, reply: Reply, line: bytes, name: str) -> InvalidCommand:
        if self.state is State.REFUSED:
            reply = self._refusal
        if self._counts_as_bad(reply, name):
            self._bad_commands += 1
            if self._bad_commands > self.limits.max_bad_commands:
                reply = refusals.TOO_MANY_ERRORS
        event = InvalidCommand(excerpt(_shown(line)), reply, name)
        self._pending = event
        self._row = _AFTER_REFUSED_CHUNK.get((self.state, name)) or _AFTER_REFUSAL[self.state]
        self._replies_due = 1
        return event

    def _refuse_stranger(self, line: bytes) -> InvalidCommand:
        """Refuse what is no mail client; nothing more of it is read."""
        self._input.clear()
        is_tls = line.startswith(_TLS_RECORD)
        return self._invalid(refusals.NOT_MAIL, _TLS_RECORD if is_tls else line, _verb_of(line))

    def _counts_as_bad(self, reply: Reply, name: str) -> bool:
        # A client that pipelines cannot know that its MAIL was declined: what follows is no fault of it.
        is_behind = self._declined_mail or self.state is State.FAILED
        stranded = is_behind and reply in refusals.STRANDED and name in _BEHIND_MAIL
        return reply not in refusals.NO_FAULT and not stranded

    def _read_chunk(self, command: Bdat | Burl, refusal: Reply | None, line: bytes) -> ServerEvent | None:
        """Begin with what BDAT announces, whether that is refused or not, or give out BURL."""
        if refusal is None and self.state is State.RECIPIENTS:
            self._body = self._new_body(is_binary=self._holds(Condition.BINARY_MIME))
        if isinstance(command, Burl):
            return self._end_chunk(command, command, refusal, line)
        if refusal is not None and command.size > self.limits.max_discard:
            return self._invalid(refusals.TOO_MUCH_TO_DISCARD, line, command.name)
        body = self._body if refusal is None else BinaryBody(self.limits)
        self._rest = chunk = _Chunk(command, refusal, excerpt(line), body)
        return command if refusal is None else self._next_of_chunk(chunk)

    def _new_body(self, *, is_binary: bool = False) -> Body:
        if is_binary:
            return BinaryBody(self.limits)
        return (NormalizedBody if self._newlines == "normalize" else Body)(self.limits)

    def _next_of_chunk(self, chunk: _Chunk) -> ServerEvent | None:
        """Give out octets behind BDAT, or drop them: "accept and discard" (RFC 3030 section 2)."""
        while chunk.left and self._input.size:
            data = self._input.take_some(chunk.left)
            self._show_received(data)
            chunk.left -= len(data)
            is_progress = chunk.body.is_progress(len(data))
            if chunk.refusal is None:
                self.progress -= not is_progress
                return ChunkData(chunk.body.take_chunk(data))
            self.progress += is_progress
        return None if chunk.left else self._end_bdat(chunk)

    def _end_bdat(self, chunk: _Chunk) -> ServerEvent:
        command, body, refusal = chunk.command, chunk.body, chunk.refusal
        ended: ServerEvent = ChunkEnded(command.size)
        if refusal is None and command.last:
            rest = body.end_chunks()
            if rest:
                return ChunkData(rest)
            refusal = body.refusal(rejects_bare=self._newlines == "reject" or self._strict)
            ended = BodyEnded(body.given, defects=body.defects)
        self._rest = None
        return self._end_chunk(command, ended, refusal, chunk.line)

    def _end_chunk(
        self, command: Bdat | Burl, event: ServerEvent, refusal: Reply | None, line: bytes
    ) -> ServerEvent:
        """Return *event*, or the refusal in its place, with as many replies due as the table says."""
        row = TRANSITIONS[self.state, command.name]
        if refusal is not None:
            event = self._invalid(refusal, line, command.name)
            refusal = event.reply
        else:
            self._pending = command
            self._row = row if self.has_verdicts else row.under(())
        is_closing = refusal is not None and refusal.code == _SERVICE_CLOSING
        self._replies_due = 1 if is_closing else replies_due(row, self._recipients, lmtp=self._lmtp)
        if not self._replies_due:
            self._pending = None
            self.state = row.negative
        return event

    def count_fetched(self, octets: int) -> Reply | None:
        """Count *octets* that a BURL brings to the message; return the reply that is due if it is too big.

        None: it is not. Raises LocalProtocolError if no BURL waits for its reply.
        """
        if not isinstance(self._pending, Burl):
            raise LocalProtocolError("BURL: none waits for its reply")
        self._body.count(octets)
        return refusals.FETCHED_TOO_BIG if self._body.size > self.limits.max_message > 0 else None

    def _next_of_body(self) -> ServerEvent | None:
        body = self._body
        while self._input.size:
            octets, start = self._input.front()
            data, stop, is_end = body.decoder.decode(octets, start)
            self._input.skip_front(stop - start)
            if self.trace is not None:
                self._show_received(octets[start:stop])
            data = body.take(data)
            is_progress = body.is_progress(stop - start)
            if is_end:
                self.state = _ENDED
                return BodyData(data) if data else self._end_body()
            if data:
                # Each event starts the clock again, but one octet at a time must not.
                self.progress -= not is_progress
                return BodyData(data)
            self.progress += is_progress
        return None

    def _end_body(self) -> ServerEvent:
        body = self._body
        refusal = body.refusal(self._newlines == "reject" or self._strict)
        event: BodyEnded | InvalidCommand
        if refusal is not None:
            event = self._invalid(refusal, b"", MessageBody.name)
        else:
            event = BodyEnded(body.given, defects=body.defects)
            self._pending = _ANY_BODY
            self._row = _MESSAGE if not self.has_verdicts else TRANSITIONS[_ENDED, MessageBody.name]
        self._replies_due = max(1, replies_due(_MESSAGE, self._recipients, lmtp=self._lmtp))
        return event


class _Chunk:
    """The octets behind a BDAT, of which `left` are to come; with a `refusal` they are dropped."""

    __slots__ = ("body", "command", "left", "line", "refusal")

    def __init__(self, command: Bdat, refusal: Reply | None, line: bytes, body: Body) -> None:
        self.command = command
        self.refusal = refusal
        self.line = line
        self.body = body
        self.left = command.size


_READERS: Final[dict[State, Callable[[SMTPServerConnection], ServerEvent | None]]] = {
    **dict.fromkeys(State, SMTPServerConnection._next_of_line),
    State.BODY: SMTPServerConnection._next_of_body,
    State.ENDED: SMTPServerConnection._end_body,
    State.CLOSED: SMTPServerConnection._drop,
}
"""What reads the next event in each state."""

_NOTES: Final[dict[type, Callable[[SMTPServerConnection, Any, Reply], None]]] = {
    **dict.fromkeys(get_args(Command), SMTPServerConnection._note_other),
    **dict.fromkeys((Ehlo, Helo, Lhlo), SMTPServerConnection._note_hello),
    **dict.fromkeys((Auth, SASLResponse), SMTPServerConnection._note_login),
    type(None): SMTPServerConnection._note_greeting,
    Mail: SMTPServerConnection._note_mail,
    Rcpt: SMTPServerConnection._note_rcpt,
    Data: SMTPServerConnection._note_data,
    Bdat: SMTPServerConnection._note_chunk,
    Burl: SMTPServerConnection._note_chunk,
    MessageBody: SMTPServerConnection._note_message,
    XClient: SMTPServerConnection._note_xclient,
    InvalidCommand: SMTPServerConnection._note_invalid,
}
"""What the reply to each kind of request changes beside the state."""

_CHECKS: Final[dict[type, Callable[[SMTPServerConnection, Any], Reply | None]]] = {
    Mail: SMTPServerConnection._check_mail,
    Rcpt: SMTPServerConnection._check_rcpt,
    Data: SMTPServerConnection._check_data,
    Bdat: SMTPServerConnection._check_bdat,
    Auth: SMTPServerConnection._check_auth,
    Vrfy: SMTPServerConnection._check_question,
    Expn: SMTPServerConnection._check_question,
    **dict.fromkeys((XClient, XForward), SMTPServerConnection._check_attributes),
}
"""What forbids a command that the table of states allows."""


def _without_bare_lf(line: bytes) -> tuple[bytes, tuple[Defect, ...]]:
    return line[:-1], (Defect("bare-lf", len(line) - 1, b"\n"),)


def _is_auth(line: bytes) -> bool:
    return line.lstrip()[:4].upper() == b"AUTH"


def _is_strange(line: bytes) -> bool:
    return line.startswith(_TLS_RECORD) or _verb_of(line) in _HTTP_METHODS or _match_field(line) is not None


def _shown(line: bytes) -> bytes:
    return b"AUTH ***" if _is_auth(line) else hide_token(line)


def _verb_of(line: bytes) -> str:
    verb = line.partition(b" ")[0]
    return "" if match_verb(verb) is None else verb.decode("ascii").upper()


def _read_reply(octets: bytes) -> Reply | None:
    reader = ReplyReader(_DEFAULT_LIMITS)
    reply = None
    try:
        for line in octets.split(b"\n")[:-1]:
            reply = reader.read_line(line + b"\n")
    except RemoteProtocolError:
        return None
    return reply

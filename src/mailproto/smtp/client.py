"""The client's end of an SMTP or LMTP connection, without IO (RFC 5321, 2033, 2920, 3207, 4954).

Commands are checked against the state that will hold if every pending one succeeds, then queued; replies
are matched to them in order. What to do with a refusal is for `mailproto.smtp.session_flows` and
`client_flows`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import reduce
from itertools import islice
from typing import Any, Final, final

from mailproto._connection import FallibleEndpoint
from mailproto._secret import Secret
from mailproto.address import Path
from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.limits import SMTPLimits
from mailproto.smtp._grammar import CommandSyntaxError
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
    Request,
    SASLResponse,
    Unchecked,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
    conditions_of,
)
from mailproto.smtp.data import ChunkEncoder, DotEncoder
from mailproto.smtp.events import ClientEvent, ConnectionLost
from mailproto.smtp.extensions import NO_EXTENSIONS, Extensions
from mailproto.smtp.parameters import PARAMETERS, Parameter
from mailproto.smtp.reply import Reply, ReplyReader
from mailproto.smtp.state import (
    GROUPABLE,
    IN_TRANSACTION,
    REFUSED_HELLO,
    TRANSITIONS,
    Condition,
    Replies,
    Row,
    State,
    next_state,
    row_of,
    subjects_of,
    timeout_of,
)
from mailproto.wants import Wants

__all__ = ["SMTPClientConnection", "domain_of"]

# On Python 3.11 a member of an enumeration takes four times as long to reach as a name of the module.
_BODY: Final = State.BODY
_CLOSED: Final = State.CLOSED
_GREETING: Final = State.GREETING
_TLS: Final = State.TLS
_VERDICTS: Final = State.VERDICTS
_WANTS_CLOSED: Final = Wants.CLOSED
_WANTS_DATA: Final = Wants.DATA

_DEFAULT_LIMITS: Final = SMTPLimits()
_SERVICE_CLOSING: Final = 421
_MESSAGE: Final = MessageBody()


def domain_of(rcpt: Rcpt) -> str | None:
    """Return the domain that *rcpt* names, in small letters; `<Postmaster>` has none."""
    mailbox = rcpt.forward_path.mailbox
    return (mailbox.domain.lower() or None) if mailbox is not None else None


@final
class SMTPClientConnection(FallibleEndpoint[ClientEvent]):
    """Commands in, replies out: `send_command`, `next_event`, `data_to_send`.

    The first event is the greeting. After a 354, `wants` is BODY until `end_body`; behind a BDAT until as
    many octets were sent as it announced. `lmtp` speaks LMTP (RFC 2033); `strict` makes each defect of a
    reply a RemoteProtocolError.
    """

    unsent: int
    """Octets queued and not drained."""

    __slots__ = (
        "_ahead",
        "_authenticated",
        "_body_progress",
        "_chunk",
        "_chunk_encoder",
        "_counts_domains",
        "_domains",
        "_encoder",
        "_extensions",
        "_hello",
        "_is_early",
        "_last_sent",
        "_lmtp",
        "_mail",
        "_mail_count",
        "_owed",
        "_pending",
        "_predicted",
        "_reader",
        "_recipients",
        "_state",
        "_strict",
        "_tls_active",
        "limits",
    )

    def __init__(
        self, limits: SMTPLimits = _DEFAULT_LIMITS, *, lmtp: bool = False, strict: bool = False
    ) -> None:
        super().__init__()
        self.limits: SMTPLimits = limits
        """What this connection accepts."""
        self._lmtp = lmtp
        self._strict = strict
        self._state = _GREETING
        self._predicted: State | None = None
        self._pending: deque[Request] = deque()
        self._reader = ReplyReader(limits)
        self._extensions = NO_EXTENSIONS
        self._mail: Mail | None = None
        self._hello: Ehlo | Helo | Lhlo | None = None
        self._recipients: list[Path] = []
        self._encoder = DotEncoder()
        self._ahead: DotEncoder | None = None
        self._chunk: Bdat | None = None
        self._chunk_encoder: ChunkEncoder | None = None
        self._owed = 0
        self._last_sent = ""
        self._is_early = False
        self._body_progress = 0
        self._tls_active = False
        self._authenticated = False
        self._mail_count = 0
        self._counts_domains = False
        self._domains: set[str] = set()

    @property
    def state(self) -> State:
        """The state that the replies read so far have led to."""
        return self._state

    @property
    def hello(self) -> Ehlo | Helo | Lhlo | None:
        """The greeting that the server has accepted last; None before it and after `tls_started`."""
        return self._hello

    @property
    def extensions(self) -> Extensions:
        """What the last EHLO or LHLO reply offered; nothing before it, after HELO and after `tls_started`."""
        return self._extensions

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
    def pending(self) -> int:
        """How many replies are due; in LMTP the last BDAT counts as one until it is its turn."""
        return len(self._pending) + (self._state is _GREETING)

    @property
    def recipients(self) -> tuple[Path, ...]:
        """The forward-paths that were accepted in the transaction, in order, repeated ones too."""
        return tuple(self._recipients)

    @property
    def mail_count(self) -> int:
        """How many MAIL were sent in the session, refused ones too (MAILMAX, RFC 9422 section 4.1)."""
        return self._mail_count

    @property
    def recipient_domains(self) -> frozenset[str]:
        """The domains that RCPT has named in the session, in small letters, refused ones too.

        They are noted only while the server announces RCPTDOMAINMAX (RFC 9422 section 4.3).
        """
        return frozenset(self._domains)

    @property
    def can_pipeline(self) -> bool:
        """True if a command may be sent now without waiting for the replies that are due (RFC 2920)."""
        # What may stand only at the end of a group had nothing sent behind it, so the last one decides.
        return not self._pending or (self._extensions.pipelining and self._last_sent in GROUPABLE)

    @property
    def owed(self) -> int:
        """How many octets the BDAT that was sent last still announces; nothing else may be sent before."""
        return self._owed

    @property
    def wants(self) -> Wants:
        """Why `next_event` returned None: BODY after a 354, REPLY when a challenge waits for `send_sasl`."""
        if self._failure is not None or self._state is _CLOSED:
            return _WANTS_CLOSED
        if self._owed:
            return Wants.BODY
        if self._pending and self._state is not _BODY:
            return _WANTS_DATA
        return _WANTS.get(self._state, _WANTS_DATA)

    @property
    def timeout(self) -> float | None:
        """Seconds to wait for the answer that is due, or for a chunk of the message to be sent.

        RFC 5321 section 4.5.3.2. None if nothing is due.
        """
        if self._failure is not None or self._state is _CLOSED:
            return None
        if self._owed:
            return _TIMEOUTS[_BODY]
        if self._pending and self._state is not _GREETING:
            return timeout_of(self._pending[0].name)
        return _TIMEOUTS.get(self._state)

    @property
    def max_buffered(self) -> int:
        """`limits.max_buffered`."""
        return self.limits.max_buffered

    @property
    def max_unsent(self) -> int:
        """`limits.max_unsent`."""
        return self.limits.max_unsent

    def send_command(self, command: Command) -> None:
        """Queue *command*.

        Raises LocalProtocolError, and queues nothing, if it is not legal in the state that will hold once
        all pending commands have succeeded, if it cannot stand behind them in a group (RFC 2920 section
        3.1), if it needs an extension that was not offered, or if its line is too long. Behind a BDAT the
        octets that it announces are given to `send_body`, and nothing else may be sent before.
        """
        octets = command.serialize()
        kind = type(command)
        row = self._require_legal(command)
        if row.extensions:
            self._require_extensions(command, row)
        require = _REQUIRE.get(kind)
        if require is not None:
            require(self, command)
        limit = self.limits.max_auth_line if kind is Auth else self.limits.max_command_line
        if len(octets) > limit:
            raise LocalProtocolError(f"{command.name}: expected at most {limit} octets, got {len(octets)}")
        note = _NOTES_SENT.get(kind)
        if note is not None:
            note(self, command)
        self._push(command, octets, row.success)
        if kind in _CHUNKS:
            self._settle()

    def _count_mail(self, mail: Mail) -> None:
        self._mail_count += 1
        self._ahead = None

    def _count_domain(self, rcpt: Rcpt) -> None:
        if self._counts_domains and (domain := domain_of(rcpt)):
            self._domains.add(domain)

    def _begin_chunk(self, chunk: Bdat) -> None:
        if self._predict() is not State.CHUNKS:
            is_binary = self._holds(Condition.BINARY_MIME)
            self._chunk_encoder = None if is_binary else ChunkEncoder()
            self._body_progress = 0
        if not chunk.size and self._chunk_encoder is not None:
            self._chunk_encoder.check(b"", is_end=chunk.last)
        self._chunk = chunk
        self._owed = chunk.size

    def require_parameters(self, command: Mail | Rcpt) -> None:
        """Raise LocalProtocolError for a parameter that is not offered or breaks a rule of its extension.

        `send_command` does that too; this is for all commands of a group before the first is sent.
        """
        for keyword, _ in command.parameters:
            row = PARAMETERS.get(keyword)
            if row is not None:
                self._require_parameter(command, row)

    def send_sasl(self, data: bytes | None) -> None:
        """Queue the response *data*, in octets, to a challenge; None cancels the exchange (RFC 4954)."""
        if self._state is not State.AUTH or self._pending:
            raise LocalProtocolError("SASL response: no challenge waits for one")
        response = SASLResponse(None if data is None else Secret(data))
        octets = response.serialize()
        if len(octets) > self.limits.max_auth_line:
            raise LocalProtocolError(
                f"SASL response: expected at most {self.limits.max_auth_line} octets, got {len(octets)}"
            )
        self._push(response, octets, next_state(self._state, SASLResponse.name))

    def look_ahead(self, chunk: bytes) -> None:
        """Look at *chunk*, with which the message will begin, while the reply to DATA is on its way.

        `send_body` has less to do then, if the same object is what it gets.
        """
        self._ahead = DotEncoder()
        self._ahead.look_ahead(chunk)

    def send_body(self, chunk: bytes) -> None:
        """Queue octets of the message, cut anywhere, uncopied but where dots are stuffed.

        Behind a BDAT there is no dot-stuffing, and no more may come than is announced. Raises
        LocalProtocolError for a bare CR or LF, unless MAIL has said BODY=BINARYMIME, if no message is owed,
        and for a bytearray or a memoryview, whose octets could change before they are drained.
        """
        if not isinstance(chunk, bytes):
            raise LocalProtocolError(f"message: expected bytes, got {type(chunk).__name__}")
        if self._chunk is not None and self._owed:
            self._send_chunk(self._chunk, chunk)
        else:
            self._require_body()
            for piece in self._encoder.encode(chunk):
                self._queue(piece)
        self._note_progress(len(chunk))

    def _send_chunk(self, announced: Bdat, chunk: bytes) -> None:
        if len(chunk) > self._owed:
            raise LocalProtocolError(f"BDAT: expected at most {self._owed} octets, got {len(chunk)}")
        if self._chunk_encoder is not None:
            self._chunk_encoder.check(chunk, is_end=announced.last and len(chunk) == self._owed)
        if chunk:
            self._queue(chunk)
            self._owed -= len(chunk)

    def _note_progress(self, octets: int) -> None:
        self._body_progress += octets
        if self._body_progress >= self.limits.min_body_progress:
            self._body_progress = 0
            self._progress += 1

    def end_body(self) -> None:
        """Queue the end of the message, with the CRLF that its last line may lack.

        From here one reply is due, in LMTP one for each accepted recipient. Raises LocalProtocolError
        after a bare CR.
        """
        self._require_body()
        self._queue(self._encoder.finish())
        self._note_early_reply()
        bodies = self._answers_to(TRANSITIONS[State.ENDED, MessageBody.name])
        self._pending.extend(bodies)
        self._last_sent = MessageBody.name
        self._state = State.ENDED if bodies else State.READY
        self._predicted = None
        self._progress += 1

    def _answers_to(self, row: Row) -> list[MessageBody]:
        """Return what the replies to a message answer: each recipient where there is one for each."""
        subjects = subjects_of(row, self._recipients, lmtp=self._lmtp)
        return [_MESSAGE if path is None else MessageBody(path) for path in subjects]

    def send_unchecked(self, octets: bytes, replies: int = 1) -> None:
        """Queue *octets* exactly as they are, whatever the state is, for tests of the other end.

        The next *replies* replies answer `Unchecked(octets)` and change no state, but for a 421.
        """
        if self._failure is not None or self._state is _CLOSED:
            raise LocalProtocolError("the connection is closed")
        self._queue(octets)
        self._pending.extend([Unchecked(octets)] * replies)
        self._last_sent = Unchecked.name
        self._progress += 1

    def tls_started(self) -> None:
        """Note that the handshake is done; what the server said is forgotten (RFC 3207 section 4.2).

        Before the greeting this is implicit TLS. Octets that came in the clear behind the reply to STARTTLS
        make `next_event` raise. Raises LocalProtocolError in any other state.
        """
        if self._state is _TLS:
            self._state = State.START
            self._predicted = None
            self._forget_hello()
            self._authenticated = False
        elif self._state is not _GREETING or self._tls_active or self._pending:
            raise LocalProtocolError("TLS: no handshake is due")
        self._tls_active = True
        self._progress += 1
        if self._input.size:
            self._failure = _injection(self._input.size)
            self._input.clear()

    def abort(self) -> None:
        """End the connection without finishing a message that is half sent: `wants` is CLOSED."""
        self._close()

    def _close(self) -> None:
        self._state = _CLOSED
        self._pending.clear()
        self._owed = 0

    def _next_event(self) -> ClientEvent | None:
        if self._state is _CLOSED:
            self._input.clear()
            return None
        if self._state is _TLS and self._input.size:
            raise _injection(self._input.size)
        while self._input.size:
            line = self._input.take_line()
            if not line:
                self._check_line(self._input.peek(4), self._input.size)
                break
            if len(line) > self.limits.max_reply_line:
                self._check_line(line, len(line))
            if self.trace is not None:
                self._show_received(line)
            awaited = self._pending[0] if self._pending and self._state is not _GREETING else None
            reply = self._reader.read_line(line, awaited)
            if reply is not None:
                return self._received(reply)
        return self._lost() if self._eof else None

    def _check_line(self, start: bytes, size: int) -> None:
        """Raise LimitExceeded, unless a challenge has begun, which may be longer (RFC 4954 section 4)."""
        is_awaited = bool(self._pending) and isinstance(self._pending[0], Auth | SASLResponse)
        is_challenge = is_awaited and start.startswith(b"334 ")
        name = "max_auth_line" if is_challenge else "max_reply_line"
        maximum = self.limits.max_auth_line if is_challenge else self.limits.max_reply_line
        if size > maximum:
            raise LimitExceeded(name, size, maximum)

    def _lost(self) -> ConnectionLost:
        unfinished = self._input.size or self._reader.is_inside or self._pending
        clean = not unfinished and self._state in (State.REFUSED, State.START, State.READY)
        self._close()
        return ConnectionLost(clean)

    def _received(self, reply: Reply) -> Reply:
        if reply.defects and self._strict:
            defect = reply.defects[0]
            raise RemoteProtocolError(f"{defect.rule}: {defect.excerpt!r}", offset=defect.offset)
        if reply.code == _SERVICE_CLOSING:
            self._close()
            return reply
        if not self._pending or self._state is _GREETING:
            return self._received_unasked(reply)
        if self._is_early:
            self._check_early(reply)
        if self._owed:
            self._check_owed(reply)
        request = self._pending.popleft()
        row = TRANSITIONS.get((self._state, request.name)) or _row_of_unknown(self._state, request)
        # None: Unchecked, or sent behind a command that failed, and the refusal is what was to be expected.
        if row is not None:
            self._apply(row, request, reply)
        if self._pending and isinstance(self._pending[0], _CHUNKS):
            self._settle()
        return reply

    def _apply(self, row: Row, request: Request, reply: Reply) -> None:
        code = reply.code
        state = row.positive if code < 300 else self._row_now(row, reply).after(code)
        if state is None:
            raise RemoteProtocolError(f"expected an answer to {request.name}, got {code}")
        if state is not row.success:
            self._predicted = None
        note = _NOTES.get(type(request))
        if note is not None and code < 400:
            note(self, request, reply)
        if request.name == MessageBody.name:
            self._go_on_after_message(state, reply)
        else:
            self._state = state
        if self._state not in IN_TRANSACTION:
            self._recipients.clear()

    def _row_now(self, row: Row, reply: Reply) -> Row:
        """Return *row* as it is in this transaction: without a 3yz that needs what MAIL has not asked for."""
        has_condition = row.intermediate_if is not None and reply.is_intermediate
        return row.under(conditions_of(self._mail)) if has_condition else row

    def _go_on_after_message(self, state: State, reply: Reply) -> None:
        """Go on to *state* after the last of the replies to one message."""
        if not (self._pending and self._pending[0].name == MessageBody.name):
            self._state = state
        if state is _VERDICTS and reply.is_intermediate:
            self._pending.extendleft(reversed(self._answers_to(TRANSITIONS[state, MessageBody.name])))

    def _check_early(self, reply: Reply) -> None:
        """Raise, unless *reply* refuses a message, which may be said while that is being sent."""
        if self._pending[0].name != MessageBody.name or not reply.is_negative:
            raise _unasked(reply)
        self._is_early = False

    def _check_owed(self, reply: Reply) -> None:
        """Raise if *reply* would accept a BDAT of which octets are to come."""
        behind = islice(self._pending, 1, None)
        if not reply.is_negative and all(request.name == MessageBody.name for request in behind):
            raise RemoteProtocolError(
                f"expected no {reply.code}: {self._owed} octets of the BDAT are to come"
            )

    def _settle(self) -> None:
        """Put in the place of a last BDAT or BURL whose turn it is what its replies answer.

        Only now it is known how many they are: in LMTP one for each accepted recipient, without any none
        (RFC 2033 section 4.3).
        """
        while self._pending and isinstance(request := self._pending[0], _CHUNKS) and request.last:
            row = TRANSITIONS.get((self._state, request.name))
            if row is None or row.replies is Replies.ONE or not (row.is_legal or self._lmtp):
                return
            self._pending.popleft()
            self._pending.extendleft(reversed(self._answers_to(row)))
            self._state = State.ENDED if row.is_legal else row.negative

    def _received_unasked(self, reply: Reply) -> Reply:
        """Take the greeting, or a refusal of the message while it is being sent."""
        name = "greeting" if self._state is _GREETING else "message"
        row = TRANSITIONS.get((self._state, name))
        state = None if row is None else row.after(reply.code)
        if state is None:
            raise _unasked(reply)
        if name == "message":
            reply = reply.answering(MessageBody())
        self._state = state
        self._predicted = None
        return reply

    def _note_rcpt(self, rcpt: Rcpt, reply: Reply) -> None:
        self._recipients.append(rcpt.forward_path)

    def _note_hello(self, hello: Ehlo | Helo | Lhlo, reply: Reply) -> None:
        self._hello = hello
        self._extensions = NO_EXTENSIONS if hello.name == "HELO" else Extensions.parse(reply.lines[1:])
        limits = self._extensions.limits
        self._counts_domains = limits is not None and limits.rcpt_domain_max is not None

    def _note_login(self, request: Auth | SASLResponse, reply: Reply) -> None:
        self._authenticated = self._authenticated or reply.is_positive

    def _note_mail(self, mail: Mail, reply: Reply) -> None:
        self._mail = mail

    def _note_data(self, data: Data, reply: Reply) -> None:
        self._encoder = self._ahead or DotEncoder()
        self._ahead = None
        self._body_progress = 0

    def _note_xclient(self, xclient: XClient, reply: Reply) -> None:
        self._forget_hello()
        self._authenticated = xclient.is_authenticated

    def _forget_hello(self) -> None:
        self._hello = None
        self._extensions = NO_EXTENSIONS

    def _push(self, request: Request, octets: bytes, after: State) -> None:
        """Queue *octets*, which are *request* and lead to the state *after* if it succeeds."""
        # What `_queue` does, at a call less.
        self._output.append(octets)
        self.unsent += len(octets)
        if self.trace is not None:
            self.trace("sent", request.shown())
        if not self._pending:
            self._progress += 1
            self._note_early_reply()
        self._pending.append(request)
        self._last_sent = request.name
        self._predicted = after

    def _note_early_reply(self) -> None:
        """Note whether the server speaks before it was asked: what has begun to come answers nothing."""
        self._is_early = self._input.size > 0 or self._reader.is_inside

    def _predict(self) -> State:
        """Return the state that will hold if every pending command succeeds."""
        if self._predicted is None:
            names = (request.name for request in self._pending)
            self._predicted = reduce(next_state, names, self._state)
        return self._predicted

    def _require_body(self) -> None:
        if self._state is not _BODY:
            raise LocalProtocolError("message: DATA was not accepted")

    def _require_legal(self, command: Command) -> Row:
        name = command.name
        if self._failure is not None or self._state is _CLOSED:
            raise LocalProtocolError(f"{name}: the connection is closed")
        if self._owed:
            raise LocalProtocolError(f"{name}: {self._owed} octets of a BDAT are owed first")
        if len(self._pending) >= self.limits.max_pending:
            raise LocalProtocolError(f"{name}: {len(self._pending)} commands wait for their replies")
        state = self._predicted or self._predict()
        row = TRANSITIONS.get((state, name)) or _row_of_unknown(state, command)
        if row is None or not row.is_legal:
            raise LocalProtocolError(f"{name}: not legal in the state {state.value!r}")
        if row.unless is not None and self._holds(row.unless):
            raise LocalProtocolError(f"{name}: not legal when {row.unless.value}")
        if row.needs is not None and not self._holds(row.needs):
            raise LocalProtocolError(f"{name}: legal only when {row.needs.value}")
        if self._pending and not (name != "STARTTLS" and self.can_pipeline):
            raise LocalProtocolError(f"{name}: a reply is due that must be read first")
        return row

    def _require_extensions(self, command: Command, row: Row) -> None:
        for keyword in row.extensions:
            if keyword not in self._extensions:
                raise LocalProtocolError(f"{command.name}: the server does not offer {keyword}")

    def _require_hello(self, command: Ehlo | Helo | Lhlo) -> None:
        if command.name in REFUSED_HELLO[self._lmtp]:
            protocol = "LMTP" if self._lmtp else "SMTP"
            raise LocalProtocolError(f"{command.name}: not legal in {protocol}")

    def _require_mechanism(self, command: Auth) -> None:
        if command.mechanism not in self._extensions.auth:
            raise LocalProtocolError(f"AUTH: the server does not offer {command.mechanism}")

    def _require_attributes(self, command: XClient | XForward) -> None:
        offered = (self._extensions.get(command.name) or "").upper().split()
        for name, _ in command.attributes:
            if name not in offered:
                raise LocalProtocolError(f"{command.name}: the server does not offer {name}")

    def _require_question(self, command: Vrfy | Expn) -> None:
        needs_utf8 = command.smtputf8 or not command.argument.isascii()
        if needs_utf8 and "SMTPUTF8" not in self._extensions:
            raise LocalProtocolError(f"{command.name}: the server does not offer SMTPUTF8")

    def _require_envelope(self, command: Mail | Rcpt) -> None:
        """Refuse what the path and the parameters need and the server does not offer."""
        path = command.reverse_path if isinstance(command, Mail) else command.forward_path
        if not path.is_ascii:
            self._require_utf8(command)
        self.require_parameters(command)

    def _require_utf8(self, command: Mail | Rcpt) -> None:
        """Refuse a path in UTF-8 unless MAIL says SMTPUTF8 and may (RFC 6531 section 3.4)."""
        if "SMTPUTF8" not in self._extensions:
            raise LocalProtocolError(f"{command.name}: the server does not offer SMTPUTF8")
        mail = command if isinstance(command, Mail) else self._last_mail
        if mail is None or not mail.parameters.smtputf8:
            raise LocalProtocolError(f"{command.name}: a path in UTF-8 needs MAIL with SMTPUTF8")

    @property
    def _last_mail(self) -> Mail | None:
        """The MAIL that was sent last, if it was not refused."""
        for request in reversed(self._pending):
            if isinstance(request, Mail):
                return request
        return self._mail

    def _require_parameter(self, command: Mail | Rcpt, row: Parameter[object]) -> None:
        if not any(keyword in self._extensions for keyword in row.extensions):
            raise LocalProtocolError(f"{command.name}: the server does not offer {row.extensions[0]}")
        if row.needs_tls and not self._tls_active:
            raise LocalProtocolError(f"{command.name}: {row.keyword} needs TLS")
        if row.check is not None:
            try:
                row.check(command.parameters, self._extensions)
            except CommandSyntaxError as error:
                raise LocalProtocolError(f"{command.name}: {error.text}") from None

    def _holds(self, condition: Condition) -> bool:
        """Return whether *condition* holds for what is sent next."""
        if condition is Condition.TLS_ACTIVE:
            return self._tls_active
        if condition is Condition.AUTHENTICATED:
            return self._authenticated
        mail = self._last_mail
        return mail is not None and bool(mail.parameters) and condition in conditions_of(mail)


_CHUNKS: Final = (Bdat, Burl)


def _row_of_unknown(state: State, request: Request) -> Row | None:
    """Return the row of a command that the table does not know; None for any other request."""
    return row_of(state, request.name, known=False) if isinstance(request, UnknownCommand) else None


_NOTES: Final[dict[type, Callable[[SMTPClientConnection, Any, Reply], None]]] = {
    **dict.fromkeys((Ehlo, Helo, Lhlo), SMTPClientConnection._note_hello),
    **dict.fromkeys((Auth, SASLResponse), SMTPClientConnection._note_login),
    Mail: SMTPClientConnection._note_mail,
    Rcpt: SMTPClientConnection._note_rcpt,
    Data: SMTPClientConnection._note_data,
    XClient: SMTPClientConnection._note_xclient,
}
"""What a reply that is not negative changes beside the state."""

_NOTES_SENT: Final[dict[type, Callable[[SMTPClientConnection, Any], None]]] = {
    Mail: SMTPClientConnection._count_mail,
    Rcpt: SMTPClientConnection._count_domain,
    Bdat: SMTPClientConnection._begin_chunk,
}
"""What is noted of a command that is about to be queued."""

_REQUIRE: Final[dict[type, Callable[[SMTPClientConnection, Any], None]]] = {
    **dict.fromkeys((Ehlo, Helo, Lhlo), SMTPClientConnection._require_hello),
    **dict.fromkeys((Mail, Rcpt), SMTPClientConnection._require_envelope),
    **dict.fromkeys((Vrfy, Expn), SMTPClientConnection._require_question),
    **dict.fromkeys((XClient, XForward), SMTPClientConnection._require_attributes),
    Auth: SMTPClientConnection._require_mechanism,
}
"""What a command needs that its row of the table does not say."""

_WANTS: Final = {State.BODY: Wants.BODY, State.AUTH: Wants.REPLY, State.TLS: Wants.TLS}
_TIMEOUTS: Final = {
    State.GREETING: timeout_of("greeting"),
    State.BODY: timeout_of("body"),
    State.TLS: timeout_of("TLS"),
}


def _unasked(reply: Reply) -> RemoteProtocolError:
    return RemoteProtocolError(f"expected no reply, got {reply.code}")


def _injection(size: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"{size} octets came in the clear behind the reply to STARTTLS")

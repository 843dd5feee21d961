"""The client's end of an IMAP connection (RFC 3501), without IO.

Commands go through a queue with gates (`mailproto.imap.outgoing`), octets that come in through the framer
and the parsers. States are rows of `mailproto.imap.state`. Procedures, such as a login with all its steps,
are not here but in `mailproto.imap.client_flows`.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final, Never, TypeAlias

import mailproto.imap.ext._all  # noqa: F401  # fills the tables by which responses are read
from mailproto._secret import hide_token
from mailproto.errors import Defect, LimitExceeded, LocalProtocolError, RemoteProtocolError, excerpt
from mailproto.imap._endpoint import IMAPEndpoint
from mailproto.imap._grammar import TAG
from mailproto.imap.capability import REV2, Capabilities
from mailproto.imap.codes import CapabilityCode
from mailproto.imap.commands import (
    Authenticate,
    Command,
    Examine,
    Login,
    Select,
    StartTLS,
    TaggedCommand,
    write_command,
)
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import (
    CommandCompleted,
    ConnectionLost,
    ContinuationRequested,
    LiteralData,
    LiteralEnded,
    LiteralStarted,
    LiteralWanted,
    Unchecked,
)
from mailproto.imap.ext.compress import DEFLATE, Compress
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.language import DEFAULT_LANGUAGE, LanguageData
from mailproto.imap.ext.notify import (
    MESSAGE_EXPUNGE,
    NOTIFICATIONOVERFLOW,
    EventGroup,
    Notify,
    watches_selected,
)
from mailproto.imap.ext.uidonly import UIDONLY
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.ext.utf8 import UTF8_ACCEPT
from mailproto.imap.framer import MAX_SIZE, Framer, LiteralEnd, Mark
from mailproto.imap.needs import with_implied
from mailproto.imap.outgoing import Outgoing, longest_line
from mailproto.imap.pipelining import conflict, takes_numbers
from mailproto.imap.responses import (
    CapabilityData,
    ContinuationRequest,
    EnabledData,
    FetchData,
    PreparedFetch,
    Response,
    TaggedStatus,
    UnreadResponse,
    parse_response,
)
from mailproto.imap.session_rules import (
    HAVE_RULES,
    HAVE_RULES_BY_UID,
    HAVE_RULES_OF_COMPLETION,
    Before,
    SessionRules,
)
from mailproto.imap.state import CommandRow, State, row_of
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth, StatusResponse
from mailproto.imap.streaming import is_free_text, streamed_inside, streamed_item, streamed_value
from mailproto.imap.values import Message
from mailproto.imap.view import MailboxView
from mailproto.imap.whole_fetch import WholeFetches
from mailproto.imap.without_numbers import reason_against_number
from mailproto.imap.writer import GATE, Fragment, LiteralForm, SecretOctets, StreamedLiteral, Writer
from mailproto.limits import IMAPLimits
from mailproto.sasl import _base64
from mailproto.wants import Wants

__all__ = ["ClientEvent", "IMAPClientConnection"]

IDLE_TIMEOUT: Final = 29 * 60.0
"""Seconds: RFC 2177 wants IDLE issued anew at least every 29 minutes."""

_UNCHECKED: Final = re.compile(rb"(%b) +((?:UID +)?[A-Z0-9-]+)?" % TAG.pattern, re.IGNORECASE)

_GATED: Final = (Authenticate, Compress, Idle, StartTLS)
"""Commands behind whose line a gate stands."""

ClientEvent: TypeAlias = (
    Response
    | CommandCompleted
    | ContinuationRequested
    | LiteralWanted
    | LiteralStarted
    | LiteralData
    | LiteralEnded
    | ConnectionLost
)
"""What `IMAPClientConnection.next_event` returns; untagged responses and statuses come as their values."""


class _Pending:
    """A command that was sent and is not completed."""

    __slots__ = ("command", "is_select", "replies", "row", "streamed", "tag", "view")

    def __init__(self, tag: str, command: Command | Unchecked, row: CommandRow, replies: int = 1) -> None:
        self.tag = tag
        self.command = command
        # Asked of the oldest command at each response: isinstance with a union takes 0.3 us.
        self.is_select = isinstance(command, Select | Examine)
        self.row = row
        self.replies = replies
        self.streamed = 0
        self.view: MailboxView | None = None


class IMAPClientConnection(IMAPEndpoint[ClientEvent]):
    """An IMAP client without IO: commands in, octets out; octets in, events out.

    The first event is the greeting: `Ok`, `PreAuth` or `Bye` (see `greeting`). `wants` after `next_event`
    returned None: DATA read; BODY call `send_literal` (a `LiteralWanted` event said so); REPLY answer a
    `ContinuationRequested` of AUTHENTICATE with `send_sasl`; TLS shake hands (the tagged OK to STARTTLS has
    come), then `tls_started()`; CLOSED flush and close.
    """

    __slots__ = (
        "_capabilities",
        "_challenged",
        "_enabled",
        "_events",
        "_framer",
        "_greeting",
        "_idle",
        "_in_progress",
        "_is_over",
        "_is_tls",
        "_language",
        "_next_state",
        "_next_tag",
        "_notifications",
        "_outgoing",
        "_pending",
        "_selecting",
        "_session_rules",
        "_state",
        "_strict",
        "_tls_due",
        "_view",
        "_whole",
    )

    def __init__(self, limits: IMAPLimits | None = None, *, strict: bool = False) -> None:
        super().__init__(limits or IMAPLimits())
        self._strict = strict
        self._framer = Framer(self._input, self._limits, strict=strict, line_limit="max_response_line")
        self._whole = WholeFetches(self._input, self._framer, self._limits)
        self._outgoing: Outgoing[_Pending] = Outgoing()
        self._events: deque[ClientEvent] = deque()
        self._pending: dict[str, _Pending] = {}
        # Equal ones are one here: a thousand NOOPs in flight are looked at as if they were one.
        self._in_progress: Counter[Command] = Counter()
        self._state = State.GREETING
        self._next_state = State.GREETING
        self._next_tag = 1
        self._greeting: Ok | PreAuth | Bye | None = None
        self._capabilities: Capabilities | None = None
        self._enabled: frozenset[str] = frozenset()
        self._language = DEFAULT_LANGUAGE
        self._notifications: tuple[EventGroup, ...] | None = None
        self._view: MailboxView | None = None
        self._selecting: _Pending | None = None
        self._session_rules = SessionRules()
        self._idle: _Pending | None = None
        self._challenged = False
        self._tls_due = False
        self._is_tls = False
        self._is_over = False

    @property
    def state(self) -> State:
        """Where the session stands by the answers that have come."""
        return self._state

    @property
    def next_state(self) -> State:
        """Where it will stand if every pending command succeeds: what `send_command` checks against."""
        return self._next_state

    @property
    def is_strict(self) -> bool:
        """Whether what deviates from the RFCs is an error."""
        return self._strict

    @property
    def greeting(self) -> Ok | PreAuth | Bye | None:
        """The greeting, or None before it has come."""
        return self._greeting

    @property
    def capabilities(self) -> Capabilities | None:
        """What the server offers, or None if that is not known: ask with Capability.

        Learnt from the greeting, OK codes and CAPABILITY; forgotten at STARTTLS, login and UNAUTHENTICATE,
        unless the tagged OK brings them anew.
        """
        return self._capabilities

    @property
    def enabled(self) -> frozenset[str]:
        """What ENABLED responses have named, in upper case, with what that implies (RFC 5161).

        What commands enable by their arguments is among it: after `FETCH 1 MODSEQ`, CONDSTORE.
        """
        return self._enabled

    @property
    def is_rev2(self) -> bool:
        """Whether IMAP4rev2 is spoken (RFC 9051 section 7.2.2): it is enabled, or there is no IMAP4rev1."""
        offered = self._capabilities
        return REV2 in self._enabled or (offered is not None and offered.is_rev2_only)

    @property
    def is_utf8(self) -> bool:
        """Whether names and strings are UTF-8: UTF8=ACCEPT is enabled (RFC 9755), or IMAP4rev2 spoken."""
        return UTF8_ACCEPT in self._enabled or self.is_rev2

    @property
    def language(self) -> str:
        """The language of the texts of statuses, as LANGUAGE responses say (RFC 5255)."""
        return self._language

    @property
    def notifications(self) -> tuple[EventGroup, ...] | None:
        """What the server tells of without being asked: the groups of the last NOTIFY (RFC 5465).

        None before the first one; () after NOTIFY NONE, and when the server has said that it is too much.
        """
        return self._notifications

    @property
    def has_certain_numbers(self) -> bool:
        """Whether sequence numbers may be sent: not once NOTIFY asks for MessageExpunge of SELECTED.

        A message may be gone at any time then (RFC 5465 section 4).
        """
        asked = [entry.command for entry in self._pending.values() if isinstance(entry.command, Notify)]
        groups = asked[-1].groups if asked else self._notifications or ()
        return MESSAGE_EXPUNGE.name not in watches_selected(groups)

    @property
    def view(self) -> MailboxView | None:
        """The selected mailbox as the responses describe it; None if none is selected."""
        return self._view

    @property
    def pending(self) -> tuple[str, ...]:
        """Tags of the commands that are not completed, in the order they were sent."""
        return tuple(self._pending)

    @property
    def is_tls(self) -> bool:
        """Whether `tls_started` was called."""
        return self._is_tls

    @property
    def is_idling(self) -> bool:
        """Whether an IDLE was sent and `send_done` was not: nothing else may be sent."""
        return self._idle is not None

    @property
    def literal_owed(self) -> int:
        """Octets of a streamed literal that may and must be sent now; 0 if none."""
        return self._outgoing.owed

    @property
    def wants(self) -> Wants:
        """Why `next_event` returned None."""
        if self._is_over or self._failure is not None:
            return Wants.CLOSED
        if self._tls_due:
            return Wants.TLS
        if self._outgoing.owed:
            return Wants.BODY
        if self._challenged:
            return Wants.REPLY
        return Wants.CLOSED if self._is_ended else Wants.DATA

    @property
    def _is_ended(self) -> bool:
        """Whether the server said BYE, and nothing answers a LOGOUT any more."""
        return self._state is State.LOGOUT and not any(
            pending.row.after_ok is State.LOGOUT for pending in self._pending.values()
        )

    @property
    def timeout(self) -> float | None:
        """Seconds after which IDLE has to be issued anew (RFC 2177), or any command if none is in progress.

        A server may end a session in which nothing is said for half an hour (RFC 3501 section 5.4). None: for
        an answer there is no bound.
        """
        is_silent = not self._pending and self._state in _LOGGED_IN
        return IDLE_TIMEOUT if self._idle is not None or is_silent else None

    @property
    def progress(self) -> int:
        """A number that changes whenever the clock of `timeout` starts again."""
        return self._progress + self._framer.literal_octets // self._limits.min_body_progress

    @property
    def max_buffered(self) -> int:
        """Octets received and not consumed above which a driver stops reading."""
        limits = self._limits
        return max(limits.max_buffered, limits.max_response_line, limits.max_inline_literal)

    @property
    def max_unsent(self) -> int:
        """Octets queued and not sent up to which `Flush` returns."""
        return self._limits.max_unsent

    # What may be sent.

    def conflict(self, command: Command) -> str | None:
        """Return why *command* has to wait for a pending one (its reason), or None if it may be sent now.

        RFC 3501 section 5.5: sequence numbers do not pass a command that lets the server expunge, and of two
        commands whose answers could not be told apart the second waits.
        """
        return conflict(command, self._in_progress)

    def send_command(self, command: Command, tag: str | None = None) -> str:
        """Queue *command* and return its tag (generated unless given).

        Raises LocalProtocolError: illegal in `next_state`; `conflict(command)`; while a literal is owed, a
        SASL exchange or IDLE is under way, STARTTLS is pending; LOGIN under LOGINDISABLED; an initial
        response without SASL-IR; sequence numbers after ENABLE UIDONLY, or unless `has_certain_numbers`; a
        value that the grammar forbids; a tag in use; a line above `max_command_line`. Nothing has changed
        then.
        """
        tagged = TaggedCommand(self._free_tag() if tag is None else tag, command)
        self._check_can_send()
        row = row_of(command.name)
        self._check_row(row, command)
        if takes_numbers(command) and not self.has_certain_numbers:
            raise LocalProtocolError(
                f"{command.name}: sequence numbers are not certain under NOTIFY; use UIDs"
            )
        check = _CHECKS.get(type(command))
        if check is not None:
            check(self, command)  # type: ignore[arg-type]  # the table is keyed by the type
        reason = self.conflict(command)
        if reason is not None:
            raise LocalProtocolError(reason)
        if tagged.tag in self._pending:
            raise LocalProtocolError(f"expected a tag that is not in use, got {tagged.tag[:40]!r}")
        fragments = self._fragments(tagged)
        self._check_line(command, fragments)
        self._start(_Pending(tagged.tag, command, row), command, fragments)
        return tagged.tag

    @property
    def max_command_line(self) -> int:
        """Octets of a line that `send_command` sends at most, without literals."""
        return self._limits.max_command_line

    def line_length(self, command: Command) -> int:
        """Return how many octets the longest line of *command* would have now, without literals.

        `send_command` refuses those that have more than `max_command_line`.
        """
        return longest_line(self._fragments(TaggedCommand(self._free_tag(), command)))

    def _check_line(self, command: Command, fragments: list[Fragment]) -> None:
        length, maximum = longest_line(fragments), self._limits.max_command_line
        if length > maximum:
            raise LocalProtocolError(
                f"{command.name}: expected a line of at most {maximum} octets, got {length}"
            )

    def _check_can_send(self) -> None:
        reason = self._reason_not_to_send()
        if reason is not None:
            raise LocalProtocolError(reason)

    def _reason_not_to_send(self) -> str | None:
        if self._is_over or self._failure is not None or self._state is State.LOGOUT:
            return "the session has ended"
        if self._tls_due:
            return "expected the TLS handshake first"
        if self._outgoing.owed:
            return f"expected the {self._outgoing.owed} octets of the literal first"
        if len(self._pending) >= self._limits.max_pending:
            return f"expected at most {self._limits.max_pending} commands in flight"
        if self._idle is not None:
            return "expected send_done() first: IDLE is in progress"
        return self._reason_of_exchange()

    def _reason_of_exchange(self) -> str | None:
        last = next(reversed(self._pending.values()), None)
        if last is not None and (
            isinstance(last.command, Authenticate | Compress | StartTLS)
            # RFC 8437 section 3 lets a login follow at once; what is enabled says how that is written.
            or (isinstance(last.command, Unauthenticate) and self._enabled)
        ):
            return f"expected the answer to {last.row.name} first"
        return None

    def _check_row(self, row: CommandRow, command: Command) -> None:
        if self._next_state not in row.legal:
            raise LocalProtocolError(f"{command.name}: not legal in the state {self._next_state.value!r}")
        if command.needs_selected and self._next_state is not State.SELECTED:
            raise LocalProtocolError(f"{command.name}: expected a selected mailbox")
        if row.is_alone and self._pending:
            raise LocalProtocolError(f"{command.name}: expected nothing else in progress")
        reason = self.reason_against_number(command)
        if reason is not None:
            raise LocalProtocolError(reason)

    def reason_against_number(self, command: Command) -> str | None:
        """Return why *command* cannot be sent because of its sequence numbers, or None (RFC 9586)."""
        return reason_against_number(command) if UIDONLY in self._enabled else None

    @property
    def may_respond_initially(self) -> bool:
        """Whether AUTHENTICATE may have an initial response: SASL-IR is offered, or IMAP4rev2 alone."""
        return self.is_rev2 or "SASL-IR" in (self._capabilities or ())

    def _check_login(self, command: Login | Authenticate) -> None:
        offered = self._capabilities or Capabilities()
        if isinstance(command, Login):
            if "LOGINDISABLED" in offered:
                raise LocalProtocolError("LOGIN: the server offers LOGINDISABLED")
        elif command.initial_response is not None and not self.may_respond_initially:
            raise LocalProtocolError("AUTHENTICATE: an initial response needs SASL-IR, which is not offered")

    def _check_compress(self, command: Compress) -> None:
        if self.is_compressed:
            raise LocalProtocolError("COMPRESS: what is sent is compressed already")
        if command.mechanism != DEFLATE:
            raise LocalProtocolError(f"COMPRESS: expected {DEFLATE}, got {command.mechanism[:40]!r}")

    def _check_unauthenticate(self, command: Unauthenticate) -> None:
        if self.is_compressed:
            raise LocalProtocolError(
                "UNAUTHENTICATE: what is sent is compressed, and nothing says where that ends"
            )

    def _free_tag(self) -> str:
        while f"A{self._next_tag}" in self._pending:
            self._next_tag += 1
        return f"A{self._next_tag}"

    def _fragments(self, tagged: TaggedCommand) -> list[Fragment]:
        rev2 = self.is_rev2
        form = LiteralForm.offered_by(self._capabilities or (), rev2=rev2)
        utf8 = UTF8_ACCEPT in self._enabled
        writer = Writer(form, max_nonsync=self._limits.max_nonsync, utf8=utf8, rev2=rev2)
        write_command(writer, tagged)
        fragments = writer.fragments()
        return [*fragments, GATE] if isinstance(tagged.command, _GATED) else fragments

    def _start(self, pending: _Pending, command: Command, fragments: list[Fragment]) -> None:
        self._next_tag += 1
        # The answer to this command is awaited from now on.
        self._progress -= 1
        self._pending[pending.tag] = pending
        self._in_progress[command] += 1
        self._next_state = pending.row.after_ok or self._next_state
        if isinstance(command, Idle):
            self._idle = pending
        self._put(pending, fragments)

    def _put(self, pending: _Pending, fragments: Iterable[Fragment]) -> None:
        self._outgoing.put(pending, fragments)
        self._send_ready()

    def _send_ready(self) -> None:
        """Send what nothing holds any more, and say so at the place of a literal."""
        for pending, fragment in self._outgoing.ready():
            if isinstance(fragment, StreamedLiteral):
                self._events.append(LiteralWanted(pending.tag, pending.streamed, fragment.size))
                pending.streamed += 1
            elif isinstance(fragment, SecretOctets):
                self._queue(fragment.octets, b"***")
            else:
                self._queue(fragment)

    def send_literal(self, chunk: bytes) -> None:
        """Queue octets of the literal that `LiteralWanted` announced, uncopied; at most `literal_owed`."""
        self._outgoing.count_literal(chunk)
        if chunk:
            self._queue(chunk)
            self._send_ready()

    def send_sasl(self, data: bytes | None) -> None:
        """Answer a challenge, in plain octets; None cancels with `*` (RFC 3501 section 6.2.2)."""
        if not self._challenged or self.wants is not Wants.REPLY:
            raise LocalProtocolError("expected a challenge of AUTHENTICATE before a response to it")
        self._challenged = False
        self._queue((b"*" if data is None else _base64.encode(data)) + b"\r\n", b"***\r\n")

    def send_done(self) -> None:
        """End IDLE (RFC 2177). Legal before the server's `+` too: then DONE is sent when it comes."""
        if self._idle is None:
            raise LocalProtocolError("expected IDLE in progress before DONE")
        idle, self._idle = self._idle, None
        self._progress -= 1
        self._put(idle, [b"DONE\r\n"])

    def send_unchecked(self, octets: bytes, replies: int = 1) -> str:
        """Queue *octets* as they are, past validation and table.

        They begin with a tag; the next *replies* tagged answers with that tag, or with one that is unknown,
        complete `Unchecked(octets)`. Returns the tag: "" if there is none.
        """
        match = _UNCHECKED.match(octets)
        tag, name = (
            (match[1].decode("ascii"), (match[2] or b"").decode("ascii").upper()) if match else ("", "")
        )
        pending = _Pending(tag, Unchecked(octets), row_of(name), replies)
        if replies > 0:
            # A key that no tag can equal, where the tag itself is in use or missing.
            key = tag if tag and tag not in self._pending else f" {self._next_tag}"
            self._next_tag += 1
            self._pending[key] = pending
            self._next_state = pending.row.after_ok or self._next_state
        self._put(pending, [octets])
        return tag

    def tls_started(self) -> None:
        """Note that the handshake is done (after STARTTLS, or first of all for implicit TLS).

        Capabilities are forgotten (RFC 3501 section 6.2.1). Raises LocalProtocolError at any other time.
        """
        if not self._tls_due and (self._is_tls or self._state is not State.GREETING):
            raise LocalProtocolError("expected the OK to STARTTLS before the handshake")
        self._tls_due = False
        self._is_tls = True
        self._capabilities = None

    def abort(self) -> None:
        """End without finishing what is half-sent; `wants` is CLOSED."""
        self._is_over = True
        self.receive_eof()
        self._drop_input()
        self._challenged = False
        self._outgoing.clear()

    # What comes in.

    def _next_event(self) -> ClientEvent | None:
        self._framer.show = self._show if self.trace is not None else None
        while not self._is_over:
            if self._events:
                return self._events.popleft()
            if self._tls_due:
                self._expect_silence()
                return None
            piece = self._framer.next()
            if piece is None:
                if self._refill():
                    continue
                return self._lose() if self._eof else None
            event = self._take_message(piece) if type(piece) is Message else self._take(piece)
            if event is not None:
                return event
        return None

    def next_fetched(self) -> list[FetchData]:
        """Return FETCH responses that `next_event` would give next, one by one; [] if only that can tell.

        It may be called instead of `next_event` at any time, and is quicker where many have come. An error
        behind them is raised by `next_event`.
        """
        if self._view is None or self.trace is not None or not self._is_plain:
            return []
        fetched = self._whole.take_run() or self._take_whole()
        self._view.feed_fetched(fetched)
        self._progress += len(fetched)
        return fetched

    @property
    def _is_plain(self) -> bool:
        """Whether a response that comes next means nothing but what it says of the selected mailbox."""
        return (
            not (self._events or self._tls_due or self._is_over)
            and self._failure is None
            and self._selecting_first() is None
            and UIDONLY not in self._enabled
        )

    def _take_whole(self) -> list[FetchData]:
        """Return the responses that have come whole; what is another one is left to `next_event`.

        The last one may have no UID: what is told of its message later is not to be known when it is read.
        """
        fetched: list[FetchData] = []
        for message in self._whole.take():
            try:
                response = self._parse(message)
            except RemoteProtocolError as error:
                self._fail(error)
                break
            if type(response) is not FetchData:
                event = self._heed(response)
                self._events += () if event is None else (event,)
                break
            fetched.append(response)
            if response.known_uid is None:
                break
        return fetched

    def _expect_silence(self) -> None:
        if self._input.size:
            raise RemoteProtocolError(f"expected a TLS handshake, got {self._input.size} octets in the clear")

    def _lose(self) -> ConnectionLost:
        is_whole = self._framer.is_between_messages and not self.buffered
        is_answered = self._state is State.LOGOUT or not self._pending
        self._is_over = True
        before = self._before()
        rule = None if before is None else self._session_rules.broken_by_end(before.commands)
        defects = () if rule is None else self._deviation(rule)
        return ConnectionLost(is_whole and is_answered and self._greeting is not None, defects)

    def _show(self, octets: bytes) -> None:
        """Show a received line or chunk; a challenge or a URL may hold what nobody should see."""
        gate = self._outgoing.gate
        is_secret = gate is not None and isinstance(gate.command, Authenticate) and octets.startswith(b"+")
        self._show_received(b"+ ***\r\n" if is_secret else hide_token(octets))

    def _take(self, piece: Mark | bytes | LiteralEnd) -> ClientEvent | None:
        if isinstance(piece, Mark):
            return self._take_mark(piece)
        if isinstance(piece, LiteralEnd):
            return LiteralEnded(piece.size)
        # Only octets count for the clock here, not the pieces in which they came.
        self._progress -= 1
        return LiteralData(piece)

    def _take_mark(self, mark: Mark) -> ClientEvent | None:
        framer = self._framer
        if is_free_text(framer.start, framer.last_line):
            return self._take_message(framer.end())
        if mark.size > MAX_SIZE:
            raise RemoteProtocolError(f"expected a literal of at most {MAX_SIZE} octets, got more")
        if mark.size <= self._limits.max_inline_literal and framer.may_keep(mark.size):
            framer.keep()
            return None
        started = self._start_stream(mark.size)
        if started is not None:
            framer.stream()
            return started
        if self._strict:
            raise LimitExceeded("max_inline_literal", mark.size, self._limits.max_inline_literal)
        framer.omit()
        return None

    def _start_stream(self, size: int) -> LiteralStarted | None:
        """Return the event of the literal whose mark the framer is at, None if it does not stream."""
        text, literals = self._framer.text, self._framer.literals
        found = streamed_item(text, literals, size)
        if found is not None:
            return LiteralStarted(found.sequence_number, found.item, size, found.uid, found.tag)
        inside = streamed_inside(text, literals, size, utf8=self.is_utf8)
        if inside is not None:
            return LiteralStarted(inside.sequence_number, inside.item, size, inside.uid)
        value = streamed_value(text, literals, size, utf8=self.is_utf8)
        return None if value is None else LiteralStarted(None, value, size)

    def _take_message(self, message: Message) -> ClientEvent | None:
        response = self._parse(message)
        if self._framer.defects:
            # The value is ours alone so far; what the framer noted belongs to it as if the parser had.
            object.__setattr__(response, "defects", self._framer.take_defects() + _defects_of(response))
        return self._heed(response)

    def _parse(self, message: Message) -> Response:
        try:
            return parse_response(
                message,
                strict=self._strict,
                max_depth=self._limits.max_depth,
                max_ranges=self._limits.max_ranges,
                utf8=UTF8_ACCEPT in self._enabled,
                rev2=self.is_rev2,
            )
        except ParseError as error:
            raise RemoteProtocolError(str(error), offset=error.offset) from error

    def _heed(self, response: Response) -> ClientEvent | None:
        """Do what *response* means to the connection, and return the event that it is, if it is one."""
        if type(response) in (HAVE_RULES_BY_UID if UIDONLY in self._enabled else HAVE_RULES):
            self._check_session(response)
        if self._state is State.GREETING:
            self._greet(response)
        handler = _HANDLERS.get(type(response))
        if handler is not None:
            return handler(self, response)  # type: ignore[arg-type]  # the table is keyed by the type
        self._feed_view(response)
        return response

    def _check_session(self, response: Response) -> None:
        """Note what *response* breaks of the rules of a session."""
        if isinstance(response, TaggedStatus) and not self._has_rule_of_completion(response.tag):
            return
        before = self._before()
        rule = None if before is None else self._session_rules.broken(response, before)
        if rule is not None:
            defects = (*_defects_of(response), *self._deviation(rule))
            object.__setattr__(response, "defects", defects)

    def _has_rule_of_completion(self, tag: str) -> bool:
        pending = self._pending.get(tag)
        return pending is not None and isinstance(pending.command, HAVE_RULES_OF_COMPLETION)

    def _before(self) -> Before | None:
        """Return what a response meets; None while anything is in progress that nobody knows here."""
        commands = {
            tag: pending.command
            for tag, pending in self._pending.items()
            if isinstance(pending.command, Command)
        }
        if len(commands) < len(self._pending):
            return None
        exists = None if self._view is None else self._view.exists
        return Before(
            commands,
            exists,
            self._capabilities or Capabilities(),
            enabled=self._enabled,
            has_certain_numbers=self.has_certain_numbers,
        )

    def _deviation(self, rule: str) -> tuple[Defect, ...]:
        """Return the defect of a session. Raises RemoteProtocolError under strict."""
        if self._strict:
            raise RemoteProtocolError(f"expected {rule}")
        return (Defect(rule, 0),)

    def _greet(self, response: Response) -> None:
        if not isinstance(response, Ok | PreAuth | Bye):
            raise RemoteProtocolError(f"expected a greeting, got {type(response).__name__}")
        self._greeting = response
        self._state = self._next_state = _STATE_BY_GREETING[type(response)]

    def _take_untagged_status(self, status: StatusResponse) -> ClientEvent:
        if isinstance(status.code, CapabilityCode):
            self._capabilities = status.code.capabilities
        if isinstance(status, Bye):
            self._state = self._next_state = State.LOGOUT
        elif isinstance(status, Ok) and status.code == NOTIFICATIONOVERFLOW:
            self._notifications = ()
        self._feed_view(status)
        return status

    def _take_capabilities(self, response: CapabilityData) -> ClientEvent:
        self._capabilities = response.capabilities
        return response

    def _take_enabled(self, response: EnabledData) -> ClientEvent:
        self._enabled |= with_implied(response.capabilities)
        return response

    def _take_language(self, response: LanguageData) -> ClientEvent:
        self._language = response.active or self._language
        return response

    def _take_continuation(self, request: ContinuationRequest) -> ClientEvent | None:
        pending = self._outgoing.gate
        if pending is None:
            return self._continue_unchecked(request)
        if isinstance(pending.command, Authenticate):
            return self._challenge(pending, request)
        if isinstance(pending.command, StartTLS | Compress):
            name = pending.command.name
            raise RemoteProtocolError(f"expected the tagged answer to {name}, got a continuation request")
        is_idle = isinstance(pending.command, Idle)
        self._outgoing.open()
        self._send_ready()
        if not is_idle:
            return None
        return ContinuationRequested(
            tag=pending.tag, command=pending.command, text=request.text, defects=request.defects
        )

    def _continue_unchecked(self, request: ContinuationRequest) -> ClientEvent:
        pending = self._oldest_unchecked()
        if pending is None:
            raise RemoteProtocolError("expected no continuation request, got one that nothing asked for")
        return ContinuationRequested(
            tag=pending.tag, command=pending.command, text=request.text, defects=request.defects
        )

    def _challenge(self, pending: _Pending, request: ContinuationRequest) -> ClientEvent:
        if self._challenged:
            raise RemoteProtocolError("expected a challenge only after the response to the last one")
        maximum = self._limits.max_auth_line
        if len(request.text) > maximum:
            raise LimitExceeded("max_auth_line", len(request.text), maximum)
        self._challenged = True
        defects = request.defects
        try:
            data = _base64.decode(request.text.encode("utf-8", "surrogateescape"))
        except ValueError:
            if self._strict:
                raise RemoteProtocolError("expected a challenge in base64") from None
            data = None
            defects = (*defects, Defect("a challenge in base64", 2))
        return ContinuationRequested(
            tag=pending.tag, command=pending.command, text="", data=data, defects=defects
        )

    def _oldest_unchecked(self) -> _Pending | None:
        unchecked = (entry for entry in self._pending.values() if isinstance(entry.command, Unchecked))
        return next(unchecked, None)

    def _take_tagged(self, response: TaggedStatus) -> ClientEvent:
        return self._complete(response.tag, response.status, response.defects + response.status.defects)

    def _take_unread(self, response: UnreadResponse) -> ClientEvent:
        """Give what cannot be read as it is, but let a tagged one complete its command all the same."""
        if response.tag is None or response.tag not in self._pending:
            return response
        text = response.text.partition(b" ")[2].decode("utf-8", "replace").replace("\0", " ")
        return self._complete(response.tag, Bad.of_parsed(text, None), response.defects)

    def _complete(self, tag: str, status: Ok | No | Bad, defects: tuple[Defect, ...]) -> ClientEvent:
        key, pending = self._find(tag)
        pending.replies -= 1
        if not pending.replies:
            del self._pending[key]
            self._forget(pending.command)
        self._outgoing.drop(pending)
        self._send_ready()
        self._settle(pending, status)
        return CommandCompleted(tag=tag, command=pending.command, status=status, defects=defects)

    def _forget(self, command: Command | Unchecked) -> None:
        if isinstance(command, Command):
            self._in_progress[command] -= 1
            if not self._in_progress[command]:
                del self._in_progress[command]

    def _find(self, tag: str) -> tuple[str, _Pending]:
        pending = self._pending.get(tag)
        if pending is not None:
            if self._outgoing.waits(pending):
                raise RemoteProtocolError(f"expected no answer to {tag[:40]!r}, which was not sent yet")
            return tag, pending
        for key, entry in self._pending.items():
            if isinstance(entry.command, Unchecked):
                return key, entry
        raise RemoteProtocolError(f"expected the tag of a command in progress, got {excerpt(tag.encode())!r}")

    def _settle(self, pending: _Pending, status: Ok | No | Bad) -> None:
        """Move to the state that *status* leads to, and learn what it says of capabilities and mailbox."""
        if pending is self._idle:
            self._idle = None
        if isinstance(pending.command, Authenticate):
            self._challenged = False
        is_over = self._state is State.LOGOUT
        after = {Ok: pending.row.after_ok, No: pending.row.after_no}.get(type(status))
        if after is not None and not is_over:
            self._state = after
        if isinstance(status, Ok):
            self._succeed(pending, status)
        if isinstance(status.code, CapabilityCode):
            self._capabilities = status.code.capabilities
        self._settle_view(pending, status)
        self._recompute()

    def _succeed(self, pending: _Pending, status: Ok) -> None:
        if pending.row.after_ok is State.AUTHENTICATED and State.NOT_AUTHENTICATED in pending.row.legal:
            self._capabilities = None
        elif pending.row.after_ok is State.NOT_AUTHENTICATED:
            self._capabilities = None
            self._enabled = frozenset()
            self._notifications = None
            self._language = DEFAULT_LANGUAGE
        if isinstance(pending.command, StartTLS):
            self._tls_due = True
        elif isinstance(pending.command, Compress):
            self._compress()
        elif isinstance(pending.command, Notify):
            self._notifications = pending.command.groups
        if isinstance(pending.command, Command):
            needs = pending.command.needs
            self._enabled |= with_implied(need.enables for need in needs if need.enables)

    def _recompute(self) -> None:
        self._next_state = self._state
        for pending in self._pending.values():
            self._next_state = pending.row.after_ok or self._next_state

    # The selected mailbox.

    def _selecting_first(self) -> _Pending | None:
        """Return the oldest pending command if it is a SELECT: then what comes describes its mailbox."""
        for first in self._pending.values():
            return first if first.is_select else None
        return None

    def _feed_view(self, response: Response) -> None:
        selecting = self._selecting_first()
        if selecting is None:
            if self._view is not None:
                self._view.feed(response)
            return
        if selecting.view is None or _is_closed(response):
            selecting.view = _new_view(selecting.command)
        selecting.view.feed(response)

    def _settle_view(self, pending: _Pending, status: Ok | No | Bad) -> None:
        command = pending.command
        if self._state is not State.SELECTED:
            self._view = None
        elif isinstance(command, Select | Examine) and isinstance(status, Ok):
            self._view = pending.view or _new_view(command)
        if self._view is not None:
            self._view.feed(status)


def _new_view(command: Command | Unchecked) -> MailboxView:
    mailbox = command.mailbox if isinstance(command, Select | Examine) else ""
    return MailboxView(mailbox, is_read_only=isinstance(command, Examine))


def _defects_of(response: Response) -> tuple[Defect, ...]:
    return () if isinstance(response, PreparedFetch) else response.defects


def _is_closed(response: Response) -> bool:
    return isinstance(response, Ok) and response.code_name == "CLOSED"


_STATE_BY_GREETING: Final[dict[type[StatusResponse], State]] = {
    Ok: State.NOT_AUTHENTICATED,
    PreAuth: State.AUTHENTICATED,
    Bye: State.LOGOUT,
}

_LOGGED_IN: Final = frozenset({State.AUTHENTICATED, State.SELECTED})

_CHECKS: Final[dict[type[Command], Callable[[IMAPClientConnection, Never], None]]] = {
    Login: IMAPClientConnection._check_login,
    Authenticate: IMAPClientConnection._check_login,
    Compress: IMAPClientConnection._check_compress,
    Unauthenticate: IMAPClientConnection._check_unauthenticate,
}
"""What forbids a command that the table of states allows."""

_HANDLERS: Final[dict[type, Callable[[IMAPClientConnection, Never], ClientEvent | None]]] = {
    TaggedStatus: IMAPClientConnection._take_tagged,
    ContinuationRequest: IMAPClientConnection._take_continuation,
    UnreadResponse: IMAPClientConnection._take_unread,
    CapabilityData: IMAPClientConnection._take_capabilities,
    EnabledData: IMAPClientConnection._take_enabled,
    LanguageData: IMAPClientConnection._take_language,
    **dict.fromkeys((Ok, No, Bad, PreAuth, Bye), IMAPClientConnection._take_untagged_status),
}
"""What a response means to the connection, by its type; the others only feed the view."""

"""The server's end of an IMAP connection (RFC 3501), without IO.

Octets that come in go through the framer and the parsers; states are rows of `mailproto.imap.state`. What a
command means is the business of whoever reads the events: see `mailproto.imap.server_flow`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Never, TypeAlias

import mailproto.imap.ext._all  # noqa: F401  # fills the tables by which commands are read
from mailproto._secret import Secret, hide_token
from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.imap._endpoint import IMAPEndpoint
from mailproto.imap.annotating import Annotating, reason_not_to_annotate
from mailproto.imap.capability import REV2, Capabilities
from mailproto.imap.codes import TOOBIG
from mailproto.imap.commands import (
    Authenticate,
    Command,
    Examine,
    Logout,
    Select,
    StartTLS,
    TaggedCommand,
    parse_command,
)
from mailproto.imap.contexts import Contexts
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import (
    ConnectionLost,
    IdleDone,
    InvalidCommand,
    LiteralData,
    LiteralEnded,
    LiteralOffered,
    SASLResponse,
    command_excerpt,
)
from mailproto.imap.expunging import reason_not_to_expunge
from mailproto.imap.ext.compress import DEFLATE, Compress
from mailproto.imap.ext.convert import ConvertedData, reason_not_to_convert
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.inprogress import InProgressCode
from mailproto.imap.ext.language import DEFAULT_LANGUAGE, LanguageData
from mailproto.imap.ext.metadata import MetadataChangedData
from mailproto.imap.ext.notify import (
    MAILBOX_METADATA_CHANGE,
    MESSAGE_EXPUNGE,
    NOTIFICATIONOVERFLOW,
    SERVER_METADATA_CHANGE,
    EventGroup,
    Notify,
    watches_selected,
)
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.ext.utf8 import UTF8_ACCEPT
from mailproto.imap.framer import Framed, Framer, LiteralEnd, Mark
from mailproto.imap.needs import with_implied
from mailproto.imap.offering import DEFAULT_CAPABILITIES, capabilities_offered
from mailproto.imap.outgoing import Outgoing
from mailproto.imap.refusals import refusal_of_command, refusal_of_literal
from mailproto.imap.responses import (
    ContinuationRequest,
    EnabledData,
    ExistsData,
    ExpungeData,
    FetchData,
    PreparedFetch,
    RecentData,
    Response,
    TaggedStatus,
    serialize_response,
)
from mailproto.imap.revisions import check_in_rev2
from mailproto.imap.state import State, row_of
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth, StatusResponse
from mailproto.imap.streaming import streamed_command
from mailproto.imap.values import Message, Streamed
from mailproto.imap.without_numbers import reason_not_to_answer
from mailproto.imap.writer import Fragment, SecretOctets
from mailproto.limits import IMAPLimits
from mailproto.sasl import _base64
from mailproto.wants import Wants

__all__ = ["DEFAULT_CAPABILITIES", "IMAPServerConnection", "ServerEvent"]

ServerEvent: TypeAlias = (
    TaggedCommand
    | InvalidCommand
    | LiteralOffered
    | LiteralData
    | LiteralEnded
    | SASLResponse
    | IdleDone
    | ConnectionLost
)
"""What `IMAPServerConnection.next_event` returns."""

AUTOLOGOUT: Final = 30 * 60.0
"""Seconds: RFC 3501 section 5.4 wants at least 30 minutes before an idle session is ended."""

LOGIN_TIMEOUT: Final = 180.0
"""Seconds that a connection may stay without login; RFC 9051 section 5.4 grants nothing before it."""

_UNASKED_METADATA: Final = frozenset({"METADATA", "METADATA-SERVER"})
"""What a client has enabled, either of them, that wants to be told of changed annotations."""
_METADATA_EVENTS: Final = frozenset({MAILBOX_METADATA_CHANGE.name, SERVER_METADATA_CHANGE.name})
"""What it has asked for by NOTIFY, either of them, if it has enabled none (RFC 5465 sections 5.6 and 5.7)."""

_ABOUT_MESSAGES: Final = (
    ConvertedData,
    ExistsData,
    ExpungeData,
    FetchData,
    PreparedFetch,
    RecentData,
    VanishedData,
)

_ABOUT_MOD_SEQS: Final = {"NOMODSEQ": False, "HIGHESTMODSEQ": True, "CLOSED": True}
"""Code of an untagged OK -> whether the mailbox that is selected has mod-sequences."""

_NAME: Final = re.compile(rb'([^\x00-\x20\x7f-\xff(){%*"\\+]+) ((?:UID )?[A-Z0-9-]+)', re.IGNORECASE)
_SECRETS: Final = re.compile(rb"\S* *(?:LOGIN|AUTHENTICATE +\S+)(?= )", re.IGNORECASE)


class _Mode(enum.Enum):
    """What the connection waits for."""

    GREETING = "the application to greet"
    COMMAND = "a command or the rest of one"
    ANSWER = "the application to complete a command"
    OFFER = "the application to accept or reject a literal"
    SASL = "a line of an AUTHENTICATE exchange"
    IDLE = "DONE"
    TLS = "the handshake"
    CLOSED = "nothing"


_REPLY_MODES: Final = (_Mode.GREETING, _Mode.ANSWER, _Mode.OFFER)
_LINE_MODES: Final = (_Mode.SASL, _Mode.IDLE)


class IMAPServerConnection(IMAPEndpoint[ServerEvent]):
    """An IMAP server without IO: octets in, one command at a time out; answers in, octets out.

    First `send_greeting`. After a `TaggedCommand`, `InvalidCommand`, `LiteralOffered`, `SASLResponse` or
    `IdleDone` no event comes until it is answered: `wants` is REPLY. `wants` is BODY while a literal of a
    response is owed (`send_literal`), TLS after the OK to STARTTLS was completed, CLOSED after BYE.

    - `TaggedCommand`: any number of `send(response)`, then `complete(tag, status)`.
    - Authenticate: `challenge(data)`, `SASLResponse`, ..., then `complete`.
    - Idle: `accept_idle()`, `send(...)` at will, `IdleDone`, then `complete`.
    - `LiteralOffered`: `accept_literal()`, then LiteralData ..., LiteralEnded, TaggedCommand; or
      `reject(status)`, which completes the command.
    - `InvalidCommand`: `complete(event.tag, event.status)`. After `max_bad_commands` of them the connection
      says BYE.

    *capabilities* is all that the application can do; what is offered now is `capabilities`: STARTTLS only
    before TLS, LOGINDISABLED and no clear-text AUTH= mechanisms without TLS unless *allow_cleartext*, no
    AUTH= after login. A command whose extension is not offered is an unknown one. When the client breaks
    framing or a limit, BYE is queued and `next_event` raises.
    """

    __slots__ = (
        "_all_capabilities",
        "_allow_cleartext",
        "_annotating",
        "_bad_commands",
        "_capabilities",
        "_cleartext",
        "_command",
        "_contexts",
        "_discarded",
        "_enabled",
        "_framer",
        "_has_mod_seqs",
        "_has_said_bye",
        "_invalid",
        "_is_secret",
        "_is_tls",
        "_language",
        "_mode",
        "_notifications",
        "_offer",
        "_outgoing",
        "_state",
        "_strict",
    )

    def __init__(
        self,
        limits: IMAPLimits | None = None,
        *,
        capabilities: Iterable[str] = DEFAULT_CAPABILITIES,
        allow_cleartext: bool = False,
        strict: bool = False,
    ) -> None:
        super().__init__(limits or IMAPLimits())
        self._strict = strict
        self._allow_cleartext = allow_cleartext
        self._all_capabilities = Capabilities(capabilities)
        self._cleartext = Capabilities()
        self._framer = Framer(self._input, self._limits, strict=strict)
        self._outgoing: Outgoing[None] = Outgoing()
        self._mode = _Mode.GREETING
        self._command: TaggedCommand | None = None
        self._invalid: InvalidCommand | None = None
        self._offer: tuple[str, Mark] | None = None
        self._enabled: frozenset[str] = frozenset()
        self._notifications: tuple[EventGroup, ...] | None = None
        self._language = DEFAULT_LANGUAGE
        self._has_mod_seqs = True
        self._annotating = Annotating()
        self._contexts = Contexts(self._limits.max_contexts)
        self._bad_commands = 0
        self._discarded = 0
        self._has_said_bye = False
        self._is_secret = False
        self._is_tls = False
        self._enter(State.GREETING)

    def _enter(self, state: State) -> None:
        """Be in *state*, with the capabilities and limits of that."""
        self._state = state
        self._offer_capabilities()
        limits = self._limits
        self._framer.max_line = limits.max_line if self._is_logged_in else limits.max_line_before_login

    def _offer_capabilities(self) -> None:
        self._capabilities = self._capabilities_when(is_logged_in=self._is_logged_in)

    def _capabilities_when(self, *, is_logged_in: bool) -> Capabilities:
        return capabilities_offered(
            self._all_capabilities,
            is_logged_in=is_logged_in,
            is_tls=self._is_tls,
            allow_cleartext=self._allow_cleartext,
            is_compressed=self.is_compressed,
            cleartext=self._cleartext,
            max_append=self._limits.max_append,
        )

    @property
    def _is_logged_in(self) -> bool:
        return self._state in (State.AUTHENTICATED, State.SELECTED)

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._state

    @property
    def capabilities(self) -> Capabilities:
        """What is offered now: the argument of CapabilityData and of CapabilityCode."""
        return self._capabilities

    @property
    def capabilities_after_login(self) -> Capabilities:
        """What is offered after login: the CapabilityCode of PREAUTH, or of the OK to a login."""
        return self._capabilities_when(is_logged_in=True)

    def set_capabilities(self, capabilities: Iterable[str], *, cleartext: Iterable[str] = ()) -> None:
        """Replace what the application can do; *cleartext* is offered where secrets may be sent only.

        There stand AUTH= names of mechanisms that send a secret and that this library does not know.
        """
        self._cleartext = Capabilities(cleartext)
        self._all_capabilities = Capabilities((*capabilities, *self._cleartext))
        self._offer_capabilities()

    @property
    def command(self) -> TaggedCommand | None:
        """The command that is being answered, or None."""
        return self._command

    @property
    def may_expunge(self) -> bool:
        """Whether ExpungeData or VanishedData may be sent now (RFC 3501 section 7.4.1).

        Not when no command is in progress, nor during FETCH, STORE, SEARCH and those that leave the mailbox.
        After NOTIFY with MessageExpunge for SELECTED always (RFC 5465 section 6.1.1), but for these last.
        """
        if self._state is not State.SELECTED or self._mode is _Mode.CLOSED:
            return False
        row = None if self._command is None else row_of(self._command.command.name)
        if row is not None and row.after_ok is not None:
            return False
        if MESSAGE_EXPUNGE.name in watches_selected(self._notifications or ()):
            return True
        return row is not None and not row.keeps_numbers

    @property
    def notifications(self) -> tuple[EventGroup, ...] | None:
        """What the client wants to be told of: the groups of the last NOTIFY that was accepted (RFC 5465).

        None before the first one; () after NOTIFY NONE and after NOTIFICATIONOVERFLOW.
        """
        return self._notifications

    @property
    def enabled(self) -> frozenset[str]:
        """What the client has enabled, in upper case (RFC 5161).

        The names of EnabledData that were sent, with what they imply, and what commands have enabled by their
        arguments: after `FETCH 1 MODSEQ` there is CONDSTORE (RFC 7162 section 3.1).
        """
        return self._enabled

    @property
    def language(self) -> str:
        """The language that texts are to be in: that of the last LanguageData with one of them (RFC 5255)."""
        return self._language

    @property
    def is_rev2(self) -> bool:
        """Whether IMAP4rev2 is spoken (RFC 9051 section 7.2.2).

        The client has enabled it, or IMAP4rev1 is not among the capabilities.
        """
        return REV2 in self._enabled or self._all_capabilities.is_rev2_only

    @property
    def is_utf8(self) -> bool:
        """Whether names and strings are UTF-8: UTF8=ACCEPT is enabled (RFC 9755), or IMAP4rev2 spoken."""
        return UTF8_ACCEPT in self._enabled or self.is_rev2

    @property
    def discarded(self) -> int:
        """Octets that arrived in the clear behind STARTTLS and were dropped."""
        return self._discarded

    @property
    def is_tls(self) -> bool:
        """Whether `tls_started` was called."""
        return self._is_tls

    @property
    def literal_owed(self) -> int:
        """Octets of the streamed literal that must be sent before anything else; 0 if none."""
        return self._outgoing.owed

    @property
    def wants(self) -> Wants:
        """Why `next_event` returned None."""
        if self._mode is _Mode.CLOSED or self._failure is not None:
            return Wants.CLOSED
        if self._mode is _Mode.TLS:
            return Wants.TLS
        if self._outgoing.owed:
            return Wants.BODY
        return Wants.REPLY if self._mode in _REPLY_MODES else Wants.DATA

    @property
    def timeout(self) -> float | None:
        """Seconds without a command after which a session may be ended; None while an answer is due."""
        if self._mode in _REPLY_MODES or self._mode is _Mode.CLOSED:
            return None
        return AUTOLOGOUT if self._is_logged_in else LOGIN_TIMEOUT

    @property
    def progress(self) -> int:
        """A number that changes whenever the clock of `timeout` starts again."""
        return self._progress + self._framer.literal_octets // self._limits.min_body_progress

    @property
    def max_buffered(self) -> int:
        """Octets received and not consumed above which a driver stops reading."""
        limits = self._limits
        return max(limits.max_buffered, limits.max_line, limits.max_inline_literal)

    @property
    def max_unsent(self) -> int:
        """Octets queued and not sent up to which `Flush` returns."""
        return self._limits.max_unsent

    # What may be sent.

    def send_greeting(self, status: Ok | PreAuth | Bye) -> None:
        """Queue the greeting, once and first (RFC 3501 section 7.1)."""
        if self._mode is not _Mode.GREETING:
            raise LocalProtocolError("expected one greeting, and nothing before it")
        if not isinstance(status, Ok | PreAuth | Bye):
            raise LocalProtocolError(f"expected OK, PREAUTH or BYE, got {type(status).__name__}")
        self._put(serialize_response(status))
        self._mode = _Mode.CLOSED if isinstance(status, Bye) else _Mode.COMMAND
        self._enter(_STATE_BY_GREETING[type(status)])

    def _put(self, fragments: Iterable[Fragment]) -> None:
        self._outgoing.put(None, fragments)
        self._send_ready()

    def _send_ready(self) -> None:
        """Send what nothing holds any more: up to the place of a literal, of which the application knows."""
        for _, fragment in self._outgoing.ready():
            if isinstance(fragment, SecretOctets):
                self._queue(fragment.octets, b"***")
            elif isinstance(fragment, bytes):
                self._queue(fragment)

    def send(self, response: Response) -> None:
        """Queue an untagged response or status.

        A FetchData or ConvertedData with `Streamed(size)` in it owes these octets: `send_literal`. Raises
        LocalProtocolError while a literal is owed, for EXPUNGE and VANISHED when not `may_expunge`, for the
        one of them that the session has not agreed on (RFC 7162 section 3.2.10), for annotations that nobody
        has asked for, for mailbox data when none is selected, for CONVERTED that no CONVERT has asked for
        (RFC 5259), for what IMAP4rev2 does not have once that is spoken, and for sequence numbers once
        UIDONLY is on (RFC 9586). `Bye` outside of LOGOUT ends the session.
        """
        self._check_can_send()
        if isinstance(response, TaggedStatus | ContinuationRequest):
            raise LocalProtocolError(f"expected an untagged response, got {type(response).__name__}")
        self._check_response(response)
        if self.is_rev2:
            check_in_rev2(response, self._command.command if self._command is not None else None)
        self._put(serialize_response(response, utf8=self.is_utf8))
        note = _NOTES.get(type(response))
        if note is not None:
            note(self, response)  # type: ignore[arg-type]  # the table is keyed by the type

    def _note_ok(self, status: Ok) -> None:
        self._annotating.note(status)
        if status.code_name in _ABOUT_MOD_SEQS:
            self._has_mod_seqs = _ABOUT_MOD_SEQS[status.code_name]
        elif status.code == NOTIFICATIONOVERFLOW:
            self._notifications = ()

    def _note_no(self, status: No) -> None:
        self._contexts.note(status)

    def _note_language(self, response: LanguageData) -> None:
        self._language = response.active or self._language

    def _note_enabled(self, response: EnabledData) -> None:
        self._enabled |= with_implied(response.capabilities)

    def _note_bye(self, status: Bye) -> None:
        self._leave()

    def _takes_changed_metadata(self) -> bool:
        wanted = (group.names for group in self._notifications or ())
        return not self._enabled.isdisjoint(_UNASKED_METADATA) or any(
            names & _METADATA_EVENTS for names in wanted
        )

    def _check_response(self, response: Response) -> None:
        if isinstance(response, _ABOUT_MESSAGES):
            self._check_is_selected(type(response).__name__)
        self._check_was_asked_for(response)
        if isinstance(response, StatusResponse):
            self._check_status(response)
        if isinstance(response, ExpungeData | VanishedData):
            self._check_expunge(response)
        elif isinstance(response, ConvertedData):
            _check_reason(reason_not_to_convert(response, self._command))
        self._check_numbers(response)

    def _check_status(self, status: StatusResponse) -> None:
        if not isinstance(status, Ok):
            _check_code(status)
        command = self._command.command if self._command is not None else None
        _check_reason(self._annotating.reason_not_to_say(status, command, self._capabilities))

    def _check_can_send(self) -> None:
        if self._mode in (_Mode.GREETING, _Mode.TLS, _Mode.CLOSED) or self._failure is not None:
            raise LocalProtocolError(f"expected {self._mode.value}, got a response")
        if self._outgoing.owed:
            raise LocalProtocolError(f"expected the {self._outgoing.owed} octets of the literal first")

    def _check_is_selected(self, name: str) -> None:
        is_selecting = self._command is not None and isinstance(self._command.command, Select | Examine)
        if self._state is not State.SELECTED and not is_selecting:
            raise LocalProtocolError(f"{name}: expected a selected mailbox")

    def _check_was_asked_for(self, response: Response) -> None:
        """Raise LocalProtocolError for annotations and metadata that the client does not expect."""
        if isinstance(response, MetadataChangedData) and not self._takes_changed_metadata():
            raise LocalProtocolError("METADATA: not without values before ENABLE (RFC 5464 section 4.1)")
        if not isinstance(response, FetchData | PreparedFetch):
            return
        command = self._command.command if self._command is not None else None
        _check_reason(reason_not_to_annotate(response, command, is_annotating=self._annotating.is_told))

    def _check_expunge(self, response: ExpungeData | VanishedData) -> None:
        _check_reason(
            reason_not_to_expunge(
                response,
                self._command.command if self._command is not None else None,
                self._enabled,
                may_expunge=self.may_expunge,
                has_mod_seqs=self._has_mod_seqs,
            )
        )

    def _check_numbers(self, response: Response) -> None:
        _check_reason(reason_not_to_answer(response, self._capabilities, self._enabled))

    def _leave(self) -> None:
        """Note that BYE was said: the end, unless LOGOUT is still to be completed."""
        self._has_said_bye = True
        if self._command is None or not isinstance(self._command.command, Logout):
            self._close()

    def _close(self) -> None:
        """End: nothing is read any more, and what still comes is dropped."""
        self.receive_eof()
        self._drop_input()
        self._mode = _Mode.CLOSED
        self._command = None
        self._enter(State.LOGOUT)

    def send_literal(self, chunk: bytes) -> None:
        """Queue octets of the literal that is owed, uncopied; at most `literal_owed`. NUL cannot be sent."""
        self._outgoing.count_literal(chunk)
        if chunk:
            self._queue(chunk)
            self._send_ready()

    def complete(self, tag: str, status: Ok | No | Bad) -> None:
        """Queue the tagged status that ends the command, and move to the state that it leads to.

        The OK to LOGOUT needs a `send(Bye(...))` before it. That to SELECT needs an `AnnotationsCode` before
        it if ANNOTATE-EXPERIMENT-1 is offered. Raises LocalProtocolError for another tag than that of the
        command.
        """
        if self._mode is not _Mode.ANSWER:
            raise LocalProtocolError("expected a command to complete, there is none")
        self._check_can_send()
        if tag != self._tag_in_progress():
            raise LocalProtocolError(f"expected the tag {self._tag_in_progress()!r}, got {str(tag)[:40]!r}")
        fragments = _tagged(tag, status)
        if isinstance(status, Ok) and self._is_in_progress(Logout) and not self._has_said_bye:
            raise LocalProtocolError("LOGOUT: expected BYE before the OK (RFC 3501 section 6.1.3)")
        _check_code(status)
        self._check_numbers(status)
        if isinstance(status, No) and self._is_in_progress(Unauthenticate):
            raise LocalProtocolError("UNAUTHENTICATE: expected OK, or BYE before it (RFC 8437 section 3)")
        self._check_annotations(status)
        self._put(fragments)
        self._annotating.note(status)
        self._settle(status)

    def _check_annotations(self, status: Ok | No | Bad) -> None:
        command = self._command.command if self._command is not None else None
        _check_reason(
            self._annotating.reason_not_to_say(status, command, self._capabilities)
            or self._annotating.reason_not_to_complete(command, status, self._capabilities)
        )

    def _tag_in_progress(self) -> str:
        if self._invalid is not None:
            return self._invalid.tag
        return self._command.tag if self._command is not None else ""

    def _is_in_progress(self, kind: type[Command]) -> bool:
        return self._command is not None and isinstance(self._command.command, kind)

    def _settle(self, status: Ok | No | Bad) -> None:
        command, self._command = self._command, None
        was_invalid, self._invalid = self._invalid is not None, None
        self._mode = _Mode.COMMAND
        if self._has_said_bye:
            self._close()
        elif was_invalid:
            self._lose_patience()
        elif command is not None:
            self._move(command, status)

    def _move(self, command: TaggedCommand, status: Ok | No | Bad) -> None:
        if isinstance(status, Ok):
            self._enabled |= with_implied(need.enables for need in command.command.needs if need.enables)
            if isinstance(command.command, Notify):
                self._notifications = command.command.groups
        self._contexts.complete(command, status)
        row = row_of(command.command.name)
        after = {Ok: row.after_ok, No: row.after_no}.get(type(status))
        if after is not None:
            self._contexts.clear()
            self._annotating.enter(command.command, status)
            if after is State.NOT_AUTHENTICATED:
                self._enabled = frozenset()
                self._notifications = None
                self._language = DEFAULT_LANGUAGE
            self._enter(after)
        if isinstance(command.command, StartTLS) and isinstance(status, Ok):
            self._mode = _Mode.TLS
            self._discarded += self._input.clear()
        elif isinstance(command.command, Compress) and isinstance(status, Ok):
            self._compress()
            self._offer_capabilities()

    def _lose_patience(self) -> None:
        if self._bad_commands >= self._limits.max_bad_commands:
            self._put(serialize_response(Bye("too many bad commands")))
            self._close()

    def accept_literal(self) -> None:
        """Let the offered literal come: `+` is queued if the client waits for it."""
        _, mark = self._take_offer()
        self._framer.stream()
        if mark.is_synchronizing:
            self._consent()

    def _consent(self) -> None:
        self._put(serialize_response(ContinuationRequest("go ahead")))

    def reject(self, status: No | Bad) -> None:
        """Refuse the offered literal and so the command, which is completed with *status*.

        A non-synchronizing literal is read and dropped; above `max_discard` octets BYE follows instead.
        """
        if not isinstance(status, No | Bad):
            raise LocalProtocolError(f"expected NO or BAD, got {type(status).__name__}")
        if self._offer is not None:
            fragments = _tagged(self._offer[0], status)
        _, mark = self._take_offer()
        self._put(fragments)
        try:
            self._drop(mark)
        except LimitExceeded:
            self._put(serialize_response(Bye("too large to be skipped", TOOBIG)))
            self._close()

    def _take_offer(self) -> tuple[str, Mark]:
        if self._mode is not _Mode.OFFER or self._offer is None:
            raise LocalProtocolError("expected an offered literal, there is none")
        self._check_can_send()
        offer, self._offer = self._offer, None
        self._mode = _Mode.COMMAND
        return offer

    def _drop(self, mark: Mark) -> None:
        if mark.is_synchronizing:
            self._framer.refuse()
        else:
            self._framer.discard()

    def challenge(self, data: bytes) -> None:
        """Queue a challenge of AUTHENTICATE, in plain octets. A `SASLResponse` follows."""
        self._check_in_progress(Authenticate)
        self._queue(b"+ " + _base64.encode(data) + b"\r\n", b"+ ***\r\n")
        self._mode = _Mode.SASL

    def accept_idle(self) -> None:
        """Queue the `+` that begins IDLE (RFC 2177). `send` is legal until `IdleDone` has come."""
        self._check_in_progress(Idle)
        self._put(serialize_response(ContinuationRequest("idling")))
        self._mode = _Mode.IDLE

    def _check_in_progress(self, kind: type[Authenticate] | type[Idle]) -> None:
        if self._mode is not _Mode.ANSWER or self._invalid is not None or self._command is None:
            raise LocalProtocolError(f"expected {kind.name} in progress")
        if not isinstance(self._command.command, kind):
            raise LocalProtocolError(f"expected {kind.name} in progress, not {self._command.command.name}")
        self._check_can_send()

    def send_unchecked(self, octets: bytes) -> None:
        """Queue *octets* as they are, past validation and state (for test servers)."""
        self._put([octets])

    def tls_started(self) -> None:
        """Note that the handshake is done (after STARTTLS, or before the greeting for implicit TLS)."""
        if self._mode is not _Mode.TLS and (self._is_tls or self._mode is not _Mode.GREETING):
            raise LocalProtocolError("expected STARTTLS to be completed before the handshake")
        self._is_tls = True
        if self._mode is _Mode.TLS:
            self._mode = _Mode.COMMAND
        self._enter(self._state)

    def abort(self) -> None:
        """End without finishing what is half-sent; `wants` is CLOSED."""
        self._outgoing.clear()
        self._close()

    # What comes in.

    def receive_data(self, data: bytes) -> None:
        """Buffer *data*; never raises for its content. Clear text behind STARTTLS is counted and dropped."""
        if self._mode is _Mode.TLS:
            self._discarded += len(data)
        else:
            super().receive_data(data)

    def _next_event(self) -> ServerEvent | None:
        try:
            return self._read()
        except RemoteProtocolError as error:
            if not self._outgoing.owed:
                self._put(serialize_response(_farewell(error)))
            self._close()
            raise

    def _read(self) -> ServerEvent | None:
        self._framer.show = self._show if self.trace is not None else None
        while self._mode is _Mode.COMMAND:
            piece = self._framer.next()
            if piece is None:
                if self._refill():
                    continue
                break
            event = self._take(piece)
            if event is not None:
                return event
        while self._mode in _LINE_MODES:
            event = self._take_line()
            if event is not None:
                return event
            if not self._refill():
                break
        return self._lose() if self._eof and self.wants is Wants.DATA else None

    def _lose(self) -> ConnectionLost:
        is_whole = self._framer.is_between_messages and not self.buffered
        is_clean = is_whole and self._mode is _Mode.COMMAND
        self._close()
        return ConnectionLost(is_clean)

    def _show(self, octets: bytes) -> None:
        """Show a received line or chunk without the secrets of LOGIN, AUTHENTICATE and URLs."""
        match = None
        if self._mode is _Mode.SASL:
            self._is_secret = True
        elif self._framer.is_between_messages:
            match = _SECRETS.match(octets)
            self._is_secret = match is not None
        hidden = match[0] + b" ***\r\n" if match else b"***\r\n"
        self._show_received(hidden if self._is_secret else hide_token(octets))

    def _take(self, piece: Framed) -> ServerEvent | None:
        if isinstance(piece, Message):
            return self._take_message(piece)
        if isinstance(piece, Mark):
            return self._take_mark(piece)
        if isinstance(piece, LiteralEnd):
            return LiteralEnded(piece.size)
        # Only octets count for the clock here, not the pieces in which they came.
        self._progress -= 1
        return LiteralData(piece)

    def _take_line(self) -> ServerEvent | None:
        is_sasl = self._mode is _Mode.SASL
        line = self._framer.take_auth_line() if is_sasl else self._framer.take_line()
        if line is None or self._command is None:
            return None
        self._framer.defects.clear()
        event = (self._take_response if is_sasl else self._take_done)(self._command.tag, line)
        self._mode = _Mode.ANSWER
        return event

    def _take_response(self, tag: str, line: bytes) -> ServerEvent:
        if line == b"*":
            return SASLResponse(tag, None)
        try:
            return SASLResponse(tag, Secret(_base64.decode(line)))
        except ValueError:
            return self._refuse(tag, Bad("expected base64"), b"")

    def _take_done(self, tag: str, line: bytes) -> ServerEvent:
        if line.upper() == b"DONE":
            return IdleDone(tag)
        return self._refuse(tag, Bad("expected DONE"), line)

    def _refuse(self, tag: str, status: No | Bad, line: bytes) -> InvalidCommand:
        """Return the event of a command that is not carried out; an answer is due."""
        self._bad_commands += 1
        self._mode = _Mode.ANSWER
        self._invalid = InvalidCommand(
            tag=tag, status=status, excerpt=command_excerpt(line), defects=self._framer.take_defects()
        )
        return self._invalid

    def _take_message(self, message: Message) -> ServerEvent:
        try:
            tagged = parse_command(
                message,
                strict=self._strict,
                max_depth=self._limits.max_depth,
                max_ranges=self._limits.max_ranges,
                utf8=UTF8_ACCEPT in self._enabled,
                rev2=self.is_rev2,
            )
        except ParseError as error:
            return self._refuse(error.tag or "*", Bad(_one_line(str(error))), message.text)
        status = self._refusal_of(tagged.command)
        status = status or self._contexts.refusal(tagged)
        if status is not None:
            return self._refuse(tagged.tag, status, message.text)
        if self._framer.defects:
            tagged = replace(tagged, defects=self._framer.take_defects() + tagged.defects)
        self._command = tagged
        self._mode = _Mode.ANSWER
        if isinstance(tagged.command, Select | Examine):
            self._has_mod_seqs = True
            self._annotating.begin()
        return tagged

    def _refusal_of(self, command: Command) -> No | Bad | None:
        refusal = refusal_of_command(
            command, self._state, self._capabilities, self._all_capabilities, enabled=self._enabled
        )
        if refusal is None and isinstance(command, Compress):
            return self._refusal_of_compress(command)
        return refusal or self._annotating.refusal(command)

    def _refusal_of_compress(self, command: Compress) -> Bad | None:
        if command.mechanism != DEFLATE:
            return Bad(f"expected {DEFLATE}")
        return Bad("what is sent is compressed already") if self.is_compressed else None

    def _take_mark(self, mark: Mark) -> ServerEvent | None:
        start = self._framer.start
        match = _NAME.match(start)
        tag, name = (match[1].decode("ascii"), match[2].decode("ascii").upper()) if match else ("*", "")
        status = refusal_of_literal(
            mark, name, self._state, self._capabilities, self._limits, enabled=self._enabled
        )
        if status is None and mark.size > self._limits.max_inline_literal:
            offer = self._offer_literal(mark)
            if offer is not None:
                return offer
            status = Bad(f"a literal of {mark.size} octets is too large here", TOOBIG)
        elif status is None and not self._framer.may_keep(mark.size):
            status = Bad("too many or too large literals", TOOBIG)
        if status is not None:
            return self._refuse_literal(tag, status, mark)
        self._framer.keep()
        if mark.is_synchronizing:
            self._consent()
        return None

    def _refuse_literal(self, tag: str, status: No | Bad, mark: Mark) -> InvalidCommand:
        event = self._refuse(tag, status, self._framer.start)
        self._drop(mark)
        return event

    def _offer_literal(self, mark: Mark) -> LiteralOffered | InvalidCommand | None:
        tagged = streamed_command(self._framer.text, self._framer.literals, mark.size, utf8=self.is_utf8)
        if tagged is None or not self._is_logged_in:
            return None
        status = self._refusal_of(tagged.command)
        if status is not None:
            return self._refuse_literal(tagged.tag, status, mark)
        index = sum(isinstance(literal, Streamed) for literal in self._framer.literals)
        self._mode = _Mode.OFFER
        self._offer = tagged.tag, mark
        return LiteralOffered(tagged.tag, tagged.command, index, mark.size, mark.is_synchronizing)


_NOTES: Final[dict[type, Callable[[IMAPServerConnection, Never], None]]] = {
    Ok: IMAPServerConnection._note_ok,
    No: IMAPServerConnection._note_no,
    Bye: IMAPServerConnection._note_bye,
    LanguageData: IMAPServerConnection._note_language,
    EnabledData: IMAPServerConnection._note_enabled,
}
"""What an untagged response changes beside that it is sent, by its type."""


def _tagged(tag: str, status: Ok | No | Bad) -> list[Fragment]:
    """Return the octets of a tagged status; of an untagged one if the command had no tag."""
    if tag == "*" and isinstance(status, Bad | No):
        return serialize_response(status)
    return serialize_response(TaggedStatus(tag, status))


def _check_reason(reason: str | None) -> None:
    """Raise LocalProtocolError if there is a reason against what was to be sent."""
    if reason is not None:
        raise LocalProtocolError(reason)


def _check_code(status: StatusResponse) -> None:
    """Raise LocalProtocolError if *status*, which is no untagged OK, has the code of one."""
    if isinstance(status.code, InProgressCode):
        raise LocalProtocolError("INPROGRESS: expected in an untagged OK only (RFC 9585 section 4)")


def _farewell(error: RemoteProtocolError) -> Bye:
    code = TOOBIG if isinstance(error, LimitExceeded) and error.limit == "max_discard" else None
    return Bye(_one_line(str(error)), code)


def _one_line(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii").replace("\r", " ").replace("\n", " ")


_STATE_BY_GREETING: Final[dict[type, State]] = {
    Ok: State.NOT_AUTHENTICATED,
    PreAuth: State.AUTHENTICATED,
    Bye: State.LOGOUT,
}

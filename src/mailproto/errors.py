"""Every exception that mailproto raises, and `Defect`, an error that was lived with.

`LocalProtocolError` is our caller's mistake: nothing has changed. `RemoteProtocolError` is the peer's:
framing or order is lost and the connection is over. `CommandError` is a negative answer, raised by flows
and adapters only: a connection returns it as a value. After `LocalProtocolError` and `CommandError` the
session is usable, after all the others it is closed.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, TypeVar

__all__ = [
    "AlreadyExists",
    "AuthenticationFailed",
    "CommandError",
    "ConnectionClosed",
    "ConnectionTimeout",
    "Defect",
    "Denial",
    "IMAPStatusError",
    "ItemMissing",
    "LimitExceeded",
    "LocalProtocolError",
    "MailProtoError",
    "MailboxMissing",
    "NotPermitted",
    "OAuthFailure",
    "OverQuota",
    "RemoteProtocolError",
    "ReplyValue",
    "SMTPAuthenticationFailed",
    "SMTPRecipientsRefused",
    "SMTPReplyError",
    "ServerUnavailable",
    "SessionLimitReached",
    "StatusValue",
    "TLSUnavailable",
    "excerpt",
]

RecipientT = TypeVar("RecipientT")

MAX_EXCERPT: Final = 40
"""Octets of a peer's input that an error or a defect shows at most."""


def excerpt(octets: bytes, start: int = 0) -> bytes:
    """Return what an error may show of *octets* from *start* on: at most `MAX_EXCERPT` octets."""
    return octets[start : start + MAX_EXCERPT]


@dataclass(frozen=True, slots=True)
class Defect:
    """A deviation from the grammar inside a well-framed unit, read all the same.

    `offset` counts octets from the start of the unit (of the input, in the stateless codec);
    `excerpt` holds at most 40 octets found there. `strict=True` makes each defect an error.
    """

    rule: str
    offset: int
    excerpt: bytes = b""


class MailProtoError(Exception):
    """The root of every exception of mailproto."""

    is_outcome_unknown: bool = False
    """True if a message was sent whole and its answer is not known: sending again may deliver twice."""
    accepted: tuple[object, ...] = ()
    """Recipients who get the message all the same, from an earlier transaction or reply."""
    retriable: tuple[object, ...] = ()
    """Recipients for whom the same message may be sent again: they did not get it, and may later.

    Those of whom nothing is known, as `is_outcome_unknown` says, do not stand here.
    """


class LocalProtocolError(MailProtoError):
    """Our caller asked for what the protocol does not allow; nothing was queued, nothing changed."""


class SessionLimitReached(LocalProtocolError):
    """The session may not have what was asked for; one made anew may (LIMITS, RFC 9422 section 4).

    `limit` is the name that the server announced it by, `maximum` its value, `value` what it would come to.
    The message may still be sent in this session to `fitting`; `left` are the others. In a new session at
    least one recipient fits.
    """

    def __init__(
        self,
        limit: str,
        value: int,
        maximum: int,
        recipients: Collection[object] = (),
        fitting: Collection[object] = (),
    ) -> None:
        super().__init__(f"{limit}: the session would have {value}, the server takes {maximum}")
        self.limit = limit
        self.value = value
        self.maximum = maximum
        self.fitting: tuple[object, ...] = tuple(fitting)
        self.left: tuple[object, ...] = tuple(to for to in recipients if to not in fitting)
        self.retriable: tuple[object, ...] = tuple(recipients)


class RemoteProtocolError(MailProtoError):
    """The peer broke framing, order or a limit; the connection is over.

    `offset` is where in the unit, in octets, if that is known.
    """

    def __init__(self, message: str, *, offset: int | None = None) -> None:
        super().__init__(message)
        self.offset = offset


class LimitExceeded(RemoteProtocolError):
    """The peer went past a limit of `mailproto.limits`.

    `limit` is the name of the field, `maximum` its value, `value` what came (a lower bound when the
    rest was not read).
    """

    def __init__(self, limit: str, value: int, maximum: int, *, offset: int | None = None) -> None:
        super().__init__(f"{limit}: {value} is more than {maximum}", offset=offset)
        self.limit = limit
        self.value = value
        self.maximum = maximum


class CommandError(MailProtoError):
    """The peer answered a command with a refusal; the session stays usable."""

    @property
    def is_transient(self) -> bool:
        """True if the same command may succeed later."""
        return False


class Denial(enum.Enum):
    """Why a login is refused: what a server's authenticator says, and what a client's error says of it.

    SMTP has the reply codes of RFC 4954 section 6 for it, IMAP the response codes of RFC 5530 section 3.
    """

    CREDENTIALS = "the credentials are not right"
    """535, AUTHENTICATIONFAILED: other credentials may help."""
    AUTHORIZATION = "the user may not act as the one asked for"
    """535, AUTHORIZATIONFAILED."""
    EXPIRED = "the credentials have expired"
    """535, EXPIRED."""
    TRANSITION = "the mechanism needs a login by PLAIN first"
    """432; IMAP has no code for it."""
    TOO_WEAK = "the mechanism is too weak for this user"
    """534; IMAP has no code for it."""
    ENCRYPTION = "the mechanism needs TLS"
    """538, PRIVACYREQUIRED."""
    UNAVAILABLE = "it cannot be checked now"
    """454, UNAVAILABLE: the same login may succeed later."""
    OTHER = "for a reason without a code"
    """Any other refusal: the mechanism is not known, a response is too long, the exchange was cancelled."""


@dataclass(frozen=True, slots=True)
class OAuthFailure:
    """Why a token is refused (RFC 7628 section 3.2.2): the JSON of the error challenge.

    `status` is an error code of OAuth; None, on a server, stands for the one that the mechanism has. `scope`
    is what a token has to be valid for, `openid_configuration` the URL of a discovery document.
    """

    status: str | None = None
    scope: str | None = None
    openid_configuration: str | None = None


class ReplyValue(Protocol):
    """What `SMTPReplyError` needs of a reply; `mailproto.smtp.Reply` is one."""

    @property
    def code(self) -> int: ...
    @property
    def enhanced_code(self) -> object: ...
    @property
    def is_transient(self) -> bool: ...
    @property
    def text(self) -> str: ...


class SMTPReplyError(CommandError):
    """A negative SMTP or LMTP reply (RFC 5321 section 4.2.1): 4yz is transient, 5yz permanent.

    `command` names what was refused: a verb, or "message" for the octets after DATA.
    """

    def __init__(self, reply: ReplyValue, command: str = "") -> None:
        super().__init__(f"{command or 'server'}: {reply.code} {reply.text}".rstrip())
        self.reply = reply
        self.command = command
        self.refused: dict[object, ReplyValue] = {}
        """The reply for each recipient of a message, as the caller wrote it; empty for other commands."""

    @property
    def code(self) -> int:
        """The reply code, three digits."""
        return self.reply.code

    @property
    def enhanced_code(self) -> object:
        """The enhanced status code (RFC 2034), a `mailproto.smtp.EnhancedCode`; None if there is none."""
        return self.reply.enhanced_code

    @property
    def is_transient(self) -> bool:
        """True for a 4yz reply, and for 552 in answer to RCPT (RFC 5321 section 4.5.3.1.10)."""
        return self.reply.is_transient


class SMTPAuthenticationFailed(SMTPReplyError):
    """AUTH ended with a negative reply (RFC 4954 section 6).

    `oauth` is what the server said of a token before that, if it was one.
    """

    DENIALS: ClassVar[Mapping[int, Denial]] = {
        432: Denial.TRANSITION,
        454: Denial.UNAVAILABLE,
        534: Denial.TOO_WEAK,
        535: Denial.CREDENTIALS,
        538: Denial.ENCRYPTION,
    }
    oauth: OAuthFailure | None = None

    @property
    def reason(self) -> Denial:
        """What the reply code stands for."""
        return self.DENIALS.get(self.code, Denial.OTHER)


class SMTPRecipientsRefused(SMTPReplyError):
    """Every recipient was refused; `refused` has the reply for each, as the caller wrote it.

    `reply` is the first transient one if there is any, since then sending again may help.
    """

    def __init__(self, refused: Mapping[RecipientT, ReplyValue], command: str = "RCPT") -> None:
        replies = list(refused.values())
        transient = (reply for reply in replies if reply.is_transient)
        super().__init__(next(transient, replies[0]), command)
        self.refused.update(refused.items())
        self.retriable: tuple[object, ...] = tuple(to for to, reply in refused.items() if reply.is_transient)


class StatusValue(Protocol):
    """What `IMAPStatusError` needs of a tagged NO or BAD; `mailproto.imap.No` and `Bad` are such."""

    @property
    def name(self) -> str: ...
    @property
    def code_name(self) -> str | None: ...
    @property
    def text(self) -> str: ...


class IMAPStatusError(CommandError):
    """A tagged NO or BAD (RFC 3501 section 7.1), in families by response code (RFC 5530).

    Catch a family where you have an answer to it, this class for the rest. `status` is the whole value.
    """

    CODES: ClassVar[frozenset[str]] = frozenset()
    TRANSIENT_CODES: ClassVar[frozenset[str]] = frozenset(
        {"UNAVAILABLE", "INUSE", "EXPUNGEISSUED", "LIMIT", "SERVERBUG"}
    )

    def __init__(self, status: StatusValue, command: str = "") -> None:
        code = f" [{status.code_name}]" if status.code_name else ""
        super().__init__(f"{command or 'server'}: {status.name}{code} {status.text}".rstrip())
        self.status = status
        self.command = command

    @property
    def is_transient(self) -> bool:
        """True if the response code says that the same command may succeed later."""
        return self.status.code_name in self.TRANSIENT_CODES

    @staticmethod
    def of(status: StatusValue, command: str = "") -> IMAPStatusError:
        """Return the error of the family that the response code of *status* belongs to."""
        family = _FAMILY_BY_CODE.get(status.code_name or "", IMAPStatusError)
        return family(status, command)


class AuthenticationFailed(IMAPStatusError):
    """The credentials were refused, or are not enough (RFC 5530 section 3).

    LOGIN and AUTHENTICATE raise it for any NO. `oauth` is what the server said of a token before that, if it
    was one.
    """

    CODES = frozenset({"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED"})
    DENIALS: ClassVar[Mapping[str, Denial]] = {
        "AUTHENTICATIONFAILED": Denial.CREDENTIALS,
        "AUTHORIZATIONFAILED": Denial.AUTHORIZATION,
        "EXPIRED": Denial.EXPIRED,
        "PRIVACYREQUIRED": Denial.ENCRYPTION,
        "UNAVAILABLE": Denial.UNAVAILABLE,
    }
    oauth: OAuthFailure | None = None

    @property
    def reason(self) -> Denial:
        """What the response code stands for."""
        return self.DENIALS.get(self.status.code_name or "", Denial.OTHER)


class NotPermitted(IMAPStatusError):
    """The server knows who asks and does not allow it (RFC 5530 section 3)."""

    CODES = frozenset({"NOPERM", "CANNOT", "CONTACTADMIN"})


class MailboxMissing(IMAPStatusError):
    """There is no such mailbox (NONEXISTENT, or TRYCREATE of RFC 3501 section 7.1)."""

    CODES = frozenset({"NONEXISTENT", "TRYCREATE"})


class AlreadyExists(IMAPStatusError):
    """There is such a mailbox already (RFC 5530 section 3)."""

    CODES = frozenset({"ALREADYEXISTS"})


class OverQuota(IMAPStatusError):
    """There is no room for it (RFC 5530 section 3, RFC 7889)."""

    CODES = frozenset({"OVERQUOTA", "TOOBIG"})


class ServerUnavailable(IMAPStatusError):
    """Something behind the server does not work now; later it may (RFC 5530 section 3)."""

    CODES = frozenset({"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"})

    @property
    def is_transient(self) -> bool:
        """True."""
        return True


_FAMILY_BY_CODE: Final[dict[str, type[IMAPStatusError]]] = {
    code: family for family in IMAPStatusError.__subclasses__() for code in family.CODES
}


class ConnectionClosed(MailProtoError, ConnectionError):
    """The connection ended, or could not be made; `phase` says during what ("connect", "tls", "read", ...).

    The `OSError` that was the reason, if there was one, is its `__cause__`.
    """

    def __init__(self, message: str, *, phase: str = "") -> None:
        super().__init__(message)
        self.phase = phase


class ConnectionTimeout(ConnectionClosed, TimeoutError):
    """The peer did not answer in the time that the RFC grants, or that the caller allowed."""


class TLSUnavailable(ConnectionClosed):
    """TLS was asked for and the peer does not offer it, or refused it; nothing secret was sent."""


class ItemMissing(MailProtoError, LookupError, AttributeError):
    """A fetch item that the server did not send was read; `item` is its name.

    It is a `LookupError` and an `AttributeError`, since items are read both ways.
    """

    def __init__(self, item: str, reason: str = "the server did not send it") -> None:
        super().__init__(f"{item}: {reason}")
        self.item = item

    def __str__(self) -> str:
        """Return the message as it is: a bare `LookupError` of one argument would quote it."""
        return str(self.args[0])

"""Every exception that mailproto raises, and `Defect`, an error that was lived with.

`LocalProtocolError` is our caller's mistake: nothing has changed. `RemoteProtocolError` is the peer's:
framing or order is lost and the connection is over. `CommandError` is a negative answer, raised by flows
and adapters only: a connection returns it as a value. After `LocalProtocolError` and `CommandError` the
session is usable, after all the others it is closed.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, TypeVar

__all__ = [
    "AlreadyExists",
    "AnnotationRefused",
    "AuthenticationFailed",
    "AuthorizationFailed",
    "CannotBeDone",
    "ClientBug",
    "CodeValue",
    "CommandError",
    "ConnectionClosed",
    "ConnectionTimeout",
    "ContactAdministrator",
    "CredentialsExpired",
    "DataCorrupted",
    "Defect",
    "Denial",
    "EncodingUnknown",
    "EncryptionRequired",
    "ExpungeIssued",
    "HasChildren",
    "IMAPStatusError",
    "InUse",
    "ItemMissing",
    "LimitExceeded",
    "LimitReached",
    "LocalProtocolError",
    "MailProtoError",
    "MailboxMissing",
    "MetadataRefused",
    "NotifyRefused",
    "NotPermitted",
    "NotUnderstood",
    "OAuthFailure",
    "OverQuota",
    "Referred",
    "RemoteProtocolError",
    "ReplyValue",
    "SMTPAuthenticationFailed",
    "SMTPRecipientsRefused",
    "SMTPReplyError",
    "SearchNotSaved",
    "ServerBug",
    "ServerUnavailable",
    "SessionLimitReached",
    "StatusValue",
    "TLSUnavailable",
    "TooBig",
    "URLValue",
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

    Those of whom nothing is known, as `is_outcome_unknown` says, stand here in LMTP only, where a client has
    to take them for refused for now (RFC 2033 section 5).
    """

    done: Collection[int] = ()
    """Of an IMAP command that was sent in parts: the messages with which it was done before this happened.

    UIDs, as a `mailproto.imap.UIDSet`, or sequence numbers as they were when it was asked for.
    """
    result: object = None
    """What a command that was sent in parts would have returned for `done`."""


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


class URLValue(Protocol):
    """What a referral names; `mailproto.imap.IMAPURL` is one, and `str` gives its text."""

    @property
    def host(self) -> str | None: ...
    @property
    def port(self) -> int | None: ...
    @property
    def user(self) -> str | None: ...
    @property
    def mailbox(self) -> str | None: ...


class CodeValue(Protocol):
    """What errors need of a response code; every `mailproto.imap.ResponseCode` is one."""

    @property
    def name(self) -> str: ...
    @property
    def referrals(self) -> Sequence[URLValue]: ...


class StatusValue(Protocol):
    """What `IMAPStatusError` needs of a NO, BAD or BYE; `mailproto.imap.No` and `Bad` are such."""

    @property
    def name(self) -> str: ...
    @property
    def code(self) -> CodeValue | None: ...
    @property
    def text(self) -> str: ...


def _referrals_of(status: StatusValue | None) -> tuple[URLValue, ...]:
    return () if status is None or status.code is None else tuple(status.code.referrals)


class IMAPStatusError(CommandError):
    """A tagged NO or BAD (RFC 3501 section 7.1), in families by response code (RFC 5530).

    Catch a family where you have an answer to it, this class for the rest. `status` is the whole value.
    `command` names what was refused, "UID COPY" for example; its arguments, which may be secret, are in no
    error.
    """

    CODES: ClassVar[frozenset[str]] = frozenset()
    """Names of the response codes of this very class; those of its subclasses stand there."""

    IS_TRANSIENT: ClassVar[bool] = False
    """Whether the same command may succeed later."""

    def __init__(self, status: StatusValue, command: str = "") -> None:
        code = "" if status.code is None else f" [{status.code.name}]"
        super().__init__(f"{command or 'server'}: {status.name}{code} {status.text}".rstrip())
        self.status = status
        self.command = command

    @property
    def code(self) -> CodeValue | None:
        """The response code, a `mailproto.imap.ResponseCode`; None if there is none."""
        return self.status.code

    @property
    def code_name(self) -> str | None:
        """The name of the response code, in upper case; None if there is none."""
        return None if self.code is None else self.code.name

    @property
    def text(self) -> str:
        """What the server says to people."""
        return self.status.text

    @property
    def referrals(self) -> tuple[URLValue, ...]:
        """Where to go instead, the best place first, as `mailproto.imap.IMAPURL`; else empty (RFC 2193)."""
        return _referrals_of(self.status)

    @property
    def referral(self) -> URLValue | None:
        """The first of `referrals`."""
        return next(iter(self.referrals), None)

    @property
    def is_transient(self) -> bool:
        """True if the response code says that the same command may succeed later."""
        return self.IS_TRANSIENT

    @staticmethod
    def of(status: StatusValue, command: str = "") -> IMAPStatusError:
        """Return the error of the family that the response code of *status* belongs to."""
        name = "" if status.code is None else status.code.name
        return _FAMILY_BY_CODE.get(name, IMAPStatusError)(status, command)


class AuthenticationFailed(IMAPStatusError):
    """The credentials were refused, or are not enough (RFC 5530 section 3).

    LOGIN and AUTHENTICATE raise it, or a class below it, for any NO. `oauth` is what the server said of a
    token before that, if it was one.
    """

    CODES = frozenset({"AUTHENTICATIONFAILED"})
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
        return self.DENIALS.get(self.code_name or "", Denial.OTHER)

    @property
    def is_transient(self) -> bool:
        """True if the credentials cannot be checked now, and the same ones may be right later."""
        return self.code_name in _TRANSIENT_CODES

    @staticmethod
    def of_login(status: StatusValue, command: str = "") -> AuthenticationFailed:
        """Return the error for a NO to a login, whatever its code."""
        name = "" if status.code is None else status.code.name
        family = _FAMILY_BY_CODE.get(name, AuthenticationFailed)
        return (family if issubclass(family, AuthenticationFailed) else AuthenticationFailed)(status, command)


class AuthorizationFailed(AuthenticationFailed):
    """The credentials are right, and their user may not act as the one asked for."""

    CODES = frozenset({"AUTHORIZATIONFAILED"})


class CredentialsExpired(AuthenticationFailed):
    """The credentials were right once: a new password, or a new token, is needed."""

    CODES = frozenset({"EXPIRED"})


class EncryptionRequired(AuthenticationFailed):
    """It is not done without TLS."""

    CODES = frozenset({"PRIVACYREQUIRED"})


class NotPermitted(IMAPStatusError):
    """The server knows who asks and does not allow it (RFC 5530 section 3)."""

    CODES = frozenset({"NOPERM"})


class ContactAdministrator(NotPermitted):
    """Only who runs the server can help (RFC 5530 section 3)."""

    CODES = frozenset({"CONTACTADMIN"})


class CannotBeDone(NotPermitted):
    """It can never be done on this server, whoever asks (RFC 5530 section 3; USEATTR: RFC 6154 section 3)."""

    CODES = frozenset({"CANNOT", "USEATTR"})


class MailboxMissing(IMAPStatusError):
    """There is no such mailbox (NONEXISTENT, or TRYCREATE of RFC 3501 section 7.1)."""

    CODES = frozenset({"NONEXISTENT", "TRYCREATE"})


class HasChildren(IMAPStatusError):
    """The mailbox has others below it, and is not deleted before them (RFC 9051 section 7.1)."""

    CODES = frozenset({"HASCHILDREN"})


class AlreadyExists(IMAPStatusError):
    """There is such a mailbox already (RFC 5530 section 3)."""

    CODES = frozenset({"ALREADYEXISTS"})


class OverQuota(IMAPStatusError):
    """There is no room for it (RFC 5530 section 3)."""

    CODES = frozenset({"OVERQUOTA"})


class TooBig(OverQuota):
    """The message is larger than the server takes (RFC 4469 section 4.2, RFC 7889 section 4)."""

    CODES = frozenset({"TOOBIG"})


class LimitReached(IMAPStatusError):
    """A limit of the server's that waiting does not change, such as keywords in one mailbox (RFC 5530).

    After MESSAGELIMIT (RFC 9738) and MAXCONVERTMESSAGES it may be done for fewer messages at a time, after
    MAXCONVERTPARTS for fewer of their parts (RFC 5259 section 9).
    """

    CODES = frozenset({"LIMIT", "MAXCONVERTMESSAGES", "MAXCONVERTPARTS", "MESSAGELIMIT"})


class ServerUnavailable(IMAPStatusError):
    """Something behind the server does not work now, or too much was asked of it; later it may work.

    So it is with a conversion and TEMPFAIL (RFC 5259 section 9).
    """

    CODES = frozenset({"TEMPFAIL", "UNAVAILABLE"})
    IS_TRANSIENT: ClassVar[bool] = True


class InUse(ServerUnavailable):
    """Somebody else uses what was asked for (RFC 5530 section 3)."""

    CODES = frozenset({"INUSE"})


class ServerBug(ServerUnavailable):
    """The server found a mistake in itself (RFC 5530 section 3)."""

    CODES = frozenset({"SERVERBUG"})


class ExpungeIssued(IMAPStatusError):
    """Messages that were asked for are gone, by somebody else (RFC 5530 section 3): NOOP tells which."""

    CODES = frozenset({"EXPUNGEISSUED"})
    IS_TRANSIENT: ClassVar[bool] = True


class DataCorrupted(IMAPStatusError):
    """What the server has stored is damaged: repeating the command does not help (RFC 5530 section 3)."""

    CODES = frozenset({"CORRUPTION"})


class ClientBug(IMAPStatusError):
    """The server thinks that this end has made a mistake (RFC 5530 section 3)."""

    CODES = frozenset({"CLIENTBUG"})


class NotUnderstood(IMAPStatusError):
    """The server does not know what an argument means: a charset, a comparator, a filter, a URL.

    For BADCHARSET (RFC 3501) and BADCOMPARATOR (RFC 5255), UNDEFINED-FILTER (RFC 5466) and BADURL (RFC 4469).
    """

    CODES = frozenset({"BADCHARSET", "BADCOMPARATOR", "BADURL", "UNDEFINED-FILTER"})


class EncodingUnknown(IMAPStatusError):
    """The server cannot undo the encoding of a part (UNKNOWN-CTE, RFC 3516): fetch it as it is."""

    CODES = frozenset({"UNKNOWN-CTE"})


class NotifyRefused(IMAPStatusError):
    """There are no such events, whose names the code may list, or they are too much to be told (RFC 5465)."""

    CODES = frozenset({"BADEVENT", "NOTIFICATIONOVERFLOW"})


class MetadataRefused(IMAPStatusError):
    """An annotation of a mailbox is too large, or one too many, or private ones are not kept (RFC 5464)."""

    CODES = frozenset({"METADATA"})


class AnnotationRefused(IMAPStatusError):
    """An annotation of a message is too large, or one too many (RFC 5257)."""

    CODES = frozenset({"ANNOTATE"})


class SearchNotSaved(IMAPStatusError):
    """What a search found was not saved, and `$` stands for nothing (RFC 5182)."""

    CODES = frozenset({"NOTSAVED"})


class Referred(IMAPStatusError):
    """What was asked for is at another server, which `referral` names (RFC 2193).

    A login that is referred (RFC 2221) raises AuthenticationFailed, which has `referral` too.
    """

    CODES = frozenset({"REFERRAL"})


def _families(root: type[IMAPStatusError]) -> Iterator[type[IMAPStatusError]]:
    yield root
    for family in root.__subclasses__():
        yield from _families(family)


_FAMILY_BY_CODE: Final[dict[str, type[IMAPStatusError]]] = {
    code: family for family in _families(IMAPStatusError) for code in family.CODES
}
_TRANSIENT_CODES: Final = frozenset(code for code, family in _FAMILY_BY_CODE.items() if family.IS_TRANSIENT)


class ConnectionClosed(MailProtoError, ConnectionError):
    """The connection ended, or could not be made; `phase` says during what ("connect", "tls", "read", ...).

    The `OSError` that was the reason, if there was one, is its `__cause__`. `status` is the BYE of an IMAP
    server, if it said one.
    """

    def __init__(self, message: str, *, phase: str = "", status: StatusValue | None = None) -> None:
        super().__init__(message)
        self.phase = phase
        self.status = status

    @property
    def code(self) -> CodeValue | None:
        """The response code of the BYE, a `mailproto.imap.ResponseCode`; None if there is none."""
        return None if self.status is None else self.status.code

    @property
    def referrals(self) -> tuple[URLValue, ...]:
        """Where to go instead, as `mailproto.imap.IMAPURL`; else empty (RFC 2221 section 4.2)."""
        return _referrals_of(self.status)

    @property
    def referral(self) -> URLValue | None:
        """The first of `referrals`."""
        return next(iter(self.referrals), None)


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

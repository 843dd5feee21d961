"""The exception tree: what catches what, what a message says."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mailproto import errors


@dataclass(frozen=True)
class FakeReply:
    code: int
    text: str
    is_transient: bool = False
    enhanced_code: object = None


@dataclass(frozen=True)
class FakeCode:
    name: str
    referrals: tuple[errors.URLValue, ...] = ()


@dataclass(frozen=True)
class FakeStatus:
    name: str
    code: FakeCode | None
    text: str

    @classmethod
    def of(cls, code: str | None) -> FakeStatus:
        return cls("NO", None if code is None else FakeCode(code), "sorry")


SUBCLASSES = [
    (errors.LocalProtocolError, errors.MailProtoError),
    (errors.LimitExceeded, errors.RemoteProtocolError),
    (errors.SMTPReplyError, errors.CommandError),
    (errors.SMTPAuthenticationFailed, errors.SMTPReplyError),
    (errors.IMAPStatusError, errors.CommandError),
    (errors.ConnectionClosed, ConnectionError),
    (errors.ConnectionTimeout, TimeoutError),
    (errors.ConnectionTimeout, errors.ConnectionClosed),
    (errors.TLSUnavailable, errors.ConnectionClosed),
    (errors.ItemMissing, LookupError),
    (errors.ItemMissing, AttributeError),
]


@pytest.mark.parametrize(("error", "root"), SUBCLASSES)
def test_an_error_is_caught_by_its_family(error: type[Exception], root: type[Exception]) -> None:
    assert issubclass(error, root)


def test_every_error_has_the_one_root_and_a_known_outcome_by_default() -> None:
    named = [getattr(errors, name) for name in errors.__all__]
    trees = [item for item in named if isinstance(item, type) and issubclass(item, Exception)]
    assert len(trees) > 15
    assert all(issubclass(item, errors.MailProtoError) for item in trees)
    assert errors.MailProtoError().is_outcome_unknown is False


@pytest.mark.parametrize(("code", "is_transient"), [(421, True), (552, True), (550, False)])
def test_a_reply_says_whether_it_is_transient(code: int, is_transient: bool) -> None:
    error = errors.SMTPReplyError(FakeReply(code, "no such user", is_transient), "RCPT")
    assert error.is_transient is is_transient
    assert error.code == code
    assert str(error) == f"RCPT: {code} no such user"


FAMILIES = [
    ("AUTHENTICATIONFAILED", errors.AuthenticationFailed, False),
    ("AUTHORIZATIONFAILED", errors.AuthorizationFailed, False),
    ("EXPIRED", errors.CredentialsExpired, False),
    ("PRIVACYREQUIRED", errors.EncryptionRequired, False),
    ("TRYCREATE", errors.MailboxMissing, False),
    ("NONEXISTENT", errors.MailboxMissing, False),
    ("HASCHILDREN", errors.HasChildren, False),
    ("ALREADYEXISTS", errors.AlreadyExists, False),
    ("OVERQUOTA", errors.OverQuota, False),
    ("TOOBIG", errors.TooBig, False),
    ("NOPERM", errors.NotPermitted, False),
    ("CONTACTADMIN", errors.ContactAdministrator, False),
    ("CANNOT", errors.CannotBeDone, False),
    ("USEATTR", errors.CannotBeDone, False),
    ("LIMIT", errors.LimitReached, False),
    ("MESSAGELIMIT", errors.LimitReached, False),
    ("MAXCONVERTMESSAGES", errors.LimitReached, False),
    ("MAXCONVERTPARTS", errors.LimitReached, False),
    ("UNAVAILABLE", errors.ServerUnavailable, True),
    ("TEMPFAIL", errors.ServerUnavailable, True),
    ("INUSE", errors.InUse, True),
    ("SERVERBUG", errors.ServerBug, True),
    ("EXPUNGEISSUED", errors.ExpungeIssued, True),
    ("CORRUPTION", errors.DataCorrupted, False),
    ("CLIENTBUG", errors.ClientBug, False),
    ("BADCHARSET", errors.NotUnderstood, False),
    ("BADCOMPARATOR", errors.NotUnderstood, False),
    ("BADURL", errors.NotUnderstood, False),
    ("UNDEFINED-FILTER", errors.NotUnderstood, False),
    ("UNKNOWN-CTE", errors.EncodingUnknown, False),
    ("METADATA", errors.MetadataRefused, False),
    ("BADEVENT", errors.NotifyRefused, False),
    ("NOTIFICATIONOVERFLOW", errors.NotifyRefused, False),
    ("ANNOTATE", errors.AnnotationRefused, False),
    ("NOTSAVED", errors.SearchNotSaved, False),
    ("REFERRAL", errors.Referred, False),
    ("X-NEW", errors.IMAPStatusError, False),
    (None, errors.IMAPStatusError, False),
]


@pytest.mark.parametrize(("code", "family", "is_transient"), FAMILIES)
def test_a_response_code_chooses_the_family(
    code: str | None, family: type[errors.IMAPStatusError], is_transient: bool
) -> None:
    error = errors.IMAPStatusError.of(FakeStatus.of(code), "SELECT")
    assert type(error) is family
    assert error.is_transient is is_transient
    shown = f"SELECT: NO [{code}] sorry" if code else "SELECT: NO sorry"
    assert str(error) == shown
    assert (error.code_name, error.text, error.command) == (code, "sorry", "SELECT")
    assert (error.referral, error.referrals) == (None, ())


def test_no_code_has_two_families() -> None:
    families = [item for item in vars(errors).values() if _is_family(item)]
    names = [code for family in families for code in family.CODES]
    assert sorted(names) == sorted(code for code, _, _ in FAMILIES if code not in (None, "X-NEW"))


def _is_family(item: object) -> bool:
    return isinstance(item, type) and issubclass(item, errors.IMAPStatusError)


LOGINS = [
    ("EXPIRED", errors.CredentialsExpired),
    ("UNAVAILABLE", errors.AuthenticationFailed),
    ("ALERT", errors.AuthenticationFailed),
    ("NOPERM", errors.AuthenticationFailed),
    (None, errors.AuthenticationFailed),
]


@pytest.mark.parametrize(("code", "family"), LOGINS)
def test_a_refused_login_is_always_a_failed_authentication(
    code: str | None, family: type[errors.AuthenticationFailed]
) -> None:
    error = errors.AuthenticationFailed.of_login(FakeStatus.of(code), "LOGIN")
    assert type(error) is family
    assert error.is_transient is (code == "UNAVAILABLE")


DENIALS = [
    *((code, errors.Denial.OTHER) for code in (500, 501, 504, 530)),
    (432, errors.Denial.TRANSITION),
    (454, errors.Denial.UNAVAILABLE),
    (534, errors.Denial.TOO_WEAK),
    (535, errors.Denial.CREDENTIALS),
    (538, errors.Denial.ENCRYPTION),
]
IMAP_DENIALS = [
    ("AUTHENTICATIONFAILED", errors.Denial.CREDENTIALS),
    ("AUTHORIZATIONFAILED", errors.Denial.AUTHORIZATION),
    ("EXPIRED", errors.Denial.EXPIRED),
    ("PRIVACYREQUIRED", errors.Denial.ENCRYPTION),
    ("UNAVAILABLE", errors.Denial.UNAVAILABLE),
    ("CONTACTADMIN", errors.Denial.OTHER),
    (None, errors.Denial.OTHER),
]


@pytest.mark.parametrize(("code", "reason"), DENIALS)
def test_a_reply_to_auth_has_a_reason(code: int, reason: errors.Denial) -> None:
    error = errors.SMTPAuthenticationFailed(FakeReply(code, "no"), "AUTH")
    assert (error.reason, error.oauth) == (reason, None)


@pytest.mark.parametrize(("code", "reason"), IMAP_DENIALS)
def test_a_refused_login_has_a_reason(code: str | None, reason: errors.Denial) -> None:
    error = errors.AuthenticationFailed(FakeStatus.of(code), "LOGIN")
    assert (error.reason, error.oauth) == (reason, None)
    assert error.is_transient is (reason is errors.Denial.UNAVAILABLE)


def test_messages_name_what_was_expected_and_what_came() -> None:
    limit = errors.LimitExceeded("max_line", 70_000, 65_536, offset=3)
    assert str(limit) == "max_line: 70000 is more than 65536"
    assert (limit.limit, limit.value, limit.maximum, limit.offset) == ("max_line", 70_000, 65_536, 3)
    missing = errors.ItemMissing("ENVELOPE")
    assert str(missing) == "ENVELOPE: the server did not send it"
    assert missing.item == "ENVELOPE"
    assert errors.ConnectionClosed("gone", phase="read").phase == "read"
    assert str(errors.CommandError("no")) == "no"
    assert errors.CommandError("no").is_transient is False


def test_an_excerpt_is_short() -> None:
    assert errors.excerpt(b"x" * 100, 90) == b"x" * 10
    assert len(errors.excerpt(b"x" * 100)) == 40

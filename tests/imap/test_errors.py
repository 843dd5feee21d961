"""What a client is told of refusals, alerts and other servers, by the codes that the tables know."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, Final

import pytest

import mailproto.errors
import mailproto.imap.ext
from mailproto.errors import (
    AuthenticationFailed,
    ConnectionClosed,
    IMAPStatusError,
    LimitReached,
    Referred,
    ServerUnavailable,
)
from mailproto.imap import client_flows as flows
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codes import CODES, SimpleCode
from mailproto.imap.ext.referrals import ReferralCode
from mailproto.imap.idling import poll
from mailproto.imap.inbox import Inboxes
from mailproto.imap.session_flows import login, open_session
from mailproto.imap.updates import Alert
from mailproto.imap.url import IMAPURL
from support_flows import run_script
from support_imap_dialogue import Told, tell, tell_in_pieces
from support_imap_scripts import ADAPTERS, converse

NO_FAMILY: Final = {
    # Beside OK, or of a mailbox that is selected.
    "ANNOTATIONS",
    "APPENDUID",
    "CAPABILITY",
    "CLOSED",
    "COPYUID",
    "HIGHESTMODSEQ",
    "INPROGRESS",
    "MAILBOXID",
    "NOMODSEQ",
    "NOUPDATE",
    "PERMANENTFLAGS",
    "READ-ONLY",
    "READ-WRITE",
    "UIDNEXT",
    "UIDNOTSTICKY",
    "UIDVALIDITY",
    "UNSEEN",
    "URLMECH",
    # Says that the text is for the user, whatever the reason is.
    "ALERT",
    # Says that a message is malformed, in an untagged status.
    "PARSE",
    # STORE has done the rest: `store_unchanged` returns it.
    "MODIFIED",
    # The client has sequence numbers in a session without: a mistake, which ours does not make.
    "UIDREQUIRED",
    # What was asked for is so already.
    "COMPRESSIONACTIVE",
}
"""Codes that name no family of errors, deliberately."""


def known_codes() -> Iterator[str]:
    """Yield the names of all codes: those with arguments, and the constants of all modules."""
    yield from CODES
    for package in (mailproto.imap, mailproto.imap.ext):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            values = vars(importlib.import_module(module.name)).values()
            yield from (value.name for value in values if isinstance(value, SimpleCode))


def families(root: type[IMAPStatusError]) -> Iterator[type[IMAPStatusError]]:
    yield root
    for family in root.__subclasses__():
        yield from families(family)


def test_every_code_names_a_family_or_is_known_not_to() -> None:
    named = {code for family in families(IMAPStatusError) for code in family.CODES}
    assert named.isdisjoint(NO_FAMILY)
    assert set(known_codes()) == named | NO_FAMILY


def test_every_family_is_public() -> None:
    assert {family.__name__ for family in families(IMAPStatusError)} <= set(mailproto.errors.__all__)


def refused(told: Told) -> tuple[object, ...]:
    assert isinstance(told.error, IMAPStatusError)
    return type(told.error), told.error.code, told.error.text, told.error.command


def test_a_refusal_is_the_same_however_it_comes() -> None:
    told = tell_in_pieces(
        lambda session: flows.select(session, "Sent"),
        ([b"A2 SELECT Sent"], b"A2 NO [REFERRAL imap://user@other/Sent http://x/] not here\r\n"),
        value=refused,
    )
    code = ReferralCode(("imap://user@other/Sent", "http://x/"))
    assert refused(told) == (Referred, code, "not here", "SELECT")
    assert isinstance(told.error, Referred)
    assert told.error.referrals == (IMAPURL("imap://user@other/Sent"),)
    assert told.error.referral == IMAPURL("imap://user@other/Sent")
    assert told.error.referral.host == "other"
    assert told.line.session.error is None


def test_no_secret_stands_in_the_error_of_a_login() -> None:
    conn = IMAPClientConnection()
    conn.receive_data(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
    session = Inboxes(conn)
    session.pump()
    script = [
        (
            b'A1 LOGIN user "s e c r e t"\r\n',
            b"A1 NO [REFERRAL IMAP://user;AUTH=*@SERVER2/] Specified user is invalid on this server.\r\n",
        )
    ]
    with pytest.raises(AuthenticationFailed) as caught:
        run_script(conn, login(session, "user", "s e c r e t", allow_cleartext=True), script)
    error = caught.value
    assert "s e c r e t" not in f"{error} {error!r} {error.args} {vars(error)}"
    assert error.command == "LOGIN"
    assert error.referral == IMAPURL("IMAP://user;AUTH=*@SERVER2/")


THROTTLING = [
    ("[LIMIT] Too many requests", ServerUnavailable),
    ("[LIMIT] At most 32 flags in one mailbox supported", LimitReached),
]


@pytest.mark.parametrize(("text", "family"), THROTTLING)
def test_what_a_limit_is_says_its_text(text: str, family: type[IMAPStatusError]) -> None:
    told = tell(flows.noop, ([b"A2 NOOP"], f"A2 NO {text}\r\n".encode()))
    assert type(told.error) is family


def test_bye_in_place_of_a_greeting_says_where_to_go() -> None:
    conn = IMAPClientConnection()
    session = Inboxes(conn)
    bye = b"* BYE [REFERRAL IMAP://user;AUTH=*@SERVER2/] Server not accepting connections.\r\n"
    with pytest.raises(ConnectionClosed) as caught:
        run_script(conn, open_session(session), [(b"", bye)])
    assert caught.value.phase == "connect"
    assert caught.value.referral == IMAPURL("IMAP://user;AUTH=*@SERVER2/")
    assert caught.value.code == ReferralCode(("IMAP://user;AUTH=*@SERVER2/",))


def closed(told: Told) -> tuple[object, ...]:
    assert isinstance(told.error, ConnectionClosed)
    return str(told.error), told.error.code, told.error.referral


def test_bye_in_a_session_says_where_to_go_to_everybody() -> None:
    bye = b"* BYE [REFERRAL imap://other/] moving\r\n"
    told = tell_in_pieces(flows.noop, ([b"A2 NOOP"], bye), value=closed)
    expected = (
        "the server closed the connection: moving",
        ReferralCode(("imap://other/",)),
        IMAPURL("imap://other/"),
    )
    assert closed(told) == expected
    error = told.line.start(flows.noop(told.line.session)).error
    assert isinstance(error, ConnectionClosed)
    assert error.referral == IMAPURL("imap://other/")


ALERTS = b"* NO [ALERT] the disk is nearly full\r\n* OK [ALERT] down at noon\r\nA2 OK [ALERT] really\r\n"


def heard(told: Told) -> list[str]:
    return list(told.line.session.alerts)


def test_alerts_are_kept_however_they_come() -> None:
    told = tell_in_pieces(poll, ([b"A2 NOOP"], ALERTS), value=heard)
    assert heard(told) == ["the disk is nearly full", "down at noon", "really"]
    assert told.result == tuple(map(Alert, heard(told)))


def test_the_last_alert_is_that_of_bye() -> None:
    told = tell(flows.noop, ([b"A2 NOOP"], b"* BYE [ALERT] fire\r\n"))
    assert isinstance(told.error, ConnectionClosed)
    assert heard(told) == ["fire"]
    assert list(told.line.session.news) == [Alert("fire")]


def test_alerts_are_bounded() -> None:
    flood = b"".join(b"* OK [ALERT] %d\r\n" % number for number in range(300))
    told = tell(flows.noop, ([b"A2 NOOP"], flood + b"A2 OK done\r\n"))
    assert heard(told) == [str(number) for number in range(200, 300)]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_clients_have_alerts_and_referrals(adapter: str) -> None:
    answers = [b"* OK [ALERT] hello\r\n{tag} OK [REFERRAL imap://two/ imap://three/] done\r\n"]
    imap, said = converse(adapter, "", answers, _noop)
    assert said == [b"NOOP"]
    assert imap.alerts == ("hello",)
    assert imap.referrals == (IMAPURL("imap://two/"), IMAPURL("imap://three/"))


def _noop(imap: Any) -> Any:
    result = imap.noop()

    async def awaited() -> Any:
        await result
        return imap

    return imap if result is None else awaited()

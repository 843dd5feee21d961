from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import IMAPStatusError
from mailproto.imap.admin_flows import list_remote, list_subscribed_remote
from mailproto.imap.client_flows import select
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code
from mailproto.imap.commands import Command, List, LSub
from mailproto.imap.ext.referrals import ReferralCode, RList, RLSub
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import ListData, LSubData
from mailproto.imap.status import Bye, No, Ok
from mailproto.imap.url import IMAPURL
from support_imap import feed, greeted_client
from support_imap_admin import (
    ask,
    check_command_at_both_ends,
    check_no_command,
    check_not_sent,
    check_refusal_to_build,
)
from support_imap_ext import check_code, check_refused
from support_imap_strategies import referral_codes
from support_imap_wire import cursor_at

SERVER2, SERVER3 = "IMAP://user;AUTH=*@SERVER2/REMOTE", "IMAP://user;AUTH=*@SERVER3/REMOTE"

COMMANDS: list[tuple[bytes, Command]] = [
    (b'RLIST "" #SHARED/%', RList("", "#SHARED/%")),
    (b"RLIST inbox {2}\r\n\xc3\xa9", RList("inbox", "x")),
    (b'RLSUB "" *', RLSub("", "*")),
]
CODES: list[tuple[bytes, ResponseCode]] = [
    (b"REFERRAL IMAP://MIKE@SERVER2/", ReferralCode(("IMAP://MIKE@SERVER2/",))),
    (f"REFERRAL {SERVER2} {SERVER3}".encode(), ReferralCode((SERVER2, SERVER3))),
    (b"REFERRAL http://x.example/a?b=%20#c", ReferralCode(("http://x.example/a?b=%20#c",))),
]


@pytest.mark.parametrize(("wire", "command"), [COMMANDS[0], COMMANDS[2]])
def test_commands(wire: bytes, command: Command) -> None:
    check_command_at_both_ends(wire, command, "MAILBOX-REFERRALS")
    check_refused(command, "MAILBOX-REFERRALS")


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes(wire: bytes, code: ResponseCode) -> None:
    check_code(wire, code)


def test_urls_as_values() -> None:
    assert ReferralCode((IMAPURL(SERVER2),)) == ReferralCode((SERVER2,))  # type: ignore[arg-type]  # what is converted
    code = ReferralCode((SERVER2,))
    assert IMAPURL(code.urls[0]).mailbox == "REMOTE"


@pytest.mark.parametrize("wire", [b"RLIST", b'RLIST ""', b'RLIST "" * x', b"RLSUB x"])
def test_what_is_no_command(wire: bytes) -> None:
    check_no_command(wire)


@pytest.mark.parametrize(
    "text", [b"", b"x", b"imap:", b"imap://x  imap://y", b"imap://x/\xc3\xa9", b'"imap://x"']
)
def test_other_codes_are_kept(text: bytes) -> None:
    cursor = cursor_at(b"REFERRAL " + text + b"]")
    assert parse_resp_text_code(cursor) == UnknownCode.of_parsed("REFERRAL", text)
    assert len(cursor.defects) == 1


ATTACKS: list[Callable[[], object]] = [
    lambda: RList("a\0", "*"),
    lambda: RLSub("", "\ud800"),
    lambda: ReferralCode(()),
    lambda: ReferralCode(SERVER2),  # type: ignore[arg-type]  # the mistake
    lambda: ReferralCode(("imap://[::1]/",)),
    lambda: ReferralCode(("imap://a b/",)),
    lambda: ReferralCode(("imap://a/]",)),
    lambda: ReferralCode(("imap://a/\r\n",)),
    lambda: ReferralCode(("a",)),
    lambda: ReferralCode((5,)),  # type: ignore[arg-type]  # the mistake
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    check_refusal_to_build(build)


@given(referral_codes)
def test_round_trip(code: ResponseCode) -> None:
    assert parse_responses(serialize(No("x", code)), strict=True) == [No("x", code)]


def test_a_referral_in_place_of_a_greeting() -> None:
    client = greeted_client(
        b"* BYE [REFERRAL IMAP://user;AUTH=*@SERVER2/] Server not accepting connections.\r\n"
    )
    assert client.greeting == Bye(
        "Server not accepting connections.", ReferralCode(("IMAP://user;AUTH=*@SERVER2/",))
    )


def test_a_referral_of_a_login() -> None:
    client = greeted_client()
    assert feed(client, b"* OK [REFERRAL IMAP://MATTHEW@SERVER2/] mailboxes are there\r\n") == [
        Ok("mailboxes are there", ReferralCode(("IMAP://MATTHEW@SERVER2/",)))
    ]


def test_a_refused_command_says_where_to_go() -> None:
    with pytest.raises(IMAPStatusError) as caught:
        ask(
            lambda session: select(session, "REMOTE"),
            "",
            f"A1 NO [REFERRAL {SERVER2} {SERVER3}] there".encode(),
        )
    assert caught.value.status == No("there", ReferralCode((SERVER2, SERVER3)))


def test_a_client_lists() -> None:
    answers = (b'* LIST () "/" a', b'* LSUB () "/" b', b"A1 OK .")
    found, said = ask(lambda session: list_remote(session, "", "*"), "MAILBOX-REFERRALS", *answers)
    assert (found, said) == ((ListData(frozenset(), "/", "a"),), [b'A1 RLIST "" *'])
    found, said = ask(lambda session: list_subscribed_remote(session, "", "*"), "MAILBOX-REFERRALS", *answers)
    assert (found, said) == ((LSubData(frozenset(), "/", "b"),), [b'A1 RLSUB "" *'])


def test_it_waits_for_what_has_the_same_answers() -> None:
    assert conflict(RList("", "*"), [List("", "*")]) is not None
    assert conflict(RLSub("", "*"), [LSub("", "*")]) is not None
    assert conflict(RLSub("", "*"), [RList("", "*")]) is None


def test_a_client_does_not_send_what_is_not_offered() -> None:
    check_not_sent(lambda session: list_remote(session, "", "*"), "MAILBOX-REFERRALS")
    check_not_sent(lambda session: list_subscribed_remote(session, "", "*"), "MAILBOX-REFERRALS")

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code, write_resp_text_code
from mailproto.imap.commands import Command, UIDSearch, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.message_limit import (
    MessageLimitCode,
    UIDAfter,
    UIDBefore,
    message_limit,
    save_limit,
)
from mailproto.imap.fetch import FLAGS
from mailproto.imap.search import Seen
from mailproto.imap.sequence import SequenceSet, UIDSet
from support_imap import feed, selected_server
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import message_limit_codes, message_limit_keys
from support_imap_wire import check_command, command_octets, cursor_at, frame, parse_octets, written

COMMANDS: list[tuple[bytes, Command]] = [
    (b"UID SEARCH UIDAFTER 25000 SEEN", UIDSearch(UIDAfter(25000) & Seen())),
    (b"UID SEARCH NOT UIDBEFORE 1", UIDSearch(~UIDBefore(1))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


@pytest.mark.parametrize(
    "wire", [b"SEARCH UIDAFTER", b"SEARCH UIDAFTER 0", b"SEARCH UIDBEFORE *", b"SEARCH UIDBEFORE 1:2"]
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


CODES: list[tuple[bytes, ResponseCode]] = [
    (b"MESSAGELIMIT 1000 23221", MessageLimitCode(1000, 23221)),
    (b"MESSAGELIMIT 1000", MessageLimitCode(1000)),
]


@pytest.mark.parametrize(("wire", "code"), CODES)
def test_codes_in_both_directions(wire: bytes, code: ResponseCode) -> None:
    assert parse_resp_text_code(cursor_at(wire + b"]", strict=True)) == code
    assert written(lambda writer: write_resp_text_code(writer, code)) == wire


@pytest.mark.parametrize("text", [b"0", b"a", b"1 0", b"1 2 3"])
def test_other_arguments_are_kept_with_a_defect(text: bytes) -> None:
    cursor = cursor_at(b"MESSAGELIMIT " + text + b"]")
    assert parse_resp_text_code(cursor) == UnknownCode.of_parsed("MESSAGELIMIT", text)
    assert len(cursor.defects) == 1


@given(message_limit_keys)
def test_keys_round_trip(key: UIDAfter | UIDBefore) -> None:
    assert parse_octets(command_octets(UIDSearch(key))) == UIDSearch(key)


@given(message_limit_codes)
def test_codes_round_trip(code: MessageLimitCode) -> None:
    octets = written(lambda writer: write_resp_text_code(writer, code))
    assert parse_resp_text_code(cursor_at(octets + b"]", strict=True)) == code


ATTACKS: list[Callable[[], object]] = [
    lambda: MessageLimitCode(0),
    lambda: MessageLimitCode(1, 0),
    lambda: MessageLimitCode(1, 2**32),
    lambda: UIDAfter(0),
    lambda: UIDBefore(True),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_what_a_server_says() -> None:
    capabilities = Capabilities(["IMAP4rev1", "MESSAGELIMIT=1000", "SAVELIMIT=5000"])
    assert (message_limit(capabilities), save_limit(capabilities)) == (1000, 5000)
    strange = Capabilities(["MESSAGELIMIT", "SAVELIMIT=many"])
    assert (message_limit(strange), save_limit(strange)) == (None, None)


@pytest.mark.parametrize(("offered", "is_taken"), [("SAVELIMIT=1000", False), ("MESSAGELIMIT=1000", True)])
def test_the_keys_need_it(offered: str, is_taken: bool) -> None:
    server = selected_server(capabilities=("IMAP4rev1", offered))
    events = feed(server, b"a UID SEARCH UIDAFTER 5\r\n")
    assert [isinstance(event, InvalidCommand) for event in events] == [not is_taken]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_fetches_what_is_left(adapter: str) -> None:
    answers = [
        b"* 9 FETCH (UID 50 FLAGS ())\r\n* 8 FETCH (UID 40 FLAGS ())\r\n"
        b"{tag} OK [MESSAGELIMIT 2 40] partial\r\n",
        b"* 7 FETCH (UID 30 FLAGS ())\r\n{tag} OK done\r\n",
    ]
    found, said = converse(
        adapter, "MESSAGELIMIT=2", answers, lambda imap: imap.uid_fetch("10:60", FLAGS).all()
    )
    assert [message.uid for message in found] == [50, 40, 30]
    assert said == [b"UID FETCH 10:60 FLAGS", b"UID FETCH 10:39 FLAGS"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_searches_what_is_left(adapter: str) -> None:
    answers = [
        b"* SEARCH 50 41\r\n{tag} OK [MESSAGELIMIT 5 40] partial\r\n",
        b"* SEARCH 30\r\n{tag} OK [MESSAGELIMIT 5 1] partial\r\n",
    ]
    found, said = converse(adapter, "MESSAGELIMIT=5", answers, lambda imap: imap.uid_search(Seen()))
    assert found == UIDSet("30,41,50")
    assert said == [b"UID SEARCH SEEN", b"UID SEARCH SEEN UID 1:39"]
    answers = [b"* SEARCH 9\r\n{tag} OK [MESSAGELIMIT 5 40] partial\r\n", b"* SEARCH 3\r\n{tag} OK done\r\n"]
    found, said = converse(adapter, "MESSAGELIMIT=5", answers, lambda imap: imap.search(Seen()))
    assert found == SequenceSet("3,9")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_limit_that_does_not_move_ends_the_search(adapter: str) -> None:
    answers = [
        b"* SEARCH 50\r\n{tag} OK [MESSAGELIMIT 5 40] x\r\n",
        b"* SEARCH\r\n{tag} OK [MESSAGELIMIT 5 40] x\r\n",
    ]
    found, said = converse(adapter, "MESSAGELIMIT=5", answers, lambda imap: imap.uid_search(Seen()))
    assert found == UIDSet("50")
    assert len(said) == 2
    answers = [
        b"* 9 FETCH (UID 50 FLAGS ())\r\n{tag} OK [MESSAGELIMIT 1 50] x\r\n",
        b"{tag} OK [MESSAGELIMIT 1 50] x\r\n",
    ]
    found, said = converse(
        adapter, "MESSAGELIMIT=1", answers, lambda imap: imap.uid_fetch("1:60", FLAGS).all()
    )
    assert [message.uid for message in found] == [50]
    assert len(said) == 2


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_copy_of_too_many_is_refused(adapter: str) -> None:
    with pytest.raises(IMAPStatusError, match="MESSAGELIMIT"):
        converse(
            adapter,
            "SAVELIMIT=1000",
            [b"{tag} NO [MESSAGELIMIT 1000 20001] Too many messages to copy\r\n"],
            lambda imap: imap.uid_copy("18000:21000", "Trash"),
        )

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.codec import serialize
from mailproto.imap.commands import Command, Search, UIDSearch, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import CommandCompleted, InvalidCommand
from mailproto.imap.ext.esearch import ALL, COUNT, MAX, MIN, ESearchData
from mailproto.imap.parameters import SEARCH_RETURNS, UnknownParameter
from mailproto.imap.responses import PreparedFetch, Response, UnreadResponse
from mailproto.imap.search import Deleted, Seen, Unseen
from mailproto.imap.sequence import SequenceSet, UIDSet
from support_imap import complete, feed, selected_client, selected_server, server_events
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import esearch_data
from support_imap_wire import check_command, check_response, frame, read_response

COMMANDS: list[tuple[bytes, Command]] = [
    (b"SEARCH RETURN (MIN COUNT) DELETED", Search(Deleted(), returning=(MIN, COUNT))),
    (b"SEARCH RETURN () DELETED", Search(Deleted(), returning=())),
    (
        b"UID SEARCH RETURN (MIN MAX ALL) CHARSET UTF-8 SEEN",
        UIDSearch(Seen(), "UTF-8", returning=(MIN, MAX, ALL)),
    ),
    (b"SEARCH RETURN (X-NEW 5 ALL) SEEN", Search(Seen(), returning=(UnknownParameter("X-NEW", 5), ALL))),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


@pytest.mark.parametrize(
    "wire", [b"SEARCH RETURN (MIN 5) SEEN", b"SEARCH RETURN MIN SEEN", b"SEARCH RETURN (ALL ALL) SEEN"]
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


RESPONSES: list[tuple[bytes, Response]] = [
    (b'* ESEARCH (TAG "A282") MIN 2 COUNT 3', ESearchData("A282", (("MIN", 2), ("COUNT", 3)))),
    (b'* ESEARCH (TAG "A283") ALL 2,10:11', ESearchData("A283", (("ALL", SequenceSet("2,10:11")),))),
    (b'* ESEARCH (TAG "A285") UID MIN 7 MAX 3800', ESearchData("A285", (("MIN", 7), ("MAX", 3800)), True)),
    (
        b"* ESEARCH UID COUNT 5 ALL 4:19,21,28",
        ESearchData(None, (("COUNT", 5), ("ALL", UIDSet("4:19,21,28"))), True),
    ),
    (b"* ESEARCH COUNT 0", ESearchData(None, (("COUNT", 0),))),
    (b"* ESEARCH", ESearchData()),
    (b'* ESEARCH (TAG "a") UID', ESearchData("a", (), True)),
    (
        b'* ESEARCH (TAG "a") ALL 1:3,5 MODSEQ 1236',
        ESearchData("a", (("ALL", SequenceSet("1:3,5")), ("MODSEQ", 1236))),
    ),
    (
        b'* ESEARCH (TAG "a") UIDX 5 X-NEW (1 "b" (NIL))',
        ESearchData("a", (("UIDX", 5), ("X-NEW", (1, b"b", (None,))))),
    ),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


def test_other_spellings_are_read() -> None:
    assert read_response(b"* esearch (tag a1) uid count 5") == ESearchData("a1", (("COUNT", 5),), True)


DEVIATIONS: list[tuple[bytes, Response]] = [
    (b'* ESEARCH (TAG "a") MIN 0 COUNT 3', ESearchData("a", (("COUNT", 3),))),
    (b'* ESEARCH (TAG "a") ALL 1:* COUNT 3', ESearchData("a", (("COUNT", 3),))),
    (b'* ESEARCH (TAG "a") ALL () COUNT 3', ESearchData("a", (("COUNT", 3),))),
    (b'* ESEARCH (TAG "a") MODSEQ 0', ESearchData("a")),
]


@pytest.mark.parametrize(("wire", "response"), DEVIATIONS)
def test_what_cannot_be_read_is_left_out_with_a_defect(wire: bytes, response: Response) -> None:
    read = read_response(wire, strict=False)
    assert read == response
    assert not isinstance(read, PreparedFetch)
    assert len(read.defects) == 1


@pytest.mark.parametrize(
    "wire",
    [
        b"* ESEARCH ()",
        b'* ESEARCH (TAG "a" TAG "b")',
        b'* ESEARCH (TAG "a b")',
        b"* ESEARCH (X 5)",
        b"* ESEARCH MIN",
        b'* ESEARCH (TAG "a") ALL ' + b"(" * 200,
    ],
)
def test_what_cannot_be_read(wire: bytes) -> None:
    assert isinstance(read_response(wire, strict=False), UnreadResponse)


@given(esearch_data)
def test_a_round_trip(data: ESearchData) -> None:
    assert read_response(serialize(data)[:-2]) == data


ATTACKS: list[Callable[[], object]] = [
    lambda: ESearchData("a b"),
    lambda: ESearchData("a\r\n"),
    lambda: ESearchData("a", (("MIN", 0),)),
    lambda: ESearchData("a", (("COUNT", -1),)),
    lambda: ESearchData("a", (("ALL", UIDSet("1")),)),
    lambda: ESearchData("a", (("ALL", SequenceSet("1")),), True),
    lambda: ESearchData("a", (("ALL", SequenceSet()),)),
    lambda: ESearchData("a", (("ALL", SequenceSet("$")),)),
    lambda: ESearchData("a", (("UID", 5),)),
    lambda: ESearchData("a", (("X Y", 5),)),
    lambda: ESearchData("a", (("X", "a b"),)),
    lambda: ESearchData("a", mailbox="\0"),
    lambda: ESearchData("a", uid_validity=0),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


def test_results_by_name() -> None:
    data = ESearchData(
        "a", (("MIN", 2), ("MAX", 9), ("COUNT", 3), ("ALL", SequenceSet("2,5,9")), ("MODSEQ", 7))
    )
    assert (data.min, data.max, data.count, data.all, data.mod_seq) == (2, 9, 3, SequenceSet("2,5,9"), 7)
    empty = ESearchData("a", (("COUNT", 0),))
    assert (empty.min, empty.max, empty.count, empty.all, empty.get("x")) == (None, None, 0, None, None)


# Connections


def test_a_server_without_it_says_bad() -> None:
    events = server_events(b"a SEARCH RETURN (MIN) SEEN\r\n", selected_server, complete)
    assert [event.status.text for event in events if isinstance(event, InvalidCommand)] == [
        "SEARCH: MIN needs ESEARCH, which is not offered"
    ]


def test_rev2_has_it() -> None:
    server = selected_server(capabilities=("IMAP4rev2",))
    assert not any(
        isinstance(event, InvalidCommand) for event in feed(server, b"a SEARCH RETURN (MIN) SEEN\r\n")
    )


def test_two_are_told_apart_by_tag() -> None:
    client = selected_client("IMAP4rev1 ESEARCH")
    client.send_command(Search(Seen()), "a")
    with pytest.raises(LocalProtocolError):
        client.send_command(UIDSearch(Seen()), "b")
    client.send_command(UIDSearch(Seen(), returning=()), "b")
    client.send_command(UIDSearch(Unseen(), returning=()), "c")
    events = feed(client, b'* ESEARCH (TAG "c") UID COUNT 1\r\nc OK done\r\nb OK done\r\na OK done\r\n')
    assert [event.tag for event in events if isinstance(event, CommandCompleted)] == ["c", "b", "a"]


# Clients


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_asks_for_less(adapter: str) -> None:
    answers = [
        b'* ESEARCH (TAG "{tag}") MIN 2 COUNT 3\r\n* ESEARCH (TAG "other") COUNT 9\r\n{tag} OK done\r\n'
    ]
    found, said = converse(
        adapter,
        "ESEARCH",
        answers,
        lambda imap: imap.esearch(Deleted(), returning=("min", COUNT)),
    )
    assert (found.min, found.count, found.all) == (2, 3, None)
    assert said == [b"SEARCH RETURN (MIN COUNT) DELETED"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_results_of_several_responses_stand_together(adapter: str) -> None:
    answers = [
        b'* ESEARCH (TAG "{tag}") UID COUNT 3\r\n* ESEARCH (TAG "{tag}") UID ALL 4,9,12\r\n{tag} OK done\r\n'
    ]
    found, said = converse(adapter, "ESEARCH", answers, lambda imap: imap.uid_esearch(returning=()))
    assert (found.count, found.all, found.is_uid) == (3, UIDSet("4,9,12"), True)
    assert said == [b"UID SEARCH RETURN () ALL"]


CALLS: list[Callable[[Any], Any]] = [
    lambda imap: imap.esearch(Seen()),
    lambda imap: imap.uid_esearch(returning=()),
]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("call", CALLS)
def test_a_client_does_not_send_what_is_not_offered(adapter: str, call: Callable[[Any], Any]) -> None:
    with pytest.raises(LocalProtocolError, match="needs ESEARCH, which is not offered"):
        converse(adapter, "IDLE", [], call)


@pytest.mark.parametrize("text", ["", "MIN MAX", "MIN)", "PARTIAL 1", "MIN\r\n", "(MIN)"])
def test_options_as_text_are_read_strictly(text: str) -> None:
    with pytest.raises(LocalProtocolError, match="return option of SEARCH"):
        SEARCH_RETURNS.of((text,))

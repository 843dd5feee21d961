from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given

from mailproto.errors import LocalProtocolError
from mailproto.imap.codec import serialize
from mailproto.imap.commands import Command, Expunge, parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.condstore import ModSeq
from mailproto.imap.ext.context import UpdateResults
from mailproto.imap.ext.esearch import COUNT
from mailproto.imap.ext.partial import Partial
from mailproto.imap.ext.sort import Sort, SortCriterion, SortData, UIDSort, sort_criteria
from mailproto.imap.responses import ExpungeData, Response
from mailproto.imap.search import All, Deleted, SequenceNumbers, Text
from mailproto.imap.sequence import SequenceSet, UIDSet
from support_imap import feed, selected_client, selected_server, sent
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import sort_data, sorts
from support_imap_wire import (
    check_command,
    check_response,
    command_octets,
    frame,
    parse_octets,
    read_response,
)

SUBJECT, DATE = SortCriterion("SUBJECT"), SortCriterion("DATE")
REVERSE_DATE = SortCriterion("date", reverse=True)

COMMANDS: list[tuple[bytes, Command]] = [
    (b"SORT (SUBJECT REVERSE DATE) UTF-8 ALL", Sort((SUBJECT, REVERSE_DATE), All())),
    (b'SORT (SUBJECT) US-ASCII TEXT "not in mailbox"', Sort((SUBJECT,), Text("not in mailbox"), "us-ascii")),
    (
        b"UID SORT (DISPLAYFROM REVERSE DISPLAYTO) UTF-8 DELETED",
        UIDSort(sort_criteria("displayfrom reverse displayto"), Deleted()),
    ),
    (b"UID SORT RETURN () (REVERSE DATE) UTF-8 DELETED", UIDSort((REVERSE_DATE,), Deleted(), returning=())),
    (
        b"SORT RETURN (COUNT PARTIAL 1:5) (X-NEW) UTF-8 MODSEQ 5",
        Sort((SortCriterion("X-NEW"),), ModSeq(5), returning=(COUNT, Partial(1, 5))),
    ),
    (b"SORT (DATE) ISO-8859-1 TEXT {1}\r\n\xe9", Sort((DATE,), Text("é"), "ISO-8859-1")),
]


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands_in_both_directions(wire: bytes, command: Command) -> None:
    check_command(wire, command)


@pytest.mark.parametrize(
    "wire",
    [
        b"SORT UTF-8 ALL",
        b"SORT () UTF-8 ALL",
        b"SORT (REVERSE) UTF-8 ALL",
        b"SORT (REVERSE REVERSE DATE) UTF-8 ALL",
        b"SORT (DATE  SIZE) UTF-8 ALL",
        b"SORT (DATE) ALL",
        b"SORT (DATE) UTF-8",
        b"SORT (DATE) RETURN () UTF-8 ALL",
        b"SORT (DATE) UTF-8 " + b"NOT " * 200 + b"ALL",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


RESPONSES: list[tuple[bytes, Response]] = [
    (b"* SORT 5 3 4 1 2", SortData((5, 3, 4, 1, 2))),
    (b"* SORT", SortData()),
    (b"* SORT 2 5 6 (MODSEQ 917162500)", SortData((2, 5, 6), mod_seq=917162500)),
]


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses_in_both_directions(wire: bytes, response: Response) -> None:
    check_response(wire, response)


def test_deviations_are_those_of_search() -> None:
    read = read_response(b"* SORT 0  5 ", strict=False)
    assert read == SortData((5,))
    assert isinstance(read, SortData)
    assert [defect.rule for defect in read.defects] == ["numbers from 1 on, one space before each"]


@given(sorts)
def test_commands_round_trip(command: Sort) -> None:
    assert parse_octets(command_octets(command)) == command


@given(sort_data)
def test_data_round_trip(data: SortData) -> None:
    assert read_response(serialize(data)[:-2]) == data


ATTACKS: list[Callable[[], object]] = [
    lambda: SortCriterion("a b"),
    lambda: SortCriterion("REVERSE"),
    lambda: SortCriterion("\r\n"),
    lambda: sort_criteria(""),
    lambda: sort_criteria("DATE)"),
    lambda: sort_criteria("REVERSE"),
    lambda: sort_criteria("DATE\r\n"),
    lambda: sort_criteria(()),
    lambda: Sort((), All()),
    lambda: Sort(("DATE",), All()),  # type: ignore[arg-type]  # the mistake
    lambda: Sort((DATE,), Text("é"), "US-ASCII"),
    lambda: Sort((DATE,), All(), "a\0b"),
    lambda: Sort((DATE,), All(), returning=(Partial(1, 5), Partial(1, 5))),
    lambda: SortData((0,)),
    lambda: SortData((), mod_seq=5),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


NEEDS: list[tuple[bytes, str, bool]] = [
    (b"SORT (DATE) UTF-8 ALL", "SORT", True),
    (b"SORT (DATE) UTF-8 ALL", "ESORT", False),
    (b"SORT (X-NEW) UTF-8 ALL", "SORT", False),
    (b"SORT (DISPLAYTO) UTF-8 ALL", "SORT", False),
    (b"SORT (DISPLAYTO) UTF-8 ALL", "SORT SORT=DISPLAY", True),
    (b"SORT RETURN (COUNT) (DATE) UTF-8 ALL", "SORT ESEARCH", False),
    (b"SORT RETURN () (DATE) UTF-8 ALL", "SORT ESEARCH", False),
    (b"SORT RETURN (COUNT) (DATE) UTF-8 ALL", "SORT ESORT", True),
    (b"SORT RETURN (UPDATE) (DATE) UTF-8 ALL", "SORT ESORT CONTEXT=SEARCH", False),
    (b"SORT RETURN (UPDATE PARTIAL 1:5) (DATE) UTF-8 ALL", "SORT ESORT CONTEXT=SORT", True),
    (b"SORT (DATE) UTF-8 MODSEQ 5", "SORT", False),
]


@pytest.mark.parametrize(("wire", "offered", "is_taken"), NEEDS)
def test_what_is_needed(wire: bytes, offered: str, is_taken: bool) -> None:
    server = selected_server(capabilities=("IMAP4rev1", *offered.split()))
    events = feed(server, b"a " + wire + b"\r\n")
    assert [isinstance(event, InvalidCommand) for event in events] == [not is_taken]


def test_no_expunge_during_sort_but_during_uid_sort() -> None:
    server = selected_server(capabilities=("IMAP4rev1", "SORT"))
    feed(server, b"a SORT (DATE) UTF-8 ALL\r\n")
    with pytest.raises(LocalProtocolError, match="EXPUNGE"):
        server.send(ExpungeData(1))
    server = selected_server(capabilities=("IMAP4rev1", "SORT"))
    feed(server, b"a UID SORT (DATE) UTF-8 ALL\r\n")
    server.send(ExpungeData(1))
    assert sent(server) == b"* 1 EXPUNGE\r\n"


def test_pipelining() -> None:
    client = selected_client("IMAP4rev1 SORT ESORT CONTEXT=SORT")
    client.send_command(Expunge())
    with pytest.raises(LocalProtocolError, match="sequence numbers may change while EXPUNGE"):
        client.send_command(Sort((DATE,), SequenceNumbers(SequenceSet("1"))))
    client.send_command(Sort((DATE,), All()))
    with pytest.raises(LocalProtocolError, match="could not be told from those of the SORT"):
        client.send_command(UIDSort((DATE,), All()))
    client.send_command(UIDSort((DATE,), All(), returning=(UpdateResults(),)))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_sorts(adapter: str) -> None:
    answers = [b"* SORT 5 3\r\n* SORT 1\r\n{tag} OK done\r\n"]
    found, said = converse(
        adapter, "SORT", answers, lambda imap: imap.sort("SUBJECT reverse date", Deleted())
    )
    assert found == (5, 3, 1)
    assert said == [b"SORT (SUBJECT REVERSE DATE) UTF-8 DELETED"]
    found, said = converse(adapter, "SORT", answers, lambda imap: imap.uid_sort([DATE]))
    assert found == (5, 3, 1)
    assert said == [b"UID SORT (DATE) UTF-8 ALL"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_sorts_for_less(adapter: str) -> None:
    answers = [b'* ESEARCH (TAG "{tag}") UID COUNT 5 ALL 23765,23764,10:12\r\n{tag} OK done\r\n']
    found, said = converse(
        adapter, "SORT ESORT", answers, lambda imap: imap.uid_esort("DATE", returning=["COUNT", "ALL"])
    )
    assert found.all == UIDSet("23765,23764,10:12")
    assert list(found.all.in_order()) == [23765, 23764, 10, 11, 12]
    assert list(found.all) == [10, 11, 12, 23764, 23765]
    assert said == [b"UID SORT RETURN (COUNT ALL) (DATE) UTF-8 ALL"]
    answers = [b'* ESEARCH (TAG "{tag}") MIN 7\r\n{tag} OK done\r\n']
    found, said = converse(adapter, "SORT ESORT", answers, lambda imap: imap.esort("DATE", returning=["MIN"]))
    assert found.min == 7
    assert said == [b"SORT RETURN (MIN) (DATE) UTF-8 ALL"]


CALLS: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("IDLE", "SORT: the server does not offer SORT", lambda imap: imap.sort("DATE")),
    ("SORT", "SORT: DISPLAYTO needs SORT=DISPLAY, which is not offered", lambda imap: imap.sort("DISPLAYTO")),
    ("SORT", "UID SORT: ALL needs ESORT, which is not offered", lambda imap: imap.uid_esort("DATE")),
]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(("offered", "reason", "call"), CALLS)
def test_a_client_does_not_send_what_is_not_offered(
    adapter: str, offered: str, reason: str, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(LocalProtocolError, match=reason):
        converse(adapter, offered, [], call)


@pytest.mark.parametrize("text", ["1:*", "$"])
def test_only_numbers_have_an_order(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        list(UIDSet(text).in_order())

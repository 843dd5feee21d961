from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.imap.client_flows import store_action
from mailproto.imap.codec import parse_responses, serialize
from mailproto.imap.commands import Command, Fetch, Search, Store, StoreAction, UIDStore, parse_command
from mailproto.imap.condstore_flows import Stored
from mailproto.imap.cursor import ParseError
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.condstore import MODSEQ, ChangedSince, UnchangedSince
from mailproto.imap.ext.gmail import (
    X_GM_LABELS,
    X_GM_MSGID,
    X_GM_THRID,
    GmailLabel,
    GmailMessageID,
    GmailRaw,
    GmailThreadID,
    StoreLabels,
    UIDStoreLabels,
)
from mailproto.imap.fetch import FetchItem
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.items_flows import store_labels, uid_store_labels
from mailproto.imap.parameters import UnknownParameter
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import Response
from mailproto.imap.search import SearchKey
from mailproto.imap.sequence import SequenceSet, UIDSet
from support_imap import feed, selected_server
from support_imap_ext import check_items, check_key, check_refused, check_response, defects_of
from support_imap_scripts import ADAPTERS, converse
from support_imap_strategies import gmail_labels
from support_imap_wire import command_octets, frame, parse_octets
from support_inbox import Line

ONE = SequenceSet("1")
LARGEST = 2**64 - 1
SYSTEM = frozenset({"\\Inbox", "\\Sent", "Important", "Muy Importante"})

ITEMS: list[tuple[bytes, tuple[FetchItem[object], ...]]] = [
    (b"X-GM-MSGID", (X_GM_MSGID,)),
    (b"(X-GM-MSGID X-GM-THRID X-GM-LABELS)", (X_GM_MSGID, X_GM_THRID, X_GM_LABELS)),
]
RESPONSES: list[tuple[bytes, Response]] = [
    (b"1 FETCH (X-GM-MSGID 1278455344230334865)", FetchData(1, X_GM_MSGID.answer(1278455344230334865))),
    (b"3 FETCH (X-GM-THRID 18446744073709551615)", FetchData(3, X_GM_THRID.answer(LARGEST))),
    (
        b'1 FETCH (X-GM-LABELS (Important "Muy Importante" \\Inbox \\Sent))',
        FetchData(1, X_GM_LABELS.answer(SYSTEM)),
    ),
    (b"1 FETCH (X-GM-LABELS ())", FetchData(1, X_GM_LABELS.answer(frozenset()))),
    (b"1 FETCH (X-GM-LABELS (Entw&APw-rfe a]))", FetchData(1, X_GM_LABELS.answer({"Entwürfe", "a]"}))),  # type: ignore[arg-type]  # any set
    (b'1 FETCH (X-GM-LABELS ("NIL"))', FetchData(1, X_GM_LABELS.answer(frozenset({"NIL"})))),
    (b'1 FETCH (X-GM-LABELS ("\\\\a b"))', FetchData(1, X_GM_LABELS.answer(frozenset({"\\a b"})))),
]
KEYS: list[tuple[bytes, SearchKey]] = [
    (b"X-GM-MSGID 1278455344230334865", GmailMessageID(1278455344230334865)),
    (b"X-GM-THRID 1266894439832287888", GmailThreadID(1266894439832287888)),
    (b"X-GM-LABELS foo", GmailLabel("foo")),
    (b"X-GM-LABELS \\Starred", GmailLabel("\\Starred")),
    (b'X-GM-RAW "has:attachment in:unread"', GmailRaw("has:attachment in:unread")),
    (b"CHARSET UTF-8 X-GM-RAW {2}\r\n\xc3\xa9", GmailRaw("é")),
]
COMMANDS: list[tuple[bytes, Command]] = [
    (b"STORE 1 +X-GM-LABELS (foo)", StoreLabels(ONE, StoreAction.ADD, frozenset({"foo"}))),
    (
        b"UID STORE 1:* -X-GM-LABELS.SILENT (\\Inbox \\Trash)",
        UIDStoreLabels(UIDSet("1:*"), StoreAction.REMOVE, frozenset({"\\Inbox", "\\Trash"}), silent=True),
    ),
    (b"STORE 1 X-GM-LABELS ()", StoreLabels(ONE, StoreAction.REPLACE, frozenset())),
    (
        b"STORE 1:* (UNCHANGEDSINCE 5) +X-GM-LABELS.SILENT (foo)",
        StoreLabels(
            SequenceSet("1:*"),
            StoreAction.ADD,
            frozenset({"foo"}),
            silent=True,
            modifiers=(UnchangedSince(5),),
        ),
    ),
    (
        b"UID STORE $ (UNCHANGEDSINCE 0 X (1 (2))) X-GM-LABELS (a)",
        UIDStoreLabels(
            UIDSet("$"),
            StoreAction.REPLACE,
            frozenset({"a"}),
            modifiers=(UnchangedSince(0), UnknownParameter("X", (1, (2,)))),
        ),
    ),
    (b"STORE 1 +FLAGS (x)", Store(ONE, StoreAction.ADD, frozenset({"x"}))),
    (
        b"UID STORE 1 FLAGS (X-GM-LABELS)",
        UIDStore(UIDSet("1"), StoreAction.REPLACE, frozenset({"X-GM-LABELS"})),
    ),
]


@pytest.mark.parametrize(("wire", "items"), ITEMS)
def test_items(wire: bytes, items: tuple[FetchItem[object], ...]) -> None:
    check_items(wire, items)


@pytest.mark.parametrize(("wire", "response"), RESPONSES)
def test_responses(wire: bytes, response: Response) -> None:
    check_response(wire, response)


def test_system_labels_that_are_quoted_are_the_same() -> None:
    quoted = b'* 1 FETCH (X-GM-LABELS ("\\\\Sent" "\\\\Inbox" Important "Muy Importante"))\r\n'
    (data,) = parse_responses(quoted, strict=True)
    assert isinstance(data, FetchData)
    assert data[X_GM_LABELS] == SYSTEM


@pytest.mark.parametrize(("wire", "key"), KEYS)
def test_keys(wire: bytes, key: SearchKey) -> None:
    check_key(wire, key)


@pytest.mark.parametrize(("wire", "command"), COMMANDS)
def test_commands(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


def test_one_label_without_parentheses() -> None:
    assert parse_octets(b"a STORE 1 +x-gm-labels foo\r\n") == COMMANDS[0][1]
    assert parse_octets(b"a STORE 1 +X-GM-LABELS \\Trash\r\n") == StoreLabels(
        ONE, StoreAction.ADD, frozenset({"\\Trash"})
    )


@pytest.mark.parametrize(
    "wire",
    [
        b"1 FETCH (X-GM-MSGID 18446744073709551616)",
        b"1 FETCH (X-GM-MSGID x)",
        b"1 FETCH (X-GM-LABELS NIL)",
        b"1 FETCH (X-GM-LABELS (a  b))",
    ],
)
def test_what_cannot_be_read_is_a_defect(wire: bytes) -> None:
    assert defects_of(wire) == 1


@pytest.mark.parametrize(
    "wire",
    [
        b"STORE 1 +X-GM-LABELS",
        b"STORE 1 +X-GM-LABELS ",
        b"STORE 1 +X-GM-LABELS (a",
        b"STORE 0 +X-GM-LABELS (a)",
        b"STORE 1 X-GM-LABELS.LOUD (a)",
        b"STORE 1 X-GM-LABEL (a)",
        b"STORE 1 () X-GM-LABELS (a)",
        b"STORE 1 (UNCHANGEDSINCE) X-GM-LABELS (a)",
        b"STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 2) X-GM-LABELS (a)",
        b"SEARCH X-GM-MSGID x",
        b"SEARCH X-GM-MSGID 99999999999999999999",
        b"SEARCH X-GM-LABELS",
        b"SEARCH X-GM-RAW",
    ],
)
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


ATTACKS: list[Callable[[], object]] = [
    lambda: X_GM_MSGID.answer(-1),
    lambda: X_GM_THRID.answer(LARGEST + 1),
    lambda: GmailMessageID(True),
    lambda: GmailThreadID("5"),  # type: ignore[arg-type]  # the mistake
    lambda: GmailLabel("a\0"),
    lambda: GmailLabel(b"a"),  # type: ignore[arg-type]  # the mistake
    lambda: GmailRaw("a\0"),
    lambda: X_GM_LABELS.answer("Inbox"),  # type: ignore[arg-type]  # the mistake
    lambda: X_GM_LABELS.answer(frozenset({"a\0"})),
    lambda: StoreLabels(ONE, StoreAction.ADD, "Inbox"),  # type: ignore[arg-type]  # the mistake
    lambda: StoreLabels(ONE, "+", frozenset()),  # type: ignore[arg-type]  # the mistake
    lambda: StoreLabels(UIDSet("1"), StoreAction.ADD, frozenset()),  # type: ignore[arg-type]  # the mistake
    lambda: UIDStoreLabels(UIDSet(), StoreAction.ADD, frozenset()),
    lambda: StoreLabels(ONE, StoreAction.ADD, frozenset(), modifiers=(ChangedSince(5),)),
    lambda: store_action("+FLAGS", "X-GM-LABELS"),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


@given(gmail_labels, st.integers(0, LARGEST))
def test_round_trip(labels: frozenset[str], number: int) -> None:
    data = FetchData(1, X_GM_LABELS.answer(labels), X_GM_MSGID.answer(number))
    assert parse_responses(serialize(data), strict=True) == [data]


@pytest.mark.parametrize(
    "command",
    [
        Fetch(ONE, (X_GM_LABELS,)),
        Search(GmailRaw("x")),
        Search(GmailLabel("x")),
        Search(GmailMessageID(1) | GmailThreadID(2)),
        COMMANDS[0][1],
        COMMANDS[1][1],
    ],
    ids=repr,
)
def test_a_server_refuses_what_it_does_not_offer(command: Command) -> None:
    check_refused(command, "X-GM-EXT-1")


@pytest.mark.parametrize(("offered", "is_refused"), [("X-GM-EXT-1", True), ("X-GM-EXT-1 CONDSTORE", False)])
def test_a_server_refuses_modifiers_that_it_does_not_offer(offered: str, is_refused: bool) -> None:
    server = selected_server(capabilities=["IMAP4rev1", *offered.split()])
    (event,) = feed(server, command_octets(COMMANDS[3][1]))
    assert isinstance(event, InvalidCommand) is is_refused


def test_which_commands_may_be_in_flight_together() -> None:
    labels, silent = COMMANDS[0][1], StoreLabels(ONE, StoreAction.ADD, frozenset({"foo"}), silent=True)
    flags = Store(ONE, StoreAction.ADD, frozenset({"x"}))
    assert conflict(labels, [labels]) is not None
    assert conflict(labels, [Fetch(ONE, (X_GM_LABELS,))]) is not None
    assert conflict(labels, [silent]) is None
    assert conflict(labels, [flags]) is None


def test_a_client_changes_labels() -> None:
    line = Line()
    line.conn.receive_data(b"* CAPABILITY IMAP4rev1 X-GM-EXT-1\r\n")
    task = line.start(store_labels(line.session, 2, "+X-GM-LABELS", "Work", silent=False))
    assert line.sent() == [b"A2 STORE 2 +X-GM-LABELS (Work)"]
    line.feed(b"* 2 FETCH (X-GM-LABELS (\\Inbox Work))", b"A2 OK done")
    (data,) = task.result
    assert data[X_GM_LABELS] == {"\\Inbox", "Work"}
    flow = uid_store_labels(line.session, "7:9", StoreAction.REMOVE, ["a", "b"], silent=True)
    task = line.start(flow)
    assert line.sent() == [b"A3 UID STORE 7:9 -X-GM-LABELS.SILENT (a b)"]
    line.feed(b"A3 OK done")
    assert task.result == ()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_changes_labels_of_what_did_not_change(adapter: str) -> None:
    stored, said = converse(
        adapter,
        "X-GM-EXT-1 CONDSTORE",
        [b"* 2 FETCH (X-GM-LABELS (a) MODSEQ (9))\r\n{tag} OK [MODIFIED 3] some\r\n"],
        lambda imap: imap.store_labels_unchanged("2:3", 5, "+X-GM-LABELS", "a"),
    )
    answer = FetchData(2, X_GM_LABELS.answer(frozenset({"a"})), MODSEQ.answer(9))
    assert stored == Stored((answer,), SequenceSet("3"))
    assert said == [b"STORE 2:3 (UNCHANGEDSINCE 5) +X-GM-LABELS (a)"]
    stored, said = converse(
        adapter,
        "X-GM-EXT-1 CONDSTORE",
        [b"* 2 FETCH (UID 20 MODSEQ (9))\r\n{tag} OK [MODIFIED 30] some\r\n"],
        lambda imap: imap.uid_store_labels_unchanged([20, 30], 5, "-X-GM-LABELS", ["a"], silent=True),
    )
    assert stored.modified == UIDSet("30")
    assert [message.uid for message in stored.messages] == [20]
    assert said == [b"UID STORE 20,30 (UNCHANGEDSINCE 5) -X-GM-LABELS.SILENT (a)"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_client_sends_no_modifier_that_is_not_offered(adapter: str) -> None:
    with pytest.raises(LocalProtocolError, match="needs CONDSTORE, which is not offered"):
        converse(
            adapter, "X-GM-EXT-1", [], lambda imap: imap.store_labels_unchanged(1, 5, "X-GM-LABELS", "a")
        )

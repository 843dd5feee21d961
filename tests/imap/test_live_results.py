"""Results of searches that a client keeps right: positions, expunges, limits, and when they end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import IMAPStatusError, LimitReached, LocalProtocolError
from mailproto.imap.client_flows import select
from mailproto.imap.ext.context import ContextUpdate
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.sort import Sort, UIDSort, sort_criteria
from mailproto.imap.live_results import LiveResults
from mailproto.imap.search import All, Deleted
from mailproto.imap.search_commands import Search, UIDSearch
from mailproto.imap.search_flows import live
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.limits import IMAPLimits
from support_imap_scripts import ADAPTERS, converse
from support_inbox import Line
from support_split import for_every_split

OFFERED = b"* CAPABILITY IMAP4rev1 IDLE ENABLE ESEARCH ESORT SORT CONTEXT=SEARCH CONTEXT=SORT\r\n"

# what was found, what the server says then, the numbers after it
UID_SEARCHES = {
    "in mailbox order": ("1:3,9", "ADDTO (0 5,32768:32769)", [1, 2, 3, 5, 9, 32768, 32769]),
    "what is there is not added again": ("1:3", "ADDTO (0 2:4)", [1, 2, 3, 4]),
    "wherever they are": ("1:9", "REMOVEFROM (0 2,4:5,20)", [1, 3, 6, 7, 8, 9]),
    "all of them": ("5:6", "REMOVEFROM (0 1:4294967295)", []),
    "RFC 5267 section 4.3.3, first": ("2734:2735", "ADDTO (1 2733 1 2732 1 2731)", list(range(2731, 2736))),
    "RFC 5267 section 4.3.3, second": (
        "2734:2735",
        "ADDTO (1 2733) ADDTO (1 2731:2732)",
        list(range(2731, 2736)),
    ),
    "RFC 5267 section 4.3.3, third": ("2734:2735", "ADDTO (1 2731:2733)", list(range(2731, 2736))),
    "in the middle": ("1,9", "ADDTO (2 4:5)", [1, 4, 5, 9]),
    "at the end": ("1,9", "ADDTO (3 10)", [1, 9, 10]),
    "from a position": ("1,4,5,9", "REMOVEFROM (2 4:5)", [1, 9]),
    "in the order that they stand": ("1:3", "REMOVEFROM (0 3) ADDTO (0 7) REMOVEFROM (1 1:2)", [7]),
    "not what is returned besides": ("1:3", "COUNT 9 MIN 5 X-NEW 3", [1, 2, 3]),
}

CONTRADICTIONS = {
    "behind the end": "ADDTO (4 9)",
    "not in order": "ADDTO (1 9)",
    "twice": "ADDTO (2 1)",
    "not there": "REMOVEFROM (2 1)",
    "more than there is": "REMOVEFROM (1 1,5:6)",
    "more than the limit": "ADDTO (0 10:18)",
    "far more than the limit": "ADDTO (0 1:4294967295)",
    "far more at a position": "ADDTO (3 10:4294967295)",
    "far more to remove": "REMOVEFROM (1 1:4294967295)",
}


def started(
    command: Search | UIDSearch | Sort | UIDSort, found: bytes, enabled: bytes = b"", **limits: int
) -> tuple[Line, Any]:
    """Return a client whose search found that, and its live results."""
    line = Line(IMAPLimits(**limits))
    line.conn.receive_data(OFFERED)
    if enabled:
        line.conn.receive_data(b"* ENABLED %b\r\n" % enabled)
        line.session.pump()
    task = line.start(live(line.session, command))
    line.sent()
    line.feed(b'* ESEARCH (TAG "A2")' + found, b"A2 OK will notify")
    return line, task.result


@pytest.mark.parametrize(("found", "said", "numbers"), UID_SEARCHES.values(), ids=UID_SEARCHES)
def test_results_are_kept_right(found: str, said: str, numbers: list[int]) -> None:
    def run(pieces: list[bytes]) -> list[tuple[int, ...]]:
        line, results = started(UIDSearch(Deleted()), f" UID ALL {found}".encode())
        for piece in pieces:
            line.conn.receive_data(piece)
            line.session.pump()
        assert results.is_live
        return [results.numbers]

    octets = f'* ESEARCH (TAG "A2") UID {said}\r\n'.encode()
    assert for_every_split(octets, run) == [tuple(numbers)]


@pytest.mark.parametrize("said", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_results_end_where_what_is_said_does_not_fit(said: str) -> None:
    line, results = started(UIDSearch(Deleted()), b" UID ALL 1,5", max_results=10)
    assert results.is_live
    line.conn.receive_data(f'* ESEARCH (TAG "A2") UID {said}\r\n'.encode())
    line.session.pump()
    assert not results.is_live
    line.conn.receive_data(b'* ESEARCH (TAG "A2") UID ADDTO (0 7)\r\n')
    line.session.pump()
    assert results.numbers == (1, 5)


def test_what_was_found_may_be_too_much() -> None:
    _, results = started(UIDSearch(Deleted()), b" UID ALL 1:4294967295", max_results=10)
    assert (results.numbers, results.is_live) == ((), False)
    assert repr(results) == "LiveResults('A2', 0 numbers, is_live=False)"


def test_numbers_of_the_wrong_kind_do_not_fit() -> None:
    line, results = started(Search(Deleted()), b" ALL 1:3")
    line.conn.receive_data(b'* ESEARCH (TAG "A2") UID ADDTO (0 7)\r\n')
    line.session.pump()
    assert (results.numbers, results.is_live) == ((1, 2, 3), False)


def test_a_sort_has_the_order_of_the_server() -> None:
    line, results = started(UIDSort(sort_criteria("DATE"), All()), b" UID ALL 9,3:4")
    assert (results.numbers, results.is_sorted, results.is_uid) == ((9, 3, 4), True, True)
    line.conn.receive_data(b'* ESEARCH (TAG "A2") UID ADDTO (2 20,1) REMOVEFROM (4 3:4)\r\n')
    line.session.pump()
    assert (results.numbers, results.is_live) == ((9, 20, 1), True)


@pytest.mark.parametrize("said", [b"ADDTO (0 7)", b"REMOVEFROM (0 9)"], ids=repr)
def test_a_sort_has_no_position_0(said: bytes) -> None:
    line, results = started(UIDSort(sort_criteria("DATE"), All()), b" UID ALL 9,3:4")
    line.conn.receive_data(b'* ESEARCH (TAG "A2") UID ' + said + b"\r\n")
    line.session.pump()
    assert (results.numbers, results.is_live) == ((9, 3, 4), False)


@pytest.mark.parametrize(
    ("command", "found", "numbers"),
    [
        (Search(All()), b" ALL 1:3", (1, 2)),
        (Search(All()), b" ALL 1,3", (1, 2)),
        (Sort(sort_criteria("DATE"), All()), b" ALL 3,2,1", (2, 1)),
        (UIDSearch(All()), b" UID ALL 1:3", (1, 2, 3)),
        (UIDSort(sort_criteria("DATE"), All()), b" UID ALL 3,1", (3, 1)),
    ],
    ids=repr,
)
def test_expunge_moves_sequence_numbers(
    command: Search | UIDSearch | Sort | UIDSort, found: bytes, numbers: tuple[int, ...]
) -> None:
    line, results = started(command, found)
    line.conn.receive_data(b"* 2 EXPUNGE\r\n")
    line.session.pump()
    assert (results.numbers, results.is_live) == (numbers, True)


def test_removal_stands_before_the_expunge() -> None:
    line, results = started(Search(All()), b" ALL 1:3")
    line.conn.receive_data(b'* ESEARCH (TAG "A2") REMOVEFROM (0 2)\r\n* 2 EXPUNGE\r\n* 3 EXISTS\r\n')
    line.conn.receive_data(b'* ESEARCH (TAG "A2") ADDTO (0 3)\r\n')
    line.session.pump()
    assert (results.numbers, results.is_live) == ((1, 2, 3), True)


@pytest.mark.parametrize(
    ("command", "found", "is_live"),
    [(Search(All()), b" ALL 1:3", False), (UIDSearch(All()), b" UID ALL 1:3", True)],
    ids=repr,
)
def test_vanished_does_not_say_sequence_numbers(
    command: Search | UIDSearch, found: bytes, is_live: bool
) -> None:
    line, results = started(command, found)
    line.conn.receive_data(b"* VANISHED (EARLIER) 5\r\n")
    line.session.pump()
    assert results.is_live
    line.conn.receive_data(b"* VANISHED 1:2\r\n")
    line.session.pump()
    assert (results.numbers, results.is_live) == ((1, 2, 3), is_live)


@pytest.mark.parametrize(
    ("command", "found", "said", "numbers"),
    [
        (UIDSearch(Deleted()), b" UID ALL 11:13", b"REMOVEFROM (0 12) ADDTO (0 20)", (11, 13, 20)),
        (
            UIDSort(sort_criteria("DATE"), All()),
            b" UID ALL 13,11:12",
            b"REMOVEFROM (2 11) ADDTO (1 20)",
            (20, 13, 12),
        ),
    ],
    ids=["UID SEARCH", "UID SORT"],
)
def test_without_sequence_numbers_uids_are_kept_right(
    command: UIDSearch | UIDSort, found: bytes, said: bytes, numbers: tuple[int, ...]
) -> None:
    def run(pieces: list[bytes]) -> list[tuple[object, ...]]:
        line, results = started(command, found, enabled=b"UIDONLY")
        for piece in pieces:
            line.conn.receive_data(piece)
            line.session.pump()
        return [(results.numbers, results.is_live, line.conn.view and line.conn.view.exists)]

    octets = b'* ESEARCH (TAG "A2") UID %b\r\n* VANISHED 12\r\n* 4 EXISTS\r\n' % said
    octets += b"* 20 UIDFETCH (FLAGS (\\Deleted))\r\n"
    assert for_every_split(octets, run) == [(numbers, True, 4)]


@pytest.mark.parametrize("command", [Search(Deleted()), Sort(sort_criteria("DATE"), All())], ids=repr)
def test_without_sequence_numbers_there_is_no_search_for_them(command: Search | Sort) -> None:
    line = Line(IMAPLimits(max_contexts=1))
    line.conn.receive_data(OFFERED + b"* ENABLED UIDONLY\r\n")
    line.session.pump()
    task = line.start(live(line.session, command))
    assert isinstance(task.error, LocalProtocolError)
    assert "UIDONLY" in str(task.error)
    assert line.sent() == []
    line.session.searches.check_room()


def test_what_comes_before_the_ok_counts_too() -> None:
    line = Line()
    line.conn.receive_data(OFFERED)
    task = line.start(live(line.session, UIDSearch(Deleted())))
    assert line.sent() == [b"A2 UID SEARCH RETURN (UPDATE ALL) DELETED"]
    line.feed(
        b'* ESEARCH (TAG "A2") UID ALL 1:2',
        b'* ESEARCH (TAG "A2") UID ALL 3',
        b'* ESEARCH (TAG "A2") UID REMOVEFROM (0 2)',
        b"A2 OK done",
        b'* ESEARCH (TAG "A2") UID ADDTO (0 9)',
    )
    assert task.result.numbers == (1, 3, 9)


def test_nothing_found_and_then_something() -> None:
    line, results = started(UIDSearch(Deleted()), b" UID")
    assert (results.numbers, len(results), results.tag) == ((), 0, "A2")
    line.conn.receive_data(b'* ESEARCH (TAG "A2") UID ADDTO (1 9)\r\n')
    line.conn.receive_data(b'* ESEARCH (TAG "A9") UID ADDTO (1 7)\r\n* ESEARCH UID COUNT 1\r\n')
    line.session.pump()
    assert results.numbers == (9,)


@pytest.mark.parametrize("where", ["untagged", "tagged"])
def test_a_server_may_refuse_to_tell(where: str) -> None:
    line = Line()
    line.conn.receive_data(OFFERED)
    task = line.start(live(line.session, UIDSearch(Deleted())))
    line.feed(b'* ESEARCH (TAG "A2") UID ALL 1:2')
    if where == "untagged":
        line.feed(b'* NO [NOUPDATE "A2"] Too many contexts', b"A2 OK will not notify")
    else:
        line.feed(b'A2 OK [NOUPDATE "A2"] will not notify')
    assert (task.result.numbers, task.result.is_live) == ((1, 2), False)


def test_a_search_that_is_refused_leaves_nothing() -> None:
    line = Line(IMAPLimits(max_contexts=1))
    line.conn.receive_data(OFFERED)
    task = line.start(live(line.session, UIDSearch(Deleted())))
    line.feed(b"A2 NO no")
    assert isinstance(task.error, IMAPStatusError)
    task = line.start(live(line.session, UIDSearch(Deleted())))
    line.feed(b"A3 OK done")
    assert task.result.is_live
    task = line.start(live(line.session, UIDSearch(Deleted())))
    assert isinstance(task.error, LocalProtocolError)
    assert str(task.error) == "expected at most 1 searches with UPDATE; cancel one"


def test_a_search_of_some_messages_is_not_kept() -> None:
    line = Line(IMAPLimits(max_contexts=1))
    line.conn.receive_data(OFFERED)
    task = line.start(live(line.session, UIDSearch(Deleted())))
    line.feed(b'* ESEARCH (TAG "A2") UID ALL 9', b"A2 OK [MESSAGELIMIT 1000 9] some")
    assert isinstance(task.error, LimitReached)
    line.session.searches.check_room()


def test_a_flow_that_is_ended_leaves_nothing() -> None:
    line = Line(IMAPLimits(max_contexts=1))
    line.conn.receive_data(OFFERED)
    task = line.start(live(line.session, UIDSearch(Deleted())))
    task.throw(KeyboardInterrupt())
    line.session.searches.check_room()


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    ("method", "said", "found"),
    [
        ("live_search", b"SEARCH RETURN (UPDATE ALL) DELETED", " ALL 2"),
        ("uid_live_search", b"UID SEARCH RETURN (UPDATE ALL) DELETED", " UID ALL 2"),
        ("live_sort", b"SORT RETURN (UPDATE ALL) (DATE) UTF-8 DELETED", " ALL 2"),
        ("uid_live_sort", b"UID SORT RETURN (UPDATE ALL) (DATE) UTF-8 DELETED", " UID ALL 2"),
    ],
)
def test_clients_follow_and_cancel(adapter: str, method: str, said: bytes, found: str) -> None:
    uid = " UID" if "UID" in found else ""
    arguments = ("DATE", Deleted()) if "sort" in method else (Deleted(),)
    answers = [
        f'* ESEARCH (TAG "{{tag}}"){found}\r\n{{tag}} OK will notify\r\n'.encode(),
        f'* ESEARCH (TAG "A2"){uid} ADDTO (2 7)\r\n{{tag}} OK done\r\n'.encode(),
        b"{tag} OK no further updates\r\n",
    ]
    seen: list[tuple[tuple[int, ...], bool]] = []

    def see(results: LiveResults) -> None:
        seen.append((results.numbers, results.is_live))

    def call(imap: Any) -> Any:
        if adapter == "sync":
            results = getattr(imap, method)(*arguments)
            see(results)
            imap.noop()
            see(results)
            imap.cancel_update(results.tag)
            see(results)
            return None

        async def follow() -> None:
            results = await getattr(imap, method)(*arguments)
            see(results)
            await imap.noop()
            see(results)
            await imap.cancel_update(results.tag)
            see(results)

        return follow()

    _, lines = converse(adapter, "ESEARCH ESORT SORT CONTEXT=SEARCH CONTEXT=SORT", answers, call)
    assert seen == [((2,), True), ((2, 7), True), ((2, 7), False)]
    assert lines == [said, b"NOOP", b'CANCELUPDATE "A2"']


def test_a_search_in_a_mailbox_that_is_being_selected_is_of_that_one() -> None:
    line, old = started(UIDSearch(Deleted()), b" UID ALL 1:3")
    selecting = line.start(select(line.session, "next"))
    searching = line.start(live(line.session, UIDSearch(Deleted())))
    assert line.sent() == [b"A3 SELECT next", b"A4 UID SEARCH RETURN (UPDATE ALL) DELETED"]
    line.feed(b"* 9 EXISTS", b"A3 OK [READ-WRITE] selected")
    assert selecting.is_done
    line.feed(
        b'* ESEARCH (TAG "A4") UID ALL 7', b"A4 OK will notify", b'* ESEARCH (TAG "A4") UID ADDTO (0 8)'
    )
    line.session.pump()
    assert (old.numbers, old.is_live) == ((1, 2, 3), False)
    assert (searching.result.numbers, searching.result.is_live) == ((7, 8), True)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_results_end_with_the_mailbox(adapter: str) -> None:
    kept: list[LiveResults] = []
    answers = [b'* ESEARCH (TAG "{tag}") UID ALL 2\r\n{tag} OK will notify\r\n', b"{tag} OK closed\r\n"]

    def call(imap: Any) -> Any:
        if adapter == "sync":
            kept.append(imap.uid_live_search(Deleted()))
            imap.close_mailbox()
            return None

        async def follow() -> None:
            kept.append(await imap.uid_live_search(Deleted()))
            await imap.close_mailbox()

        return follow()

    converse(adapter, "ESEARCH CONTEXT=SEARCH", answers, call)
    assert [(results.numbers, results.is_live) for results in kept] == [((2,), False)]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("offered", ["ESEARCH", "SORT ESORT"])
def test_a_client_does_not_ask_for_what_is_not_offered(adapter: str, offered: str) -> None:
    with pytest.raises(LocalProtocolError, match="UPDATE needs CONTEXT=SEARCH"):
        converse(adapter, offered, [], lambda imap: imap.live_search(Deleted()))


numbers = st.frozensets(st.integers(1, 60), min_size=1, max_size=8)


@given(st.lists(st.tuples(st.booleans(), numbers), max_size=20))
def test_a_search_holds_what_a_set_holds(updates: list[tuple[bool, frozenset[int]]]) -> None:
    results = LiveResults("a", is_uid=True, is_sorted=False, most=1_000)
    held: set[int] = set()
    for is_added, some in updates:
        update = ContextUpdate(0, UIDSet.of(some))
        results.apply(ESearchData("a", (("ADDTO" if is_added else "REMOVEFROM", (update,)),), True))
        held = held | some if is_added else held - some
        assert results.is_live
        assert results.numbers == tuple(sorted(held))


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=6))
def test_a_sort_holds_what_a_list_holds(order: list[int], places: list[int]) -> None:
    results = LiveResults("a", is_uid=False, is_sorted=True, most=1_000)
    held: list[int] = []
    for number in order:
        place = 1 + number % (len(held) + 1)
        update = ContextUpdate(place, SequenceSet.of((number,)))
        results.apply(ESearchData("a", (("ADDTO", (update,)),)))
        held.insert(place - 1, number)
    for place in places:
        if place <= len(held):
            update = ContextUpdate(place, SequenceSet.of((held.pop(place - 1),)))
            results.apply(ESearchData("a", (("REMOVEFROM", (update,)),)))
    assert (results.numbers, results.is_live) == (tuple(held), True)

"""FETCH responses that are taken whole give what the framer and `next_event` give, however they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailproto.errors import RemoteProtocolError
from mailproto.imap.answers import FetchInbox
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.commands import Fetch, Select, UIDFetch
from mailproto.imap.events import LiteralData
from mailproto.imap.fetch import BODYSTRUCTURE, ENVELOPE, FLAGS, UID, BodySection, FetchItem
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.short_fetch import parse_flags_run
from mailproto.limits import IMAPLimits
from support_inbox import Line
from support_split import join_data, splits

ENVELOPE_OCTETS = b'("d" {4}\r\ns\r\n  (("n" NIL "m" "h")) NIL NIL NIL NIL NIL NIL "<i>")'
FLAGS_OF_UID = b"* %d FETCH (UID %d FLAGS (\\Seen $x))\r\n"
BODY_OF_UID = b"* %d FETCH (UID %d BODY[] {6}\r\nA: b\r\n)\r\n"

TAKEN = [
    pytest.param(b"".join(FLAGS_OF_UID % (n, 10 * n) for n in (1, 2, 3)), [3], id="flags with a UID"),
    pytest.param(b"* 1 FETCH (FLAGS ())\r\n* 2 FETCH (FLAGS (a))\r\n", [2], id="flags alone"),
    pytest.param(b"* 1 FETCH (FLAGS () UID 5)\r\n* 2 FETCH (FLAGS (a) UID 7)\r\n", [2], id="a UID behind"),
    pytest.param(FLAGS_OF_UID % (1, 10) + b"* 2 FETCH (FLAGS ())\r\n", [1, 1], id="with and without a UID"),
    pytest.param(BODY_OF_UID % (1, 10) + BODY_OF_UID % (2, 20), [2], id="bodies"),
    pytest.param(BODY_OF_UID % (1, 10) + FLAGS_OF_UID % (2, 20), [1, 1], id="a body, flags"),
    pytest.param(b"* 1 FETCH (BODY[1.MIME]<3> {1}\r\na)\r\n" * 2, [2], id="bodies without a UID"),
    pytest.param(
        b"* 1 FETCH (UID 3 FLAGS (x) BODY[HEADER.FIELDS (a b)] {0}\r\n)\r\n", [1], id="flags and a header"
    ),
    pytest.param(b"* 1 FETCH (UID 3 ENVELOPE %b)\r\n" % ENVELOPE_OCTETS * 3, [3], id="envelopes"),
    pytest.param(b"* 1 FETCH (ENVELOPE %b)\r\n" % ENVELOPE_OCTETS * 2, [1, 1], id="envelopes without a UID"),
    pytest.param(b"* 1 FETCH (UID 1 RFC822.SIZE 5)\r\n* 2 FETCH (UID 2 RFC822.SIZE 6)\r\n", [2], id="sizes"),
    pytest.param(b"* 1 FETCH (UID 1 RFC822.SIZE x)\r\n", [1], id="a defect"),
]
"""What is taken whole, and how many at a time."""

LEFT = [
    pytest.param(b"* 5 EXISTS\r\n", id="EXISTS"),
    pytest.param(b"* OK {3}\r\nabc\r\n", id="a text that ends like a mark"),
    pytest.param(b"* 1 FETCH (FLAGS ())\n", id="a bare LF"),
    pytest.param(b"* 1 FETCH (UID 1 BODY[] { 3 }\r\nabc)\r\n", id="spaces in braces"),
    pytest.param(b"* 1 FETCH (UID 1 BODY[] {3+}\r\nabc)\r\n", id="a plus"),
    pytest.param(b"* 1 FETCH (UID 1 BODY[] {3}\r\nab", id="a literal that is not all there"),
    pytest.param(b"* 1 FETCH (UID 1 BODY[] {3}\r\nabc)", id="a line that is not all there"),
    pytest.param(b"* 1 FETCH (UID 1 BODY[] {70000}\r\n" + b"a" * 70_000 + b")\r\n", id="a large literal"),
    pytest.param(b"* 1 fetch (FLAGS ())\r\n", id="small letters"),
    pytest.param(b'* 1 FETCH (UID 1 X "a {3}\r\nabc)\r\n', id="a mark inside of quotes"),
    pytest.param(b"* 1 FETCH (UID 1 X {1}\r\n\r\n)\r\n", id="a bare LF behind a literal that is CR"),
    pytest.param(b"A1 OK done\r\n", id="a tagged line"),
]
"""What is left to the framer."""


def selected(limits: IMAPLimits | None = None, *, strict: bool = False) -> IMAPClientConnection:
    return Line(limits, strict=strict).conn


@pytest.mark.parametrize("octets, counts", TAKEN)
def test_what_is_taken_whole(octets: bytes, counts: list[int]) -> None:
    conn = selected()
    conn.receive_data(octets)
    fetched = [conn.next_fetched() for _ in counts]
    assert [len(each) for each in fetched] == counts
    assert conn.next_fetched() == []
    assert conn.next_event() is None
    assert [data for each in fetched for data in each] == general_events([octets])[0]


@pytest.mark.parametrize("octets", LEFT)
def test_what_is_left_to_the_framer(octets: bytes) -> None:
    conn = selected()
    conn.receive_data(octets)
    before = conn.buffered
    assert conn.next_fetched() == []
    assert conn.buffered == before


def test_before_a_mailbox_is_selected_all_is_left() -> None:
    conn = Line(selected=None).conn
    conn.receive_data(FLAGS_OF_UID % (1, 10))
    assert conn.next_fetched() == []
    assert isinstance(conn.next_event(), FetchData)


def test_a_trace_sees_every_line() -> None:
    conn = selected()
    seen: list[bytes] = []
    conn.trace = lambda _, octets: seen.append(octets)
    conn.receive_data(FLAGS_OF_UID % (1, 10) + BODY_OF_UID % (2, 20))
    assert conn.next_fetched() == []
    while conn.next_event() is not None:
        pass
    assert b"".join(seen) == FLAGS_OF_UID % (1, 10) + BODY_OF_UID % (2, 20)


def test_each_response_starts_the_clock_again() -> None:
    conn = selected()
    before = conn.progress
    conn.receive_data(FLAGS_OF_UID % (1, 10) + FLAGS_OF_UID % (2, 20))
    conn.next_fetched()
    assert conn.progress == before + 2


Outcome = tuple[list[object], list[object], str, list[int | None]]


def fast_events(
    pieces: Sequence[bytes], limits: IMAPLimits | None = None, *, strict: bool = False
) -> Outcome:
    """Return what comes of *pieces* if as much as can be is taken whole, and how it ends."""
    conn, events, error = selected(limits, strict=strict), list[object](), ""
    for piece in pieces:
        conn.receive_data(piece)
        try:
            while True:
                if fetched := conn.next_fetched():
                    events += fetched
                elif (event := conn.next_event()) is not None:
                    events.append(event)
                else:
                    break
        except RemoteProtocolError as caught:
            error = repr(caught)
    return outcome(conn, events, error)


def general_events(
    pieces: Sequence[bytes], limits: IMAPLimits | None = None, *, strict: bool = False
) -> Outcome:
    """Return the same by `next_event` alone."""
    with the_general_path():
        return fast_events(pieces, limits, strict=strict)


@contextmanager
def the_general_path() -> Iterator[None]:
    with mock.patch.object(IMAPClientConnection, "next_fetched", return_value=[]):
        yield


def outcome(conn: IMAPClientConnection, events: list[object], error: str) -> Outcome:
    view = conn.view
    joined = join_data(events)
    defects = [getattr(event, "defects", None) for event in joined]
    assert view is not None
    return joined, defects, error, [view.uid(number) for number in range(1, 40)]


def _numbered(number: int, items: bytes) -> bytes:
    return b"* %d FETCH (%b)\r\n" % (number, items)


FLAG_LISTS = (b"", b"\\Seen", b"\\seen $x", b"a  b", b" a", b"\\*", b"a]b", b"x" * 200, b"\xc3")
ITEMS = (
    b"FLAGS (x)",
    b"FLAGS () UID 9",
    b"UID 9 FLAGS () UID 9",
    b"UID 9 BODY[] {3}\r\na\0c",
    b"UID 8 BODY[] {3}\r\nabc",
    b"UID 8 BODY[] {3}\r\na{}",
    b"UID 8 FLAGS (x) BODY[TEXT]<2> {2}\r\n\r\n",
    b"FLAGS (y) BODY[] {3}\r\nabc",
    b"UID 8 BODY[] {30}\r\n" + b"a" * 30,
    b"UID 8 BODY[] ~{3}\r\na\0c",
    b"UID 8 BODY[] {3+}\r\nabc",
    b"UID 8 BODY[] { 3}\r\nabc",
    b"UID 8 BODY[X] {3}\r\nabc",
    b"BODY[] {3}\r\nabc",
    b"BODY[1] {3}\r\nabc UID 7",
    b"BODY[1] {1}\r\n} BODY[2] {1}\r\n)",
    b"BODY[1] {9}\r\n123456789 BODY[2] {9}\r\n123456789",
    b"BODY[] NIL",
    b'UID 6 BODY[] "abc"',
    b"UID 6 RFC822.SIZE 1",
    b"UID 6 RFC822.SIZE",
    b"UID 6 ENVELOPE " + ENVELOPE_OCTETS,
    b'UID 6 X-Y ("a {3}" ")" {0}\r\n)',
    b'UID 6 X-Y "' + b"a" * 90 + b'"',
    b'UID 6 X-Y {1}\r\na "' + b"a" * 90 + b'"',
    b"UID 6 FLAGS (x) ANNOTATION (/comment)",
    b"UID x",
    b"",
)
LINES = (
    b"* 3 FETCH (UID 7 FLAGS ())\n",
    b"* 3 fetch (UID 7 FLAGS ())\r\n",
    b"* 0 FETCH (UID 7 FLAGS ())\r\n",
    b"* 3 FETCH (UID 7 FLAGS ()) \r\n",
    b"* 3 FETCH x\r\n",
    b"* 3 FETCH (UID 5 X {3}\r\nabc {2}\r\n",
    b"* 3 FETCH (X }\r\n",
    b"* 2 EXPUNGE\r\n",
    b"* 5 EXISTS\r\n",
    b"* VANISHED 20,30\r\n",
    b"* OK text {3}\r\n",
    b"* OK [UIDVALIDITY 9] other\r\n",
    b"* ???\r\n",
    b"\r\n",
    b"A9 OK nobody\r\n",
)
RESPONSES = st.one_of(
    st.builds(
        lambda number, uid, flags: _numbered(number, b"UID %d FLAGS (%b)" % (uid, flags)),
        st.integers(1, 30),
        st.integers(1, 60),
        st.sampled_from(FLAG_LISTS),
    ),
    st.builds(_numbered, st.integers(1, 30), st.sampled_from(ITEMS)),
    st.sampled_from(LINES),
)
EVERY = (
    *(_numbered(4, b"UID 5 FLAGS (%b)" % flags) for flags in FLAG_LISTS),
    *(_numbered(4, items) for items in ITEMS),
    *LINES,
    *(cast(bytes, param.values[0]) for param in (*TAKEN, *LEFT)),
)
LIMITS = (
    None,
    IMAPLimits(max_inline_literal=20),
    IMAPLimits(max_response_line=90),
    IMAPLimits(max_message_text=50),
    IMAPLimits(max_literals=1),
)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("limits", LIMITS)
def test_each_response_is_what_the_general_path_gives(limits: IMAPLimits | None, strict: bool) -> None:
    for octets in EVERY:
        for pieces in ([octets + octets], [octets, octets]):
            expected = general_events(pieces, limits, strict=strict)
            assert fast_events(pieces, limits, strict=strict) == expected, octets


@given(st.lists(RESPONSES, max_size=12), st.data(), st.booleans(), st.sampled_from(LIMITS))
@settings(max_examples=300)
def test_it_is_what_the_general_path_gives(
    responses: list[bytes], data: st.DataObject, strict: bool, limits: IMAPLimits | None
) -> None:
    octets = b"".join(responses)
    places = sorted(data.draw(st.sets(st.integers(1, max(1, len(octets))), max_size=6)))
    pieces = [octets[low:high] for low, high in zip((0, *places), (*places, len(octets)), strict=True)]
    expected = general_events(pieces, limits, strict=strict)
    assert fast_events(pieces, limits, strict=strict) == expected


ALL = b"".join(
    (
        FLAGS_OF_UID % (1, 10) + FLAGS_OF_UID % (2, 20),
        b"* 3 FETCH (FLAGS (\\Recent))\r\n",
        BODY_OF_UID % (1, 10) + BODY_OF_UID % (3, 30),
        b"* 2 FETCH (UID 20 ENVELOPE %b)\r\n" % ENVELOPE_OCTETS,
        b"* 3 FETCH (FLAGS (a) UID 30)\r\n* OK {3}\r\n* 2 EXPUNGE\r\n",
        b"* 2 FETCH (UID 30 BODY[] {2}\r\nab FLAGS (x))\r\n* 1 FETCH (UID 11 FLAGS ())\r\n",
    )
)


def test_it_is_the_same_whole_octet_by_octet_and_cut_everywhere() -> None:
    expected = general_events([ALL])
    assert len(expected[0]) == 11
    for pieces in splits(ALL):
        assert fast_events(pieces) == expected, pieces[:1]


# The same with the inbox of a command, where it matters what is an answer and what is news.


def routed(
    pieces: Sequence[bytes], numbers: SequenceSet | UIDSet, items: tuple[FetchItem[object], ...]
) -> tuple[object, ...]:
    """Return all that is known after *pieces* have come while a FETCH is in progress."""
    line = Line()
    command = UIDFetch(numbers, items) if isinstance(numbers, UIDSet) else Fetch(numbers, items)
    task = line.start(line.session.send(command, keys=frozenset(item.key for item in items)))
    inbox = task.result
    assert isinstance(inbox, FetchInbox)
    error = ""
    for piece in pieces:
        line.conn.receive_data(piece)
        try:
            line.session.pump()
        except RemoteProtocolError as caught:
            error = repr(caught)
    events = [event for event in inbox.events if not isinstance(event, LiteralData)]
    news = list(line.session.news)
    known = [line.conn.view and line.conn.view.uid(number) for number in range(1, 40)]
    defects = [getattr(event, "defects", None) for event in events]
    waiting, status = inbox.waiting, inbox.status
    # What still waits for its rest shows when the command is completed.
    line.conn.receive_data(b"%b OK done\r\n" % inbox.tag.encode())
    if not error and status is None:
        line.session.pump()
    return events, defects, news, known, waiting, status, error, list(inbox.events), list(line.session.news)


COMMANDS = st.sampled_from(
    (
        (UIDSet("1:*"), (FLAGS,)),
        (UIDSet("5:9,20:30"), (FLAGS,)),
        (UIDSet("1:60"), (BodySection(),)),
        (UIDSet("1:60"), (FLAGS, BodySection())),
        (SequenceSet("1:20"), (FLAGS,)),
        (SequenceSet("1:20"), (UID, FLAGS)),
        (SequenceSet("1:*"), (BodySection(),)),
        (UIDSet("1:60"), (ENVELOPE, BODYSTRUCTURE)),
    )
)


@given(st.lists(RESPONSES, max_size=12), st.data(), COMMANDS)
@settings(max_examples=300)
def test_it_is_routed_as_in_the_general_path(
    responses: list[bytes],
    data: st.DataObject,
    command: tuple[SequenceSet | UIDSet, tuple[FetchItem[object], ...]],
) -> None:
    octets = b"".join(responses)
    place = data.draw(st.integers(0, len(octets)))
    pieces = [octets[:place], octets[place:]]
    with the_general_path():
        expected = routed(pieces, *command)
    assert routed(pieces, *command) == expected


ONE_THEN_OTHER = [
    # What is told of a message later is not known when it is news.
    (b"FLAGS (y) BODY[] {3}\r\nabc", b"UID 9 FLAGS (x) BODY[] {3}\r\nabc"),
    (b"FLAGS (y) RFC822.SIZE 3", b"UID 9 FLAGS (x) RFC822.SIZE 3"),
    (b"FLAGS (y)", b"UID 9 FLAGS (x)"),
    # What was begun is joined to the rest.
    (b"UID 9 FLAGS (x)", b"UID 9 FLAGS (y) BODY[] {3}\r\nabc"),
    (b"UID 9 FLAGS (x)", b"UID 9 BODY[] {3}\r\nabc"),
    (b"UID 9 FLAGS (x) ANNOTATION (/comment)", b"UID 9 FLAGS (x)"),
]


@pytest.mark.parametrize("items", [(FLAGS,), (FLAGS, BodySection()), (ENVELOPE,), (BodySection(),)])
@pytest.mark.parametrize("one, other", ONE_THEN_OTHER)
def test_two_of_one_message(one: bytes, other: bytes, items: tuple[FetchItem[object], ...]) -> None:
    octets = _numbered(4, one) + _numbered(4, other) + _numbered(5, other.replace(b"UID 9", b"UID 11"))
    with the_general_path():
        expected = routed([octets], UIDSet("1:*"), items)
    assert routed([octets], UIDSet("1:*"), items) == expected


def test_while_another_mailbox_is_selected_all_is_of_that() -> None:
    line = Line()
    line.conn.send_command(Select("other"))
    line.conn.receive_data(FLAGS_OF_UID % (1, 10))
    assert line.conn.next_fetched() == []
    line.session.pump()
    assert line.conn.view is not None
    assert line.conn.view.uid(1) is None


def test_after_enable_uidonly_each_fetch_has_its_defect() -> None:
    line = Line()
    line.conn.receive_data(b"* ENABLED UIDONLY\r\n")
    line.session.pump()
    line.conn.receive_data(FLAGS_OF_UID % (1, 10))
    assert line.conn.next_fetched() == []
    event = line.conn.next_event()
    assert isinstance(event, FetchData)
    assert len(event.defects) == 1


def test_a_long_list_of_flags_is_in_no_run() -> None:
    line = b"* 1 FETCH (UID 1 FLAGS (%b))\r\n"
    assert parse_flags_run(line % (b"x" * 1_000), 0) == ([], 0)
    assert parse_flags_run(line % (b"x" * 100), 0)[1] == len(line % (b"x" * 100))


def test_flags_that_come_twice_are_news_the_second_time() -> None:
    twice = (FLAGS_OF_UID % (1, 10) + FLAGS_OF_UID % (2, 20)) * 2
    found = routed([twice], UIDSet("1:*"), (FLAGS,))
    assert [len(found[0]), len(found[2])] == [2, 2]  # type: ignore[arg-type]  # lists
    with the_general_path():
        assert routed([twice], UIDSet("1:*"), (FLAGS,)) == found


def test_all_of_many_goes_into_the_inbox_at_once() -> None:
    octets = b"".join(FLAGS_OF_UID % (n, 10 * n) for n in range(1, 500))
    with mock.patch.object(FetchInbox, "offer", side_effect=AssertionError):
        found = routed([octets], UIDSet("1:*"), (FLAGS,))
    assert len(found[0]) == 499  # type: ignore[arg-type]  # a list

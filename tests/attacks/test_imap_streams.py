"""A hundred thousand responses or commands in one chunk, and parentheses and sets without measure.

Each stream is cut at every octet: `check_stream` shows why it is enough to cut one unit of it. Parentheses
are cut at each kind of place, sets at every octet.
"""

from __future__ import annotations

import tracemalloc
from array import array
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest

from mailproto._buffer import ReceiveBuffer
from mailproto.errors import LimitExceeded, RemoteProtocolError
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.events import InvalidCommand
from mailproto.imap.offering import CARRIED_CAPABILITIES
from mailproto.imap.server import IMAPServerConnection
from mailproto.limits import IMAPLimits
from mailproto.store import MemoryStore
from mailproto.wants import Wants
from support_imap import (
    complete,
    feed,
    logged_in_client,
    logged_in_server,
    pull,
    selected_client,
    selected_server,
    server_events,
)
from support_imap_registry import COMMAND_HEADS, RESPONSE_HEADS
from support_imap_server import Client
from support_split import for_every_split

TIMES = 100_000
MIB = 1_048_576
COUNTERS = {"_progress", "_taken"}
"""What a connection counts without end, for its clock; no event depends on it."""


def memory(value: Any) -> Any:
    """Return all that *value* remembers, but the octets in its buffer and its counters."""
    if value is None or isinstance(value, str | int | float | bytes | frozenset | Enum):
        return value
    if isinstance(value, ReceiveBuffer):
        return value.size
    if isinstance(value, list | tuple | deque | array):
        return len(value), [memory(member) for member in list(value)[:2]]
    if isinstance(value, dict):
        return list(value)[:10], len(value)
    if isinstance(value, set):
        return frozenset(value)
    names = (name for kind in type(value).__mro__ for name in kind.__dict__.get("__slots__", ()))
    return type(value), [(name, memory(getattr(value, name, None))) for name in names if name not in COUNTERS]


def take(conn: Any) -> list[Any]:
    """Pull all events, answer each one at a server, and drop what is said."""
    events = []
    while (event := conn.next_event()) is not None:
        events.append(event)
        if isinstance(conn, IMAPServerConnection):
            complete(conn, event)
        conn.data_to_send()
    return events


def check_stream(make: Callable[[], Any], unit: bytes) -> None:
    """Assert that the *unit*, said a hundred thousand times at once, gives as many events, all of them equal.

    And that no cut changes that. A connection is a function of what it remembers and of the octets in its
    buffer. Behind each unit but the first it remembers what it did behind the one before: so each is as the
    second one, in all that follows too. Cut anywhere, the first part of the second gives nothing and is in
    the buffer, and its rest gives the same event and leaves the same memory. A cut of the stream is a cut of
    one of its units.
    """
    conn = make()
    for _ in range(2):
        conn.receive_data(unit)
        expected = take(conn)
    after = memory(conn)
    for at in range(1, len(unit)):
        conn.receive_data(unit[:at])
        assert (take(conn), conn.buffered) == ([], at)
        conn.receive_data(unit[at:])
        assert take(conn) == expected
        assert memory(conn) == after
    whole = make()
    whole.receive_data(unit * TIMES)
    events = take(whole)
    assert len(events) == TIMES * len(expected)
    assert all(event == expected[0] for event in events[1:])
    assert (memory(whole), whole.buffered) == (after, 0)


RESPONSES = {
    "EXISTS": b"* 3 EXISTS\r\n",
    "EXPUNGE": b"* 1 EXPUNGE\r\n",
    "FETCH": b"* 1 FETCH (UID 7 FLAGS (\\Seen))\r\n",
    "LIST": b'* LIST () "/" a\r\n',
    "OK": b"* OK [UIDNEXT 9] x\r\n",
    "of which nothing can be read": b"* 1 FETCH (\r\n",
    "stray": b")\r\n",
    "empty": b"\r\n",
    "VANISHED": b"* VANISHED 7\r\n",
}


@pytest.mark.parametrize("unit", RESPONSES.values(), ids=RESPONSES)
def test_a_hundred_thousand_responses_in_one_chunk(unit: bytes) -> None:
    check_stream(lambda: selected_client(exists=0), unit)


COMMANDS = {
    "NOOP": b"a NOOP\r\n",
    "FETCH": b"a FETCH 1:* (FLAGS BODY.PEEK[])\r\n",
    "LIST": b'a LIST "" *\r\n',
    "SEARCH": b"a SEARCH OR SEEN NOT (FROM x)\r\n",
}


def patient_server() -> IMAPServerConnection:
    return selected_server(IMAPLimits(max_bad_commands=10**9), capabilities=tuple(CARRIED_CAPABILITIES))


@pytest.mark.parametrize("unit", COMMANDS.values(), ids=COMMANDS)
def test_a_hundred_thousand_commands_in_one_chunk(unit: bytes) -> None:
    check_stream(patient_server, unit)


def test_a_hundred_thousand_bad_commands_end_with_the_twentieth() -> None:
    server = selected_server()
    server.receive_data(b"a XYZZY (\r\n" * TIMES)
    events = take(server)
    assert [type(event) for event in events] == [InvalidCommand] * IMAPLimits().max_bad_commands
    assert (server.wants, server.buffered) == (Wants.CLOSED, 0)


def test_a_hundred_thousand_commands_at_the_flow_of_a_server() -> None:
    """What is answered waits for nobody longer than the limit says, though all came at once."""
    client = Client(MemoryStore())
    answer = client.say(b"a NOOP\r\n" * TIMES)
    assert answer.count(b"a OK ") == TIMES
    assert client.most_unsent < 2 * IMAPLimits().max_unsent
    assert not client.is_done


# Parentheses


DEEP = 100_000
WIDE = IMAPLimits(max_line=1_000_000, max_bad_commands=10**9)
NESTED = [b"(" * DEEP + b")" * DEEP + b")", b"(a {0}\r\n " * 2_000 + b")" * 2_000]


@pytest.mark.parametrize("head", RESPONSE_HEADS, ids=repr)
def test_a_hundred_thousand_parentheses_in_a_response(head: bytes) -> None:
    client = selected_client(limits=WIDE)
    for nested in NESTED:
        try:
            client.receive_data(head + nested + b"\r\n")
            pull(client)
        except RemoteProtocolError as error:
            # A tag or a continuation that nothing asked for; nothing else ends a session here.
            assert not isinstance(error, LimitExceeded)
            client = selected_client(limits=WIDE)
    client.receive_data(b"* 3 EXISTS\r\n")
    assert len(pull(client)) == 1


@pytest.mark.parametrize("head", COMMAND_HEADS, ids=repr)
def test_a_hundred_thousand_parentheses_in_a_command(head: bytes) -> None:
    server = selected_server(WIDE, capabilities=(*CARRIED_CAPABILITIES, "LITERAL+"))
    for nested in (*NESTED, b"(" * DEEP, b"NOT " * DEEP):
        server.receive_data(head + nested.replace(b"{0}", b"{0+}") + b"\r\n")
        assert take(server)
    server.receive_data(b"z NOOP\r\n")
    assert [event.tag for event in take(server)] == ["z"]


DEEP_LINES: list[tuple[Callable[..., Any], bytes]] = [
    (selected_client, b"* 1 FETCH (BODYSTRUCTURE "),
    (selected_client, b"* 1 FETCH (X "),
    (selected_client, b"* THREAD "),
    (selected_client, b"* OK [X "),
    (selected_server, b"a SEARCH "),
    (selected_server, b"a FETCH 1 "),
    (selected_server, b"a XYZZY "),
]


@pytest.mark.parametrize("make, head", DEEP_LINES, ids=repr)
def test_parentheses_are_read_only_with_the_end_of_their_line(make: Callable[..., Any], head: bytes) -> None:
    """Wherever the line is cut, nothing is read before its LF: so one place of each kind stands for all.

    The kinds are: in the head and behind it, within those that open, between these and those that close,
    within the latter, before the CR, and between CR and LF.
    """
    octets = head + NESTED[0] + b"\r\n"
    whole = make(limits=WIDE)
    whole.receive_data(octets)
    expected = take(whole)
    assert len(expected) == 1
    start = len(head)
    places = [2, start, start + 1, start + DEEP // 2, start + DEEP, start + DEEP + 1, start + 2 * DEEP]
    conn = make(limits=WIDE)
    before = 0
    for at in (*places, len(octets) - 2, len(octets) - 1):
        conn.receive_data(octets[before:at])
        assert (take(conn), conn.buffered) == ([], at)
        before = at
    conn.receive_data(octets[before:])
    assert (take(conn), conn.buffered) == (expected, 0)


def test_parentheses_around_literals_cut_at_every_octet() -> None:
    """Here a line is read on at each mark: one unit of it, cut at every octet, and then a thousand more."""
    unit = b"(a {0}\r\n "
    for make, head, end in (
        (selected_client, b"* 1 FETCH (X ", b")\r\n"),
        (selected_server, b"a XYZZY ", b"\r\n"),
    ):
        octets = (unit.replace(b"{0}", b"{0+}") if make is selected_server else unit) * 1_000
        expected = None
        for at in (*range(1, 3 * len(unit)), len(octets) // 2, len(octets) - 1):
            conn = make(limits=WIDE)
            events = []
            for piece in (head + octets[:at], octets[at:] + b")" * 1_000 + end):
                conn.receive_data(piece)
                events += take(conn)
            assert len(events) == 1
            assert events == (expected or events)
            expected = events


def test_a_line_of_them_is_too_long_before_it_is_read() -> None:
    limits = IMAPLimits(max_response_line=65_536)
    for make in (logged_in_client, logged_in_server):
        conn = make(limits=limits)
        conn.receive_data(b"a SEARCH " + b"(" * DEEP + b"\r\n")
        with pytest.raises(LimitExceeded, match=r"max_(response_)?line"):
            conn.next_event()


# Sets


HUGE = ["1:4294967295", "4294967295:1", "1:*", "*:1", "1:4294967295,1:4294967295", "*", "4294967295"]
WITH_SETS = [
    "FETCH {} (FLAGS)",
    "UID FETCH {} (UID)",
    "SEARCH {}",
    "SEARCH UID {} NOT {}",
    "UID SEARCH RETURN (ALL COUNT) {}",
    "STORE {} +FLAGS.SILENT (x)",
    "UID STORE {} FLAGS (x)",
    "COPY {} INBOX",
    "UID COPY {} INBOX",
    "SORT (DATE) UTF-8 {}",
    "THREAD REFERENCES UTF-8 UID {}",
    "UID EXPUNGE {}",
    "MOVE {} INBOX",
]


@pytest.mark.parametrize("command", WITH_SETS)
def test_sets_of_all_numbers_at_a_server(command: str) -> None:
    """None is expanded, by the connection or by the session over a store."""
    client = Client(MemoryStore())
    client.say(b"a SELECT INBOX\r\nb APPEND INBOX {1+}\r\nx\r\nc NOOP\r\n")
    tracemalloc.start()
    for numbers in HUGE:
        answer = client.say(f"d {command.format(numbers, numbers)}\r\n".encode())
        # BAD for sequence numbers that no message has.
        assert answer.splitlines()[-1].split()[:2] in ([b"d", b"OK"], [b"d", b"NO"], [b"d", b"BAD"])
        assert answer.count(b"\r\n") < 10
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MIB


@pytest.mark.parametrize("command", WITH_SETS)
def test_sets_of_all_numbers_cut_at_every_octet(command: str) -> None:
    for numbers in ("1:4294967295", "*:1,4294967295"):
        octets = f"d {command.format(numbers, numbers)}\r\n".encode()
        assert [event.tag for event in server_events(octets, patient_server)] == ["d"]  # type: ignore[union-attr]  # a command, or one that is refused


TOLD = [
    b"* VANISHED %b\r\n",
    b"* VANISHED (EARLIER) %b\r\n",
    b'* ESEARCH (TAG "a") UID ALL %b COUNT 4294967295\r\n',
    b'* ESEARCH (TAG "a") PARTIAL (1:4294967295 %b)\r\n',
    b'* ESEARCH (TAG "a") ADDTO (1 %b)\r\n',
    b"* OK [COPYUID 1 %b 4294967295] x\r\n",
    b"* OK [APPENDUID 1 %b] x\r\n",
    b"* OK [MODIFIED %b] x\r\n",
]


@pytest.mark.parametrize("told", TOLD)
def test_sets_of_all_numbers_at_a_client(told: bytes) -> None:
    client = selected_client(exists=2**32 - 1)
    client.receive_data(b"* 1 FETCH (UID 1)\r\n* 4294967295 FETCH (UID 4294967295)\r\n")
    pull(client)
    tracemalloc.start()
    for numbers in (b"1:4294967295", b"4294967295:1", b"1:4294967295,1:4294967295"):
        [event] = for_every_split(told % numbers, lambda pieces: feed(client, *pieces))
        assert len(repr(event)) < 300
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MIB


def test_more_ranges_than_a_set_may_have() -> None:
    limits = IMAPLimits(max_ranges=10, max_bad_commands=10**9)
    for command in (b"FETCH %b UID", b"UID EXPUNGE %b", b"SEARCH UID %b", b"STORE %b FLAGS ()"):
        server = selected_server(limits)
        for count in (10, 11):
            server.receive_data(b"a " + command % b",".join([b"1"] * count) + b"\r\n")
            [event] = take(server)
            assert isinstance(event, InvalidCommand) == (count > 10)


def test_more_ranges_than_a_response_may_have() -> None:
    client: IMAPClientConnection = selected_client(limits=IMAPLimits(max_ranges=10))
    for count in (10, 11):
        client.receive_data(b"* VANISHED " + b",".join([b"1"] * count) + b"\r\n")
        [event] = pull(client)
        assert type(event).__name__ == ("VanishedData" if count == 10 else "UnreadResponse")

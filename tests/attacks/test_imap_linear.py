"""Time grows as the input does: twice as much is twice the work, counted in calls, which no machine changes.

All that the tables know is tried with what a parser could read over and over again. An extension that is
added is tried with the rest.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import pytest

from mailproto.imap import streaming, view
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.client_flows import noop
from mailproto.imap.codec import parse_commands, parse_responses
from mailproto.imap.events import LiteralStarted
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.fetch import UID
from mailproto.imap.responses import ExpungeData, FetchData
from mailproto.imap.sequence import UIDSet
from mailproto.imap.view import MailboxView
from mailproto.mime.body_structure import MessagePart, MultiPart
from support_imap import feed, logged_in_client, pull, selected_client
from support_imap_registry import COMMAND_HEADS, RESPONSE_HEADS
from support_inbox import Line
from support_streams import calls_made

SIZE = 700
UNITS = [
    b"(",
    b"() ",
    b"(a ",
    b'"',
    b'"a" ',
    b'"x"y',
    b'"\\',
    b"  ",
    b"a ",
    b"1,",
    b"1:2,",
    b"1 ",
    b"[",
    b"]",
    b"NIL ",
    b"NOT ",
    b"&",
    b"%2",
    b"{0}\r\n ",
    b'("x"y) ',
    b'("a" NIL "b" "c")',
    b'ENVELOPE ("x"y) ',
    b'BODYSTRUCTURE ("x"y) ',
    b"/a {1}\r\na ",
]
ENDS = [b"\r\n", b'")\r\n']


def look_at(values: list[Any]) -> None:
    """Read what is read only when somebody asks."""
    for value in values:
        if isinstance(value, FetchData):
            for _, item in value.answers:
                if isinstance(item, MultiPart | MessagePart):
                    list(item.walk())


def calls_to(parse: Callable[[bytes], list[Any]], octets: bytes) -> int:
    return calls_made(lambda: look_at(parse(octets)))


def check_linear(parse: Callable[[bytes], list[Any]], head: bytes, unit: bytes, end: bytes) -> None:
    times = SIZE // len(unit)
    calls = [calls_to(parse, head + unit * count * times + end) for count in (1, 2)]
    # Where nothing is cached yet the first costs more; nowhere it is much less than half of the second.
    assert calls[1] <= 2.3 * calls[0] + 100, (head, unit, end)


@pytest.mark.parametrize("head", RESPONSE_HEADS, ids=repr)
def test_twice_as_long_a_response_is_twice_the_work(head: bytes) -> None:
    for unit in UNITS:
        for end in ENDS:
            check_linear(parse_responses, head, unit, end)


@pytest.mark.parametrize("head", COMMAND_HEADS, ids=repr)
def test_twice_as_long_a_command_is_twice_the_work(head: bytes) -> None:
    for unit in UNITS:
        check_linear(parse_commands, head, unit, b"\r\n")


# What the client's map of numbers and UIDs moves


class Moving(array):  # type: ignore[type-arg]  # as the view makes it
    """An array that counts how many members move."""

    moved = 0

    def insert(self, index: int, value: Any, /) -> None:
        Moving.moved += len(self) - index
        super().insert(index, value)

    def __delitem__(self, index: Any, /) -> None:
        Moving.moved += len(self) - (index if isinstance(index, int) else 0)
        super().__delitem__(index)

    def extend(self, values: Any, /) -> None:
        Moving.moved += len(values)
        super().extend(values)


COUNT = 20_000
STREAMS: dict[str, list[Any]] = {
    "messages told from the last down": [
        FetchData(number, UID.answer(number)) for number in range(COUNT, 0, -1)
    ],
    "every second message, and then the others": [
        *(FetchData(number, UID.answer(number)) for number in range(1, 2_000, 2)),
        *(FetchData(number, UID.answer(number)) for number in range(2, 2_000, 2)),
    ],
    "the first message expunged": [
        *(FetchData(number, UID.answer(number)) for number in range(1, COUNT + 1)),
        *(ExpungeData(1) for _ in range(COUNT)),
    ],
    "one UID after the other vanished": [
        *(FetchData(number, UID.answer(number)) for number in range(1, COUNT + 1)),
        *(VanishedData(UIDSet.of([uid])) for uid in range(1, COUNT + 1, 20)),
    ],
}


@pytest.mark.parametrize("name", STREAMS)
def test_no_response_moves_more_numbers_than_a_run_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "array", Moving)
    monkeypatch.setattr(view, "MAX_RUN", 100)
    Moving.moved = 0
    mailbox = MailboxView("x", is_read_only=False)
    for response in STREAMS[name]:
        mailbox.feed(response)
    assert Moving.moved <= 2 * 100 * len(STREAMS[name])


@pytest.mark.parametrize("count", [100, 101, 250])
def test_runs_that_are_full_know_as_much(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "MAX_RUN", 100)
    for numbers in (range(1, count + 1), range(count, 0, -1)):
        mailbox = MailboxView("x", is_read_only=False)
        for number in numbers:
            mailbox.feed(FetchData(number, UID.answer(10 * number)))
        assert [mailbox.uid(number) for number in range(1, count + 2)] == [
            *range(10, 10 * count + 1, 10),
            None,
        ]
        mailbox.feed(ExpungeData(50))
        mailbox.feed(VanishedData(UIDSet("10,20")))
        assert [mailbox.uid(number) for number in (1, 47, 48)] == [30, 490, 510]
        assert mailbox.sequence_number(10 * count) == count - 3


# Heads of messages that are read anew at each literal that streams


HEADS = {
    "FETCH": (b"* 1 FETCH (", b"BODY[1] {70000}\r\n", b" "),
    "METADATA": (b"* METADATA x (", b"/a {70000}\r\n", b" "),
    "URLFETCH": (b"* URLFETCH ", b"a {70000}\r\n", b" "),
    "URLFETCH of items": (b"* URLFETCH ", b"a (BINARY ~{70000}\r\n", b") "),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_client_reads_less_text_anew_than_octets_have_come(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many literals a response has: the head that is read at each is shorter than what streams."""
    head, unit, between = HEADS[name]
    client = logged_in_client()
    read = received = count = 0

    def note(text: bytes, *arguments: Any, **options: Any) -> Any:
        nonlocal read
        read += len(text)
        return original(text, *arguments, **options)

    original = getattr(streaming, "streamed_item" if name == "FETCH" else "streamed_value")
    monkeypatch.setattr(f"mailproto.imap.client.{original.__name__}", note)
    octets = head
    while count < 300:
        events = feed(client, octets + unit, b"m" * 70_000)
        received += 70_000
        count += any(isinstance(event, LiteralStarted) for event in events)
        octets = between
    assert read <= received


# A hundred thousand units in one chunk are in test_imap_streams.py: what each costs is counted here.


UNITS_OF_LINES = {
    "EXISTS": b"* 1 EXISTS\r\n",
    "FETCH": b"* 1 FETCH (UID 1 FLAGS ())\r\n",
    "LIST": b'* LIST () "/" a\r\n',
    "EXPUNGE": b"* 1 EXPUNGE\r\n",
    "unread": b"* 1 FETCH (\r\n",
}


@pytest.mark.parametrize("size", [1, 1_000_000])
@pytest.mark.parametrize("unit", UNITS_OF_LINES.values(), ids=UNITS_OF_LINES)
def test_twice_as_many_responses_are_twice_the_work(unit: bytes, size: int) -> None:
    def calls(times: int) -> int:
        client = selected_client(exists=1_000)
        stream = unit * times

        def run() -> None:
            for at in range(0, len(stream), size):
                client.receive_data(stream[at : at + size])
                pull(client)

        return calls_made(run)

    few, more, most = calls(100), calls(200), calls(400)
    assert most - more == pytest.approx(2 * (more - few), rel=0.02)


def test_twice_as_many_commands_in_flight_are_twice_the_work() -> None:
    def calls(count: int) -> int:
        line = Line()

        def run() -> None:
            tasks = [line.start(noop(line.session)) for _ in range(count)]
            tags = [octets.split()[0] for octets in line.sent()]
            line.feed(*(tag + b" OK done" for tag in tags))
            assert all(task.is_done for task in tasks)

        return calls_made(run)

    few, more, most = calls(50), calls(100), calls(200)
    assert most - more == pytest.approx(2 * (more - few), rel=0.05)


def test_a_line_in_single_octets_is_searched_once() -> None:
    def calls(size: int) -> int:
        client = IMAPClientConnection()
        return calls_made(lambda: [feed(client, b"x") for _ in range(size)])

    assert calls(2_000) <= 2.1 * calls(1_000)

"""Literals as weapons: huge ones, many, in free text, refused and sent all the same."""

from __future__ import annotations

import tracemalloc

import pytest

from mailproto.errors import LimitExceeded, RemoteProtocolError
from mailproto.imap.commands import Noop, TaggedCommand
from mailproto.imap.events import CommandCompleted, InvalidCommand
from mailproto.imap.responses import ExistsData
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Bad, No, Ok
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_imap import (
    client_events,
    complete,
    feed,
    greeted_server,
    logged_in_client,
    logged_in_server,
    pull,
    sent,
    server_events,
)

REFUSED = [
    b"a LOGIN {4000000000}\r\n",
    b"a LOGIN x {4000000000}\r\n",
    b"a LOGIN {4097}\r\n",
    b"a LOGIN ~{4097}\r\n",
    b"a LOGIN {18446744073709551616}\r\n",
    b"a LOGIN {" + b"9" * 4_000 + b"}\r\n",
    b"a APPEND INBOX {4000000000}\r\n",
    b"a XYZZY {4000000000}\r\n",
    b"a {4000000000}\r\n",
    b"{4000000000}\r\n",
    b"a LOGIN{3}\r\n",
]


@pytest.mark.parametrize("octets", REFUSED, ids=[repr(octets[:30]) for octets in REFUSED])
def test_before_login_a_server_refuses_without_buffering(octets: bytes) -> None:
    events = server_events(octets + b"b NOOP\r\n", greeted_server)
    assert isinstance(events[0], InvalidCommand)
    assert isinstance(events[0].status, Bad | No)
    assert events[1:] == [TaggedCommand("b", Noop())]


@pytest.mark.parametrize("octets", [octets.replace(b"}", b"+}") for octets in REFUSED[:1] + REFUSED[4:10]])
def test_a_huge_one_that_comes_anyway_ends_the_session(octets: bytes) -> None:
    server = greeted_server()
    with pytest.raises(LimitExceeded):
        feed(server, octets)
    assert server.wants is Wants.CLOSED
    assert sent(server).startswith(b"* BYE [TOOBIG] ")


def test_octets_of_a_refused_literal_are_dropped_as_they_come() -> None:
    server = greeted_server()
    (event,) = feed(server, b"a LOGIN {1000000+}\r\n")
    complete(server, event)
    chunk = bytes(10_000)
    tracemalloc.start()
    for _ in range(100):
        assert feed(server, chunk) == []
        assert server.buffered == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    assert feed(server, b"\r\nb NOOP\r\n") == [TaggedCommand("b", Noop())]


def test_commands_hidden_in_a_refused_literal_are_not_run() -> None:
    hidden = b"z LOGIN x y\r\n" * 400
    octets = b"a LOGIN {%d+}\r\n%b\r\nb NOOP\r\n" % (len(hidden), hidden)
    events = server_events(octets, greeted_server)
    assert [getattr(event, "tag", "") for event in events] == ["a", "b"]


def test_many_empty_literals_cost_little_and_end() -> None:
    server = logged_in_server(IMAPLimits(max_literals=1_000))
    octets = b"a XYZZY" + b" {0+}\r\n" * 1_001 + b"\r\n"
    (event,) = feed(server, octets)
    assert isinstance(event, InvalidCommand)
    server = logged_in_server()
    with pytest.raises(LimitExceeded):
        server.receive_data(b"a XYZZY" + b" {0+}\r\n" * 1_000_000)
        while (command := server.next_event()) is not None:
            complete(server, command)


def test_a_quoted_string_that_stays_open_announces_nothing() -> None:
    events = server_events(b'a LOGIN "x {20+}\r\nb NOOP\r\n', greeted_server)
    assert isinstance(events[0], InvalidCommand)
    assert events[1:] == [TaggedCommand("b", Noop())]


SPOOFED = [
    b"* OK your mail said {40}\r\n",
    b"* NO [ALERT] {40}\r\n",
    b"* BAD {40+}\r\n",
    b"* PREAUTH {40}\r\n",
    b"* OK [BADCHARSET (x)] {40}\r\n",
    b"* OK [UNKNOWN {40}\r\n",
    b"garbage {40}\r\n",
    b"{40}\r\n",
    b'* LIST () "/" "a {40}\r\n',
]


@pytest.mark.parametrize("octets", SPOOFED)
def test_free_text_does_not_swallow_what_follows(octets: bytes) -> None:
    events = client_events(octets + b"* 3 EXISTS\r\n")
    assert len(events) == 2
    assert events[1] == ExistsData(3)


def test_free_text_of_an_answer_does_not_swallow_the_next() -> None:
    client = logged_in_client()
    client.send_command(Noop(), "a")
    client.send_command(Noop(), "b")
    assert feed(client, b"a NO said {40}\r\nb OK x {9}\r\n") == [
        CommandCompleted(tag="a", command=Noop(), status=No("said {40}")),
        CommandCompleted(tag="b", command=Noop(), status=Ok("x {9}")),
    ]


def test_a_client_drops_a_huge_literal_that_it_cannot_stream() -> None:
    client = logged_in_client()
    feed(client, b"* XDATA {100000000}\r\n")
    chunk = bytes(1_000_000)
    tracemalloc.start()
    for _ in range(100):
        assert feed(client, chunk) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    assert len(feed(client, b"\r\n* 1 EXISTS\r\n")) == 2


def test_a_literal_is_never_longer_than_announced() -> None:
    client = logged_in_client(limits=IMAPLimits(max_inline_literal=5))
    client.receive_data(b"* 1 FETCH (BODY[] {8}\r\n01234567 UID 5)\r\n* 2 EXISTS\r\n")
    assert len(pull(client)) == 5


def test_sizes_that_no_number_holds_are_errors() -> None:
    with pytest.raises(RemoteProtocolError):
        feed(logged_in_client(), b"* XDATA {%d}\r\n" % 2**63)


def test_a_streamed_literal_needs_consent() -> None:
    server: IMAPServerConnection = logged_in_server()
    feed(server, b"a APPEND x {100000}\r\n")
    server.receive_data(b"b NOOP\r\n")
    assert (server.next_event(), server.wants, sent(server)) == (None, Wants.REPLY, b"")
    server.reject(No("no"))
    assert pull(server) == [TaggedCommand("b", Noop())]

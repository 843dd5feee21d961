"""What nobody asked for, what is too large, and names that nobody should trust; each cut at every octet."""

from __future__ import annotations

import functools
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.imap import client_flows as flows
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.codec import serialize
from mailproto.imap.commands import Authenticate, Create, List, Login, Noop, Search, Select, TaggedCommand
from mailproto.imap.deflate import Deflater
from mailproto.imap.events import InvalidCommand
from mailproto.imap.ext.idle import Idle
from mailproto.imap.fetch import FLAGS
from mailproto.imap.fetching import Fetching
from mailproto.imap.offering import CARRIED_CAPABILITIES
from mailproto.imap.responses import ListData, StatusData
from mailproto.imap.search import Text
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Ok
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_imap import (
    client_events,
    complete,
    feed,
    greeted_client,
    greeted_server,
    logged_in_client,
    logged_in_server,
    selected_client,
    selected_server,
    server_events,
)
from support_imap_corpus import RESPONSE_LINES
from support_inbox import Line
from support_split import for_every_split

MIB = 1_048_576
ROOT = Path(__file__).parent.parent.parent


# Out of turn, at a client


def waiting_for(command: Any) -> Callable[[], IMAPClientConnection]:
    """Return what makes a client to which the answer to *command* is due."""

    def make() -> IMAPClientConnection:
        before_login = isinstance(command, Login | Authenticate)
        client = greeted_client() if before_login else selected_client("IMAP4rev1 IDLE")
        client.send_command(command, "a")
        return client

    return make


def idle_is_over() -> IMAPClientConnection:
    client = waiting_for(Idle())()
    feed(client, b"+ idling\r\n")
    client.send_done()
    return client


CLIENTS: dict[str, Callable[[], IMAPClientConnection]] = {
    "before login": greeted_client,
    "after login": logged_in_client,
    "selected": selected_client,
    "waiting for NOOP": waiting_for(Noop()),
    "waiting for LIST": waiting_for(List("", "*")),
    "waiting for a search": waiting_for(Search(Text("x"))),
    "behind IDLE": idle_is_over,
}


def check_is_an_end(make: Callable[[], Any], octets: bytes) -> None:
    """Assert that *octets*, however they are cut, end the session, and that nothing is kept."""

    def run(pieces: Sequence[bytes]) -> list[Any]:
        client = make()
        with pytest.raises(RemoteProtocolError):
            for piece in (*pieces, b""):
                feed(client, piece)
        assert (client.wants, client.buffered) == (Wants.CLOSED, 0)
        return []

    assert for_every_split(octets, run) == []


@pytest.mark.parametrize("octets", [b"+ go ahead\r\n", b"+\r\n", b"+ aGk=\r\n"], ids=repr)
@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
def test_a_continuation_that_nothing_asked_for(make: Callable[[], Any], octets: bytes) -> None:
    check_is_an_end(make, octets)


def test_a_second_continuation() -> None:
    check_is_an_end(waiting_for(Idle()), b"+ idling\r\n+ idling\r\n")
    check_is_an_end(waiting_for(Authenticate("PLAIN")), b"+ \r\n+ \r\n")
    check_is_an_end(waiting_for(Search(Text("x\r\ny"))), b"+ \r\n+ \r\n")


TAGS = [b"b OK x", b"A OK x", b"aa OK x", b"S1 OK x", b"1 NO x", b". BAD x", b"b BYE x"]


@pytest.mark.parametrize("octets", TAGS, ids=repr)
@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
def test_a_tag_that_is_of_no_command(make: Callable[[], Any], octets: bytes) -> None:
    check_is_an_end(make, octets + b"\r\n")


def test_a_command_that_is_completed_twice() -> None:
    check_is_an_end(waiting_for(Noop()), b"a OK x\r\na OK x\r\n")


def test_a_command_that_was_not_sent_yet() -> None:
    """It stands behind the gate of a literal: an answer to it was made up."""

    def make() -> IMAPClientConnection:
        client = waiting_for(Search(Text("x\r\ny")))()
        client.send_command(Noop(), "b")
        return client

    check_is_an_end(make, b"b OK x\r\n")


# Out of turn, at a server


LINES = [b"DONE", b"AHUAcA==", b"*", b"+ go", b"+", b"* OK x", b"a OK x", b"a"]


@pytest.mark.parametrize("line", LINES, ids=repr)
@pytest.mark.parametrize("make", [greeted_server, logged_in_server, selected_server])
def test_a_line_that_is_no_command(make: Callable[[], IMAPServerConnection], line: bytes) -> None:
    first, second = server_events(line + b"\r\nz NOOP\r\n", make)
    assert isinstance(first, InvalidCommand)
    assert second == TaggedCommand("z", Noop())


def test_a_literal_without_consent_is_refused_where_it_was_not_offered() -> None:
    for capabilities, size in ((("IMAP4rev1",), 3), (("IMAP4rev1", "LITERAL-"), 4_097)):
        octets = b"a CREATE {%d+}\r\n" % size + b"m" * size + b"\r\nz NOOP\r\n"
        make = functools.partial(logged_in_server, capabilities=capabilities)
        first, second = server_events(octets, make)
        assert isinstance(first, InvalidCommand)
        assert second == TaggedCommand("z", Noop())


# Answers to what was never sent


ENDING = (b"+ go", b"A1 ", b"BYE")
UNASKED = [octets for octets in RESPONSE_LINES if not any(part in octets for part in ENDING)]
UNASKED += [
    b'* XLIST () "/" x\r\n',
    b'* LSUB () "/" x\r\n',
    b"* STATUS x (MESSAGES 1)\r\n* 3 FETCH (X-Y z UID 5)\r\n",
]


@pytest.mark.parametrize("octets", UNASKED, ids=repr)
def test_answers_to_commands_that_were_never_sent(octets: bytes) -> None:
    """Neither a NAMESPACE nor a FETCH takes them for its own, and both end as they should."""

    def run(pieces: list[bytes]) -> list[Any]:
        line = Line(IMAPLimits(max_inline_literal=20))
        listing = line.start(flows.namespace(line.session))
        for piece in pieces:
            line.feed_octets(piece)
        line.feed(b'* NAMESPACE (("mine" "/")) NIL NIL', b"A2 OK done")
        assert [prefix.prefix for prefix in listing.result.personal] == ["mine"]
        found = Fetching(line.session, UIDSet("4000000000"), (FLAGS,))
        line.start(found.fill())
        for piece in pieces:
            line.feed_octets(piece)
        line.feed(b"* 2 FETCH (UID 4000000000 FLAGS (x))", b"A3 OK done")
        assert [(data.uid, data.flags) for data in found.ready] == [(4_000_000_000, frozenset({"x"}))]
        return list(line.session.news)

    for_every_split(octets, run)


@pytest.mark.parametrize("item", [b"BODY[]", b"RFC822", b"BINARY[1]", b"X-UNKNOWN", b"PREVIEW"])
def test_messages_that_nobody_asked_for_are_not_kept(item: bytes) -> None:
    line = Line()
    line.start(flows.noop(line.session))
    chunk = b"m" * MIB
    tracemalloc.start()
    for _ in range(3):
        line.feed_octets(b"* 1 FETCH (%b {%d}\r\n" % (item, 10 * MIB))
        for _ in range(10):
            line.feed_octets(chunk)
        line.feed_octets(b")\r\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    assert line.session.error is None


# Above a limit

Send = Callable[[int], bytes]
AT_CLIENT: dict[str, tuple[IMAPLimits, Send, int]] = {
    "max_response_line": (
        IMAPLimits(max_response_line=300),
        lambda size: b"* OK " + b"x" * (size - 7) + b"\r\n",
        300,
    ),
    "max_message_text": (
        IMAPLimits(max_message_text=300),
        lambda size: b"* X {5}\r\nabcde " + b"x" * (size - 17) + b"\r\n",
        300,
    ),
    "max_literals": (
        IMAPLimits(max_literals=10),
        lambda count: b"* X" + b" {1}\r\nx" * count + b"\r\n",
        10,
    ),
}


@pytest.mark.parametrize("name", AT_CLIENT)
def test_a_response_above_its_limit(name: str) -> None:
    """What has just the size is read; what is greater by one ends the session, and none of it is kept."""
    limits, send, most = AT_CLIENT[name]
    assert len(client_events(send(most), lambda: logged_in_client(limits=limits))) == 1

    def run(pieces: Sequence[bytes]) -> list[Any]:
        client = logged_in_client(limits=limits)
        with pytest.raises(LimitExceeded, match=name):
            for piece in (*pieces, b""):
                feed(client, piece)
        assert (client.wants, client.buffered) == (Wants.CLOSED, 0)
        return []

    assert for_every_split(send(most + 1), run) == []


def test_a_challenge_above_its_limit() -> None:
    client = greeted_client(limits=IMAPLimits(max_auth_line=100))
    client.send_command(Authenticate("PLAIN"), "a")
    with pytest.raises(LimitExceeded, match="max_auth_line"):
        feed(client, b"+ " + b"A" * 104 + b"\r\n")


@pytest.mark.parametrize("strict", [False, True])
def test_a_literal_above_its_limit_at_a_client(strict: bool) -> None:
    """It is read and dropped; what is strict ends with it."""

    def make() -> IMAPClientConnection:
        return logged_in_client(limits=IMAPLimits(max_inline_literal=5), strict=strict)

    octets = b"* X {6}\r\nabcdef\r\n* 1 EXISTS\r\n"
    if strict:
        check_is_an_end(make, octets)
        return
    events = client_events(octets, make)
    assert len(events) == 2
    assert "abcdef" not in repr(events)


def every_limit(**limits: int) -> Callable[..., IMAPServerConnection]:
    capabilities = (*CARRIED_CAPABILITIES, "AUTH=PLAIN")
    return lambda make: make(IMAPLimits(**limits), capabilities=capabilities)


AT_SERVER: dict[str, tuple[dict[str, int], Any, Send, int, bool]] = {
    "max_line": (
        {"max_line": 300},
        selected_server,
        lambda size: b"a XYZZY " + b"x" * (size - 10) + b"\r\n",
        300,
        True,
    ),
    "max_line_before_login": (
        {"max_line_before_login": 300},
        greeted_server,
        lambda size: b"a XYZZY " + b"x" * (size - 10) + b"\r\n",
        300,
        True,
    ),
    "max_literals": (
        {"max_literals": 10},
        selected_server,
        lambda count: b'a LIST "" (' + b" ".join([b"{1+}\r\nx"] * count) + b")\r\n",
        10,
        False,
    ),
    "max_literal_before_login": (
        {"max_literal_before_login": 300},
        greeted_server,
        lambda size: b"a LOGIN x {%d+}\r\n" % size + b"x" * size + b"\r\n",
        300,
        False,
    ),
    "max_inline_literal": (
        {"max_inline_literal": 300},
        selected_server,
        lambda size: b"a CREATE {%d+}\r\n" % size + b"x" * size + b"\r\n",
        300,
        False,
    ),
    "max_discard": (
        {"max_discard": 300, "max_inline_literal": 10},
        selected_server,
        lambda size: b"a CREATE {%d+}\r\n" % size + b"x" * size + b"\r\n",
        300,
        True,
    ),
    "max_message_text": (
        {"max_message_text": 300},
        selected_server,
        lambda size: b"a XYZZY {5+}\r\nabcde " + b"x" * (size - 22) + b"\r\n",
        300,
        True,
    ),
    "max_depth": (
        {"max_depth": 10},
        selected_server,
        lambda depth: b"a SEARCH " + b"(" * depth + b"ALL" + b")" * depth + b"\r\n",
        10,
        False,
    ),
    "max_ranges": (
        {"max_ranges": 10},
        selected_server,
        lambda count: b"a FETCH " + b",".join([b"1"] * count) + b" UID\r\n",
        10,
        False,
    ),
}


@pytest.mark.parametrize("name", AT_SERVER)
def test_a_command_above_its_limit(name: str) -> None:
    """What is greater by one is refused, or ends the session with BYE where its end cannot be found."""
    limits, make, send, most, is_an_end = AT_SERVER[name]
    said = name.removesuffix("_before_login") if is_an_end else name

    def server() -> IMAPServerConnection:
        return every_limit(**limits)(make)

    if name != "max_discard":
        allowed = server_events(send(most), server)
        assert len(allowed) == 1
        # XYZZY is no command, and read as one to its end all the same.
        assert not isinstance(allowed[0], InvalidCommand) or b"XYZZY" in send(most)
    if is_an_end:
        with pytest.raises(LimitExceeded, match=said):
            feed_and_answer(server(), send(most + 1))
        for at in range(1, len(send(most + 1))):
            conn = server()
            with pytest.raises(LimitExceeded, match=said):
                feed_and_answer(conn, send(most + 1)[:at], send(most + 1)[at:], b"")
            assert (conn.wants, conn.buffered) == (Wants.CLOSED, 0)
        return
    first, second = server_events(send(most + 1) + b"z NOOP\r\n", server)
    assert isinstance(first, InvalidCommand)
    assert second == TaggedCommand("z", Noop())


def feed_and_answer(server: IMAPServerConnection, *pieces: bytes) -> None:
    for piece in pieces:
        server.receive_data(piece)
        while (event := server.next_event()) is not None:
            complete(server, event)


ELSEWHERE = {
    "max_auth_line": "tests/attacks/test_imap_strangers.py",
    "max_command_line": "tests/imap/test_cancellation.py",
    "max_pending": "tests/imap/test_client.py",
    "max_nonsync": "tests/imap/test_writer.py",
    "max_append": "tests/imap/test_server.py",
    "max_section": "tests/attacks/test_imap_memory.py",
    "max_backlog": "tests/attacks/test_imap_memory.py",
    "max_contexts": "tests/imap/ext/test_context.py",
    "max_bad_commands": "tests/attacks/test_imap_streams.py",
    "max_results": "tests/imap/test_live_results.py",
    "max_inflate": "tests/attacks/test_imap_deflate.py",
    "max_inflate_ratio": "tests/attacks/test_imap_deflate.py",
    # Of drivers and clocks, which hold back and drop nothing.
    "max_buffered": "",
    "max_unsent": "",
    "min_body_progress": "",
}


def test_each_limit_is_attacked() -> None:
    assert {field.name for field in fields(IMAPLimits)} == {*AT_CLIENT, *AT_SERVER, *ELSEWHERE}
    for name, place in ELSEWHERE.items():
        assert not place or name in (ROOT / place).read_text("utf-8")


# Compressed


@pytest.mark.parametrize("size", [1, 7, MIB])
def test_a_bomb_of_commands_at_a_server(size: int) -> None:
    """Of thirty thousand commands in some kilobytes one is read at a time, in whatever pieces they come."""
    server = logged_in_server(capabilities=("IMAP4rev1", "COMPRESS=DEFLATE"))
    feed(server, b"a COMPRESS DEFLATE\r\n")
    server.complete("a", Ok())
    octets = Deflater().compress([b"a NOOP\r\n" * 30_000])
    assert len(octets) < 5_000
    tracemalloc.start()
    count = 0
    for at in range(0, len(octets), size):
        server.receive_data(octets[at : at + size])
        while (event := server.next_event()) is not None:
            complete(server, event)
            server.data_to_send()
            count += 1
            assert server.buffered < len(octets) + IMAPLimits().max_inflate
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 30_000
    assert peak < MIB


# Names


NAMES = [
    "../../etc/passwd",
    "..\\..\\x",
    "/etc/passwd",
    "~root",
    "%s%n",
    "a/../b",
    "",
    " ",
    "a b",
    "a\tb",
    "a\x01\x7fb",
    "a\r\nb",
    "\x1b[2Jx",
    "evil\u202egpj.exe",
    "\u200b\ufeff",
    "x" * 1_000,
    "INBOX\u0000"[:-1] + ".",
    "inbox/x",
    "*",
    "a%",
    '"',
    "\\",
    "{5}",
    "{5+}",
    "&",
    "&AAA-",
    "\udcff",
    "CON",
    "\U0001f4a9",
    "<script>",
]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_name_reaches_the_caller_of_a_client_as_it_is(name: str) -> None:
    for response in (
        ListData(frozenset(), "/", name),
        StatusData(name, (("MESSAGES", 1),)),
    ):
        octets = serialize(response)
        assert octets.endswith(b"\r\n")
        [event] = client_events(octets)
        assert event == response
        assert getattr(event, "mailbox", None) == name


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_name_reaches_the_session_of_a_server_as_it_is(name: str) -> None:
    for kind in (Select, Create):
        octets = serialize(TaggedCommand("a", kind(name)))
        [event] = server_events(octets.replace(b"}\r\n", b"+}\r\n", 1) if b"{" in octets else octets)
        assert isinstance(event, TaggedCommand)
        assert getattr(event.command, "mailbox", None) == name


def test_a_name_with_nul_is_none() -> None:
    with pytest.raises(LocalProtocolError):
        Select("a\0b")
    [event] = server_events(b"a SELECT {3+}\r\na\0b\r\n")
    assert isinstance(event, InvalidCommand)

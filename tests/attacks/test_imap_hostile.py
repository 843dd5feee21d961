"""Whatever octets come: the documented errors, bounded memory, and the next connection works."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LimitExceeded, RemoteProtocolError
from mailproto.imap.codec import parse_commands, parse_responses
from mailproto.imap.command import COMMANDS as REGISTERED
from mailproto.imap.commands import Noop, TaggedCommand
from mailproto.imap.events import ConnectionLost, InvalidCommand
from mailproto.imap.offering import CARRIED_CAPABILITIES
from mailproto.imap.responses import FetchData, UnknownData, UnreadResponse
from mailproto.imap.server import IMAPServerConnection
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_imap import (
    feed,
    greeted_client,
    greeted_server,
    logged_in_client,
    logged_in_server,
    pull,
    selected_client,
    selected_server,
    sent,
    serve,
)
from support_imap_corpus import COMMAND_LINES as COMMANDS
from support_imap_corpus import RESPONSE_LINES as RESPONSES

MIB = 1_048_576


def small_server() -> IMAPServerConnection:
    capabilities = (*CARRIED_CAPABILITIES, "AUTH=PLAIN")
    return greeted_server(IMAPLimits(max_inline_literal=20), capabilities=capabilities)


def small_selected_server() -> IMAPServerConnection:
    return selected_server(IMAPLimits(max_inline_literal=20), capabilities=tuple(CARRIED_CAPABILITIES))


def test_every_command_is_in_the_table() -> None:
    values = [parse_commands(octets, exchanges=1)[0] for octets in COMMANDS]
    assert {value.command.name for value in values if isinstance(value, TaggedCommand)} == {
        *REGISTERED,
        "XYZZY",
    }


@pytest.mark.parametrize(
    "make",
    [small_server, small_selected_server],
    ids=["not authenticated", "selected"],
)
@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_every_command_cut_at_every_octet_and_then_the_end(
    command: bytes, make: Callable[[], IMAPServerConnection]
) -> None:
    for at in range(len(command) + 1):
        server = make()
        serve(server, command[:at])
        server.receive_eof()
        events = pull(server)
        while server.wants is Wants.REPLY:
            server.abort()
        assert [type(event) for event in events] in ([ConnectionLost], [])
        assert server.wants in (Wants.CLOSED, Wants.TLS)


@pytest.mark.parametrize("response", RESPONSES, ids=repr)
def test_every_response_cut_at_every_octet_and_then_the_end(response: bytes) -> None:
    for at in range(len(response)):
        client = selected_client(limits=IMAPLimits(max_inline_literal=20))
        client.send_command(Noop(), "A1")
        client.send_unchecked(b"x\r\n")
        feed(client, response[:at])
        client.receive_eof()
        assert pull(client)[-1] == ConnectionLost(False)


OCTETS = st.one_of(
    st.binary(max_size=200),
    st.lists(
        st.sampled_from(
            [
                b"\r\n",
                b"\n",
                b" ",
                b"a",
                b"* ",
                b"+ ",
                b"{3}",
                b"{3+}",
                b"(",
                b")",
                b'"',
                b"\\",
                b"\0",
                b"\xff",
            ]
            + [
                b"1 FETCH (",
                b"BODY[",
                b"]",
                b"OK",
                b"NO [",
                b"LOGIN",
                b"UID ",
                b"APPEND x ",
                b"{30}\r\n",
                b"DONE",
            ]
        ),
        max_size=40,
    ).map(b"".join),
)


@given(st.lists(OCTETS, max_size=4), st.booleans(), st.booleans())
def test_random_octets_at_a_server(pieces: list[bytes], is_logged_in: bool, strict: bool) -> None:
    make = logged_in_server if is_logged_in else greeted_server
    server = make(IMAPLimits(max_inline_literal=20, max_line=300), strict=strict)
    try:
        serve(server, *pieces)
        server.receive_eof()
        serve(server, b"")
    except RemoteProtocolError:
        assert server.wants is Wants.CLOSED
    sent(server)


@given(st.lists(OCTETS, max_size=4), st.booleans())
def test_random_octets_at_a_client(pieces: list[bytes], strict: bool) -> None:
    client = logged_in_client(limits=IMAPLimits(max_inline_literal=20, max_response_line=300), strict=strict)
    client.send_command(Noop(), "a")
    try:
        feed(client, *pieces)
        client.receive_eof()
        assert isinstance(pull(client)[-1], ConnectionLost)
    except RemoteProtocolError:
        assert client.wants is Wants.CLOSED


@given(OCTETS)
def test_random_octets_at_the_codec(octets: bytes) -> None:
    parse_responses(octets)
    parse_commands(octets, exchanges=1)


@given(st.integers(0, 2**32))
def test_changed_octets_of_a_dialogue(seed: int) -> None:
    source = random.Random(seed)
    octets = bytearray(b"".join(RESPONSES) if seed % 2 else b"".join(COMMANDS))
    for _ in range(source.randrange(1, 6)):
        octets[source.randrange(len(octets))] = source.choice(b'\r\n {}()"\\\0\xff19[]')
    try:
        if seed % 2:
            client = selected_client()
            client.send_unchecked(b"A1 X\r\n", replies=9)
            feed(client, bytes(octets))
        else:
            serve(small_selected_server(), bytes(octets))
    except RemoteProtocolError:
        pass


def test_two_thousand_parentheses() -> None:
    server = selected_server()
    nested = b"(" * 2_000
    for command in (b"SEARCH ", b"XYZZY ", b"FETCH 1 ", b"STORE 1 FLAGS ", b"ID ", b"APPEND x "):
        (event,) = feed(server, b"a " + command + nested + b")" * 2_000 + b"\r\n")
        assert isinstance(event, InvalidCommand)
        server.complete("a", event.status)
    (event,) = feed(server, b"a SEARCH " + b"NOT " * 2_000 + b"ALL\r\n")
    assert isinstance(event, InvalidCommand)
    client = selected_client()
    for start in (b"* 1 FETCH (BODYSTRUCTURE ", b"* 1 FETCH (ENVELOPE ", b"* 1 FETCH (X ", b"* X "):
        (response,) = feed(client, start + nested + b")" * 2_001 + b"\r\n")
        assert isinstance(response, FetchData | UnreadResponse | UnknownData)
        assert response.defects
    assert feed(client, b"* OK x\r\n")


@pytest.mark.parametrize("octet", [b"a", b"\0", b"(", b'"', b"{", b"\r"])
def test_ten_mebibytes_without_a_line_end(octet: bytes) -> None:
    for make in (greeted_server, greeted_client):
        conn = make()
        chunk = octet * 65_536
        tracemalloc.start()
        with pytest.raises(LimitExceeded):
            for _ in range(160):
                conn.receive_data(chunk)
                conn.next_event()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MIB
        assert conn.wants is Wants.CLOSED
        conn.receive_data(chunk)
        assert conn.buffered == 0
    assert isinstance(serve(greeted_server(), b"a NOOP\r\n")[0], TaggedCommand)


def test_ten_mebibytes_at_once_without_a_line_end() -> None:
    server = greeted_server()
    server.receive_data(b"a" * (10 * MIB))
    with pytest.raises(LimitExceeded):
        server.next_event()
    assert (server.buffered, sent(server)) == (0, b"* BYE max_line: 10485760 is more than 8192\r\n")


@pytest.mark.parametrize(
    "command", [b"a NO\0OP\r\n", b"a LOGIN x\0 y\r\n", b'a LOGIN "\0" y\r\n', b"a LOGIN {1+}\r\n\0 x\r\n"]
)
def test_nul_is_a_bad_command(command: bytes) -> None:
    server = greeted_server()
    (event,) = feed(server, command)
    assert isinstance(event, InvalidCommand)
    server.complete(event.tag, event.status)
    assert feed(server, b"b NOOP\r\n") == [TaggedCommand("b", Noop())]


def test_a_hostile_view_costs_what_was_sent() -> None:
    client = selected_client(exists=2**32 - 1)
    tracemalloc.start()
    feed(client, b"* 4294967295 FETCH (UID 4294967295)\r\n* 4294967294 EXPUNGE\r\n")
    for number in range(2, 10_000, 2):
        feed(client, b"* %d FETCH (UID %d)\r\n" % (number, number))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB

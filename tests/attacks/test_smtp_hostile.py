"""Whatever octets come: the documented errors, bounded memory, linear time, and the next connection works."""

from __future__ import annotations

import contextlib
import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.address import NULL_PATH
from mailproto.errors import LimitExceeded, RemoteProtocolError
from mailproto.smtp import (
    ConnectionLost,
    Ehlo,
    Mail,
    Noop,
    SMTPClientConnection,
    SMTPServerConnection,
    parse_commands,
    parse_replies,
)
from support_smtp import greeted_client, greeted_server, pull, ready_client, ready_server, sent, serve

COMMANDS = [
    b"EHLO me.example\r\n",
    b"MAIL FROM:<a@x.example> SIZE=1 BODY=8BITMIME\r\n",
    b'RCPT TO:<"a b"@[192.0.2.1]>\r\n',
    b"AUTH PLAIN AGEAYg==\r\n",
    b"STARTTLS\r\n",
    b"VRFY a\r\n",
    b"EXPN a\r\n",
    b"HELP a\r\n",
    b"NOOP a\r\n",
    b"RSET\r\n",
    b"DATA\r\n",
    b"QUIT\r\n",
    b"HELO a\r\n",
    b"MAIL FROM:<a@x.example>\r\nRCPT TO:<a@b>\r\nDATA\r\nx\r\n.\r\n",
]
MIB = 1_048_576


def make_server() -> SMTPServerConnection:
    return SMTPServerConnection(hostname="mx.example", auth_mechanisms=("PLAIN",), start_tls=True)


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_every_command_cut_at_every_octet_and_then_the_end(command: bytes) -> None:
    for at in range(len(command) + 1):
        conn = ready_server(make_server())
        conn.receive_data(command[:at])
        conn.receive_eof()
        events = serve(conn, [b""])
        lost = [event for event in events if isinstance(event, ConnectionLost)]
        assert len(lost) == (0 if command[:at] == b"QUIT\r\n" else 1)


@pytest.mark.parametrize(
    "octets", [b"220 x\r\n", b"250-mx\r\n250-SIZE 1\r\n250 AUTH PLAIN\r\n", b"421 x\r\n"]
)
def test_every_reply_cut_at_every_octet_and_then_the_end(octets: bytes) -> None:
    for at in range(len(octets)):
        client = greeted_client()
        client.send_command(Ehlo("me.example"))
        client.receive_data(octets[:at])
        client.receive_eof()
        assert pull(client) == [ConnectionLost(False)]


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_random_octets_at_a_server(pieces: list[bytes]) -> None:
    conn = greeted_server(make_server())
    serve(conn, pieces)
    conn.receive_eof()
    serve(conn, [b""])
    assert conn.wants.value == "closed"


words = st.sampled_from(
    [
        b"EHLO a",
        b"MAIL FROM:<>",
        b"RCPT TO:<a@b>",
        b"DATA",
        b"\r\n",
        b"\n",
        b".",
        b"\r\n.\r\n",
        b"AUTH PLAIN",
        b"\r",
        b"\0",
        b" ",
        b"\xff",
        b"*",
        b"STARTTLS",
        b"220 ",
        b"250-",
        b"354 x",
        b"421",
        b"QUIT",
    ]
)


@given(st.lists(words, max_size=60))
def test_random_words_at_a_server(pieces: list[bytes]) -> None:
    serve(greeted_server(make_server()), pieces)


@given(st.lists(words | st.binary(max_size=20), max_size=40))
def test_random_octets_at_a_client(pieces: list[bytes]) -> None:
    client = SMTPClientConnection()
    client.send_unchecked(b"x\r\n", replies=10)
    try:
        for piece in pieces:
            client.receive_data(piece)
            pull(client)
        client.receive_eof()
        pull(client)
    except RemoteProtocolError:
        with pytest.raises(RemoteProtocolError):
            client.next_event()
    assert client.wants.value == "closed"


@given(st.lists(words | st.binary(max_size=20), max_size=40))
def test_random_octets_for_the_codec(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    parse_commands(data, exchanges=1)
    parse_replies(data)
    for parse in (parse_commands, parse_replies):
        with contextlib.suppress(RemoteProtocolError):
            parse(data, strict=True)


def test_ten_mebibytes_without_a_line_end_at_a_server() -> None:
    conn = ready_server(make_server())
    tracemalloc.start()
    for _ in range(160):
        conn.receive_data(b"x" * 65_536)
        assert conn.next_event() is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MIB
    assert len(serve(conn, [b"\r\nNOOP\r\n"])) == 2


def test_ten_mebibytes_without_a_line_end_at_a_client() -> None:
    client = ready_client()
    client.send_command(Noop())
    client.receive_data(b"250 " + b"x" * 10 * MIB)
    with pytest.raises(LimitExceeded):
        client.next_event()
    assert client.buffered == 0


def test_an_endless_reply() -> None:
    client = ready_client()
    client.send_command(Noop())
    client.receive_data(b"250-x\r\n" * 100_000)
    with pytest.raises(LimitExceeded, match="max_reply_lines"):
        client.next_event()


@pytest.mark.parametrize(
    "octets",
    [
        b"\0" * 1_000,
        b"\0\r\n" * 30,
        b"NOOP \0\r\n",
        bytes(range(128, 256)) + b"\r\n",
        b"\r" * 9_000,
        b"\n" * 30,
        b"\r\n" * 30,
    ],
)
def test_nul_8_bit_and_empty_lines(octets: bytes) -> None:
    serve(ready_server(make_server()), [octets])
    assert serve(ready_server(make_server()), [b"NOOP\r\n"]) == [Noop()]


@pytest.mark.parametrize(
    "argument",
    [
        b"<" * 2_000,
        b"<@" + b"a," * 900 + b":x@y>",
        b"<" + b"a." * 990 + b">",
        b'<"' + b"\\" * 1_900,
        b"<a@" + b"b." * 900 + b">",
        b"<a@[" + b":" * 1_900 + b"]>",
        b"<a@" + b"-" * 1_900 + b">",
    ],
)
def test_hostile_paths(argument: bytes) -> None:
    for _ in range(50):
        events = serve(ready_server(make_server()), [b"MAIL FROM:" + argument + b"\r\nNOOP\r\n"])
        assert events[-1] == Noop()


def test_a_message_that_arrives_octet_by_octet_is_read_in_linear_time() -> None:
    conn = ready_server(make_server())
    serve(conn, [b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"])
    for _ in range(20_000):
        conn.receive_data(b".")
    serve(conn, [b"\r\n.\r\n"])
    serve(conn, [b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"])
    serve(conn, [b"\r\n.x"] * 20_000)
    assert serve(conn, [b"\r\n.\r\nNOOP\r\n"])[-1] == Noop()


def test_many_small_messages_in_one_piece() -> None:
    conn = ready_server(make_server())
    octets = b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n.x\r\n.\r\n" * 5_000
    assert sum(event == Mail(NULL_PATH) for event in serve(conn, [octets])) == 5_000
    assert sent(conn).count(b"354 ") == 5_000


def test_a_client_takes_any_text_of_a_reply() -> None:
    draw = random.Random(1)
    client = ready_client()
    for _ in range(200):
        client.send_command(Noop())
        client.receive_data(b"250 " + draw.randbytes(50).replace(b"\n", b"") + b"\r\n")
        (reply,) = pull(client)
        assert getattr(reply, "code", 0) == 250

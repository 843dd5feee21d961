from __future__ import annotations

import zlib
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.codec import Opaque, parse_commands
from mailproto.imap.commands import Command, Noop, TaggedCommand, UIDFetch
from mailproto.imap.cursor import ParseError
from mailproto.imap.deflate import Deflater
from mailproto.imap.events import (
    CommandCompleted,
    ConnectionLost,
    InvalidCommand,
    LiteralData,
    LiteralEnded,
    LiteralStarted,
)
from mailproto.imap.ext.compress import COMPRESSIONACTIVE, Compress
from mailproto.imap.ext.idle import Idle
from mailproto.imap.fetch import BodySection
from mailproto.imap.pipelining import conflict
from mailproto.imap.responses import ExistsData, FetchData
from mailproto.imap.sequence import UIDSet
from mailproto.imap.status import Bad, No, Ok
from mailproto.testing import ConnectionPair
from support_imap import feed, greeted_server, logged_in_client, logged_in_server, pull, selected_client, sent
from support_imap_ext import check_code, check_refused
from support_imap_wire import command_octets, parse_octets
from support_split import for_every_split

OFFERING = ("IMAP4rev1", "IDLE", "COMPRESS=DEFLATE")

CASES: list[tuple[bytes, Command]] = [
    (b"COMPRESS DEFLATE", Compress()),
    (b"COMPRESS ZSTD", Compress("zstd")),
]


@pytest.mark.parametrize(("wire", "command"), CASES)
def test_both_directions(wire: bytes, command: Command) -> None:
    assert parse_octets(b"a " + wire + b"\r\n") == command
    assert parse_octets(b"a " + wire.lower() + b"\r\n") == command
    assert command_octets(command) == b"a " + wire + b"\r\n"


@pytest.mark.parametrize("wire", [b"COMPRESS", b"COMPRESS ", b"COMPRESS DEFLATE 9", b'COMPRESS "DEFLATE"'])
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_octets(b"a " + wire + b"\r\n")


@pytest.mark.parametrize("mechanism", ["", "DE FLATE", "D\r\n", "é", 5])
def test_what_is_no_mechanism(mechanism: Any) -> None:
    with pytest.raises(LocalProtocolError, match="expected a mechanism"):
        Compress(mechanism)


def test_the_code() -> None:
    check_code(b"COMPRESSIONACTIVE", COMPRESSIONACTIVE)


def test_the_codec_stops_there() -> None:
    assert parse_commands(b"a COMPRESS DEFLATE\r\n\x4a\x02") == [
        TaggedCommand("a", Compress()),
        Opaque(len(b"a COMPRESS DEFLATE\r\n")),
    ]


class Pair(ConnectionPair[Any, Any]):
    """A client and a server that have agreed on compression."""

    def __init__(self, piece: int | None = None) -> None:
        self.c = logged_in_client(" ".join(OFFERING))
        self.s = logged_in_server(capabilities=OFFERING)
        super().__init__(self.c, self.s, piece)
        tag = self.c.send_command(Compress())
        (event,) = self.server_events()
        assert event == TaggedCommand(tag, Compress())
        self.s.complete(tag, Ok("compressed"))
        (completed,) = self.client_events()
        assert isinstance(completed, CommandCompleted)
        assert self.c.is_compressed
        assert self.s.is_compressed


@pytest.mark.parametrize("piece", [None, 1, 7])
def test_both_ends(piece: int | None) -> None:
    pair = Pair(piece)
    for _ in range(3):
        tag = pair.c.send_command(Noop())
        assert pair.server_events() == [TaggedCommand(tag, Noop())]
        pair.s.complete(tag, Ok("done"))
        (completed,) = pair.client_events()
        assert completed.status == Ok("done")
    # Nothing is left but the end of a flush.
    assert pull(pair.s) == []
    assert pair.c.buffered == pair.s.buffered == 0


def test_what_is_on_the_wire() -> None:
    server = logged_in_server(capabilities=OFFERING)
    feed(server, b"a COMPRESS DEFLATE\r\n")
    server.complete("a", Ok("compressed"))
    assert server.data_to_send() == [b"a OK compressed\r\n"]
    client = logged_in_client(" ".join(OFFERING))
    client.send_command(Compress(), "a")
    assert sent(client) == b"a COMPRESS DEFLATE\r\n"
    feed(client, b"a OK compressed\r\n")
    client.send_command(Noop(), "b")
    octets = sent(client)
    assert zlib.decompressobj(-15).decompress(octets) == b"b NOOP\r\n"
    assert feed(server, octets) == [TaggedCommand("b", Noop())]
    assert server.data_to_send() == []


def test_what_the_server_says_before_its_ok_is_not_compressed() -> None:
    server = logged_in_server(capabilities=OFFERING)
    feed(server, b"a COMPRESS DEFLATE\r\n")
    server.send(Ok("still plain"))
    server.complete("a", Ok("compressed"))
    server.send(Ok("not plain"))
    plain = b"* OK still plain\r\na OK compressed\r\n"
    octets = sent(server)
    assert octets.startswith(plain)
    assert zlib.decompressobj(-15).decompress(octets[len(plain) :]) == b"* OK not plain\r\n"


def test_cut_everywhere_the_client_reads_the_same() -> None:
    body = b"x" * 300_000
    said = b"".join((b"* 1 FETCH (UID 7 BODY[] {%d}\r\n" % len(body), body, b")\r\nb OK done\r\n"))
    octets = b"* 10 EXISTS\r\na OK compressed\r\n" + Deflater().compress([said])

    def run(pieces: list[bytes]) -> list[Any]:
        client = selected_client(" ".join(OFFERING))
        client.send_command(Compress(), "a")
        events = []
        for piece in pieces:
            client.receive_data(piece)
            while (event := client.next_event()) is not None:
                events.append(event)
                if isinstance(event, CommandCompleted) and event.tag == "a":
                    client.send_command(UIDFetch(UIDSet("7"), (BodySection(),)), "b")
        assert client.buffered == 0
        return events

    events = for_every_split(octets, run)
    kinds = [type(event) for event in events]
    assert kinds == [
        ExistsData,
        CommandCompleted,
        LiteralStarted,
        LiteralData,
        LiteralEnded,
        FetchData,
        CommandCompleted,
    ]
    assert events[3].data == body


def test_cut_everywhere_the_server_reads_the_same() -> None:
    octets = Deflater().compress([b"b NOOP\r\nc IDLE\r\n", b"DONE\r\nd NOOP\r\n"])

    def run(pieces: list[bytes]) -> list[Any]:
        server = logged_in_server(capabilities=OFFERING)
        feed(server, b"a COMPRESS DEFLATE\r\n")
        server.complete("a", Ok())
        events = []
        for piece in pieces:
            server.receive_data(piece)
            while (event := server.next_event()) is not None:
                events.append(event)
                if isinstance(event, TaggedCommand) and event.command == Idle():
                    server.accept_idle()
                elif hasattr(event, "tag"):
                    server.complete(event.tag, Ok())
        return events

    assert [event.tag for event in for_every_split(octets, run)] == ["b", "c", "c", "d"]


def test_what_is_buffered_counts_as_it_came() -> None:
    server = logged_in_server(capabilities=OFFERING)
    feed(server, b"a COMPRESS DEFLATE\r\n")
    server.complete("a", Ok())
    octets = Deflater().compress([b"b NOOP\r\n" * 5_000])
    server.receive_data(octets)
    assert server.buffered == len(octets)
    assert pull(server) == [TaggedCommand("b", Noop())]
    assert server.buffered < 70_000


def test_what_waits_at_the_end_is_still_read() -> None:
    pair = Pair()
    pair.s.send(Ok("one"))
    pair.s.send(Ok("two"))
    pair.c.receive_data(sent(pair.s))
    pair.c.receive_eof()
    assert pull(pair.c) == [Ok("one"), Ok("two"), ConnectionLost(True)]


def test_an_end_in_the_middle_is_not_clean() -> None:
    pair = Pair()
    pair.s.send(Ok("one"))
    pair.c.receive_data(sent(pair.s)[:3])
    pair.c.receive_eof()
    assert pull(pair.c)[-1] == ConnectionLost(False)


# What is refused.


def test_a_server_that_does_not_offer_it() -> None:
    check_refused(Compress(), "COMPRESS=DEFLATE")


@pytest.mark.parametrize("command", [b"COMPRESS DEFLATE", b"COMPRESS ZSTD"])
def test_a_server_compresses_once_and_by_deflate(command: bytes) -> None:
    pair = Pair()
    pair.s.receive_data(Deflater().compress([b"x " + command + b"\r\n"]))
    (event,) = pull(pair.s)
    assert isinstance(event, InvalidCommand)
    assert isinstance(event.status, Bad)


def test_nothing_is_compressed_before_login() -> None:
    server = greeted_server(capabilities=OFFERING)
    (event,) = feed(server, b"a COMPRESS DEFLATE\r\n")
    assert isinstance(event, InvalidCommand)


def test_a_no_changes_nothing() -> None:
    server = logged_in_server(capabilities=OFFERING)
    feed(server, b"a COMPRESS DEFLATE\r\n")
    server.complete("a", No("active in TLS", COMPRESSIONACTIVE))
    server.send(Ok("plain"))
    assert sent(server).endswith(b"* OK plain\r\n")
    client = logged_in_client(" ".join(OFFERING))
    client.send_command(Compress(), "a")
    feed(client, b"a NO [COMPRESSIONACTIVE] active in TLS\r\n")
    client.send_command(Noop(), "b")
    assert sent(client).endswith(b"b NOOP\r\n")
    assert not client.is_compressed


def test_a_client_compresses_once_and_by_deflate() -> None:
    with pytest.raises(LocalProtocolError, match="compressed already"):
        Pair().c.send_command(Compress())
    with pytest.raises(LocalProtocolError, match="expected DEFLATE"):
        logged_in_client(" ".join(OFFERING)).send_command(Compress("ZSTD"))


def test_it_is_alone() -> None:
    client = logged_in_client(" ".join(OFFERING))
    client.send_command(Noop())
    with pytest.raises(LocalProtocolError, match="nothing else in progress"):
        client.send_command(Compress())
    client = logged_in_client(" ".join(OFFERING))
    client.send_command(Compress())
    with pytest.raises(LocalProtocolError, match="expected the answer to COMPRESS first"):
        client.send_command(Noop())
    assert conflict(Noop(), [Compress()]) is not None
    assert conflict(Compress(), [Noop()]) is not None

"""COMPRESS=DEFLATE: what is sent in place of compressed data, and data that become too much."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from mailproto.errors import LimitExceeded, RemoteProtocolError
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.commands import UIDFetch
from mailproto.imap.deflate import Deflater
from mailproto.imap.events import LiteralData
from mailproto.imap.ext.compress import Compress
from mailproto.imap.fetch import BodySection
from mailproto.imap.responses import ExistsData
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Ok
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_imap import feed, logged_in_client, logged_in_server, selected_client, sent
from support_split import for_every_split

OFFERING = ("IMAP4rev1", "IDLE", "COMPRESS=DEFLATE")


def compressed_client(limits: IMAPLimits | None = None) -> IMAPClientConnection:
    """Return a client with a selected mailbox whose server has said OK to COMPRESS."""
    client = selected_client(" ".join(OFFERING), limits=limits)
    client.send_command(Compress(), "a")
    feed(client, b"a OK compressed\r\n")
    return client


def compressed_server() -> IMAPServerConnection:
    """Return a server that has said OK to COMPRESS."""
    server = logged_in_server(capabilities=OFFERING)
    feed(server, b"a COMPRESS DEFLATE\r\n")
    server.complete("a", Ok())
    sent(server)
    return server


def test_a_client_that_is_sent_plain_text() -> None:
    client = compressed_client()
    with pytest.raises(RemoteProtocolError, match="expected DEFLATE data"):
        feed(client, b"* OK plain\r\n")
    assert client.wants is Wants.CLOSED


def test_a_server_that_is_sent_plain_text() -> None:
    server = compressed_server()
    with pytest.raises(RemoteProtocolError, match="expected DEFLATE data"):
        feed(server, b"b NOOP\r\n")
    assert b"BYE" in zlib.decompressobj(-15).decompress(sent(server))
    assert server.wants is Wants.CLOSED


def test_a_continuation_for_it() -> None:
    client = logged_in_client(" ".join(OFFERING))
    client.send_command(Compress(), "a")
    with pytest.raises(RemoteProtocolError, match="tagged answer to COMPRESS"):
        feed(client, b"+ go on\r\n")


# Bombs. How the compressed octets are cut decides only when they are fed to zlib, which takes them in any
# pieces: they are cut into single octets, which has every cut, and into pieces of other sizes.
SIZES = [1, 2, 1_000, 10_000_000]


def pieces_of(octets: bytes, size: int) -> list[bytes]:
    return [octets[at : at + size] for at in range(0, len(octets), size)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [compressed_client, compressed_server])
def test_a_line_without_end(make: Any, size: int) -> None:
    conn = make()
    octets = Deflater().compress([b"* OK " + b"x" * 30_000_000])
    assert len(octets) < 40_000
    with pytest.raises(LimitExceeded, match=r"max_(response_)?line"):
        feed(conn, *pieces_of(octets, size))
    assert (conn.wants, conn.buffered) == (Wants.CLOSED, 0)


@pytest.mark.parametrize("size", SIZES)
def test_a_bomb_in_a_literal(size: int) -> None:
    client = compressed_client()
    client.send_command(UIDFetch(UIDSet("7"), (BodySection(),)), "b")
    deflate = zlib.compressobj(9, wbits=-15)
    megabyte = b"0" * 1_048_576
    octets = deflate.compress(b"* 1 FETCH (UID 7 BODY[] {1073741824}\r\n")
    octets += b"".join(deflate.compress(megabyte) for _ in range(100)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    assert len(octets) < 110_000
    largest = 0
    with pytest.raises(LimitExceeded) as caught:
        for piece in pieces_of(octets, size):
            client.receive_data(piece)
            while (event := client.next_event()) is not None:
                if isinstance(event, LiteralData):
                    largest = max(largest, len(event.data))
                    assert client.buffered <= len(octets) + IMAPLimits().max_inflate
    assert caught.value.limit == "max_inflate_ratio"
    assert 0 < largest <= IMAPLimits().max_inflate


def test_a_small_bomb_cut_at_every_octet() -> None:
    """A line that becomes longer than its limit: each cut ends with the same error, and nothing is kept."""
    limits = IMAPLimits(max_response_line=300, max_inflate=100)
    octets = Deflater().compress([b"* 3 EXISTS\r\n* OK " + b"x" * 5_000])

    def run(pieces: list[bytes]) -> list[Any]:
        client = compressed_client(limits)
        events: list[Any] = []
        with pytest.raises(LimitExceeded, match="max_response_line"):
            for piece in pieces:
                client.receive_data(piece)
                while (event := client.next_event()) is not None:
                    events.append(event)
        assert (client.wants, client.buffered) == (Wants.CLOSED, 0)
        return events

    assert for_every_split(octets, run) == [ExistsData(3)]

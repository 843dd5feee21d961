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
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Ok
from mailproto.limits import IMAPLimits
from mailproto.wants import Wants
from support_imap import feed, logged_in_client, logged_in_server, pull, selected_client, sent

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


@pytest.mark.parametrize("make", [compressed_client, compressed_server])
def test_a_line_without_end(make: Any) -> None:
    conn = make()
    octets = Deflater().compress([b"* OK " + b"x" * 30_000_000])
    assert len(octets) < 40_000
    conn.receive_data(octets)
    with pytest.raises(LimitExceeded):
        pull(conn)
    assert conn.buffered == 0


def test_a_bomb_in_a_literal() -> None:
    client = compressed_client()
    client.send_command(UIDFetch(UIDSet("7"), (BodySection(),)), "b")
    deflate = zlib.compressobj(9, wbits=-15)
    megabyte = b"0" * 1_048_576
    octets = deflate.compress(b"* 1 FETCH (UID 7 BODY[] {1073741824}\r\n")
    octets += b"".join(deflate.compress(megabyte) for _ in range(100)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    assert len(octets) < 110_000
    client.receive_data(octets)
    largest = 0
    with pytest.raises(LimitExceeded) as caught:
        while (event := client.next_event()) is not None:
            if isinstance(event, LiteralData):
                largest = max(largest, len(event.data))
                assert client.buffered <= len(octets) + IMAPLimits().max_inflate
    assert caught.value.limit == "max_inflate_ratio"
    assert 0 < largest <= IMAPLimits().max_inflate

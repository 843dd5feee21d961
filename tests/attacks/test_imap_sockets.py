"""Hostile clients at both IMAP servers, over sockets: the next client is served as if nothing had been."""

from __future__ import annotations

import contextlib
import random
import socket

import pytest

from mailproto.sync import IMAPClient
from support_imap_servers import USER, imap_server
from support_servers import KINDS

LOGIN = b"a LOGIN bob secret\r\nb SELECT INBOX\r\n"
ATTACKS = [
    pytest.param(random.Random(1).randbytes(100_000), id="random octets"),
    pytest.param(LOGIN + random.Random(2).randbytes(100_000), id="random octets after login"),
    pytest.param(b"a" * 10_485_760, id="10 MiB without a line end"),
    pytest.param(LOGIN + b"c SEARCH TEXT " + b"a" * 10_485_760, id="10 MiB in a command"),
    pytest.param(b"a LOGIN bob {4000000000}\r\n" + b"x" * 100_000, id="huge literal"),
    pytest.param(b"a LOGIN bob {4000000000+}\r\n" + b"x" * 100_000, id="huge literal without waiting"),
    pytest.param(LOGIN + b"c APPEND INBOX {4000000000+}\r\n" + b"x" * 100_000, id="huge message"),
    pytest.param(LOGIN + b"c SEARCH " + b"(" * 2_000 + b"ALL" + b")" * 2_000 + b"\r\n", id="parentheses"),
    pytest.param(b"a NO\0OP\r\n" * 1_000, id="NUL"),
    pytest.param(b"\r\n" * 100_000, id="empty lines"),
    pytest.param(b"a NOOP\r\n" * 20_000, id="many commands whose answers nobody reads"),
    pytest.param(b"a AUTHENTICATE PLAIN\r\n" + b"=" * 100_000 + b"\r\n", id="no base64"),
    pytest.param(LOGIN + b"c IDLE\r\n" + b"DONT\r\n" * 1_000, id="no DONE"),
]
COMMANDS = [
    b"a LOGIN bob secret\r\n",
    b"a LOGIN {3}\r\nbob {6+}\r\nsecret\r\n",
    LOGIN + b"c APPEND INBOX (\\Seen) {5+}\r\nhello\r\n",
    LOGIN + b'c FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS ("Subject")]<0.10>)\r\n',
    LOGIN + b"c IDLE\r\nDONE\r\n",
]


def send_and_leave(address: tuple[str, int], octets: bytes, *, is_reading: bool = True) -> None:
    """Send *octets*, then the end, and read until the server closes; or leave at once."""
    with socket.create_connection(address, timeout=10) as sock, contextlib.suppress(ConnectionError):
        sock.sendall(octets)
        sock.shutdown(socket.SHUT_WR)
        while is_reading and sock.recv(65_536):
            pass


def is_served(address: tuple[str, int]) -> bool:
    with IMAPClient.connect(*address, tls="none", timeout=10) as imap:
        imap.login(*USER, allow_cleartext=True)
        return imap.select("INBOX").exists == 0


@pytest.mark.parametrize("octets", ATTACKS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_next_client_is_served(kind: str, octets: bytes) -> None:
    with imap_server(kind) as address:
        send_and_leave(address, octets)
        send_and_leave(address, octets, is_reading=False)
        assert is_served(address)


@pytest.mark.parametrize("octets", COMMANDS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_next_client_is_served_after_every_cut(kind: str, octets: bytes) -> None:
    with imap_server(kind) as address:
        for size in range(len(octets)):
            send_and_leave(address, octets[:size])
        assert is_served(address)

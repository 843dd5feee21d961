"""A session that has ended is freed at once, at both ends, however it has ended."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import mailproto.asyncio
import mailproto.sync
from mailproto.smtp import WholeMessages
from support_garbage import no_cycles_left
from support_imap_servers import USER, imap_server
from support_lines import client_context, server_context
from support_servers import KINDS
from support_smtp_servers import serving

TLS = ["none", "starttls", "implicit"]
MESSAGE = b"Subject: hello\r\n\r\nbody\r\n"


@contextmanager
def smtp_server(kind: str, **arguments: Any) -> Iterator[tuple[str, int]]:
    with serving(kind, WholeMessages(lambda session, octets: None), **arguments) as server:
        yield server.address


SERVERS = {"smtp": smtp_server, "imap": imap_server}


def tls_arguments(tls: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a server and a client are given for *tls*."""
    if tls == "none":
        return {}, {"tls": tls}
    return {"tls": tls, "ssl_context": server_context()}, {"tls": tls, "ssl_context": client_context()}


def smtp_session(port: int, **arguments: Any) -> None:
    with mailproto.sync.SMTPClient.connect("localhost", port, **arguments) as smtp:
        smtp.send_message(MESSAGE, reverse_path="a@example.org", forward_paths="b@example.org")


def imap_session(port: int, **arguments: Any) -> None:
    with mailproto.sync.IMAPClient.connect("localhost", port, **arguments) as imap:
        imap.login(*USER)
        imap.select("INBOX")
        imap.append("INBOX", MESSAGE)


async def smtp_session_in_loop(port: int, **arguments: Any) -> None:
    async with mailproto.asyncio.SMTPClient.connect("localhost", port, **arguments) as smtp:
        await smtp.send_message(MESSAGE, reverse_path="a@example.org", forward_paths="b@example.org")


async def imap_session_in_loop(port: int, **arguments: Any) -> None:
    async with mailproto.asyncio.IMAPClient.connect("localhost", port, **arguments) as imap:
        await imap.login(*USER)
        await imap.select("INBOX")
        await imap.append("INBOX", MESSAGE)


def hang_up(port: int, **arguments: Any) -> None:
    """Close in the middle of the session."""
    with socket.create_connection(("localhost", port), timeout=10) as sock:
        sock.recv(1_000)
        sock.sendall(b"a NOOP\r\nEH")


def reset(port: int, **arguments: Any) -> None:
    """Reset the connection in the middle of the session."""
    with socket.create_connection(("localhost", port), timeout=10) as sock:
        sock.recv(1_000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("tls", TLS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", SERVERS)
def test_what_ends_in_order_is_freed(protocol: str, kind: str, tls: str) -> None:
    session = {"smtp": smtp_session, "imap": imap_session}[protocol]
    check(protocol, kind, tls, session)


@pytest.mark.parametrize("tls", TLS)
@pytest.mark.parametrize("protocol", SERVERS)
def test_a_client_of_asyncio_is_freed(protocol: str, tls: str) -> None:
    session = {"smtp": smtp_session_in_loop, "imap": imap_session_in_loop}[protocol]
    check(protocol, "sync", tls, lambda port, **arguments: asyncio.run(session(port, **arguments)))


@pytest.mark.parametrize("session", [hang_up, reset])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", SERVERS)
def test_what_breaks_off_is_freed(protocol: str, kind: str, session: Any) -> None:
    check(protocol, kind, "none", session)


def check(protocol: str, kind: str, tls: str, session: Any) -> None:
    """Serve two sessions, of which the first one fills what is kept on purpose."""
    for_server, for_client = tls_arguments(tls)

    def serve_one() -> None:
        # The server has seen the end of its session when it has stopped.
        with SERVERS[protocol](kind, **for_server) as (_, port):
            session(port, **for_client)

    serve_one()
    with no_cycles_left():
        serve_one()

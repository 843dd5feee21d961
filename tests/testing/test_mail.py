"""The whole mail system for tests: what is sent to its SMTP server is read from its IMAP server."""

from __future__ import annotations

import asyncio
import imaplib
import smtplib
import socket
from typing import Any

import pytest

import mailproto.asyncio
from mailproto.errors import SMTPReplyError
from mailproto.imap import BodySection, NewMessages, UIDSet
from mailproto.store import MemoryStore, StoreError
from mailproto.sync import IMAPClient, SMTPClient
from mailproto.testing import MailTestServer

OCTETS = b"Subject: hi\r\n\r\nhello\r\n.\r\n"
ENVELOPE: dict[str, Any] = {"reverse_path": "a@x.example", "forward_paths": ["b@y.example", "c@y.example"]}


def send(server: MailTestServer, tls: Any = "none") -> None:
    with SMTPClient.connect(
        server.smtp.host, server.smtp.port, tls=tls, ssl_context=server.client_context, timeout=10
    ) as smtp:
        smtp.login(server.user, server.password, allow_cleartext=True)
        smtp.send_message(OCTETS, **ENVELOPE)


def bodies(server: MailTestServer, tls: Any = "none") -> list[bytes | None]:
    with IMAPClient.connect(
        server.imap.host, server.imap.port, tls=tls, ssl_context=server.client_context, timeout=10
    ) as imap:
        imap.login(server.user, server.password, allow_cleartext=True)
        imap.select("INBOX")
        return [message[BodySection()] for message in imap.uid_fetch("1:*", BodySection())]


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_what_is_sent_is_read(tls: Any) -> None:
    with MailTestServer(tls=tls, smtp={"hostname": "mx.y.example"}) as server:
        send(server, tls)
        (body,) = bodies(server, tls)
        (message,) = server.messages
    assert body is not None
    assert body.endswith(b"\r\n" + OCTETS)
    trace = body[: -len(OCTETS)]
    assert trace.startswith(b"Return-Path: <a@x.example>\r\nReceived: from ")
    assert b"\r\n\tby mx.y.example with ESMTP" in trace
    assert message.octets == OCTETS
    assert message.forward_paths == ("b@y.example", "c@y.example")
    assert message.identity == server.user


def test_other_libraries_send_and_read_with_the_same_user() -> None:
    with MailTestServer(user="me@x.example", password="hush", smtp={"require_auth": True}) as server:
        with smtplib.SMTP(server.smtp.host, server.smtp.port, timeout=10) as smtp:
            smtp.login("me@x.example", "hush")
            smtp.sendmail("a@x.example", ["b@y.example"], OCTETS)
        with imaplib.IMAP4(server.imap.host, server.imap.port, timeout=10) as imap:
            imap.login("me@x.example", "hush")
            assert imap.select("INBOX") == ("OK", [b"1"])


def test_who_idles_is_told() -> None:
    async def main(server: MailTestServer) -> None:
        async with mailproto.asyncio.IMAPClient.connect(
            server.imap.host, server.imap.port, tls="none"
        ) as imap:
            await imap.login(server.user, server.password, allow_cleartext=True)
            await imap.select("INBOX")
            async with imap.idle() as updates:
                await asyncio.to_thread(send, server)
                assert await updates.wait(10) == NewMessages(UIDSet.of([1]), exists=1)

    with MailTestServer() as server:
        asyncio.run(main(server))


def test_what_the_script_refuses_is_not_delivered() -> None:
    with MailTestServer() as server:
        server.smtp.answer("message", "452 4.2.2 mailbox full")
        with pytest.raises(SMTPReplyError, match="452"):
            send(server)
        assert server.messages == []
        assert bodies(server) == []
        send(server)
        assert len(bodies(server)) == len(server.messages) == 1


def test_what_cannot_be_delivered_is_not_accepted() -> None:
    class FullStore(MemoryStore):
        def append(self, *arguments: Any) -> int:
            raise StoreError("OVERQUOTA", "full")

    with MailTestServer(store=FullStore()) as server:
        with pytest.raises(SMTPReplyError, match="451"):
            send(server)
        assert server.messages == []


def test_both_are_stopped() -> None:
    with MailTestServer() as server:
        addresses = [(side.host, side.port) for side in (server.smtp, server.imap)]
    for address in addresses:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 5)


def test_options_that_make_no_sense_leave_nothing_running() -> None:
    with pytest.raises(TypeError, match="colour"):
        MailTestServer(smtp={"colour": "red"})

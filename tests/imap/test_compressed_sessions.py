"""Sessions over sockets that are compressed half way, in both adapters."""

from __future__ import annotations

import asyncio

import pytest

from mailproto.asyncio import IMAPClient as AsyncIMAPClient
from mailproto.errors import LocalProtocolError
from mailproto.imap.fetch import BodySection
from mailproto.sync import IMAPClient
from support_asyncio import run_async
from support_imap_servers import USER, imap_server
from support_servers import KINDS

BODY = b"Subject: large\r\n\r\n" + b"a line of text that comes again\r\n" * 20_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_blocking_client(kind: str) -> None:
    with imap_server(kind) as (host, port), IMAPClient.connect(host, port, tls="none") as client:
        client.login(*USER, allow_cleartext=True)
        client.compress()
        client.append("INBOX", BODY)
        client.select("INBOX")
        (message,) = client.uid_fetch("1:*", BodySection())
        assert message[BodySection()] == BODY
        with pytest.raises(LocalProtocolError, match="compressed already"):
            client.compress()
        client.noop()


@run_async
async def test_tasks_that_share_a_client() -> None:
    with imap_server("asyncio") as (host, port):
        async with AsyncIMAPClient.connect(host, port, tls="none") as client:
            await client.login(*USER, allow_cleartext=True)
            await asyncio.gather(
                client.noop(), client.compress(), client.noop(), client.append("INBOX", BODY)
            )
            await client.select("INBOX")
            async with client.idle():
                pass
            async for message in client.uid_fetch("1:*", BodySection()):
                assert message[BodySection()] == BODY

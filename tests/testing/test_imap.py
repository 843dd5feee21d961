"""The IMAP test server: a store that a test fills and looks into."""

from __future__ import annotations

import asyncio
import imaplib
from datetime import UTC, datetime
from typing import Any

import pytest

import mailproto.asyncio
from mailproto.errors import LocalProtocolError
from mailproto.imap import BodySection
from mailproto.store import MemoryStore
from mailproto.sync import IMAPClient
from mailproto.testing import IMAPTestServer

OCTETS = b"Subject: hi\r\n\r\nhello\r\n"


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_what_a_test_appends_a_client_fetches(tls: Any) -> None:
    with IMAPTestServer(tls=tls) as server:
        uid = server.append(OCTETS, flags=["\\Seen"], internal_date=datetime(2026, 1, 2, tzinfo=UTC))
        with IMAPClient.connect(
            server.host, server.port, tls=tls, ssl_context=server.client_context, timeout=10
        ) as imap:
            imap.login(server.user, server.password, allow_cleartext=True)
            assert imap.select("INBOX").exists == 1
            (message,) = imap.uid_fetch(str(uid), BodySection())
            assert message[BodySection()] == OCTETS
        (info,) = server.store.changes("INBOX", 0).messages  # type: ignore[union-attr]  # not async here
    assert (info.uid, info.flags, info.internal_date.day) == (uid, frozenset({"\\Seen"}), 2)


def test_async_code_sees_a_message_arrive() -> None:
    async def main(server: IMAPTestServer) -> None:
        async with mailproto.asyncio.IMAPClient.connect(server.host, server.port, tls="none") as imap:
            await imap.login(server.user, server.password, allow_cleartext=True)
            assert (await imap.select("INBOX")).exists == 0
            server.append(OCTETS)
            await imap.noop()
            assert [message.uid async for message in imap.uid_fetch("1:*", BodySection())] == [1]

    with IMAPTestServer() as server:
        asyncio.run(main(server))


def test_the_library_of_the_standard_can_be_tested_too() -> None:
    with IMAPTestServer(user="me", password="hush") as server:
        imap = imaplib.IMAP4(server.host, server.port, timeout=10)
        imap.login("me", "hush")
        assert imap.append("INBOX", "", "", OCTETS)[0] == "OK"
        imap.logout()
        assert len(server.store.changes("INBOX", 0).messages) == 1  # type: ignore[union-attr]  # not async here
        assert "C: *** LOGIN ***" not in server.dialogue
        assert not [line for line in server.dialogue if "hush" in line]
        assert server.dialogue[0].startswith("S: * OK")


def test_a_store_of_ones_own() -> None:
    store = MemoryStore()
    store.create("Archive")
    with IMAPTestServer(store=store) as server:
        assert server.store is store
        assert server.append(OCTETS, "Archive") == 1


def test_an_async_store_is_told_to_be_filled_elsewhere() -> None:
    class Async(MemoryStore):
        def append(self, *args: Any) -> Any:
            return object()

    with IMAPTestServer(store=Async()) as server, pytest.raises(TypeError, match="the store is async"):
        server.append(OCTETS)


def test_a_mode_of_tls_that_is_none_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        IMAPTestServer(tls="opportunistic")  # type: ignore[arg-type]  # what is refused

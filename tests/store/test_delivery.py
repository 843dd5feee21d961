"""Tests of mailproto.store.delivery: SMTP and LMTP dialogues, and what is in the stores after them."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta, timezone
from typing import BinaryIO

import pytest

from mailproto.address import Mailbox
from mailproto.flow import ServerStopping
from mailproto.imap.sequence import UIDSet
from mailproto.smtp.server import SMTPServerConnection
from mailproto.smtp.server_flow import Service, serve
from mailproto.store import Delivery, Destination, MailStore, MemoryStore, StoreError
from mailproto.store.delivery import date_time
from support_flows import FlowRun
from support_store import Plain

NOW = datetime(2024, 2, 29, 7, 5, 9, tzinfo=timezone(-timedelta(hours=3, minutes=30)))
ENVELOPE = b"EHLO client.example\r\nMAIL FROM:<a@client.example>\r\n"


class Failing(MemoryStore):
    """Refuses to append, with the error given."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def append(self, mailbox: str, octets: BinaryIO, flags: frozenset[str], internal_date: datetime) -> int:
        raise self.error


class Unforgetting(MemoryStore):
    """Refuses to expunge."""

    def expunge(self, mailbox: str, uids: UIDSet) -> None:
        raise OSError("disk")


class Users:
    """A route by local part."""

    def __init__(self, **stores: MailStore) -> None:
        self.stores = stores

    def __call__(self, mailbox: Mailbox) -> Destination | None:
        store = self.stores.get(mailbox.local_part.partition("+")[0])
        return None if store is None else Destination(store)


def start(users: Users, *, lmtp: bool = False) -> FlowRun[None]:
    """Return a server that has greeted."""
    conn = SMTPServerConnection(hostname="mx.example", lmtp=lmtp)
    service = Service(handler=Delivery(users, hostname="mx.example", clock=lambda: NOW))
    run = FlowRun(conn, serve(conn, service, peer=("192.0.2.1", 4711)))
    run.take_sent()
    return run


def say(run: FlowRun[None], octets: bytes) -> list[bytes]:
    """Feed octets and return the codes and first words of the replies, continuation lines left out."""
    run.feed(octets)
    lines = run.take_sent().split(b"\r\n")[:-1]
    return [
        line[:9] if line[3:5] in (b" 2", b" 4", b" 5") else line[:3] for line in lines if line[3:4] != b"-"
    ]


def bodies(store: MailStore) -> list[bytes]:
    """Return the messages in INBOX."""
    plain = Plain(store)
    return [plain.read(info.uid) for info in plain.changes().messages]


def test_a_message_is_delivered_with_its_trace() -> None:
    alice = MemoryStore()
    run = start(Users(alice=alice))
    replies = say(run, ENVELOPE + b"RCPT TO:<alice@mx.example>\r\nDATA\r\n")
    assert replies == [b"250", b"250 2.1.0", b"250 2.1.5", b"354"]
    assert say(run, b"Subject: x\r\n\r\n..hi\r\n.\r\nQUIT\r\n") == [b"250 2.0.0", b"221 2.0.0"]
    assert bodies(alice) == [
        b"Return-Path: <a@client.example>\r\n"
        b"Received: from client.example ([192.0.2.1])\r\n"
        b"\tby mx.example with ESMTP\r\n"
        b"\tfor <alice@mx.example>;\r\n"
        b"\tThu, 29 Feb 2024 07:05:09 -0330\r\n"
        b"Subject: x\r\n\r\n.hi\r\n"
    ]
    (info,) = Plain(alice).changes().messages
    assert (info.internal_date, info.flags) == (NOW, frozenset())


def test_several_recipients_are_not_named() -> None:
    alice, bob = MemoryStore(), MemoryStore()
    run = start(Users(alice=alice, bob=bob))
    say(run, ENVELOPE + b"RCPT TO:<alice@x>\r\nRCPT TO:<bob@x>\r\nRCPT TO:<alice+tag@x>\r\nDATA\r\n")
    assert say(run, b"hi\r\n.\r\n") == [b"250 2.0.0"]
    assert len(bodies(alice)) == 1
    assert bodies(alice) == bodies(bob)
    assert b"for" not in bodies(alice)[0]


def test_an_unknown_recipient_is_refused() -> None:
    run = start(Users(alice=MemoryStore()))
    replies = say(run, ENVELOPE + b"RCPT TO:<nobody@x>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n")
    assert replies == [b"250", b"250 2.1.0", b"550 5.1.1", b"550 5.1.1", b"554 5.5.1"]


def test_a_null_reverse_path() -> None:
    alice = MemoryStore()
    run = start(Users(alice=alice))
    say(run, b"HELO old.example\r\nMAIL FROM:<>\r\nRCPT TO:<alice@x>\r\nDATA\r\n")
    say(run, b"hi\r\n.\r\n")
    assert bodies(alice)[0].startswith(
        b"Return-Path: <>\r\nReceived: from old.example ([192.0.2.1])\r\n\tby mx.example with SMTP\r\n"
    )


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (StoreError("OVERQUOTA", "full"), b"452 4.2.2"),
        (StoreError("TOOBIG", "big"), b"552 5.3.4"),
        (StoreError("NONEXISTENT", "no INBOX"), b"550 5.2.1"),
        (StoreError("", "no"), b"451 4.3.0"),
        (OSError("disk"), b"451 4.3.0"),
    ],
    ids=["quota", "too big", "no mailbox", "no code", "os error"],
)
def test_what_fails_for_one_is_delivered_to_nobody(error: Exception, reply: bytes) -> None:
    alice = MemoryStore()
    run = start(Users(alice=alice, bob=Failing(error)))
    say(run, ENVELOPE + b"RCPT TO:<alice@x>\r\nRCPT TO:<bob@x>\r\nDATA\r\n")
    assert say(run, b"hi\r\n.\r\n") == [reply]
    assert bodies(alice) == []


def test_what_cannot_be_taken_back_stays() -> None:
    alice = Unforgetting()
    run = start(Users(alice=alice, bob=Failing(OSError("disk"))))
    say(run, ENVELOPE + b"RCPT TO:<alice@x>\r\nRCPT TO:<bob@x>\r\nDATA\r\n")
    assert say(run, b"hi\r\n.\r\n") == [b"451 4.3.0"]
    assert len(bodies(alice)) == 1


def test_lmtp_has_a_reply_for_each_recipient() -> None:
    alice = MemoryStore()
    run = start(Users(alice=alice, bob=Failing(StoreError("OVERQUOTA", "full"))), lmtp=True)
    say(run, b"LHLO relay\r\nMAIL FROM:<a@b.example>\r\n")
    say(run, b"RCPT TO:<bob@x>\r\nRCPT TO:<alice@x>\r\nRCPT TO:<no@x>\r\nRCPT TO:<alice+1@x>\r\nDATA\r\n")
    assert say(run, b"hi\r\n.\r\n") == [b"452 4.2.2", b"250 2.0.0", b"250 2.0.0"]
    assert len(bodies(alice)) == 1
    assert b"with LMTP;\r\n" in bodies(alice)[0]


def test_a_user_who_goes_away_before_the_message() -> None:
    users = Users(alice=MemoryStore())
    run = start(users, lmtp=True)
    say(run, b"LHLO relay\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@x>\r\n")
    users.stores.clear()
    say(run, b"DATA\r\n")
    assert say(run, b"hi\r\n.\r\n") == [b"550 5.1.1"]


def test_a_stopped_server_delivers_nothing_half() -> None:
    alice = MemoryStore()
    run = start(Users(alice=alice))
    say(run, ENVELOPE + b"RCPT TO:<alice@x>\r\nDATA\r\n")
    run.feed(b"half a mess")
    run.feed(ServerStopping())
    assert run.is_done
    assert bodies(alice) == []


def test_an_async_store() -> None:
    class Async(MemoryStore):
        def append(  # type: ignore[override]  # what a plain store returns, awaitable
            self, mailbox: str, octets: BinaryIO, flags: frozenset[str], internal_date: datetime
        ) -> Awaitable[int]:
            async def append() -> int:
                return MemoryStore.append(self, mailbox, octets, flags, internal_date)

            return append()

    alice = Async()
    run = start(Users(alice=alice))
    say(run, ENVELOPE + b"RCPT TO:<alice@x>\r\nDATA\r\n")
    assert say(run, b"hi\r\n.\r\n") == [b"250 2.0.0"]
    assert len(bodies(alice)) == 1


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        (("2001:db8::1%eth0", 25), b"from c.example ([IPv6:2001:db8::1])\r\n"),
        ("/run/lmtp", b"from c.example\r\n"),
    ],
    ids=["IPv6", "Unix socket"],
)
def test_clients_without_an_ipv4_address(peer: tuple[str, int] | str, client: bytes) -> None:
    alice = MemoryStore()
    conn = SMTPServerConnection(hostname="mx.example")
    service = Service(handler=Delivery(Users(alice=alice), hostname="mx.example", clock=lambda: NOW))
    run = FlowRun(conn, serve(conn, service, peer=peer))
    say(run, b"EHLO c.example\r\nMAIL FROM:<a@b>\r\nRCPT TO:<alice@x>\r\nDATA\r\n")
    say(run, b"hi\r\n.\r\n")
    assert client in bodies(alice)[0]


def test_dates_are_english_and_have_a_zone() -> None:
    assert date_time(datetime(2023, 12, 3, 1, 2, 3, tzinfo=UTC)) == "Sun, 3 Dec 2023 01:02:03 +0000"

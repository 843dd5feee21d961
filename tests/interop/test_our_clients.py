"""Our clients, over sockets and over asyncio, against servers that we did not write."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

import mailproto.asyncio
import mailproto.sync
from mailproto.errors import IMAPStatusError, SMTPReplyError
from mailproto.imap import (
    BODY,
    BODYSTRUCTURE,
    ENVELOPE,
    FLAGS,
    INTERNALDATE,
    RFC822,
    RFC822_HEADER,
    RFC822_SIZE,
    RFC822_TEXT,
    UID,
    BodySection,
    FetchData,
    NewMessages,
)
from mailproto.imap.search import All, Deleted, Header, Larger, Not, Or, Since, Subject, Unseen
from mailproto.mime import TextPart
from support_interop import MESSAGE, free_port

BODY_TEXT = MESSAGE.partition(b"\r\n\r\n")[2]
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
HEADER_FIELDS = BodySection(specifier="HEADER.FIELDS", fields=("Subject", "To"))
PARTIAL = BodySection(partial=(5, 10))
EVERYTHING = (
    *(
        UID,
        FLAGS,
        INTERNALDATE,
        RFC822_SIZE,
        ENVELOPE,
        BODY,
        BODYSTRUCTURE,
        RFC822,
        RFC822_HEADER,
        RFC822_TEXT,
    ),
    *(BodySection(), BodySection(specifier="TEXT"), HEADER_FIELDS, PARTIAL),
)
LARGE = b"Subject: large\r\n\r\n" + b".a line that begins with a dot and goes on for a while\r\n" * 40_000


class Collected(MessageHandler):
    """An aiosmtpd handler that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.append((envelope.rcpt_tos, envelope.original_content))
        return "250 kept"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    def handle_message(self, message: Any) -> None:
        raise NotImplementedError


@pytest.fixture
def aiosmtpd() -> Iterator[tuple[int, Collected]]:
    handler = Collected()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port, handler
    finally:
        controller.stop()


def send_sync(port: int, message: Any, **options: Any) -> Any:
    with mailproto.sync.SMTPClient.connect("127.0.0.1", port, tls="none") as smtp:
        return smtp.send_message(message, **options)


def send_asyncio(port: int, message: Any, **options: Any) -> Any:
    async def send() -> Any:
        async with mailproto.asyncio.SMTPClient.connect("127.0.0.1", port, tls="none") as smtp:
            return await smtp.send_message(message, **options)

    return asyncio.run(send())


SENDERS = pytest.mark.parametrize("send", [send_sync, send_asyncio], ids=["sync", "asyncio"])
ENVELOPE_OPTIONS = {"reverse_path": "a@example.net", "forward_paths": ["b@example.org", "c@example.org"]}


@SENDERS
def test_smtp_sink_takes_messages_of_every_kind(smtp_sink: int, send: Callable[..., Any]) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.net", "b@example.org", "Größe"
    message.set_content("hi\n")
    assert send(smtp_sink, message).accepted == ("b@example.org",)
    for content in (MESSAGE, io.BytesIO(LARGE), iter([b"Subject: x\r\n", b"\r\n.", b"..\r\n"])):
        assert send(smtp_sink, content, **ENVELOPE_OPTIONS).accepted == ("b@example.org", "c@example.org")


@SENDERS
def test_aiosmtpd_gets_the_very_octets(aiosmtpd: tuple[int, Collected], send: Callable[..., Any]) -> None:
    port, handler = aiosmtpd
    result = send(port, LARGE, reverse_path="a@example.net", forward_paths=["b@example.org", "nobody@x.org"])
    assert result.accepted == ("b@example.org",)
    assert result.refused["nobody@x.org"].code == 550
    assert handler.received == [(["b@example.org"], LARGE)]
    with pytest.raises(SMTPReplyError, match="no such user"):
        send(port, MESSAGE, reverse_path="a@example.net", forward_paths=["nobody@x.org"])
    send(port, b"no final line end", **ENVELOPE_OPTIONS)
    assert handler.received[1:] == [(["b@example.org", "c@example.org"], b"no final line end\r\n")]


def check_everything(message: FetchData) -> None:
    """The answer to a FETCH of everything about MESSAGE."""
    assert {r"\Flagged", "$Label"} <= message.flags
    assert message.size == len(MESSAGE)
    assert message.internal_date.date() >= YESTERDAY
    assert message.envelope.subject_text == "interoperability"
    assert message.envelope.message_id == b"<1@example.net>"
    assert message.body_structure.content_type == "text/plain"
    structure = message[BODY]
    assert isinstance(structure, TextPart)
    assert structure.size == len(BODY_TEXT)
    assert message[RFC822] == message[BodySection()] == MESSAGE
    assert message[RFC822_HEADER] + message[RFC822_TEXT] == MESSAGE
    assert message[BodySection(specifier="TEXT")] == BODY_TEXT
    assert sorted(message[HEADER_FIELDS].splitlines()) == [
        b"",
        b"Subject: interoperability",
        b"To: b@example.org",
    ]
    assert message[PARTIAL] == MESSAGE[5:15]
    assert message.defects == ()


def everything_sync(port: int, user: str) -> None:
    with mailproto.sync.IMAPClient.connect("127.0.0.1", port, tls="none") as imap:
        imap.login(user, "pass", allow_cleartext=True)
        assert "MOVE" in imap.capabilities
        imap.create("Arbeit/Größe")
        appended = imap.append("INBOX", MESSAGE, flags=(r"\Flagged", "$Label"))
        assert appended is not None
        imap.append("INBOX", io.BytesIO(LARGE))
        inbox = imap.select("INBOX")
        assert inbox.exists == 2
        assert imap.uid_search(All()) == imap.uid_search(Or(Subject("interop"), Larger(1000)))
        assert list(imap.uid_search(Header("Message-ID", "1@example.net") & Not(Deleted()))) == [appended.uid]
        [message] = imap.uid_fetch(appended.uid, *EVERYTHING).all()
        check_everything(message)
        with imap.download(2) as part:
            assert part.read() == LARGE
        imap.uid_store(appended.uid, "+FLAGS", (r"\Answered",))
        assert r"\Answered" in next(iter(imap.uid_fetch(appended.uid, FLAGS))).flags
        imap.uid_move(appended.uid, "Arbeit/Größe")
        assert len(imap.uid_search(All())) == 1
        assert imap.status("Arbeit/Größe", "MESSAGES").get("MESSAGES") == 1
        assert "Arbeit/Größe" in {row.mailbox for row in imap.list("", "*")}
        with pytest.raises(IMAPStatusError, match="nowhere"):
            imap.select("nowhere")
        imap.select("INBOX")
        with imap.idle() as updates:
            with mailproto.sync.IMAPClient.connect("127.0.0.1", port, tls="none") as other:
                other.login(user, "pass", allow_cleartext=True)
                other.append("INBOX", MESSAGE)
            update = next(update for update in updates if isinstance(update, NewMessages))
        assert list(update.uids) == [3]
        imap.uid_store("3", "+FLAGS", (r"\Deleted",), silent=True)
        imap.expunge()
        assert list(imap.uid_search(Unseen() | Since(YESTERDAY))) == [2]
        imap.logout()


async def everything_asyncio(port: int, user: str) -> None:
    async with mailproto.asyncio.IMAPClient.connect("127.0.0.1", port, tls="none") as imap:
        await imap.login(user, "pass", allow_cleartext=True)
        assert "MOVE" in imap.capabilities
        await imap.create("Arbeit/Größe")
        appended = await imap.append("INBOX", MESSAGE, flags=(r"\Flagged", "$Label"))
        assert appended is not None
        await imap.append("INBOX", io.BytesIO(LARGE))
        inbox = await imap.select("INBOX")
        assert inbox.exists == 2
        both = await asyncio.gather(
            imap.uid_search(All()), imap.uid_search(Or(Subject("interop"), Larger(1000)))
        )
        assert both[0] == both[1]
        found = await imap.uid_search(Header("Message-ID", "1@example.net") & Not(Deleted()))
        assert list(found) == [appended.uid]
        [message] = await imap.uid_fetch(appended.uid, *EVERYTHING).all()
        check_everything(message)
        async with imap.download(2) as part:
            assert await part.read() == LARGE
        await imap.uid_store(appended.uid, "+FLAGS", (r"\Answered",))
        [message] = await imap.uid_fetch(appended.uid, FLAGS).all()
        assert r"\Answered" in message.flags
        await imap.uid_move(appended.uid, "Arbeit/Größe")
        assert len(await imap.uid_search(All())) == 1
        assert (await imap.status("Arbeit/Größe", "MESSAGES")).get("MESSAGES") == 1
        assert "Arbeit/Größe" in {row.mailbox for row in await imap.list("", "*")}
        with pytest.raises(IMAPStatusError, match="nowhere"):
            await imap.select("nowhere")
        await imap.select("INBOX")
        async with imap.idle() as updates:
            async with mailproto.asyncio.IMAPClient.connect("127.0.0.1", port, tls="none") as other:
                await other.login(user, "pass", allow_cleartext=True)
                await other.append("INBOX", MESSAGE)
            update = await anext(updates)
            while not isinstance(update, NewMessages):
                update = await anext(updates)
        assert list(update.uids) == [3]
        await imap.uid_store("3", "+FLAGS", (r"\Deleted",), silent=True)
        await imap.expunge()
        assert list(await imap.uid_search(Unseen() | Since(YESTERDAY))) == [2]
        await imap.logout()


def test_the_blocking_client_does_everything_with_dovecot(dovecot: int) -> None:
    everything_sync(dovecot, "sync@example.org")


def test_the_asyncio_client_does_everything_with_dovecot(dovecot: int) -> None:
    asyncio.run(everything_asyncio(dovecot, "asyncio@example.org"))

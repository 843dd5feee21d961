"""Commands of several tasks on one connection: which go out together, to the octet (RFC 9051 section 5.5)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from mailproto.asyncio import IMAPClient
from mailproto.imap.fetch import ENVELOPE, FLAGS, RFC822_SIZE
from mailproto.imap.search import Seen
from mailproto.imap.sequence import UIDSet
from mailproto.imap.updates import Expunged
from support_asyncio import run_async

GREETING = b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE MOVE UIDPLUS LITERAL+] ready\r\n"


class Script:
    """The server's end: what it reads must be these octets, what it says goes out at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def reads(self, *lines: str) -> None:
        expected = "".join(f"{line}\r\n" for line in lines).encode()
        async with asyncio.timeout(10):
            assert await self._reader.readexactly(len(expected)) == expected

    def says(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[IMAPClient, Script]]:
    """Yield a client with INBOX selected, and the server's end."""
    scripts: asyncio.Queue[Script] = asyncio.Queue()
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        scripts.put_nowait(Script(reader, writer))
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1")
    imap = await IMAPClient.connect(*server.sockets[0].getsockname(), tls="none", timeout=10)
    script = await scripts.get()
    selecting = asyncio.create_task(imap.select("INBOX"))
    await script.reads("A1 SELECT INBOX")
    script.says("* 9 EXISTS", "* OK [UIDVALIDITY 1] .", "* OK [UIDNEXT 100] .", "A1 OK [READ-WRITE] done")
    await selecting
    try:
        yield imap, script
    finally:
        imap.close()
        ended.set()
        server.close()


def start(*commands: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(command) for command in commands]


@run_async
async def test_independent_commands_go_out_together() -> None:
    async with connected() as (imap, script):
        tasks = start(
            imap.uid_search(Seen()),
            imap.status("a", "MESSAGES"),
            imap.status("b", "MESSAGES"),
            imap.list(),
            imap.uid_fetch("1:3", FLAGS).all(),
            imap.uid_fetch("4:6", ENVELOPE).all(),
            imap.uid_store(7, "+FLAGS", "x"),
            imap.uid_copy(8, "a"),
            imap.append("a", b"octets"),
            imap.create("c"),
        )
        await script.reads(
            "A2 UID SEARCH SEEN",
            "A3 STATUS a (MESSAGES)",
            "A4 STATUS b (MESSAGES)",
            'A5 LIST "" *',
            "A6 UID FETCH 1:3 FLAGS",
            "A7 UID FETCH 4:6 ENVELOPE",
            "A8 UID STORE 7 +FLAGS (x)",
            "A9 UID COPY 8 a",
            "A10 APPEND a {6+}",
            "octets",
            "A11 CREATE c",
        )
        # The server may carry them out in any order, and does.
        script.says(
            "A11 OK done",
            "A10 OK [APPENDUID 5 20] done",
            "A9 OK [COPYUID 5 8 21] done",
            "* 7 FETCH (UID 7 FLAGS (x))",
            "A8 OK done",
            "* 4 FETCH (UID 4 ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL))",
            "* 1 FETCH (UID 1 FLAGS (y))",
            "A7 OK done",
            "A6 OK done",
            '* LIST () "/" z',
            "A5 OK done",
            "* STATUS b (MESSAGES 2)",
            "* STATUS a (MESSAGES 1)",
            "A3 OK done",
            "A4 OK done",
            "* SEARCH 9",
            "A2 OK done",
        )
        found, a, b, listed, flags, envelopes, stored, copied, appended, created = await asyncio.gather(
            *tasks
        )
        assert found == UIDSet("9")
        assert (a.messages, b.messages) == (1, 2)
        assert [data.mailbox for data in listed] == ["z"]
        assert [(data.uid, data.flags) for data in flags] == [(1, {"y"})]
        assert [data.uid for data in envelopes] == [4]
        assert [(data.uid, data.flags) for data in stored] == [(7, {"x"})]
        assert copied.destination == UIDSet("21")
        assert appended.uid == 20
        assert created is None


@run_async
async def test_of_two_searches_the_second_waits_and_others_pass_it() -> None:
    async with connected() as (imap, script):
        tasks = start(imap.uid_search(), imap.uid_search(Seen()), imap.status("a", "MESSAGES"))
        await script.reads("A2 UID SEARCH ALL", "A3 STATUS a (MESSAGES)")
        script.says("* SEARCH 1 2", "A2 OK done")
        await script.reads("A4 UID SEARCH SEEN")
        script.says("* SEARCH 2", "A4 OK done", "* STATUS a (MESSAGES 7)", "A3 OK done")
        first, second, status = await asyncio.gather(*tasks)
        assert (first, second, status.messages) == (UIDSet("1:2"), UIDSet("2"), 7)


EXPUNGING: list[tuple[Callable[[IMAPClient], Coroutine[Any, Any, Any]], str, list[str]]] = [
    (lambda imap: imap.noop(), "NOOP", []),
    (lambda imap: imap.uid_copy(1, "a"), "UID COPY 1 a", []),
    (lambda imap: imap.uid_store(1, "+FLAGS", "x", silent=True), "UID STORE 1 +FLAGS.SILENT (x)", []),
    (lambda imap: imap.uid_search(), "UID SEARCH ALL", ["* SEARCH"]),
]


@pytest.mark.parametrize(("command", "line", "answers"), EXPUNGING)
@run_async
async def test_sequence_numbers_pass_no_command_that_lets_the_server_expunge(
    command: Callable[[IMAPClient], Coroutine[Any, Any, Any]], line: str, answers: list[str]
) -> None:
    async with connected() as (imap, script):
        tasks = start(command(imap), imap.fetch(5, RFC822_SIZE).all(), imap.create("c"))
        await script.reads(f"A2 {line}", "A3 CREATE c")
        script.says(*answers, "* 2 EXPUNGE", "A2 OK done", "A3 OK done")
        # The message that was 5 when it was asked for is 4 now.
        await script.reads("A4 FETCH 4 RFC822.SIZE")
        script.says("* 4 FETCH (RFC822.SIZE 44)", "A4 OK done")
        _, [message], _ = await asyncio.gather(*tasks)
        assert message.size == 44


@run_async
async def test_sequence_numbers_travel_with_commands_that_keep_them() -> None:
    async with connected() as (imap, script):
        tasks = start(
            imap.search(),
            imap.fetch(1, RFC822_SIZE).all(),
            imap.store(2, "+FLAGS", "x", silent=True),
            imap.copy(3, "a"),
            imap.noop(),
            imap.copy(4, "a"),
        )
        await script.reads(
            "A2 SEARCH ALL",
            "A3 FETCH 1 RFC822.SIZE",
            "A4 STORE 2 +FLAGS.SILENT (x)",
            "A5 COPY 3 a",
            "A6 NOOP",
        )
        script.says(
            "* SEARCH 1", "A2 OK .", "* 1 FETCH (RFC822.SIZE 1)", "A3 OK .", "A4 OK .", "A5 OK .", "A6 OK ."
        )
        await script.reads("A7 COPY 4 a")
        script.says("A7 OK .")
        await asyncio.gather(*tasks)


@run_async
async def test_an_idle_is_ended_for_a_command_and_begun_again() -> None:
    async with connected() as (imap, script):
        opening = asyncio.ensure_future(imap.idle())
        await script.reads("A2 IDLE")
        script.says("+ idling")
        updates = await opening
        update = asyncio.create_task(anext(updates))
        search = asyncio.create_task(imap.uid_search())
        await script.reads("DONE", "A3 UID SEARCH ALL")
        script.says("A2 OK idle ended", "* SEARCH 3", "A3 OK done")
        assert await search == UIDSet("3")
        await script.reads("A4 IDLE")
        script.says("+ idling", "* 3 EXPUNGE")
        assert await update == Expunged(3, None)

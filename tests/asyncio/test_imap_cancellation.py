"""A task of an IMAP client is cancelled after every number of steps of the loop: nothing gets out of step.

Server and client are in one loop. After each cancellation the connection is usable, with answers that are
those of the commands that are given then, or it is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest

from mailproto.asyncio import IMAPClient, serve_imap
from mailproto.errors import LocalProtocolError, MailProtoError
from mailproto.imap.fetch import FLAGS, RFC822_SIZE, BodySection
from mailproto.imap.sequence import UIDSet
from mailproto.limits import IMAPLimits
from mailproto.store import MemoryStore
from support_asyncio import run_async

SMALL = b"Subject: small\r\n\r\nbody\r\n"
LARGE = b"Subject: large\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"YWJjYWJjYWJjYWJj\r\n" * 12_000
PARTS = IMAPLimits(max_command_line=70, max_section=2**30)
MAX_STEPS = 3_000

Victim = Callable[[IMAPClient], Awaitable[object]]


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[str, int]]:
    store = MemoryStore()
    async with serve_imap(store, "127.0.0.1") as server:
        address = server.addresses[0]
        assert isinstance(address, tuple)
        async with IMAPClient.connect(*address, tls="none", timeout=10) as imap:
            await imap.create("Other")
            for message in (SMALL, LARGE, SMALL, SMALL, LARGE):
                await imap.append("INBOX", message)
        yield address


async def connect(address: tuple[str, int]) -> IMAPClient:
    imap = await IMAPClient.connect(*address, tls="none", timeout=10, limits=PARTS)
    await imap.select("INBOX")
    return imap


async def check(imap: IMAPClient) -> None:
    """Check that the connection is usable and its answers are the right ones, or that it is closed."""
    if not imap.is_open:
        with pytest.raises(LocalProtocolError):
            await imap.noop()
        return
    async with asyncio.timeout(10):
        # A SELECT that was cancelled may have been carried out all the same.
        await imap.select("INBOX")
        found = await imap.uid_search()
        messages = await imap.uid_fetch("1:*", RFC822_SIZE).all()
        assert found == UIDSet.of(message.uid for message in messages)
        # No message was cut off.
        assert {message.size for message in messages} <= {len(SMALL), len(LARGE)}
        assert (await imap.status("Other", "MESSAGES")).mailbox == "Other"
        octets = await imap.uid_fetch(1, BodySection()).all()
        assert [message[BodySection()] for message in octets] == [SMALL]


async def fetch(imap: IMAPClient) -> None:
    await imap.uid_fetch("1:5", BodySection()).all()


async def fetch_and_do_more(imap: IMAPClient) -> None:
    async for message in imap.uid_fetch("1:3", FLAGS):
        await imap.uid_store(message.uid, "+FLAGS", r"\Seen")


async def download(imap: IMAPClient) -> None:
    async with imap.download(2) as part:
        async for _ in part:
            pass


async def download_decoded(imap: IMAPClient) -> None:
    async with imap.download(2, "1", decode=True, offset=30_000) as part:
        await part.read()


async def append(imap: IMAPClient) -> None:
    chunks = (LARGE[start : start + 40_000] for start in range(0, len(LARGE), 40_000))
    await imap.append("INBOX", chunks, size=len(LARGE))


async def append_slowly(imap: IMAPClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(LARGE), 80_000):
            await asyncio.sleep(0)
            yield LARGE[start : start + 80_000]

    await imap.append("INBOX", chunks(), size=len(LARGE), progress=lambda *_: asyncio.sleep(0))


async def append_octets(imap: IMAPClient) -> None:
    await imap.append("INBOX", LARGE)


async def idle(imap: IMAPClient) -> None:
    async with imap.idle() as updates:
        await updates.wait(0)
        await imap.append("INBOX", SMALL)
        await anext(updates)


async def store_in_parts(imap: IMAPClient) -> None:
    uids = UIDSet.of(range(1, 60, 2))
    await imap.uid_store(uids, "+FLAGS", r"\Flagged")
    await imap.uid_store(uids, "-FLAGS", r"\Flagged", silent=True)


async def copy_in_parts(imap: IMAPClient) -> None:
    await imap.uid_copy(UIDSet.of(range(1, 60, 2)), "Other")


async def move_by_number(imap: IMAPClient) -> None:
    await imap.append("INBOX", SMALL)
    await imap.noop()
    assert imap.mailbox is not None
    assert imap.mailbox.exists is not None
    await imap.move(imap.mailbox.exists, "Other")


async def search(imap: IMAPClient) -> None:
    await imap.search()
    await imap.list()


async def hold(imap: IMAPClient) -> None:
    async with imap.selected("Other"):
        await imap.noop()
    async with imap.selected("INBOX"):
        await imap.noop()


VICTIMS: list[Victim] = [
    fetch,
    fetch_and_do_more,
    download,
    download_decoded,
    append,
    append_slowly,
    append_octets,
    idle,
    store_in_parts,
    copy_in_parts,
    move_by_number,
    search,
    hold,
]


async def cancel_after(task: asyncio.Task[object], steps: int) -> bool:
    """Cancel *task* after so many steps of the loop; return whether it had ended by itself."""
    for _ in range(steps):
        if task.done():
            break
        await asyncio.sleep(0)
    is_done = task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return is_done


async def run(victim: Victim, imap: IMAPClient) -> object:
    return await victim(imap)


@run_async
@pytest.mark.parametrize("victim", VICTIMS, ids=lambda victim: victim.__name__)
async def test_after_every_step(victim: Victim) -> None:
    async with serving() as address:
        imap = await connect(address)
        for steps in count():
            assert steps < MAX_STEPS
            is_done = await cancel_after(asyncio.create_task(run(victim, imap)), steps)
            await check(imap)
            if is_done:
                break
            if not imap.is_open:
                imap = await connect(address)
        assert steps > 3
        imap.close()


CROWD: list[Victim] = [fetch, search, store_in_parts, idle, download, append]


@run_async
@pytest.mark.parametrize("victim", CROWD, ids=lambda victim: victim.__name__)
async def test_the_commands_of_other_tasks_get_their_answers(victim: Victim) -> None:
    async with serving() as address:
        imap = await connect(address)
        for steps in count():
            assert steps < MAX_STEPS
            others = [
                asyncio.create_task(coroutine)
                for coroutine in (
                    _uids(imap, "1:3"),
                    _messages(imap, "INBOX"),
                    _uids(imap, "4:5"),
                    _messages(imap, "Other"),
                )
            ]
            is_done = await cancel_after(asyncio.create_task(run(victim, imap)), steps)
            async with asyncio.timeout(10):
                results = await asyncio.gather(*others, return_exceptions=True)
            if imap.is_open:
                assert results[0] == [1, 2, 3]
                assert results[2] == [4, 5]
                assert results[1] == "INBOX"
                assert results[3] == "Other"
            else:
                assert all(isinstance(result, MailProtoError | list | str) for result in results)
                imap = await connect(address)
            if is_done:
                break
        imap.close()


async def _uids(imap: IMAPClient, uids: str) -> object:
    return [message.uid for message in await imap.uid_fetch(uids, RFC822_SIZE).all()]


async def _messages(imap: IMAPClient, mailbox: str) -> object:
    return (await imap.status(mailbox, "MESSAGES")).mailbox


@run_async
async def test_an_append_is_whole_or_the_connection_is_closed() -> None:
    async with serving() as address:
        is_closed = {False: 0, True: 0}
        for steps in count():
            imap = await connect(address)
            is_done = await cancel_after(asyncio.create_task(run(append_slowly, imap)), steps)
            is_closed[not imap.is_open] += 1
            imap.close()
            if is_done:
                break
        # Before the literal is announced nothing is lost, nor when all of it was sent.
        assert is_closed[False] > 1
        assert is_closed[True] > 1
        fresh = await connect(address)
        await check(fresh)
        fresh.close()

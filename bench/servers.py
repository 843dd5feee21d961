"""The servers that are measured, one a process: `python -m bench.servers NAME PORT`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from io import BytesIO

from bench.messages import varied_messages

USER, PASSWORD = "demouser", "demopass"
MESSAGES = 1_000


async def mailproto_smtp(port: int) -> None:
    """Accept every message, whole, and drop it."""
    from mailproto.asyncio import serve_smtp
    from mailproto.smtp import WholeMessages

    async with serve_smtp(WholeMessages(lambda session, octets: None), "127.0.0.1", port) as server:
        await server.serve_forever()


async def aiosmtpd_smtp(port: int) -> None:
    """Accept every message, whole, and drop it, with aiosmtpd on its own loop."""
    from aiosmtpd.smtp import SMTP

    class Drop:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
            return "250 OK"

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Drop(), loop=loop, hostname="bench"), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def twisted_smtp(port: int) -> None:
    """Accept every message, whole, and drop it, with Twisted on its own reactor."""
    from twisted.internet import reactor

    from bench.twisted_server import factory

    reactor.listenTCP(port, factory(), interface="127.0.0.1", backlog=1_024)
    reactor.run()


async def mailproto_imap(port: int) -> None:
    """Serve a memory store with the varied messages in INBOX."""
    from mailproto.asyncio import serve_imap
    from mailproto.store.memory import MemoryStore

    store = MemoryStore()
    for octets in varied_messages(MESSAGES):
        store.append("INBOX", BytesIO(octets), frozenset(), datetime.now(UTC))
    users = {USER: PASSWORD}
    async with serve_imap(store, "127.0.0.1", port, authenticator=users, allow_cleartext=True) as server:
        await server.serve_forever()


SERVERS: dict[str, Callable[[int], Awaitable[None] | None]] = {
    "mailproto-smtp": mailproto_smtp,
    "aiosmtpd": aiosmtpd_smtp,
    "twisted": twisted_smtp,
    "mailproto-imap": mailproto_imap,
}


async def _wait_for(serving: Awaitable[None]) -> None:
    await serving


def main() -> None:
    """Run the server that the command line names, until the process is ended."""
    serving = SERVERS[sys.argv[1]](int(sys.argv[2]))
    if serving is not None:
        asyncio.run(_wait_for(serving))


if __name__ == "__main__":
    main()

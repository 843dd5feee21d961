"""A scripted IMAP server on a socket pair, and the same call of both adapters against it."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import mailproto.asyncio
import mailproto.sync

__all__ = ["ADAPTERS", "converse"]

ADAPTERS = ["sync", "asyncio"]
SELECTED = b"* 9 EXISTS\r\n* OK [UIDVALIDITY 1] .\r\n* OK [UIDNEXT 100] .\r\n{tag} OK [READ-WRITE] done\r\n"


def converse(
    adapter: str,
    capabilities: str,
    answers: Sequence[bytes],
    call: Callable[[Any], Any],
    *,
    selected: bool = True,
    timeout: float = 10,
    **options: Any,
) -> tuple[Any, list[bytes]]:
    """Return what *call* of a client gives, and the commands that were sent, without their tags.

    Each command gets the next of *answers*, lines with `{tag}` for its tag. With *selected* INBOX was
    selected before. The client waits *timeout* seconds for an answer. *options* are others of `connect`.
    """
    ours, theirs = socket.socketpair()
    said: list[bytes] = []
    script = [SELECTED, *answers] if selected else list(answers)
    greeting = f"* PREAUTH [CAPABILITY IMAP4rev1 {capabilities}] ready\r\n".encode()
    server = threading.Thread(target=_play, args=(theirs, greeting, script, said), daemon=True)
    server.start()
    try:
        if adapter == "sync":
            result = _call(ours, call, selected, {"timeout": timeout, **options})
        else:
            result = asyncio.run(_acall(ours, call, selected, {"timeout": timeout, **options}))
    finally:
        ours.close()
        server.join(10)
        theirs.close()
    return result, said[1:] if selected else said


def _play(sock: socket.socket, greeting: bytes, script: list[bytes], said: list[bytes]) -> None:
    sock.settimeout(10)
    sock.sendall(greeting)
    with sock.makefile("rb") as lines:
        for answer in script:
            tag, _, command = lines.readline().rstrip(b"\r\n").partition(b" ")
            said.append(command)
            sock.sendall(answer.replace(b"{tag}", tag))


def _call(sock: socket.socket, call: Callable[[Any], Any], selected: bool, options: dict[str, Any]) -> Any:
    imap = mailproto.sync.IMAPClient.connect(sock=sock, tls="none", **options)
    try:
        if selected:
            imap.select("INBOX")
        return call(imap)
    finally:
        imap.close()


async def _acall(
    sock: socket.socket, call: Callable[[Any], Any], selected: bool, options: dict[str, Any]
) -> Any:
    sock.setblocking(False)
    imap = await mailproto.asyncio.IMAPClient.connect(sock=sock, tls="none", **options)
    try:
        if selected:
            await imap.select("INBOX")
        result = call(imap)
        return await result if inspect.isawaitable(result) else result
    finally:
        imap.close()

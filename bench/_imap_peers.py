"""Four clients of IMAP behind one interface, for `bench.compare_imap`: logged in, INBOX selected."""

from __future__ import annotations

import asyncio
import imaplib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from mailproto.sync import IMAPClient

__all__ = ["HOST", "PASSWORD", "PEERS", "SECONDS", "TOKEN", "USER", "Peer"]

HOST: Final = "127.0.0.1"
SECONDS: Final = 10.0
USER, PASSWORD, TOKEN = "u@x.example", "pencil", "t0ken"


class Peer(Protocol):
    """What is asked of a client; whatever it raises is a way to say no."""

    name: str

    def run(self, port: int, act: Callable[[Any], Any], *, logs_in: bool = True, selects: bool = True) -> Any:
        """Connect and return what *act* gives; unless *logs_in* or *selects* before that."""

    def has_method(self, word: str) -> bool:
        """Return whether a public method has *word* in its name."""


class _Own:
    def __init__(self, kind: type) -> None:
        self.kind = kind

    def has_method(self, word: str) -> bool:
        return any(word in name for name in dir(self.kind) if not name.startswith("_"))


class Ours(_Own):
    """mailproto.sync."""

    name = "mailproto"

    def run(self, port: int, act: Callable[[Any], Any], *, logs_in: bool = True, selects: bool = True) -> Any:
        with IMAPClient.connect(HOST, port, tls="none", timeout=SECONDS) as client:
            if logs_in:
                client.login(USER, PASSWORD, allow_cleartext=True)
            if logs_in and selects:
                client.select("INBOX")
            return act(client)


class IMAPLib(_Own):
    """imaplib of the standard library."""

    name = "imaplib"

    def run(self, port: int, act: Callable[[Any], Any], *, logs_in: bool = True, selects: bool = True) -> Any:
        client = imaplib.IMAP4(HOST, port, timeout=SECONDS)
        try:
            if logs_in:
                client.login(USER, PASSWORD)
            if logs_in and selects:
                client.select("INBOX")
            return act(client)
        finally:
            client.shutdown()


class IMAPClientPeer(_Own):
    """IMAPClient."""

    name = "IMAPClient"

    def run(self, port: int, act: Callable[[Any], Any], *, logs_in: bool = True, selects: bool = True) -> Any:
        client = self.kind(HOST, port, ssl=False, timeout=SECONDS)
        try:
            if logs_in:
                client.login(USER, PASSWORD)
            if logs_in and selects:
                client.select_folder("INBOX")
            return act(client)
        finally:
            with suppress(Exception):
                client.shutdown()


class AIOIMAPLib(_Own):
    """aioimaplib."""

    name = "aioimaplib"

    def run(
        self, port: int, act: Callable[[Any], Awaitable[Any]], *, logs_in: bool = True, selects: bool = True
    ) -> Any:
        return asyncio.run(asyncio.wait_for(self._run(port, act, logs_in, selects), 2 * SECONDS))

    async def _run(
        self, port: int, act: Callable[[Any], Awaitable[Any]], logs_in: bool, selects: bool
    ) -> Any:
        client = self.kind(HOST, port, timeout=SECONDS)
        try:
            await client.wait_hello_from_server()
            if logs_in:
                await client.login(USER, PASSWORD)
            if logs_in and selects:
                await client.select("INBOX")
            return await act(client)
        finally:
            client.protocol.transport.close()


def peers() -> dict[str, Peer]:
    """Return those that are installed, by name; mailproto and imaplib always are."""
    found: list[Peer] = [Ours(IMAPClient), IMAPLib(imaplib.IMAP4)]
    with suppress(ImportError):
        import imapclient

        found.append(IMAPClientPeer(imapclient.IMAPClient))
    with suppress(ImportError):
        import aioimaplib

        found.append(AIOIMAPLib(aioimaplib.IMAP4))
    return {peer.name: peer for peer in found}


PEERS: Final = peers()

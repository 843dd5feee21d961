"""Each cell of the table of idioms runs, library by library, and does what its row says."""

from __future__ import annotations

import ast
import asyncio
import csv
import imaplib
import inspect
import socket
import ssl
import types
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import aioimaplib
import imapclient
import pytest
import trustme

import mailproto.imap
import mailproto.imap.search
from mailproto.store import MemoryStore
from mailproto.sync import IMAPClient, serve_imap
from support_peers import run_of

TABLE = Path(__file__).parents[1] / "docs" / "howto" / "imap_idioms.csv"
OCTETS = b"From: bob@example.org\r\nSubject: tea\r\n\r\nat five?\r\n"
LIBRARIES = ("imaplib", "IMAPClient", "aioimaplib", "mailproto")


def idioms(library: str) -> Iterator[tuple[str, str]]:
    with TABLE.open(newline="") as file:
        for row in csv.DictReader(file):
            assert row[library].startswith("``")
            yield row["Task"], row[library].strip("`")


def says(*texts: str) -> Callable[[Any, MemoryStore], bool]:
    """Expect these in what was given, whatever form it has; of a mailbox, in how many messages it has."""
    return lambda found, store: all(text in repr(getattr(found, "exists", found)) for text in texts)


def flags(store: MemoryStore, uid: int, mailbox: str = "INBOX") -> frozenset[str]:
    return next(m.flags for m in store.changes(mailbox, 0).messages if m.uid == uid)


def uids(store: MemoryStore, mailbox: str) -> list[int]:
    return [m.uid for m in store.changes(mailbox, 0).messages]


EXPECTED: dict[str, Callable[[Any, MemoryStore], bool]] = {
    "connect": lambda found, store: True,
    "log in": lambda found, store: True,
    "list mailboxes": says("INBOX"),
    "create one": lambda found, store: "Work" in [info.name for info in store.mailboxes()],
    "count messages": says("2"),
    "look only": says("2"),
    "select": says("2"),
    "find unseen": says("2"),
    "find by two": says("1"),
    "read subjects": says("tea", "cake"),
    "read a message": says("at five?"),
    "flag": lambda found, store: "\\Flagged" in flags(store, 1),
    "copy": lambda found, store: uids(store, "Work") == [1],
    "move": lambda found, store: (uids(store, "INBOX"), uids(store, "Work")) == ([1], [1, 2]),
    "delete": lambda found, store: uids(store, "INBOX") == [],
    "append": lambda found, store: uids(store, "INBOX") == [3],
    "log out": lambda found, store: True,
}


async def run(code: str, names: dict[str, Any]) -> Any:
    """Run *code*, which may await; return the value of its last expression."""
    tree = ast.parse(code)
    if isinstance(tree.body[-1], ast.Expr):
        tree.body[-1] = ast.Assign([ast.Name("found", ast.Store())], tree.body[-1].value)
    compiled = compile(
        ast.fix_missing_locations(tree), "<idiom>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    running = types.FunctionType(compiled, names)()
    if inspect.isawaitable(running):
        await running
    return names.pop("found", None)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    old, new = datetime(2025, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    store.append("INBOX", BytesIO(OCTETS), frozenset({"\\Seen"}), new)
    store.append("INBOX", BytesIO(OCTETS.replace(b"tea", b"cake")), frozenset(), old)
    return store


@pytest.fixture
def example_server(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve *store* on loopback as imap.example.org, with a certificate that everybody trusts."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("imap.example.org").configure_cert(context)
    look_up, new_context = socket.getaddrinfo, ssl.create_default_context

    def trusting_context(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        made = new_context(*args, **kwargs)
        authority.configure_trust(made)
        return made

    monkeypatch.setattr(ssl, "create_default_context", trusting_context)
    users = {"alice": "secret"}
    with serve_imap(
        store, "127.0.0.1", 0, tls="implicit", ssl_context=context, authenticator=users
    ) as server:
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda *args, **kwargs: look_up(*server.addresses[0][:2], *args[2:], **kwargs),
        )
        yield


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.usefixtures("example_server")
def test_each_cell_does_what_its_row_says(library: str, store: MemoryStore) -> None:
    names = {
        **vars(mailproto.imap),
        **vars(mailproto.imap.search),
        "imaplib": imaplib,
        "imapclient": imapclient,
        "aioimaplib": aioimaplib,
        "IMAPClient": IMAPClient,
        "date": date,
        "user": "alice",
        "password": "secret",
        "octets": OCTETS,
    }

    async def main() -> list[str]:
        done = []
        for task, code in idioms(library):
            found = await run(code, names)
            assert EXPECTED[task](found, store), (task, code, found)
            done.append(task)
        return done

    with run_of(library):
        done = asyncio.run(asyncio.wait_for(main(), 60))
    assert done == list(EXPECTED)

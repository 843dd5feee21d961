"""The IMAP session over a mail store: what every command of RFC 3501 and of the extensions here does.

`StoreSession` keeps the state of one client, and hands each command to the function of its subject:
mailboxes, messages, FETCH, SEARCH, APPEND. Sessions share nothing but the store.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow, Wake
from mailproto.imap import commands
from mailproto.imap.codes import ResponseCode, SimpleCode
from mailproto.imap.commands import Command
from mailproto.imap.events import LiteralOffered
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.namespace import Namespace
from mailproto.imap.ext.uidplus import UIDExpunge
from mailproto.imap.ext.unselect import Unselect
from mailproto.imap.responses import EnabledData
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session import LiteralSink, Status
from mailproto.imap.status import Bad, No, Ok
from mailproto.store import _append, _fetch, _mailboxes, _messages, _search
from mailproto.store._context import Context, Refusal
from mailproto.store._protocol import MailStore, StoreError

__all__ = ["CAPABILITIES", "StoreSession"]

CAPABILITIES: Final = (
    "IMAP4rev1",
    "CHILDREN",
    "COMPRESS=DEFLATE",
    "ENABLE",
    "ID",
    "IDLE",
    "LITERAL+",
    "MOVE",
    "NAMESPACE",
    "SASL-IR",
    "UIDPLUS",
    "UNSELECT",
)
"""What a server with these sessions offers, beside STARTTLS and the mechanisms of its authenticator."""

POLL_INTERVAL: Final = 30.0
"""Seconds between two looks at a store that cannot be watched, while the client idles."""


class StoreSession:
    """An `IMAPSession` over `store`; `clock` gives the date of messages that are appended without one."""

    __slots__ = ("_context",)

    def __init__(self, store: MailStore, *, clock: Callable[[], datetime]) -> None:
        self._context = Context(store, clock)

    @property
    def poll_interval(self) -> float | None:
        """Seconds between two calls of `push` while idling; None if the store says when."""
        is_silent = self._context.selected is None or self._context.is_watching
        return None if is_silent else POLL_INTERVAL

    def offer(self, offer: LiteralOffered) -> Flow[LiteralSink | No | Bad]:
        """Say where a large message goes, or refuse it."""
        try:
            return (yield from _append.offer(self._context, offer))
        except StoreError as error:
            return refusal(error)

    def handle(
        self, conn: IMAPServerConnection, command: Command, literals: tuple[LiteralSink, ...] = ()
    ) -> Flow[Status]:
        """Carry out *command*, then tell what happened in the mailbox as far as that is allowed."""
        try:
            status = yield from self._carry_out(conn, command, literals)
        except StoreError as error:
            return refusal(error)
        except Refusal as error:
            return error.status
        # The command is done: news that cannot be had now come with a later one.
        with suppress(StoreError):
            yield from self._context.finish(conn)
        return status

    def _carry_out(
        self, conn: IMAPServerConnection, command: Command, literals: tuple[LiteralSink, ...]
    ) -> Flow[Status]:
        if isinstance(command, commands.Append):
            return (yield from _append.append(self._context, conn, command, literals))
        handler = _HANDLERS.get(type(command))
        if handler is None:
            return Bad("unknown command")
        return (yield from handler(self._context, conn, command))

    def push(self, conn: IMAPServerConnection) -> Flow[None]:
        """Tell what happened in the selected mailbox, expunges included."""
        yield from self._context.finish(conn)

    def notify(self, wake: Wake | None) -> None:
        """From now on, set *wake* when the selected mailbox changes."""
        self._context.wake = wake

    def close(self) -> Flow[None]:
        """Stop watching the store."""
        yield from ()
        self._context.unselect()


def refusal(error: StoreError) -> No:
    """Return the tagged NO that *error* becomes."""
    text = " ".join(error.text.split()).lstrip("[") or "it failed"
    return No(text, _code(error.code))


def _code(name: str) -> ResponseCode | None:
    try:
        return SimpleCode(name) if name else None
    except LocalProtocolError:
        return None


def _nothing(context: Context, conn: IMAPServerConnection, command: Command) -> Flow[Status]:
    yield from ()
    return Ok(f"{command.name} completed")


def _enable(context: Context, conn: IMAPServerConnection, command: Enable) -> Flow[Status]:
    """Enable nothing: there is no extension yet that has to be (RFC 5161)."""
    yield from ()
    conn.send(EnabledData(()))
    return Ok("ENABLE completed")


_HANDLERS: Final[dict[type[Command], Callable[[Context, IMAPServerConnection, Any], Flow[Status]]]] = {
    commands.Noop: _nothing,
    commands.Check: _nothing,
    Enable: _enable,
    commands.Select: _mailboxes.select,
    commands.Examine: _mailboxes.select,
    commands.Create: _mailboxes.create,
    commands.Delete: _mailboxes.delete,
    commands.Rename: _mailboxes.rename,
    commands.Subscribe: _mailboxes.subscribe,
    commands.Unsubscribe: _mailboxes.subscribe,
    commands.List: _mailboxes.list_,
    commands.LSub: _mailboxes.lsub,
    commands.Status: _mailboxes.status,
    Namespace: _mailboxes.namespace,
    commands.Fetch: _fetch.fetch,
    commands.UIDFetch: _fetch.fetch,
    commands.Search: _search.search,
    commands.UIDSearch: _search.search,
    commands.Store: _messages.store,
    commands.UIDStore: _messages.store,
    commands.Copy: _messages.copy,
    commands.UIDCopy: _messages.copy,
    Move: _messages.copy,
    UIDMove: _messages.copy,
    commands.Expunge: _messages.expunge,
    UIDExpunge: _messages.expunge,
    commands.Close: _messages.close,
    Unselect: _messages.unselect,
}
"""What carries out each command; an extension adds its rows."""

"""A small mail system: users, a store for each, and delivery into their INBOX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from mailproto._secret import Secret
from mailproto.address import Mailbox
from mailproto.cli._exit import Failure
from mailproto.store import Delivery, Destination, MailStore, MemoryStore

__all__ = ["MailSystem", "parse_user", "store_factory"]


@runtime_checkable
class SupportsClose(Protocol):
    """A store that holds a file open."""

    def close(self) -> None:
        """Let go of it."""


class MailSystem:
    """Users with passwords; each has a store of their own, made when it is first asked for.

    A user is called by the whole name, which is an address or a bare local part. Mail for an address goes to
    the user of that name, else to the user of its local part.
    """

    def __init__(
        self, users: dict[str, Secret[str]], new_store: Callable[[str], MailStore], hostname: str
    ) -> None:
        self.users = users
        self.delivery = Delivery(self._route, hostname=hostname)
        self._new_store = new_store
        self._stores: dict[str, MailStore] = {}

    def store_of(self, identity: str) -> MailStore:
        """Return the store of a user who has logged in."""
        if identity not in self._stores:
            self._stores[identity] = self._new_store(identity)
        return self._stores[identity]

    def close(self) -> None:
        """Close the stores that have something to close."""
        for store in self._stores.values():
            if isinstance(store, SupportsClose):
                store.close()

    def _route(self, mailbox: Mailbox) -> Destination | None:
        for name in (str(mailbox), mailbox.local_part):
            if name in self.users:
                return Destination(self.store_of(name))
        return None


def parse_user(text: str) -> tuple[str, Secret[str]]:
    """Return the name and the password of `NAME:PASSWORD`; raises Failure."""
    name, separator, password = text.partition(":")
    if not (name and separator and password):
        raise Failure("--user: expected NAME:PASSWORD")
    return name, Secret(password)


def store_factory(text: str) -> Callable[[str], MailStore]:
    """Return what makes the store of a user: `memory`, or `sqlite:PATH`; raises Failure."""
    kind, _, path = text.partition(":")
    if text == "memory":
        return lambda identity: MemoryStore()
    if kind == "sqlite" and path:
        from mailproto.store.sqlite import SQLiteStore

        return lambda identity: SQLiteStore(Path(path), account=identity)
    raise Failure(f"--store: expected memory or sqlite:PATH, got {text!r}")

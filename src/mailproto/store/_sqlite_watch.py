"""Who in this process wants to hear of changes in one SQLite file, and how it is told.

Changes by stores of this process are told at once. For those of other processes a thread looks each
`POLL_INTERVAL` seconds, while somebody watches, whether the file changed (`PRAGMA data_version`, some
microseconds), and then which mailboxes. What is told twice does no harm; nothing is left untold, since what
is `known` of a mailbox is never newer than what a watcher has read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from threading import Event, Lock, Thread
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from mailproto.store._sqlite_database import connect

__all__ = ["State", "Watchers", "select_states", "watchers_of"]

POLL_INTERVAL: Final = 1.0
"""Seconds between two looks."""

State: TypeAlias = tuple[int, int]
"""`uid_validity` and highest mod-sequence of a mailbox: another pair, another content."""

Callback: TypeAlias = Callable[[str], object]

_watchers: WeakValueDictionary[str, Watchers] = WeakValueDictionary()
_watchers_lock: Final = Lock()


def watchers_of(path: str) -> Watchers:
    """Return the one object for the file *path*, which all its stores in this process share."""
    with _watchers_lock:
        found = _watchers.get(path)
        if found is None:
            found = _watchers[path] = Watchers(path)
        return found


def select_states(connection: sqlite3.Connection, account: int) -> dict[str, State]:
    """Return the states of the mailboxes of *account* by name."""
    rows = connection.execute("SELECT name, uid_validity, mod_seq FROM mailbox WHERE account = ?", (account,))
    return {name: (uid_validity, mod_seq) for name, uid_validity, mod_seq in rows}


class Watchers:
    """The callbacks of one file by account, and the thread that looks for changes of other processes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._known: dict[int, dict[str, State]] = {}
        self._callbacks: dict[object, tuple[int, Callback]] = {}
        self._stop: Event | None = None

    def learn(self, account: int, states: dict[str, State]) -> None:
        """Note what is there before anybody watches."""
        with self._lock:
            self._known.setdefault(account, states)

    def add(self, account: int, callback: Callback) -> Callable[[], None]:
        """Call *callback* from now on, and return what ends that."""
        key = object()
        with self._lock:
            self._callbacks[key] = (account, callback)
            if self._stop is None:
                self._stop = Event()
                Thread(target=self._run, args=(self._stop,), name="mailproto-watch", daemon=True).start()
        return lambda: self._remove(key)

    def _remove(self, key: object) -> None:
        """Forget a callback; the thread goes on until its next look, since another one may come soon."""
        with self._lock:
            self._callbacks.pop(key, None)

    def settle(self) -> None:
        """End the thread now if nobody watches."""
        with self._lock:
            if self._stop is not None and not self._callbacks:
                self._stop.set()
                self._stop = None

    def tell(self, account: int, states: Mapping[str, State | None]) -> None:
        """Tell of mailboxes that have these states now, None: that are gone."""
        with self._lock:
            known = self._known.setdefault(account, {})
            known.update((name, state) for name, state in states.items() if state is not None)
            for name in [name for name, state in states.items() if state is None]:
                known.pop(name, None)
            callbacks = self._of(account)
        _call(callbacks, list(states))

    def _of(self, account: int) -> list[Callback]:
        return [callback for owner, callback in self._callbacks.values() if owner == account]

    def _run(self, stop: Event) -> None:
        """Look until nobody watches; what cannot be read now is opened again the next time."""
        while not stop.wait(POLL_INTERVAL) and self._is_wanted(stop):
            with suppress(sqlite3.Error), closing(connect(self._path)) as connection:
                self._follow(connection, stop)

    def _follow(self, connection: sqlite3.Connection, stop: Event) -> None:
        seen: object = None
        while not stop.is_set():
            version = connection.execute("PRAGMA data_version").fetchone()
            if version != seen:
                self._look(connection)
            seen = version
            stop.wait(POLL_INTERVAL)
            self._is_wanted(stop)

    def _is_wanted(self, stop: Event) -> bool:
        with self._lock:
            if not self._callbacks and self._stop is stop:
                self._stop = None
                stop.set()
        return not stop.is_set()

    def _look(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            accounts = {account for account, _ in self._callbacks.values()}
        for account in accounts:
            states = select_states(connection, account)
            with self._lock:
                known = self._known.get(account, {})
                self._known[account] = states
                callbacks = self._of(account)
            names = [name for name in known.keys() | states.keys() if known.get(name) != states.get(name)]
            _call(callbacks, names)


def _call(callbacks: list[Callback], names: list[str]) -> None:
    for name in names:
        for callback in callbacks:
            # The change is committed: a watcher that fails must hide it neither from others nor its author.
            with suppress(Exception):
                callback(name)

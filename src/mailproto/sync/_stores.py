"""Calls into stores: of one store one at a time, whichever threads ask.

A store with `concurrent = True` does its own locking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

__all__ = ["call_in_turn"]

_LOCKS: Final[dict[int, list[threading.Lock]]] = {}
"""Lock by the identity of the store, as often as it is held or waited for."""
_GUARD: Final = threading.Lock()


def call_in_turn(owner: object, function: Callable[..., object], args: tuple[object, ...]) -> object:
    """Call *function*, which calls into the store *owner*, once no other call into it runs."""
    if getattr(owner, "concurrent", False):
        return function(*args)
    with _GUARD:
        users = _LOCKS.setdefault(id(owner), [])
        lock = users[0] if users else threading.Lock()
        users.append(lock)
    try:
        with lock:
            return function(*args)
    finally:
        with _GUARD:
            users.pop()
            if not users:
                del _LOCKS[id(owner)]

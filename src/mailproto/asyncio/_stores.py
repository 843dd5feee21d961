"""Calls into stores: of one store one at a time, in the order of the flows' asking.

A store with `blocking = True` gets a thread of its own, always the same one. A call that has begun, or that
stands in the queue, is carried out also if the flow that asked has been cancelled: what it acknowledges later
rests on it. A store with `concurrent = True` does its own locking.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, cast

__all__ = ["call_in_turn"]

Function = Callable[..., object]

_TURNS: Final[dict[int, _Turns]] = {}
"""Whose turn it is, by the identity of the store; only for stores that are busy."""
_WORKERS: Final[dict[int, ThreadPoolExecutor]] = {}
"""The worker of each blocking store, by the identity of the store."""
_KEPT: Final[list[object]] = []
"""Blocking stores whose end cannot be known; kept, since an identity may be used again."""


def call_in_turn(owner: object, function: Function, args: tuple[object, ...]) -> object:
    """Call *function*, which calls into the store *owner*, when it is its turn.

    Returns the result if it is there at once, else an awaitable of it.
    """
    is_concurrent = getattr(owner, "concurrent", False)
    if getattr(owner, "blocking", False):
        loop = asyncio.get_running_loop()
        worker = None if is_concurrent else _worker_of(owner)
        return asyncio.shield(loop.run_in_executor(worker, function, *args))
    if is_concurrent:
        return function(*args)
    turns = _TURNS.get(id(owner))
    if turns is not None:
        return asyncio.shield(turns.ask(function, args))
    result = function(*args)
    if not hasattr(result, "__await__"):
        return result
    turns = _TURNS[id(owner)] = _Turns(owner)
    return asyncio.shield(turns.go_on(result))


def _worker_of(owner: object) -> ThreadPoolExecutor:
    """Return the one thread of *owner*; it ends with it."""
    worker = _WORKERS.get(id(owner))
    if worker is None:
        worker = _WORKERS[id(owner)] = ThreadPoolExecutor(1, thread_name_prefix="mailproto-store")
        try:
            weakref.finalize(owner, _dismiss, id(owner))
        except TypeError:
            _KEPT.append(owner)
    return worker


def _dismiss(identity: int) -> None:
    _WORKERS.pop(identity).shutdown(wait=False)


class _Turns:
    """The calls that wait for a store whose last call is still awaited."""

    __slots__ = ("_owner", "_task", "_waiting")

    def __init__(self, owner: object) -> None:
        self._owner = owner
        self._waiting: deque[tuple[asyncio.Future[object], Function, tuple[object, ...]]] = deque()
        self._task: asyncio.Future[object] | None = None

    def ask(self, function: Function, args: tuple[object, ...]) -> asyncio.Future[object]:
        """Queue a call; the future gets its result."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((future, function, args))
        return future

    def go_on(self, result: object) -> asyncio.Future[object]:
        """Await *result*, then make the calls that have come meanwhile."""
        self._task = task = asyncio.ensure_future(cast("Awaitable[object]", result))
        task.add_done_callback(self._next)
        return task

    def _next(self, _done: asyncio.Future[object]) -> None:
        while self._waiting:
            future, function, args = self._waiting.popleft()
            try:
                result = function(*args)
            except Exception as error:
                _set(future, error=error)
                continue
            if hasattr(result, "__await__"):
                self.go_on(result).add_done_callback(partial(_copy, future=future))
                return
            _set(future, result)
        _TURNS.pop(id(self._owner), None)


def _copy(task: asyncio.Future[object], future: asyncio.Future[object]) -> None:
    if task.cancelled():
        future.cancel()
    else:
        error = task.exception()
        _set(future, None if error else task.result(), error=error)


def _set(
    future: asyncio.Future[object], result: object = None, *, error: BaseException | None = None
) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)

"""Who shares an IMAP connection: the tasks of one event loop."""

from __future__ import annotations

import asyncio
from typing import final

from mailproto.imap.sharing import Waiter

__all__ = ["TaskSharing"]


@final
class TaskSharing:
    """The sharing of a connection between tasks: each owns what it has opened."""

    __slots__ = ()

    def owner(self) -> object:
        """Return the current task."""
        return asyncio.current_task()

    def is_live(self, owner: object) -> bool:
        """Whether *owner*, a task, has not ended."""
        return isinstance(owner, asyncio.Task) and not owner.done()

    def waiter(self) -> Waiter:
        """Return a waiter of the running loop."""
        return _FutureWaiter(asyncio.get_running_loop().create_future())

    def now(self) -> float:
        """Return the time of the running loop."""
        return asyncio.get_running_loop().time()


@final
class _FutureWaiter:
    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[None]) -> None:
        self._future = future

    def set(self) -> None:
        """End the wait."""
        if not self._future.done():
            self._future.set_result(None)

    def wait(self, timeout: float | None) -> asyncio.Future[None]:
        """Return what is awaited; it is done after *timeout* seconds in any case."""
        if timeout is not None:
            timer = self._future.get_loop().call_later(timeout, self.set)
            self._future.add_done_callback(lambda _: timer.cancel())
        return self._future

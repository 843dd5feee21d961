"""What an adapter supplies so that several flows can use one connection: who asks, and how one waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, final

from mailproto.errors import LocalProtocolError

__all__ = ["Sharing", "Solitary", "Waiter"]


class Waiter(Protocol):
    """One wait of one flow for another one; made by the adapter."""

    def set(self) -> None:
        """End the wait."""

    def wait(self, timeout: float | None) -> object:
        """Return what a driver awaits, until `set` or *timeout* seconds later; it is given to `Call`."""


class Sharing(Protocol):
    """What an adapter knows of those who use one connection at a time."""

    def owner(self) -> object:
        """Return who is asking: the current task, or always the same where there are no tasks."""

    def is_live(self, owner: object) -> bool:
        """Whether *owner* can still take what waits for it."""

    def waiter(self) -> Waiter:
        """Return a new waiter."""

    def now(self) -> float:
        """Return the seconds of a clock that only goes forward."""


@final
class Solitary:
    """The sharing of a connection that only one thread uses, for one thing at a time."""

    __slots__ = ("now",)

    def __init__(self, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.now: Callable[[], float] = clock

    def owner(self) -> object:
        """Return the same for all."""
        return None

    def is_live(self, owner: object) -> bool:
        """Return True: it is the caller."""
        return True

    def waiter(self) -> Waiter:
        """Raise LocalProtocolError: there is nobody to wait for."""
        raise LocalProtocolError("the connection is in use")

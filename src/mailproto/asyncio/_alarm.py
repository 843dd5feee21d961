"""The timer of connections: one for all those of a server, so that a connection that is quick costs none."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from math import inf
from typing import Final, Protocol, final

__all__ = ["Alarm", "Sleeper"]

_GRAIN: Final = 0.1
"""Seconds that are between two looks at all sleepers, however many deadlines pass in them."""


class Sleeper(Protocol):
    """What has deadlines."""

    def ring(self, now: float) -> float:
        """Time out what is late at *now*, by the loop; return the next deadline, `inf` if there is none."""


@final
class Alarm:
    """Looks at *sleepers* when the earliest deadline that it was told of has passed.

    A deadline that is given up is not taken back: the alarm rings, finds nothing late and goes on. So a
    timer is armed when a deadline comes before all others, which among equal timeouts is hardly ever. A
    deadline that passes just after another one is noticed up to a tenth of a second late.
    """

    __slots__ = ("_loop", "_sleepers", "_timer", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, sleepers: Collection[Sleeper]) -> None:
        self._loop = loop
        self._sleepers = sleepers
        self._timer: asyncio.TimerHandle | None = None
        self.at: float = inf
        """When it rings next; what waits for an earlier time has to call `arm`."""

    def arm(self, deadline: float) -> None:
        """Ring at *deadline*, unless it rings before."""
        if deadline < self.at:
            self.cancel()
            self.at = deadline
            self._timer = self._loop.call_at(deadline, self._ring)

    def cancel(self) -> None:
        """Ring no more until it is armed again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.at = inf

    def _ring(self) -> None:
        self._timer = None
        self.at = inf
        now = following = self._loop.time()
        try:
            following = min((sleeper.ring(now) for sleeper in tuple(self._sleepers)), default=inf)
        finally:
            # After an error the others have not been looked at.
            if following != inf:
                self.arm(max(following, now + _GRAIN))

"""How much memory received values take, about, and a queue that is bounded by it.

Octets on the wire are no measure of what lies in a queue: a flag of one character costs sixty octets, and a
compressed response hardly any.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, TypeVar, final

__all__ = ["Bounded", "weight"]

T = TypeVar("T")

_OBJECT: Final = 64
"""Octets that any object takes, about, with the reference to it."""


def weight(value: object) -> int:
    """Return how many octets of memory *value* takes, about; nothing of it is read that was not read yet."""
    total = 0
    rest = [value]
    while rest:
        item = rest.pop()
        total += _OBJECT
        if isinstance(item, bytes | str):
            total += len(item)
        elif isinstance(item, tuple | frozenset):
            rest.extend(item)
        elif isinstance(item, dict):
            rest.extend(item.values())
        else:
            rest.extend(_parts(item))
    return total


def _parts(item: object) -> list[object]:
    names = (name for kind in type(item).__mro__ for name in kind.__dict__.get("__slots__", ()))
    return [getattr(item, name, None) for name in names]


@final
class Bounded(deque[T]):
    """A queue of at most *max_length* values of about *max_weight* octets: beyond that the oldest are gone.

    The latest value stays, whatever it weighs.
    """

    __slots__ = ("_max_length", "_max_weight", "_total", "_weights")

    def __init__(self, max_length: int, max_weight: int) -> None:
        super().__init__()
        self._max_length = max_length
        self._max_weight = max_weight
        self._weights: deque[int] = deque()
        self._total = 0

    @property
    def weight(self) -> int:
        """Octets of memory that the values take, about."""
        return self._total

    def append(self, value: T, /) -> None:
        """Add *value* at the end."""
        self._weights.append(weight(value))
        self._total += self._weights[-1]
        super().append(value)
        while len(self) > self._max_length or (self._total > self._max_weight and len(self) > 1):
            self.popleft()

    def extend(self, values: Iterable[T], /) -> None:
        """Add *values* at the end."""
        for value in values:
            self.append(value)

    def popleft(self) -> T:
        """Remove and return the oldest value."""
        value = super().popleft()
        self._total -= self._weights.popleft()
        return value

    def clear(self) -> None:
        """Remove all values."""
        super().clear()
        self._weights.clear()
        self._total = 0

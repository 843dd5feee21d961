"""The queue of what a connection has to send: octets, gates, and places of streamed literals.

A gate holds back everything behind it until the peer has consented (RFC 3501 sections 4.3 and 5.5). What
belongs to one command has one owner, so that the rest of a refused command can be dropped.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, Generic, TypeAlias, TypeVar, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.writer import Fragment, Gate, SecretOctets, StreamedLiteral

__all__ = ["Outgoing", "longest_line"]

OwnerT = TypeVar("OwnerT")
Sendable: TypeAlias = bytes | SecretOctets | StreamedLiteral
"""A fragment that is no gate."""

_MARK: Final = re.compile(rb"\{([0-9]+)\+?\}\Z")


def longest_line(fragments: Iterable[Fragment]) -> int:
    """Return how many octets the longest line of a command has, with its CRLF and without literals.

    A line goes on behind a literal, and is another one for the server's limit (RFC 2683 section 3.2.1.5).
    """
    longest = line = literal = 0
    for fragment in fragments:
        if isinstance(fragment, StreamedLiteral):
            literal = 0
            continue
        octets = b"" if isinstance(fragment, Gate) else _octets_of(fragment)
        position = min(literal, len(octets))
        literal -= position
        while position < len(octets):
            end = octets.find(b"\r\n", position) + 2
            if end < 2:
                line += len(octets) - position
                break
            longest, line = max(longest, line + end - position), 0
            mark = _MARK.search(octets, position, end - 2)
            literal = int(mark[1]) if mark else 0
            position = min(end + literal, len(octets))
            literal -= position - end
    return max(longest, line)


def _octets_of(fragment: bytes | SecretOctets) -> bytes:
    return fragment.octets if isinstance(fragment, SecretOctets) else fragment


@final
class Outgoing(Generic[OwnerT]):
    """What is to be sent, in order, until something holds it; after each change `ready` has what may go.

    `gate` is the owner of the gate that holds the queue. `owed` is how many octets of a streamed literal come
    next, and `owing` whose they are.
    """

    __slots__ = ("_dropped", "_may_hold_nul", "_queue", "gate", "owed", "owing")

    def __init__(self) -> None:
        self._queue: deque[tuple[OwnerT, Fragment]] = deque()
        self._dropped: list[OwnerT] = []
        self._may_hold_nul = False
        self.gate: OwnerT | None = None
        self.owing: OwnerT | None = None
        self.owed: int = 0

    def put(self, owner: OwnerT, fragments: Iterable[Fragment]) -> None:
        """Queue *fragments*."""
        self._queue.extend((owner, fragment) for fragment in fragments)

    def ready(self) -> Iterator[tuple[OwnerT, Sendable]]:
        """Take off the queue what may be sent, each with its owner, until something holds it.

        At a streamed literal that is the place where its octets are owed.
        """
        while self._queue and self.gate is None and not self.owed:
            owner, fragment = self._queue.popleft()
            if not isinstance(fragment, Gate):
                if isinstance(fragment, StreamedLiteral):
                    self.owed = fragment.size
                    self.owing = owner
                    self._may_hold_nul = fragment.may_hold_nul
                yield owner, fragment
            elif owner in self._dropped:
                self._dropped.remove(owner)
                self._forget(owner)
            else:
                self.gate = owner

    def open(self) -> None:
        """Open the gate that holds the queue."""
        self.gate = None

    def drop(self, owner: OwnerT) -> None:
        """Drop what waits for *owner*'s gate, now or when it is reached; what comes before it stays owed."""
        if self.gate is owner:
            self._forget(owner)
            self.open()
        elif any(entry[0] is owner and isinstance(entry[1], Gate) for entry in self._queue):
            self._dropped.append(owner)

    def _forget(self, owner: OwnerT) -> None:
        self._queue = deque(entry for entry in self._queue if entry[0] is not owner)

    def holds(self, owner: OwnerT) -> bool:
        """Whether octets of *owner* are not sent yet."""
        return any(entry[0] is owner for entry in self._queue)

    def waits(self, owner: OwnerT) -> bool:
        """Whether octets of *owner* come only after what another one is asked for first."""
        first = self.gate if self.gate is not None else self.owing
        return first is not owner and self.holds(owner)

    def count_literal(self, chunk: bytes) -> None:
        """Count octets of the literal that is owed, which go out past the queue.

        Raises LocalProtocolError for too many, or for NUL where the literal is no `literal8`.
        """
        if not self.owed or len(chunk) > self.owed:
            raise LocalProtocolError(f"expected at most {self.owed} octets of a literal, got {len(chunk)}")
        if b"\0" in chunk and not self._may_hold_nul:
            raise LocalProtocolError(f"literal: expected octets other than NUL, got NUL at {chunk.index(0)}")
        self.owed -= len(chunk)

    def clear(self) -> None:
        """Forget everything that was not taken."""
        self._queue.clear()
        self._dropped.clear()
        self.owing = None
        self.gate = None
        self.owed = 0

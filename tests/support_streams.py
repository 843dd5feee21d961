"""Long streams, cut at every octet in linear time: the proof that a cut changes nothing, place by place."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from mailproto._buffer import ReceiveBuffer
from mailproto.errors import RemoteProtocolError
from mailproto.smtp import SMTPClientConnection, SMTPServerConnection
from mailproto.wants import Wants

__all__ = ["Walk", "Watched", "calls_made", "check_every_cut"]

ConnT = TypeVar("ConnT", SMTPClientConnection, SMTPServerConnection)
_SHOWN_ENDS = 2


class Walk(Generic[ConnT]):
    """A connection that is fed, and all that comes of it: `steps`, `said` and the most that was buffered.

    *react* is called with each event, and answers it. A step is an event, or what was raised, and all that
    the connection remembers after the reaction.
    """

    _react: Callable[[ConnT, Any], None]

    def __init__(self, conn: ConnT, react: Callable[[ConnT, Any], None]) -> None:
        self.conn: ConnT = conn
        self.steps: list[tuple[object, object]] = []
        self.said: list[bytes] = []
        self.most_buffered = 0
        self.has_failed = False
        self._react = react

    @property
    def memory(self) -> object:
        """All that the connection remembers but the octets in its buffer."""
        return _remembered(self.conn)

    def feed(self, piece: bytes) -> None:
        """Feed *piece*, and take all that it gives."""
        self.conn.receive_data(piece)
        self.most_buffered = max(self.most_buffered, self.conn.buffered)
        while not self.has_failed and (event := self._pull()) is not None:
            if not self.has_failed:
                self._react(self.conn, event)
            self.said += self.conn.data_to_send()
            self.steps.append((event, self.memory))

    def _pull(self) -> object:
        try:
            return self.conn.next_event()
        except RemoteProtocolError as error:
            self.has_failed = True
            return str(error)


def check_every_cut(
    make: Callable[[], ConnT], react: Callable[[ConnT, Any], None], stream: bytes, longest: int
) -> Walk[ConnT]:
    """Assert that no cut of *stream*, whose units have up to *longest* octets, changes what comes of it.

    That covers every delivery, in two pieces or more, without running each of them, which would take a time
    that grows with the square of the length. A connection is a function of what it remembers and of the
    octets in its buffer; how they came there is nothing to it (tests/test_buffer.py). Fed octet by octet

    - an octet that ends no unit gives nothing and changes no memory: it is in the buffer, and that is all,
      or it is dropped after the end;
    - one that does gives the event, and leaves the memory, that the unit has with all the stream behind it.

    So whatever a first piece is, it leaves the connection where the whole stream had it after the last unit
    that the piece holds, with the begun unit in the buffer; the next piece adds what is missing, and it is
    at the very point of the whole stream from where the rest is the same. The third walk, with pieces of
    one octet more than the longest unit, has each unit followed by each part of another.
    """
    whole = Walk(make(), react)
    whole.feed(stream)
    single = Walk(make(), react)
    memory, buffered = single.memory, 0
    for at in range(len(stream)):
        steps = len(single.steps)
        single.feed(stream[at : at + 1])
        if len(single.steps) > steps:
            memory, buffered = single.steps[-1][1], single.conn.buffered
            continue
        buffered = 0 if single.conn.wants is Wants.CLOSED else buffered + 1
        assert (single.conn.buffered, single.memory) == (buffered, memory), f"octet {at}"
    staggered = Walk(make(), react)
    for at in range(0, len(stream), longest + 1):
        staggered.feed(stream[at : at + longest + 1])
    for walk in (single, staggered):
        assert walk.steps == whole.steps
        assert b"".join(walk.said) == b"".join(whole.said)
    return single


def _remembered(value: Any) -> object:
    kind = type(value)
    if kind not in _READERS:
        _READERS[kind] = _reader_of(kind)
    read = _READERS[kind]
    return value if read is None else read(value)


def _reader_of(kind: type) -> Callable[[Any], object] | None:
    if issubclass(kind, Enum) or (is_dataclass(kind) and kind.__dataclass_params__.frozen):  # type: ignore[attr-defined]  # all have it
        return None
    slots = [name for part in kind.__mro__ for name in part.__dict__.get("__slots__", ())]
    # What is kept in no slot would be overlooked.
    assert slots, kind
    assert not kind.__dictoffset__, kind

    def read(value: Any) -> object:
        values = [getattr(value, name, None) for name in slots]
        # Nearly all are values: this is asked half a million times.
        return [
            item if _READERS.get(type(item), _remembered) is None else _remembered(item) for item in values
        ]

    return read


def _read_items(values: Sequence[Any]) -> object:
    """Return how many there are, and those at both ends: all of a long list each time would be quadratic."""
    size = len(values)
    shown = range(size) if size <= 2 * _SHOWN_ENDS else (*range(_SHOWN_ENDS), *range(-_SHOWN_ENDS, 0))
    return size, [_remembered(values[index]) for index in shown]


_READERS: dict[type, Callable[[Any], object] | None] = {
    **dict.fromkeys((str, int, bool, bytes, float, type(None), frozenset, tuple)),
    **dict.fromkeys((list, deque), _read_items),
    set: frozenset,
    dict: id,
    RemoteProtocolError: str,
    ReceiveBuffer: lambda buffer: None,
}
"""What makes of each type something that a later change does not reach; None: it is a value already.

A mapping is a table that does not change. All other types are added as they come, and read by their slots.
"""


class Watched(bytes):
    """Octets that count how many of them are searched and copied."""

    searched = 0
    copied = 0

    def find(self, needle: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]  # as it is called here
        stop = len(self) if end is None else end
        found = super().find(needle, start, stop)
        self.searched += (stop if found < 0 else found + len(needle)) - start
        return found

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        self.copied += len(part) if isinstance(part, bytes) else 1
        return part


def calls_made(run: Callable[[], object]) -> int:
    """Return how many functions *run* calls, those in C too: work that no other process changes."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        run()
    finally:
        sys.setprofile(before)
    return calls

"""The shared half of the connections."""

from __future__ import annotations

import pytest

from mailproto._connection import FallibleEndpoint
from mailproto.errors import RemoteProtocolError
from mailproto.wants import Wants


class Lines(FallibleEndpoint[bytes]):
    """A connection whose events are lines; a line "bad" breaks it."""

    __slots__ = ()

    @property
    def wants(self) -> Wants:
        return Wants.CLOSED if self._eof else Wants.DATA

    def _next_event(self) -> bytes | None:
        end = self._input.find(b"\n")
        if end < 0:
            return None
        line = self._input.take(end + 1)
        self._show_received(line)
        if line == b"bad\n":
            raise RemoteProtocolError("a bad line")
        return line

    def send(self, octets: bytes, shown: bytes | None = None) -> None:
        self._queue(octets, shown)


def test_events_are_pulled_one_at_a_time_and_counted_as_progress() -> None:
    lines = Lines()
    lines.receive_data(b"one\ntwo\nthr")
    assert (lines.buffered, lines.progress) == (11, 0)
    assert lines.next_event() == b"one\n"
    assert (lines.buffered, lines.progress) == (7, 1)
    assert lines.next_event() == b"two\n"
    assert lines.next_event() is None
    assert (lines.buffered, lines.progress) == (3, 2)


def test_what_is_queued_is_drained_in_order_and_uncopied() -> None:
    lines = Lines()
    chunk = b"x" * 1000
    lines.send(b"head")
    lines.send(chunk)
    assert lines.unsent == 1004
    drained = lines.data_to_send()
    assert drained == [b"head", chunk]
    assert drained[1] is chunk
    assert (lines.unsent, lines.data_to_send()) == (0, [])


def test_an_error_sticks_and_what_was_buffered_is_dropped() -> None:
    lines = Lines()
    lines.receive_data(b"bad\nmore\n")
    with pytest.raises(RemoteProtocolError) as first:
        lines.next_event()
    assert lines.buffered == 0
    lines.receive_data(b"more\n")
    assert lines.buffered == 0
    with pytest.raises(RemoteProtocolError) as second:
        lines.next_event()
    assert second.value is first.value


def test_after_eof_buffered_events_still_come_and_new_octets_do_not() -> None:
    lines = Lines()
    lines.receive_data(b"one\n")
    lines.receive_eof()
    lines.receive_data(b"two\n")
    assert lines.next_event() == b"one\n"
    assert lines.next_event() is None
    assert lines.wants is Wants.CLOSED


def test_the_trace_sees_both_directions_without_secrets() -> None:
    lines = Lines()
    seen: list[tuple[str, bytes]] = []
    lines.trace = lambda direction, octets: seen.append((direction, octets))
    lines.send(b"PASS hunter2\r\n", b"PASS ***\r\n")
    lines.send(b"NOOP\r\n")
    lines.receive_data(b"ok\n")
    lines.next_event()
    assert seen == [("sent", b"PASS ***\r\n"), ("sent", b"NOOP\r\n"), ("received", b"ok\n")]
    assert lines.data_to_send() == [b"PASS hunter2\r\n", b"NOOP\r\n"]

"""The queue of octets, gates and places of literals."""

from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.outgoing import Outgoing
from mailproto.imap.writer import GATE, SecretOctets, StreamedLiteral


class Sent:
    def __init__(self) -> None:
        self.octets: list[bytes] = []
        self.shown: list[bytes | None] = []
        self.wanted: list[tuple[str, int]] = []
        self.queue: Outgoing[str] = Outgoing(
            self._send, lambda owner, size: self.wanted.append((owner, size))
        )

    def _send(self, octets: bytes, shown: bytes | None) -> None:
        self.octets.append(octets)
        self.shown.append(shown)

    def take(self) -> bytes:
        octets, self.octets = b"".join(self.octets), []
        return octets


def test_a_gate_holds_what_is_behind_it() -> None:
    sent = Sent()
    sent.queue.put("a", [b"1", GATE, b"2"])
    sent.queue.put("b", [b"3"])
    assert (sent.take(), sent.queue.gate) == (b"1", "a")
    assert sent.queue.holds("a")
    sent.queue.open()
    assert (sent.take(), sent.queue.gate) == (b"23", None)
    assert not sent.queue.holds("a")


def test_dropping_at_a_gate_frees_the_next() -> None:
    sent = Sent()
    sent.queue.put("a", [b"1", GATE, b"2"])
    sent.queue.put("b", [b"3"])
    sent.queue.drop("a")
    assert sent.take() == b"13"
    sent.queue.drop("b")


def test_what_is_owed_is_sent_before_a_drop_takes_effect() -> None:
    sent = Sent()
    sent.queue.put("a", [StreamedLiteral(2), b"1", GATE, b"2"])
    sent.queue.put("b", [b"3"])
    assert sent.wanted == [("a", 2)]
    sent.queue.drop("a")
    sent.queue.put_literal(b"xy")
    assert sent.take() == b"xy13"


def test_a_drop_without_a_gate_ahead_leaves_nothing_behind() -> None:
    sent = Sent()
    sent.queue.put("a", [StreamedLiteral(2), b"1"])
    sent.queue.drop("a")
    sent.queue.put_literal(b"xy")
    sent.queue.put("a", [b"2", GATE, b"3"])
    assert (sent.take(), sent.queue.gate) == (b"xy12", "a")


def test_who_waits_for_another() -> None:
    sent = Sent()
    sent.queue.put("a", [b"1", GATE, StreamedLiteral(2), b"2"])
    sent.queue.put("b", [b"3"])
    assert (sent.queue.waits("a"), sent.queue.waits("b")) == (False, True)
    sent.queue.open()
    assert (sent.queue.waits("a"), sent.queue.waits("b")) == (False, True)
    sent.queue.put_literal(b"xy")
    assert (sent.queue.waits("a"), sent.queue.waits("b")) == (False, False)


def test_literals_are_measured() -> None:
    sent = Sent()
    with pytest.raises(LocalProtocolError):
        sent.queue.put_literal(b"x")
    sent.queue.put("a", [StreamedLiteral(2)])
    for chunk in (b"xyz", b"\0"):
        with pytest.raises(LocalProtocolError):
            sent.queue.put_literal(chunk)
    sent.queue.put_literal(b"")
    assert sent.queue.owed == 2


def test_secrets_are_shown_as_asterisks() -> None:
    sent = Sent()
    sent.queue.put("a", [b"1", SecretOctets(b"2")])
    assert (sent.take(), sent.shown) == (b"12", [None, b"***"])


def test_clear_forgets_all() -> None:
    sent = Sent()
    sent.queue.put("a", [GATE, b"1"])
    sent.queue.clear()
    assert (sent.queue.gate, sent.queue.owed, sent.queue.holds("a")) == (None, 0, False)

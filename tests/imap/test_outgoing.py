"""The queue of octets, gates and places of literals."""

from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.outgoing import Outgoing
from mailproto.imap.writer import GATE, Fragment, SecretOctets, StreamedLiteral


class Sender:
    """Sends what is ready, as connections do."""

    def __init__(self) -> None:
        self.queue: Outgoing[str] = Outgoing()
        self.wanted: list[tuple[str, int]] = []

    def put(self, owner: str, *fragments: Fragment) -> None:
        self.queue.put(owner, fragments)

    def take(self) -> bytes:
        octets = b""
        for owner, fragment in self.queue.ready():
            if isinstance(fragment, StreamedLiteral):
                self.wanted.append((owner, fragment.size))
            else:
                octets += fragment.octets if isinstance(fragment, SecretOctets) else fragment
        return octets


def test_a_gate_holds_what_is_behind_it() -> None:
    sender = Sender()
    sender.put("a", b"1", GATE, b"2")
    sender.put("b", b"3")
    assert (sender.take(), sender.queue.gate) == (b"1", "a")
    assert sender.queue.holds("a")
    sender.queue.open()
    assert (sender.take(), sender.queue.gate) == (b"23", None)
    assert not sender.queue.holds("a")


def test_dropping_at_a_gate_frees_the_next() -> None:
    sender = Sender()
    sender.put("a", b"1", GATE, b"2")
    sender.put("b", b"3")
    assert sender.take() == b"1"
    sender.queue.drop("a")
    assert sender.take() == b"3"
    sender.queue.drop("b")


def test_what_is_owed_is_sent_before_a_drop_takes_effect() -> None:
    sender = Sender()
    sender.put("a", StreamedLiteral(2), b"1", GATE, b"2")
    sender.put("b", b"3")
    assert (sender.take(), sender.wanted) == (b"", [("a", 2)])
    sender.queue.drop("a")
    sender.queue.count_literal(b"xy")
    assert sender.take() == b"13"


def test_a_drop_without_a_gate_ahead_leaves_nothing_behind() -> None:
    sender = Sender()
    sender.put("a", StreamedLiteral(2), b"1")
    assert sender.take() == b""
    sender.queue.drop("a")
    sender.queue.count_literal(b"xy")
    sender.put("a", b"2", GATE, b"3")
    assert (sender.take(), sender.queue.gate) == (b"12", "a")


def test_who_waits_for_another() -> None:
    sender = Sender()
    sender.put("a", b"1", GATE, StreamedLiteral(2), b"2")
    sender.put("b", b"3")
    assert sender.take() == b"1"
    assert (sender.queue.waits("a"), sender.queue.waits("b")) == (False, True)
    sender.queue.open()
    assert sender.take() == b""
    assert (sender.queue.waits("a"), sender.queue.waits("b")) == (False, True)
    sender.queue.count_literal(b"xy")
    assert sender.take() == b"23"
    assert (sender.queue.waits("a"), sender.queue.waits("b")) == (False, False)


def test_literals_are_measured() -> None:
    sender = Sender()
    with pytest.raises(LocalProtocolError):
        sender.queue.count_literal(b"x")
    sender.put("a", StreamedLiteral(2))
    sender.take()
    for chunk in (b"xyz", b"\0"):
        with pytest.raises(LocalProtocolError):
            sender.queue.count_literal(chunk)
    sender.queue.count_literal(b"")
    assert (sender.queue.owed, sender.queue.owing) == (2, "a")


def test_an_empty_literal_has_its_place_and_holds_nothing() -> None:
    sender = Sender()
    sender.put("a", b"1", StreamedLiteral(0), b"2")
    assert (sender.take(), sender.wanted) == (b"12", [("a", 0)])


def test_secrets_stay_what_they_are() -> None:
    sender = Sender()
    secret = SecretOctets(b"2")
    sender.put("a", b"1", secret)
    assert list(sender.queue.ready()) == [("a", b"1"), ("a", secret)]


def test_clear_forgets_all() -> None:
    sender = Sender()
    sender.put("a", GATE, b"1")
    sender.take()
    sender.queue.clear()
    assert (sender.queue.gate, sender.queue.owed, sender.queue.holds("a")) == (None, 0, False)

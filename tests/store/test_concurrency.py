"""Several sessions on one mailbox: a client that tracks its numbers is never wrong (RFC 3501, 7.4.1)."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.store import MailStore, MemoryStore
from support_imap_server import Client, Signal
from support_store import Async, Bare, Plain, flags

NUMBERED = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)(.*)")
UID = re.compile(rb"UID (\d+)")


class Tracking:
    """A client that knows the UID behind each number as far as it was told; 0 where it was not."""

    def __init__(self, store: MailStore) -> None:
        self.wake = Signal()
        self.client = Client(store, wake=self.wake)
        self.uids: list[int] = []
        self.flags: dict[int, bytes] = {}
        self.is_idle = False
        self.say(b"SELECT INBOX")

    def say(self, command: bytes) -> list[bytes]:
        """Say *command*, follow the answer, and return its lines."""
        if self.is_idle:
            self.follow(b"DONE", self.client.say(b"DONE\r\n"))
            self.is_idle = False
        return self.follow(command, self.client.say(b"a %b\r\n" % command))

    def idle(self) -> None:
        """Idle, and take what is pushed."""
        if not self.is_idle:
            self.say(b"IDLE")
            self.is_idle = True
        while self.wake.is_set():
            self.follow(b"IDLE", self.client.wait())

    def follow(self, command: bytes, answer: bytes) -> list[bytes]:
        """Check each line of *answer* against what is known."""
        lines = answer.split(b"\r\n")[:-1]
        for line in lines:
            match = NUMBERED.match(line)
            if match is None:
                continue
            number, kind, rest = int(match[1]), match[2], match[3]
            if kind == b"EXISTS":
                assert number >= len(self.uids), "messages vanished without EXPUNGE"
                self.uids += [0] * (number - len(self.uids))
            elif kind == b"EXPUNGE":
                assert not command.startswith((b"FETCH", b"STORE", b"SEARCH")), command
                del self.uids[number - 1]
            else:
                self.note(number, rest)
        return lines

    def note(self, number: int, rest: bytes) -> None:
        """Learn from a FETCH response."""
        assert number <= len(self.uids), "a number that does not exist"
        uid = UID.search(rest)
        if uid is not None:
            assert self.uids[number - 1] in (0, int(uid[1])), "another message has this number"
            self.uids[number - 1] = int(uid[1])

    def learn(self) -> None:
        """Ask for all UIDs, if there are messages."""
        if self.uids:
            self.say(b"FETCH 1:* UID")


def act(random: Random, session: Tracking, plain: Plain) -> None:
    """Do one thing."""
    count = len(session.uids)
    number = random.randint(1, count) if count else 0
    deeds = ["append", "noop", "uid fetch", "expunge", "idle", "uid search", "flag"]
    deeds += ["fetch", "delete", "store", "search", "move", "copy"] if count else []
    deed = random.choice(deeds)
    if deed == "append":
        plain.append(octets=b"")
    elif deed == "idle":
        session.idle()
    elif deed == "flag":
        uids = list(plain.flags())
        if uids:
            plain.set_flags(random.choice(uids), flags("$X"), flags("\\Deleted"))
    elif deed == "search":
        (line, *_) = [line for line in session.say(b"SEARCH ALL") if line.startswith(b"* SEARCH")]
        numbers = [int(word) for word in line.split()[2:]]
        assert all(1 <= each <= len(session.uids) for each in numbers)
    else:
        session.say(
            {
                "noop": b"NOOP",
                "uid fetch": b"UID FETCH 1:* (FLAGS)",
                "expunge": b"EXPUNGE",
                "uid search": b"UID SEARCH UNDELETED",
                "fetch": b"FETCH %d:* (UID FLAGS)" % number,
                "delete": b"STORE %d +FLAGS (\\Deleted)" % number,
                "store": b"STORE 1:%d FLAGS.SILENT ($A)" % number,
                "move": b"MOVE %d other" % number,
                "copy": b"COPY %d INBOX" % number,
            }[deed]
        )


def run(store: MemoryStore, served: MailStore, random: Random, steps: int) -> None:
    """Let three sessions act, then compare what they believe with what is there."""
    plain = Plain(store)
    store.create("other")
    for _ in range(random.randint(0, 6)):
        plain.append(octets=b"")
    sessions = [Tracking(served) for _ in range(3)]
    for _ in range(steps):
        act(random, random.choice(sessions), plain)
    for session in sessions:
        session.say(b"NOOP")
        session.learn()
        assert session.uids == list(plain.flags())


@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_numbers_are_right_under_expunge(random: Random, steps: int) -> None:
    store = MemoryStore()
    run(store, store, random, steps)


@pytest.mark.parametrize("kind", [MemoryStore, Bare, Async])
@pytest.mark.parametrize("seed", range(6))
def test_numbers_are_right_over_every_kind_of_store(kind: type, seed: int) -> None:
    store = MemoryStore()
    served = store if kind is MemoryStore else kind(store)
    run(store, served, Random(seed), 200)

"""A flow of a client is cancelled at every one of its instructions, with octets that come a few at a time.

The server's end is ours over a store, in memory. Afterwards the connection gives the right answers, or it is
closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mailproto._imap import server_factory
from mailproto._network import Accepted
from mailproto.errors import LocalProtocolError
from mailproto.flow import Call, Flow, Flush, Receive, Received
from mailproto.imap import client_flows as flows
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.commands import StoreAction, UIDCopy
from mailproto.imap.downloads import Downloading
from mailproto.imap.ext.move import UIDMove
from mailproto.imap.fetch import RFC822_SIZE, BodySection
from mailproto.imap.fetching import Fetching
from mailproto.imap.idling import Idling
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.session_flows import open_session
from mailproto.limits import IMAPLimits
from mailproto.store import MemoryStore
from mailproto.wants import Wants
from support_flows import FlowRun

SMALL = b"Subject: small\r\n\r\nbody\r\n"
BIG = b"Subject: big\r\n\r\n" + b"x" * 400
LIMITS = IMAPLimits(max_command_line=70, max_inline_literal=16)
PIECE = 7
"""Octets that come at a time: few enough for a place in every line and literal."""
MAX_STEPS = 2_000


class Session:
    """A client's connection to a server in memory; `run` throws a cancellation at one instruction."""

    def __init__(self) -> None:
        self.conn = IMAPClientConnection(LIMITS)
        self.inboxes = Inboxes(self.conn, LIMITS)
        factory = server_factory(
            MemoryStore(),
            tls="none",
            has_context=False,
            hostname=None,
            authenticator=None,
            allow_cleartext=True,
            limits=None,
            trace=None,
        )
        accepted = SimpleNamespace(peer=("", 0), local=("", 0), tls=None, wake=SimpleNamespace(set=bool))
        conn, flow = factory(cast(Accepted, accepted))
        self.server = FlowRun(conn, flow)
        self._coming = b""
        self.run(open_session(self.inboxes))
        self.run(flows.create(self.inboxes, "Other"))
        for message in (SMALL, BIG, SMALL):
            self.run(flows.append(self.inboxes, "INBOX", message))
        self.run(flows.select(self.inboxes, "INBOX"))

    def run(self, flow: Flow[Any], cancel_at: int | None = None) -> Any:
        """Return what *flow* returns. Raises CancelledError if it did not end before so many instructions."""
        resume: Callable[[Any], object] = flow.send
        value: object = None
        for step in count():
            try:
                instruction = resume(value)
            except StopIteration as stop:
                return stop.value
            if step == cancel_at:
                resume, value = flow.throw, asyncio.CancelledError()
            else:
                resume, value = flow.send, self._carry_out(instruction)
        raise AssertionError

    def _carry_out(self, instruction: object) -> object:
        if isinstance(instruction, Call):
            return instruction.function(*instruction.args)
        assert isinstance(instruction, Receive | Flush)
        sent = b"".join(self.conn.data_to_send())
        if sent:
            self.server.feed(sent)
        if isinstance(instruction, Flush):
            return None
        self._coming += self.server.take_sent()
        if not self._coming:
            assert instruction.timeout is not None, "nothing comes any more"
            return Received.TIMED_OUT
        self.conn.receive_data(self._coming[:PIECE])
        self._coming = self._coming[PIECE:]
        return Received.RECEIVED


def fetch_all(session: Inboxes, uids: str, item: Any) -> Flow[list[Any]]:
    fetching = Fetching(session, UIDSet(uids), (item,))
    found: list[Any] = []
    while not fetching.is_finished:
        yield from fetching.fill()
        found += ((data.uid, data[item]) for data in fetching.ready)
        fetching.ready.clear()
    return found


def fetch(session: Inboxes) -> Flow[None]:
    yield from fetch_all(session, "1:3", BodySection())


def download(session: Inboxes) -> Flow[None]:
    downloading = Downloading(session, UIDSet("2"), "1", is_decoding=True, offset=30)
    yield from downloading.open()
    while not downloading.is_finished:
        yield from downloading.fill()
        downloading.take()


def append(session: Inboxes) -> Flow[None]:
    chunks = (BIG[start : start + 50] for start in range(0, len(BIG), 50))
    yield from flows.append(session, "INBOX", chunks, size=len(BIG), progress=lambda *_: None)


def store(session: Inboxes) -> Flow[None]:
    uids = UIDSet.of(range(1, 60, 2))
    command = flows.store_command(uids, StoreAction.ADD, r"\Seen", silent=False)
    yield from flows.store(session, command)


def copy(session: Inboxes) -> Flow[None]:
    yield from flows.copy(session, UIDCopy(UIDSet.of(range(1, 60, 2)), "Other"))


def move(session: Inboxes) -> Flow[None]:
    yield from flows.move(session, UIDMove(UIDSet("3"), "Other"))


def idle(session: Inboxes) -> Flow[None]:
    idling = Idling(session)
    yield from idling.open()
    yield from idling.fill(0.0)
    yield from idling.close()


def search(session: Inboxes) -> Flow[None]:
    yield from flows.search(session, ())
    yield from flows.list_mailboxes(session, "", "*")
    yield from flows.mailbox_status(session, "Other", ("MESSAGES",))


def check(session: Session) -> None:
    """Check that the connection gives the right answers, or that it is closed."""
    if session.conn.wants is Wants.CLOSED:
        with pytest.raises(LocalProtocolError):
            session.run(flows.noop(session.inboxes))
        return
    found = session.run(flows.uid_search(session.inboxes, ()))
    sizes = session.run(fetch_all(session.inboxes, "1:*", RFC822_SIZE))
    assert found == UIDSet.of(uid for uid, _ in sizes)
    assert {size for _, size in sizes} <= {len(SMALL), len(BIG)}
    assert session.run(fetch_all(session.inboxes, "1", BodySection())) == [(1, SMALL)]
    numbers = session.run(flows.search(session.inboxes, ()))
    assert numbers == SequenceSet.of(range(1, len(found) + 1))


def steps_of(victim: Callable[[Inboxes], Flow[None]]) -> Iterator[tuple[int, Session, bool]]:
    """Yield a session whose flow was cancelled at the first instruction, the second, ...; and if it ended."""
    for step in range(MAX_STEPS):
        session = Session()
        try:
            session.run(victim(session.inboxes), step)
        except asyncio.CancelledError:
            yield step, session, False
        else:
            yield step, session, True
            return
    raise AssertionError("it does not end")


@pytest.mark.parametrize(
    "victim",
    [fetch, download, append, store, copy, move, idle, search],
    ids=lambda victim: victim.__name__,
)
def test_at_every_instruction(victim: Callable[[Inboxes], Flow[None]]) -> None:
    for _step, session, _is_done in steps_of(victim):
        check(session)


def test_only_a_literal_that_was_begun_closes_the_connection() -> None:
    is_closed = {
        victim: {session.conn.wants is Wants.CLOSED for _, session, _ in steps_of(victim)}
        for victim in (append, fetch, download, store, copy, move, idle, search)
    }
    assert is_closed.pop(append) == {False, True}
    assert all(values == {False} for values in is_closed.values())

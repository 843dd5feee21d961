from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mailproto.address import Path
from mailproto.errors import SessionLimitReached
from mailproto.limits import SMTPLimits
from mailproto.smtp import Rcpt, SMTPClientConnection, SMTPServerConnection, SMTPSession, WholeMessages
from mailproto.smtp.client_flows import send_message
from mailproto.smtp.server_flow import Service, serve
from mailproto.smtp.session_flows import open_session
from mailproto.smtp.transactions import transactions_of
from support_flows import FlowRun
from support_smtp import ready_client

BODY = b"Subject: x\r\n\r\n.text\r\n"


def limited(limits: str) -> SMTPClientConnection:
    return ready_client(offer=f"250-mx.example\r\n250 LIMITS {limits}\r\n".encode())


def rcpts(names: str) -> dict[str, Rcpt]:
    return {name: Rcpt(Path.of(name)) for name in names.split()}


# LIMITS, recipients, the transactions.
SPLIT = {
    "nothing": ("X", "a@x b@x", ["a@x b@x"]),
    "as many as fit": ("RCPTMAX=2", "a@x b@x", ["a@x b@x"]),
    "one more": ("RCPTMAX=2", "a@x b@x c@x", ["a@x b@x", "c@x"]),
    "one by one": ("RCPTMAX=1 MAILMAX=3", "a@x b@x c@x", ["a@x", "b@x", "c@x"]),
    "domains": ("RCPTDOMAINMAX=2", "a@x a@y b@X Postmaster", ["a@x a@y b@X Postmaster"]),
}

# LIMITS, recipients, the limit that is reached, what it would come to, who fits.
REACHED = {
    "transactions": ("RCPTMAX=2 MAILMAX=2", "a@x b@x c@x d@x e@x", "MAILMAX", 3, "a@x b@x c@x d@x"),
    "domains": ("RCPTDOMAINMAX=2", "a@x b@y c@z Postmaster", "RCPTDOMAINMAX", 3, "a@x b@y Postmaster"),
    "both": ("RCPTDOMAINMAX=1 RCPTMAX=1 MAILMAX=1", "a@x a@y b@x", "RCPTDOMAINMAX", 2, "a@x"),
}  # fmt: skip


@pytest.mark.parametrize("limits, names, expected", SPLIT.values(), ids=SPLIT)
def test_transactions(limits: str, names: str, expected: list[str]) -> None:
    assert transactions_of(limited(limits), rcpts(names)) == [rcpts(each) for each in expected]


@pytest.mark.parametrize("limits, names, limit, value, fitting", REACHED.values(), ids=REACHED)
def test_a_limit_of_the_session(limits: str, names: str, limit: str, value: int, fitting: str) -> None:
    with pytest.raises(SessionLimitReached) as caught:
        transactions_of(limited(limits), rcpts(names))
    error = caught.value
    assert (error.limit, error.value, error.fitting) == (limit, value, tuple(fitting.split()))
    assert error.left == tuple(name for name in names.split() if name not in fitting.split())


def cut_at(octets: bytes, place: int) -> Iterator[bytes]:
    yield from filter(None, (octets[:place], octets[place:]))


def carry(source: FlowRun[Any], sink: FlowRun[Any], carried: int, place: int) -> int:
    """Give *sink* what *source* has said, in two pieces if *place*, in all its octets, lies there."""
    octets = source.take_sent()
    for piece in cut_at(octets, max(0, place - carried)):
        sink.feed(piece)
    return carried + len(octets)


def exchange(client: FlowRun[Any], server: FlowRun[None], place: int) -> int:
    """Run both to the end of the client's flow; return how many octets the longer side has said."""
    said = heard = 0
    while not client.is_done:
        before = said, heard
        said = carry(client, server, said, place)
        heard = carry(server, client, heard, place)
        assert (said, heard) != before
    return max(said, heard)


def both_ends(place: int) -> int:
    taken: list[tuple[list[str], bytes]] = []

    def take(session: SMTPSession, octets: bytes) -> None:
        assert session.transaction is not None
        taken.append(([str(rcpt.forward_path) for rcpt in session.transaction.recipients], octets))

    limits = SMTPLimits(max_recipients=2, max_transactions=2)
    served = SMTPServerConnection(limits, hostname="mx")
    server = FlowRun(served, serve(served, Service(handler=WholeMessages(take))))
    conn = SMTPClientConnection()
    exchange(FlowRun(conn, open_session(conn, "me.example")), server, 0)
    names = ("a@x", "b@x", "c@x")
    flow = send_message(conn, BODY, reverse_path="<>", forward_paths=names)
    run = FlowRun(conn, flow)
    octets = exchange(run, server, place)
    assert run.result is not None
    assert (run.result.accepted, run.result.refused) == (names, {})
    assert taken == [(["<a@x>", "<b@x>"], BODY), (["<c@x>"], BODY)]
    return octets


def test_both_ends_cut_at_every_place() -> None:
    octets = both_ends(0)
    for place in range(1, octets):
        assert both_ends(place) == octets


def test_both_ends_agree_on_what_is_used_up() -> None:
    served = SMTPServerConnection(SMTPLimits(max_transactions=1, max_recipient_domains=1), hostname="mx")
    server = FlowRun(served, serve(served, Service(handler=WholeMessages(lambda session, octets: None))))
    conn = SMTPClientConnection()
    exchange(FlowRun(conn, open_session(conn, "me.example")), server, 0)
    exchange(FlowRun(conn, send_message(conn, BODY, reverse_path="<>", forward_paths="a@x")), server, 0)
    run = FlowRun(conn, send_message(conn, BODY, reverse_path="<>", forward_paths=["b@x", "a@y"]))
    assert isinstance(run.error, SessionLimitReached)
    assert (run.error.fitting, run.error.left, run.sent) == ((), ("b@x", "a@y"), b"")

from __future__ import annotations

from typing import Any

import pytest

from mailproto.errors import LocalProtocolError, SMTPReplyError
from mailproto.smtp import (
    EXTENSIONS,
    XCLIENT,
    XFORWARD,
    Attributes,
    InvalidCommand,
    Noop,
    Reply,
    SMTPServerConnection,
    SMTPSession,
    WholeMessages,
    XClient,
    XForward,
)
from mailproto.smtp.server_flow import Service, serve
from mailproto.smtp.session_flows import xforward
from support_flows import FlowRun, run_script
from support_smtp import ready_client, ready_server, sent
from support_smtp import serve as accept_all
from support_smtp_clients import CLIENTS, connected
from support_smtp_servers import KINDS, serving
from support_split import for_every_split

ROWS = (*EXTENSIONS, XCLIENT, XFORWARD)
NAMES = "NAME ADDR PORT PROTO HELO IDENT SOURCE"
OFFER = f"250-mx.example\r\n250-PIPELINING\r\n250 XFORWARD {NAMES}\r\n".encode()
FORWARDED = XForward.of(name="c.example", addr="192.0.2.7", source="REMOTE")
ENVELOPE = b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n"
MESSAGE = ENVELOPE + b"x\r\n.\r\n"


NOTED = Reply.of(250, "2.0.0", "noted")


class Filtered(WholeMessages):
    """Trusts whoever it is told, and notes what was forwarded with each message."""

    def __init__(self, trusted: str = "192.0.2.1", answer: Reply | None = None) -> None:
        super().__init__(self._take)
        self.trusted = trusted
        self.answer = answer
        self.seen: list[Attributes] = []
        self.session = SMTPSession()

    def _take(self, session: SMTPSession, octets: bytes) -> Reply | None:
        self.seen.append(session.forwarded)
        return self.answer

    def connect(self, session: SMTPSession) -> None:
        self.session = session

    def xclient(self, session: SMTPSession, xclient: XClient) -> Reply:
        return Reply(220)

    def xforward(self, session: SMTPSession, xforward: XForward) -> Any:
        return NOTED if session.peer[0] == self.trusted else super().xforward(session, xforward)


def server() -> SMTPServerConnection:
    return SMTPServerConnection(hostname="mx.example", extensions=ROWS)


def serving_run(handler: WholeMessages, peer: Any = ("192.0.2.1", 25), **arguments: Any) -> FlowRun[None]:
    conn = SMTPServerConnection(hostname="mx.example", extensions=ROWS, **arguments)
    run = FlowRun(conn, serve(conn, Service(handler=handler), peer=peer))
    run.feed(b"EHLO me\r\n")
    assert f"250 XFORWARD {NAMES}\r\n".encode() in run.take_sent()
    return run


def say(run: FlowRun[None], octets: bytes) -> bytes:
    run.feed(octets)
    return run.take_sent()


def test_a_server_reads_it_cut_anywhere() -> None:
    octets = FORWARDED.serialize() + b"XFORWARD IDENT=1\r\nNOOP\r\n"
    events = for_every_split(octets, lambda pieces: accept_all(ready_server(server()), pieces))
    assert events == [FORWARDED, XForward.of(ident=1), Noop()]


@pytest.mark.parametrize(
    "octets, code",
    [
        (b"MAIL FROM:<a@x.example>\r\nXFORWARD PORT=1\r\n", 503),
        (b"XFORWARD PORT=x\r\n", 501),
        (b"XFORWARD LOGIN=tim\r\n", 501),
    ],
)
def test_a_server_refuses(octets: bytes, code: int) -> None:
    event = for_every_split(octets, lambda pieces: accept_all(ready_server(server()), pieces))[-1]
    assert isinstance(event, InvalidCommand)
    assert event.reply.code == code


def test_a_client_sends_only_what_is_offered() -> None:
    client = ready_client(offer=b"250-mx.example\r\n250 XFORWARD NAME ADDR\r\n")
    assert client.extensions.xforward == ("NAME", "ADDR")
    with pytest.raises(LocalProtocolError, match="does not offer SOURCE"):
        client.send_command(FORWARDED)
    with pytest.raises(LocalProtocolError, match="does not offer XFORWARD"):
        ready_client().send_command(FORWARDED)
    assert sent(client) == b""


def test_several_add_up_and_the_message_ends_them() -> None:
    handler = Filtered()
    run = serving_run(handler)
    assert say(run, FORWARDED.serialize()) == b"250 2.0.0 noted\r\n"
    say(run, b"XFORWARD IDENT=1 SOURCE=LOCAL\r\n")
    say(run, MESSAGE + MESSAGE)
    expected = [("NAME", "c.example"), ("ADDR", "192.0.2.7"), ("SOURCE", "LOCAL"), ("IDENT", "1")]
    assert [list(seen) for seen in handler.seen] == [expected, []]


RESETS = {
    "RSET": b"RSET\r\n",
    "RSET in the transaction": b"MAIL FROM:<>\r\nRSET\r\n",
    "EHLO": b"EHLO me\r\n",
    "XCLIENT": b"XCLIENT NAME=d.example\r\n",
    "a message that is refused": ENVELOPE + b"bare\n\r\n.\r\n",
}


@pytest.mark.parametrize("octets", RESETS.values(), ids=RESETS)
def test_what_resets_them(octets: bytes) -> None:
    handler = Filtered()
    run = serving_run(handler)
    say(run, FORWARDED.serialize())
    assert handler.session.forwarded == FORWARDED.attributes
    say(run, octets)
    assert list(handler.session.forwarded) == []


def test_a_refused_message_resets_them_too() -> None:
    handler = Filtered(answer=Reply(554))
    run = serving_run(handler)
    say(run, FORWARDED.serialize() + MESSAGE)
    assert handler.seen == [FORWARDED.attributes]
    assert list(handler.session.forwarded) == []


KEEPS = [b"NOOP\r\n", b"MAIL FROM:<>\r\n", b"FOO\r\n", b"XFORWARD x\r\n"]


@pytest.mark.parametrize("octets", KEEPS)
def test_what_keeps_them(octets: bytes) -> None:
    handler = Filtered()
    run = serving_run(handler)
    say(run, FORWARDED.serialize() + octets)
    assert handler.session.forwarded == FORWARDED.attributes


def test_a_peer_that_is_not_trusted() -> None:
    handler = Filtered()
    run = serving_run(handler, peer=("192.0.2.66", 25))
    assert say(run, FORWARDED.serialize()) == b"550 5.7.0 insufficient authorization\r\n"
    assert list(handler.session.forwarded) == []


def test_by_default_nobody_is_trusted() -> None:
    run = serving_run(WholeMessages(lambda session, octets: None))
    assert say(run, FORWARDED.serialize()) == b"550 5.7.0 insufficient authorization\r\n"


LONG = XForward.of(name="n" * 250, helo="h" * 250, ident="i" * 200, source="LOCAL")


def test_a_long_one_goes_in_parts() -> None:
    client = ready_client(offer=OFFER)
    script = [
        (b"XFORWARD NAME=" + b"n" * 250 + b"\r\n", b"250 ok\r\n"),
        (b"XFORWARD HELO=" + b"h" * 250 + b" IDENT=" + b"i" * 200 + b" SOURCE=LOCAL\r\n", b"250 last\r\n"),
    ]
    assert run_script(client, xforward(client, LONG), script).text == "last"


def test_a_part_that_is_refused() -> None:
    client = ready_client(offer=OFFER)
    with pytest.raises(SMTPReplyError, match="550"):
        run_script(client, xforward(client, LONG), [(None, b"550 5.7.0 no\r\n")])
    client.send_command(Noop())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
def test_over_sockets(client: str, kind: str) -> None:
    handler = Filtered(trusted="127.0.0.1")
    with serving(kind, handler, extensions=ROWS) as running, connected(client, running.port) as smtp:
        assert smtp.xforward(name="n" * 250, helo="h" * 250, addr="2001:db8::1").code == 250
        for _ in range(2):
            smtp.send_message(b"x", reverse_path="a@x", forward_paths="b@x")
    assert [list(seen) for seen in handler.seen] == [
        [("NAME", "n" * 250), ("HELO", "h" * 250), ("ADDR", "IPV6:2001:db8::1")],
        [],
    ]

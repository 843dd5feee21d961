from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError, SMTPReplyError
from mailproto.sasl import PasswordAuthenticator, PlainClient
from mailproto.smtp import (
    EXTENSIONS,
    XCLIENT,
    Attributes,
    Ehlo,
    Extension,
    Helo,
    InvalidCommand,
    Lhlo,
    Noop,
    Reply,
    SMTPClientConnection,
    SMTPHandler,
    SMTPServerConnection,
    SMTPSession,
    State,
    XClient,
)
from mailproto.smtp.server_flow import HandlerFailed, Service, serve
from mailproto.smtp.session_flows import authenticate, open_session, xclient
from support_flows import FlowRun, run_script, run_to_end
from support_smtp import greeted_server, pull, ready_client, ready_server, sent
from support_smtp import serve as accept_all
from support_smtp_clients import CLIENTS, connected
from support_smtp_servers import KINDS, serving
from support_split import for_every_split

ROWS = (*EXTENSIONS, XCLIENT)
ATTRIBUTES = b"NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME"
OFFER = b"250-mx.example\r\n250-AUTH PLAIN\r\n250 XCLIENT " + ATTRIBUTES + b"\r\n"
GREETING = b"220 mx.example ESMTP ready\r\n"
SPOKEN = XClient.of(name="c.example", addr="2001:db8::7", port=1025, helo="c.example", login="tim")


ACCEPTED = Reply(220, ("mx.example ESMTP ready",))


class Proxied(SMTPHandler):
    """Trusts its peer if it is the one that it is told, and keeps the sessions."""

    def __init__(self, trusted: str = "192.0.2.1", answer: Reply = ACCEPTED) -> None:
        self.trusted = trusted
        self.answer = answer
        self.session: SMTPSession = SMTPSession()

    def connect(self, session: SMTPSession) -> None:
        self.session = session

    def xclient(self, session: SMTPSession, xclient: XClient) -> Any:
        return self.answer if session.peer[0] == self.trusted else super().xclient(session, xclient)


def server() -> SMTPServerConnection:
    return SMTPServerConnection(hostname="mx.example", extensions=ROWS, auth_mechanisms=("PLAIN",))


def serving_run(
    handler: SMTPHandler, peer: Any = ("192.0.2.1", 25), lmtp: bool = False, **arguments: Any
) -> FlowRun[None]:
    conn = SMTPServerConnection(hostname="mx.example", extensions=ROWS, lmtp=lmtp)
    run = FlowRun(conn, serve(conn, Service(handler=handler, **arguments), peer=peer))
    run.feed(b"LHLO me\r\n" if lmtp else b"EHLO me\r\n")
    assert b"250 XCLIENT " + ATTRIBUTES + b"\r\n" in run.take_sent()
    return run


def say(run: FlowRun[None], octets: bytes) -> bytes:
    run.feed(octets)
    return run.take_sent()


def test_a_server_starts_over_cut_anywhere() -> None:
    octets = SPOKEN.serialize() + b"MAIL FROM:<a@x.example>\r\nEHLO c.example\r\nNOOP\r\n"
    events = for_every_split(octets, lambda pieces: accept_all(ready_server(server()), pieces))
    assert isinstance(events[1], InvalidCommand)
    assert events[1].reply.code == 503
    assert [events[0], *events[2:]] == [SPOKEN, Ehlo("c.example"), Noop()]


def test_several_follow_each_other_without_ehlo() -> None:
    octets = b"XCLIENT PORT=1\r\nXCLIENT PORT=2\r\nEHLO c.example\r\nXCLIENT PORT=3\r\n"
    events = for_every_split(octets, lambda pieces: accept_all(ready_server(server()), pieces))
    ports = [event.attributes.port for event in events if isinstance(event, XClient)]
    assert ports == [1, 2, 3]
    (event,) = accept_all(greeted_server(server()), [b"XCLIENT PORT=1\r\n"])
    assert isinstance(event, InvalidCommand)
    assert event.reply.code == 502


def answered(octets: bytes, reply: Reply, conn: SMTPServerConnection | None = None) -> SMTPServerConnection:
    conn = ready_server(conn or server())
    conn.receive_data(octets)
    assert conn.next_event() is not None
    conn.send_reply(reply)
    return conn


def test_what_a_server_forgets() -> None:
    conn = answered(b"XCLIENT LOGIN=tim\r\n", Reply(220))
    assert (conn.state, conn.hello) == (State.START, None)
    assert conn.is_authenticated
    assert not answered(b"XCLIENT LOGIN=[UNAVAILABLE]\r\n", Reply(220)).is_authenticated
    conn = answered(b"XCLIENT LOGIN=tim\r\n", Reply(550))
    assert (conn.state, conn.hello, conn.is_authenticated) == (State.READY, Ehlo("me.example"), False)
    assert "XCLIENT" in conn.extensions


def test_an_intermediate_reply_is_no_answer() -> None:
    with pytest.raises(LocalProtocolError, match="354 is no answer"):
        answered(SPOKEN.serialize(), Reply(354))


REFUSED: dict[str, tuple[bytes, Callable[[], SMTPServerConnection], int]] = {
    "in a transaction": (b"MAIL FROM:<a@x.example>\r\nXCLIENT PORT=1\r\n", server, 503),
    "malformed": (b"XCLIENT PORT=1 x\r\n", server, 501),
    "not offered": (b"XCLIENT PORT=1\r\n", lambda: SMTPServerConnection(hostname="mx.example"), 502),
    "an attribute that is not offered": (
        b"XCLIENT PORT=1 LOGIN=tim\r\n",
        lambda: SMTPServerConnection(
            hostname="mx.example", extensions=[Extension("XCLIENT", lambda offer: "ADDR PORT")]
        ),
        501,
    ),
}


@pytest.mark.parametrize("octets, make, code", REFUSED.values(), ids=REFUSED)
def test_a_server_refuses(octets: bytes, make: Callable[[], SMTPServerConnection], code: int) -> None:
    event = for_every_split(octets, lambda pieces: accept_all(ready_server(make()), pieces))[-1]
    assert isinstance(event, InvalidCommand)
    assert event.reply.code == code


def test_what_a_client_forgets() -> None:
    client = ready_client(offer=OFFER)
    assert client.extensions.xclient == tuple(ATTRIBUTES.decode().split())
    client.send_command(SPOKEN)
    with pytest.raises(LocalProtocolError, match="a reply is due"):
        client.send_command(Ehlo("c.example"))
    client.receive_data(GREETING)
    pull(client)
    assert (client.state, client.hello, client.extensions.pairs) == (State.START, None, ())
    assert client.is_authenticated
    with pytest.raises(LocalProtocolError, match="does not offer XCLIENT"):
        client.send_command(SPOKEN)


def test_a_client_sends_only_what_is_offered() -> None:
    client = ready_client(offer=b"250-mx.example\r\n250 XCLIENT ADDR PORT\r\n")
    with pytest.raises(LocalProtocolError, match="does not offer LOGIN"):
        client.send_command(XClient.of(addr="192.0.2.1", login="tim"))
    with pytest.raises(LocalProtocolError, match="does not offer XCLIENT"):
        ready_client().send_command(SPOKEN)
    assert sent(client) == b""
    assert ready_client().extensions.xclient == ()


PEERS: list[tuple[bytes, Any]] = [
    (b"ADDR=192.0.2.7 PORT=1025", ("192.0.2.7", 1025)),
    (b"ADDR=192.0.2.7", ("192.0.2.7", 25)),
    (b"ADDR=IPV6:2001:db8::7 PORT=1025", ("2001:db8::7", 1025)),
    (b"PORT=1025", ("192.0.2.1", 1025)),
    (b"PORT=[UNAVAILABLE]", ("192.0.2.1", 0)),
    (b"ADDR=[UNAVAILABLE]", ""),
    (b"NAME=c.example", ("192.0.2.1", 25)),
]


@pytest.mark.parametrize("attributes, peer", PEERS)
def test_the_peer_of_the_session(attributes: bytes, peer: Any) -> None:
    handler = Proxied()
    assert say(serving_run(handler), b"XCLIENT " + attributes + b"\r\n") == GREETING
    assert handler.session.peer == peer


def test_behind_a_unix_socket() -> None:
    handler = Proxied(trusted="/")
    run = serving_run(handler, peer="/run/mail")
    say(run, b"XCLIENT ADDR=192.0.2.7\r\n")
    assert handler.session.peer == ("192.0.2.7", 0)


@pytest.mark.parametrize(
    "attributes, lmtp, hello",
    [
        (b"HELO=c.example", False, Ehlo("c.example")),
        (b"HELO=c.example PROTO=ESMTP", False, Ehlo("c.example")),
        (b"HELO=c.example PROTO=SMTP", False, Helo("c.example")),
        (b"HELO=c.example", True, Lhlo("c.example")),
        (b"HELO=[UNAVAILABLE]", False, None),
        (b"PROTO=SMTP", False, None),
    ],
)
def test_the_hello_of_the_session(attributes: bytes, lmtp: bool, hello: object) -> None:
    handler = Proxied()
    run = serving_run(handler, lmtp=lmtp)
    say(run, b"XCLIENT " + attributes + b"\r\n")
    assert handler.session.hello == hello
    assert say(run, b"LHLO new\r\n" if lmtp else b"EHLO new\r\n").startswith(b"250-mx.example\r\n")
    assert getattr(handler.session.hello, "domain", "") == "new"


def test_login_is_the_identity_and_makes_auth_superfluous() -> None:
    handler = Proxied()
    users = PasswordAuthenticator({"tim": "x"})
    run = serving_run(handler, authenticator=users, allow_cleartext=True)
    say(run, b"XCLIENT LOGIN=tim NAME=c.example\r\n")
    identities = [handler.session.identity]
    say(run, b"EHLO new\r\n")
    assert say(run, b"AUTH PLAIN\r\n") == b"503 5.5.1 bad sequence of commands\r\n"
    assert say(run, b"XCLIENT ADDR=192.0.2.1\r\n") == GREETING
    assert [*identities, handler.session.identity] == ["tim", None]
    assert handler.session.xclient == Attributes(
        [("LOGIN", "tim"), ("NAME", "c.example"), ("ADDR", "192.0.2.1")]
    )
    say(run, b"EHLO new\r\n")
    assert say(run, b"AUTH PLAIN\r\n") == b"334 \r\n"


def test_a_peer_that_is_not_trusted() -> None:
    handler = Proxied()
    run = serving_run(handler, peer=("192.0.2.66", 25))
    assert say(run, b"XCLIENT ADDR=192.0.2.1\r\n") == b"550 5.7.0 insufficient authorization\r\n"
    assert (handler.session.peer, handler.session.xclient) == (("192.0.2.66", 25), ())
    assert say(run, b"MAIL FROM:<a@x.example>\r\n").startswith(b"250 ")


def test_by_default_nobody_is_trusted() -> None:
    run = serving_run(SMTPHandler())
    assert say(run, SPOKEN.serialize()) == b"550 5.7.0 insufficient authorization\r\n"


def test_a_greeting_of_the_handler_and_an_answer_that_does_not_fit() -> None:
    run = serving_run(Proxied(answer=Reply(220, ("welcome",))))
    assert say(run, SPOKEN.serialize()) == b"220 welcome\r\n"
    run = serving_run(Proxied(answer=Reply(354)))
    assert say(run, SPOKEN.serialize()) == b"451 4.3.0 internal error, try again later\r\n"
    assert say(run, b"QUIT\r\n").startswith(b"221 ")
    assert isinstance(run.error, HandlerFailed)


def test_a_client_says_ehlo_again() -> None:
    client = ready_client(offer=OFFER)
    script = [(SPOKEN.serialize(), GREETING), (b"EHLO me.example\r\n", OFFER)]
    assert run_script(client, xclient(client, SPOKEN), script).code == 220
    script = [
        (SPOKEN.serialize(), GREETING),
        (b"EHLO c.example\r\n", b"500\r\n"),
        (b"HELO c.example\r\n", b"250\r\n"),
    ]
    run_script(client, xclient(client, SPOKEN, "c.example"), script)
    assert client.hello == Helo("c.example")


def test_a_client_that_is_refused_goes_on() -> None:
    client = ready_client(offer=OFFER)
    with pytest.raises(SMTPReplyError, match="550"):
        run_script(client, xclient(client, SPOKEN), [(SPOKEN.serialize(), b"550 5.7.0 no\r\n")])
    assert (client.state, client.hello) == (State.READY, Ehlo("me.example"))


def test_both_ends() -> None:
    handler = Proxied()
    users = PasswordAuthenticator({"tim": "secret"})
    conn, peer = SMTPClientConnection(), SMTPServerConnection(hostname="mx.example", extensions=ROWS)
    service = Service(handler=handler, authenticator=users, allow_cleartext=True)
    running = FlowRun(peer, serve(peer, service, peer=("192.0.2.1", 25)))
    run_to_end(FlowRun(conn, open_session(conn, "me.example")), running)
    run_to_end(FlowRun(conn, xclient(conn, SPOKEN)), running)
    assert (handler.session.peer, handler.session.identity) == (("2001:db8::7", 1025), "tim")
    assert conn.is_authenticated
    assert peer.is_authenticated
    handler.trusted = "2001:db8::7"
    run_to_end(FlowRun(conn, xclient(conn, XClient.of(port=1026))), running)
    login = [PlainClient("tim", "secret")]
    run_to_end(FlowRun(conn, authenticate(conn, login, allow_cleartext=True)), running)
    assert handler.session.identity == "tim"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
def test_over_sockets(client: str, kind: str) -> None:
    handler = Proxied(trusted="127.0.0.1")
    with serving(kind, handler, extensions=ROWS) as running, connected(client, running.port) as smtp:
        assert smtp.xclient(addr="192.0.2.7", port=1025, login="tim").code == 220
        assert (handler.session.peer, handler.session.identity) == (("192.0.2.7", 1025), "tim")
        with pytest.raises(SMTPReplyError, match="insufficient authorization"):
            smtp.xclient(addr=None)
        with pytest.raises(LocalProtocolError):
            smtp.xclient(addr="x")
        assert smtp.send_message(b"x", reverse_path="a@x", forward_paths="b@x").reply.code == 250

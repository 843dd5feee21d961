"""BURL at both ends (RFC 4468)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from mailproto.address import NULL_PATH, Mailbox, Path
from mailproto.errors import LocalProtocolError, SMTPRecipientsRefused, SMTPReplyError
from mailproto.limits import SMTPLimits
from mailproto.sasl import PasswordAuthenticator, PlainClient
from mailproto.smtp import (
    EXTENSIONS,
    Bdat,
    Burl,
    Command,
    Extension,
    InvalidCommand,
    Mail,
    MessageBody,
    MessageSink,
    Offer,
    Rcpt,
    Reply,
    SMTPClientConnection,
    SMTPHandler,
    SMTPServerConnection,
    SMTPSession,
    State,
    burl,
)
from mailproto.smtp.client_flows import SendResult, send_url
from mailproto.smtp.ext.burl import can_fetch
from mailproto.smtp.server_flow import HandlerFailed, Service, serve
from mailproto.smtp.session_flows import authenticate, open_session
from support_flows import FlowRun, run_script, run_to_end
from support_sinks import Sink
from support_smtp import pull, ready_client, ready_server, sent
from support_smtp import serve as serve_all
from support_split import for_every_split

URL = "imap://harry@gryffindor.example.com/outbox;uidvalidity=1078863300/;uid=25;urlauth=submit+harry:internal:91354a"
OCTETS = URL.encode()
B, C = (Path(Mailbox(name, "x")) for name in "bc")
ENVELOPE = b"MAIL FROM:<>\r\nRCPT TO:<b@x>\r\n"
LOGIN = b"AUTH PLAIN AGEAYg==\r\n"


class TestRow:
    @pytest.mark.parametrize(
        "arguments", [("imap",), ("imap", "imap://imap.example.org"), ("imap://[::1]:143",)]
    )
    def test_arguments_are_said_after_a_login(self, arguments: tuple[str, ...]) -> None:
        row = burl(*arguments)
        offers = [
            Offer(start_tls=False, auth_mechanisms=(), max_message=0, is_authenticated=known)
            for known in (False, True)
        ]
        assert [row.offered(offer) for offer in offers] == ["", " ".join(arguments)]

    @pytest.mark.parametrize(
        "argument", ["", "pop", "imap://", "imap:", "imap://a b", "imap\r\nX", "imap://ü"]
    )
    def test_no_argument(self, argument: str) -> None:
        with pytest.raises(LocalProtocolError, match="expected imap or imap://authority"):
            burl(argument)


CAN_FETCH = [
    (("imap",), URL, True),
    (("imap",), "IMAP://h/a;UID=1;URLAUTH=anonymous:internal:1", True),
    (("imap",), "imap://h/a;uid=1", False),
    (("imap://h",), "imap://h/a;uid=1", True),
    (("imap://H",), "imap://joe@h/a;uid=1", True),
    (("imap://h",), "imap://h", True),
    (("imap://h",), "imap://h.evil.example/a;uid=1", False),
    (("imap://h",), "imap://h@evil.example/a;uid=1", False),
    (("imap://h",), URL, False),
    (("x-new",), URL, False),
    ((), URL, False),
    (("imap",), "http://h/a;urlauth=x:y:z", False),
]


@pytest.mark.parametrize("arguments, url, can", CAN_FETCH)
def test_what_a_server_fetches(arguments: tuple[str, ...], url: str, can: bool) -> None:
    assert can_fetch(arguments, url) is can


# What is said behind EHLO, and the codes of the answers; the application accepts.
DIALOGUES: dict[str, tuple[bytes, list[int]]] = {
    "the only one": (LOGIN + ENVELOPE + b"BURL %b LAST\r\nNOOP\r\n", [235, 250, 250, 250, 250]),
    "with BDAT": (
        LOGIN + ENVELOPE + b"BDAT 2\r\nabBURL %b\r\nBDAT 0 LAST\r\nMAIL FROM:<>\r\n",
        [235, 250, 250, 250, 250, 250, 250],
    ),
    "without a login": (ENVELOPE + b"BURL %b LAST\r\n", [250, 250, 530]),
    "without MAIL": (LOGIN + b"BURL %b LAST\r\n", [235, 503]),
    "without recipients": (
        LOGIN + b"MAIL FROM:<>\r\nBURL %b\r\nBURL %b LAST\r\nRSET\r\n", [235, 250, 554, 503, 250],
    ),
    "bad": (LOGIN + ENVELOPE + b"BURL %b FIRST\r\nBURL %b LAST\r\nRSET\r\n", [235, 250, 250, 501, 503, 250]),
    "malformed amid chunks": (
        LOGIN + ENVELOPE + b"BDAT 1\r\naBURL\r\nBDAT 1 LAST\r\nbRSET\r\n",
        [235, 250, 250, 250, 501, 503, 250],
    ),
    "reset": (LOGIN + ENVELOPE + b"BURL %b\r\nRSET\r\nMAIL FROM:<>\r\n", [235, 250, 250, 250, 250, 250]),
    "DATA amid": (LOGIN + ENVELOPE + b"BURL %b\r\nDATA\r\nRSET\r\n", [235, 250, 250, 250, 503, 250]),
}  # fmt: skip


class TestServerConnection:
    def make(self, *without: str, lmtp: bool = False) -> SMTPServerConnection:
        rows = (*EXTENSIONS, burl("imap"))
        return ready_server(
            SMTPServerConnection(
                hostname="mx",
                auth_mechanisms=["PLAIN"],
                lmtp=lmtp,
                extensions=[row for row in rows if row.keyword not in without],
            )
        )

    @pytest.mark.parametrize("octets, codes", DIALOGUES.values(), ids=DIALOGUES)
    def test_dialogues(self, octets: bytes, codes: list[int]) -> None:
        octets = octets.replace(b"%b", b"imap://h/a;uid=1")

        def run(pieces: list[bytes]) -> list[Any]:
            conn = self.make()
            events = serve_all(conn, pieces)
            assert [int(line[:3]) for line in sent(conn).splitlines()] == codes
            return events

        for_every_split(octets, run)

    def test_not_offered(self) -> None:
        conn = self.make("BURL")
        serve_all(conn, [LOGIN + ENVELOPE + b"BURL a:b\r\n"])
        assert sent(conn).endswith(b"502 5.5.1 not offered\r\n")

    def test_one_that_is_not_the_last_needs_chunking(self) -> None:
        conn = self.make("CHUNKING")
        serve_all(conn, [LOGIN + ENVELOPE + b"BURL a:b\r\nRSET\r\n" + ENVELOPE + b"BURL a:b LAST\r\n"])
        assert [int(line[:3]) for line in sent(conn).splitlines()] == [235, 250, 250, 502, 250, 250, 250, 250]

    def test_lmtp(self) -> None:
        conn = self.make(lmtp=True)
        serve_all(conn, [LOGIN + ENVELOPE + b"RCPT TO:<c@x>\r\nBURL a:b\r\nBURL a:b LAST\r\n"])
        assert sent(conn).count(b"250 ") == 6

    def test_a_token_is_in_no_trace_and_no_excerpt(self) -> None:
        seen: list[bytes] = []
        conn = self.make()
        conn.trace = lambda direction, octets: seen.append(octets)
        events = serve_all(conn, [b"BURL a:b;urlauth=c:secret\r\nBURL a:b;urlauth=c:secret no\r\n"])
        assert b"secret" not in b"".join(seen)
        assert [event.excerpt for event in events if isinstance(event, InvalidCommand)] == [
            b"BURL a:b;urlauth=c:***", b"BURL a:b;urlauth=c:*** no",
        ]  # fmt: skip

    def test_what_is_fetched_counts(self) -> None:
        conn = ready_server(
            SMTPServerConnection(
                SMTPLimits(max_message=10),
                hostname="mx",
                auth_mechanisms=["PLAIN"],
                extensions=(*EXTENSIONS, burl("imap")),
            )
        )
        serve_all(conn, [LOGIN + ENVELOPE + b"BDAT 4\r\nabcd"])
        with pytest.raises(LocalProtocolError, match="none waits"):
            conn.count_fetched(1)
        conn.receive_data(b"BURL a:b\r\n")
        assert conn.next_event() == Burl("a:b")
        assert conn.count_fetched(6) is None
        refusal = conn.count_fetched(1)
        assert refusal is not None
        assert refusal.serialize() == b"554 5.3.4 message too big\r\n"
        conn.send_reply(refusal)
        assert conn.state is State.FAILED


OFFER = b"250-mx\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250-BURL imap\r\n250 CHUNKING\r\n"


def logged_in(offer: bytes = OFFER) -> SMTPClientConnection:
    conn = ready_client(offer=offer)
    run_script(conn, authenticate(conn, [PlainClient("a", "b")], allow_cleartext=True), [(None, b"235\r\n")])
    return conn


class TestClientConnection:
    def test_a_transaction_in_one_group(self) -> None:
        conn = logged_in()
        commands: list[Command] = [Mail(NULL_PATH), Rcpt(B), Burl("a:b"), Bdat(0), Burl("a:c", last=True)]
        for command in commands:
            conn.send_command(command)
        assert sent(conn).endswith(b"BURL a:b\r\nBDAT 0\r\nBURL a:c LAST\r\n")
        conn.receive_data(b"250 \r\n" * 5)
        assert [event.command for event in pull(conn) if isinstance(event, Reply)] == [
            *commands[:4],
            MessageBody(),
        ]
        assert conn.state is State.READY

    @pytest.mark.parametrize("last, timeout", [(False, 600.0), (True, 600.0)])
    def test_timeout(self, last: bool, timeout: float) -> None:
        conn = logged_in()
        for command in (Mail(NULL_PATH), Rcpt(B)):
            conn.send_command(command)
            conn.receive_data(b"250 \r\n")
            pull(conn)
        conn.send_command(Burl("a:b", last=last))
        assert conn.timeout == timeout

    def test_a_login_is_needed(self) -> None:
        conn = ready_client(offer=OFFER)
        conn.send_command(Mail(NULL_PATH))
        conn.send_command(Rcpt(B))
        with pytest.raises(LocalProtocolError, match="legal only when authenticated"):
            conn.send_command(Burl("a:b"))

    @pytest.mark.parametrize(
        "offer, keyword",
        [
            (b"250-mx\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 CHUNKING\r\n", "BURL"),
            (OFFER.replace(b"CHUNKING", b"X"), "CHUNKING"),
        ],
    )
    def test_not_offered(self, offer: bytes, keyword: str) -> None:
        conn = logged_in(offer)
        conn.send_command(Mail(NULL_PATH))
        conn.send_command(Rcpt(B))
        with pytest.raises(LocalProtocolError, match=f"does not offer {keyword}"):
            conn.send_command(Burl("a:b"))

    def test_a_token_is_in_no_trace(self) -> None:
        conn = logged_in()
        seen: list[bytes] = []
        conn.trace = lambda direction, octets: seen.append(octets)
        for command in (Mail(NULL_PATH), Rcpt(B), Burl(URL, last=True)):
            conn.send_command(command)
        assert b"91354a" not in b"".join(seen)
        assert OCTETS in sent(conn)


GROUP = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n"


class TestClientFlow:
    def send(
        self,
        script: list[tuple[bytes | None, Any]],
        conn: SMTPClientConnection | None = None,
        url: str = URL,
        **arguments: Any,
    ) -> SendResult:
        conn = conn or logged_in()
        arguments.setdefault("forward_paths", ["b@x"])
        flow = send_url(conn, url, reverse_path="a@x", **arguments)
        return run_script(conn, flow, script)

    def test_accepted(self) -> None:
        script: list[tuple[bytes | None, Any]] = [
            (GROUP, b"250\r\n250\r\n"),
            (b"BURL " + OCTETS + b" LAST\r\n", b"250 2.5.0 Ok.\r\n"),
        ]
        result = self.send(script)
        assert (result.accepted, result.reply.code) == (("b@x",), 250)

    def test_refused(self) -> None:
        conn = logged_in()
        with pytest.raises(SMTPReplyError, match="554 IMAP URL resolution failed") as caught:
            self.send([(GROUP, b"250\r\n250\r\n"), (None, b"554 5.6.6 IMAP URL resolution failed\r\n")], conn)
        assert "91354a" not in str(caught.value)
        self.send([(GROUP, b"250\r\n250\r\n"), (None, b"250\r\n")], conn)

    def test_no_recipient(self) -> None:
        with pytest.raises(SMTPRecipientsRefused):
            self.send([(GROUP, b"250\r\n550 no\r\n"), (b"RSET\r\n", b"250\r\n")])

    FETCH = b"BURL " + OCTETS + b" LAST\r\n"
    SECOND = GROUP.replace(b"b@x", b"c@x")

    def limited(self) -> SMTPClientConnection:
        return logged_in(OFFER.replace(b"250-mx\r\n", b"250-mx\r\n250-LIMITS RCPTMAX=1\r\n"))

    def test_several_transactions(self) -> None:
        script: list[tuple[bytes | None, Any]] = [
            (GROUP, b"250\r\n250\r\n"),
            (self.FETCH, b"250 one\r\n"),
            (self.SECOND, b"250\r\n250\r\n"),
            (self.FETCH, b"250 two\r\n"),
        ]
        result = self.send(script, self.limited(), forward_paths=["b@x", "c@x"])
        assert result == SendResult(("b@x", "c@x"), {}, Reply(250, ("two",)))

    @pytest.mark.parametrize("is_first", [True, False])
    def test_refused_in_one_of_several_transactions(self, *, is_first: bool) -> None:
        answers = (b"554 no\r\n", b"250 taken\r\n")
        script: list[tuple[bytes | None, Any]] = [
            (GROUP, b"250\r\n250\r\n"),
            (self.FETCH, answers[not is_first]),
            (self.SECOND, b"250\r\n250\r\n"),
            (self.FETCH, answers[is_first]),
        ]
        result = self.send(script, self.limited(), forward_paths=["b@x", "c@x"])
        lost, taken = ("b@x", "c@x") if is_first else ("c@x", "b@x")
        assert result == SendResult((taken,), {lost: Reply(554, ("no",))}, Reply(250, ("taken",)))

    def test_hello_is_said_again_behind_a_login(self) -> None:
        conn = logged_in(OFFER.replace(b"BURL imap", b"BURL"))
        script: list[tuple[bytes | None, Any]] = [
            (b"EHLO me.example\r\n", OFFER),
            (GROUP, b"250\r\n250\r\n"),
            (None, b"250\r\n"),
        ]
        self.send(script, conn)

    @pytest.mark.parametrize("url", ["imap://h/a;uid=1", "http://h/a"])
    def test_a_url_that_the_server_does_not_fetch(self, url: str) -> None:
        with pytest.raises(LocalProtocolError, match="does not offer to fetch"):
            self.send([], url=url)

    @pytest.mark.parametrize("url", ["", "a b", "imap://h/a LAST\r\nRSET"])
    def test_no_url(self, url: str) -> None:
        with pytest.raises(LocalProtocolError, match="expected an absolute URI"):
            self.send([], url=url)

    def test_not_offered(self) -> None:
        conn = logged_in(OFFER.replace(b"250-BURL imap\r\n", b""))
        with pytest.raises(LocalProtocolError, match="does not offer"):
            self.send([], conn)
        assert conn.state is State.READY


class Fetcher(SMTPHandler):
    def __init__(self, fetch: Callable[[], Any]) -> None:
        self.fetch = fetch
        self.sinks: list[Sink] = []
        self.urls: list[tuple[str, str | None]] = []

    def message(self, session: SMTPSession) -> MessageSink:
        self.sinks.append(Sink())
        return self.sinks[-1]

    def burl(self, session: SMTPSession, burl: Burl) -> Any:
        self.urls.append((burl.url, session.identity))
        return self.fetch()


async def waited() -> bytes:
    return b"fetched"


async def slow() -> AsyncIterator[bytes]:
    for octet in (b"fet", b"ched"):
        yield octet


def failing() -> Iterator[bytes | Reply]:
    yield b"fet"
    yield Reply(451, ("4.4.1 IMAP server unavailable",))


FETCHED: dict[str, Callable[[], Any]] = {
    "octets": lambda: b"fetched",
    "awaitable": waited,
    "chunks": lambda: iter([b"fet", b"", b"ched"]),
    "list": lambda: [b"fetched"],
    "async chunks": slow,
}
NOT_FETCHED: dict[str, tuple[Callable[[], Any], bytes]] = {
    "nothing": (lambda: None, b"554 5.6.6 the URL cannot be resolved\r\n"),
    "refusal": (lambda: Reply.of(554, "5.6.6", "no"), b"554 5.6.6 no\r\n"),
    "failing in the middle": (failing, b"451 4.4.1 IMAP server unavailable\r\n"),
    "too big": (lambda: b"x" * 21, b"554 5.3.4 message too big\r\n"),
    "too big in chunks": (lambda: [b"x" * 10] * 3, b"554 5.3.4 message too big\r\n"),
}
BAD: dict[str, Callable[[], Any]] = {
    "text": lambda: "text",
    "number": lambda: 5,
    "numbers": lambda: [5],
    "positive reply": lambda: Reply(250),
    "positive reply in the middle": lambda: [b"a", Reply(250)],
}


class TestServerFlow:
    def run(self, handler: SMTPHandler, row: Extension = burl("imap"), **arguments: Any) -> FlowRun[None]:  # noqa: B008 - a constant
        conn = SMTPServerConnection(
            SMTPLimits(max_message=20), hostname="mx", extensions=(*EXTENSIONS, row), **arguments
        )
        users = PasswordAuthenticator({"harry": "accio"})
        service = Service(handler=handler, authenticator=users, allow_cleartext=True)
        run = FlowRun(conn, serve(conn, service))
        run.feed(b"LHLO me\r\n" if conn.is_lmtp else b"EHLO me\r\n")
        run.feed(b"AUTH PLAIN AGhhcnJ5AGFjY2lv\r\n")
        run.take_sent()
        return run

    def say(self, run: FlowRun[None], octets: bytes) -> bytes:
        run.feed(octets)
        return run.take_sent()

    @pytest.mark.parametrize("fetch", FETCHED.values(), ids=FETCHED)
    def test_fetched(self, fetch: Callable[[], Any]) -> None:
        handler = Fetcher(fetch)
        run = self.run(handler)
        self.say(run, ENVELOPE)
        assert self.say(run, b"BURL imap://h/a LAST\r\n") == b"250 2.0.0 message accepted\r\n"
        assert (handler.sinks[0].octets, handler.sinks[0].ends) == (b"fetched", ["finish"])
        assert handler.urls == [("imap://h/a", "harry")]

    def test_mixed_with_bdat(self) -> None:
        handler = Fetcher(lambda: b"fetched")
        run = self.run(handler)
        self.say(run, ENVELOPE)
        answers = self.say(run, b"BDAT 1\r\n<BURL imap://h/a\r\nBDAT 1 LAST\r\n>")
        assert (
            answers
            == b"250 2.0.0 1 octets received\r\n250 2.5.0 waiting for more\r\n250 2.0.0 message accepted\r\n"
        )
        assert (handler.sinks[0].octets, handler.sinks[0].ends) == (b"<fetched>", ["finish"])

    @pytest.mark.parametrize("last", [b"", b" LAST"])
    @pytest.mark.parametrize("fetch, answer", NOT_FETCHED.values(), ids=NOT_FETCHED)
    def test_not_fetched(self, fetch: Callable[[], Any], answer: bytes, last: bytes) -> None:
        handler = Fetcher(fetch)
        run = self.run(handler)
        self.say(run, ENVELOPE)
        assert self.say(run, b"BURL imap://h/a%b\r\n" % last) == answer
        assert handler.sinks[0].ends == ["abort"]
        assert self.say(run, b"RSET\r\n" + ENVELOPE).startswith(b"250 ")

    @pytest.mark.parametrize("fetch", BAD.values(), ids=BAD)
    def test_what_is_no_answer(self, fetch: Callable[[], Any]) -> None:
        handler = Fetcher(fetch)
        run = self.run(handler)
        said = self.say(run, ENVELOPE + b"BURL imap://h/a LAST\r\n")
        assert said.endswith(b"\r\n451 4.3.0 internal error, try again later\r\n")
        assert handler.sinks[0].ends == ["abort"]
        assert self.say(run, ENVELOPE + b"QUIT\r\n").startswith(b"250 2.1.0")
        assert isinstance(run.error, HandlerFailed)

    def test_what_is_too_big_with_what_came_before(self) -> None:
        handler = Fetcher(lambda: b"x" * 11)
        run = self.run(handler)
        self.say(run, ENVELOPE + b"BDAT 10\r\n0123456789")
        assert self.say(run, b"BURL imap://h/a LAST\r\n") == b"554 5.3.4 message too big\r\n"

    def test_the_handler_refuses_the_message(self) -> None:
        class Full(Fetcher):
            def message(self, session: SMTPSession) -> Any:
                return Reply(452, ("full",))

        handler = Full(lambda: b"fetched")
        run = self.run(handler)
        self.say(run, ENVELOPE)
        assert self.say(run, b"BURL imap://h/a LAST\r\n") == b"452 4.0.0 full\r\n"
        assert handler.urls == []

    def test_a_handler_without_burl(self) -> None:
        run = self.run(SMTPHandler())
        self.say(run, ENVELOPE)
        assert self.say(run, b"BURL imap://h/a LAST\r\n") == b"554 5.6.6 the URL cannot be resolved\r\n"

    def test_lmtp_has_a_reply_for_each_recipient(self) -> None:
        run = self.run(Fetcher(lambda: None), lmtp=True)
        self.say(run, ENVELOPE + b"RCPT TO:<c@x>\r\n")
        assert self.say(run, b"BURL imap://h/a LAST\r\n").count(b"554 ") == 2

    def test_both_ends(self) -> None:
        handler = Fetcher(lambda: b"fetched")
        users = PasswordAuthenticator({"harry": "accio"})
        conn = SMTPServerConnection(hostname="mx", extensions=(*EXTENSIONS, burl("imap")))
        server = FlowRun(
            conn, serve(conn, Service(handler=handler, authenticator=users, allow_cleartext=True))
        )
        client = SMTPClientConnection()
        run_to_end(FlowRun(client, open_session(client, "me.example")), server)
        assert not client.extensions.burl
        mechanisms = [PlainClient("harry", "accio")]
        run_to_end(FlowRun(client, authenticate(client, mechanisms, allow_cleartext=True)), server)
        flow = send_url(client, URL, reverse_path="a@x", forward_paths="b@x")
        assert run_to_end(FlowRun(client, flow), server).accepted == ("b@x",)
        assert client.extensions.burl == ("imap",)
        assert (handler.urls, handler.sinks[0].octets) == ([(URL, "harry")], b"fetched")

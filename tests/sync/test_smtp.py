from __future__ import annotations

import asyncio
import io
import smtplib
import socket
import ssl
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path as FilePath
from typing import Any, cast

import pytest

from mailproto.errors import (
    ConnectionClosed,
    ConnectionTimeout,
    Denial,
    LocalProtocolError,
    RemoteProtocolError,
    SessionLimitReached,
    SMTPAuthenticationFailed,
    SMTPRecipientsRefused,
    SMTPReplyError,
    TLSUnavailable,
)
from mailproto.limits import SMTPLimits
from mailproto.sasl import ExternalClient, LoginClient, PlainClient
from mailproto.smtp import (
    BINARYMIME,
    EXTENSIONS,
    NOTIFY,
    PRDR_EXTENSION,
    AnnouncedLimits,
    Burl,
    Mail,
    Noop,
    Notify,
    Reply,
    SMTPHandler,
    SMTPSession,
    WholeMessages,
    burl,
)
from mailproto.smtp import BODY as BODY_TYPE
from mailproto.smtp.commands import Vrfy
from mailproto.sync import SMTPClient, serve_smtp
from support_lines import authority, client_context, server_context
from support_smtp_servers import KINDS, Accepting, serving

USERS = {"tim": "secret"}
BODY = b"Subject: x\r\n\r\n.text\r\n"
ENVELOPE: dict[str, Any] = {"reverse_path": "a@x.example", "forward_paths": ["b@x.example"]}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def connect(port: int, **arguments: Any) -> SMTPClient:
    arguments.setdefault("tls", "none")
    return SMTPClient.connect("127.0.0.1", port, timeout=30, **arguments)


class TestClientAndServer:
    def test_a_message(self, kind: str) -> None:
        handler = Accepting()
        with serving(kind, handler) as server, connect(server.port) as smtp:
            assert smtp.extensions.pipelining
            for _ in range(3):
                result = smtp.send_message(BODY, **ENVELOPE)
                assert result.accepted == ("b@x.example",)
            assert smtp.is_open
        assert bool(smtp.is_open) is False
        assert handler.taken == [("<a@x.example>", ["<b@x.example>"], BODY)] * 3
        assert handler.sessions[0].peer[0] == "127.0.0.1"

    def test_refusals_leave_the_session_usable(self, kind: str) -> None:
        handler = Accepting()
        with serving(kind, handler) as server, connect(server.port) as smtp:
            with pytest.raises(SMTPRecipientsRefused) as refused:
                smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=["bad@x.example"])
            assert refused.value.code == 550
            with pytest.raises(SMTPReplyError, match="not you"):
                smtp.send_message(BODY, reverse_path="bad@x.example", forward_paths=["b@x.example"])
            with pytest.raises(LocalProtocolError):
                smtp.send_message(BODY, reverse_path="a b", forward_paths=["b@x.example"])
            result = smtp.send_message(BODY, reverse_path="", forward_paths=["b@x.example", "bad@x.example"])
            assert result.refused == {"bad@x.example": Reply.of(550, "5.1.1", "unknown")}
        assert handler.taken == [("<>", ["<b@x.example>"], BODY)]

    def test_limits_of_the_server(self, kind: str) -> None:
        handler = Accepting()
        limits = SMTPLimits(max_recipients=2, max_transactions=2)
        to = [f"{n}@x.example" for n in range(5)]
        with serving(kind, handler, limits=limits) as server, connect(server.port) as smtp:
            with pytest.raises(SessionLimitReached, match="MAILMAX") as caught:
                smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=to)
            fitting, left = cast(Any, caught.value.fitting), cast(Any, caught.value.left)
            result = smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=fitting)
            assert result.accepted == tuple(to[:4])
            with pytest.raises(SessionLimitReached, match="MAILMAX") as caught:
                smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=left)
            assert (caught.value.fitting, caught.value.left) == ((), (to[4],))
            smtp.reconnect()
            result = smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=left)
            assert result.accepted == (to[4],)
        paths = [f"<{path}>" for path in to]
        assert [taken[1] for taken in handler.taken] == [paths[:2], paths[2:4], paths[4:]]
        assert len(handler.sessions) == 2

    def test_reconnect_after_the_session_has_ended(self, kind: str) -> None:
        with serving(kind, Accepting()) as server:
            smtp = connect(server.port, local_hostname="me.example")
            smtp.close()
            smtp.reconnect()
            assert smtp.is_open
            assert smtp.send_message(BODY, **ENVELOPE).accepted == ("b@x.example",)
            smtp.quit()
        with pytest.raises(ConnectionClosed):
            smtp.reconnect()
        assert not smtp.is_open

    def test_a_socket_cannot_be_connected_anew(self, kind: str) -> None:
        with serving(kind, Accepting()) as server:
            sock = socket.create_connection(("127.0.0.1", server.port))
            with SMTPClient.connect(sock=sock, tls="none", timeout=30) as smtp:
                with pytest.raises(LocalProtocolError, match="sock="):
                    smtp.reconnect()
                assert smtp.noop().code == 250

    def test_parameters_of_extensions(self, kind: str) -> None:
        handler = Accepting()
        with serving(kind, handler) as server, connect(server.port) as smtp:
            with pytest.raises(LocalProtocolError, match="RCPT: the server does not offer DSN"):
                smtp.send_message(BODY, **ENVELOPE, rcpt_parameters=[NOTIFY.pair(Notify.NEVER)])
            with pytest.raises(SMTPReplyError, match="MAIL: 555"):
                smtp.send_message(BODY, **ENVELOPE, mail_parameters=[("X-NEW", "1")])
            with pytest.raises(LocalProtocolError, match="VRFY: the server does not offer SMTPUTF8"):
                smtp.verify("joe", smtputf8=True)
            with pytest.raises(LocalProtocolError, match="EXPN: the server does not offer SMTPUTF8"):
                smtp.expand("list", smtputf8=True)
            smtp.send_message(BODY, **ENVELOPE, mail_parameters=[BODY_TYPE.pair("8BITMIME")])
            assert smtp.extensions.limits == AnnouncedLimits(rcpt_max=1_000)
        assert len(handler.taken) == 1

    def test_the_small_methods(self, kind: str) -> None:
        with serving(kind, SMTPHandler()) as server, connect(server.port) as smtp:
            assert smtp.noop().code == 250
            assert smtp.verify("joe").code == 252
            assert smtp.help().code == smtp.help("MAIL").code == 214
            assert smtp.reset().code == 250
            with pytest.raises(SMTPReplyError, match="EXPN: 502"):
                smtp.expand("list")
            assert smtp.exchange(Vrfy("x")).code == 252
            assert smtp.exchange(Noop("x")).command == Noop("x")
            assert smtp.exchange(b"RCPT TO:<a@x>\r\n").code == 503
            assert smtp.exchange(b"FOO\r\nBAR\r\n", 2).code == 500
            assert smtp.tls is None
            smtp.quit()
            smtp.quit()
            with pytest.raises(LocalProtocolError):
                smtp.noop()

    def test_lmtp(self, kind: str) -> None:
        full = Reply.of(452, "4.2.2", "full")
        handler = Accepting((Reply(250), full))
        to = ["b@x.example", "c@x.example"]
        with serving(kind, handler, lmtp=True) as server, connect(server.port, lmtp=True) as lmtp:
            result = lmtp.send_message(BODY, reverse_path="a@x.example", forward_paths=to)
        assert result.accepted == ("b@x.example",)
        assert result.refused == {"c@x.example": full}

    def test_lmtp_replies_come_one_by_one(self, kind: str) -> None:
        may_go_on = threading.Event()
        replies = [Reply.of(250, "2.1.5", name) for name in "bc"]

        def deliver(reply: Reply) -> Reply:
            assert reply == replies[0] or may_go_on.wait(10)
            return reply

        async def deliver_all() -> AsyncIterator[Reply]:
            for reply in replies:
                yield await asyncio.to_thread(deliver, reply)

        handler = Accepting(map(deliver, replies) if kind == "sync" else deliver_all())
        with serving(kind, handler, lmtp=True) as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock:
                lines = sock.makefile("rb")
                sock.sendall(b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n")
                while not lines.readline().startswith(b"354 "):
                    pass
                sock.sendall(b".\r\n")
                assert lines.readline() == b"250 2.1.5 b\r\n"
                may_go_on.set()
                assert lines.readline() == b"250 2.1.5 c\r\n"

    def test_a_unix_socket(self, kind: str, tmp_path: FilePath) -> None:
        path = tmp_path / "lmtp"
        handler = Accepting()
        with serving(kind, handler, lmtp=True, path=path):
            with SMTPClient.connect(path=path, tls="none", lmtp=True) as lmtp:
                assert lmtp.send_message(BODY, **ENVELOPE).accepted == ("b@x.example",)
        assert handler.sessions[0].hello is not None

    def test_a_socket_of_ones_own(self, kind: str) -> None:
        with serving(kind, SMTPHandler()) as server:
            sock = socket.create_connection(("127.0.0.1", server.port))
            with SMTPClient.connect(sock=sock, tls="none", local_hostname="me.example") as smtp:
                assert smtp.noop().code == 250

    def test_what_ehlo_says(self, kind: str) -> None:
        handler = Accepting()
        with serving(kind, handler) as server:
            for name in ("me.example", None):
                connect(server.port, local_hostname=name).quit()
        first, second = [session.hello.domain for session in handler.sessions if session.hello]
        assert first == "me.example"
        assert second == "[127.0.0.1]" or "." in second

    def test_where_it_connects_from(self, kind: str) -> None:
        handler = Accepting()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            source = free.getsockname()
        with serving(kind, handler) as server:
            connect(server.port, source_address=source).quit()
        assert [session.peer for session in handler.sessions] == [source]

    def test_several_at_once(self, kind: str) -> None:
        handler = Accepting()
        with serving(kind, handler) as server:

            def send() -> None:
                with connect(server.port) as smtp:
                    for _ in range(5):
                        smtp.send_message(BODY, **ENVELOPE)

            threads = [threading.Thread(target=send) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(handler.taken) == 40

    def test_trace_hides_secrets(self, kind: str) -> None:
        seen: list[tuple[str, bytes]] = []
        served: list[tuple[str, bytes]] = []
        with (
            serving(
                kind,
                SMTPHandler(),
                authenticator=USERS,
                allow_cleartext=True,
                trace=lambda *a: served.append(a),
            ) as server,
            connect(server.port, trace=lambda *line: seen.append(line)) as smtp,
        ):
            smtp.authenticate(LoginClient("tim", "secret"), allow_cleartext=True)
        for lines, own in ((seen, "sent"), (served, "received")):
            said = [line for direction, line in lines if direction == own]
            assert said[1:] == [b"AUTH LOGIN\r\n", b"***\r\n", b"***\r\n", b"QUIT\r\n"]


class TestForms:
    LARGE = b"".join(b".line %d\r\n" % n for n in range(300_000))

    def test_an_email_message(self, kind: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Bcc"] = "a@x.example", "B <b@x.example>", "c@x.example"
        message.set_content("grün\n.\n")
        handler = Accepting()
        with serving(kind, handler) as server, connect(server.port) as smtp:
            assert smtp.send_message(message).accepted == ("b@x.example", "c@x.example")
        assert b"Bcc" not in handler.taken[0][2]
        assert handler.taken[0][2].endswith("grün\r\n.\r\n".encode())

    def test_a_file_and_chunks(self, kind: str, tmp_path: FilePath) -> None:
        path = tmp_path / "message"
        path.write_bytes(self.LARGE)
        handler = Accepting()
        with serving(kind, handler) as server, connect(server.port) as smtp, path.open("rb") as file:
            smtp.send_message(file, **ENVELOPE)
            smtp.send_message(
                (self.LARGE[at : at + 999] for at in range(0, len(self.LARGE), 999)), **ENVELOPE
            )
            smtp.send_message(self.LARGE, **ENVELOPE)
        assert [octets for _, _, octets in handler.taken] == [self.LARGE] * 3

    def test_chunks_of_announced_size(self, kind: str) -> None:
        handler = Accepting()
        binary = bytes(range(256)) * 2_000
        with serving(kind, handler, extensions=(*EXTENSIONS, BINARYMIME)) as server:
            with connect(server.port) as smtp:
                smtp.send_message(self.LARGE, **ENVELOPE, chunking=True)
                smtp.send_message(iter([self.LARGE]), **ENVELOPE, chunking=True)
                smtp.send_message(binary, **ENVELOPE, newlines="keep")
                smtp.send_message(io.BytesIO(binary), **ENVELOPE, body="BINARYMIME")
                with pytest.raises(LocalProtocolError, match="BINARYMIME"):
                    smtp.send_message(binary, **ENVELOPE, newlines="keep", chunking=False)
                with pytest.raises(SMTPReplyError, match="552"):
                    smtp.send_message(iter([b"x" * 30_000_000] * 2), **ENVELOPE, chunking=True)
                assert smtp.noop().code == 250
        assert [octets for _, _, octets in handler.taken] == [self.LARGE, self.LARGE, binary, binary]

    def test_a_message_by_url(self, kind: str) -> None:
        class Fetching(Accepting):
            def burl(self, session: SMTPSession, burl: Burl) -> Any:
                return BODY if burl.url.startswith("imap://h/a;") else None

        handler = Fetching()
        rows = (*EXTENSIONS, burl("imap"))
        arguments: dict[str, Any] = {"authenticator": USERS, "allow_cleartext": True, "extensions": rows}
        with serving(kind, handler, **arguments) as server, connect(server.port) as smtp:
            with pytest.raises(LocalProtocolError, match="does not offer to fetch"):
                smtp.send_url("imap://h/a;uid=1;urlauth=user+tim:internal:1", **ENVELOPE)
            smtp.login("tim", "secret", allow_cleartext=True)
            smtp.send_url("imap://h/a;uid=1;urlauth=user+tim:internal:1", **ENVELOPE)
            with pytest.raises(SMTPReplyError, match="554"):
                smtp.send_url("imap://h/b;uid=1;urlauth=user+tim:internal:1", **ENVELOPE)
            assert smtp.noop().code == 250
        assert handler.taken == [("<a@x.example>", ["<b@x.example>"], BODY)]

    def test_a_reply_for_each_recipient(self, kind: str) -> None:
        no = Reply.of(550, "5.7.1", "no")
        handler = Accepting((Reply(250), no))
        with serving(kind, handler, extensions=(*EXTENSIONS, PRDR_EXTENSION)) as server:
            with connect(server.port) as smtp:
                result = smtp.send_message(
                    BODY, reverse_path="a@x.example", forward_paths=["b@x.example", "c@x.example"]
                )
        assert result.accepted == ("b@x.example",)
        assert result.refused == {"c@x.example": no}

    @pytest.mark.parametrize("chunking", [False, True])
    def test_memory_does_not_grow_with_a_file(self, tmp_path: FilePath, chunking: bool) -> None:
        class Counting(SMTPHandler):
            size = 0

            def message(self, session: SMTPSession) -> Any:
                return self

            def write(self, chunk: bytes, /) -> None:
                self.size += len(chunk)

            def finish(self) -> None:
                return None

            def abort(self) -> None:
                raise AssertionError

        path = tmp_path / "message"
        path.write_bytes(self.LARGE * 8)
        handler = Counting()
        with serving("sync", handler) as server, connect(server.port) as smtp, path.open("rb") as file:
            smtp.noop()
            tracemalloc.start()
            try:
                smtp.send_message(file, **ENVELOPE, chunking=chunking)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
        assert handler.size == len(self.LARGE) * 8
        assert peak < 4_000_000

    def test_too_big_for_the_server(self, kind: str) -> None:
        with serving(kind, Accepting(), limits=SMTPLimits(max_message=1_000)) as server:
            with connect(server.port) as smtp:
                with pytest.raises(LocalProtocolError, match="1000"):
                    smtp.send_message(b"x" * 1_000, **ENVELOPE)
                with pytest.raises(SMTPReplyError, match="message: 552"):
                    smtp.send_message(iter([b"x" * 1_000]), **ENVELOPE)
                assert smtp.noop().code == 250

    def test_an_async_iterator_is_refused_before_anything_is_sent(self, kind: str) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield BODY

        handler = Accepting()
        with serving(kind, handler) as server, connect(server.port) as smtp:
            with pytest.raises(LocalProtocolError, match="async iterator"):
                smtp.send_message(chunks(), **ENVELOPE)
            smtp.send_message(BODY, **ENVELOPE)
        assert [octets for *_, octets in handler.taken] == [BODY]

    def test_an_iterator_that_fails_leaves_no_message(self, kind: str) -> None:
        def chunks() -> Iterator[bytes]:
            yield b"begin\r\n" * 20_000
            raise OSError("disk")

        handler = Accepting()
        with serving(kind, handler) as server:
            smtp = connect(server.port)
            with pytest.raises(OSError, match="disk"):
                smtp.send_message(chunks(), **ENVELOPE)
            assert not smtp.is_open
            assert handler.is_closed.wait(10)
        assert handler.taken == []


class TestTLS:
    def test_implicit(self, kind: str) -> None:
        handler = Accepting()
        with (
            serving(
                kind, handler, tls="implicit", ssl_context=server_context(), authenticator=USERS
            ) as server,
            connect(server.port, tls="implicit", ssl_context=client_context()) as smtp,
        ):
            assert smtp.tls is not None
            assert smtp.tls.version == "TLSv1.3"
            assert not smtp.extensions.start_tls
            assert smtp.login("tim", "secret").code == 235
            smtp.send_message(BODY, **ENVELOPE)
        assert handler.sessions[0].protocol == "ESMTPSA"
        assert len(handler.taken) == 1

    @pytest.mark.parametrize("tls", ["starttls", "opportunistic"])
    def test_start_tls(self, kind: str, tls: str) -> None:
        handler = Accepting()
        with serving(
            kind, handler, tls="starttls", ssl_context=server_context(), authenticator=USERS
        ) as server:
            context = client_context() if tls == "starttls" else None
            with connect(server.port, tls=tls, ssl_context=context) as smtp:
                assert smtp.tls is not None
                assert smtp.extensions.auth == (
                    *("SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"),
                )
                smtp.login("tim", "secret")
                smtp.send_message(BODY, **ENVELOPE)
        assert handler.sessions[0].protocol == "ESMTPSA"
        assert len(handler.taken) == 1

    def test_opportunistic_without_an_offer(self, kind: str) -> None:
        with serving(kind, Accepting()) as server, connect(server.port, tls="opportunistic") as smtp:
            assert smtp.tls is None
            smtp.send_message(BODY, **ENVELOPE)

    def test_unavailable(self, kind: str) -> None:
        with serving(kind, Accepting()) as server:
            with pytest.raises(TLSUnavailable):
                connect(server.port, tls="starttls")
            with pytest.raises(ConnectionClosed):
                connect(server.port, tls="implicit", ssl_context=client_context())

    @pytest.mark.parametrize("tls", ["implicit", "starttls"])
    def test_certificate_that_cannot_be_verified(self, kind: str, tls: str) -> None:
        with serving(kind, Accepting(), tls=tls, ssl_context=server_context()) as server:
            with pytest.raises(ConnectionClosed) as caught:
                connect(server.port, tls=tls, ssl_context=ssl.create_default_context())
            assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)

    def test_client_certificate(self, kind: str) -> None:
        class Certificates:
            mechanisms = ("EXTERNAL",)

            def answer(self, request: Any) -> object:
                return "tim" if request.peer_certificate else None

        offered, wanted = server_context(), client_context()
        offered.verify_mode = ssl.CERT_REQUIRED
        authority().configure_trust(offered)
        authority().issue_cert("tim@x.example").configure_cert(wanted)
        handler = Accepting()
        with (
            serving(
                kind, handler, tls="starttls", ssl_context=offered, authenticator=Certificates()
            ) as server,
            connect(server.port, tls="starttls", ssl_context=wanted) as smtp,
        ):
            assert smtp.authenticate(ExternalClient()).code == 235
        assert handler.sessions[0].identity == "tim"

    def test_a_server_needs_a_certificate(self) -> None:
        with pytest.raises(LocalProtocolError):
            serve_smtp(SMTPHandler(), "127.0.0.1", 0, tls="starttls")


class TestLogin:
    def test_in_the_clear(self, kind: str) -> None:
        with serving(kind, SMTPHandler(), authenticator=USERS, allow_cleartext=True) as server:
            with connect(server.port) as smtp:
                with pytest.raises(LocalProtocolError, match="allow_cleartext"):
                    smtp.authenticate(PlainClient("tim", "secret"))
                with pytest.raises(SMTPAuthenticationFailed) as caught:
                    smtp.login("tim", "wrong")
                assert caught.value.reason is Denial.CREDENTIALS
                assert smtp.authenticate(PlainClient("tim", "secret"), allow_cleartext=True).code == 235

    def test_not_offered(self, kind: str) -> None:
        with serving(kind, SMTPHandler()) as server, connect(server.port) as smtp:
            with pytest.raises(LocalProtocolError, match="offered are none"):
                smtp.login("tim", "secret", allow_cleartext=True)

    def test_a_password_is_not_needed_in_the_clear(self, kind: str) -> None:
        with serving(kind, SMTPHandler(), authenticator=USERS) as server, connect(server.port) as smtp:
            assert smtp.extensions.auth == ("SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1")
            assert smtp.login("tim", "secret").code == 235


class TestEnds:
    def test_stop_answers_421(self, kind: str) -> None:
        with serving(kind, Accepting()) as server:
            smtp = connect(server.port)
            server.stop(10)
            with pytest.raises(ConnectionClosed) as caught:
                smtp.send_message(BODY, **ENVELOPE)
            assert "421" in str(caught.value) or caught.value.phase in ("write", "read")
            assert not smtp.is_open
            with pytest.raises(ConnectionClosed):
                connect(server.port)

    def test_stop_loses_nothing_that_is_being_acknowledged(self, kind: str) -> None:
        taking, may_go_on = threading.Event(), threading.Event()

        def take(session: SMTPSession, octets: bytes) -> Reply:
            taking.set()
            may_go_on.wait(10)
            return Reply.of(250, "2.6.0", "kept")

        results: list[Any] = []
        with serving(kind, WholeMessages(take)) as server:
            smtp = connect(server.port)
            sender = threading.Thread(target=lambda: results.append(smtp.send_message(BODY, **ENVELOPE)))
            sender.start()
            assert taking.wait(10)
            stopper = threading.Thread(target=server.stop, args=(10,))
            stopper.start()
            may_go_on.set()
            sender.join()
            stopper.join()
            smtp.close()
        assert results[0].reply == Reply.of(250, "2.6.0", "kept")

    def test_a_client_that_says_nothing_gets_421(self, kind: str) -> None:
        with serving(kind, SMTPHandler(), timeout=0.2) as server:
            with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
                said = b"".join(iter(lambda: sock.recv(1_024), b""))
        assert said == b"220 mx.example ESMTP ready\r\n421 4.4.2 nothing came in time\r\n"

    def test_a_server_that_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(ConnectionTimeout):
            SMTPClient.connect("127.0.0.1", listener.getsockname()[1], tls="none", timeout=0.2)

    def test_nobody_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(ConnectionClosed) as caught:
            connect(port)
        assert caught.value.phase == "connect"

    def test_no_smtp_server(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def answer() -> None:
                sock, _ = listener.accept()
                with sock:
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    sock.recv(1_024)

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(RemoteProtocolError):
                connect(listener.getsockname()[1])
            thread.join()

    def test_an_error_in_the_block_closes_without_quit(self, kind: str) -> None:
        seen: list[bytes] = []
        with (
            serving(kind, SMTPHandler()) as server,
            pytest.raises(ZeroDivisionError),
            connect(server.port, trace=lambda _, line: seen.append(line)),
        ):
            raise ZeroDivisionError
        assert b"QUIT\r\n" not in seen

    def test_a_handler_that_fails_hurts_one_message_only(self, kind: str) -> None:
        class Failing(Accepting):
            def mail(self, session: SMTPSession, mail: Mail) -> Reply | None:
                if mail.reverse_path.is_null:
                    raise ZeroDivisionError
                return None

        handler = Failing()
        with serving(kind, handler) as server, connect(server.port) as smtp:
            with pytest.raises(SMTPReplyError, match="451 internal error"):
                smtp.send_message(BODY, reverse_path="", forward_paths=["b@x.example"])
            smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=["b@x.example"])
        assert [octets for _, _, octets in handler.taken] == [BODY]


class TestSmtplib:
    """The standard library's client against our servers."""

    def test_a_session(self, kind: str) -> None:
        handler = Accepting()
        with (
            serving(
                kind, handler, tls="starttls", ssl_context=server_context(), authenticator=USERS
            ) as server,
            smtplib.SMTP("127.0.0.1", server.port, timeout=30) as smtp,
        ):
            smtp.starttls(context=client_context())
            smtp.login("tim", "secret")
            assert smtp.verify("joe")[0] == 252
            refused = smtp.sendmail("a@x.example", ["b@x.example", "bad@x.example"], ".dot\r\n..\r\n")
            assert refused == {"bad@x.example": (550, b"5.1.1 unknown")}
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                smtp.sendmail("a@x.example", ["bad@x.example"], "x")
            assert smtp.noop()[0] == 250
        assert handler.taken == [("<a@x.example>", ["<b@x.example>"], b".dot\r\n..\r\n")]

    def test_implicit_tls(self, kind: str) -> None:
        handler = Accepting()
        with serving(kind, handler, tls="implicit", ssl_context=server_context()) as server:
            with smtplib.SMTP_SSL("127.0.0.1", server.port, context=client_context(), timeout=30) as smtp:
                smtp.sendmail("a@x.example", ["b@x.example"], b"x" * 200_000)
        assert len(handler.taken[0][2]) == 200_002

    def test_lmtp(self, kind: str) -> None:
        handler = Accepting()
        with serving(kind, handler, lmtp=True) as server:
            with smtplib.LMTP("127.0.0.1", server.port) as lmtp:
                lmtp.sendmail("a@x.example", ["b@x.example"], "x")
        assert len(handler.taken) == 1

    def test_wrong_password(self, kind: str) -> None:
        with serving(kind, SMTPHandler(), authenticator=USERS, allow_cleartext=True) as server:
            with smtplib.SMTP("127.0.0.1", server.port, timeout=30) as smtp:
                with pytest.raises(smtplib.SMTPAuthenticationError):
                    smtp.login("tim", "wrong")


def test_files_in_memory_are_files(kind: str) -> None:
    handler = Accepting()
    with serving(kind, handler) as server, connect(server.port) as smtp:
        smtp.send_message(io.BytesIO(BODY), **ENVELOPE)
    assert handler.taken[0][2] == BODY

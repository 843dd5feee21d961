from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest

import mailproto.sync
from mailproto.asyncio import SMTPClient, serve_smtp
from mailproto.asyncio._opening import Opening
from mailproto.errors import (
    ConnectionClosed,
    ConnectionTimeout,
    LocalProtocolError,
    SessionLimitReached,
    SMTPAuthenticationFailed,
    SMTPReplyError,
    TLSUnavailable,
)
from mailproto.limits import SMTPLimits
from mailproto.sasl import PlainClient
from mailproto.smtp import (
    EXTENSIONS,
    NOTIFY,
    Burl,
    Ehlo,
    MessageSink,
    Notify,
    Reply,
    SMTPHandler,
    SMTPSession,
    Vrfy,
    WholeMessages,
    burl,
)
from mailproto.smtp.server_flow import HandlerFailed
from support_asyncio import run_async
from support_lines import client_context, server_context
from support_smtp_servers import KINDS, Accepting, Running, serving

USERS = {"tim": "secret"}
BODY = b"Subject: x\r\n\r\n.text\r\n"
ENVELOPE: dict[str, Any] = {"reverse_path": "a@x.example", "forward_paths": ["b@x.example"]}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def connect(port: int, **arguments: Any) -> Opening[SMTPClient]:
    arguments.setdefault("tls", "none")
    return SMTPClient.connect("127.0.0.1", port, timeout=30, **arguments)


def with_client(port: int, use: Callable[[SMTPClient], Awaitable[Any]], **arguments: Any) -> Any:
    """Run *use* with a connected client."""

    async def main() -> Any:
        async with connect(port, **arguments) as smtp:
            return await use(smtp)

    return asyncio.run(main())


def test_limits_of_the_server(kind: str) -> None:
    handler = Accepting()
    to = [f"{n}@x.example" for n in range(5)]

    async def use(smtp: SMTPClient) -> None:
        with pytest.raises(SessionLimitReached, match="MAILMAX") as caught:
            await smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=to)
        fitting, left = cast(Any, caught.value.fitting), cast(Any, caught.value.left)
        result = await smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=fitting)
        assert result.accepted == tuple(to[:4])
        with pytest.raises(SessionLimitReached, match="MAILMAX") as caught:
            await smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=left)
        assert (caught.value.fitting, caught.value.left) == ((), (to[4],))
        await smtp.reconnect()
        result = await smtp.send_message(BODY, reverse_path="a@x.example", forward_paths=left)
        assert result.accepted == (to[4],)

    with serving(kind, handler, limits=SMTPLimits(max_recipients=2, max_transactions=2)) as server:
        with_client(server.port, use)
    paths = [f"<{path}>" for path in to]
    assert [taken[1] for taken in handler.taken] == [paths[:2], paths[2:4], paths[4:]]
    assert len(handler.sessions) == 2


def test_reconnect_after_the_session_has_ended(kind: str) -> None:
    async def main(server: Running) -> None:
        smtp = await connect(server.port, local_hostname="me.example")
        await smtp.close()
        await smtp.reconnect()
        assert (await smtp.send_message(BODY, **ENVELOPE)).accepted == ("b@x.example",)
        await smtp.quit()
        server.stop(0)
        with pytest.raises(ConnectionClosed):
            await smtp.reconnect()
        assert not smtp.is_open

    with serving(kind, Accepting()) as server:
        asyncio.run(main(server))


def test_a_socket_cannot_be_connected_anew(kind: str) -> None:
    async def main(port: int) -> None:
        sock = socket.create_connection(("127.0.0.1", port))
        async with SMTPClient.connect(sock=sock, tls="none", timeout=30) as smtp:
            with pytest.raises(LocalProtocolError, match="sock="):
                await smtp.reconnect()
            assert (await smtp.noop()).code == 250

    with serving(kind, Accepting()) as server:
        asyncio.run(main(server.port))


def test_where_it_connects_from_and_what_it_says(kind: str) -> None:
    handler = Accepting()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        source = free.getsockname()
    with serving(kind, handler) as server:
        with_client(server.port, SMTPClient.noop, source_address=source, local_hostname="me.example")
    (session,) = handler.sessions
    assert (session.peer, session.hello) == (source, Ehlo("me.example"))


def test_a_message(kind: str) -> None:
    async def use(smtp: SMTPClient) -> None:
        assert smtp.extensions.pipelining
        for _ in range(3):
            assert (await smtp.send_message(BODY, **ENVELOPE)).accepted == ("b@x.example",)
        assert smtp.is_open

    handler = Accepting()
    with serving(kind, handler) as server:
        with_client(server.port, use)
    assert handler.taken == [("<a@x.example>", ["<b@x.example>"], BODY)] * 3


def test_await_in_place_of_async_with(kind: str) -> None:
    async def main(port: int) -> None:
        smtp = await connect(port)
        assert smtp.is_open
        await smtp.quit()
        assert bool(smtp.is_open) is False
        await smtp.quit()
        with pytest.raises(LocalProtocolError):
            await smtp.noop()

    with serving(kind, SMTPHandler()) as server:
        asyncio.run(main(server.port))


def test_parameters_of_extensions(kind: str) -> None:
    async def use(smtp: SMTPClient) -> None:
        with pytest.raises(LocalProtocolError, match="RCPT: the server does not offer DSN"):
            await smtp.send_message(BODY, **ENVELOPE, rcpt_parameters=[NOTIFY.pair(Notify.NEVER)])
        with pytest.raises(SMTPReplyError, match="MAIL: 555"):
            await smtp.send_message(BODY, **ENVELOPE, mail_parameters=[("X-NEW", "1")])
        with pytest.raises(LocalProtocolError, match="VRFY: the server does not offer SMTPUTF8"):
            await smtp.verify("joe", smtputf8=True)
        with pytest.raises(LocalProtocolError, match="EXPN: the server does not offer SMTPUTF8"):
            await smtp.expand("list", smtputf8=True)

    with serving(kind, SMTPHandler()) as server:
        with_client(server.port, use)


def test_the_small_methods(kind: str) -> None:
    async def use(smtp: SMTPClient) -> None:
        assert (await smtp.noop()).code == 250
        assert (await smtp.verify("joe")).code == 252
        assert (await smtp.help("MAIL")).code == 214
        assert (await smtp.reset()).code == 250
        with pytest.raises(SMTPReplyError, match="EXPN: 502"):
            await smtp.expand("list")
        assert (await smtp.exchange(b"RCPT TO:<a@x>\r\n")).code == 503
        assert smtp.tls is None
        assert smtp.is_open

    with serving(kind, SMTPHandler()) as server:
        with_client(server.port, use)


@pytest.mark.parametrize("tls", ["implicit", "starttls", "opportunistic"])
def test_tls(kind: str, tls: str) -> None:
    async def use(smtp: SMTPClient) -> None:
        assert smtp.tls is not None
        with pytest.raises(SMTPAuthenticationFailed):
            await smtp.login("tim", "wrong")
        assert (await smtp.login("tim", "secret")).code == 235
        await smtp.send_message(BODY, **ENVELOPE)

    handler = Accepting()
    mode = "implicit" if tls == "implicit" else "starttls"
    context = None if tls == "opportunistic" else client_context()
    with serving(kind, handler, tls=mode, ssl_context=server_context(), authenticator=USERS) as server:
        with_client(server.port, use, tls=tls, ssl_context=context)
    assert handler.sessions[0].protocol == "ESMTPSA"
    assert len(handler.taken) == 1


def test_tls_unavailable(kind: str) -> None:
    async def use(smtp: SMTPClient) -> None:
        raise AssertionError

    with serving(kind, SMTPHandler()) as server, pytest.raises(TLSUnavailable):
        with_client(server.port, use, tls="starttls")


def test_certificate_that_cannot_be_verified(kind: str) -> None:
    with serving(kind, SMTPHandler(), tls="implicit", ssl_context=server_context()) as server:
        with pytest.raises(ConnectionClosed) as caught:
            with_client(
                server.port, SMTPClient.noop, tls="implicit", ssl_context=ssl.create_default_context()
            )
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


def test_lmtp_over_a_unix_socket(kind: str, tmp_path: Any) -> None:
    async def main() -> Any:
        async with SMTPClient.connect(path=tmp_path / "lmtp", tls="none", lmtp=True) as lmtp:
            return await lmtp.send_message(
                BODY, reverse_path="a@x.example", forward_paths=["b@x.example", "c@x.example"]
            )

    with serving(kind, Accepting((Reply(250), Reply(452))), lmtp=True, path=tmp_path / "lmtp"):
        result = asyncio.run(main())
    assert result.accepted == ("b@x.example",)


def test_chunks_of_announced_size(kind: str) -> None:
    octets = b"x" * 79 + b"\r\n"
    octets *= 10_000

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(octets), 5_000):
            yield octets[at : at + 5_000]

    handler = Accepting()
    with serving(kind, handler) as server:
        with_client(server.port, lambda smtp: smtp.send_message(chunks(), **ENVELOPE, chunking=True))
    assert handler.taken[0][2] == octets


def test_a_message_by_url(kind: str) -> None:
    class Fetching(Accepting):
        def burl(self, session: SMTPSession, burl: Burl) -> list[bytes]:
            return [BODY[:5], BODY[5:]]

    async def submit(smtp: SMTPClient) -> None:
        await smtp.login("tim", "secret", allow_cleartext=True)
        await smtp.send_url("imap://h/a;uid=1;urlauth=user+tim:internal:1", **ENVELOPE)

    handler = Fetching()
    rows = (*EXTENSIONS, burl("imap"))
    with serving(
        kind, handler, authenticator={"tim": "secret"}, allow_cleartext=True, extensions=rows
    ) as server:
        with_client(server.port, submit)
    assert handler.taken[0][2] == BODY


def test_async_chunks(kind: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for n in range(1_000):
            await asyncio.sleep(0)
            yield b".line %d\n" % n

    handler = Accepting()
    with serving(kind, handler) as server:
        with_client(server.port, lambda smtp: smtp.send_message(chunks(), **ENVELOPE))
    assert handler.taken[0][2] == b"".join(b".line %d\r\n" % n for n in range(1_000))


def test_a_large_message_to_a_slow_sink() -> None:
    class Slow:
        size = 0

        async def write(self, chunk: bytes, /) -> None:
            await asyncio.sleep(0)
            self.size += len(chunk)

        async def finish(self) -> Reply:
            await asyncio.sleep(0)
            return Reply.of(250, "2.6.0", str(self.size))

        async def abort(self) -> None:
            raise AssertionError

    class Handler(SMTPHandler):
        async def message(self, session: SMTPSession) -> MessageSink:
            return Slow()

    octets = b"x" * 62 + b"\r\n"
    octets *= 100_000
    with serving("asyncio", Handler()) as server:
        result = with_client(server.port, lambda smtp: smtp.send_message(octets, **ENVELOPE))
    assert result.reply == Reply.of(250, "2.6.0", str(len(octets)))


def test_login_in_the_clear(kind: str) -> None:
    async def use(smtp: SMTPClient) -> None:
        with pytest.raises(LocalProtocolError, match="allow_cleartext"):
            await smtp.authenticate(PlainClient("tim", "secret"))
        assert (await smtp.login("tim", "secret")).code == 235

    with serving(kind, SMTPHandler(), authenticator=USERS, allow_cleartext=True) as server:
        with_client(server.port, use)


def test_cancellation_leaves_no_half_read_stream() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def take(session: SMTPSession, octets: bytes) -> None:
            await release.wait()

        async with serve_smtp(WholeMessages(take), "127.0.0.1", 0, hostname="mx.example") as server:
            smtp = await connect(int(server.addresses[0][1]))
            sending = asyncio.create_task(smtp.send_message(BODY, **ENVELOPE))
            await asyncio.sleep(0.1)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert not smtp.is_open
            with pytest.raises(LocalProtocolError):
                await smtp.noop()
            release.set()

    asyncio.run(main())


def test_two_tasks_at_once() -> None:
    async def use(smtp: SMTPClient) -> None:
        results = await asyncio.gather(smtp.noop(), smtp.noop(), return_exceptions=True)
        assert [type(result) for result in results] == [Reply, LocalProtocolError]
        assert (await smtp.noop()).code == 250

    with serving("asyncio", SMTPHandler()) as server:
        with_client(server.port, use)


def test_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def main() -> None:
            await SMTPClient.connect("127.0.0.1", listener.getsockname()[1], tls="none", timeout=0.2)

        with pytest.raises(ConnectionTimeout):
            asyncio.run(main())


def test_stop_answers_421() -> None:
    async def main() -> None:
        server = await serve_smtp(Accepting(), "127.0.0.1", 0, hostname="mx.example")
        smtp = await connect(int(server.addresses[0][1]))
        await server.stop()
        with pytest.raises(ConnectionClosed):
            await smtp.noop()
        await smtp.close()

    asyncio.run(main())


@run_async
async def test_a_handler_that_is_cancelled_costs_one_451() -> None:
    class Impatient(SMTPHandler):
        async def vrfy(self, session: SMTPSession, vrfy: Vrfy) -> Reply:
            raise asyncio.CancelledError

    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    async with (
        serve_smtp(Impatient(), "127.0.0.1") as server,
        connect(int(server.addresses[0][1])) as smtp,
    ):
        assert (await smtp.exchange(Vrfy("tim"))).code == 451
        assert (await smtp.noop()).code == 250
    assert [type(context["exception"]) for context in reported] == [HandlerFailed]


def test_the_twins_have_the_same_names_and_signatures() -> None:
    twins = (mailproto.sync.SMTPClient, SMTPClient)
    names = [{name for name in vars(twin) if not name.startswith("_")} for twin in twins]
    assert names[0] == names[1]
    for name in sorted(names[0]):
        blocking, awaited = (inspect.getattr_static(twin, name) for twin in twins)
        if isinstance(blocking, property):
            assert isinstance(awaited, property)
            continue
        functions = [getattr(method, "__func__", method) for method in (blocking, awaited)]
        signatures = [inspect.signature(function) for function in functions]
        assert signatures[0].parameters == signatures[1].parameters, name
        assert inspect.iscoroutinefunction(functions[1]) is (name != "connect")
    servers = [inspect.signature(function) for function in (mailproto.sync.serve_smtp, serve_smtp)]
    assert servers[0].parameters == servers[1].parameters

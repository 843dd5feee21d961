from __future__ import annotations

import contextlib
import io
import socket
import threading
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import pytest

from mailproto.errors import (
    AuthenticationFailed,
    ConnectionClosed,
    IMAPStatusError,
    ItemMissing,
    LocalProtocolError,
    TLSUnavailable,
)
from mailproto.imap.commands import Noop, StoreAction
from mailproto.imap.fetch import ENVELOPE, FAST, FLAGS, RFC822_SIZE, UID, BodySection
from mailproto.imap.search import Seen, Subject, Unseen
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.updates import FlagsChanged, NewMessages
from mailproto.limits import IMAPLimits
from mailproto.store import MemoryStore
from mailproto.sync import IMAPClient, serve_imap
from mailproto.sync._wait import waiter_of
from support_imap_servers import MESSAGE, USER, imap_server
from support_lines import client_context, server_context
from support_servers import KINDS

LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * 60_000


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.contextmanager
def logged_in(kind: str, *, messages: int = 3, **arguments: Any) -> Iterator[IMAPClient]:
    """Yield a client with INBOX selected, which has so many messages."""
    with imap_server(kind) as (host, port), connected(host, port, **arguments) as imap:
        for _ in range(messages):
            imap.append("INBOX", MESSAGE)
        imap.select("INBOX")
        yield imap


@contextlib.contextmanager
def connected(host: str, port: int, **arguments: Any) -> Iterator[IMAPClient]:
    arguments.setdefault("timeout", 10)
    with IMAPClient.connect(host, port, tls="none", **arguments) as imap:
        imap.login(*USER, allow_cleartext=True)
        yield imap


def test_a_session(kind: str) -> None:
    with logged_in(kind) as imap:
        assert imap.tls is None
        assert "IDLE" in imap.capabilities
        assert imap.capability() == imap.capabilities
        assert imap.mailbox is not None
        assert imap.mailbox.exists == 3
        assert [message.uid for message in imap.uid_fetch("1:*", FLAGS)] == [1, 2, 3]
        assert imap.fetch("2", FAST, UID).all()[0].size == len(MESSAGE)
        assert imap.uid_search(Subject("hello")) == UIDSet("1:3")
        assert imap.search(Unseen()) == SequenceSet("1:3")
        [changed] = imap.uid_store(2, "+FLAGS", r"\Seen")
        assert r"\Seen" in changed.flags
        assert imap.store("3", StoreAction.REPLACE, (r"\Deleted",), silent=True) == ()
        assert imap.uid_search(Seen()) == UIDSet("2")
        imap.expunge()
        assert imap.mailbox.exists == 2
        imap.noop()
        imap.check()
        imap.close_mailbox()
    assert not imap.is_open
    imap.logout()


def test_mailboxes(kind: str) -> None:
    with logged_in(kind) as imap:
        imap.create("Größe")
        imap.rename("Größe", "Sent")
        imap.subscribe("Sent")
        assert [data.mailbox for data in imap.lsub()] == ["Sent"]
        imap.unsubscribe("Sent")
        assert imap.lsub() == ()
        copied = imap.uid_copy("1:2", "Sent")
        assert copied is not None
        assert copied.source == UIDSet("1:2")
        assert imap.copy(3, "Sent") is not None
        assert imap.uid_move(1, "Sent") is not None
        assert imap.move(1, "Sent") is not None
        assert imap.status("Sent", "MESSAGES", "UIDNEXT").messages == 5
        imap.uid_store(3, "+FLAGS", [r"\Deleted"])
        imap.uid_expunge(3)
        assert imap.examine("Sent").is_read_only
        imap.unselect()
        imap.delete("Sent")
        assert [data.mailbox for data in imap.list("", "%")] == ["INBOX"]
        assert imap.namespace().personal[0].prefix == ""
        assert dict(imap.id({"name": "test"}))["name"] == "mailproto"
        assert imap.enable("X-NOTHING") == frozenset()
        with pytest.raises(IMAPStatusError):
            imap.select("nowhere")


def test_exchange(kind: str) -> None:
    with logged_in(kind) as imap:
        assert imap.exchange(Noop()).status.name == "OK"
        assert imap.exchange(b"x1 XYZZY\r\n").status.name == "BAD"
        with pytest.raises(LocalProtocolError, match="action"):
            imap.uid_store(1, "FLAG", ())


@pytest.mark.parametrize("mode", ["implicit", "starttls"])
def test_tls(kind: str, mode: Any) -> None:
    context = server_context()
    with imap_server(kind, tls=mode, ssl_context=context, allow_cleartext=False) as (host, port):
        connecting = IMAPClient.connect(host, port, tls=mode, ssl_context=client_context(), timeout=10)
        with connecting as imap:
            assert imap.tls is not None
            imap.login(*USER)
            assert imap.append("INBOX", io.BytesIO(LARGE)) is not None
            imap.select("INBOX")
            with imap.download(1) as part:
                assert part.read() == LARGE


def test_tls_that_is_not_offered(kind: str) -> None:
    with imap_server(kind) as (host, port), pytest.raises(TLSUnavailable):
        IMAPClient.connect(host, port, tls="starttls", timeout=10)
    with pytest.raises(LocalProtocolError, match="tls"):
        IMAPClient.connect("a", tls="opportunistic")  # type: ignore[arg-type]  # that is what is refused


def test_a_wrong_password(kind: str) -> None:
    with imap_server(kind) as (host, port):
        with IMAPClient.connect(host, port, tls="none", timeout=10) as imap:
            with pytest.raises(AuthenticationFailed):
                imap.login("bob", "wrong", allow_cleartext=True)
            imap.login(*USER, allow_cleartext=True)


def test_downloads(kind: str) -> None:
    with logged_in(kind, messages=1) as imap:
        imap.append("INBOX", iter([LARGE[:5], LARGE[5:]]), size=len(LARGE))
        imap.noop()
        with imap.download(2) as part:
            assert part.size == len(LARGE)
            with pytest.raises(LocalProtocolError):
                imap.noop()
            sink = io.BytesIO()
            assert part.write_to(sink) == len(LARGE)
        assert sink.getvalue() == LARGE
        with imap.download(2, "HEADER") as part:
            assert next(iter(part)) == b"Subject: large\r\n\r\n"
        with imap.download(2, "1", decode=True) as part:
            first = next(iter(part))
            assert LARGE[18:].startswith(first)
        assert imap.uid_fetch(2, BodySection()).all()[0][BodySection()] == LARGE
        with pytest.raises(ItemMissing):
            imap.download(7)


def test_a_section_above_the_limit_names_download(kind: str) -> None:
    with logged_in(kind, messages=0, limits=IMAPLimits(max_section=100_000)) as imap:
        imap.append("INBOX", LARGE)
        imap.noop()
        [message] = imap.uid_fetch(1, BodySection(), RFC822_SIZE)
        assert message.size == len(LARGE)
        with pytest.raises(ItemMissing, match="download"):
            message[BodySection()]


def test_commands_inside_the_loop_and_an_early_end(kind: str) -> None:
    with logged_in(kind, messages=10) as imap:
        for message in imap.uid_fetch("1:*", FLAGS, ENVELOPE):
            imap.uid_store(message.uid, "+FLAGS", r"\Seen", silent=True)
            if message.uid == 5:
                break
        assert imap.uid_search(Seen()) == UIDSet("1:5")
        messages = imap.uid_fetch("1:*", ENVELOPE)
        next(messages)
        messages.close()
        assert list(messages) == []


def test_idle(kind: str) -> None:
    with imap_server(kind) as (host, port), connected(host, port) as imap, connected(host, port) as other:
        imap.select("INBOX")
        other.append("INBOX", MESSAGE)
        imap.poll()
        with imap.idle() as updates:
            other.append("INBOX", MESSAGE)
            assert next(updates) == NewMessages(UIDSet("2"), 2)
            other.select("INBOX")
            other.uid_store(1, "+FLAGS", r"\Flagged")
            update = next(iter(updates))
            assert isinstance(update, FlagsChanged)
            assert imap.uid_search() == UIDSet("1:2")
            assert updates.wait(0.02) is None
        other.append("INBOX", MESSAGE)
        assert NewMessages(UIDSet("3"), 3) in imap.poll()


def test_a_held_mailbox(kind: str) -> None:
    with logged_in(kind) as imap:
        imap.create("Sent")
        with imap.selected("INBOX") as inbox:
            assert inbox.exists == 3
            with pytest.raises(LocalProtocolError, match="held"):
                imap.select("Sent")
        imap.select("Sent")


def test_a_server_that_vanishes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n")
                sock.recv(1_000)

        thread = threading.Thread(target=serve)
        thread.start()
        imap = IMAPClient.connect("127.0.0.1", listener.getsockname()[1], tls="none", timeout=10)
        with pytest.raises(ConnectionClosed):
            imap.noop()
        assert not imap.is_open
        with pytest.raises(LocalProtocolError):
            imap.noop()
        thread.join()


def test_an_error_in_the_block_closes_without_a_word(kind: str) -> None:
    with imap_server(kind) as (host, port):
        imap = IMAPClient.connect(host, port, tls="none", timeout=10)
        with pytest.raises(ZeroDivisionError), imap:
            raise ZeroDivisionError
        assert not imap.is_open


def test_serve_imap_over_stores_of_identities() -> None:
    stores = {"bob": MemoryStore()}
    dialogue: list[tuple[str, bytes]] = []
    with serve_imap(
        stores.__getitem__,
        "127.0.0.1",
        hostname="mail.test",
        authenticator={USER[0]: USER[1]},
        allow_cleartext=True,
        trace=lambda direction, octets: dialogue.append((direction, octets)),
    ) as server:
        address = server.addresses[0]
        assert isinstance(address, tuple)
        with connected(*address) as imap:
            imap.append("INBOX", MESSAGE)
    assert len(stores["bob"].changes("INBOX", 0).messages) == 1
    assert dialogue[0][1].startswith(b"* OK [CAPABILITY ")
    assert dialogue[0][1].endswith(b"mail.test ready\r\n")
    assert not any(USER[1].encode() in octets for _, octets in dialogue)


def test_downloads_and_commands_between_windows(kind: str) -> None:
    store = filled(2_200)
    with imap_server(kind, store) as (host, port), connected(host, port) as imap:
        imap.select("INBOX")
        seen = 0
        for message in imap.uid_fetch("1:*", ENVELOPE):
            seen += 1
            assert message.uid == seen
            if seen % 300 == 1:
                with imap.download(seen) as part:
                    assert part.read() == MESSAGE
                imap.uid_store(seen, "+FLAGS", r"\Seen")
        assert seen == 2_200
        assert imap.uid_search(Seen()) == UIDSet("1,301,601,901,1201,1501,1801,2101")


def test_a_loop_that_is_left_can_be_gone_on_with(kind: str) -> None:
    with imap_server(kind, filled(1_200)) as (host, port), connected(host, port) as imap:
        imap.select("INBOX")
        messages = imap.uid_fetch("1:*", FLAGS)
        for message in messages:
            if message.uid == 3:
                break
        assert next(messages).uid == 4
        assert [message.uid for message in messages] == [*range(5, 1_201)]
        assert messages.all() == []
        with pytest.raises(StopIteration):
            next(messages)


def test_a_mailbox_that_is_left_ends_its_iterators(kind: str) -> None:
    with imap_server(kind, filled(2_200)) as (host, port), connected(host, port) as imap:
        imap.create("Sent")
        imap.select("INBOX")
        messages = imap.uid_fetch("1:*", FLAGS)
        next(messages)
        imap.select("Sent")
        with pytest.raises(LocalProtocolError, match="left"):
            messages.all()
        assert imap.uid_search() == UIDSet()


def test_another_thread_is_refused(kind: str) -> None:
    errors: list[BaseException] = []
    with logged_in(kind) as imap:

        def use() -> None:
            try:
                imap.noop()
            except LocalProtocolError as error:
                errors.append(error)

        def chunks() -> Iterator[bytes]:
            other = threading.Thread(target=use)
            other.start()
            other.join()
            yield MESSAGE

        imap.append("INBOX", chunks(), size=len(MESSAGE))
        assert len(errors) == 1
        assert imap.is_open


def filled(messages: int, octets: bytes = MESSAGE) -> MemoryStore:
    """Return a store with so many messages in INBOX."""
    store = MemoryStore()
    for _ in range(messages):
        store.append("INBOX", io.BytesIO(octets), frozenset(), datetime.now().astimezone())
    return store


def talk(address: tuple[str, int], octets: bytes, end: bytes) -> socket.socket:
    """Log in, send *octets* and read until *end* has come."""
    sock = socket.create_connection(address, timeout=10)
    sock.sendall(b"a LOGIN bob secret\r\nb SELECT INBOX\r\n" + octets)
    received = b""
    while end not in received:
        received += sock.recv(65_536)
    return sock


def rest(sock: socket.socket) -> bytes:
    """Return what comes until the server closes."""
    with sock:
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_a_stopped_server_finishes_or_refuses_and_loses_nothing(kind: str) -> None:
    store = filled(1, LARGE)
    stack = contextlib.ExitStack()
    address = stack.enter_context(imap_server(kind, store))
    idle = talk(address, b"c IDLE\r\n", b"\r\n+ ")
    quiet = talk(address, b"", b"b OK")
    half = talk(address, b"c APPEND INBOX {100000+}\r\nhalf", b"b OK")
    whole = talk(address, b"c APPEND INBOX {5+}\r\nwhole\r\n", b"c OK")
    reading = talk(address, b"c FETCH 1 BODY.PEEK[]\r\n", b"* 1 FETCH")
    stopping = threading.Thread(target=stack.close)
    stopping.start()
    bye = b"* BYE [UNAVAILABLE] the server stops\r\n"
    assert rest(reading).endswith(b")\r\nc OK FETCH completed\r\n" + bye)
    assert [rest(sock) for sock in (quiet, half, whole)] == [bye] * 3
    assert rest(idle) == b"* 2 EXISTS\r\n* 1 RECENT\r\n" + bye
    stopping.join()
    sizes = [info.size for info in store.changes("INBOX", 0).messages]
    assert sizes == [len(LARGE), 5]
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(address)


def test_a_slow_reader_of_many_bodies_costs_little_memory(kind: str) -> None:
    store = filled(300, b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * 6_400)
    with imap_server(kind, store) as address, talk(address, b"", b"b OK") as sock:
        tracemalloc.start()
        try:
            sock.sendall(b"c FETCH 1:* BODY.PEEK[]\r\n")
            received, tail = 0, b""
            while not tail.endswith(b"c OK FETCH completed\r\n"):
                chunk = sock.recv(65_536)
                received += len(chunk)
                tail = (tail + chunk)[-32:]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert received > 300 * 102_400
        assert peak < 2**21


def test_a_limit_of_waiting_is_not_moved_by_lines_that_say_nothing() -> None:
    ended = threading.Event()

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.sendall(b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] ready\r\n")
            sock.recv(1_000)
            sock.sendall(b"+ idling\r\n")
            while not ended.wait(0.02):
                sock.sendall(b"* OK Still here\r\n")
            sock.sendall(b"A1 OK done\r\n* BYE\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        imap = IMAPClient.connect(*listener.getsockname(), tls="none", timeout=10)
        updates = imap.idle()
        waiting = threading.Timer(10, ended.set)
        waiting.start()
        assert updates.wait(0.1) is None
        assert not ended.is_set()
        waiting.cancel()
        ended.set()
        server.join()
        imap.close()


def test_an_interrupt_while_waiting_leaves_the_connection_usable(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiter = type(waiter_of(-1))
    wait = waiter.wait

    def interrupted(*arguments: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return wait(*arguments)  # the blocking server waits by the same method
        raise KeyboardInterrupt

    with logged_in(kind) as imap:
        messages = imap.uid_fetch("1:*", FLAGS)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(waiter, "wait", interrupted)
            next(messages)
        assert messages.all() == []
        assert imap.uid_search() == UIDSet("1:3")


def test_progress_of_an_append_and_of_a_download(kind: str) -> None:
    told: list[tuple[int, int | None]] = []

    def note(done: int, total: int | None) -> None:
        told.append((done, total))

    with logged_in(kind, messages=0) as imap:
        imap.append("INBOX", LARGE, progress=note)
        assert told[-1] == (len(LARGE), len(LARGE))
        assert len(told) == -(-len(LARGE) // 65_536)
        imap.noop()
        told.clear()
        with imap.download(1, offset=100, length=500_000, progress=note) as part:
            assert part.total == 500_000
            assert part.read() == LARGE[100:500_100]
            assert part.done == 500_000
            assert part.defects == ()
        assert told[-1] == (500_000, 500_000)
        with imap.download(1, offset=part.done + 100) as part:
            assert part.read() == LARGE[500_100:]


def test_what_was_given_out_of_a_download_is_all_that_was_taken(kind: str) -> None:
    with logged_in(kind, messages=0) as imap:
        imap.append("INBOX", LARGE)
        imap.noop()
        with imap.download(1) as part:
            taken = next(iter(part))
            assert part.done == len(taken)
            taken += next(iter(part))
            assert part.done == len(taken)
            assert taken + part.read() == LARGE
        assert part.done == len(LARGE)


def test_an_async_iterator_needs_asyncio(kind: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x"

    with logged_in(kind, messages=0) as imap, pytest.raises(TypeError, match="asyncio"):
        imap.append("INBOX", chunks(), size=5_000)


def test_an_iterator_that_is_closed_at_any_place_leaves_the_connection_in_step(kind: str) -> None:
    with logged_in(kind, messages=5) as imap:
        for taken in range(6):
            messages = imap.uid_fetch("1:*", BodySection(), FLAGS)
            found = [next(messages).uid for _ in range(taken)]
            messages.close()
            assert found == list(range(1, taken + 1))
            assert list(messages) == []
            assert imap.uid_search() == UIDSet("1:5")
            assert [message.uid for message in imap.uid_fetch("4:5", FLAGS)] == [4, 5]


def test_a_download_that_is_closed_at_any_place_leaves_the_connection_in_step(kind: str) -> None:
    with logged_in(kind, messages=1) as imap:
        imap.append("INBOX", LARGE)
        imap.noop()
        for taken in range(100):
            with imap.download(2) as part:
                chunks = iter(part)
                octets = b"".join(chunk for _, chunk in zip(range(taken), chunks, strict=False))
            assert LARGE.startswith(octets)
            assert imap.uid_search() == UIDSet("1:2")
            if part.done == len(LARGE):
                break
        assert taken > 1

"""Stores that fail, and stores that can do no more than they must."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.limits import IMAPLimits
from mailproto.store import MemoryStore, MessageGone, StoreError
from mailproto.store.session import refusal
from support_imap_server import Client
from support_store import MESSAGE, REQUIRED, Async, Bare, Plain, flags

OPTIONAL = ("copy", "move", "structure", "keep_structure", "claim_recent")
SERVER_BUG = b"a NO [SERVERBUG] internal error\r\n"
LARGE = b"Subject: x\r\n\r\n" + b"0123456789\n" * 20_000
COMMANDS = [
    "NOOP",
    "CHECK",
    "SELECT INBOX",
    "EXAMINE INBOX",
    "STATUS INBOX (MESSAGES)",
    'LIST "" *',
    'LSUB "" *',
    "CREATE new",
    "DELETE work",
    "RENAME work new",
    "RENAME INBOX new",
    "SUBSCRIBE work",
    "UNSUBSCRIBE work",
    "APPEND INBOX {5+}\r\nhello",
    "FETCH 1:* (FLAGS ENVELOPE BODY[TEXT])",
    "UID FETCH 1:* FULL",
    "SEARCH TEXT a",
    "STORE 1:* +FLAGS (\\Deleted)",
    "UID STORE 1:* FLAGS.SILENT (\\Deleted)",
    "COPY 1:* work",
    "MOVE 1:* work",
    "EXPUNGE",
    "UID EXPUNGE 1:*",
    "CLOSE",
    "UNSELECT",
]


class Failing(MemoryStore):
    """Fails in the methods that are named in `broken`."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.broken: set[str] = set()
        for name in (*REQUIRED, *OPTIONAL):
            setattr(self, name, self._guarded(name, getattr(self, name)))

    def _guarded(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            if name in self.broken:
                raise self.error
            return method(*args)

        return call


def prepared(store: MemoryStore) -> Client:
    """Return a client that has INBOX selected."""
    store.create("work")
    for _ in range(3):
        Plain(store).append()
    Plain(store).set_flags(2, flags("\\Deleted"))
    client = Client(store)
    client.say(b"a SELECT INBOX\r\n")
    return client


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("error", [StoreError("INUSE", "busy"), OSError("secret")], ids=["refuses", "raises"])
@pytest.mark.parametrize("method", [*REQUIRED, *OPTIONAL])
def test_a_method_that_fails_costs_one_command(method: str, error: Exception, command: str) -> None:
    store = Failing(error)
    client = prepared(store)
    store.broken.add(method)
    answer = client.say(f"a {command}\r\n".encode())
    tagged = answer.rpartition(b"\r\na ")[2] if b"\r\na " in answer else answer[2:]
    refused = (
        b"NO [INUSE] busy\r\n" if isinstance(error, StoreError) else b"NO [SERVERBUG] internal error\r\n"
    )
    assert tagged == refused or tagged.startswith(b"OK ")
    assert b"secret" not in answer
    store.broken.clear()
    assert client.say(b"b SELECT INBOX\r\n").endswith(b"b OK [READ-WRITE] SELECT completed\r\n")


def test_what_was_done_is_not_refused_because_the_news_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Failing(StoreError("INUSE", "busy"))
    client = prepared(store)

    def append(*args: Any) -> int:
        store.broken.add("changes")
        return MemoryStore.append(store, *args)

    monkeypatch.setattr(store, "append", append)
    answer = client.say(b"a APPEND INBOX {5+}\r\nhello\r\n")
    assert answer == b"a OK [APPENDUID 1 4] APPEND completed\r\n"
    store.broken.clear()
    assert client.say(b"b NOOP\r\n") == b"* 4 EXISTS\r\n* 4 RECENT\r\nb OK NOOP completed\r\n"


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (StoreError("OVERQUOTA", "full"), b"a NO [OVERQUOTA] full\r\n"),
        (StoreError("", "no\r\nb OK"), b"a NO no b OK\r\n"),
        (StoreError("not an atom", "no"), b"a NO no\r\n"),
        (StoreError("CAPABILITY", "no"), b"a NO no\r\n"),
        (StoreError("", "[CODE] x"), b"a NO CODE] x\r\n"),
        (StoreError("INUSE", ""), b"a NO [INUSE] it failed\r\n"),
    ],
)
def test_what_a_refusal_becomes(error: StoreError, answer: bytes) -> None:
    store = Failing(error)
    client = prepared(store)
    store.broken.add("create")
    assert client.say(b"a CREATE x\r\n") == answer


def test_what_a_refusal_says() -> None:
    assert str(StoreError("INUSE", "busy")) == "[INUSE] busy"
    assert str(StoreError("", "busy")) == "busy"
    assert refusal(MessageGone(7)).text == "no message with UID 7"


def test_text_that_is_not_text_is_a_bug_that_is_told() -> None:
    with pytest.raises(LocalProtocolError):
        refusal(StoreError("", "\0"))


def test_a_rename_that_fails_half_way_is_undone() -> None:
    class Stubborn(MemoryStore):
        def rename(self, mailbox: str, new: str) -> None:
            if new == "x/b":
                raise StoreError("NOPERM", "not this one")
            super().rename(mailbox, new)

    store = Stubborn()
    for name in ("work", "work/a", "work/b"):
        store.create(name)
    client = Client(store)
    assert client.say(b"a RENAME work x\r\n") == b"a NO [NOPERM] not this one\r\n"
    assert sorted(Plain(store).names()) == ["INBOX", "work", "work/a", "work/b"]


def test_a_rename_of_inbox_that_fails_is_undone() -> None:
    store = Failing(StoreError("OVERQUOTA", "full"))
    client = prepared(store)
    store.broken.add("move")
    assert client.say(b"a RENAME INBOX old\r\n") == b"a NO [OVERQUOTA] full\r\n"
    assert sorted(Plain(store).names()) == ["INBOX", "work"]


def test_an_append_that_fails_keeps_nothing() -> None:
    store = Failing(StoreError("OVERQUOTA", "full"))
    store.broken.add("append")
    client = Client(store, limits=IMAPLimits(max_inline_literal=10))
    assert client.say(b"a APPEND INBOX {12+}\r\n012345678901\r\n") == b"a NO [OVERQUOTA] full\r\n"


class Shrinking(MemoryStore):
    """A store whose bodies are shorter than they say, from some offset on."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.closed = 0

    def open(self, mailbox: str, uid: int) -> Any:
        body = super().open(mailbox, uid)
        store = self

        class Short:
            size = body.size

            def read(self, start: int, stop: int) -> bytes:
                return body.read(start, min(stop, store.limit))

            def close(self) -> None:
                store.closed += 1

        return Short()


def test_a_body_that_breaks_off_ends_the_connection() -> None:
    store = Shrinking(150_000)
    Plain(store).append(octets=LARGE)
    client = Client(store)
    client.say(b"a SELECT INBOX\r\n")
    answer = client.say(b"a FETCH 1 BODY.PEEK[]\r\nb NOOP\r\n")
    assert answer.startswith(b"* 1 FETCH (BODY[] {%d}\r\n" % len(LARGE))
    assert client.is_done
    assert store.closed == 1


def test_a_small_body_that_breaks_off_is_a_server_bug() -> None:
    store = Shrinking(10)
    Plain(store).append()
    client = Client(store)
    client.say(b"a SELECT INBOX\r\n")
    assert client.say(b"a FETCH 1 BODY.PEEK[]\r\n") == SERVER_BUG
    assert store.closed == 1


def test_what_was_rendered_before_a_failure_is_sent() -> None:
    store = Failing(StoreError("UNAVAILABLE", "disk"))
    client = prepared(store)
    client.say(b"a FETCH 1 ENVELOPE\r\n")
    store.broken.add("open")
    answer = client.say(b"a FETCH 1:2 (UID ENVELOPE)\r\n")
    assert answer.startswith(b"* 1 FETCH (UID 1 ENVELOPE (")
    assert answer.endswith(b"\r\na NO [UNAVAILABLE] disk\r\n")


class Racing(MemoryStore):
    """Expunges a message when it is touched for the first time, as another process might."""

    def __init__(self, *methods: str) -> None:
        super().__init__()
        self.methods = set(methods)

    def _race(self, method: str, mailbox: str, uid: int) -> None:
        if method in self.methods:
            from mailproto.imap.sequence import UIDSet

            self.methods.discard(method)
            self.expunge(mailbox, UIDSet.of([uid]))

    def open(self, mailbox: str, uid: int) -> Any:
        self._race("open", mailbox, uid)
        return super().open(mailbox, uid)

    def set_flags(self, mailbox: str, uid: int, *change: Any) -> Any:
        self._race("set_flags", mailbox, uid)
        return super().set_flags(mailbox, uid, *change)


@pytest.mark.parametrize(
    ("method", "command", "answer"),
    [
        ("open", b"FETCH 1:2 (UID BODY.PEEK[]<0.1>)", b"* 2 FETCH (UID 2 BODY[]<0> {1}\r\nF)\r\n"),
        ("set_flags", b"FETCH 1 BODY[]", b""),
        ("set_flags", b"STORE 1:2 +FLAGS (\\Seen)", b"* 2 FETCH (FLAGS (\\Recent \\Seen))\r\n"),
    ],
)
def test_messages_that_vanish_in_the_middle(method: str, command: bytes, answer: bytes) -> None:
    store = Racing(method)
    for _ in range(2):
        Plain(store).append()
    client = Client(store)
    client.say(b"a SELECT INBOX\r\n")
    name = command.split()[0]
    assert client.say(b"a %b\r\n" % command) == answer + b"a OK [EXPUNGEISSUED] %b completed\r\n" % name


@pytest.mark.parametrize("kind", [Bare, Async])
def test_a_store_that_does_no_more_than_it_must(kind: type[Bare]) -> None:
    store = MemoryStore()
    plain = Plain(store)
    for octets in (MESSAGE, LARGE, MESSAGE):
        plain.append(octets=octets, names=flags("\\Seen"))
    store.create("work")
    client = Client(kind(store))
    assert b"* 3 EXISTS\r\n* 3 RECENT\r\n" in client.say(b"a SELECT INBOX\r\n")
    assert client.say(b"a COPY 2:3 work\r\n") == b"a OK [COPYUID 2 2:3 1:2] COPY completed\r\n"
    assert plain.read(1, "work") == LARGE
    assert plain.flags("work") == {1: flags("\\Seen"), 2: flags("\\Seen")}
    assert client.say(b"a MOVE 1 work\r\n") == (
        b"* OK [COPYUID 2 1 3] moved\r\n* 1 EXPUNGE\r\na OK MOVE completed\r\n"
    )
    assert client.say(b"a FETCH 1:* (RFC822.SIZE BODY.PEEK[TEXT])\r\n").count(b"FETCH (RFC822.SIZE") == 2
    assert client.say(b"a FETCH 2 ENVELOPE\r\n").startswith(b'* 2 FETCH (ENVELOPE (NIL "hello" ')
    assert client.say(b"a SEARCH SUBJECT hello\r\n") == b"* SEARCH 2\r\na OK SEARCH completed\r\n"
    assert client.say(b"a APPEND INBOX {2+}\r\nhi\r\n") == (
        b"* 3 EXISTS\r\n* 3 RECENT\r\na OK [APPENDUID 1 4] APPEND completed\r\n"
    )
    client.say(b"a IDLE\r\n")
    plain.append()
    assert client.wait() == b"* 4 EXISTS\r\n* 4 RECENT\r\n"
    assert client.say(b"DONE\r\n") == b"a OK completed\r\n"


def test_a_copy_that_fails_half_way_is_undone() -> None:
    store = MemoryStore()
    plain = Plain(store)
    for _ in range(3):
        plain.append()
    store.create("work")
    bare = Bare(store)
    count = 0

    def append(*args: Any) -> int:
        nonlocal count
        count += 1
        if count == 3:
            raise StoreError("OVERQUOTA", "full")
        return store.append(*args)

    bare.append = append
    client = Client(bare)
    client.say(b"a SELECT INBOX\r\n")
    assert client.say(b"a MOVE 1:3 work\r\n") == b"a NO [OVERQUOTA] full\r\n"
    assert plain.flags("work") == {}
    assert len(plain.flags()) == 3
    count = 2
    assert client.say(b"a COPY 1 work\r\n") == b"a NO [OVERQUOTA] full\r\n"

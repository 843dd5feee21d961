"""Whole sessions with servers of IMAP4rev1, of both revisions, and of IMAP4rev2 alone, octet by octet."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import mailproto.asyncio
import mailproto.sync
from mailproto._network import Accepted
from mailproto.errors import LocalProtocolError
from mailproto.flow import Connection, Flow
from mailproto.imap import ListData, MailboxChanged
from mailproto.imap.ext.binary import BinarySection, BinarySize
from mailproto.imap.fetch import FLAGS, RFC822
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.server_flow import Service, serve
from mailproto.sasl import PasswordAuthenticator
from support_imap_revisions import OCTETS, BothRevisions
from support_imap_server import Client
from support_servers import KINDS, host_and_port, serving
from support_split import for_every_split

REV1 = ("IMAP4rev1", "ENABLE", "NAMESPACE")
BOTH = ("IMAP4rev1", "IMAP4rev2", "ENABLE", "NAMESPACE")
REV2 = ("IMAP4rev2",)
RAW = "Entwürfe".encode()
BROKEN_UP = "Entwu\u0308rfe".encode()
STATE = (
    b"* OK [UIDVALIDITY 1] so it is\r\n* OK [UIDNEXT 14] so it is\r\n"
    b"* OK [PERMANENTFLAGS (\\Deleted \\Seen)] so it is\r\n"
)
SELECTED = b"* FLAGS (\\Deleted \\Seen)\r\n* 3 EXISTS\r\n" + STATE

Dialogue = list[tuple[bytes, bytes]]

OLD: Dialogue = [
    (
        b"a SELECT Entw&APw-rfe",
        SELECTED + b"* 0 RECENT\r\n* OK [UNSEEN 1] so it is\r\na OK [READ-WRITE] selected\r\n",
    ),
    (b"b SEARCH ALL", b"* SEARCH 1 2 3\r\nb OK searched\r\n"),
    (b"c UID SEARCH ALL", b"* SEARCH 11 12 13\r\nc OK searched\r\n"),
    (b"d CHECK", b"d OK done\r\n"),
    (b'e LSUB "" *', b'* LSUB () "/" Entw&APw-rfe\r\ne OK listed\r\n'),
    (
        b"f UID FETCH 11 RFC822",
        b"* 1 FETCH (UID 11 RFC822 {16}\r\nSubject: x\r\n\r\n\r\n)\r\nf OK fetched\r\n",
    ),
    (b"g STATUS INBOX (RECENT)", b"* STATUS INBOX (RECENT 0)\r\ng OK so it is\r\n"),
    (b'h SELECT "%b"' % RAW, b"h NO [NONEXISTENT] there is none\r\n"),
    (
        b"i SELECT INBOX",
        SELECTED + b"* 0 RECENT\r\n* OK [UNSEEN 1] so it is\r\ni OK [READ-WRITE] selected\r\n",
    ),
]
NEW: Dialogue = [
    (
        b'a SELECT "%b"' % RAW,
        SELECTED + b'* LIST (\\HasNoChildren) "/" "%b"\r\na OK [READ-WRITE] selected\r\n' % RAW,
    ),
    (b"b SEARCH ALL", b'* ESEARCH (TAG "b") ALL 1:3\r\nb OK searched\r\n'),
    (b"c UID SEARCH RETURN (SAVE COUNT) ALL", b'* ESEARCH (TAG "c") UID COUNT 3\r\nc OK searched\r\n'),
    (
        b"d UID FETCH $ FLAGS",
        b"".join(b"* %d FETCH (UID %d FLAGS ())\r\n" % (n, n + 10) for n in (1, 2, 3)) + b"d OK fetched\r\n",
    ),
    (b"e SEARCH RETURN (SAVE) ALL", b"e OK searched\r\n"),
    (
        b'f SELECT "%b"' % BROKEN_UP,
        b"* OK [CLOSED] the other one is closed\r\n"
        + SELECTED
        + b'* LIST (\\HasNoChildren) "/" "%b" ("OLDNAME" ("%b"))\r\nf OK [READ-WRITE] selected\r\n'
        % (RAW, BROKEN_UP),
    ),
    (b"g NOOP", b"* 2 FETCH (UID 12 FLAGS (\\Seen))\r\ng OK nothing else\r\n"),
    (b"h STATUS INBOX (DELETED SIZE)", b"* STATUS INBOX (DELETED 0 SIZE 8589934592)\r\nh OK so it is\r\n"),
    (
        b'i CREATE "%b2"' % BROKEN_UP,
        b'* LIST (\\HasNoChildren) "/" "%b2" ("OLDNAME" ("%b2"))\r\ni OK created\r\n' % (RAW, BROKEN_UP),
    ),
    (
        b"j UID FETCH 11 BINARY.SIZE[]",
        b"* 1 FETCH (UID 11 BINARY.SIZE[] 17)\r\nj OK fetched\r\n",
    ),
    (b"k SELECT nowhere", b"* OK [CLOSED] the other one is closed\r\nk NO [NONEXISTENT] there is none\r\n"),
    (b"l SELECT INBOX", SELECTED + b'* LIST (\\HasNoChildren) "/" INBOX\r\nl OK [READ-WRITE] selected\r\n'),
]
REMOVED: Dialogue = [
    (b"m CHECK", b"m BAD CHECK is not offered now\r\n"),
    (b'n LSUB "" *', b"n BAD LSUB is not offered now\r\n"),
    (b"o UID FETCH 11 RFC822", b"o BAD UID FETCH: RFC822 needs IMAP4REV1, which is not offered\r\n"),
    (b"p STATUS INBOX (RECENT)", b"p BAD STATUS: RECENT needs IMAP4REV1, which is not offered\r\n"),
    (b"q SEARCH NEW", b"q BAD SEARCH: NEW needs IMAP4REV1, which is not offered\r\n"),
]
KEPT: Dialogue = [
    (b"m CHECK", b"m OK done\r\n"),
    (b'n LSUB "" *', b'* LSUB () "/" "%b2"\r\nn OK listed\r\n' % RAW),
    (b"p STATUS INBOX (RECENT)", b"* STATUS INBOX (RECENT 0)\r\np OK so it is\r\n"),
]
ENABLE: Dialogue = [(b"z ENABLE CONDSTORE IMAP4rev2", b"* ENABLED IMAP4rev2\r\nz OK enabled\r\n")]
ENABLE_NOTHING: Dialogue = [(b"z ENABLE IMAP4rev2", b"* ENABLED\r\nz OK enabled\r\n")]

SESSIONS: list[tuple[tuple[str, ...], Dialogue]] = [
    (REV1, OLD),
    (REV1, ENABLE_NOTHING + OLD),
    (BOTH, OLD),
    (BOTH, ENABLE + NEW + KEPT),
    (REV2, NEW + REMOVED),
    (REV2, ENABLE + NEW + REMOVED),
]


def made(offer: tuple[str, ...]) -> Client:
    return Client(
        None,  # type: ignore[arg-type]  # there is no store
        capabilities=offer,
        sessions=lambda identity: BothRevisions(),
    )


@pytest.mark.parametrize(
    ("offer", "dialogue"), SESSIONS, ids=["1", "1 asked", "both", "both enabled", "2", "2 asked"]
)
def test_a_session(offer: tuple[str, ...], dialogue: Dialogue) -> None:
    client = made(offer)
    for said, answer in dialogue:
        assert client.say(said + b"\r\n") == answer


@pytest.mark.parametrize(
    ("offer", "dialogue"), SESSIONS, ids=["1", "1 asked", "both", "both enabled", "2", "2 asked"]
)
def test_a_session_cut_everywhere(offer: tuple[str, ...], dialogue: Dialogue) -> None:
    octets = b"".join(said + b"\r\n" for said, _ in dialogue)

    def run(pieces: list[bytes]) -> list[bytes]:
        client = made(offer)
        return b"".join(client.say(piece) for piece in pieces).split(b"\r\n")

    lines = for_every_split(octets, run)
    assert sum(b" OK " in line for line in lines) > len(dialogue) / 2


# The same with our clients


USERS = PasswordAuthenticator({"tim": "secret"})


@contextmanager
def server(kind: str, offer: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    service = Service(
        sessions=lambda identity: BothRevisions(),
        authenticator=USERS,
        capabilities=offer,
        entropy=lambda size: b"x" * size,
    )

    def make(accepted: Accepted) -> tuple[Connection[Any], Flow[None]]:
        conn = IMAPServerConnection(allow_cleartext=True)
        return conn, serve(conn, service, wake=accepted.wake, tls=accepted.tls)

    with serving(kind, make) as address:
        yield host_and_port(address)


def talk(
    kind: str, host: str, port: int, steps: list[Callable[[Any], Any]], **options: Any
) -> tuple[list[Any], list[bytes]]:
    """Return what each of *steps* gives, an error too, and the lines that the client sent."""
    lines: list[bytes] = []

    def trace(direction: str, octets: bytes) -> None:
        if direction == "sent":
            lines.extend(octets.splitlines())

    package: Any = mailproto.sync if kind == "sync" else mailproto.asyncio
    connecting = package.IMAPClient.connect(host, port, tls="none", timeout=20, trace=trace, **options)
    results: list[Any] = []

    async def run() -> None:
        async with connecting as imap:
            await imap.login("tim", "secret", allow_cleartext=True)
            for step in steps:
                try:
                    result = step(imap)
                    results.append(await result if inspect.isawaitable(result) else result)
                except LocalProtocolError as error:
                    results.append(error)

    if kind == "asyncio":
        asyncio.run(run())
        return results, lines
    with connecting as imap:
        imap.login("tim", "secret", allow_cleartext=True)
        for step in steps:
            try:
                results.append(step(imap))
            except LocalProtocolError as error:
                results.append(error)
    return results, lines


STEPS: list[Callable[[Any], Any]] = [
    lambda imap: imap.enabled,
    lambda imap: imap.select("Entwu\u0308rfe"),
    lambda imap: imap.uid_search(),
    lambda imap: imap.uid_fetch("11:13", FLAGS).all(),
    lambda imap: imap.status("INBOX", "MESSAGES"),
    lambda imap: imap.create("Bu\u0308ro"),
    lambda imap: imap.list(),
    lambda imap: imap.poll(),
]
ONLY_NEW: list[Callable[[Any], Any]] = [
    lambda imap: imap.uid_fetch("11", BinarySection(), BinarySize()).all(),
    lambda imap: imap.status("INBOX", "SIZE"),
]
ONLY_OLD: list[Callable[[Any], Any]] = [
    lambda imap: imap.check(),
    lambda imap: imap.lsub(),
    lambda imap: imap.uid_fetch("11", RFC822).all(),
    lambda imap: imap.status("INBOX", "RECENT"),
]
OFFERS = {"rev1": (REV1, False), "both": (BOTH, True), "rev2": (REV2, True)}


@pytest.mark.parametrize("serves", KINDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offer", OFFERS)
def test_our_clients_and_our_server(kind: str, serves: str, offer: str) -> None:
    capabilities, rev2 = OFFERS[offer]
    with server(serves, capabilities) as (host, port):
        results, lines = talk(kind, host, port, [*STEPS, *ONLY_NEW, *ONLY_OLD])
    enabled, view, uids, messages, status, created, listed, news, *rest = results
    assert enabled == ({"IMAP4REV2"} if offer == "both" else frozenset())
    assert [line for line in lines if b"ENABLE" in line] == (
        [b"A2 ENABLE IMAP4rev2"] if offer == "both" else []
    )
    name = b'SELECT "%b"' % BROKEN_UP if rev2 else b"SELECT Entwu&Awg-rfe"
    assert any(line.endswith(name) for line in lines)
    assert (view.exists, view.uid_next, view.recent) == (3, 14, None if rev2 else 0)
    assert (view.listing.mailbox if rev2 else view.listing) == ("Entwürfe" if rev2 else None)
    assert uids == UIDSet("11:13")
    assert [message.uid for message in messages] == [11, 12, 13]
    assert status.messages == 3
    assert created is None
    assert [data.mailbox for data in listed] == ["INBOX", "Entwürfe", "Büro"]
    changed = [update.data for update in news if isinstance(update, MailboxChanged)]
    assert [(data.mailbox, data.old_name) for data in changed if isinstance(data, ListData)] == (
        [("Büro", "Bu\u0308ro")] if rev2 else []
    )
    check_what_there_is(rest, has_new=rev2, has_old=offer != "rev2")


def check_what_there_is(results: list[Any], *, has_new: bool, has_old: bool) -> None:
    binary, size, *old = results
    if has_new:
        assert binary[0][BinarySection()] == OCTETS
        assert binary[0][BinarySize()] == len(OCTETS)
        assert size.size == 2**33
    else:
        assert "BINARY" in str(binary)
        assert "STATUS=SIZE" in str(size)
    if has_old:
        assert old[0] is None
        assert [data.mailbox for data in old[1]] == ["Büro"]
        assert old[2][0][RFC822] == OCTETS.replace(b"\0", b"")
        assert old[3].recent == 0
    else:
        assert ["IMAP4REV1" in str(error) for error in old] == [True] * 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ((), None),
        (("IMAP4rev2",), b"A2 ENABLE IMAP4rev2"),
        (("CONDSTORE", "imap4REV2"), b"A2 ENABLE IMAP4rev2"),
        (("CONDSTORE",), None),
    ],
)
def test_what_a_caller_enables(kind: str, wanted: tuple[str, ...], line: bytes | None) -> None:
    with server("sync", BOTH) as (host, port):
        results, lines = talk(kind, host, port, [lambda imap: imap.enabled], enable=wanted)
    assert [sent for sent in lines if b"ENABLE" in sent] == ([line] if line else [])
    assert results == [{"IMAP4REV2"} if line else frozenset()]


@pytest.mark.parametrize("package", [mailproto.sync, mailproto.asyncio])
@pytest.mark.parametrize("wanted", ["IMAP4rev2", ("a b",), ("a\r\nb",)])
def test_what_cannot_be_enabled_is_refused_before_a_connection_is_made(package: Any, wanted: Any) -> None:
    with pytest.raises(LocalProtocolError):
        package.IMAPClient.connect("127.0.0.1", 1, tls="none", enable=wanted)

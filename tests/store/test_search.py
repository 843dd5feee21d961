"""Tests of SEARCH over a store: each key, charsets, what is read for a match, an index of the store."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from mailproto._ranges import Ranges
from mailproto.imap.search import SearchKey
from mailproto.imap.sequence import UIDSet
from mailproto.store import MemoryStore
from support_imap_server import Client
from support_store import Plain, flags

FIRST = (
    b"From: Alice Example <alice@example.org>\r\n"
    b"To: bob@example.net, carol@example.net\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from the sea\r\n"
    b"Date: Thu, 29 Feb 2024 23:30:00 -0800\r\n"
    b"X-Empty:\r\n"
    b"Content-Type: text/plain; charset=iso-8859-1\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"sch=F6nes Wetter\r\n"
)
SECOND = (
    b"From: dave@example.com\r\n"
    b"Cc: erin@example.com\r\nBcc: frank@example.com\r\n"
    b"Subject: plain\r\n\r\n" + b"x" * 20_000 + b" needle"
)
THIRD = b"no header at all"


def make(store: MemoryStore) -> None:
    """Fill INBOX: UIDs 1, 3, 4."""
    plain = Plain(store)
    day = timezone(timedelta(hours=-8))
    plain.append(octets=FIRST, names=flags("\\Seen", "$Work"), date=datetime(2024, 3, 1, 23, 0, tzinfo=day))
    plain.append()
    plain.append(octets=SECOND, names=flags("\\Flagged", "\\Draft"), date=datetime(2024, 3, 2, tzinfo=day))
    plain.append(octets=THIRD, names=flags("\\Answered", "\\Deleted"), date=datetime(2024, 3, 3, tzinfo=day))
    store.claim_recent("INBOX")


@pytest.fixture(params=["fresh", "scanned"])
def client(request: pytest.FixtureRequest) -> Client:
    store = MemoryStore()
    make(store)
    client = Client(store)
    client.say(b"a SELECT INBOX\r\na UID STORE 2 +FLAGS.SILENT (\\Deleted)\r\na UID EXPUNGE 2\r\n")
    if request.param == "scanned":
        client.say(b"a FETCH 1:* ENVELOPE\r\n")
    return client


@pytest.mark.parametrize(
    ("key", "numbers"),
    [
        ("ALL", "1 2 3"),
        ("1:2", "1 2"),
        ("*", "3"),
        ("7", ""),
        ("UID 3:*", "2 3"),
        ("UID 2", ""),
        ("UID 99:*", "3"),
        ("ANSWERED", "3"),
        ("UNANSWERED", "1 2"),
        ("DELETED", "3"),
        ("UNDELETED", "1 2"),
        ("DRAFT", "2"),
        ("UNDRAFT", "1 3"),
        ("FLAGGED", "2"),
        ("UNFLAGGED", "1 3"),
        ("SEEN", "1"),
        ("UNSEEN", "2 3"),
        ("NEW", ""),
        ("OLD", "1 2 3"),
        ("RECENT", ""),
        ("KEYWORD $work", "1"),
        ("UNKEYWORD $Work", "2 3"),
        ("LARGER 16", "1 2"),
        ("LARGER 15", "1 2 3"),
        ("SMALLER 16", ""),
        ("SMALLER 17", "3"),
        ("BEFORE 2-Mar-2024", "1"),
        ("ON 2-Mar-2024", "2"),
        ("SINCE 2-Mar-2024", "2 3"),
        ("SENTBEFORE 1-Mar-2024", "1"),
        ("SENTON 29-Feb-2024", "1"),
        ("SENTSINCE 29-Feb-2024", "1"),
        ("SENTSINCE 1-Mar-2024", ""),
        ("NOT SENTON 29-Feb-2024", "2 3"),
        ("FROM ALICE", "1"),
        ("FROM example", "1 2"),
        ("TO carol", "1"),
        ("CC erin", "2"),
        ("BCC frank", "2"),
        ("SUBJECT sea", "1"),
        ('HEADER Subject ""', "1 2"),
        ('HEADER X-Empty ""', "1"),
        ("HEADER subject PLAIN", "2"),
        ("BODY needle", "2"),
        ("BODY wetter", "1"),
        ("BODY plain", ""),
        ("BODY header", ""),
        ("TEXT dave", "2"),
        ("TEXT needle", "2"),
        ("NOT SEEN", "2 3"),
        ("OR SEEN FLAGGED", "1 2"),
        ("OR SEEN BODY needle", "1 2"),
        ("(SEEN KEYWORD $Work)", "1"),
        ("FLAGGED BODY needle FROM dave", "2"),
        ("SEEN BODY needle", ""),
        ("NOT (FROM alice)", "2 3"),
    ],
)
def test_keys(client: Client, key: str, numbers: str) -> None:
    answer = f"* SEARCH {numbers}".rstrip().encode() + b"\r\na OK SEARCH completed\r\n"
    assert client.say(f"a SEARCH {key}\r\n".encode()) == answer


def test_uid_search_gives_uids(client: Client) -> None:
    assert client.say(b"a UID SEARCH FLAGGED\r\n") == b"* SEARCH 3\r\na OK SEARCH completed\r\n"


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (b'CHARSET UTF-8 SUBJECT "Gr\xc3\xbc\xc3\x9fe"', b" 1"),
        (b"CHARSET UTF-8 SUBJECT {7+}\r\nGR\xc3\xbcSSE", b" 1"),
        (b"CHARSET ISO-8859-1 BODY {6+}\r\nsch\xf6ne", b" 1"),
        (b"CHARSET cp850 BODY {6+}\r\nsch\x94ne", b" 1"),
        (b"CHARSET US-ASCII BODY sch", b" 1"),
        (b"BODY {7+}\r\nsch\xc3\xb6ne", b" 1"),
        (b"CHARSET UTF-8 HEADER Subject {3+}\r\nr\xc3\xbc", b" 1"),
        (b"CHARSET UTF-8 FROM {2+}\r\n\xc3\xb6", b""),
    ],
)
def test_charsets(client: Client, arguments: bytes, numbers: bytes) -> None:
    answer = client.say(b"a SEARCH %b\r\n" % arguments)
    assert answer == b"* SEARCH%b\r\na OK SEARCH completed\r\n" % numbers


def test_an_unknown_charset(client: Client) -> None:
    answer = client.say(b"a SEARCH CHARSET X-KLINGON TEXT a\r\n")
    assert answer.startswith(b"a NO [BADCHARSET (US-ASCII ")
    assert b" UTF-8 " in answer
    assert client.say(b"a SEARCH CHARSET X-KLINGON ALL\r\n").startswith(b"a NO [BADCHARSET (")


@pytest.mark.parametrize(
    "arguments",
    [b"BODY {2+}\r\n\xff\xfe", b"CHARSET UTF-8 BODY {2+}\r\n\xff\xfe", b"CHARSET US-ASCII BODY {1+}\r\n\xe9"],
)
def test_text_that_is_not_in_its_charset(client: Client, arguments: bytes) -> None:
    assert client.say(b"a SEARCH %b\r\n" % arguments) == b"a BAD the text is not in the charset\r\n"


def test_an_unknown_key(client: Client) -> None:
    assert client.say(b"a SEARCH SEEN X-MAGIC 3\r\n") == b"a BAD unknown search key X-MAGIC\r\n"


def test_many_messages_take_few_calls() -> None:
    store = MemoryStore()
    for _ in range(1_200):
        Plain(store).append(octets=THIRD)
    client = Client(store)
    client.say(b"a SELECT INBOX\r\n")
    before = client.calls
    assert client.say(b"a SEARCH BODY absent\r\n") == b"* SEARCH\r\na OK SEARCH completed\r\n"
    assert client.calls - before == 3


class Reading(MemoryStore):
    """Notes how much is read of each message."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []

    def open(self, mailbox: str, uid: int) -> Any:
        return ReadingBody(super().open(mailbox, uid), self.reads)


class ReadingBody:
    """Notes what is read."""

    def __init__(self, body: Any, reads: list[tuple[int, int]]) -> None:
        self.body = body
        self.reads = reads
        self.size: int = body.size

    def read(self, start: int, stop: int) -> bytes:
        self.reads.append((start, stop))
        octets: bytes = self.body.read(start, stop)
        return octets

    def close(self) -> None:
        self.reads.append((-1, -1))


@pytest.mark.parametrize(
    ("key", "reads"),
    [
        (b"UNSEEN", []),
        (b"SEEN FROM alice", []),
        (b"FROM alice", [(0, 16_384), (-1, -1)]),
        (b"BODY x", [(0, 16_384), (0, len(SECOND)), (-1, -1)]),
    ],
)
def test_no_more_is_read_than_is_needed(key: bytes, reads: list[tuple[int, int]]) -> None:
    store = Reading()
    Plain(store).append(octets=SECOND)
    client = Client(store)
    client.say(b"a SELECT INBOX\r\na SEARCH %b\r\n" % key)
    assert store.reads == reads


def test_a_header_that_is_longer_than_usual() -> None:
    store = MemoryStore()
    Plain(store).append(octets=b"X: y\r\n" * 5_000 + b"Subject: far\r\n\r\nbody")
    client = Client(store)
    client.say(b"a SELECT INBOX\r\n")
    assert client.say(b"a SEARCH SUBJECT far\r\n") == b"* SEARCH 1\r\na OK SEARCH completed\r\n"


def test_a_message_that_vanishes_while_it_is_searched() -> None:
    class Vanishing(MemoryStore):
        def open(self, mailbox: str, uid: int) -> Any:
            self.expunge(mailbox, UIDSet.of([uid]))
            return super().open(mailbox, uid)

    store = Vanishing()
    Plain(store).append()
    client = Client(store)
    client.say(b"a SELECT INBOX\r\n")
    assert client.say(b"a SEARCH BODY a\r\n") == b"* SEARCH\r\na OK SEARCH completed\r\n"


class Indexed(MemoryStore):
    """A store that answers some searches, and notes what it was asked."""

    def __init__(self, answer: Ranges | None) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[SearchKey] = []

    def search(self, mailbox: str, key: SearchKey) -> Ranges | None:
        self.asked.append(key)
        return self.answer


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [(((2, 3), (9, 9)), b" 2 3"), (None, b" 1 2")],
    ids=["answered", "left"],
)
def test_an_index_of_the_store(answer: Ranges | None, numbers: bytes) -> None:
    store = Indexed(answer)
    make(store)
    client = Client(store)
    client.say(b"a SELECT INBOX\r\n")
    assert client.say(b"a SEARCH FROM alice\r\n") == b"* SEARCH%b\r\na OK SEARCH completed\r\n" % numbers
    assert str(store.asked[0]) == "From(value='alice')"


def test_the_index_is_asked_by_uids() -> None:
    store = Indexed(None)
    make(store)
    client = Client(store)
    client.say(b"a SELECT INBOX\r\na UID STORE 2 +FLAGS.SILENT (\\Deleted)\r\na UID EXPUNGE 2\r\n")
    client.say(b"a SEARCH OR 2:* NOT UID 3:* (SEEN 9)\r\n")
    assert str(store.asked[0]) == (
        "And(keys=(Or(left=UID(uids=UIDSet('3:4')), right=Not(key=UID(uids=UIDSet('3:4')))),"
        " And(keys=(Seen(), Not(key=All())))))"
    )

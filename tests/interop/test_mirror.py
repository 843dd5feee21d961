"""Copies of mailboxes of Dovecot, Cyrus and pymap, while another connection changes the mailbox."""

from __future__ import annotations

import imaplib
import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailproto.cli import main
from mailproto.cli._backup import file_name
from mailproto.imap import BodySection
from mailproto.imap.mirror import (
    AddMessage,
    ExpungeMessages,
    InSync,
    MirrorStep,
    MoveMessages,
    Refused,
    Reset,
    StoreFlags,
    Uncertain,
)
from mailproto.imap.sequence import UIDSet
from support_imap_products import KINDS, PRODUCTS, Connection, Product, open_connection, reopened
from support_imap_rows import ONE
from support_mirror import Copy

pytestmark = pytest.mark.interop

WAYS = [
    ("Dovecot", "QRESYNC"),
    ("Dovecot", "CONDSTORE"),
    ("Cyrus", "QRESYNC"),
    ("Cyrus", "CONDSTORE"),
    ("pymap", "flags"),
]
DRAFT = b"Message-ID: <draft@x.example>\r\nSubject: draft\r\n\r\nto be continued\r\n"

ASKED = {
    "QRESYNC": rb"\(QRESYNC \(",
    "CONDSTORE": rb"\(CHANGEDSINCE \d+\)",
    "flags": rb"UID FETCH 1:\d+ FLAGS\r",
}
"""How it is asked what happened, by the way to ask."""


@pytest.fixture
def product(request: pytest.FixtureRequest) -> Product:
    running: Product = request.getfixturevalue(f"{request.param.lower()}_product")
    return running


def synchronize(at: Connection, copy: Copy, way: str, stop_after: int | None = None) -> bytes:
    """Bring *copy* in sync over a new connection, or stop on the way; return what was sent."""
    with reopened(at) as again:
        again.login()
        if way == "CONDSTORE":
            # ENABLE comes too late once a mailbox is selected.
            again.imap.select(at.mailbox)
        steps = again.imap.mirror(at.mailbox, copy.mirrored(), batch=3)
        step = None
        for step in itertools.islice(steps, stop_after):
            assert not isinstance(step, Reset)
            copy.store(step)
        if stop_after is None:
            assert isinstance(step, InSync)
        return bytes(again.sent)


def change(other: imaplib.IMAP4, mailbox: str, turns: int) -> None:
    """Append, flag and expunge, as other devices do."""
    for turn in range(turns):
        for _ in range(1 + turn % 3):
            other.append(mailbox, "", None, ONE)
        other.noop()
        uids = found(other)
        other.uid("STORE", uids[turn % len(uids)], "+FLAGS", "(\\Flagged)")
        other.uid("STORE", uids[-1], "+FLAGS", "(\\Answered)")
        other.uid("STORE", uids[turn % 4], "+FLAGS", "(\\Deleted)")
        if turn % 2:
            other.expunge()


def found(other: imaplib.IMAP4) -> list[str]:
    return [uid.decode() for uid in other.uid("SEARCH", "ALL")[1][0].split()]


def flags_of(other: imaplib.IMAP4) -> dict[int, set[str]]:
    """Return the flags of all messages as a client that is not ours sees them."""
    other.noop()
    flags = {}
    for line in other.uid("FETCH", "1:*", "(UID FLAGS)")[1]:
        # Changes of others that come meanwhile have no UID.
        if isinstance(line, bytes) and (uid := re.search(rb"UID (\d+)", line)):
            flags[int(uid[1])] = {flag.decode() for flag in imaplib.ParseFlags(line)} - {"\\Recent"}
    return flags


def copied(copy: Copy) -> dict[int, set[str]]:
    return {uid: set(flags) - {"\\Recent"} for uid, flags in copy.flags.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("product", "way"), WAYS, indirect=["product"])
def test_nothing_is_lost_or_doubled_while_others_change_the_mailbox(
    product: Product, way: str, kind: str
) -> None:
    copy = Copy()
    with open_connection(kind, product) as at:
        at.login()
        at.fill([ONE] * 10)
        with at.other() as other, ThreadPoolExecutor(1) as pool:
            other.select(at.mailbox)
            changing = pool.submit(change, other, at.mailbox, 12)
            for stop_after in itertools.cycle([1, 2, 3, None, 4, 0]):
                if changing.done():
                    break
                synchronize(at, copy, way, stop_after)
            changing.result()
            synchronize(at, copy, way)
            assert copied(copy) == flags_of(other)
            change(other, at.mailbox, 3)
            assert re.search(ASKED[way], synchronize(at, copy, way))
            assert copied(copy) == flags_of(other)
            assert synchronize(at, copy, way).count(b"FETCH") == (way == "flags")


def archive_of(at: Connection) -> str:
    return f"{at.mailbox}-archive"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("product", "way"), WAYS, indirect=["product"])
def test_what_was_done_offline_is_done_on_the_server_once(product: Product, way: str, kind: str) -> None:
    """The connection is lost after every step, and what that step said is not known then."""
    copy = Copy()
    with open_connection(kind, product) as at:
        at.login()
        at.fill([ONE] * 8)
        at.imap.create(archive_of(at))
        synchronize(at, copy, way)
        uids = [UIDSet.of((uid,)) for uid in at.uids]
        state = copy.mirrored()
        changes = (
            StoreFlags(uids[0] | uids[1], frozenset({"\\Seen"}), frozenset({"\\Flagged"})),
            AddMessage("draft", frozenset({"\\Draft"}), message_id="<draft@x.example>"),
            MoveMessages(uids[2] | uids[3], archive_of(at)),
            ExpungeMessages(uids[4] | uids[5]),
            StoreFlags(uids[6] | uids[7], frozenset({"\\Answered"}), unchanged_since=state.mod_seq),
        )
        copy.json = state.queued(*changes).to_json()
        with at.other() as other:
            other.select(at.mailbox)
            other.uid("STORE", str(uids[1]), "+FLAGS", "(\\Flagged)")
            other.uid("STORE", str(uids[3]), "+FLAGS", "(\\Deleted)")
            other.expunge()
            other.uid("STORE", str(uids[6]), "+FLAGS", "(\\Flagged)")
            steps = replay(at, copy, way)
            assert copied(copy) == flags_of(other)
            flags = flags_of(other)
            expected = {uids[0]: {"\\Seen"}, uids[1]: {"\\Seen"}, uids[7]: {"\\Answered"}}
            has_conflict = state.mod_seq is not None
            expected[uids[6]] = {"\\Flagged"} if has_conflict else {"\\Flagged", "\\Answered"}
            for uid, names in expected.items():
                assert flags.pop(next(iter(uid))) == names
            assert list(flags.values()) == [{"\\Draft"}]
            conflicts = [each.uid for step in steps for each in getattr(step, "conflicts", ())]
            assert set(conflicts) == ({at.uids[6]} if has_conflict else set())
            other.select(archive_of(at))
            assert len(found(other)) == 1
        assert copy.mirrored().changes == ()


def replay(at: Connection, copy: Copy, way: str) -> list[MirrorStep]:
    """Synchronize until all is done; each time one step more is stored, and one more is lost."""
    heard: list[MirrorStep] = []
    for most in itertools.count():
        with reopened(at) as again:
            again.login()
            if way == "CONDSTORE":
                again.imap.select(at.mailbox)
            steps = again.imap.mirror(at.mailbox, copy.mirrored(), batch=3, find=lambda name: DRAFT)
            for number, step in enumerate(steps):
                assert not isinstance(step, Uncertain | Refused)
                heard.append(step)
                if number == most:
                    break
                copy.store(step)
            else:
                return heard
    raise AssertionError("it has no end")


@pytest.mark.parametrize("product", PRODUCTS, indirect=True)
def test_all_mailboxes_are_saved_octet_by_octet(
    product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_connection("sync", product) as at:
        at.login()
        at.fill([ONE, b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 20_000])
        at.imap.create("Gr\xf6\xdfe")
        at.imap.append("Gr\xf6\xdfe", b"Subject: last\r\n\r\n.dot\r\n")
        url = f"imap://{at.user}:{product.password}@127.0.0.1:{product.port}"
        options = [str(tmp_path), "--tls", "none", "--allow-cleartext-login"]
        assert main(["imap", "--backup", url, *options]) == 0
        rows = dict(line.split("\t", 1) for line in capsys.readouterr().out.splitlines())
        assert rows[at.mailbox] == "2\t0\t0"
        assert rows["Gr\xf6\xdfe"] == "1\t0\t0"
        for mailbox in (at.mailbox, "Gr\xf6\xdfe"):
            view = at.imap.select(mailbox)
            messages = at.imap.uid_fetch("1:*", BodySection()).all()
            expected = {f"{view.uid_validity}-{each.uid}.eml": each[BodySection()] for each in messages}
            folder = tmp_path / file_name(mailbox)
            assert {path.name: path.read_bytes() for path in folder.iterdir()} == expected
        assert main(["imap", "--backup", url, *options]) == 0
        assert {line.split("\t", 1)[1] for line in capsys.readouterr().out.splitlines()} == {"0\t0\t0"}

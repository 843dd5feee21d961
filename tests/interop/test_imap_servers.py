"""Dovecot, Cyrus and pymap: all that each of them advertises is used, and its result checked."""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailproto.imap import FLAGS, RFC822_SIZE, UID, Expunged, FlagsChanged, NewMessages
from support_imap_products import KINDS, PRODUCTS, Connection, Product, cyrus_running, open_connection
from support_imap_rows import (
    AFTER_LOGIN,
    BEFORE_LOGIN,
    NO_COMMAND,
    ONE,
    Row,
    has_messages,
    indexed,
    lists,
    wait_for,
)
from support_interop import Certificate

pytestmark = pytest.mark.interop


def _cases(rows: dict[str, Row]) -> list[tuple[str, str]]:
    """Each product with each capability; what several capabilities share is run once."""
    once = {(product, row.prove): name for name, row in rows.items() for product in row.products}
    return [(product, name) for (product, _), name in once.items()]


@pytest.fixture
def product(request: pytest.FixtureRequest) -> Product:
    running: Product = request.getfixturevalue(f"{request.param.lower()}_product")
    return running


@pytest.fixture(params=KINDS)
def connection(request: pytest.FixtureRequest, product: Product) -> Iterator[Connection]:
    """A connection without TLS, and with a user."""
    with open_connection(request.param, product) as opened:
        opened.login()
        yield opened


@pytest.fixture(params=KINDS)
def tls_connection(request: pytest.FixtureRequest, product: Product) -> Iterator[Connection]:
    """A connection with STARTTLS, and without a user."""
    with open_connection(request.param, product, "starttls") as opened:
        yield opened


@pytest.fixture(scope="module")
def indexing_cyrus(certificate: Certificate) -> Iterator[Product]:
    """A Cyrus whose searches look into an index."""
    with cyrus_running(certificate, "squat") as running:
        yield running


@pytest.mark.parametrize("product, name", _cases(AFTER_LOGIN), indirect=["product"])
def test_capability(connection: Connection, name: str) -> None:
    AFTER_LOGIN[name].prove(connection)


@pytest.mark.parametrize("product, name", _cases(BEFORE_LOGIN), indirect=["product"])
def test_capability_before_login(tls_connection: Connection, name: str) -> None:
    BEFORE_LOGIN[name].prove(tls_connection)


@pytest.mark.parametrize("product", PRODUCTS, indirect=True)
def test_all_that_is_advertised_has_a_row(product: Product) -> None:
    advertised: set[str] = set()
    for tls in ("none", "starttls"):
        with open_connection("sync", product, tls) as opened:
            advertised.update(opened.imap.capabilities)
            opened.login()
            advertised.update(opened.imap.capabilities, opened.imap.capability())
    rows = {**AFTER_LOGIN, **BEFORE_LOGIN}
    expected = {name for name, row in rows.items() if product.name in row.products}
    assert {name.upper() for name in advertised} - NO_COMMAND.keys() == expected


@pytest.mark.parametrize("kind", KINDS)
def test_cyrus_finds_what_is_in_its_index(kind: str, indexing_cyrus: Product) -> None:
    with open_connection(kind, indexing_cyrus) as opened:
        opened.login()
        indexed(opened)


# Another connection


def _uids(answer: bytes, code: bytes) -> set[int]:
    """Return what stands last in APPENDUID or COPYUID."""
    found = re.search(rb"\[%s [^\]]* (\d+)\]" % code, answer)
    assert found is not None, answer
    return {int(found[1])}


def _change(at: Connection, other: imaplib.IMAP4, uids: list[int]) -> None:
    """Append, flag, copy and expunge; *uids* are kept as they must be."""
    for turn in range(12):
        added = _uids(other.append(at.mailbox, "", None, ONE)[1][0], b"APPENDUID")
        (uid,) = added
        other.noop()
        other.uid("STORE", str(uid), "+FLAGS", "(\\Flagged)")
        if turn % 3 == 0:
            other.uid("COPY", str(uid), at.mailbox)
            copied = other.response("COPYUID")[1][-1]
            assert isinstance(copied, bytes)
            added |= _uids(b"[COPYUID %s]" % copied, b"COPYUID")
        uids.extend(sorted(added))
        if turn % 2:
            gone = uids.pop(turn % 5)
            other.uid("STORE", str(gone), "+FLAGS", "(\\Deleted)")
            other.expunge()


def _take(known: set[int], updates: Iterable[object]) -> None:
    """Do to *known* what the updates say: nothing comes twice, nothing goes that was not there."""
    for update in updates:
        if isinstance(update, NewMessages):
            assert not known & set(update.uids)
            known |= set(update.uids)
        elif isinstance(update, Expunged):
            assert update.uid in known
            known.remove(update.uid)


@pytest.mark.parametrize("product", PRODUCTS, indirect=True)
def test_another_connection_changes_the_mailbox(connection: Connection) -> None:
    at, imap = connection, connection.imap
    at.fill([ONE] * 8)
    known = set(imap.uid_search())
    imap.uid_fetch("1:*", FLAGS).all()
    uids = list(at.uids)
    with at.other() as other, ThreadPoolExecutor(1) as pool:
        other.select(at.mailbox)
        changing = pool.submit(_change, at, other, uids)
        while not changing.done():
            by_uid = [message.uid for message in imap.uid_fetch("1:*", FLAGS, RFC822_SIZE).all()]
            assert len(by_uid) == len(set(by_uid))
            by_number = [message.sequence_number for message in imap.fetch("1:*", UID).all()]
            assert len(by_number) == len(set(by_number))
            _take(known, imap.poll())
            with imap.idle() as updates:
                while (update := updates.wait(0.05)) is not None:
                    _take(known, [update])
        changing.result()
        imap.noop()
        final = {message.uid: message for message in imap.uid_fetch("1:*", FLAGS).all()}
        _take(known, imap.poll())
        other.noop()
        numbers = [int(number) for number in other.uid("SEARCH", "ALL")[1][0].split()]
    assert numbers == sorted(uids)
    assert sorted(final) == numbers
    assert sorted(known) == numbers
    assert imap.mailbox.exists == len(numbers)
    assert [imap.mailbox.uid(number + 1) for number in range(len(numbers))] == numbers
    assert {uid for uid in final if uid > at.uids[-1] and "\\Flagged" not in final[uid].flags} == set()


@pytest.mark.parametrize("product", PRODUCTS, indirect=True)
def test_what_another_connection_changes_is_told_to_one_who_watches(connection: Connection) -> None:
    at, imap, second = connection, connection.imap, f"{connection.mailbox}-2"
    at.fill([ONE] * 2)
    imap.create(second)
    with at.other() as other, imap.watch(second, items=[FLAGS], interval=0.5) as updates:
        added = _uids(other.append(at.mailbox, "(\\Seen)", None, ONE)[1][0], b"APPENDUID")
        new = wait_for(updates, lambda update: isinstance(update, NewMessages))
        assert (set(new.uids), new.exists) == (added, 3)
        assert ["\\Seen" in message.flags for message in new.messages] == [True]
        other.append(second, "", None, ONE)
        wait_for(updates, lambda update: has_messages(update, second, 1))
        assert [message.uid for message in imap.fetch("1:2", UID).all()] == at.uids
        other.select(at.mailbox)
        other.uid("STORE", str(at.uids[0]), "+FLAGS", "(\\Flagged \\Deleted)")
        changed = wait_for(updates, lambda update: isinstance(update, FlagsChanged))
        assert (changed.uid, "\\Flagged" in changed.flags) == (at.uids[0], True)
        other.expunge()
        gone = wait_for(updates, lambda update: isinstance(update, Expunged))
        assert (gone.sequence_number, gone.uid) == (1, at.uids[0])
        other.close()
        other.delete(second)
        wait_for(updates, lambda update: lists(update, second))
    told = b"NOTIFY SET (selected-delayed (MessageNew (UID FLAGS)" in at.sent
    assert (told, b" IDLE\r\n" in at.sent) == (at.product.name == "Dovecot", True)
    assert (b" STATUS " in at.sent) is not told
    with at.other() as other:
        other.append(at.mailbox, "", None, ONE)
    # pymap tells also that a message is not recent any more.
    assert [type(update) for update in imap.poll() if not isinstance(update, FlagsChanged)] == [NewMessages]
    assert imap.mailbox.exists == 3

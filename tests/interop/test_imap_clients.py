"""What our client makes of large sets, downloads and refusals, against a server that we did not write."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import pytest

from mailproto.errors import AlreadyExists, LocalProtocolError, MailboxMissing
from mailproto.imap import FLAGS, RFC822_SIZE, BodySection
from mailproto.imap.search import UID, All, Not
from mailproto.imap.sequence import UIDSet
from mailproto.sync import IMAPClient

pytestmark = pytest.mark.interop

SCATTERED = UIDSet.of((*range(1, 30), *range(1_000_000_001, 1_000_006_001, 2)))
"""UIDs whose text takes five lines; the messages are among the first ones."""

OCTETS = bytes(range(256)) * 1_000
PART = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
MIXED = (
    b'Subject: encoded\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\n" + PART + base64.encodebytes(OCTETS).replace(b"\n", b"\r\n") + b"--b\r\n" + PART
    + b"aGVs!bG8\r\n--b--\r\n"
)  # fmt: skip


@pytest.fixture
def imap(dovecot: int, request: pytest.FixtureRequest) -> Iterator[IMAPClient]:
    """A client with a mailbox of its own selected, which has ten messages."""
    with IMAPClient.connect("127.0.0.1", dovecot, tls="none") as client:
        client.login(f"{request.node.name}@example.org", "pass", allow_cleartext=True)
        for number in range(10):
            client.append("INBOX", b"Subject: number %d\r\n\r\ntext\r\n" % number)
        client.create("Other")
        client.select("INBOX")
        yield client


def test_sets_that_need_several_lines(imap: IMAPClient) -> None:
    assert len(str(SCATTERED)) > 4 * 8_192
    assert [message.uid for message in imap.uid_fetch(SCATTERED, FLAGS)] == list(range(1, 11))
    stored = imap.uid_store(SCATTERED, "+FLAGS", r"\Flagged")
    assert [message.uid for message in stored] == list(range(1, 11))
    assert imap.uid_search(UID(SCATTERED), All()) == UIDSet("1:10")
    with pytest.raises(LocalProtocolError, match="expected a line of at most 8192"):
        imap.uid_search(Not(UID(SCATTERED)))
    copied = imap.uid_copy(SCATTERED, "Other")
    assert copied is not None
    assert len(copied.destination) == 10
    moved = imap.uid_move(SCATTERED - UIDSet("1:5"), "Other")
    assert moved is not None
    assert moved.source == UIDSet("6:10")
    imap.uid_store(SCATTERED, "+FLAGS", r"\Deleted", silent=True)
    imap.uid_expunge(SCATTERED - UIDSet("1"))
    assert imap.uid_search() == UIDSet("1")
    assert imap.status("Other", "MESSAGES").messages == 15


def test_downloads_of_ranges_decoded_and_not(imap: IMAPClient) -> None:
    imap.append("INBOX", MIXED)
    imap.noop()
    told: list[tuple[int, int | None]] = []
    with imap.download(11, "1", decode=True, progress=lambda *done: told.append(done)) as part:
        assert part.read() == OCTETS
    assert told[-1][0] == len(OCTETS)
    with imap.download(11, "1", decode=True, offset=1_000, length=5_000) as part:
        assert part.read() == OCTETS[1_000:6_000]
    with imap.download(11, offset=100_000) as part:
        assert part.read() == MIXED[100_000:]
        assert part.total == len(MIXED) - 100_000
    with imap.download(11, offset=len(MIXED)) as part:
        assert part.read() == b""
    section = BodySection((1,), partial=(3, 7))
    [message] = imap.uid_fetch(11, section)
    with imap.download(11, "1", offset=3, length=7) as part:
        assert part.read() == message[section]


def test_a_malformed_encoding_is_no_error(imap: IMAPClient) -> None:
    imap.append("INBOX", MIXED)
    imap.noop()
    with imap.download(11, "2", decode=True) as part:
        assert part.read() == b"hello"
        assert [defect.offset for defect in part.defects] == [4, 8]
    assert imap.uid_search(UID(UIDSet("11"))) == UIDSet("11")


def test_a_message_of_another_size_is_not_added(imap: IMAPClient, dovecot: int) -> None:
    with pytest.raises(LocalProtocolError, match="beyond"):
        imap.append("Other", iter([b"x" * 60_000, b"y" * 60_000, b"z"]), size=120_000)
    assert not imap.is_open
    with IMAPClient.connect("127.0.0.1", dovecot, tls="none") as client:
        user = f"{test_a_message_of_another_size_is_not_added.__name__}@example.org"
        client.login(user, "pass", allow_cleartext=True)
        assert client.status("Other", "MESSAGES").messages == 0
        client.append(
            "Other", io.BytesIO(b"Subject: whole\r\n\r\n" + b"x" * 120_000), progress=lambda *_: None
        )
        client.select("Other")
        [message] = client.uid_fetch("1:*", RFC822_SIZE)
        assert message.size == 120_018


def test_refusals_have_families(imap: IMAPClient) -> None:
    with pytest.raises(MailboxMissing) as caught:
        imap.append("Nowhere", b"Subject: x\r\n\r\n")
    assert (caught.value.command, caught.value.code_name) == ("APPEND", "TRYCREATE")
    with pytest.raises(MailboxMissing):
        imap.uid_copy(1, "Nowhere")
    with pytest.raises(AlreadyExists):
        imap.create("Other")
    assert imap.select("INBOX").exists == 10

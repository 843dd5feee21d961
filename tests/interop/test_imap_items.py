"""Items, keys and forms of APPEND of extensions, against a server that we did not write."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.imap import (
    EMAILID,
    FLAGS,
    PREVIEW,
    PREVIEW_LAZY,
    SAVEDATE,
    BadURLCode,
    BinarySection,
    BinarySize,
    Fuzzy,
    MessageToAppend,
    SaveDateSupported,
    SavedOn,
    URLPart,
    Younger,
)
from mailproto.imap.search import Subject
from mailproto.sync import IMAPClient

pytestmark = pytest.mark.interop

ENCODED = (
    b"Subject: encoded\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
)


@pytest.fixture
def imap(dovecot: int, request: pytest.FixtureRequest) -> Iterator[IMAPClient]:
    """A client with a mailbox of its own selected."""
    with IMAPClient.connect("127.0.0.1", dovecot, tls="none") as client:
        client.login(f"{request.node.name}@example.org", "pass", allow_cleartext=True)
        client.select("INBOX")
        yield client


def test_dates_and_previews(imap: IMAPClient) -> None:
    imap.append("INBOX", b"Subject: one\r\n\r\nThe first words of it.\r\n")
    (message,) = imap.uid_fetch("1:*", SAVEDATE, PREVIEW)
    saved = message[SAVEDATE]
    assert saved is not None
    assert message[PREVIEW] == "The first words of it."
    (lazy,) = imap.uid_fetch("1:*", PREVIEW_LAZY)
    assert lazy.get(PREVIEW) in (None, "The first words of it.")
    assert len(imap.uid_search(SavedOn(saved.date()), SaveDateSupported())) == 1
    assert len(imap.uid_search(Younger(3_600))) == 1
    with pytest.raises(LocalProtocolError, match="SEARCH=FUZZY"):
        imap.uid_search(Fuzzy(Subject("one")))


def test_sizes_of_mailboxes(imap: IMAPClient) -> None:
    imap.append("INBOX", b"Subject: one\r\n\r\n")
    assert imap.status("INBOX", "SIZE", "MESSAGES").size >= 16
    with pytest.raises(LocalProtocolError, match="OBJECTID"):
        list(imap.uid_fetch("1:*", EMAILID))


def test_binary(imap: IMAPClient) -> None:
    imap.append("INBOX", ENCODED + b"AAECAwQFBgcICQ==\r\n")
    (message,) = imap.uid_fetch("1:*", BinarySection((1,)), BinarySize((1,)))
    assert message[BinarySection((1,))] == bytes(range(10))
    assert message[BinarySize((1,))] == 10
    (part,) = imap.uid_fetch("1:*", BinarySection((1,), partial=(3, 4)))
    assert part[BinarySection((1,), partial=(3, 4))] == bytes(range(3, 7))


def test_a_large_part_is_decoded_by_the_server_and_streams(imap: IMAPClient) -> None:
    octets = b"\0\x01\x02" * 100_000
    lines = io.BytesIO()
    lines.write(ENCODED)
    for _ in range(len(octets) // 30):
        lines.write(b"AAECAAECAAECAAECAAECAAECAAECAAECAAECAAEC\r\n")
    lines.seek(0)
    imap.append("INBOX", lines)
    with imap.download("1", BinarySection((1,))) as part:
        assert part.read() == octets


def test_a_message_with_nul(imap: IMAPClient) -> None:
    message = (
        b"Subject: nul\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\na\0b\r\n"
    )
    imap.append("INBOX", io.BytesIO(message), binary=True)
    (found,) = imap.uid_fetch("1:*", BinarySection((1,)))
    assert found[BinarySection((1,))].rstrip() == b"a\0b"


def test_several_messages_in_one_append(imap: IMAPClient) -> None:
    seen = MessageToAppend(io.BytesIO(b"Subject: b\r\n\r\n"), ["\\Seen"])
    appended = imap.append_messages("INBOX", [b"Subject: a\r\n\r\n", seen])
    assert [one.uid for one in appended] == [1, 2]
    assert [message.flags - {"\\Recent"} for message in imap.uid_fetch("1:*", FLAGS)] == [set(), {"\\Seen"}]
    assert len(imap.uid_search(Subject("b"))) == 1


def test_a_message_of_parts_of_others(imap: IMAPClient) -> None:
    imap.append("INBOX", b"Subject: old\r\n\r\nthe text\r\n")
    validity = imap.mailbox.uid_validity if imap.mailbox else 0
    part = URLPart(f"/INBOX;UIDVALIDITY={validity}/;UID=1/;section=TEXT")
    made = imap.catenate("INBOX", [b"Subject: new\r\n\r\n", part, io.BytesIO(b"and more\r\n")])
    assert made is not None
    with imap.download(made.uid) as download:
        assert download.read() == b"Subject: new\r\n\r\nthe text\r\nand more\r\n"
    with pytest.raises(IMAPStatusError) as caught:
        imap.catenate("INBOX", [URLPart(f"/INBOX;UIDVALIDITY={validity}/;UID=99")])
    assert isinstance(getattr(caught.value.status, "code", None), BadURLCode)
    imap.noop()

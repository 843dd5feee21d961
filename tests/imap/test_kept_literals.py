"""What is kept of streamed literals until their response comes."""

from __future__ import annotations

import pytest

from mailproto.imap._response import DataValue
from mailproto.imap.answers import Inbox
from mailproto.imap.commands import Noop
from mailproto.imap.events import LiteralData, LiteralEnded, LiteralStarted
from mailproto.imap.ext.metadata import MetadataData
from mailproto.imap.fetch import BodyItem, BodySection
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.kept_literals import KeptLiterals
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits

TEXT = BodySection((), "TEXT")
HEADER = BodySection((), "HEADER")
COMMENT = DataValue("METADATA", "/shared/comment")


def keep(literals: KeptLiterals, item: BodyItem | DataValue, *chunks: bytes, is_wanted: bool = True) -> None:
    size = sum(map(len, chunks))
    literals.begin(LiteralStarted(1, item, size), is_wanted=is_wanted)
    for chunk in chunks:
        assert literals.take(LiteralData(chunk)) is None
    assert literals.end(LiteralEnded(size)) is None


def fetched(*sizes: int) -> FetchData:
    return FetchData(
        1, *(item.answer(Streamed(size)) for item, size in zip((TEXT, HEADER), sizes, strict=False))
    )


def test_sections_are_put_into_their_response_once() -> None:
    literals = KeptLiterals(IMAPLimits())
    keep(literals, TEXT, b"12", b"34")
    assert literals.put_into_fetch(fetched(4))[TEXT] == b"1234"
    assert not literals.are_kept
    assert literals.put_into_fetch(fetched(4)) == fetched(4)


def test_a_section_that_is_sent_twice_is_the_last_one() -> None:
    literals = KeptLiterals(IMAPLimits())
    keep(literals, TEXT, b"1234")
    keep(literals, TEXT, b"5678")
    assert literals.put_into_fetch(fetched(4))[TEXT] == b"5678"


def test_one_by_one_and_together_they_have_a_limit() -> None:
    literals = KeptLiterals(IMAPLimits(max_section=8, max_backlog=12))
    keep(literals, TEXT, b"123456789")
    assert not literals.are_kept
    keep(literals, TEXT, b"12345678")
    keep(literals, HEADER, b"12345")
    found = literals.put_into_fetch(fetched(8, 5))
    assert found[TEXT] == b"12345678"
    with pytest.raises(LookupError, match="download"):
        found[HEADER]
    keep(literals, HEADER, b"12345")
    assert literals.put_into_fetch(fetched(8, 5))[HEADER] == b"12345"


def test_what_nobody_wants_leaves_its_place_among_the_values() -> None:
    literals = KeptLiterals(IMAPLimits())
    keep(literals, COMMENT, b"1234", is_wanted=False)
    keep(literals, COMMENT, b"5678")
    names = ("/shared/comment", "/private/comment")
    data = MetadataData("INBOX", tuple((name, Streamed(4)) for name in names))
    filled = MetadataData("INBOX", ((names[0], Streamed(4)), (names[1], b"5678")))
    assert literals.put_into_values(data) == filled
    assert literals.put_into_values(data) == data


def test_a_download_gets_the_octets_as_they_come() -> None:
    literals = KeptLiterals(IMAPLimits(max_section=1))
    download = Inbox("A1", Noop(), None)
    start = LiteralStarted(1, TEXT, 4)
    literals.hand_on(start, download)
    events = [LiteralData(b"12"), LiteralData(b"34")]
    assert [literals.take(event) for event in events] == [download, download]
    assert literals.end(LiteralEnded(4)) is download
    assert list(download.events) == [start, *events, LiteralEnded(4)]
    assert not literals.are_kept


def test_what_was_kept_of_a_response_that_cannot_be_read_is_forgotten() -> None:
    literals = KeptLiterals(IMAPLimits())
    keep(literals, TEXT, b"1234")
    literals.forget()
    assert literals.put_into_fetch(fetched(4)) == fetched(4)

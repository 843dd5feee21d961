from __future__ import annotations

import pytest

from mailproto.errors import IMAPStatusError, ItemMissing, LocalProtocolError
from mailproto.imap.client_flows import noop
from mailproto.imap.downloads import Downloading
from mailproto.imap.fetch import BodySection
from mailproto.imap.fetching import Fetching
from mailproto.imap.sections import Section
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.limits import IMAPLimits
from support_inbox import Line

LIMITS = IMAPLimits(max_inline_literal=4)
STRUCTURE = (
    b'* 1 FETCH (UID 11 BODYSTRUCTURE (("text" "plain" NIL NIL NIL "7bit" 5 1)'
    b'("image" "png" NIL NIL NIL "base64" 8) "mixed"))'
)


def test_a_large_part_comes_in_the_chunks_that_were_received() -> None:
    line = Line(LIMITS)
    download = Downloading(line.session, UIDSet("11"), "2", is_decoding=False)
    task = line.start(download.open())
    assert line.sent() == [b"A2 UID FETCH 11 BODY.PEEK[2]"]
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[2] {8}\r\n")
    assert task.is_done
    assert download.size == 8
    chunks = []
    for piece in (b"1234", b"5678)\r\nA2 OK done\r\n"):
        task.run(download.fill())
        line.feed_octets(piece)
        chunks += download.take()
    assert chunks == [b"1234", b"5678"]
    assert download.is_finished
    assert task.run(noop(line.session)).error is None


def test_a_part_of_another_message_that_is_still_on_its_way_is_not_taken_for_it() -> None:
    line = Line(LIMITS)
    fetching = Fetching(line.session, UIDSet("12:13"), (BodySection((2,)),))
    line.start(fetching.fill())
    fetching.close()
    download = Downloading(line.session, UIDSet("11"), "2", is_decoding=False)
    task = line.start(download.open())
    line.feed_octets(b"* 2 FETCH (UID 12 BODY[2] {8}\r\n12345678)\r\nA2 OK done\r\n")
    assert line.sent() == [b"A2 UID FETCH 12:13 BODY.PEEK[2]", b"A3 UID FETCH 11 BODY.PEEK[2]"]
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[2] {5}\r\nright)\r\nA3 OK done\r\n")
    assert task.is_done
    assert download.take() == [b"right"]


def test_a_small_part_comes_at_once() -> None:
    line = Line()
    download = Downloading(line.session, SequenceSet("1"), BodySection(), is_decoding=False)
    line.start(download.open())
    assert line.sent() == [b"A2 FETCH 1 BODY.PEEK[]"]
    line.feed(b'* 1 FETCH (BODY[] "all")', b"A2 OK done")
    assert download.take() == [b"all"]
    assert download.size == 3


def test_decoding_asks_for_the_encoding() -> None:
    line = Line(LIMITS)
    download = Downloading(line.session, UIDSet("11"), "2", is_decoding=True)
    task = line.start(download.open())
    line.feed(STRUCTURE, b"A2 OK done")
    assert line.sent() == [b"A2 UID FETCH 11 BODYSTRUCTURE", b"A3 UID FETCH 11 BODY.PEEK[2]"]
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[2] {8}\r\naGVsb")
    assert download.size == 8
    task.run(download.fill())
    line.feed_octets(b"G8=)\r\nA3 OK done\r\n")
    chunks = download.take()
    task.run(download.fill())
    assert b"".join(chunks + download.take()) == b"hello"
    assert download.is_finished


@pytest.mark.parametrize("section", ["HEADER", Section((2,), "MIME"), "7"])
def test_what_has_no_encoding_is_as_it_is(section: str | Section) -> None:
    line = Line()
    download = Downloading(line.session, UIDSet("11"), section, is_decoding=True)
    line.start(download.open())
    line.feed(STRUCTURE, b"A2 OK done")
    name = {"HEADER": b"HEADER", "7": b"7"}.get(str(section), b"2.MIME")
    line.feed(b'* 1 FETCH (UID 11 BODY[%b] "aGVsbG8=")' % name, b"A3 OK done")
    assert download.take() == [b"aGVsbG8="]


NOTHING = [
    pytest.param((b"A2 OK done",), id="no such message"),
    pytest.param((b"* 1 FETCH (UID 11 BODY[2] NIL)", b"A2 OK done"), id="no such part"),
]


@pytest.mark.parametrize("lines", NOTHING)
def test_there_is_nothing(lines: tuple[bytes, ...]) -> None:
    line = Line()
    task = line.start(Downloading(line.session, UIDSet("11"), "2", is_decoding=False).open())
    line.feed(*lines)
    assert isinstance(task.error, ItemMissing)


def test_there_is_no_message_to_decode_a_part_of() -> None:
    line = Line()
    task = line.start(Downloading(line.session, UIDSet("11"), "2", is_decoding=True).open())
    line.feed(b"A2 OK done")
    assert isinstance(task.error, ItemMissing)


def test_a_refusal() -> None:
    line = Line(LIMITS)
    download = Downloading(line.session, UIDSet("11"), "2", is_decoding=False)
    task = line.start(download.open())
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[2] {8}\r\n")
    task.run(download.fill())
    line.feed_octets(b"12345678)\r\n")
    assert download.take() == [b"12345678"]
    task.run(download.fill())
    line.feed(b"A2 NO the disk failed")
    assert isinstance(task.error, IMAPStatusError)
    assert download.is_finished


def test_it_has_the_connection_to_itself_until_it_is_closed() -> None:
    line = Line(LIMITS)
    download = Downloading(line.session, UIDSet("11"), "2", is_decoding=False)
    task = line.start(download.open())
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[2] {8}\r\n1234")
    assert isinstance(task.run(noop(line.session)).error, LocalProtocolError)
    other = line.start(noop(line.session))
    download.close()
    line.go_on()
    line.feed_octets(b"5678)\r\nA2 OK done\r\nA3 OK done\r\n")
    assert other.is_done
    assert other.error is None
    assert download.take() == []
    download.close()


def test_one_message_at_a_time() -> None:
    with pytest.raises(LocalProtocolError, match="one message"):
        Downloading(Line().session, UIDSet("11:12"), "2", is_decoding=False)

from __future__ import annotations

from typing import Any

import pytest

from mailproto.errors import IMAPStatusError, ItemMissing, LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.client_flows import noop
from mailproto.imap.downloads import Downloading
from mailproto.imap.fetch import BodySection
from mailproto.imap.fetching import Fetching
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sections import Section
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.limits import IMAPLimits
from support_imap_dialogue import Step, tell, tell_in_pieces
from support_imap_scripts import ADAPTERS, converse
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


@pytest.mark.parametrize(
    ("section", "name"), [("HEADER", b"HEADER"), (Section((2,), "MIME"), b"2.MIME"), ("", b"")]
)
def test_what_has_no_encoding_is_as_it_is(section: str | Section, name: bytes) -> None:
    line = Line()
    download = Downloading(line.session, UIDSet("11"), section, is_decoding=True)
    line.start(download.open())
    assert line.sent() == [b"A2 UID FETCH 11 BODY.PEEK[%b]" % name]
    line.feed(b'* 1 FETCH (UID 11 BODY[%b] "aGVsbG8=")' % name, b"A2 OK done")
    assert download.take() == [b"aGVsbG8="]


def test_a_part_that_the_structure_does_not_have_is_as_it_is() -> None:
    line = Line()
    download = Downloading(line.session, UIDSet("11"), "7", is_decoding=True)
    line.start(download.open())
    line.feed(STRUCTURE, b"A2 OK done")
    line.feed(b'* 1 FETCH (UID 11 BODY[7] "aGVsbG8=")', b"A3 OK done")
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


def whole(section: str, **arguments: Any) -> Any:
    """Return a flow that downloads a section; its result says all that can be seen from outside."""

    def run(session: Inboxes) -> Flow[tuple[object, ...]]:
        arguments.setdefault("is_decoding", False)
        download = Downloading(session, UIDSet("11"), section, **arguments)
        yield from download.open()
        octets = b""
        while not download.is_finished or download.chunks:
            yield from download.fill()
            octets += b"".join(download.take())
        assert download.done == len(octets)
        return octets, download.size, download.total, download.defects

    return run


def body(tag: bytes, key: bytes, octets: bytes) -> bytes:
    return b"* 1 FETCH (UID 11 %b {%d}\r\n%b)\r\n%b OK done\r\n" % (key, len(octets), octets, tag)


RANGES = [
    (5, None, b"<5.2147483647>", b"<5>"),
    (0, 7, b"<0.7>", b"<0>"),
    (5, 7, b"<5.7>", b"<5>"),
]


@pytest.mark.parametrize(("offset", "length", "asked", "answered"), RANGES)
def test_a_range_is_asked_for(offset: int, length: int | None, asked: bytes, answered: bytes) -> None:
    told = tell_in_pieces(
        whole("2", offset=offset, length=length),
        ([b"A2 UID FETCH 11 BODY.PEEK[2]" + asked], body(b"A2", b"BODY[2]" + answered, b"1234567")),
        limits=LIMITS,
    )
    assert told.result == (b"1234567", 7, 7, ())


def test_beyond_the_end_there_is_nothing() -> None:
    told = tell(
        whole("2", offset=900),
        (
            [b"A2 UID FETCH 11 BODY.PEEK[2]<900.2147483647>"],
            b'* 1 FETCH (UID 11 BODY[2]<900> "")\r\nA2 OK done\r\n',
        ),
    )
    assert told.result == (b"", 0, 0, ())


BAD_RANGES = [
    {"offset": -1},
    {"length": 0},
    {"offset": 5, "section": BodySection((2,), partial=(0, 5))},
]


@pytest.mark.parametrize("arguments", BAD_RANGES)
def test_what_is_no_range(arguments: dict[str, Any]) -> None:
    section = arguments.pop("section", "2")
    with pytest.raises(LocalProtocolError, match="download"):
        Downloading(Line().session, UIDSet("11"), section, is_decoding=False, **arguments)


ASK = ([b"A2 UID FETCH 11 BODYSTRUCTURE"], STRUCTURE + b"\r\nA2 OK done\r\n")


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, None, b"hello world"), (6, None, b"world"), (3, 5, b"lo wo"), (11, None, b""), (99, None, b"")],
)
def test_a_range_of_what_is_decoded_here_is_cut_here(
    offset: int, length: int | None, expected: bytes
) -> None:
    told = tell_in_pieces(
        whole("2", is_decoding=True, offset=offset, length=length),
        ASK,
        ([b"A3 UID FETCH 11 BODY.PEEK[2]"], body(b"A3", b"BODY[2]", b"aGVsbG8gd29y\r\nbGQ=\r\n")),
        limits=LIMITS,
    )
    assert told.result == (expected, 20, None, ())


def test_a_length_that_has_come_ends_the_download_and_the_rest_is_thrown_away() -> None:
    line = Line(LIMITS)
    download = Downloading(line.session, UIDSet("11"), "2", is_decoding=True, length=3)
    task = line.start(download.open())
    line.feed(STRUCTURE, b"A2 OK done")
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[2] {8}\r\naGVs")
    task.run(download.fill())
    assert (download.take(), download.is_finished) == ([b"hel"], True)
    task.run(noop(line.session))
    line.feed_octets(b"bG8=)\r\nA3 OK done\r\nA4 OK done\r\n")
    assert task.is_done
    assert task.error is None


def test_what_is_malformed_is_a_defect_and_no_error() -> None:
    told = tell_in_pieces(
        whole("2", is_decoding=True),
        ASK,
        ([b"A3 UID FETCH 11 BODY.PEEK[2]"], body(b"A3", b"BODY[2]", b"aGVs!bG8")),
        limits=LIMITS,
        value=lambda told: (told.result[0], [(found.rule, found.offset) for found in told.result[3]]),
    )
    assert told.result[0] == b"hello"
    assert [(found.rule, found.offset) for found in told.result[3]] == [
        ("base64 digits and line ends only", 4),
        ("base64 digits in groups of four", 8),
    ]


def test_the_server_decodes_where_it_can() -> None:
    told = tell_in_pieces(
        whole("2", is_decoding=True, offset=2),
        (
            [b"A2 UID FETCH 11 BINARY.PEEK[2]<2.2147483647>"],
            b"* 1 FETCH (UID 11 BINARY[2]<2> ~{5}\r\nl\0lo!)\r\nA2 OK done\r\n",
        ),
        capabilities="BINARY",
        limits=LIMITS,
    )
    assert told.result == (b"l\0lo!", 5, 5, ())


@pytest.mark.parametrize("refusal", [b"NO [UNKNOWN-CTE] what?", b"NO [PARSE] Invalid data in MIME part"])
def test_what_the_server_cannot_decode_is_decoded_here(refusal: bytes) -> None:
    told = tell_in_pieces(
        whole("2", is_decoding=True, offset=2),
        ([b"A2 UID FETCH 11 BINARY.PEEK[2]<2.2147483647>"], b"A2 " + refusal + b"\r\n"),
        ([b"A3 UID FETCH 11 BODYSTRUCTURE"], STRUCTURE + b"\r\nA3 OK done\r\n"),
        ([b"A4 UID FETCH 11 BODY.PEEK[2]"], body(b"A4", b"BODY[2]", b"aGVsbG8=")),
        capabilities="BINARY",
        limits=LIMITS,
    )
    assert told.result == (b"llo", 8, None, ())


@pytest.mark.parametrize(
    ("capabilities", "steps", "expected"),
    [
        (
            "IDLE",
            [([b"A2 UID FETCH 11 BODY.PEEK[2]"], body(b"A2", b"BODY[2]", b"123456789"))],
            [(9, 9)],
        ),
        (
            "IDLE",
            [
                ([b"A2 UID FETCH 11 BODY.PEEK[2]"], b"* 1 FETCH (UID 11 BODY[2] {9}\r\n1234"),
                ([], b"56"),
                ([], b"789)\r\nA2 OK done\r\n"),
            ],
            [(4, 9), (6, 9), (9, 9)],
        ),
    ],
)
def test_progress(capabilities: str, steps: list[Step], expected: list[tuple[int, int | None]]) -> None:
    told: list[tuple[int, int | None]] = []
    tell(
        whole("2", progress=lambda done, total: told.append((done, total))),
        *steps,
        capabilities=capabilities,
        limits=LIMITS,
    )
    assert told == expected


def test_the_total_of_what_is_decoded_here_is_not_known() -> None:
    told: list[tuple[int, int | None]] = []
    tell(
        whole("2", is_decoding=True, progress=lambda done, total: told.append((done, total))),
        ASK,
        ([b"A3 UID FETCH 11 BODY.PEEK[2]"], body(b"A3", b"BODY[2]", b"aGVsbG8=")),
        limits=LIMITS,
    )
    assert told == [(5, None)]


def test_what_progress_raises_ends_the_download_and_not_the_session() -> None:
    def stop(_done: int, _total: int | None) -> None:
        raise ZeroDivisionError

    line = Line(LIMITS)
    download = Downloading(line.session, UIDSet("11"), "2", is_decoding=False, progress=stop)
    task = line.start(download.open())
    line.feed_octets(b"* 1 FETCH (UID 11 BODY[2] {8}\r\n1234")
    task.run(download.fill())
    assert isinstance(task.error, ZeroDivisionError)
    assert download.is_finished
    task.run(noop(line.session))
    line.feed_octets(b"5678)\r\nA2 OK done\r\nA3 OK done\r\n")
    assert task.is_done
    assert task.error is None


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_download_that_was_broken_off_goes_on(adapter: str) -> None:
    told: list[tuple[int, int | None]] = []

    def note(done: int, total: int | None) -> object:
        told.append((done, total))
        return None if adapter == "sync" else _nothing()

    answers = [b'* 9 FETCH (UID 5 BODY[2]<4> "5678")\r\n{tag} OK done\r\n']
    (octets, done, total), said = converse(
        adapter, "", answers, lambda imap: _read(imap.download(5, "2", offset=4, progress=note))
    )
    assert (octets, done, total) == (b"5678", 4, 4)
    assert said == [b"UID FETCH 5 BODY.PEEK[2]<4.2147483647>"]
    assert told == [(4, 4)]


async def _nothing() -> None:
    """Stand for a callback that is a coroutine function."""


def _read(opening: Any) -> Any:
    if not hasattr(opening, "__aenter__"):
        with opening as part:
            return part.read(), part.done, part.total

    async def read() -> object:
        async with opening as part:
            return await part.read(), part.done, part.total

    return read()


def test_a_refusal_after_octets_that_the_server_decoded_is_raised() -> None:
    told = tell_in_pieces(
        whole("2", is_decoding=True),
        (
            [b"A2 UID FETCH 11 BINARY.PEEK[2]"],
            b"* 1 FETCH (UID 11 BINARY[2] ~{5}\r\nhello)\r\nA2 NO the disk failed\r\n",
        ),
        capabilities="BINARY",
        limits=LIMITS,
    )
    assert isinstance(told.error, IMAPStatusError)


class Slow:
    """A raw file that takes two octets at a time, or a coroutine function that takes all."""

    def __init__(self, kind: str) -> None:
        self.taken: list[bytes] = []
        self.kind = kind

    def write(self, octets: bytes) -> object:
        if self.kind == "none":
            return 0
        self.taken.append(octets[:2] if self.kind == "raw" else octets)
        return min(2, len(octets)) if self.kind == "raw" else None


class Async(Slow):
    async def write(self, octets: bytes) -> object:
        return super().write(octets)


WRITERS = [
    (Slow("raw"), ["sync", "asyncio"], [b"ab", b"cd", b"e"]),
    (Slow("silent"), ["sync", "asyncio"], [b"abcde"]),
    (Async("raw"), ["asyncio"], [b"ab", b"cd", b"e"]),
    (Async("silent"), ["asyncio"], [b"abcde"]),
]


@pytest.mark.parametrize(
    ("file", "adapter", "taken"),
    [(type(file)(file.kind), adapter, taken) for file, adapters, taken in WRITERS for adapter in adapters],
)
def test_all_is_written_to_a_file_of_any_kind(file: Slow, adapter: str, taken: list[bytes]) -> None:
    answers = [b'* 9 FETCH (UID 5 BODY[2] "abcde")\r\n{tag} OK done\r\n']
    size, _ = converse(adapter, "", answers, lambda imap: _write(imap.download(5, "2"), file))
    assert (size, file.taken) == (5, taken)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_file_that_takes_nothing_is_an_error(adapter: str) -> None:
    answers = [b'* 9 FETCH (UID 5 BODY[2] "abcde")\r\n{tag} OK done\r\n']
    with pytest.raises(LocalProtocolError, match="took none"):
        converse(adapter, "", answers, lambda imap: _write(imap.download(5, "2"), Slow("none")))


def _write(opening: Any, file: object) -> Any:
    if not hasattr(opening, "__aenter__"):
        with opening as part:
            return part.write_to(file)

    async def write() -> object:
        async with opening as part:
            return await part.write_to(file)

    return write()

"""Lines, literals, marks that announce nothing, and the three deviations of framing."""

from __future__ import annotations

import pytest

from mailproto._buffer import ReceiveBuffer
from mailproto.errors import Defect, LimitExceeded, RemoteProtocolError
from mailproto.imap.framer import Framer, LiteralEnd, Mark
from mailproto.imap.values import Message, Omitted, Streamed
from mailproto.limits import IMAPLimits
from support_split import splits


def framer_of(
    octets: bytes, limits: IMAPLimits | None = None, *, strict: bool = False
) -> tuple[Framer, ReceiveBuffer]:
    buffer = ReceiveBuffer()
    buffer.feed(octets)
    return Framer(buffer, limits or IMAPLimits(), strict=strict), buffer


def frames(
    pieces: list[bytes], decide: str = "keep", limits: IMAPLimits | None = None, *, strict: bool = False
) -> list[object]:
    """Return what the framer gives, chunks joined, with *decide* called at each mark."""
    framer, buffer = framer_of(b"", limits, strict=strict)
    given: list[object] = []
    for piece in pieces:
        buffer.feed(piece)
        while (framed := framer.next()) is not None:
            if isinstance(framed, Mark):
                given.append(("mark", framed.size, framed.is_synchronizing, framed.is_well_placed))
                end = getattr(framer, decide)()
                given += [end] if end is not None else []
            elif isinstance(framed, bytes) and given and isinstance(given[-1], bytes):
                given[-1] += framed
            else:
                given.append(("end", framed.size) if isinstance(framed, LiteralEnd) else framed)
            if isinstance(framed, Message):
                given += framer.take_defects()
    return given


CASES = [
    (b"a NOOP\r\nb NOOP\r\n", "keep", [Message(b"a NOOP"), Message(b"b NOOP")]),
    (b"\r\n", "keep", [Message(b"")]),
    (b"a", "keep", []),
    (
        b"a LOGIN {3}\r\nx\r\n {0+}\r\n\r\n",
        "keep",
        [
            ("mark", 3, True, True),
            ("mark", 0, False, True),
            Message(b"a LOGIN {3}\r\n {0+}\r\n", (b"x\r\n", b"")),
        ],
    ),
    (
        b"a X (~{2}\r\nab)\r\n",
        "stream",
        [("mark", 2, True, True), b"ab", ("end", 2), Message(b"a X (~{2}\r\n)", (Streamed(2),))],
    ),
    (
        b"a X {0}\r\n\r\n",
        "stream",
        [("mark", 0, True, True), ("end", 0), Message(b"a X {0}\r\n", (Streamed(0),))],
    ),
    (b"a X {2}\r\nab\r\n", "omit", [("mark", 2, True, True), Message(b"a X {2}\r\n", (Omitted(2),))]),
    (b"* OK {2}\r\nab\r\n", "end", [("mark", 2, True, True), Message(b"* OK {2}"), Message(b"ab")]),
    (b"a X {2}\r\nb Y\r\n", "refuse", [("mark", 2, True, True), Message(b"b Y")]),
    (b"a X {2+}\r\nab {1+}\r\nc\r\nb Y\r\n", "discard", [("mark", 2, False, True), Message(b"b Y")]),
    (b"a X {2+}\r\nab {9}\r\nb Y\r\n", "discard", [("mark", 2, False, True), Message(b"b Y")]),
    (b'a X "{2}\r\n', "keep", [Message(b'a X "{2}')]),
    (b'a X "q\\"" "{2}\r\n', "keep", [Message(b'a X "q\\"" "{2}')]),
    (b'a X "q" {1}\r\nz\r\n', "keep", [("mark", 1, True, True), Message(b'a X "q" {1}\r\n', (b"z",))]),
    (b"a X{1}\r\nz\r\n", "keep", [("mark", 1, True, False), Message(b"a X{1}\r\n", (b"z",))]),
    (b"a X {1}x}\r\n", "keep", [Message(b"a X {1}x}")]),
    (b"a X }\r\n", "keep", [Message(b"a X }")]),
    (b"a X {}\r\n", "keep", [Message(b"a X {}")]),
]


@pytest.mark.parametrize("octets, decide, expected", CASES, ids=[repr(case[0])[:30] for case in CASES])
def test_framing(octets: bytes, decide: str, expected: list[object]) -> None:
    for pieces in splits(octets):
        assert frames(pieces, decide) == expected


def test_a_bare_lf_ends_a_line_and_is_noted() -> None:
    for pieces in splits(b"a X {1}\nz\nb Y\r\n"):
        assert frames(pieces) == [
            ("mark", 1, True, True),
            Message(b"a X {1}\n", (b"z",)),
            Defect("CRLF at the end of a line", 7, b"\n"),
            Defect("CRLF at the end of a line", 8, b"\n"),
            Message(b"b Y"),
        ]


def test_spaces_inside_braces_are_noted() -> None:
    for pieces in splits(b"a X { 1 }\r\nz\r\n"):
        assert frames(pieces) == [
            ("mark", 1, True, True),
            Message(b"a X { 1 }\r\n", (b"z",)),
            Defect("no space inside the braces of a literal", 4, b"{ 1 }"),
        ]


@pytest.mark.parametrize("octets", [b"a X\n", b"a X { 1 }\r\n"])
def test_deviations_are_errors_when_strict(octets: bytes) -> None:
    for pieces in splits(octets):
        with pytest.raises(RemoteProtocolError):
            frames(pieces, strict=True)


LIMITS = [
    (b"a" * 9 + b"\r\n", "keep", {"max_line": 10}, "max_line"),
    (b"a" * 11, "keep", {"max_line": 10}, "max_line"),
    (b"a {5}\r\n", "keep", {"max_message_text": 11}, "max_message_text"),
    (b"a {0}\r\n {0}\r\n", "keep", {"max_literals": 1}, "max_literals"),
    (b"a {9+}\r\n", "discard", {"max_discard": 8}, "max_discard"),
    (b"a {4+}\r\n1234 {4+}\r\n", "discard", {"max_discard": 8}, "max_discard"),
]


@pytest.mark.parametrize("octets, decide, limits, name", LIMITS)
def test_limits(octets: bytes, decide: str, limits: dict[str, int], name: str) -> None:
    for pieces in splits(octets):
        with pytest.raises(LimitExceeded) as caught:
            frames(pieces, decide, IMAPLimits(**limits))
        assert caught.value.limit == name


def test_a_line_as_long_as_the_limit_is_read() -> None:
    assert frames([b"a" * 8 + b"\r\n"], limits=IMAPLimits(max_line=10)) == [Message(b"a" * 8)]


def test_more_digits_than_a_size_has_are_no_size_that_fits() -> None:
    framer, _ = framer_of(b"a {" + b"9" * 5_000 + b"}\r\n")
    mark = framer.next()
    assert isinstance(mark, Mark)
    assert mark.size == 10**20


def test_a_chunk_is_the_received_object() -> None:
    framer, buffer = framer_of(b"a {100000}\r\n")
    assert isinstance(framer.next(), Mark)
    framer.stream()
    for chunk in (bytes(30_000), bytes(40_000)):
        buffer.feed(chunk)
        assert framer.next() is chunk
        assert framer.next() is None


def test_may_keep_says_what_the_limits_of_a_message_allow() -> None:
    framer, _ = framer_of(b"a {5}\r\n", IMAPLimits(max_message_text=12))
    assert isinstance(framer.next(), Mark)
    assert framer.may_keep(5)
    assert not framer.may_keep(6)


def test_literal_octets_count_what_has_come_of_an_unfinished_literal() -> None:
    framer, buffer = framer_of(b"a {5}\r\n12")
    assert framer.literal_octets == 0
    framer.next()
    framer.keep()
    assert framer.next() is None
    assert framer.literal_octets == 2
    buffer.feed(b"345\r\n")
    assert framer.next() == Message(b"a {5}\r\n", (b"12345",))
    assert framer.literal_octets == 5


def test_nothing_is_half_read_between_messages() -> None:
    framer, buffer = framer_of(b"a {1}\r\n")
    states = [framer.is_between_messages]
    framer.next()
    states.append(framer.is_between_messages)
    framer.keep()
    buffer.feed(b"z\r\n")
    framer.next()
    states.append(framer.is_between_messages)
    assert states == [True, False, True]


def test_take_line_knows_no_braces() -> None:
    framer, _ = framer_of(b"abc {5}\r\nd\nrest")
    assert framer.take_line() == b"abc {5}"
    assert framer.take_line() == b"d"
    assert framer.take_line() is None


def test_the_trace_sees_lines_and_literals() -> None:
    shown: list[bytes] = []
    framer, _ = framer_of(b"a {1}\r\nz {2}\r\nyy\r\n")
    framer.show = shown.append
    framer.next()
    framer.keep()
    framer.next()
    framer.stream()
    while framer.next() is not None:
        pass
    assert shown == [b"a {1}\r\n", b"z", b" {2}\r\n", b"yy", b"\r\n"]


def test_many_empty_literals_of_a_discarded_message_do_not_nest() -> None:
    octets = b"a {0+}\r\n" + b"{0+}\r\n" * 20_000 + b"\r\nb NOOP\r\n"
    assert frames([octets], "discard")[-1] == Message(b"b NOOP")

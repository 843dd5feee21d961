from __future__ import annotations

import re
from operator import methodcaller

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.smtp import DotDecoder, DotEncoder
from mailproto.smtp._grammar import is_bare_newline_in
from mailproto.smtp.data import ChunkEncoder, NewlineNormalizer, _find_dot_line
from support_split import splits

CASES = [
    (b"", b".\r\n"),
    (b"a\r\n", b"a\r\n.\r\n"),
    (b".\r\n", b"..\r\n.\r\n"),
    (b"..\r\n", b"...\r\n.\r\n"),
    (b"a\r\n.b\r\n", b"a\r\n..b\r\n.\r\n"),
    (b"\r\n.\r\n\r\n..\r\n", b"\r\n..\r\n\r\n...\r\n.\r\n"),
    (b"a.\r\n", b"a.\r\n.\r\n"),
    (b"\0\xff\r\n", b"\0\xff\r\n.\r\n"),
]


def encode(pieces: list[bytes]) -> bytes:
    encoder = DotEncoder()
    chunks = [octets for piece in pieces for octets in encoder.encode(piece)]
    return b"".join([*chunks, encoder.finish()])


def decode(pieces: list[bytes]) -> tuple[bytes, bytes, bool]:
    """Return the message, what is left behind its end, and whether it had a bare CR or LF."""
    decoder = DotDecoder()
    message = b""
    for number, piece in enumerate(pieces):
        start = 0
        while start < len(piece):
            data, stop, is_end = decoder.decode(piece, start)
            assert stop > start
            message += data
            start = stop
            if is_end:
                return (
                    message,
                    piece[start:] + b"".join(pieces[number + 1 :]),
                    decoder.bare_newline is not None,
                )
    raise AssertionError("the message did not end")


@pytest.mark.parametrize("message, wire", CASES)
def test_both_ways_cut_anywhere(message: bytes, wire: bytes) -> None:
    for pieces in splits(message):
        assert encode(pieces) == wire
    for pieces in splits(wire + b"QUIT\r\n"):
        assert decode(pieces) == (message, b"QUIT\r\n", False)


@pytest.mark.parametrize(
    "message, wire", [(b"a", b"a\r\n.\r\n"), (b".", b"..\r\n.\r\n"), (b"a\r\nb", b"a\r\nb\r\n.\r\n")]
)
def test_a_last_line_without_crlf_is_completed(message: bytes, wire: bytes) -> None:
    for pieces in splits(message):
        assert encode(pieces) == wire


@pytest.mark.parametrize(
    "message", [b"\n", b"a\nb", b"\r", b"a\rb", b"\r\r\n", b"\n\r", b"\r\n\n", b"\n.\n", b"\r.\r"]
)
def test_bare_newlines_are_refused(message: bytes) -> None:
    for pieces in splits(message):
        with pytest.raises(LocalProtocolError):
            encode(pieces)


def test_a_refused_chunk_changes_nothing() -> None:
    encoder = DotEncoder()
    encoder.encode(b"a\r")
    with pytest.raises(LocalProtocolError):
        encoder.encode(b"b")
    assert encoder.encode(b"\n.") == [b"\n.", b"."]
    assert encoder.finish() == b"\r\n.\r\n"


@pytest.mark.parametrize("message, wire", CASES)
@pytest.mark.parametrize("is_other", [False, True])
def test_what_was_looked_at_ahead_is_encoded_the_same(message: bytes, wire: bytes, is_other: bool) -> None:
    for pieces in splits(message):
        encoder = DotEncoder()
        encoder.look_ahead(b".x\r\n" if is_other or not pieces else pieces[0])
        chunks = [octets for piece in pieces for octets in encoder.encode(piece)]
        assert b"".join([*chunks, encoder.finish()]) == wire


def test_what_is_wrong_with_what_was_looked_at_is_said_in_its_turn() -> None:
    encoder, chunk = DotEncoder(), b"a\nb"
    encoder.look_ahead(chunk)
    with pytest.raises(LocalProtocolError):
        encoder.encode(chunk)
    assert encoder.encode(b"c\r\n") == [b"c\r\n"]


def test_only_the_first_chunk_is_known_from_before() -> None:
    encoder, chunk = DotEncoder(), b".\r"
    encoder.look_ahead(chunk)
    assert encoder.encode(chunk) == [b".", b".\r"]
    with pytest.raises(LocalProtocolError):
        encoder.encode(chunk)


def test_chunks_pass_uncopied() -> None:
    chunk = b"From: a\r\n" * 1_000
    (sent,) = DotEncoder().encode(chunk)
    assert sent is chunk
    assert DotDecoder().decode(chunk)[0] is chunk


@pytest.mark.parametrize(
    "wire",
    [
        b"a\n.\nb\r\n.\r\n",
        b"a\n.\r\nb\r\n.\r\n",
        b"a\r\n.\nb\r\n.\r\n",
        b"a\r.\rb\r\n.\r\n",
        b"a\r\n.\rb\r\n.\r\n",
        b"a\r\n\r.\r\n.\r\n",
        b"\n.\r\n.\r\n",
        b".\n\r\n.\r\n",
    ],
)
def test_only_crlf_dot_crlf_ends_a_message(wire: bytes) -> None:
    for pieces in splits(wire + b"rest"):
        message, rest, has_bare = decode(pieces)
        assert rest == b"rest"
        assert has_bare
        assert message == (b"\r\n" + wire[:-3]).replace(b"\r\n.", b"\r\n")[2:]


@given(st.lists(st.text("\r\n.a", max_size=8).map(str.encode), max_size=6))
def test_the_first_bare_newline_is_found_however_it_is_cut(pieces: list[bytes]) -> None:
    decoder, message = DotDecoder(), b""
    for piece in pieces:
        start = 0
        while start < len(piece):
            data, start, is_end = decoder.decode(piece, start)
            message += data
            if is_end:
                decoder, message = DotDecoder(), b""
    found = re.search(rb"\r(?![\n])(?!\Z)|(?<!\r)\n", message)
    assert decoder.bare_newline == (None if found is None else found.start())


@given(st.lists(st.text("\r\n.a", max_size=8).map(str.encode), max_size=6))
def test_bare_newlines_are_found_as_a_pattern_finds_them(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = re.search(rb"\r(?![\n])(?!\Z)|(?<!\r)\n", whole) is not None
    found, after_cr = False, False
    for piece in pieces:
        found = found or is_bare_newline_in(piece, after_cr)
        after_cr = piece[-1:] == b"\r" if piece else after_cr
    assert found == expected


@pytest.mark.parametrize("size", [0, 1, 200_000])
@given(st.text("\r\n.a\0\x1c\x85\xff", max_size=12).map(methodcaller("encode", "latin-1")))
def test_bare_newlines_are_found_wherever_they_are(size: int, octets: bytes) -> None:
    octets = b"\r\n" * size + b"x" * size + octets
    assert is_bare_newline_in(octets) == (re.search(rb"\r(?![\n])(?!\Z)|(?<!\r)\n", octets) is not None)


@given(st.text("\r\n.a", max_size=20).map(str.encode), st.integers(0, 20))
def test_the_first_line_with_a_dot_is_found_as_a_search_forwards_finds_it(octets: bytes, start: int) -> None:
    assert _find_dot_line(octets, start) == octets.find(b"\r\n.", start)


NORMALIZED = {
    b"": b"",
    b"a\r\nb": b"a\r\nb",
    b"\n": b"\r\n",
    b"\r": b"\r\n",
    b"\n\r": b"\r\n\r\n",
    b"\r\r\n\n": b"\r\n\r\n\r\n",
    b"a\nb\rc\r\nd\r": b"a\r\nb\r\nc\r\nd\r\n",
    b"\r\r\r": b"\r\n\r\n\r\n",
}


def normalize(pieces: list[bytes]) -> bytes:
    newlines = NewlineNormalizer()
    return b"".join([newlines.convert(piece) for piece in pieces] + [newlines.finish()])


@pytest.mark.parametrize("octets, expected", NORMALIZED.items(), ids=map(repr, NORMALIZED))
def test_normalizes_cut_anywhere(octets: bytes, expected: bytes) -> None:
    for pieces in splits(octets):
        assert normalize(pieces) == expected


@given(st.lists(st.text("\r\n.a", max_size=8).map(str.encode), max_size=6))
def test_normalizes_as_a_pattern_does(pieces: list[bytes]) -> None:
    assert normalize(pieces) == re.sub(rb"\r\n?|\n", b"\r\n", b"".join(pieces))


CHUNKS: dict[bytes, int | None] = {
    b"": None,
    b"a": None,
    b"a\r\nb\r\n": None,
    b"\r\n.\r\n": None,
    b"a\n": 1,
    b"a\rb": 1,
    b"\r": 0,
    b"ab\r": 2,
    b"\r\r\n": 0,
    b"a\r\n\n": 3,
}


@pytest.mark.parametrize("octets, at", CHUNKS.items(), ids=map(repr, CHUNKS))
def test_bare_newlines_behind_bdat(octets: bytes, at: int | None) -> None:
    for pieces in [*splits(octets), [octets, b""], [b"", octets]]:
        decoder = DotDecoder()
        encoder = ChunkEncoder()
        is_refused = False
        for number, piece in enumerate(pieces):
            decoder.watch(piece)
            try:
                encoder.check(piece, is_end=number == len(pieces) - 1)
            except LocalProtocolError:
                is_refused = True
        decoder.end_watch()
        assert decoder.bare_newline == at
        assert is_refused is (at is not None)


@given(st.lists(st.text("\r\n.a", max_size=8).map(str.encode), max_size=6))
def test_what_is_encoded_decodes_the_same(lines: list[bytes]) -> None:
    message = b"".join(re.sub(rb"[\r\n]", b"", line) + b"\r\n" for line in lines)
    assert decode([encode([message])]) == (message, b"", False)

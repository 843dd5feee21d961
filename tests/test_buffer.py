"""The receive buffer: what it gives, what it copies, what it searches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto._buffer import ReceiveBuffer


def test_a_chunk_taken_whole_is_the_object_that_was_received() -> None:
    buffer = ReceiveBuffer()
    chunk = bytes(range(256)) * 16
    buffer.feed(chunk)
    assert buffer.take(len(chunk)) is chunk
    buffer.feed(chunk)
    assert buffer.take_some(1 << 20) is chunk


@pytest.mark.parametrize("before", [b"", b"NOOP\r\n"])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_octets_that_may_change_are_copied(before: bytes, kind: Any) -> None:
    """As the buffer that one reads into again and again, or the octets of a memory stream of trio."""
    buffer = ReceiveBuffer()
    buffer.feed(before)
    octets = bytearray(b"QUIT\r\n")
    buffer.feed(kind(octets))
    octets[:] = b"EVIL\r\n"
    taken = [buffer.take_some(100) for _ in range(2)]
    assert b"".join(taken) == before + b"QUIT\r\n"
    assert {type(piece) for piece in taken} == {bytes}


def test_what_is_no_octets_is_refused() -> None:
    buffer = ReceiveBuffer()
    for wrong in ("QUIT\r\n", 5):
        with pytest.raises(TypeError):
            buffer.feed(wrong)  # type: ignore[arg-type]  # the mistake
    assert len(buffer) == 0


def test_take_some_never_joins_what_came_in_pieces() -> None:
    buffer = ReceiveBuffer()
    pieces = [b"a" * 100, b"b" * 100, b"c" * 100]
    for piece in pieces:
        buffer.feed(piece)
    assert buffer.take_some(250) is pieces[0]
    assert buffer.take_some(150) is pieces[1]
    assert buffer.take_some(50) == b"c" * 50
    assert buffer.take_some(1000) == b"c" * 50
    assert buffer.take_some(1000) == b""
    assert len(buffer) == 0


def test_find_after_a_part_was_taken_is_a_distance_from_the_front() -> None:
    buffer = ReceiveBuffer()
    buffer.feed(b"one\r\ntwo\r")
    assert buffer.find(b"\r\n") == 3
    assert buffer.take(5) == b"one\r\n"
    assert buffer.find(b"\r\n") == -1
    buffer.feed(b"\nthree\r\n")
    assert buffer.find(b"\r\n") == 3
    assert buffer.find(b"\r\n", 4) == 10
    assert buffer.peek(4) == b"two\r"


def test_find_with_another_needle_starts_anew() -> None:
    buffer = ReceiveBuffer()
    buffer.feed(b"a.b")
    assert buffer.find(b"\r\n") == -1
    assert buffer.find(b".") == 1
    assert buffer.find(b"\r\n") == -1
    buffer.feed(b"\r\n")
    assert buffer.find(b"\r\n") == 3


def test_find_does_not_join_pieces_until_it_finds() -> None:
    buffer = ReceiveBuffer()
    buffer.feed(b"x" * 10)
    assert buffer.find(b"\r\n") == -1
    pieces = [b"x" * 10, b"y" * 10]
    for piece in pieces:
        buffer.feed(piece)
        assert buffer.find(b"\r\n") == -1
    buffer.take_some(10)
    assert buffer.take_some(99) is pieces[0]
    assert buffer.take_some(99) is pieces[1]


def test_skip_and_clear_say_how_much_there_was() -> None:
    buffer = ReceiveBuffer()
    buffer.feed(b"abc")
    buffer.feed(b"def")
    buffer.skip(2)
    assert len(buffer) == 4
    assert buffer.clear() == 4
    assert (len(buffer), buffer.peek(9)) == (0, b"")


def test_more_than_there_is_cannot_be_taken_or_skipped() -> None:
    buffer = ReceiveBuffer()
    buffer.feed(b"abc")
    with pytest.raises(ValueError, match="4 octets asked for, 3 buffered"):
        buffer.take(4)
    with pytest.raises(ValueError, match="4 octets to skip, 3 buffered"):
        buffer.skip(4)
    assert buffer.take(3) == b"abc"


def test_nothing_fed_changes_nothing() -> None:
    buffer = ReceiveBuffer()
    buffer.feed(b"")
    assert (len(buffer), buffer.find(b"\n"), buffer.take(0)) == (0, -1, b"")


OPERATIONS = st.one_of(
    st.tuples(st.just("feed"), st.text("ab\r\n", max_size=6)),
    st.tuples(st.just("take"), st.integers(0, 6)),
    st.tuples(st.just("take_some"), st.integers(0, 6)),
    st.tuples(st.just("skip"), st.integers(0, 6)),
    st.tuples(st.just("unsearched"), st.integers(0, 6)),
    st.tuples(st.just("find"), st.sampled_from(["\r\n", "\n", "ab"])),
    st.tuples(st.just("find_from"), st.integers(0, 6)),
    st.tuples(st.just("peek"), st.integers(0, 6)),
)


@given(st.lists(OPERATIONS, max_size=60))
def test_any_order_of_calls_is_like_one_string(operations: list[tuple[str, str | int]]) -> None:
    buffer = ReceiveBuffer()
    model = b""
    for name, argument in operations:
        if isinstance(argument, str):
            octets = argument.encode()
            if name == "feed":
                buffer.feed(octets)
                model += octets
            else:
                assert buffer.find(octets) == model.find(octets)
            continue
        size = min(argument, len(model))
        if name == "take":
            assert buffer.take(size) == model[:size]
            model = model[size:]
        elif name == "skip":
            buffer.skip(size)
            model = model[size:]
        elif name == "take_some":
            taken = buffer.take_some(argument)
            assert model.startswith(taken)
            assert len(taken) <= argument
            assert taken or not argument or not model
            model = model[len(taken) :]
        elif name == "unsearched":
            piece, offset = buffer.unsearched()
            assert model.startswith(piece[offset:])
        elif name == "find_from":
            assert buffer.find(b"\r\n", size) == model.find(b"\r\n", size)
        else:
            assert buffer.peek(argument) == model[:argument]
        assert len(buffer) == len(model)


def test_front_shows_one_piece_and_what_is_left_of_it() -> None:
    buffer = ReceiveBuffer()
    assert buffer.front() == (b"", 0)
    first, second = b"abc", b"de"
    buffer.feed(first)
    buffer.feed(second)
    assert buffer.front() == (first, 0)
    assert buffer.take_some(2) == b"ab"
    assert buffer.front() == (first, 2)
    assert buffer.take_some(9) == b"c"
    piece, offset = buffer.front()
    assert piece is second
    assert (offset, len(buffer)) == (0, 2)


def test_what_was_looked_through_in_vain_is_not_shown_again() -> None:
    buffer = ReceiveBuffer()
    buffer.feed(b"ab")
    assert buffer.unsearched() == (b"ab", 0)
    assert buffer.take_line() == b""
    assert buffer.unsearched() == (b"", 0)
    buffer.feed(b"c\nd")
    assert buffer.unsearched() == (b"", 0)
    assert buffer.take_line() == b"abc\n"
    piece, offset = buffer.unsearched()
    assert piece[offset:] == b"d"


def test_what_lies_across_two_pieces_is_taken_and_the_second_is_not_copied() -> None:
    buffer = ReceiveBuffer()
    first, second = b"x" * 10, b"y" * 10
    buffer.feed(first)
    buffer.feed(second)
    assert buffer.take(7) == b"x" * 7
    assert buffer.take(5) == b"xxxyy"
    piece, offset = buffer.front()
    assert piece is second
    assert (offset, len(buffer)) == (2, 8)
    assert buffer.find(b"z") == -1
    assert buffer.take(8) == b"y" * 8


def test_a_line_that_waits_behind_one_that_was_taken_whole_is_found() -> None:
    buffer = ReceiveBuffer()
    buffer.feed(b"a\n")
    buffer.feed(b"b")
    buffer.feed(b"c\n")
    assert [buffer.take_line(), buffer.take_line(), buffer.take_line()] == [b"a\n", b"bc\n", b""]


def test_a_line_end_behind_what_was_peeked_at_is_found() -> None:
    buffer = ReceiveBuffer()
    for piece in (b"a", b"b"):
        buffer.feed(piece)
        assert buffer.take_line() == b""
    assert buffer.peek(2) == b"ab"
    buffer.feed(b"\n")
    assert buffer.take_line() == b"ab\n"

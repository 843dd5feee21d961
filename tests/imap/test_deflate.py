"""The transform of octets: what is compressed at one end, and the bounds of what is inflated at the other."""

from __future__ import annotations

import random
import time
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LimitExceeded, RemoteProtocolError
from mailproto.imap.deflate import Deflater, Inflater
from mailproto.limits import IMAPLimits

SYNC_FLUSH = b"\x00\x00\xff\xff"


def take_all(inflater: Inflater) -> bytes:
    """Return all that *inflater* can give."""
    pieces = []
    while piece := inflater.take():
        pieces.append(piece)
    return b"".join(pieces)


@given(st.lists(st.lists(st.binary(max_size=300), max_size=4), max_size=5), st.integers(1, 50))
def test_each_flush_can_be_read_at_once(groups: list[list[bytes]], piece: int) -> None:
    deflater, inflater = Deflater(), Inflater(IMAPLimits(max_inflate=7))
    for group in groups:
        octets = deflater.compress(group)
        assert octets.endswith(SYNC_FLUSH) or not any(group)
        got = b""
        for at in range(0, len(octets), piece):
            inflater.feed(octets[at : at + piece])
            got += take_all(inflater)
        assert got == b"".join(group)
        assert inflater.buffered == 0


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_octets_that_may_change_are_copied(kind: Any) -> None:
    inflater = Inflater(IMAPLimits())
    octets = bytearray(Deflater().compress([b"* OK text\r\n"]))
    inflater.feed(kind(octets))
    octets[:] = b"\0" * len(octets)
    assert take_all(inflater) == b"* OK text\r\n"


def test_a_piece_is_never_larger_than_the_limit() -> None:
    inflater = Inflater(IMAPLimits(max_inflate=1_000))
    octets = Deflater().compress([b"a" * 100_000])
    inflater.feed(octets)
    assert inflater.buffered == len(octets)
    sizes = []
    while piece := inflater.take():
        sizes.append(len(piece))
        assert inflater.buffered <= len(octets)
    assert sizes == [1_000] * 100


def test_much_at_once_is_inflated_in_linear_time() -> None:
    octets = random.Random(1).randbytes(64_000_000)
    inflater = Inflater(IMAPLimits())
    inflater.feed(Deflater().compress([octets]))
    started = time.process_time()
    assert take_all(inflater) == octets
    assert time.process_time() - started < 2


def test_what_was_said_before_helps_to_compress() -> None:
    draw = random.Random(1)
    line = bytes(draw.randrange(33, 127) for _ in range(1_000))
    deflater = Deflater()
    first, second = deflater.compress([line]), deflater.compress([line])
    assert len(second) < len(first) / 10


@pytest.mark.parametrize("octets", [b"* OK not compressed\r\n", b"\xff" * 20, b"\x06"])
def test_what_is_no_deflate_data(octets: bytes) -> None:
    inflater = Inflater(IMAPLimits())
    inflater.feed(octets)
    with pytest.raises(RemoteProtocolError, match="expected DEFLATE data"):
        take_all(inflater)


@pytest.mark.parametrize("more", [b"", b"more"])
def test_nothing_follows_the_end_of_the_data(more: bytes) -> None:
    whole = zlib.compressobj(wbits=-15)
    inflater = Inflater(IMAPLimits())
    inflater.feed(whole.compress(b"abc") + whole.flush() + more)
    assert inflater.take() == b"abc"
    inflater.feed(b"" if more else b"x")
    with pytest.raises(RemoteProtocolError, match="expected nothing behind the end"):
        take_all(inflater)


def test_what_was_dropped_is_not_inflated() -> None:
    inflater = Inflater(IMAPLimits())
    inflater.feed(Deflater().compress([b"abc"]))
    inflater.clear()
    assert (inflater.take(), inflater.buffered) == (b"", 0)


def bomb(octets: int) -> bytes:
    """Return what becomes that many zeros."""
    deflate = zlib.compressobj(9, wbits=-15)
    zeros = b"0" * 1_048_576
    return b"".join(deflate.compress(zeros) for _ in range(octets // len(zeros))) + deflate.flush(
        zlib.Z_SYNC_FLUSH
    )


def test_a_bomb_is_stopped() -> None:
    inflater = Inflater(IMAPLimits())
    inflater.feed(bomb(70 * 1_048_576))
    with pytest.raises(LimitExceeded) as caught:
        while inflater.take():
            pass
    assert caught.value.limit == "max_inflate_ratio"


def test_a_large_message_of_zeros_is_no_bomb() -> None:
    inflater = Inflater(IMAPLimits())
    inflater.feed(bomb(60 * 1_048_576))
    assert sum(iter(lambda: len(inflater.take()), 0)) == 60 * 1_048_576

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.imap.command import write_command
from mailproto.imap.commands import Append, Command, Create, Login, Search, TaggedCommand, UIDFetch
from mailproto.imap.cutting import LONGEST_RANGE, below, covering, cut, cut_to_fit, halves, range_octets
from mailproto.imap.fetch import FLAGS
from mailproto.imap.outgoing import longest_line
from mailproto.imap.search import Text
from mailproto.imap.sequence import STAR, SequenceSet, UIDSet
from mailproto.imap.values import Streamed
from mailproto.imap.writer import LiteralForm, Writer
from mailproto.limits import IMAPLimits
from support_imap import greeted_client, logged_in_client, selected_client, sent

ranges = st.lists(
    st.tuples(st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1)), min_size=1, max_size=60
).map(_ranges.merge)


@given(ranges, st.integers(LONGEST_RANGE, 200))
def test_the_parts_hold_everything_once_and_fit(numbers: Ranges, room: int) -> None:
    parts = list(cut_to_fit(UIDSet.of_parsed(numbers), room))
    assert all(0 < len(str(part)) <= room for part in parts)
    assert tuple(pair for part in parts for pair in part.ranges) == numbers
    # No part could have had the first range of the next one.
    assert all(len(str(part)) + range_octets(after.ranges[0]) > room for part, after in pairwise(parts))


def test_what_stands_twice_comes_once() -> None:
    assert list(cut_to_fit(SequenceSet("7:5,1:6,9"), 100)) == [SequenceSet("1:7,9")]


@pytest.mark.parametrize("text", ["1,3:*", "*", "$"])
def test_a_star_cannot_be_cut(text: str) -> None:
    with pytest.raises(LocalProtocolError, match=r"no \*"):
        list(cut_to_fit(UIDSet(text), 30))


@given(ranges, st.integers(0, 400))
def test_ranges_that_cover_hold_everything_and_fit(numbers: Ranges, room: int) -> None:
    covered = covering(numbers, room)
    assert _ranges.merge(covered) == covered
    assert _ranges.difference(numbers, covered) == ()
    assert len(covered) == 1 or len(str(UIDSet.of_parsed(covered))) <= room
    assert covered[0][0] == numbers[0][0]
    assert covered[-1][1] == numbers[-1][1]


COVERED = [
    ("1:3,5,9", 7, "1:3,5,9"),
    ("1:3,5,9", 6, "1:5,9"),
    ("1,5,100,104,900", 15, "1,5,100,104,900"),
    ("1,3,5,7,9,20,900", 15, "1:9,20,900"),
    ("1,5,100,104,900", 14, "1:104,900"),
    ("1,5,100,104,900", 5, "1:900"),
]


@pytest.mark.parametrize(("text", "room", "expected"), COVERED)
def test_the_smallest_gaps_are_covered_first(text: str, room: int, expected: str) -> None:
    assert str(UIDSet.of_parsed(covering(UIDSet(text).ranges, room))) == expected


BELOW = [
    (((1, 5), (8, 9)), 9, ((1, 5), (8, 8))),
    (((1, 5),), 1, ()),
    (((3, STAR),), 7, ((3, 6),)),
    (((3, 4),), 7, ((3, 4),)),
]


@pytest.mark.parametrize(("numbers", "number", "expected"), BELOW)
def test_below(numbers: Ranges, number: int, expected: Ranges) -> None:
    assert below(numbers, number) == expected


HALVES = [
    (((1, 10),), 4, (((1, 3),), ((4, 10),))),
    (((1, 10),), None, (((1, 5),), ((6, 10),))),
    (((1, 10),), 1, (((1, 5),), ((6, 10),))),
    (((1, 10),), 11, (((1, 5),), ((6, 10),))),
    (((1, 1), (5, 6)), None, (((1, 1),), ((5, 6),))),
    (((1, STAR),), 4, (((1, 3),), ((4, STAR),))),
    (((1, STAR),), None, None),
    (((4, 4),), 4, None),
    ((), None, None),
]


@pytest.mark.parametrize(("numbers", "number", "expected"), HALVES)
def test_halves(numbers: Ranges, number: int | None, expected: tuple[Ranges, Ranges] | None) -> None:
    assert halves(numbers, number) == expected


LINES: list[tuple[Command, LiteralForm, int]] = [
    (UIDFetch(UIDSet("1:5"), (FLAGS,)), LiteralForm.PLUS, len("a UID FETCH 1:5 FLAGS\r\n")),
    (Search(Text("\r" * 50)), LiteralForm.PLUS, len("a SEARCH TEXT {50+}\r\n")),
    (Search(Text("\r" * 50)), LiteralForm.SYNCHRONIZING, len("a SEARCH TEXT {50}\r\n")),
    (Create("x" * 40_000), LiteralForm.PLUS, len("a CREATE {40000+}\r\n")),
    (Login("u", Secret("p\r\n{7}\r\nx")), LiteralForm.PLUS, len("a LOGIN u {9+}\r\n")),
    (Login("u", Secret("p q")), LiteralForm.PLUS, len('a LOGIN u "p q"\r\n')),
    (Append("Sent", Streamed(70_000)), LiteralForm.PLUS, len("a APPEND Sent {70000}\r\n")),
    (Append("Sent", b"{3}\r\n" * 20, frozenset({"a" * 99})), LiteralForm.PLUS, 124),
    (
        Search(Text("\r\n" * 20) & Text("x" * 90)),
        LiteralForm.PLUS,
        len("TEXT ") + 90 + len(" ") + len("\r\n"),
    ),
]


@pytest.mark.parametrize(("command", "form", "length"), LINES)
def test_the_longest_line_has_no_literals(command: Command, form: LiteralForm, length: int) -> None:
    writer = Writer(form)
    write_command(writer, TaggedCommand("a", command))
    assert longest_line(writer.fragments()) == length


def test_a_connection_sends_no_line_above_the_limit_and_nothing_has_changed() -> None:
    uids = UIDSet.of(range(1, 4_000, 2))
    client = selected_client()
    with pytest.raises(LocalProtocolError, match="UID FETCH: expected a line of at most 8192 octets, got 9"):
        client.send_command(UIDFetch(uids, (FLAGS,)))
    assert sent(client) == b""
    assert client.pending == ()
    client.send_command(Create("x" * 9_000))


def test_the_limit_is_exact() -> None:
    command = Create("x" * 20)
    length = len("A1 CREATE ") + 20 + 2
    greeted = greeted_client(b"* PREAUTH ready\r\n", limits=IMAPLimits(max_command_line=length))
    greeted.send_command(command)
    greeted = greeted_client(b"* PREAUTH ready\r\n", limits=IMAPLimits(max_command_line=length - 1))
    with pytest.raises(LocalProtocolError):
        greeted.send_command(command)


def test_a_set_that_fits_is_left_as_it_was_written() -> None:
    client = logged_in_client()
    uids = UIDSet("9,4:2,*")
    assert cut(client, uids, lambda numbers: UIDFetch(numbers, (FLAGS,))) == [uids]

"""Sets of messages cut so that each command fits into a line, and what a server has left of one.

RFC 7162 section 4: "if the client is unable to group things into ranges so that the command line is within
that length, it should split the request into multiple commands". RFC 9738 section 3.1 says how far a server
came that does not carry out commands on many messages: it works from the highest UID down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, TypeVar

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import LocalProtocolError
from mailproto.imap.client import IMAPClientConnection
from mailproto.imap.commands import Command
from mailproto.imap.sequence import STAR, NumberSet

__all__ = [
    "LONGEST_RANGE",
    "below",
    "covering",
    "cut",
    "cut_to_fit",
    "fits",
    "halves",
    "range_octets",
    "room_for_set",
]

LONGEST_RANGE: Final = len("4294967295:4294967295,")
"""Octets that a range takes at most, with a comma."""

_TAG_MAY_GROW: Final = 8
"""Octets that a tag may have more than the one that was measured."""

SetT = TypeVar("SetT", bound=NumberSet)


def cut(
    conn: IMAPClientConnection, numbers: SetT, make: Callable[[SetT], Command], *, spare: int = 0
) -> list[SetT]:
    """Return *numbers* in as many parts as are needed for the commands that *make* makes of them.

    *spare* octets of each line are left free. Raises LocalProtocolError as `cut_to_fit`.
    """
    if fits(conn, make(numbers), spare=spare):
        return [numbers]
    one = type(numbers).of_parsed(((1, 1),))
    return list(cut_to_fit(numbers, room_for_set(conn, make(one)) - spare))


def fits(conn: IMAPClientConnection, command: Command, *, spare: int = 0) -> bool:
    """Return whether *command* fits into a line in which *spare* octets are left free."""
    return conn.line_length(command) <= conn.max_command_line - _TAG_MAY_GROW - spare


def room_for_set(conn: IMAPClientConnection, command: Command) -> int:
    """Return how many octets the set may have in the line of *command*, whose set is one digit."""
    return max(LONGEST_RANGE, conn.max_command_line - conn.line_length(command) + 1 - _TAG_MAY_GROW)


def cut_to_fit(numbers: SetT, room: int) -> Iterator[SetT]:
    """Yield sets of at most *room* octets that hold *numbers* together, none twice, ascending.

    Raises LocalProtocolError for `*`: the last message may be among the numbers, and would come twice.
    """
    if numbers.has_star:
        raise LocalProtocolError(f"expected no * in a set that is longer than {room} octets")
    part: list[tuple[int, int]] = []
    left = room + 1
    for pair in numbers.merged:
        octets = range_octets(pair)
        if octets > left and part:
            yield numbers.of_parsed(tuple(part))
            part, left = [], room + 1
        part.append(pair)
        left -= octets
    if part:
        yield numbers.of_parsed(tuple(part))


def covering(ranges: Ranges, room: int) -> Ranges:
    """Return ranges that hold all numbers of *ranges*, and take at most *room* octets or are one range.

    What lies in the smallest gaps is added first.
    """
    gap = 1
    while len(ranges) > 1 and sum(map(range_octets, ranges)) > room + 1:
        gap *= 2
        ranges = _over_gaps(ranges, gap)
    return ranges


def _over_gaps(ranges: Ranges, gap: int) -> Ranges:
    """Return *ranges* with those made one that are at most *gap* apart."""
    low, joined = ranges[0][0], []
    for (_, high), (following, _) in pairwise(ranges):
        if following - high > gap:
            joined.append((low, high))
            low = following
    return (*joined, (low, ranges[-1][1]))


def range_octets(pair: tuple[int, int]) -> int:
    """Return how many octets a range takes in a set, with the comma behind it."""
    low, high = pair
    return len(str(low)) + 1 if low == high else len(str(low)) + len(str(high)) + 2


def below(ranges: Ranges, number: int) -> Ranges:
    """Return the numbers in *ranges* that are less than *number*."""
    return _ranges.intersection(ranges, ((1, number - 1),)) if number > 1 else ()


def halves(ranges: Ranges, number: int | None) -> tuple[Ranges, Ranges] | None:
    """Return what is below *number* and the rest, or where that is nothing the two halves of *ranges*.

    None for a single number, and for a set with `*` that *number* does not divide.
    """
    lower = () if number is None else below(ranges, number)
    if not lower or lower == ranges:
        if not ranges or ranges[-1][1] >= STAR or ranges[0][0] == ranges[-1][1]:
            return None
        count = _ranges.count(ranges)
        lower = _ranges.difference(ranges, _ranges.tail(ranges, count - count // 2))
    return lower, _ranges.difference(ranges, lower)

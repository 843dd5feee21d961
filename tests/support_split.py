"""Runs a connection test with its input cut in every way, and demands the same result each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar, cast

__all__ = ["for_every_split", "join_data", "splits"]

EventT = TypeVar("EventT")
MAX_EVERY_CUT = 2_048
DRAWN_CUTS = 200


class _Data(Protocol):
    @property
    def data(self) -> bytes: ...


def splits(octets: bytes, max_every_cut: int = MAX_EVERY_CUT) -> Iterator[list[bytes]]:
    """Yield *octets* whole, octet by octet, and cut in two at each place.

    Above *max_every_cut* octets they are cut at 200 drawn places.
    """
    yield [octets]
    yield [octets[at : at + 1] for at in range(len(octets))]
    places: Sequence[int] = range(1, len(octets))
    if len(octets) > max_every_cut:
        places = random.Random(len(octets)).sample(places, DRAWN_CUTS)
    for at in places:
        yield [octets[:at], octets[at:]]


def join_data(events: Sequence[EventT]) -> list[EventT]:
    """Return *events* with adjacent chunks of a body or a literal joined."""
    joined: list[EventT] = []
    for event in events:
        if (
            joined
            and type(event) is type(joined[-1])
            and type(event).__name__ in ("BodyData", "ChunkData", "LiteralData")
        ):
            whole = cast(_Data, joined[-1]).data + cast(_Data, event).data
            joined[-1] = replace(event, data=whole)  # type: ignore[type-var]  # it is a dataclass
        else:
            joined.append(event)
    return joined


def for_every_split(
    octets: bytes, run: Callable[[list[bytes]], Sequence[EventT]], max_every_cut: int = MAX_EVERY_CUT
) -> list[EventT]:
    """Call *run*, which feeds the pieces and returns the events, for every split; return what all gave."""
    expected = join_data(run([octets]))
    context = [getattr(event, "defects", ()) for event in expected]
    for pieces in splits(octets, max_every_cut):
        events = join_data(run(pieces))
        cut = f"first piece {pieces[:1]!r}"
        assert events == expected, cut
        assert [getattr(event, "defects", ()) for event in events] == context, cut
    return expected

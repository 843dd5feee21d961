"""Octets that some server or other takes for the end of a message, and those that are it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

__all__ = ["FALSE_ENDS", "LONGEST", "STRINGS", "TRUE_ENDS", "count_up_to", "divisions"]

FALSE_ENDS = {
    "LF . LF": b"\n.\n",
    "LF . CRLF": b"\n.\r\n",
    "LF . CR": b"\n.\r",
    "CR . CR": b"\r.\r",
    "CR . LF": b"\r.\n",
    "CR . CRLF": b"\r.\r\n",
    "CRLF . LF": b"\r\n.\n",
    "CRLF . CR": b"\r\n.\r",
    "CRLF . CR CRLF": b"\r\n.\r\r\n",
    "CRLF . LF CR": b"\r\n.\n\r",
    "CR CRLF . CR CRLF": b"\r\r\n.\r\r\n",
    "CR CR . CR CR": b"\r\r.\r\r",
    "CR CRLF . LF": b"\r\r\n.\n",
    "LF LF . LF": b"\n\n.\n",
    "LF CR . LF CR": b"\n\r.\n\r",
    "CRLF NUL . CRLF": b"\r\n\x00.\r\n",
    "CRLF . NUL CRLF": b"\r\n.\x00\r\n",
    "CRLF NUL . NUL CRLF": b"\r\n\x00.\x00\r\n",
    "CR NUL LF . CRLF": b"\r\x00\n.\r\n",
    "CRLF . CR NUL LF": b"\r\n.\r\x00\n",
    "CRLF space . CRLF": b"\r\n .\r\n",
    "CRLF . space CRLF": b"\r\n. \r\n",
    "CRLF . tab CRLF": b"\r\n.\t\r\n",
    "CRLF SUB CRLF": b"\r\n\x1a\r\n",
    "CRLF fullwidth . CRLF": b"\r\n\xef\xbc\x8e\r\n",
    "CRLF . CRLF with an eighth bit": b"\x8d\x8a\xae\x8d\x8a",
    "CRLF .. CRLF": b"\r\n..\r\n",
    "LF .. LF": b"\n..\n",
    "CRLF .. LF": b"\r\n..\n",
    "LF .. CRLF": b"\n..\r\n",
    "LF . CRLF . LF": b"\n.\r\n.\n",
    "VT . VT": b"\x0b.\x0b",
    "FF . FF": b"\x0c.\x0c",
    "NEL . NEL in UTF-8": b"\xc2\x85.\xc2\x85",
    "NEL . NEL in Latin-1": b"\x85.\x85",
    "LS . LS": b"\xe2\x80\xa8.\xe2\x80\xa8",
}
"""What stands between a message and what an attacker wants to be read as commands."""

TRUE_ENDS = {
    "CRLF . CRLF": b"\r\n.\r\n",
    "CR CRLF . CRLF": b"\r\r\n.\r\n",
    "LF CRLF . CRLF": b"\n\r\n.\r\n",
    "NUL CRLF . CRLF": b"\x00\r\n.\r\n",
    "CRLF CRLF . CRLF": b"\r\n\r\n.\r\n",
    "CRLF .. CRLF . CRLF": b"\r\n..\r\n.\r\n",
    "LF . LF CRLF . CRLF": b"\n.\n\r\n.\r\n",
}
"""Ends: each has CRLF . CRLF, whatever stands before."""

ALPHABET = (b"\r", b"\n", b".", b"\0", b"a")
LONGEST = 6
STRINGS = [
    b"".join(octets) for size in range(LONGEST + 1) for octets in itertools.product(ALPHABET, repeat=size)
]
"""All that an alphabet of what matters to the end of a message can say, the shortest first."""


def count_up_to(size: int) -> int:
    """Return how many of `STRINGS` have up to *size* octets: they are the first."""
    return sum(len(ALPHABET) ** each for each in range(size + 1))


def divisions(octets: bytes) -> Iterator[list[bytes]]:
    """Yield every division of *octets* into chunks."""
    places = range(1, len(octets))
    for count in range(len(octets)):
        for cuts in itertools.combinations(places, count):
            edges = (0, *cuts, len(octets))
            yield [octets[start:end] for start, end in itertools.pairwise(edges)]

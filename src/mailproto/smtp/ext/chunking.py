"""CHUNKING: a message in chunks of announced size, by BDAT (RFC 3030 section 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mailproto.errors import Defect, LocalProtocolError, excerpt
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp._value import Defects, Value
from mailproto.smtp.rows import Extension

__all__ = ["EXTENSION", "Bdat", "parse_bdat"]

# bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF ; chunk-size = 1*DIGIT ; end-marker = "LAST"
_match_chunk: Final = re.compile(rb" *([0-9]{1,20})(?: +(LAST))?", re.IGNORECASE).fullmatch
_MAX_SIZE: Final = 10**20 - 1
"""Octets that a BDAT can announce: RFC 3030 sets no bound, 20 digits are what SIZE has (RFC 1870)."""

EXTENSION: Final = Extension("CHUNKING")
"""CHUNKING."""


@dataclass(frozen=True, slots=True)
class Bdat(Value):
    """BDAT: announces `size` octets of the message, which follow its line as they are (RFC 3030 section 2).

    `last` says that they end the message. Raises LocalProtocolError for a size of more than 20 digits.
    """

    size: int
    last: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.size <= _MAX_SIZE:
            raise LocalProtocolError(f"BDAT: expected from 0 to {_MAX_SIZE} octets, got {self.size}")

    @property
    def name(self) -> str:  # type: ignore[override]  # the others have it on the class
        """The name of its row in the table of states: "BDAT LAST" for the last one, else "BDAT"."""
        return "BDAT LAST" if self.last else "BDAT"

    def serialize(self) -> bytes:
        """Return the line with its CRLF; the octets are not in it."""
        return b"BDAT %d%b\r\n" % (self.size, b" LAST" if self.last else b"")


def parse_bdat(line: bytes, arguments: bytes, defects: Defects, offset: int) -> Bdat:
    """Read the command. Raises CommandSyntaxError with a 421."""
    found = _match_chunk(arguments)
    if found is None:
        # Of what follows it cannot be known whether it is octets or commands, so the session has to end.
        raise CommandSyntaxError("cannot tell how many octets follow", code=421, enhanced_code="4.5.4")
    last = found[2] is not None
    if len(arguments) != len(found[1]) + (5 if last else 0):
        defects = (*defects, Defect("spaces-between-arguments", offset + 4, excerpt(line, 4)))
    return Bdat._parsed(defects, size=int(found[1]), last=last)

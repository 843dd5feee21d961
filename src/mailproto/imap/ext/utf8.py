"""UTF8=ACCEPT and UTF8=ONLY: UTF-8 in quoted strings, mailbox names and headers (RFC 9755 and 6855).

It is on once ENABLED names UTF8=ACCEPT, for the next message that is parsed or queued. Names of mailboxes are
then UTF-8 and no longer modified UTF-7, quoted strings may hold UTF-8, and SEARCH names no charset. The data
item UTF8 of APPEND is of RFC 6855 only; a server of RFC 9755 takes UTF-8 in the header of any message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, final

from mailproto.imap.appending import APPEND_DATA, LiteralData8, check_content, parse_literal8_octets
from mailproto.imap.cursor import Cursor
from mailproto.imap.values import check_octets
from mailproto.imap.writer import Writer

__all__ = ["UTF8_ACCEPT", "UTF8Message"]

UTF8_ACCEPT: Final = "UTF8=ACCEPT"
"""What ENABLE names, under UTF8=ONLY too."""


@final
@dataclass(frozen=True, slots=True)
class UTF8Message(LiteralData8):
    """A message to append that has UTF-8 in its header (RFC 6855 section 4): octets, or `Streamed(size)`."""

    capability: ClassVar[str] = UTF8_ACCEPT

    def __post_init__(self) -> None:
        octets = check_content(self.octets)
        if isinstance(octets, bytes):
            check_octets(octets, "message")

    # append-data =/ utf8-literal
    # utf8-literal = "UTF8" SP "(" literal8 ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> UTF8Message:
        """Read `SP "(" literal8 ")"`; NUL in it is a defect, and kept."""
        cursor.expect(b" (")
        start = cursor.position
        if not cursor.text.startswith(b"~{", start):
            raise cursor.error("a literal8")
        octets = parse_literal8_octets(cursor)
        if isinstance(octets, bytes) and b"\0" in octets:
            cursor.defect("a literal without NUL", start)
        cursor.expect(b")")
        new = cls.__new__(cls)
        object.__setattr__(new, "octets", octets)
        return new

    def write(self, writer: Writer) -> None:
        """Write the name, and a `literal8` in parentheses."""
        writer.write(b"UTF8 (")
        writer.message8(self.octets)
        writer.write(b")")


APPEND_DATA["UTF8"] = UTF8Message.parse

"""MESSAGELIMIT and SAVELIMIT: how many messages one command can be about (RFC 9738).

A server works from the highest UID down and says how far it came; clients ask again for what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import ResponseCode, check_nz_number, register_code
from mailproto.imap.cursor import Cursor
from mailproto.imap.search import KeyReader, SearchKey, register_key
from mailproto.imap.writer import Writer

__all__ = ["MessageLimitCode", "UIDAfter", "UIDBefore", "message_limit", "save_limit"]

CAPABILITY: Final = "MESSAGELIMIT"


def message_limit(capabilities: Capabilities) -> int | None:
    """Return how many messages one command can be about, None if the server does not say (section 3)."""
    return _limit(capabilities, CAPABILITY)


def save_limit(capabilities: Capabilities) -> int | None:
    """Return how many messages COPY and APPEND can save at once, None if the server does not say.

    A server with a `message_limit` need not say it: that one counts for these commands too.
    """
    return _limit(capabilities, "SAVELIMIT")


def _limit(capabilities: Capabilities, name: str) -> int | None:
    values = (value for value in capabilities.values(name) if value.isdecimal() and len(value) <= 10)
    return min(map(int, values), default=None)


@final
@register_code
@dataclass(frozen=True, slots=True)
class MessageLimitCode(ResponseCode):
    """MESSAGELIMIT: a command was about more messages than `limit` (section 3.1).

    `lowest_uid` is the last that was processed, those above it were too; None: none was.
    """

    name: ClassVar[str] = CAPABILITY
    limit: int
    lowest_uid: int | None = None

    def __post_init__(self) -> None:
        check_nz_number(self.limit)
        if self.lowest_uid is not None:
            check_nz_number(self.lowest_uid)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP message-limit [SP uniqueid]`."""
        cursor.sp()
        limit = cursor.nz_number()
        return cls(limit, cursor.nz_number() if cursor.accept(b" ") else None)

    def write(self, writer: Writer) -> None:
        """Write the limit, and the UID if there is one."""
        writer.write(b" %d" % self.limit)
        if self.lowest_uid is not None:
            writer.write(b" %d" % self.lowest_uid)


@dataclass(frozen=True, slots=True)
class _UIDKey(SearchKey):
    capability: ClassVar[str] = CAPABILITY
    uid: int

    def __post_init__(self) -> None:
        check_nz_number(self.uid)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP uniqueid`."""
        reader.cursor.sp()
        return cls(reader.cursor.nz_number())

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the UID."""
        writer.write(f"{self.name} {self.uid}".encode("ascii"))


@final
@register_key
class UIDAfter(_UIDKey):
    """Messages with a greater UID (section 3.2)."""

    __slots__ = ()
    name: ClassVar[str] = "UIDAFTER"


@final
@register_key
class UIDBefore(_UIDKey):
    """Messages with a smaller UID (section 3.2)."""

    __slots__ = ()
    name: ClassVar[str] = "UIDBEFORE"

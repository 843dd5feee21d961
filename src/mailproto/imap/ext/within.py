"""WITHIN: messages older or younger than so many seconds (RFC 5032)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from mailproto.imap.codes import check_nz_number
from mailproto.imap.search import KeyReader, SearchKey, register_key
from mailproto.imap.writer import Writer

__all__ = ["IntervalKey", "Older", "Younger"]

CAPABILITY: Final = "WITHIN"


@dataclass(frozen=True, slots=True)
class IntervalKey(SearchKey):
    """A key with a number of seconds, 1 or more, back from the time of the server."""

    capability: ClassVar[str] = CAPABILITY
    seconds: int

    def __post_init__(self) -> None:
        check_nz_number(self.seconds)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP nz-number`."""
        reader.cursor.sp()
        return cls(reader.cursor.nz_number())

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the seconds."""
        writer.write(f"{self.name} {self.seconds}".encode("ascii"))


@final
@register_key
class Older(IntervalKey):
    """Messages whose internal date is so many seconds ago, or more (section 2)."""

    __slots__ = ()
    name: ClassVar[str] = "OLDER"


@final
@register_key
class Younger(IntervalKey):
    """Messages whose internal date is so many seconds ago, or less (section 2)."""

    __slots__ = ()
    name: ClassVar[str] = "YOUNGER"

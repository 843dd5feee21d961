"""COMPRESS=DEFLATE: from its OK on both ends compress what they say (RFC 4978).

The transform of the octets stands in `mailproto.imap.deflate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from mailproto.imap.codes import SimpleCode
from mailproto.imap.command import Command, checked_atom, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import Writer

__all__ = ["COMPRESSIONACTIVE", "DEFLATE", "Compress"]

DEFLATE: Final = "DEFLATE"
"""The one mechanism there is."""

CAPABILITY: Final = "COMPRESS=DEFLATE"

COMPRESSIONACTIVE: Final = SimpleCode("COMPRESSIONACTIVE")
"""What is sent is compressed already, perhaps by another layer (section 3)."""


@final
@register_command
@dataclass(frozen=True, slots=True)
class Compress(Command):
    """COMPRESS: after its OK both ends compress by *mechanism*, which is kept in capital letters."""

    name: ClassVar[str] = "COMPRESS"
    mechanism: str = DEFLATE

    def __post_init__(self) -> None:
        object.__setattr__(self, "mechanism", checked_atom(self.mechanism, "a mechanism"))

    # compress        = "COMPRESS" SP algorithm                                   (section 5)
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP algorithm`; one that is not known is kept."""
        cursor.sp()
        return cls(cursor.atom())

    def write(self, writer: Writer) -> None:
        """Write the mechanism."""
        writer.write(b" ")
        writer.atom(self.mechanism)

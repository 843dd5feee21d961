"""SEARCH=FUZZY: let the server find what only resembles a key (RFC 6203).

How well a message matched, RELEVANCY, is a return option of ESEARCH and a criterion of SORT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from mailproto.imap.search import KeyReader, SearchKey, check_nested, register_key
from mailproto.imap.writer import Writer

__all__ = ["Fuzzy"]

CAPABILITY: Final = "SEARCH=FUZZY"


@final
@register_key
@dataclass(frozen=True, slots=True)
class Fuzzy(SearchKey):
    """Messages that match the key more or less, as the server sees it (section 3)."""

    name: ClassVar[str] = "FUZZY"
    capability: ClassVar[str] = CAPABILITY
    key: SearchKey

    def __post_init__(self) -> None:
        check_nested(self)

    @property
    def children(self) -> tuple[SearchKey, ...]:
        """The one key."""
        return (self.key,)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP search-key`."""
        reader.cursor.sp()
        return cls(reader.deeper().key())

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the key."""
        writer.write(b"FUZZY ")
        self.key.write(writer, codec)

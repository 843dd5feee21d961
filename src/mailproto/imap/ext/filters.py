"""FILTERS: search keys that the server keeps under a name (RFC 5466).

The filters themselves are server annotations, which METADATA reads and writes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import ResponseCode, register_code
from mailproto.imap.cursor import Cursor
from mailproto.imap.search import KeyReader, SearchKey, register_key
from mailproto.imap.writer import Writer

__all__ = ["Filter", "UndefinedFilterCode"]

CAPABILITY: Final = "FILTERS"

# filter-name     = 1*<any ATOM-CHAR except "/">
_FILTER_NAME: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]/]+(?![^ )\]])')


def _checked(filter_name: object) -> None:
    if not isinstance(filter_name, str) or not _FILTER_NAME.fullmatch(
        filter_name.encode("utf-8", "surrogatepass")
    ):
        raise LocalProtocolError(f"expected the name of a filter, got {str(filter_name)[:40]!r}")


def _parse(cursor: Cursor) -> str:
    cursor.sp()
    return cursor.expect_match(_FILTER_NAME, "the name of a filter").group().decode("ascii")


@final
@register_key
@dataclass(frozen=True, slots=True)
class Filter(SearchKey):
    """Messages that the filter of this name matches, as if its keys stood here (section 3.1)."""

    name: ClassVar[str] = "FILTER"
    capability: ClassVar[str] = CAPABILITY
    filter_name: str

    def __post_init__(self) -> None:
        _checked(self.filter_name)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP filter-name`."""
        return cls(_parse(reader.cursor))

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name of the key and that of the filter."""
        writer.write(f"FILTER {self.filter_name}".encode("ascii"))


@final
@register_code
@dataclass(frozen=True, slots=True)
class UndefinedFilterCode(ResponseCode):
    """UNDEFINED-FILTER: there is no filter of this name, or it is not for this user (section 3.1)."""

    name: ClassVar[str] = "UNDEFINED-FILTER"
    filter_name: str

    def __post_init__(self) -> None:
        _checked(self.filter_name)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP filter-name`."""
        return cls(_parse(cursor))

    def write(self, writer: Writer) -> None:
        """Write the name of the filter."""
        writer.write(f" {self.filter_name}".encode("ascii"))

"""JMAPACCESS: where the same mail can be had by JMAP (RFC 9698)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import DataResponse, register_response
from mailproto.imap.command import BareCommand, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import Writer

__all__ = ["GetJMAPAccess", "JMAPAccessData"]

MAX_URL: Final = 1_000
"""Octets of a URL: what is longer is not written as a quoted string."""

# The characters of a URL, which is all that is looked at.
_URL: Final = re.compile(r"[!-~]+")


@final
@register_command
class GetJMAPAccess(BareCommand):
    """GETJMAPACCESS: ask for the URL of the JMAP session (RFC 9698 section 4)."""

    __slots__ = ()
    name: ClassVar[str] = "GETJMAPACCESS"


@final
@register_response
@dataclass(frozen=True, slots=True)
class JMAPAccessData(DataResponse):
    """JMAPACCESS: the URL of the JMAP session resource (section 4)."""

    name: ClassVar[str] = "JMAPACCESS"
    url: str
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        _check_url(self.url)

    # resp-jmapaccess = "JMAPACCESS" SP quoted
    @classmethod
    def parse(cls, cursor: Cursor) -> JMAPAccessData:
        """Read `SP quoted`."""
        cursor.sp()
        start = cursor.position
        try:
            return cls(cursor.quoted().decode("latin-1"))
        except LocalProtocolError:
            raise cursor.error("a URL", start) from None

    def write(self, writer: Writer) -> None:
        """Write the name and the URL in quotes."""
        writer.write(b"JMAPACCESS ")
        writer.string(self.url.encode("ascii"))


def _check_url(url: object) -> None:
    if not isinstance(url, str) or not _URL.fullmatch(url) or len(url) > MAX_URL:
        raise LocalProtocolError(f"expected a URL of at most {MAX_URL} octets, got {str(url)[:40]!r}")

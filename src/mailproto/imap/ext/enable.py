"""ENABLE: switch on extensions that change what the server sends (RFC 5161).

The answer, `EnabledData`, stands in `mailproto.imap.responses`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.capability import Capabilities, parse_capabilities, write_capabilities
from mailproto.imap.command import Command, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import Writer

__all__ = ["Enable"]


@final
@register_command
@dataclass(frozen=True, slots=True)
class Enable(Command):
    """ENABLE: the extensions that the client wants from now on, one or more (RFC 5161 section 3.1)."""

    name: ClassVar[str] = "ENABLE"
    capabilities: Capabilities

    def __post_init__(self) -> None:
        object.__setattr__(self, "capabilities", Capabilities(self.capabilities))
        if not self.capabilities:
            raise LocalProtocolError("expected one capability or more, got none")

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `1*(SP capability)`."""
        return cls(parse_capabilities(cursor))

    def write(self, writer: Writer) -> None:
        """Write each capability."""
        write_capabilities(writer, self.capabilities)

"""PREVIEW: the first words of a message, as the server makes them (RFC 8970)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.command import text_octets
from mailproto.imap.cursor import Cursor
from mailproto.imap.fetch import Answer, FetchItem, NamedItem, register_item, register_item_reader
from mailproto.imap.writer import Writer

__all__ = ["PREVIEW", "PREVIEW_LAZY", "Preview"]

CAPABILITY: Final = "PREVIEW"

# RFC 8970 section 3.3: "The server MUST NOT output preview text longer than 256 preview characters."
MAX_CHARACTERS: Final = 256

_MODIFIERS: Final = re.compile(rb" \(LAZY(?: LAZY)*\)", re.IGNORECASE)


def _check(text: str | None) -> str | None:
    if text is not None:
        text_octets(text, "preview")
        if len(text) > MAX_CHARACTERS:
            raise LocalProtocolError(f"expected a preview of at most {MAX_CHARACTERS} characters")
    return text


def _parse(cursor: Cursor) -> str | None:
    octets = cursor.nstring()
    return None if octets is None else octets.decode("utf-8", "surrogateescape")


def _write(writer: Writer, text: str | None) -> None:
    writer.nstring(None if text is None else text_octets(text, "preview"))


@final
@dataclass(frozen=True, slots=True)
class Preview(FetchItem["str | None"]):
    """PREVIEW: a text of at most 256 characters, "" if there is nothing to show (section 3).

    With `lazy` the server leaves it out, as None, where it would have to work for it (section 4.1). Octets
    that are not UTF-8 stand in the text as `surrogateescape` has them.
    """

    key: ClassVar[str] = "PREVIEW"
    capability: ClassVar[str] = CAPABILITY
    lazy: bool = False

    def answer(self, value: str | None) -> Answer:
        """Return *value* checked, to build a FetchData of. Raises LocalProtocolError."""
        return Answer(self.key, _check(value))

    def write(self, writer: Writer) -> None:
        """Write the name, and the modifier in parentheses."""
        writer.write(b"PREVIEW (LAZY)" if self.lazy else b"PREVIEW")


PREVIEW: Final = Preview()
"""The preview, made now if need be."""
PREVIEW_LAZY: Final = Preview(lazy=True)
"""The preview if the server has it at hand, else None."""

# What a response says is read by the name, whatever the modifier was.
register_item(NamedItem(Preview.key, _parse, _write, check=_check, needs=CAPABILITY))


def _read(cursor: Cursor) -> Preview:
    if cursor.accept_match(_MODIFIERS):
        return PREVIEW_LAZY
    if cursor.text.startswith(b" (", cursor.position):
        raise cursor.error("LAZY")
    return PREVIEW


register_item_reader(Preview.key, _read)

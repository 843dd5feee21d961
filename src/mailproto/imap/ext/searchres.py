"""SEARCHRES: `$` stands for what the last SEARCH with SAVE has found (RFC 5182).

`SequenceSet("$")` and `UIDSet("$")` are sets like others, of which only the server knows what they hold.
"""

from __future__ import annotations

from typing import Final

from mailproto.imap.codes import SimpleCode
from mailproto.imap.parameters import SEARCH_RETURNS

__all__ = ["NOTSAVED", "SAVE"]

SAVE: Final = SEARCH_RETURNS.simple("SAVE", "SEARCHRES")
"""The return option that makes the server remember what was found (section 2.1)."""

NOTSAVED: Final = SimpleCode("NOTSAVED")
"""The server did not remember it (section 2.5)."""

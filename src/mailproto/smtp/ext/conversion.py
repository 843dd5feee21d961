"""CONPERM and CONNEG: who may convert a message, and what a recipient can show (RFC 4141).

What a recipient can show is a filter in the syntax of RFC 2533, which is not read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mailproto.smtp.rows import RCPT, Extension, flag

__all__ = ["CONNEG", "CONNEG_EXTENSION", "CONPERM", "CONPERM_EXTENSION", "capability_lines", "capability_of"]

CONPERM: Final = flag("CONPERM", "CONPERM", refusal=504)
"""CONPERM of MAIL allows to convert the parts that have a header field Content-Convert (section 4.2)."""

CONNEG: Final = flag("CONNEG", "CONNEG", RCPT, refusal=504)
"""CONNEG of RCPT asks what this recipient can show (section 5.2)."""

CONPERM_EXTENSION: Final = Extension("CONPERM")
"""CONPERM, for a server whose application converts, or passes the permission on."""

CONNEG_EXTENSION: Final = Extension("CONNEG")
"""CONNEG, for a server whose application answers with `capability_lines`."""


def capability_of(lines: Iterable[str]) -> str | None:
    """Return the filter that the *lines* of a reply to RCPT carry, its lines kept; None: there is none."""
    words = (line.partition(" ") for line in lines)
    found = [text.strip() for keyword, _, text in words if keyword.upper() == "CONNEG"]
    return "\n".join(found) or None


def capability_lines(capability: str) -> tuple[str, ...]:
    """Return the lines that carry *capability*, one for each of its own, behind the first of the reply."""
    return tuple(f"CONNEG {line.strip()}" for line in capability.splitlines())

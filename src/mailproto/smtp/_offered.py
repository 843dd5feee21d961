"""What a server's connection offers: its replies to EHLO and HELO, and what they allow the client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp.extensions import NO_EXTENSIONS, Extension, Extensions, Offer, allowed_parameters
from mailproto.smtp.parameters import Parameter
from mailproto.smtp.reply import Reply

__all__ = ["NOTHING_OFFERED", "Offered", "ehlo_reply", "helo_reply", "offered_in", "require_needed"]

_NEEDED_BY_LMTP: Final = ("PIPELINING", "ENHANCEDSTATUSCODES")
"""What "a server implementation MUST implement" (RFC 2033 section 5)."""


@lru_cache(maxsize=64)
def require_needed(rows: tuple[Extension, ...], *, lmtp: bool) -> None:
    """Raise LocalProtocolError if *rows* lack one that another of them needs, or that LMTP does."""
    keywords = {row.keyword for row in rows}
    needs = [(row.keyword, needed) for row in rows for needed in row.needs]
    needs += [("LMTP", needed) for needed in _NEEDED_BY_LMTP if lmtp]
    for keyword, needed in needs:
        if needed not in keywords:
            raise LocalProtocolError(f"extensions: {keyword} needs {needed}")


@lru_cache(maxsize=64)
def helo_reply(first: str) -> Reply:
    """Return the reply whose text is *first*, the host name."""
    return Reply(250, (first,))


@lru_cache(maxsize=64)
def ehlo_reply(rows: tuple[Extension, ...], offer: Offer, first: str) -> Reply:
    """Return the reply that offers what *rows* say of *offer*; it is the same for nearly all connections."""
    pairs = ((row.keyword, row.offered(offer)) for row in rows)
    offered = Extensions(tuple((keyword, value) for keyword, value in pairs if value is not None))
    return Reply(250, (first, *offered.lines()))


@dataclass(frozen=True, slots=True)
class Offered:
    """What an EHLO reply has offered: as it stands there, the verbs and the parameters that it allows."""

    extensions: Extensions = NO_EXTENSIONS
    verbs: frozenset[str] = frozenset()
    parameters: Mapping[tuple[str, str], Parameter[object]] = field(default_factory=dict)


NOTHING_OFFERED: Final = Offered()


@lru_cache(maxsize=64)
def offered_in(rows: tuple[Extension, ...], lines: tuple[str, ...]) -> Offered:
    """Return what the *lines* of an EHLO reply, but the first, offer of the *rows*."""
    extensions = Extensions.parse(lines)
    offered = [row for row in rows if row.keyword in extensions]
    verbs = frozenset(verb for row in offered for verb in row.verbs)
    return Offered(extensions, verbs, allowed_parameters(offered))

"""SEARCH=FUZZY: let the server find what only resembles a key (RFC 6203).

How well a message matched, RELEVANCY, is a return option of ESEARCH and a criterion of SORT.
"""

from __future__ import annotations

from typing import ClassVar, Final, final

from mailproto.imap.search import NestedKey, register_key

__all__ = ["Fuzzy"]

CAPABILITY: Final = "SEARCH=FUZZY"


@final
@register_key
class Fuzzy(NestedKey):
    """Messages that the key matches more or less, as the server sees it (section 3)."""

    __slots__ = ()
    name: ClassVar[str] = "FUZZY"
    capability: ClassVar[str] = CAPABILITY

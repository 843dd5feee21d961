"""Capabilities: the set of names that a server offers (RFC 3501 sections 6.1.1, 7.2.1 and 9)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from functools import lru_cache
from typing import Final, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._grammar import ATOM
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import Writer

__all__ = ["NO_CAPABILITIES", "REV1", "REV2", "Capabilities", "parse_capabilities", "write_capabilities"]

REV1: Final = "IMAP4REV1"
REV2: Final = "IMAP4REV2"
"""The revision of RFC 9051, as a capability and as what ENABLE names; as `Capabilities` keep names."""

_IN_REV2: Final = (
    "BINARY",
    "CHILDREN",
    "ENABLE",
    "ESEARCH",
    "IDLE",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "LITERAL-",
    "MOVE",
    "NAMESPACE",
    "SASL-IR",
    "SEARCHRES",
    "STATUS=SIZE",
    "UIDPLUS",
    "UNSELECT",
)
"""Extensions that RFC 9051 made part of the protocol (its appendix E).

Of BINARY that is FETCH only, of LIST-EXTENDED all but several patterns (appendices B and C): what is left
needs the name itself, see `Need.is_listed`. Of SPECIAL-USE it is the attributes, which need no capability.
"""

IMPLIED_BY: Final[dict[str, str]] = {
    **dict.fromkeys(_IN_REV2, REV2),
    "UTF8=ACCEPT": "UTF8=ONLY",
}
"""Capability -> another one that has all of it; RFC 9755 section 3 for UTF-8."""

_SPELLING: Final = {REV1: "IMAP4rev1", REV2: "IMAP4rev2"}

_SIGNS: Final = ("+", "-")

_SPACES = re.compile(rb" *")


@final
class Capabilities(Set[str]):
    """An immutable set of names in upper case; membership ignores case, unknown names are kept.

    Raises LocalProtocolError for a name that is not an atom.
    """

    __slots__ = ("_names", "is_rev2_only")

    def __init__(self, names: Iterable[str] = ()) -> None:
        if isinstance(names, str):
            raise LocalProtocolError(f"expected several capabilities, got the string {names[:40]!r}")
        self._names = _shared(frozenset(map(_checked, names)))
        # Connections ask for it at each response, so it is no property.
        self.is_rev2_only: bool = REV2 in self._names and REV1 not in self._names
        """Whether IMAP4rev2 is offered and IMAP4rev1 is not: then nothing of the older revision is left."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.upper() in self._names

    def __iter__(self) -> Iterator[str]:
        """Yield the names as they are written: protocol versions first, then sorted."""
        return iter(sorted(self._names, key=_order))

    def __len__(self) -> int:
        return len(self._names)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Capabilities):
            return self._names == other._names
        return self._names == other if isinstance(other, Set) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._names)

    def __repr__(self) -> str:
        return f"Capabilities({list(self)!r})"

    def values(self, name: str) -> tuple[str, ...]:
        """Return what stands behind `name=`, sorted: for "THREAD", the algorithms."""
        prefix = name.upper() + "="
        return tuple(sorted(entry[len(prefix) :] for entry in self._names if entry.startswith(prefix)))

    def offers(self, name: str) -> bool:
        """Return whether *name* is in it, by itself, with a value, or as a part of another capability.

        IMAP4rev1 is offered where no revision is named.
        """
        name = name.upper()
        if name == REV1:
            return not self.is_rev2_only
        return name in self._names or IMPLIED_BY.get(name) in self._names or bool(self.values(name))

    @property
    def auth(self) -> frozenset[str]:
        """The SASL mechanisms, in upper case."""
        return frozenset(self.values("AUTH"))


@lru_cache(256)
def _shared(names: frozenset[str]) -> frozenset[str]:
    """Return one object for equal sets: a server has one for each of its connections."""
    return names


def _checked(name: str) -> str:
    if not isinstance(name, str):
        raise LocalProtocolError(f"expected a capability as str, got {type(name).__name__}")
    if not ATOM.fullmatch(name.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected a capability, got {name[:40]!r}")
    return name.upper()


NO_CAPABILITIES: Final = Capabilities()


def _order(name: str) -> tuple[bool, str]:
    return not name.startswith("IMAP4"), name


def parse_capabilities(cursor: Cursor) -> Capabilities:
    """Read `*(SP capability)` up to the end or `]`, which is left. Spaces too many are a defect,
    and one before the `+` of LITERAL+."""
    names: list[str] = []
    while cursor.peek() == b" ":
        start = cursor.position
        spaces = cursor.expect_match(_SPACES, "a space").group()
        ends = cursor.peek() in (b"", b"]")
        if ends or len(spaces) > 1:
            cursor.defect("one space before each capability", start)
        if not ends:
            names.append(_parse_name(cursor, names))
    return Capabilities(names)


def _parse_name(cursor: Cursor, before: list[str]) -> str:
    start = cursor.position
    name = cursor.atom()
    if name not in _SIGNS or not before or before[-1].upper() != "LITERAL":
        return name
    # A sign is an atom, so the grammar has it. No RFC has a capability of that name, which none may invent.
    cursor.defect("LITERAL+ in one word", start)
    return before.pop() + name


def write_capabilities(writer: Writer, capabilities: Capabilities) -> None:
    """Write `*(SP capability)`; versions are spelled as in the RFCs, the rest in upper case."""
    for name in capabilities:
        writer.write(b" ")
        writer.atom(_SPELLING.get(name, name))

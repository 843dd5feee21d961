"""Flags: system flags, keywords, and lists of them (RFC 3501 sections 2.3.2 and 9).

A flag is a str as it travels: `\\Seen`, `$Junk`. System flags have one spelling here, whatever case came;
keywords keep theirs. A set of flags is written in sorted order, so that equal sets are equal octets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import Writer

__all__ = [
    "ANSWERED",
    "DELETED",
    "DRAFT",
    "FLAGGED",
    "RECENT",
    "SEEN",
    "FLAG_EXTENSION",
    "SYSTEM_FLAGS",
    "WILDCARD",
    "check_flag",
    "flag_set",
    "keyword",
    "parse_flag",
    "parse_flag_list",
    "write_flag_list",
]

ANSWERED: Final = "\\Answered"
FLAGGED: Final = "\\Flagged"
DELETED: Final = "\\Deleted"
SEEN: Final = "\\Seen"
DRAFT: Final = "\\Draft"
RECENT: Final = "\\Recent"
WILDCARD: Final = "\\*"
"""In PERMANENTFLAGS: new keywords can be made."""

SYSTEM_FLAGS: Final = frozenset({ANSWERED, FLAGGED, DELETED, SEEN, DRAFT})
"""What a client may set; `RECENT` is the server's alone."""

_SPELLING: Final = {flag.lower(): flag for flag in (*SYSTEM_FLAGS, RECENT)}

# flag           = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword / flag-extension
# flag-extension = "\" atom
# flag-keyword   = atom
# flag-perm      = flag / "\*"
FLAG_EXTENSION: Final = re.compile(rb'\\[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_FLAG = re.compile(rb'\\\*|\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
# flag-list      = "(" [flag *(SP flag)] ")"
_FLAG_LIST = re.compile(
    rb'\(((?:\\\*|\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+)?(?: (?:\\\*|\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+))*)\)'
)
_LOOSE_FLAG_LIST = re.compile(
    rb'\(((?:[^\x00-\x1f\x7f(){"]|"(?:[^\x00-\x1f\x7f"\\]|\\["\\])*+")*+)\)',
)
_LOOSE_FLAG: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"|[^ "]+')
_NO_FLAG: Final = re.compile(rb'[^ \x21-\x7e]|(?<!\\)[%*\]]|[^ (]\\|"')
_ESCAPE: Final = re.compile(rb"\\(.)")
_JOINED: Final = re.compile(
    rb"(?<=[^ (\"\\])(?=\\(?:Answered|Flagged|Deleted|Seen|Draft|Recent)(?![^ )\\]))", re.IGNORECASE
)


def check_flag(flag: str) -> str:
    """Return *flag* in its one spelling. Raises LocalProtocolError if it is not a flag."""
    if not isinstance(flag, str):
        raise LocalProtocolError(f"expected a flag as str, got {type(flag).__name__}")
    if not _FLAG.fullmatch(flag.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected a flag, got {flag[:40]!r}")
    return _spelled(flag)


def keyword(name: str) -> str:
    """Return *name* if it is a `flag-keyword`, which has no backslash; raises LocalProtocolError."""
    checked = check_flag(name)
    if checked.startswith("\\"):
        raise LocalProtocolError(f"expected a keyword, got {name[:40]!r}")
    return checked


def flag_set(flags: Iterable[str], *, wildcard: bool = False) -> frozenset[str]:
    """Return *flags* checked, in their one spelling. `\\*` is a flag only where *wildcard* says so."""
    if isinstance(flags, str):
        raise LocalProtocolError(f"expected several flags, got the string {flags[:40]!r}")
    checked = frozenset(map(check_flag, flags))
    if WILDCARD in checked and not wildcard:
        raise LocalProtocolError("expected flags, got \\*, which stands in PERMANENTFLAGS only")
    return checked


def parse_flag(cursor: Cursor) -> str:
    """Read a `flag`, `\\Recent` and `\\*` among them."""
    return _spelled(cursor.expect_match(_FLAG, "a flag").group().decode("ascii"))


def parse_flag_list(cursor: Cursor) -> frozenset[str]:
    """Read a parenthesized list of flags; what is no flag in it is a defect, and kept."""
    match = cursor.accept_match(_FLAG_LIST)
    if match is None:
        return _parse_loose_list(cursor)
    names: list[str] = match.group(1).decode("ascii").split(" ")
    return frozenset([_SPELLING.get(name.lower(), name) for name in names if name])


def _parse_loose_list(cursor: Cursor) -> frozenset[str]:
    start = cursor.position
    octets: bytes = cursor.expect_match(_LOOSE_FLAG_LIST, "a list of flags").group(1)
    if _NO_FLAG.search(_JOINED.sub(b" ", octets)):
        cursor.defect("flags that are atoms", start)
    else:
        cursor.defect("flags with one space between them", start)
    return frozenset(map(_spelled, _loose_flags(octets)))


def _loose_flags(octets: bytes) -> list[str]:
    """Return what stands between spaces; strings without their quotes, and system flags one by one."""
    found = _LOOSE_FLAG.finditer(_JOINED.sub(b" ", octets))
    flags = (match.group() if match[1] is None else _ESCAPE.sub(rb"\1", match[1]) for match in found)
    return [flag.decode("utf-8", "surrogateescape") for flag in flags if flag]


def write_flag_list(writer: Writer, flags: Iterable[str]) -> None:
    """Write a parenthesized list of flags, sorted.

    Raises LocalProtocolError for what a list of flags is never read as: those of a response need be no atoms.
    """
    names = sorted(flags)
    octets = b"(" + " ".join(names).encode("utf-8", "surrogateescape") + b")"
    if octets.count(b" ") >= max(1, len(names)) or not _is_read_as(octets, names):
        raise LocalProtocolError(f"expected flags, got {str(names)[:40]}")
    writer.write(octets)


def _is_read_as(octets: bytes, names: list[str]) -> bool:
    if _FLAG_LIST.fullmatch(octets):
        return True
    return _LOOSE_FLAG_LIST.fullmatch(octets) is not None and _loose_flags(octets[1:-1]) == names


def _spelled(flag: str) -> str:
    return _SPELLING.get(flag.lower(), flag)

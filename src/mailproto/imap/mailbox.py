"""Mailbox names, patterns of LIST, and names of status items (RFC 3501 sections 5.1, 6.3.8, 6.3.10 and 9).

A name is a str; on the wire it is modified UTF-7, or UTF-8 where that is enabled (RFC 9755) and in IMAP4rev2
(RFC 9051 section 5.1). INBOX in any case is "INBOX". A name that is not valid modified UTF-7 is kept so that
the same octets go back (see `mailproto.imap.utf7`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.imap import utf7
from mailproto.imap._grammar import LIST_CHARS, PLAIN_LIST_MAILBOX
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import MAX_QUOTED, Writer

__all__ = [
    "INBOX",
    "STATUS_ITEMS",
    "check_list_mailbox",
    "check_mailbox",
    "name_octets",
    "name_of",
    "net_unicode",
    "parse_bare_mailbox",
    "parse_list_mailbox",
    "parse_mailbox",
    "write_list_mailbox",
    "write_mailbox",
]

INBOX: Final = "INBOX"
_INBOX = re.compile(r"[Ii][Nn][Bb][Oo][Xx]\Z")

# A name between quotes that are not escaped, or without any.
_BARE: Final = re.compile(rb'"([^\r\n\0]*)"|[^"\r\n\0][^\r\n\0]*')
_ESCAPED: Final = re.compile(rb'\\(["\\])')

STATUS_ITEMS: Final = frozenset({"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN"})
"""The names of `status-att` in RFC 3501; extensions have more."""


def check_mailbox(name: str) -> str:
    """Return *name* with INBOX in its one spelling. Raises LocalProtocolError for NUL and broken Unicode."""
    return _normalised(check_list_mailbox(name))


# RFC 9755 section 3 adds to RFC 5198 that there are no controls at all, and neither of the separators.
_NOT_IN_NAMES: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def net_unicode(name: str) -> str:
    """Return *name* as a new mailbox should be called in IMAP4rev2: in Normalization Form C (RFC 5198).

    A server that converts the name given to CREATE so says it by LIST with OLDNAME; one that does not convert
    must refuse what is not equal to its result (RFC 9051 sections 5.1 and 6.3.4). Raises LocalProtocolError
    for controls, U+2028, U+2029 and broken Unicode, which no name holds.
    """
    found = _NOT_IN_NAMES.search(check_list_mailbox(name))
    if found is not None:
        raise LocalProtocolError(f"mailbox name: expected no U+{ord(found.group()):04X}, got {name[:40]!r}")
    return check_mailbox(unicodedata.normalize("NFC", name))


def check_list_mailbox(pattern: str) -> str:
    """Return *pattern*, in which INBOX is not special. Raises LocalProtocolError as `check_mailbox` does."""
    if not isinstance(pattern, str):
        raise LocalProtocolError(f"expected a mailbox name as str, got {type(pattern).__name__}")
    utf7.check(pattern)
    return pattern


def parse_mailbox(cursor: Cursor) -> str:
    """Read a `mailbox`."""
    return _normalised(name_of(cursor, cursor.astring()))


def parse_bare_mailbox(cursor: Cursor, end: int) -> str:
    """Read all up to *end* as a `mailbox` that should have been quoted, or have its quotes escaped.

    Raises ParseError where there is nothing, a literal, or half a quoted string; when strict, in any case.
    """
    start = cursor.position
    octets = cursor.text[start:end].rstrip(b" ")
    match = _BARE.fullmatch(octets)
    if match is None:
        raise cursor.error("a mailbox")
    inner: bytes | None = match[1]
    cursor.defect(
        "quotes escaped inside a quoted string" if inner is not None else "a mailbox name in quotes"
    )
    cursor.position = end
    return _normalised(name_of(cursor, octets if inner is None else _ESCAPED.sub(rb"\1", inner)))


def write_mailbox(writer: Writer, name: str) -> None:
    """Write a `mailbox`."""
    writer.astring(name_octets(writer, name))


def parse_list_mailbox(cursor: Cursor) -> str:
    """Read a `list-mailbox`: a name in which `%` and `*` are wildcards."""
    return name_of(cursor, cursor.astring(LIST_CHARS))


def write_list_mailbox(writer: Writer, pattern: str) -> None:
    """Write a `list-mailbox`; a wildcard is one inside quotes too."""
    octets = name_octets(writer, pattern)
    if len(octets) <= MAX_QUOTED and PLAIN_LIST_MAILBOX.match(octets):
        writer.write(octets)
    else:
        writer.string(octets)


def name_of(cursor: Cursor, octets: bytes) -> str:
    """Return the name that *octets* say: modified UTF-7, or UTF-8 where that is enabled."""
    return octets.decode("utf-8", "surrogateescape") if cursor.utf8 else utf7.decode(octets)


def name_octets(writer: Writer, name: str) -> bytes:
    """Return *name* as octets: in modified UTF-7, or in UTF-8 where that is enabled.

    Octets that were no modified UTF-7 then travel as they are, and so read as another name.
    """
    if not writer.utf8:
        return utf7.encode(name)
    return _OCTETS.sub(_unescaped, name).encode("utf-8", "surrogateescape")


_OCTETS: Final = re.compile("[\udc00-\udc7f]")


def _unescaped(match: re.Match[str]) -> str:
    return chr(ord(match.group()) & 0x7F)


def _normalised(name: str) -> str:
    return INBOX if _INBOX.match(name) else name

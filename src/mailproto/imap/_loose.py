"""Reading what servers send against the grammar of ENVELOPE, BODYSTRUCTURE and other nested values.

Where the exact production does not match, the value is read as a list in which spaces may be missing or
repeated, and is made from what the list has. Who makes it says by which rules of `mailproto.imap.quirks` it
deviates; their defects stand where the exact production stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias, TypeGuard, TypeVar

from mailproto.errors import Defect
from mailproto.imap._grammar import LITERAL_MARK
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.values import Message, Omitted, Value

__all__ = [
    "Repairs",
    "as_nstring",
    "as_number",
    "as_string",
    "is_word",
    "note",
    "parse_or_recover",
    "parse_tree",
    "skip_value",
]

T = TypeVar("T")

_SPACES: Final = re.compile(rb" *")
_ATOM: Final = re.compile(rb'[^\x00-\x20()"{]+')
_NIL: Final = re.compile(rb"[Nn][Ii][Ll]")
_NUMBER: Final = re.compile(rb"[0-9]{1,19}")
_NEGATIVE: Final = re.compile(rb"-[0-9]{1,20}")

# One token of anything: a quoted string, the mark of a literal, a parenthesis, or what stands between.
_TOKEN: Final = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"|(%b)|[()]| +|[^()" {~]+|[{~]' % LITERAL_MARK.pattern, re.DOTALL
)

# The same, where a quoted string goes on behind a quote unless what follows can be the next value of a list;
# and then where it ends too at a quote before a closing parenthesis, though there is a backslash before it.
_LOOSE_TOKEN: Final = (
    rb'"((?:[^"\\\r\n]|%%b\\.|"(?!\)|\Z| (?:["({]|[Nn][Ii][Ll][ )]|[0-9]+[ )])))*+)"'
    rb'|%b|[()]| +|[^()" {~]+|[{~]' % LITERAL_MARK.pattern
)
_WITH_QUOTES: Final = re.compile(_LOOSE_TOKEN % b"", re.DOTALL)
_WITH_BACKSLASHES: Final = re.compile(_LOOSE_TOKEN % rb'\\(?="\))|', re.DOTALL)
_ESCAPE_OR_QUOTE: Final = re.compile(rb'\\.|("|\\\Z)', re.DOTALL)


Repairs: TypeAlias = list[str]
"""The rules by which a tree deviates, as they are found."""


def parse_or_recover(
    cursor: Cursor,
    exact: Callable[[Cursor], T],
    convert: Callable[[tuple[Value, ...], Repairs], T],
    rule: str,
) -> T:
    """Read by *exact*; where that fails, read a tree and *convert* it, with a defect for each repair.

    *rule* is that of a tree in which nothing but spaces needed a repair. Raises ParseError where there is no
    list, and at any deviation when strict.
    """
    start, literal_index, defects = cursor.position, cursor.literal_index, len(cursor.defects)
    try:
        return exact(cursor)
    except ParseError as error:
        if cursor.strict:
            raise
        cursor.position, cursor.literal_index = start, literal_index
        del cursor.defects[defects:]
        return _with_escapes(cursor, exact) or _recover(cursor, convert, rule, error)


def _recover(
    cursor: Cursor, convert: Callable[[tuple[Value, ...], Repairs], T], rule: str, error: ParseError
) -> T:
    place = len(cursor.defects)
    tree = parse_tree(cursor, cursor.max_depth)
    if not isinstance(tree, tuple):
        raise error
    repairs: Repairs = []
    value = convert(tree, repairs)
    found = dict.fromkeys(repairs or [rule])
    cursor.defects[place:place] = [Defect(repair, error.offset, error.found) for repair in found]
    return value


def _with_escapes(cursor: Cursor, exact: Callable[[Cursor], T]) -> T | None:
    """Read by *exact* once each quote inside a quoted string is escaped; None moves nothing.

    A string that a quote leaves open may reach over many items: what was looked at for one of them in vain is
    not looked at for the next, or a line of them would take a time that grows with the square of its length.
    """
    if cursor.position < cursor.loose_until:
        return None
    found = _read_with(cursor, exact, _WITH_QUOTES)
    if found is not None:
        cursor.defect("quotes escaped inside a quoted string", found[1])
        return found[0]
    found = _read_with(cursor, exact, _WITH_BACKSLASHES)
    if found is not None:
        cursor.defect("a backslash escaped inside a quoted string", found[1])
        return found[0]
    return None


def _read_with(
    cursor: Cursor, exact: Callable[[Cursor], T], token: re.Pattern[bytes]
) -> tuple[T, int] | None:
    """Return what is read, and where the first escape is missing."""
    octets, end, offset = _escaped(cursor, token)
    cursor.loose_until = max(cursor.loose_until, end)
    if offset < 0:
        return None
    marks = octets.count(b"}\r\n")
    literals = cursor.literals[cursor.literal_index : cursor.literal_index + marks]
    other = Cursor(Message(octets, literals), max_depth=cursor.max_depth, max_ranges=cursor.max_ranges)
    try:
        value = exact(other)
    except ParseError:
        return None
    if not other.is_at_end or other.defects:
        return None
    cursor.position, cursor.literal_index = end, cursor.literal_index + other.literal_index
    return value, offset


def _escaped(cursor: Cursor, token: re.Pattern[bytes]) -> tuple[bytes, int, int]:
    """Return the list at the position with escapes, where it ends, and where the first one is missing.

    That is -1 if none is, or if the list does not end; then the end is that of what was looked at.
    """
    pieces: list[bytes] = []
    text, position, depth, first = cursor.text, cursor.position, 0, -1
    while match := token.match(text, position):
        octets = match.group()
        position = match.end()
        depth += (octets == b"(") - (octets == b")")
        inner = match[1]
        if inner is not None and (missing := _missing(inner)) >= 0:
            first = match.start(1) + missing if first < 0 else first
            octets = b'"%b"' % _ESCAPE_OR_QUOTE.sub(_escape, inner)
        pieces.append(octets)
        if depth <= 0:
            return b"".join(pieces), position, first
    end = text.find(b"\r\n", position)
    return b"", len(text) if end < 0 else end, -1


def _missing(inner: bytes) -> int:
    """Return where the first escape is missing in a quoted string, -1 if none is."""
    return next((match.start(1) for match in _ESCAPE_OR_QUOTE.finditer(inner) if match[1]), -1)


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\" + match[1] if match[1] else match.group()


def note(cursor: Cursor, error: ParseError) -> None:
    """Note as a defect what stopped an exact production."""
    cursor.defects.append(Defect(error.expected, error.offset, error.found))


def parse_tree(cursor: Cursor, depth: int) -> Value:
    """Read anything, spaces around it included, *depth* levels of lists deep at most."""
    cursor.accept_match(_SPACES)
    if cursor.text.startswith(b"(", cursor.position):
        return _tree_list(cursor, depth)
    if cursor.is_at_string():
        return cursor.content()
    octets = cursor.expect_match(_ATOM, "a value").group()
    if _NIL.fullmatch(octets):
        return None
    return int(octets) if _NUMBER.fullmatch(octets) else octets.decode("utf-8", "surrogateescape")


def _tree_list(cursor: Cursor, depth: int) -> Value:
    if depth <= 0:
        raise cursor.error(f"at most {cursor.max_depth} levels of nesting")
    cursor.position += 1
    members: list[Value] = []
    cursor.accept_match(_SPACES)
    while not cursor.accept(b")"):
        members.append(parse_tree(cursor, depth - 1))
        cursor.accept_match(_SPACES)
    return tuple(members)


def skip_value(cursor: Cursor) -> None:
    """Move past one value however malformed, up to a space or parenthesis outside of it; never recurses.

    Raises ParseError where a quoted string or a list does not end.
    """
    depth = 0
    while not cursor.is_at_end:
        octets = cursor.text[cursor.position : cursor.position + 1]
        if depth == 0 and octets in b" )":
            return
        if cursor.expect_match(_TOKEN, "the end of a quoted string").group(1):
            cursor.literal_index += 1
        depth += (octets == b"(") - (octets == b")")
    if depth:
        raise cursor.error("the end of a list")


def is_word(value: Value) -> TypeGuard[bytes | str]:
    """Whether *value* is a string, or an atom in place of one."""
    return isinstance(value, bytes | str)


def as_nstring(value: Value, repairs: Repairs) -> bytes | None:
    """Return a string or None for NIL; also where it came as an atom or a number, and None for a list."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, Omitted):
        return None
    repairs.append("a string or NIL")
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return b"%d" % value if isinstance(value, int) else None


def as_string(value: Value, repairs: Repairs) -> bytes:
    """Return a string as `as_nstring` does, b"" where that gives None."""
    octets = as_nstring(value, repairs)
    if value is None:
        repairs.append("a string, not NIL")
    return octets or b""


def as_number(value: Value, repairs: Repairs) -> int:
    """Return a number, also where it came as a string; 0 for anything else and for negative ones."""
    if isinstance(value, int):
        return value
    if is_word(value) and _NEGATIVE.fullmatch(as_nstring(value, []) or b""):
        repairs.append("a size of 0 or more")
        return 0
    repairs.append("a size in digits")
    return int(value) if isinstance(value, bytes) and _NUMBER.fullmatch(value) else 0

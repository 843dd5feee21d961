"""Reading what servers send against the grammar of ENVELOPE, BODYSTRUCTURE and other nested values.

Where the exact production does not match, the value is read as a list in which spaces may be missing or
repeated, and is made from what the list has. One defect says where the exact production stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeVar

from mailproto.errors import Defect
from mailproto.imap._grammar import LITERAL_MARK
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.values import Value

__all__ = [
    "as_list",
    "as_nstring",
    "as_number",
    "as_string",
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

# One token of anything: a quoted string, the mark of a literal, a parenthesis, or what stands between.
_TOKEN: Final = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"|(%b)|[()]| +|[^()" {~]+|[{~]' % LITERAL_MARK.pattern, re.DOTALL
)


def parse_or_recover(
    cursor: Cursor, exact: Callable[[Cursor], T], convert: Callable[[tuple[Value, ...]], T]
) -> T:
    """Read by *exact*; where that fails, read a tree and *convert* it, with a defect. Strict: ParseError."""
    start, literal_index, defects = cursor.position, cursor.literal_index, len(cursor.defects)
    try:
        return exact(cursor)
    except ParseError as error:
        if cursor.strict:
            raise
        cursor.position, cursor.literal_index = start, literal_index
        del cursor.defects[defects:]
        note(cursor, error)
        tree = parse_tree(cursor, cursor.max_depth)
        if not isinstance(tree, tuple):
            raise
        return convert(tree)


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


def as_list(value: Value) -> tuple[Value, ...]:
    """Return the members of a list; of anything else, none."""
    return value if isinstance(value, tuple) else ()


def as_nstring(value: Value) -> bytes | None:
    """Return a string, also where it came as an atom or a number; None for anything else."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return b"%d" % value if isinstance(value, int) else None


def as_string(value: Value, default: bytes = b"") -> bytes:
    """Return a string as `as_nstring` does, *default* where that gives None."""
    octets = as_nstring(value)
    return default if octets is None else octets


def as_number(value: Value) -> int:
    """Return a number, also where it came as a string; 0 for anything else and for negative ones."""
    if isinstance(value, bytes) and _NUMBER.fullmatch(value):
        value = int(value)
    return value if isinstance(value, int) else 0

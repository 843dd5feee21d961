"""What a framed message is made of, and generic values for what no module knows.

`Message` is what the framer gives to the parsers. `Value` is the tree that stands for the arguments of
unknown commands, response items and extensions: it is kept, shown and written back, never interpreted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._grammar import GENERIC_ATOM, NIL, NUMBER

__all__ = [
    "MAX_DEPTH",
    "Content",
    "Message",
    "Omitted",
    "Streamed",
    "Value",
    "check_ncontent",
    "check_octets",
    "check_value",
    "nesting",
]

MAX_DEPTH: Final = 100
"""Levels of nesting that a value may be built with; the default of `IMAPLimits.max_depth`."""


@final
@dataclass(frozen=True, slots=True)
class Streamed:
    """Stands for a literal of *size* octets that travels as events, not inside the value."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise LocalProtocolError(f"expected a size of 0 or more, got {self.size}")


@final
@dataclass(frozen=True, slots=True)
class Omitted:
    """Stands for a literal of *size* octets that was read and dropped, since it passed a limit."""

    size: int


Content: TypeAlias = bytes | Streamed | Omitted
"""The octets of a string, or what stands for them."""

Value: TypeAlias = "str | bytes | int | None | tuple[Value, ...] | Streamed | Omitted"
"""An atom (str), a string (bytes), a number, NIL (None), a parenthesized list, or a literal not kept."""


@final
class Message:
    """One framed command or response: its lines joined, and its literals beside them.

    `text` holds each mark `{n}CRLF` exactly as it was written and not the final CRLF; `literals` are in the
    order of the marks.
    """

    __slots__ = ("literals", "text")

    def __init__(self, text: bytes, literals: tuple[Content, ...] = ()) -> None:
        self.text: bytes = text
        self.literals: tuple[Content, ...] = literals

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return self.text == other.text and self.literals == other.literals

    def __hash__(self) -> int:
        return hash((self.text, self.literals))

    def __repr__(self) -> str:
        return f"Message({len(self.text)} octets, {len(self.literals)} literals)"


def check_ncontent(value: Content | None) -> Content | None:
    """Return *value* if it is octets, NUL among them too, or what stands for them, or None for NIL."""
    if value is not None and not isinstance(value, bytes | Streamed | Omitted):
        raise LocalProtocolError(f"expected a value as bytes, got {type(value).__name__}")
    return value


def check_octets(octets: bytes, name: str) -> None:
    """Raise LocalProtocolError unless *octets* can travel in a string: anything but NUL."""
    if b"\0" in octets:
        raise LocalProtocolError(f"{name}: expected octets other than NUL, got NUL at {octets.index(0)}")


def check_value(value: object, depth: int = MAX_DEPTH) -> None:
    """Raise LocalProtocolError unless *value* is a `Value` that reads back as it is."""
    if isinstance(value, tuple):
        if depth <= 0:
            raise LocalProtocolError(f"expected at most {MAX_DEPTH} levels of nesting, got more")
        for member in value:
            check_value(member, depth - 1)
    elif isinstance(value, str):
        _check_atom(value)
    elif isinstance(value, bytes):
        check_octets(value, "string")
    elif isinstance(value, int):
        _check_number(value)
    elif value is not None and not isinstance(value, Streamed | Omitted):
        raise LocalProtocolError(f"expected a value, got {type(value).__name__}")


def nesting(value: Value) -> int:
    """Return how many levels of lists *value* has, which `check_value` has checked."""
    return 1 + max(map(nesting, value), default=0) if isinstance(value, tuple) else 0


def _check_atom(atom: str) -> None:
    octets = atom.encode("utf-8", "surrogatepass")
    if not GENERIC_ATOM.fullmatch(octets) or NIL.fullmatch(octets) or NUMBER.fullmatch(octets):
        raise LocalProtocolError(f"expected an atom, got {atom[:40]!r}")


def _check_number(number: int) -> None:
    if isinstance(number, bool) or not 0 <= number < 10**20:
        raise LocalProtocolError(f"expected a number of at most 20 digits, got {str(number)[:40]}")

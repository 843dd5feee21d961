"""ID: the two ends tell each other what software they are (RFC 2971).

The answer, `IDData`, stands in `mailproto.imap.responses`; it has the same parameters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Self, TypeAlias, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.command import Command, register_command, text_octets
from mailproto.imap.cursor import Cursor
from mailproto.imap.writer import Writer

__all__ = ["ID", "IDParameters", "check_id_parameters", "parse_id_parameters", "write_id_parameters"]

IDParameters: TypeAlias = tuple[tuple[str, str | None], ...]
"""(field, value) pairs in the order of the wire; None is NIL. Octets that are not UTF-8 are surrogates."""

# RFC 2971 section 3.3: "Strings are not case-sensitive ... Field strings MUST NOT be longer than 30 octets.
# Value strings MUST NOT be longer than 1024 octets. Implementations MUST NOT send more than 30 field-value
# pairs", nor "the same field name more than once".
MAX_PAIRS: Final = 30
MAX_FIELD: Final = 30
MAX_VALUE: Final = 1_024


@final
@register_command
@dataclass(frozen=True, slots=True)
class ID(Command):
    """ID: say who one is, with at most 30 pairs, and ask the other end; None (NIL) only asks."""

    name: ClassVar[str] = "ID"
    parameters: IDParameters | None = None

    def __post_init__(self) -> None:
        if self.parameters is not None:
            object.__setattr__(self, "parameters", check_id_parameters(self.parameters))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP id-params-list`."""
        cursor.sp()
        return cls(parse_id_parameters(cursor))

    def write(self, writer: Writer) -> None:
        """Write the list, or NIL."""
        writer.write(b" ")
        write_id_parameters(writer, self.parameters)


def check_id_parameters(parameters: Iterable[tuple[str, str | None]]) -> IDParameters:
    """Return *parameters* as pairs. Raises LocalProtocolError beyond the limits of RFC 2971 section 3.3."""
    pairs = tuple((field, value) for field, value in parameters)
    if len(pairs) > MAX_PAIRS:
        raise LocalProtocolError(f"expected at most {MAX_PAIRS} pairs, got {len(pairs)}")
    if len({_checked(field, MAX_FIELD).lower() for field, _ in pairs}) < len(pairs):
        raise LocalProtocolError("expected each field once")
    for _, value in pairs:
        if value is not None:
            _checked(value, MAX_VALUE)
    return pairs


def _checked(text: str, most: int) -> str:
    size = len(text_octets(text, "ID"))
    if size > most:
        raise LocalProtocolError(f"ID: expected at most {most} octets, got {size}")
    return text


def parse_id_parameters(cursor: Cursor) -> IDParameters | None:
    """Read an `id-params-list`: pairs in parentheses, or NIL. The limits are not checked."""
    if cursor.accept_word(b"NIL"):
        return None
    cursor.expect(b"(")
    pairs: list[tuple[str, str | None]] = []
    while not cursor.accept(b")"):
        if pairs:
            cursor.sp()
        field = cursor.string()
        cursor.sp()
        value = cursor.nstring()
        pairs.append((_text(field), None if value is None else _text(value)))
    return tuple(pairs)


def write_id_parameters(writer: Writer, parameters: IDParameters | None) -> None:
    """Write an `id-params-list`."""
    if parameters is None:
        writer.write(b"NIL")
        return
    writer.write(b"(")
    for index, (field, value) in enumerate(parameters):
        if index:
            writer.write(b" ")
        writer.string(text_octets(field, "ID"))
        writer.write(b" ")
        writer.nstring(None if value is None else text_octets(value, "ID"))
    writer.write(b")")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")

"""What every command of SMTP is: a frozen value that knows its line, and what was odd about it when read."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar, Final, TypeAlias, TypeVar

from mailproto.errors import Defect

__all__ = ["Defects", "Value", "ValueT", "add_defects"]

Defects: TypeAlias = tuple[Defect, ...]
ValueT = TypeVar("ValueT", bound="Value")

_new: Final = object.__new__
_set: Final = object.__setattr__


@dataclass(frozen=True, slots=True)
class Value:
    """What all commands share: `defects` found when it was read, which count in no comparison."""

    name: ClassVar[str]
    defects: Defects = field(default=(), compare=False, repr=False, kw_only=True)

    @classmethod
    def _parsed(cls: type[ValueT], defects: Defects, **values: object) -> ValueT:
        """Build one of what a parser has accepted, without validating it again."""
        command = _new(cls)
        for name, value in values.items():
            _set(command, name, value)
        _set(command, "defects", defects)
        return command

    def serialize(self) -> bytes:
        """Return the line with its CRLF."""
        return f"{self.name}\r\n".encode("ascii")

    def shown(self) -> bytes:
        """Return the line as a trace may show it, with `***` where it holds a secret."""
        return self.serialize()


def add_defects(value: ValueT, more: Defects) -> ValueT:
    """Return *value*, as it was read, with *more* defects behind its own."""
    names = (field.name for field in fields(value) if field.name != "defects")
    return value._parsed(value.defects + more, **{name: getattr(value, name) for name in names})

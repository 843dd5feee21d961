"""Parameters, modifiers and options that extensions add to commands (RFC 4466 sections 2 and 3, RFC 5258).

All have one form, a name and perhaps a value, in a parenthesized list. For each place in the grammar there is
a table, filled by the module of the RFC: by `register` with a class, or by `simple` with a name that has no
value. What no module knows is an `UnknownParameter`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol, TypeAlias, TypeVar, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._grammar import ATOM, NUMBER
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.needs import Need
from mailproto.imap.values import Message, Value, check_value
from mailproto.imap.writer import Writer

__all__ = [
    "CREATE_PARAMETERS",
    "FETCH_MODIFIERS",
    "LIST_RETURNS",
    "LIST_SELECTIONS",
    "RENAME_PARAMETERS",
    "SEARCH_RETURNS",
    "SELECT_PARAMETERS",
    "STORE_MODIFIERS",
    "Parameter",
    "ParameterTable",
    "Parameters",
    "SimpleParameter",
    "UnknownParameter",
    "needs_of",
]


class Parameter(ABC):
    """One parameter, modifier or option. Equal ones are written as equal octets.

    Of `capabilities` the server must offer one. `enabled` must be switched on before; `enables` is switched
    on by a command with it (see `Need`).
    """

    __slots__ = ()

    capabilities: ClassVar[tuple[str, ...]] = ()
    enabled: ClassVar[str] = ""
    enables: ClassVar[str] = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name on the wire, in upper case."""

    @abstractmethod
    def write(self, writer: Writer) -> None:
        """Write what follows the name, with its leading space."""

    @property
    def answers(self) -> tuple[str, ...]:
        """Names of the responses that answer a command because of it."""
        return ()

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the server must offer for it."""
        return (Need(self.name, self.capabilities, self.enabled, self.enables),)

    def check_beside(  # noqa: B027  # most parameters stand anywhere
        self, others: Parameters, command: str
    ) -> None:
        """Raise LocalProtocolError if it cannot stand in *command*, a name, beside *others*."""


Parameters: TypeAlias = tuple[Parameter, ...]
"""What stands in one list."""

Check: TypeAlias = Callable[[Parameters, str], None]
"""Raises LocalProtocolError if a parameter cannot stand beside these, in the command of that name."""


def _fits(others: Parameters, command: str) -> None:
    """Accept: most parameters stand beside all others."""


@final
@dataclass(frozen=True, slots=True)
class SimpleParameter(Parameter):
    """A known name without a value; those of the RFCs are constants of their modules, made by `simple`."""

    name: str = field()
    needs: tuple[Need, ...] = field(compare=False, repr=False)
    answers: tuple[str, ...] = field(default=(), compare=False, repr=False)
    check: Check = field(default=_fits, compare=False, repr=False)

    def write(self, writer: Writer) -> None:
        """Write nothing: there is nothing behind the name."""

    def check_beside(self, others: Parameters, command: str) -> None:
        """Raise LocalProtocolError if it cannot stand in *command* beside *others*."""
        self.check(others, command)


# tagged-ext-simple = sequence-set / number
_SIMPLE_VALUE: Final = re.compile(rb"[0-9*$][0-9:,*$]*")


@final
@dataclass(frozen=True, slots=True)
class UnknownParameter(Parameter):
    """A parameter that no module knows.

    `value` is None if there is none, else a number, a sequence set as str, or the members of a list.
    """

    name: str = field()
    value: str | int | tuple[Value, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _checked_name(self.name))
        check_value(self.value)
        if isinstance(self.value, str) and not _SIMPLE_VALUE.fullmatch(self.value.encode("utf-8")):
            raise LocalProtocolError(f"expected a sequence set, got {self.value[:40]!r}")
        if isinstance(self.value, bytes):
            raise LocalProtocolError("expected a string inside of a list only")

    @classmethod
    def parse(cls, cursor: Cursor, name: str) -> UnknownParameter:
        """Read `[SP tagged-ext-val]`: what could be another name is none."""
        if cursor.accept(b" ("):
            cursor.position -= 1
            value = cursor.value()
            return cls(name, value if isinstance(value, tuple) else ())
        start = cursor.position
        if cursor.accept(b" ") and (match := cursor.accept_match(_SIMPLE_VALUE)):
            octets: bytes = match.group()
            return cls(name, int(octets) if NUMBER.fullmatch(octets) else octets.decode("ascii"))
        cursor.position = start
        return cls(name)

    def write(self, writer: Writer) -> None:
        """Write the value, if there is one."""
        if self.value is not None:
            writer.write(b" ")
            writer.value(self.value)


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not ATOM.fullmatch(name.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected the name of a parameter, got {str(name)[:40]!r}")
    if _SIMPLE_VALUE.match(name.encode("ascii")):
        raise LocalProtocolError(f"expected a name that is no number, got {name[:40]!r}")
    return name.upper()


class _ParameterClass(Protocol):
    name: ClassVar[str]

    @classmethod
    def parse(cls, cursor: Cursor) -> Parameter: ...


_ParameterClassT = TypeVar("_ParameterClassT", bound=_ParameterClass)


@final
class ParameterTable:
    """The parameters of one place in the grammar. `rows`: name -> what reads all that follows it.

    With *may_repeat* one that is read again, and is the same, counts once.
    """

    __slots__ = ("_kinds", "_least", "_may_repeat", "_place", "rows")

    def __init__(self, place: str, *, least: int = 1, may_repeat: bool = False) -> None:
        self._place = place
        self._least = least
        self._may_repeat = may_repeat
        self._kinds: set[object] = set()
        self.rows: dict[str, Callable[[Cursor], Parameter]] = {}

    def register(self, kind: type[_ParameterClassT]) -> type[_ParameterClassT]:
        """Add the row of the class *kind*; a class decorator."""
        self.rows[kind.name] = kind.parse
        self._kinds.add(kind)
        return kind

    def simple(
        self,
        name: str,
        *capabilities: str,
        enabled: str = "",
        enables: str = "",
        answers: tuple[str, ...] = (),
        check: Check = _fits,
    ) -> SimpleParameter:
        """Add the row of a name without a value and return the parameter."""
        needs = (Need(name, capabilities, enabled, enables),)
        parameter = SimpleParameter(name, needs, answers, check)
        self.rows[name] = lambda cursor: parameter
        self._kinds.add(parameter)
        return parameter

    def check(self, parameters: Iterable[Parameter], command: str) -> Parameters:
        """Return *parameters* of *command* as a tuple.

        Raises LocalProtocolError for one of elsewhere, one twice, or one that cannot stand there.
        """
        checked = tuple(parameters)
        for parameter in checked:
            self._check_one(parameter)
        if len({parameter.name for parameter in checked}) < len(checked):
            raise LocalProtocolError(f"expected each {self._place} once")
        for parameter in checked:
            parameter.check_beside(checked, command)
        return checked

    def _check_one(self, parameter: object) -> None:
        if isinstance(parameter, UnknownParameter):
            if parameter.name in self.rows:
                raise LocalProtocolError(f"{parameter.name}: expected the {self._place} of this name")
        elif type(parameter) not in self._kinds and not (
            isinstance(parameter, SimpleParameter) and parameter in self._kinds
        ):
            raise LocalProtocolError(f"expected a {self._place}, got {str(parameter)[:40]}")

    def parse(self, cursor: Cursor) -> Parameters:
        """Read `"(" parameter *(SP parameter) ")"`; the constructor of the command checks the whole."""
        cursor.expect(b"(")
        parameters: list[Parameter] = []
        if self._least == 0 and cursor.accept(b")"):
            return ()
        while not parameters or not cursor.accept(b")"):
            if parameters:
                cursor.sp()
            parameters.append(self._parse_one(cursor))
        return tuple(dict.fromkeys(parameters) if self._may_repeat else parameters)

    def of(self, parameters: Iterable[Parameter | str]) -> Parameters:
        """Return *parameters*, of which some may be as they are written. Raises LocalProtocolError."""
        return tuple(self._read(each) if isinstance(each, str) else each for each in parameters)

    def _read(self, text: str) -> Parameter:
        cursor = Cursor(Message(text.encode("utf-8", "surrogatepass")), strict=True)
        try:
            parameter = self._parse_one(cursor)
            cursor.expect_end()
        except ParseError:
            raise LocalProtocolError(f"expected a {self._place}, got {text[:40]!r}") from None
        return parameter

    def _parse_one(self, cursor: Cursor) -> Parameter:
        name = cursor.word()
        row = self.rows.get(name)
        return UnknownParameter.parse(cursor, name) if row is None else row(cursor)

    def accept(self, cursor: Cursor) -> Parameters:
        """Read `[SP "(" parameter *(SP parameter) ")"]`."""
        if not cursor.accept(b" ("):
            return ()
        cursor.position -= 1
        return self.parse(cursor)

    def write(self, writer: Writer, parameters: Parameters) -> None:
        """Write `"(" parameter *(SP parameter) ")"`."""
        writer.write(b"(")
        for index, parameter in enumerate(parameters):
            if index:
                writer.write(b" ")
            writer.atom(parameter.name)
            parameter.write(writer)
        writer.write(b")")

    def write_any(self, writer: Writer, parameters: Parameters) -> None:
        """Write the list with a leading space; nothing if it is empty."""
        if parameters:
            writer.write(b" ")
            self.write(writer, parameters)


def needs_of(parameters: Iterable[Parameter] | None) -> tuple[Need, ...]:
    """Return what all *parameters* need."""
    return tuple(need for parameter in parameters or () for need in parameter.needs)


SELECT_PARAMETERS: Final = ParameterTable("parameter of SELECT")
"""What may stand behind the mailbox of SELECT and EXAMINE (RFC 4466 section 2.1)."""
CREATE_PARAMETERS: Final = ParameterTable("parameter of CREATE")
"""What may stand behind the mailbox of CREATE (RFC 4466 section 2.2)."""
RENAME_PARAMETERS: Final = ParameterTable("parameter of RENAME")
"""What may stand behind the new name of RENAME (RFC 4466 section 2.3)."""
FETCH_MODIFIERS: Final = ParameterTable("modifier of FETCH")
"""What may stand behind the items of FETCH and UID FETCH (RFC 4466 section 2.4)."""
STORE_MODIFIERS: Final = ParameterTable("modifier of STORE")
"""What may stand behind the set of STORE and UID STORE (RFC 4466 section 2.5)."""
SEARCH_RETURNS: Final = ParameterTable("return option of SEARCH", least=0)
"""What RETURN of SEARCH, SORT and THREAD may ask for (RFC 4466 section 2.6, RFC 4731, RFC 5267)."""
# RFC 9051 section 6.3.9: "the server MUST act as if it received the option only once".
LIST_SELECTIONS: Final = ParameterTable("selection option of LIST", least=0, may_repeat=True)
"""Which mailboxes an extended LIST shows (RFC 5258 section 3.1)."""
LIST_RETURNS: Final = ParameterTable("return option of LIST", least=0, may_repeat=True)
"""What RETURN of LIST may ask for (RFC 5258 section 3.2)."""

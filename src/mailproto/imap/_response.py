"""What all data responses have in common, and the tables by which one is read (RFC 3501 section 7).

Each class adds its row by `register_response` or `register_numbered`, in the module that owns it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, Self, TypeAlias, TypeVar, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap.cursor import MAX_NUMBER, Cursor, ParseError
from mailproto.imap.values import Content, Streamed
from mailproto.imap.writer import Writer

__all__ = [
    "NUMBERED_ROWS",
    "RESPONSE_ROWS",
    "STREAMED_RESPONSES",
    "DataResponse",
    "DataValue",
    "NamedContents",
    "NamedValues",
    "check_count",
    "check_sequence_number",
    "filled",
    "filled_value",
    "read_or_leave_out",
    "register_numbered",
    "register_response",
]


class DataResponse(ABC):
    """An untagged response that is no status.

    `defects` says what was against the grammar; it is left out of equality and serialization.
    """

    __slots__ = ()

    name: ClassVar[str] = ""
    defects: tuple[Defect, ...]

    @abstractmethod
    def write(self, writer: Writer) -> None:
        """Write what stands between `* ` and CRLF."""


ContentT = TypeVar("ContentT")

NamedContents: TypeAlias = tuple[tuple[str, Content | None], ...]
"""Names and their values, in order; None is NIL."""


class NamedValues(DataResponse):
    """A response with values that have names, each of which may be a literal that streams."""

    __slots__ = ()

    @property
    @abstractmethod
    def last(self) -> tuple[str, object]:
        """The name that stands last, and its value, or the last of them."""

    @abstractmethod
    def filled(self, contents: Iterable[bytes | None]) -> Self:
        """Return this with *contents*, in order, where literals were streamed; None leaves one as it is."""


def filled(values: NamedContents, contents: Iterable[bytes | None]) -> NamedContents:
    """Return *values* with *contents* in order in place of those that were streamed, except for None."""
    rest = iter(contents)
    return tuple((name, filled_value(value, rest)) for name, value in values)


def filled_value(value: ContentT, contents: Iterator[bytes | None]) -> ContentT | bytes:
    """Return *value*, or the next of *contents* in place of what was streamed; None leaves it as it is."""
    octets = next(contents, None) if isinstance(value, Streamed) else None
    return value if octets is None else octets


STREAMED_RESPONSES: Final[set[str]] = set()
"""Names of the responses that are `NamedValues`; the modules of the RFCs fill it."""


@final
@dataclass(frozen=True, slots=True)
class DataValue:
    """Says what a streamed literal is: the value of this *name* in a response of this kind."""

    response: str
    name: str


RESPONSE_ROWS: Final[dict[str, Callable[[Cursor], DataResponse]]] = {}
"""Name of a response, in upper case -> what reads all that is behind the name."""

NUMBERED_ROWS: Final[dict[str, Callable[[Cursor, int], DataResponse]]] = {}
"""The same of responses that begin with a number."""


class _ResponseClass(Protocol):
    name: ClassVar[str]

    @classmethod
    def parse(cls, cursor: Cursor) -> DataResponse: ...


class _NumberedClass(Protocol):
    name: ClassVar[str]

    @classmethod
    def parse(cls, cursor: Cursor, number: int) -> DataResponse: ...


ValueT = TypeVar("ValueT")
_ResponseT = TypeVar("_ResponseT", bound=_ResponseClass)
_NumberedT = TypeVar("_NumberedT", bound=_NumberedClass)


def register_response(response: type[_ResponseT]) -> type[_ResponseT]:
    """Add the row of *response* to `RESPONSE_ROWS`; a class decorator."""
    RESPONSE_ROWS[response.name] = response.parse
    return response


def register_numbered(response: type[_NumberedT]) -> type[_NumberedT]:
    """Add the row of *response* to `NUMBERED_ROWS`; a class decorator."""
    NUMBERED_ROWS[response.name] = response.parse
    return response


def read_or_leave_out(
    cursor: Cursor, read: Callable[[Cursor], ValueT], ends: Container[bytes]
) -> ValueT | None:
    """Return what *read* reads up to one of *ends*; what cannot be read is a defect, is passed, and None."""
    start, literal_index = cursor.position, cursor.literal_index
    try:
        value = read(cursor)
        if cursor.peek() not in ends:
            raise cursor.error("the end of a value")
    except (ParseError, LocalProtocolError):
        cursor.position, cursor.literal_index = start, literal_index
        cursor.defect("a value as its name has it", start)
        cursor.value()
        return None
    return value


def check_count(number: int) -> None:
    """Raise LocalProtocolError unless *number* is a `number`: 32 bits, not negative."""
    _check(number, 0)


def check_sequence_number(number: int) -> None:
    """Raise LocalProtocolError unless *number* is an `nz-number`: 32 bits, not 0."""
    _check(number, 1)


def _check(number: object, least: int) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= MAX_NUMBER:
        raise LocalProtocolError(f"expected a number from {least} to {MAX_NUMBER}, got {str(number)[:40]}")

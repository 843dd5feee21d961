"""What all data responses have in common, and the tables by which one is read (RFC 3501 section 7).

Each class adds its row by `register_response` or `register_numbered`, in the module that owns it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final, Protocol, TypeVar

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap.cursor import MAX_NUMBER, Cursor
from mailproto.imap.writer import Writer

__all__ = [
    "NUMBERED_ROWS",
    "RESPONSE_ROWS",
    "DataResponse",
    "check_count",
    "check_sequence_number",
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


def check_count(number: int) -> None:
    """Raise LocalProtocolError unless *number* is a `number`: 32 bits, not negative."""
    _check(number, 0)


def check_sequence_number(number: int) -> None:
    """Raise LocalProtocolError unless *number* is an `nz-number`: 32 bits, not 0."""
    _check(number, 1)


def _check(number: object, least: int) -> None:
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= MAX_NUMBER:
        raise LocalProtocolError(f"expected a number from {least} to {MAX_NUMBER}, got {str(number)[:40]}")

"""A value that is never shown: not by repr, str, format, traces, logs or errors."""

from __future__ import annotations

import hmac
from typing import Generic, TypeVar, final

__all__ = ["Secret"]

ValueT = TypeVar("ValueT", str, bytes)


@final
class Secret(Generic[ValueT]):
    """A password, token or SASL response; `reveal()` is the only way to the value.

    Two secrets are compared in constant time. It cannot be pickled, since that would show it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: ValueT) -> None:
        self._value: ValueT = value

    def reveal(self) -> ValueT:
        """Return the value itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return type(self._value) is type(other._value) and hmac.compare_digest(
            _octets(self._value), _octets(other._value)
        )

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")


def _octets(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")

"""A value that is never shown: not by repr, str, format, traces, logs or errors."""

from __future__ import annotations

import hmac
import re
from typing import Final, Generic, TypeVar, final

__all__ = ["Secret", "hide_token"]

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


# iurlauth = ";URLAUTH=" access iurlauth-verifier ; iurlauth-verifier = ":" uauth-mechanism ":" enc-urlauth
#                                                                              (RFC 4467 section 8)
_TOKEN: Final = re.compile(rb"(;urlauth=[^:\s]*:)[^\s\"]+", re.IGNORECASE)


def hide_token(octets: bytes) -> bytes:
    """Return *octets* with `***` for the verifier of each IMAP URL with URLAUTH: whoever has it may read."""
    return _TOKEN.sub(rb"\1***", octets)


def _octets(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")

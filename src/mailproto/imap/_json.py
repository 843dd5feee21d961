"""Members of an object in JSON that somebody else may have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from mailproto.errors import LocalProtocolError

__all__ = ["JSONObject", "json_object", "member", "optional", "strings"]

JSONObject: TypeAlias = Mapping[str, object]


def json_object(data: object, what: str) -> JSONObject:
    """Return *data* if it is an object. Raises LocalProtocolError that names *what* was expected."""
    if not isinstance(data, dict):
        raise LocalProtocolError(f"expected {what}, got {str(data)[:40]!r}")
    return data


def member(data: JSONObject, name: str, kind: type[Any]) -> Any:
    """Return the member *name* of *data*, which must be a *kind*; a bool is no int here.

    Raises LocalProtocolError.
    """
    value = data.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise LocalProtocolError(f"{name[:40]}: expected {kind.__name__}, got {str(value)[:40]!r}")
    return value


def optional(data: JSONObject, name: str, kind: type[Any]) -> Any:
    """Return the member *name*, None if that is what stands there."""
    return None if data.get(name) is None else member(data, name, kind)


def strings(data: JSONObject, name: str) -> frozenset[str]:
    """Return the member *name*, which must be a list of strings."""
    found: list[object] = member(data, name, list)
    if not all(isinstance(each, str) for each in found):
        raise LocalProtocolError(f"{name}: expected strings")
    return frozenset(str(each) for each in found)

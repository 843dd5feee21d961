"""Preparation of names, passwords and traces: SASLprep (RFC 4013), and the "trace" profile of RFC 4505.

Both are profiles of stringprep (RFC 3454) over Unicode 3.2, as the standard library has it.
"""

from __future__ import annotations

import stringprep
from collections.abc import Callable
from typing import Final
from unicodedata import ucd_3_2_0

__all__ = ["PreparationError", "is_trace", "prepared_or_same", "saslprep"]

_Table = Callable[[str], bool]

_TRACE_PROHIBITS: Final[tuple[_Table, ...]] = (
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
"""RFC 4505 section 3."""

_SASL_PROHIBITS: Final[tuple[_Table, ...]] = (
    stringprep.in_table_c12,
    *_TRACE_PROHIBITS,
    stringprep.in_table_c7,
)
"""RFC 4013 section 2.3."""


class PreparationError(ValueError):
    """The text has a character that the profile forbids; the message does not show it."""


def saslprep(text: str, *, is_stored: bool = False) -> str:
    """Return *text* as names and passwords are compared (RFC 4013). Raises PreparationError.

    A query may hold code points that Unicode 3.2 does not assign; a stored string may not (RFC 3454 section
    7). The result may be empty.
    """
    if text.isascii() and text.isprintable():
        return text
    mapped = "".join(_mapped(character) for character in text)
    prepared = ucd_3_2_0.normalize("NFKC", mapped)
    _check(prepared, _SASL_PROHIBITS)
    if is_stored and any(map(stringprep.in_table_a1, prepared)):
        raise PreparationError("expected code points that Unicode 3.2 assigns")
    return prepared


def prepared_or_same(text: str) -> str:
    """Return *text* prepared, or as it is if it cannot be: such a text equals only itself."""
    try:
        return saslprep(text)
    except PreparationError:
        return text


def is_trace(text: str) -> bool:
    """Return whether *text* may be sent as the trace of ANONYMOUS: nothing is mapped (RFC 4505 section 3)."""
    try:
        _check(text, _TRACE_PROHIBITS)
    except PreparationError:
        return False
    return True


def _mapped(character: str) -> str:
    if stringprep.in_table_c12(character):
        return " "
    return "" if stringprep.in_table_b1(character) else character


def _check(text: str, prohibits: tuple[_Table, ...]) -> None:
    if any(prohibits_it(character) for character in text for prohibits_it in prohibits):
        raise PreparationError("expected no control, private or special characters")
    # RFC 3454 section 6: right-to-left text stands alone, and begins and ends as such.
    if any(map(stringprep.in_table_d1, text)):
        is_mixed = any(map(stringprep.in_table_d2, text))
        if is_mixed or not (stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])):
            raise PreparationError("expected no mixture of writing directions")

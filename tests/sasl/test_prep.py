from __future__ import annotations

import pytest

from mailproto.sasl import PreparationError, saslprep
from mailproto.sasl._prep import is_trace, prepared_or_same

# RFC 4013 section 3, then RFC 5802 section 3: characters whose forms C and KC differ.
CASES = {
    "ASCII": ("user", "user"),
    "case is kept": ("USER", "USER"),
    "empty": ("", ""),
    "soft hyphen is mapped to nothing": ("I\u00adX", "IX"),
    "feminine ordinal": ("\u00aa", "a"),
    "Roman numeral": ("\u2168", "IX"),
    "no-break space": ("a\u00a0b", "a b"),
    "one half": ("\u00bd", "1\u20442"),
    "decomposed": ("ju\u0308rgen", "jürgen"),
    "right to left": ("\u0627\u0628\u0629", "\u0627\u0628\u0629"),
    "unassigned in a query": ("\u0221", "\u0221"),
}
NOT_CASES = {
    "control character": "a\7",
    "DEL": "\x7f",
    "tag": "\U000e0041",
    "private use": "\ue000",
    "not a character": "\ufdd0",
    "replacement": "\ufffd",
    "ideographic description": "\u2ff0",
    "directional mark": "\u200e",
    "ends from right to left, then a digit": "\u06271",
    "both directions": "\u0627a\u0628",
}


@pytest.mark.parametrize("text, prepared", CASES.values(), ids=CASES)
def test_prepared(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared
    assert saslprep(prepared) == prepared
    assert prepared_or_same(text) == prepared


@pytest.mark.parametrize("text", NOT_CASES.values(), ids=NOT_CASES)
def test_prohibited(text: str) -> None:
    with pytest.raises(PreparationError) as caught:
        saslprep(text)
    assert text not in str(caught.value)
    assert prepared_or_same(text) == text


def test_what_is_not_assigned_may_be_asked_for_and_not_kept() -> None:
    with pytest.raises(PreparationError, match="assigns"):
        saslprep("\u0221", is_stored=True)
    assert saslprep("jürgen", is_stored=True) == "jürgen"


@pytest.mark.parametrize(
    "text", ["", "sirhc", "tim@example.org", "ju\u0308rgen", "\u0221", "\u00a0"], ids=ascii
)
def test_trace(text: str) -> None:
    assert is_trace(text)


@pytest.mark.parametrize("text", ["a\nb", "\x7f", "\ue000", "\u200e", "\u0627a"], ids=ascii)
def test_no_trace(text: str) -> None:
    assert not is_trace(text)

from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import LIMITS, AnnouncedLimits, Extensions, Offer

CASES = [
    ("RCPTMAX=20 MAILMAX=5", AnnouncedLimits(mail_max=5, rcpt_max=20), "MAILMAX=5 RCPTMAX=20"),
    ("RCPTDOMAINMAX=1", AnnouncedLimits(rcpt_domain_max=1), None),
    ("rcptmax=7", AnnouncedLimits(rcpt_max=7), "RCPTMAX=7"),
    (
        "RCPTMAX=999999 X-A=b,c X_B",
        AnnouncedLimits(rcpt_max=999_999, others=(("X-A", "b,c"), ("X_B", None))),
        None,
    ),
    ("X=a=b", AnnouncedLimits(others=(("X", "a=b"),)), None),
]
ONE_LEFT_OUT = ["MAILMAX=0", "MAILMAX=01", "MAILMAX=1000000", "MAILMAX", "MAILMAX=x", "MAILMAX=-1"]


@pytest.mark.parametrize("text, limits, written", CASES)
def test_reads_and_writes(text: str, limits: AnnouncedLimits, written: str | None) -> None:
    assert Extensions.parse([f"LIMITS {text}"]).limits == limits
    assert limits.serialize() == (written or text)
    assert AnnouncedLimits.parse(limits.serialize()) == limits


@pytest.mark.parametrize("word", ONE_LEFT_OUT)
def test_a_limit_with_a_malformed_value_is_left_out(word: str) -> None:
    assert AnnouncedLimits.parse(f"{word} RCPTMAX=3") == AnnouncedLimits(rcpt_max=3)


@pytest.mark.parametrize("text", ["", "RCPTMAX=3  MAILMAX=1", "RCPTMAX=", "A;B", "=3", "RCPTMAX=1;2", "\xe9"])
def test_what_is_malformed_counts_as_nothing(text: str) -> None:
    assert AnnouncedLimits.parse(text) is None


def test_the_first_of_one_name_counts() -> None:
    assert AnnouncedLimits.parse("RCPTMAX=3 RCPTMAX=4") == AnnouncedLimits(rcpt_max=3)


def test_not_offered() -> None:
    assert Extensions().limits is None


@pytest.mark.parametrize(
    "other", [("MAILMAX", "1"), ("x", None), ("", None), ("X", ""), ("X", "a b"), ("X=a", "b")]
)
def test_cannot_be_built(other: tuple[str, str | None]) -> None:
    with pytest.raises(LocalProtocolError):
        AnnouncedLimits(others=(other,))


@pytest.mark.parametrize("number", [0, 1_000_000])
def test_numbers_that_cannot_be_said(number: int) -> None:
    with pytest.raises(LocalProtocolError):
        AnnouncedLimits(rcpt_max=number)


def test_what_a_server_offers() -> None:
    nothing = Offer(start_tls=False, auth_mechanisms=(), max_message=0)
    assert LIMITS.offered(nothing) is None
    some = Offer(start_tls=False, auth_mechanisms=(), max_message=0, max_transactions=2, max_recipients=10**6)
    assert LIMITS.offered(some) == "MAILMAX=2"

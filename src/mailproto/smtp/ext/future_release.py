"""FUTURERELEASE: hold a message back for a time, at submission (RFC 4865)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp.ext._date_time import parse_date_time, serialize_date_time, to_utc, try_date_time
from mailproto.smtp.ext.deliver_by import BY
from mailproto.smtp.rows import Extension, Given, Offered, Parameter

__all__ = ["FutureReleaseLimits", "HOLDFOR", "HOLDUNTIL", "future_release"]

MAX_INTERVAL: Final = 999_999_999
"""Seconds that HOLDFOR can name."""

# future-release-integer = %x31-39 *8DIGIT
_INTERVAL: Final = re.compile("[1-9][0-9]{0,8}").fullmatch


@dataclass(frozen=True, slots=True)
class FutureReleaseLimits:
    """How long a server holds messages: `max_interval` in seconds, and `max_date_time`, kept in UTC.

    Raises LocalProtocolError for an interval that is not from 1 to 999,999,999 and for a date and time
    without a time zone.
    """

    max_interval: int
    max_date_time: datetime

    def __post_init__(self) -> None:
        if not 1 <= self.max_interval <= MAX_INTERVAL:
            raise LocalProtocolError(
                f"FUTURERELEASE: expected from 1 to {MAX_INTERVAL} s, got {self.max_interval}"
            )
        object.__setattr__(self, "max_date_time", to_utc(self.max_date_time))

    @classmethod
    def parse(cls, text: str) -> FutureReleaseLimits | None:
        """Read the parameters of FUTURERELEASE; None if they are malformed."""
        interval, _, date_time = text.partition(" ")
        moment = try_date_time(date_time)
        return None if moment is None or _INTERVAL(interval) is None else cls(int(interval), moment)

    def serialize(self) -> str:
        """Return the parameters of FUTURERELEASE."""
        return f"{self.max_interval} {serialize_date_time(self.max_date_time)}"


# future-release-date-time = Internet-style-date-time-UTC ; "normalized to UTC"
def _is_until(text: str) -> bool:
    return text.upper().endswith(("Z", "+00:00", "-00:00")) and try_date_time(text) is not None


def _check(given: Given, offered: Offered) -> None:
    """Refuse what section 4.2 has a server refuse; what needs a clock is left to the application."""
    interval, moment = given.value(HOLDFOR), given.value(HOLDUNTIL)
    if interval is not None and moment is not None:
        raise CommandSyntaxError("HOLDFOR and HOLDUNTIL exclude each other")
    by = given.value(BY)
    if interval is not None and by is not None and interval > by.seconds:
        raise CommandSyntaxError("HOLDFOR is longer than BY")
    limits = FutureReleaseLimits.parse(offered.get("FUTURERELEASE") or "")
    if limits is None:
        return
    if interval is not None and interval > limits.max_interval:
        raise CommandSyntaxError(f"HOLDFOR: the longest time is {limits.max_interval} s")
    if moment is not None and moment > limits.max_date_time:
        raise CommandSyntaxError(f"HOLDUNTIL: the last is {serialize_date_time(limits.max_date_time)}")


HOLDFOR: Final = Parameter("HOLDFOR", ("FUTURERELEASE",), _INTERVAL, int, str, check=_check)
"""HOLDFOR of MAIL, the seconds from now for which to hold the message back, 1 to 999,999,999."""

HOLDUNTIL: Final = Parameter(
    "HOLDUNTIL", ("FUTURERELEASE",), _is_until, parse_date_time, serialize_date_time, check=_check
)
"""HOLDUNTIL of MAIL, until when to hold the message back, a `datetime` with its time zone."""


def future_release(max_interval: int, max_date_time: datetime) -> Extension:
    """Return the row of FUTURERELEASE, for a submission server whose application holds messages.

    *max_interval* is in seconds; for a *max_date_time* that moves on, make a row for each connection. What
    exceeds them gets a 501. Raises LocalProtocolError as `FutureReleaseLimits` does.
    """
    text = FutureReleaseLimits(max_interval, max_date_time).serialize()
    return Extension("FUTURERELEASE", lambda offer: text)

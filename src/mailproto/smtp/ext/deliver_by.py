"""DELIVERBY: within which time a message is to be delivered, and what to do if it is not (RFC 2852)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp.rows import Extension, Given, Offered, Parameter

__all__ = ["BY", "ByMode", "DeliverBy", "deliver_by", "parse_min_by_time"]

MAX_BY_TIME: Final = 999_999_999
"""Seconds that BY can name, in either direction."""


class ByMode(enum.Enum):
    """What happens to a message that is late (RFC 2852 section 4.1.3)."""

    NOTIFY = "N"
    """Delivery goes on, and the sender is told."""
    RETURN = "R"
    """The message is returned."""


@dataclass(frozen=True, slots=True)
class DeliverBy:
    """Deliver within `seconds` from now, else act as `mode` says; `is_traced`: report each relay.

    A time that is over is 0 or negative, which only `ByMode.NOTIFY` may have. Raises LocalProtocolError for
    that, and beyond 999,999,999 seconds.
    """

    seconds: int
    mode: ByMode
    is_traced: bool = False

    def __post_init__(self) -> None:
        least = 1 if self.mode is ByMode.RETURN else -MAX_BY_TIME
        if not least <= self.seconds <= MAX_BY_TIME:
            raise LocalProtocolError(f"BY: expected from {least} to {MAX_BY_TIME} s, got {self.seconds}")


# by-value = by-time ";" by-mode [by-trace] ;  by-mode = "N" / "R" ;  by-trace = "T"
# by-time  = ["-" / "+"] 1*9digit ; a negative or zero value is not allowed with a by-mode of "R"
_BY: Final = re.compile(r"(?:[+-]?[0-9]{1,9};N|\+?(?!0+;)[0-9]{1,9};R)T?", re.IGNORECASE | re.ASCII).fullmatch
# deliverby-param = min-by-time *( ',' extension-token ) ;  min-by-time = [1*9DIGIT]
_MIN_BY_TIME: Final = re.compile(r"([0-9]{1,9})(?:,.*)?").fullmatch


def _parse(text: str) -> DeliverBy:
    time, _, mode = text.upper().partition(";")
    return DeliverBy(int(time), ByMode(mode[0]), mode.endswith("T"))


def _serialize(by: DeliverBy) -> str:
    return f"{by.seconds};{by.mode.value}{'T' if by.is_traced else ''}"


def parse_min_by_time(text: str) -> int:
    """Return the least seconds that the parameters of DELIVERBY allow with `ByMode.RETURN`; 0: no bound."""
    found = _MIN_BY_TIME(text)
    return 0 if found is None else int(found[1])


def _check(given: Given, offered: Offered) -> None:
    by = given.value(BY)
    least = parse_min_by_time(offered.get("DELIVERBY") or "")
    if by is not None and by.mode is ByMode.RETURN and by.seconds < least:
        raise CommandSyntaxError(f"BY: the least time is {least} s", code=555, enhanced_code="5.3.3")


BY: Final = Parameter("BY", ("DELIVERBY",), _BY, _parse, _serialize, check=_check)
"""BY of MAIL, the time within which to deliver, and what to do with a message that is late."""


def deliver_by(min_by_time: int = 0) -> Extension:
    """Return the row of DELIVERBY, for a server whose application keeps to the time.

    *min_by_time* is the least that it promises with `ByMode.RETURN`, in seconds; less gets a 555. Raises
    LocalProtocolError beyond 999,999,999.
    """
    if not 0 <= min_by_time <= MAX_BY_TIME:
        raise LocalProtocolError(f"DELIVERBY: expected from 0 to {MAX_BY_TIME} s, got {min_by_time}")
    return Extension("DELIVERBY", lambda offer: str(min_by_time or ""))

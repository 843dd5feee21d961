"""RRVS: deliver only if the mailbox has the owner that it had at a certain time (RFC 7293)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp.ext._date_time import parse_date_time, serialize_date_time, to_utc, try_date_time
from mailproto.smtp.rows import RCPT, Extension, Parameter

__all__ = ["EXTENSION", "RRVS", "NoSupport", "ValidSince"]


class NoSupport(enum.Enum):
    """What to do when the next server does not know RRVS (RFC 7293 section 5.1.1)."""

    CONTINUE = "C"
    REJECT = "R"


@dataclass(frozen=True, slots=True)
class ValidSince:
    """The mailbox has had one owner since `moment`, kept in UTC, in whole seconds.

    `no_support` None means `NoSupport.REJECT`, and is not the same: a relay passes on what it got. Raises
    LocalProtocolError without a time zone and for a fraction of a second.
    """

    moment: datetime
    no_support: NoSupport | None = None

    def __post_init__(self) -> None:
        if self.moment.microsecond:
            raise LocalProtocolError(f"RRVS: expected whole seconds, got {self.moment}")
        object.__setattr__(self, "moment", to_utc(self.moment))


# rrvs-param = "RRVS=" date-time [ ";" ( "C" / "R" ) ] ; "a 'time-secfrac' MUST NOT be used" (section 3.1)
_RRVS: Final = re.compile(r"([^.;]+)(?:;[CR])?", re.IGNORECASE | re.ASCII).fullmatch


def _is_rrvs(text: str) -> bool:
    found = _RRVS(text)
    return found is not None and try_date_time(found[1]) is not None


def _parse(text: str) -> ValidSince:
    moment, _, action = text.partition(";")
    return ValidSince(parse_date_time(moment), NoSupport(action.upper()) if action else None)


def _serialize(since: ValidSince) -> str:
    action = "" if since.no_support is None else f";{since.no_support.value}"
    return f"{serialize_date_time(since.moment)}{action}"


RRVS: Final = Parameter("RRVS", ("RRVS",), _is_rrvs, _parse, _serialize, RCPT)
"""RRVS of RCPT, since when the mailbox must have had one owner."""

EXTENSION: Final = Extension("RRVS")
"""RRVS, for a server whose application knows since when a mailbox has its owner, or passes it on."""

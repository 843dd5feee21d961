"""LIMITS: what a server takes in one session, said beforehand (RFC 9422)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp.rows import Extension, Offer

__all__ = ["AnnouncedLimits", "EXTENSION"]

MAX_LIMIT: Final = 999_999
"""The greatest number that a limit can name."""

# limit-name-value = limit-name ["=" limit-value]
# limit-name  = 1*(ALPHA / DIGIT / "-" / "_") ;  limit-value = 1*(%x21-3A / %x3C-7E)
_LIMIT: Final = re.compile(r"([A-Za-z0-9_-]+)(?:=([!-:<-~]+))?").fullmatch
# MAILMAX, RCPTMAX and RCPTDOMAINMAX: %x31-39 0*5DIGIT
_NUMBER: Final = re.compile("[1-9][0-9]{0,5}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedLimits:
    """What LIMITS says; None: nothing about it.

    `mail_max` MAIL commands in a session, `rcpt_max` RCPT commands in a transaction and `rcpt_domain_max`
    domains of recipients in a session, refused ones counted too; from 1 to 999,999. `others` are limits
    that are not known here, as pairs of name, in capital letters, and value. Raises LocalProtocolError for
    what the grammar does not allow.
    """

    mail_max: int | None = None
    rcpt_max: int | None = None
    rcpt_domain_max: int | None = None
    others: tuple[tuple[str, str | None], ...] = ()

    def __post_init__(self) -> None:
        for number in (self.mail_max, self.rcpt_max, self.rcpt_domain_max):
            if number is not None and not 1 <= number <= MAX_LIMIT:
                raise LocalProtocolError(f"LIMITS: expected from 1 to {MAX_LIMIT}, got {number}")
        for name, value in self.others:
            if name in _NAMES or name != name.upper() or not _is_limit(name, value):
                raise LocalProtocolError(f"LIMITS: expected another limit, got {name[:40]!r}")

    @classmethod
    def parse(cls, text: str) -> AnnouncedLimits | None:
        """Read the parameters of LIMITS; None if they are malformed, "as if" there were none (section 3.7).

        A limit with a malformed value is left out. The first of two of one name counts.
        """
        pairs: dict[str, str | None] = {}
        for word in text.split(" "):
            found = _LIMIT(word)
            if found is None:
                return None
            pairs.setdefault(found[1].upper(), found[2])
        mail, rcpt, domain = (_number(pairs.pop(name, None)) for name in _NAMES)
        others = tuple(pairs.items())
        return cls(mail_max=mail, rcpt_max=rcpt, rcpt_domain_max=domain, others=others)

    def serialize(self) -> str:
        """Return the parameters of LIMITS; empty if nothing is limited."""
        known = zip(_NAMES, (self.mail_max, self.rcpt_max, self.rcpt_domain_max), strict=True)
        words = [f"{name}={number}" for name, number in known if number is not None]
        words += [name if value is None else f"{name}={value}" for name, value in self.others]
        return " ".join(words)


_NAMES: Final = ("MAILMAX", "RCPTMAX", "RCPTDOMAINMAX")


def _is_limit(name: str, value: str | None) -> bool:
    found = _LIMIT(name if value is None else f"{name}={value}")
    return found is not None and found.groups() == (name, value)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER(text) is not None else None


def _offer_limits(offer: Offer) -> str | None:
    announced = AnnouncedLimits(
        mail_max=_sayable(offer.max_transactions),
        rcpt_max=_sayable(offer.max_recipients),
        rcpt_domain_max=_sayable(offer.max_recipient_domains),
    )
    return announced.serialize() or None


def _sayable(number: int) -> int | None:
    return number if 1 <= number <= MAX_LIMIT else None


EXTENSION: Final = Extension("LIMITS", _offer_limits)
"""LIMITS, with what the limits of the connection allow; not offered if they bound nothing."""

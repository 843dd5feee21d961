"""The registered keywords: flags that mean the same to every client (RFC 5788, 8457, 9051, 9979).

A keyword is a flag as any other; PERMANENTFLAGS says whether a mailbox keeps new ones. Names ignore case.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from mailproto.imap.flags import FLAGGED

__all__ = [
    "AUTOSENT",
    "CAN_UNSUBSCRIBE",
    "FOLLOWED",
    "FORWARDED",
    "HAS_ATTACHMENT",
    "HAS_MEMO",
    "HAS_NO_ATTACHMENT",
    "IMPORTANT",
    "IMPORTED",
    "IS_TRUSTED",
    "JUNK",
    "KEYWORDS",
    "MAIL_FLAG_BITS",
    "MASKED_EMAIL",
    "MDN_SENT",
    "MEMO",
    "MUTED",
    "NEW",
    "NOTIFY",
    "NOT_JUNK",
    "PHISHING",
    "SUBMITTED",
    "SUBMIT_PENDING",
    "UNSUBSCRIBED",
    "FlagColor",
    "Keyword",
    "flag_color",
    "keyword_of",
]

MDN_SENT: Final = "$MDNSent"
FORWARDED: Final = "$Forwarded"
SUBMIT_PENDING: Final = "$SubmitPending"
SUBMITTED: Final = "$Submitted"
JUNK: Final = "$Junk"
NOT_JUNK: Final = "$NotJunk"
PHISHING: Final = "$Phishing"
IMPORTANT: Final = "$Important"
AUTOSENT: Final = "$autosent"
CAN_UNSUBSCRIBE: Final = "$canunsubscribe"
FOLLOWED: Final = "$followed"
HAS_ATTACHMENT: Final = "$hasattachment"
HAS_MEMO: Final = "$hasmemo"
HAS_NO_ATTACHMENT: Final = "$hasnoattachment"
IMPORTED: Final = "$imported"
IS_TRUSTED: Final = "$istrusted"
MASKED_EMAIL: Final = "$maskedemail"
MEMO: Final = "$memo"
MUTED: Final = "$muted"
NEW: Final = "$new"
NOTIFY: Final = "$notify"
UNSUBSCRIBED: Final = "$unsubscribed"
MAIL_FLAG_BITS: Final = ("$MailFlagBit0", "$MailFlagBit1", "$MailFlagBit2")
"""The three bits of the color of a flagged message, the lowest first (RFC 9979 section 3.1)."""


@final
@dataclass(frozen=True, slots=True)
class Keyword:
    """A registered keyword: what it says of a message, and the keywords that it must not stand beside.

    `rfc` is the number of the RFC that defines it. `is_advisory` is False where a server or client may act on
    it by itself.
    """

    name: str
    meaning: str
    rfc: int
    is_advisory: bool = True
    excludes: tuple[str, ...] = ()


_ALL: Final = (
    Keyword(MDN_SENT, "a disposition notification was sent, or will never be", 3503),
    Keyword(FORWARDED, "it was forwarded", 5550),
    Keyword(SUBMIT_PENDING, "it waits to be submitted", 5550, False),
    Keyword(SUBMITTED, "it is being sent out, or was if it is no longer $SubmitPending", 5550, False),
    Keyword(JUNK, "it is junk, says the user or the delivery", 9051, excludes=(NOT_JUNK,)),
    Keyword(NOT_JUNK, "it is no junk, says the user", 9051, excludes=(JUNK,)),
    Keyword(PHISHING, "it is likely an attempt to steal data; warn if it is $Junk too", 9051),
    Keyword(IMPORTANT, "it is likely important to the user", 8457),
    Keyword(AUTOSENT, "the system sent it, by a rule of the user", 9979),
    Keyword(CAN_UNSUBSCRIBE, "it has a List-Unsubscribe field of one click that was checked", 9979),
    Keyword(FOLLOWED, "the user wants to see what comes in this thread", 9979, False, (MUTED,)),
    Keyword(HAS_ATTACHMENT, "it has an attachment", 9979, excludes=(HAS_NO_ATTACHMENT,)),
    Keyword(HAS_NO_ATTACHMENT, "it was looked at and has no attachment", 9979, excludes=(HAS_ATTACHMENT,)),
    Keyword(HAS_MEMO, "there is a note about it in the same thread", 9979, excludes=(MEMO,)),
    Keyword(MEMO, "it is a note of the user about a message in the same thread", 9979, excludes=(HAS_MEMO,)),
    Keyword(IMPORTED, "it came from another system, not by delivery", 9979),
    Keyword(IS_TRUSTED, "its sender is known for certain", 9979),
    Keyword(MASKED_EMAIL, "it came by an alias that was made for one sender", 9979),
    Keyword(MUTED, "the user does not care for what comes in this thread", 9979, False, (FOLLOWED,)),
    Keyword(NEW, "it is as good as new: it has come back", 9979),
    Keyword(NOTIFY, "the user wants to be told of it", 9979, False),
    Keyword(UNSUBSCRIBED, "the user has tried to leave the list", 9979),
    *(Keyword(name, "a bit of the color of a flagged message", 9979) for name in MAIL_FLAG_BITS),
)

KEYWORDS: Final[dict[str, Keyword]] = {keyword.name.lower(): keyword for keyword in _ALL}
"""Name of each registered keyword, in lower case -> the keyword."""


def keyword_of(name: str) -> Keyword | None:
    """Return the registered keyword of this name, in any case; None if there is none."""
    return KEYWORDS.get(name.lower())


class FlagColor(enum.Enum):
    """The color of a flagged message, by the bits of `MAIL_FLAG_BITS` that are set (RFC 9979 section 3.1)."""

    RED = 0
    ORANGE = 1
    YELLOW = 2
    GREEN = 3
    BLUE = 4
    PURPLE = 5
    GRAY = 6

    @property
    def flags(self) -> frozenset[str]:
        """The keywords that a message of this color has, beside `\\\\Flagged`."""
        return frozenset(name for bit, name in enumerate(MAIL_FLAG_BITS) if self.value >> bit & 1)


_COLORS: Final = {color.value: color for color in FlagColor}


def flag_color(flags: Iterable[str]) -> FlagColor | None:
    """Return the color of a message with these flags; None unless it is flagged, or for no color."""
    names = {flag.lower() for flag in flags}
    if FLAGGED.lower() not in names:
        return None
    return _COLORS.get(sum(1 << bit for bit, name in enumerate(MAIL_FLAG_BITS) if name.lower() in names))

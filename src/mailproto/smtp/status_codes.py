"""The registered enhanced status codes in words (RFC 3463, and the registry of RFC 5248).

A code is a class and what is registered here, a subject and a detail: `5.1.1` and `4.1.1` are both X.1.1. The
table has the codes that an RFC defines; RFC 4865 gave X.7.16 and X.7.17 another meaning, which was never
registered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CLASSES", "STATUS_CODES", "SUBJECTS", "StatusCode"]

CLASSES: Final = {2: "success", 4: "persistent transient failure", 5: "permanent failure"}
"""What the first number says (RFC 3463 section 2)."""

SUBJECTS: Final = {
    0: "other or undefined status",
    1: "addressing status",
    2: "mailbox status",
    3: "mail system status",
    4: "network and routing status",
    5: "mail delivery protocol status",
    6: "message content or media status",
    7: "security or policy status",
}
"""What the second number is about (RFC 3463 section 2)."""

_PERMANENT: Final = (5,)
_TRANSIENT: Final = (4,)
_FAILURE: Final = (4, 5)
_SUCCESS: Final = (2,)
_ANY: Final = (2, 4, 5)


@dataclass(frozen=True, slots=True)
class StatusCode:
    """A registered pair of subject and detail: its name, the RFC that defines it, the classes it is made for.

    What stands in `classes` is what the RFC calls useful; servers use other classes too, so nothing is
    refused by it.
    """

    subject: int
    detail: int
    name: str
    rfc: int
    classes: tuple[int, ...] = _ANY

    def __str__(self) -> str:
        return f"X.{self.subject}.{self.detail}"


_ROWS: Final = (
    StatusCode(0, 0, "other undefined status", 3463),
    StatusCode(1, 0, "other address status", 3463),
    StatusCode(1, 1, "bad destination mailbox address", 3463, _PERMANENT),
    StatusCode(1, 2, "bad destination system address", 3463, _PERMANENT),
    StatusCode(1, 3, "bad destination mailbox address syntax", 3463, _PERMANENT),
    StatusCode(1, 4, "destination mailbox address ambiguous", 3463),
    StatusCode(1, 5, "destination address valid", 3463, _SUCCESS),
    StatusCode(1, 6, "destination mailbox has moved, no forwarding address", 3463, _PERMANENT),
    StatusCode(1, 7, "bad sender's mailbox address syntax", 3463),
    StatusCode(1, 8, "bad sender's system address", 3463),
    StatusCode(1, 9, "message relayed to non-compliant mailer", 3886, _SUCCESS),
    StatusCode(1, 10, "recipient address has null MX", 7505, _PERMANENT),
    StatusCode(2, 0, "other or undefined mailbox status", 3463),
    StatusCode(2, 1, "mailbox disabled, not accepting messages", 3463, _FAILURE),
    StatusCode(2, 2, "mailbox full", 3463, _TRANSIENT),
    StatusCode(2, 3, "message length exceeds administrative limit", 3463, _PERMANENT),
    StatusCode(2, 4, "mailing list expansion problem", 3463, _FAILURE),
    StatusCode(3, 0, "other or undefined mail system status", 3463),
    StatusCode(3, 1, "mail system full", 3463, _TRANSIENT),
    StatusCode(3, 2, "system not accepting network messages", 3463, _FAILURE),
    StatusCode(3, 3, "system not capable of selected features", 3463),
    StatusCode(3, 4, "message too big for system", 3463, _PERMANENT),
    StatusCode(3, 5, "system incorrectly configured", 3463),
    StatusCode(3, 6, "requested priority was changed", 6710, _SUCCESS),
    StatusCode(4, 0, "other or undefined network or routing status", 3463),
    StatusCode(4, 1, "no answer from host", 3463, _TRANSIENT),
    StatusCode(4, 2, "bad connection", 3463, _TRANSIENT),
    StatusCode(4, 3, "directory server failure", 3463, _TRANSIENT),
    StatusCode(4, 4, "unable to route", 3463, _FAILURE),
    StatusCode(4, 5, "mail system congestion", 3463, _TRANSIENT),
    StatusCode(4, 6, "routing loop detected", 3463, _TRANSIENT),
    StatusCode(4, 7, "delivery time expired", 3463, _FAILURE),
    StatusCode(5, 0, "other or undefined protocol status", 3463),
    StatusCode(5, 1, "invalid command", 3463, _PERMANENT),
    StatusCode(5, 2, "syntax error", 3463, _PERMANENT),
    StatusCode(5, 3, "too many recipients", 3463),
    StatusCode(5, 4, "invalid command arguments", 3463, _PERMANENT),
    StatusCode(5, 5, "wrong protocol version", 3463),
    StatusCode(5, 6, "authentication exchange line is too long", 4954, _FAILURE),
    StatusCode(6, 0, "other or undefined media error", 3463),
    StatusCode(6, 1, "media not supported", 3463, _PERMANENT),
    StatusCode(6, 2, "conversion required and prohibited", 3463),
    StatusCode(6, 3, "conversion required but not supported", 3463),
    StatusCode(6, 4, "conversion with loss performed", 3463, (2, 5)),
    StatusCode(6, 5, "conversion failed", 3463, _FAILURE),
    StatusCode(6, 6, "message content not available", 4468, _FAILURE),
    StatusCode(6, 7, "non-ASCII addresses not permitted for that sender or recipient", 6531, _PERMANENT),
    StatusCode(6, 8, "UTF-8 string reply is required, but not permitted by the client", 6531, (2, 5)),
    StatusCode(6, 9, "message with UTF-8 header cannot be transferred to a recipient", 6531, _PERMANENT),
    StatusCode(6, 10, "UTF-8 string reply is required (deprecated: X.6.8)", 6531, (2, 5)),
    StatusCode(7, 0, "other or undefined security status", 3463),
    StatusCode(7, 1, "delivery not authorized, message refused", 3463, _PERMANENT),
    StatusCode(7, 2, "mailing list expansion prohibited", 3463, _PERMANENT),
    StatusCode(7, 3, "security conversion required but not possible", 3463, _PERMANENT),
    StatusCode(7, 4, "security features not supported", 3463, _PERMANENT),
    StatusCode(7, 5, "cryptographic failure", 3463),
    StatusCode(7, 6, "cryptographic algorithm not supported", 3463),
    StatusCode(7, 7, "message integrity failure", 3463),
    StatusCode(7, 8, "authentication credentials invalid", 4954, _PERMANENT),
    StatusCode(7, 9, "authentication mechanism is too weak", 4954, _PERMANENT),
    StatusCode(7, 10, "encryption needed", 5248, _PERMANENT),
    StatusCode(7, 11, "encryption required for requested authentication mechanism", 4954, _PERMANENT),
    StatusCode(7, 12, "a password transition is needed", 4954, _TRANSIENT),
    StatusCode(7, 13, "user account disabled", 5248, _PERMANENT),
    StatusCode(7, 14, "trust relationship required", 5248, _PERMANENT),
    StatusCode(7, 15, "priority level is too low", 6710, _FAILURE),
    StatusCode(7, 16, "message is too big for the specified priority", 6710, _FAILURE),
    StatusCode(7, 17, "mailbox owner has changed", 7293, _PERMANENT),
    StatusCode(7, 18, "domain owner has changed", 7293, _PERMANENT),
    StatusCode(7, 19, "RRVS test cannot be completed", 7293, _PERMANENT),
    StatusCode(7, 20, "no passing DKIM signature found", 7372, _PERMANENT),
    StatusCode(7, 21, "no acceptable DKIM signature found", 7372, _PERMANENT),
    StatusCode(7, 22, "no valid author-matched DKIM signature found", 7372, _PERMANENT),
    StatusCode(7, 23, "SPF validation failed", 7372, _PERMANENT),
    StatusCode(7, 24, "SPF validation error", 7372, _FAILURE),
    StatusCode(7, 25, "reverse DNS validation failed", 7372, _PERMANENT),
    StatusCode(7, 26, "multiple authentication checks failed", 7372, _PERMANENT),
    StatusCode(7, 27, "sender address has null MX", 7505, _PERMANENT),
    StatusCode(7, 29, "ARC validation failure", 8617, _PERMANENT),
    StatusCode(7, 30, "REQUIRETLS support required", 8689, _PERMANENT),
)

STATUS_CODES: Final = {(row.subject, row.detail): row for row in _ROWS}
"""The table, by subject and detail."""

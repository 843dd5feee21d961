"""The replies of a server's connection itself: what the grammar, the states and the limits refuse with."""

from __future__ import annotations

from typing import Final

from mailproto.smtp._body import TOO_BIG
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp.parameters import PARAMETERS
from mailproto.smtp.reply import EnhancedCode, Reply
from mailproto.smtp.state import Condition

__all__ = [
    "BAD_ATTRIBUTE",
    "BAD_MECHANISM",
    "BAD_PARAMETER",
    "BAD_SEQUENCE",
    "DEVIATION",
    "FETCHED_TOO_BIG",
    "NOT_ASCII",
    "NOT_ASCII_SENDER",
    "NOT_IMPLEMENTED",
    "NOT_MAIL",
    "NO_FAULT",
    "NO_RECIPIENTS",
    "NO_RECIPIENTS_LMTP",
    "NO_SMTPUTF8",
    "REQUIRED",
    "STRANDED",
    "TOO_LONG",
    "TOO_LONG_SASL",
    "TOO_MANY_DOMAINS",
    "TOO_MANY_ERRORS",
    "TOO_MANY_LOGINS",
    "TOO_MANY_RECIPIENTS",
    "TOO_MANY_TRANSACTIONS",
    "TOO_MUCH_TO_DISCARD",
    "UNKNOWN",
    "not_offered",
    "reply_of",
]


def _reply(code: int, enhanced_code: str, text: str) -> Reply:
    return Reply(code, (text,), EnhancedCode.parse(enhanced_code))


UNKNOWN: Final = _reply(500, "5.5.1", "command unknown")
NOT_IMPLEMENTED: Final = _reply(502, "5.5.1", "not offered")
BAD_SEQUENCE: Final = _reply(503, "5.5.1", "bad sequence of commands")
NO_RECIPIENTS: Final = _reply(554, "5.5.1", "no valid recipients")
NO_RECIPIENTS_LMTP: Final = _reply(503, "5.5.1", "no valid recipients")
BAD_MECHANISM: Final = _reply(504, "5.5.4", "mechanism not offered")
BAD_ATTRIBUTE: Final = _reply(501, "5.5.4", "attribute not offered")
BAD_PARAMETER: Final = _reply(555, "5.5.4", "parameter not offered")
NOT_ASCII_SENDER: Final = _reply(550, "5.6.7", "non-ASCII address without SMTPUTF8")
NOT_ASCII: Final = _reply(553, "5.6.7", "non-ASCII address without SMTPUTF8")
NO_SMTPUTF8: Final = _reply(504, "5.5.4", "SMTPUTF8 not offered")
TOO_LONG: Final = _reply(500, "5.5.2", "line too long")
TOO_LONG_SASL: Final = _reply(500, "5.5.6", "line too long")
DEVIATION: Final = _reply(501, "5.5.2", "not the exact syntax")
TOO_MANY_RECIPIENTS: Final = _reply(452, "4.5.3", "too many recipients")
TOO_MANY_DOMAINS: Final = _reply(452, "4.5.3", "too many domains of recipients")
TOO_MANY_TRANSACTIONS: Final = _reply(421, "4.7.0", "too many transactions")
FETCHED_TOO_BIG: Final = _reply(554, "5.3.4", "message too big")
TOO_MUCH_TO_DISCARD: Final = _reply(421, "4.3.4", "too many octets to read for nothing")
TOO_MANY_ERRORS: Final = _reply(421, "4.7.0", "too many bad commands")
TOO_MANY_LOGINS: Final = _reply(421, "4.7.0", "too many failed logins")
NOT_MAIL: Final = _reply(421, "4.7.0", "this is a mail server, and that was no mail client")
REQUIRED: Final = {
    Condition.TLS_ACTIVE: _reply(530, "5.7.0", "STARTTLS is required first"),
    Condition.AUTHENTICATED: _reply(530, "5.7.0", "AUTH is required first"),
}
"""What a command gets that needs the condition (RFC 3207 section 4, RFC 4954 section 6)."""

NO_FAULT: Final = frozenset(
    {
        NO_RECIPIENTS,
        NO_RECIPIENTS_LMTP,
        TOO_MANY_RECIPIENTS,
        TOO_MANY_DOMAINS,
        TOO_BIG,
        NOT_ASCII,
        NOT_ASCII_SENDER,
    }
)
"""What a client in good faith runs into: it does not count as a bad command."""
STRANDED: Final = frozenset({BAD_SEQUENCE, *REQUIRED.values()})
"""What RCPT and DATA get behind a MAIL that was declined."""


def not_offered(keyword: str) -> Reply:
    """Return the reply to a parameter that was not offered; that of most is 555."""
    row = PARAMETERS.get(keyword)
    if row is None or row.refusal == BAD_PARAMETER.code:
        return BAD_PARAMETER
    return _reply(row.refusal, "5.5.4", f"{keyword} not offered")


def reply_of(error: CommandSyntaxError) -> Reply:
    """Return the reply to a line that is no command."""
    return _reply(error.code, error.enhanced_code, error.text)

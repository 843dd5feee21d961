"""The limits of the connections: every buffer, list, depth and count has one.

Each field says its unit, and the least that the RFC lets a receiver set ("RFC minimum") where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from mailproto.errors import LocalProtocolError

__all__ = ["IMAPLimits", "RouteLimits", "SASLLimits", "SMTPLimits"]

MAX_DEPTH: Final = 200
"""The greatest `max_depth`: three stack frames a level stay far below Python's limit of a thousand."""
MAX_ITERATIONS: Final = 600_000
"""Iterations of SCRAM that either end does at most for a login, unless a client says otherwise."""


_UNLIMITED: Final = {
    "max_connections",
    "max_connections_per_peer",
    "max_message",
    "max_recipient_domains",
    "max_transactions",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SMTPLimits:
    """Limits of an SMTP or LMTP connection (RFC 5321 section 4.5.3.1), at either end."""

    max_command_line: int = 2_048
    """Octets of a command line with its CRLF. RFC minimum: 512, more by extensions (4.5.3.1.4)."""
    max_auth_line: int = 12_288
    """Octets of a line of an AUTH exchange with its CRLF. RFC minimum: 12,288 (RFC 4954 section 4)."""
    max_reply_line: int = 4_096
    """Octets of one line of a reply with its CRLF. RFC minimum: 512 (RFC 5321 section 4.5.3.1.5)."""
    max_reply_lines: int = 256
    """Lines of one reply. RFC minimum: none."""
    max_text_line: int | None = None
    """Octets of a line of a message with its CRLF; None: no limit. RFC minimum: 1,000 (section 4.5.3.1.6)."""
    max_message: int = 52_428_800
    """Octets of a message without what dot-stuffing adds, before a newline policy changes anything (RFC 1870
    section 5); 0: no limit. RFC minimum: 65,536 (4.5.3.1.7)."""
    max_discard: int = 52_428_800
    """Octets of a refused BDAT that a server reads before it answers; above it says 421 at once and closes.
    RFC minimum: none, all are to be read (RFC 3030 section 2)."""
    max_recipients: int = 1_000
    """Recipients of a transaction. RFC minimum: 100 (RFC 5321 section 4.5.3.1.8)."""
    max_recipient_domains: int = 0
    """Domains that the recipients of a session may have (RFC 9422 section 4.3); 0: no limit."""
    max_transactions: int = 0
    """MAIL commands of a session, beyond which a server says 421 (RFC 9422 section 4.1); 0: no limit."""
    max_bad_commands: int = 20
    """Bad commands before a server answers 421 and closes. RFC minimum: none."""
    max_bad_logins: int = 5
    """Refused or cancelled logins after which a server answers the next AUTH with 421 and closes. RFC
    minimum: 3 (RFC 4954 section 9)."""
    max_pending: int = 2_048
    """Commands sent by a client and not yet answered. RFC minimum: none."""
    max_buffered: int = 262_144
    """Octets received and not consumed before a driver stops reading."""
    max_unsent: int = 65_536
    """Octets queued and not sent before a flow waits."""
    min_body_progress: int = 1_024
    """Octets of a message that must arrive for its timeout to start again."""
    command_timeout: float = 300.0
    """Seconds that a server waits for a whole command. RFC minimum: 300 (RFC 5321 section 4.5.3.2.7)."""
    body_timeout: float = 300.0
    """Seconds that a server waits for `min_body_progress` octets of a message. RFC minimum: none; its client
    has 180 for a chunk (RFC 5321 section 4.5.3.2.5)."""
    write_timeout: float = 300.0
    """Seconds for which a client may take nothing of what a server sends it. RFC minimum: none."""
    max_connections: int = 0
    """Connections that a server of the adapters has at a time; further ones get 421. 0: no limit."""
    max_connections_per_peer: int = 0
    """The same for each peer: an IPv4 address, or the first 64 bits of an IPv6 address. 0: no limit."""

    def __post_init__(self) -> None:
        _check_positive(self, _UNLIMITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class IMAPLimits:
    """Limits of an IMAP connection, at either end."""

    max_line: int = 65_536
    """Octets of the text of one line of a command, without literals, on a server. RFC minimum: 8,192 (RFC
    7162 section 4)."""
    max_response_line: int = 2_097_152
    """Octets of the text of one line of a response, without literals, on a client. RFC minimum: none. SEARCH
    answers in one line, of some 200,000 messages in this one."""
    max_command_line: int = 8_192
    """Octets of a line of a command that a client sends, without literals: a set of messages that makes it
    longer is sent in several commands, others are refused. RFC 7162 section 4 asks clients for this number;
    servers take 8,000 at least (RFC 2683 section 3.2.1.5)."""
    max_line_before_login: int = 8_192
    """The same before login, on a server. RFC minimum: none."""
    max_auth_line: int = 12_288
    """Octets of a line of an AUTHENTICATE exchange. RFC minimum: none; the number is that of RFC 4954."""
    max_message_text: int = 16_777_216
    """Octets of the text of one response or command, all its lines and inline literals together."""
    max_literals: int = 65_536
    """Literals in one response or command."""
    max_inline_literal: int = 65_536
    """Octets of a literal that is kept; a larger one streams where it may, else it is not kept."""
    max_literal_before_login: int = 4_096
    """Octets of a literal that a server accepts before login."""
    max_nonsync: int = 4_096
    """Octets of a message up to which APPEND uses a non-synchronizing literal (RFC 7888 section 5)."""
    max_discard: int = 1_048_576
    """Octets of a refused non-synchronizing literal that a server reads before it says BYE instead."""
    max_append: int = 52_428_800
    """Octets of an appended message, which a server announces after login (RFC 7889); 0: no limit."""
    max_section: int = 16_777_216
    """Octets of a body section that an adapter gives as bytes; `download` has no such limit."""
    max_depth: int = 100
    """Levels of nested parentheses, NOTs, ORs or body parts; at most 200, since reading one takes stack."""
    max_ranges: int = 100_000
    """Ranges in one sequence set."""
    max_pending: int = 1_000
    """Commands sent by a client and not yet completed."""
    max_contexts: int = 100
    """Searches of a session whose results a server keeps up to date (RFC 5267)."""
    max_results: int = 100_000
    """Numbers in the live results of one search, at a client (RFC 5267)."""
    max_backlog: int = 16_777_216
    """Octets of received data that wait in the inbox of one command, those that `exchange` collects among
    them, and the octets of memory of what waits for its rest and of news that nobody takes."""
    max_bad_commands: int = 20
    """Bad commands before a server says BYE and closes."""
    max_buffered: int = 262_144
    """Octets received and not consumed before a driver stops reading."""
    max_inflate: int = 65_536
    """Octets that compressed ones are inflated to at a time (RFC 4978)."""
    max_inflate_ratio: int = 200
    """Octets that one compressed one may become, in the mean of all, once more than 64 MiB came of them."""
    max_unsent: int = 65_536
    """Octets queued and not sent before a flow waits."""
    min_body_progress: int = 1_024
    """Octets of a literal that must arrive for its timeout to start again."""

    def __post_init__(self) -> None:
        _check_positive(self, {"max_append"})
        if self.max_depth > MAX_DEPTH:
            raise LocalProtocolError(f"max_depth: expected at most {MAX_DEPTH}, got {self.max_depth}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SASLLimits:
    """What a client of SCRAM puts up with: the server says how much work a login is."""

    min_iterations: int = 4_096
    """Iterations below which a password is not given to guessing. RFC 7677 section 4: at least 4,096."""
    max_iterations: int = MAX_ITERATIONS
    """Iterations above which a server is thought to waste our time: some tenths of a second. RFC minimum:
    none (RFC 5802 section 9)."""

    def __post_init__(self) -> None:
        _check_positive(self, may_be_zero=set())
        if self.min_iterations > self.max_iterations:
            raise LocalProtocolError(
                f"min_iterations: expected at most {self.max_iterations}, got {self.min_iterations}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLimits:
    """Limits of the search for the hosts of a domain, and of the policies that are read on the way."""

    max_hosts: int = 20
    """Hosts of a domain whose addresses are looked up. RFC minimum: none."""
    max_addresses: int = 10
    """Addresses that are tried, of all hosts together. RFC minimum: 2 (RFC 5321 section 5.1)."""
    max_aliases: int = 8
    """Aliases that are followed from one name. RFC minimum: none."""
    max_policy: int = 65_536
    """Octets of an MTA-STS policy. RFC minimum: 65,536 (RFC 8461 section 3.3)."""
    max_certificate: int = 65_536
    """Octets of a certificate that is compared with TLSA records. RFC minimum: none."""

    def __post_init__(self) -> None:
        _check_positive(self, may_be_zero={"max_aliases"})


def _check_positive(
    limits: SMTPLimits | IMAPLimits | SASLLimits | RouteLimits, may_be_zero: set[str]
) -> None:
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is not None and not (value > 0 or (value == 0 and field.name in may_be_zero)):
            raise LocalProtocolError(f"{field.name}: expected a positive number, got {value}")

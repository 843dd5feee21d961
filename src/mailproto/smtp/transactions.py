"""Who gets a message in which transaction, by the LIMITS that the server announces (RFC 9422 section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice
from typing import TypeVar

from mailproto.errors import SessionLimitReached
from mailproto.smtp.client import SMTPClientConnection, domain_of
from mailproto.smtp.commands import Rcpt

__all__ = ["transactions_of"]

RecipientT = TypeVar("RecipientT")


def transactions_of(
    conn: SMTPClientConnection, rcpts: Mapping[RecipientT, Rcpt]
) -> list[dict[RecipientT, Rcpt]]:
    """Return *rcpts*, by recipient, as they go in the transactions that one message needs.

    Raises SessionLimitReached if the session has no room for all of them.
    """
    limits = conn.extensions.limits
    if limits is None:
        return [dict(rcpts)]
    domains = _domains_with_room(conn, rcpts, limits.rcpt_domain_max)
    of_domains = {to: rcpt for to, rcpt in rcpts.items() if domain_of(rcpt) in domains}
    needed = _split(of_domains, limits.rcpt_max)
    granted = needed if limits.mail_max is None else needed[: max(0, limits.mail_max - conn.mail_count)]
    fitting = dict.fromkeys(chain.from_iterable(granted))
    if limits.rcpt_domain_max is not None and len(of_domains) < len(rcpts):
        wanted = conn.recipient_domains.union(filter(None, map(domain_of, rcpts.values())))
        raise SessionLimitReached("RCPTDOMAINMAX", len(wanted), limits.rcpt_domain_max, rcpts, fitting)
    if limits.mail_max is not None and len(granted) < len(needed):
        value = conn.mail_count + len(needed)
        raise SessionLimitReached("MAILMAX", value, limits.mail_max, rcpts, fitting)
    return granted


def _domains_with_room(
    conn: SMTPClientConnection, rcpts: Mapping[RecipientT, Rcpt], maximum: int | None
) -> frozenset[str | None]:
    """Return the domains that the session takes: those it has had, and new ones in order; None is free."""
    had = conn.recipient_domains
    new = dict.fromkeys(domain for domain in map(domain_of, rcpts.values()) if domain and domain not in had)
    room = len(new) if maximum is None else max(0, maximum - len(had))
    return frozenset((None, *had, *islice(new, room)))


def _split(rcpts: Mapping[RecipientT, Rcpt], rcpt_max: int | None) -> list[dict[RecipientT, Rcpt]]:
    items = list(rcpts.items())
    size = rcpt_max or len(items) or 1
    return [dict(items[start : start + size]) for start in range(0, len(items), size)]

"""The client's procedures of extensions that administer a server: quotas, rights, metadata, URLs.

Each is a flow as those of `mailproto.imap.client_flows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mailproto.flow import Flow
from mailproto.imap.client_flows import data_of, run
from mailproto.imap.ext.quota import GetQuota, GetQuotaRoot, QuotaData, QuotaRootData, SetQuota
from mailproto.imap.inbox import Inboxes

__all__ = ["get_quota", "get_quota_root", "set_quota"]


def get_quota(session: Inboxes, root: str) -> Flow[QuotaData]:
    """Return what a quota root uses and may use; nothing if the server does not say."""
    inbox = yield from run(session, GetQuota(root))
    return _quota_of(root, data_of(session, inbox, QuotaData))


def get_quota_root(session: Inboxes, mailbox: str) -> Flow[tuple[QuotaData, ...]]:
    """Return the quota roots of a mailbox, each with what it uses and may use."""
    inbox = yield from run(session, GetQuotaRoot(mailbox))
    events = session.take(inbox)
    quotas = [event for event in events if isinstance(event, QuotaData)]
    roots = [root for event in events if isinstance(event, QuotaRootData) for root in event.roots]
    return tuple(_quota_of(root, quotas) for root in roots)


def set_quota(
    session: Inboxes, root: str, limits: Mapping[str, int] | Iterable[tuple[str, int]]
) -> Flow[QuotaData]:
    """Replace all limits of a quota root; return those that hold now, as far as the server says."""
    pairs = limits.items() if isinstance(limits, Mapping) else limits
    inbox = yield from run(session, SetQuota(root, tuple(pairs)))
    return _quota_of(root, data_of(session, inbox, QuotaData))


def _quota_of(root: str, quotas: Iterable[QuotaData]) -> QuotaData:
    """Return the last of *quotas* that is of *root*, or one without limits."""
    return next((data for data in reversed([*quotas]) if data.root == root), QuotaData(root))

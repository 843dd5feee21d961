"""The client's procedures of extensions that administer a server: quotas, rights, metadata, URLs.

Each is a flow as those of `mailproto.imap.client_flows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from mailproto.flow import Flow
from mailproto.imap.capability import Capabilities
from mailproto.imap.client_flows import data_of, last_of, run
from mailproto.imap.commands import StoreAction
from mailproto.imap.ext.acl import (
    VIRTUAL_RIGHTS,
    ACLData,
    DeleteACL,
    GetACL,
    ListRights,
    ListRightsData,
    MyRights,
    MyRightsData,
    Rights,
    SetACL,
    right_set,
)
from mailproto.imap.ext.quota import GetQuota, GetQuotaRoot, QuotaData, QuotaRootData, SetQuota
from mailproto.imap.inbox import Inboxes

__all__ = [
    "delete_acl",
    "get_acl",
    "get_quota",
    "get_quota_root",
    "list_rights",
    "my_rights",
    "set_acl",
    "set_quota",
]


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


# Rights.

_SIGNS: Final = {action.value: action for action in StoreAction if action.value}


def set_acl(session: Inboxes, mailbox: str, identifier: str, rights: str | Iterable[str]) -> Flow[None]:
    """Give *identifier* these rights; with a `+` or `-` before them, add or remove them."""
    sign = rights[:1] if isinstance(rights, str) and rights[:1] in _SIGNS else ""
    given = right_set(rights[1:] if isinstance(rights, str) and sign else rights)
    action = _SIGNS.get(sign, StoreAction.REPLACE)
    yield from run(session, SetACL(mailbox, identifier, given, action))


def delete_acl(session: Inboxes, mailbox: str, identifier: str) -> Flow[None]:
    """Remove *identifier* and its rights."""
    yield from run(session, DeleteACL(mailbox, identifier))


def get_acl(session: Inboxes, mailbox: str) -> Flow[ACLData]:
    """Return all identifiers of a mailbox and their rights. Raises ItemMissing if the server does not."""
    inbox = yield from run(session, GetACL(mailbox))
    data = last_of(session, inbox, ACLData)
    return replace(data, entries=tuple((name, _known(session, rights)) for name, rights in data.entries))


def list_rights(session: Inboxes, mailbox: str, identifier: str) -> Flow[ListRightsData]:
    """Return the rights that *identifier* has always and can be given. Raises ItemMissing."""
    inbox = yield from run(session, ListRights(mailbox, identifier))
    data = last_of(session, inbox, ListRightsData)
    optional = (_known(session, rights) for rights in data.optional)
    return replace(
        data, required=_known(session, data.required), optional=tuple(rights for rights in optional if rights)
    )


def my_rights(session: Inboxes, mailbox: str) -> Flow[Rights]:
    """Return the rights of the user who has logged in. Raises ItemMissing if the server does not say."""
    inbox = yield from run(session, MyRights(mailbox))
    return _known(session, last_of(session, inbox, MyRightsData).rights)


def _known(session: Inboxes, rights: Rights) -> Rights:
    """Leave out the two rights of RFC 2086 where the server has those that they stand for."""
    extra = (session.conn.capabilities or Capabilities()).values("RIGHTS")
    return rights - VIRTUAL_RIGHTS if extra else rights

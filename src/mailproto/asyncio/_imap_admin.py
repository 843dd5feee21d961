"""The methods of IMAPClient for extensions that administer a server: quotas, rights, metadata, URLs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from mailproto.flow import Flow
from mailproto.imap import admin_flows as flows
from mailproto.imap.ext.quota import QuotaData
from mailproto.imap.inbox import Inboxes

__all__ = ["AdminMethods"]

ResultT = TypeVar("ResultT")


class AdminMethods:
    """What `IMAPClient` has of these extensions."""

    _session: Inboxes

    async def _run(self, flow: Flow[ResultT]) -> ResultT:
        raise NotImplementedError

    async def get_quota(self, root: str) -> QuotaData:
        """Return what a quota root uses and may use (RFC 9208)."""
        return await self._run(flows.get_quota(self._session, root))

    async def get_quota_root(self, mailbox: str) -> tuple[QuotaData, ...]:
        """Return the quota roots of a mailbox, with what each uses and may use (RFC 9208)."""
        return await self._run(flows.get_quota_root(self._session, mailbox))

    async def set_quota(self, root: str, limits: Mapping[str, int] | Iterable[tuple[str, int]]) -> QuotaData:
        """Replace all limits of a quota root: "STORAGE" in units of 1,024 octets, "MESSAGE", ...

        Returns what holds now, as far as the server says: it may have rounded a limit.
        """
        return await self._run(flows.set_quota(self._session, root, limits))

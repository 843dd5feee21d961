"""The methods of IMAPClient for extensions that add items, keys and forms of APPEND."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from mailproto.flow import Flow
from mailproto.imap import items_flows as flows
from mailproto.imap.client_flows import Numbers
from mailproto.imap.commands import StoreAction
from mailproto.imap.ext.xlist import XListData
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sequence import SequenceSet, UIDSet

__all__ = ["ItemsMethods"]

ResultT = TypeVar("ResultT")


class ItemsMethods:
    """What `IMAPClient` has of these extensions."""

    _session: Inboxes

    async def _run(self, flow: Flow[ResultT]) -> ResultT:
        raise NotImplementedError

    async def store_labels(
        self,
        sequence_set: SequenceSet | Numbers,
        action: StoreAction | str,
        labels: str | Iterable[str],
        *,
        silent: bool = False,
    ) -> tuple[FetchData, ...]:
        """Change Gmail's labels: "X-GM-LABELS" replaces, "+X-GM-LABELS" adds, "-X-GM-LABELS" removes.

        The result has the new labels, `message[X_GM_LABELS]`.
        """
        flow = flows.store_labels(self._session, sequence_set, action, labels, silent=silent)
        return await self._run(flow)

    async def uid_store_labels(
        self,
        uids: UIDSet | Numbers,
        action: StoreAction | str,
        labels: str | Iterable[str],
        *,
        silent: bool = False,
    ) -> tuple[FetchData, ...]:
        """Change Gmail's labels by UID, as `store_labels`."""
        flow = flows.uid_store_labels(self._session, uids, action, labels, silent=silent)
        return await self._run(flow)

    async def xlist(self, reference: str = "", pattern: str = "*") -> tuple[XListData, ...]:
        """Return the mailboxes whose names match, with what they are for (Gmail's old form of LIST)."""
        return await self._run(flows.xlist(self._session, reference, pattern))

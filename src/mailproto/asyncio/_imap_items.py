"""The methods of IMAPClient for extensions that add items, keys and forms of APPEND."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from mailproto.flow import Flow
from mailproto.imap import client_flows
from mailproto.imap import items_flows as flows
from mailproto.imap.annotate_flows import AnnotationValues, append_options
from mailproto.imap.client_flows import Appended, MessageSource, Numbers
from mailproto.imap.commands import StoreAction
from mailproto.imap.condstore_flows import Stored, store_unchanged
from mailproto.imap.ext.catenate import URLPart
from mailproto.imap.ext.replace import Replace, UIDReplace
from mailproto.imap.ext.xlist import XListData
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.inbox import Inboxes
from mailproto.imap.items_flows import MessageToAppend, append_form
from mailproto.imap.sequence import SequenceSet, UIDSet

__all__ = ["ItemsMethods"]

ResultT = TypeVar("ResultT")


class ItemsMethods:
    """What `IMAPClient` has of these extensions."""

    _session: Inboxes

    async def _run(self, flow: Flow[ResultT]) -> ResultT:
        raise NotImplementedError

    async def append_messages(
        self, mailbox: str, messages: Iterable[MessageToAppend | MessageSource]
    ) -> tuple[Appended, ...]:
        """Add several messages in one step, all or none (MULTIAPPEND, RFC 3502).

        Each is what `append` takes, or a `MessageToAppend` with flags and date. The result has their UIDs, if
        the server has UIDPLUS.
        """
        return await self._run(flows.append_messages(self._session, mailbox, messages))

    async def catenate(
        self,
        mailbox: str,
        parts: Iterable[URLPart | MessageSource],
        flags: Iterable[str] = (),
        internal_date: datetime | None = None,
        *,
        annotations: AnnotationValues | None = None,
    ) -> Appended | None:
        """Add a message that the server puts together (CATENATE, RFC 4469).

        Its parts are texts, as `append` takes them, and parts of messages on the server; *annotations* are
        those of `append`. Raises `IMAPStatusError`, whose code is a `BadURLCode`, if there is no such part.
        """
        options = append_options(annotations)
        flow = flows.catenate(self._session, mailbox, parts, flags, internal_date, options)
        return await self._run(flow)

    async def replace(
        self,
        sequence_number: int,
        mailbox: str,
        message: MessageSource,
        flags: Iterable[str] = (),
        internal_date: datetime | None = None,
        *,
        size: int | None = None,
        binary: bool = False,
        utf8: bool = False,
        annotations: AnnotationValues | None = None,
    ) -> Appended | None:
        """Add a message as `append` does, and remove the one with this number (REPLACE, RFC 8508)."""
        form, options = append_form(binary=binary, utf8=utf8), append_options(annotations)
        arguments = (sequence_number, mailbox, message, flags, internal_date, size)
        flow = flows.replace(self._session, Replace, *arguments, form=form, options=options)
        return await self._run(flow)

    async def uid_replace(
        self,
        uid: int,
        mailbox: str,
        message: MessageSource,
        flags: Iterable[str] = (),
        internal_date: datetime | None = None,
        *,
        size: int | None = None,
        binary: bool = False,
        utf8: bool = False,
        annotations: AnnotationValues | None = None,
    ) -> Appended | None:
        """Add a message and remove the one with this UID, as `replace`."""
        form, options = append_form(binary=binary, utf8=utf8), append_options(annotations)
        arguments = (uid, mailbox, message, flags, internal_date, size)
        flow = flows.replace(self._session, UIDReplace, *arguments, form=form, options=options)
        return await self._run(flow)

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

    async def store_labels_unchanged(
        self,
        sequence_set: SequenceSet | Numbers,
        unchanged_since: int,
        action: StoreAction | str,
        labels: str | Iterable[str],
        *,
        silent: bool = False,
    ) -> Stored:
        """Change labels, as `store_labels`, of messages that did not change after a mod-sequence."""
        numbers = client_flows.sequence_set(sequence_set)
        command = flows.labels_command(numbers, action, labels, silent=silent)
        return await self._run(store_unchanged(self._session, command, unchanged_since))

    async def uid_store_labels_unchanged(
        self,
        uids: UIDSet | Numbers,
        unchanged_since: int,
        action: StoreAction | str,
        labels: str | Iterable[str],
        *,
        silent: bool = False,
    ) -> Stored:
        """Change labels by UID, as `store_labels_unchanged`."""
        command = flows.labels_command(client_flows.uid_set(uids), action, labels, silent=silent)
        return await self._run(store_unchanged(self._session, command, unchanged_since))

    async def xlist(self, reference: str = "", pattern: str = "*") -> tuple[XListData, ...]:
        """Return the mailboxes whose names match, with what they are for (Gmail's old form of LIST)."""
        return await self._run(flows.xlist(self._session, reference, pattern))

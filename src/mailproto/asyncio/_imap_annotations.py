"""The methods of IMAPClient for annotations of messages."""

from __future__ import annotations

from typing import TypeVar

from mailproto.flow import Flow
from mailproto.imap import annotate_flows as flows
from mailproto.imap.annotate_flows import AnnotationValues
from mailproto.imap.client_flows import Numbers, sequence_set, uid_set
from mailproto.imap.condstore_flows import Stored, store_unchanged
from mailproto.imap.inbox import Inboxes
from mailproto.imap.sequence import SequenceSet, UIDSet

__all__ = ["AnnotationMethods"]

ResultT = TypeVar("ResultT")


class AnnotationMethods:
    """What `IMAPClient` has of this extension."""

    _session: Inboxes

    async def _run(self, flow: Flow[ResultT]) -> ResultT:
        raise NotImplementedError

    async def store_annotations(self, numbers: SequenceSet | Numbers, annotations: AnnotationValues) -> None:
        """Set annotations of messages: `{"/comment": {"value.priv": "mine", "value.shared": None}}`.

        Text goes as UTF-8, None removes a value (ANNOTATE-EXPERIMENT-1, RFC 5257). To read them, fetch
        `ANNOTATION`, or a `FetchAnnotations`. Raises LocalProtocolError for what the mailbox does not take,
        as `mailbox.annotations` says.
        """
        await self._run(flows.store_annotations(self._session, sequence_set(numbers), annotations))

    async def uid_store_annotations(self, uids: UIDSet | Numbers, annotations: AnnotationValues) -> None:
        """Set annotations by UID, as `store_annotations`."""
        await self._run(flows.store_annotations(self._session, uid_set(uids), annotations))

    async def store_annotations_unchanged(
        self, numbers: SequenceSet | Numbers, unchanged_since: int, annotations: AnnotationValues
    ) -> Stored:
        """Set annotations of messages that did not change after a mod-sequence (RFC 7162).

        The result has the new mod-sequences.
        """
        command = flows.annotations_command(sequence_set(numbers), annotations)
        return await self._run(store_unchanged(self._session, command, unchanged_since))

    async def uid_store_annotations_unchanged(
        self, uids: UIDSet | Numbers, unchanged_since: int, annotations: AnnotationValues
    ) -> Stored:
        """Set annotations by UID, as `store_annotations_unchanged`."""
        command = flows.annotations_command(uid_set(uids), annotations)
        return await self._run(store_unchanged(self._session, command, unchanged_since))

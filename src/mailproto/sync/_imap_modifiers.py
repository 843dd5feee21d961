"""Methods of `IMAPClient` for extensions of the base commands; `mailproto.asyncio` has the same ones."""

from __future__ import annotations

from collections.abc import Iterable

from mailproto.imap import client_flows as flows
from mailproto.imap import condstore_flows, list_flows, search_flows
from mailproto.imap.client_flows import Numbers
from mailproto.imap.commands import Search, StoreAction, UIDSearch
from mailproto.imap.condstore_flows import Resynced, Stored
from mailproto.imap.ext.context import CancelUpdate
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.multisearch import ESearch
from mailproto.imap.ext.qresync import QResync
from mailproto.imap.ext.sort import Sort, SortCriteria, UIDSort, sort_criteria
from mailproto.imap.ext.thread import Thread, ThreadBranch, UIDThread
from mailproto.imap.inbox import Inboxes
from mailproto.imap.list_flows import Listed, ListOptions
from mailproto.imap.live_results import LiveResults
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.parameters import SEARCH_RETURNS
from mailproto.imap.search import SearchKey
from mailproto.imap.search_flows import Returning
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.sync._driver import ClientDriver

__all__ = ["ModifierMethods"]


class ModifierMethods:
    """What `IMAPClient` inherits: it has the driver and the session."""

    _driver: ClientDriver
    _session: Inboxes

    def resync(
        self,
        mailbox: str,
        uid_validity: int,
        mod_seq: int,
        known_uids: UIDSet | Numbers | None = None,
        *,
        matches: tuple[SequenceSet, UIDSet] | None = None,
        is_read_only: bool = False,
    ) -> Resynced:
        """Select *mailbox* and return what happened since it was seen with *mod_seq* (QRESYNC, RFC 7162).

        It needs `enable("QRESYNC")` before. *known_uids* limits the answer to these messages; *matches* is a
        sample of sequence numbers and the UIDs that they had.
        """
        uids = None if known_uids is None else flows.uid_set(known_uids)
        known = QResync(uid_validity, mod_seq, uids, matches=matches)
        flow = condstore_flows.resync(self._session, mailbox, known, is_read_only=is_read_only)
        return self._driver.run(flow)

    def store_unchanged(
        self,
        sequence_set: SequenceSet | Numbers,
        unchanged_since: int,
        action: StoreAction | str,
        flags: str | Iterable[str],
        *,
        silent: bool = False,
    ) -> Stored:
        """Change flags, as `store`, of messages that did not change after a mod-sequence (RFC 7162)."""
        numbers = flows.sequence_set(sequence_set)
        command = flows.store_command(numbers, flows.store_action(action), flags, silent=silent)
        return self._driver.run(condstore_flows.store_unchanged(self._session, command, unchanged_since))

    def uid_store_unchanged(
        self,
        uids: UIDSet | Numbers,
        unchanged_since: int,
        action: StoreAction | str,
        flags: str | Iterable[str],
        *,
        silent: bool = False,
    ) -> Stored:
        """Change flags by UID, as `store_unchanged`."""
        numbers = flows.uid_set(uids)
        command = flows.store_command(numbers, flows.store_action(action), flags, silent=silent)
        return self._driver.run(condstore_flows.store_unchanged(self._session, command, unchanged_since))

    def esearch(
        self, *keys: SearchKey, returning: Returning = ("ALL",), charset: str | None = None
    ) -> ESearchData:
        """Search, and return what is asked for: "MIN", "MAX", "ALL", "COUNT" (RFC 4731).

        With SEARCHRES also "SAVE": then "$" stands for what was found, in this and in other commands. With
        PARTIAL also "PARTIAL 1:50", or "PARTIAL -1:-50" for the last ones.
        """
        command = search_flows.search_command(Search, keys, returning, charset)
        return self._driver.run(search_flows.esearch(self._session, command))

    def uid_esearch(
        self, *keys: SearchKey, returning: Returning = ("ALL",), charset: str | None = None
    ) -> ESearchData:
        """Search as `esearch`, and return UIDs."""
        command = search_flows.search_command(UIDSearch, keys, returning, charset)
        return self._driver.run(search_flows.esearch(self._session, command))

    def sort(self, criteria: SortCriteria, *keys: SearchKey, charset: str = "UTF-8") -> tuple[int, ...]:
        """Return the sequence numbers of the messages that all *keys* match, sorted (SORT, RFC 5256).

        *criteria* are as they are written: "REVERSE DATE SUBJECT".
        """
        command = Sort(sort_criteria(criteria), flows.joined_keys(keys), charset)
        return self._driver.run(search_flows.sort(self._session, command))

    def uid_sort(self, criteria: SortCriteria, *keys: SearchKey, charset: str = "UTF-8") -> tuple[int, ...]:
        """Return the UIDs of the messages that all *keys* match, sorted as `sort` does."""
        command = UIDSort(sort_criteria(criteria), flows.joined_keys(keys), charset)
        return self._driver.run(search_flows.sort(self._session, command))

    def esort(
        self,
        criteria: SortCriteria,
        *keys: SearchKey,
        returning: Returning = ("ALL",),
        charset: str = "UTF-8",
    ) -> ESearchData:
        """Sort, and return what is asked for as `esearch` does (ESORT, RFC 5267).

        The order of `all` is that of `all.in_order()`.
        """
        options = SEARCH_RETURNS.of(returning)
        command = Sort(sort_criteria(criteria), flows.joined_keys(keys), charset, returning=options)
        return self._driver.run(search_flows.esearch(self._session, command))

    def uid_esort(
        self,
        criteria: SortCriteria,
        *keys: SearchKey,
        returning: Returning = ("ALL",),
        charset: str = "UTF-8",
    ) -> ESearchData:
        """Sort as `esort`, and return UIDs."""
        options = SEARCH_RETURNS.of(returning)
        command = UIDSort(sort_criteria(criteria), flows.joined_keys(keys), charset, returning=options)
        return self._driver.run(search_flows.esearch(self._session, command))

    def thread(
        self, *keys: SearchKey, algorithm: str = "REFERENCES", charset: str = "UTF-8"
    ) -> tuple[ThreadBranch, ...]:
        """Return the messages that all *keys* match as threads of sequence numbers (THREAD, RFC 5256)."""
        command = Thread(algorithm, flows.joined_keys(keys), charset)
        return self._driver.run(search_flows.thread(self._session, command))

    def uid_thread(
        self, *keys: SearchKey, algorithm: str = "REFERENCES", charset: str = "UTF-8"
    ) -> tuple[ThreadBranch, ...]:
        """Return the messages that all *keys* match as threads of UIDs."""
        command = UIDThread(algorithm, flows.joined_keys(keys), charset)
        return self._driver.run(search_flows.thread(self._session, command))

    def live_search(self, *keys: SearchKey, charset: str | None = None) -> LiveResults:
        """Search, and return sequence numbers that stay right as the mailbox changes (RFC 5267).

        What the server sends changes them as it is read: in `idle`, in `poll`, and in every other command.
        """
        command = Search(flows.joined_keys(keys), charset)
        return self._driver.run(search_flows.live(self._session, command))

    def uid_live_search(self, *keys: SearchKey, charset: str | None = None) -> LiveResults:
        """Search as `live_search`, and return UIDs."""
        command = UIDSearch(flows.joined_keys(keys), charset)
        return self._driver.run(search_flows.live(self._session, command))

    def live_sort(self, criteria: SortCriteria, *keys: SearchKey, charset: str = "UTF-8") -> LiveResults:
        """Sort, and return sequence numbers that stay right and in order (CONTEXT=SORT, RFC 5267)."""
        command = Sort(sort_criteria(criteria), flows.joined_keys(keys), charset)
        return self._driver.run(search_flows.live(self._session, command))

    def uid_live_sort(self, criteria: SortCriteria, *keys: SearchKey, charset: str = "UTF-8") -> LiveResults:
        """Sort as `live_sort`, and return UIDs."""
        command = UIDSort(sort_criteria(criteria), flows.joined_keys(keys), charset)
        return self._driver.run(search_flows.live(self._session, command))

    def cancel_update(self, *tags: str) -> None:
        """Want no more updates of the searches with UPDATE that have these tags (RFC 5267)."""
        self._driver.run(flows.run(self._session, CancelUpdate(tags)))

    def search_mailboxes(
        self,
        *keys: SearchKey,
        sources: Iterable[MailboxFilter],
        returning: Returning = ("ALL",),
        charset: str | None = None,
    ) -> tuple[ESearchData, ...]:
        """Search in several mailboxes at once, and return UIDs by mailbox (MULTISEARCH, RFC 7377)."""
        options = SEARCH_RETURNS.of(returning)
        key = flows.joined_keys(keys)
        command = ESearch(key, charset, sources=tuple(sources), returning=options)
        return self._driver.run(search_flows.multisearch(self._session, command))

    def list_extended(
        self,
        *patterns: str,
        reference: str = "",
        selection: ListOptions = (),
        returning: ListOptions = (),
    ) -> tuple[Listed, ...]:
        """Return the mailboxes that match any of *patterns*, and what is asked for about them (RFC 5258).

        *selection*: "SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE". *returning*: "SUBSCRIBED",
        "CHILDREN", "SPECIAL-USE", "STATUS (MESSAGES UNSEEN)", "MYRIGHTS", "METADATA (/private/comment)".
        """
        command = list_flows.list_command(reference, patterns, selection, returning)
        return self._driver.run(list_flows.list_extended(self._session, command))

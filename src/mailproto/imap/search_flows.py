"""The client's procedures of extended searches, as those of `mailproto.imap.client_flows`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

from mailproto.flow import Flow
from mailproto.imap.client_flows import joined_keys, run
from mailproto.imap.commands import Command, Search, UIDSearch
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.multisearch import ESearch
from mailproto.imap.ext.sort import Sort, SortData, UIDSort
from mailproto.imap.ext.thread import Thread, ThreadBranch, ThreadData, UIDThread
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parameters import SEARCH_RETURNS, Parameter
from mailproto.imap.search import SearchKey

__all__ = ["Returning", "esearch", "multisearch", "search_command", "sort", "thread"]

Returning: TypeAlias = Iterable[Parameter | str]
"""What a search returns: options, or how they are written, as "COUNT" and "PARTIAL 1:50"."""

SearchT = TypeVar("SearchT", Search, UIDSearch)


def search_command(
    kind: type[SearchT], keys: Sequence[SearchKey], returning: Returning, charset: str | None
) -> SearchT:
    """Return the SEARCH or UID SEARCH that returns what is asked for. Raises LocalProtocolError."""
    return kind(joined_keys(keys), charset, returning=SEARCH_RETURNS.of(returning))


def esearch(session: Inboxes, command: Command) -> Flow[ESearchData]:
    """Send *command*, a search with RETURN, and return what it returned; empty if nothing was to return.

    Where a server sends several ESEARCH responses, their results stand together.
    """
    inbox = yield from run(session, command)
    found = [event for event in session.take(inbox) if isinstance(event, ESearchData)]
    is_uid = any(data.is_uid for data in found)
    return ESearchData(inbox.tag, tuple(pair for data in found for pair in data.results), is_uid)


def sort(session: Inboxes, command: Sort | UIDSort) -> Flow[tuple[int, ...]]:
    """Return the numbers, or UIDs, of the messages that were found, in the order that was asked for."""
    inbox = yield from run(session, command)
    found = [event for event in session.take(inbox) if isinstance(event, SortData)]
    return tuple(number for data in found for number in data.numbers)


def thread(session: Inboxes, command: Thread | UIDThread) -> Flow[tuple[ThreadBranch, ...]]:
    """Return the threads of the messages that were found."""
    inbox = yield from run(session, command)
    found = [event for event in session.take(inbox) if isinstance(event, ThreadData)]
    return tuple(branch for data in found for branch in data.threads)


def multisearch(session: Inboxes, command: ESearch) -> Flow[tuple[ESearchData, ...]]:
    """Return what was found in each mailbox in which anything was."""
    inbox = yield from run(session, command)
    return tuple(event for event in session.take(inbox) if isinstance(event, ESearchData))

"""The client's procedures of extended searches, as those of `mailproto.imap.client_flows`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from mailproto.flow import Flow
from mailproto.imap.answers import Inbox
from mailproto.imap.client_flows import complete, joined_keys, run
from mailproto.imap.commands import Command, Search, UIDSearch
from mailproto.imap.ext.context import UpdateResults
from mailproto.imap.ext.esearch import ALL, ESearchData
from mailproto.imap.ext.multisearch import ESearch
from mailproto.imap.ext.sort import Sort, SortData, UIDSort
from mailproto.imap.ext.thread import Thread, ThreadBranch, ThreadData, UIDThread
from mailproto.imap.inbox import Inboxes
from mailproto.imap.live_results import LiveResults
from mailproto.imap.parameters import SEARCH_RETURNS, Parameter
from mailproto.imap.parts import limit_reached
from mailproto.imap.search import SearchKey
from mailproto.imap.searching import Found, esearch_all, joined

__all__ = ["Returning", "esearch", "live", "multisearch", "search_command", "sort", "thread"]

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

    Where a server sends several ESEARCH responses, their results stand together. Where it answers by SEARCH
    or SORT instead, as before RFC 4731, the results are what these numbers say. MIN, MAX, COUNT and ALL are
    those of all messages, however many commands that takes. Raises LimitReached if a server has not searched
    all of them and something else is to be returned.
    """
    if isinstance(command, Search | UIDSearch):
        return (yield from esearch_all(session, command))
    inbox = yield from _run_whole(session, command)
    return joined(Found(inbox.tag, command, inbox.moment, tuple(session.take(inbox))))


def _run_whole(session: Inboxes, command: Command) -> Flow[Inbox]:
    """Carry out a search that cannot be put together of parts: the order of all is not that of each."""
    inbox = yield from run(session, command)
    if inbox.message_limit is not None:
        raise limit_reached(inbox)
    return inbox


def live(session: Inboxes, command: Search | UIDSearch | Sort | UIDSort) -> Flow[LiveResults]:
    """Send *command*, a search without RETURN, and return what it finds, kept up to date (RFC 5267).

    Raises LocalProtocolError if there are `max_contexts` of them already, LimitReached if the server has not
    searched all messages.
    """
    session.searches.check_room()
    command = replace(command, returning=(UpdateResults(), ALL))
    is_sorted = isinstance(command, Sort | UIDSort)
    inbox = yield from session.send(command)
    results = session.searches.begin(
        inbox.tag, is_uid=isinstance(command, UIDSearch | UIDSort), is_sorted=is_sorted
    )
    try:
        yield from complete(session, inbox)
        if inbox.message_limit is not None:
            raise limit_reached(inbox)
    except BaseException:
        session.searches.end(inbox.tag)
        raise
    session.take(inbox)
    return results


def sort(session: Inboxes, command: Sort | UIDSort) -> Flow[tuple[int, ...]]:
    """Return the numbers, or UIDs, of the messages that were found, in the order that was asked for."""
    inbox = yield from _run_whole(session, command)
    found = [event for event in session.take(inbox) if isinstance(event, SortData)]
    return tuple(number for data in found for number in data.numbers)


def thread(session: Inboxes, command: Thread | UIDThread) -> Flow[tuple[ThreadBranch, ...]]:
    """Return the threads of the messages that were found."""
    inbox = yield from _run_whole(session, command)
    found = [event for event in session.take(inbox) if isinstance(event, ThreadData)]
    return tuple(branch for data in found for branch in data.threads)


def multisearch(session: Inboxes, command: ESearch) -> Flow[tuple[ESearchData, ...]]:
    """Return what was found in each mailbox in which anything was."""
    inbox = yield from _run_whole(session, command)
    return tuple(event for event in session.take(inbox) if isinstance(event, ESearchData))

"""SEARCH and UID SEARCH with all of their results, however many commands that takes.

A UID set among the keys that makes the line too long is cut, and what a server has not searched is asked for
again (RFC 9738 section 3.1).
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.answers import raise_refusal
from mailproto.imap.commands import Search, UIDSearch
from mailproto.imap.cutting import cut
from mailproto.imap.following import events_of, found_in
from mailproto.imap.inbox import Inboxes
from mailproto.imap.pipelining import takes_numbers
from mailproto.imap.search import UID, And, SearchKey, all_of
from mailproto.imap.sequence import STAR, UIDSet

__all__ = ["search_all"]

_REST: Final = len(" UID 1:4294967295")
"""Octets of the key that says what is left."""


def search_all(session: Inboxes, command: Search | UIDSearch) -> Flow[Ranges]:
    """Return what *command*, which has no RETURN, finds: sequence numbers as they are now, or UIDs.

    Raises LocalProtocolError if its line is too long and no UID set among its keys can be cut, and if
    sequence numbers changed between two commands so that they cannot be told.
    """
    searching = _Searching(session, command)
    try:
        return (yield from searching.run())
    finally:
        searching.close()


@final
class _Searching:
    """One search in parts: what was found, and when."""

    def __init__(self, session: Inboxes, command: Search | UIDSearch) -> None:
        self._session = session
        self._command = command
        self._place: tuple[str, int | None] | None = None
        self._numbering = session.follow()
        self._found: list[tuple[int, Ranges]] = []

    def close(self) -> None:
        self._session.unfollow(self._numbering)

    def run(self) -> Flow[Ranges]:
        waiting = deque((key, STAR) for key in _cut_key(self._session, self._command))
        while waiting:
            key, lowest = waiting.popleft()
            part = key if lowest == STAR else key & UID(UIDSet.of_parsed(((1, lowest - 1),)))
            uid = yield from self._search(replace(self._command, key=part))
            if uid is not None and 1 < uid < lowest:
                waiting.appendleft((key, uid))
        return _ranges.merge(pair for moment, found in self._found for pair in self._now(moment, found))

    def _now(self, moment: int, found: Ranges) -> Ranges:
        """Return what was found at a moment as it is now."""
        if isinstance(self._command, UIDSearch):
            return found
        since = self._numbering.since(moment)
        self._check(not since.is_lost)
        return since.current(found)

    def _search(self, command: Search | UIDSearch) -> Flow[int | None]:
        """Add what one command finds; return down to which UID it searched, None for all."""
        session = self._session
        yield from session.wait_to_send(command)
        self._check(self._place in (None, session.place))
        self._place = session.place
        self._check(not (self._numbering.has_moved and takes_numbers(command)))
        inbox = yield from session.send(command)
        events = yield from events_of(session, inbox)
        raise_refusal(inbox)
        self._found.append((inbox.moment, found_in(events)))
        return None if inbox.message_limit is None else inbox.message_limit.lowest_uid

    def _check(self, is_certain: bool) -> None:
        if not is_certain:
            raise LocalProtocolError(
                f"{self._command.name}: which messages the numbers mean is not known now"
            )


def _cut_key(session: Inboxes, command: Search | UIDSearch) -> list[SearchKey]:
    """Return the key of *command*, or as many as it takes for a line to hold one; they share no message."""
    key = command.key
    keys = key.keys if isinstance(key, And) else (key,)
    sets = [(index, each.uids) for index, each in enumerate(keys) if isinstance(each, UID)]
    index, longest = max(sets, key=lambda pair: len(pair[1].ranges), default=(0, None))
    if longest is None or longest.has_star:
        return [key]

    def with_uids(uids: UIDSet) -> SearchKey:
        return all_of((*keys[:index], UID(uids), *keys[index + 1 :]))

    parts = cut(session.conn, longest, lambda uids: replace(command, key=with_uids(uids)), spare=_REST)
    return [key] if len(parts) == 1 else [with_uids(part) for part in parts]

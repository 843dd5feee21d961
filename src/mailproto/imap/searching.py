"""SEARCH and UID SEARCH with all of their results, however many commands that takes.

A UID set among the keys that makes the line too long is cut, and what a server has not searched is asked for
again (RFC 9738 section 3.1).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, cast, final

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.errors import Defect, LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.answers import Inbox, raise_refusal
from mailproto.imap.commands import Command, Search, UIDSearch
from mailproto.imap.cutting import cut
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.sort import SortData
from mailproto.imap.following import Following, events_of, found_in
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parts import MAX_PARTS, limit_reached
from mailproto.imap.pipelining import takes_numbers
from mailproto.imap.plain_results import results_of_numbers
from mailproto.imap.responses import SearchData
from mailproto.imap.search import UID, And, SearchKey, all_of
from mailproto.imap.sequence import STAR, NumberSet, SequenceSet, UIDSet

__all__ = ["esearch_all", "joined", "search_all", "Found"]

_REST: Final = len(" UID 1:4294967295")
"""Octets of the key that says what is left."""


def search_all(session: Inboxes, command: Search | UIDSearch) -> Flow[Ranges]:
    """Return what *command*, which has no RETURN, finds: sequence numbers as they are now, or UIDs.

    Raises LocalProtocolError if its line is too long and no UID set among its keys can be cut, and if
    sequence numbers changed between two commands so that they cannot be told.
    """
    searching = _Searching(session, command)
    try:
        found = yield from searching.run()
        return _ranges.merge(pair for part in found for pair in searching.now(part, found_in(part.events)))
    finally:
        searching.close()


def esearch_all(session: Inboxes, command: Search | UIDSearch) -> Flow[ESearchData]:
    """Return what *command*, with RETURN, finds; where it takes several commands, as if it were one.

    Raises as `search_all`, and LimitReached if the server has not searched all messages, and asks for a
    result that cannot be put together of several.
    """
    searching = _Searching(session, command)
    try:
        found = yield from searching.run()
        return joined(found[0]) if len(found) == 1 else searching.join(found)
    finally:
        searching.close()


@final
@dataclass(frozen=True, slots=True)
class Found:
    """What answered one search of several, and the moment at which its numbers were right."""

    tag: str
    command: Command
    moment: int
    events: tuple[object, ...]


def joined(found: Found) -> ESearchData:
    """Return the ESEARCH responses that answer one command as one: their results stand together.

    Where SEARCH or SORT has come instead, it is what these numbers say.
    """
    answers = [event for event in found.events if isinstance(event, ESearchData)]
    plain = [event for event in found.events if isinstance(event, SearchData | SortData)]
    if plain and not answers:
        return results_of_numbers(found.tag, found.command, plain)
    is_uid = any(answer.is_uid for answer in answers)
    results = tuple(pair for answer in answers for pair in answer.results)
    return ESearchData(found.tag, results, is_uid, defects=_defects_of(answers))


def _defects_of(answers: Iterable[ESearchData]) -> tuple[Defect, ...]:
    """Return the defects of all *answers*."""
    return tuple(defect for answer in answers for defect in answer.defects)


@final
class _Searching:
    """One search in parts."""

    def __init__(self, session: Inboxes, command: Search | UIDSearch) -> None:
        self._session = session
        self._command = command
        self._following = Following(session)

    def close(self) -> None:
        self._following.close()

    def run(self) -> Flow[list[Found]]:
        found: list[Found] = []
        waiting = deque((key, STAR) for key in self._keys())
        while waiting:
            key, lowest = waiting.popleft()
            part = key if lowest == STAR else key & UID(UIDSet.of_parsed(((1, lowest - 1),)))
            inbox = yield from self._search(replace(self._command, key=part))
            events = yield from events_of(self._session, inbox)
            raise_refusal(inbox)
            found.append(Found(inbox.tag, self._command, inbox.moment, tuple(events)))
            uid = _lowest_of(inbox)
            if uid is not None and 1 < uid < lowest:
                if not self._can_be_joined or len(found) >= MAX_PARTS:
                    raise limit_reached(inbox)
                waiting.appendleft((key, uid))
        return found

    def _keys(self) -> list[SearchKey]:
        return _cut_key(self._session, self._command) if self._can_be_joined else [self._command.key]

    @property
    def _can_be_joined(self) -> bool:
        return _JOINED.issuperset(option.name for option in self._command.options)

    def _search(self, command: Search | UIDSearch) -> Flow[Inbox]:
        session = self._session
        yield from session.wait_to_send(command)
        self._following.check_place()
        self._check(not (self._following.numbering.has_moved and takes_numbers(command)))
        return (yield from session.send(command))

    def _check(self, is_certain: bool) -> None:
        if not is_certain:
            raise LocalProtocolError(
                f"{self._command.name}: which messages the numbers mean is not known now"
            )

    def now(self, part: Found, numbers: Ranges) -> Ranges:
        """Return *numbers* that were found as they are now."""
        if isinstance(self._command, UIDSearch):
            return numbers
        since = self._following.numbering.since(part.moment)
        self._check(not since.is_lost)
        return since.current(numbers)

    def join(self, found: list[Found]) -> ESearchData:
        """Return the results of all parts as those of one."""
        numbers: dict[str, list[Ranges]] = {}
        counts: list[int] = []
        answers = [joined(part) for part in found]
        for part, data in zip(found, answers, strict=True):
            counts += () if data.count is None else (data.count,)
            for name in _PICKS.keys() & dict(data.results).keys():
                now = self.now(part, _ranges_of(data.get(name)))
                # Which one is the least when that is gone, no part has told.
                self._check(bool(now) or name == "ALL")
                numbers.setdefault(name, []).append(now)
        results: list[tuple[str, object]] = [
            (name, pick(_ranges.merge(chain.from_iterable(numbers[name])), self._kind))
            for name, pick in _PICKS.items()
            if any(numbers.get(name, ()))
        ]
        if counts:
            results.append(("COUNT", sum(counts)))
        is_uid = self._kind is UIDSet
        return ESearchData(found[-1].tag, tuple(results), is_uid, defects=_defects_of(answers))

    @property
    def _kind(self) -> type[UIDSet] | type[SequenceSet]:
        return UIDSet if isinstance(self._command, UIDSearch) else SequenceSet


def _ranges_of(value: object) -> Ranges:
    """Return a set, or a number, as ranges."""
    return value.merged if isinstance(value, NumberSet) else ((cast(int, value), cast(int, value)),)


def _least(numbers: Ranges, _kind: type[NumberSet]) -> int:
    return numbers[0][0]


def _greatest(numbers: Ranges, _kind: type[NumberSet]) -> int:
    return numbers[-1][1]


def _all(numbers: Ranges, kind: type[NumberSet]) -> NumberSet:
    return kind.of_parsed(numbers)


_PICKS: Final[dict[str, Callable[[Ranges, type[NumberSet]], int | NumberSet]]] = {
    "MIN": _least,
    "MAX": _greatest,
    "ALL": _all,
}
"""Name of a result -> what it is of the numbers that the parts gave for it."""

_JOINED: Final = frozenset({"COUNT", *_PICKS})
"""Results that can be put together of those of several searches."""


def _lowest_of(inbox: Inbox) -> int | None:
    """Return down to which UID a command searched, None for all."""
    return None if inbox.message_limit is None else inbox.message_limit.lowest_uid


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

"""SEARCH and UID SEARCH over a store (RFC 3501 section 6.4.4).

A key is matched with as little as it needs: first with what the store says of a message, then with its
header, then with all of it. Text is compared decoded and without regard to case.
"""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable, Iterable
from typing import Final, cast

from mailproto import _ranges
from mailproto._ranges import Ranges
from mailproto.flow import Call, Flow, Sleep
from mailproto.imap import search as keys
from mailproto.imap.codes import EXPUNGEISSUED, BadCharsetCode
from mailproto.imap.commands import Search, UIDSearch
from mailproto.imap.flags import ANSWERED, DELETED, DRAFT, FLAGGED, RECENT, SEEN
from mailproto.imap.responses import SearchData
from mailproto.imap.search import (
    CHARSETS,
    UID,
    All,
    And,
    Before,
    DateKey,
    Header,
    Keyword,
    KeywordKey,
    Larger,
    Not,
    On,
    Or,
    SearchKey,
    SentBefore,
    SentOn,
    SentSince,
    SequenceNumbers,
    SimpleKey,
    Since,
    SizeKey,
    TextKey,
)
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session import Status
from mailproto.imap.status import Bad, No, Ok
from mailproto.mime.dates import parse_date
from mailproto.mime.extraction import body_texts, texts
from mailproto.mime.headers import fields
from mailproto.mime.scanner import scan
from mailproto.mime.text import codec_name, decode_text
from mailproto.store._context import Context, Refusal, Selected, Target
from mailproto.store._protocol import Body, MessageGone, MessageInfo, SupportsSearch

__all__ = ["search"]

MAX_MESSAGES: Final = 500
"""Messages that are looked at in one call into the store."""
USUAL_HEADER: Final = 16_384
"""Octets that are read first to find a header."""

Matcher = Callable[["_Candidate"], bool | None]
"""Says whether a message matches; None: what has been read of it is not enough."""


class _Candidate:
    """A message that may match, and what has been read of it: `header` and `texts` are None until then."""

    __slots__ = ("body_texts", "flags", "header", "info", "number", "texts")

    def __init__(self, number: int, info: MessageInfo, flags: frozenset[str]) -> None:
        self.number = number
        self.info = info
        self.flags = {flag.lower() for flag in flags}
        self.header: list[tuple[bytes, bytes]] | None = None
        self.texts: list[str] | None = None
        self.body_texts: list[str] | None = None


def search(context: Context, conn: IMAPServerConnection, command: Search | UIDSearch) -> Flow[Status]:
    """Send the numbers, or the UIDs, of the messages that match."""
    _check_charset(command.charset)
    selected = yield from context.begin(conn)
    matcher = _Compiler(selected, command.charset).compile(command.key)
    targets = list(selected.tracker)
    present = selected.present(targets)
    found = yield from _indexed(context, selected, command.key, present)
    if found is None:
        found = yield from _scanned(context, selected, matcher, present)
    is_uid = isinstance(command, UIDSearch)
    conn.send(SearchData(tuple(uid if is_uid else number for number, uid in found)))
    return Ok("SEARCH completed", EXPUNGEISSUED if len(present) < len(targets) else None)


def _check_charset(charset: str | None) -> None:
    if charset is not None and codec_name(charset) is None:
        raise Refusal(No("unknown charset", BadCharsetCode(CHARSETS)))


def _indexed(
    context: Context, selected: Selected, key: SearchKey, present: list[Target]
) -> Flow[list[Target] | None]:
    """Return what the index of the store finds; None if there is none for this key."""
    store = context.store
    if not isinstance(store, SupportsSearch):
        return None
    arguments = (selected.name, _with_uids(key, selected))
    ranges: Ranges | None = yield Call(store.search, arguments, store)
    if ranges is None:
        return None
    return [target for target in present if _ranges.contains(ranges, target[1])]


def _with_uids(key: SearchKey, selected: Selected) -> SearchKey:
    """Return *key* with sequence numbers replaced by UIDs, and no `*` in it."""
    if isinstance(key, SequenceNumbers):
        numbers = key.numbers.resolve(len(selected.tracker))
        return _one_of(uid for _, uid in selected.tracker.by_number(numbers))
    if isinstance(key, UID):
        return _one_of(uid for _, uid in selected.tracker.by_uid(key.uids.resolve(selected.tracker.last_uid)))
    if isinstance(key, And):
        return And(tuple(_with_uids(child, selected) for child in key.keys))
    if isinstance(key, Or):
        return Or(_with_uids(key.left, selected), _with_uids(key.right, selected))
    return Not(_with_uids(key.key, selected)) if isinstance(key, Not) else key


def _one_of(uids: Iterable[int]) -> SearchKey:
    some = UIDSet.of(uids)
    return UID(some) if some else Not(All())


def _scanned(
    context: Context, selected: Selected, matcher: Matcher, present: list[Target]
) -> Flow[list[Target]]:
    found: list[Target] = []
    reader = _Reader(context, selected, matcher)
    for start in range(0, len(present), MAX_MESSAGES):
        if start:
            yield Sleep(0)
        found += yield from context.in_one_call(reader.window(present[start : start + MAX_MESSAGES]))
    return found


class _Reader:
    """Reads of each message as little as its match needs."""

    __slots__ = ("_context", "_matcher", "_selected")

    def __init__(self, context: Context, selected: Selected, matcher: Matcher) -> None:
        self._context = context
        self._selected = selected
        self._matcher = matcher

    def window(self, targets: list[Target]) -> Flow[list[Target]]:
        """Return those of *targets* that match; a procedure."""
        found: list[Target] = []
        for target in targets:
            try:
                if (yield from self._matches(target)):
                    found.append(target)
            except MessageGone:
                continue
        return found

    def _matches(self, target: Target) -> Flow[bool]:
        number, uid = target
        info = self._selected.messages[uid]
        candidate = _Candidate(number, info, self._selected.flags(info))
        result = self._matcher(candidate)
        if result is not None:
            return result
        body: Body = yield Call(self._context.store.open, (self._selected.name, uid))
        try:
            return (yield from self._matches_octets(candidate, body))
        finally:
            yield Call(body.close)

    def _matches_octets(self, candidate: _Candidate, body: Body) -> Flow[bool]:
        octets: bytes = yield Call(body.read, (0, USUAL_HEADER))
        if _header_ends(octets) or len(octets) == body.size:
            candidate.header = list(fields(octets, scan(octets).header_span))
            result = self._matcher(candidate)
            if result is not None:
                return result
        if len(octets) < body.size:
            octets = yield Call(body.read, (0, body.size))
        root = scan(octets)
        candidate.header = list(fields(octets, root.header_span))
        candidate.texts = [text.casefold() for text in texts(octets, root)]
        candidate.body_texts = [text.casefold() for text in body_texts(octets, root)]
        return bool(self._matcher(candidate))


def _header_ends(octets: bytes) -> bool:
    return b"\n\r\n" in octets or b"\n\n" in octets


class _Compiler:
    """Makes matchers of keys. `charset` is that of strings that are still octets."""

    __slots__ = ("_charset", "selected")

    def __init__(self, selected: Selected, charset: str | None) -> None:
        self.selected = selected
        self._charset = charset

    def compile(self, key: SearchKey) -> Matcher:
        """Return the matcher of *key*; raises `Refusal` for one that is not known."""
        row = _ROWS.get(type(key))
        if row is None:
            row = next((row for kind, row in _KINDS if isinstance(key, kind)), _unknown)
        return row(self, key)

    def text(self, value: str | bytes) -> str:
        """Return a string to compare with; raises `Refusal` if it is not text in the charset."""
        if isinstance(value, bytes):
            try:
                value = value.decode(codec_name(self._charset or "UTF-8") or "utf-8")
            except ValueError:
                raise Refusal(Bad("the text is not in the charset")) from None
        return value.casefold()


def _unknown(compiler: _Compiler, key: SearchKey) -> Matcher:
    raise Refusal(Bad(f"unknown search key {key.name}"))


def _and(compiler: _Compiler, key: SearchKey) -> Matcher:
    return _all_of([compiler.compile(child) for child in key.children])


def _all_of(matchers: list[Matcher]) -> Matcher:
    def matches(candidate: _Candidate) -> bool | None:
        result: bool | None = True
        for matcher in matchers:
            answer = matcher(candidate)
            if answer is False:
                return False
            if answer is None:
                result = None
        return result

    return matches


def _not(compiler: _Compiler, key: SearchKey) -> Matcher:
    return _opposite(compiler.compile(key.children[0]))


def _opposite(matcher: Matcher) -> Matcher:
    def matches(candidate: _Candidate) -> bool | None:
        answer = matcher(candidate)
        return None if answer is None else not answer

    return matches


def _or(compiler: _Compiler, key: SearchKey) -> Matcher:
    return _opposite(_all_of([_opposite(compiler.compile(child)) for child in key.children]))


def _sequence_numbers(compiler: _Compiler, key: SearchKey) -> Matcher:
    ranges = cast(SequenceNumbers, key).numbers.resolve(len(compiler.selected.tracker))
    return lambda candidate: _ranges.contains(ranges, candidate.number)


def _uids(compiler: _Compiler, key: SearchKey) -> Matcher:
    ranges = cast(UID, key).uids.resolve(compiler.selected.tracker.last_uid)
    return lambda candidate: _ranges.contains(ranges, candidate.info.uid)


_FLAGS: Final = {
    "ALL": ((), ()),
    "ANSWERED": ((ANSWERED,), ()),
    "DELETED": ((DELETED,), ()),
    "DRAFT": ((DRAFT,), ()),
    "FLAGGED": ((FLAGGED,), ()),
    "NEW": ((RECENT,), (SEEN,)),
    "OLD": ((), (RECENT,)),
    "RECENT": ((RECENT,), ()),
    "SEEN": ((SEEN,), ()),
    "UNANSWERED": ((), (ANSWERED,)),
    "UNDELETED": ((), (DELETED,)),
    "UNDRAFT": ((), (DRAFT,)),
    "UNFLAGGED": ((), (FLAGGED,)),
    "UNSEEN": ((), (SEEN,)),
}
"""Keys without arguments: the flags that a message must have, and those that it must not have."""


def _simple(compiler: _Compiler, key: SearchKey) -> Matcher:
    if key.name not in _FLAGS:
        return _unknown(compiler, key)
    with_, without = ({flag.lower() for flag in flags} for flags in _FLAGS[key.name])
    return lambda candidate: with_ <= candidate.flags and not without & candidate.flags


def _keyword(compiler: _Compiler, key: SearchKey) -> Matcher:
    keyword = cast(KeywordKey, key).keyword.lower()
    is_wanted = isinstance(key, Keyword)
    return lambda candidate: (keyword in candidate.flags) is is_wanted


def _size(compiler: _Compiler, key: SearchKey) -> Matcher:
    size = cast(SizeKey, key).size
    if isinstance(key, Larger):
        return lambda candidate: candidate.info.size > size
    return lambda candidate: candidate.info.size < size


class _Order(enum.Enum):
    BEFORE = -1
    SAME = 0
    SINCE = 1

    def holds(self, day: datetime.date, limit: datetime.date) -> bool:
        """Return whether *day* stands so to *limit*."""
        if self is _Order.SAME:
            return day == limit
        return (day < limit) is (self is _Order.BEFORE)


_INTERNAL_DATES: Final[dict[type, _Order]] = {Before: _Order.BEFORE, On: _Order.SAME, Since: _Order.SINCE}
_SENT_DATES: Final[dict[type, _Order]] = {
    SentBefore: _Order.BEFORE,
    SentOn: _Order.SAME,
    SentSince: _Order.SINCE,
}


def _internal_date(compiler: _Compiler, key: SearchKey) -> Matcher:
    order, limit = _INTERNAL_DATES[type(key)], cast(DateKey, key).date
    return lambda candidate: order.holds(candidate.info.internal_date.date(), limit)


def _sent_date(compiler: _Compiler, key: SearchKey) -> Matcher:
    """Compare the date as it is written, whatever its zone; what has no date does not match."""
    order, limit = _SENT_DATES[type(key)], cast(DateKey, key).date

    def matches(candidate: _Candidate) -> bool | None:
        if candidate.header is None:
            return None
        written = next((parse_date(value) for name, value in candidate.header if name == b"date"), None)
        return written is not None and order.holds(written.date(), limit)

    return matches


def _header(compiler: _Compiler, key: SearchKey) -> Matcher:
    header = cast(Header, key)
    return _field(header.field_name, compiler.text(header.value))


def _envelope_field(compiler: _Compiler, key: SearchKey) -> Matcher:
    return _field(key.name, compiler.text(cast(TextKey, key).value))


def _field(field_name: str, text: str) -> Matcher:
    wanted = field_name.lower().encode()

    def matches(candidate: _Candidate) -> bool | None:
        if candidate.header is None:
            return None
        return any(
            text in decode_text(value).casefold() for name, value in candidate.header if name == wanted
        )

    return matches


def _body(compiler: _Compiler, key: SearchKey) -> Matcher:
    text = compiler.text(cast(TextKey, key).value)
    return lambda candidate: _is_in(text, candidate.body_texts)


def _text(compiler: _Compiler, key: SearchKey) -> Matcher:
    text = compiler.text(cast(TextKey, key).value)
    return lambda candidate: _is_in(text, candidate.texts)


def _is_in(text: str, candidates: list[str] | None) -> bool | None:
    return None if candidates is None else any(text in candidate for candidate in candidates)


_Row = Callable[[_Compiler, SearchKey], Matcher]

_ROWS: Final[dict[type, _Row]] = {
    And: _and,
    Or: _or,
    Not: _not,
    SequenceNumbers: _sequence_numbers,
    UID: _uids,
    Header: _header,
    keys.Body: _body,
    keys.Text: _text,
    **dict.fromkeys(_INTERNAL_DATES, _internal_date),
    **dict.fromkeys(_SENT_DATES, _sent_date),
}
"""How each key is matched; an extension adds its rows."""

_KINDS: Final[tuple[tuple[type, _Row], ...]] = (
    (SimpleKey, _simple),
    (TextKey, _envelope_field),
    (SizeKey, _size),
    (KeywordKey, _keyword),
)
"""The same for kinds of keys that are matched by their names."""

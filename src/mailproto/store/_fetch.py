"""FETCH and UID FETCH over a store (RFC 3501 section 6.4.5).

Messages are rendered in windows: one call into the store reads what a window needs, then its responses are
sent. A window ends after so many messages or octets, or with a section that is too large to be held: that one
is read and sent in chunks. So a FETCH of everything holds no more than a window and a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from mailproto.flow import Call, Flow
from mailproto.imap.codes import EXPUNGEISSUED
from mailproto.imap.commands import Fetch, UIDFetch
from mailproto.imap.fetch import (
    BODY,
    BODYSTRUCTURE,
    ENVELOPE,
    FLAGS,
    INTERNALDATE,
    RFC822,
    RFC822_HEADER,
    RFC822_SIZE,
    RFC822_TEXT,
    UID,
    Answer,
    BodyItem,
    BodySection,
    FetchItem,
)
from mailproto.imap.fetch_data import PreparedFetch, PreparedItem
from mailproto.imap.flags import SEEN
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.session import Status, flush_if_full
from mailproto.imap.status import Bad, Ok
from mailproto.imap.values import Streamed
from mailproto.mime.scanner import Part
from mailproto.mime.sections import section
from mailproto.store._context import Context, Selected, Target, prepared_flags
from mailproto.store._protocol import Body, MessageGone, MessageInfo
from mailproto.store._structure import Structure, without_nul

__all__ = ["fetch", "load_structure"]

MAX_MESSAGES: Final = 500
"""Messages of a window."""
MAX_OCTETS: Final = 65_536
"""Octets of a window, of a section that is held, and of a chunk of one that is not."""
USUAL_OCTETS: Final = 128
"""What is counted for a message beside its larger items."""

Prepared: TypeAlias = PreparedItem | Answer
Spans: TypeAlias = tuple[tuple[int, int], ...]


class _Stream(NamedTuple):
    """A section that is read while it is sent."""

    body: Body
    spans: Spans


@dataclass(slots=True)
class _Response:
    """A response, and what is streamed into it, section by section, from one body."""

    value: PreparedFetch
    streams: list[_Stream] = field(default_factory=list)


_PLAIN: Final[dict[str, Callable[[Selected, MessageInfo], Prepared]]] = {
    FLAGS.key: lambda selected, info: prepared_flags(selected.flags(info)),
    UID.key: lambda selected, info: UID.answer(info.uid),
    INTERNALDATE.key: lambda selected, info: INTERNALDATE.answer(info.internal_date),
    RFC822_SIZE.key: lambda selected, info: RFC822_SIZE.answer(info.size),
}
"""Items that need no octets of the message."""

_STRUCTURAL: Final[dict[str, Callable[[Structure], bytes]]] = {
    ENVELOPE.key: lambda structure: structure.envelope,
    BODY.key: lambda structure: structure.body,
    BODYSTRUCTURE.key: lambda structure: structure.body_structure,
}
"""Items that are made once from the scanned message."""

_SECTIONS: Final = {
    RFC822.key: (RFC822, BodySection(peek=False)),
    RFC822_HEADER.key: (RFC822_HEADER, BodySection((), "HEADER")),
    RFC822_TEXT.key: (RFC822_TEXT, BodySection((), "TEXT", peek=False)),
}
"""Items that are other names of body sections (RFC 3501 section 6.4.5)."""


@dataclass(slots=True)
class _Plan:
    """What each response holds, in this order; body sections last, since they may be streamed."""

    plain: dict[str, Callable[[Selected, MessageInfo], Prepared]] = field(default_factory=dict)
    structural: list[Callable[[Structure], bytes]] = field(default_factory=list)
    sections: list[tuple[BodyItem, BodySection]] = field(default_factory=list)

    @property
    def needs_structure(self) -> bool:
        """Whether the message has to be scanned."""
        return bool(self.structural) or any(place.part or place.specifier for _, place in self.sections)

    @property
    def marks_seen(self) -> bool:
        """Whether the messages become `\\Seen`."""
        return any(not place.peek for _, place in self.sections)

    def add(self, item: FetchItem[object]) -> bool:
        """Add *item*; return False if it is not known."""
        key = item.key
        if key in _PLAIN:
            self.plain[key] = _PLAIN[key]
        elif key in _STRUCTURAL:
            self.structural.append(_STRUCTURAL[key])
        elif key in _SECTIONS:
            self.sections.append(_SECTIONS[key])
        elif isinstance(item, BodySection):
            self.sections.append((item, item))
        else:
            return False
        return True


def fetch(context: Context, conn: IMAPServerConnection, command: Fetch | UIDFetch) -> Flow[Status]:
    """Send what was asked for; messages that somebody else expunged are passed over."""
    is_uid = isinstance(command, UIDFetch)
    plan = _Plan()
    if is_uid:
        plan.add(UID)
    for item in {item.key: item for item in command.items}.values():
        if not plan.add(item):
            return Bad(f"unknown item {item.key}")
    selected = yield from context.begin(conn)
    targets = selected.targets(command.sequence_set)
    renderer = _Renderer(context, selected, plan)
    index = 0
    while index < len(targets):
        try:
            index = yield from context.in_one_call(renderer.window(targets, index))
        finally:
            yield from renderer.send(conn)
    return Ok("FETCH completed", EXPUNGEISSUED if renderer.has_skipped and not is_uid else None)


class _Renderer:
    """Makes the responses of one command, window by window."""

    __slots__ = ("_context", "_plan", "_responses", "_selected", "_size", "has_skipped")

    def __init__(self, context: Context, selected: Selected, plan: _Plan) -> None:
        self._context = context
        self._selected = selected
        self._plan = plan
        self._responses: list[_Response] = []
        self._size = 0
        self.has_skipped = False

    def window(self, targets: list[Target], start: int) -> Flow[int]:
        """Render messages from *start* on and return the index of the next one; a procedure."""
        self._size = 0
        index = start
        end = min(len(targets), start + MAX_MESSAGES)
        while index < end and self._size < MAX_OCTETS:
            try:
                yield from self._message(*targets[index])
            except MessageGone:
                self.has_skipped = True
            index += 1
            if self._responses and self._responses[-1].streams:
                break
        return index

    def _message(self, number: int, uid: int) -> Flow[None]:
        info = self._selected.messages.get(uid)
        if info is None:
            raise MessageGone(uid)
        if self._plan.sections:
            yield from self._with_body(number, info)
            return
        structure = (yield from load_structure(self._context, uid)) if self._plan.structural else None
        self._responses.append(_Response(PreparedFetch(number, tuple(self._items(info, structure)))))

    def _with_body(self, number: int, info: MessageInfo) -> Flow[None]:
        body: Body = yield Call(self._context.store.open, (self._selected.name, info.uid))
        response = None
        try:
            response = yield from self._with_sections(number, info, body)
            self._responses.append(response)
        finally:
            if response is None or not response.streams:
                yield Call(body.close)

    def _with_sections(self, number: int, info: MessageInfo, body: Body) -> Flow[_Response]:
        plan = self._plan
        structure = None
        if plan.needs_structure:
            structure = yield from load_structure(self._context, info.uid, body)
        root = structure.root if structure else Part(start=0, body=0, end=body.size)
        sections: list[Prepared] = []
        streams: list[_Stream] = []
        for item, place in plan.sections:
            spans = yield from _find(place, root, body)
            if spans is not None and _count(spans) > MAX_OCTETS:
                streams.append(_Stream(body, spans))
                # The type of an item says what its reader gets; a sender may put what stands for it.
                sections.append(item.answer(Streamed(_count(spans))))  # type: ignore[arg-type]
            else:
                content = None if spans is None else (yield from _read(body, spans))
                sections.append(item.answer(content))  # type: ignore[arg-type]
                self._size += len(content or b"")
        seen = yield from self._mark_seen(info)
        items = self._items(seen, structure)
        if seen is not info and FLAGS.key not in plan.plain:
            items.append(_PLAIN[FLAGS.key](self._selected, seen))
        return _Response(PreparedFetch(number, (*items, *sections)), streams)

    def _items(self, info: MessageInfo, structure: Structure | None) -> list[Prepared]:
        items = [prepare(self._selected, info) for prepare in self._plan.plain.values()]
        self._size += USUAL_OCTETS
        if structure is not None:
            for octets_of in self._plan.structural:
                octets = octets_of(structure)
                self._size += len(octets)
                items.append(PreparedItem(octets))
        return items

    def _mark_seen(self, info: MessageInfo) -> Flow[MessageInfo]:
        selected = self._selected
        if not self._plan.marks_seen or selected.is_read_only or SEEN in info.flags:
            return info
        change = (frozenset({SEEN}), frozenset[str](), None)
        mod_seq: int = yield Call(self._context.store.set_flags, (selected.name, info.uid, *change))
        info = info._replace(flags=info.flags | {SEEN}, mod_seq=mod_seq)
        selected.messages[info.uid] = info
        return info

    def send(self, conn: IMAPServerConnection) -> Flow[None]:
        """Send what was rendered; a literal that cannot be sent whole stays owed."""
        responses, self._responses = self._responses, []
        try:
            for response in responses:
                conn.send(response.value)
                for stream in response.streams:
                    yield from self._send_stream(conn, stream)
                yield from flush_if_full(conn)
        finally:
            for response in responses:
                for stream in response.streams[:1]:
                    yield Call(stream.body.close, (), self._context.store)

    def _send_stream(self, conn: IMAPServerConnection, stream: _Stream) -> Flow[None]:
        body, spans = stream
        for low, high in spans:
            for start in range(low, high, MAX_OCTETS):
                stop = min(start + MAX_OCTETS, high)
                chunk: bytes = yield Call(body.read, (start, stop), self._context.store)
                conn.send_literal(without_nul(_checked(chunk, stop - start)))
                yield from flush_if_full(conn)


def _count(spans: Spans) -> int:
    return sum(high - low for low, high in spans)


def _checked(octets: bytes, size: int) -> bytes:
    if len(octets) != size:
        raise EOFError(f"expected {size} octets of a message, got {len(octets)}")
    return octets


def _find(place: BodySection, root: Part, body: Body) -> Flow[Spans | None]:
    """Return where the octets of a section are in the message, None if there is no such part; a procedure."""
    octets = b""
    if place.fields:
        octets = yield Call(body.read, (0, body.size if place.part else root.body))
    found = section(octets, root, place.part, place.specifier, place.fields)
    if found is None:
        return None
    first, count = place.partial or (0, body.size)
    return tuple(found.slices(first, first + count))


def _read(body: Body, spans: Spans) -> Flow[bytes]:
    """Return the octets at *spans*, uncopied if they are all of the message; a procedure."""
    pieces: list[bytes] = []
    for low, high in spans:
        piece: bytes = yield Call(body.read, (low, high))
        pieces.append(_checked(piece, high - low))
    return without_nul(pieces[0] if len(pieces) == 1 else b"".join(pieces))


def load_structure(context: Context, uid: int, body: Body | None = None) -> Flow[Structure]:
    """Return the structure of a message as the store kept it, else scan and let it keep it; a procedure.

    *body* is the open message if there is one.
    """
    store, name, structures = context.store, context.current().name, context.structures
    if structures is not None:
        kept: Structure | None = yield Call(structures.structure, (name, uid))
        if kept is not None:
            return kept
    opened: Body = body if body is not None else (yield Call(store.open, (name, uid)))
    try:
        structure = Structure.of((yield Call(opened.read, (0, opened.size))))
    finally:
        if body is None:
            yield Call(opened.close)
    if structures is not None:
        yield Call(structures.keep_structure, (name, uid, structure))
    return structure

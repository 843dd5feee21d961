"""Which mark announces a literal at all, and which literal may stream.

That is decided from the whole text of the message so far. Rows for responses say what item the literal is
the value of; the module of an extension adds its row. Of commands, those of `STREAMED_COMMANDS` carry
literals that need not be kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias, final

from mailproto.imap._grammar import LITERAL_MARK, QUOTED
from mailproto.imap._response import STREAMED_RESPONSES, DataValue, NamedValues
from mailproto.imap.commands import STREAMED_COMMANDS, TaggedCommand, parse_command
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.fetch import (
    RFC822,
    RFC822_HEADER,
    RFC822_TEXT,
    BodyItem,
    BodySection,
    ItemValue,
    ItemValues,
)
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.responses import parse_response
from mailproto.imap.sections import parse_section
from mailproto.imap.values import Content, Message, Streamed

__all__ = [
    "CODES_WITH_STRINGS",
    "ITEM_STREAMS",
    "ItemStream",
    "NESTED_STREAMS",
    "StreamedItem",
    "is_free_text",
    "streamed_command",
    "streamed_inside",
    "streamed_item",
    "streamed_value",
]

MAX_TEXT: Final = 1_048_576
"""Octets of text behind which no literal streams; it is dropped then."""

MAX_HEAD: Final = 65_536
"""Octets of text that are read anew for each literal that may stream; beyond it none does.

So the work is bounded by the octets of the literals, each of which is larger than what is kept.
"""

MAX_ITEM: Final = 65_536
"""Octets in which the start of the item is looked for."""

CODES_WITH_STRINGS: Final = {b"BADCHARSET", b"BADPARAMETERS", b"NEWNAME"}
"""Response codes whose grammar has a string, which can be a literal (RFC 3501, 5259, 2060)."""

# "*" SP resp-cond-state, up to the name of its code; the status may be missing before a code
_UNTAGGED: Final = re.compile(
    rb"\* +(?:(?:OK|NO|BAD|BYE|PREAUTH)(?![A-Z0-9-])|(?=\[)) *(?:\[([^ \]\r\n]*))?", re.IGNORECASE
)
# response-tagged / continue-req, up to the name of its code
_OTHER: Final = re.compile(rb"(?:\+|[^ ]* +[A-Za-z]*) *(?:\[([^ \]\r\n]*))?")


def is_free_text(start: bytes, line: bytes) -> bool:
    """Whether what ends in a mark is the free text of a status or of a `+` line, where it announces nothing.

    *start* is the first line of the message, *line* the one with the mark; those between ended in literals.
    Every line that starts with neither `* ` nor `+` is a tagged status. Only inside a code whose grammar
    has a string, and outside of quotes, a literal can be announced in one of these.
    """
    is_untagged = start.startswith(b"* ")
    match = (_UNTAGGED if is_untagged else _OTHER).match(start)
    if match is None:
        return not is_untagged
    return (match[1] or b"").upper() not in CODES_WITH_STRINGS or b"]" in QUOTED.sub(b"", line)


# message-data = nz-number SP "FETCH" SP msg-att
# uidfetch-resp = uniqueid SP "UIDFETCH" SP msg-att
# message-data =/ nz-number SP "CONVERTED" SP "(" "TAG" SP tag-string ")" SP convert-msg-attrs
_FETCH: Final = re.compile(
    rb"\* ([1-9][0-9]{0,9}) (?:(UID)?FETCH|CONVERTED \(TAG \"([^\x00-\x20\x7f-\xff(){%*\"\\+]+)\"\)) \(",
    re.IGNORECASE,
)
_ORIGIN: Final = re.compile(rb"<([0-9]{1,18})(?:\.[0-9]{1,18})?>")

ItemStream: TypeAlias = Callable[[bytes, tuple[Content, ...], int], BodyItem | None]
"""Given an item as it stands in a response, in upper case, the literals before its own, and the size of that:
what the item is, or None if it is another one."""


def _body_section(octets: bytes, literals: tuple[Content, ...], size: int) -> BodyItem | None:
    marks = len(LITERAL_MARK.findall(octets))
    cursor = Cursor(Message(octets, literals[len(literals) - marks :]))
    try:
        cursor.expect(b"BODY")
        section = parse_section(cursor)
        origin = cursor.accept_match(_ORIGIN)
        cursor.expect_end()
    except ParseError:
        return None
    partial = (int(origin[1]), max(size, 1)) if origin else None
    return BodySection(section.part, section.specifier, section.fields, partial=partial)


def _plain(item: BodyItem) -> ItemStream:
    return lambda octets, literals, size: item if octets == item.key.encode("ascii") else None


ITEM_STREAMS: Final[dict[bytes, ItemStream]] = {
    b"BODY[": _body_section,
    b"RFC822": _plain(RFC822),
    b"RFC822.HEADER": _plain(RFC822_HEADER),
    b"RFC822.TEXT": _plain(RFC822_TEXT),
}
"""How an item starts, in upper case -> what reads it."""


@final
class StreamedItem(NamedTuple):
    """Whose value a literal is: an item of the message with this sequence number, or with this UID.

    `tag` is that of the command, if it is a converted item (RFC 5259).
    """

    sequence_number: int | None
    uid: int | None
    item: BodyItem
    tag: str | None = None


def streamed_item(text: bytes, literals: tuple[Content, ...], size: int) -> StreamedItem | None:
    """Return whose value the literal is whose mark *text* ends in.

    None if it has to be kept or dropped: it is no value of an item that may stream.
    """
    head = _FETCH.match(text)
    mark = text.rfind(b"{")
    end = mark - (2 if text[mark - 1 : mark] == b"~" else 1)
    if head is None or end < head.end() or len(text) > MAX_TEXT or text[end : end + 1] != b" ":
        return None
    tail = text[max(head.end(), end - MAX_ITEM) : end].upper()
    for name, read in ITEM_STREAMS.items():
        start = tail.rfind(name)
        item = read(tail[start:], literals, size) if start >= 0 and _is_outermost(text[:end]) else None
        if item is not None and (start == 0 or tail[start - 1 : start] == b" "):
            return _streamed(head, item)
    return None


def _streamed(head: re.Match[bytes], item: BodyItem) -> StreamedItem:
    number, is_by_uid, tag = int(head[1]), head[2] is not None, head[3]
    if is_by_uid:
        return StreamedItem(None, number, item)
    return StreamedItem(number, None, item, None if tag is None else tag.decode("ascii"))


@final
class StreamedInside(NamedTuple):
    """Which of the values inside an item a literal is, of the message with this sequence number or UID."""

    sequence_number: int | None
    uid: int | None
    item: ItemValue


NESTED_STREAMS: Final[dict[bytes, bytes]] = {}
"""Name of an item with values inside, in upper case -> what closes it, and the response, behind a value."""


def streamed_inside(
    text: bytes, literals: tuple[Content, ...], size: int, *, utf8: bool = False
) -> StreamedInside | None:
    """Return whose value the literal is whose mark *text* ends in, if it is one inside an item of FETCH."""
    head = _FETCH.match(text)
    if head is None or len(text) > MAX_HEAD:
        return None
    for name, closing in NESTED_STREAMS.items():
        if name not in text.upper():
            continue
        data = parse_response(Message(text + closing, (*literals, Streamed(size))), utf8=utf8)
        last = data.answers[-1] if isinstance(data, FetchData) and data.keys else None
        if last is not None and isinstance(last.value, ItemValues) and last.value.last[1] == Streamed(size):
            number, item = int(head[1]), ItemValue(last.key, last.value.last[0])
            return StreamedInside(None, number, item) if head[2] else StreamedInside(number, None, item)
    return None


def _is_outermost(text: bytes) -> bool:
    bare = QUOTED.sub(b"", text)
    return bare.count(b"(") - bare.count(b")") == 1


_DATA: Final = re.compile(rb"\* ([A-Za-z]+) ")


def streamed_value(
    text: bytes, literals: tuple[Content, ...], size: int, *, utf8: bool = False
) -> DataValue | None:
    """Return whose value the literal is whose mark *text* ends in, in a response other than FETCH.

    None if it has to be kept or dropped.
    """
    head = _DATA.match(text)
    if head is None or head[1].decode("ascii").upper() not in STREAMED_RESPONSES or len(text) > MAX_HEAD:
        return None
    for closing in (b"", b")"):
        data = parse_response(Message(text + closing, (*literals, Streamed(size))), utf8=utf8)
        if isinstance(data, NamedValues) and isinstance(data.last[1], Streamed):
            return DataValue(data.name, data.last[0])
    return None


_COMMAND: Final = re.compile(rb"[^ ]+ ((?:[Uu][Ii][Dd] )?[A-Za-z0-9]+) ")


def streamed_command(
    text: bytes, literals: tuple[Content, ...], size: int, *, utf8: bool = False
) -> TaggedCommand | None:
    """Return the head of the command whose mark *text* ends in, `Streamed(size)` where the literal comes.

    None if the literal stands where it has to be kept. The head ends at the mark, so it reads as a whole, or
    does so once the parentheses are closed that some arguments have. A message that comes behind it is b"".
    """
    head = _COMMAND.match(text)
    if head is None or head[1].decode("ascii").upper() not in STREAMED_COMMANDS or len(text) > MAX_HEAD:
        return None
    for closing, more in _CLOSINGS:
        try:
            return parse_command(Message(text + closing, (*literals, Streamed(size), *more)), utf8=utf8)
        except ParseError:
            continue
    return None


# The last one is an APPEND in which the literal stands before the message.
_CLOSINGS: Final[tuple[tuple[bytes, tuple[Content, ...]], ...]] = (
    (b"", ()),
    (b")", ()),
    (b"))", ()),
    (b")) {0}\r\n", (b"",)),
)
"""What makes a whole command of its head."""

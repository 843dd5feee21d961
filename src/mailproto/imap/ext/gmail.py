"""X-GM-EXT-1: Gmail's numbers of messages and conversations, its labels, and its search.

There is no RFC for it; it is described in Google's documentation of its IMAP extensions. Labels are mailbox
names, in modified UTF-7 on the wire, and system labels such as `\\\\Inbox`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Self, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.imap import utf7
from mailproto.imap.cursor import Cursor
from mailproto.imap.fetch import NamedItem, register_item
from mailproto.imap.flags import FLAG_EXTENSION
from mailproto.imap.mailbox import name_octets, name_of
from mailproto.imap.message_commands import SetT, StoreActionCommand, register_store
from mailproto.imap.parameters import Parameters
from mailproto.imap.search import KeyReader, SearchKey, TextKey, register_key
from mailproto.imap.sequence import NumberSet, SequenceSet, UIDSet
from mailproto.imap.writer import Writer

__all__ = [
    "X_GM_LABELS",
    "X_GM_MSGID",
    "X_GM_THRID",
    "GmailLabel",
    "GmailMessageID",
    "GmailNumberKey",
    "GmailRaw",
    "GmailThreadID",
    "StoreLabels",
    "UIDStoreLabels",
    "label_set",
]

CAPABILITY: Final = "X-GM-EXT-1"

MAX_NUMBER: Final = 2**64 - 1

_NUMBER: Final = re.compile(rb"[0-9]{1,20}(?![0-9])")


def _check_number(number: object) -> int:
    if type(number) is not int or not 0 <= number <= MAX_NUMBER:
        raise LocalProtocolError(f"expected a number from 0 to {MAX_NUMBER}, got {str(number)[:40]}")
    return number


def _parse_number(cursor: Cursor) -> int:
    start = cursor.position
    number = int(cursor.expect_match(_NUMBER, "a 64-bit number").group())
    if number > MAX_NUMBER:
        raise cursor.error("a 64-bit number", start)
    return number


def _check_label(label: object) -> str:
    if not isinstance(label, str):
        raise LocalProtocolError(f"expected a label as str, got {type(label).__name__}")
    utf7.check(label)
    return label


def label_set(labels: Iterable[str]) -> frozenset[str]:
    """Return *labels* checked, as a set. Raises LocalProtocolError."""
    if isinstance(labels, str):
        raise LocalProtocolError(f"expected several labels, got the string {labels[:40]!r}")
    return frozenset(map(_check_label, labels))


def _parse_label(cursor: Cursor) -> str:
    match = cursor.accept_match(FLAG_EXTENSION)
    return name_of(cursor, match.group() if match else cursor.astring())


def _write_label(writer: Writer, label: str) -> None:
    octets = name_octets(writer, label)
    if FLAG_EXTENSION.fullmatch(octets):
        writer.write(octets)
    else:
        writer.astring(octets)


def _parse_labels(cursor: Cursor) -> frozenset[str]:
    cursor.expect(b"(")
    labels: list[str] = []
    while not cursor.accept(b")"):
        if labels:
            cursor.sp()
        labels.append(_parse_label(cursor))
    return frozenset(labels)


def _write_labels(writer: Writer, labels: frozenset[str]) -> None:
    for index, label in enumerate(sorted(labels)):
        writer.write(b" " if index else b"(")
        _write_label(writer, label)
    writer.write(b")" if labels else b"()")


X_GM_MSGID: Final[NamedItem[int]] = register_item(
    NamedItem("X-GM-MSGID", _parse_number, Writer.number, check=_check_number, needs=CAPABILITY)
)
"""The number of the message in the account, 64 bits, the same in every mailbox."""
X_GM_THRID: Final[NamedItem[int]] = register_item(
    NamedItem("X-GM-THRID", _parse_number, Writer.number, check=_check_number, needs=CAPABILITY)
)
"""The number of the conversation that the message belongs to, 64 bits."""
X_GM_LABELS: Final[NamedItem[frozenset[str]]] = register_item(
    NamedItem("X-GM-LABELS", _parse_labels, _write_labels, check=label_set, needs=CAPABILITY)
)
"""The labels of the message, without that of the selected mailbox."""


@dataclass(frozen=True, slots=True)
class GmailNumberKey(SearchKey):
    """A key with one of Gmail's numbers, 64 bits."""

    capability: ClassVar[str] = CAPABILITY
    number: int

    def __post_init__(self) -> None:
        _check_number(self.number)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP number`."""
        reader.cursor.sp()
        return cls(_parse_number(reader.cursor))

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the number."""
        writer.write(f"{self.name} {self.number}".encode("ascii"))


@final
@register_key
class GmailMessageID(GmailNumberKey):
    """The message with this number (X-GM-MSGID)."""

    __slots__ = ()
    name: ClassVar[str] = "X-GM-MSGID"


@final
@register_key
class GmailThreadID(GmailNumberKey):
    """Messages of the conversation with this number (X-GM-THRID)."""

    __slots__ = ()
    name: ClassVar[str] = "X-GM-THRID"


@final
@register_key
@dataclass(frozen=True, slots=True)
class GmailLabel(SearchKey):
    """Messages with this label (X-GM-LABELS)."""

    name: ClassVar[str] = "X-GM-LABELS"
    capability: ClassVar[str] = CAPABILITY
    label: str

    def __post_init__(self) -> None:
        _check_label(self.label)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP label`."""
        reader.cursor.sp()
        return cls(_parse_label(reader.cursor))

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the label."""
        writer.write(b"X-GM-LABELS ")
        _write_label(writer, self.label)


@final
@register_key
class GmailRaw(TextKey):
    """Messages that Gmail's own search finds with these words, such as `has:attachment` (X-GM-RAW)."""

    __slots__ = ()
    name: ClassVar[str] = "X-GM-RAW"
    capability: ClassVar[str] = CAPABILITY


@dataclass(frozen=True, slots=True)
class StoreLabelsCommand(StoreActionCommand[SetT]):
    """A STORE that changes labels."""

    item: ClassVar[str] = X_GM_LABELS.name
    capability: ClassVar[str] = CAPABILITY
    labels: frozenset[str]

    def __post_init__(self) -> None:
        StoreActionCommand.__post_init__(self)
        object.__setattr__(self, "labels", label_set(self.labels))

    @classmethod
    def parse_item(cls, cursor: Cursor, numbers: NumberSet, modifiers: Parameters) -> Self:
        """Read the item, and one label or a list of them."""
        action, is_silent = cls._parse_action(cursor)
        labels = _parse_labels(cursor) if cursor.peek() == b"(" else frozenset((_parse_label(cursor),))
        return cls(cast("SetT", numbers), action, labels, silent=is_silent, modifiers=modifiers)

    def write_item(self, writer: Writer) -> None:
        """Write the item, and the labels in parentheses."""
        self._write_action(writer)
        _write_labels(writer, self.labels)


@final
@register_store
class StoreLabels(StoreLabelsCommand[SequenceSet]):
    """STORE with X-GM-LABELS: change labels."""

    __slots__ = ()
    name: ClassVar[str] = "STORE"
    _kind = SequenceSet


@final
@register_store
class UIDStoreLabels(StoreLabelsCommand[UIDSet]):
    """UID STORE with X-GM-LABELS: change labels by UID."""

    __slots__ = ()
    name: ClassVar[str] = "UID STORE"
    _kind = UIDSet

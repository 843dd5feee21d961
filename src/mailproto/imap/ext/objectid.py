"""OBJECTID: identifiers of mailboxes, messages and threads that survive renames and moves (RFC 8474).

EMAILID and THREADID are items of FETCH and keys of SEARCH; MAILBOXID is an item of STATUS, and a code that
answers CREATE, SELECT and EXAMINE.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, Self, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import ResponseCode, register_code
from mailproto.imap.cursor import Cursor
from mailproto.imap.fetch import NamedItem, register_item
from mailproto.imap.mailbox_data import StatusItem, register_status_item
from mailproto.imap.search import KeyReader, SearchKey, register_key
from mailproto.imap.values import Value
from mailproto.imap.writer import Writer

__all__ = ["EMAILID", "THREADID", "EmailID", "MailboxIDCode", "ObjectIDKey", "ThreadID"]

CAPABILITY: Final = "OBJECTID"

# objectid        = 1*255(ALPHA / DIGIT / "_" / "-")
_OBJECT_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,255}(?![^ )\]])")


def check_object_id(object_id: object) -> str:
    """Return *object_id* if it is one: 1 to 255 letters, digits, `_` or `-`. Raises LocalProtocolError."""
    if not isinstance(object_id, str) or not _OBJECT_ID.fullmatch(object_id.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected an object identifier, got {str(object_id)[:40]!r}")
    return object_id


def _parse_object_id(cursor: Cursor) -> str:
    return cursor.expect_match(_OBJECT_ID, "an object identifier").group().decode("ascii")


def _parse_in_list(cursor: Cursor) -> str:
    cursor.expect(b"(")
    object_id = _parse_object_id(cursor)
    cursor.expect(b")")
    return object_id


def _parse_in_list_or_nil(cursor: Cursor) -> str | None:
    return None if cursor.accept_word(b"NIL") else _parse_in_list(cursor)


def _write_in_list(writer: Writer, object_id: str | None) -> None:
    writer.write(b"NIL" if object_id is None else f"({check_object_id(object_id)})".encode("ascii"))


def _check_object_id_or_none(object_id: str | None) -> str | None:
    return None if object_id is None else check_object_id(object_id)


EMAILID: Final[NamedItem[str]] = register_item(
    NamedItem("EMAILID", _parse_in_list, _write_in_list, check=check_object_id, needs=CAPABILITY)
)
"""The identifier of the message's content, the same for its copies (section 5.1)."""
THREADID: Final[NamedItem[str | None]] = register_item(
    NamedItem(
        "THREADID", _parse_in_list_or_nil, _write_in_list, check=_check_object_id_or_none, needs=CAPABILITY
    )
)
"""The identifier of the messages that belong together; None if the server does not tell (section 5.2)."""


def _write_mailbox_id(writer: Writer, value: Value) -> None:
    _write_in_list(writer, cast(str, value))


register_status_item(
    StatusItem("MAILBOXID", CAPABILITY, _parse_in_list, _write_mailbox_id, check=check_object_id)
)


@final
@register_code
@dataclass(frozen=True, slots=True)
class MailboxIDCode(ResponseCode):
    """MAILBOXID: the identifier of the mailbox that was created or selected (sections 4.1 and 4.2)."""

    name: ClassVar[str] = "MAILBOXID"
    object_id: str

    def __post_init__(self) -> None:
        check_object_id(self.object_id)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "(" objectid ")"`."""
        cursor.sp()
        return cls(_parse_in_list(cursor))

    def write(self, writer: Writer) -> None:
        """Write the identifier in parentheses."""
        writer.write(b" ")
        _write_in_list(writer, self.object_id)


@dataclass(frozen=True, slots=True)
class ObjectIDKey(SearchKey):
    """A key with an object identifier."""

    capability: ClassVar[str] = CAPABILITY
    object_id: str

    def __post_init__(self) -> None:
        check_object_id(self.object_id)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP objectid`."""
        reader.cursor.sp()
        return cls(_parse_object_id(reader.cursor))

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the identifier."""
        writer.write(f"{self.name} {self.object_id}".encode("ascii"))


@final
@register_key
class EmailID(ObjectIDKey):
    """Messages with this EMAILID (section 6)."""

    __slots__ = ()
    name: ClassVar[str] = "EMAILID"


@final
@register_key
class ThreadID(ObjectIDKey):
    """Messages with this THREADID (section 6)."""

    __slots__ = ()
    name: ClassVar[str] = "THREADID"

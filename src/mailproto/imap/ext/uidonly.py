"""UIDONLY: a session without sequence numbers (RFC 9586).

It has to be switched on by ENABLE. Then UIDFETCH stands for FETCH and VANISHED, which is in
`mailproto.imap.ext.qresync`, for EXPUNGE; EXISTS stays. What may be said then is in
`mailproto.imap.without_numbers`.
"""

from __future__ import annotations

from typing import ClassVar, Final, final

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap.codes import SimpleCode
from mailproto.imap.cursor import Cursor
from mailproto.imap.fetch import UID, Answer, FetchItem
from mailproto.imap.fetch_data import FETCH_ROWS, FetchData, PreparedFetch, parse_items

__all__ = ["UIDONLY", "UIDREQUIRED", "PreparedUIDFetch", "UIDFetchData"]

UIDONLY: Final = "UIDONLY"
"""The capability, and the name to ENABLE."""

UIDREQUIRED: Final = SimpleCode("UIDREQUIRED")
"""A command has sequence numbers, which the client has switched off (section 3)."""


@final
class UIDFetchData(FetchData):
    """A UIDFETCH response: the items of the message that has this UID (section 3.3).

    It is read and built as a `FetchData` is: `UIDFetchData(25996, FLAGS.answer({"\\\\Seen"}))`. `message.uid`
    is always there, whether or not the item UID was sent too. `sequence_number` raises `ItemMissing`.
    """

    __slots__ = ()
    name: ClassVar[str] = "UIDFETCH"

    def __init__(self, uid: int, *answers: Answer) -> None:
        super().__init__(uid, *answers)
        if dict(answers).get(UID.key, uid) != uid:
            raise LocalProtocolError(f"UID: expected {uid}, as the response begins, got another one")

    @property
    def sequence_number(self) -> int:
        """Raise ItemMissing: there is none."""
        raise ItemMissing("sequence_number", "UIDFETCH has none; use uid (RFC 9586)")

    @property
    def known_uid(self) -> int:
        """The unique identifier, which the response begins with."""
        return self.number

    @property
    def told(self) -> tuple[str, ...]:
        """The names of all that it tells of the message: the UID is among them."""
        keys = self.keys
        return keys if UID.key in keys else (UID.key, *keys)

    def __contains__(self, item: FetchItem[object]) -> bool:
        return item.key == UID.key or super().__contains__(item)

    def _value(self, key: str) -> object:
        return self.number if key == UID.key else super()._value(key)


# uidfetch-resp       = uniqueid SP "UIDFETCH" SP msg-att
def _parse_uid_fetch(cursor: Cursor, uid: int) -> UIDFetchData:
    """Read `msg-att`. Raises ParseError for another UID among the items: which message is meant?"""
    start = cursor.position
    values = parse_items(cursor)
    if values.get(UID.key, uid) != uid:
        raise cursor.error("the UID that the response begins with", start)
    return UIDFetchData.of_parsed(uid, values, tuple(cursor.defects))


FETCH_ROWS[UIDFetchData.name] = _parse_uid_fetch


@final
class PreparedUIDFetch(PreparedFetch):
    """A UIDFETCH response of a server in which items may be prepared: `number` is the UID."""

    __slots__ = ()
    name: ClassVar[str] = UIDFetchData.name

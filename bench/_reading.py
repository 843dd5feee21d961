"""Reads every field of what clients of IMAP give of a message, so that nothing of it is left unparsed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from mailproto.imap import FetchData
from mailproto.mime import (
    BasicPart,
    BodyStructure,
    Disposition,
    MessagePart,
    MultiPart,
    MultiPartExtension,
    SinglePartExtension,
    TextPart,
)

__all__ = ["ITEMS", "read_fetch_data", "read_imapclient"]

ITEMS: Final = ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE")
"""The usual items."""

_ENVELOPE: Final = attrgetter(
    *("date", "subject", "from_", "sender", "reply_to", "to", "cc", "bcc", "in_reply_to", "message_id")
)
_LISTS: Final = slice(2, 8)
_ADDRESS: Final = attrgetter("name", "adl", "mailbox", "host")
_PEERS_ADDRESS: Final = attrgetter("name", "route", "mailbox", "host")
_MESSAGE: Final = attrgetter("uid", "flags", "internal_date", "size")
_PARTS: Final[dict[type[Any], Callable[[Any], tuple[object, ...]]]] = {
    kind: attrgetter(*(field.name for field in fields(kind)))
    for kind in (BasicPart, TextPart, MessagePart, MultiPart, SinglePartExtension, MultiPartExtension)
}
_DISPOSITION: Final = attrgetter(*(field.name for field in fields(Disposition)))


def read_fetch_data(message: FetchData) -> int:
    """Read all fields of the usual items; return how many addresses there were."""
    _MESSAGE(message)
    return _read_envelope(message.envelope, _ADDRESS) + _read_structure(message.body_structure)


def _read_structure(part: BodyStructure) -> int:
    # By the parts in parts, as the peer's tuples in tuples: `walk` would make a number for each.
    count = 0
    _PARTS[type(part)](part)
    extension = part.extension
    if extension is not None:
        _PARTS[type(extension)](extension)
        if extension.disposition is not None:
            _DISPOSITION(extension.disposition)
    if isinstance(part, MultiPart):
        for inner in part.parts:
            count += _read_structure(inner)
    elif isinstance(part, MessagePart):
        count += _read_envelope(part.envelope, _ADDRESS) + _read_structure(part.body)
    return count


def _read_envelope(envelope: Any, read_address: Callable[[Any], object]) -> int:
    count = 0
    for addresses in _ENVELOPE(envelope)[_LISTS]:
        for address in addresses or ():
            read_address(address)
            count += 1
    return count


def read_imapclient(data: dict[bytes, Any]) -> int:
    """Read the same of what IMAPClient gives, whose body structures are tuples in tuples."""
    for name in ITEMS[:4]:
        # The UID is the key under which it gives the rest.
        data.get(name.encode("ascii"))
    _read_tuples(data[b"BODYSTRUCTURE"])
    return _read_envelope(data[b"ENVELOPE"], _PEERS_ADDRESS)


def _read_tuples(members: Iterable[Any]) -> None:
    for member in members:
        if isinstance(member, tuple | list):
            _read_tuples(member)

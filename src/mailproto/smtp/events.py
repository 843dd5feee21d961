"""What `next_event` returns beside commands and replies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mailproto.errors import Defect
from mailproto.smtp.commands import Command, SASLResponse
from mailproto.smtp.reply import Reply

__all__ = [
    "BodyData",
    "BodyEnded",
    "ChunkData",
    "ChunkEnded",
    "ClientEvent",
    "ConnectionLost",
    "InvalidCommand",
    "ServerEvent",
]


@dataclass(frozen=True, slots=True, init=False)
class BodyData:
    """Octets of a message without its dot-stuffing, cut anywhere; no reply is due.

    They are the object that was received if nothing had to be taken out or put right.
    """

    data: bytes

    # A slot's own setter takes a third of the time of object.__setattr__; there are many of these.
    def __init__(self, data: bytes) -> None:
        _set_data(self, data)


_set_data: Final = BodyData.__dict__["data"].__set__


@dataclass(frozen=True, slots=True, init=False)
class ChunkData(BodyData):
    """The same of octets that stand behind BDAT, where there is no dot-stuffing (RFC 3030)."""


@dataclass(frozen=True, slots=True)
class ChunkEnded:
    """A BDAT that is not the last has come with all of its `size` octets; one reply is due."""

    size: int


@dataclass(frozen=True, slots=True, init=False)
class BodyEnded:
    """The message is complete, and its `BodyData` had `size` octets; a reply is due.

    In LMTP one is due for each recipient.
    """

    size: int
    defects: tuple[Defect, ...] = field(default=(), compare=False, kw_only=True)

    # As of BodyData.
    def __init__(self, size: int, *, defects: tuple[Defect, ...] = ()) -> None:
        _set_size(self, size)
        _set_defects(self, defects)


_set_size: Final = BodyEnded.__dict__["size"].__set__
_set_defects: Final = BodyEnded.__dict__["defects"].__set__


@dataclass(frozen=True, slots=True)
class InvalidCommand:
    """A command that cannot be read or is not legal now; `reply` is the one that is due.

    `excerpt` shows at most 40 octets of it, never a secret. `name` is its verb in capital letters, as far
    as it could be read, with LAST behind the last BDAT or BURL, "SASL response" in an AUTH exchange.
    "message" means that the message which just ended is refused whatever the application thinks of it, and
    that in LMTP as many replies are due as for `BodyEnded`. For a BDAT it comes when its octets were read
    and dropped; in LMTP no reply may be due to the last one (RFC 2033 section 4.3).
    """

    excerpt: bytes
    reply: Reply
    name: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The peer sends no more.

    `clean` is False if that leaves something open: half a line, a transaction, an answer that is due.
    """

    clean: bool


ClientEvent: TypeAlias = Reply | ConnectionLost
"""What `SMTPClientConnection.next_event` returns, or None."""
ServerEvent: TypeAlias = (
    Command | SASLResponse | BodyData | ChunkEnded | BodyEnded | InvalidCommand | ConnectionLost
)
"""What `SMTPServerConnection.next_event` returns, or None."""

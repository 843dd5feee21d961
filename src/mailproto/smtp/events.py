"""What `next_event` returns beside commands and replies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from mailproto.errors import Defect
from mailproto.smtp.commands import Command, SASLResponse
from mailproto.smtp.reply import Reply

__all__ = [
    "BodyData",
    "BodyEnded",
    "ClientEvent",
    "ConnectionLost",
    "InvalidCommand",
    "ServerEvent",
]


@dataclass(frozen=True, slots=True)
class BodyData:
    """Octets of a message without its dot-stuffing, cut anywhere; no reply is due.

    They are the object that was received if nothing had to be taken out or put right.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnded:
    """The message is complete, and its `BodyData` had `size` octets; a reply is due.

    In LMTP one is due for each recipient.
    """

    size: int
    defects: tuple[Defect, ...] = field(default=(), compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class InvalidCommand:
    """A command that cannot be read or is not legal now; `reply` is the one that is due.

    `excerpt` shows at most 40 octets of it, never a secret. `name` is its verb in capital letters, as far
    as it could be read, "SASL response" in an AUTH exchange. "message" means that the message which just
    ended is refused whatever the application thinks of it, and that in LMTP as many replies are due as for
    `BodyEnded`.
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
ServerEvent: TypeAlias = Command | SASLResponse | BodyData | BodyEnded | InvalidCommand | ConnectionLost

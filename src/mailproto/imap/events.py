"""What `next_event` of the two IMAP connections returns, beside commands, responses and statuses.

A client gets untagged responses as the values of `mailproto.imap.responses` and untagged statuses as those of
`mailproto.imap.status`; a server gets `mailproto.imap.commands.TaggedCommand`. All else is here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from mailproto._secret import Secret
from mailproto.errors import Defect, excerpt
from mailproto.imap._response import DataValue
from mailproto.imap.commands import SECRET_COMMANDS, Command
from mailproto.imap.fetch import BodyItem, ItemValue
from mailproto.imap.status import Bad, No, Ok

__all__ = [
    "CommandCompleted",
    "ConnectionLost",
    "ContinuationRequested",
    "IdleDone",
    "InvalidCommand",
    "LiteralData",
    "LiteralEnded",
    "LiteralOffered",
    "LiteralStarted",
    "LiteralWanted",
    "SASLResponse",
    "Unchecked",
    "command_excerpt",
]


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Stands as the command of octets that `send_unchecked` queued (client)."""

    octets: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCompleted:
    """The tagged status that ends a command (client; RFC 3501 section 7.1).

    `command` is the very object that was sent. A status that cannot be read stands as a `Bad` with a defect.
    """

    tag: str
    command: Command | Unchecked
    status: Ok | No | Bad
    defects: tuple[Defect, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationRequested:
    """A `+` that the caller has to answer, or that says that IDLE has begun (client; RFC 3501 section 7.5).

    It belongs to AUTHENTICATE (`data` is the challenge, decoded; None if it is not base64: cancel with
    `send_sasl(None)`), to IDLE, or to `Unchecked` octets. The `+` for a literal makes no such event.
    """

    tag: str
    command: Command | Unchecked
    text: str
    data: bytes | None = field(default=None, repr=False)
    defects: tuple[Defect, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class LiteralWanted:
    """The gate of a streamed literal is open: `size` octets are owed through `send_literal` (client).

    `index` counts the streamed literals of the command from 0.
    """

    tag: str
    index: int
    size: int


@dataclass(frozen=True, slots=True)
class LiteralStarted:
    """A large literal begins: `LiteralData` and `LiteralEnded` follow, later the whole response (client).

    `sequence_number` is that of the FETCH response; its UID may come only after the literal. `uid` is that of
    a UIDFETCH response, which has no sequence number (RFC 9586). `item` is what the literal is the value of,
    an `ItemValue` if it is one of several inside; in the FetchData that follows, `Streamed(size)` stands
    there. In a CONVERTED response (RFC 5259) `tag` is that of the command. In others (METADATA, URLFETCH) the
    item is a `DataValue`, and there is no number.
    """

    sequence_number: int | None
    item: BodyItem | DataValue | ItemValue
    size: int
    uid: int | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class LiteralOffered:
    """A client wants to send a large literal: answer `accept_literal()` or `reject(status)` (server).

    `command` holds the arguments read so far, with `Streamed(size)` in the place of the literal; `index`
    counts the streamed literals of the command from 0. A synchronizing one costs nothing to reject; the
    octets of the other kind are on their way and are read and dropped.
    """

    tag: str
    command: Command
    index: int
    size: int
    is_synchronizing: bool


@dataclass(frozen=True, slots=True)
class LiteralData:
    """Octets of a literal, at either end: the object that was received if nothing else came with it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class LiteralEnded:
    """The announced octets of the literal are all there, at either end."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidCommand:
    """A command that cannot be carried out: wrong syntax, wrong state, too large, unknown (server).

    Answer with `complete(tag, status)`; `status` is what is suggested. `tag` is "*" if none could be read.
    `excerpt` holds at most 40 octets, never of LOGIN or AUTHENTICATE.
    """

    tag: str
    status: No | Bad
    excerpt: bytes
    defects: tuple[Defect, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class SASLResponse:
    """A line of an AUTHENTICATE exchange, decoded (server); `data` is None if the client cancelled.

    Octets that are not base64 come as `InvalidCommand` instead.
    """

    tag: str
    data: Secret[bytes] | None


@dataclass(frozen=True, slots=True)
class IdleDone:
    """The client ended IDLE with DONE (server; RFC 2177): `complete(tag, status)` is due."""

    tag: str


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The peer closed, at either end; `is_clean` if nothing was half-received and no answer is missing."""

    is_clean: bool
    defects: tuple[Defect, ...] = field(default=(), compare=False)


_SECRET: Final = re.compile(rb"\S* *(?:%b)(?![A-Z0-9])" % "|".join(SECRET_COMMANDS).encode(), re.IGNORECASE)


def command_excerpt(text: bytes) -> bytes:
    """Return what an event may show of a command: nothing behind the name of one with secrets."""
    match = _SECRET.match(text)
    return excerpt(text if match is None else match[0])

"""What an application is told of changes that it did not ask for: made from unsolicited responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, final

from mailproto.imap.responses import DataResponse
from mailproto.imap.sequence import UIDSet

__all__ = ["Alert", "Expunged", "FlagsChanged", "MailboxChanged", "NewMessages", "Update"]


@final
@dataclass(frozen=True, slots=True)
class NewMessages:
    """Messages have come: their UIDs, and how many messages the mailbox has now."""

    uids: UIDSet
    exists: int


@final
@dataclass(frozen=True, slots=True)
class Expunged:
    """A message is gone: the sequence number that it had, and its UID if that was known."""

    sequence_number: int
    uid: int | None


@final
@dataclass(frozen=True, slots=True)
class FlagsChanged:
    """The flags of a message are others now; the UID is None if it is not known."""

    sequence_number: int
    uid: int | None
    flags: frozenset[str]


@final
@dataclass(frozen=True, slots=True)
class MailboxChanged:
    """Something else has changed, of this mailbox or of another one; `data` is the response that says so."""

    data: DataResponse


@final
@dataclass(frozen=True, slots=True)
class Alert:
    """The server wants the user to read this (RFC 3501 section 7.1, ALERT)."""

    text: str


Update: TypeAlias = NewMessages | Expunged | FlagsChanged | MailboxChanged | Alert

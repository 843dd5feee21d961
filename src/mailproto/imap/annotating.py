"""Which annotations may be told and set in a mailbox, at either end (RFC 5257 sections 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final, final

from mailproto.imap.appending import AppendMessage
from mailproto.imap.commands import Append, Command, Examine, Fetch, Select, UIDFetch
from mailproto.imap.ext.annotate import (
    ANNOTATE,
    ANNOTATION,
    CAPABILITY,
    CHANGED_ANNOTATIONS,
    AnnotateCode,
    AnnotateReason,
    Annotation,
    AnnotationsCode,
    AppendAnnotations,
    StoreAnnotationsCommand,
)
from mailproto.imap.ext.multiappend import MultiAppend
from mailproto.imap.ext.multisearch import ESearch
from mailproto.imap.ext.replace import ReplaceCommand
from mailproto.imap.fetch_data import FetchData, PreparedFetch, PreparedItem
from mailproto.imap.status import No, Ok, StatusResponse
from mailproto.imap.values import Content, Streamed

__all__ = ["MIN_SIZE", "Annotating", "reason_against_annotations", "reason_not_to_annotate"]

MIN_SIZE: Final = 1_024
"""Octets of a value that a mailbox takes at least, if it takes any (section 4.1)."""


def reason_not_to_annotate(
    response: FetchData | PreparedFetch, command: Command | None, *, is_annotating: bool
) -> str | None:
    """Return why a server does not send *response* while *command* is carried out, or None.

    *is_annotating*: the mailbox was selected with ANNOTATE. What is prepared cannot be told.
    """
    keys = _keys(response)
    if CHANGED_ANNOTATIONS.key in keys and not is_annotating:
        return "ANNOTATION: expected SELECT with ANNOTATE before news of it (RFC 5257 section 4.4)"
    if ANNOTATION.key in keys and not _asks(command):
        return "ANNOTATION: expected no values that were not asked for (RFC 5257 section 4.4)"
    return None


def _keys(response: FetchData | PreparedFetch) -> tuple[str, ...]:
    if isinstance(response, FetchData):
        return response.keys
    return tuple(item.key for item in response.items if not isinstance(item, PreparedItem))


def _asks(command: Command | None) -> bool:
    items = command.items if isinstance(command, Fetch | UIDFetch) else ()
    return any(item.key == ANNOTATION.key for item in items)


_ELSEWHERE = (Select, Examine, ESearch)
"""Commands that are not about the selected mailbox."""


@final
class Annotating:
    """What a server has said of annotations in the selected mailbox: both ends are held to it.

    `is_told` says that the client asked for what changes, by SELECT with ANNOTATE.
    """

    __slots__ = ("_mailbox", "_said", "_support", "is_told")

    def __init__(self) -> None:
        self.is_told: bool = False
        self._mailbox = ""
        self._support: AnnotationsCode | None = None
        # While a mailbox is selected: what was said of it.
        self._said: AnnotationsCode | None = None

    def begin(self) -> None:
        """Note that a SELECT or EXAMINE is to be carried out."""
        self._said = None

    def reason_not_to_say(
        self, status: StatusResponse, command: Command | None, offered: Container[str]
    ) -> str | None:
        """Return why a server does not send *status* while *command* is carried out, or None."""
        code = status.code
        if not isinstance(code, AnnotationsCode):
            return None
        if CAPABILITY not in offered:
            return f"ANNOTATIONS: {CAPABILITY} is not offered"
        if not isinstance(command, Select | Examine):
            return "ANNOTATIONS: expected in answer to SELECT or EXAMINE (RFC 5257 section 4.1)"
        if code.max_size is not None and code.max_size < MIN_SIZE:
            return f"ANNOTATIONS: expected {MIN_SIZE} octets or more (RFC 5257 section 4.1)"
        return None

    def note(self, status: StatusResponse) -> None:
        """Note that *status* is sent."""
        if isinstance(status.code, AnnotationsCode):
            self._said = status.code

    def reason_not_to_complete(
        self, command: Command | None, status: StatusResponse, offered: Container[str]
    ) -> str | None:
        """Return why *status* does not end *command* yet, or None."""
        if not isinstance(command, Select | Examine) or not isinstance(status, Ok):
            return None
        if CAPABILITY not in offered or self._said or isinstance(status.code, AnnotationsCode):
            return None
        return f"{command.name}: expected ANNOTATIONS before the OK (RFC 5257 section 4.1)"

    def enter(self, command: Command, status: StatusResponse) -> None:
        """Note that *command* was completed so, and a mailbox was selected or left."""
        is_selected = isinstance(command, Select | Examine) and isinstance(status, Ok)
        self.is_told = is_selected and ANNOTATE in command.options
        self._support = self._said if is_selected else None
        self._mailbox = getattr(command, "mailbox", "") if is_selected else ""

    def refusal(self, command: Command) -> No | None:
        """Return why *command* sets no annotations where it was said that they cannot be set so, or None.

        Section 4.1 has a NO for private ones in a mailbox that has none; it is the same for the others.
        """
        if self._support is None or not _set_by(command):
            return None
        reason = reason_against_annotations(command, self._mailbox, self._support)
        if reason is None:
            return None
        return No(f"{command.name}: {reason}", _TOO_BIG if self._is_too_big(command) else None)

    def _is_too_big(self, command: Command) -> bool:
        most = self._support.max_size if self._support is not None else None
        values = (value for annotation in _set_by(command) for _, value in annotation.values)
        return most is not None and any(_size(value) > most for value in values)


_TOO_BIG: Final = AnnotateCode(AnnotateReason.TOO_BIG)


def reason_against_annotations(command: Command, mailbox: str, support: AnnotationsCode) -> str | None:
    """Return why a client does not send *command* where *mailbox* is selected and has *support*, or None."""
    if isinstance(command, _ELSEWHERE) or getattr(command, "mailbox", mailbox) != mailbox:
        return None
    if not support.is_supported and any(CAPABILITY in need.capabilities for need in command.needs):
        return "the mailbox has no annotations"
    values = (pair for annotation in _set_by(command) for pair in annotation.values)
    reasons = (_reason_against_value(attribute, value, support) for attribute, value in values)
    return next((reason for reason in reasons if reason is not None), None)


def _reason_against_value(attribute: str, value: Content | None, support: AnnotationsCode) -> str | None:
    if support.max_size is None:
        return "annotations of the mailbox cannot be changed"
    if attribute.endswith(".priv") and not support.has_private:
        return f"{attribute}: the mailbox has no private annotations"
    if _size(value) > support.max_size:
        return f"{attribute} has {_size(value)} octets, the mailbox takes {support.max_size}"
    return None


def _size(value: Content | None) -> int:
    return value.size if isinstance(value, Streamed) else len(value) if isinstance(value, bytes) else 0


def _set_by(command: Command) -> tuple[Annotation, ...]:
    """Return the annotations that *command* sets."""
    if isinstance(command, StoreAnnotationsCommand):
        annotations: tuple[Annotation, ...] = command.annotations
        return annotations
    options = (option for message in _messages_of(command) for option in message.options)
    return tuple(
        annotation
        for option in options
        if isinstance(option, AppendAnnotations)
        for annotation in option.annotations
    )


def _messages_of(command: Command) -> Iterable[AppendMessage]:
    if isinstance(command, Append):
        return (command.entry,)
    if isinstance(command, MultiAppend):
        return command.messages
    return (command.message,) if isinstance(command, ReplaceCommand) else ()

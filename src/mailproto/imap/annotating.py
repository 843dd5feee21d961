"""Which annotations may be told and set in a mailbox, at either end (RFC 5257 sections 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Iterable

from mailproto.imap.appending import AppendMessage
from mailproto.imap.commands import Append, Command, Examine, Fetch, Select, UIDFetch
from mailproto.imap.ext.annotate import (
    ANNOTATION,
    CAPABILITY,
    CHANGED_ANNOTATIONS,
    Annotation,
    AnnotationsCode,
    AppendAnnotations,
    StoreAnnotationsCommand,
)
from mailproto.imap.ext.multiappend import MultiAppend
from mailproto.imap.ext.multisearch import ESearch
from mailproto.imap.ext.replace import ReplaceCommand
from mailproto.imap.fetch_data import FetchData, PreparedFetch, PreparedItem
from mailproto.imap.values import Content, Streamed

__all__ = ["reason_against_annotations", "reason_not_to_annotate"]


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
    size = value.size if isinstance(value, Streamed) else len(value) if isinstance(value, bytes) else 0
    if size > support.max_size:
        return f"{attribute} has {size} octets, the mailbox takes {support.max_size}"
    return None


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

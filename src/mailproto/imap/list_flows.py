"""The client's procedures of an extended LIST, as those of `mailproto.imap.client_flows`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar, final

from mailproto.errors import IMAPStatusError, RemoteProtocolError
from mailproto.flow import Flow
from mailproto.imap.capability import Capabilities
from mailproto.imap.client_flows import list_mailboxes, list_subscribed, run
from mailproto.imap.commands import List
from mailproto.imap.ext.acl import MyRightsData, known_rights
from mailproto.imap.inbox import Inboxes
from mailproto.imap.mailbox_data import SPECIAL_USES
from mailproto.imap.parameters import LIST_RETURNS, LIST_SELECTIONS, Parameter
from mailproto.imap.responses import DataResponse, ListData, StatusData
from mailproto.imap.status import Bad

__all__ = ["ListOptions", "Listed", "list_command", "list_extended"]

ListOptions: TypeAlias = Iterable[Parameter | str]
"""Options of LIST, or how they are written, as "SUBSCRIBED" and "STATUS (MESSAGES UNSEEN)"."""

DataT = TypeVar("DataT", bound=DataResponse)


@final
@dataclass(frozen=True, slots=True)
class Listed:
    """A mailbox as an extended LIST shows it, and what else was asked for about it.

    `answers` are the other responses that name it: STATUS, METADATA, and MYRIGHTS as `my_rights` has it.
    """

    data: ListData
    answers: tuple[DataResponse, ...] = ()

    def get(self, kind: type[DataT]) -> DataT | None:
        """Return the (first) answer of this kind, None if there is none."""
        return next((answer for answer in self.answers if isinstance(answer, kind)), None)

    @property
    def status(self) -> StatusData | None:
        """The STATUS of the mailbox, None if it has none (RFC 5819)."""
        return self.get(StatusData)


def list_command(
    reference: str, patterns: tuple[str, ...], selection: ListOptions, returning: ListOptions
) -> List:
    """Return the extended LIST; without a pattern, for all mailboxes."""
    first, *more = patterns or ("*",)
    return List(
        reference,
        first,
        more_patterns=tuple(more),
        selection=LIST_SELECTIONS.of(selection) or None,
        returning=LIST_RETURNS.of(returning) or None,
    )


def list_extended(session: Inboxes, command: List) -> Flow[tuple[Listed, ...]]:
    """Return the mailboxes that are listed, in the order of the server, with what is told about each.

    A server that offers the options and answers BAD to them, or lists nothing, is asked by a plain LIST, and
    LSUB for what is subscribed. Then nothing is told about the mailboxes. Raises RemoteProtocolError if that
    finds more, under strict.
    """
    try:
        inbox = yield from run(session, command)
    except IMAPStatusError as error:
        if not isinstance(error.status, Bad) or not _may_be_plain(command):
            raise
        return (yield from _list_plain(session, command))
    events = [event for event in session.take(inbox) if isinstance(event, DataResponse)]
    about: dict[str, list[DataResponse]] = {}
    for event in events:
        if not isinstance(event, ListData):
            about.setdefault(getattr(event, "mailbox", ""), []).append(_answer(session, event))
    listed = [event for event in events if isinstance(event, ListData)]
    if not listed and _may_be_plain(command):
        return _checked((yield from _list_plain(session, command)), session.conn.is_strict)
    return tuple(Listed(data, tuple(about.get(data.mailbox, ()))) for data in listed)


def _answer(session: Inboxes, data: DataResponse) -> DataResponse:
    if not isinstance(data, MyRightsData):
        return data
    return replace(data, rights=known_rights(data.rights, session.conn.capabilities or Capabilities()))


def _checked(plain: tuple[Listed, ...], is_strict: bool) -> tuple[Listed, ...]:
    """Return what plain commands found where one with options found nothing."""
    if plain and is_strict:
        raise RemoteProtocolError("expected a LIST with the options that are offered, got nothing")
    return plain


_SELECTED_PLAIN: Final = frozenset({"SUBSCRIBED", "SPECIAL-USE"})
"""The selections that can be made of what LSUB lists and of the attributes in a plain LIST."""


def _may_be_plain(command: List) -> bool:
    """Whether *command* has options, and plain commands can answer it."""
    selection = {option.name for option in command.selection or ()}
    return bool(command.options or command.more_patterns) and selection <= _SELECTED_PLAIN


def _list_plain(session: Inboxes, command: List) -> Flow[tuple[Listed, ...]]:
    """Return what plain LIST commands list of what *command* asks for."""
    selection = {option.name for option in command.selection or ()}
    listed: dict[str, ListData] = {}
    subscribed: set[str] = set()
    for pattern in (command.pattern, *command.more_patterns):
        found = yield from list_mailboxes(session, command.reference, pattern)
        listed.update((data.mailbox, data) for data in found)
        if "SUBSCRIBED" in selection:
            names = yield from list_subscribed(session, command.reference, pattern)
            subscribed.update(data.mailbox for data in names)
    return tuple(
        Listed(data)
        for name, data in listed.items()
        if ("SUBSCRIBED" not in selection or name in subscribed)
        and ("SPECIAL-USE" not in selection or not data.attributes.isdisjoint(SPECIAL_USES))
    )

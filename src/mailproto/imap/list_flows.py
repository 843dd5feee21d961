"""The client's procedures of an extended LIST, as those of `mailproto.imap.client_flows`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar, final

from mailproto.flow import Flow
from mailproto.imap.capability import Capabilities
from mailproto.imap.client_flows import run
from mailproto.imap.commands import List
from mailproto.imap.ext.acl import MyRightsData, known_rights
from mailproto.imap.inbox import Inboxes
from mailproto.imap.parameters import LIST_RETURNS, LIST_SELECTIONS, Parameter
from mailproto.imap.responses import DataResponse, ListData, StatusData

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
    """Return the mailboxes that are listed, in the order of the server, with what is told about each."""
    inbox = yield from run(session, command)
    events = [event for event in session.take(inbox) if isinstance(event, DataResponse)]
    about: dict[str, list[DataResponse]] = {}
    for event in events:
        if not isinstance(event, ListData):
            about.setdefault(getattr(event, "mailbox", ""), []).append(_answer(session, event))
    listed = (event for event in events if isinstance(event, ListData))
    return tuple(Listed(data, tuple(about.get(data.mailbox, ()))) for data in listed)


def _answer(session: Inboxes, data: DataResponse) -> DataResponse:
    if not isinstance(data, MyRightsData):
        return data
    return replace(data, rights=known_rights(data.rights, session.conn.capabilities or Capabilities()))

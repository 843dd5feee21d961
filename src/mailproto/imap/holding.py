"""A mailbox that stays selected: what UIDs and sequence numbers mean depends on it."""

from __future__ import annotations

from typing import cast, final

from mailproto.flow import Flow
from mailproto.imap.client_flows import complete
from mailproto.imap.commands import Select
from mailproto.imap.inbox import Hold, Inboxes
from mailproto.imap.view import MailboxView

__all__ = ["Holding"]


@final
class Holding:
    """Selects a mailbox unless it is selected, and holds it from `open` to `close`."""

    __slots__ = ("_command", "_hold", "_session")

    def __init__(self, session: Inboxes, mailbox: str) -> None:
        self._session = session
        self._command = Select(mailbox)
        self._hold: Hold | None = None

    def open(self) -> Flow[MailboxView]:
        """Select and hold; others who want another mailbox wait from now on.

        Raises LocalProtocolError for one who holds another one, and IMAPStatusError.
        """
        try:
            yield from self._select()
        except BaseException:
            self.close()
            raise
        return cast(MailboxView, self._session.conn.view)

    def _select(self) -> Flow[None]:
        session = self._session
        while (leaving := session.leaving) is not None:
            yield from session.wait(leaving, is_whole=True)
        if self._is_selected:
            self._hold = session.hold(self._command.mailbox)
            return
        inbox = yield from session.send(self._command)
        self._hold = session.hold(self._command.mailbox)
        yield from complete(session, inbox)

    @property
    def _is_selected(self) -> bool:
        view = self._session.conn.view
        return view is not None and view.mailbox == self._command.mailbox and not view.is_read_only

    def close(self) -> None:
        """Let others select what they want; without IO."""
        hold, self._hold = self._hold, None
        if hold is not None:
            self._session.let_go(hold)

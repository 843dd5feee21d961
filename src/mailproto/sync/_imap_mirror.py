"""Keeping a copy of a mailbox in step; `mailproto.asyncio` has the same."""

from __future__ import annotations

from typing import final

from mailproto.imap.fetching import Items
from mailproto.imap.inbox import Inboxes
from mailproto.imap.mirror import MessageFinder, MirrorState, MirrorStep
from mailproto.imap.mirroring import BATCH, Mirroring
from mailproto.sync._driver import ClientDriver

__all__ = ["Mirror", "MirrorMethods"]


@final
class Mirror:
    """The steps of a synchronization, as they come: an iterator. The last one is `mirror.InSync`.

    Between two steps other commands may be given, but no other mailbox is selected until the end, or until it
    is closed or dropped. It raises `IMAPStatusError` if the server refuses.
    """

    def __init__(self, driver: ClientDriver, mirroring: Mirroring) -> None:
        self._driver = driver
        self._mirroring = mirroring

    def __iter__(self) -> Mirror:
        return self

    def __next__(self) -> MirrorStep:
        self._driver.run(self._mirroring.fill())
        if not self._mirroring.ready:
            raise StopIteration
        return self._mirroring.ready.popleft()

    def close(self) -> None:
        """Want no more; without IO."""
        self._mirroring.close()

    __del__ = close


class MirrorMethods:
    """What `IMAPClient` inherits: it has the driver and the session."""

    _driver: ClientDriver
    _session: Inboxes

    def mirror(
        self,
        mailbox: str,
        state: MirrorState | None = None,
        *items: Items,
        is_read_only: bool = False,
        batch: int = BATCH,
        find: MessageFinder | None = None,
    ) -> Mirror:
        """Bring a copy of *mailbox* in step: iterate over what is new, changed and gone (RFC 4549).

        *state* is that of the copy, None for an empty one. Store each step and its `state` together: then a
        stop half way loses nothing, and the next call goes on from there. New messages come with their flags
        and *items*, at most *batch* in a step. QRESYNC or CONDSTORE is used where the server offers it; for
        QRESYNC no mailbox may be selected yet, or `enable("QRESYNC")` be called before. What is in the queue
        of the state (`MirrorState.queued`) is done on the server; *find* gives the message for the name in an
        `AddMessage`.
        """
        mirroring = Mirroring(
            self._session, mailbox, state, items, is_read_only=is_read_only, batch=batch, find=find
        )
        return Mirror(self._driver, mirroring)

"""Which searches of a session are kept up to date: those with UPDATE (RFC 5267 section 4.3)."""

from __future__ import annotations

from typing import final

from mailproto.imap.codes import LIMIT
from mailproto.imap.commands import TaggedCommand
from mailproto.imap.ext.context import CancelUpdate, NoUpdateCode, UpdateResults
from mailproto.imap.status import Bad, No, Ok, StatusResponse

__all__ = ["Contexts"]


@final
class Contexts:
    """The tags of the searches whose results the server keeps up to date.

    A tag that names one may not be that of another one: "An attempt to use UPDATE where a tag is already in
    use ... SHALL result in the server rejecting the searching command with a BAD response".
    """

    __slots__ = ("_most", "_refused", "tags")

    def __init__(self, most: int) -> None:
        self._most = most
        self.tags: set[str] = set()
        self._refused: set[str] = set()

    def refusal(self, tagged: TaggedCommand) -> No | Bad | None:
        """Return why *tagged* is not carried out, or None."""
        if not _is_updating(tagged):
            return None
        if tagged.tag in self.tags:
            return Bad("the tag is in use for a search with UPDATE")
        if len(self.tags) >= self._most:
            return No("too many searches with UPDATE, cancel one", LIMIT)
        return None

    def note(self, status: StatusResponse) -> None:
        """Note that the server has sent *status*: with NOUPDATE it does not keep that search up to date."""
        if isinstance(status.code, NoUpdateCode):
            self._refused.add(status.code.tag)

    def complete(self, tagged: TaggedCommand, status: Ok | No | Bad) -> None:
        """Note that *tagged* was completed with *status*."""
        if isinstance(status, Ok):
            if isinstance(tagged.command, CancelUpdate):
                self.tags.difference_update(tagged.command.tags)
            elif _is_updating(tagged):
                self.tags.add(tagged.tag)
        self.tags -= self._refused
        self._refused.clear()

    def clear(self) -> None:
        """Note that the mailbox was left."""
        self.tags.clear()


def _is_updating(tagged: TaggedCommand) -> bool:
    return any(isinstance(option, UpdateResults) for option in tagged.command.options)

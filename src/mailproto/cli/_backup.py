"""Saves mailboxes to a folder: a file for each message, and what is known of them in an SQLite file.

`DIR/INBOX/7-42.eml` is the message with UID 42 of INBOX while its UIDVALIDITY was 7: octets as they were
received. A file is complete or not there, and `mailproto.sqlite` knows only what was saved: so the next run
goes on wherever this one ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final
from urllib.parse import quote

from mailproto.cache import MailboxCache
from mailproto.cli._output import print_table, printable, showing_progress
from mailproto.errors import IMAPStatusError, ItemMissing
from mailproto.imap import INTERNALDATE, RFC822_SIZE, UIDSet
from mailproto.imap.mirror import Changed, MirrorStep, New, Reset, Vanished
from mailproto.imap.search import UID
from mailproto.sync import IMAPClient

__all__ = ["back_up", "file_name"]

BATCH: Final = 50
"""Messages that are saved before that is noted."""
MAX_NAME: Final = 200
"""Octets of the name of a mailbox's folder, of the 255 that file systems have."""
NOT_SELECTABLE: Final = frozenset({"\\Noselect", "\\NonExistent"})

COLUMNS: Final = ("mailbox", "new", "changed", "gone")


def back_up(imap: IMAPClient, folder: Path, mailbox: str, *, prune: bool) -> bool:
    """Save *mailbox*, or all of them if it is "", and print one line for each; return whether all went well.

    With *prune* what is gone on the server goes in *folder* too.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [mailbox] if mailbox else [row.mailbox for row in imap.list() if _is_selectable(row.attributes)]
    failed: list[str] = []
    with MailboxCache(folder / "mailproto.sqlite") as cache:

        def rows() -> Iterator[tuple[str, ...]]:
            for name in names:
                saving = _Saving(imap, cache, name, folder / file_name(name), prune)
                try:
                    saving.run()
                except IMAPStatusError as error:
                    saving.complain(str(error))
                if not saving.is_whole:
                    failed.append(name)
                yield printable(name), *map(str, (saving.new, saving.changed, saving.gone))

        print_table(COLUMNS, rows())
    return not failed


def _is_selectable(attributes: frozenset[str]) -> bool:
    names = {name.lower() for name in attributes}
    return names.isdisjoint(name.lower() for name in NOT_SELECTABLE)


def file_name(mailbox: str) -> str:
    """Return the name of the folder of *mailbox*, which is another one for each and leads nowhere else.

    ASCII letters, digits, `-`, `_`, `~` and dots that are not the first character stand for themselves, other
    octets of UTF-8 as %XX. What is too long ends with `%-` and a digest, which nothing else has.
    """
    octets = mailbox.encode("utf-8", "surrogatepass")
    name = quote(octets, safe="")
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > MAX_NAME:
        name = f"{name[:150]}%-{blake2b(octets, digest_size=16).hexdigest()}"
    return name or "%-"


@dataclass(slots=True)
class _Saving:
    """The saving of one mailbox. `is_whole` is False once a message could not be fetched.

    Then nothing is noted any more, so that the next run tries again; it finds the files that are there.
    """

    imap: IMAPClient
    cache: MailboxCache
    mailbox: str
    folder: Path
    prune: bool
    new: int = 0
    changed: int = 0
    gone: int = 0
    is_whole: bool = True

    def run(self) -> None:
        """Save what is new; raises IMAPStatusError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for rest in self.folder.glob("*.part"):
            rest.unlink()
        state = self.cache.state(self.mailbox)
        items = INTERNALDATE, RFC822_SIZE
        with showing_progress(printable(self.mailbox)) as show:
            for step in self.imap.mirror(self.mailbox, state, *items, is_read_only=True, batch=BATCH):
                self._save(step, show)
                if self.is_whole:
                    self.cache.store(self.mailbox, step)

    def _save(self, step: MirrorStep, show: Callable[[int, int], object]) -> None:
        """Do to the files what *step* tells; again does no harm."""
        if isinstance(step, New):
            self._save_messages(step, show)
        elif isinstance(step, Changed):
            self.changed += len(step.messages)
        elif isinstance(step, Vanished):
            self.gone += len(step.uids)
            self._prune(self._path(step, uid) for uid in step.uids)
        elif isinstance(step, Reset):
            self._prune(self.folder.glob("*.eml"))

    def _save_messages(self, step: New, show: Callable[[int, int], object]) -> None:
        view, before = self.imap.mailbox, len(step.state.known) - len(step.messages)
        exists = 0 if view is None else view.exists or 0
        for done, message in enumerate(step.messages, before + 1):
            self._save_message(message.uid, self._path(step, message.uid))
            show(done, max(done, exists))

    def _prune(self, paths: Iterable[Path]) -> None:
        if self.prune:
            for path in paths:
                path.unlink(missing_ok=True)

    def _path(self, step: MirrorStep, uid: int) -> Path:
        return self.folder / f"{step.state.uid_validity}-{uid}.eml"

    def _save_message(self, uid: int, path: Path) -> None:
        if path.exists():
            return
        try:
            self._download(uid, path)
            self.new += 1
        except (ItemMissing, IMAPStatusError) as error:
            # What is gone meanwhile, the next run hears of.
            if self.imap.uid_search(UID(UIDSet.of((uid,)))):
                self.complain(f"UID {uid}: {error}")

    def _download(self, uid: int, path: Path) -> None:
        part = path.with_suffix(".part")
        with self.imap.download(uid) as download, part.open("wb") as file:
            download.write_to(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    def complain(self, reason: str) -> None:
        """Say on standard error what could not be saved."""
        self.is_whole = False
        print(f"mailproto: {printable(self.mailbox)}: {printable(reason)}", file=sys.stderr)

"""Which mailboxes NOTIFY and ESEARCH mean: `filter-mailboxes` (RFC 5465 section 6, RFC 7377 section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.command import several
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.writer import Writer

__all__ = ["FilterKind", "MailboxFilter", "parse_mailbox_filter", "write_mailbox_filter"]

FilterKind: TypeAlias = Literal[
    "selected", "selected-delayed", "inboxes", "personal", "subscribed", "subtree", "subtree-one", "mailboxes"
]

_BARE: Final = frozenset({"selected", "selected-delayed", "inboxes", "personal", "subscribed"})
_WITH_NAMES: Final = frozenset({"subtree", "subtree-one", "mailboxes"})


@final
@dataclass(frozen=True, slots=True)
class MailboxFilter:
    """Some mailboxes: by their kind, or by name.

    `kind` is "selected" or "selected-delayed" (the selected one, whose changes wait for a command),
    "inboxes" (where mail is delivered), "personal" (the personal namespaces), "subscribed"; with `mailboxes`,
    one or more, "subtree" (these and all below), "subtree-one" (these and those just below, RFC 7377 only)
    and "mailboxes".
    """

    kind: FilterKind
    mailboxes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in _BARE | _WITH_NAMES:
            raise LocalProtocolError(f"expected the kind of a filter, got {str(self.kind)[:40]!r}")
        mailboxes = several(self.mailboxes, "mailboxes")
        object.__setattr__(self, "mailboxes", tuple(map(check_mailbox, mailboxes)))
        if bool(self.mailboxes) != (self.kind in _WITH_NAMES):
            raise LocalProtocolError(f"{self.kind}: expected mailboxes beside subtree and mailboxes only")

    @property
    def is_selected(self) -> bool:
        """Whether it is the selected mailbox that is meant."""
        return self.kind in ("selected", "selected-delayed")


# filter-mailboxes-other = "inboxes" / "personal" / "subscribed" / ("subtree" SP one-or-more-mailbox) /
#                          ("subtree-one" SP one-or-more-mailbox) / ("mailboxes" SP one-or-more-mailbox)
# one-or-more-mailbox    = mailbox / many-mailboxes
# many-mailboxes         = "(" mailbox *(SP mailbox) ")"
def parse_mailbox_filter(cursor: Cursor) -> MailboxFilter:
    """Read `filter-mailboxes`."""
    start = cursor.position
    kind = cursor.atom().lower()
    if kind in _BARE:
        return MailboxFilter(cast(FilterKind, kind))
    if kind not in _WITH_NAMES:
        raise cursor.error("the kind of a filter", start)
    cursor.sp()
    if not cursor.accept(b"("):
        return MailboxFilter(cast(FilterKind, kind), (parse_mailbox(cursor),))
    mailboxes = [parse_mailbox(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        mailboxes.append(parse_mailbox(cursor))
    return MailboxFilter(cast(FilterKind, kind), tuple(mailboxes))


def write_mailbox_filter(writer: Writer, chosen: MailboxFilter) -> None:
    """Write `filter-mailboxes`, one name bare, several as a list."""
    writer.atom(chosen.kind)
    if not chosen.mailboxes:
        return
    if len(chosen.mailboxes) == 1:
        writer.write(b" ")
        write_mailbox(writer, chosen.mailboxes[0])
        return
    for index, mailbox in enumerate(chosen.mailboxes):
        writer.write(b" " if index else b" (")
        write_mailbox(writer, mailbox)
    writer.write(b")")

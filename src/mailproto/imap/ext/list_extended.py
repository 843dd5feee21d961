"""LIST-EXTENDED: which mailboxes LIST shows, and what about them (RFC 5258).

The command is `mailproto.imap.List`, with options of the tables `LIST_SELECTIONS` and `LIST_RETURNS`. What
stands behind the name in an answer, CHILDINFO here and OLDNAME of RFC 5465, are rows of `LIST_ITEMS`.
"""

from __future__ import annotations

from typing import Final, cast

from mailproto.errors import LocalProtocolError
from mailproto.imap.command import checked_atom
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.mailbox_data import register_list_attributes, register_list_item
from mailproto.imap.parameters import LIST_RETURNS, LIST_SELECTIONS, Parameters, UnknownParameter
from mailproto.imap.writer import Writer

__all__ = ["CHILDREN", "RECURSIVEMATCH", "REMOTE", "SUBSCRIBED"]

CAPABILITY: Final = "LIST-EXTENDED"

register_list_attributes("\\Subscribed", "\\Remote", "\\NonExistent")

SUBSCRIBED: Final = LIST_SELECTIONS.simple("SUBSCRIBED", CAPABILITY)
"""As selection: only subscribed names, some of which may not exist. In RETURN: say which are subscribed."""
LIST_RETURNS.simple("SUBSCRIBED", CAPABILITY)

REMOTE: Final = LIST_SELECTIONS.simple("REMOTE", CAPABILITY)
"""Selection: also mailboxes of other servers (section 3.1)."""


def _check_beside_base(others: Parameters, command: str) -> None:
    """Section 6: "If a list-select-mod-opt appears, then a list-select-base-opt must also appear"."""
    if not any(other == SUBSCRIBED or isinstance(other, UnknownParameter) for other in others):
        raise LocalProtocolError(f"{command}: expected RECURSIVEMATCH beside SUBSCRIBED")


RECURSIVEMATCH: Final = LIST_SELECTIONS.simple("RECURSIVEMATCH", CAPABILITY, check=_check_beside_base)
"""Selection: also mailboxes with a child that is wanted; CHILDINFO says so (section 3.5)."""

CHILDREN: Final = LIST_RETURNS.simple("CHILDREN", CAPABILITY)
"""Return option: say which have children (section 4)."""


# childinfo-extended-item =  "CHILDINFO" SP "(" list-select-base-opt-quoted
#                            *(SP list-select-base-opt-quoted) ")"
def _parse_child_info(cursor: Cursor) -> tuple[str, ...]:
    cursor.expect(b"(")
    options: list[str] = []
    while not options or not cursor.accept(b")"):
        if options:
            cursor.sp()
        options.append(checked_atom(cursor.astring().decode("utf-8", "surrogateescape"), "an option"))
    return tuple(options)


def _write_child_info(writer: Writer, value: object) -> None:
    for index, option in enumerate(cast("tuple[str, ...]", value)):
        writer.write(b" " if index else b"(")
        writer.string(option.encode("ascii"))
    writer.write(b")")


def _check_child_info(value: object) -> None:
    if not isinstance(value, tuple) or not value:
        raise LocalProtocolError("expected the names of one option or more")
    for option in value:
        if checked_atom(option, "the name of an option") != option:
            raise LocalProtocolError(f"expected the name of an option in upper case, got {option[:40]!r}")


# oldname-extended-item =  "OLDNAME" SP "(" mailbox ")"
def _parse_old_name(cursor: Cursor) -> str:
    cursor.expect(b"(")
    mailbox = parse_mailbox(cursor)
    cursor.expect(b")")
    return mailbox


def _write_old_name(writer: Writer, value: object) -> None:
    writer.write(b"(")
    write_mailbox(writer, cast(str, value))
    writer.write(b")")


def _check_old_name(value: object) -> None:
    if check_mailbox(cast(str, value)) != value:
        raise LocalProtocolError("expected INBOX in upper case")


register_list_item("CHILDINFO", _parse_child_info, _write_child_info, _check_child_info)
register_list_item("OLDNAME", _parse_old_name, _write_old_name, _check_old_name)

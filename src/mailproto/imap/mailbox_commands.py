"""The commands about mailboxes (RFC 3501 section 6.3), with the parameters that RFC 4466 and 5258 allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, final

from mailproto.imap.command import Command, checked_atoms, register_command, several
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox import (
    check_list_mailbox,
    check_mailbox,
    parse_list_mailbox,
    parse_mailbox,
    write_list_mailbox,
    write_mailbox,
)
from mailproto.imap.mailbox_data import needs_of_status
from mailproto.imap.needs import Need
from mailproto.imap.parameters import (
    CREATE_PARAMETERS,
    LIST_RETURNS,
    LIST_SELECTIONS,
    RENAME_PARAMETERS,
    SELECT_PARAMETERS,
    Parameters,
    ParameterTable,
    needs_of,
)
from mailproto.imap.writer import Writer

__all__ = [
    "Create",
    "Delete",
    "Examine",
    "LSub",
    "List",
    "ListCommand",
    "MailboxCommand",
    "Rename",
    "Select",
    "Status",
    "Subscribe",
    "Unsubscribe",
]


@dataclass(frozen=True, slots=True)
class MailboxCommand(Command):
    """A command whose one argument is a mailbox."""

    mailbox: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox`."""
        cursor.sp()
        return cls(parse_mailbox(cursor))

    def write(self, writer: Writer) -> None:
        """Write the name of the mailbox."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)


@dataclass(frozen=True, slots=True)
class _ParameterCommand(MailboxCommand):
    parameters: Parameters = ()
    _table: ClassVar[ParameterTable]

    def __post_init__(self) -> None:
        MailboxCommand.__post_init__(self)
        object.__setattr__(self, "parameters", self._table.check(self.parameters, self.name))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox [SP "(" parameter *(SP parameter) ")"]`."""
        cursor.sp()
        return cls(parse_mailbox(cursor), cls._table.accept(cursor))

    def write(self, writer: Writer) -> None:
        """Write the name of the mailbox and the parameters."""
        MailboxCommand.write(self, writer)
        self._table.write_any(writer, self.parameters)

    @property
    def options(self) -> Parameters:
        """The parameters."""
        return self.parameters


@final
@register_command
class Select(_ParameterCommand):
    """SELECT: open a mailbox (section 6.3.1). Its parameters are those of `SELECT_PARAMETERS`."""

    __slots__ = ()
    name: ClassVar[str] = "SELECT"
    _table = SELECT_PARAMETERS


@final
@register_command
class Examine(_ParameterCommand):
    """EXAMINE: open a mailbox to read it only (section 6.3.2), with the parameters of SELECT."""

    __slots__ = ()
    name: ClassVar[str] = "EXAMINE"
    _table = SELECT_PARAMETERS


@final
@register_command
class Create(_ParameterCommand):
    """CREATE: make a mailbox (section 6.3.3). Its parameters are those of `CREATE_PARAMETERS`."""

    __slots__ = ()
    name: ClassVar[str] = "CREATE"
    _table = CREATE_PARAMETERS


@final
@register_command
class Delete(MailboxCommand):
    """DELETE: remove a mailbox (section 6.3.4)."""

    __slots__ = ()
    name: ClassVar[str] = "DELETE"


@final
@register_command
class Subscribe(MailboxCommand):
    """SUBSCRIBE: add a mailbox to those that LSUB lists (section 6.3.6)."""

    __slots__ = ()
    name: ClassVar[str] = "SUBSCRIBE"


@final
@register_command
class Unsubscribe(MailboxCommand):
    """UNSUBSCRIBE: take a mailbox from those that LSUB lists (section 6.3.7)."""

    __slots__ = ()
    name: ClassVar[str] = "UNSUBSCRIBE"


@final
@register_command
@dataclass(frozen=True, slots=True)
class Rename(Command):
    """RENAME: give a mailbox a new name; of INBOX, move its messages (section 6.3.5)."""

    name: ClassVar[str] = "RENAME"
    mailbox: str
    new: str
    parameters: Parameters = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "new", check_mailbox(self.new))
        object.__setattr__(self, "parameters", RENAME_PARAMETERS.check(self.parameters, self.name))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox SP mailbox [SP "(" parameter *(SP parameter) ")"]`."""
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        cursor.sp()
        return cls(mailbox, parse_mailbox(cursor), RENAME_PARAMETERS.accept(cursor))

    def write(self, writer: Writer) -> None:
        """Write the two names and the parameters."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        writer.write(b" ")
        write_mailbox(writer, self.new)
        RENAME_PARAMETERS.write_any(writer, self.parameters)

    @property
    def options(self) -> Parameters:
        """The parameters."""
        return self.parameters


@dataclass(frozen=True, slots=True)
class ListCommand(Command):
    """A command that lists mailboxes below *reference* whose names match *pattern*."""

    reference: str
    pattern: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", check_mailbox(self.reference))
        check_list_mailbox(self.pattern)

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox SP list-mailbox`."""
        cursor.sp()
        reference = parse_mailbox(cursor)
        cursor.sp()
        return cls(reference, parse_list_mailbox(cursor))

    def write(self, writer: Writer) -> None:
        """Write the reference and the pattern."""
        writer.write(b" ")
        write_mailbox(writer, self.reference)
        writer.write(b" ")
        write_list_mailbox(writer, self.pattern)


@final
@register_command
class LSub(ListCommand):
    """LSUB: as LIST, among the subscribed names (section 6.3.9)."""

    __slots__ = ()
    name: ClassVar[str] = "LSUB"


@final
@register_command
@dataclass(frozen=True, slots=True)
class List(Command):
    """LIST: mailboxes below *reference* whose names match *pattern*, with `%` and `*` (section 6.3.8).

    An extended LIST (RFC 5258) has `more_patterns`, says by options of `LIST_SELECTIONS` which mailboxes it
    wants, and by those of `LIST_RETURNS` what about them. None: the list is not there, which an empty one is.
    """

    name: ClassVar[str] = "LIST"
    reference: str
    pattern: str
    more_patterns: tuple[str, ...] = field(default=(), kw_only=True)
    selection: Parameters | None = field(default=None, kw_only=True)
    returning: Parameters | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", check_mailbox(self.reference))
        object.__setattr__(self, "more_patterns", several(self.more_patterns, "patterns"))
        for pattern in self.patterns:
            check_list_mailbox(pattern)
        if self.selection is not None:
            object.__setattr__(self, "selection", LIST_SELECTIONS.check(self.selection, self.name))
        if self.returning is not None:
            object.__setattr__(self, "returning", LIST_RETURNS.check(self.returning, self.name))

    @property
    def patterns(self) -> tuple[str, ...]:
        """All patterns: a mailbox that matches any of them is wanted."""
        return (self.pattern, *self.more_patterns)

    @property
    def is_extended(self) -> bool:
        """Whether it is more than the LIST of RFC 3501."""
        return bool(self.more_patterns) or self.selection is not None or self.returning is not None

    # list            = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
    # list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the options, the reference, one pattern or several, and what to return."""
        cursor.sp()
        selection = None
        if cursor.peek() == b"(":
            selection = LIST_SELECTIONS.parse(cursor)
            cursor.sp()
        reference = parse_mailbox(cursor)
        cursor.sp()
        patterns = _parse_patterns(cursor)
        returning = LIST_RETURNS.parse(cursor) if cursor.accept_word(b" RETURN ") else None
        more = tuple(patterns[1:])
        return cls(reference, patterns[0], more_patterns=more, selection=selection, returning=returning)

    def write(self, writer: Writer) -> None:
        """Write what is there of options, reference, patterns and what to return."""
        writer.write(b" ")
        if self.selection is not None:
            LIST_SELECTIONS.write(writer, self.selection)
            writer.write(b" ")
        write_mailbox(writer, self.reference)
        writer.write(b" ")
        _write_patterns(writer, self.patterns)
        if self.returning is not None:
            writer.write(b" RETURN ")
            LIST_RETURNS.write(writer, self.returning)

    @property
    def options(self) -> Parameters:
        """The options for selection and those of RETURN."""
        return (self.selection or ()) + (self.returning or ())

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the options need; of an extended LIST without any, LIST-EXTENDED."""
        needs = needs_of(self.options)
        if self.more_patterns:
            return (*needs, _PATTERNS)
        return needs if needs or not self.is_extended else (_EXTENDED,)


_EXTENDED: Final = Need("an extended LIST", ("LIST-EXTENDED",))
_PATTERNS: Final = Need("more than one pattern", ("LIST-EXTENDED",), is_listed=True)
"""RFC 9051 appendix C: several patterns are no part of IMAP4rev2."""


# mbox-or-pat     = list-mailbox / patterns
# patterns        = "(" list-mailbox *(SP list-mailbox) ")"
def _parse_patterns(cursor: Cursor) -> list[str]:
    if not cursor.accept(b"("):
        return [parse_list_mailbox(cursor)]
    patterns = [parse_list_mailbox(cursor)]
    while not cursor.accept(b")"):
        cursor.sp()
        patterns.append(parse_list_mailbox(cursor))
    return patterns


def _write_patterns(writer: Writer, patterns: tuple[str, ...]) -> None:
    """Write one pattern bare, several as a list."""
    if len(patterns) == 1:
        write_list_mailbox(writer, patterns[0])
        return
    for index, pattern in enumerate(patterns):
        writer.write(b" " if index else b"(")
        write_list_mailbox(writer, pattern)
    writer.write(b")")


@final
@register_command
@dataclass(frozen=True, slots=True)
class Status(Command):
    """STATUS: numbers of a mailbox without selecting it (section 6.3.10); unknown items are kept."""

    name: ClassVar[str] = "STATUS"
    mailbox: str
    items: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        object.__setattr__(self, "items", checked_atoms(self.items, "a status item"))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP mailbox SP "(" status-att *(SP status-att) ")"`."""
        cursor.sp()
        mailbox = parse_mailbox(cursor)
        cursor.expect(b" (")
        items = [cursor.atom()]
        while not cursor.accept(b")"):
            cursor.sp()
            items.append(cursor.atom())
        return cls(mailbox, tuple(items))

    def write(self, writer: Writer) -> None:
        """Write the mailbox and the items."""
        writer.write(b" ")
        write_mailbox(writer, self.mailbox)
        writer.write(f" ({' '.join(self.items)})".encode("ascii"))

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the items of extensions need; unknown ones are left to the server."""
        return needs_of_status(self.items)

"""What a command is, the table of all of them, and the tagged line that carries one (RFC 3501 section 2.2.1).

The commands themselves stand in `mailproto.imap.commands` and `mailproto.imap.ext`; each adds its row to
`COMMANDS`. Which command is legal in which state is in `mailproto.imap.state`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol, Self, TypeVar, final

from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._grammar import ATOM, TAG
from mailproto.imap.cursor import Cursor, ParseError
from mailproto.imap.needs import Need
from mailproto.imap.parameters import Parameters, needs_of
from mailproto.imap.values import MAX_DEPTH, Message, Streamed, Value, check_value
from mailproto.imap.writer import Writer

__all__ = [
    "COMMANDS",
    "SECRET_COMMANDS",
    "STREAMED_COMMANDS",
    "BareCommand",
    "Command",
    "TaggedCommand",
    "UnknownCommand",
    "check_tag",
    "checked_atom",
    "checked_atoms",
    "parse_command",
    "parse_text",
    "register_command",
    "several",
    "text_octets",
    "write_command",
]


class Command(ABC):
    """One command without its tag. Equal commands are written as equal octets."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """The name on the wire, in upper case: "FETCH", "UID FETCH"."""

    @property
    def streamed(self) -> tuple[Streamed, ...]:
        """Its literals that travel in chunks, through the connection, in order."""
        return ()

    @property
    def message_sizes(self) -> tuple[int, ...]:
        """How many octets each message has that it adds to a mailbox, as far as it carries them."""
        return ()

    @abstractmethod
    def write(self, writer: Writer) -> None:
        """Write what follows the name, with its leading space."""

    @property
    def options(self) -> Parameters:
        """All that extensions have added to its arguments: parameters, modifiers, options."""
        return ()

    @property
    def answers(self) -> tuple[str, ...] | None:
        """Names of the responses that answer it; None: those of its row in `mailproto.imap.state`."""
        return None

    @property
    def needs_selected(self) -> bool:
        """Whether its arguments need a selected mailbox, where the command is legal without one."""
        return False

    @property
    def needs(self) -> tuple[Need, ...]:
        """What its arguments ask of the server, beside the capability of the command itself."""
        return needs_of(self.options)


class _CommandClass(Protocol):
    name: ClassVar[str]

    @classmethod
    def parse(cls, cursor: Cursor) -> Command: ...


_CommandClassT = TypeVar("_CommandClassT", bound=_CommandClass)

COMMANDS: Final[dict[str, Callable[[Cursor], Command]]] = {}
"""Name of each command -> what reads its arguments; the modules of the RFCs fill it."""

STREAMED_COMMANDS: Final[set[str]] = set()
"""Commands in which a literal may stand that a server need not keep, as a `Streamed`."""

SECRET_COMMANDS: Final = frozenset({"LOGIN", "AUTHENTICATE", "URLFETCH"})
"""Commands of which no error shows an excerpt."""


def register_command(command: type[_CommandClassT]) -> type[_CommandClassT]:
    """Add the row of *command* to `COMMANDS`; a class decorator."""
    COMMANDS[command.name] = command.parse
    return command


@dataclass(frozen=True, slots=True)
class BareCommand(Command):
    """A command without arguments."""

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read nothing."""
        return cls()

    def write(self, writer: Writer) -> None:
        """Write nothing: there is nothing behind the name."""


# command name: an atom, and of the UID commands the word UID before it
_NAME = re.compile(rb'(?:[Uu][Ii][Dd] )?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')


@final
@dataclass(frozen=True, slots=True)
class UnknownCommand(Command):
    """A command that no module knows, with its arguments as generic values."""

    name: str = field()
    arguments: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise LocalProtocolError(f"expected the name of a command as str, got {type(self.name).__name__}")
        object.__setattr__(self, "name", self.name.upper())
        if not _NAME.fullmatch(self.name.encode("utf-8", "surrogatepass")) or self.name in COMMANDS:
            raise LocalProtocolError(f"expected the name of an unknown command, got {self.name[:40]!r}")
        check_value(self.arguments)
        if self.name == "UID" and self.arguments and not isinstance(self.arguments[0], bytes | tuple):
            raise LocalProtocolError("UID: expected the name of the command to hold both words")

    def write(self, writer: Writer) -> None:
        """Write the arguments."""
        writer.values(self.arguments)


@final
@dataclass(frozen=True, slots=True)
class TaggedCommand:
    """A command with its tag (section 2.2.1), as one line with its literals."""

    tag: str
    command: Command
    defects: tuple[Defect, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.command, Command):
            raise LocalProtocolError(f"expected a command, got {type(self.command).__name__}")
        check_tag(self.tag)


def check_tag(tag: object) -> None:
    """Raise LocalProtocolError unless *tag* is a `tag`."""
    if not isinstance(tag, str) or not TAG.fullmatch(tag.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected a tag, got {str(tag)[:40]!r}")


def parse_command(
    message: Message,
    *,
    strict: bool = False,
    max_depth: int = MAX_DEPTH,
    max_ranges: int = 100_000,
    utf8: bool = False,
    rev2: bool = False,
) -> TaggedCommand:
    """Read a framed command; a name that no module knows gives an `UnknownCommand`.

    *utf8* says that the client has enabled UTF-8 (RFC 9755), *rev2* that IMAP4rev2 is spoken (RFC 9051).

    Raises ParseError, whose `tag` is None if not even that could be read. For a command whose last literal
    has not come yet, give the text so far with a `Streamed` in its place: the result says where it stands.
    """
    cursor = Cursor(message, strict=strict, max_depth=max_depth, max_ranges=max_ranges, utf8=utf8, rev2=rev2)
    tag = cursor.tag()
    try:
        cursor.sp()
        command = _parse_named(cursor)
        _check_utf8(cursor)
    except ParseError as error:
        error.tag = tag
        raise
    return TaggedCommand(tag, command, tuple(cursor.defects))


def _check_utf8(cursor: Cursor) -> None:
    """Raise ParseError for octets that are not UTF-8 where they have to be.

    RFC 9755 section 3: the server MUST reject these with BAD.
    """
    for defect in cursor.defects:
        if defect.rule == "UTF-8 in a quoted string":
            raise cursor.error(defect.rule, defect.offset)


def _parse_named(cursor: Cursor) -> Command:
    start = cursor.position
    name = cursor.expect_match(_NAME, "the name of a command").group().decode("ascii").upper()
    row = COMMANDS.get(name)
    try:
        command = UnknownCommand(name, cursor.values()) if row is None else row(cursor)
        cursor.expect_end()
    except LocalProtocolError as error:
        reason = "" if name in SECRET_COMMANDS else f" ({error})"
        raise ParseError(f"valid arguments of {name}{reason}", start) from None
    except ParseError as error:
        if name in SECRET_COMMANDS:
            raise ParseError(error.expected, error.offset) from None
        raise
    return command


def write_command(writer: Writer, tagged: TaggedCommand) -> None:
    """Write the whole line with its CRLF."""
    writer.write(f"{tagged.tag} {tagged.command.name}".encode("ascii"))
    tagged.command.write(writer)
    writer.write(b"\r\n")


def parse_text(cursor: Cursor) -> str:
    """Read an `astring` as UTF-8; octets that are not stand as `surrogateescape` has them."""
    return cursor.astring().decode("utf-8", "surrogateescape")


def text_octets(text: object, name: str, *, is_secret: bool = False) -> bytes:
    """Return the octets that `parse_text` reads as *text*. Raises LocalProtocolError if there are none."""
    if not isinstance(text, str):
        raise LocalProtocolError(f"{name}: expected str, got {type(text).__name__}")
    shown = "" if is_secret else f", got {text[:40]!r}"
    try:
        octets = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise LocalProtocolError(f"{name}: expected valid Unicode{shown}") from None
    if b"\0" in octets or octets.decode("utf-8", "surrogateescape") != text:
        raise LocalProtocolError(f"{name}: expected valid Unicode without NUL{shown}")
    return octets


def checked_atom(atom: object, expected: str) -> str:
    """Return *atom* in upper case. Raises LocalProtocolError if it is none; *expected* names it there."""
    if not isinstance(atom, str):
        raise LocalProtocolError(f"expected {expected} as str, got {type(atom).__name__}")
    if not ATOM.fullmatch(atom.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected {expected}, got {atom[:40]!r}")
    return atom.upper()


def several(values: object, expected: str) -> tuple[str, ...]:
    """Return *values* as a tuple. Raises LocalProtocolError for a string, which is one of *expected*."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise LocalProtocolError(f"expected several {expected}, got {str(values)[:40]!r}")
    return tuple(values)


def checked_atoms(atoms: Iterable[str], expected: str) -> tuple[str, ...]:
    """Return *atoms* in upper case, of which there must be one or more."""
    if isinstance(atoms, str):
        raise LocalProtocolError(f"expected several of {expected}, got the string {atoms[:40]!r}")
    checked = tuple(checked_atom(atom, expected) for atom in atoms)
    if not checked:
        raise LocalProtocolError(f"expected {expected} or more, got none")
    return checked

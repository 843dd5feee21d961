"""Writes values as IMAP octets: chooses atom, quoted string or literal by content (RFC 3501 section 4.3).

A client's literals need the server's consent, so what a writer collects is not one run of octets but
fragments: octets, gates that a continuation request opens, and places for literals that are streamed.
CR and LF leave a writer only inside a literal, and NUL never does.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._grammar import PLAIN_ASTRING, QUOTABLE, QUOTED_SPECIALS
from mailproto.imap.values import Content, Omitted, Streamed, Value, check_octets

__all__ = [
    "GATE",
    "Fragment",
    "Gate",
    "LiteralForm",
    "SecretOctets",
    "StreamedLiteral",
    "Writer",
]

MAX_QUOTED: Final = 1_000
"""Octets above which a string is a literal: RFC 2683 section 3.2.1.5 asks for lines of about 1,000 octets."""

MAX_MINUS: Final = 4_096
"""Octets up to which LITERAL- allows a non-synchronizing literal (RFC 7888 section 5)."""

OWN_FRAGMENT: Final = 16_384
"""Octets from which a literal is a fragment of its own, so that it is never copied."""


class LiteralForm(enum.Enum):
    """Which literals wait for a continuation request."""

    SYNCHRONIZING = "synchronizing"
    """A client whose server offers neither extension: all wait."""
    MINUS = "LITERAL-"
    """A client under LITERAL- (RFC 7888): those of more than 4,096 octets wait."""
    PLUS = "LITERAL+"
    """A client under LITERAL+ (RFC 7888): none waits, except large messages of APPEND."""
    SERVER = "server"
    """A server: none waits, and none has a plus."""

    @classmethod
    def offered_by(cls, capabilities: Container[str], *, rev2: bool = False) -> LiteralForm:
        """Return the form that a client may use with a server of these *capabilities*.

        *rev2* says that IMAP4rev2 is spoken, which has LITERAL- (RFC 9051 appendix E); it is, where it is
        offered and IMAP4rev1 is not.
        """
        if "LITERAL+" in capabilities:
            return cls.PLUS
        rev2 = rev2 or ("IMAP4REV2" in capabilities and "IMAP4REV1" not in capabilities)
        return cls.MINUS if rev2 or "LITERAL-" in capabilities else cls.SYNCHRONIZING


@final
@dataclass(frozen=True, slots=True)
class Gate:
    """Nothing behind it is sent before the server's continuation request."""


GATE: Final = Gate()


@final
@dataclass(frozen=True, slots=True)
class StreamedLiteral:
    """The place of *size* octets that the application sends in chunks; a `literal8` may hold NUL."""

    size: int
    may_hold_nul: bool = False


@final
@dataclass(frozen=True, slots=True, repr=False)
class SecretOctets:
    """Octets that a trace shows as `***`."""

    octets: bytes

    def __repr__(self) -> str:
        return "SecretOctets(...)"


Fragment: TypeAlias = bytes | Gate | StreamedLiteral | SecretOctets


@final
class Writer:
    """Collects fragments; methods are named as the productions that they write.

    After a LocalProtocolError a writer is of no use: make a new one for each command or response.
    *max_nonsync* is `IMAPLimits.max_nonsync`. With *utf8* quoted strings and mailbox names are UTF-8 (RFC
    9755 section 3); with *rev2*, for IMAP4rev2 (RFC 9051), too. Without the former a search `takes_charset`.
    """

    __slots__ = ("_form", "_fragments", "_max_nonsync", "_octets", "takes_charset", "utf8", "write")

    def __init__(
        self,
        form: LiteralForm = LiteralForm.SYNCHRONIZING,
        *,
        max_nonsync: int = MAX_MINUS,
        utf8: bool = False,
        rev2: bool = False,
    ) -> None:
        self.utf8: bool = utf8 or rev2
        self.takes_charset: bool = not utf8
        self._form = form
        self._max_nonsync = max_nonsync
        self._fragments: list[Fragment] = []
        self._octets: list[bytes] = []
        self.write: Callable[[bytes], None] = self._octets.append
        """Append octets as they are: for delimiters, keywords and what was checked before."""

    def fragments(self) -> list[Fragment]:
        """Return what was written, in order; runs of octets are joined."""
        self._flush()
        return self._fragments

    def getvalue(self) -> bytes:
        """Return everything as one run of octets, as if each gate were open.

        Raises LocalProtocolError if there is a streamed literal, whose octets are not here.
        """
        return b"".join(map(_octets_of, self.fragments()))

    def _flush(self) -> None:
        if self._octets:
            self._fragments.append(b"".join(self._octets))
            self._octets.clear()

    def _append(self, fragment: Fragment) -> None:
        self._flush()
        self._fragments.append(fragment)

    def number(self, number: int) -> None:
        """Write a `number`; its range was checked by the constructor of the value."""
        self.write(b"%d" % number)

    def atom(self, atom: str) -> None:
        """Write an atom that the constructor of the value has checked."""
        self.write(atom.encode("ascii"))

    def astring(self, octets: bytes) -> None:
        """Write an `astring`: bare if it can be, else as a string."""
        if len(octets) <= MAX_QUOTED and PLAIN_ASTRING.match(octets):
            self.write(octets)
        else:
            self.string(octets)

    def string(self, octets: bytes) -> None:
        """Write a `string`: quoted if it can be, else a literal. Raises LocalProtocolError for NUL."""
        if len(octets) <= MAX_QUOTED and (QUOTABLE.match(octets) or (self.utf8 and _is_quotable(octets))):
            self.write(_quoted(octets))
        else:
            self.literal(octets)

    def nstring(self, octets: bytes | None) -> None:
        """Write an `nstring`: NIL for None, else a string."""
        if octets is None:
            self.write(b"NIL")
        else:
            self.string(octets)

    def secret(self, octets: bytes) -> None:
        """Write a `string` that no trace shows."""
        if len(octets) <= MAX_QUOTED and QUOTABLE.match(octets):
            self._append(SecretOctets(_quoted(octets)))
            return
        check_octets(octets, "secret")
        self._announce(len(octets), None)
        self._append(SecretOctets(octets))

    def secret_line(self, octets: bytes) -> None:
        """Write base64 of a SASL response as it is, so that no trace shows it."""
        self._append(SecretOctets(octets))

    def literal(self, octets: bytes) -> None:
        """Write a `literal`; large ones stay the object that was given. Raises LocalProtocolError for NUL."""
        check_octets(octets, "literal")
        self._announce(len(octets), None)
        self._put(octets)

    def message(self, message: Content) -> None:
        """Write the literal of APPEND, which above `max_nonsync` octets always waits for consent.

        A `Streamed` leaves a place for its octets; an `Omitted` has none, and raises LocalProtocolError.
        """
        if isinstance(message, bytes):
            check_octets(message, "message")
        self._message(message, may_hold_nul=False)

    def message8(self, message: Content) -> None:
        """Write the same as a `literal8`, in which NUL may stand (RFC 3516 section 7)."""
        self.write(b"~")
        self._message(message, may_hold_nul=True)

    def _message(self, message: Content, *, may_hold_nul: bool) -> None:
        if isinstance(message, Omitted):
            raise LocalProtocolError("expected a message, got one that was not kept")
        if isinstance(message, Streamed):
            self._announce(message.size, self._max_nonsync)
            self._append(StreamedLiteral(message.size, may_hold_nul))
            return
        self._announce(len(message), self._max_nonsync)
        self._put(message)

    def _announce(self, size: int, most: int | None) -> None:
        if self._form is LiteralForm.SERVER:
            self.write(b"{%d}\r\n" % size)
        elif self._waits(size, most):
            self.write(b"{%d}\r\n" % size)
            self._append(GATE)
        else:
            self.write(b"{%d+}\r\n" % size)

    def _waits(self, size: int, most: int | None) -> bool:
        if self._form is LiteralForm.SYNCHRONIZING:
            return True
        if self._form is LiteralForm.MINUS and size > MAX_MINUS:
            return True
        return most is not None and size > most

    def _put(self, octets: bytes) -> None:
        if len(octets) < OWN_FRAGMENT:
            self.write(octets)
        else:
            self._append(octets)

    def content(self, content: Content) -> None:
        """Write a `string`, or the place of a streamed one."""
        if isinstance(content, bytes):
            self.string(content)
        else:
            self.message(content)

    def ncontent(self, content: Content | None) -> None:
        """Write `nstring / literal8`: only octets with NUL need the latter."""
        if content is None:
            self.nstring(None)
        elif isinstance(content, bytes) and b"\0" in content:
            self.message8(content)
        else:
            self.content(content)

    def value(self, value: Value) -> None:
        """Write a generic value that `check_value` has checked."""
        if value is None:
            self.write(b"NIL")
        elif isinstance(value, str):
            self.atom(value)
        elif isinstance(value, int):
            self.number(value)
        elif isinstance(value, tuple):
            self._list(value)
        else:
            self.content(value)

    def _list(self, members: tuple[Value, ...]) -> None:
        self.write(b"(")
        for index, member in enumerate(members):
            if index:
                self.write(b" ")
            self.value(member)
        self.write(b")")

    def values(self, members: tuple[Value, ...]) -> None:
        """Write `*(SP value)`."""
        for member in members:
            self.write(b" ")
            self.value(member)


def _is_quotable(octets: bytes) -> bool:
    """Whether *octets* can be quoted where UTF-8 is enabled."""
    try:
        return not any(octet in octets.decode("utf-8") for octet in "\r\n\0")
    except ValueError:
        return False


def _quoted(octets: bytes) -> bytes:
    if b'"' in octets or b"\\" in octets:
        octets = QUOTED_SPECIALS.sub(rb"\\\g<0>", octets)
    return b'"%b"' % octets


def _octets_of(fragment: Fragment) -> bytes:
    if isinstance(fragment, bytes):
        return fragment
    if isinstance(fragment, SecretOctets):
        return fragment.octets
    if isinstance(fragment, StreamedLiteral):
        raise LocalProtocolError(f"expected a message of {fragment.size} octets as bytes, got a streamed one")
    return b""

"""A position in the text of a framed message, and one method for each base production (RFC 3501 section 9).

`parse_x(cursor)` functions of the other modules are built from these. A method moves the position past what
it read or raises `ParseError`; the `accept` ones return instead and move nothing. Deviations that can be
read without guessing go to `defects`, or raise when the cursor is strict.
"""

from __future__ import annotations

import re
from typing import Final, final

from mailproto.errors import Defect, excerpt
from mailproto.imap._grammar import (
    ASTRING_CHARS,
    ATOM,
    ESCAPE,
    GENERIC_ATOM,
    LITERAL_MARK,
    NIL,
    NUMBER,
    QUOTED,
    TAG,
)
from mailproto.imap.values import MAX_DEPTH, Content, Message, Omitted, Value

__all__ = ["Cursor", "ParseError", "is_utf8"]

MAX_NUMBER: Final = 2**32 - 1
MAX_NUMBER64: Final = 2**63 - 1


def is_utf8(octets: bytes) -> bool:
    """Whether *octets* are UTF-8 (RFC 3629)."""
    try:
        octets.decode("utf-8")
    except ValueError:
        return False
    return True


class ParseError(ValueError):
    """The text does not follow the grammar; never leaves the parsers, a connection makes an event of it.

    `offset` counts octets of the text, `found` is what stood there (at most 40 octets, empty where it could
    be a credential), `tag` is that of the command, when it is known.
    """

    def __init__(self, expected: str, offset: int, found: bytes = b"", tag: str | None = None) -> None:
        super().__init__(f"expected {expected}" + (f", got {found!r}" if found else "") + f" at {offset}")
        self.expected = expected
        self.offset = offset
        self.found = found
        self.tag = tag


@final
class Cursor:
    """Reads one `Message` from left to right.

    Depth budgets are arguments: a caller starts with `max_depth` and passes `depth - 1` down, never up. With
    `utf8` quoted strings and mailbox names are UTF-8 (RFC 9755 section 3); with `rev2`, which says that
    IMAP4rev2 is spoken (RFC 9051), too. Without UTF8=ACCEPT a search `takes_charset` all the same.
    """

    __slots__ = (
        "defects",
        "literal_index",
        "literals",
        "loose_until",
        "max_depth",
        "max_ranges",
        "plain_from",
        "position",
        "rev2",
        "strict",
        "takes_charset",
        "text",
        "utf8",
    )

    def __init__(
        self,
        message: Message,
        *,
        strict: bool = False,
        max_depth: int = MAX_DEPTH,
        max_ranges: int = 100_000,
        utf8: bool = False,
        rev2: bool = False,
    ) -> None:
        self.utf8: bool = utf8 or rev2
        self.rev2: bool = rev2
        self.takes_charset: bool = not utf8
        self.text: bytes = message.text
        self.literals: tuple[Content, ...] = message.literals
        self.position: int = 0
        self.strict: bool = strict
        self.max_depth: int = max_depth
        self.max_ranges: int = max_ranges
        self.defects: list[Defect] = []
        self.literal_index: int = 0
        self.plain_from: int = len(self.text) + 1
        """Where the text begins in which `look_ahead` has found nothing that is more than it looks like."""
        # How far quotes without escapes were looked for in vain: what lies before it is not read so again.
        self.loose_until: int = 0

    @property
    def is_at_end(self) -> bool:
        """Whether everything was read."""
        return self.position >= len(self.text)

    def error(self, expected: str, offset: int | None = None) -> ParseError:
        """Return the error that says what was expected at *offset* (None: the position)."""
        offset = self.position if offset is None else offset
        return ParseError(expected, offset, excerpt(self.text, offset))

    def defect(self, rule: str, offset: int | None = None) -> None:
        """Note a deviation from *rule* at *offset* (None: the position); raises ParseError when strict."""
        offset = self.position if offset is None else offset
        if self.strict:
            raise self.error(rule, offset)
        self.defects.append(Defect(rule, offset, excerpt(self.text, offset)))

    def look_ahead(self) -> None:
        """Find out from where on nothing is escaped, a control or above 127, nor a literal: `plain_from`.

        A string is all that stands between two quotes there, and a pattern need not make sure of that for
        each octet, which takes it ten times as long.
        """
        text = self.text
        if self.plain_from > len(text) and text.isascii():
            self.plain_from = 1 + max(
                text.rfind(b"\\"), text.rfind(b"\r"), text.rfind(b"\n"), text.rfind(b"\0")
            )

    def peek(self) -> bytes:
        """Return the next octet, or b"" at the end, and do not move."""
        return self.text[self.position : self.position + 1]

    def accept(self, octets: bytes) -> bool:
        """Move past *octets* if they come next, compared exactly."""
        if not self.text.startswith(octets, self.position):
            return False
        self.position += len(octets)
        return True

    def accept_word(self, word: bytes) -> bool:
        """Move past *word*, given in upper case, if it comes next in any case."""
        end = self.position + len(word)
        if self.text[self.position : end].upper() != word:
            return False
        self.position = end
        return True

    def accept_match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Move past what *pattern* matches here, if it does."""
        match = pattern.match(self.text, self.position)
        if match is not None:
            self.position = match.end()
        return match

    def expect(self, octets: bytes) -> None:
        """Move past *octets*, compared exactly."""
        if not self.text.startswith(octets, self.position):
            raise self.error(repr(octets))
        self.position += len(octets)

    def expect_match(self, pattern: re.Pattern[bytes], expected: str) -> re.Match[bytes]:
        """Move past what *pattern* matches here."""
        match = pattern.match(self.text, self.position)
        if match is None:
            raise self.error(expected)
        self.position = match.end()
        return match

    def expect_end(self) -> None:
        """Raise unless everything was read, each literal with it."""
        if self.position < len(self.text):
            raise self.error("the end of the line")
        if self.literal_index < len(self.literals):
            raise self.error("no more literals")

    def rest(self) -> bytes:
        """Read everything up to the end, with the marks of literals and without their octets."""
        octets = self.text[self.position :]
        self.position = len(self.text)
        self.literal_index = len(self.literals)
        return octets

    def sp(self) -> None:
        """Read SP: exactly one space."""
        if not self.text.startswith(b" ", self.position):
            raise self.error("a space")
        self.position += 1

    def atom(self) -> str:
        """Read an `atom`; keeps the case."""
        return self.expect_match(ATOM, "an atom").group().decode("ascii")

    def word(self) -> str:
        """Read an `atom` that names something; returned in upper case."""
        return self.atom().upper()

    def tag(self) -> str:
        """Read a `tag`."""
        return self.expect_match(TAG, "a tag").group().decode("ascii")

    def number(self) -> int:
        """Read a `number`: unsigned, 32 bits."""
        return self._number("a 32-bit number", 0, MAX_NUMBER)

    def nz_number(self) -> int:
        """Read an `nz-number`: 32 bits and not 0."""
        return self._number("a 32-bit number other than 0", 1, MAX_NUMBER)

    def number64(self) -> int:
        """Read a `number64` (RFC 9051 section 9): unsigned, 63 bits."""
        return self._number("a 63-bit number", 0, MAX_NUMBER64)

    def _number(self, expected: str, least: int, most: int) -> int:
        start = self.position
        number = int(self.expect_match(NUMBER, expected).group())
        if not least <= number <= most:
            raise self.error(expected, start)
        return number

    def is_at_string(self) -> bool:
        """Whether a quoted string or a literal comes next."""
        return self.peek() in (b'"', b"{") or self.text.startswith(b"~{", self.position)

    def quoted(self) -> bytes:
        """Read a `quoted` string and return what it says, without escapes."""
        start = self.position
        octets: bytes = self.expect_match(QUOTED, "a quoted string").group(1)
        if b"\\" in octets:
            octets = self._unescaped(octets, start)
        if not octets.isascii() and not (self.utf8 and is_utf8(octets)):
            self.defect("UTF-8 in a quoted string" if self.utf8 else "7-bit octets in a quoted string", start)
        return octets

    def _unescaped(self, octets: bytes, start: int) -> bytes:
        if any(match[1] not in b'"\\' for match in ESCAPE.finditer(octets)):
            self.defect("a backslash only before a quote or a backslash", start)
        return ESCAPE.sub(rb"\1", octets)

    def literal(self) -> Content:
        """Read a `literal` or `literal8` and return its octets, or what stands for them."""
        start = self.position
        self.expect_match(LITERAL_MARK, "a literal")
        if self.literal_index >= len(self.literals):
            raise self.error("a literal that was framed", start)
        content = self.literals[self.literal_index]
        self.literal_index += 1
        return content

    def content(self) -> Content:
        """Read a `string` whose literal may have been streamed or omitted, which is a defect.

        NUL is a defect in a `literal`, and none in a `literal8`.
        """
        start = self.position
        if self.text.startswith(b'"', start):
            return self.quoted()
        content = self.literal()
        if isinstance(content, bytes) and b"\0" in content and self.text.startswith(b"{", start):
            self.defect("a literal without NUL", start)
        if isinstance(content, Omitted):
            self.defect("a literal within the limit", start)
        return content

    def ncontent(self) -> Content | None:
        """Read an `nstring` whose literal may have been streamed or omitted; None is NIL."""
        return None if self.accept_match(NIL) else self.content()

    def string(self) -> bytes:
        """Read a `string`. An omitted literal is a defect and reads as b"", NUL in one is a defect too."""
        if self.text.startswith(b'"', self.position):
            return self.quoted()
        start = self.position
        if self.peek() not in (b"{", b"~"):
            raise self.error("a string")
        octets = self._kept(self.literal(), start)
        if b"\0" in octets:
            self.defect("a literal without NUL", start)
        return octets

    def _kept(self, content: Content, start: int) -> bytes:
        if isinstance(content, bytes):
            return content
        if not isinstance(content, Omitted):
            raise self.error("a literal that does not stream", start)
        self.defect("a literal within the limit", start)
        return b""

    def nstring(self) -> bytes | None:
        """Read an `nstring`; None is NIL, which is not b""."""
        return None if self.accept_match(NIL) else self.string()

    def astring(self, plain: re.Pattern[bytes] = ASTRING_CHARS) -> bytes:
        """Read an `astring`; *plain* says which characters need no quotes. NUL raises ParseError."""
        start = self.position
        match = plain.match(self.text, start)
        if match is None:
            octets = self.string()
            if b"\0" in octets:
                raise self.error("a string without NUL", start)
            return octets
        self.position = match.end()
        octets = match.group()
        if not octets.isascii():
            self.defect("7-bit octets outside of literals", start)
        return octets

    def value(self, depth: int | None = None) -> Value:
        """Read anything: a list, a string, a number, NIL or an atom; *depth* levels of lists (None: all)."""
        if self.text.startswith(b"(", self.position):
            return self._list(self.max_depth if depth is None else depth)
        if self.is_at_string():
            return self.content()
        octets = self.expect_match(GENERIC_ATOM, "a value").group()
        if NIL.fullmatch(octets):
            return None
        if NUMBER.fullmatch(octets):
            return int(octets)
        return octets.decode("ascii")

    def _list(self, depth: int) -> tuple[Value, ...]:
        if depth <= 0:
            raise self.error(f"at most {self.max_depth} levels of nesting")
        self.position += 1
        if self.accept(b")"):
            return ()
        members = [self.value(depth - 1)]
        while not self.accept(b")"):
            self.sp()
            members.append(self.value(depth - 1))
        return tuple(members)

    def values(self, depth: int | None = None) -> tuple[Value, ...]:
        """Read `*(SP value)` up to the end or a closing parenthesis, which is left."""
        members: list[Value] = []
        while not self.is_at_end and not self.text.startswith(b")", self.position):
            self.sp()
            members.append(self.value(depth))
        return tuple(members)

"""The keys of SEARCH, as a tree that is written as it was built (RFC 3501 sections 6.4.4 and 9).

    Unseen() & From("alice") & ~Keyword("$Junk")
    any_of(Subject(word) for word in words)

Each key is a class of its own name; those with arguments of the same kind share a class (`TextKey`,
`DateKey`, ...), by which a server can match. Extensions add theirs with `register_key`.
"""

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from typing import ClassVar, Final, Protocol, Self, TypeVar, final

from mailproto.errors import LocalProtocolError
from mailproto.imap._grammar import ATOM
from mailproto.imap.capability import REV1, REV2
from mailproto.imap.charset import CHARSETS, codec_of, decoded, encoded
from mailproto.imap.cursor import MAX_NUMBER, MAX_NUMBER64, Cursor
from mailproto.imap.dates import check_date, parse_date, write_date
from mailproto.imap.flags import keyword, parse_flag
from mailproto.imap.needs import Need
from mailproto.imap.sequence import SequenceSet, UIDSet, parse_sequence_set, write_sequence_set
from mailproto.imap.values import MAX_DEPTH, Value, check_octets, check_value, nesting
from mailproto.imap.writer import Writer

__all__ = [
    "All",
    "And",
    "Answered",
    "Bcc",
    "Before",
    "Body",
    "CHARSETS",
    "Cc",
    "DateKey",
    "Deleted",
    "Draft",
    "Flagged",
    "From",
    "Header",
    "KEYS",
    "KeyReader",
    "Keyword",
    "KeywordKey",
    "Larger",
    "NestedKey",
    "New",
    "Not",
    "Old",
    "On",
    "Or",
    "Recent",
    "SearchKey",
    "Seen",
    "SentBefore",
    "SentOn",
    "SentSince",
    "SequenceNumbers",
    "SimpleKey",
    "Since",
    "SizeKey",
    "Smaller",
    "Subject",
    "Text",
    "TextKey",
    "To",
    "UID",
    "Unanswered",
    "Undeleted",
    "Undraft",
    "Unflagged",
    "Unkeyword",
    "UnknownKey",
    "Unseen",
    "all_of",
    "any_of",
    "check_charset",
    "check_key",
    "parse_charset",
    "parse_keys",
    "parse_search_keys",
    "register_key",
    "write_keys",
    "write_search_keys",
]


class SearchKey(ABC):
    """One key, or several joined: `a & b`, `a | b`, `~a`.

    `capability` is what a server must offer for it, "" if it is one of RFC 3501. A command with it switches
    `enables` on, as if by ENABLE.
    """

    __slots__ = ()
    capability: ClassVar[str] = ""
    enables: ClassVar[str] = ""

    @property
    @abstractmethod
    def name(self) -> str:
        """The word of the key on the wire, in upper case; "" where it has none."""

    @abstractmethod
    def write(self, writer: Writer, codec: str | None) -> None:
        """Write a `search-key`, its text in *codec* (None: it is all bytes)."""

    @property
    def children(self) -> tuple[SearchKey, ...]:
        """The keys inside this one, in order."""
        return ()

    @property
    def texts(self) -> tuple[str | bytes, ...]:
        """The strings that the charset of the command applies to, not those of the children."""
        return ()

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the server must offer for this key and for those inside."""
        own = (Need(self.name, (self.capability,), enables=self.enables),) if self.capability else ()
        return (*own, *(need for child in self.children for need in child.needs))

    @property
    def depth(self) -> int:
        """Levels of nesting, 0 for a key that stands alone."""
        return 1 + max(child.depth for child in self.children) if self.children else 0

    def __and__(self, other: SearchKey) -> And:
        return And((*_terms(self), *_terms(other)))

    def __or__(self, other: SearchKey) -> Or:
        return Or(self, other)

    def __invert__(self) -> SearchKey:
        return self.key if isinstance(self, Not) else Not(self)


def _terms(key: SearchKey) -> tuple[SearchKey, ...]:
    return key.keys if isinstance(key, And) else (key,)


class _KeyClass(Protocol):
    name: ClassVar[str]

    @classmethod
    def parse(cls, reader: KeyReader) -> SearchKey: ...


_KeyClassT = TypeVar("_KeyClassT", bound=_KeyClass)

KEYS: Final[dict[str, Callable[[KeyReader], SearchKey]]] = {}
"""Name of each key -> what reads its arguments; the modules of the RFCs fill it."""


def register_key(key: type[_KeyClassT]) -> type[_KeyClassT]:
    """Add the row of *key* to `KEYS`; a class decorator."""
    KEYS[key.name] = key.parse
    return key


@final
class KeyReader:
    """A cursor in the keys of a SEARCH, the codec of their text, and the depth that is left."""

    __slots__ = ("codec", "cursor", "depth")

    def __init__(self, cursor: Cursor, codec: str | None, depth: int) -> None:
        self.cursor: Cursor = cursor
        self.codec: str | None = codec
        self.depth: int = depth

    def deeper(self) -> KeyReader:
        """Return the reader of a key inside the one that is read."""
        if self.depth <= 0:
            raise self.cursor.error(f"at most {self.cursor.max_depth} levels of nested keys")
        return KeyReader(self.cursor, self.codec, self.depth - 1)

    def text(self) -> str | bytes:
        """Read `SP astring` in the charset of the command; bytes if that is unknown or does not fit."""
        self.cursor.sp()
        return decoded(self.cursor.astring(), self.codec)

    def key(self) -> SearchKey:
        """Read a `search-key`."""
        cursor = self.cursor
        octet = cursor.peek()
        if octet == b"(":
            return self.deeper().group()
        if octet in _OF_SETS:
            return SequenceNumbers(parse_sequence_set(cursor, SequenceSet))
        name = cursor.expect_match(ATOM, "a search key").group().decode("ascii").upper()
        row = KEYS.get(name)
        return UnknownKey(name, cursor.values(self.depth)) if row is None else row(self)

    def group(self) -> SearchKey:
        """Read `"(" search-key *(SP search-key) ")"`."""
        self.cursor.expect(b"(")
        keys = [self.key()]
        while not self.cursor.accept(b")"):
            self.cursor.sp()
            keys.append(self.key())
        return _joined(keys)


_OF_SETS: Final = {bytes((octet,)) for octet in b"0123456789*$"}
"""How a key begins that is a set."""


def _joined(keys: list[SearchKey]) -> SearchKey:
    return keys[0] if len(keys) == 1 else And(tuple(keys))


@dataclass(frozen=True, slots=True)
class SimpleKey(SearchKey):
    """A key without arguments."""

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read nothing."""
        return cls()

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name."""
        writer.atom(self.name)


@dataclass(frozen=True, slots=True)
class TextKey(SearchKey):
    """A key with a string to find, in any case of letters (RFC 3501 section 6.4.4).

    `value` is str, and bytes only where it is not text in the charset of the command.
    """

    value: str | bytes

    def __post_init__(self) -> None:
        _check_text(self.value)

    @property
    def texts(self) -> tuple[str | bytes, ...]:
        """The value."""
        return (self.value,)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP astring`."""
        return cls(reader.text())

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the string."""
        writer.atom(self.name)
        writer.write(b" ")
        writer.astring(encoded(self.value, codec))


@dataclass(frozen=True, slots=True)
class DateKey(SearchKey):
    """A key with a day, compared without time and zone."""

    date: datetime.date

    def __post_init__(self) -> None:
        object.__setattr__(self, "date", check_date(self.date))

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP date`."""
        reader.cursor.sp()
        return cls(parse_date(reader.cursor))

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the day."""
        writer.atom(self.name)
        writer.write(b" ")
        write_date(writer, self.date)


@dataclass(frozen=True, slots=True)
class SizeKey(SearchKey):
    """A key with a size in octets: up to 63 bits, of which IMAP4rev1 knows 32 (RFC 9051 appendix D)."""

    size: int

    def __post_init__(self) -> None:
        if type(self.size) is not int or not 0 <= self.size <= MAX_NUMBER64:
            raise LocalProtocolError(f"expected a size up to {MAX_NUMBER64}, got {str(self.size)[:40]}")

    @property
    def needs(self) -> tuple[Need, ...]:
        """IMAP4rev2, if the size has more than 32 bits."""
        return (Need(f"{self.name} of more than 32 bits", (REV2,)),) if self.size > MAX_NUMBER else ()

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP number64`."""
        reader.cursor.sp()
        return cls(reader.cursor.number64())

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the size."""
        writer.atom(self.name)
        writer.write(b" %d" % self.size)


@dataclass(frozen=True, slots=True)
class KeywordKey(SearchKey):
    """A key with a keyword, a flag without backslash."""

    keyword: str

    def __post_init__(self) -> None:
        keyword(self.keyword)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP flag-keyword`."""
        reader.cursor.sp()
        start = reader.cursor.position
        flag = parse_flag(reader.cursor)
        if flag.startswith("\\"):
            raise reader.cursor.error("a keyword", start)
        return cls(flag)

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the keyword."""
        writer.atom(self.name)
        writer.write(b" ")
        writer.atom(self.keyword)


@final
@register_key
class All(SimpleKey):
    """Every message."""

    __slots__ = ()
    name: ClassVar[str] = "ALL"


@final
@register_key
class Answered(SimpleKey):
    """Messages with `\\Answered`."""

    __slots__ = ()
    name: ClassVar[str] = "ANSWERED"


@final
@register_key
class Deleted(SimpleKey):
    """Messages with `\\Deleted`."""

    __slots__ = ()
    name: ClassVar[str] = "DELETED"


@final
@register_key
class Draft(SimpleKey):
    """Messages with `\\Draft`."""

    __slots__ = ()
    name: ClassVar[str] = "DRAFT"


@final
@register_key
class Flagged(SimpleKey):
    """Messages with `\\Flagged`."""

    __slots__ = ()
    name: ClassVar[str] = "FLAGGED"


@final
@register_key
class New(SimpleKey):
    """Messages with `\\Recent` and without `\\Seen`."""

    __slots__ = ()
    name: ClassVar[str] = "NEW"
    capability: ClassVar[str] = REV1


@final
@register_key
class Old(SimpleKey):
    """Messages without `\\Recent`."""

    __slots__ = ()
    name: ClassVar[str] = "OLD"
    capability: ClassVar[str] = REV1


@final
@register_key
class Recent(SimpleKey):
    """Messages with `\\Recent`."""

    __slots__ = ()
    name: ClassVar[str] = "RECENT"
    capability: ClassVar[str] = REV1


@final
@register_key
class Seen(SimpleKey):
    """Messages with `\\Seen`."""

    __slots__ = ()
    name: ClassVar[str] = "SEEN"


@final
@register_key
class Unanswered(SimpleKey):
    """Messages without `\\Answered`."""

    __slots__ = ()
    name: ClassVar[str] = "UNANSWERED"


@final
@register_key
class Undeleted(SimpleKey):
    """Messages without `\\Deleted`."""

    __slots__ = ()
    name: ClassVar[str] = "UNDELETED"


@final
@register_key
class Undraft(SimpleKey):
    """Messages without `\\Draft`."""

    __slots__ = ()
    name: ClassVar[str] = "UNDRAFT"


@final
@register_key
class Unflagged(SimpleKey):
    """Messages without `\\Flagged`."""

    __slots__ = ()
    name: ClassVar[str] = "UNFLAGGED"


@final
@register_key
class Unseen(SimpleKey):
    """Messages without `\\Seen`."""

    __slots__ = ()
    name: ClassVar[str] = "UNSEEN"


@final
@register_key
class Bcc(TextKey):
    """Messages with the string in the Bcc field."""

    __slots__ = ()
    name: ClassVar[str] = "BCC"


@final
@register_key
class Body(TextKey):
    """Messages with the string in the body."""

    __slots__ = ()
    name: ClassVar[str] = "BODY"


@final
@register_key
class Cc(TextKey):
    """Messages with the string in the Cc field."""

    __slots__ = ()
    name: ClassVar[str] = "CC"


@final
@register_key
class From(TextKey):
    """Messages with the string in the From field."""

    __slots__ = ()
    name: ClassVar[str] = "FROM"


@final
@register_key
class Subject(TextKey):
    """Messages with the string in the Subject field."""

    __slots__ = ()
    name: ClassVar[str] = "SUBJECT"


@final
@register_key
class Text(TextKey):
    """Messages with the string in header or body."""

    __slots__ = ()
    name: ClassVar[str] = "TEXT"


@final
@register_key
class To(TextKey):
    """Messages with the string in the To field."""

    __slots__ = ()
    name: ClassVar[str] = "TO"


@final
@register_key
class Before(DateKey):
    """Messages whose internal date is before that day."""

    __slots__ = ()
    name: ClassVar[str] = "BEFORE"


@final
@register_key
class On(DateKey):
    """Messages whose internal date is that day."""

    __slots__ = ()
    name: ClassVar[str] = "ON"


@final
@register_key
class Since(DateKey):
    """Messages whose internal date is that day or later."""

    __slots__ = ()
    name: ClassVar[str] = "SINCE"


@final
@register_key
class SentBefore(DateKey):
    """Messages whose Date field is before that day."""

    __slots__ = ()
    name: ClassVar[str] = "SENTBEFORE"


@final
@register_key
class SentOn(DateKey):
    """Messages whose Date field is that day."""

    __slots__ = ()
    name: ClassVar[str] = "SENTON"


@final
@register_key
class SentSince(DateKey):
    """Messages whose Date field is that day or later."""

    __slots__ = ()
    name: ClassVar[str] = "SENTSINCE"


@final
@register_key
class Larger(SizeKey):
    """Messages of more octets."""

    __slots__ = ()
    name: ClassVar[str] = "LARGER"


@final
@register_key
class Smaller(SizeKey):
    """Messages of fewer octets."""

    __slots__ = ()
    name: ClassVar[str] = "SMALLER"


@final
@register_key
class Keyword(KeywordKey):
    """Messages with that keyword."""

    __slots__ = ()
    name: ClassVar[str] = "KEYWORD"


@final
@register_key
class Unkeyword(KeywordKey):
    """Messages without that keyword."""

    __slots__ = ()
    name: ClassVar[str] = "UNKEYWORD"


@final
@register_key
@dataclass(frozen=True, slots=True)
class Header(SearchKey):
    """Messages with a header field of that name that holds the string; with "", any such field."""

    name: ClassVar[str] = "HEADER"
    field_name: str
    value: str | bytes

    def __post_init__(self) -> None:
        if not isinstance(self.field_name, str):
            raise LocalProtocolError(f"expected a field name as str, got {type(self.field_name).__name__}")
        if not self.field_name.isascii() or "\0" in self.field_name:
            raise LocalProtocolError(f"expected a field name in ASCII, got {self.field_name[:40]!r}")
        _check_text(self.value)

    @property
    def texts(self) -> tuple[str | bytes, ...]:
        """The value."""
        return (self.value,)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP header-fld-name SP astring`."""
        reader.cursor.sp()
        start = reader.cursor.position
        field_name = reader.cursor.astring()
        if not field_name.isascii():
            raise reader.cursor.error("the name of a header field", start)
        return cls(field_name.decode("ascii"), reader.text())

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name of the field and the string."""
        writer.write(b"HEADER ")
        writer.astring(self.field_name.encode("ascii"))
        writer.write(b" ")
        writer.astring(encoded(self.value, codec))


@final
@dataclass(frozen=True, slots=True)
class SequenceNumbers(SearchKey):
    """Messages with these sequence numbers."""

    name: ClassVar[str] = ""
    numbers: SequenceSet

    def __post_init__(self) -> None:
        _check_set(self.numbers, SequenceSet)

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the set needs."""
        return self.numbers.needs

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the `sequence-set`."""
        write_sequence_set(writer, self.numbers)


@final
@register_key
@dataclass(frozen=True, slots=True)
class UID(SearchKey):
    """Messages with these UIDs."""

    name: ClassVar[str] = "UID"
    uids: UIDSet

    def __post_init__(self) -> None:
        _check_set(self.uids, UIDSet)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP sequence-set`."""
        reader.cursor.sp()
        return cls(parse_sequence_set(reader.cursor, UIDSet))

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the set needs."""
        return self.uids.needs

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the `sequence-set`."""
        writer.write(b"UID ")
        write_sequence_set(writer, self.uids)


@dataclass(frozen=True, slots=True)
class NestedKey(SearchKey):
    """A key with one other key as its argument."""

    key: SearchKey

    def __post_init__(self) -> None:
        _check_nested(self)

    @property
    def children(self) -> tuple[SearchKey, ...]:
        """The one key."""
        return (self.key,)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP search-key`."""
        reader.cursor.sp()
        return cls(reader.deeper().key())

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and the key."""
        writer.atom(self.name)
        writer.write(b" ")
        self.key.write(writer, codec)


@final
@register_key
class Not(NestedKey):
    """Messages that the key does not match; `~key` makes one."""

    __slots__ = ()
    name: ClassVar[str] = "NOT"


@final
@register_key
@dataclass(frozen=True, slots=True)
class Or(SearchKey):
    """Messages that either key matches; `left | right` makes one. For many keys see `any_of`."""

    name: ClassVar[str] = "OR"
    left: SearchKey
    right: SearchKey

    def __post_init__(self) -> None:
        _check_nested(self)

    @property
    def children(self) -> tuple[SearchKey, ...]:
        """The two keys."""
        return (self.left, self.right)

    @classmethod
    def parse(cls, reader: KeyReader) -> Self:
        """Read `SP search-key SP search-key`."""
        deeper = reader.deeper()
        reader.cursor.sp()
        left = deeper.key()
        reader.cursor.sp()
        return cls(left, deeper.key())

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the name and both keys."""
        writer.write(b"OR ")
        self.left.write(writer, codec)
        writer.write(b" ")
        self.right.write(writer, codec)


@final
@dataclass(frozen=True, slots=True)
class And(SearchKey):
    """Messages that each of two or more keys matches; `a & b` makes one, a list on the wire is one."""

    name: ClassVar[str] = ""
    keys: tuple[SearchKey, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", tuple(self.keys))
        if len(self.keys) < 2:
            raise LocalProtocolError(f"expected two keys or more, got {len(self.keys)}")
        _check_nested(self)

    @property
    def children(self) -> tuple[SearchKey, ...]:
        """The keys."""
        return self.keys

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write the keys in parentheses."""
        writer.write(b"(")
        self.write_bare(writer, codec)
        writer.write(b")")

    def write_bare(self, writer: Writer, codec: str | None) -> None:
        """Write the keys without parentheses, as the whole of a SEARCH."""
        for index, key in enumerate(self.keys):
            if index:
                writer.write(b" ")
            key.write(writer, codec)


@final
@dataclass(frozen=True, slots=True)
class UnknownKey(SearchKey):
    """A key that no module knows, with all that follows it: nobody can say where its arguments end."""

    name: str = field()
    arguments: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise LocalProtocolError(f"expected the name of a key as str, got {type(self.name).__name__}")
        octets = self.name.encode("utf-8", "surrogatepass")
        if not ATOM.fullmatch(octets) or octets[:1] in _OF_SETS or self.name.upper() in KEYS:
            raise LocalProtocolError(f"expected the name of an unknown key, got {self.name[:40]!r}")
        check_value(self.arguments)
        object.__setattr__(self, "name", self.name.upper())

    @property
    def depth(self) -> int:
        """Levels of nesting of the arguments and of the parentheses around the key."""
        return nesting(self.arguments)

    def write(self, writer: Writer, codec: str | None) -> None:
        """Write name and arguments in parentheses, which say where they end."""
        writer.write(b"(")
        writer.atom(self.name)
        writer.values(self.arguments)
        writer.write(b")")


def all_of(keys: Iterable[SearchKey]) -> SearchKey:
    """Return a key that matches what all *keys* match; of none, `All`."""
    terms = tuple(chain.from_iterable(map(_terms, keys)))
    if len(terms) < 2:
        return terms[0] if terms else All()
    return And(terms)


def any_of(keys: Iterable[SearchKey]) -> SearchKey:
    """Return a key that matches what any of *keys* does, nested as little as possible; of none, nothing."""
    terms = list(keys)
    while len(terms) > 1:
        terms = [reduce(Or, terms[index : index + 2]) for index in range(0, len(terms), 2)]
    return terms[0] if terms else Not(All())


def check_key(key: object) -> None:
    """Raise LocalProtocolError unless *key* is a search key that is not nested too deeply."""
    if not isinstance(key, SearchKey):
        raise LocalProtocolError(f"expected a search key, got {type(key).__name__}")
    if key.depth > MAX_DEPTH:
        raise LocalProtocolError(f"expected at most {MAX_DEPTH} levels of keys, got more; see any_of")


def _check_nested(key: SearchKey) -> None:
    """Raise LocalProtocolError unless the children of *key* are keys, and not nested too deeply."""
    for child in key.children:
        if not isinstance(child, SearchKey):
            raise LocalProtocolError(f"expected a search key, got {type(child).__name__}")
    check_key(key)


def _check_set(numbers: object, kind: type[SequenceSet] | type[UIDSet]) -> None:
    if not isinstance(numbers, kind):
        raise LocalProtocolError(f"expected a {kind.__name__}, got {type(numbers).__name__}")
    if not numbers:
        raise LocalProtocolError(f"expected a {kind.__name__} that is not empty")


def _check_text(text: object) -> None:
    if not isinstance(text, str | bytes):
        raise LocalProtocolError(f"expected a string, got {type(text).__name__}")
    check_octets(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text, "search key")


def _texts(key: SearchKey) -> Iterator[str | bytes]:
    yield from key.texts
    for child in key.children:
        yield from _texts(child)


def check_charset(key: SearchKey, charset: str | None) -> str | None:
    """Return the charset, in upper case, in which the text of *key* travels; None: US-ASCII, unsaid.

    With None, text outside ASCII makes it UTF-8. Raises LocalProtocolError for text that *charset* cannot
    say, for str in a charset that is not in `CHARSETS`, and for bytes that are text and should be str.
    """
    if charset is None:
        charset = None if all(map(_fits_ascii, _texts(key))) else "UTF-8"
    elif not isinstance(charset, str):
        raise LocalProtocolError(f"expected the name of a charset as str, got {type(charset).__name__}")
    elif not charset.isascii() or "\0" in charset:
        raise LocalProtocolError(f"expected the name of a charset, got {charset[:40]!r}")
    else:
        charset = charset.upper()
    codec = codec_of(charset)
    for text in _texts(key):
        _check_incodec_of(text, codec)
    return charset


def _fits_ascii(text: str | bytes) -> bool:
    return isinstance(text, bytes) or text.isascii()


def _check_incodec_of(text: str | bytes, codec: str | None) -> None:
    octets = encoded(text, codec)
    if decoded(octets, codec) != text:
        raise LocalProtocolError(f"expected text that the charset can say, got {text[:40]!r}")


def parse_search_keys(cursor: Cursor) -> tuple[SearchKey, str | None]:
    """Read `[SP "CHARSET" SP astring] 1*(SP search-key)` up to the end: the key and the charset."""
    cursor.sp()
    charset = None
    start = cursor.position
    if cursor.accept_word(b"CHARSET "):
        if not cursor.takes_charset:
            raise cursor.error("no charset where UTF-8 is enabled", start)
        charset = parse_charset(cursor)
        cursor.sp()
    return parse_keys(cursor, charset), charset


def parse_keys(cursor: Cursor, charset: str | None) -> SearchKey:
    """Read `search-key *(SP search-key)` up to the end or a closing parenthesis, which is left."""
    if cursor.utf8 and not (charset and cursor.takes_charset):
        charset = "UTF-8"
    reader = KeyReader(cursor, codec_of(charset), cursor.max_depth)
    keys = [reader.key()]
    while cursor.peek() not in (b"", b")"):
        cursor.sp()
        keys.append(reader.key())
    return _joined(keys)


def parse_charset(cursor: Cursor) -> str:
    """Read the name of a charset, an `astring` in ASCII; returned in upper case."""
    start = cursor.position
    octets = cursor.astring()
    if not octets.isascii():
        raise cursor.error("the name of a charset", start)
    return octets.decode("ascii").upper()


def write_search_keys(writer: Writer, key: SearchKey, charset: str | None) -> None:
    """Write `[SP "CHARSET" SP astring] 1*(SP search-key)`.

    Where UTF8=ACCEPT is enabled no charset is named (RFC 9755 section 3): another one raises
    LocalProtocolError. In IMAP4rev2 that of a key that has no other is UTF-8 (RFC 9051 section 6.4.4).
    """
    if not writer.takes_charset:
        if charset not in (None, "UTF-8", "US-ASCII"):
            raise LocalProtocolError(f"charset: expected UTF-8, which is enabled, got {charset[:40]!r}")
        charset = "UTF-8"
    elif charset is not None and not (writer.utf8 and charset == check_charset(key, None)):
        writer.write(b" CHARSET ")
        writer.astring(charset.encode("ascii"))
    writer.write(b" ")
    write_keys(writer, key, charset)


def write_keys(writer: Writer, key: SearchKey, charset: str | None) -> None:
    """Write `search-key *(SP search-key)`."""
    if isinstance(key, And):
        key.write_bare(writer, codec_of(charset))
    else:
        key.write(writer, codec_of(charset))

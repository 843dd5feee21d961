"""URLAUTH=BINARY: URLFETCH with decoded octets, and with the structure of what a URL names (RFC 5524).

These are the values that stand in `mailproto.imap.ext.urlauth.URLFetch` and `URLFetchData` then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self, TypeVar, cast, final

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.imap._grammar import ATOM
from mailproto.imap._response import filled_value, read_or_leave_out
from mailproto.imap.body import parse_body, write_body
from mailproto.imap.command import parse_text
from mailproto.imap.cursor import Cursor
from mailproto.imap.ext.url_text import checked_url, shown, write_url
from mailproto.imap.fetch_data import octets_of
from mailproto.imap.values import Content, Streamed, check_ncontent, check_octets, check_value
from mailproto.imap.writer import Writer
from mailproto.mime.body_structure import BasicPart, BodyStructure, MessagePart, MultiPart, TextPart

__all__ = ["CAPABILITY", "URLMetadata", "URLRequest", "urls_of"]

T = TypeVar("T")

CAPABILITY: Final = "URLAUTH=BINARY"

_STRUCTURE: Final = "BODYPARTSTRUCTURE"
_OCTETS: Final = ("BINARY", "BODY")
"""Items of which one URL can have one: octets that the server has decoded, or those of the message."""


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not ATOM.fullmatch(name.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected the name of an item, got {str(name)[:40]!r}")
    return name.upper()


def _checked_names(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise LocalProtocolError("expected several items, got one")
    checked = tuple(map(_checked_name, names))
    if len(set(checked)) < len(checked) or set(checked).issuperset(_OCTETS):
        raise LocalProtocolError("expected each item once, and BINARY or BODY")
    return checked


@final
@dataclass(frozen=True, slots=True, repr=False)
class URLRequest:
    """A URL in URLFETCH with what is wanted of what it names (section 3.1): names, in upper case.

    "BINARY" are its octets without their transfer encoding, "BODY" its octets as they are, of which one can
    be asked for; "BODYPARTSTRUCTURE" is its structure. Without items it stands for the bare URL.
    """

    url: str
    items: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", checked_url(self.url))
        object.__setattr__(self, "items", _checked_names(self.items))

    def __repr__(self) -> str:
        return f"URLRequest({shown((self.url,))}, {self.items!r})"

    # url-fetch-ext    =  "(" url-full *(SP url-fetch-param) ")"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read it. Raises ParseError for an item twice, and for BINARY beside BODY."""
        cursor.expect(b"(")
        url = parse_text(cursor)
        start, items = cursor.position, list[str]()
        while not cursor.accept(b")"):
            cursor.sp()
            items.append(cursor.word())
        try:
            return cls(url, tuple(items))
        except LocalProtocolError:
            raise cursor.error("each item once, and BINARY or BODY", start) from None

    def write(self, writer: Writer) -> None:
        """Write it in its parentheses."""
        writer.write(b"(")
        write_url(writer, self.url)
        for item in self.items:
            writer.write(b" ")
            writer.atom(item)
        writer.write(b")")


class _Row(NamedTuple):
    """How the value of an item is read, written and checked."""

    parse: Callable[[Cursor], object]
    write: Callable[[Writer, object], None]
    check: Callable[[object], object]


def _row(
    parse: Callable[[Cursor], object], write: Callable[[Writer, T], None], check: Callable[[object], object]
) -> _Row:
    return _Row(parse, cast("Callable[[Writer, object], None]", write), check)


# url-meta-binary  = "BINARY" SP ( nstring / literal8 )   ; "If content contains a NUL octet, literal8 MUST be
#                    used. Otherwise, content SHOULD use nstring."
def _write_binary(writer: Writer, content: Content | None) -> None:
    if isinstance(content, Streamed) or (isinstance(content, bytes) and b"\0" in content):
        writer.message8(content)
    else:
        _write_body(writer, content)


def _write_body(writer: Writer, content: Content | None) -> None:
    if content is None:
        writer.nstring(None)
    else:
        writer.content(content)


def _check_body(value: object) -> None:
    if isinstance(check_ncontent(cast("Content | None", value)), bytes):
        check_octets(cast(bytes, value), "BODY")


def _check_structure(value: object) -> None:
    if not isinstance(value, TextPart | MessagePart | BasicPart | MultiPart):
        raise LocalProtocolError(f"expected a body structure, got {type(value).__name__}")


_ROWS: Final[dict[str, _Row]] = {
    _STRUCTURE: _row(parse_body, write_body, _check_structure),
    "BINARY": _row(Cursor.ncontent, _write_binary, cast("Callable[[object], object]", check_ncontent)),
    "BODY": _row(Cursor.ncontent, _write_body, _check_body),
}
_GENERIC: Final = _row(Cursor.value, Writer.value, check_value)
"""The row of a name that has none."""


@final
@dataclass(frozen=True, slots=True)
class URLMetadata:
    """What a server says of what a URL names (section 3.2): names in upper case and values, in order.

    The value of "BODYPARTSTRUCTURE" is a body structure: of the octets as they come, so of decoded ones for
    "BINARY". That of "BINARY" and "BODY" are octets, `Streamed(size)` where they go through the connection in
    chunks, or None (NIL) if the server cannot decode them. Others have generic values.
    """

    items: tuple[tuple[str, object], ...] = field(repr=False)

    def __post_init__(self) -> None:
        items = tuple((_checked_name(name), value) for name, value in self.items)
        object.__setattr__(self, "items", items)
        if not items or len(dict(items)) < len(items):
            raise LocalProtocolError("expected one item or more, each once")
        for name, value in items:
            _ROWS.get(name, _GENERIC).check(value)

    @property
    def octets(self) -> bytes:
        """The octets, decoded or not. Raises ItemMissing if there are none, or they are above a limit."""
        values = dict(self.items)
        name = next((name for name in _OCTETS if name in values), None)
        if name is None:
            raise ItemMissing(" or ".join(_OCTETS))
        return octets_of(name, cast("Content | None", values[name]))

    @property
    def structure(self) -> BodyStructure:
        """The structure of what the URL names. Raises ItemMissing if the server did not send it."""
        structure = dict(self.items).get(_STRUCTURE)
        if structure is None:
            raise ItemMissing(_STRUCTURE)
        return cast(BodyStructure, structure)

    # url-metadata     =  1*(SP "(" url-metadata-el ")")
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `"(" url-metadata-el ")" *(SP "(" url-metadata-el ")")`; what cannot be read is left out."""
        items: dict[str, object] = {}
        _parse_element(cursor, items)
        while cursor.text.startswith(b" (", cursor.position):
            cursor.sp()
            _parse_element(cursor, items)
        new = cls.__new__(cls)
        object.__setattr__(new, "items", tuple(items.items()))
        return new

    def filled(self, contents: Iterator[bytes | None]) -> Self:
        """Return this with the next of *contents* for each value that was streamed; None leaves it."""
        new = type(self).__new__(type(self))
        items = ((name, filled_value(value, contents)) for name, value in self.items)
        object.__setattr__(new, "items", tuple(items))
        return new

    def write(self, writer: Writer) -> None:
        """Write each item in its parentheses."""
        for index, (name, value) in enumerate(self.items):
            writer.write(b" (" if index else b"(")
            writer.atom(name)
            writer.write(b" ")
            _ROWS.get(name, _GENERIC).write(writer, value)
            writer.write(b")")


def _parse_element(cursor: Cursor, items: dict[str, object]) -> None:
    """Read an item in its parentheses, or several of them."""
    cursor.expect(b"(")
    _parse_item(cursor, items)
    while cursor.accept(b" "):
        cursor.defect("each item of URLFETCH in its own parentheses", cursor.position - 1)
        _parse_item(cursor, items)
    cursor.expect(b")")


def _parse_item(cursor: Cursor, items: dict[str, object]) -> None:
    start = cursor.position
    name = cursor.word()
    cursor.sp()
    row = _ROWS.get(name, _GENERIC)
    value = read_or_leave_out(cursor, lambda cursor: (row.parse(cursor),), (b")", b" "))
    if name in items:
        cursor.defect("each item only once", start)
    if value is not None:
        items[name] = value[0]


def urls_of(urls: Iterable[str | URLRequest]) -> tuple[str, ...]:
    """Return the URLs alone."""
    return tuple(url.url if isinstance(url, URLRequest) else url for url in urls)

"""URLAUTH: URLs that let others read a message, or a part of one (RFC 4467).

GENURLAUTH authorizes a URL, URLFETCH reads what authorized URLs name, RESETKEY takes authorizations back. A
URL is text here, since a server answers a bad one too; `mailproto.imap.url.IMAPURL` says what it means. Who
has the token of an authorized URL may read: no trace and no repr shows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final, Self, TypeVar, final

from mailproto._secret import Secret, hide_token
from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import (
    STREAMED_RESPONSES,
    DataResponse,
    NamedContents,
    NamedValues,
    filled,
    register_response,
)
from mailproto.imap.codes import ResponseCode, register_code
from mailproto.imap.command import Command, parse_text, register_command, text_octets
from mailproto.imap.cursor import Cursor
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.url import IMAPURL
from mailproto.imap.values import Omitted, Streamed, check_ncontent
from mailproto.imap.writer import Writer
from mailproto.sasl import _base64

__all__ = [
    "INTERNAL",
    "GenURLAuth",
    "GenURLAuthData",
    "ResetKey",
    "URLFetch",
    "URLFetchData",
    "URLMechCode",
]

INTERNAL: Final = "INTERNAL"
"""The mechanism that every server has (RFC 4467 section 5)."""

ItemT = TypeVar("ItemT")

# mechanism       = "INTERNAL" / 1*(ALPHA / DIGIT / "-" / ".")
_MECHANISM: Final = re.compile(rb"[A-Za-z0-9.-]+")


def _checked_mechanism(mechanism: object) -> str:
    if not isinstance(mechanism, str) or not _MECHANISM.fullmatch(mechanism.encode("utf-8", "surrogatepass")):
        raise LocalProtocolError(f"expected a mechanism of URLAUTH, got {str(mechanism)[:40]!r}")
    return mechanism.upper()


def _parse_mechanism(cursor: Cursor) -> str:
    return cursor.expect_match(_MECHANISM, "a mechanism of URLAUTH").group().decode("ascii").upper()


def _checked_url(url: str | IMAPURL) -> str:
    text = str(url) if isinstance(url, IMAPURL) else url
    text_octets(text, "URL", is_secret=True)
    return text


def _checked_urls(urls: Iterable[str | IMAPURL]) -> tuple[str, ...]:
    if isinstance(urls, str | IMAPURL):
        raise LocalProtocolError("expected several URLs, got one")
    return _one_or_more(map(_checked_url, urls))


def _one_or_more(items: Iterable[ItemT]) -> tuple[ItemT, ...]:
    members = tuple(items)
    if not members:
        raise LocalProtocolError("expected a URL or more, got none")
    return members


def _write_url(writer: Writer, url: str) -> None:
    octets = text_octets(url, "URL", is_secret=True)
    if hide_token(octets) == octets:
        writer.astring(octets)
    else:
        writer.secret(octets)


def _parse_each(cursor: Cursor, parse: Callable[[Cursor], ItemT]) -> list[ItemT]:
    """Read `1*(SP item)`."""
    cursor.sp()
    items = [parse(cursor)]
    while cursor.accept(b" "):
        items.append(parse(cursor))
    return items


def _shown(urls: Iterable[str]) -> str:
    texts = (hide_token(url.encode("utf-8", "surrogateescape")).decode("utf-8", "replace") for url in urls)
    return ", ".join(map(repr, texts))


@final
@register_command
@dataclass(frozen=True, slots=True)
class ResetKey(Command):
    """RESETKEY: replace the key of a mailbox, or remove all keys, and so take authorizations back.

    `mechanisms` are those whose key is made; () is INTERNAL. See section 7, BASE.6.3.RESETKEY.
    """

    name: ClassVar[str] = "RESETKEY"
    mailbox: str | None = None
    mechanisms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mailbox is not None:
            object.__setattr__(self, "mailbox", check_mailbox(self.mailbox))
        elif self.mechanisms:
            raise LocalProtocolError("RESETKEY: expected a mailbox before mechanisms")
        object.__setattr__(self, "mechanisms", tuple(map(_checked_mechanism, self.mechanisms)))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `[SP mailbox *(SP mechanism)]`."""
        if not cursor.accept(b" "):
            return cls()
        mailbox = parse_mailbox(cursor)
        mechanisms: list[str] = []
        while cursor.accept(b" "):
            mechanisms.append(_parse_mechanism(cursor))
        return cls(mailbox, tuple(mechanisms))

    def write(self, writer: Writer) -> None:
        """Write the mailbox and the mechanisms, or nothing."""
        if self.mailbox is not None:
            writer.write(b" ")
            write_mailbox(writer, self.mailbox)
        writer.write("".join(f" {name}" for name in self.mechanisms).encode("ascii"))


@final
@register_command
@dataclass(frozen=True, slots=True)
class GenURLAuth(Command):
    """GENURLAUTH: authorize URLs; `requests` are pairs of a URL up to its access identifier and a mechanism.

    See section 7, BASE.6.3.GENURLAUTH.
    """

    name: ClassVar[str] = "GENURLAUTH"
    requests: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        pairs = ((_checked_url(url), _checked_mechanism(mechanism)) for url, mechanism in self.requests)
        object.__setattr__(self, "requests", _one_or_more(pairs))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `1*(SP url-rump SP mechanism)`."""
        return cls(tuple(_parse_each(cursor, _parse_request)))

    def write(self, writer: Writer) -> None:
        """Write the pairs."""
        for url, mechanism in self.requests:
            writer.write(b" ")
            _write_url(writer, url)
            writer.write(b" ")
            writer.atom(mechanism)


def _parse_request(cursor: Cursor) -> tuple[str, str]:
    url = parse_text(cursor)
    cursor.sp()
    return url, _parse_mechanism(cursor)


@final
@register_command
@dataclass(frozen=True, slots=True, repr=False)
class URLFetch(Command):
    """URLFETCH: ask for what authorized URLs name (section 7, BASE.6.3.URLFETCH)."""

    name: ClassVar[str] = "URLFETCH"
    urls: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "urls", _checked_urls(self.urls))

    def __repr__(self) -> str:
        return f"URLFetch({_shown(self.urls)})"

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `1*(SP url-full)`."""
        return cls(tuple(_parse_each(cursor, parse_text)))

    def write(self, writer: Writer) -> None:
        """Write the URLs."""
        for url in self.urls:
            writer.write(b" ")
            _write_url(writer, url)


@final
@register_response
@dataclass(frozen=True, slots=True, repr=False)
class GenURLAuthData(DataResponse):
    """GENURLAUTH: the authorized URLs, in the order in which they were asked for (BASE.7.4.GENURLAUTH)."""

    name: ClassVar[str] = "GENURLAUTH"
    urls: tuple[str, ...]
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "urls", _checked_urls(self.urls))

    def __repr__(self) -> str:
        return f"GenURLAuthData({_shown(self.urls)})"

    @classmethod
    def parse(cls, cursor: Cursor) -> GenURLAuthData:
        """Read `1*(SP url-full)`."""
        return cls(tuple(_parse_each(cursor, parse_text)))

    def write(self, writer: Writer) -> None:
        """Write the name and the URLs."""
        writer.write(b"GENURLAUTH")
        for url in self.urls:
            writer.write(b" ")
            _write_url(writer, url)


@final
@register_response
@dataclass(frozen=True, slots=True, repr=False)
class URLFetchData(NamedValues):
    """URLFETCH: what the URLs name, as pairs; None (NIL) for a URL that is invalid for any reason.

    A value is octets, or `Streamed(size)` where they go through the connection in chunks. See
    BASE.7.4.URLFETCH.
    """

    name: ClassVar[str] = "URLFETCH"
    values: NamedContents
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        pairs = ((_checked_url(url), check_ncontent(value)) for url, value in self.values)
        object.__setattr__(self, "values", _one_or_more(pairs))

    def __repr__(self) -> str:
        return f"URLFetchData({_shown(url for url, _ in self.values)})"

    @classmethod
    def parse(cls, cursor: Cursor) -> URLFetchData:
        """Read `1*(SP url-full SP nstring)`."""
        return cls(tuple(_parse_each(cursor, _parse_fetched)))

    def filled(self, contents: Iterable[bytes | None]) -> URLFetchData:
        """Return this with *contents*, in order, where values were streamed; None leaves one as it is."""
        return replace(self, values=filled(self.values, contents))

    def write(self, writer: Writer) -> None:
        """Write the name and the pairs."""
        writer.write(b"URLFETCH")
        for url, value in self.values:
            writer.write(b" ")
            _write_url(writer, url)
            writer.write(b" ")
            if value is None:
                writer.nstring(None)
            else:
                writer.content(value)


def _parse_fetched(cursor: Cursor) -> tuple[str, bytes | Streamed | Omitted | None]:
    url = parse_text(cursor)
    cursor.sp()
    return url, cursor.ncontent()


STREAMED_RESPONSES.add(URLFetchData.name)


@final
@register_code
@dataclass(frozen=True, slots=True)
class URLMechCode(ResponseCode):
    """URLMECH: the mechanisms beside INTERNAL, with data of theirs if there is some (BASE.7.1.URLMECH)."""

    name: ClassVar[str] = "URLMECH"
    mechanisms: tuple[tuple[str, Secret[bytes] | None], ...] = ()

    def __post_init__(self) -> None:
        pairs = tuple((_checked_mechanism(name), data) for name, data in self.mechanisms)
        for _, data in pairs:
            if data is not None and not isinstance(data, Secret):
                raise LocalProtocolError("expected the data of a mechanism as Secret")
        object.__setattr__(self, "mechanisms", pairs)

    # resp-text-code  =/ "URLMECH" SP "INTERNAL" *(SP mechanism ["=" base64])
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `SP "INTERNAL" *(SP mechanism ["=" base64])`."""
        start = cursor.position
        pairs = [] if cursor.peek() == b"]" else _parse_each(cursor, _parse_mechanism_data)
        if not pairs or pairs[0] != (INTERNAL, None):
            raise cursor.error("INTERNAL first", start)
        return cls(tuple(pairs[1:]))

    def write(self, writer: Writer) -> None:
        """Write INTERNAL and the others."""
        writer.write(b" INTERNAL")
        for name, data in self.mechanisms:
            writer.write(f" {name}".encode("ascii"))
            if data is not None:
                writer.write(b"=")
                writer.secret_line(_base64.encode(data.reveal()))


_DATA: Final = re.compile(rb"=([A-Za-z0-9+/]*={0,2})")


def _parse_mechanism_data(cursor: Cursor) -> tuple[str, Secret[bytes] | None]:
    name = _parse_mechanism(cursor)
    start = cursor.position
    match = cursor.accept_match(_DATA)
    if match is None:
        return name, None
    try:
        return name, Secret(_base64.decode(match[1]))
    except ValueError:
        raise cursor.error("base64", start) from None

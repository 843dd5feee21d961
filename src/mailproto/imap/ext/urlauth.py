"""URLAUTH: URLs that let others read a message, or a part of one (RFC 4467).

GENURLAUTH authorizes a URL, URLFETCH reads what authorized URLs name, RESETKEY takes authorizations back. A
URL is text here, since a server answers a bad one too; `mailproto.imap.url.IMAPURL` says what it means, and
`mailproto.imap.ext.urlauth_binary` has what RFC 5524 adds to URLFETCH.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, TypeVar, final

from mailproto._secret import Secret
from mailproto.errors import Defect, LocalProtocolError
from mailproto.imap._response import (
    STREAMED_RESPONSES,
    DataResponse,
    NamedValues,
    filled_value,
    register_response,
)
from mailproto.imap.codes import ResponseCode, register_code
from mailproto.imap.command import Command, parse_text, register_command
from mailproto.imap.cursor import Cursor
from mailproto.imap.ext.url_text import checked_url, shown, write_url
from mailproto.imap.ext.urlauth_binary import CAPABILITY as BINARY
from mailproto.imap.ext.urlauth_binary import URLMetadata, URLRequest, urls_of
from mailproto.imap.mailbox import check_mailbox, parse_mailbox, write_mailbox
from mailproto.imap.needs import Need
from mailproto.imap.url import IMAPURL
from mailproto.imap.values import Content, check_ncontent
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


def _checked_urls(urls: Iterable[str | IMAPURL]) -> tuple[str, ...]:
    if isinstance(urls, str | IMAPURL):
        raise LocalProtocolError("expected several URLs, got one")
    return _one_or_more(map(checked_url, urls))


def _checked_arguments(urls: Iterable[str | IMAPURL | URLRequest]) -> tuple[str | URLRequest, ...]:
    if isinstance(urls, str | IMAPURL | URLRequest):
        raise LocalProtocolError("expected several URLs, got one")
    return _one_or_more(url if isinstance(url, URLRequest) else checked_url(url) for url in urls)


def _one_or_more(items: Iterable[ItemT]) -> tuple[ItemT, ...]:
    members = tuple(items)
    if not members:
        raise LocalProtocolError("expected a URL or more, got none")
    return members


def _parse_each(cursor: Cursor, parse: Callable[[Cursor], ItemT]) -> list[ItemT]:
    """Read `1*(SP item)`."""
    cursor.sp()
    items = [parse(cursor)]
    while cursor.accept(b" "):
        items.append(parse(cursor))
    return items


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
        pairs = ((checked_url(url), _checked_mechanism(mechanism)) for url, mechanism in self.requests)
        object.__setattr__(self, "requests", _one_or_more(pairs))

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `1*(SP url-rump SP mechanism)`."""
        return cls(tuple(_parse_each(cursor, _parse_request)))

    def write(self, writer: Writer) -> None:
        """Write the pairs."""
        for url, mechanism in self.requests:
            writer.write(b" ")
            write_url(writer, url)
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
    """URLFETCH: ask for what authorized URLs name (section 7, BASE.6.3.URLFETCH).

    A `URLRequest` in place of a URL says what of it is wanted, where the server offers URLAUTH=BINARY.
    """

    name: ClassVar[str] = "URLFETCH"
    urls: tuple[str | URLRequest, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "urls", _checked_arguments(self.urls))

    def __repr__(self) -> str:
        return f"URLFetch({shown(urls_of(self.urls))})"

    @property
    def needs(self) -> tuple[Need, ...]:
        """URLAUTH=BINARY, where more than a URL is said."""
        is_extended = any(isinstance(url, URLRequest) for url in self.urls)
        return (Need("a URL with items", (BINARY,)),) if is_extended else ()

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `1*(SP url-fetch-arg)`."""
        return cls(tuple(_parse_each(cursor, _parse_argument)))

    def write(self, writer: Writer) -> None:
        """Write the URLs."""
        for url in self.urls:
            writer.write(b" ")
            if isinstance(url, URLRequest):
                url.write(writer)
            else:
                write_url(writer, url)


# url-fetch-arg    =  url-fetch-simple / url-fetch-ext   (RFC 5524 section 5)
def _parse_argument(cursor: Cursor) -> str | URLRequest:
    return URLRequest.parse(cursor) if cursor.peek() == b"(" else parse_text(cursor)


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
        return f"GenURLAuthData({shown(self.urls)})"

    @classmethod
    def parse(cls, cursor: Cursor) -> GenURLAuthData:
        """Read `1*(SP url-full)`."""
        return cls(tuple(_parse_each(cursor, parse_text)))

    def write(self, writer: Writer) -> None:
        """Write the name and the URLs."""
        writer.write(b"GENURLAUTH")
        for url in self.urls:
            writer.write(b" ")
            write_url(writer, url)


@final
@register_response
@dataclass(frozen=True, slots=True, repr=False)
class URLFetchData(NamedValues):
    """URLFETCH: what the URLs name, as pairs; None (NIL) for a URL that is invalid for any reason.

    A value is octets, or `Streamed(size)` where they go through the connection in chunks. Where a
    `URLRequest` has asked for items it is a `URLMetadata`. See BASE.7.4.URLFETCH, and RFC 5524 section 3.2.
    """

    name: ClassVar[str] = "URLFETCH"
    values: tuple[tuple[str, Content | URLMetadata | None], ...]
    defects: tuple[Defect, ...] = field(default=(), compare=False, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        pairs = ((checked_url(url), _checked_value(value)) for url, value in self.values)
        object.__setattr__(self, "values", _one_or_more(pairs))

    def __repr__(self) -> str:
        return f"URLFetchData({shown(url for url, _ in self.values)})"

    @property
    def last(self) -> tuple[str, object]:
        """The URL that stands last, and the last of its values."""
        url, value = self.values[-1]
        return url, value.items[-1][1] if isinstance(value, URLMetadata) and value.items else value

    # urlfetch-data    =  "*" SP "URLFETCH" 1*(SP (urldata-simple / urldata-ext / urldata-error))
    # By RFC 5524 section 5 each of them has a space of its own as well; in its examples there is only one.
    @classmethod
    def parse(cls, cursor: Cursor) -> URLFetchData:
        """Read `1*(SP url-full SP (nstring / url-metadata))`."""
        return cls.of_parsed(tuple(_parse_each(cursor, _parse_fetched)))

    @classmethod
    def of_parsed(cls, values: tuple[tuple[str, Content | URLMetadata | None], ...]) -> URLFetchData:
        """Return a response as it was read; skips validation."""
        new = cls.__new__(cls)
        object.__setattr__(new, "values", values)
        object.__setattr__(new, "defects", ())
        return new

    def filled(self, contents: Iterable[bytes | None]) -> URLFetchData:
        """Return this with *contents*, in order, where values were streamed; None leaves one as it is."""
        rest = iter(contents)
        new = self.of_parsed(tuple((url, _filled(value, rest)) for url, value in self.values))
        object.__setattr__(new, "defects", self.defects)
        return new

    def write(self, writer: Writer) -> None:
        """Write the name and the pairs."""
        writer.write(b"URLFETCH")
        for url, value in self.values:
            writer.write(b" ")
            write_url(writer, url)
            writer.write(b" ")
            if isinstance(value, URLMetadata):
                value.write(writer)
            elif value is None:
                writer.nstring(None)
            else:
                writer.content(value)


def _checked_value(value: Content | URLMetadata | None) -> Content | URLMetadata | None:
    return value if isinstance(value, URLMetadata) else check_ncontent(value)


def _parse_fetched(cursor: Cursor) -> tuple[str, Content | URLMetadata | None]:
    url = parse_text(cursor)
    cursor.sp()
    return url, URLMetadata.parse(cursor) if cursor.peek() == b"(" else cursor.ncontent()


def _filled(
    value: Content | URLMetadata | None, contents: Iterator[bytes | None]
) -> Content | URLMetadata | None:
    return value.filled(contents) if isinstance(value, URLMetadata) else filled_value(value, contents)


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

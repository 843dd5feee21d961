"""A message before it is sent: its line ends, what it needs of the server, whom its header names.

RFC 5321 section 2.3.8 (only CRLF ends a line), RFC 1870 (size), RFC 6152 (8-bit octets), RFC 5322 section
3.6 (who it is from and for). Nothing here reads a file: octets come in chunks, cut anywhere.
"""

from __future__ import annotations

import re
from codecs import IncrementalDecoder, getincrementaldecoder
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, final

from mailproto.address import AddressError, Mailbox
from mailproto.errors import LocalProtocolError, excerpt
from mailproto.mime.addresses import EnvelopeAddress, parse_addresses
from mailproto.mime.headers import Span, field_spans, fields
from mailproto.mime.parameters import strip_comments
from mailproto.smtp._grammar import is_bare_newline_in
from mailproto.smtp.data import NewlineNormalizer

__all__ = ["Envelope", "Needs", "Newlines", "Survey", "envelope_of", "newlines_of", "without_bcc"]

Newlines: TypeAlias = Literal["convert", "reject", "keep"]
"""What becomes of a bare CR or LF in a message to send: CRLF, or a LocalProtocolError, or what it is.

A message that keeps one needs BINARYMIME. An EmailMessage has line ends of its own, and is converted.
"""

MAX_TEXT_LINE: Final = 998
"""Octets of a line of text without its CRLF (RFC 5322 section 2.1.1); longer ones need BINARYMIME."""
_EMPTY_LINE: Final = b"\r\n\r\n"


@dataclass(slots=True)
class Needs:
    """What a message asks of the server: room for `size` octets, dots not counted, 8BITMIME, BINARYMIME.

    None: not known. `is_binary` says that it has a NUL, a line of more than 998 octets or a bare CR or LF;
    the last, which no other way of sending can keep, is `has_bare_newline` too. `has_utf8_header`: UTF-8
    beyond ASCII in the header; 8-bit octets that are no UTF-8 do not count.
    """

    size: int | None = None
    is_eight_bit: bool | None = None
    is_binary: bool = False
    has_bare_newline: bool = False
    has_utf8_header: bool = False


@final
class Refuser:
    """Raises LocalProtocolError at a bare CR or LF."""

    __slots__ = ("_has_cr",)

    def __init__(self) -> None:
        self._has_cr = False

    def convert(self, chunk: bytes) -> bytes:
        """Return *chunk* if it is well-formed; a CR at its end is judged by the next one."""
        if chunk:
            if is_bare_newline_in(chunk, after_cr=self._has_cr):
                self._refuse()
            self._has_cr = chunk.endswith(b"\r")
        return chunk

    def finish(self) -> bytes:
        """Judge a CR at the very end."""
        if self._has_cr:
            self._refuse()
        return b""

    def _refuse(self) -> None:
        raise LocalProtocolError("expected CRLF at the end of each line, got a bare CR or LF")


@final
class AsItIs:
    """Changes nothing: for a message that was read once and had no bare CR or LF."""

    __slots__ = ()

    def convert(self, chunk: bytes) -> bytes:
        """Return *chunk*."""
        return chunk

    def finish(self) -> bytes:
        """Return nothing."""
        return b""


_POLICIES: Final[dict[str, type[NewlineNormalizer] | type[Refuser] | type[AsItIs]]] = {
    "convert": NewlineNormalizer,
    "reject": Refuser,
    "keep": AsItIs,
}


def newlines_of(policy: Newlines) -> NewlineNormalizer | Refuser | AsItIs:
    """Return a new reader of one message by *policy*. Raises LocalProtocolError for an unknown one."""
    try:
        return _POLICIES[policy]()
    except KeyError:
        raise LocalProtocolError(f"newlines: expected convert, reject or keep, got {policy!r}") from None


@final
class _HeaderSurvey:
    """Finds out whether a header has UTF-8 beyond ASCII, which makes the message SMTPUTF8 (RFC 6532)."""

    __slots__ = ("_decoder", "_is_utf8", "_last", "is_over")

    def __init__(self) -> None:
        self._decoder: IncrementalDecoder | None = None
        self._is_utf8 = True
        self._last = b"\r\n"
        self.is_over: bool = False
        """Whether nothing more is looked at."""

    def see(self, chunk: bytes, is_ascii: bool) -> None:
        """Look at *chunk* as far as the header goes, to the first empty line."""
        last = self._last
        end = (last + chunk[:3]).find(_EMPTY_LINE) - len(last)
        if end < -len(last):
            end = chunk.find(_EMPTY_LINE)
            self.is_over = end >= 0
        else:
            self.is_over = True
        if self._decoder is not None or not is_ascii:
            self._decode(chunk[: max(0, end + 2)] if self.is_over else chunk)
        self._last = (last + chunk[-3:])[-3:]

    def _decode(self, octets: bytes) -> None:
        if octets.isascii() and self._decoder is None:
            return
        self._decoder = self._decoder or getincrementaldecoder("utf-8")()
        try:
            self._decoder.decode(octets)
        except UnicodeDecodeError:
            self._is_utf8 = False
            self.is_over = True

    def has_utf8(self) -> bool:
        """Return what was found; a character that is cut off at the end is no UTF-8."""
        return self._is_utf8 and self._decoder is not None and self._decoder.getstate()[0] == b""


@final
class Survey:
    """Finds what a message needs, in one pass over chunks whose line ends were treated by *newlines*."""

    __slots__ = (
        "_has_bare_newline",
        "_header",
        "_is_binary",
        "_is_eight_bit",
        "_last",
        "_line",
        "_may_be_bare",
        "size",
    )

    def __init__(self, newlines: Newlines = "convert") -> None:
        self.size: int = 0
        """Octets seen so far."""
        self._may_be_bare = newlines == "keep"
        self._has_bare_newline = False
        self._header = _HeaderSurvey()
        self._is_binary = False
        self._is_eight_bit = False
        self._line = 0
        self._last = b"\r\n"

    def see(self, chunk: bytes) -> None:
        """Count *chunk*."""
        if chunk:
            is_ascii = chunk.isascii()
            if not self._header.is_over:
                self._header.see(chunk, is_ascii)
            self.size += len(chunk)
            self._is_eight_bit = self._is_eight_bit or not is_ascii
            self._is_binary = self._is_binary or b"\0" in chunk or self._is_line_too_long(chunk)
            if self._may_be_bare and is_bare_newline_in(chunk, after_cr=self._last[-1:] == b"\r"):
                self._has_bare_newline = True
            self._last = (self._last + chunk[-2:])[-2:]

    def needs(self) -> Needs:
        """Return what was found; a CRLF that is missing at the end is counted, since it will be sent."""
        size = self.size + (0 if self._last == b"\r\n" else 2)
        is_bare = self._has_bare_newline or (self._may_be_bare and self._last[-1:] == b"\r")
        is_long = self._line > MAX_TEXT_LINE + (self._last[-1:] == b"\r")
        is_binary = self._is_binary or is_long or is_bare
        return Needs(size, self._is_eight_bit, is_binary, is_bare, self._header.has_utf8())

    def _is_line_too_long(self, chunk: bytes) -> bool:
        """Return whether a line is; leaps from line end to line end, each as far as a line may reach."""
        at = -self._line
        farthest = len(chunk) - MAX_TEXT_LINE - 1
        while at < farthest:
            end = chunk.rfind(b"\n", at if at > 0 else 0, at + MAX_TEXT_LINE + 2)
            if end < 0:
                return True
            at = end + 1
        last = chunk.rfind(b"\n")
        self._line = len(chunk) - (at if last < 0 else last + 1)
        return False


@final
class Envelope:
    """Who a header says that a message is from, and for; each field is read when it is asked for.

    Addresses are given as text. Raises LocalProtocolError where the fields leave them open, and for a field
    that a person may read in another way than a program: `a@x b@y` is no address.
    """

    __slots__ = ("_header", "_prefix")

    def __init__(self, header: dict[bytes, list[bytes]], prefix: bytes) -> None:
        self._header = header
        self._prefix = prefix

    @property
    def reverse_path(self) -> str:
        """Sender, else the first of From."""
        found = self._mailboxes(b"sender") or self._mailboxes(b"from")
        if not found:
            raise LocalProtocolError("reverse_path: needed, since the header has neither Sender nor From")
        return found[0]

    @property
    def forward_paths(self) -> tuple[str, ...]:
        """All of To, Cc and Bcc, each once."""
        return tuple(dict.fromkeys(self._mailboxes(b"to", b"cc", b"bcc")))

    def _mailboxes(self, *names: bytes) -> list[str]:
        return _mailboxes([value for name in names for value in self._header.get(self._prefix + name, ())])


_RESENT: Final = tuple(b"resent-%b" % name for name in (b"date", b"from", b"sender", b"to", b"cc", b"bcc"))
"""Each stands once in what one resending puts in front."""


def envelope_of(octets: bytes) -> Envelope:
    """Return the envelope that the header of *octets* names, lines ending in CRLF (RFC 5322 section 3.6).

    Of a message that was sent on, its Resent- fields count. Raises LocalProtocolError if that was done twice,
    and for a bare CR or LF.
    """
    span = _header_span(octets)
    if is_bare_newline_in(octets[: span[1]]):
        raise LocalProtocolError("reverse_path and forward_paths: needed, the header has a bare CR or LF")
    header: dict[bytes, list[bytes]] = {}
    for name, value in fields(octets, span):
        header.setdefault(name, []).append(value)
    # The date is required (RFC 5322 section 3.6.6), but without it the message is for the same people.
    counts = [len(header.get(name, ())) for name in _RESENT]
    if max(counts) > 1:
        raise LocalProtocolError("reverse_path and forward_paths: needed, since the message was resent twice")
    return Envelope(header, b"resent-" if any(counts) else b"")


# RFC 5322 section 3.4, of a value without comments. A name may be anything that ends no address; dots and the
# white space around them may be as they are in section 4.4.
_QUOTED: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_ATOMS: Final = rb'[^\x00-\x20\x7f()<>@,:;"\\\[\]]++'
_NEXT: Final = rb"(?:[ \t]*+(?=\.)|(?<=\.)[ \t]*+)"
_LOCAL_PART: Final = rb"(?:%b|%b)(?:%b(?:%b|%b))*+" % (_ATOMS, _QUOTED, _NEXT, _ATOMS, _QUOTED)
_DOMAIN: Final = rb"(?:%b(?:%b%b)*+|\[[^\[\]\\]*+\])" % (_ATOMS, _NEXT, _ATOMS)
_ADDRESS: Final = rb"[ \t]*+%b[ \t]*+@[ \t]*+%b[ \t]*+" % (_LOCAL_PART, _DOMAIN)
_ROUTE: Final = rb"(?:[ \t,]*+@%b)++:" % _DOMAIN
_WORD: Final = rb"%b|=\?[^?\s<>@]++\?[BbQq]\?[^?\s<>@]*+\?=" % _QUOTED
_NAME: Final = rb'(?:%b|[^<>,:;"])*+' % _WORD
_GROUP: Final = rb'(?:%b|[^<>,:;"@\[])*+:' % _WORD
_ITEM: Final = rb"(?:%b)?(?:%b<(?:%b)?%b>[ \t]*+|%b|[ \t]*+)" % (_GROUP, _NAME, _ROUTE, _ADDRESS, _ADDRESS)
_is_address_list: Final = re.compile(rb"%b(?:[,;]%b)*+" % (_ITEM, _ITEM)).fullmatch


def _mailboxes(values: list[bytes]) -> list[str]:
    for value in values:
        if _is_address_list(strip_comments(value)) is None:
            raise LocalProtocolError(f"expected addresses in the header, got {excerpt(value)!r}")
    return [_text_of(entry) for value in values for entry in parse_addresses(value) if entry.host is not None]


def _text_of(entry: EnvelopeAddress) -> str:
    try:
        return str(Mailbox((entry.mailbox or b"").decode(), (entry.host or b"").decode()))
    except (AddressError, UnicodeDecodeError):
        raise LocalProtocolError(f"expected a mailbox in the header, got {entry.address[:40]!r}") from None


def without_bcc(octets: bytes) -> bytes:
    """Return the message without its Bcc and Resent-Bcc fields, the same object if it has none."""
    hidden = [
        (start, end)
        for name, start, end in field_spans(octets, _header_span(octets))
        if name in (b"bcc", b"resent-bcc")
    ]
    if not hidden:
        return octets
    edges = [0, *(edge for span in hidden for edge in span), len(octets)]
    return b"".join(octets[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def _header_span(octets: bytes) -> Span:
    if octets.startswith(b"\r\n"):
        return (0, 0)
    end = octets.find(b"\r\n\r\n")
    return (0, len(octets) if end < 0 else end + 2)

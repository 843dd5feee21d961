"""Mail addresses of the envelope: mailboxes, paths, domains and address literals.

The grammar is that of RFC 5321 sections 4.1.2 and 4.1.3 with the UTF-8 forms of RFC 6531 section 3.3.
Addresses in header fields (RFC 5322) are not here: see `mailproto.mime`.

Three choices where the RFCs leave one:

- Lengths. RFC 5321 section 4.5.3.1 asks receivers to impose no limit where they can, and senders to keep to
  64 octets in a local part and 256 in a path. So what is parsed may be longer and what is built by hand may
  not. A domain of more than 255 octets, or a label of more than 63, exists nowhere: it is refused always.
- U-labels. A label with non-ASCII characters is accepted if IDNA 2008 allows it after the mapping of
  UTS 46, so that capital letters pass; it is kept as it was written.
- Source routes are accepted and dropped, as section 4.1.1.3 allows; they are never written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

from mailproto.errors import LocalProtocolError

__all__ = [
    "AddressError",
    "Mailbox",
    "NULL_PATH",
    "Path",
    "match_path",
    "parse_domain_or_literal",
    "to_a_label",
    "to_u_label",
]

MAX_LOCAL_PART: Final = 64
"""Octets of a local part that is built here (RFC 5321 section 4.5.3.1.1)."""
MAX_PATH: Final = 256
"""Octets of a path that is built here, with its punctuation (RFC 5321 section 4.5.3.1.3)."""
MAX_DOMAIN: Final = 255
"""Octets of a domain or an address literal (RFC 5321 section 4.5.3.1.2)."""
MAX_LABEL: Final = 63
"""Octets of a label, in ASCII (RFC 1035 section 2.3.4)."""


class AddressError(LocalProtocolError, ValueError):
    """Octets or text that are not what the grammar asks for; `offset` counts octets from their start.

    It is a `LocalProtocolError`, since most addresses are given by our caller; a server catches it and
    answers 501.
    """

    def __init__(self, message: str, *, offset: int = 0) -> None:
        super().__init__(f"{message} at octet {offset}")
        self.offset = offset


# atext = ALPHA / DIGIT / "!" ... (RFC 5322 section 3.2.3) / UTF8-non-ascii (RFC 6531)
_ATEXT = r"[-!#-'*+/-9=?A-Z^-~\x80-\xff]"
# Dot-string = Atom *("." Atom)
_DOT_STRING = rf"{_ATEXT}++(?:\.{_ATEXT}++)*+"
# qtextSMTP = %d32-33 / %d35-91 / %d93-126 / UTF8-non-ascii ;  quoted-pairSMTP = %d92 %d32-126
_QTEXT = r"[ !#-\[\]-~\x80-\xff]"
# Quoted-string = DQUOTE *QcontentSMTP DQUOTE
_QUOTED_STRING = rf'"{_QTEXT}*+(?:\\[ -~]{_QTEXT}*+)*+"'
# sub-domain = Let-dig [Ldh-str] ;  Ldh-str = *( ALPHA / DIGIT / "-" ) Let-dig ;  sub-domain =/ U-label
_SUB_DOMAIN = r"[0-9A-Za-z\x80-\xff]++(?:-++[0-9A-Za-z\x80-\xff]++)*+"
# Domain = sub-domain *("." sub-domain)
_DOMAIN = rf"{_SUB_DOMAIN}(?:\.{_SUB_DOMAIN})*+"
# A-d-l = At-domain *( "," At-domain ) ;  At-domain = "@" Domain
_ROUTE = rf"@{_DOMAIN}(?:,@{_DOMAIN})*+:"
# Standardized-tag ":" 1*dcontent ;  dcontent = %d33-90 / %d94-126 ; checked further by _check_literal
_LITERAL = r"\[[!-Z^-~]++\]"


def _pattern(source: str) -> re.Pattern[bytes]:
    return re.compile(source.encode("latin-1"))


_MATCH_LOCAL_PART = _pattern(f"{_DOT_STRING}|{_QUOTED_STRING}").match
_MATCH_DOMAIN = _pattern(f"{_DOMAIN}|{_LITERAL}").match
_MATCH_ROUTE = _pattern(_ROUTE).match
# Path = "<" [ A-d-l ":" ] Mailbox ">", as nearly every path is: no route, nothing quoted, a domain
_MATCH_PLAIN_PATH = _pattern(f"<({_DOT_STRING})@({_DOMAIN})>").match
# Mailbox, as callers nearly always give it: text of which nothing is quoted, and a domain
_MATCH_PLAIN_MAILBOX = re.compile(f"({_DOT_STRING})@({_DOMAIN})").fullmatch
_IS_DOT_STRING = re.compile(_DOT_STRING.replace(r"\xff", r"\U0010ffff")).fullmatch
_QUOTED_PAIR = re.compile(r"\\(.)")
_TO_QUOTE = re.compile(r'["\\]')
# What a local part may hold once it is not quoted any more: %d32-126 / UTF8-non-ascii
_FORBIDDEN_IN_LOCAL_PART = re.compile(r"[^ -~\x80-\ud7ff\ue000-\U0010ffff]").search

# Snum = 1*3DIGIT ; 0 to 255
_SNUM = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
_IPV4 = rf"{_SNUM}(?:\.{_SNUM}){{3}}"
# IPv6-hex = 1*4HEXDIG
_HEX = "[0-9A-Fa-f]{1,4}"
_IS_IPV4 = re.compile(_IPV4).fullmatch
# IPv6-full = IPv6-hex 7(":" IPv6-hex) ;  IPv6v4-full = IPv6-hex 5(":" IPv6-hex) ":" IPv4-address-literal
_IS_IPV6_FULL = re.compile(f"(?:{_HEX}:){{7}}{_HEX}|(?:{_HEX}:){{6}}{_IPV4}").fullmatch
# IPv6-comp, IPv6v4-comp: the groups on both sides of "::", 6 or fewer; an IPv4 address counts for two
_IS_IPV6_COMPRESSED = re.compile(
    f"(?P<left>(?:{_HEX}(?::{_HEX}){{0,5}})?)::(?P<right>(?:{_HEX}(?::{_HEX}){{0,5}})?)"
    f"|(?P<left4>(?:{_HEX}(?::{_HEX}){{0,3}})?)::(?P<right4>(?:{_HEX}:){{0,4}})(?P<v4>{_IPV4})"
).fullmatch
# Standardized-tag = Ldh-str
_IS_GENERAL = re.compile(r"([0-9A-Za-z-]*[0-9A-Za-z]):[!-Z^-~]+").fullmatch


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A local part and a domain (RFC 5321 section 4.1.2), without what the wire form quotes.

    `local_part` is decoded: `"a b"@example.org` has the local part `a b`, and all quoted forms are equal.
    `domain` is as it was written: a domain with A-labels or U-labels, or an address literal with its
    brackets. Only `Postmaster` may have the empty domain. Raises AddressError for what no wire form can say
    and for a local part of more than 64 octets.
    """

    local_part: str
    domain: str

    def __post_init__(self) -> None:
        found = _FORBIDDEN_IN_LOCAL_PART(self.local_part)
        if found is not None:
            raise AddressError("expected a printable character in the local part", offset=found.start())
        if not self.domain:
            if self.local_part.lower() != "postmaster":
                raise AddressError("expected a domain, which only Postmaster goes without")
        else:
            parse_domain_or_literal(self.domain)
        _check_local_part_length(self)

    @classmethod
    def parse(cls, text: str | bytes) -> Mailbox:
        """Read a whole `Local-part@Domain`, or `Postmaster`. Raises AddressError."""
        octets = _octets(text)
        mailbox, end = _match_mailbox(octets, 0)
        if end != len(octets):
            raise AddressError("expected the end of the mailbox", offset=end)
        return mailbox

    @classmethod
    def _of_parsed(cls, local_part: str, domain: str) -> Mailbox:
        """Build one of parts that the grammar has accepted, without checking them again."""
        mailbox: Mailbox = _new(cls)
        _set_local_part(mailbox, local_part)
        _set_domain(mailbox, domain)
        return mailbox

    def serialize(self) -> bytes:
        """Return the wire form with as little quoting as possible, in UTF-8 if it is not ASCII."""
        return str(self).encode()

    def __str__(self) -> str:
        local_part = self.local_part
        if _IS_DOT_STRING(local_part) is None:
            escaped = _TO_QUOTE.sub(r"\\\g<0>", local_part)
            local_part = f'"{escaped}"'
        return f"{local_part}@{self.domain}" if self.domain else local_part

    @property
    def is_ascii(self) -> bool:
        """True if it can be sent without SMTPUTF8 as it is."""
        return self.local_part.isascii() and self.domain.isascii()

    def to_ascii(self) -> Mailbox:
        """Return the mailbox with A-labels. Raises AddressError if the local part is not ASCII."""
        if not self.local_part.isascii():
            raise AddressError("expected an ASCII local part: it has no other form without SMTPUTF8")
        return self if self.domain.isascii() else Mailbox(self.local_part, to_a_label(self.domain))


_new: Final = object.__new__
_set_local_part: Final = Mailbox.__dict__["local_part"].__set__
_set_domain: Final = Mailbox.__dict__["domain"].__set__


@dataclass(frozen=True, slots=True)
class Path:
    """A reverse-path or a forward-path: a mailbox in angle brackets, or nothing in them (`NULL_PATH`).

    The null path is legal as a reverse-path only (RFC 5321 section 4.5.5).
    """

    mailbox: Mailbox | None

    @classmethod
    def parse(cls, octets: bytes) -> Path:
        """Read a whole path with its angle brackets. Raises AddressError."""
        path, end = match_path(octets, 0)
        if end != len(octets):
            raise AddressError("expected the end of the path", offset=end)
        return path

    @classmethod
    def of(cls, value: str | bytes | Mailbox | Path) -> Path:
        """Return the path that a caller means: with or without brackets, the empty string for the null path.

        Raises AddressError for anything else, also for a local part of more than 64 octets or a path of more
        than 256.
        """
        if isinstance(value, str) and len(value) <= _MAX_PLAIN and (path := _plain_path(value)) is not None:
            return path
        if isinstance(value, Path):
            return value
        path = Path(value) if isinstance(value, Mailbox) else cls._of_text(_octets(value))
        if path.mailbox is not None:
            _check_lengths(path.mailbox)
        return path

    @classmethod
    def _of_text(cls, octets: bytes) -> Path:
        if not octets:
            return NULL_PATH
        if octets.startswith((b"<", b"@")):
            return cls.parse(octets)
        try:
            return cls.parse(b"<%b>" % octets)
        except AddressError as error:
            raise AddressError("expected a mailbox", offset=max(0, error.offset - 1)) from None

    @classmethod
    def _of_parsed(cls, mailbox: Mailbox) -> Path:
        path: Path = _new(cls)
        _set_mailbox(path, mailbox)
        return path

    @property
    def is_null(self) -> bool:
        """True for `<>`."""
        return self.mailbox is None

    @property
    def is_ascii(self) -> bool:
        """True if it can be sent without SMTPUTF8 as it is."""
        mailbox = self.mailbox
        return mailbox is None or (mailbox.local_part.isascii() and mailbox.domain.isascii())

    def serialize(self) -> bytes:
        """Return the wire form with its angle brackets, in UTF-8 if it is not ASCII."""
        return b"<>" if self.mailbox is None else f"<{self.mailbox}>".encode()

    def __str__(self) -> str:
        return f"<{self.mailbox}>" if self.mailbox is not None else "<>"


_set_mailbox: Final = Path.__dict__["mailbox"].__set__


_MAX_PLAIN: Final = MAX_LOCAL_PART + 1 + MAX_LABEL
"""Octets of a mailbox up to which no part of it can be too long but the local part."""


@lru_cache(maxsize=256)
def _plain_path(text: str) -> Path | None:
    """Return the path that *text* is without anything quoted; None: it is not as plain as that.

    A client names the same few addresses again and again, above all that of the sender.
    """
    found = _MATCH_PLAIN_MAILBOX(text) if text.isascii() else None
    if found is None or found.end(1) > MAX_LOCAL_PART or len(found[2]) > MAX_LABEL:
        return None
    return Path._of_parsed(Mailbox._of_parsed(found[1], found[2]))


NULL_PATH: Final = Path(None)
"""`<>`, the reverse-path of notifications (RFC 5321 section 4.5.5)."""


def match_path(octets: bytes, start: int) -> tuple[Path, int]:
    """Read the path that begins at *start*; return it and where it ends.

    A source route is dropped. Raises AddressError, whose offset counts from the start of *octets*.
    """
    found = _MATCH_PLAIN_PATH(octets, start)
    if found is not None:
        local_part, domain = found.groups()
        if octets.isascii() and len(domain) <= MAX_LABEL:
            # Two calls less than by the methods: it is a tenth of what a command costs a server.
            mailbox, path = _new(Mailbox), _new(Path)
            _set_local_part(mailbox, local_part.decode("ascii"))
            _set_domain(mailbox, domain.decode("ascii"))
            _set_mailbox(path, mailbox)
            return path, found.end()
    return _match_any_path(octets, start)


def _match_any_path(octets: bytes, start: int) -> tuple[Path, int]:
    if octets.startswith(b"<>", start):
        return NULL_PATH, start + 2
    if not octets.startswith(b"<", start):
        raise AddressError("expected '<'", offset=start)
    route = _MATCH_ROUTE(octets, start + 1)
    mailbox, end = _match_mailbox(octets, start + 1 if route is None else route.end())
    if not octets.startswith(b">", end):
        raise AddressError("expected '>'", offset=end)
    return Path._of_parsed(mailbox), end + 1


def _match_mailbox(octets: bytes, start: int) -> tuple[Mailbox, int]:
    found = _MATCH_LOCAL_PART(octets, start)
    if found is None:
        raise AddressError("expected a local part", offset=start)
    local_part = _text(found[0], start)
    if local_part.startswith('"'):
        local_part = _QUOTED_PAIR.sub(r"\1", local_part[1:-1])
    at = found.end()
    if not octets.startswith(b"@", at):
        # "Postmaster" without a domain is legal in RCPT (RFC 5321 section 4.1.1.3), in any case of letters
        if local_part.lower() == "postmaster":
            return Mailbox._of_parsed(local_part, ""), at
        raise AddressError("expected '@'", offset=at)
    domain, end = _match_domain(octets, at + 1)
    return Mailbox._of_parsed(local_part, domain), end


def _match_domain(octets: bytes, start: int) -> tuple[str, int]:
    found = _MATCH_DOMAIN(octets, start)
    if found is None:
        raise AddressError("expected a domain or an address literal", offset=start)
    if found.end() - start > MAX_DOMAIN:
        raise AddressError(f"expected a domain of at most {MAX_DOMAIN} octets", offset=start + MAX_DOMAIN)
    domain = _text(found[0], start)
    if domain.startswith("["):
        _check_literal(domain[1:-1], start + 1)
    else:
        for label in domain.split("."):
            _check_label(label, start)
    return domain, found.end()


def parse_domain_or_literal(text: str | bytes) -> str:
    """Return *text* if it is a domain or an address literal, as in EHLO. Raises AddressError."""
    octets = _octets(text)
    domain, end = _match_domain(octets, 0)
    if end != len(octets):
        raise AddressError("expected the end of the domain", offset=end)
    return domain


def _check_literal(literal: str, offset: int) -> None:
    if _IS_IPV4(literal) is not None:
        return
    tagged = _IS_GENERAL(literal)
    if tagged is None:
        raise AddressError("expected an address literal", offset=offset)
    # The general form would match anything behind "IPv6:", so that tag is held to its own grammar.
    if tagged[1].lower() == "ipv6" and not _is_ipv6(literal[5:]):
        raise AddressError("expected an IPv6 address", offset=offset + 5)


def _is_ipv6(text: str) -> bool:
    if _IS_IPV6_FULL(text) is not None:
        return True
    found = _IS_IPV6_COMPRESSED(text)
    if found is None:
        return False
    groups = [
        group for name in ("left", "right", "left4", "right4") for group in (found[name] or "").split(":")
    ]
    return sum(map(bool, groups)) <= (4 if found["v4"] else 6)


def _check_label(label: str, offset: int) -> None:
    if label.isascii():
        if len(label) > MAX_LABEL:
            raise AddressError(f"expected a label of at most {MAX_LABEL} octets", offset=offset)
    else:
        _label_to_ascii(label, offset)


def _label_to_ascii(label: str, offset: int = 0) -> str:
    if label.isascii():
        return label
    try:
        ascii_label = idna.encode(label, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        ascii_label = ""
    # UTS 46 maps other dots to ".": they are none in this grammar.
    if not ascii_label or "." in ascii_label:
        raise AddressError("expected a label that IDNA allows", offset=offset)
    return ascii_label


def _label_to_unicode(label: str) -> str:
    if not label.lower().startswith("xn--"):
        return label
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label


def to_a_label(domain: str) -> str:
    """Return *domain* with its U-labels as A-labels (RFC 5890); an address literal stays as it is.

    Raises AddressError for a label that IDNA does not allow, and for what is no domain.
    """
    parse_domain_or_literal(domain)
    return domain if domain.isascii() else ".".join(map(_label_to_ascii, domain.split(".")))


def to_u_label(domain: str) -> str:
    """Return *domain* with its A-labels as U-labels, to be shown; what is no valid A-label stays as it is."""
    return domain if domain.startswith("[") else ".".join(map(_label_to_unicode, domain.split(".")))


def _check_local_part_length(mailbox: Mailbox) -> None:
    if len(mailbox.local_part.encode()) > MAX_LOCAL_PART:
        message = f"expected a local part of at most {MAX_LOCAL_PART} octets"
        raise AddressError(message, offset=MAX_LOCAL_PART)


def _check_lengths(mailbox: Mailbox) -> None:
    # A character takes at most four octets, and one more where it is quoted.
    if len(mailbox.local_part) > MAX_LOCAL_PART // 5 or len(mailbox.domain) > MAX_PATH // 5:
        _check_local_part_length(mailbox)
        if len(mailbox.serialize()) + len("<>") > MAX_PATH:
            raise AddressError(f"expected a path of at most {MAX_PATH} octets", offset=MAX_PATH)


def _octets(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise AddressError("expected text that UTF-8 can encode", offset=error.start) from None


def _text(octets: bytes, offset: int) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        raise AddressError("expected UTF-8", offset=offset + error.start) from None

"""What XCLIENT and XFORWARD carry: attributes of a client that is not the peer.

Postfix's XCLIENT_README and XFORWARD_README: `NAME=value`, the value in xtext (RFC 3461 section 4). Which
attributes there are, and of what form, says the table of each command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from mailproto.address import AddressError, parse_domain_or_literal
from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp._value import Defects, Value
from mailproto.smtp._xtext import match_xtext, octets_to_xtext, xtext_octets

__all__ = [
    "ADDRESS",
    "HELLO",
    "HOST",
    "NO_ATTRIBUTES",
    "PORT",
    "TEXT",
    "Attribute",
    "AttributeCommand",
    "Attributes",
    "TEMPORARILY_UNAVAILABLE",
    "UNAVAILABLE",
    "attribute_parser",
    "one_of",
]

UNAVAILABLE: Final = "[UNAVAILABLE]"
"""The value of what is not known, and will not be."""
TEMPORARILY_UNAVAILABLE: Final = "[TEMPUNAVAIL]"
"""The value of a name that could not be looked up just now."""
MAX_VALUE: Final = 255
"""Octets of a value, before it is encoded (XFORWARD_README)."""

KindT = TypeVar("KindT", bound="AttributeCommand")

_is_host: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?").fullmatch
_is_hello: Final = re.compile(r"[!-~]+").fullmatch
_is_port: Final = re.compile(r"[0-9]{1,5}").fullmatch


@dataclass(frozen=True, slots=True)
class Attribute:
    """A row: which text the value may be, decoded, and which of the special values may stand for it."""

    is_value: Callable[[str], object]
    special: frozenset[str] = frozenset({UNAVAILABLE})

    def read(self, text: str) -> str | None:
        """Return *text* as it is kept, special values in capital letters; None if it cannot be a value."""
        if text.upper() in self.special:
            return text.upper()
        return text if len(text.encode()) <= MAX_VALUE and self.is_value(text) else None


def one_of(*words: str) -> Callable[[str], bool]:
    """Return a test for a text that is one of *words*, in any case."""
    return lambda text: text.isascii() and text.upper() in words


def _is_address(text: str) -> bool:
    # "IPv6:" stands in front of what has colons; the general form of an address literal is none here.
    if (":" in text) != (text[:5].upper() == "IPV6:"):
        return False
    try:
        return parse_domain_or_literal(f"[{text}]") is not None
    except AddressError:
        return False


HOST: Final = Attribute(_is_host, frozenset({UNAVAILABLE, TEMPORARILY_UNAVAILABLE}))
"""The name of a host as the DNS has it."""
ADDRESS: Final = Attribute(_is_address)
"""An IPv4 address, or an IPv6 address with its tag in front."""
PORT: Final = Attribute(lambda text: _is_port(text) and int(text) <= 65_535)
HELLO: Final = Attribute(_is_hello)
"""What a client says in EHLO: visible ASCII."""
TEXT: Final = Attribute(lambda text: bool(text) and text.isprintable())
"""Printable text, which may be more than ASCII."""


class Attributes(tuple[tuple[str, str], ...]):
    """Pairs of (name, value) in order, names in capital letters, values decoded.

    Raises LocalProtocolError for a name twice. The commands check names and values.
    """

    __slots__ = ()

    def __new__(cls, pairs: Iterable[tuple[str, str]] = ()) -> Attributes:
        """Take *pairs*."""
        upper = tuple((name.upper(), value) for name, value in pairs)
        if len(dict(upper)) != len(upper):
            raise LocalProtocolError("expected each attribute once")
        return tuple.__new__(cls, upper)

    @classmethod
    def of(cls, attributes: Mapping[str, str | int | None]) -> Attributes:
        """Build them of a mapping; None stands for `[UNAVAILABLE]`, an IPv6 address needs no tag in front."""
        return cls((name, _text_of(name.upper(), value)) for name, value in attributes.items())

    def get(self, name: str) -> str | None:
        """Return the value of *name*, in any case; None if it is not there or its value is a special one."""
        value = dict(self).get(name.upper())
        return None if value in (UNAVAILABLE, TEMPORARILY_UNAVAILABLE) else value

    def has(self, name: str) -> bool:
        """Return whether *name*, in any case, is there, be its value a special one or not."""
        return name.upper() in dict(self)

    def updated(self, more: Attributes) -> Attributes:
        """Return these with *more*, which count where both have one."""
        return Attributes((dict(self) | dict(more)).items())

    @property
    def address(self) -> str | None:
        """ADDR without the tag of IPv6; None if it is not known."""
        return _without_tag(self.get("ADDR"))

    @property
    def port(self) -> int | None:
        """PORT; None if it is not known."""
        value = self.get("PORT")
        return None if value is None else int(value)

    @property
    def destination_address(self) -> str | None:
        """DESTADDR, where the client has connected to, without the tag of IPv6; None if it is not known."""
        return _without_tag(self.get("DESTADDR"))

    @property
    def destination_port(self) -> int | None:
        """DESTPORT, where the client has connected to; None if it is not known."""
        value = self.get("DESTPORT")
        return None if value is None else int(value)

    def __repr__(self) -> str:
        return f"Attributes({list(self)!r})" if self else "Attributes()"


NO_ATTRIBUTES: Final = Attributes()


def _text_of(name: str, value: str | int | None) -> str:
    if value is None:
        return UNAVAILABLE
    is_bare = name in ("ADDR", "DESTADDR") and ":" in str(value) and str(value)[:5].upper() != "IPV6:"
    return f"IPV6:{value}" if is_bare else str(value)


def _without_tag(value: str | None) -> str | None:
    return value[5:] if value is not None and ":" in value else value


@dataclass(frozen=True, slots=True)
class AttributeCommand(Value):
    """What XCLIENT and XFORWARD share: at least one attribute of the table `known`."""

    known: ClassVar[Mapping[str, Attribute]]
    attributes: Attributes

    def __post_init__(self) -> None:
        pairs = [(name, _checked(self.known, name, value)) for name, value in Attributes(self.attributes)]
        if not pairs:
            raise LocalProtocolError(f"{self.name}: expected an attribute")
        object.__setattr__(self, "attributes", Attributes(pairs))

    @classmethod
    def of(cls: type[KindT], **attributes: str | int | None) -> KindT:
        """Build it of attributes by name, in any case: `of(addr="192.0.2.1", port=1025, name=None)`.

        None stands for `[UNAVAILABLE]`; an IPv6 address needs no tag in front. Raises LocalProtocolError.
        """
        return cls(Attributes.of(attributes))

    def serialize(self) -> bytes:
        words = (f" {name}={octets_to_xtext(value.encode())}" for name, value in self.attributes)
        return f"{self.name}{''.join(words)}\r\n".encode("ascii")


def _checked(known: Mapping[str, Attribute], name: str, value: str) -> str:
    try:
        kept = known[name].read(value)
    except (KeyError, UnicodeEncodeError):
        kept = None
    if kept is None:
        raise LocalProtocolError(f"expected an attribute, got {name[:40]!r}={value[:40]!r}")
    return kept


def attribute_parser(kind: type[KindT]) -> Callable[[bytes, bytes, Defects, int], KindT]:
    """Return what reads a command of *kind*; it raises CommandSyntaxError."""

    def parse(line: bytes, arguments: bytes, defects: Defects, offset: int) -> KindT:
        pairs: dict[str, str] = {}
        at = len(line) - len(arguments)
        for word in arguments.split(b" "):
            if word:
                name, value = _parse_attribute(kind.known, word, at)
                if name in pairs:
                    raise CommandSyntaxError("attribute given twice", offset=at)
                pairs[name] = value
            at += len(word) + 1
        if not pairs:
            raise CommandSyntaxError("expected an attribute", offset=len(line))
        return kind._parsed(defects, attributes=tuple.__new__(Attributes, pairs.items()))

    return parse


def _parse_attribute(known: Mapping[str, Attribute], word: bytes, offset: int) -> tuple[str, str]:
    # attribute = attribute-name "=" xtext
    name, _, text = word.decode("latin-1").partition("=")
    row = known.get(name.upper()) if name.isascii() else None
    if row is None:
        raise CommandSyntaxError("unknown attribute", offset=offset)
    try:
        value = row.read(xtext_octets(text).decode()) if match_xtext(text) else None
    except UnicodeDecodeError:
        value = None
    if value is None:
        raise CommandSyntaxError(f"bad value of {name.upper()}", offset=offset)
    return name.upper(), value

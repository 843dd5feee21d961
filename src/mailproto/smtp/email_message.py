"""An EmailMessage made anew for a server that does not take it as it is.

Or for one that takes UTF-8 in addresses, which `email` writes only if its policy says so. The standard
library's `email` is not imported: whatever has its methods will do. What is signed is never changed (RFC 1847
section 2.1).
"""

from __future__ import annotations

import re
from base64 import encodebytes
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Final, Protocol, TypeAlias, cast

from mailproto.address import Mailbox
from mailproto.errors import LocalProtocolError

__all__ = ["Part", "to_ascii_header", "to_lines", "to_seven_bit", "to_utf8_header"]

_ENCODING: Final = "Content-Transfer-Encoding"
_NEWLINE: Final = re.compile(rb"\r\n?|\n")


class _Policy(Protocol):
    def clone(self, **changes: object) -> _Policy: ...


class _Address(Protocol):
    """An `email.headerregistry.Address`."""

    def __init__(self, display_name: str, username: str, domain: str) -> None: ...
    @property
    def display_name(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def addr_spec(self) -> str: ...


class _Group(Protocol):
    """An `email.headerregistry.Group`; without a name it is one address that stands alone."""

    def __init__(self, display_name: str | None, addresses: tuple[_Address, ...]) -> None: ...
    @property
    def display_name(self) -> str | None: ...
    @property
    def addresses(self) -> tuple[_Address, ...]: ...


class Part(Protocol):
    """An EmailMessage, or a part of one."""

    policy: _Policy

    def as_bytes(self, *, policy: _Policy = ...) -> bytes:
        """Return the message, header and body."""

    def is_multipart(self) -> bool:
        """Return whether the payload is a list of parts, as it is in a message/rfc822 too."""

    def get_payload(self, *, decode: bool = ...) -> object:
        """Return the parts, or else the text; if *decode* the octets that it stands for."""

    def set_payload(self, payload: str) -> None:
        """Put *payload* in the place of the parts, or of the text."""

    def get_content_type(self) -> str:
        """Return type and subtype, in small letters."""

    def get(self, name: str, failobj: object = ...) -> object:
        """Return the first field of that name."""

    def raw_items(self) -> Iterator[tuple[str, str]]:
        """Return all fields, in order: as text if they were parsed with the message, else as objects."""

    def add_header(self, name: str, value: str) -> None:
        """Add a field behind the others."""

    def replace_header(self, name: str, value: object) -> None:
        """Give the first field of that name another value."""


def to_seven_bit(message: object) -> Part | None:
    """Return a copy of *message* that encodes its 8-bit parts; None if it is no EmailMessage.

    Their octets stay what they are, but that lines of text end in CRLF (RFC 2045 section 6.8). Raises
    LocalProtocolError if that would change what is signed.
    """
    if not hasattr(message, "policy"):
        return None
    copy = _anew(cast(Part, message), "8BITMIME", _make_seven_bit, _is_eight_bit, cte_type="7bit")
    _complete(copy)
    return copy


def to_lines(message: object) -> Part | None:
    """Return a copy of *message* that encodes its binary parts, if it has any that is not signed, else None.

    Their octets have no lines, but `email` writes them as if they had: each CR and each LF as a line end.
    """
    if not hasattr(message, "policy"):
        return None
    part = cast(Part, message)
    if not any(_encoding_of(inner) == "binary" for inner in _not_signed(part)):
        return None
    copy = deepcopy(part)
    for inner in tuple(_not_signed(copy)):
        if _encoding_of(inner) == "binary":
            _make_lines(inner)
    _complete(copy)
    return copy


def _make_lines(part: Part) -> None:
    if part.is_multipart():
        part.replace_header(_ENCODING, "8bit")
    else:
        _encode(part)


def _encoding_of(part: Part) -> str:
    return str(part.get(_ENCODING, "")).strip().lower()


def _complete(message: Part) -> None:
    """Add the field without which an encoding means nothing (RFC 2045 section 4)."""
    if message.get(_ENCODING) is not None and message.get("MIME-Version") is None:
        message.add_header("MIME-Version", "1.0")


def to_ascii_header(message: object) -> Part | None:
    """Return a copy of *message* with encoded words in place of UTF-8 in its header (RFC 2047).

    No encoded word may stand in an address (RFC 2047 section 5), so a domain goes as its A-label. None if
    *message* is no EmailMessage, or one whose policy knows no UTF-8. Raises LocalProtocolError for a local
    part in UTF-8, and if it would change what is signed.
    """
    if not hasattr(getattr(message, "policy", None), "utf8"):
        return None
    return _anew(cast(Part, message), "SMTPUTF8", _make_ascii, _is_written_anew, utf8=False)


def to_utf8_header(message: object) -> Part | None:
    """Return a copy of *message* with its header in UTF-8, if an address there needs it, else None.

    Under a policy without UTF-8 `email` puts encoded words into addresses, which no server understands. A
    header that was parsed with UTF-8 in it stays as it came.
    """
    if getattr(getattr(message, "policy", None), "utf8", True):
        return None
    part = cast(Part, message)
    if not any(_needs_utf8(value) for _, value in part.raw_items()):
        return None
    return _anew(part, "SMTPUTF8", lambda part: None, _is_written_anew, utf8=True)


def _needs_utf8(field: object) -> bool:
    if isinstance(field, str) and not hasattr(field, "name"):
        # As it was parsed: from Python 3.13 on it is written in encoded words, in addresses too.
        return not field.isascii()
    groups = cast("tuple[_Group, ...]", getattr(field, "groups", ()))
    return not all(address.addr_spec.isascii() for group in groups for address in group.addresses)


def _make_ascii(part: Part) -> None:
    """Make each field one that is generated as ASCII under a policy without UTF-8."""
    fields = tuple(part.raw_items())
    names = [name.lower() for name, _ in fields]
    for name, value in fields:
        if value.isascii():
            continue
        if names.count(name.lower()) > 1:
            raise LocalProtocolError(f"SMTPUTF8: the server does not offer it, which a repeated {name} needs")
        if not hasattr(value, "name"):
            part.replace_header(name, _text_of(value))
        _write_a_labels(part, name)


def _text_of(value: str) -> str:
    """Return, on one line, the text of a field that was parsed: UTF-8 stands there as surrogates."""
    octets = "".join(value.splitlines()).encode(errors="surrogateescape")
    return octets.decode(errors="surrogateescape")


def _write_a_labels(part: Part, name: str) -> None:
    value = part.get(name)
    if _needs_utf8(value):
        groups = cast("tuple[_Group, ...]", getattr(value, "groups", ()))
        part.replace_header(name, tuple(_with_a_labels(group) for group in groups))


def _with_a_labels(group: _Group) -> _Group:
    return type(group)(group.display_name, tuple(_with_a_label(address) for address in group.addresses))


def _with_a_label(address: _Address) -> _Address:
    if address.addr_spec.isascii():
        return address
    if not address.username.isascii():
        raise LocalProtocolError(f"SMTPUTF8: the server does not offer it, which {address.addr_spec} needs")
    domain = Mailbox(address.username, address.domain).to_ascii().domain
    return type(address)(address.display_name, address.username, domain)


def _make_seven_bit(part: Part) -> None:
    """Encode the octets of *part*, if it has any beyond ASCII, and has no parts.

    A part that has parts is labelled "7bit", if it was not: only those inside are encoded (RFC 2045 section
    6.4). `email` would encode only what it can read by the charset, and lose what the charset does not have.
    """
    payload = part.get_payload()
    if part.is_multipart():
        if _encoding_of(part) in ("8bit", "binary"):
            part.replace_header(_ENCODING, "7bit")
    elif isinstance(payload, str) and not payload.isascii():
        _encode(part)


def _encode(part: Part) -> None:
    octets = cast(bytes, part.get_payload(decode=True))
    if part.get_content_type().startswith("text/"):
        octets = _NEWLINE.sub(b"\r\n", octets)
    part.set_payload(encodebytes(octets).decode())
    if part.get(_ENCODING) is None:
        part.add_header(_ENCODING, "base64")
    else:
        part.replace_header(_ENCODING, "base64")


_Spoils: TypeAlias = Callable[[Part, _Policy, _Policy], bool]
"""Whether a part that is signed would not be the same under another policy."""


def _is_eight_bit(part: Part, before: _Policy, after: _Policy) -> bool:
    return not part.as_bytes(policy=before).isascii()


def _is_written_anew(part: Part, before: _Policy, after: _Policy) -> bool:
    return part.as_bytes(policy=before) != part.as_bytes(policy=after)


def _anew(
    message: Part, keyword: str, change: Callable[[Part], None], spoils: _Spoils, **policy: object
) -> Part:
    """Return a copy with another policy and *change* made to each part, for want of extension *keyword*."""
    copy = deepcopy(message)
    copy.policy = message.policy.clone(**policy)
    for part in tuple(_not_signed(copy)):
        if _is_signed(part) and any(spoils(inner, message.policy, copy.policy) for inner in _parts_of(part)):
            raise LocalProtocolError(
                f"{keyword}: the server does not offer it, which the signed message needs"
            )
        change(part)
    return copy


def _is_signed(part: Part) -> bool:
    return part.get_content_type() == "multipart/signed"


def _parts_of(part: Part) -> list[Part]:
    return cast("list[Part]", part.get_payload()) if part.is_multipart() else []


def _not_signed(part: Part) -> Iterator[Part]:
    """Yield *part* and those inside, but for those that a signature stands for."""
    yield part
    if not _is_signed(part):
        for inner in _parts_of(part):
            yield from _not_signed(inner)

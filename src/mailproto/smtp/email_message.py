"""An EmailMessage made anew for a server that does not take it as it is.

The standard library's `email` is not imported: whatever has its methods will do. What is signed is never
changed: RFC 1847 section 2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Final, Protocol, cast

from mailproto.errors import LocalProtocolError

__all__ = ["Part", "to_seven_bit"]

_ENCODING: Final = "Content-Transfer-Encoding"


class _Policy(Protocol):
    def clone(self, **changes: object) -> _Policy: ...


class Part(Protocol):
    """An EmailMessage, or a part of one."""

    policy: _Policy

    def as_bytes(self, *, policy: _Policy = ...) -> bytes:
        """Return the message, header and body."""

    def is_multipart(self) -> bool:
        """Return whether the payload is a list of parts, as it is in a message/rfc822 too."""

    def get_payload(self) -> object:
        """Return the parts, or else the text."""

    def get_content_type(self) -> str:
        """Return type and subtype, in small letters."""

    def get(self, name: str, failobj: object = ...) -> object:
        """Return the first field of that name."""

    def replace_header(self, name: str, value: object) -> None:
        """Give the first field of that name another value."""


def to_seven_bit(message: object) -> Part | None:
    """Return a copy of *message* that encodes its 8-bit parts; None if it is no EmailMessage.

    Raises LocalProtocolError if that would change what is signed.
    """
    if not hasattr(message, "policy"):
        return None
    return _anew(cast(Part, message), "8BITMIME", _label_seven_bit, cte_type="7bit")


def _label_seven_bit(part: Part) -> None:
    """Label a part that has parts "7bit", if it was "8bit": only those inside are encoded (RFC 2045 6.4)."""
    if part.is_multipart() and str(part.get(_ENCODING, "")).strip().lower() in ("8bit", "binary"):
        part.replace_header(_ENCODING, "7bit")


def _anew(message: Part, keyword: str, change: Callable[[Part], None], **policy: object) -> Part:
    """Return a copy with another policy and *change* made to each part, for want of extension *keyword*."""
    copy = deepcopy(message)
    copy.policy = message.policy.clone(**policy)
    for part in tuple(_not_signed(copy)):
        if _is_signed(part) and any(
            inner.as_bytes(policy=message.policy) != inner.as_bytes(policy=copy.policy)
            for inner in _parts_of(part)
        ):
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

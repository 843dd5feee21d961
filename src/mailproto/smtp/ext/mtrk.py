"""MTRK: keep what is needed to tell later where a message is (RFC 3885)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp.ext.dsn import ENVID
from mailproto.smtp.rows import Extension, Given, Offered, Parameter

__all__ = ["EXTENSION", "MTRK", "Tracking"]

MAX_TIMEOUT: Final = 999_999_999
"""Seconds that MTRK can name."""


@dataclass(frozen=True, slots=True)
class Tracking:
    """Who may ask: `certifier` is the SHA-1 of a secret, in octets; `timeout` how many seconds to keep it.

    None leaves the time to the server. Raises LocalProtocolError for an empty certifier and for a time that
    is not from 0 to 999,999,999.
    """

    certifier: bytes
    timeout: int | None = None

    def __post_init__(self) -> None:
        if not self.certifier:
            raise LocalProtocolError("MTRK: expected a certifier")
        if self.timeout is not None and not 0 <= self.timeout <= MAX_TIMEOUT:
            raise LocalProtocolError(f"MTRK: expected from 0 to {MAX_TIMEOUT} s, got {self.timeout}")

    @classmethod
    def of_secret(cls, secret: bytes, timeout: int | None = None) -> Tracking:
        """Return the one whose questions are proved by *secret*: 16 to 128 random octets (section 3.1).

        Raises LocalProtocolError for fewer or more.
        """
        if not 16 <= len(secret) <= 128:
            raise LocalProtocolError(f"MTRK: expected a secret of 16 to 128 octets, got {len(secret)}")
        return cls(hashlib.sha1(secret, usedforsecurity=False).digest(), timeout)


# mtrk-parameter = "MTRK=" mtrk-certifier [ ":" mtrk-timeout ] ;  mtrk-timeout = 1*9DIGIT
# mtrk-certifier = base64 ; without "=", which no value of a parameter may hold
_MTRK: Final = re.compile(r"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,4}))(?::([0-9]{1,9}))?").fullmatch


def _parse(text: str) -> Tracking:
    certifier, _, timeout = text.partition(":")
    padding = "=" * (-len(certifier) % 4)
    return Tracking(base64.b64decode(certifier + padding), int(timeout) if timeout else None)


def _serialize(tracking: Tracking) -> str:
    certifier = base64.b64encode(tracking.certifier).decode("ascii").rstrip("=")
    return certifier if tracking.timeout is None else f"{certifier}:{tracking.timeout}"


def _check(given: Given, offered: Offered) -> None:
    # "if the MTRK parameter is given, an ENVID parameter MUST be included": local-envid "@" fqhn
    local_envid, _, host = (given.value(ENVID) or "").rpartition("@")
    if not local_envid or not host:
        raise CommandSyntaxError("MTRK without an ENVID of the form local@host")


MTRK: Final = Parameter("MTRK", ("MTRK",), _MTRK, _parse, _serialize, check=_check)
"""MTRK of MAIL asks to keep data for tracking; it stands beside an ENVID that no other message has."""

EXTENSION: Final = Extension("MTRK")
"""MTRK, which allows ENVID and ORCPT too; for a server whose application keeps the data."""

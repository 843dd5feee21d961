"""The GS2 header that SCRAM and OAUTHBEARER begin with, and names inside messages with commas.

RFC 5801 section 4, as RFC 5802 section 7 and RFC 7628 section 3.1 have it:

    gs2-header = gs2-cbind-flag "," [ "a=" saslname ] ","
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["SASL_NAME", "GS2Header", "read_name", "write_name"]

# saslname = 1*(value-safe-char / "=2C" / "=3D")
SASL_NAME: Final = r"(?:[^\0=,]|=2C|=3D)+"
_HEADER: Final = re.compile(
    rf"(?P<flag>n|y|p=(?P<binding>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>{SASL_NAME}))?,", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class GS2Header:
    """`flag` is "n" (no binding), "y" (none, since the server seems to have none) or "p=" with its name."""

    flag: str = "n"
    authzid: str | None = None

    @property
    def binding(self) -> str | None:
        """The name of the channel binding that is used; None if none is."""
        return self.flag[2:] if self.flag.startswith("p=") else None

    def serialize(self) -> str:
        """Return the header with its last comma."""
        authorization = "" if self.authzid is None else f"a={write_name(self.authzid)}"
        return f"{self.flag},{authorization},"

    @classmethod
    def parse(cls, message: str) -> tuple[GS2Header, str]:
        """Return the header and what stands behind it. Raises ValueError."""
        found = _HEADER.match(message)
        if found is None:
            raise ValueError("expected a GS2 header")
        authzid = found["authzid"]
        header = cls(found["flag"], None if authzid is None else read_name(authzid))
        return header, message[found.end() :]


def write_name(name: str) -> str:
    """Return *name* with `=` and `,` written as `=3D` and `=2C` (RFC 5802 section 5.1)."""
    return name.replace("=", "=3D").replace(",", "=2C")


def read_name(name: str) -> str:
    """Return the name that `write_name` wrote."""
    return name.replace("=2C", ",").replace("=3D", "=")

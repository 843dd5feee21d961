"""OAUTHBEARER (RFC 7628), both ends: a token of OAuth 2.0 in place of a password."""

from __future__ import annotations

from typing import ClassVar

from mailproto._secret import Secret
from mailproto.sasl._bearer import BearerClient, BearerServer, token_of
from mailproto.sasl._gs2 import GS2Header
from mailproto.sasl._mechanism import Setting, VerifyToken

__all__ = ["OAuthBearerClient", "OAuthBearerServer"]


class OAuthBearerClient(BearerClient):
    """Shows *token*, and who it is for, if the server should know.

    Raises LocalProtocolError for a token with other than visible ASCII characters, and for a name that is
    empty or has NUL or control-A.
    """

    name: ClassVar[str] = "OAUTHBEARER"
    FAREWELL: ClassVar[bytes] = b"\1"

    def __init__(self, authzid: str | None, token: str | Secret[str]) -> None:
        super().__init__(authzid, token)

    def _message(self, setting: Setting) -> bytes:
        pairs = [("host", setting.host), ("port", setting.port), ("auth", f"Bearer {self._token.reveal()}")]
        lines = [f"{key}={value}" for key, value in pairs if value is not None]
        return "\1".join((GS2Header("n", self._authzid).serialize(), *lines, "", "")).encode()


class OAuthBearerServer(BearerServer):
    """Takes a token and needs a `VerifyToken` of it."""

    name: ClassVar[str] = "OAUTHBEARER"
    STATUS: ClassVar[str] = "invalid_token"

    def _parse(self, message: str) -> VerifyToken | None:
        """Read `gs2-header kvsep *kvpair kvsep` (RFC 7628 section 3.1); unknown keys are passed over."""
        header, rest = GS2Header.parse(message)
        lines = rest.split("\1")
        if header.binding is not None or len(lines) < 3 or any((lines[0], lines[-1], lines[-2])):
            return None
        pairs = dict(line.split("=", 1) for line in lines[1:-2])
        token = token_of(pairs["auth"]) if "auth" in pairs else None
        if token is None:
            return None
        port = _port_of(pairs.get("port", ""))
        return VerifyToken(token=token, authzid=header.authzid, host=pairs.get("host"), port=port)


def _port_of(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else None

"""XOAUTH2, both ends: what large providers had before OAUTHBEARER, and many have still.

It is no standard; Google describes it at https://developers.google.com/workspace/gmail/imap/xoauth2-protocol.
"""

from __future__ import annotations

import re
from typing import ClassVar, Final

from mailproto._secret import Secret
from mailproto.sasl._bearer import BearerClient, BearerServer, token_of
from mailproto.sasl._mechanism import Setting, VerifyToken

__all__ = ["XOAuth2Client", "XOAuth2Server"]

_MESSAGE: Final = re.compile("user=(?P<authzid>[^\0\1]+)\1auth=(?P<auth>[^\1]*)\1\1")


class XOAuth2Client(BearerClient):
    """Shows *token* and the name of its user, which cannot be left out. Raises as `OAuthBearerClient`."""

    name: ClassVar[str] = "XOAUTH2"
    FAREWELL: ClassVar[bytes] = b""

    def __init__(self, authzid: str, token: str | Secret[str]) -> None:
        super().__init__(authzid, token)

    def _message(self, setting: Setting) -> bytes:
        return f"user={self._authzid}\1auth=Bearer {self._token.reveal()}\1\1".encode()


class XOAuth2Server(BearerServer):
    """Takes a token and needs a `VerifyToken` of it."""

    name: ClassVar[str] = "XOAUTH2"
    STATUS: ClassVar[str] = "401"

    def _parse(self, message: str) -> VerifyToken | None:
        found = _MESSAGE.fullmatch(message)
        token = None if found is None else token_of(found["auth"])
        if found is None or token is None:
            return None
        return VerifyToken(token=token, authzid=found["authzid"])

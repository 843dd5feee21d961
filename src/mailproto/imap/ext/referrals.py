"""LOGIN-REFERRALS and MAILBOX-REFERRALS: what is asked for is at another server (RFC 2221 and 2193).

REFERRAL stands in the answer to a login, in BYE instead of a greeting, and in a refusal of a command with a
mailbox. RLIST and RLSUB list mailboxes of other servers too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Self, final

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import ResponseCode, register_code
from mailproto.imap.command import register_command
from mailproto.imap.commands import ListCommand
from mailproto.imap.cursor import Cursor
from mailproto.imap.url import IMAPURL
from mailproto.imap.writer import Writer

__all__ = ["RLSub", "RList", "ReferralCode"]

# The characters of a URL (RFC 3986), but for the brackets, of which one would end the code.
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+")


@final
@register_code
@dataclass(frozen=True, slots=True)
class ReferralCode(ResponseCode):
    """REFERRAL: where to go instead, the best place first (RFC 2193 section 3); for a login it is one.

    In the refusal of a RENAME they are pairs: the mailbox, and its new name. `IMAPURL(url)` says what a URL
    of IMAP means. A client follows at most 10 referrals without asking (RFC 2221 section 3).
    """

    name: ClassVar[str] = "REFERRAL"
    urls: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "urls", _checked_urls(self.urls))

    @property
    def referrals(self) -> tuple[IMAPURL, ...]:
        """Those of `urls` that are URLs of IMAP; RFC 2193 section 4.2 lets a server name others too."""
        return tuple(url for url in map(_imap_url, self.urls) if url is not None)

    # referral_response_code = "[" "REFERRAL" 1*(SPACE <url>) "]"
    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read `1*(SP url)`."""
        cursor.sp()
        urls = [_parse_url(cursor)]
        while cursor.accept(b" "):
            urls.append(_parse_url(cursor))
        return cls(tuple(urls))

    def write(self, writer: Writer) -> None:
        """Write the URLs."""
        writer.write("".join(f" {url}" for url in self.urls).encode("ascii"))


_URL_OCTETS: Final = re.compile(_URL.pattern.encode("ascii"))


def _parse_url(cursor: Cursor) -> str:
    return cursor.expect_match(_URL_OCTETS, "a URL").group().decode("ascii")


def _imap_url(text: str) -> IMAPURL | None:
    try:
        return IMAPURL(text)
    except LocalProtocolError:
        return None


def _checked_urls(urls: Iterable[str | IMAPURL]) -> tuple[str, ...]:
    if isinstance(urls, str | IMAPURL):
        raise LocalProtocolError("expected several URLs, got one")
    texts = tuple(map(str, urls))
    for text in texts:
        if not _URL.fullmatch(text):
            raise LocalProtocolError("expected a URL without brackets")
    if not texts:
        raise LocalProtocolError("expected a URL or more, got none")
    return texts


@final
@register_command
class RList(ListCommand):
    """RLIST: as LIST, with mailboxes at other servers; it is answered by LIST (RFC 2193 section 5.1)."""

    __slots__ = ()
    name: ClassVar[str] = "RLIST"


@final
@register_command
class RLSub(ListCommand):
    """RLSUB: as LSUB, with mailboxes at other servers; it is answered by LSUB (RFC 2193 section 5.2)."""

    __slots__ = ()
    name: ClassVar[str] = "RLSUB"

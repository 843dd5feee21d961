"""URLs as commands and responses have them: text in which there may be a token (RFC 4467).

Who has the token of an authorized URL may read what it names: no trace and no repr shows it.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailproto._secret import hide_token
from mailproto.imap.command import text_octets
from mailproto.imap.url import IMAPURL
from mailproto.imap.writer import Writer

__all__ = ["checked_url", "shown", "write_url"]


def checked_url(url: str | IMAPURL) -> str:
    """Return *url* as text. Raises LocalProtocolError for what no string can hold."""
    text = str(url) if isinstance(url, IMAPURL) else url
    text_octets(text, "URL", is_secret=True)
    return text


def write_url(writer: Writer, url: str) -> None:
    """Write an `astring`, out of sight of traces if it has a token."""
    octets = text_octets(url, "URL", is_secret=True)
    if hide_token(octets) == octets:
        writer.astring(octets)
    else:
        writer.secret(octets)


def shown(urls: Iterable[str]) -> str:
    """Return *urls* as a repr may show them."""
    texts = (hide_token(url.encode("utf-8", "surrogateescape")).decode("utf-8", "replace") for url in urls)
    return ", ".join(map(repr, texts))

"""Which capabilities a server offers in the state of its session (RFC 3501 sections 6.1.1 and 6.2.1)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mailproto.imap.capability import NO_CAPABILITIES, Capabilities
from mailproto.imap.ext.appendlimit import with_append_limit
from mailproto.imap.ext.unauthenticate import CAPABILITY as UNAUTHENTICATE
from mailproto.sasl._registry import CLEARTEXT_MECHANISMS

__all__ = ["CARRIED_CAPABILITIES", "DEFAULT_CAPABILITIES", "capabilities_offered"]

DEFAULT_CAPABILITIES: Final = Capabilities(
    (
        "IMAP4rev1",
        "CHILDREN",
        "ENABLE",
        "ID",
        "IDLE",
        "LITERAL+",
        "MOVE",
        "NAMESPACE",
        "SASL-IR",
        "STARTTLS",
        "UIDPLUS",
        "UNSELECT",
    )
)
"""What a server offers unless it is told otherwise; the application adds AUTH= names, or leaves some out."""

CARRIED_CAPABILITIES: Final = Capabilities(
    (
        *DEFAULT_CAPABILITIES,
        "IMAP4rev2",
        "ACL",
        "ANNOTATE-EXPERIMENT-1",
        "APPENDLIMIT",
        "BINARY",
        "CATENATE",
        "COMPRESS=DEFLATE",
        "CONVERT",
        "FILTERS",
        "I18NLEVEL=1",
        "I18NLEVEL=2",
        "INPROGRESS",
        "JMAPACCESS",
        "LANGUAGE",
        "LOGIN-REFERRALS",
        "MAILBOX-REFERRALS",
        "METADATA",
        "METADATA-SERVER",
        "MULTIAPPEND",
        "NOTIFY",
        "OBJECTID",
        "PREVIEW",
        "QUOTA",
        "QUOTASET",
        "REPLACE",
        "SAVEDATE",
        "SEARCH=FUZZY",
        "STATUS=SIZE",
        "UIDONLY",
        "UNAUTHENTICATE",
        "URLAUTH",
        "URLAUTH=BINARY",
        "UTF8=ACCEPT",
        "WITHIN",
        "X-GM-EXT-1",
        "XLIST",
        "CONDSTORE",
        "CONTEXT=SEARCH",
        "CONTEXT=SORT",
        "ESEARCH",
        "ESORT",
        "CREATE-SPECIAL-USE",
        "LIST-EXTENDED",
        "LIST-METADATA",
        "LIST-MYRIGHTS",
        "LIST-STATUS",
        "SPECIAL-USE",
        "MULTISEARCH",
        "PARTIAL",
        "QRESYNC",
        "SEARCHRES",
        "SORT",
        "SORT=DISPLAY",
        "THREAD=ORDEREDSUBJECT",
        "THREAD=REFERENCES",
    )
)
"""All that the connection can carry; what is not offered by default, an application answers itself."""

_CLEARTEXT_MECHANISMS: Final = frozenset(f"AUTH={name}" for name in CLEARTEXT_MECHANISMS)
"""Capabilities of mechanisms that send what must not be read on the way."""


# A server asks at each change of state, and the answer is the same for all its connections.
@lru_cache(maxsize=64)
def capabilities_offered(
    known: Capabilities,
    *,
    is_logged_in: bool,
    is_tls: bool,
    allow_cleartext: bool,
    is_compressed: bool = False,
    cleartext: Capabilities = NO_CAPABILITIES,
    max_append: int = 0,
) -> Capabilities:
    """Return what is offered of *known*, the capabilities of the application.

    STARTTLS only before TLS and login, nothing about logging in after it, LOGINDISABLED and no mechanism
    that sends a secret without TLS unless *allow_cleartext*: those of this library, and *cleartext*. No
    UNAUTHENTICATE where what is sent is compressed: it would end that, and nothing says at which octet.
    After login, APPENDLIMIT with *max_append*: a limit of all mailboxes, in octets; 0 is none (RFC 7889).
    """
    if is_logged_in:
        hidden = {UNAUTHENTICATE} if is_compressed else set()
        offered = (name for name in known if not _is_about_login(name) and name not in hidden)
        return with_append_limit(Capabilities(offered), max_append)
    if is_tls:
        return Capabilities(name for name in known if name != "STARTTLS")
    if allow_cleartext:
        return known
    unsafe = _CLEARTEXT_MECHANISMS | cleartext
    return Capabilities({*(name for name in known if name not in unsafe), "LOGINDISABLED"})


def _is_about_login(name: str) -> bool:
    return name.startswith("AUTH=") or name in ("SASL-IR", "LOGINDISABLED", "STARTTLS")

"""The methods of both clients for extensions that administer a server, over sockets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mailproto.imap import (
    IMAPURL,
    ACLData,
    ComparatorData,
    ListData,
    ListRightsData,
    LSubData,
    Metadata,
    QuotaData,
    QuotaResource,
    URLMechCode,
    URLMetadata,
)
from mailproto.sync._imap_admin import AdminMethods
from support_imap_scripts import ADAPTERS, converse

CAPABILITIES = (
    "QUOTA QUOTASET ACL METADATA URLAUTH URLAUTH=BINARY UNAUTHENTICATE LANGUAGE I18NLEVEL=2 "
    "MAILBOX-REFERRALS JMAPACCESS LITERAL+"
)
RUMP = "imap://joe@h/m/;UID=1;URLAUTH=anonymous"
FULL = f"{RUMP}:INTERNAL:91354a473744909de610943775f92038"
LR = frozenset("lr")
QUOTA = QuotaData("x", (QuotaResource("STORAGE", 10, 512),))

Row = tuple[Callable[[Any], Any], Sequence[bytes], Sequence[bytes], object]

# The call, the commands, the answers without that of the tag, and what the call returns.
ROWS: dict[str, Row] = {
    "get_quota": (
        lambda imap: imap.get_quota("x"),
        [b"GETQUOTA x"],
        [b"* QUOTA x (STORAGE 10 512)\r\n"],
        QUOTA,
    ),
    "get_quota_root": (
        lambda imap: imap.get_quota_root("INBOX"),
        [b"GETQUOTAROOT INBOX"],
        [b"* QUOTAROOT INBOX x\r\n* QUOTA x (STORAGE 10 512)\r\n"],
        (QUOTA,),
    ),
    "set_quota": (
        lambda imap: imap.set_quota("x", {"STORAGE": 512}),
        [b"SETQUOTA x (STORAGE 512)"],
        [b"* QUOTA x (STORAGE 10 512)\r\n"],
        QUOTA,
    ),
    "set_acl": (lambda imap: imap.set_acl("x", "joe", "+lr"), [b"SETACL x joe +lr"], [b""], None),
    "delete_acl": (lambda imap: imap.delete_acl("x", "joe"), [b"DELETEACL x joe"], [b""], None),
    "get_acl": (
        lambda imap: imap.get_acl("x"),
        [b"GETACL x"],
        [b"* ACL x joe lr\r\n"],
        ACLData("x", (("joe", LR),)),
    ),
    "list_rights": (
        lambda imap: imap.list_rights("x", "joe"),
        [b"LISTRIGHTS x joe"],
        [b"* LISTRIGHTS x joe lr\r\n"],
        ListRightsData("x", "joe", LR),
    ),
    "my_rights": (lambda imap: imap.my_rights("x"), [b"MYRIGHTS x"], [b"* MYRIGHTS x lr\r\n"], LR),
    "get_metadata": (
        lambda imap: imap.get_metadata("x", "/private/a", max_size=5, depth="infinity"),
        [b"GETMETADATA (MAXSIZE 5 DEPTH infinity) x /private/a"],
        [b'* METADATA x (/private/a "b")\r\n'],
        Metadata((("/private/a", b"b"),)),
    ),
    "set_metadata": (
        lambda imap: imap.set_metadata("", {"/shared/a": "b", "/shared/c": None}),
        [b'SETMETADATA "" (/shared/a "b" /shared/c NIL)'],
        [b""],
        None,
    ),
    "generate_urlauth": (
        lambda imap: imap.generate_urlauth(RUMP),
        [f"GENURLAUTH {RUMP} INTERNAL".encode()],
        [f'* GENURLAUTH "{FULL}"\r\n'.encode()],
        (IMAPURL(FULL),),
    ),
    "url_fetch": (
        lambda imap: imap.url_fetch(IMAPURL(FULL), "y"),
        [f'URLFETCH "{FULL}" y'.encode()],
        [f'* URLFETCH "{FULL}" {{3}}\r\nabc y NIL\r\n'.encode()],
        (b"abc", None),
    ),
    "url_fetch_items": (
        lambda imap: imap.url_fetch_items(IMAPURL(FULL), "y", items=["BODY"]),
        [f'URLFETCH ("{FULL}" BODY) (y BODY)'.encode()],
        [f'* URLFETCH "{FULL}" (BODY {{3}}\r\nabc) y NIL\r\n'.encode()],
        (URLMetadata((("BODY", b"abc"),)), None),
    ),
    "reset_key": (
        lambda imap: imap.reset_key("x", "A"),
        [b"RESETKEY x A"],
        [b"* OK [URLMECH INTERNAL A] .\r\n"],
        URLMechCode((("A", None),)),
    ),
    "unauthenticate": (
        lambda imap: imap.unauthenticate(),
        [b"UNAUTHENTICATE", b"CAPABILITY"],
        [b"", b"* CAPABILITY IMAP4rev1\r\n"],
        None,
    ),
    "languages": (lambda imap: imap.languages(), [b"LANGUAGE"], [b"* LANGUAGE (en de)\r\n"], ("en", "de")),
    "set_language": (
        lambda imap: imap.set_language("de", "en"),
        [b"LANGUAGE de en"],
        [b"* LANGUAGE (en)\r\n"],
        "en",
    ),
    "comparator": (
        lambda imap: imap.comparator(),
        [b"COMPARATOR"],
        [b"* COMPARATOR i;octet\r\n"],
        ComparatorData("i;octet"),
    ),
    "rlist": (
        lambda imap: imap.rlist(),
        [b'RLIST "" *'],
        [b'* LIST () "/" a\r\n'],
        (ListData(frozenset(), "/", "a"),),
    ),
    "rlsub": (
        lambda imap: imap.rlsub("a", "%"),
        [b"RLSUB a %"],
        [b'* LSUB () "/" a\r\n'],
        (LSubData(frozenset(), "/", "a"),),
    ),
    "jmap_access": (
        lambda imap: imap.jmap_access(),
        [b"GETJMAPACCESS"],
        [b'* JMAPACCESS "https://x/"\r\n'],
        "https://x/",
    ),
}


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("name", ROWS)
def test_a_method(adapter: str, name: str) -> None:
    call, commands, answers, expected = ROWS[name]
    script = [answer + b"{tag} OK done\r\n" for answer in answers]
    result, said = converse(adapter, CAPABILITIES, script, call, selected=False)
    assert result == expected
    assert said == commands


def test_every_method_has_a_row() -> None:
    assert {name for name in vars(AdminMethods) if not name.startswith("_")} == set(ROWS)

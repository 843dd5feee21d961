"""How all that IMAP knows begins, found in the tables: what an extension adds is attacked with the rest."""

from __future__ import annotations

from mailproto.imap._response import NUMBERED_ROWS, RESPONSE_ROWS
from mailproto.imap.codes import CODES
from mailproto.imap.command import COMMANDS
from mailproto.imap.ext.esearch import RESULTS
from mailproto.imap.fetch import ITEM_READERS, ITEMS
from mailproto.imap.fetch_data import DATA_READERS
from mailproto.imap.mailbox_data import LIST_ITEMS, STATUS_VALUES
from mailproto.imap.search import KEYS

__all__ = ["COMMAND_HEADS", "RESPONSE_HEADS"]


def _octets(*tables: object) -> list[bytes]:
    return sorted({str(name).encode() for table in tables for name in table})  # type: ignore[attr-defined]  # tables of names


RESPONSE_HEADS = [
    *(b"* %b " % name for name in _octets(RESPONSE_ROWS)),
    *(b"* 1 %b " % name for name in _octets(NUMBERED_ROWS)),
    *(b"* OK [%b " % name for name in _octets(CODES)),
    *(b"* 1 FETCH (%b " % name for name in _octets(ITEMS)),
    *(b"* 1 FETCH (%b[" % name.rstrip(b"[") for name in _octets(DATA_READERS, ["BODY"])),
    *(b'* ESEARCH (TAG "a") UID %b ' % name for name in _octets(RESULTS)),
    *(b"* STATUS x (%b " % name for name in _octets(STATUS_VALUES)),
    *(b'* LIST () "/" x ("%b" ' % name for name in _octets(LIST_ITEMS)),
    b"* ",
    b"* [",
    b"* OK ",
    b"* OK [X ",
    b"* X ",
    b"* 1 X ",
    b"* 1 FETCH ",
    b"* 1 FETCH (X ",
    b'* 1 FETCH (ENVELOPE ("d" "',
    b'* 1 FETCH (ENVELOPE ("d" "s" ((',
    b'* 1 FETCH (BODYSTRUCTURE ("text" "plain" (',
    b'* 1 FETCH (BODYSTRUCTURE ("text" "plain" NIL NIL NIL "7bit" 1 1 NIL ',
    b'* 1 FETCH (BODYSTRUCTURE (("text" "plain" NIL NIL NIL "7bit" 1 1) ',
    b'* LIST () "/" ',
    b"* STATUS x (",
    b"* METADATA x (",
    b"+ ",
    b"a OK ",
    b"",
]
"""How each response, code, item and result begins that a table knows, up to the place of its arguments."""

COMMAND_HEADS = [
    *(b"a %b " % name for name in _octets(COMMANDS)),
    *(b"a %b x " % name for name in _octets(COMMANDS)),
    *(b"a %b 1 " % name for name in _octets(COMMANDS)),
    *(b"a SEARCH %b " % name for name in _octets(KEYS)),
    *(b"a FETCH 1 (%b " % name for name in _octets(ITEMS)),
    *(b"a FETCH 1 %b[" % name.rstrip(b"[") for name in _octets(ITEM_READERS, ["BODY", "BODY.PEEK"])),
    b"a ",
    b"a X ",
    b"a SEARCH RETURN (",
    b"a SEARCH CHARSET UTF-8 ",
    b"a SELECT x (QRESYNC (1 1 ",
    b"a STORE 1 FLAGS ",
    b"a STORE 1 (UNCHANGEDSINCE 1) ",
    b"a APPEND x CATENATE (",
    b"a SORT (DATE) UTF-8 ",
    b"a THREAD REFERENCES UTF-8 ",
    b"a ESEARCH IN (mailboxes ",
    b'a LIST "" % RETURN (',
    b'a LIST (X) "" ',
    b'a URLFETCH "imap://',
    b'a GENURLAUTH "imap://joe@h/m/;uid=20;urlauth=submit+',
]
"""The same of commands and search keys."""

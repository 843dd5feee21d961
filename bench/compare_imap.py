"""What mailproto and its peers can do as clients of IMAP, found by trying it on loopback.

Each row says what a scripted server answers, what it has to hear, and how each client is asked. A cell is
"typed" if the client gives the value that the answer has, as a value of its own; "raw" if it gives octets
that are still to be read; "yes" or "no" where there is nothing to give. "no" of a client that has no method
for it: none has the word in its name, which is tried too. How peers take hostile input is not tried.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from imaplib import IMAP4
from typing import Any, Final, TypeAlias

from bench._comparison import Row
from bench._imap_peers import HOST, PASSWORD, SECONDS, TOKEN, USER, Peer
from bench._scripted_imap import SELECTED, scripted
from mailproto import imap, sasl
from mailproto.asyncio import IMAPClient as AsyncIMAPClient
from mailproto.imap import search
from mailproto.store import MemoryStore
from mailproto.sync import serve_imap
from mailproto.testing import IMAPTestServer

__all__ = ["imap_rows"]

Calls: TypeAlias = Mapping[str, Callable[[Any], Any]]
Probe: TypeAlias = Callable[[Peer], str]

OCTETS: Final = b"Subject: x\r\n\r\nx\r\n"
WHEN: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENVELOPE: Final = (
    b'ENVELOPE ("Fri, 2 Jan 2026 03:04:05 +0000" "=?utf-8?q?gr=C3=BC=C3=9Fe?=" (("A" NIL "a" "x.example"))'
    b' NIL NIL NIL NIL NIL NIL "<1@x.example>")'
)
STRUCTURE: Final = (
    b'BODYSTRUCTURE (("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1 NIL NIL NIL NIL)'
    b'("IMAGE" "PNG" NIL NIL NIL "BASE64" 4711 NIL NIL NIL NIL) "MIXED" NIL NIL NIL NIL)'
)


def leaves(value: Any, depth: int = 12) -> Iterator[Any]:
    """Give all values that *value* is made of, whatever a client has made of them."""
    yield value
    if depth == 0 or isinstance(value, str | bytes | int | float | None | datetime):
        return
    if isinstance(value, Mapping):
        inner: Iterable[Any] = [*value.keys(), *value.values()]
    elif is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, field.name) for field in fields(value)]
        inner = [*inner, *(value if isinstance(value, Iterable) else ())]
    elif isinstance(value, Iterable):
        inner = value
    else:
        inner = vars(value).values() if hasattr(value, "__dict__") else ()
    for each in inner:
        yield from leaves(each, depth - 1)


def holds(value: Any, sought: Any) -> bool:
    """Return whether *sought* stands in *value* by itself, also as octets, or a time without its zone."""
    if isinstance(sought, datetime):
        return any(isinstance(leaf, datetime) for leaf in leaves(value))
    wanted = [sought, sought.encode()] if isinstance(sought, str) else [sought]
    return any(type(leaf) is type(one) and leaf == one for leaf in leaves(value) for one in wanted)


def asks(
    answers: Mapping[bytes, list[bytes]],
    hears: bytes,
    sought: Any,
    calls: Calls,
    words: Iterable[str] = (),
    *,
    judge: Callable[[Any, Any], bool] = holds,
    selects: bool = True,
) -> Probe:
    """Ask the client; see whether the server hears the pattern, and the client gives what is *sought*.

    *words* are those that a method of a client without a call would have in its name.
    """

    def probe(peer: Peer) -> str:
        act = calls.get(peer.name)
        if act is None:
            if any(map(peer.has_method, words)):
                raise RuntimeError(f"{peer.name} may have a method for {hears!r}")
            return "no"
        result: Any = None
        with scripted(answers) as heard, suppress(Exception):
            result = peer.run(heard.port, act, selects=selects)
        if not heard.has(hears):
            return "no"
        if sought is None:
            return "yes"
        return "typed" if judge(result, sought) else "raw" if result is not None else "no"

    return probe


def fetches(item: str, answer: bytes, sought: Any, own: Any, get: Callable[[Any], Any]) -> Probe:
    """Ask for one item of message 7; of mailproto by the value *own*, looked up by *get*."""
    calls: Calls = {
        "mailproto": lambda client: [get(message) for message in client.uid_fetch("7", own)],
        "imaplib": lambda client: client.uid("FETCH", "7", f"({item})"),
        "IMAPClient": lambda client: client.fetch([7], [item]),
        "aioimaplib": lambda client: client.uid("fetch", "7", f"({item})"),
    }
    lines = [b"* 3 FETCH (UID 7 " + answer + b")"]
    return asks({b"UID FETCH": lines}, b"UID FETCH 7 .*" + re.escape(item.encode()), sought, calls)


def keeps_what_is_good(peer: Peer) -> str:
    """Send a message whose envelope cannot be read between two that can: are these two given."""
    good = b"* %d FETCH (UID %d " + ENVELOPE + b")"
    bad = b'* 2 FETCH (UID 2 ENVELOPE ("x" NIL (("A" NIL "a"))))'
    lines = [good % (1, 1), bad, good % (3, 3)]
    calls: Calls = {
        "mailproto": lambda client: [m.envelope for m in client.uid_fetch("1:3", imap.ENVELOPE)],
        "IMAPClient": lambda client: client.fetch([1, 2, 3], ["ENVELOPE"]),
    }
    return asks(
        {b"UID FETCH": lines},
        *(b"UID FETCH", "a", calls),
        judge=lambda found, sought: sum(
            type(leaf) in (str, bytes) and leaf in (sought, sought.encode()) for leaf in leaves(found)
        )
        >= 2,
    )(peer)


def own(call: Callable[[Any], Any]) -> Calls:
    """Ask mailproto alone: no peer has a method for it."""
    return {"mailproto": call}


def item_rows() -> Iterator[Row]:
    """Give what is tried of FETCH."""
    way = "{} stands in the result of FETCH"
    probe = fetches("ENVELOPE", ENVELOPE, "x.example", imap.ENVELOPE, lambda m: m.envelope.from_)
    yield Row("ENVELOPE", way.format("the host of an address"), probe)
    probe = fetches("ENVELOPE", ENVELOPE, "grüße", imap.ENVELOPE, lambda m: m.envelope.subject_text)
    yield Row("ENVELOPE: decoded", way.format("the subject in Unicode"), probe)
    probe = fetches(
        "BODYSTRUCTURE", STRUCTURE, 4711, imap.BODYSTRUCTURE, lambda m: list(m.body_structure.walk())
    )
    yield Row("BODYSTRUCTURE", way.format("the size of a part"), probe)
    probe = fetches(
        "BODYSTRUCTURE", STRUCTURE, "2", imap.BODYSTRUCTURE, lambda m: [n for n, _ in m.body_structure.walk()]
    )
    yield Row("BODYSTRUCTURE: part numbers", way.format("the number of a part"), probe)
    date = b'INTERNALDATE " 2-Jan-2026 03:04:05 +0000"'
    probe = fetches("INTERNALDATE", date, WHEN, imap.INTERNALDATE, lambda m: m.internal_date)
    yield Row("INTERNALDATE", way.format("a time"), probe)
    probe = fetches(
        "BODY.PEEK[TEXT]",
        b"BODY[TEXT] {3}\r\nx\r\n",
        b"x\r\n",
        imap.BodySection(specifier="TEXT"),
        lambda m: m[imap.BodySection(specifier="TEXT")],
    )
    yield Row("BODY[TEXT]", way.format("the text"), probe)
    probe = fetches(
        "BINARY.PEEK[1]",
        b"BINARY[1] ~{3}\r\na\0b",
        b"a\0b",
        imap.BinarySection((1,)),
        lambda m: m[imap.BinarySection((1,))],
    )
    yield Row("BINARY", way.format("octets with NUL"), probe)
    probe = fetches("MODSEQ", b"MODSEQ (41)", 41, imap.MODSEQ, lambda m: m[imap.MODSEQ])
    yield Row("CONDSTORE: MODSEQ", way.format("the number"), probe)
    probe = fetches("EMAILID", b"EMAILID (M6d99)", "M6d99", imap.EMAILID, lambda m: m[imap.EMAILID])
    yield Row("OBJECTID", way.format("the identifier"), probe)
    probe = fetches("PREVIEW", b'PREVIEW "short"', "short", imap.PREVIEW, lambda m: m[imap.PREVIEW])
    yield Row("PREVIEW", way.format("the text"), probe)
    saved = b'SAVEDATE " 2-Jan-2026 03:04:05 +0000"'
    probe = fetches("SAVEDATE", saved, WHEN, imap.SAVEDATE, lambda m: m[imap.SAVEDATE])
    yield Row("SAVEDATE", way.format("a time"), probe)
    probe = fetches(
        "X-GM-LABELS",
        b'X-GM-LABELS ("&ZeVnLIqe-")',
        "日本語",
        imap.X_GM_LABELS,
        lambda m: m[imap.X_GM_LABELS],
    )
    yield Row("X-GM-EXT-1: labels", way.format("a label in Unicode"), probe)
    yield Row("A message that cannot be read", "the two beside it are given", keeps_what_is_good)


def mailbox_rows() -> Iterator[Row]:
    """Give what is tried of commands about mailboxes."""
    listed = {b"LIST": [b'* LIST (\\HasNoChildren) "/" "Entw&APw-rfe"']}
    probe = asks(
        listed,
        b"LIST",
        "Entwürfe",
        {
            "mailproto": lambda client: [each.mailbox for each in client.list()],
            "imaplib": lambda client: client.list(),
            "IMAPClient": lambda client: client.list_folders(),
            "aioimaplib": lambda client: client.list('""', "*"),
        },
    )
    yield Row("Names of mailboxes: read", "modified UTF-7 is given as Unicode", probe)
    probe = asks(
        {},
        b"SELECT .*Entw&APw-rfe",
        None,
        {
            "mailproto": lambda client: client.select("Entwürfe"),
            "imaplib": lambda client: client.select("Entwürfe"),
            "IMAPClient": lambda client: client.select_folder("Entwürfe"),
            "aioimaplib": lambda client: client.select("Entwürfe"),
        },
    )
    yield Row("Names of mailboxes: sent", "Unicode is sent as modified UTF-7", probe)
    probe = asks(
        {},
        b'SELECT "a b"',
        None,
        {
            "mailproto": lambda client: client.select("a b"),
            "imaplib": lambda client: client.select("a b"),
            "IMAPClient": lambda client: client.select_folder("a b"),
            "aioimaplib": lambda client: client.select("a b"),
        },
    )
    yield Row("Names of mailboxes: quoted", "a name with a space is sent in quotes", probe)
    probe = asks(
        {},
        b"SELECT",
        8,
        {
            "mailproto": lambda client: client.select("INBOX").uid_next,
            "imaplib": lambda client: client.select("INBOX"),
            "IMAPClient": lambda client: client.select_folder("INBOX"),
            "aioimaplib": lambda client: client.select("INBOX"),
        },
    )
    yield Row("SELECT: UIDNEXT", "the number is given", probe)
    status = {b"STATUS": [b'* STATUS "INBOX" (MESSAGES 17)']}
    probe = asks(
        status,
        b"STATUS",
        17,
        {
            "mailproto": lambda client: client.status("INBOX", "MESSAGES").messages,
            "imaplib": lambda client: client.status("INBOX", "(MESSAGES)"),
            "IMAPClient": lambda client: client.folder_status("INBOX", ["MESSAGES"]),
            "aioimaplib": lambda client: client.status("INBOX", "(MESSAGES)"),
        },
    )
    yield Row("STATUS", "the number of messages is given", probe)
    probe = asks(
        {b"NAMESPACE": [b'* NAMESPACE (("p." ".")) NIL NIL']},
        b"NAMESPACE",
        "p.",
        {
            "mailproto": lambda client: client.namespace(),
            "imaplib": lambda client: client.namespace(),
            "IMAPClient": lambda client: client.namespace(),
            "aioimaplib": lambda client: client.namespace(),
        },
    )
    yield Row("NAMESPACE", "the prefix is given", probe)
    probe = asks(
        {b"LIST": [b'* LIST (\\Subscribed) "/" "a"', b'* STATUS "a" (MESSAGES 17)']},
        *(
            b"LIST .*RETURN",
            17,
            own(lambda client: client.list_extended("*", returning=[imap.ReturnStatus(("MESSAGES",))])),
        ),
        words=["extended"],
    )
    yield Row("LIST-EXTENDED, LIST-STATUS", "LIST with RETURN (STATUS) gives the number", probe)
    probe = asks(
        {b"LIST": [b'* LIST (\\Sent) "/" "s"']},
        b"LIST",
        "s",
        {
            "mailproto": lambda client: [
                one.data.mailbox
                for one in client.list_extended("*", returning=[imap.SPECIAL_USE])
                if "\\Sent" in one.data.attributes
            ],
            "IMAPClient": lambda client: client.find_special_folder(b"\\Sent"),
        },
        words=["special"],
    )
    yield Row("SPECIAL-USE", "the mailbox with \\Sent is given", probe)
    probe = asks(
        {},
        b"CREATE .*USE",
        None,
        own(lambda client: client.create("s", special_uses=["\\Sent"])),
        words=["special_use"],
    )
    yield Row("CREATE-SPECIAL-USE", "CREATE with USE is sent", probe)
    quota = [b'* QUOTAROOT "INBOX" "r"', b'* QUOTA "r" (STORAGE 10 512)']
    probe = asks(
        {b"GETQUOTAROOT": quota},
        b"GETQUOTAROOT",
        512,
        {
            "mailproto": lambda client: client.get_quota_root("INBOX"),
            "imaplib": lambda client: client.getquotaroot("INBOX"),
            "IMAPClient": lambda client: client.get_quota_root("INBOX"),
            "aioimaplib": lambda client: client.getquotaroot("INBOX"),
        },
    )
    yield Row("QUOTA", "a limit is given", probe)
    probe = asks(
        {b"GETACL": [b'* ACL "INBOX" fred lrs']},
        b"GETACL",
        "fred",
        {
            "mailproto": lambda client: client.get_acl("INBOX").entries,
            "imaplib": lambda client: client.getacl("INBOX"),
            "IMAPClient": lambda client: client.getacl("INBOX"),
        },
        words=["acl"],
    )
    yield Row("ACL", "an identifier is given", probe)
    probe = asks(
        {b"GETMETADATA": [b'* METADATA "INBOX" (/private/comment "mine")']},
        *(b"GETMETADATA", b"mine", own(lambda client: client.get_metadata("INBOX", "/private/comment"))),
        words=["metadata"],
    )
    yield Row("METADATA", "a value is given", probe)
    probe = asks(
        {b"ENABLE": [b"* ENABLED UTF8=ACCEPT"]},
        b"ENABLE UTF8=ACCEPT",
        "UTF8=ACCEPT",
        {
            "mailproto": lambda client: client.enable("UTF8=ACCEPT"),
            "imaplib": lambda client: client.enable("UTF8=ACCEPT"),
            "IMAPClient": lambda client: client.enable("UTF8=ACCEPT"),
            "aioimaplib": lambda client: client.enable("UTF8=ACCEPT"),
        },
        selects=False,
    )
    yield Row("ENABLE", "what is enabled is given", probe)

    def in_utf8(client: Any) -> Any:
        client.enable("UTF8=ACCEPT")
        return [each.mailbox for each in client.list()]

    def in_utf8_raw(client: Any) -> Any:
        client.enable("UTF8=ACCEPT")
        return client.list() if isinstance(client, IMAP4) else client.list_folders()

    probe = asks(
        {b"ENABLE": [b"* ENABLED UTF8=ACCEPT"], b"LIST": ['* LIST () "/" "Entwürfe"'.encode()]},
        b"LIST",
        "Entwürfe",
        {
            "mailproto": in_utf8,
            "imaplib": in_utf8_raw,
            "IMAPClient": in_utf8_raw,
        },
        selects=False,
    )
    yield Row("UTF8=ACCEPT", "a name in UTF-8 is given as Unicode", probe)
    probe = asks(
        {b"ID": [b'* ID ("name" "x")']},
        b"ID",
        "x",
        {
            "mailproto": lambda client: client.id(),
            "IMAPClient": lambda client: client.id_(),
            "aioimaplib": lambda client: client.id(),
        },
    )
    yield Row("ID", "what the server says is given", probe)
    probe = asks(
        {},
        b"UNSELECT",
        None,
        {
            "mailproto": lambda client: client.unselect(),
            "imaplib": lambda client: client.unselect(),
            "IMAPClient": lambda client: client.unselect_folder(),
        },
        words=["unselect"],
    )
    yield Row("UNSELECT", "is sent", probe)
    resynced = [*SELECTED, b"* VANISHED (EARLIER) 3:4", b"%t OK [READ-WRITE] done"]
    probe = asks(
        {b"SELECT": resynced, b"ENABLE": [b"* ENABLED QRESYNC"]},
        rb"SELECT .*\(QRESYNC \(9 30",
        imap.UIDSet("3:4"),
        own(_resync),
        words=["resync"],
        selects=False,
    )
    yield Row("QRESYNC", "SELECT with QRESYNC gives what has vanished", probe)


def _resync(client: Any) -> Any:
    client.enable("QRESYNC")
    return client.resync("INBOX", 9, 30).vanished


def search_rows() -> Iterator[Row]:
    """Give what is tried of searches."""
    found = {b"SEARCH": [b"* SEARCH 5"], b"UID SEARCH": [b"* SEARCH 5"]}
    probe = asks(
        found,
        b"SEARCH .*FROM .*gr\xc3\xbc",
        5,
        {
            "mailproto": lambda client: list(client.uid_search(search.From("grü"))),
            "imaplib": lambda client: client.search("UTF-8", "FROM", "grü".encode()),
            "IMAPClient": lambda client: client.search(["FROM", "grü"], charset="UTF-8"),
            "aioimaplib": lambda client: client.search("FROM", "grü", charset="UTF-8"),
        },
    )
    yield Row("SEARCH", "for text in UTF-8; the UID is given", probe)
    key = search.Unseen() & (search.From("a") | ~search.Keyword("$Junk"))
    probe = asks(found, b"UNSEEN OR FROM ", None, own(lambda client: client.uid_search(key)))
    yield Row("Search keys as values", "are put together with &, | and ~", probe)
    probe = asks(
        {b"UID SORT": [b"* SORT 7 5 6"], b"SORT": [b"* SORT 7 5 6"]},
        b"SORT",
        7,
        {
            "mailproto": lambda client: client.uid_sort("DATE", search.All()),
            "imaplib": lambda client: client.sort("(DATE)", "UTF-8", "ALL"),
            "IMAPClient": lambda client: client.sort(["DATE"]),
        },
        words=["sort"],
    )
    yield Row("SORT", "a number is given", probe)
    threads = [b"* THREAD (2)(3 6 (4 23)(44 7 96))"]
    probe = asks(
        {b"UID THREAD": threads, b"THREAD": threads},
        b"THREAD",
        44,
        {
            "mailproto": lambda client: client.uid_thread(search.All()),
            "imaplib": lambda client: client.thread("REFERENCES", "UTF-8", "ALL"),
            "IMAPClient": lambda client: client.thread(),
        },
        words=["thread"],
    )
    yield Row("THREAD", "a number within branches is given", probe)
    extended = [b'* ESEARCH (TAG "%t") UID COUNT 17']
    probe = asks(
        {b"UID SEARCH": extended},
        rb"SEARCH RETURN \(COUNT\)",
        17,
        own(lambda client: client.uid_esearch(search.All(), returning=[imap.COUNT]).count),
        words=["esearch"],
    )
    yield Row("ESEARCH", "the count is given", probe)
    partial = [b'* ESEARCH (TAG "%t") UID PARTIAL (1:2 4,7)']
    probe = asks(
        {b"UID SEARCH": partial},
        rb"RETURN \(PARTIAL 1:2\)",
        imap.UIDSet("4,7"),
        own(lambda client: client.uid_esearch(search.All(), returning=[imap.Partial(1, 2)])),
        words=["partial_search"],
    )
    yield Row("PARTIAL", "a page of the result is given", probe)
    several = [b'* ESEARCH (TAG "%t" MAILBOX "a" UIDVALIDITY 1) UID ALL 17']
    probe = asks(
        {b"ESEARCH": several},
        b"ESEARCH IN ",
        "a",
        own(lambda client: client.search_mailboxes(search.All(), sources=[imap.MailboxFilter("personal")])),
        words=["multisearch"],
    )
    yield Row("MULTISEARCH", "the mailbox is given", probe)
    probe = asks(
        {**found},
        b"X-GM-RAW",
        5,
        {
            "mailproto": lambda client: list(client.uid_search(imap.GmailRaw("in:sent"))),
            "imaplib": lambda client: client.uid("SEARCH", "X-GM-RAW", '"in:sent"'),
            "IMAPClient": lambda client: client.gmail_search("in:sent"),
            "aioimaplib": lambda client: client.uid_search("X-GM-RAW", '"in:sent"'),
        },
    )
    yield Row("X-GM-EXT-1: X-GM-RAW", "is sent; the UID is given", probe)


def message_rows() -> Iterator[Row]:
    """Give what is tried of commands that change messages."""
    copied = [b"* OK [COPYUID 9 5 31] ok"]
    calls: Calls = {
        "mailproto": lambda client: client.uid_move("5", "a").destination,
        "IMAPClient": lambda client: client.move([5], "a"),
        "aioimaplib": lambda client: client.move("5", "a"),
    }
    probe = asks({b"UID MOVE": copied, b"MOVE": copied}, b"MOVE", None, calls, words=["move"])
    yield Row("MOVE", "is sent", probe)
    probe = asks({b"UID MOVE": copied, b"MOVE": copied}, b"MOVE", imap.UIDSet("31"), calls, words=["move"])
    yield Row("UIDPLUS: MOVE", "the new UID is given", probe)
    copied = [b"%t OK [COPYUID 9 5 31] ok"]
    probe = asks(
        {b"UID COPY": copied, b"COPY": copied},
        b"COPY",
        imap.UIDSet("31"),
        {
            "mailproto": lambda client: client.uid_copy("5", "a").destination,
            "imaplib": lambda client: client.uid("COPY", "5", "a"),
            "IMAPClient": lambda client: client.copy([5], "a"),
            "aioimaplib": lambda client: client.uid("copy", "5", "a"),
        },
    )
    yield Row("UIDPLUS: COPY", "the new UID is given", probe)
    appended = {b"APPEND": [b"%t OK [APPENDUID 9 31] ok"]}
    probe = asks(
        appended,
        b"APPEND",
        31,
        {
            "mailproto": lambda client: client.append("a", OCTETS).uid,
            "imaplib": lambda client: client.append("a", "", "", OCTETS),
            "IMAPClient": lambda client: client.append("a", OCTETS),
            "aioimaplib": lambda client: client.append(OCTETS, "a"),
        },
    )
    yield Row("UIDPLUS: APPEND", "the new UID is given", probe)
    probe = asks(
        {},
        b"UID EXPUNGE",
        None,
        {
            "mailproto": lambda client: client.uid_expunge("5"),
            "imaplib": lambda client: client.uid("EXPUNGE", "5"),
            "IMAPClient": lambda client: client.uid_expunge([5]),
            "aioimaplib": lambda client: client.uid("expunge", "5"),
        },
    )
    yield Row("UIDPLUS: UID EXPUNGE", "is sent", probe)
    probe = asks(
        appended,
        rb"APPEND .*\{17\+\}",
        None,
        {
            "mailproto": lambda client: client.append("a", OCTETS),
            "imaplib": lambda client: client.append("a", "", "", OCTETS),
            "IMAPClient": lambda client: client.append("a", OCTETS),
            "aioimaplib": lambda client: client.append(OCTETS, "a"),
        },
    )
    yield Row("LITERAL+", "a message is sent without waiting", probe)
    pieces = own(lambda client: client.append("a", iter([OCTETS, OCTETS]), size=2 * len(OCTETS)))
    probe = asks(appended, b"APPEND .*" + OCTETS * 2, None, pieces)
    yield Row("A message streamed out", "an iterator of octets is sent", probe)
    probe = asks(
        {},
        b"APPEND .*Subject.*Subject",
        None,
        {
            "mailproto": lambda client: client.append_messages("a", [OCTETS, OCTETS]),
            "IMAPClient": lambda client: client.multiappend("a", [OCTETS, OCTETS]),
        },
        words=["multiappend"],
    )
    yield Row("MULTIAPPEND", "two messages are sent by one command", probe)
    probe = asks(
        {},
        b"APPEND .*CATENATE",
        None,
        own(lambda client: client.catenate("a", [imap.URLPart("/a;UID=5"), OCTETS])),
        words=["catenate"],
    )
    yield Row("CATENATE", "a URL and a text are sent", probe)
    probe = asks(
        {}, b"UID REPLACE 5", None, own(lambda client: client.uid_replace(5, "a", OCTETS)), words=["replace"]
    )
    yield Row("REPLACE", "is sent", probe)
    modified = [b"* 3 FETCH (UID 5 MODSEQ (41))", b"%t OK [MODIFIED 6] some"]
    probe = asks(
        {b"UID STORE": modified},
        rb"UID STORE 5,6 \(UNCHANGEDSINCE 40\)",
        imap.UIDSet("6"),
        own(lambda client: client.uid_store_unchanged("5,6", 40, "+FLAGS", "\\Seen")),
        words=["unchanged"],
    )
    yield Row("CONDSTORE: UNCHANGEDSINCE", "those that had changed are given", probe)
    changed = [b"* 3 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (41))"]
    probe = asks(
        {b"UID FETCH": changed},
        rb"CHANGEDSINCE 40",
        41,
        {
            "mailproto": lambda client: [
                m[imap.MODSEQ] for m in client.uid_fetch("1:*", imap.FLAGS, changed_since=40)
            ],
            "imaplib": lambda client: client.uid("FETCH", "1:*", "(FLAGS) (CHANGEDSINCE 40)"),
            "IMAPClient": lambda client: client.fetch([5], ["FLAGS"], ["CHANGEDSINCE 40"]),
            "aioimaplib": lambda client: client.uid("fetch", "1:*", "(FLAGS) (CHANGEDSINCE 40)"),
        },
    )
    yield Row("CONDSTORE: CHANGEDSINCE", "is sent; the number is given", probe)
    authorized = [
        b'* GENURLAUTH "imap://u@x.example/a/;UID=5;URLAUTH=anonymous:INTERNAL:00112233445566778899aabbccddeeff"'
    ]
    probe = asks(
        {b"GENURLAUTH": authorized},
        b"GENURLAUTH",
        "imap://u@x.example/a/;UID=5;URLAUTH=anonymous:INTERNAL:00112233445566778899aabbccddeeff",
        own(lambda client: str(client.generate_urlauth("imap://u@x.example/a/;UID=5;URLAUTH=anonymous")[0])),
        words=["urlauth"],
    )
    yield Row("URLAUTH", "the authorized URL is given", probe)
    probe = asks(
        {b"LANGUAGE": [b"* LANGUAGE (DE)"]},
        b"LANGUAGE",
        "DE",
        own(lambda client: client.set_language("de")),
        words=["language"],
    )
    yield Row("LANGUAGE", "the language is given", probe)
    probe = asks(
        {b"COMPARATOR": [b"* COMPARATOR i;basic"]},
        b"COMPARATOR",
        "i;basic",
        own(lambda client: client.comparator()),
        words=["comparator"],
    )
    yield Row("I18NLEVEL=2", "the comparator is given", probe)
    probe = asks(
        {}, b"UNAUTHENTICATE", None, own(lambda client: client.unauthenticate()), words=["unauthenticate"]
    )
    yield Row("UNAUTHENTICATE", "is sent", probe)


MECHANISMS: Final = (
    *("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "ANONYMOUS"),
    *("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"),
)
LOGINS: Final[Mapping[str, Calls]] = {
    "PLAIN": {"IMAPClient": lambda client: client.plain_login(USER, PASSWORD)},
    "CRAM-MD5": {"imaplib": lambda client: client.login_cram_md5(USER, PASSWORD)},
    "XOAUTH2": {
        "IMAPClient": lambda client: client.oauth2_login(USER, TOKEN),
        "aioimaplib": lambda client: client.xoauth2(USER, TOKEN),
    },
    "OAUTHBEARER": {"IMAPClient": lambda client: client.oauthbearer_login(USER, TOKEN)},
}
"""The methods of peers; mailproto has one for all. Mechanisms of one's own that a peer takes do not count."""


def logs_in_by(mechanism: str) -> Probe:
    """Offer one mechanism, and see who logs in."""
    known: list[sasl.ClientMechanism] = [
        *sasl.password_mechanisms(USER, PASSWORD),
        *sasl.token_mechanisms(USER, TOKEN),
        *(sasl.CramMD5Client(USER, PASSWORD), sasl.AnonymousClient()),
    ]
    (ours,) = [each for each in known if each.name == mechanism]
    calls = {
        "mailproto": lambda client: client.authenticate(ours, allow_cleartext=True),
        **LOGINS.get(mechanism, {}),
    }

    def probe(peer: Peer) -> str:
        users = sasl.PasswordAuthenticator(
            {USER: PASSWORD},
            tokens=lambda request: USER if request.token.reveal() == TOKEN else None,
            anonymous=lambda request: "anonymous",
            mechanisms=[mechanism],
        )
        seen: list[str] = []

        def store_of(identity: str) -> MemoryStore:
            seen.append(identity)
            return MemoryStore()

        act = calls.get(peer.name)
        serving = serve_imap(store_of, HOST, 0, authenticator=users, allow_cleartext=True)
        with serving as server, suppress(Exception):
            if act is not None:
                peer.run(int(server.addresses[0][1]), act, logs_in=False)
        return "yes" if seen else "no"

    return probe


def is_told(peer: Peer) -> str:
    """Say that there are four messages while the client idles."""
    calls: Calls = {
        "mailproto": _next_update,
        "IMAPClient": _idle_check,
        "aioimaplib": _wait_server_push,
    }
    return asks({}, b"IDLE", 4, calls, words=["idle"])(peer)


def _next_update(client: Any) -> Any:
    with client.idle() as updates:
        return updates.wait(SECONDS)


def _idle_check(client: Any) -> Any:
    client.idle()
    try:
        return client.idle_check(timeout=SECONDS)
    finally:
        client.idle_done()


async def _wait_server_push(client: Any) -> Any:
    await client.idle_start(timeout=SECONDS)
    try:
        return await client.wait_server_push(timeout=SECONDS)
    finally:
        client.idle_done()


def streams(peer: Peer) -> str:
    """Offer a body of 200,000 octets; see whether it is given in pieces."""
    body = b"* 3 FETCH (UID 7 BODY[] {200000}\r\n" + b"x" * 200_000 + b")"
    return asks({b"UID FETCH": [body]}, b"UID FETCH 7", None, own(_in_pieces), words=["download", "stream"])(
        peer
    )


def _in_pieces(client: Any) -> None:
    pieces = list(client.download("7"))
    if len(pieces) < 2 or sum(map(len, pieces)) != 200_000:
        raise RuntimeError("expected pieces")


def compresses(peer: Peer) -> str:
    """Compress, and say NOOP under that."""

    def both(client: Any) -> str:
        client.compress()
        client.noop()
        return "yes"

    if peer.name != "mailproto":
        return asks({}, b"COMPRESS", None, {}, words=["compress"])(peer)
    with IMAPTestServer(user=USER, password=PASSWORD) as server:
        return str(peer.run(server.port, both))


def pipelines(peer: Peer) -> str:
    """Let two tasks say NOOP and NAMESPACE; see whether both are there before one is answered."""
    if peer.name not in {"mailproto", "aioimaplib"}:
        return "no"
    with scripted({}, holds=b"NOOP") as heard, suppress(Exception):
        if peer.name == "mailproto":
            asyncio.run(_two_of_ours(heard.port))
        else:
            peer.run(heard.port, _two)
    return "yes" if heard.together else "no"


async def _two(client: Any) -> None:
    await asyncio.gather(client.noop(), client.namespace())


async def _two_of_ours(port: int) -> None:
    async with AsyncIMAPClient.connect(HOST, port, tls="none", timeout=SECONDS) as client:
        await client.login(USER, PASSWORD, allow_cleartext=True)
        await _two(client)


def session_rows() -> Iterator[Row]:
    """Give what is tried of sessions."""
    calls: Calls = {
        name: lambda client: client.noop() for name in ("mailproto", "imaplib", "IMAPClient", "aioimaplib")
    }
    probe = asks({}, b"NOOP", None, calls)
    yield Row("A session", "LOGIN, SELECT and NOOP are sent", probe)
    for name in MECHANISMS:
        yield Row(f"AUTH={name}", "logs in where nothing else is offered", logs_in_by(name))
    yield Row("IDLE", "the number of messages is given", is_told)
    yield Row("Pipelining", "two tasks say NOOP and NAMESPACE; both come before one is answered", pipelines)
    yield Row("A body streamed in", "200 kB are given in pieces", streams)
    yield Row("COMPRESS=DEFLATE", "NOOP is answered under it", compresses)


def imap_rows() -> Iterator[Row]:
    """Give what is tried of clients of IMAP."""
    for rows in (session_rows, mailbox_rows, item_rows, search_rows, message_rows):
        yield from rows()

"""What IMAP servers advertise: a row for each capability, with what exercises it and who offers it.

A row makes its own mailbox, uses the methods of the client, and asserts on values. What no RFC describes, or
what the client has no method for, goes by `exchange`; what has no command at all is in `NO_COMMAND`.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from mailproto.errors import AuthenticationFailed, IMAPStatusError, LocalProtocolError, NotifyRefused
from mailproto.imap import (
    ANNOTATION,
    EMAILID,
    ENVELOPE,
    FLAG_CHANGE,
    FLAGS,
    IMAPURL,
    MAILBOX_NAME,
    MESSAGE_EXPUNGE,
    MESSAGE_NEW,
    MODSEQ,
    PREVIEW,
    SAVEDATE,
    SERVER_METADATA_CHANGE,
    SUBSCRIPTION_CHANGE,
    THREADID,
    AnnotationsCode,
    BadEventCode,
    BinarySection,
    BinarySize,
    BodySection,
    EmailID,
    ESearchData,
    EventGroup,
    Expunged,
    ExpungeData,
    FetchAnnotations,
    FetchData,
    FlagsChanged,
    Fuzzy,
    HasAnnotation,
    ListData,
    MailboxChanged,
    MailboxFilter,
    MetadataData,
    MyRightsData,
    NewMessages,
    NotifyEvent,
    Ok,
    OtherItem,
    QuotaResource,
    SavedOn,
    SortData,
    StatusData,
    ThreadBranch,
    URLPart,
    Younger,
)
from mailproto.imap import append_limit as limit_of
from mailproto.imap.search import SearchKey, Subject, Text
from mailproto.sasl import (
    AnonymousClient,
    ClientMechanism,
    CramMD5Client,
    LoginClient,
    PlainClient,
    ScramClient,
)
from support_imap_products import PRODUCTS, Connection, reopened

__all__ = [
    "AFTER_LOGIN",
    "BEFORE_LOGIN",
    "NO_COMMAND",
    "ONE",
    "Row",
    "has_messages",
    "indexed",
    "lists",
    "proofs_table",
    "wait_for",
]

MESSAGES: Final = (
    b"From: Zoe <z@example.org>\r\nTo: a@example.org\r\nSubject: one\r\nMessage-ID: <1@example.org>\r\n"
    b"Date: Mon, 2 Feb 2026 10:00:00 +0000\r\n\r\nThe first words.\r\n",
    b"From: Ann <a@example.org>\r\nTo: z@example.org\r\nSubject: Re: one\r\nMessage-ID: <2@example.org>\r\n"
    b"In-Reply-To: <1@example.org>\r\nReferences: <1@example.org>\r\n"
    b"Date: Sun, 1 Feb 2026 10:00:00 +0000\r\n\r\nAn answer.\r\n",
    b"From: Max <m@example.org>\r\nTo: b@example.org\r\nSubject: other\r\nMessage-ID: <3@example.org>\r\n"
    b"Date: Tue, 3 Feb 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQF\r\n",
)
"""By date 2, 1, 3; by sender Ann, Max, Zoe; the second answers the first; the third is six octets 0 to 5."""

ONE, TWO, THREE = MESSAGES


@dataclass(frozen=True)
class Row:
    """Who offers a capability, and what exercises it."""

    prove: Callable[[Connection], None]
    products: tuple[str, ...]


AFTER_LOGIN: Final[dict[str, Row]] = {}
"""Capability in upper case -> its row, for a connection with a user."""
BEFORE_LOGIN: Final[dict[str, Row]] = {}
"""The same for a connection without; "AUTH=" and what a TLS connection begins with stand here."""

NO_COMMAND: Final[dict[str, str]] = {
    "SCAN": "Cyrus searches mailboxes for a text; version 3.6 closes the connection instead",
    "NO_ATOMIC_RENAME": "Cyrus says that RENAME of several mailboxes can stop halfway",
    "X-REPLICATION": "Cyrus says that a replica may be fed through this port",
    "X-SIEVE-MAILBOX": "Cyrus says that Sieve scripts can be in mailboxes",
}
"""Names that only inform."""

Proof = Callable[[Connection], None]


def offered_by(products: str, *names: str, rows: dict[str, Row] = AFTER_LOGIN) -> Callable[[Proof], Proof]:
    """Make what follows the row of *names*, offered by the *products* with these initials."""

    def add(prove: Proof) -> Proof:
        offering = tuple(name for name in PRODUCTS if name[0] in products)
        rows.update({name.upper(): Row(prove, offering) for name in names})
        return prove

    return add


def filled(at: Connection) -> Any:
    at.fill(MESSAGES)
    return at.imap


def text(at: Connection, uid: int) -> bytes:
    (message,) = at.imap.uid_fetch(uid, BodySection()).all()
    octets: bytes = message[BodySection()]
    return octets


def by_hand(at: Connection, command: bytes) -> tuple[Any, ...]:
    """Send a command for which there is no method, and return what came before its OK."""
    done = at.imap.exchange(b"hand%d %s\r\n" % (len(at.sent), command))
    assert isinstance(done.status, Ok), done.status
    responses: tuple[Any, ...] = done.responses
    return responses


# Before the login


@offered_by("DCp", "STARTTLS", rows=BEFORE_LOGIN)
def start_tls(at: Connection) -> None:
    """The connections of these rows begin with STARTTLS."""
    assert at.imap.tls is not None
    assert b"STARTTLS\r\n" in at.sent
    assert "STARTTLS" not in at.imap.capability()


@offered_by("DC", "SASL-IR", rows=BEFORE_LOGIN)
def initial_response(at: Connection) -> None:
    at.imap.authenticate(PlainClient(at.user, at.product.password))
    assert at.sent.count(b"\r\n", at.sent.index(b"AUTHENTICATE PLAIN ")) >= 1
    assert at.imap.status("INBOX", "MESSAGES").mailbox == "INBOX"


@offered_by("D", "LOGIN-REFERRALS", rows=BEFORE_LOGIN)
def login_referrals(at: Connection) -> None:
    """A login that is refused, and one that is sent elsewhere; after both there can be another one."""
    with pytest.raises(AuthenticationFailed) as caught:
        at.imap.login("nobody@example.org", "wrong")
    assert (caught.value.code_name, caught.value.referral) == ("AUTHENTICATIONFAILED", None)
    with pytest.raises(AuthenticationFailed) as caught:
        at.imap.authenticate(PlainClient("moved@example.org", at.product.password))
    elsewhere = "imap://moved%40example.org;AUTH=PLAIN@elsewhere.example.org:1143/"
    assert str(caught.value.referral) == elsewhere
    at.login()
    assert at.imap.status("INBOX", "MESSAGES").mailbox == "INBOX"


def _mechanism(make: Callable[[str, str], ClientMechanism]) -> Proof:
    def prove(at: Connection) -> None:
        with pytest.raises(AuthenticationFailed):
            at.imap.authenticate(make(at.user, "wrong"))
        at.imap.authenticate(make(at.user, at.product.password))
        assert at.imap.status("INBOX", "MESSAGES").mailbox == "INBOX"

    return prove


for products, name, mechanism in (
    ("DCp", "PLAIN", PlainClient),
    ("DCp", "LOGIN", LoginClient),
    ("D", "CRAM-MD5", CramMD5Client),
    ("D", "SCRAM-SHA-1", lambda user, password: ScramClient(user, password, "SCRAM-SHA-1")),
    ("D", "SCRAM-SHA-256", lambda user, password: ScramClient(user, password, "SCRAM-SHA-256")),
):
    offered_by(products, f"AUTH={name}", rows=BEFORE_LOGIN)(_mechanism(mechanism))


@offered_by("D", "AUTH=ANONYMOUS", rows=BEFORE_LOGIN)
def anonymous(at: Connection) -> None:
    at.imap.authenticate(AnonymousClient("me"))
    assert at.imap.status("INBOX", "MESSAGES").mailbox == "INBOX"


# The session


@offered_by("DCp", "IMAP4rev1")
def revision(at: Connection) -> None:
    imap = filled(at)
    assert imap.mailbox.exists == 3
    found = imap.uid_fetch("1:*", ENVELOPE).all()
    assert [message[ENVELOPE].subject for message in found] == [b"one", b"Re: one", b"other"]
    assert [text(at, uid) for uid in at.uids] == list(MESSAGES)
    assert list(imap.uid_search(Subject("other"))) == at.uids[2:]
    imap.uid_store(at.uids[0], "+FLAGS", "\\Deleted")
    imap.expunge()
    assert list(imap.uid_search()) == at.uids[1:]


@offered_by("DCp", "LITERAL+")
def literal_plus(at: Connection) -> None:
    at.imap.create(at.mailbox)
    at.imap.append(at.mailbox, ONE)
    assert b"{%d+}\r\n" % len(ONE) in at.sent
    assert at.imap.status(at.mailbox, "MESSAGES").messages == 1


@offered_by("DCp", "ID")
def identity(at: Connection) -> None:
    told = at.imap.id({"name": "mailproto"})
    name = dict(told or {}).get("name")
    # pymap answers NIL: it says nothing of itself.
    assert name == {"Dovecot": "Dovecot", "Cyrus": "Cyrus IMAPD", "pymap": None}[at.product.name]


@offered_by("DC", "ENABLE")
def enable(at: Connection) -> None:
    assert at.imap.enable("CONDSTORE") == {"CONDSTORE"}
    assert "CONDSTORE" in at.imap.enabled


@offered_by("DCp", "IDLE")
def idle(at: Connection) -> None:
    imap = filled(at)
    with imap.idle() as updates, at.other() as other:
        other.append(at.mailbox, "", None, ONE)
        news = wait_for(updates, lambda update: isinstance(update, NewMessages))
    assert news.exists == 4
    assert list(news.uids) == list(imap.uid_search())[3:]


@offered_by("DC", "COMPRESS=DEFLATE")
def compress(at: Connection) -> None:
    at.imap.compress()
    at.fill([ONE * 100])
    assert text(at, at.uids[0]) == ONE * 100
    with pytest.raises(LocalProtocolError, match="compressed already"):
        at.imap.compress()


@offered_by("C", "LOGINDISABLED")
def login_disabled(at: Connection) -> None:
    """Cyrus says it once somebody has logged in: nobody else can."""
    with pytest.raises(LocalProtocolError):
        at.login()


# Mailboxes


@offered_by("DC", "NAMESPACE")
def namespace(at: Connection) -> None:
    (personal,) = at.imap.namespace().personal
    assert (personal.prefix, personal.delimiter) == ("", "/")


@offered_by("DCp", "CHILDREN")
def children(at: Connection) -> None:
    at.imap.create(at.mailbox)
    at.imap.create(f"{at.mailbox}/below")
    (above,) = at.imap.list("", at.mailbox)
    (below,) = at.imap.list("", f"{at.mailbox}/*")
    assert "\\HasChildren" in above.attributes
    assert "\\HasNoChildren" in below.attributes


@offered_by("DC", "LIST-EXTENDED")
def list_extended(at: Connection) -> None:
    at.imap.create(at.mailbox)
    at.imap.create(f"{at.mailbox}/below")
    at.imap.subscribe(f"{at.mailbox}/below")
    patterns = (at.mailbox, f"{at.mailbox}/%")
    found = at.imap.list_extended(*patterns, returning=["SUBSCRIBED"])
    assert {one.data.mailbox: "\\Subscribed" in one.data.attributes for one in found} == {
        at.mailbox: False,
        f"{at.mailbox}/below": True,
    }
    (only,) = at.imap.list_extended(*patterns, selection=["SUBSCRIBED"])
    assert only.data.mailbox == f"{at.mailbox}/below"


@offered_by("DC", "LIST-STATUS")
def list_status(at: Connection) -> None:
    imap = filled(at)
    (one,) = imap.list_extended(at.mailbox, returning=["STATUS (MESSAGES)"])
    assert one.status == StatusData(at.mailbox, (("MESSAGES", 3),))


@offered_by("C", "LIST-MYRIGHTS")
def list_my_rights(at: Connection) -> None:
    at.imap.create(at.mailbox)
    (one,) = at.imap.list_extended(at.mailbox, returning=["MYRIGHTS"])
    found = one.get(MyRightsData)
    assert found.mailbox == at.mailbox
    assert found.rights == at.imap.my_rights(at.mailbox)


@offered_by("C", "LIST-METADATA")
def list_metadata(at: Connection) -> None:
    at.imap.create(at.mailbox)
    at.imap.set_metadata(at.mailbox, {"/private/comment": "a note"})
    (one,) = at.imap.list_extended(at.mailbox, returning=["METADATA (/private/comment)"])
    found = one.get(MetadataData)
    assert [(name, bytes(value)) for name, value in found.values] == [("/private/comment", b"a note")]


@offered_by("C", "MAILBOX-REFERRALS")
def mailbox_referrals(at: Connection) -> None:
    at.imap.create(at.mailbox)
    at.imap.subscribe(at.mailbox)
    assert [one.mailbox for one in at.imap.rlist("", at.mailbox)] == [at.mailbox]
    assert [one.mailbox for one in at.imap.rlsub("", at.mailbox)] == [at.mailbox]


@offered_by("C", "SPECIAL-USE", "CREATE-SPECIAL-USE")
def special_use(at: Connection) -> None:
    at.imap.create(at.mailbox, special_uses=["\\Archive"])
    (one,) = at.imap.list_extended("*", selection=["SPECIAL-USE"])
    assert one.data.mailbox == at.mailbox
    assert "\\Archive" in one.data.attributes


@offered_by("C", "XLIST")
def xlist(at: Connection) -> None:
    at.imap.create(at.mailbox, special_uses=["\\Sent"])
    (one,) = at.imap.xlist("", at.mailbox)
    assert "\\Sent" in one.attributes


@offered_by("DC", "STATUS=SIZE")
def status_size(at: Connection) -> None:
    imap = filled(at)
    assert imap.status(at.mailbox, "SIZE").size == sum(map(len, MESSAGES))


@offered_by("DC", "UNSELECT")
def unselect(at: Connection) -> None:
    imap = filled(at)
    imap.uid_store("1:*", "+FLAGS", "\\Deleted")
    imap.unselect()
    assert imap.mailbox is None
    assert imap.status(at.mailbox, "MESSAGES").messages == 3


@offered_by("C", "APPENDLIMIT=4294967295")
@offered_by("p", "APPENDLIMIT=1000000000")
def append_limit(at: Connection) -> None:
    limits = {"Cyrus": 4_294_967_295, "pymap": 1_000_000_000}
    assert limit_of(at.imap.capabilities) == limits[at.product.name]
    at.fill([ONE])
    assert at.imap.mailbox.exists == 1


# Rights, quotas, metadata, URLs


@offered_by("DC", "ACL", "RIGHTS=texk", "RIGHTS=kxten")
def acl(at: Connection) -> None:
    at.imap.create(at.mailbox)
    assert at.imap.my_rights(at.mailbox) >= frozenset("lrswipktexa") - {"p"}
    rights = at.imap.list_rights(at.mailbox, "joe")
    assert frozenset("lr") <= rights.required.union(*rights.optional)
    at.imap.set_acl(at.mailbox, "joe", "lrxt")
    assert at.imap.get_acl(at.mailbox).get("joe") == frozenset("lrxt")
    at.imap.delete_acl(at.mailbox, "joe")
    assert at.imap.get_acl(at.mailbox).get("joe") is None


AFTER_LOGIN["RIGHTS=TEXK"] = Row(acl, ("Dovecot",))
AFTER_LOGIN["RIGHTS=KXTEN"] = Row(acl, ("Cyrus",))


@offered_by("DC", "QUOTA")
def quota(at: Connection) -> None:
    filled(at)
    (found,) = at.imap.get_quota_root(at.mailbox)
    storage = found.get("STORAGE")
    assert storage.usage in (0, 1)
    assert storage.limit == 102_400
    if at.product.name == "Cyrus":
        with pytest.raises(IMAPStatusError, match="Permission denied"):
            at.imap.get_quota(found.root)
    else:
        assert found.get("MESSAGE") == QuotaResource("MESSAGE", 3, 1_000)
        assert at.imap.get_quota(found.root) == found
    at.imap.append(at.mailbox, ONE * 100)
    grown = at.imap.get_quota_root(at.mailbox)[0].get("STORAGE")
    assert grown.usage - storage.usage in (len(ONE) * 100 // 1_024, len(ONE) * 100 // 1_024 + 1)


@offered_by(
    "C", "X-QUOTA=STORAGE", "X-QUOTA=MESSAGE", "X-QUOTA=X-ANNOTATION-STORAGE", "X-QUOTA=X-NUM-FOLDERS"
)
def quota_resources(at: Connection) -> None:
    limits = {"STORAGE": 5_000, "MESSAGE": 1, "X-ANNOTATION-STORAGE": 50, "X-NUM-FOLDERS": 5}
    (before,) = at.imap.get_quota_root("INBOX")
    owner, at.user = at.user, "admin"
    at.imap.logout()
    with reopened(at) as admin:
        admin.login()
        admin.imap.set_quota(f"user/{owner}", limits)
        found = admin.imap.get_quota(f"user/{owner}")
    assert before.get("STORAGE").limit == 102_400
    assert {one.name: one.limit for one in found.resources} == limits
    at.user = owner
    with reopened(at) as again:
        again.login()
        again.fill([ONE])
        # Without the code OVERQUOTA, which RFC 9208 has for it.
        with pytest.raises(IMAPStatusError, match="Over quota"):
            again.imap.append(again.mailbox, TWO)
        (after,) = again.imap.get_quota_root(again.mailbox)
    assert after.get("MESSAGE") == QuotaResource("MESSAGE", 1, 1)


@offered_by("DC", "METADATA")
def metadata(at: Connection) -> None:
    at.imap.create(at.mailbox)
    at.imap.set_metadata(at.mailbox, {"/private/comment": "Größe"})
    found = at.imap.get_metadata(at.mailbox, "/private", depth="infinity")
    assert found["/private/comment"].decode() == "Größe"
    at.imap.set_metadata(at.mailbox, {"/private/comment": None})
    assert at.imap.get_metadata(at.mailbox, "/private/comment").get("/private/comment") is None


@offered_by("DC", "URLAUTH=BINARY")
def urlauth_binary(at: Connection) -> None:
    """The server undoes the transfer encoding of what a URL names (RFC 5524)."""
    imap = filled(at)
    url = IMAPURL.of("localhost", at.mailbox, user=at.user, uid=at.uids[2], section="1", access="authuser")
    (authorized,) = imap.generate_urlauth(url)
    (decoded,) = imap.url_fetch_items(authorized)
    assert decoded.octets == bytes(range(6))
    assert decoded.structure.size == 6
    (as_it_is,) = imap.url_fetch_items(authorized, items=["BODY"])
    assert base64.b64decode(as_it_is.octets) == bytes(range(6))
    imap.reset_key(at.mailbox)
    assert imap.url_fetch_items(authorized) == (None,)


@offered_by("DC", "URLAUTH")
def urlauth(at: Connection) -> None:
    imap = filled(at)
    url = IMAPURL.of("localhost", at.mailbox, user=at.user, uid=at.uids[0], section="TEXT", access="authuser")
    (authorized,) = imap.generate_urlauth(url)
    assert authorized.rump == str(url)
    assert imap.url_fetch(authorized) == (b"The first words.\r\n",)
    imap.reset_key(at.mailbox)
    assert imap.url_fetch(authorized) == (None,)


@offered_by("DC", "CATENATE")
def catenate(at: Connection) -> None:
    imap = filled(at)
    validity = imap.mailbox.uid_validity
    part = URLPart(f"/{at.mailbox};UIDVALIDITY={validity}/;UID={at.uids[0]}/;section=TEXT")
    made = imap.catenate(at.mailbox, [b"Subject: new\r\n\r\n", part, b"and more\r\n"])
    assert text(at, made.uid) == b"Subject: new\r\n\r\nThe first words.\r\nand more\r\n"


@offered_by("D", "URL-PARTIAL")
def url_partial(at: Connection) -> None:
    imap = filled(at)
    validity = imap.mailbox.uid_validity
    part = URLPart(f"/{at.mailbox};UIDVALIDITY={validity}/;UID={at.uids[0]}/;section=TEXT/;PARTIAL=4.5")
    made = imap.catenate(at.mailbox, [b"Subject: new\r\n\r\n", part, b"\r\n"])
    assert text(at, made.uid) == b"Subject: new\r\n\r\nfirst\r\n"


# Messages


@offered_by("DCp", "UIDPLUS")
def uid_plus(at: Connection) -> None:
    imap = filled(at)
    copied = imap.uid_copy(at.uids[1], at.mailbox)
    assert list(copied.source) == at.uids[1:2]
    assert text(at, next(iter(copied.destination))) == TWO
    imap.uid_store("1:*", "+FLAGS", "\\Deleted")
    imap.uid_expunge(at.uids[0])
    assert list(imap.uid_search()) == [*at.uids[1:], *copied.destination]


@offered_by("DCp", "MOVE")
def move(at: Connection) -> None:
    imap = filled(at)
    imap.create(f"{at.mailbox}-2")
    moved = imap.uid_move(at.uids[1], f"{at.mailbox}-2")
    assert list(imap.uid_search()) == [at.uids[0], at.uids[2]]
    imap.select(f"{at.mailbox}-2")
    assert text(at, next(iter(moved.destination))) == TWO


@offered_by("DCp", "MULTIAPPEND")
def multi_append(at: Connection) -> None:
    at.imap.create(at.mailbox)
    appended = at.imap.append_messages(at.mailbox, [ONE, TWO])
    at.imap.select(at.mailbox)
    assert [text(at, one.uid) for one in appended] == [ONE, TWO]


@offered_by("DCp", "BINARY")
def binary(at: Connection) -> None:
    imap = filled(at)
    (message,) = imap.uid_fetch(at.uids[2], BinarySection((1,)), BinarySize((1,))).all()
    assert message[BinarySection((1,))] == bytes(range(6))
    assert message[BinarySize((1,))] == 6


@offered_by("Cp", "OBJECTID")
def object_id(at: Connection) -> None:
    imap = filled(at)
    found = imap.uid_fetch("1:*", EMAILID, THREADID).all()
    ids = [message[EMAILID] for message in found]
    assert len(set(ids)) == 3
    assert list(imap.uid_search(EmailID(ids[1]))) == at.uids[1:2]
    assert imap.status(at.mailbox, "MAILBOXID").get("MAILBOXID") is not None
    assert imap.mailbox.mailbox_id is not None


@offered_by("DC", "PREVIEW")
def preview(at: Connection) -> None:
    imap = filled(at)
    (message,) = imap.uid_fetch(at.uids[0], PREVIEW).all()
    if at.product.name == "Cyrus":
        # What it shows is an annotation, which another program has to make: here this one.
        assert message[PREVIEW] == ""
        imap.uid_store_annotations(
            at.uids[0], {"/vendor/mailproto/preview": {"value.shared": "The first words."}}
        )
        (message,) = imap.uid_fetch(at.uids[0], PREVIEW).all()
    assert message[PREVIEW] == "The first words."


@offered_by("D", "PREVIEW=FUZZY", "SNIPPET=FUZZY")
def old_preview(at: Connection) -> None:
    """The form of the drafts of RFC 8970: the name, and the algorithm in the answer."""
    filled(at)
    found = by_hand(at, b"UID FETCH %d (SNIPPET (FUZZY))" % at.uids[0])
    (message,) = (one for one in found if isinstance(one, FetchData))
    assert message.get(OtherItem("SNIPPET")) == ("FUZZY", b"The first words.")


@offered_by("DC", "SAVEDATE")
def save_date(at: Connection) -> None:
    imap = filled(at)
    (message,) = imap.uid_fetch(at.uids[0], SAVEDATE).all()
    saved = message[SAVEDATE]
    assert abs(datetime.now(UTC) - saved).total_seconds() < 600
    assert at.uids[0] in list(imap.uid_search(SavedOn(saved.date())))


@offered_by("C", "DIGEST=SHA1")
def digest(at: Connection) -> None:
    filled(at)
    found = by_hand(at, b"UID FETCH %d (DIGEST.SHA1)" % at.uids[0])
    (message,) = (one for one in found if isinstance(one, FetchData))
    value = message.get(OtherItem("DIGEST.SHA1"))
    assert value is not None
    assert str(value).lower().count(hashlib.sha1(ONE).hexdigest()) == 1


@offered_by("C", "X-CREATEDMODSEQ")
def created_mod_seq(at: Connection) -> None:
    filled(at)
    found = by_hand(at, b"STATUS %s (CREATEDMODSEQ)" % at.mailbox.encode())
    (status,) = (one for one in found if isinstance(one, StatusData))
    assert int(str(status.get("CREATEDMODSEQ"))) > 0


@offered_by("C", "XMOVE")
def x_move(at: Connection) -> None:
    imap = filled(at)
    imap.create(f"{at.mailbox}-2")
    found = by_hand(at, b"UID XMOVE %d %s-2" % (at.uids[0], at.mailbox.encode()))
    assert any(isinstance(one, ExpungeData) for one in found)
    assert list(imap.uid_search()) == at.uids[1:]


@offered_by("C", "ANNOTATE-EXPERIMENT-1")
def annotate(at: Connection) -> None:
    imap = filled(at)
    one, two, three = at.uids
    assert imap.select(at.mailbox, annotate=True).annotations == AnnotationsCode(65_536)
    imap.uid_store_annotations(one, {"/comment": {"value.priv": "a note", "value.shared": "for all"}})
    imap.uid_store_annotations([two, three], {"/1/comment": {"value.priv": "Größe"}})
    assert _annotations(at, one, "/comment") == {
        "value.priv": b"a note",
        "size.priv": b"6",
        "value.shared": b"for all",
        "size.shared": b"7",
    }
    assert _annotations(at, two, "/1/comment")["value.priv"] == "Größe".encode()
    assert _annotations(at, two, "/comment")["value.priv"] is None
    assert list(imap.uid_search(HasAnnotation("/comment", "value", "note"))) == [one]
    assert list(imap.uid_search(HasAnnotation("*", "value.shared", "for"))) == [one]
    assert list(imap.uid_search(HasAnnotation("/1/%", "value.priv", "Größe"))) == [two, three]
    assert list(imap.uid_search(HasAnnotation("/comment", "value.shared", "note"))) == []
    assert imap.uid_sort("REVERSE ANNOTATION /comment value.priv")[0] == one
    assert imap.uid_sort("ANNOTATION /comment value.priv")[-1] == one
    added = imap.append(at.mailbox, ONE, annotations={"/comment": {"value.priv": "from the beginning"}})
    assert _annotations(at, added.uid, "/comment")["value.priv"] == b"from the beginning"
    copied = imap.uid_copy(one, at.mailbox)
    imap.noop()
    assert _annotations(at, next(iter(copied.destination)), "/comment")["value.shared"] == b"for all"
    imap.uid_store_annotations(one, {"/comment": {"value.priv": None}})
    assert _annotations(at, one, "/comment") == {
        "value.priv": None,
        "size.priv": b"0",
        "value.shared": b"for all",
        "size.shared": b"7",
    }
    _annotate_unchanged(at, one, two)


def _annotate_unchanged(at: Connection, one: int, two: int) -> None:
    """Set annotations of what did not change, and none that is too large."""
    imap = at.imap
    before = max(message[MODSEQ] for message in imap.uid_fetch("1:*", MODSEQ).all())
    imap.uid_store(two, "+FLAGS", "\\Flagged")
    stored = imap.uid_store_annotations_unchanged([one, two], before, {"/comment": {"value.priv": "new"}})
    assert list(stored.modified) == [two]
    assert [message.uid for message in stored.messages] == [one]
    assert _annotations(at, two, "/comment")["value.priv"] is None
    with pytest.raises(LocalProtocolError, match="has 65537 octets, the mailbox takes 65536"):
        imap.uid_store_annotations(one, {"/comment": {"value.priv": b"x" * 65_537}})
    assert _annotations(at, one, "/comment")["value.priv"] == b"new"


def _annotations(at: Connection, uid: int, entry: str) -> dict[str, bytes | None]:
    (message,) = at.imap.uid_fetch(uid, FetchAnnotations((entry,), ("value", "size"))).all()
    (annotation,) = message[ANNOTATION].annotations
    assert annotation.entry == entry
    return dict(annotation.values)


# CONDSTORE and QRESYNC


@offered_by("DC", "CONDSTORE")
def condstore(at: Connection) -> None:
    imap = filled(at)
    before = imap.uid_fetch("1:*", MODSEQ).all()
    last = max(message[MODSEQ] for message in before)
    imap.uid_store(at.uids[1], "+FLAGS", "\\Flagged")
    (changed,) = imap.uid_fetch("1:*", FLAGS, MODSEQ, changed_since=last).all()
    assert changed.uid == at.uids[1]
    assert changed[MODSEQ] > last
    stored = imap.uid_store_unchanged("1:*", last, "+FLAGS", "\\Seen")
    assert list(stored.modified) == at.uids[1:2]


@offered_by("DC", "QRESYNC")
def qresync(at: Connection) -> None:
    at.imap.enable("QRESYNC")
    imap = filled(at)
    view = imap.select(at.mailbox)
    validity, mod_seq = view.uid_validity, view.highest_mod_seq
    imap.unselect()
    with at.other() as other:
        other.select(at.mailbox)
        other.store("1", "+FLAGS", "\\Deleted")
        other.expunge()
        other.store("1", "+FLAGS", "\\Flagged")
    resynced = imap.resync(at.mailbox, validity, mod_seq, at.uids)
    assert list(resynced.vanished) == at.uids[:1]
    assert {one.uid: "\\Flagged" in one.flags for one in resynced.changed} == {at.uids[1]: True}


# SEARCH, SORT and THREAD


@offered_by("DC", "ESEARCH")
def esearch(at: Connection) -> None:
    imap = filled(at)
    found = imap.uid_esearch(Subject("one"), returning=["MIN", "MAX", "COUNT", "ALL"])
    assert (found.min, found.max, found.count) == (at.uids[0], at.uids[1], 2)
    assert list(found.all) == at.uids[:2]


@offered_by("D", "SEARCHRES")
def search_result(at: Connection) -> None:
    imap = filled(at)
    imap.uid_esearch(Subject("other"), returning=["SAVE"])
    (message,) = imap.uid_fetch("$", ENVELOPE).all()
    assert message[ENVELOPE].subject == b"other"


@offered_by("DC", "WITHIN")
def within(at: Connection) -> None:
    imap = filled(at)
    imap.append(at.mailbox, ONE, internal_date=datetime(2020, 1, 1, tzinfo=UTC))
    imap.noop()
    assert list(imap.uid_search(Younger(3_600))) == at.uids


@offered_by("C", "SEARCH=FUZZY")
def fuzzy(at: Connection) -> None:
    imap = filled(at)
    # Without an index it finds nothing; with one, see `indexed`.
    assert list(imap.uid_search(Fuzzy(Subject("other")))) == []
    assert b"SEARCH FUZZY SUBJECT other" in at.sent


def indexed(at: Connection) -> None:
    """Search with FUZZY, and without, before there is an index and with one."""
    imap = filled(at)
    keys = (Subject("other"), Fuzzy(Subject("other")), Fuzzy(Text("octet-stream") & ~Text("answer")))
    assert [list(imap.uid_search(key)) for key in keys] == [[], [], []]
    at.product.index(at.user)
    assert [list(imap.uid_search(key)) for key in keys] == [at.uids[2:], at.uids[2:], at.uids[2:]]


@offered_by("DC", "SORT")
def sort(at: Connection) -> None:
    imap = filled(at)
    one, two, three = at.uids
    assert imap.uid_sort("DATE") == (two, one, three)
    assert imap.sort("REVERSE DATE") == (3, 1, 2)


@offered_by("DC", "SORT=DISPLAY")
def sort_display(at: Connection) -> None:
    imap = filled(at)
    one, two, three = at.uids
    assert imap.uid_sort("DISPLAYFROM") == (two, three, one)


@offered_by("C", "SORT=MODSEQ", "SORT=UID")
def sort_more(at: Connection) -> None:
    imap = filled(at)
    imap.uid_store(at.uids[0], "+FLAGS", "\\Flagged")
    for criterion, expected in (("MODSEQ", [*at.uids[1:], at.uids[0]]), ("REVERSE UID", at.uids[::-1])):
        found = by_hand(at, b"UID SORT (%s) UTF-8 ALL" % criterion.encode())
        (data,) = (one for one in found if isinstance(one, SortData))
        assert list(data.numbers) == expected


@offered_by("DC", "ESORT")
def esort(at: Connection) -> None:
    imap = filled(at)
    found = imap.uid_esort("DATE", returning=["MIN", "COUNT"])
    # "MIN" is the first of the order (RFC 5267 section 3.1); of Cyrus it is the lowest number.
    first = at.uids[0 if at.product.name == "Cyrus" else 1]
    assert (found.min, found.count) == (first, 3)


@offered_by("D", "CONTEXT=SEARCH")
def context(at: Connection) -> None:
    imap = filled(at)
    found = imap.uid_esearch(Subject("one"), returning=["PARTIAL 1:1", "COUNT"])
    assert found.count == 2
    assert list(dict(found.results)["PARTIAL"].numbers) == at.uids[:1]
    kept = imap.uid_esearch(Subject("one"), returning=["UPDATE", "COUNT"])
    with at.other() as other:
        other.append(at.mailbox, "", None, ONE)
    told = [getattr(update, "data", None) for _ in range(20) for update in _polled(imap)]
    (added,) = (data for data in told if isinstance(data, ESearchData))
    assert (added.tag, [name for name, _ in added.results]) == (kept.tag, ["ADDTO"])
    changes: Any = dict(added.results)["ADDTO"]
    assert [list(change.numbers) for change in changes] == [[max(at.uids) + 1]]
    imap.cancel_update(kept.tag)
    _follow(at, Subject("one"), [*at.uids[:2], max(at.uids) + 1])


def _follow(at: Connection, key: SearchKey, found: list[int]) -> None:
    """Search, and see what was found change as others append, expunge and flag."""
    imap = at.imap
    by_uid, by_number = imap.uid_live_search(key), imap.live_search(~key)
    assert (list(by_uid.numbers), by_uid.is_live) == (found, True)
    assert (list(by_number.numbers), by_number.is_live) == ([3], True)
    with at.other() as other:
        other.select(at.mailbox)
        other.append(at.mailbox, "", None, TWO)
        other.uid("STORE", str(found[0]), "+FLAGS", "(\\Deleted)")
        other.expunge()
    for _ in range(20):
        _polled(imap)
    now = list(imap.uid_search(key))
    assert now == [*found[1:], found[-1] + 1]
    assert (list(by_uid.numbers), by_uid.is_live) == (now, True)
    assert (list(by_number.numbers), by_number.is_live) == (list(imap.search(~key)), True)
    imap.cancel_update(by_uid.tag)
    assert (by_uid.is_live, by_number.is_live) == (False, True)
    with at.other() as other:
        other.append(at.mailbox, "", None, ONE)
    for _ in range(20):
        _polled(imap)
    assert list(by_uid.numbers) == now


@offered_by("DC", "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES")
def thread(at: Connection) -> None:
    imap = filled(at)
    one, two, three = at.uids
    assert imap.uid_thread() == (ThreadBranch((one, two)), ThreadBranch((three,)))
    by_subject = imap.uid_thread(algorithm="ORDEREDSUBJECT")
    assert by_subject == (ThreadBranch((two, one)), ThreadBranch((three,)))


@offered_by("DC", "THREAD=REFS")
def thread_refs(at: Connection) -> None:
    imap = filled(at)
    one, two, three = at.uids
    found = imap.uid_thread(algorithm="REFS")
    assert sorted(sorted(branch.numbers) for branch in found) == [[one, two], [three]]


@offered_by("D", "I18NLEVEL=1")
def international(at: Connection) -> None:
    """`i;unicode-casemap`: Greek letters are compared without their case."""
    at.fill([b"Subject: =?utf-8?q?=CE=B1=CE=B2=CE=B3?=\r\n\r\n", ONE])
    assert list(at.imap.uid_search(Subject("ΑΒΓ"), charset="UTF-8")) == at.uids[:1]


def _polled(imap: Any) -> tuple[Any, ...]:
    imap.noop()
    updates: tuple[Any, ...] = imap.poll()
    return updates


@offered_by("D", "NOTIFY")
def notify(at: Connection) -> None:
    """What another connection changes in the selected mailbox and in two others is told."""
    imap, second, third = filled(at), f"{at.mailbox}-2", f"{at.mailbox}-3"
    imap.create(second)
    imap.create(third)
    # Dovecot leaves the UID out where flags change; so they are to be known.
    imap.uid_fetch("1:*", FLAGS).all()
    new = NotifyEvent("MessageNew", (FLAGS, ENVELOPE))
    notified = imap.notify(
        EventGroup(MailboxFilter("selected-delayed"), (new, MESSAGE_EXPUNGE, FLAG_CHANGE)),
        EventGroup(MailboxFilter("mailboxes", (second,)), (MESSAGE_NEW, MESSAGE_EXPUNGE)),
        EventGroup(MailboxFilter("subtree", (third,)), (MAILBOX_NAME, SUBSCRIPTION_CHANGE)),
        status=True,
    )
    # Of mailboxes of whose messages nothing was asked too: Dovecot tells all.
    assert {data.mailbox: data.get("MESSAGES") for data in notified.statuses} == {second: 0, third: 0}
    with at.other() as other, imap.idle() as updates:
        (number,) = other.append(at.mailbox, "(\\Seen)", None, ONE)[1][0].split(b"]")[0].split()[-1:]
        told = wait_for(updates, lambda update: isinstance(update, NewMessages))
        (message,) = told.messages
        assert (list(told.uids), told.exists) == ([int(number)], 4)
        assert (message.uid, message.envelope.subject) == (int(number), b"one")
        assert "\\Seen" in message.flags
        other.append(second, "", None, ONE)
        wait_for(updates, lambda update: has_messages(update, second, 1))
        other.select(at.mailbox)
        other.uid("STORE", str(at.uids[0]), "+FLAGS", "(\\Deleted)")
        flags = wait_for(updates, lambda update: isinstance(update, FlagsChanged))
        assert (flags.uid, "\\Deleted" in flags.flags) == (at.uids[0], True)
        other.expunge()
        gone = wait_for(updates, lambda update: isinstance(update, Expunged))
        assert (gone.sequence_number, gone.uid) == (1, at.uids[0])
        other.create(f"{third}/new")
        wait_for(updates, lambda update: lists(update, f"{third}/new"))
        other.rename(f"{third}/new", f"{third}/old")
        moved = wait_for(updates, lambda update: lists(update, f"{third}/old"))
        assert moved.data.old_name == f"{third}/new"
        other.subscribe(third)
        subscribed = wait_for(updates, lambda update: lists(update, third))
        assert "\\Subscribed" in subscribed.data.attributes
    with pytest.raises(NotifyRefused) as refused:
        imap.notify(EventGroup(MailboxFilter("personal"), (SERVER_METADATA_CHANGE,)))
    # Dovecot names what it does not have, and without parentheses.
    assert refused.value.code == BadEventCode(("ServerMetadataChange",))
    assert imap.fetch(1, FLAGS).all()
    imap.notify(EventGroup(MailboxFilter("selected"), (MESSAGE_NEW, MESSAGE_EXPUNGE)))
    with pytest.raises(LocalProtocolError, match="use UIDs"):
        imap.fetch(1, FLAGS).all()
    assert imap.notify().statuses == ()


def wait_for(updates: Any, is_it: Callable[[Any], bool], seconds: float = 20) -> Any:
    """Return the first update that is the one; fail if it does not come in time."""
    end = time.monotonic() + seconds
    others = []
    while (update := updates.wait(max(0.0, end - time.monotonic()))) is not None:
        if is_it(update):
            return update
        others.append(update)
    pytest.fail(f"there were only {others}")


def has_messages(update: object, mailbox: str, messages: int) -> bool:
    """Whether *update* says that there are so many messages in *mailbox*."""
    data = update.data if isinstance(update, MailboxChanged) else None
    return isinstance(data, StatusData) and (data.mailbox, data.get("MESSAGES")) == (mailbox, messages)


def lists(update: object, mailbox: str) -> bool:
    """Whether *update* is about the name of *mailbox*."""
    data = update.data if isinstance(update, MailboxChanged) else None
    return isinstance(data, ListData) and data.mailbox == mailbox


def proofs_table() -> str:
    """Return the table of the documentation: who proved which capability."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 40 20 20 20", ""]
    rows = {**BEFORE_LOGIN, **AFTER_LOGIN}
    cells: list[tuple[str, ...]] = [("Capability", *PRODUCTS)]
    for name in sorted(rows):
        cells.append((f"``{name}``", *("yes" if one in rows[name].products else "" for one in PRODUCTS)))
    for first, *others in cells:
        lines += [f"   * - {first}", *(f"     - {other}".rstrip() for other in others)]
    return "\n".join(lines) + "\n"

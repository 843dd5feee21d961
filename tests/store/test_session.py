"""Tests of the session over a store: one dialogue for each command, as exact octets."""

from __future__ import annotations

import pytest

from mailproto.flow import Flow
from mailproto.imap.commands import Append, Command, Create, Expunge, UnknownCommand
from mailproto.imap.events import LiteralOffered
from mailproto.imap.sequence import UIDSet
from mailproto.imap.server import IMAPServerConnection
from mailproto.imap.status import Bad
from mailproto.imap.values import Streamed
from mailproto.limits import IMAPLimits
from mailproto.store import MemoryStore, StoreSession
from support_imap_server import NOW, Client, Signal
from support_store import MESSAGE, Plain, flags

SELECTED = (
    b"* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen)\r\n"
    b"* %d EXISTS\r\n"
    b"* %d RECENT\r\n"
    b"* OK [UNSEEN 1] the first that was not seen\r\n"
    b"* OK [PERMANENTFLAGS (\\* \\Answered \\Deleted \\Draft \\Flagged \\Seen)] flags that can be changed\r\n"
    b"* OK [UIDNEXT %d] the next UID\r\n"
    b"* OK [UIDVALIDITY 1] UIDs are valid\r\n"
    b"a OK [READ-WRITE] SELECT completed\r\n"
)
NESTED = (
    b"From: Alice <alice@example.org>\r\nTo: bob@example.org\r\nSubject: outer\r\n"
    b"Date: Thu, 29 Feb 2024 23:30:00 -0500\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nfirst\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside\r\n"
    b"--b--\r\n"
)


class Account:
    """A store, and clients that have selected INBOX."""

    def __init__(self, *messages: bytes) -> None:
        self.store = MemoryStore()
        self.plain = Plain(self.store)
        for octets in messages:
            self.plain.append(octets=octets)

    def client(self, command: bytes = b"SELECT INBOX", **options: object) -> Client:
        """Return a client that has said *command*."""
        client = Client(self.store, **options)  # type: ignore[arg-type]  # of the test
        client.say(b"a " + command + b"\r\n")
        return client


@pytest.fixture
def account() -> Account:
    return Account(MESSAGE, MESSAGE, MESSAGE)


def check(client: Client, *dialogue: tuple[bytes, bytes]) -> None:
    """Say each command, with the tag "a", and compare the answer."""
    for command, answer in dialogue:
        assert client.say(b"a %b\r\n" % command) == answer, command


def test_select(account: Account) -> None:
    client = account.client(b"NOOP")
    assert client.say(b"a SELECT inbox\r\n") == SELECTED % (3, 3, 4)
    assert client.say(b"a SELECT INBOX\r\n") == SELECTED % (3, 0, 4)


def test_select_tells_keywords_and_no_unseen(account: Account) -> None:
    for uid in (1, 2, 3):
        account.plain.set_flags(uid, flags("\\Seen", "$Label"))
    answer = account.client(b"NOOP").say(b"a SELECT INBOX\r\n")
    assert answer.startswith(b"* FLAGS ($Label \\Answered \\Deleted \\Draft \\Flagged \\Seen)\r\n")
    assert b"UNSEEN" not in answer


def test_examine_changes_nothing(account: Account) -> None:
    client = account.client(b"NOOP")
    answer = client.say(b"a EXAMINE INBOX\r\n")
    assert b"* 3 RECENT\r\n" in answer
    assert b"[PERMANENTFLAGS ()]" in answer
    assert answer.endswith(b"a OK [READ-ONLY] EXAMINE completed\r\n")
    refused = b"a NO [READ-ONLY] the mailbox is selected read-only\r\n"
    account.store.create("work")
    check(
        client,
        (b"STORE 1 +FLAGS (\\Seen)", refused),
        (b"MOVE 1 work", refused),
        (b"EXPUNGE", refused),
        (b"UID EXPUNGE 1", refused),
        (b"FETCH 1 BODY[TEXT]", b"* 1 FETCH (BODY[TEXT] {9}\r\nA line.\r\n)\r\na OK FETCH completed\r\n"),
        (b"COPY 1 work", b"a OK [COPYUID 2 1 1] COPY completed\r\n"),
    )
    account.plain.set_flags(1, flags("\\Deleted"))
    assert client.say(b"a CLOSE\r\n") == b"a OK CLOSE completed\r\n"
    assert account.plain.flags() == {1: flags("\\Deleted"), 2: flags(), 3: flags()}
    assert b"* 3 RECENT\r\n" in client.say(b"a SELECT INBOX\r\n")


def test_select_that_fails_leaves_nothing_selected(account: Account) -> None:
    client = account.client()
    check(
        client,
        (b"SELECT missing", b"a NO [NONEXISTENT] no such mailbox\r\n"),
        (b"SELECT INBOX", SELECTED % (3, 0, 4)),
    )
    client.say(b"a SELECT missing\r\n")
    assert client.say(b"a FETCH 1 FLAGS\r\n").startswith(b"a BAD ")


def test_create_and_delete(account: Account) -> None:
    check(
        account.client(),
        (b"CREATE work", b"a OK CREATE completed\r\n"),
        (b"CREATE work", b"a NO [ALREADYEXISTS] there is such a mailbox\r\n"),
        (b"CREATE inbox", b"a NO [ALREADYEXISTS] there is such a mailbox\r\n"),
        (b"CREATE work/2024/", b"a OK CREATE completed\r\n"),
        (b"CREATE work//x", b"a NO [CANNOT] a level of the name is empty\r\n"),
        (b"CREATE &AOk-t&AOk-", b"a OK CREATE completed\r\n"),
        (b'LIST "" &AOk-*', b'* LIST (\\HasNoChildren) "/" &AOk-t&AOk-\r\na OK LIST completed\r\n'),
        (b"DELETE work", b"a OK DELETE completed\r\n"),
        (b"DELETE work", b"a NO [CANNOT] it is no mailbox, and there are mailboxes below it\r\n"),
        (b"DELETE work/2024", b"a OK DELETE completed\r\n"),
        (b"DELETE work", b"a NO [NONEXISTENT] no such mailbox\r\n"),
        (b"DELETE inbox", b"a NO [CANNOT] INBOX cannot be deleted\r\n"),
    )


def test_rename_takes_what_is_below_along(account: Account) -> None:
    for name in ("work", "work/a", "work/a/b", "workshop", "other"):
        account.store.create(name)
    account.plain.append("work/a")
    check(
        account.client(),
        (b"RENAME work other", b"a NO [ALREADYEXISTS] there is such a mailbox\r\n"),
        (b"RENAME work work/x", b"a NO [CANNOT] a mailbox cannot be put below itself\r\n"),
        (b"RENAME missing x", b"a NO [NONEXISTENT] no such mailbox\r\n"),
        (b"RENAME work jobs/old", b"a OK RENAME completed\r\n"),
    )
    assert sorted(account.plain.names()) == [
        "INBOX", "jobs/old", "jobs/old/a", "jobs/old/a/b", "other", "workshop",
    ]  # fmt: skip
    assert account.plain.flags("jobs/old/a") == {1: flags()}


def test_rename_of_a_name_that_only_stands_above(account: Account) -> None:
    account.store.create("a/b")
    account.store.create("c/b")
    check(
        account.client(),
        (b"RENAME a c", b"a NO [ALREADYEXISTS] there is such a mailbox\r\n"),
        (b"RENAME a d", b"a OK RENAME completed\r\n"),
    )
    assert sorted(account.plain.names()) == ["INBOX", "c/b", "d/b"]


def test_rename_to_names_that_are_too_long(account: Account) -> None:
    account.store.create("a/" + "b" * 900)
    answer = account.client().say(b"a RENAME a %b\r\n" % (b"c" * 200))
    assert answer == b"a NO [CANNOT] the name has more than 1000 characters\r\n"


def test_rename_of_inbox_moves_its_messages(account: Account) -> None:
    account.store.create("INBOX/sub")
    client = account.client()
    assert client.say(b"a RENAME INBOX old\r\n") == (
        b"* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\na OK RENAME completed\r\n"
    )
    assert sorted(account.plain.names()) == ["INBOX", "INBOX/sub", "old"]
    assert list(account.plain.flags("old")) == [1, 2, 3]
    check(client, (b"RENAME INBOX empty", b"a OK RENAME completed\r\n"))
    assert account.plain.flags("empty") == {}


def test_rename_of_the_selected_mailbox(account: Account) -> None:
    account.store.create("work")
    account.plain.append("work")
    client = account.client(b"SELECT work")
    check(
        client,
        (b"RENAME work jobs", b"a OK RENAME completed\r\n"),
        (b"FETCH 1 UID", b"* 1 FETCH (UID 1)\r\na OK FETCH completed\r\n"),
    )


def test_subscriptions(account: Account) -> None:
    account.store.create("work/2024")
    check(
        account.client(),
        (b"SUBSCRIBE work/2024", b"a OK SUBSCRIBE completed\r\n"),
        (b"SUBSCRIBE gone", b"a OK SUBSCRIBE completed\r\n"),
        (b"SUBSCRIBE a//b", b"a NO [CANNOT] a level of the name is empty\r\n"),
        (b'LSUB "" *', b'* LSUB () "/" gone\r\n* LSUB () "/" work/2024\r\na OK LSUB completed\r\n'),
        (b'LSUB "" %', b'* LSUB () "/" gone\r\n* LSUB (\\Noselect) "/" work\r\na OK LSUB completed\r\n'),
        (b"LSUB work/ %", b'* LSUB () "/" work/2024\r\na OK LSUB completed\r\n'),
        (b"UNSUBSCRIBE gone", b"a OK UNSUBSCRIBE completed\r\n"),
        (b"UNSUBSCRIBE never", b"a OK UNSUBSCRIBE completed\r\n"),
        (b'LSUB "" *', b'* LSUB () "/" work/2024\r\na OK LSUB completed\r\n'),
    )


def test_list(account: Account) -> None:
    account.store.create("work/2024")
    check(
        account.client(),
        (b'LIST "" ""', b'* LIST (\\Noselect) "/" ""\r\na OK LIST completed\r\n'),
        (b'LIST work/ ""', b'* LIST (\\Noselect) "/" ""\r\na OK LIST completed\r\n'),
        (
            b'LIST "" %',
            b'* LIST (\\HasNoChildren) "/" INBOX\r\n* LIST (\\HasChildren \\Noselect) "/" work\r\n'
            b"a OK LIST completed\r\n",
        ),
        (b"LIST work/ *", b'* LIST (\\HasNoChildren) "/" work/2024\r\na OK LIST completed\r\n'),
        (b"LIST work inbox", b"a OK LIST completed\r\n"),
    )


def test_status(account: Account) -> None:
    account.plain.set_flags(2, flags("\\Seen"))
    account.store.create("work")
    account.client()
    account.plain.append()
    client = account.client(b"NOOP")
    check(
        client,
        (
            b"STATUS inbox (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)",
            b"* STATUS INBOX (MESSAGES 4 RECENT 1 UIDNEXT 5 UIDVALIDITY 1 UNSEEN 3)\r\n"
            b"a OK STATUS completed\r\n",
        ),
        (
            b"STATUS work (UIDVALIDITY UIDNEXT)",
            b"* STATUS work (UIDVALIDITY 2 UIDNEXT 1)\r\na OK STATUS completed\r\n",
        ),
        (b"STATUS missing (MESSAGES)", b"a NO [NONEXISTENT] no such mailbox\r\n"),
        (
            b"STATUS INBOX (APPENDLIMIT MESSAGES)",
            b"* STATUS INBOX (APPENDLIMIT 52428800 MESSAGES 4)\r\na OK STATUS completed\r\n",
        ),
        (b"STATUS INBOX (X-SIZE)", b"a BAD unknown item X-SIZE\r\n"),
    )


def test_namespace_and_enable(account: Account) -> None:
    check(
        account.client(b"NOOP"),
        (b"NAMESPACE", b'* NAMESPACE (("" "/")) NIL NIL\r\na OK NAMESPACE completed\r\n'),
        (b"ENABLE X-WHATEVER", b"* ENABLED\r\na OK ENABLE completed\r\n"),
    )


def test_append(account: Account) -> None:
    client = account.client(b"NOOP")
    command = b'APPEND INBOX (\\Seen $A) "29-Feb-2024 01:02:03 -0800" {5+}\r\nhello'
    assert client.say(b"a %b\r\n" % command) == b"a OK [APPENDUID 1 4] APPEND completed\r\n"
    assert client.say(b"a APPEND INBOX {5+}\r\nworld\r\n") == b"a OK [APPENDUID 1 5] APPEND completed\r\n"
    dated, undated = account.plain.changes().messages[3:]
    assert dated.flags == flags("\\Seen", "$A")
    assert dated.internal_date.isoformat() == "2024-02-29T01:02:03-08:00"
    assert undated.internal_date.isoformat() == "2024-02-29T12:00:00+00:00"
    assert [account.plain.read(uid) for uid in (4, 5)] == [b"hello", b"world"]


def test_append_to_the_selected_mailbox_is_announced(account: Account) -> None:
    client = account.client()
    assert client.say(b"a APPEND INBOX {5+}\r\nhello\r\n") == (
        b"* 4 EXISTS\r\n* 4 RECENT\r\na OK [APPENDUID 1 4] APPEND completed\r\n"
    )


def test_append_to_a_mailbox_that_is_missing(account: Account) -> None:
    client = account.client(limits=IMAPLimits(max_inline_literal=10))
    refused = b"a NO [TRYCREATE] no such mailbox\r\n"
    assert client.say(b"a APPEND missing {5+}\r\nhello\r\n") == refused
    assert client.say(b"a APPEND missing {100}\r\n") == refused


def test_append_of_a_large_message_is_streamed(account: Account) -> None:
    client = account.client(b"NOOP", limits=IMAPLimits(max_inline_literal=10))
    octets = MESSAGE * 10_000
    assert client.say(b"a APPEND INBOX {%d}\r\n" % len(octets)).startswith(b"+ ")
    for start in range(0, len(octets), 50_000):
        assert client.say(octets[start : start + 50_000]) == b""
    assert client.say(b"\r\n") == b"a OK [APPENDUID 1 4] APPEND completed\r\n"
    assert account.plain.read(4) == octets


def test_fetch_of_what_the_store_knows(account: Account) -> None:
    account.plain.set_flags(2, flags("\\Seen"))
    check(
        account.client(),
        (
            b"FETCH 1:2 FAST",
            b'* 1 FETCH (FLAGS (\\Recent) INTERNALDATE "29-Feb-2024 23:59:58 +0530" RFC822.SIZE 52)\r\n'
            b"* 2 FETCH (FLAGS (\\Recent \\Seen)"
            b' INTERNALDATE "29-Feb-2024 23:59:58 +0530" RFC822.SIZE 52)\r\n'
            b"a OK FETCH completed\r\n",
        ),
        (b"FETCH * UID", b"* 3 FETCH (UID 3)\r\na OK FETCH completed\r\n"),
        (b"UID FETCH 2 FLAGS", b"* 2 FETCH (UID 2 FLAGS (\\Recent \\Seen))\r\na OK FETCH completed\r\n"),
        (
            b"UID FETCH 2 (FLAGS UID UID)",
            b"* 2 FETCH (UID 2 FLAGS (\\Recent \\Seen))\r\na OK FETCH completed\r\n",
        ),
        (b"UID FETCH 77 FLAGS", b"a OK FETCH completed\r\n"),
        (b"UID FETCH 77:* UID", b"* 3 FETCH (UID 3)\r\na OK FETCH completed\r\n"),
        (b"FETCH 4 FLAGS", b"a BAD there are 3 messages\r\n"),
        (b"FETCH 1 X-MAGIC", b"a BAD unknown item X-MAGIC\r\n"),
    )


def test_fetch_from_an_empty_mailbox() -> None:
    check(
        Account().client(),
        (b"FETCH 1:* FLAGS", b"a BAD there are 0 messages\r\n"),
        (b"UID FETCH 1:* FLAGS", b"a OK FETCH completed\r\n"),
    )


def test_fetch_of_the_structure() -> None:
    envelope = b'(NIL "hello" ((NIL NIL "alice" "example.org")) ((NIL NIL "alice" "example.org"))' + (
        b' ((NIL NIL "alice" "example.org")) NIL NIL NIL NIL NIL)'
    )
    body = b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 9 1'
    answer = (
        b"* 1 FETCH (ENVELOPE %b BODY %b) BODYSTRUCTURE %b NIL NIL NIL NIL))\r\na OK FETCH completed\r\n"
        % (envelope, body, body)
    )
    client = Account(MESSAGE).client()
    check(client, *[(b"FETCH 1 (ENVELOPE BODY BODYSTRUCTURE)", answer)] * 2)


@pytest.mark.parametrize(
    ("item", "answer"),
    [
        (b"BODY[]", b"BODY[] {%d}\r\n%b" % (len(NESTED), NESTED)),
        (b"RFC822", b"RFC822 {%d}\r\n%b" % (len(NESTED), NESTED)),
        (b"RFC822.HEADER", b"RFC822.HEADER {%d}\r\n%b" % (NESTED.index(b"--b"), NESTED.partition(b"--b")[0])),
        (
            b"RFC822.TEXT",
            b"RFC822.TEXT {%d}\r\n%b" % (len(NESTED[NESTED.index(b"--b") :]), NESTED[NESTED.index(b"--b") :]),
        ),
        (
            b"BODY[HEADER.FIELDS (SUBJECT TO)]",
            b"BODY[HEADER.FIELDS (SUBJECT TO)] {39}\r\nTo: bob@example.org\r\nSubject: outer\r\n\r\n",
        ),
        (b"BODY[HEADER.FIELDS (NONE)]", b"BODY[HEADER.FIELDS (NONE)] {2}\r\n\r\n"),
        (b"BODY[1]", b"BODY[1] {5}\r\nfirst"),
        (b"BODY[1.MIME]", b"BODY[1.MIME] {43}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"),
        (b"BODY[2.HEADER]", b"BODY[2.HEADER] {18}\r\nSubject: inner\r\n\r\n"),
        (
            b"BODY[2.HEADER.FIELDS (SUBJECT)]",
            b"BODY[2.HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: inner\r\n\r\n",
        ),
        (b"BODY[2.TEXT]", b"BODY[2.TEXT] {6}\r\ninside"),
        (b"BODY[2.1]", b"BODY[2.1] {6}\r\ninside"),
        (b"BODY[3]", b"BODY[3] NIL"),
        (b"BODY[2.TEXT]<2.3>", b"BODY[2.TEXT]<2> {3}\r\nsid"),
        (b"BODY[2.TEXT]<4.100>", b"BODY[2.TEXT]<4> {2}\r\nde"),
        (b"BODY[2.TEXT]<6.1>", b"BODY[2.TEXT]<6> {0}\r\n"),
    ],
    ids=lambda value: value.decode()[:30] if value.startswith((b"BODY", b"RFC")) else None,
)
def test_fetch_of_sections(item: bytes, answer: bytes) -> None:
    account = Account(NESTED)
    account.plain.set_flags(1, flags("\\Seen"))
    client = account.client()
    expected = b"* 1 FETCH (%b)\r\na OK FETCH completed\r\n" % answer
    assert client.say(b"a FETCH 1 %b\r\n" % item) == expected
    assert client.say(b"a FETCH 1 %b\r\n" % item) == expected


def test_fetch_marks_as_seen_what_it_shows(account: Account) -> None:
    client, other = account.client(), account.client()
    text = b"BODY[TEXT] {9}\r\nA line.\r\n"
    check(
        client,
        (b"FETCH 1 BODY.PEEK[TEXT]", b"* 1 FETCH (%b)\r\na OK FETCH completed\r\n" % text),
        (
            b"FETCH 1 RFC822.HEADER",
            b"* 1 FETCH (RFC822.HEADER {43}\r\n%b)\r\na OK FETCH completed\r\n" % MESSAGE[:43],
        ),
        (b"FETCH 1 BODY[TEXT]", b"* 1 FETCH (FLAGS (\\Recent \\Seen) %b)\r\na OK FETCH completed\r\n" % text),
        (b"FETCH 1 BODY[TEXT]", b"* 1 FETCH (%b)\r\na OK FETCH completed\r\n" % text),
        (
            b"FETCH 2 (BODY[TEXT] FLAGS)",
            b"* 2 FETCH (FLAGS (\\Recent \\Seen) %b)\r\na OK FETCH completed\r\n" % text,
        ),
        (b"NOOP", b"a OK NOOP completed\r\n"),
    )
    assert other.say(b"a NOOP\r\n") == (
        b"* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (FLAGS (\\Seen))\r\na OK NOOP completed\r\n"
    )


def test_fetch_sends_no_nul() -> None:
    client = Account(b"Subject: a\0b\r\n\r\n\0").client()
    assert client.say(b"a FETCH 1 (ENVELOPE BODY.PEEK[])\r\n") == (
        b"* 1 FETCH (ENVELOPE (NIL {3}\r\na\x80b NIL NIL NIL NIL NIL NIL NIL NIL) BODY[] {17}\r\n"
        b"Subject: a\x80b\r\n\r\n\x80)\r\na OK FETCH completed\r\n"
    )


def test_fetch_of_a_large_body_is_sent_in_chunks() -> None:
    octets = b"Subject: large\r\n\r\n" + b"0123456789abcde\n" * 40_000
    client = Account(octets, MESSAGE, octets).client()
    answer = client.say(b"a FETCH 1:3 (UID BODY.PEEK[] BODY.PEEK[TEXT]<3.200000>)\r\n")
    assert (
        answer
        == b"".join(
            b"* %d FETCH (UID %d BODY[] {%d}\r\n%b BODY[TEXT]<3> {%d}\r\n%b)\r\n"
            % (number, number, len(message), message, len(part), part)
            for number, message in enumerate((octets, MESSAGE, octets), start=1)
            for part in [message.partition(b"\r\n\r\n")[2][3:200_003]]
        )
        + b"a OK FETCH completed\r\n"
    )
    assert client.most_unsent < 200_000


def test_fetch_of_many_bodies_holds_few() -> None:
    octets = b"Subject: x\r\n\r\n" + b"0123456789abcde\n" * 1_000
    client = Account(*[octets] * 300).client()
    before = client.calls
    answer = client.say(b"a FETCH 1:* BODY.PEEK[]\r\n")
    assert answer.count(octets) == 300
    assert client.most_unsent < 120_000
    assert client.calls - before < 100


def test_fetch_of_many_messages_is_few_calls() -> None:
    client = Account(*[MESSAGE] * 400).client()
    before = client.calls
    client.say(b"a UID FETCH 1:* (FLAGS RFC822.SIZE)\r\n")
    assert client.calls - before == 1


def test_store(account: Account) -> None:
    client = account.client()
    check(
        client,
        (
            b"STORE 1:2 +FLAGS (\\Flagged)",
            b"* 1 FETCH (FLAGS (\\Flagged \\Recent))\r\n* 2 FETCH (FLAGS (\\Flagged \\Recent))\r\n"
            b"a OK STORE completed\r\n",
        ),
        (b"STORE 1 -FLAGS \\flagged", b"* 1 FETCH (FLAGS (\\Recent))\r\na OK STORE completed\r\n"),
        (
            b"STORE 2 FLAGS (\\Seen \\Draft)",
            b"* 2 FETCH (FLAGS (\\Draft \\Recent \\Seen))\r\na OK STORE completed\r\n",
        ),
        (
            b"UID STORE 3 FLAGS ($New)",
            b"* FLAGS ($New \\Answered \\Deleted \\Draft \\Flagged \\Seen)\r\n"
            b"* 3 FETCH (UID 3 FLAGS ($New \\Recent))\r\na OK STORE completed\r\n",
        ),
        (b"STORE 3 FLAGS ()", b"* 3 FETCH (FLAGS (\\Recent))\r\na OK STORE completed\r\n"),
        (b"STORE 1:3 +FLAGS.SILENT (\\Answered)", b"a OK STORE completed\r\n"),
        (b"NOOP", b"a OK NOOP completed\r\n"),
        (b"STORE 4 +FLAGS (\\Seen)", b"a BAD there are 3 messages\r\n"),
        (b"UID STORE 44 +FLAGS (\\Seen)", b"a OK STORE completed\r\n"),
    )
    assert account.plain.flags() == {
        1: flags("\\Answered"), 2: flags("\\Answered", "\\Seen", "\\Draft"), 3: flags("\\Answered"),
    }  # fmt: skip


def test_keywords_are_not_without_number(account: Account) -> None:
    client = account.client()
    many = b" ".join(b"k%d" % number for number in range(990))
    client.say(b"a STORE 1 +FLAGS.SILENT (%b)\r\n" % many)
    assert client.say(b"a STORE 2 FLAGS (x)\r\n").endswith(b"a OK STORE completed\r\n")
    more = b" ".join(b"n%d" % number for number in range(20))
    check(client, (b"STORE 2 +FLAGS (%b)" % more, b"a NO [LIMIT] too many keywords\r\n"))


def test_flags_that_others_set_are_told(account: Account) -> None:
    client, other = account.client(), account.client()
    other.say(b"a STORE 2 +FLAGS.SILENT (\\Seen $New)\r\n")
    assert client.say(b"a NOOP\r\n") == (
        b"* FLAGS ($New \\Answered \\Deleted \\Draft \\Flagged \\Seen)\r\n"
        b"* 2 FETCH (FLAGS ($New \\Recent \\Seen))\r\na OK NOOP completed\r\n"
    )
    other.say(b"a STORE 1 +FLAGS (\\Flagged)\r\n")
    assert client.say(b"a STORE 2 +FLAGS.SILENT (\\Draft)\r\n") == (
        b"* 1 FETCH (FLAGS (\\Flagged \\Recent))\r\na OK STORE completed\r\n"
    )


def test_copy(account: Account) -> None:
    account.store.create("work")
    account.plain.set_flags(3, flags("\\Seen", "$A"))
    check(
        account.client(),
        (b"COPY 1,3 work", b"a OK [COPYUID 2 1,3 1:2] COPY completed\r\n"),
        (b"UID COPY 2 work", b"a OK [COPYUID 2 2 3] UID COPY completed\r\n"),
        (b"UID COPY 77 work", b"a OK UID COPY completed\r\n"),
        (b"COPY 1 missing", b"a NO [TRYCREATE] no such mailbox\r\n"),
        (b"UID COPY 77 missing", b"a NO [TRYCREATE] no such mailbox\r\n"),
        (b"COPY 9 work", b"a BAD there are 3 messages\r\n"),
        (b"COPY 1 inbox", b"* 4 EXISTS\r\n* 4 RECENT\r\na OK [COPYUID 1 1 4] COPY completed\r\n"),
    )
    assert account.plain.flags("work") == {1: flags(), 2: flags("\\Seen", "$A"), 3: flags()}


def test_move(account: Account) -> None:
    account.store.create("work")
    check(
        account.client(),
        (
            b"MOVE 1:2 work",
            b"* OK [COPYUID 2 1:2 1:2] moved\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\na OK MOVE completed\r\n",
        ),
        (b"UID MOVE 3 work", b"* OK [COPYUID 2 3 3] moved\r\n* 1 EXPUNGE\r\na OK UID MOVE completed\r\n"),
        (b"UID MOVE 3 work", b"a OK UID MOVE completed\r\n"),
        (b"UID MOVE 3 missing", b"a NO [TRYCREATE] no such mailbox\r\n"),
    )


def test_expunge(account: Account) -> None:
    client = account.client()
    client.say(b"a STORE 1,3 +FLAGS.SILENT (\\Deleted)\r\n")
    check(
        client,
        (b"UID EXPUNGE 2:3", b"* 3 EXPUNGE\r\na OK UID EXPUNGE completed\r\n"),
        (b"UID EXPUNGE 2:3", b"a OK UID EXPUNGE completed\r\n"),
        (b"EXPUNGE", b"* 1 EXPUNGE\r\na OK EXPUNGE completed\r\n"),
        (b"EXPUNGE", b"a OK EXPUNGE completed\r\n"),
        (b"FETCH 1:* UID", b"* 1 FETCH (UID 2)\r\na OK FETCH completed\r\n"),
    )


def test_expunge_sees_what_others_marked(account: Account) -> None:
    client = account.client()
    account.plain.set_flags(2, flags("\\Deleted"))
    assert client.say(b"a EXPUNGE\r\n") == b"* 2 EXPUNGE\r\na OK EXPUNGE completed\r\n"


def test_close_expunges_silently(account: Account) -> None:
    client, other = account.client(), account.client()
    client.say(b"a STORE 2 +FLAGS.SILENT (\\Deleted)\r\n")
    check(client, (b"CLOSE", b"a OK CLOSE completed\r\n"))
    assert list(account.plain.flags()) == [1, 3]
    check(other, (b"NOOP", b"* 2 EXPUNGE\r\na OK NOOP completed\r\n"))


def test_unselect_expunges_nothing(account: Account) -> None:
    client = account.client()
    client.say(b"a STORE 2 +FLAGS.SILENT (\\Deleted)\r\n")
    check(client, (b"UNSELECT", b"a OK UNSELECT completed\r\n"), (b"NOOP", b"a OK NOOP completed\r\n"))
    assert list(account.plain.flags()) == [1, 2, 3]


def test_check_and_noop_tell_the_news(account: Account) -> None:
    client = account.client()
    account.plain.append()
    check(
        client,
        (b"NOOP", b"* 4 EXISTS\r\n* 4 RECENT\r\na OK NOOP completed\r\n"),
        (b"CHECK", b"a OK CHECK completed\r\n"),
    )


def test_recent_belongs_to_one_session(account: Account) -> None:
    first, second = account.client(), account.client()
    check(second, (b"SEARCH RECENT", b"* SEARCH\r\na OK SEARCH completed\r\n"))
    account.plain.append()
    check(
        second,
        (b"NOOP", b"* 4 EXISTS\r\n* 1 RECENT\r\na OK NOOP completed\r\n"),
        (b"SEARCH RECENT", b"* SEARCH 4\r\na OK SEARCH completed\r\n"),
    )
    check(first, (b"NOOP", b"* 4 EXISTS\r\n* 3 RECENT\r\na OK NOOP completed\r\n"))


def test_no_expunge_during_fetch_store_and_search(account: Account) -> None:
    client, other = account.client(), account.client()
    other.say(b"a STORE 1 +FLAGS.SILENT (\\Deleted)\r\na EXPUNGE\r\n")
    check(
        client,
        (
            b"FETCH 1:3 UID",
            b"* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\na OK [EXPUNGEISSUED] FETCH completed\r\n",
        ),
        (b"FETCH 1 BODY[]", b"a OK [EXPUNGEISSUED] FETCH completed\r\n"),
        (b"SEARCH ALL", b"* SEARCH 2 3\r\na OK [EXPUNGEISSUED] SEARCH completed\r\n"),
        (
            b"STORE 1:2 +FLAGS (a)",
            b"* FLAGS (\\Answered \\Deleted \\Draft \\Flagged \\Seen a)\r\n"
            b"* 2 FETCH (FLAGS (\\Recent a))\r\na OK [EXPUNGEISSUED] STORE completed\r\n",
        ),
        (b"STORE 1 +FLAGS (a)", b"a NO [EXPUNGEISSUED] the messages were expunged\r\n"),
        (b"STORE 1 +FLAGS.SILENT (a)", b"a OK [EXPUNGEISSUED] STORE completed\r\n"),
        (
            b"COPY 1:2 INBOX",
            b"* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 3 RECENT\r\na OK [COPYUID 1 2 4] COPY completed\r\n",
        ),
        (b"FETCH 1 UID", b"* 1 FETCH (UID 2)\r\na OK FETCH completed\r\n"),
    )


def test_uid_commands_may_tell_expunges(account: Account) -> None:
    client, other = account.client(), account.client()
    other.say(b"a STORE 1 +FLAGS.SILENT (\\Deleted)\r\na EXPUNGE\r\n")
    check(
        client,
        (
            b"UID FETCH 1:3 UID",
            b"* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n* 1 EXPUNGE\r\na OK FETCH completed\r\n",
        ),
    )


def test_new_messages_can_be_fetched_at_once(account: Account) -> None:
    client = account.client()
    account.plain.append()
    check(
        client,
        (b"UID FETCH 4 UID", b"* 4 EXISTS\r\n* 4 RECENT\r\n* 4 FETCH (UID 4)\r\na OK FETCH completed\r\n"),
    )


def test_idle_pushes_everything(account: Account) -> None:
    wake = Signal()
    client = account.client(wake=wake)
    assert client.say(b"a IDLE\r\n").startswith(b"+ ")
    account.plain.append()
    account.plain.set_flags(2, flags("\\Seen"))
    other = account.client()
    other.say(b"a STORE 1 +FLAGS.SILENT (\\Deleted)\r\na EXPUNGE\r\n")
    assert wake.is_set()
    assert client.wait() == (
        b"* 1 EXPUNGE\r\n* 3 EXISTS\r\n* 2 RECENT\r\n* 1 FETCH (FLAGS (\\Recent \\Seen))\r\n"
    )
    account.store.create("elsewhere")
    assert not wake.is_set()
    assert client.say(b"DONE\r\n") == b"a OK completed\r\n"
    account.plain.append()
    assert not wake.is_set()


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "created again"])
def test_a_selected_mailbox_that_goes_away_is_empty(again: bool) -> None:
    account = Account()
    account.store.create("work")
    for _ in range(2):
        account.plain.append("work")
    client = account.client(b"SELECT work")
    account.store.delete("work")
    if again:
        account.store.create("work")
        account.plain.append("work")
    check(
        client,
        (b"FETCH 1 UID", b"a OK [EXPUNGEISSUED] FETCH completed\r\n"),
        (b"NOOP", b"* 2 EXPUNGE\r\n* 1 EXPUNGE\r\na OK NOOP completed\r\n"),
        (b"UID FETCH 1:* UID", b"a OK FETCH completed\r\n"),
        (b"UNSELECT", b"a OK UNSELECT completed\r\n"),
    )


def test_messages_that_come_and_go_between_two_looks(account: Account) -> None:
    client = account.client()
    uids = [account.plain.append() for _ in range(9)]
    account.store.expunge("INBOX", UIDSet.of([2, *uids]))
    check(client, (b"NOOP", b"* 2 EXPUNGE\r\na OK NOOP completed\r\n"))


def test_a_message_that_does_not_arrive_whole_is_forgotten(account: Account) -> None:
    client = account.client(b"NOOP", limits=IMAPLimits(max_inline_literal=10))
    client.say(b"a APPEND INBOX {100+}\r\n0123456789")
    client.hang_up()
    assert client.is_done
    assert len(account.plain.flags()) == 3


class Direct:
    """A session that is used without the checks of a connection."""

    def __init__(self, store: MemoryStore) -> None:
        self.conn = IMAPServerConnection()
        self.session = StoreSession(store, clock=lambda: NOW)

    def handle(self, command: Command) -> object:
        return self.run(self.session.handle(self.conn, command))

    def run(self, flow: Flow[object]) -> object:
        """Return what *flow* returns; it must call nothing."""
        with pytest.raises(StopIteration) as stopped:
            flow.send(None)
        return stopped.value.value


def test_commands_that_no_connection_lets_through(account: Account) -> None:
    direct = Direct(account.store)
    assert direct.handle(UnknownCommand("X-MAGIC")) == Bad("unknown command")
    assert direct.handle(Expunge()) == Bad("select a mailbox first")
    assert direct.handle(Append("INBOX", Streamed(10))) == Bad("the message is too large")
    offer = LiteralOffered("a", Create("x"), 0, 10, True)
    assert direct.run(direct.session.offer(offer)) == Bad("no large literal is expected here")


def test_a_large_literal_elsewhere_is_refused(account: Account) -> None:
    client = account.client(limits=IMAPLimits(max_inline_literal=10))
    assert client.say(b"a CREATE {20}\r\n").startswith(b"a BAD ")

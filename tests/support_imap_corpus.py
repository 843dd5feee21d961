"""One value at least of everything that IMAP carries, and copies in which one argument is something else.

The values are those of the RFCs' examples (tests/transcripts/imap) and of the tables of the attack tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from mailproto._secret import Secret
from mailproto.imap.codec import Incomplete, Opaque, parse_commands, parse_responses
from mailproto.imap.commands import TaggedCommand
from mailproto.imap.fetch import Answer
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.responses import ContinuationRequest, UnreadResponse
from mailproto.imap.sequence import NumberSet

__all__ = ["COMMAND_LINES", "RESPONSE_LINES", "commands_in", "copies", "responses_in", "transcripts"]

FOLDER = Path(__file__).parent / "transcripts" / "imap"

COMMAND_LINES = [
    b"a LOGIN {4}\r\nfred {4+}\r\npass\r\n",
    b"a AUTHENTICATE PLAIN\r\nAHUAcA==\r\n",
    b"a STARTTLS\r\n",
    b"a LOGOUT\r\n",
    b"a SELECT INBOX\r\n",
    b"a APPEND x (\\Seen) {30+}\r\n" + b"m" * 30 + b"\r\n",
    b'a SEARCH CHARSET UTF-8 OR TEXT {3}\r\nabc NOT (1:5 FROM "x")\r\n',
    b"a UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (To {2}\r\nCc)]<0.10>)\r\n",
    b"a STORE 1,3:* -FLAGS.SILENT (\\Deleted x)\r\n",
    b'a LIST "" {1+}\r\n%\r\n',
    b"a IDLE\r\nDONE\r\n",
    b'a ID ("name" "x" "version" NIL)\r\n',
    b"a XYZZY (a (b {1}\r\nc) NIL) 5\r\n",
    b"a CAPABILITY\r\n",
    b"a NOOP\r\n",
    b"a CHECK\r\n",
    b"a CLOSE\r\n",
    b"a UNSELECT\r\n",
    b"a EXPUNGE\r\n",
    b"a NAMESPACE\r\n",
    b"a EXAMINE {3}\r\na b\r\n",
    b'a CREATE "a&-b"\r\n',
    b"a DELETE {3+}\r\nfoo\r\n",
    b"a RENAME {3}\r\nfoo {4+}\r\nbars\r\n",
    b"a SUBSCRIBE #news\r\n",
    b'a UNSUBSCRIBE "#news"\r\n',
    b'a LSUB {1}\r\n# "*"\r\n',
    b"a STATUS {3}\r\nfoo (MESSAGES UIDNEXT)\r\n",
    b"a FETCH 2:4 (ENVELOPE BODY[1.2.MIME])\r\n",
    b"a UID SEARCH UID 1:* SENTSINCE 1-Feb-1994\r\n",
    b"a UID STORE 1 FLAGS \\Seen x\r\n",
    b"a COPY 1:* {3}\r\nfoo\r\n",
    b"a UID COPY 1:* foo\r\n",
    b"a MOVE 1 {3+}\r\nfoo\r\n",
    b"a UID MOVE 1 foo\r\n",
    b"a UID EXPUNGE 1:3\r\n",
    b"a ENABLE CONDSTORE X-Y\r\n",
    b"a APPEND x (\\Seen) ~{30+}\r\n" + b"m\0" * 15 + b"\r\n",
    b"a APPEND x {3+}\r\nabc CATENATE (URL {3+}\r\nfoo TEXT {30+}\r\n" + b"m" * 30 + b")\r\n",
    b"a APPEND x UTF8 (~{30+}\r\n" + b"m" * 30 + b")\r\n",
    b'a ENABLE UTF8=ACCEPT\r\nb CREATE "\xc3\xa9"\r\n',
    b"a REPLACE 4 x {30+}\r\n" + b"m" * 30 + b"\r\n",
    b"a UID REPLACE * x (\\Seen) {3}\r\nabc\r\n",
    b"a FETCH 1 (BINARY.PEEK[1.2]<0.5> BINARY.SIZE[1])\r\n",
    b'a XLIST "" {1+}\r\n%\r\n',
    b"a COMPRESS DEFLATE\r\n",
    b"a UID STORE 1:* +X-GM-LABELS (\\Inbox {3+}\r\na b)\r\n",
    b"a RESETKEY {3}\r\na b INTERNAL XSAMPLE\r\n",
    b'a GENURLAUTH "imap://joe@h/m/;uid=20;urlauth=submit+fred" INTERNAL {3+}\r\na b X\r\n',
    b'a URLFETCH "imap://joe@h/m/;uid=20;urlauth=submit+fred:internal:0123" {3}\r\na b\r\n',
    b"a URLFETCH (a BODYPARTSTRUCTURE BINARY) ({3}\r\na b) c\r\n",
    b"a UNAUTHENTICATE\r\n",
    b'a RLIST {1+}\r\nx "*"\r\n',
    b'a RLSUB "" {1}\r\n%\r\n',
    b'a LANGUAGE {2+}\r\nde "default"\r\n',
    b'a COMPARATOR "cz;*" {7}\r\ni;basic\r\n',
    b"a GETJMAPACCESS\r\n",
    b"a GETQUOTA {3}\r\na b\r\n",
    b"a GETQUOTAROOT {3+}\r\na b\r\n",
    b'a SETQUOTA "" (STORAGE 512 MESSAGE 5)\r\n',
    b"a SETACL x {3+}\r\na b +lr\r\n",
    b"a DELETEACL x {3+}\r\na b\r\n",
    b"a GETACL {3}\r\na b\r\n",
    b"a LISTRIGHTS {3+}\r\na b y\r\n",
    b"a MYRIGHTS x\r\n",
    b'a GETMETADATA (MAXSIZE 5 X (a {1+}\r\nb) DEPTH 1) "" (/a {4+}\r\n/a b)\r\n',
    b"a STORE 1 ANNOTATION (/a (value.priv {30+}\r\n"
    + b"n" * 30
    + b' value.shared ~{3+}\r\n\0\0\0 x.priv "y"))\r\n',
    b"a APPEND x ANNOTATION (/a (value.priv {30+}\r\n"
    + b"n" * 30
    + b" value.shared NIL)) {30+}\r\n"
    + b"m" * 30
    + b"\r\n",
    b'a FETCH 1 (ANNOTATION ((/% "/a b" *) (value {4+}\r\nsize)))\r\n',
    b'a SORT (REVERSE ANNOTATION {2+}\r\n/a value.priv) UTF-8 ANNOTATION /% value "x"\r\n',
    b"a SETMETADATA x (/a {30+}\r\n" + b"m" * 30 + b" /b ~{3+}\r\n\0\0\0 /c NIL)\r\n",
    b"a SELECT {3}\r\nfoo (QRESYNC (1 2 1:5 (1:2 7:8)) X-Y (a {1}\r\nb))\r\n",
    b"a SORT RETURN (COUNT PARTIAL 1:5) (REVERSE DATE) UTF-8 TEXT {1}\r\nx\r\n",
    b"a UID SORT (SUBJECT) US-ASCII ALL\r\n",
    b"a THREAD REFERENCES UTF-8 FROM {3}\r\nfoo\r\n",
    b"a UID THREAD REFERENCES UTF-8 ALL\r\n",
    b"a ESEARCH IN (mailboxes ({3}\r\nfoo bar) personal) RETURN (ALL) ALL\r\n",
    b'a CANCELUPDATE "b" "c"\r\n',
    b"a NOTIFY SET STATUS (selected (MessageNew (UID BODY.PEEK[]) MessageExpunge)) "
    b"(mailboxes ({3}\r\nfoo bar) (MailboxName X))\r\n",
    b'a LIST (SUBSCRIBED X (a)) "" ({3}\r\nfoo %) RETURN (STATUS (MESSAGES) METADATA (/a {2}\r\n/b))\r\n',
    b"a CREATE {3}\r\nfoo (USE (\\Sent \\X))\r\n",
    b'a CONVERT 1:* ("text/plain" (charset {5}\r\nutf-8 "x" "?")) (BINARY[1.2]<0.5> UID)\r\n',
    b"a UID CONVERT 1 (NIL ({1+}\r\nx y)) BODY[1.MIME]\r\n",
    b'a CONVERSIONS {1}\r\n* "text/*"\r\n',
    b"a SEARCH NEW OLD RECENT SEEN ANSWERED UNANSWERED DRAFT UNDRAFT UNFLAGGED SAVEDATESUPPORTED OLDER 5\r\n",
    b"a SEARCH HEADER {1}\r\nx {1}\r\ny TO a CC b BCC c BODY d\r\n",
    b"a SEARCH ON 1-Feb-1994 BEFORE 1-Feb-1994 SENTON 1-Feb-1994 SENTBEFORE 1-Feb-1994\r\n",
    b"a SEARCH SAVEDBEFORE 1-Feb-1994 UIDBEFORE 5\r\n",
]
"""Each command that a table knows, and one that none does; with literals where they can stand."""

RESPONSE_LINES = [
    b'* 12 FETCH (FLAGS (\\Seen) UID 4 ENVELOPE ("d" "s" (("a" NIL "b" "c")) '
    b'NIL NIL NIL NIL NIL NIL "i"))\r\n',
    b"* 12 FETCH (BODY[1.TEXT]<0> {30}\r\n" + b"m" * 30 + b" UID 3)\r\n",
    b'* LIST (\\Noselect) "/" {3}\r\na/b\r\n',
    b"* OK [BADCHARSET ({5}\r\nUTF-8)] {3}\r\n",
    b'* ESEARCH (TAG "a" MAILBOX {3}\r\nfoo) UID ALL 1:5 ADDTO (0 7) X (a)\r\n* VANISHED (EARLIER) 1:5\r\n',
    b'* LIST () "/" foo ("CHILDINFO" ("SUBSCRIBED") OLDNAME ({1}\r\na) X (b))\r\n',
    b"* THREAD (2)(3 6 (4 23)(44 7 96))\r\n* SORT 5 3 (MODSEQ 9)\r\n",
    b"* SEARCH 1 2 3\r\n* 5 EXPUNGE\r\n+ go\r\n",
    b"A1 NO [ALERT] no\r\n",
    b'* QUOTA "" (STORAGE 10 512)\r\n* QUOTAROOT {3}\r\na b ""\r\n',
    b'* ACL x {3}\r\na b lr\r\n* LISTRIGHTS x y "" l r\r\n* MYRIGHTS x lr\r\n',
    b"* 1 FETCH (ANNOTATION (/a (value.priv {30}\r\n"
    + b"n" * 30
    + b' size.priv "30") /b (value.priv NIL)))\r\n'
    b"* 2 FETCH (ANNOTATION (/a /b) FLAGS ())\r\n* OK [ANNOTATIONS 20480 NOPRIVATE] x\r\n",
    b"* METADATA x (/a {30}\r\n" + b"m" * 30 + b' /b ~{3}\r\n\0\0\0 /c "x")\r\n* METADATA "" /a /b\r\n',
    b'* URLFETCH "imap://h/m/;uid=1" {30}\r\n' + b"m" * 30 + b' b NIL\r\n* GENURLAUTH "a b" c\r\n',
    b'* LANGUAGE (EN {2}\r\nDE)\r\n* COMPARATOR i;basic ("x")\r\n* JMAPACCESS "https://x/"\r\n',
    b'* OK [INPROGRESS ("a" 5 9)] x\r\n* BYE [REFERRAL imap://x/ imap://y/] z\r\n',
    b"* OK [URLMECH INTERNAL XSAMPLE=P34OKhO7VEkCbsiYY8rGEg==] done\r\n",
    b"A1 NO [METADATA MAXSIZE 5] no\r\n",
    b"A1 NO [ANNOTATE TOOBIG] no\r\n",
    b"* 12 UIDFETCH (FLAGS (\\Seen) UID 12 BODY[1] {30}\r\n" + b"m" * 30 + b")\r\n",
    b'* 12 CONVERTED (TAG "a") (UID 4 BINARY[1]<0> ~{30}\r\n' + b"m\0" * 15 + b" BINARY.SIZE[1] 30)\r\n",
    b'* 2 CONVERTED (TAG "a") (BODYPARTSTRUCTURE[2] ("A" "B" NIL NIL NIL "8bit" 42) AVAILABLECONVERSIONS[2] '
    b'(("a/b")) BINARY[3] (ERROR {1}\r\nx BADPARAMETERS NIL "a/b" ("c" d)) X (a))\r\n',
    b'* 2 CONVERTED (TAG "a") (BINARY[3] (ERROR "x" MISSINGPARAMETERS "a/b" "c/d" (e {1}\r\nf)) BINARY[4] '
    b'(ERROR "x" TEMPFAIL 5))\r\n* CONVERSION "a/b" "c/d" (e {1}\r\nf)\r\nA1 NO [MAXCONVERTPARTS 1] x\r\n',
    b"* 12 FETCH (BINARY[1]<0> ~{30}\r\n" + b"m\0" * 15 + b" BINARY.SIZE[1] 30)\r\n",
    b'* 1 FETCH (RFC822 {2}\r\nab RFC822.HEADER "h" RFC822.TEXT NIL)\r\n',
    b'* 1 FETCH (BODYSTRUCTURE (("text" "plain" ("a" "b") "i" "d" "7bit" 5 1 "m" ("inline" ("c" "d")) '
    b'"en" "l")("message" "rfc822" NIL NIL NIL "7bit" 5 ("d" "s" NIL NIL NIL NIL NIL NIL NIL "i") '
    b'("image" "png" NIL NIL NIL "base64" 9) 3) "mixed" ("boundary" "x") NIL ("de" "fr") NIL))\r\n',
    b"* OK [PERMANENTFLAGS (\\Seen x \\*)] x\r\n* OK [UIDVALIDITY 5] x\r\n* OK [UIDNEXT 5] x\r\n",
    b'* OK [UNSEEN 5] x\r\n* NO [BADCHARSET (UTF-8 {1}\r\nx)] x\r\n* NO [NOUPDATE "a"] x\r\n',
    b'* OK [INPROGRESS ("a" 1 2)] x\r\n',
]
"""Responses of many kinds, with literals where they can stand."""


def transcripts(side: str) -> list[bytes]:
    """Return what one *side*, "C" or "S", says in each of the transcripts."""
    return [
        b"".join(
            line.removeprefix(f"{side}:").removeprefix(" ").encode() + b"\r\n"
            for line in path.read_text("utf-8").split("\n")
            if line.startswith(f"{side}:")
        )
        for path in sorted(FOLDER.glob("*.txt"))
    ]


def commands_in(*texts: bytes) -> list[Any]:
    """Return the commands in *texts*, each once."""
    values = (value for text in texts for value in parse_commands(text, exchanges=1))
    return list(
        {repr(value.command): value.command for value in values if isinstance(value, TaggedCommand)}.values()
    )


def responses_in(*texts: bytes) -> list[Any]:
    """Return the responses in *texts*, each once."""
    values = (value for text in texts for value in parse_responses(text))
    return [
        value
        for value in {repr(value): value for value in values}.values()
        if not isinstance(value, UnreadResponse | ContinuationRequest | Incomplete | Opaque)
    ]


def copies(value: Any, evil: str) -> Iterator[Callable[[], Any]]:
    """Yield what makes copies of *value*, in each of which another string or set of numbers is *evil*."""
    if isinstance(value, FetchData):
        yield from _copies_of_fetch(value, evil)
    elif isinstance(value, str | bytes | Secret | NumberSet):
        yield lambda: _in_place_of(value, evil)
    else:
        for member, put in _members(value):
            for copy in copies(member, evil):
                yield lambda put=put, copy=copy: put(copy())  # type: ignore[misc]  # bound now


def _in_place_of(value: Any, evil: str) -> Any:
    """Return *evil* as the kind of thing that *value* is."""
    if isinstance(value, Secret):
        return Secret(_in_place_of(value.reveal(), evil))
    return evil.encode() if isinstance(value, bytes) else type(value)(evil)


def _members(value: Any) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
    """Yield each member of *value*, and what returns *value* with another one in its place."""
    if isinstance(value, frozenset):
        for member in value:
            yield member, lambda new, member=member: (value - {member}) | {new}  # type: ignore[misc]  # bound now
    elif isinstance(value, tuple):
        for index, member in enumerate(value):
            yield member, lambda new, index=index: _in_tuple(value, index, new)  # type: ignore[misc]  # bound now
    elif is_dataclass(value):
        for field in fields(value):
            if field.init and field.name != "defects":
                yield (
                    getattr(value, field.name),
                    lambda new, name=field.name: replace(value, **{name: new}),  # type: ignore[misc, type-var]  # bound now, and no class
                )


def _in_tuple(value: tuple[Any, ...], index: int, new: Any) -> Any:
    members = [*value[:index], new, *value[index + 1 :]]
    return type(value)(*members) if hasattr(value, "_fields") else tuple(members)


def _copies_of_fetch(value: FetchData, evil: str) -> Iterator[Callable[[], FetchData]]:
    for index, answer in enumerate(value.answers):
        for copy in copies(answer.value, evil):
            yield lambda index=index, copy=copy: type(value)(  # type: ignore[misc]  # bound now
                value.number,
                *(
                    Answer(other.key, copy()) if place == index else other
                    for place, other in enumerate(value.answers)
                ),
            )

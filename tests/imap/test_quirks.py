"""Every row of the table of quirks: what is read, by which rule, and the error under strict."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mailproto.imap
from mailproto.errors import Defect, RemoteProtocolError
from mailproto.imap.client import ClientEvent, IMAPClientConnection
from mailproto.imap.codec import Opaque, parse_responses, serialize
from mailproto.imap.codes import (
    CapabilityCode,
    PermanentFlagsCode,
    SimpleCode,
    UIDNextCode,
    UnknownCode,
)
from mailproto.imap.commands import Authenticate, Noop
from mailproto.imap.events import CommandCompleted, ContinuationRequested
from mailproto.imap.ext.binary import BinarySection
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.notify import BadEventCode
from mailproto.imap.ext.thread import ThreadBranch, ThreadData
from mailproto.imap.ext.uidplus import CopyUIDCode
from mailproto.imap.ext.urlauth import URLFetchData
from mailproto.imap.ext.urlauth_binary import URLMetadata
from mailproto.imap.ext.xlist import XListData
from mailproto.imap.fetch import (
    BODYSTRUCTURE,
    ENVELOPE,
    FLAGS,
    INTERNALDATE,
    RFC822_SIZE,
    UID,
    Answer,
    BodySection,
    OtherItem,
)
from mailproto.imap.quirks import QUIRKS, quirk_of
from mailproto.imap.responses import (
    CapabilityData,
    EnabledData,
    ExistsData,
    FetchData,
    FlagsData,
    IDData,
    ListData,
    LSubData,
    NamespaceData,
    NamespacePrefix,
    SearchData,
    StatusData,
    UnreadResponse,
)
from mailproto.imap.sequence import UIDSet
from mailproto.imap.status import Bad, Bye, No, Ok
from mailproto.imap.values import Omitted
from mailproto.limits import IMAPLimits
from mailproto.mime.body_structure import (
    BasicPart,
    BodyStructure,
    Disposition,
    MessagePart,
    MultiPart,
    MultiPartExtension,
    SinglePartExtension,
    TextPart,
)
from mailproto.mime.envelope import Envelope, EnvelopeAddress
from support_imap import client_events, feed, greeted_client, logged_in_client, selected_client, sent

SOURCES = Path(mailproto.imap.__file__).parent
TRANSCRIPTS = Path(__file__).parent.parent / "transcripts" / "imap"


# Cases: octets behind the greeting, with a CRLF behind each; the events; the rules of their defects.

ValueT = TypeVar("ValueT")
Case = tuple[bytes, list[ClientEvent], list[str]]

ADDRESS = EnvelopeAddress(b"n", None, b"m", b"h")
TEXT = TextPart(type=b"text", subtype=b"plain", encoding=b"7bit", size=5, lines=1)
PLAIN = b'"text" "plain" NIL NIL NIL "7bit" 5 1'


def fetched(item: bytes, *answers: Answer) -> tuple[bytes, list[ClientEvent]]:
    """Return a FETCH response in which UID follows *item*, and its event."""
    return b"* 1 FETCH (" + item + b" UID 9)", [FetchData(1, *answers, UID.answer(9))]


def with_envelope(octets: bytes, envelope: Envelope) -> tuple[bytes, list[ClientEvent]]:
    return fetched(b"ENVELOPE " + octets, ENVELOPE.answer(envelope))


def with_body(octets: bytes, body: BodyStructure) -> tuple[bytes, list[ClientEvent]]:
    return fetched(b"BODYSTRUCTURE " + octets, BODYSTRUCTURE.answer(body))


def with_from(addresses: bytes, *expected: EnvelopeAddress) -> tuple[bytes, list[ClientEvent]]:
    octets = b'(NIL "s" %b NIL NIL NIL NIL NIL NIL "i")' % addresses
    return with_envelope(octets, Envelope(subject=b"s", from_=expected, message_id=b"i"))


def with_extension(octets: bytes, extension: SinglePartExtension) -> tuple[bytes, list[ClientEvent]]:
    body = TextPart(type=b"text", subtype=b"plain", encoding=b"7bit", size=5, lines=1, extension=extension)
    return with_body(b"(%b %b)" % (PLAIN, octets), body)


def listed(octets: bytes, mailbox: str, delimiter: str | None = "/") -> tuple[bytes, list[ClientEvent]]:
    return b"* LIST () " + octets, [ListData(frozenset(), delimiter, mailbox)]


def unchecked(kind: type[ValueT], **fields: object) -> ValueT:
    """Return a value that its constructor refuses."""
    new = object.__new__(kind)
    for name, field in fields.items():
        object.__setattr__(new, name, field)
    return new


def done(status: Ok | No | Bad) -> list[ClientEvent]:
    return [CommandCompleted(tag="A1", command=Noop(), status=status)]


COPIED = CopyUIDCode(1, UIDSet("3"), UIDSet("7"))
ATTACHED = SinglePartExtension(disposition=Disposition(b"attachment", ((b"filename", b"x"),)))

CASES: dict[str, Case] = {
    "a status without text": (b"A1 OK", done(Ok.of_parsed("", None)), ["text after the status"]),
    "an untagged status without text": (b"* BYE", [Bye.of_parsed("", None)], ["text after the status"]),
    "a status with a space": (
        b"A1 NO ",
        done(No.of_parsed("", None)),
        ["text without NUL, of one character or more"],
    ),
    "a code without text": (
        b"* OK [UIDNEXT 5]",
        [Ok.of_parsed("", UIDNextCode(5))],
        ["a space and text after the response code"],
    ),
    "an empty code": (b"* OK [] done", [Ok("done")], ["a response code with a name"]),
    "an empty code with a space": (b"A1 OK [ ] done", done(Ok("done")), ["a response code with a name"]),
    "a code that does not end": (b"* OK [X y", [Ok.of_parsed("[X y", None)], ["a response code"]),
    "brackets in a list of a code": (
        b"* OK [PERMANENTFLAGS (\\Seen [x] a] \\*)] ok",
        [Ok("ok", unchecked(PermanentFlagsCode, flags=frozenset({"\\Seen", "[x]", "a]", "\\*"})))],
        ["flags that are atoms"],
    ),
    "text in Latin-1": (b"* OK gr\xfc\xdfe", [Ok("gr\xfc\xdfe")], ["text in UTF-8"]),
    "a code without its argument": (
        b"* OK [UIDNEXT] x",
        [Ok("x", UnknownCode.of_parsed("UIDNEXT", b""))],
        ["the arguments of the response code"],
    ),
    "BADEVENT without parentheses": (
        b"* NO [BADEVENT ServerMetadataChange X-Y] x",
        [No("x", BadEventCode(("ServerMetadataChange", "X-Y")))],
        ["events in parentheses"],
    ),
    "UIDNEXT 0": (
        b"* OK [UIDNEXT 0] x",
        [Ok("x", UnknownCode.of_parsed("UIDNEXT", b"0"))],
        ["a number other than 0"],
    ),
    "UIDVALIDITY 0": (
        b"* OK [UIDVALIDITY 0] x",
        [Ok("x", UnknownCode.of_parsed("UIDVALIDITY", b"0"))],
        ["a number other than 0"],
    ),
    "UNSEEN 0": (
        b"* OK [UNSEEN 0] x",
        [Ok("x", UnknownCode.of_parsed("UNSEEN", b"0"))],
        ["a number other than 0"],
    ),
    "COPYUID without OK": (
        b"* [COPYUID 1 3 7] done",
        [Ok("done", COPIED)],
        ["a status before a response code"],
    ),
    "COPYUID alone": (b"[COPYUID 1 3 7] done", [Ok("done", COPIED)], ["a status before a response code"]),
    "COPYUID without a tag": (
        b"OK [COPYUID 1 3 7] done",
        [Ok("done", COPIED)],
        ["a status before a response code"],
    ),
    "COPYUID of nothing": (
        b"A1 OK [COPYUID 1  ] done",
        done(Ok("done", UnknownCode.of_parsed("COPYUID", b"1  "))),
        ["the arguments of the response code"],
    ),
    "COPYUID of nothing, untagged": (
        b"* OK [COPYUID 1  ] done",
        [Ok("done", UnknownCode.of_parsed("COPYUID", b"1  "))],
        ["the arguments of the response code"],
    ),
    "COPYUID of nothing, without OK": (
        b"* [COPYUID 1  ] done",
        [Ok("done", UnknownCode.of_parsed("COPYUID", b"1  "))],
        ["a status before a response code", "the arguments of the response code"],
    ),
    "a mark in free text without a status": (
        b"* [ALERT] look {5}\r\n* 1 EXISTS",
        [Ok("look {5}", SimpleCode("ALERT")), ExistsData(1)],
        ["a status before a response code"],
    ),
    "a tagged BYE": (b"A1 BYE bye", done(No("bye")), ["no tag before BYE"]),
    "a stray line": (
        b"* 1 FETCH (UID 9 BODY[] {3}\r\nabcde)\r\n)\r\nX-More: y\r\n\r\n* 2 EXISTS",
        [
            FetchData(1, UID.answer(9), BodySection().answer(b"abc")),
            UnreadResponse(b")"),
            UnreadResponse(b"X-More: y", (), "X-More:"),
            UnreadResponse(b""),
            ExistsData(2),
        ],
        ["one space or a closing parenthesis", *["* or + or a tag and a status"] * 3],
    ),
    "a bare LF": (b"* 1 EXISTS\n* 2 EXISTS", [ExistsData(1), ExistsData(2)], ["CRLF at the end of a line"]),
    "spaces in braces": (
        b"* 1 FETCH (BODY[] { 3 }\r\nabc UID 9)",
        [FetchData(1, BodySection().answer(b"abc"), UID.answer(9))],
        ["no space inside the braces of a literal"],
    ),
    "NUL in a literal": (*fetched(b"X {3}\r\na\0b", Answer("X", b"a\0b")), ["a literal without NUL"]),
    "capabilities with spaces": (
        b"* CAPABILITY IMAP4rev1  IDLE ",
        [CapabilityData(["IMAP4rev1", "IDLE"])],
        ["one space before each capability"] * 2,
    ),
    "LITERAL + in two words": (
        b"* CAPABILITY IMAP4rev1 LITERAL + IDLE",
        [CapabilityData(["IMAP4rev1", "LITERAL+", "IDLE"])],
        ["LITERAL+ in one word"],
    ),
    "LITERAL - in a code": (
        b"* OK [CAPABILITY IMAP4rev1 LITERAL -] x",
        [Ok("x", CapabilityCode(["IMAP4rev1", "LITERAL-"]))],  # type: ignore[arg-type]  # made of any names
        ["LITERAL+ in one word"],
    ),
    "ENABLED with a space": (b"* ENABLED ", [EnabledData()], ["one space before each capability"]),
    "zeros in STATUS": (
        b"* STATUS a (UIDNEXT 0 UIDVALIDITY 0 UNSEEN 0)",
        [StatusData("a", (("UIDNEXT", 0), ("UIDVALIDITY", 0), ("UNSEEN", 0)))],
        ["a number other than 0"] * 2,
    ),
    "spaces in STATUS": (
        b"* STATUS a (MESSAGES 1  RECENT 2 ) ",
        [StatusData("a", (("MESSAGES", 1), ("RECENT", 2)))],
        ["one space before each item"] * 2 + ["the end of the response"],
    ),
    "a name with spaces in STATUS": (
        b"* STATUS a b (MESSAGES 1 MAILBOXID (x))",
        [StatusData("a b", (("MESSAGES", 1), ("MAILBOXID", "x")))],
        ["a mailbox name in quotes"],
    ),
    "a name with quotes in STATUS": (
        b'* STATUS "a "b"" (MESSAGES 1)',
        [StatusData('a "b"', (("MESSAGES", 1),))],
        ["quotes escaped inside a quoted string"],
    ),
    "a name with spaces": (*listed(b'"/" Sent Items', "Sent Items"), ["a mailbox name in quotes"]),
    "a name with spaces and a space behind it": (
        *listed(b'"/" Sent Items ', "Sent Items"),
        ["a mailbox name in quotes"],
    ),
    "a name with brackets and spaces": (
        *listed(b'"/" [Gmail]/All Mail', "[Gmail]/All Mail"),
        ["a mailbox name in quotes"],
    ),
    "a name with parentheses": (*listed(b'"/" a (b', "a (b"), ["a mailbox name in quotes"]),
    "a name with a percent sign": (*listed(b'"/" 100%', "100%"), ["a mailbox name in quotes"]),
    "a name with a backslash": (
        *listed(b'"\\" a\\b', "a\\b", "\\"),
        ["a backslash escaped inside a quoted string", "a mailbox name in quotes"],
    ),
    "a name with quotes": (*listed(b'"/" "a "b" c"', 'a "b" c'), ["quotes escaped inside a quoted string"]),
    "a name with a tab": (*listed(b'"/" a\tb', "a\udc09b"), ["a mailbox name in quotes"]),
    "a name with spaces that begins with the delimiter": (
        *listed(b'"/" /Sent Items', "/Sent Items"),
        ["a mailbox name in quotes"],
    ),
    "a name that begins with NIL": (*listed(b'"/" NIL x', "NIL x"), ["a mailbox name in quotes"]),
    "a name in Latin-1 with spaces": (*listed(b'"/" \xe9 x', "\udce9 x"), ["a mailbox name in quotes"]),
    "no delimiter": (*listed(b'"" a', "a", None), ["a delimiter of one character"]),
    "spaces between flags": (
        b"* FLAGS (\\Seen  a )",
        [FlagsData(frozenset({"\\Seen", "a"}))],
        ["flags with one space between them"],
    ),
    "flags without a space between them": (
        b"* FLAGS (\\Seen\\Answered \\Seenless)",
        [FlagsData(frozenset({"\\Seen", "\\Answered", "\\Seenless"}))],
        ["flags with one space between them"],
    ),
    "flags without a space in a message": (
        *fetched(b"FLAGS (\\seen\\Deleted)", FLAGS.answer(frozenset({"\\Seen", "\\Deleted"}))),
        ["flags with one space between them"],
    ),
    "flags in quotes": (
        *fetched(
            b'FLAGS (\\Seen "Junk" "\\\\Flagged")', FLAGS.answer(frozenset({"\\Seen", "Junk", "\\Flagged"}))
        ),
        ["flags that are atoms"],
    ),
    "an origin with a length": (
        *fetched(b"BODY[]<7.3> {3}\r\nabc", BodySection(partial=(7, 3)).answer(b"abc")),
        ["an origin without a length"],
    ),
    "spaces in NAMESPACE": (
        b'* NAMESPACE (("" "/")) NIL  NIL',
        [NamespaceData((NamespacePrefix("", "/"),))],
        ["no space but those of the grammar"],
    ),
    "numbers with spaces": (
        b"* SEARCH 1  2 ",
        [SearchData((1, 2))],
        ["numbers from 1 on, one space before each"],
    ),
    "zero in SEARCH": (b"* SEARCH 0 1", [SearchData((1,))], ["numbers from 1 on, one space before each"]),
    "a mod-sequence of nothing": (
        b"* SEARCH (MODSEQ 5)",
        [SearchData()],
        ["a mod-sequence only beside numbers"],
    ),
    "a mod-sequence of 0": (
        b"* 1 FETCH (MODSEQ (0) UID 9)",
        [FetchData(1, Answer("MODSEQ", 0), UID.answer(9))],
        ["a mod-sequence of 1 or more"],
    ),
    "a mod-sequence of -1": (
        b"* 1 FETCH (MODSEQ (-1) UID 9)",
        [FetchData(1, Answer("MODSEQ", 0), UID.answer(9))],
        ["a mod-sequence that is not negative"],
    ),
    "a mod-sequence of -1 in STATUS": (
        b"* STATUS a (HIGHESTMODSEQ -1 MESSAGES 2)",
        [StatusData("a", (("HIGHESTMODSEQ", 0), ("MESSAGES", 2)))],
        ["a mod-sequence that is not negative"],
    ),
    "items of a URL in one pair of parentheses": (
        b'* URLFETCH a (BODYPARTSTRUCTURE ("image" "png" NIL NIL NIL "7bit" 5) BODY "abcde")',
        [
            URLFetchData(
                (
                    (
                        "a",
                        URLMetadata(
                            (
                                (
                                    "BODYPARTSTRUCTURE",
                                    BasicPart(type=b"image", subtype=b"png", encoding=b"7bit", size=5),
                                ),
                                ("BODY", b"abcde"),
                            )
                        ),
                    ),
                )
            )
        ],
        ["each item of URLFETCH in its own parentheses"],
    ),
    "the least of nothing": (
        b'* ESEARCH (TAG "a") MIN 0 COUNT 0',
        [ESearchData("a", (("COUNT", 0),))],
        ["a value as its name has it"],
    ),
    "a thread with one branch": (
        b"* THREAD (1 (2 (3)(4)))",
        [ThreadData((ThreadBranch((1, 2), (ThreadBranch((3,)), ThreadBranch((4,)))),))],
        ["a thread that splits into two or more"],
    ),
    "an ID that is too long": (
        b'* ID ("%b" NIL)' % (b"n" * 31),
        [unchecked(IDData, parameters=(("n" * 31, None),), defects=())],
        ["parameters within the limits of RFC 2971"],
    ),
    "an item twice": (b"* 1 FETCH (UID 8 UID 9)", [FetchData(1, UID.answer(9))], ["each item only once"]),
    "an item with .PEEK": (
        *fetched(b"BINARY.PEEK[1] ~{2}\r\na\0", BinarySection((1,)).answer(b"a\0")),
        ["BINARY without .PEEK in a response"],
    ),
    "no value": (*fetched(b"BODY[HEADER] FLAGS ()", FLAGS.answer(frozenset())), ["a value behind each item"]),
    "no value of the last item": (
        b"* 1 FETCH (UID 9 BODY[])",
        [FetchData(1, UID.answer(9))],
        ["a value behind each item"],
    ),
    "two spaces before a value": (
        *fetched(b"RFC822.SIZE  5", RFC822_SIZE.answer(5)),
        ["one space before a value"],
    ),
    "an item between two that cannot be read": (
        *fetched(b'RFC822.SIZE 5 INTERNALDATE "00-Jan-0000 00:00:00 +0000"', RFC822_SIZE.answer(5)),
        ["a date-time that exists"],
    ),
    "a size of -1": (*fetched(b"RFC822.SIZE -1", RFC822_SIZE.answer(0)), ["a size of 0 or more"]),
    "a size as a float": (
        *fetched(b"RFC822.SIZE 9.37e+06", RFC822_SIZE.answer(9_370_000)),
        ["a size in digits"],
    ),
    "a size as a string": (*fetched(b'RFC822.SIZE "55"', RFC822_SIZE.answer(55)), ["a size in digits"]),
    "capabilities with spaces in a code": (
        b"* OK [CAPABILITY IMAP4rev1  IDLE ] x",
        [Ok("x", CapabilityCode(["IMAP4rev1", "IDLE"]))],  # type: ignore[arg-type]  # made of any names
        ["one space before each capability"] * 2,
    ),
    "a name with spaces in LSUB": (
        b'* LSUB () "/" Sent Items',
        [LSubData(frozenset(), "/", "Sent Items")],
        ["a mailbox name in quotes"],
    ),
    "a name with spaces in XLIST": (
        b'* XLIST () "/" Sent Items',
        [XListData(frozenset(), "/", "Sent Items")],
        ["a mailbox name in quotes"],
    ),
    "a body in parentheses too many": (
        *with_body(
            b'(((%b)) "mixed")' % PLAIN,
            MultiPart(parts=(MultiPart(parts=(TEXT,), subtype=b"MIXED"),), subtype=b"mixed"),
        ),
        ["a body structure as the grammar has it"],
    ),
    "a day of one digit": (
        *fetched(
            b'INTERNALDATE "5-Jan-2024 01:02:03 +0000"',
            INTERNALDATE.answer(datetime(2024, 1, 5, 1, 2, 3, tzinfo=UTC)),
        ),
        ["a day of two characters"],
    ),
    "a leap second": (
        *fetched(
            b'INTERNALDATE "31-Dec-2016 23:59:60 +0000"',
            INTERNALDATE.answer(datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ),
        ["a second up to 59"],
    ),
    "8-bit in a quoted string": (
        *fetched(b'X "\xe9"', OtherItem("X").answer(b"\xe9")),
        ["7-bit octets in a quoted string"],
    ),
    "octets that are not UTF-8 where that is enabled": (
        b'* ENABLED UTF8=ACCEPT\r\n* LIST () "/" "\xe9"',
        [EnabledData(["UTF8=ACCEPT"]), ListData(frozenset(), "/", "\udce9")],
        ["UTF-8 in a quoted string"],
    ),
    "backslashes": (
        *fetched(b'X "a\\b"', OtherItem("X").answer(b"ab")),
        ["a backslash only before a quote or a backslash"],
    ),
    "an envelope with two spaces": (
        *with_envelope(b'(NIL  "s" NIL NIL NIL NIL NIL NIL NIL NIL)', Envelope(subject=b"s")),
        ["an envelope as the grammar has it"],
    ),
    "an envelope of eight fields": (
        *with_envelope(b'("d" "s" NIL NIL NIL NIL NIL NIL)', Envelope(date=b"d", subject=b"s")),
        ["an envelope of ten fields"],
    ),
    "an envelope of eleven fields": (
        *with_envelope(
            b'("d" "s" NIL NIL NIL NIL NIL NIL NIL "i" NIL)',
            Envelope(date=b"d", subject=b"s", message_id=b"i"),
        ),
        ["an envelope of ten fields"],
    ),
    "an envelope with two lists of addresses": (
        *with_envelope(
            b'("d" "s" (("n" NIL "m" "h")) NIL "r" "i")',
            Envelope(date=b"d", subject=b"s", from_=(ADDRESS,), in_reply_to=b"r", message_id=b"i"),
        ),
        ["an envelope of ten fields"],
    ),
    "an envelope with a message-id behind one list": (
        *with_envelope(
            b'("d" "s" (("n" NIL "m" "h")) NIL "i")',
            Envelope(date=b"d", subject=b"s", from_=(ADDRESS,), message_id=b"i"),
        ),
        ["an envelope of ten fields"],
    ),
    "an atom in an envelope": (
        *with_envelope(b"(NIL s NIL NIL NIL NIL NIL NIL NIL NIL)", Envelope(subject=b"s")),
        ["a string or NIL"],
    ),
    "quotes in a subject": (
        *with_envelope(
            b'("d" "say "no" to "me"" (("n" NIL "m" "h")) NIL NIL NIL NIL NIL NIL "i")',
            Envelope(date=b"d", subject=b'say "no" to "me"', from_=(ADDRESS,), message_id=b"i"),
        ),
        ["quotes escaped inside a quoted string"],
    ),
    "a backslash at the end of a domain": (
        b'* 1 FETCH (ENVELOPE ("d" "a \\"b\\"" (("n" NIL "m" "qq.com\\")) NIL NIL (("n" NIL "m" "h\\"))'
        b' NIL NIL NIL "i") UID 9)',
        [
            FetchData(
                1,
                ENVELOPE.answer(
                    Envelope(
                        date=b"d",
                        subject=b'a "b"',
                        from_=(EnvelopeAddress(b"n", None, b"m", b"qq.com\\"),),
                        to=(EnvelopeAddress(b"n", None, b"m", b"h\\"),),
                        message_id=b"i",
                    )
                ),
                UID.answer(9),
            )
        ],
        ["a backslash escaped inside a quoted string"],
    ),
    "quotes in a name, beside a literal": (
        *with_envelope(
            b'("d" {3}\r\na"b (("n "q" n" NIL "m" "h")) NIL NIL NIL NIL NIL NIL "i")',
            Envelope(
                date=b"d",
                subject=b'a"b',
                from_=(EnvelopeAddress(b'n "q" n', None, b"m", b"h"),),
                message_id=b"i",
            ),
        ),
        ["quotes escaped inside a quoted string"],
    ),
    "no addresses": (*with_from(b"()"), ["NIL for no addresses"]),
    "NIL among addresses": (
        *with_from(b'(NIL ("n" NIL "m" "h"))', ADDRESS),
        ["addresses, not NIL, in a list of addresses"],
    ),
    "an address of five fields": (
        *with_from(b'(("n" NIL "m" "h" NIL))', ADDRESS),
        ["an address of four fields"],
    ),
    "an address of three fields": (
        *with_from(b'(("n" NIL "m"))', EnvelopeAddress(b"n", None, b"m", None)),
        ["an address of four fields"],
    ),
    "an address with parentheses too many": (
        *with_from(b'((("n" NIL "m" "h")))', ADDRESS),
        ["addresses in two pairs of parentheses"],
    ),
    "an address with parentheses too few": (
        *with_from(b'("n" NIL "m" "h")', ADDRESS),
        ["addresses in two pairs of parentheses"],
    ),
    "parts with a space between them": (
        *with_body(b'((%b) (%b) "mixed")' % (PLAIN, PLAIN), MultiPart(parts=(TEXT, TEXT), subtype=b"mixed")),
        ["a body structure as the grammar has it"],
    ),
    "a part without fields": (
        *with_body(
            b'("image" "png" NIL NIL NIL "base64")',
            BasicPart(type=b"image", subtype=b"png", encoding=b"base64"),
        ),
        ["a body structure of all its fields"],
    ),
    "types that are NIL": (
        *with_body(
            b'(NIL NIL NIL NIL NIL "7bit" 5)',
            BasicPart(type=b"APPLICATION", subtype=b"OCTET-STREAM", encoding=b"7bit", size=5),
        ),
        ["a media type and a subtype"],
    ),
    "types that are missing": (
        *with_body(
            b'(("charset" "x") NIL NIL "7bit" 5 1)',
            TextPart(parameters=((b"charset", b"x"),), encoding=b"7bit", size=5, lines=1),
        ),
        ["a media type and a subtype"],
    ),
    "a subtype that is missing": (
        *with_body(
            b'("text" ("charset" "x") NIL NIL "7bit" 5 1)',
            TextPart(type=b"text", parameters=((b"charset", b"x"),), encoding=b"7bit", size=5, lines=1),
        ),
        ["a media type and a subtype"],
    ),
    "an encoding that is NIL": (
        *with_body(b'("image" "png" NIL NIL NIL NIL 5)', BasicPart(type=b"image", subtype=b"png", size=5)),
        ["a transfer encoding"],
    ),
    "octets and lines of -1": (
        *with_body(
            b'("text" "plain" NIL NIL NIL "7bit" -1 -1)',
            TextPart(type=b"text", subtype=b"plain", encoding=b"7bit"),
        ),
        ["a size of 0 or more"],
    ),
    "lines that are missing": (
        *with_body(
            b'("text" "plain" NIL NIL NIL "7bit" 5)',
            TextPart(type=b"text", subtype=b"plain", encoding=b"7bit", size=5),
        ),
        ["a number of lines"],
    ),
    "lines of an image": (
        *with_body(
            b'("image" "png" NIL NIL NIL "base64" 5 3)',
            BasicPart(type=b"image", subtype=b"png", encoding=b"base64", size=5),
        ),
        ["a number of lines only of text"],
    ),
    "lines of an image, and its disposition": (
        *with_body(
            b'("image" "png" NIL NIL NIL "base64" 5 3 "md5" ("inline" NIL) NIL NIL)',
            BasicPart(
                type=b"image",
                subtype=b"png",
                encoding=b"base64",
                size=5,
                extension=SinglePartExtension(md5=b"md5", disposition=Disposition(b"inline")),
            ),
        ),
        ["a number of lines only of text"],
    ),
    "lines of a text twice": (
        *with_extension(b'1 NIL ("inline" NIL) NIL', SinglePartExtension(disposition=Disposition(b"inline"))),
        ["a number of lines only of text"],
    ),
    "a multipart without parts": (
        *with_body(
            b'("alternative" ("boundary" "x") NIL NIL)',
            BasicPart(type=b"MULTIPART", subtype=b"alternative", parameters=((b"boundary", b"x"),)),
        ),
        ["a multipart with a part"],
    ),
    "a multipart of an empty part": (
        *with_body(b'(() "mixed")', BasicPart(type=b"MULTIPART", subtype=b"mixed")),
        ["a multipart with a part"],
    ),
    "a multipart of a part and an empty one": (
        *with_body(
            b'((%b)() "mixed" NIL)' % PLAIN,
            MultiPart(parts=(TEXT,), subtype=b"mixed", extension=MultiPartExtension()),
        ),
        ["a body structure of all its fields"],
    ),
    "a message without an envelope": (
        *with_body(
            b'("message" "rfc822" NIL NIL NIL "base64" 5 NIL ("attachment" ("filename" "x")) NIL NIL)',
            MessagePart(
                type=b"message",
                subtype=b"rfc822",
                encoding=b"base64",
                size=5,
                envelope=Envelope(),
                body=TextPart(),
                extension=ATTACHED,
            ),
        ),
        ["a message with its envelope and its body"],
    ),
    "a message with an empty body": (
        *with_body(
            b'("message" "rfc822" NIL NIL NIL "7bit" 5 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) () 2)',
            MessagePart(
                type=b"message",
                subtype=b"rfc822",
                encoding=b"7bit",
                size=5,
                lines=2,
                envelope=Envelope(subject=b"s"),
                body=TextPart(),
            ),
        ),
        ["a message with its envelope and its body"],
    ),
    "parameters without a value": (
        *with_body(
            b'("image" "png" ("a" "b" "c") NIL NIL "7bit" 5)',
            BasicPart(type=b"image", subtype=b"png", parameters=((b"a", b"b"),), encoding=b"7bit", size=5),
        ),
        ["parameters of a name and a value"],
    ),
    "a parameter that is NIL": (
        *with_body(
            b'("image" "png" ("a" NIL) NIL NIL "7bit" 5)',
            BasicPart(type=b"image", subtype=b"png", parameters=((b"a", b""),), encoding=b"7bit", size=5),
        ),
        ["a string, not NIL"],
    ),
    "no parameters": (
        *with_body(
            b'("image" "png" () NIL NIL "7bit" 5)',
            BasicPart(type=b"image", subtype=b"png", encoding=b"7bit", size=5),
        ),
        ["NIL for no parameters"],
    ),
    "a bare disposition": (
        *with_extension(b'NIL "inline" NIL', SinglePartExtension(disposition=Disposition(b"inline"))),
        ["a disposition of a type and parameters"],
    ),
    "a disposition of NIL": (
        *with_extension(b"NIL (NIL NIL) NIL", SinglePartExtension()),
        ["a disposition of a type and parameters"],
    ),
    "an empty disposition": (
        *with_extension(b"NIL () NIL", SinglePartExtension()),
        ["a disposition of a type and parameters"],
    ),
    "no language": (*with_extension(b"NIL NIL () NIL", SinglePartExtension()), ["NIL for no language"]),
    "a disposition before the MD5": (
        *with_extension(b'("attachment" ("filename" "x")) NIL NIL NIL', ATTACHED),
        ["extension fields in their order"],
    ),
    "a disposition behind the language": (
        *with_extension(
            b'NIL "en" ("inline" NIL) NIL',
            SinglePartExtension(disposition=Disposition(b"inline"), language=(b"en",)),
        ),
        ["extension fields in their order"],
    ),
}


def noop_client(*, strict: bool = False) -> IMAPClientConnection:
    """Return a client that waits for the answer to A1 NOOP."""
    client = logged_in_client(strict=strict)
    client.send_command(Noop(), "A1")
    sent(client)
    return client


def rules(events: list[ClientEvent]) -> list[str]:
    return [defect.rule for event in events for defect in getattr(event, "defects", ())]


@pytest.mark.parametrize("name", CASES)
def test_a_quirk_is_read_with_its_defect(name: str) -> None:
    octets, expected, broken = CASES[name]
    events = client_events(octets + b"\r\n", noop_client)
    assert events == expected
    assert rules(events) == broken


@pytest.mark.parametrize("name", CASES)
def test_a_quirk_never_costs_what_follows(name: str) -> None:
    octets, _, _ = CASES[name]
    assert feed(noop_client(), octets + b"\r\n* 77 EXISTS\r\n")[-1] == ExistsData(77)


@pytest.mark.parametrize("name", CASES)
def test_a_quirk_is_an_error_under_strict(name: str) -> None:
    octets, _, _ = CASES[name]
    with pytest.raises(RemoteProtocolError):
        feed(noop_client(strict=True), octets + b"\r\n")
    with pytest.raises(RemoteProtocolError):
        parse_responses(octets + b"\r\n", strict=True)


# What needs a command that waits for it.


def idling(*, strict: bool = False) -> IMAPClientConnection:
    client = logged_in_client("IMAP4rev1 IDLE", strict=strict)
    client.send_command(Idle(), "A1")
    sent(client)
    return client


def authenticating(*, strict: bool = False) -> IMAPClientConnection:
    client = greeted_client(strict=strict)
    client.send_command(Authenticate("PLAIN"), "A1")
    sent(client)
    return client


def narrow(*, strict: bool = False) -> IMAPClientConnection:
    return logged_in_client(limits=IMAPLimits(max_inline_literal=4), strict=strict)


def started(command: Idle | Authenticate, data: bytes | None, text: str = "") -> list[ClientEvent]:
    return [ContinuationRequested(tag="A1", command=command, text=text, data=data)]


Make = Callable[..., IMAPClientConnection]

OTHERS: dict[str, tuple[Make, bytes, list[ClientEvent], list[str]]] = {
    "+ without a space": (idling, b"+", started(Idle(), None), ["a space behind +"]),
    "+ with NUL": (idling, b"+ a\0b", started(Idle(), None, "a b"), ["text of one line"]),
    "a challenge that is no base64": (
        authenticating,
        b"+ go on",
        started(Authenticate("PLAIN"), None),
        ["a challenge in base64"],
    ),
    "a literal above a limit": (
        narrow,
        b"* 1 FETCH (X {5}\r\nabcde UID 9)",
        [FetchData(1, Answer("X", Omitted(5)), UID.answer(9))],
        ["a literal within the limit"],
    ),
    "a mailbox name above a limit": (
        narrow,
        b'* LIST () "/" {5}\r\nabcde',
        [ListData(frozenset(), "/", "")],
        ["a literal within the limit"],
    ),
    "a name in UTF-8": (
        logged_in_client,
        b'* LIST () "/" f\xc3\xbcr',
        [ListData(frozenset(), "/", "f\udcc3\udcbcr")],
        ["7-bit octets outside of literals"],
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_quirk_in_an_exchange(name: str) -> None:
    make, octets, expected, broken = OTHERS[name]
    events = client_events(octets + b"\r\n", make)
    assert rules(events) == broken
    assert [
        replace(event, defects=()) if isinstance(event, ContinuationRequested) else event for event in events
    ] == expected


@pytest.mark.parametrize("name", OTHERS)
def test_a_quirk_in_an_exchange_under_strict(name: str) -> None:
    make, octets, _, _ = OTHERS[name]
    with pytest.raises(RemoteProtocolError):
        feed(make(strict=True), octets + b"\r\n")


# The table and the parsers.


def test_each_row_has_a_case() -> None:
    broken = [case[2] for case in CASES.values()] + [case[3] for case in OTHERS.values()]
    tested = {rule for rules in broken for rule in rules}
    assert [quirk.rule for quirk in QUIRKS if quirk.rule not in tested] == []


def test_a_row_is_found_by_its_defect() -> None:
    for quirk in QUIRKS:
        assert quirk_of(Defect(quirk.rule, 0)) is quirk
        assert quirk.products
        assert quirk.reason.endswith(".")
    assert quirk_of(Defect("a fetch item", 0)) is None


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call in the parsers, and the function that it stands in."""
    for path in SOURCES.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call):
                        yield f"{path.stem}.{function.name}", node


# Name of what reports -> which argument is the rule.
REPORTING = {"defect": 0, "Defect": 0, "parse_or_recover": 3}


def rule_of(call: ast.Call) -> ast.expr | None:
    """Return the rule that *call* reports; None if it reports none."""
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    if (
        name == "append"
        and isinstance(function, ast.Attribute)
        and getattr(function.value, "id", "") == "repairs"
    ):
        return call.args[0]
    place = REPORTING.get(name)
    return None if place is None else call.args[place]


def texts(expression: ast.expr) -> set[str]:
    return {
        node.value
        for node in ast.walk(expression)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


# These say what a ParseError expected, or pass on the rule that they were given: client._deviation one of a
# session, which test_session_quirks.py has.
PASSING = {
    "_loose._recover",
    "_loose.note",
    "client._deviation",
    "codec._invalid",
    "cursor.defect",
    "responses.parse_response",
}
# What is left out or unread is an error of the grammar, not a defect that was read.
LEFT_OUT = {quirk.rule for quirk in QUIRKS if quirk.is_left_out} - {
    "a value as its name has it",
    "a value behind each item",
}


def test_the_table_has_all_rules_that_the_parsers_report_and_no_other() -> None:
    found: set[str] = set()
    for where, call in calls():
        rule = rule_of(call)
        if rule is not None:
            assert texts(rule) or where in PASSING, where
            found |= texts(rule)
    assert found == {quirk.rule for quirk in QUIRKS} - LEFT_OUT


def test_what_is_left_out_has_a_row_with_the_words_of_its_error() -> None:
    assert LEFT_OUT
    errors = [call for _, call in calls() if getattr(call.func, "attr", "") == "error" and call.args]
    assert set().union(*(texts(call.args[0]) for call in errors)) >= LEFT_OUT


# A quirk never changes how something valid is read.

SAID = {
    path.name: b"".join(
        line.removeprefix("S:").removeprefix(" ").encode() + b"\r\n"
        for line in path.read_text("utf-8").split("\n")
        if line.startswith("S:")
    )
    for path in sorted(TRANSCRIPTS.glob("*.txt"))
}


@pytest.mark.parametrize("name", SAID)
def test_what_the_rfcs_show_has_no_defect(name: str) -> None:
    responses = parse_responses(SAID[name])
    assert responses == parse_responses(SAID[name], strict=True)
    assert responses
    assert [response for response in responses if getattr(response, "defects", ())] == []


VALID: list[tuple[bytes, ClientEvent]] = [
    (b"* ok [uidnext 5] x", Ok("x", UIDNextCode(5))),
    (b"* bye see you", Bye("see you")),
    (b"* OK [UIDNEXT 5] see [UIDNEXT 6] [x", Ok("see [UIDNEXT 6] [x", UIDNextCode(5))),
    (b"* OK ready [QQBCAA==]", Ok("ready [QQBCAA==]")),
    (b"* OK [X a[b] c] d", Ok("c] d", UnknownCode("X", b"a[b"))),
    (b"* capability imap4rev1 literal+", CapabilityData(["IMAP4rev1", "LITERAL+"])),
    (b"* CAPABILITY IMAP4rev1 + LITERAL", CapabilityData(["IMAP4rev1", "+", "LITERAL"])),
    (b'* list (\\noselect) nil "a "', ListData(frozenset({"\\Noselect"}), None, "a ")),
    (b'* LIST () "/" NIL', ListData(frozenset(), "/", "NIL")),
    (b"* LIST () NIL NIL", ListData(frozenset(), None, "NIL")),
    (b"* STATUS NIL (MESSAGES 1)", StatusData("NIL", (("MESSAGES", 1),))),
    (b'* LIST () "/" "/a"', ListData(frozenset(), "/", "/a")),
    (b'* LIST () "/" [Gmail]', ListData(frozenset(), "/", "[Gmail]")),
    (b'* LIST () "\\"" a', ListData(frozenset(), '"', "a")),
    (
        b'* LIST () "/" a ("CHILDINFO" ("X"))',
        ListData(frozenset(), "/", "a", extended=(("CHILDINFO", ("X",)),)),
    ),
    (b"* STATUS a (UNSEEN 0)", StatusData("a", (("UNSEEN", 0),))),
    (b"* search 2 1", SearchData((2, 1))),
    (b"* 1 fetch (flags (\\seen) uid 9)", FetchData(1, FLAGS.answer(frozenset({"\\Seen"})), UID.answer(9))),
    (b"* 1 FETCH (RFC822.SIZE 99999999999)", FetchData(1, RFC822_SIZE.answer(99_999_999_999))),
    (
        b'* 1 FETCH (BODYSTRUCTURE ("image" "png" NIL NIL NIL "7bit" 99999999999))',
        FetchData(
            1,
            BODYSTRUCTURE.answer(
                BasicPart(type=b"image", subtype=b"png", encoding=b"7bit", size=99_999_999_999)
            ),
        ),
    ),
    (b"* 1 FETCH (X UID UID 9)", FetchData(1, OtherItem("X").answer("UID"), UID.answer(9))),
    (
        b'* 1 FETCH (ENVELOPE (NIL "a \\"b\\" c" ((NIL NIL NIL NIL)) NIL NIL NIL NIL NIL NIL NIL))',
        FetchData(
            1, ENVELOPE.answer(Envelope(subject=b'a "b" c', from_=(EnvelopeAddress(None, None, None, None),)))
        ),
    ),
]


@pytest.mark.parametrize("octets, expected", VALID, ids=repr)
def test_what_is_valid_is_read_as_it_stands(octets: bytes, expected: ClientEvent) -> None:
    events = client_events(octets + b"\r\n")
    assert events == [expected]
    assert rules(events) == []
    assert client_events(octets + b"\r\n", lambda: logged_in_client(strict=True)) == events


def test_a_server_that_writes_all_in_lower_case() -> None:
    client = selected_client()
    assert client.view is not None
    client.send_command(Noop(), "A1")
    octets = (
        b"* ok [unseen 3] .\r\n* ok [uidnext 9] .\r\n* ok [permanentflags (\\seen \\*)] .\r\n* 5 exists\r\n"
        b"* flags (\\seen)\r\n* 1 fetch (body[header.fields (date)] nil uid 4)\r\nA1 ok [read-only] done\r\n"
    )
    assert rules(feed(client, octets)) == []
    view = client.view
    assert (view.exists, view.unseen, view.uid_next, view.is_read_only) == (5, 3, 9, True)
    assert view.flags == {"\\Seen"}
    assert view.permanent_flags == frozenset({"\\Seen", "\\*"})
    assert view.uid(1) == 4


def test_zeros_are_nothing_to_a_view() -> None:
    client = selected_client()
    feed(client, b"* OK [UNSEEN 0] .\r\n* OK [UIDNEXT 0] .\r\n* OK [UIDVALIDITY 0] .\r\n")
    assert client.view is not None
    assert (client.view.unseen, client.view.uid_next, client.view.uid_validity) == (None, None, None)


@pytest.mark.parametrize("name", CASES)
def test_what_was_read_goes_on_as_it_came(name: str) -> None:
    for response in parse_responses(CASES[name][0] + b"\r\n"):
        if not isinstance(response, UnreadResponse | Opaque) and b"\0" not in CASES[name][0]:
            assert parse_responses(serialize(response)) == [response]


@pytest.mark.parametrize("value", [b"-1", b"x", b'"5"', b"NIL", b"(5)", b"9.37e+06"])
@pytest.mark.parametrize("item", [b"MESSAGES", b"RECENT", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN", b"SIZE"])
def test_a_count_that_is_no_number_costs_that_item(item: bytes, value: bytes) -> None:
    octets = b"* STATUS a (%b %b APPENDLIMIT 2)\r\n" % (item, value)
    events = client_events(octets)
    assert events == [StatusData("a", (("APPENDLIMIT", 2),))]
    assert rules(events) != []
    with pytest.raises(RemoteProtocolError):
        feed(logged_in_client(strict=True), octets)


@given(st.sampled_from(sorted(CASES)), st.data())
def test_a_damaged_quirk_is_read_or_is_an_error(name: str, data: st.DataObject) -> None:
    octets = CASES[name][0] + b"\r\n"
    place = data.draw(st.integers(0, len(octets)))
    piece = data.draw(
        st.sampled_from((b"", b" ", b"(", b")", b'"', b"\\", b"NIL", b"[", b"]", b"0", b"\xe9"))
    )
    octets = octets[:place] + piece + octets[place + data.draw(st.integers(0, 2)) :]
    try:
        events = feed(noop_client(), octets)
    except RemoteProtocolError:
        return
    try:
        assert rules(feed(noop_client(strict=True), octets)) == []
    except RemoteProtocolError:
        return
    assert rules(events) == []


LONG = 20_000
HOSTILE = {
    "quotes": b'* 1 FETCH (ENVELOPE (NIL "' + b'a" b' * LONG + b'" NIL NIL NIL NIL NIL NIL NIL NIL) UID 9)',
    "quotes and numbers": b'* 1 FETCH (ENVELOPE (NIL "' + b'" 1' * LONG + b"x NIL",
    "quotes only": b"* 1 FETCH (BODYSTRUCTURE (" + b'"' * LONG + b") UID 9)",
    "backslashes": b'* LIST () "/" "' + b'\\"' * LONG,
    "names of lists": b"* STATUS " + b"a (b" * LONG,
    "empty addresses": b"* 1 FETCH (ENVELOPE (NIL NIL ("
    + b"()" * LONG
    + b") NIL NIL NIL NIL NIL NIL NIL) UID 9)",
    "empty parts": b"* 1 FETCH (BODYSTRUCTURE (" + b"()" * LONG + b'"mixed") UID 9)',
    "items without values": b"* 1 FETCH (" + b"BODY[] " * LONG + b"UID 9)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_read_once(name: str) -> None:
    """Take a number of steps that grows with the octets: a pattern that tries again would never end here."""
    client = logged_in_client(limits=IMAPLimits(max_response_line=1_000_000))
    [event] = feed(client, HOSTILE[name] + b"\r\n")
    assert rules([event])

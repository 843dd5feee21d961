"""Lines as the servers that people meet write them: read exactly, with a defect where they leave the RFCs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailproto.errors import RemoteProtocolError
from mailproto.imap.capability import Capabilities
from mailproto.imap.codec import Incomplete, Opaque, parse_responses, serialize
from mailproto.imap.codes import (
    ALERT,
    AUTHENTICATIONFAILED,
    CapabilityCode,
    PermanentFlagsCode,
    UIDNextCode,
    UIDValidityCode,
    UnknownCode,
    UnseenCode,
)
from mailproto.imap.ext.annotate import AnnotationsCode
from mailproto.imap.ext.condstore import MODSEQ, NOMODSEQ, HighestModSeqCode
from mailproto.imap.ext.gmail import X_GM_LABELS, X_GM_MSGID, X_GM_THRID
from mailproto.imap.ext.qresync import VanishedData
from mailproto.imap.ext.quota import QuotaData, QuotaResource
from mailproto.imap.ext.uidplus import AppendUIDCode, CopyUIDCode
from mailproto.imap.fetch import (
    BODYSTRUCTURE,
    ENVELOPE,
    FLAGS,
    INTERNALDATE,
    RFC822_HEADER,
    RFC822_SIZE,
    UID,
    BodySection,
)
from mailproto.imap.responses import (
    CapabilityData,
    ContinuationRequest,
    FetchData,
    FlagsData,
    IDData,
    ListData,
    NamespaceData,
    NamespacePrefix,
    Response,
    SearchData,
    StatusData,
    TaggedStatus,
)
from mailproto.imap.sequence import UIDSet
from mailproto.imap.status import Bad, Bye, No, Ok
from mailproto.mime.body_structure import (
    BasicPart,
    Disposition,
    MultiPart,
    MultiPartExtension,
    SinglePartExtension,
    TextPart,
)
from mailproto.mime.envelope import Envelope, EnvelopeAddress

CEST = timezone(timedelta(hours=2))

GRAMMATICAL: list[tuple[str, bytes, Response]] = [
    (
        "Dovecot greets",
        b"* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS LOGINDISABLED] "
        b"Dovecot (Debian) ready.",
        Ok(
            "Dovecot (Debian) ready.",
            CapabilityCode(
                Capabilities(
                    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS LOGINDISABLED".split()
                )
            ),
        ),
    ),
    (
        "Dovecot permits flags",
        b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Flags permitted.",
        Ok(
            "Flags permitted.",
            PermanentFlagsCode(
                frozenset({"\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", "\\*"})
            ),
        ),
    ),
    ("Dovecot counts unseen", b"* OK [UNSEEN 3] First unseen.", Ok("First unseen.", UnseenCode(3))),
    (
        "Dovecot with CONDSTORE",
        b"* OK [HIGHESTMODSEQ 1254] Highest",
        Ok("Highest", HighestModSeqCode(1254)),
    ),
    (
        "Dovecot appends",
        b"A7 OK [APPENDUID 1514382400 3] Append completed (0.012 + 0.000 + 0.011 secs).",
        TaggedStatus(
            "A7",
            Ok("Append completed (0.012 + 0.000 + 0.011 secs).", AppendUIDCode(1_514_382_400, UIDSet("3"))),
        ),
    ),
    (
        "Dovecot moves",
        b"* OK [COPYUID 1514382401 4,7:9 21:24] Moved UIDs.",
        Ok("Moved UIDs.", CopyUIDCode(1_514_382_401, UIDSet("4,7:9"), UIDSet("21:24"))),
    ),
    (
        "Dovecot lists special use",
        b'* LIST (\\HasNoChildren \\UnMarked \\Trash) "." INBOX.Trash',
        ListData(frozenset({"\\HasNoChildren", "\\Unmarked", "\\Trash"}), ".", "INBOX.Trash"),
    ),
    (
        "Dovecot refuses a login",
        b"A1 NO [AUTHENTICATIONFAILED] Authentication failed.",
        TaggedStatus("A1", No("Authentication failed.", AUTHENTICATIONFAILED)),
    ),
    (
        "Dovecot fetches",
        b'* 12 FETCH (UID 42 FLAGS (\\Seen NonJunk) INTERNALDATE "17-Jul-2023 08:44:25 +0200" '
        b"RFC822.SIZE 4286 MODSEQ (77))",
        FetchData(
            12,
            UID.answer(42),
            FLAGS.answer(frozenset({"\\Seen", "NonJunk"})),
            INTERNALDATE.answer(datetime(2023, 7, 17, 8, 44, 25, tzinfo=CEST)),
            RFC822_SIZE.answer(4_286),
            MODSEQ.answer(77),
        ),
    ),
    (
        "Gmail greets",
        b"* OK Gimap ready for requests from 203.0.113.5 a640c23a62f3a-b0d1234abcdmb12345",
        Ok("Gimap ready for requests from 203.0.113.5 a640c23a62f3a-b0d1234abcdmb12345"),
    ),
    (
        "Gmail lists its root",
        b'* LIST (\\HasChildren \\Noselect) "/" "[Gmail]"',
        ListData(frozenset({"\\HasChildren", "\\Noselect"}), "/", "[Gmail]"),
    ),
    (
        "Gmail lists a name in another language",
        b'* LIST (\\Drafts \\HasNoChildren) "/" "[Gmail]/Entw&APw-rfe"',
        ListData(frozenset({"\\Drafts", "\\HasNoChildren"}), "/", "[Gmail]/Entwürfe"),
    ),
    (
        "Gmail fetches labels",
        b"* 1 FETCH (X-GM-THRID 1266894439832287888 X-GM-MSGID 1278455344230334865 X-GM-LABELS "
        b'("\\\\Inbox" "\\\\Sent" Important "Muy Importante") UID 34)',
        FetchData(
            1,
            X_GM_THRID.answer(1_266_894_439_832_287_888),
            X_GM_MSGID.answer(1_278_455_344_230_334_865),
            X_GM_LABELS.answer(frozenset({"\\Inbox", "\\Sent", "Important", "Muy Importante"})),
            UID.answer(34),
        ),
    ),
    (
        "Gmail wants a browser",
        b"* NO [WEBALERT https://accounts.google.com/signin/continue?sarp=1&scc=1] Web login required.",
        No(
            "Web login required.",
            UnknownCode("WEBALERT", b"https://accounts.google.com/signin/continue?sarp=1&scc=1"),
        ),
    ),
    (
        "Gmail refuses a token",
        b"+ eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0=",
        ContinuationRequest("eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0="),
    ),
    (
        "Exchange greets",
        b"* OK The Microsoft Exchange IMAP4 service is ready. [QQBCAA==]",
        Ok("The Microsoft Exchange IMAP4 service is ready. [QQBCAA==]"),
    ),
    (
        "Exchange fetches header fields",
        b'* 3 FETCH (BODY[HEADER.FIELDS ("DATE" "FROM")] {2}\r\n\r\n UID 9)',
        FetchData(3, BodySection((), "HEADER.FIELDS", ("DATE", "FROM")).answer(b"\r\n"), UID.answer(9)),
    ),
    (
        "Exchange refuses",
        b"A4 BAD Command Argument Error. 11",
        TaggedStatus("A4", Bad("Command Argument Error. 11")),
    ),
    ("Exchange ends", b"* BYE Connection is closed. 13", Bye("Connection is closed. 13")),
    (
        "Courier names its namespaces",
        b'* NAMESPACE (("INBOX." ".")) NIL (("#shared." ".")("shared." "."))',
        NamespaceData(
            (NamespacePrefix("INBOX.", "."),),
            (),
            (NamespacePrefix("#shared.", "."), NamespacePrefix("shared.", ".")),
        ),
    ),
    (
        "Courier says rights",
        b'* OK [MYRIGHTS "acdilrsw"] ACL',
        Ok("ACL", UnknownCode("MYRIGHTS", b'"acdilrsw"')),
    ),
    (
        "Courier lists with a quoted INBOX",
        b'* LIST (\\Unmarked \\HasChildren) "." "INBOX"',
        ListData(frozenset({"\\Unmarked", "\\HasChildren"}), ".", "INBOX"),
    ),
    (
        "Cyrus predicts",
        b"* OK [UIDNEXT 4392] Predicted next UID",
        Ok("Predicted next UID", UIDNextCode(4_392)),
    ),
    (
        "Cyrus says annotations",
        b"* OK [ANNOTATIONS 65536] Ok",
        Ok("Ok", AnnotationsCode(65_536)),
    ),
    (
        "Cyrus has no moving sequence numbers",
        b"* OK [NOMODSEQ] Sorry",
        Ok("Sorry", NOMODSEQ),
    ),
    (
        "iCloud greets",
        b"* OK [CAPABILITY XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 SASL-IR AUTH=ATOKEN AUTH=PLAIN] "
        b"(2406B20-e7d1f5) pv50p00im-ztdg10012101.me.com",
        Ok(
            "(2406B20-e7d1f5) pv50p00im-ztdg10012101.me.com",
            CapabilityCode(
                Capabilities("XAPPLEPUSHSERVICE IMAP4 IMAP4rev1 SASL-IR AUTH=ATOKEN AUTH=PLAIN".split())
            ),
        ),
    ),
    (
        "iCloud says who it is",
        b'* ID ("name" "iCloud IMAP" "version" NIL "support-url" "https://support.example/icloud")',
        IDData(
            (("name", "iCloud IMAP"), ("version", None), ("support-url", "https://support.example/icloud"))
        ),
    ),
    (
        "Yahoo counts",
        b'* STATUS "Bulk Mail" (MESSAGES 12 UNSEEN 3 UIDNEXT 44 UIDVALIDITY 1 MAILBOXID (7))',
        StatusData(
            "Bulk Mail",
            (("MESSAGES", 12), ("UNSEEN", 3), ("UIDNEXT", 44), ("UIDVALIDITY", 1), ("MAILBOXID", "7")),
        ),
    ),
    (
        "a server with QRESYNC",
        b"* VANISHED (EARLIER) 41,43:116",
        VanishedData(UIDSet("41,43:116"), is_earlier=True),
    ),
    (
        "a server with quotas",
        b'* QUOTA "User quota" (STORAGE 10 512)',
        QuotaData("User quota", (QuotaResource("STORAGE", 10, 512),)),
    ),
]

ALTERNATIVE = MultiPart(
    parts=(
        TextPart(
            type=b"text",
            subtype=b"plain",
            parameters=((b"charset", b"utf-8"),),
            encoding=b"quoted-printable",
            size=1_036,
            lines=39,
            extension=SinglePartExtension(),
        ),
        TextPart(
            type=b"text",
            subtype=b"html",
            encoding=b"7BIT",
            size=5,
            lines=1,
            extension=SinglePartExtension(),
        ),
    ),
    subtype=b"alternative",
    extension=MultiPartExtension(parameters=((b"boundary", b"_000_"),), language=(b"en-US",)),
)

DEVIATING: list[tuple[str, bytes, Response, list[tuple[str, int]]]] = [
    (
        "a status with nothing behind it",
        b"a OK",
        TaggedStatus("a", Ok.of_parsed("", None)),
        [("text after the status", 4)],
    ),
    (
        "a status with only a space behind it",
        b"a OK ",
        TaggedStatus("a", Ok.of_parsed("", None)),
        [("text without NUL, of one character or more", 5)],
    ),
    (
        "a code with nothing behind it",
        b"* OK [ALERT]",
        Ok.of_parsed("", ALERT),
        [("a space and text after the response code", 12)],
    ),
    (
        "a code with only a space behind it",
        b"* OK [UIDVALIDITY 1] ",
        Ok.of_parsed("", UIDValidityCode(1)),
        [("text without NUL, of one character or more", 21)],
    ),
    (
        "a code without its argument",
        b"* OK [UIDNEXT] Predicted next UID",
        Ok("Predicted next UID", UnknownCode.of_parsed("UIDNEXT", b"")),
        [("the arguments of the response code", 13)],
    ),
    ("a continuation without a space", b"+", ContinuationRequest(""), [("a space behind +", 1)]),
    (
        "capabilities with a space behind them",
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN ",
        CapabilityData(["IMAP4rev1", "AUTH=PLAIN"]),
        [("one space before each capability", 33)],
    ),
    (
        "SEARCH with a space behind it",
        b"* SEARCH ",
        SearchData(),
        [("numbers from 1 on, one space before each", 8)],
    ),
    (
        "STATUS with a space behind it",
        b'* STATUS "a b" (MESSAGES 5) ',
        StatusData("a b", (("MESSAGES", 5),)),
        [("the end of the response", 27)],
    ),
    (
        "flags with a space behind them",
        b"* 5 FETCH (FLAGS (\\Seen NonJunk ) UID 9)",
        FetchData(5, FLAGS.answer(frozenset({"\\Seen", "NonJunk"})), UID.answer(9)),
        [("flags with one space between them", 17)],
    ),
    (
        "a size in signed 32 bits",
        b"* 3 FETCH (RFC822.SIZE -2147483000 UID 9)",
        FetchData(3, RFC822_SIZE.answer(0), UID.answer(9)),
        [("a size of 0 or more", 23)],
    ),
    (
        "a day of one digit",
        b'* 9 FETCH (INTERNALDATE "5-Jan-2024 01:02:03 +0000")',
        FetchData(9, INTERNALDATE.answer(datetime(2024, 1, 5, 1, 2, 3, tzinfo=UTC))),
        [("a day of two characters", 24)],
    ),
    (
        "a space behind FETCH",
        b"* 9 FETCH (UID 1 RFC822.HEADER {2}\r\n\r\n) ",
        FetchData(9, UID.answer(1), RFC822_HEADER.answer(b"\r\n")),
        [("the end of the response", 39)],
    ),
    (
        "an empty list where NIL stands",
        b'* 4 FETCH (ENVELOPE (NIL "x" (("A" NIL "a" "b.example")) () NIL NIL NIL NIL NIL "<m>"))',
        FetchData(
            4,
            ENVELOPE.answer(
                Envelope(
                    subject=b"x", from_=(EnvelopeAddress(b"A", None, b"a", b"b.example"),), message_id=b"<m>"
                )
            ),
        ),
        [("NIL for no addresses", 58)],
    ),
    (
        "NIL for an encoding",
        b'* 2 FETCH (BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 1036 39 '
        b'NIL NIL NIL NIL)("text" "html" NIL NIL NIL NIL 5 1 NIL NIL NIL NIL) '
        b'"alternative" ("boundary" "_000_") NIL "en-US"))',
        FetchData(2, BODYSTRUCTURE.answer(ALTERNATIVE)),
        [("a transfer encoding", 140)],
    ),
    (
        "NIL for an encoding of an attachment, beside a literal",
        b'* 3 FETCH (BODYSTRUCTURE ("application" "pdf" ("name" {3}\r\na"b) NIL NIL NIL 30 NIL '
        b'("attachment" NIL) NIL))',
        FetchData(
            3,
            BODYSTRUCTURE.answer(
                BasicPart(
                    type=b"application",
                    subtype=b"pdf",
                    parameters=((b"name", b'a"b'),),
                    encoding=b"7BIT",
                    size=30,
                    extension=SinglePartExtension(disposition=Disposition(b"attachment")),
                )
            ),
        ),
        [("a transfer encoding", 72)],
    ),
]


@pytest.mark.parametrize(
    "octets, response", [row[1:] for row in GRAMMATICAL], ids=[row[0] for row in GRAMMATICAL]
)
def test_what_the_grammar_allows(octets: bytes, response: Response) -> None:
    assert parse_responses(octets + b"\r\n", strict=True) == [response]
    assert parse_responses(serialize(response), strict=True) == [response]


@pytest.mark.parametrize(
    "octets, response, defects", [row[1:] for row in DEVIATING], ids=[row[0] for row in DEVIATING]
)
def test_what_the_grammar_does_not_allow(
    octets: bytes, response: Response, defects: list[tuple[str, int]]
) -> None:
    (parsed,) = parse_responses(octets + b"\r\n")
    assert parsed == response
    assert not isinstance(parsed, Incomplete | Opaque)
    assert [(defect.rule, defect.offset) for defect in parsed.defects] == defects
    with pytest.raises(RemoteProtocolError):
        parse_responses(octets + b"\r\n", strict=True)


def test_a_keyword_that_is_no_atom_goes_on_as_it_came() -> None:
    octets = b"* FLAGS (Junk \\Answered a[b])\r\n"
    (parsed,) = parse_responses(octets)
    assert isinstance(parsed, FlagsData)
    assert parsed.flags == {"\\Answered", "Junk", "a[b]"}
    assert [(defect.rule, defect.offset) for defect in parsed.defects] == [("flags that are atoms", 8)]
    assert serialize(parsed) == octets

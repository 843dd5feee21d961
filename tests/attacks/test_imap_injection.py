"""No argument of a command or of a response can inject a line (RFC 3501 section 9)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.imap.appending import AppendMessage
from mailproto.imap.capability import Capabilities
from mailproto.imap.codec import Incomplete, parse_commands, parse_responses, serialize
from mailproto.imap.codes import BadCharsetCode, CapabilityCode, PermanentFlagsCode, SimpleCode, UnknownCode
from mailproto.imap.command import COMMANDS as REGISTERED
from mailproto.imap.command import BareCommand
from mailproto.imap.commands import (
    Append,
    Authenticate,
    Command,
    Copy,
    Create,
    Delete,
    Examine,
    Fetch,
    List,
    Login,
    LSub,
    Noop,
    Rename,
    Search,
    Select,
    Status,
    Store,
    StoreAction,
    Subscribe,
    TaggedCommand,
    UIDCopy,
    UIDFetch,
    UIDSearch,
    UIDStore,
    UnknownCommand,
    Unsubscribe,
)
from mailproto.imap.conversion import BadConversion, BadParameters, Conversion, ConversionFailure
from mailproto.imap.ext.acl import (
    ACLData,
    DeleteACL,
    GetACL,
    ListRights,
    ListRightsData,
    MyRights,
    MyRightsData,
    SetACL,
)
from mailproto.imap.ext.annotate import (
    ANNOTATION,
    CHANGED_ANNOTATIONS,
    Annotation,
    AnnotationCriterion,
    AppendAnnotations,
    FetchAnnotations,
    HasAnnotation,
    StoreAnnotations,
    UIDStoreAnnotations,
)
from mailproto.imap.ext.binary import BinarySection
from mailproto.imap.ext.catenate import BadURLCode, Catenate, TextLiteral, URLPart
from mailproto.imap.ext.compress import Compress
from mailproto.imap.ext.condstore import ModSeq
from mailproto.imap.ext.context import CancelUpdate, NoUpdateCode
from mailproto.imap.ext.convert import (
    AvailableConversions,
    BodyPartStructure,
    ConversionData,
    Conversions,
    Convert,
    ConvertedData,
    UIDConvert,
)
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.esearch import ESearchData
from mailproto.imap.ext.filters import Filter, UndefinedFilterCode
from mailproto.imap.ext.gmail import X_GM_LABELS, GmailLabel, GmailRaw, StoreLabels, UIDStoreLabels
from mailproto.imap.ext.id import ID
from mailproto.imap.ext.inprogress import InProgressCode
from mailproto.imap.ext.jmapaccess import JMAPAccessData
from mailproto.imap.ext.language import Comparator, ComparatorData, Language, LanguageData
from mailproto.imap.ext.list_status import ReturnMetadata, ReturnStatus
from mailproto.imap.ext.metadata import GetMetadata, MetadataChangedData, MetadataData, SetMetadata
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.multiappend import MultiAppend
from mailproto.imap.ext.multisearch import ESearch
from mailproto.imap.ext.notify import BadEventCode, EventGroup, Notify, NotifyEvent
from mailproto.imap.ext.objectid import EMAILID, EmailID, MailboxIDCode
from mailproto.imap.ext.preview import PREVIEW
from mailproto.imap.ext.quota import (
    GetQuota,
    GetQuotaRoot,
    QuotaData,
    QuotaResource,
    QuotaRootData,
    SetQuota,
)
from mailproto.imap.ext.referrals import ReferralCode, RList, RLSub
from mailproto.imap.ext.replace import Replace, UIDReplace
from mailproto.imap.ext.sort import Sort, SortCriterion, UIDSort, sort_criteria
from mailproto.imap.ext.special_use import Use
from mailproto.imap.ext.thread import Thread, UIDThread
from mailproto.imap.ext.uidonly import UIDFetchData
from mailproto.imap.ext.uidplus import UIDExpunge
from mailproto.imap.ext.urlauth import (
    GenURLAuth,
    GenURLAuthData,
    ResetKey,
    URLFetch,
    URLFetchData,
    URLMechCode,
)
from mailproto.imap.ext.urlauth_binary import URLMetadata, URLRequest
from mailproto.imap.ext.utf8 import UTF8Message
from mailproto.imap.ext.xlist import XList, XListData
from mailproto.imap.fetch import BodySection, OtherItem
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.parameters import UnknownParameter
from mailproto.imap.responses import (
    CapabilityData,
    ContinuationRequest,
    FetchData,
    FlagsData,
    IDData,
    ListData,
    Response,
    StatusData,
    TaggedStatus,
    UnknownData,
)
from mailproto.imap.search import From, Header, Keyword, Subject, Text
from mailproto.imap.sections import Specifier
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.status import Bye, No, Ok


def annotation(entry: str = "a", attribute: str = "value", value: bytes | None = None) -> tuple[Annotation]:
    return (Annotation(f"/{entry}", ((f"{attribute}.priv", value),)),)


EVIL = ["\r\nz NOOP", "\nz NOOP", "\rz NOOP", "\0", "x\r\n", '"\r\nz NOOP', "{5}\r\nz NOOP", "{5+}\r\nz NO"]

COMMANDS: dict[str, Callable[[str], Command]] = {
    "LOGIN user": lambda evil: Login(evil, Secret("p")),
    "LOGIN password": lambda evil: Login("u", Secret(evil)),
    "AUTHENTICATE": lambda evil: Authenticate(evil),
    "AUTHENTICATE response": lambda evil: Authenticate("X", Secret(evil.encode())),
    "SELECT": Select,
    "SELECT parameter": lambda evil: Select("x", (UnknownParameter(evil),)),
    "SELECT parameter value": lambda evil: Select("x", (UnknownParameter("X", evil),)),
    "EXAMINE": Examine,
    "EXAMINE parameter list": lambda evil: Examine("x", (UnknownParameter("X", (evil.encode(),)),)),
    "CREATE": Create,
    "DELETE": Delete,
    "RENAME from": lambda evil: Rename(evil, "x"),
    "RENAME to": lambda evil: Rename("x", evil),
    "SUBSCRIBE": Subscribe,
    "UNSUBSCRIBE": Unsubscribe,
    "LIST reference": lambda evil: List(evil, "*"),
    "LIST pattern": lambda evil: List("", evil),
    "LIST status": lambda evil: List("", "%", returning=(ReturnStatus((evil,)),)),
    "LIST metadata": lambda evil: List("", "%", returning=(ReturnMetadata((f"/{evil}",)),)),
    "CREATE use": lambda evil: Create("x", (Use(frozenset({f"\\{evil}"})),)),
    "LIST patterns": lambda evil: List("", "%", more_patterns=(evil,)),
    "LSUB reference": lambda evil: LSub(evil, "*"),
    "LSUB pattern": lambda evil: LSub("", evil),
    "STATUS mailbox": lambda evil: Status(evil, ("MESSAGES",)),
    "STATUS item": lambda evil: Status("x", (evil,)),
    "APPEND mailbox": lambda evil: Append(evil, b"x"),
    "APPEND message": lambda evil: Append("x", evil.encode()),
    "APPEND flag": lambda evil: Append("x", b"x", frozenset({evil})),
    "APPEND two": lambda evil: MultiAppend(
        evil, (AppendMessage(evil.encode()), AppendMessage(b"", frozenset()))
    ),
    "APPEND text": lambda evil: Append("x", Catenate((TextLiteral(evil.encode()),))),
    "APPEND utf8": lambda evil: Append("x", UTF8Message(evil.encode())),
    "APPEND url": lambda evil: Append("x", Catenate((URLPart(evil),))),
    "APPEND annotation": lambda evil: Append("x", b"", options=(AppendAnnotations(annotation(evil)),)),
    "APPEND annotation value": lambda evil: Append(
        "x", b"", options=(AppendAnnotations(annotation(value=evil.encode())),)
    ),
    "REPLACE mailbox": lambda evil: Replace(1, evil, AppendMessage(b"")),
    "UID REPLACE message": lambda evil: UIDReplace(1, "x", AppendMessage(evil.encode())),
    "UID REPLACE flag": lambda evil: UIDReplace(1, "x", AppendMessage(b"", frozenset({evil}))),
    "SEARCH text": lambda evil: Search(From(evil)),
    "SEARCH field": lambda evil: Search(Header(evil, "x")),
    "SEARCH flag of a mod-sequence": lambda evil: Search(ModSeq(5, evil)),
    "SEARCH keyword": lambda evil: Search(Keyword(evil)),
    "SEARCH filter": lambda evil: Search(Filter(evil)),
    "SEARCH raw": lambda evil: Search(GmailRaw(evil)),
    "SEARCH label": lambda evil: Search(GmailLabel(evil)),
    "SEARCH annotation": lambda evil: Search(HasAnnotation(f"/{evil}", "value", evil)),
    "SEARCH annotation text": lambda evil: Search(HasAnnotation("*", "value", evil)),
    "STORE annotation": lambda evil: StoreAnnotations(SequenceSet("1"), annotation(evil, evil)),
    "UID STORE annotation value": lambda evil: UIDStoreAnnotations(
        UIDSet("1"), annotation(value=evil.encode())
    ),
    "STORE label": lambda evil: StoreLabels(SequenceSet("1"), StoreAction.ADD, frozenset({evil})),
    "UID STORE label": lambda evil: UIDStoreLabels(UIDSet("1"), StoreAction.ADD, frozenset({evil})),
    "SETACL mailbox": lambda evil: SetACL(evil, "y", frozenset("l")),
    "SETACL identifier": lambda evil: SetACL("x", evil, frozenset("l")),
    "SETACL rights": lambda evil: SetACL("x", "y", frozenset({evil})),
    "DELETEACL": lambda evil: DeleteACL(evil, evil),
    "GETACL": GetACL,
    "LISTRIGHTS": lambda evil: ListRights(evil, evil),
    "MYRIGHTS": MyRights,
    "GETMETADATA mailbox": lambda evil: GetMetadata(evil, ("/a",)),
    "GETMETADATA entry": lambda evil: GetMetadata("x", (f"/{evil}",)),
    "GETMETADATA option": lambda evil: GetMetadata("x", ("/a",), more_options=((evil, None),)),
    "GETMETADATA set": lambda evil: GetMetadata("x", ("/a",), more_options=(("X", evil),)),
    "GETMETADATA value": lambda evil: GetMetadata("x", ("/a",), more_options=(("X", (evil,)),)),
    "SETMETADATA mailbox": lambda evil: SetMetadata(evil, (("/a", None),)),
    "SETMETADATA entry": lambda evil: SetMetadata("x", ((f"/{evil}", None),)),
    "SETMETADATA value": lambda evil: SetMetadata("x", (("/a", evil.encode()),)),
    "RESETKEY mailbox": ResetKey,
    "RESETKEY mechanism": lambda evil: ResetKey("x", (evil,)),
    "GENURLAUTH url": lambda evil: GenURLAuth(((evil, "INTERNAL"),)),
    "GENURLAUTH mechanism": lambda evil: GenURLAuth((("imap://h/", evil),)),
    "URLFETCH request": lambda evil: URLFetch((URLRequest(evil, ("BODY",)),)),
    "URLFETCH item": lambda evil: URLFetch((URLRequest("x", (evil,)),)),
    "URLFETCH": lambda evil: URLFetch((evil, f"imap://h/m/;UID=1;URLAUTH=anonymous:INTERNAL:{evil}")),
    "RLIST": lambda evil: RList(evil, evil),
    "RLSUB": lambda evil: RLSub(evil, evil),
    "LANGUAGE": lambda evil: Language((evil,)),
    "COMPARATOR": lambda evil: Comparator((evil,)),
    "GETQUOTA root": GetQuota,
    "GETQUOTAROOT mailbox": GetQuotaRoot,
    "SETQUOTA root": lambda evil: SetQuota(evil, (("STORAGE", 1),)),
    "SETQUOTA resource": lambda evil: SetQuota("x", ((evil, 1),)),
    "COMPRESS mechanism": lambda evil: Compress(evil),
    "XLIST reference": lambda evil: XList(evil, "*"),
    "XLIST pattern": lambda evil: XList("", evil),
    "SEARCH object id": lambda evil: Search(EmailID(evil)),
    "SEARCH charset": lambda evil: Search(Text("x"), evil),
    "FETCH set": lambda evil: Fetch(SequenceSet(evil), (BodySection(),)),
    "FETCH field": lambda evil: Fetch(SequenceSet("1"), (BodySection((), "HEADER.FIELDS", (evil,)),)),
    "FETCH annotation": lambda evil: Fetch(SequenceSet("1"), (FetchAnnotations((f"/{evil}",), (evil,)),)),
    "FETCH item": lambda evil: UIDFetch(UIDSet("1"), (OtherItem(evil),)),
    "STORE flag": lambda evil: Store(SequenceSet("1"), StoreAction.ADD, frozenset({evil})),
    "COPY": lambda evil: Copy(SequenceSet("1"), evil),
    "MOVE": lambda evil: Move(SequenceSet("1"), evil),
    "UID COPY": lambda evil: UIDCopy(UIDSet("1"), evil),
    "UID MOVE": lambda evil: UIDMove(UIDSet("1"), evil),
    "UID EXPUNGE": lambda evil: UIDExpunge(UIDSet(evil)),
    "UID FETCH section": lambda evil: UIDFetch(UIDSet("1"), (BodySection((), cast("Specifier", evil)),)),
    "UID SEARCH text": lambda evil: UIDSearch(~Text(evil) | Subject(evil)),
    "UID STORE flag": lambda evil: UIDStore(UIDSet("1"), StoreAction.REPLACE, frozenset({evil})),
    "SORT criterion": lambda evil: Sort((SortCriterion(evil),), Text("x")),
    "SORT annotation": lambda evil: Sort((AnnotationCriterion(f"/{evil}", "value.priv"),), Text("x")),
    "SORT text": lambda evil: Sort((SortCriterion("DATE"),), Text(evil)),
    "SORT charset": lambda evil: Sort((SortCriterion("DATE"),), Text("x"), evil),
    "UID SORT criteria": lambda evil: UIDSort(sort_criteria(evil), Text("x")),
    "THREAD algorithm": lambda evil: Thread(evil, Text("x")),
    "UID THREAD text": lambda evil: UIDThread("REFERENCES", Text(evil)),
    "ESEARCH mailbox": lambda evil: ESearch(Text("x"), sources=(MailboxFilter("mailboxes", (evil,)),)),
    "CONVERT type": lambda evil: Convert(SequenceSet("1"), Conversion(evil), (BodyPartStructure(),)),
    "CONVERT item": lambda evil: Convert(SequenceSet("1"), Conversion(), (OtherItem(evil),)),
    "UID CONVERT name": lambda evil: UIDConvert(
        UIDSet("1"), Conversion(None, ((evil, "x"),)), (BodyPartStructure(),)
    ),
    "UID CONVERT value": lambda evil: UIDConvert(
        UIDSet("1"), Conversion("a/b", (("charset", evil),)), (AvailableConversions(),)
    ),
    "CONVERSIONS source": lambda evil: Conversions(evil),
    "CONVERSIONS target": lambda evil: Conversions("*", f"image/{evil}"),
    "NOTIFY mailbox": lambda evil: Notify((EventGroup(MailboxFilter("subtree", (evil,))),)),
    "NOTIFY event": lambda evil: Notify((EventGroup(MailboxFilter("personal"), (NotifyEvent(evil),)),)),
    "CANCELUPDATE": lambda evil: CancelUpdate((evil,)),
    "ENABLE": lambda evil: Enable(Capabilities([evil])),
    "ID value": lambda evil: ID((("name", evil),)),
    "ID field": lambda evil: ID(((evil, "x"),)),
    "unknown name": lambda evil: UnknownCommand(evil),
    "unknown atom": lambda evil: UnknownCommand("X", (evil,)),
    "unknown string": lambda evil: UnknownCommand("X", (evil.encode(),)),
}


def failed(text: str) -> ConversionFailure:
    """Return a failure with *text* wherever there is some."""
    return ConversionFailure(text, BadParameters((BadConversion("a/b", "c/d", ((text, text),)),)))


FAILED = failed("x")

RESPONSES: dict[str, Callable[[str], Response]] = {
    "status text": Ok,
    "bye text": Bye,
    "text behind a code": lambda evil: No(evil, SimpleCode("ALERT")),
    "tagged text": lambda evil: TaggedStatus("a", Ok(evil)),
    "tag": lambda evil: TaggedStatus(evil, Ok()),
    "code": lambda evil: Ok("x", SimpleCode(evil)),
    "code text": lambda evil: Ok("x", UnknownCode("X", evil.encode())),
    "charset": lambda evil: No("x", BadCharsetCode((evil,))),
    "permanent flag": lambda evil: Ok("x", PermanentFlagsCode(frozenset({evil}))),
    "capability code": lambda evil: Ok("x", CapabilityCode(Capabilities([evil]))),
    "continuation": ContinuationRequest,
    "event": lambda evil: No("x", BadEventCode((evil,))),
    "tag of a code": lambda evil: No("x", NoUpdateCode(evil)),
    "tag of a search": ESearchData,
    "mailbox of a search": lambda evil: ESearchData("a", mailbox=evil),
    "result of a search": lambda evil: ESearchData("a", ((evil, 5),)),
    "value of a search": lambda evil: ESearchData("a", (("X", (evil.encode(),)),)),
    "capability": lambda evil: CapabilityData([evil]),
    "flag": lambda evil: FlagsData(frozenset({evil})),
    "mailbox": lambda evil: ListData(frozenset(), "/", evil),
    "old name": lambda evil: ListData(frozenset(), "/", "x", extended=(("OLDNAME", evil),)),
    "child info": lambda evil: ListData(frozenset(), "/", "x", extended=(("CHILDINFO", (evil,)),)),
    "extended item": lambda evil: ListData(frozenset(), "/", "x", extended=((evil, 5),)),
    "attribute": lambda evil: ListData(frozenset({evil}), "/", "x"),
    "delimiter": lambda evil: ListData(frozenset(), evil, "x"),
    "status mailbox": lambda evil: StatusData(evil, (("MESSAGES", 1),)),
    "label": lambda evil: FetchData(1, X_GM_LABELS.answer(frozenset({evil}))),
    "system label": lambda evil: FetchData(1, X_GM_LABELS.answer(frozenset({f"\\{evil}"}))),
    "filter": lambda evil: No("x", UndefinedFilterCode(evil)),
    "acl": lambda evil: ACLData(evil, ((evil, frozenset("l")),)),
    "acl rights": lambda evil: ACLData("x", (("y", frozenset({evil})),)),
    "listrights": lambda evil: ListRightsData(evil, evil, frozenset("l")),
    "myrights": lambda evil: MyRightsData(evil, frozenset("l")),
    "metadata": lambda evil: MetadataData(evil, (("/a", evil.encode()),)),
    "metadata entry": lambda evil: MetadataData("x", ((f"/{evil}", None),)),
    "metadata changed": lambda evil: MetadataChangedData("x", (f"/{evil}",)),
    "annotation": lambda evil: FetchData(1, ANNOTATION.answer(annotation(evil, evil, evil.encode()))),
    "annotation changed": lambda evil: FetchData(1, CHANGED_ANNOTATIONS.answer((f"/{evil}",))),
    "genurlauth": lambda evil: GenURLAuthData((f";URLAUTH=anonymous:INTERNAL:{evil}",)),
    "urlfetch": lambda evil: URLFetchData(((evil, evil.encode()),)),
    "urlfetch items": lambda evil: URLFetchData(
        ((evil, URLMetadata((("BINARY", evil.encode()), ("BODY", evil.encode()), ("X", evil.encode())))),)
    ),
    "urlfetch item name": lambda evil: URLFetchData((("x", URLMetadata(((evil, b"y"),))),)),
    "urlfetch atom": lambda evil: URLFetchData((("x", URLMetadata((("X", evil),))),)),
    "urlmech": lambda evil: Ok("x", URLMechCode(((evil, None),))),
    "language": lambda evil: LanguageData((evil,)),
    "comparator": lambda evil: ComparatorData(evil, (evil,)),
    "jmapaccess": JMAPAccessData,
    "referral": lambda evil: No("x", ReferralCode((f"imap://{evil}",))),
    "in progress": lambda evil: Ok("x", InProgressCode(evil)),
    "quota root": lambda evil: QuotaData(evil, (QuotaResource("STORAGE", 1, 2),)),
    "quota resource": lambda evil: QuotaData("x", (QuotaResource(evil, 1, 2),)),
    "quota roots": lambda evil: QuotaRootData(evil, (evil, evil)),
    "xlist": lambda evil: XListData(frozenset({evil}), "/", evil),
    "bad URL": lambda evil: No("x", BadURLCode(evil)),
    "mailbox id": lambda evil: StatusData("x", (("MAILBOXID", evil),)),
    "mailbox id code": lambda evil: Ok("x", MailboxIDCode(evil)),
    "email id": lambda evil: FetchData(1, EMAILID.answer(evil)),
    "conversion": lambda evil: ConversionData("a/b", evil),
    "conversion parameter": lambda evil: ConversionData("a/b", "c/d", (evil,)),
    "converted tag": lambda evil: ConvertedData(1, evil, ((BodyPartStructure(), FAILED),)),
    "converted item": lambda evil: ConvertedData(1, "a", ((evil, 5),)),
    "converted value": lambda evil: ConvertedData(1, "a", (("X", evil.encode()),)),
    "converted types": lambda evil: ConvertedData(1, "a", ((AvailableConversions(), (evil,)),)),
    "converted octets": lambda evil: ConvertedData(1, "a", ((BinarySection(), evil.encode()),)),
    "failure": lambda evil: ConvertedData(1, "a", ((BodyPartStructure(), failed(evil)),)),
    "by UID": lambda evil: UIDFetchData(1, EMAILID.answer(evil), PREVIEW.answer(evil)),
    "preview": lambda evil: FetchData(1, PREVIEW.answer(evil)),
    "status item": lambda evil: StatusData("x", ((evil, 1),)),
    "id": lambda evil: IDData((("name", evil),)),
    "unknown name": lambda evil: UnknownData(evil),
    "unknown atom": lambda evil: UnknownData("X", (evil,)),
}


BARE = {
    name
    for name, parse in REGISTERED.items()
    if getattr(parse, "__self__", object) in BareCommand.__subclasses__()
}


def test_every_command_with_arguments_is_in_the_table() -> None:
    names = {" ".join(name.split()[:2]) if name.startswith("UID ") else name.split()[0] for name in COMMANDS}
    assert names - {"unknown"} == set(REGISTERED) - BARE


@pytest.mark.parametrize("utf8", [False, True])
@pytest.mark.parametrize("evil", [*EVIL, "é\r\nz NOOP"])
@pytest.mark.parametrize("name", COMMANDS)
def test_commands(name: str, evil: str, utf8: bool) -> None:
    try:
        command = COMMANDS[name](evil)
        octets = serialize(TaggedCommand("a", command), utf8=utf8)
    except LocalProtocolError:
        return
    values = parse_commands(octets + b"y NOOP\r\n", utf8=utf8)
    assert values == [TaggedCommand("a", command), TaggedCommand("y", Noop())]


# Arguments for which the grammar has no string, and so no literal.
ATOMS = [
    "AUTHENTICATE",
    "STATUS item",
    "APPEND flag",
    "CONVERT type",
    "CONVERT item",
    "CONVERSIONS source",
    "SEARCH keyword",
    "SEARCH object id",
    "SEARCH filter",
    "FETCH set",
    "FETCH item",
    "STORE flag",
    "UID EXPUNGE",
    "UID FETCH section",
    "UID REPLACE flag",
    "UID STORE flag",
    "ENABLE",
    "unknown name",
    "unknown atom",
]


@pytest.mark.parametrize("octet", ["\0", "\r", "\n"])
@pytest.mark.parametrize("name", ATOMS)
def test_where_no_literal_can_stand(name: str, octet: str) -> None:
    with pytest.raises(LocalProtocolError):
        COMMANDS[name](f"1{octet}2")


WITH_NUL = {
    "APPEND annotation value",
    "AUTHENTICATE response",
    "SEARCH annotation text",
    "SETMETADATA value",
    "UID STORE annotation value",
}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITH_NUL))
def test_nul_stands_nowhere_but_in_base64_and_literal8(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        serialize(TaggedCommand("a", COMMANDS[name]("1\0002")))


@pytest.mark.parametrize("utf8", [False, True])
@pytest.mark.parametrize("evil", [*EVIL, "é\r\nz NOOP"])
@pytest.mark.parametrize("name", RESPONSES)
def test_responses(name: str, evil: str, utf8: bool) -> None:
    try:
        response = RESPONSES[name](evil)
        octets = serialize(response, utf8=utf8)
    except LocalProtocolError:
        return
    values = parse_responses(octets + b"y OK x\r\n", utf8=utf8)
    assert values == [response, TaggedStatus("y", Ok("x"))]


@pytest.mark.parametrize("evil", EVIL)
def test_tags(evil: str) -> None:
    with pytest.raises(LocalProtocolError):
        TaggedCommand(evil, Noop())


def test_nothing_of_the_attack_stands_outside_of_a_literal() -> None:
    octets = serialize(TaggedCommand("a", UnknownCommand("X", (b"\r\nz NOOP",))))
    assert octets == b"a X {8}\r\n\r\nz NOOP\r\n"
    assert parse_commands(octets[:-3]) == [Incomplete(octets[:-3])]

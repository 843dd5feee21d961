"""Hypothesis strategies for IMAP values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

from hypothesis import strategies as st

from mailproto._secret import Secret
from mailproto.imap import codes, search
from mailproto.imap._response import DataResponse
from mailproto.imap.appending import AppendData, AppendMessage
from mailproto.imap.capability import Capabilities
from mailproto.imap.codes import ResponseCode
from mailproto.imap.commands import (
    Append,
    Authenticate,
    Capability,
    Check,
    Close,
    Command,
    Copy,
    Create,
    Delete,
    Examine,
    Expunge,
    Fetch,
    List,
    Login,
    Logout,
    LSub,
    Noop,
    Rename,
    Search,
    Select,
    StartTLS,
    Status,
    Store,
    StoreAction,
    Subscribe,
    UIDCopy,
    UIDFetch,
    UIDSearch,
    UIDStore,
    UnknownCommand,
    Unsubscribe,
)
from mailproto.imap.conversion import (
    BadConversion,
    BadParameters,
    Conversion,
    ConversionFailure,
    IncompleteConversion,
    MissingParameters,
    OtherFailure,
    TemporaryFailure,
)
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
    AnnotateCode,
    AnnotateReason,
    Annotation,
    AnnotationCriterion,
    AnnotationsCode,
    AppendAnnotations,
    FetchAnnotations,
    HasAnnotation,
    StoreAnnotations,
    UIDStoreAnnotations,
)
from mailproto.imap.ext.binary import BinaryMessage, BinarySection, BinarySize
from mailproto.imap.ext.catenate import BadURLCode, Catenate, TextLiteral, URLPart
from mailproto.imap.ext.compress import Compress
from mailproto.imap.ext.condstore import HighestModSeqCode, ModifiedCode, ModSeq
from mailproto.imap.ext.context import UpdateResults
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
from mailproto.imap.ext.esearch import COUNT, MAX, MIN, ESearchData
from mailproto.imap.ext.filters import Filter, UndefinedFilterCode
from mailproto.imap.ext.fuzzy import Fuzzy
from mailproto.imap.ext.gmail import (
    X_GM_LABELS,
    X_GM_MSGID,
    X_GM_THRID,
    GmailLabel,
    GmailMessageID,
    GmailRaw,
    GmailThreadID,
    StoreLabels,
    UIDStoreLabels,
)
from mailproto.imap.ext.id import ID
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.inprogress import InProgressCode
from mailproto.imap.ext.jmapaccess import GetJMAPAccess
from mailproto.imap.ext.language import Comparator, ComparatorData, Language, LanguageData
from mailproto.imap.ext.list_extended import CHILDREN, RECURSIVEMATCH, REMOTE, SUBSCRIBED
from mailproto.imap.ext.list_status import MYRIGHTS, ReturnMetadata, ReturnStatus
from mailproto.imap.ext.message_limit import MessageLimitCode, UIDAfter, UIDBefore
from mailproto.imap.ext.metadata import (
    GetMetadata,
    MetadataChangedData,
    MetadataCode,
    MetadataData,
    MetadataReason,
    SetMetadata,
)
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.multiappend import MultiAppend
from mailproto.imap.ext.multisearch import ESearch
from mailproto.imap.ext.namespace import Namespace
from mailproto.imap.ext.notify import (
    ANNOTATION_CHANGE,
    FLAG_CHANGE,
    MAILBOX_METADATA_CHANGE,
    MAILBOX_NAME,
    MESSAGE_EXPUNGE,
    MESSAGE_NEW,
    SERVER_METADATA_CHANGE,
    SUBSCRIPTION_CHANGE,
    BadEventCode,
    EventGroup,
    Notify,
    NotifyEvent,
)
from mailproto.imap.ext.objectid import EMAILID, THREADID, EmailID, MailboxIDCode, ThreadID
from mailproto.imap.ext.partial import Partial, PartialResults
from mailproto.imap.ext.preview import PREVIEW, PREVIEW_LAZY
from mailproto.imap.ext.qresync import QResync
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
from mailproto.imap.ext.savedate import SAVEDATE, SaveDateSupported, SavedBefore, SavedOn, SavedSince
from mailproto.imap.ext.sort import Sort, SortCriterion, SortData, UIDSort
from mailproto.imap.ext.special_use import SPECIAL_USE
from mailproto.imap.ext.thread import ThreadBranch, ThreadData
from mailproto.imap.ext.uidonly import UIDFetchData
from mailproto.imap.ext.uidplus import AppendUIDCode, CopyUIDCode, UIDExpunge
from mailproto.imap.ext.unauthenticate import Unauthenticate
from mailproto.imap.ext.unselect import Unselect
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
from mailproto.imap.ext.within import Older, Younger
from mailproto.imap.ext.xlist import XList
from mailproto.imap.fetch import ENVELOPE, FLAGS, RFC822_SIZE, UID, BodySection, FetchItem
from mailproto.imap.mailbox_data import ListData
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.parameters import Parameters, UnknownParameter
from mailproto.imap.search import SearchKey
from mailproto.imap.sequence import STAR, SequenceSet, UIDSet
from mailproto.imap.values import Value
from mailproto.mime.body_structure import BasicPart

ATOM_CHARS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '(){%*"\\]')

atoms = st.text(ATOM_CHARS, min_size=1, max_size=12)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
octets = st.binary(max_size=40).map(lambda value: value.replace(b"\0", b"\x01"))
lines = st.text(
    st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), min_size=1, max_size=40
)
mailboxes = st.one_of(texts, st.sampled_from(["INBOX", "inbox", "", "NIL", "a&b", "&", "~/x", "[Gmail]/All"]))
flags = st.frozensets(
    st.one_of(atoms, atoms.map("\\{}".format), st.sampled_from(["\\Seen", "\\ANSWERED", "\\recent"])),
    max_size=5,
)
numbers = st.integers(1, 2**32 - 1)
ranges = st.lists(
    st.tuples(numbers | st.just(STAR), numbers | st.just(STAR))
    | numbers.map(lambda number: (number, number)),
    min_size=1,
    max_size=5,
)
sequence_sets = ranges.map(SequenceSet.from_ranges)
uid_sets = ranges.map(UIDSet.from_ranges)
known_uid_sets = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4).map(UIDSet.from_ranges)
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
date_times = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)

_generic_atoms = st.text(ATOM_CHARS + "\\%*]", min_size=1, max_size=12).filter(
    lambda atom: atom.upper() != "NIL" and not (atom.isdigit() and len(atom) <= 20)
)
values: st.SearchStrategy[Value] = st.recursive(
    st.none() | octets | st.integers(0, 10**20 - 1) | _generic_atoms,
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
)

_labels = st.text("ABC-_.:19", min_size=1, max_size=6).map("X-{}".format)
_parameter_values = (
    st.none()
    | st.integers(0, 10**9)
    | st.tuples(numbers, numbers).map(lambda pair: f"{pair[0]}:{pair[1]},*")
    | st.lists(values, max_size=3).map(tuple)
)
unknown_parameters = st.lists(
    st.builds(UnknownParameter, _labels, _parameter_values), max_size=3, unique_by=lambda each: each.name
).map(tuple)

_simple_keys: list[Callable[[], SearchKey]] = [
    search.All,
    search.Answered,
    search.Deleted,
    search.Draft,
    search.Flagged,
    search.New,
    search.Old,
    search.Recent,
    search.Seen,
    search.Unanswered,
    search.Undeleted,
    search.Undraft,
    search.Unflagged,
    search.Unseen,
]
_text_keys: list[Callable[[str], SearchKey]] = [
    search.Bcc,
    search.Body,
    search.Cc,
    search.From,
    search.Subject,
    search.Text,
    search.To,
]
_date_keys: list[Callable[[date], SearchKey]] = [
    search.Before,
    search.On,
    search.Since,
    search.SentBefore,
    search.SentOn,
    search.SentSince,
]
_unknown_names = atoms.map("X{}".format).filter(lambda name: name.upper() not in search.KEYS)
_leaf_keys: st.SearchStrategy[SearchKey] = st.one_of(
    st.sampled_from(_simple_keys).map(lambda key: key()),
    st.builds(lambda key, value: key(value), st.sampled_from(_text_keys), texts),
    st.builds(lambda key, day: key(day), st.sampled_from(_date_keys), st.dates()),
    st.builds(search.Larger, st.integers(0, 2**63 - 1)),
    st.builds(search.Smaller, st.integers(0, 2**32 - 1)),
    st.builds(search.Keyword, atoms),
    st.builds(search.Unkeyword, atoms),
    st.builds(search.Header, st.text(ATOM_CHARS + ' ("', max_size=8), texts),
    st.builds(search.SequenceNumbers, sequence_sets),
    st.builds(search.UID, uid_sets),
    st.builds(search.UnknownKey, _unknown_names, st.lists(values, max_size=3).map(tuple)),
)
keys: st.SearchStrategy[SearchKey] = st.recursive(
    st.deferred(lambda: _leaf_keys | extension_keys),
    lambda inner: st.one_of(
        inner.map(search.Not),
        inner.map(Fuzzy),
        st.builds(search.Or, inner, inner),
        st.lists(inner, min_size=2, max_size=4).map(lambda terms: search.And(tuple(terms))),
    ),
    max_leaves=8,
)

# RFC 5257
_annotated = st.text(
    st.characters(min_codepoint=1, max_codepoint=0x7F, exclude_characters="%*/.0123456789"),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in ("flags", "priv", "shared"))
annotation_entries = st.builds(
    "".join, st.tuples(st.sampled_from(["", "/1", "/2.3"]), _annotated.map("/{}".format))
)
annotation_patterns = annotation_entries | st.sampled_from(["*", "/%", "/*", "/1/%", "%/x*"])
_attribute_names = st.lists(_annotated.filter(lambda name: name != "size"), min_size=1, max_size=2).map(
    ".".join
)
settable_attributes = st.builds("{}.{}".format, _attribute_names, st.sampled_from(["priv", "shared"]))
annotation_attributes = settable_attributes | _attribute_names | st.sampled_from(["size", "size.priv"])


def _annotations(attributes: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[Annotation, ...]]:
    contents = st.dictionaries(attributes, st.none() | st.binary(max_size=40), min_size=1, max_size=3)
    return st.dictionaries(annotation_entries, contents, min_size=1, max_size=3).map(
        lambda found: tuple(Annotation(entry, tuple(values.items())) for entry, values in found.items())
    )


settable_annotations = _annotations(settable_attributes)
annotations_answers = st.builds(ANNOTATION.answer, _annotations(annotation_attributes)) | st.builds(
    CHANGED_ANNOTATIONS.answer, st.lists(annotation_entries, min_size=1, max_size=3)
)
annotation_items: st.SearchStrategy[FetchItem[object]] = st.builds(
    FetchAnnotations,
    st.lists(annotation_patterns, min_size=1, max_size=3).map(tuple),
    st.lists(annotation_attributes, min_size=1, max_size=3).map(tuple),
)
annotation_codes: st.SearchStrategy[ResponseCode] = st.one_of(
    st.builds(AnnotateCode, st.sampled_from(AnnotateReason)),
    st.builds(AnnotationsCode, st.none() | numbers, has_private=st.booleans()),
    st.just(AnnotationsCode(None, is_supported=False)),
)

# What extensions have: items, keys, codes.
object_ids = st.text("abcXYZ019_-", min_size=1, max_size=255)
filter_names = atoms.filter(lambda atom: "/" not in atom)
gmail_labels = st.frozensets(texts | atoms.map("\\{}".format), max_size=4)
extension_items: list[FetchItem[object]] = [
    EMAILID,
    THREADID,
    SAVEDATE,
    PREVIEW,
    PREVIEW_LAZY,
    X_GM_MSGID,
    X_GM_THRID,
    X_GM_LABELS,
    BinarySection((1, 2), partial=(0, 9)),
    BinarySection(peek=False),
    BinarySize((3,)),
]
extension_keys: st.SearchStrategy[SearchKey] = st.one_of(
    st.builds(EmailID, object_ids),
    st.builds(ThreadID, object_ids),
    st.builds(SavedBefore, st.dates()),
    st.builds(SavedOn, st.dates()),
    st.builds(SavedSince, st.dates()),
    st.just(SaveDateSupported()),
    st.builds(Older, numbers),
    st.builds(Younger, numbers),
    st.builds(Filter, filter_names),
    st.builds(GmailMessageID, st.integers(0, 2**64 - 1)),
    st.builds(GmailThreadID, st.integers(0, 2**64 - 1)),
    st.builds(GmailLabel, mailboxes),
    st.builds(GmailRaw, texts),
    st.builds(
        HasAnnotation,
        annotation_patterns,
        st.sampled_from(["value", "value.priv", "value.shared"]),
        st.none() | texts,
    ),
)
extension_codes: st.SearchStrategy[ResponseCode] = st.one_of(
    st.builds(MailboxIDCode, object_ids),
    st.builds(UndefinedFilterCode, filter_names),
    st.builds(BadURLCode, st.text(ATOM_CHARS + ' ("', min_size=1, max_size=20)),
)

catenations = st.lists(
    st.builds(TextLiteral, octets) | st.builds(URLPart, texts), min_size=1, max_size=4
).map(lambda parts: Catenate(tuple(parts)))
append_data: st.SearchStrategy[AppendData] = st.one_of(
    st.builds(BinaryMessage, st.binary(max_size=40)), st.builds(UTF8Message, octets), catenations
)
append_options = st.builds(AppendAnnotations, settable_annotations).map(lambda option: (option,)) | st.just(
    ()
)
append_messages = st.builds(
    AppendMessage, octets | append_data, flags, st.none() | date_times, options=append_options
)

# What extensions have that administer a server.
numbers64 = st.integers(0, 2**63 - 1)
quota_limits = st.lists(st.tuples(atoms, numbers64), max_size=3).map(tuple)
quota_responses: st.SearchStrategy[DataResponse] = st.one_of(
    st.builds(
        QuotaData,
        texts,
        st.lists(st.builds(QuotaResource, atoms, numbers64, numbers64), max_size=3).map(tuple),
    ),
    st.builds(QuotaRootData, mailboxes, st.lists(texts, max_size=3).map(tuple)),
)

rights = st.frozensets(st.sampled_from("lrswipkxtecda059q"), max_size=6)
acl_responses: st.SearchStrategy[DataResponse] = st.one_of(
    st.builds(ACLData, mailboxes, st.lists(st.tuples(texts, rights), max_size=3).map(tuple)),
    st.builds(ListRightsData, mailboxes, texts, rights, st.lists(rights, max_size=3).map(tuple)),
    st.builds(MyRightsData, mailboxes, rights),
)

entries = st.lists(
    st.text(
        st.characters(min_codepoint=0x1A, max_codepoint=0x7F, exclude_characters="%*/"),
        min_size=1,
        max_size=8,
    ),
    min_size=1,
    max_size=3,
).map(lambda parts: "".join(f"/{part}" for part in parts))
entry_values = st.lists(st.tuples(entries, st.none() | st.binary(max_size=40)), min_size=1, max_size=3).map(
    tuple
)
metadata_commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        GetMetadata,
        mailboxes,
        st.lists(entries, min_size=1, max_size=3).map(tuple),
        max_size=st.none() | st.integers(0, 2**32 - 1),
        depth=st.sampled_from([None, 0, 1, "infinity"]),
        more_options=st.dictionaries(
            atoms.map("X-{}".format).filter(lambda name: name.replace("-", "").isalnum()).map(str.upper),
            st.none() | st.integers(0, 2**32) | st.just("1:*") | st.lists(values, max_size=3).map(tuple),
            max_size=2,
        ).map(lambda options: tuple(options.items())),
    ),
    st.builds(SetMetadata, mailboxes, entry_values),
)
metadata_responses: st.SearchStrategy[DataResponse] = st.one_of(
    st.builds(MetadataData, mailboxes, entry_values),
    st.builds(MetadataChangedData, mailboxes, st.lists(entries, min_size=1, max_size=3).map(tuple)),
)
metadata_codes = st.one_of(
    st.builds(MetadataCode, st.sampled_from([MetadataReason.TOO_MANY, MetadataReason.NO_PRIVATE])),
    st.builds(MetadataCode, st.sampled_from([MetadataReason.LONG_ENTRIES, MetadataReason.MAX_SIZE]), numbers),
)

url_texts = st.one_of(
    texts, texts.map("imap://h/m/;UID=1;URLAUTH=anonymous:INTERNAL:{}".format), st.just("imap://h/m/;UID=1")
)
mechanisms = st.text("abcXYZ019.-", min_size=1, max_size=8).filter(lambda name: name.upper() != "INTERNAL")
url_items = st.one_of(
    st.lists(st.sampled_from(["BINARY", "BODYPARTSTRUCTURE", "X-NEW"]), unique=True),
    st.lists(st.sampled_from(["BODY", "BODYPARTSTRUCTURE"]), unique=True),
).map(tuple)
url_fetch_commands = st.builds(
    URLFetch,
    st.lists(url_texts | st.builds(URLRequest, url_texts, url_items), min_size=1, max_size=3).map(tuple),
)
_url_structures = st.builds(
    BasicPart, type=st.just(b"IMAGE"), subtype=octets, encoding=octets, size=numbers, description=octets
)
url_metadata = st.builds(
    URLMetadata,
    st.lists(
        st.one_of(
            st.tuples(st.just("BINARY"), st.none() | st.binary(max_size=20)),
            st.tuples(st.just("BODY"), st.none() | octets),
            st.tuples(st.just("BODYPARTSTRUCTURE"), _url_structures),
            st.tuples(st.just("X-NEW"), values),
        ),
        min_size=1,
        max_size=3,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
)
url_fetch_responses = st.builds(
    URLFetchData,
    st.lists(st.tuples(url_texts, st.none() | octets | url_metadata), min_size=1, max_size=3).map(tuple),
)
urlauth_responses: st.SearchStrategy[DataResponse] = st.one_of(
    st.builds(GenURLAuthData, st.lists(url_texts, min_size=1, max_size=3).map(tuple)),
    url_fetch_responses,
)
urlmech_codes = st.builds(
    URLMechCode,
    st.lists(st.tuples(mechanisms, st.none() | st.binary(max_size=20).map(Secret)), max_size=3).map(tuple),
)

language_tags = st.lists(st.text("abcXYZ", min_size=1, max_size=8), min_size=1, max_size=3).map("-".join)
collations = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)
language_responses: st.SearchStrategy[DataResponse] = st.one_of(
    st.builds(LanguageData, st.lists(language_tags, min_size=1, max_size=3).map(tuple)),
    st.builds(ComparatorData, collations, st.lists(collations, max_size=3).map(tuple)),
)
referral_codes = st.builds(
    ReferralCode,
    st.lists(
        st.text(ATOM_CHARS, max_size=12).map(lambda text: "x:/" + "".join(c for c in text if c.isalnum())),
        min_size=1,
        max_size=3,
    ).map(tuple),
)
tags = st.text("ABCabc019.-_", min_size=1, max_size=8)
inprogress_codes = st.one_of(
    st.builds(InProgressCode, st.none() | tags, st.none() | st.integers(0, 2**32 - 1)),
    st.integers(1, 2**32 - 1).flatmap(
        lambda goal: st.builds(InProgressCode, st.none() | tags, st.integers(0, goal - 1), st.just(goal))
    ),
)

_fields = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=7)
id_parameters = st.none() | st.dictionaries(_fields.map(str.lower), st.none() | texts, max_size=5).map(
    lambda parameters: tuple(parameters.items())
)

_items: st.SearchStrategy[tuple[FetchItem[object], ...]] = st.lists(
    st.sampled_from(
        [FLAGS, UID, ENVELOPE, RFC822_SIZE, BodySection(), BodySection((1, 2), "MIME", peek=False)]
        + extension_items
    )
    | annotation_items,
    min_size=1,
    max_size=4,
).map(tuple)
_bare: list[Callable[[], Command]] = [
    Capability,
    Noop,
    Logout,
    StartTLS,
    Check,
    Close,
    Expunge,
    Idle,
    Namespace,
    Unselect,
    Unauthenticate,
    GetJMAPAccess,
]
_on_mailbox: list[Callable[[str], Command]] = [Select, Examine, Create, Delete, Subscribe, Unsubscribe]
_on_mailbox += [GetQuotaRoot, GetACL, MyRights]

_with_parameters: st.SearchStrategy[Callable[[str, Parameters], Command]] = st.sampled_from(
    [Select, Examine, Create]
)

commands: st.SearchStrategy[Command] = st.one_of(
    st.sampled_from(_bare).map(lambda command: command()),
    st.builds(lambda command, mailbox: command(mailbox), st.sampled_from(_on_mailbox), mailboxes),
    st.builds(lambda kind, *rest: kind(*rest), _with_parameters, mailboxes, unknown_parameters),
    st.builds(Rename, mailboxes, mailboxes, unknown_parameters),
    st.builds(List, mailboxes, mailboxes),
    st.builds(
        List,
        mailboxes,
        mailboxes,
        more_patterns=st.lists(mailboxes, max_size=3).map(tuple),
        selection=st.none() | unknown_parameters,
        returning=st.none() | unknown_parameters,
    ),
    st.builds(LSub, mailboxes, mailboxes),
    st.builds(Status, mailboxes, st.lists(atoms, min_size=1, max_size=5).map(tuple)),
    st.builds(Login, texts, texts.map(Secret)),
    st.builds(Authenticate, atoms, st.none() | st.binary(max_size=30).map(Secret)),
    st.builds(
        Append,
        mailboxes,
        octets | append_data,
        flags,
        internal_date=st.none() | date_times,
        options=append_options,
    ),
    st.builds(MultiAppend, mailboxes, st.lists(append_messages, min_size=2, max_size=3).map(tuple)),
    st.builds(Replace, numbers, mailboxes, append_messages),
    st.builds(UIDReplace, numbers, mailboxes, append_messages),
    st.builds(Store, sequence_sets, st.sampled_from(StoreAction), flags, silent=st.booleans()),
    st.builds(UIDStore, uid_sets, st.sampled_from(StoreAction), flags, modifiers=unknown_parameters),
    st.builds(StoreLabels, sequence_sets, st.sampled_from(StoreAction), gmail_labels, silent=st.booleans()),
    st.builds(
        UIDStoreLabels, uid_sets, st.sampled_from(StoreAction), gmail_labels, modifiers=unknown_parameters
    ),
    st.builds(StoreAnnotations, sequence_sets, settable_annotations),
    st.builds(UIDStoreAnnotations, uid_sets, settable_annotations, modifiers=unknown_parameters),
    st.builds(XList, mailboxes, mailboxes),
    st.builds(Compress, atoms),
    st.builds(GetQuota, texts),
    st.builds(RList, mailboxes, mailboxes),
    st.builds(RLSub, mailboxes, mailboxes),
    st.builds(Language, st.lists(language_tags, max_size=3).map(tuple)),
    st.builds(Comparator, st.lists(collations, max_size=3).map(tuple)),
    st.builds(ResetKey),
    st.builds(ResetKey, mailboxes, st.lists(mechanisms, max_size=3).map(tuple)),
    st.builds(GenURLAuth, st.lists(st.tuples(url_texts, mechanisms), min_size=1, max_size=3).map(tuple)),
    url_fetch_commands,
    metadata_commands,
    st.builds(SetACL, mailboxes, texts, rights, st.sampled_from(StoreAction)),
    st.builds(DeleteACL, mailboxes, texts),
    st.builds(ListRights, mailboxes, texts),
    st.builds(SetQuota, texts, quota_limits),
    st.builds(Fetch, sequence_sets, _items, modifiers=unknown_parameters),
    st.builds(UIDFetch, uid_sets, _items),
    st.builds(Copy, sequence_sets, mailboxes),
    st.builds(UIDCopy, uid_sets, mailboxes),
    st.builds(Move, sequence_sets, mailboxes),
    st.builds(UIDMove, uid_sets, mailboxes),
    st.builds(UIDExpunge, uid_sets),
    st.builds(Search, keys),
    st.builds(UIDSearch, keys, returning=st.none() | unknown_parameters),
    st.builds(Enable, st.lists(atoms, min_size=1, max_size=4).map(Capabilities)),
    st.builds(ID, id_parameters),
    st.builds(UnknownCommand, atoms.map("X{}".format), st.lists(values, max_size=4).map(tuple)),
)

_code_text = st.text(ATOM_CHARS + ' (){"\\*', min_size=1, max_size=20).map(lambda text: text.encode("ascii"))
response_codes: st.SearchStrategy[ResponseCode] = st.one_of(
    atoms.map("X-{}".format).map(codes.SimpleCode),
    st.builds(codes.UnknownCode, atoms.map("X-{}".format), _code_text),
    st.builds(codes.UIDNextCode, numbers),
    st.builds(codes.UIDValidityCode, numbers),
    st.builds(codes.UnseenCode, numbers),
    st.builds(codes.PermanentFlagsCode, flags | flags.map(lambda some: some | {"\\*"})),
    st.builds(codes.CapabilityCode, st.lists(atoms, max_size=4).map(Capabilities)),
    st.builds(codes.BadCharsetCode, st.lists(st.text(ATOM_CHARS + '" ', max_size=9), max_size=3).map(tuple)),
    extension_codes,
    annotation_codes,
    metadata_codes,
    referral_codes,
    inprogress_codes,
    urlmech_codes,
    st.builds(AppendUIDCode, numbers, known_uid_sets),
    st.builds(lambda validity, uids: CopyUIDCode(validity, uids, uids), numbers, known_uid_sets),
)

# RFC 7162

mod_seqs = st.integers(1, 2**63 - 1)
_settable_flags = (atoms | atoms.map("\\{}".format)).filter(lambda flag: flag.lower() != "\\recent")
condstore_keys: st.SearchStrategy[SearchKey] = st.one_of(
    st.builds(ModSeq, mod_seqs | st.just(0)),
    st.builds(ModSeq, mod_seqs, _settable_flags, st.sampled_from(["priv", "shared", "all"])),
)
qresyncs = st.builds(
    QResync,
    numbers,
    mod_seqs,
    st.none() | known_uid_sets,
    matches=st.none()
    | st.sets(numbers, min_size=1, max_size=5).map(lambda some: (SequenceSet.of(some), UIDSet.of(some))),
)
condstore_codes: st.SearchStrategy[ResponseCode] = st.one_of(
    st.builds(HighestModSeqCode, mod_seqs), st.builds(ModifiedCode, known_uid_sets)
)

# RFC 4731 and RFC 9394

partials = st.one_of(
    st.builds(Partial, numbers, numbers),
    st.builds(lambda first, last: Partial(-first, -last), numbers, numbers),
)
_result_names = atoms.map("X-{}".format)


def _results(sets: st.SearchStrategy[SequenceSet] | st.SearchStrategy[UIDSet]) -> st.SearchStrategy[object]:
    partial_results = st.builds(PartialResults, numbers, numbers, st.none() | sets)
    return st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["MIN", "MAX"]), numbers),
            st.tuples(st.just("COUNT"), numbers | st.just(0)),
            st.tuples(st.just("ALL"), sets),
            st.tuples(st.just("MODSEQ"), mod_seqs),
            st.tuples(st.just("PARTIAL"), partial_results),
            st.tuples(_result_names, values),
        ),
        max_size=4,
    ).map(tuple)


known_sequence_sets = known_uid_sets.map(lambda uids: SequenceSet.from_ranges(uids.ranges))
_tags = st.none() | st.text("aA1.-", min_size=1, max_size=5)
esearch_data: st.SearchStrategy[ESearchData] = st.one_of(
    st.builds(ESearchData, _tags, _results(known_sequence_sets), st.just(False)),
    st.builds(
        ESearchData,
        _tags,
        _results(known_uid_sets),
        st.just(True),
        mailbox=st.none() | mailboxes,
        uid_validity=st.none() | numbers,
    ),
)

# RFC 5256, 5267 and 7377

_criteria = st.lists(
    st.builds(
        SortCriterion, atoms.filter(lambda name: name.upper() not in ("REVERSE", "ANNOTATION")), st.booleans()
    )
    | st.builds(
        AnnotationCriterion,
        annotation_entries,
        st.sampled_from(["value.priv", "value.shared"]),
        reverse=st.booleans(),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
_returning = st.none() | st.lists(
    st.one_of(st.sampled_from([MIN, MAX, COUNT]), partials, st.just(UpdateResults((UID, FLAGS)))),
    max_size=3,
    unique_by=lambda option: option.name,
).map(tuple)
sorts = st.builds(
    lambda kind, *rest, **more: kind(*rest, **more),
    st.sampled_from([Sort, UIDSort]),
    _criteria,
    keys,
    returning=_returning,
)
sort_data = st.builds(SortData, st.lists(numbers, max_size=5).map(tuple)) | st.builds(
    lambda found, mod_seq: SortData(tuple(found), mod_seq=mod_seq),
    st.lists(numbers, min_size=1, max_size=5),
    mod_seqs,
)
_lines = st.lists(numbers, min_size=1, max_size=4).map(tuple)
_branches: st.SearchStrategy[ThreadBranch] = st.recursive(
    st.builds(ThreadBranch, _lines),
    lambda inner: st.builds(
        ThreadBranch, _lines | st.just(()), st.lists(inner, min_size=2, max_size=3).map(tuple)
    ),
    max_leaves=8,
)
thread_data = st.lists(_branches, max_size=3).map(lambda threads: ThreadData(tuple(threads)))
mailbox_filters = st.one_of(
    st.sampled_from([MailboxFilter("selected"), MailboxFilter("inboxes"), MailboxFilter("personal")]),
    st.builds(
        MailboxFilter,
        st.sampled_from(["subtree", "subtree-one", "mailboxes"]),
        st.lists(mailboxes, min_size=1, max_size=3).map(tuple),
    ),
)
multisearches = st.one_of(
    st.builds(ESearch, keys, returning=_returning),
    st.builds(
        ESearch,
        keys,
        sources=st.lists(mailbox_filters, min_size=1, max_size=3).map(tuple),
        scope=unknown_parameters,
        returning=_returning,
    ),
)

# RFC 5465

_unknown_events = atoms.map("X-{}".format).map(NotifyEvent)
_message_events = st.builds(
    lambda items, others: (NotifyEvent("MessageNew", items), MESSAGE_EXPUNGE, *others),
    _items | st.just(()),
    st.lists(st.sampled_from([FLAG_CHANGE, ANNOTATION_CHANGE]), unique=True),
)
_name_events = st.lists(
    st.sampled_from(
        [MAILBOX_NAME, SUBSCRIPTION_CHANGE, MAILBOX_METADATA_CHANGE, SERVER_METADATA_CHANGE],
    )
    | _unknown_events,
    max_size=5,
    unique_by=lambda event: event.name,
).map(tuple)
_groups_of_selected = st.builds(
    EventGroup,
    st.sampled_from([MailboxFilter("selected"), MailboxFilter("selected-delayed")]),
    st.just(()) | _message_events,
)
_groups_of_others = st.builds(
    EventGroup,
    mailbox_filters.filter(lambda chosen: chosen.kind not in ("selected", "subtree-one")),
    _name_events | _name_events.map(lambda events: (MESSAGE_NEW, MESSAGE_EXPUNGE, *events)),
)
notifications = st.just(Notify()) | st.builds(
    lambda selected, others, status: Notify((*selected, *others), status and bool(selected or others)),
    st.lists(_groups_of_selected, max_size=1),
    st.lists(_groups_of_others, max_size=3),
    st.booleans(),
)
bad_event_codes = st.builds(
    BadEventCode,
    st.lists(st.sampled_from(["MessageNew", "FlagChange", "X-OTHER"]), min_size=1, max_size=3).map(tuple),
)

# RFC 5258, 5819, 6154, 8440 and 9590

_selections = st.sampled_from([(SUBSCRIBED,), (REMOTE,), (SUBSCRIBED, RECURSIVEMATCH), (SPECIAL_USE,)])
_list_returns = st.lists(
    st.one_of(
        st.sampled_from([CHILDREN, SUBSCRIBED, SPECIAL_USE, MYRIGHTS]),
        st.builds(ReturnStatus, st.lists(atoms, min_size=1, max_size=3).map(tuple)),
        st.builds(
            ReturnMetadata,
            st.lists(st.sampled_from(["/private/comment", "/shared/a b"]), min_size=1, max_size=2).map(tuple),
        ),
    ),
    max_size=4,
    unique_by=lambda option: option.name,
).map(tuple)
extended_lists = st.builds(
    List,
    mailboxes,
    mailboxes,
    more_patterns=st.lists(mailboxes, max_size=2).map(tuple),
    selection=st.none() | _selections,
    returning=st.none() | _list_returns,
)
_list_items: st.SearchStrategy[tuple[str, object]] = st.one_of(
    st.tuples(st.just("CHILDINFO"), st.lists(atoms.map(str.upper), min_size=1, max_size=3).map(tuple)),
    st.tuples(st.just("OLDNAME"), mailboxes.map(lambda name: "INBOX" if name.upper() == "INBOX" else name)),
    st.tuples(atoms.map("X-{}".format), values),
)
listed = st.builds(
    ListData,
    flags,
    st.none() | st.sampled_from("/.\\"),
    mailboxes,
    extended=st.none() | st.lists(_list_items, max_size=3).map(tuple),
)

# RFC 9738

message_limit_keys = st.builds(UIDAfter, numbers) | st.builds(UIDBefore, numbers)
message_limit_codes = st.builds(MessageLimitCode, numbers, st.none() | numbers)

# RFC 5259

_names = st.text("abcXYZ019-", min_size=1, max_size=8)
mime_types = st.builds("{}/{}".format, _names, _names)
_parameters = st.dictionaries(texts.filter(bool), texts, max_size=3).map(lambda some: tuple(some.items()))
conversions = st.builds(
    Conversion,
    st.none() | mime_types,
    st.dictionaries(atoms.map(str.lower), texts, max_size=3).map(lambda some: tuple(some.items())),
)
_parts = st.lists(st.integers(1, 99), max_size=3).map(tuple)
_convert_items = st.lists(
    st.one_of(
        st.just(UID),
        st.builds(BinarySection, _parts, partial=st.none() | st.tuples(numbers64, numbers)),
        st.builds(BinarySize, _parts),
        st.builds(BodyPartStructure, _parts),
        st.builds(AvailableConversions, _parts),
        st.builds(BodySection, _parts, st.just("HEADER")),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
converts: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        lambda kind, numbers, parameters, items: kind(numbers, Conversion(None, parameters), items),
        st.just(Convert),
        sequence_sets,
        conversions.map(lambda conversion: conversion.parameters),
        _convert_items,
    ),
    st.builds(UIDConvert, uid_sets, conversions, st.builds(BinarySection, _parts).map(lambda item: (item,))),
    st.builds(
        Conversions,
        mime_types | st.just("*"),
        mime_types | st.just("*") | _names.map("{}/*".format),
    ),
)
_failures = st.builds(
    ConversionFailure,
    texts,
    st.one_of(
        st.builds(TemporaryFailure, st.none() | numbers),
        st.lists(
            st.builds(BadConversion, st.none() | mime_types, mime_types, _parameters), min_size=1, max_size=3
        ).map(lambda some: BadParameters(tuple(some))),
        st.lists(
            st.builds(
                IncompleteConversion,
                mime_types,
                mime_types,
                st.lists(texts.filter(bool), min_size=1, max_size=3).map(tuple),
            ),
            min_size=1,
            max_size=3,
        ).map(lambda some: MissingParameters(tuple(some))),
        st.builds(OtherFailure, atoms.map("X-{}".format), st.lists(values, max_size=3).map(tuple)),
    ),
)
_converted_pairs = st.one_of(
    st.tuples(st.builds(BinarySection, _parts), st.none() | st.binary(max_size=40) | _failures),
    st.tuples(st.builds(BinarySize, _parts), numbers64 | _failures),
    st.tuples(st.builds(AvailableConversions, _parts), st.lists(mime_types, max_size=3).map(tuple)),
    st.tuples(st.builds(BodyPartStructure, _parts), _failures),
    st.tuples(st.builds(BodySection, _parts, st.just("HEADER")), st.none() | octets),
    st.tuples(st.just("X-NEW"), values),
)
convert_responses: st.SearchStrategy[DataResponse] = st.one_of(
    st.builds(ConversionData, mime_types, mime_types, st.lists(texts.filter(bool), max_size=3).map(tuple)),
    st.builds(
        ConvertedData,
        numbers,
        tags,
        st.lists(
            _converted_pairs,
            min_size=1,
            max_size=4,
            unique_by=lambda pair: getattr(pair[0], "key", pair[0]),
        ),
    ),
)

# RFC 9586

uid_fetches = st.builds(
    lambda uid, has_uid, some: UIDFetchData(
        uid, FLAGS.answer(some), *((UID.answer(uid), RFC822_SIZE.answer(uid)) if has_uid else ())
    ),
    numbers,
    st.booleans(),
    flags,
)

"""IMAP4 without IO: values, their wire format, and connections for both ends (RFC 3501 and extensions).

What has general names stands in modules of its own: the keys of SEARCH in `mailproto.imap.search`, the
constants of response codes in `mailproto.imap.codes`, those of flags in `mailproto.imap.flags`, of registered
keywords in `mailproto.imap.keywords`.
"""

from mailproto.imap.admin_flows import Metadata
from mailproto.imap.appending import AppendData, AppendMessage, AppendOption
from mailproto.imap.capability import Capabilities
from mailproto.imap.client import ClientEvent, IMAPClientConnection
from mailproto.imap.client_flows import Appended, Exchange
from mailproto.imap.codec import (
    Done,
    Incomplete,
    Opaque,
    ParsedCommand,
    ParsedResponse,
    parse_commands,
    parse_responses,
    serialize,
)
from mailproto.imap.codes import (
    BadCharsetCode,
    CapabilityCode,
    PermanentFlagsCode,
    ResponseCode,
    SimpleCode,
    UIDNextCode,
    UIDValidityCode,
    UnknownCode,
    UnseenCode,
)
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
    TaggedCommand,
    UIDCopy,
    UIDFetch,
    UIDSearch,
    UIDStore,
    UnknownCommand,
    Unsubscribe,
)
from mailproto.imap.condstore_flows import Resynced, Stored
from mailproto.imap.events import (
    CommandCompleted,
    ConnectionLost,
    ContinuationRequested,
    IdleDone,
    InvalidCommand,
    LiteralData,
    LiteralEnded,
    LiteralOffered,
    LiteralStarted,
    LiteralWanted,
    SASLResponse,
    Unchecked,
)
from mailproto.imap.ext import _all as _all  # fills the tables of commands, codes and keys
from mailproto.imap.ext.acl import (
    ACLData,
    DeleteACL,
    GetACL,
    ListRights,
    ListRightsData,
    MyRights,
    MyRightsData,
    Rights,
    SetACL,
)
from mailproto.imap.ext.annotate import (
    ANNOTATE,
    ANNOTATION,
    CHANGED_ANNOTATIONS,
    AnnotateCode,
    AnnotateReason,
    Annotation,
    AnnotationCriterion,
    Annotations,
    AnnotationsCode,
    AppendAnnotations,
    FetchAnnotations,
    HasAnnotation,
    StoreAnnotations,
    UIDStoreAnnotations,
)
from mailproto.imap.ext.appendlimit import append_limit
from mailproto.imap.ext.binary import BinaryMessage, BinarySection, BinarySize
from mailproto.imap.ext.catenate import BadURLCode, Catenate, TextLiteral, URLPart
from mailproto.imap.ext.compress import COMPRESSIONACTIVE, Compress
from mailproto.imap.ext.condstore import (
    CONDSTORE,
    HIGHESTMODSEQ,
    MODSEQ,
    NOMODSEQ,
    ChangedSince,
    HighestModSeqCode,
    ModifiedCode,
    ModSeq,
    UnchangedSince,
)
from mailproto.imap.ext.context import CONTEXT, CancelUpdate, ContextUpdate, NoUpdateCode, UpdateResults
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
from mailproto.imap.ext.jmapaccess import GetJMAPAccess, JMAPAccessData
from mailproto.imap.ext.language import Comparator, ComparatorData, Language, LanguageData
from mailproto.imap.ext.list_extended import CHILDREN, RECURSIVEMATCH, REMOTE, SUBSCRIBED
from mailproto.imap.ext.list_status import MYRIGHTS, ReturnMetadata, ReturnStatus
from mailproto.imap.ext.message_limit import MessageLimitCode, UIDAfter, UIDBefore, message_limit, save_limit
from mailproto.imap.ext.metadata import (
    Depth,
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
from mailproto.imap.ext.objectid import EMAILID, THREADID, EmailID, MailboxIDCode, ThreadID
from mailproto.imap.ext.partial import Partial, PartialFetch, PartialResults
from mailproto.imap.ext.preview import PREVIEW, PREVIEW_LAZY
from mailproto.imap.ext.qresync import VANISHED, QResync, VanishedData
from mailproto.imap.ext.quota import GetQuota, GetQuotaRoot, QuotaData, QuotaResource, QuotaRootData, SetQuota
from mailproto.imap.ext.referrals import ReferralCode, RList, RLSub
from mailproto.imap.ext.replace import Replace, UIDReplace
from mailproto.imap.ext.savedate import SAVEDATE, SaveDateSupported, SavedBefore, SavedOn, SavedSince
from mailproto.imap.ext.searchres import NOTSAVED, SAVE
from mailproto.imap.ext.sort import Sort, SortCriterion, SortData, UIDSort
from mailproto.imap.ext.special_use import SPECIAL_USE, USEATTR, Use
from mailproto.imap.ext.thread import Thread, ThreadBranch, ThreadData, UIDThread
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
from mailproto.imap.ext.utf8 import UTF8Message
from mailproto.imap.ext.within import Older, Younger
from mailproto.imap.ext.xlist import XList, XListData
from mailproto.imap.fetch import (
    ALL,
    BODY,
    BODYSTRUCTURE,
    ENVELOPE,
    FAST,
    FLAGS,
    FULL,
    INTERNALDATE,
    RFC822,
    RFC822_HEADER,
    RFC822_SIZE,
    RFC822_TEXT,
    UID,
    Answer,
    BodySection,
    FetchItem,
    ItemValue,
    OtherItem,
    SectionData,
)
from mailproto.imap.items_flows import MessageToAppend
from mailproto.imap.list_flows import Listed
from mailproto.imap.live_results import LiveResults
from mailproto.imap.mailbox import net_unicode
from mailproto.imap.mailbox_filter import MailboxFilter
from mailproto.imap.parameters import Parameter, SimpleParameter, UnknownParameter
from mailproto.imap.quirks import QUIRKS, SESSION_QUIRKS, Quirk, quirk_of
from mailproto.imap.responses import (
    CapabilityData,
    ContinuationRequest,
    DataValue,
    EnabledData,
    ExistsData,
    ExpungeData,
    FetchData,
    FlagsData,
    IDData,
    ListData,
    LSubData,
    NamespaceData,
    NamespacePrefix,
    PreparedFetch,
    PreparedItem,
    RecentData,
    Response,
    SearchData,
    StatusData,
    TaggedStatus,
    UnknownData,
    UnreadResponse,
    prepare,
)
from mailproto.imap.revisions import search_answer
from mailproto.imap.search import SearchKey
from mailproto.imap.sections import Section
from mailproto.imap.sequence import STAR, SequenceSet, UIDSet
from mailproto.imap.server import DEFAULT_CAPABILITIES, IMAPServerConnection, ServerEvent
from mailproto.imap.session import IMAPSession, LiteralSink
from mailproto.imap.state import State
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth, StatusResponse
from mailproto.imap.updates import (
    Alert,
    AnnotationsChanged,
    Expunged,
    FlagsChanged,
    MailboxChanged,
    NewMessages,
    Update,
    Vanished,
)
from mailproto.imap.url import IMAPURL
from mailproto.imap.values import Content, Omitted, Streamed, Value
from mailproto.imap.view import MailboxView

__all__ = [
    # connections
    "ClientEvent",
    "DEFAULT_CAPABILITIES",
    "IMAPClientConnection",
    "IMAPServerConnection",
    "MailboxView",
    "ServerEvent",
    "State",
    # events
    "Alert",
    "AnnotationsChanged",
    "CommandCompleted",
    "ConnectionLost",
    "ContinuationRequested",
    "Expunged",
    "FlagsChanged",
    "IdleDone",
    "InvalidCommand",
    "LiteralData",
    "LiteralEnded",
    "LiteralOffered",
    "LiteralStarted",
    "LiteralWanted",
    "MailboxChanged",
    "NewMessages",
    "SASLResponse",
    "Unchecked",
    "Update",
    "Vanished",
    # the codec alone
    "Done",
    "Incomplete",
    "Opaque",
    "ParsedCommand",
    "ParsedResponse",
    "parse_commands",
    "parse_responses",
    "serialize",
    # what is read against the grammar
    "QUIRKS",
    "SESSION_QUIRKS",
    "Quirk",
    "quirk_of",
    # commands
    "Append",
    "AppendData",
    "AppendMessage",
    "AppendOption",
    "AppendUIDCode",
    "Authenticate",
    "BinaryMessage",
    "Capability",
    "Catenate",
    "Check",
    "COMPRESSIONACTIVE",
    "Close",
    "Command",
    "Compress",
    "Copy",
    "CopyUIDCode",
    "Create",
    "Delete",
    "Enable",
    "Examine",
    "Expunge",
    "Fetch",
    "ID",
    "Idle",
    "LSub",
    "List",
    "Login",
    "Logout",
    "Move",
    "MultiAppend",
    "Namespace",
    "Noop",
    "Rename",
    "Replace",
    "Search",
    "Select",
    "StartTLS",
    "Status",
    "Store",
    "StoreAction",
    "StoreLabels",
    "Subscribe",
    "TaggedCommand",
    "TextLiteral",
    "UIDCopy",
    "UIDExpunge",
    "UIDFetch",
    "UIDMove",
    "UIDReplace",
    "UIDSearch",
    "UIDStore",
    "UIDStoreLabels",
    "URLPart",
    "UTF8Message",
    "UnknownCommand",
    "Unselect",
    "Unsubscribe",
    "XList",
    # responses
    "Bad",
    "Bye",
    "Capabilities",
    "CapabilityData",
    "ContinuationRequest",
    "EnabledData",
    "ExistsData",
    "ExpungeData",
    "FetchData",
    "FlagsData",
    "IDData",
    "LSubData",
    "ListData",
    "NamespaceData",
    "NamespacePrefix",
    "No",
    "Ok",
    "PreAuth",
    "PreparedFetch",
    "PreparedItem",
    "RecentData",
    "Response",
    "SearchData",
    "StatusData",
    "StatusResponse",
    "TaggedStatus",
    "UnknownData",
    "UnreadResponse",
    "XListData",
    "prepare",
    # response codes
    "BadURLCode",
    "BadCharsetCode",
    "CapabilityCode",
    "MailboxIDCode",
    "PermanentFlagsCode",
    "ResponseCode",
    "SimpleCode",
    "UIDNextCode",
    "UIDValidityCode",
    "UndefinedFilterCode",
    "UnknownCode",
    "UnseenCode",
    # items and search keys of extensions
    "BinarySection",
    "BinarySize",
    "EMAILID",
    "EmailID",
    "Filter",
    "Fuzzy",
    "GmailLabel",
    "GmailMessageID",
    "GmailRaw",
    "GmailThreadID",
    "Older",
    "PREVIEW",
    "PREVIEW_LAZY",
    "SAVEDATE",
    "SaveDateSupported",
    "SavedBefore",
    "SavedOn",
    "SavedSince",
    "THREADID",
    "ThreadID",
    "X_GM_LABELS",
    "X_GM_MSGID",
    "X_GM_THRID",
    "Younger",
    "append_limit",
    # FETCH
    "ALL",
    "Answer",
    "BODY",
    "BODYSTRUCTURE",
    "BodySection",
    "ENVELOPE",
    "FAST",
    "FLAGS",
    "FULL",
    "FetchItem",
    "INTERNALDATE",
    "OtherItem",
    "RFC822",
    "RFC822_HEADER",
    "RFC822_SIZE",
    "RFC822_TEXT",
    "Section",
    "SectionData",
    "UID",
    # SEARCH and sets
    "STAR",
    "SearchKey",
    "SequenceSet",
    "UIDSet",
    # flows and sessions
    "Appended",
    "Exchange",
    "IMAPSession",
    "LiteralSink",
    "MessageToAppend",
    # annotations of messages
    "ANNOTATE",
    "ANNOTATION",
    "AnnotateCode",
    "AnnotateReason",
    "Annotation",
    "AnnotationCriterion",
    "Annotations",
    "AnnotationsCode",
    "AppendAnnotations",
    "CHANGED_ANNOTATIONS",
    "FetchAnnotations",
    "HasAnnotation",
    "ItemValue",
    "StoreAnnotations",
    "UIDStoreAnnotations",
    # extensions that administer a server
    "ACLData",
    "Comparator",
    "ComparatorData",
    "DataValue",
    "DeleteACL",
    "Depth",
    "GenURLAuth",
    "GenURLAuthData",
    "GetACL",
    "GetJMAPAccess",
    "GetMetadata",
    "GetQuota",
    "GetQuotaRoot",
    "IMAPURL",
    "InProgressCode",
    "JMAPAccessData",
    "Language",
    "LanguageData",
    "ListRights",
    "ListRightsData",
    "Metadata",
    "MetadataChangedData",
    "MetadataCode",
    "MetadataData",
    "MetadataReason",
    "MyRights",
    "MyRightsData",
    "QuotaData",
    "QuotaResource",
    "QuotaRootData",
    "RLSub",
    "RList",
    "ReferralCode",
    "ResetKey",
    "Rights",
    "SetACL",
    "SetMetadata",
    "SetQuota",
    "URLFetch",
    "URLFetchData",
    "URLMechCode",
    "Unauthenticate",
    # parameters, modifiers and options
    "Parameter",
    "SimpleParameter",
    "UnknownParameter",
    # CONDSTORE and QRESYNC
    "CONDSTORE",
    "ChangedSince",
    "HIGHESTMODSEQ",
    "HighestModSeqCode",
    "MODSEQ",
    "ModSeq",
    "ModifiedCode",
    "NOMODSEQ",
    "QResync",
    "Resynced",
    "Stored",
    "UnchangedSince",
    "VANISHED",
    "VanishedData",
    # ESEARCH, SEARCHRES, PARTIAL, and what IMAP4rev2 made of SEARCH
    "COUNT",
    "ESearchData",
    "MAX",
    "MIN",
    "NOTSAVED",
    "Partial",
    "PartialFetch",
    "PartialResults",
    "SAVE",
    "search_answer",
    # names of mailboxes
    "net_unicode",
    # LIST-EXTENDED, LIST-STATUS, LIST-MYRIGHTS, LIST-METADATA and SPECIAL-USE
    "CHILDREN",
    "Listed",
    "MYRIGHTS",
    "RECURSIVEMATCH",
    "REMOTE",
    "ReturnMetadata",
    "ReturnStatus",
    "SPECIAL_USE",
    "SUBSCRIBED",
    "USEATTR",
    "Use",
    # MESSAGELIMIT and SAVELIMIT
    "MessageLimitCode",
    "UIDAfter",
    "UIDBefore",
    "message_limit",
    "save_limit",
    # SORT, THREAD, contexts and searches in several mailboxes
    "CONTEXT",
    "CancelUpdate",
    "ContextUpdate",
    "ESearch",
    "LiveResults",
    "MailboxFilter",
    "NoUpdateCode",
    "Sort",
    "SortCriterion",
    "SortData",
    "Thread",
    "ThreadBranch",
    "ThreadData",
    "UIDSort",
    "UIDThread",
    "UpdateResults",
    "URLFetch",
    "URLFetchData",
    "URLMechCode",
    # literals and unknown values
    "Content",
    "Omitted",
    "Streamed",
    "Value",
]

"""IMAP4 without IO: values, their wire format, and connections for both ends (RFC 3501 and extensions).

What has general names stands in modules of its own: the keys of SEARCH in `mailproto.imap.search`, the
constants of response codes in `mailproto.imap.codes`, those of flags in `mailproto.imap.flags`.
"""

from mailproto.imap.capability import Capabilities
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
from mailproto.imap.ext import _all as _all  # fills the tables of commands, codes and keys
from mailproto.imap.ext.enable import Enable
from mailproto.imap.ext.id import ID
from mailproto.imap.ext.idle import Idle
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.namespace import Namespace
from mailproto.imap.ext.uidplus import AppendUIDCode, CopyUIDCode, UIDExpunge
from mailproto.imap.ext.unselect import Unselect
from mailproto.imap.search import SearchKey
from mailproto.imap.sequence import STAR, SequenceSet, UIDSet
from mailproto.imap.status import Bad, Bye, No, Ok, PreAuth
from mailproto.imap.values import Content, Omitted, Streamed, Value

__all__ = [
    # capability
    "Capabilities",
    # codes
    "BadCharsetCode",
    "CapabilityCode",
    "PermanentFlagsCode",
    "ResponseCode",
    "SimpleCode",
    "UIDNextCode",
    "UIDValidityCode",
    "UnknownCode",
    "UnseenCode",
    # commands
    "Append",
    "Authenticate",
    "Capability",
    "Check",
    "Close",
    "Command",
    "Copy",
    "Create",
    "Delete",
    "Examine",
    "Expunge",
    "Fetch",
    "LSub",
    "List",
    "Login",
    "Logout",
    "Noop",
    "Rename",
    "Search",
    "Select",
    "StartTLS",
    "Status",
    "Store",
    "StoreAction",
    "Subscribe",
    "TaggedCommand",
    "UIDCopy",
    "UIDFetch",
    "UIDSearch",
    "UIDStore",
    "UnknownCommand",
    "Unsubscribe",
    # ext
    "ID",
    "AppendUIDCode",
    "CopyUIDCode",
    "Enable",
    "Idle",
    "Move",
    "Namespace",
    "UIDExpunge",
    "UIDMove",
    "Unselect",
    # search
    "SearchKey",
    # sequence
    "STAR",
    "SequenceSet",
    "UIDSet",
    # status
    "Bad",
    "Bye",
    "No",
    "Ok",
    "PreAuth",
    # values
    "Content",
    "Omitted",
    "Streamed",
    "Value",
]

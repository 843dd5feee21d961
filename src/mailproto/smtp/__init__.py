"""SMTP and LMTP without IO: values, wire format and connections, for both ends (RFC 5321).

`SMTPClientConnection` and `SMTPServerConnection` are the state machines; the commands and `Reply` are what
they exchange; `parse_replies`, `parse_commands` and `serialize` work without a connection.
"""

from mailproto.limits import SMTPLimits
from mailproto.smtp.client import SMTPClientConnection
from mailproto.smtp.client_flows import SendResult
from mailproto.smtp.codec import Incomplete, Opaque, parse_commands, parse_replies, serialize
from mailproto.smtp.commands import (
    Auth,
    Bdat,
    Burl,
    Command,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    MessageBody,
    Noop,
    Quit,
    Rcpt,
    Request,
    Rset,
    SASLResponse,
    StartTLS,
    Unchecked,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
)
from mailproto.smtp.data import DotDecoder, DotEncoder
from mailproto.smtp.etrn_answer import EtrnAnswer, EtrnOutcome
from mailproto.smtp.events import (
    BodyData,
    BodyEnded,
    ChunkData,
    ChunkEnded,
    ClientEvent,
    ConnectionLost,
    InvalidCommand,
    ServerEvent,
)
from mailproto.smtp.ext.attributes import TEMPORARILY_UNAVAILABLE, UNAVAILABLE, Attributes
from mailproto.smtp.ext.auth import AUTH
from mailproto.smtp.ext.burl import burl
from mailproto.smtp.ext.chunking import EXTENSION as CHUNKING
from mailproto.smtp.ext.conversion import (
    CONNEG,
    CONNEG_EXTENSION,
    CONPERM,
    CONPERM_EXTENSION,
    capability_lines,
    capability_of,
)
from mailproto.smtp.ext.deliver_by import BY, ByMode, DeliverBy, deliver_by
from mailproto.smtp.ext.dsn import ENVID, NOTIFY, ORCPT, RET, Notify, OriginalRecipient, Ret
from mailproto.smtp.ext.dsn import EXTENSION as DSN
from mailproto.smtp.ext.eight_bit_mime import BINARYMIME, BODY
from mailproto.smtp.ext.etrn import ETRN
from mailproto.smtp.ext.future_release import HOLDFOR, HOLDUNTIL, FutureReleaseLimits, future_release
from mailproto.smtp.ext.limits import EXTENSION as LIMITS
from mailproto.smtp.ext.limits import AnnouncedLimits
from mailproto.smtp.ext.mt_priority import MT_PRIORITY, mt_priority
from mailproto.smtp.ext.mtrk import EXTENSION as MTRK_EXTENSION
from mailproto.smtp.ext.mtrk import MTRK, Tracking
from mailproto.smtp.ext.no_soliciting import SOLICIT, no_soliciting
from mailproto.smtp.ext.prdr import EXTENSION as PRDR_EXTENSION
from mailproto.smtp.ext.prdr import PRDR
from mailproto.smtp.ext.require_tls import EXTENSION as REQUIRETLS_EXTENSION
from mailproto.smtp.ext.require_tls import REQUIRETLS
from mailproto.smtp.ext.rrvs import EXTENSION as RRVS_EXTENSION
from mailproto.smtp.ext.rrvs import RRVS, NoSupport, ValidSince
from mailproto.smtp.ext.size import SIZE
from mailproto.smtp.ext.smtputf8 import EXTENSION as SMTPUTF8_EXTENSION
from mailproto.smtp.ext.smtputf8 import SMTPUTF8
from mailproto.smtp.ext.xclient import XCLIENT
from mailproto.smtp.ext.xforward import XFORWARD
from mailproto.smtp.extensions import EXTENSIONS, Extension, Extensions, Offer
from mailproto.smtp.handler import (
    DiscardingSink,
    MessageSink,
    SMTPHandler,
    SMTPSession,
    Transaction,
    WholeMessages,
)
from mailproto.smtp.parameters import PARAMETERS, Parameter, Parameters
from mailproto.smtp.receiver import Receiver
from mailproto.smtp.reply import (
    DOMAIN_ACCEPTS_NO_MAIL,
    HOST_ACCEPTS_NO_MAIL,
    SENDER_ACCEPTS_NO_MAIL,
    EnhancedCode,
    Reply,
)
from mailproto.smtp.server import SMTPServerConnection
from mailproto.smtp.state import TRANSITIONS, Condition, Replies, Row, State
from mailproto.smtp.status_codes import STATUS_CODES, StatusCode

__all__ = [
    # connections
    "SMTPClientConnection",
    "SMTPServerConnection",
    "SMTPLimits",
    # commands
    "Auth",
    "Bdat",
    "Burl",
    "Command",
    "Data",
    "Ehlo",
    "Etrn",
    "Expn",
    "Helo",
    "Help",
    "Lhlo",
    "Mail",
    "MessageBody",
    "Noop",
    "Quit",
    "Rcpt",
    "Request",
    "Rset",
    "SASLResponse",
    "StartTLS",
    "Unchecked",
    "UnknownCommand",
    "Vrfy",
    "XClient",
    "XForward",
    # replies and events
    "BodyData",
    "BodyEnded",
    "ChunkData",
    "ChunkEnded",
    "ClientEvent",
    "ConnectionLost",
    "EnhancedCode",
    "InvalidCommand",
    "Reply",
    "ServerEvent",
    # replies with a meaning of their own, and the enhanced status codes in words
    "DOMAIN_ACCEPTS_NO_MAIL",
    "HOST_ACCEPTS_NO_MAIL",
    "SENDER_ACCEPTS_NO_MAIL",
    "STATUS_CODES",
    "StatusCode",
    # extensions and parameters
    "Attributes",
    "ETRN",
    "EXTENSIONS",
    "EtrnAnswer",
    "EtrnOutcome",
    "Extension",
    "Extensions",
    "Offer",
    "PARAMETERS",
    "Parameter",
    "Parameters",
    # parameters of MAIL and RCPT, and their values
    "AUTH",
    "BODY",
    "BY",
    "ByMode",
    "CONNEG",
    "CONPERM",
    "DeliverBy",
    "ENVID",
    "HOLDFOR",
    "HOLDUNTIL",
    "MTRK",
    "MT_PRIORITY",
    "NOTIFY",
    "NoSupport",
    "Notify",
    "ORCPT",
    "OriginalRecipient",
    "PRDR",
    "REQUIRETLS",
    "RET",
    "RRVS",
    "Ret",
    "SIZE",
    "SMTPUTF8",
    "SOLICIT",
    "Tracking",
    "ValidSince",
    "capability_lines",
    "capability_of",
    # rows of extensions that a server offers if it is told to, and what EHLO says of them
    "AnnouncedLimits",
    "BINARYMIME",
    "CHUNKING",
    "CONNEG_EXTENSION",
    "CONPERM_EXTENSION",
    "DSN",
    "FutureReleaseLimits",
    "LIMITS",
    "MTRK_EXTENSION",
    "PRDR_EXTENSION",
    "REQUIRETLS_EXTENSION",
    "RRVS_EXTENSION",
    "SMTPUTF8_EXTENSION",
    "burl",
    "deliver_by",
    "future_release",
    "mt_priority",
    "no_soliciting",
    "TEMPORARILY_UNAVAILABLE",
    "UNAVAILABLE",
    "XCLIENT",
    "XFORWARD",
    # the table of states
    "Condition",
    "Replies",
    "Row",
    "State",
    "TRANSITIONS",
    # handlers, and what sending gives
    "DiscardingSink",
    "MessageSink",
    "Receiver",
    "SMTPHandler",
    "SMTPSession",
    "SendResult",
    "Transaction",
    "WholeMessages",
    # the codec without a connection
    "DotDecoder",
    "DotEncoder",
    "Incomplete",
    "Opaque",
    "parse_commands",
    "parse_replies",
    "serialize",
]

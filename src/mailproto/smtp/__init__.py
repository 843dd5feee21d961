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
    Command,
    Data,
    Ehlo,
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
)
from mailproto.smtp.data import DotDecoder, DotEncoder
from mailproto.smtp.events import (
    BodyData,
    BodyEnded,
    ClientEvent,
    ConnectionLost,
    InvalidCommand,
    ServerEvent,
)
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
from mailproto.smtp.reply import EnhancedCode, Reply
from mailproto.smtp.server import SMTPServerConnection
from mailproto.smtp.state import TRANSITIONS, Row, State

__all__ = [
    # connections
    "SMTPClientConnection",
    "SMTPServerConnection",
    "SMTPLimits",
    # commands
    "Auth",
    "Command",
    "Data",
    "Ehlo",
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
    # replies and events
    "BodyData",
    "BodyEnded",
    "ClientEvent",
    "ConnectionLost",
    "EnhancedCode",
    "InvalidCommand",
    "Reply",
    "ServerEvent",
    # extensions and parameters
    "EXTENSIONS",
    "Extension",
    "Extensions",
    "Offer",
    "PARAMETERS",
    "Parameter",
    "Parameters",
    # the table of states
    "Row",
    "State",
    "TRANSITIONS",
    # handlers, and what sending gives
    "DiscardingSink",
    "MessageSink",
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

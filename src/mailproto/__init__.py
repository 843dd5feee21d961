"""SMTP, LMTP and IMAP4 as state machines without IO, for both ends of the connection.

This package holds the roots of the errors; everything else is imported from where it lives:

- `mailproto.smtp` and `mailproto.imap`: values, wire formats and connections, without IO;
- `mailproto.address`, `mailproto.sasl`, `mailproto.mime`: what both protocols share;
- `mailproto.flow`: procedures as generators, for those who write a driver of their own;
- `mailproto.sync` and `mailproto.asyncio`: clients and servers over real sockets;
- `mailproto.store`: mail stores and the IMAP session over them;

"""

from mailproto.errors import LocalProtocolError, MailProtoError, RemoteProtocolError

__all__ = ["LocalProtocolError", "MailProtoError", "RemoteProtocolError", "__version__"]

__version__ = "0.1.0.dev0"

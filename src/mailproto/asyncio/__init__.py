"""Clients and servers over asyncio."""

from mailproto.asyncio._opening import Opening
from mailproto.asyncio._server import Server
from mailproto.asyncio.imap import Converted, Download, IMAPClient, Messages, Mirror, Updates, serve_imap
from mailproto.asyncio.smtp import SMTPClient, serve_smtp

__all__ = [
    "Converted",
    "Download",
    "IMAPClient",
    "Messages",
    "Mirror",
    "Opening",
    "SMTPClient",
    "Server",
    "Updates",
    "serve_imap",
    "serve_smtp",
]

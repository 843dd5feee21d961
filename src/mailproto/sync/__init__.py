"""Clients and servers over blocking sockets."""

from mailproto.sync._server import Server
from mailproto.sync.imap import (
    Converted,
    Download,
    IMAPClient,
    Messages,
    Mirror,
    SelectedMailbox,
    Updates,
    serve_imap,
)
from mailproto.sync.smtp import SMTPClient, serve_smtp

__all__ = [
    "Converted",
    "Download",
    "IMAPClient",
    "Messages",
    "Mirror",
    "SMTPClient",
    "SelectedMailbox",
    "Server",
    "Updates",
    "serve_imap",
    "serve_smtp",
]

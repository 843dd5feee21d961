"""Clients and servers over blocking sockets."""

from mailproto.sync._server import Server
from mailproto.sync.smtp import SMTPClient, serve_smtp

__all__ = ["SMTPClient", "Server", "serve_smtp"]

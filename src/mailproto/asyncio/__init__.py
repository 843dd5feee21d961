"""Clients and servers over asyncio."""

from mailproto.asyncio._server import Server
from mailproto.asyncio.smtp import SMTPClient, serve_smtp

__all__ = ["SMTPClient", "Server", "serve_smtp"]

"""Test doubles for people's own tests: servers on loopback, and two connections joined in memory.

`SMTPTestServer` and `IMAPTestServer` are real servers in threads, for blocking and for async code alike;
`MailTestServer` is both over one store.
`smtp_pair` and `imap_pair` join the two ends of a protocol without IO. Nothing here needs pytest; its
fixtures are in `mailproto.pytest_plugin`, which pytest loads by itself.
"""

from __future__ import annotations

from mailproto.testing._imap import IMAPTestServer
from mailproto.testing._mail import MailTestServer
from mailproto.testing._pair import ConnectionPair, IMAPPair, SMTPPair, imap_pair, smtp_pair
from mailproto.testing._script import ScriptedReply
from mailproto.testing._server import LoopbackServer
from mailproto.testing._smtp import ReceivedMessage, SMTPTestServer

__all__ = [
    # servers on loopback
    "SMTPTestServer",
    "IMAPTestServer",
    "MailTestServer",
    "LoopbackServer",
    "ReceivedMessage",
    "ScriptedReply",
    # connections joined in memory
    "ConnectionPair",
    "IMAPPair",
    "SMTPPair",
    "imap_pair",
    "smtp_pair",
]

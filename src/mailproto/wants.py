"""Why `next_event()` returned None: what a connection needs first."""

from __future__ import annotations

import enum

__all__ = ["Wants"]


class Wants(enum.Enum):
    """What a connection needs before it can give another event.

    `None` out of `next_event` alone would not say whether to read or to act: after DATA, STARTTLS, AUTH,
    IDLE or a synchronizing literal the next octets mean what the answer makes them mean.
    """

    DATA = "data"
    """Octets of the peer: read, then `receive_data` or `receive_eof`."""
    REPLY = "reply"
    """The application's answer: do not read for it, send it first."""
    BODY = "body"
    """The message or the literal that was announced: send it, or `abort()`."""
    TLS = "tls"
    """A TLS handshake: flush, shake hands, then `tls_started()`."""
    CLOSED = "closed"
    """The end: flush what is unsent and close."""

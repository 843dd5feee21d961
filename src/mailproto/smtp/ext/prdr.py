"""PRDR: an answer for each recipient to one message, in SMTP too (draft-hall-prdr-00, as Exim speaks it).

MAIL asks for it. A server that has something to say by recipient answers the message with 353, then once
for each accepted recipient in the order of RCPT, then once for all; any other answer counts for all.
"""

from __future__ import annotations

from typing import Final

from mailproto.smtp.rows import Extension, flag

__all__ = ["EXTENSION", "PRDR"]

PRDR: Final = flag("PRDR", "PRDR")
"""PRDR of MAIL: an answer for each recipient is welcome."""

EXTENSION: Final = Extension("PRDR")
"""PRDR, which is no standard: for a server whose sinks answer by recipient."""

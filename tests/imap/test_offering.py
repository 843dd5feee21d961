"""What a server offers by state."""

from __future__ import annotations

import pytest

from mailproto.imap.capability import Capabilities
from mailproto.imap.offering import DEFAULT_CAPABILITIES, capabilities_offered

KNOWN = ("IMAP4rev1", "STARTTLS", "SASL-IR", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256", "IDLE", "X-NEW")

# (logged in, TLS, clear text allowed), what is offered of KNOWN
CASES = [
    (
        (False, False, False),
        {"IMAP4REV1", "STARTTLS", "SASL-IR", "AUTH=SCRAM-SHA-256", "IDLE", "X-NEW", "LOGINDISABLED"},
    ),
    (
        (False, False, True),
        {"IMAP4REV1", "STARTTLS", "SASL-IR", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256", "IDLE", "X-NEW"},
    ),
    ((False, True, False), {"IMAP4REV1", "SASL-IR", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256", "IDLE", "X-NEW"}),
    ((False, True, True), {"IMAP4REV1", "SASL-IR", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256", "IDLE", "X-NEW"}),
    ((True, False, False), {"IMAP4REV1", "IDLE", "X-NEW"}),
    ((True, False, True), {"IMAP4REV1", "IDLE", "X-NEW"}),
    ((True, True, False), {"IMAP4REV1", "IDLE", "X-NEW"}),
]


@pytest.mark.parametrize("state, offered", CASES)
def test_what_is_offered(state: tuple[bool, bool, bool], offered: set[str]) -> None:
    is_logged_in, is_tls, allow_cleartext = state
    known = Capabilities(KNOWN)
    assert (
        set(
            capabilities_offered(
                known, is_logged_in=is_logged_in, is_tls=is_tls, allow_cleartext=allow_cleartext
            )
        )
        == offered
    )


def test_no_mechanism_is_offered_by_default() -> None:
    assert DEFAULT_CAPABILITIES.auth == frozenset()

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


# (what the application names, max_append), what is announced
LIMITS = [
    ("IDLE", 1000, "IDLE APPENDLIMIT=1000"),
    ("IDLE", 0, "IDLE"),
    ("IDLE", 2**32 - 1, "IDLE APPENDLIMIT=4294967295"),
    ("IDLE", 2**32, "IDLE"),
    ("APPENDLIMIT", 1000, "APPENDLIMIT"),
    ("APPENDLIMIT=500", 1000, "APPENDLIMIT=500"),
    ("APPENDLIMIT=0", 1000, "APPENDLIMIT=0"),
    ("APPENDLIMIT=5000 APPENDLIMIT=x", 1000, "APPENDLIMIT=1000"),
]


@pytest.mark.parametrize("known, max_append, announced", LIMITS)
def test_the_limit_of_a_message_is_announced_after_login(known: str, max_append: int, announced: str) -> None:
    for is_logged_in, expected in ((True, announced), (False, known)):
        offered = capabilities_offered(
            Capabilities(known.split()),
            is_logged_in=is_logged_in,
            is_tls=True,
            allow_cleartext=False,
            max_append=max_append,
        )
        assert offered == Capabilities(expected.split())


def test_no_mechanism_is_offered_by_default() -> None:
    assert DEFAULT_CAPABILITIES.auth == frozenset()

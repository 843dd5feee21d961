"""Limits: positive, frozen, and no less than the RFCs let a receiver set."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.limits import IMAPLimits, RouteLimits, SASLLimits, SMTPLimits

RFC_MINIMUMS = [
    (SMTPLimits().max_command_line, 512),
    (SMTPLimits().max_auth_line, 12_288),
    (SMTPLimits().max_reply_line, 512),
    (SMTPLimits().max_message, 65_536),
    (SMTPLimits().max_recipients, 100),
    (SMTPLimits().max_bad_logins, 3),
    (SMTPLimits().command_timeout, 300),
    (SMTPLimits().body_timeout, 180),
    (IMAPLimits().max_line, 8_192),
    (IMAPLimits().max_auth_line, 12_288),
    (SASLLimits().min_iterations, 4_096),
    (RouteLimits().max_addresses, 2),
    (RouteLimits().max_policy, 65_536),
]


@pytest.mark.parametrize(("default", "minimum"), RFC_MINIMUMS)
def test_defaults_are_not_below_the_minimum_of_the_rfc(default: float, minimum: int) -> None:
    assert default >= minimum


def test_a_limit_must_be_positive() -> None:
    with pytest.raises(LocalProtocolError, match="max_recipients: expected a positive number, got 0"):
        SMTPLimits(max_recipients=0)
    with pytest.raises(LocalProtocolError, match="max_line"):
        IMAPLimits(max_line=-1)
    with pytest.raises(LocalProtocolError, match="max_depth: expected at most 200, got 201"):
        IMAPLimits(max_depth=201)
    with pytest.raises(LocalProtocolError, match="command_timeout: expected a positive number, got 0"):
        SMTPLimits(command_timeout=0)
    assert SMTPLimits(body_timeout=0.5).body_timeout == 0.5
    with pytest.raises(LocalProtocolError, match="min_iterations: expected at most 10, got 4096"):
        SASLLimits(max_iterations=10)
    with pytest.raises(LocalProtocolError, match="max_hosts"):
        RouteLimits(max_hosts=0)
    assert SMTPLimits(max_message=0).max_message == 0
    assert SMTPLimits(max_text_line=None).max_text_line is None
    assert IMAPLimits(max_append=0).max_append == 0


def test_limits_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        SMTPLimits().max_recipients = 5  # type: ignore[misc]  # the point

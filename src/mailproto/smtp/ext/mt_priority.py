"""MT-PRIORITY: the order in which messages are transferred (RFC 6710)."""

from __future__ import annotations

import re
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp.rows import Extension, Parameter

__all__ = ["MT_PRIORITY", "mt_priority"]

# priority-value = (["-"] NZDIGIT) / "0"
_PRIORITY: Final = re.compile("-?[1-9]|0").fullmatch
# priority-profile = 1*20(ALPHA / DIGIT / "-" / "_" / ".")
_PROFILE: Final = re.compile("[A-Za-z0-9_.-]{1,20}").fullmatch

MT_PRIORITY: Final = Parameter("MT-PRIORITY", ("MT-PRIORITY",), _PRIORITY, int, str)
"""MT-PRIORITY of MAIL, from -9 to 9, the highest first.

A handler takes a positive one only from those whom it trusts. If it changes the priority its answer has
the code X.3.6 and begins with the new one; if that is too low, 450 or 550 with X.7.15 says so (section
4.1).
"""


def mt_priority(profile: str = "") -> Extension:
    """Return the row of MT-PRIORITY, for a server whose application sends by priority.

    *profile* names its policy, "STANAG4406" or another one: at most 20 letters, digits, "-", "_" and ".".
    Raises LocalProtocolError for another name.
    """
    if profile and _PROFILE(profile) is None:
        raise LocalProtocolError(f"MT-PRIORITY: expected the name of a profile, got {profile[:40]!r}")
    return Extension("MT-PRIORITY", lambda offer: profile)

"""NO-SOLICITING: which classes of solicitation a message is of, and which are not wanted (RFC 3865)."""

from __future__ import annotations

import re
from typing import Final

from mailproto.errors import LocalProtocolError
from mailproto.smtp._grammar import CommandSyntaxError
from mailproto.smtp.rows import Extension, Given, Offered, Parameter

__all__ = ["SOLICIT", "no_soliciting", "parse_classes"]

# Solicitation-keywords = word 0*("," word) ; length of this string is limited to <= 1000 characters
# word = ALPHA 0*(wordchar) ;  wordchar = ("." / "-" / "_" / ":" / ALPHA / DIGIT)
_WORD: Final = r"[A-Za-z][A-Za-z0-9.:_-]*+"
_KEYWORDS: Final = re.compile(rf"(?=.{{1,1000}}\Z){_WORD}(?:,{_WORD})*+").fullmatch


def parse_classes(text: str) -> tuple[str, ...]:
    """Return the classes that the parameters of NO-SOLICITING name; none if they are malformed."""
    return () if _KEYWORDS(text) is None else tuple(text.split(","))


def _check(given: Given, offered: Offered) -> None:
    unwanted = parse_classes(offered.get("NO-SOLICITING") or "")
    found = [word for word in given.value(SOLICIT) or () if word in unwanted]
    if found:
        raise CommandSyntaxError(f"SOLICIT={','.join(found)}", code=550, enhanced_code="5.7.1")


SOLICIT: Final = Parameter("SOLICIT", ("NO-SOLICITING",), _KEYWORDS, parse_classes, ",".join, check=_check)
"""SOLICIT of MAIL, the classes of the header field Solicitation, "net.example:ADV" and such, as a tuple."""


def no_soliciting(*classes: str) -> Extension:
    """Return the row of NO-SOLICITING: messages that say that they are of one of *classes* get a 550.

    Without any it only lets SOLICIT pass. Raises LocalProtocolError for what is no class, and if they have
    more than 1,000 characters together.
    """
    text = ",".join(classes)
    if classes and _KEYWORDS(text) is None:
        raise LocalProtocolError(f"NO-SOLICITING: expected classes of solicitation, got {text[:40]!r}")
    return Extension("NO-SOLICITING", lambda offer: text)

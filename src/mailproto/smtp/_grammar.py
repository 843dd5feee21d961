"""The patterns of SMTP, one for each production, and what all parsers of commands share.

The ABNF stands above each pattern: RFC 5321 section 4.1.2 unless another RFC is named. Paths and domains
are in `mailproto.address`.
"""

from __future__ import annotations

import re
from io import IncrementalNewlineDecoder
from typing import Final

from mailproto.errors import LocalProtocolError

__all__ = [
    "CommandSyntaxError",
    "decode_text",
    "find_bare_newline",
    "is_bare_newline_in",
    "match_base64",
    "match_keyword",
    "match_mechanism",
    "match_parameter",
    "match_reply_line",
    "match_verb",
    "require_text",
]

# Verb: ALPHA *(ALPHA / DIGIT / "-"); RFC 5321 names only known ones, extensions add to them
match_verb: Final = re.compile(rb"[A-Za-z][A-Za-z0-9-]*").fullmatch

# esmtp-param   = esmtp-keyword ["=" esmtp-value]
# esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
# esmtp-value   = 1*(%d33-60 / %d62-126)
# esmtp-value   =/ UTF8-non-ascii                                               (RFC 6531 section 3.3)
match_parameter: Final = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\x80-\xff]+))?").fullmatch

# ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
match_keyword: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*", re.ASCII).fullmatch

# sasl-mech = 1*20mech-char ;  mech-char = UPPER-ALPHA / DIGIT / HYPHEN / UNDERSCORE   (RFC 4422 section 3.1)
match_mechanism: Final = re.compile(r"[A-Z0-9_-]{1,20}").fullmatch

# base64 = base64-terminal / ( 1*(4base64-CHAR) [base64-terminal] )             (RFC 4954 section 8)
match_base64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}").fullmatch

# Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
# Reply-code = %x32-35 %x30-35 %x30-39 ; a second digit from 6 to 9 is read as a defect
match_reply_line: Final = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL).fullmatch

# textstring = 1*(%d09 / %d32-126), and what UTF-8 adds to it (RFC 6531 section 3.7.4)
_NOT_TEXT: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_WELL_FORMED: Final = (None, "\r\n")
"""The kinds of line ends that the decoder of newlines may have seen."""
_BARE_NEWLINE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class CommandSyntaxError(ValueError):
    """A command that cannot be read; `code`, `enhanced_code` and `text` make the reply that is due.

    `offset` counts octets from the start of the line.
    """

    def __init__(self, text: str, *, code: int = 501, enhanced_code: str = "5.5.4", offset: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.enhanced_code = enhanced_code
        self.offset = offset


def require_text(text: str, what: str) -> None:
    """Raise LocalProtocolError if *text* holds a control character, CR and LF included, but TAB."""
    found = _NOT_TEXT.search(text)
    if found is not None:
        raise LocalProtocolError(f"{what}: expected printable text, got {found[0]!r} at {found.start()}")


def decode_text(octets: bytes) -> tuple[str, tuple[str, ...]]:
    """Return *octets* as text, UTF-8 or else Latin-1, and the names of the rules that it breaks.

    Controls but TAB become U+FFFD, so that the text can be sent on.
    """
    rules: tuple[str, ...] = ()
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
        rules = ("text-not-utf-8",)
    if _NOT_TEXT.search(text) is not None:
        return _NOT_TEXT.sub("\ufffd", text), (*rules, "control-in-text")
    return text, rules


def is_bare_newline_in(octets: bytes, after_cr: bool = False) -> bool:
    """Return whether *octets* hold a CR without LF or a LF without CR; a CR at the end is not judged.

    *after_cr* says that a CR came before.
    """
    if after_cr and octets:
        if octets[0] != 10:
            return True
        octets = octets[1:]
    # What universal newlines is made of in C: half the time of taking lines apart and joining them again.
    decoder = IncrementalNewlineDecoder(None, translate=False)
    decoder.decode(octets.decode("latin-1"))
    return decoder.newlines not in _WELL_FORMED


def find_bare_newline(octets: bytes, start: int, stop: int) -> int:
    """Return where between *start* and *stop* the first bare CR or LF is, or -1."""
    found = _BARE_NEWLINE.search(octets, start, stop)
    return -1 if found is None else found.start()

"""The base productions of IMAP as compiled patterns (RFC 3501 section 9), the ABNF above each.

Patterns match at a position of the text of a framed message, where a literal has left its mark `{n}CRLF`.
Where servers and clients send octets above 127 against the grammar the pattern takes them, and the cursor
notes a defect.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "ASTRING_CHARS",
    "ATOM",
    "ESCAPE",
    "GENERIC_ATOM",
    "LIST_CHARS",
    "LITERAL_MARK",
    "NIL",
    "NUMBER",
    "PLAIN_ASTRING",
    "PLAIN_LIST_MAILBOX",
    "QUOTABLE",
    "QUOTED",
    "QUOTED_SPECIALS",
    "RESP_CODE_TEXT",
    "SEQUENCE_SET",
    "TAG",
]

MAX_DIGITS: Final = 20

# atom            = 1*ATOM-CHAR
# ATOM-CHAR       = <any CHAR except atom-specials>
# atom-specials   = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
# list-wildcards  = "%" / "*"
# quoted-specials = DQUOTE / "\"
# resp-specials   = "]"
ATOM: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')

# astring         = 1*ASTRING-CHAR / string
# ASTRING-CHAR    = ATOM-CHAR / resp-specials
ASTRING_CHARS: Final = re.compile(rb'[^\x00-\x20\x7f(){%*"\\]+')
PLAIN_ASTRING: Final = re.compile(rb'(?![Nn][Ii][Ll]\Z)[^\x00-\x20\x7f-\xff(){%*"\\]+\Z')

# list-mailbox    = 1*list-char / string
# list-char       = ATOM-CHAR / list-wildcards / resp-specials
LIST_CHARS: Final = re.compile(rb'[^\x00-\x20\x7f(){"\\]+')
PLAIN_LIST_MAILBOX: Final = re.compile(rb'(?![Nn][Ii][Ll]\Z)[^\x00-\x20\x7f-\xff(){"\\]+\Z')

# tag             = 1*<any ASTRING-CHAR except "+">
TAG: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')

# number          = 1*DIGIT
NUMBER: Final = re.compile(rb"[0-9]{1,20}(?![0-9])")

# nil             = "NIL"
NIL: Final = re.compile(rb"[Nn][Ii][Ll]")

# quoted          = DQUOTE *QUOTED-CHAR DQUOTE
# QUOTED-CHAR     = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials
# TEXT-CHAR       = <any CHAR except CR and LF>
QUOTED: Final = re.compile(rb'"([^"\\\r\n\x00]*(?:\\[^\r\n\x00][^"\\\r\n\x00]*)*)"')
QUOTABLE: Final = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*\Z")
QUOTED_SPECIALS: Final = re.compile(rb'["\\]')
ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)

# literal         = "{" number ["+"] "}" CRLF *CHAR8      (RFC 7888 section 8)
# literal8        = "~{" number ["+"] "}" CRLF *OCTET     (RFC 3516 section 7)
# Spaces inside the braces and a bare LF are deviations that the framer has noted.
LITERAL_MARK: Final = re.compile(rb"~?\{ *[0-9]{1,20} *\+? *\}\r?\n")

# What an unknown item may hold besides strings, lists and numbers: flags, sets, names with wildcards.
GENERIC_ATOM: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){"]+')

# resp-text-code  =/ atom [SP 1*<any TEXT-CHAR except "]">]
RESP_CODE_TEXT: Final = re.compile(rb"[^\x00\r\n\]]+")

# sequence-set    = (seq-number / seq-range) *("," sequence-set)
# seq-range       = seq-number ":" seq-number
# seq-number      = nz-number / "*"
# sequence-set    =/ seq-last-command                     (RFC 5182 section 3)
# seq-last-command = "$"
_SEQ_RANGE = rb"(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?"
SEQUENCE_SET: Final = re.compile(rb"\$|" + _SEQ_RANGE + rb"(?:," + _SEQ_RANGE + rb")*(?![0-9:,*])")

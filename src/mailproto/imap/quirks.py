"""What real servers and clients do against the RFCs, and is lived with: a row for each deviation.

Each row of `QUIRKS` is the rule of a `mailproto.errors.Defect`, which the parsers report where they read the
deviation; under strict it is an error. `quirk_of` finds the row of a defect. A defect whose rule has no row
says what was expected where nothing could be read: the item is left out, or the response is unread.
`SESSION_QUIRKS` are the deviations that no response shows alone. Most are rules of defects too, of the event
with which they show (`mailproto.imap.session_rules`); the others are what the RFCs allow and nobody expects.

A quirk never changes how something valid is read. No row knows a server by its name or its greeting.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, final

from mailproto.errors import Defect

__all__ = ["QUIRKS", "SESSION_QUIRKS", "Quirk", "is_left_out", "is_throttled", "quirk_of"]


@final
@dataclass(frozen=True, slots=True)
class Quirk:
    """One deviation: the rule that is broken, products that break it, and how it is read and why.

    `products` are names with a comma between them, and with a version where one is known; "several" are
    servers of which no name is known. `is_left_out` says that nothing of the item could be read, `is_allowed`
    that no RFC forbids it, so that there is no defect.
    """

    rule: str
    products: str
    reason: str
    is_left_out: bool = False
    is_allowed: bool = False


SEVERAL: Final = "several"

QUIRKS: Final[tuple[Quirk, ...]] = (
    # Lines and literals
    Quirk("CRLF at the end of a line", SEVERAL, "A lone LF ends a line outside of literals."),
    Quirk(
        "no space inside the braces of a literal",
        SEVERAL,
        "The number is plain; spaces around it say nothing.",
    ),
    Quirk(
        "* or + or a tag and a status",
        "Exchange",
        "An empty line, bare text, what is left of a literal announced too short: an UnreadResponse.",
        is_left_out=True,
    ),
    Quirk("a literal without NUL", SEVERAL, "Messages with NUL in them are sent as they are stored."),
    Quirk(
        "a literal within the limit",
        "all",
        "No deviation of the server; the literal was read and dropped here.",
    ),
    # Strings
    Quirk(
        "UTF-8 in a quoted string",
        SEVERAL,
        "Header fields in Latin-1 are sent as they are, also where UTF-8 is enabled (RFC 9755).",
    ),
    Quirk(
        "7-bit octets in a quoted string",
        SEVERAL,
        "Header fields in raw UTF-8 or Latin-1 are sent as they are.",
    ),
    Quirk(
        "7-bit octets outside of literals", SEVERAL, "Names of mailboxes and of header fields in raw UTF-8."
    ),
    Quirk(
        "a backslash only before a quote or a backslash",
        SEVERAL,
        "Backslashes of a header field are not doubled.",
    ),
    Quirk(
        "a backslash escaped inside a quoted string",
        "QQ Mail",
        "The delimiter of a server on Windows, or the end of a domain.",
    ),
    Quirk(
        "quotes escaped inside a quoted string",
        "Domino",
        "A quote ends the string only if the next value can follow it.",
    ),
    Quirk("a string or NIL", "Exchange 2010", "An atom or a number is taken for the string; a list for NIL."),
    Quirk("a string, not NIL", "Exchange", "NIL is taken for an empty string."),
    # Statuses and their codes
    Quirk("text after the status", SEVERAL, "The text is empty."),
    Quirk("text without NUL, of one character or more", SEVERAL, "The text is what there is."),
    Quirk("text of one line", SEVERAL, "CR, LF and NUL are taken for spaces."),
    Quirk("text in UTF-8", SEVERAL, "Text in the language of the server: Latin-1 is as good as any guess."),
    Quirk("a space behind +", "Exchange", "The text is empty."),
    Quirk("a space and text after the response code", SEVERAL, "The code says all."),
    Quirk("a response code", SEVERAL, "Text that begins with a bracket; it is text."),
    Quirk("a response code with a name", SEVERAL, "Empty brackets say nothing."),
    Quirk(
        "the arguments of the response code", SEVERAL, "It is an UnknownCode, as are empty sets in COPYUID."
    ),
    Quirk("events in parentheses", "Dovecot 2.3", "BADEVENT names bare events, those that the server lacks."),
    Quirk(
        "a number other than 0", SEVERAL, "0 stands for nothing, or for not known: the view does not take it."
    ),
    Quirk(
        "a status before a response code",
        SEVERAL,
        "COPYUID without the OK, or in a line with nothing before it: read as an untagged OK.",
    ),
    Quirk("no tag before BYE", SEVERAL, "It completes the command as NO; LOGOUT has done what it should."),
    Quirk("a challenge in base64", SEVERAL, "Text instead of an empty challenge; the exchange is cancelled."),
    # Spaces
    Quirk("one space before each capability", SEVERAL, "Capabilities joined with a space behind each."),
    Quirk("LITERAL+ in one word", SEVERAL, "A list of capabilities that was split at its signs."),
    Quirk("one space before each item", SEVERAL, "Items joined with a space behind each."),
    Quirk("one space before a value", SEVERAL, "Spaces say nothing."),
    Quirk(
        "one space or a closing parenthesis", SEVERAL, "What follows a value up to the next space is dropped."
    ),
    Quirk("the end of the response", "Exchange", "What follows the last value, mostly a space, is dropped."),
    Quirk("no space but those of the grammar", SEVERAL, "Spaces between the lists of NAMESPACE."),
    Quirk(
        "flags with one space between them",
        SEVERAL,
        "Flags joined with a space behind each, or system flags with none.",
    ),
    # Mailboxes and numbers
    Quirk(
        "flags that are atoms",
        "Gmail, MailSite",
        "Keywords with brackets or in UTF-8, or in quotes; they are kept as they came.",
    ),
    Quirk(
        "a delimiter of one character", "Courier", "An empty string in place of NIL: there is no delimiter."
    ),
    Quirk(
        "a mailbox name in quotes",
        "Gmail, Strato",
        "A name with spaces, tabs or other specials, up to the end of the line or the list of STATUS.",
    ),
    Quirk(
        "numbers from 1 on, one space before each", SEVERAL, "Numbers that no message can have are left out."
    ),
    Quirk("a mod-sequence only beside numbers", SEVERAL, "Nothing was found, and so it says nothing."),
    Quirk(
        "a value as its name has it",
        SEVERAL,
        "MIN 0 or an empty ALL where nothing was found, an empty CHILDINFO: it is left out.",
        is_left_out=True,
    ),
    Quirk(
        "each item of URLFETCH in its own parentheses",
        "Dovecot 2.3",
        "All that was asked for of a URL stands in one pair of them.",
    ),
    Quirk("a thread that splits into two or more", SEVERAL, "A single branch goes on with its line."),
    Quirk("parameters within the limits of RFC 2971", SEVERAL, "Longer values and more of them are kept."),
    # Items of FETCH
    Quirk("each item only once", SEVERAL, "The last one counts."),
    Quirk(
        "a value behind each item",
        SEVERAL,
        "The item is left out, those behind it are read.",
        is_left_out=True,
    ),
    Quirk("an origin without a length", SEVERAL, "The length that was asked for is dropped."),
    Quirk("BINARY without .PEEK in a response", "pymap 0.36", "The item is named as it was asked for."),
    Quirk(
        "a size of 0 or more",
        "Dovecot, Exchange",
        "-1 for not known, or a size in signed 32 bits: read as 0.",
    ),
    Quirk(
        "a size in digits", SEVERAL, "A size as a floating point number, such as 9.37e+06, or as a string."
    ),
    Quirk("a mod-sequence of 1 or more", SEVERAL, "0 for a message whose flags never changed; it is 0."),
    Quirk(
        "a mod-sequence that is not negative", SEVERAL, "-1 for a mod-sequence that is not known: it is 0."
    ),
    Quirk("a day of two characters", SEVERAL, "A day below 10 without its space."),
    Quirk("a second up to 59", SEVERAL, "A leap second; it is read as second 59."),
    Quirk(
        "a date-time that exists",
        SEVERAL,
        "00-Jan-0000 for a message without a date: the item is left out.",
        is_left_out=True,
    ),
    # ENVELOPE
    Quirk("an envelope as the grammar has it", "Yahoo", "Spaces are missing or repeated."),
    Quirk(
        "an envelope of ten fields",
        "QQ Mail",
        "What is missing is NIL, what is too much is dropped; a string at the end is the Message-ID.",
    ),
    Quirk("an address of four fields", SEVERAL, "What is missing is NIL, what is too much is dropped."),
    Quirk("addresses in two pairs of parentheses", SEVERAL, "One pair is missing, or there are more."),
    Quirk("addresses, not NIL, in a list of addresses", SEVERAL, "An address that could not be parsed."),
    Quirk("NIL for no addresses", "Yahoo", "An empty list, or a string."),
    # BODY and BODYSTRUCTURE
    Quirk(
        "a body structure as the grammar has it",
        "mBox Mail",
        "Spaces are missing or repeated, or parentheses are.",
    ),
    Quirk("a body structure of all its fields", SEVERAL, "What is missing has its default."),
    Quirk("a media type and a subtype", "mBox Mail", "A Content-Type that could not be parsed."),
    Quirk(
        "a transfer encoding",
        "Exchange, maddy",
        "NIL where there is no header field: it is 7BIT (RFC 2045 section 6.1).",
    ),
    Quirk("a number of lines", SEVERAL, "It is 0."),
    Quirk(
        "a number of lines only of text",
        "Gmail, Lavabit",
        "Of another part, or twice: it is dropped, what follows is read.",
    ),
    Quirk(
        "a multipart with a part", "Gmail", "A message whose boundary never comes: a part without content."
    ),
    Quirk(
        "a message with its envelope and its body",
        "Domino, Gmail",
        "A message/rfc822 that the server did not look into: the envelope is empty.",
    ),
    Quirk("parameters of a name and a value", SEVERAL, "A name without its value is dropped."),
    Quirk("NIL for no parameters", "mBox Mail", "An empty list."),
    Quirk("NIL for no language", SEVERAL, "An empty list."),
    Quirk(
        "a disposition of a type and parameters",
        "Citadel, Exchange",
        "A bare string is the type; (NIL NIL) and () are NIL.",
    ),
    Quirk(
        "extension fields in their order", SEVERAL, "A disposition is known by its form, wherever it stands."
    ),
)
"""The deviations that are read: the rule is that of the defect."""

SESSION_QUIRKS: Final[tuple[Quirk, ...]] = (
    Quirk(
        "a greeting other than BYE",
        "Courier",
        "Too many connections, or no access: ConnectionClosed says what the server said.",
        is_allowed=True,
    ),
    Quirk(
        "a tagged answer to LOGOUT",
        SEVERAL,
        "The end without a word, or after two BYEs: it is over as asked.",
    ),
    Quirk(
        "ESEARCH in answer to a search with RETURN",
        SEVERAL,
        "SEARCH or SORT instead: the results are made of its numbers.",
    ),
    Quirk(
        "MIN and MAX of a sorted search as its first and its last",
        "Cyrus 3.6",
        "The lowest and the highest number instead: seen where ALL was asked for too, and they stay as told.",
    ),
    Quirk(
        "a LIST with the options that are offered",
        "Cyrus 2.5",
        "BAD, or no mailbox: a plain LIST is sent, and LSUB for what is subscribed.",
    ),
    Quirk("an answer to NAMESPACE", SEVERAL, "The server closes instead: ConnectionClosed."),
    Quirk(
        "COPYUID in the tagged OK",
        SEVERAL,
        "An untagged one before it counts for the COPY that is in progress.",
    ),
    Quirk("ENABLED in answer to ENABLE", SEVERAL, "Nothing is on that the server did not name."),
    Quirk(
        "EXPUNGE only while a command is in progress that allows it",
        SEVERAL,
        "During a FETCH, what waits for its rest moves with the messages.",
    ),
    Quirk("an EXPUNGE only of messages that exist", "Exchange", "The view does not count below 0."),
    Quirk(
        "FETCH, not UIDFETCH, before ENABLE UIDONLY",
        SEVERAL,
        "It is about the message with that UID, as it says.",
    ),
    Quirk(
        "UIDFETCH, not FETCH, after ENABLE UIDONLY",
        SEVERAL,
        "It is about the message with its UID if it has one; numbers are not known.",
    ),
    Quirk(
        "a FETCH response only once for each message",
        "UW IMAP",
        "Flags that changed meanwhile are news; items that were split are joined.",
        is_allowed=True,
    ),
    Quirk(
        "a response code that says why",
        "Exchange Online",
        "The text says that it is for a while only: ServerUnavailable.",
        is_allowed=True,
    ),
)
"""The deviations of a session: the rule says what is expected, the reason what happens instead."""

_ROWS: Final = {quirk.rule: quirk for quirk in (*QUIRKS, *SESSION_QUIRKS)}


def quirk_of(defect: Defect) -> Quirk | None:
    """Return the row of *defect*; None if it says what was expected where nothing could be read."""
    return _ROWS.get(defect.rule)


def is_left_out(defect: Defect) -> bool:
    """Whether nothing could be read where *defect* stands, so that an item or a response is missing."""
    quirk = quirk_of(defect)
    return quirk is None or quirk.is_left_out


# Exchange has no code for these: the throttling of a user, and a back end that cannot be reached.
_THROTTLED: Final = re.compile(
    r"\bthrottled\b|\bbackoff\b|\bserver busy\b|\btoo many (?:requests|commands)\b"
    r"|authenticated but not connected",
    re.IGNORECASE,
)


def is_throttled(text: str) -> bool:
    """Whether the text of a refusal says that the same may succeed later, where its code does not."""
    return _THROTTLED.search(text) is not None

"""Where it is known from which products have a quirk: mostly programs that say so, in comments or tests.

What a program says of a server is true of some version of it, mostly an old one.
"""

from __future__ import annotations

from typing import Final

ETPAN: Final = "libetpan 1.9.4, imap/mailimap_parser.c"
JAVAMAIL: Final = "JavaMail 1.6.5, imap/protocol/BODYSTRUCTURE.java"
IMAP_CODEC: Final = "imap-codec 2.0.0-alpha.5, src/body.rs"
NET_IMAP: Final = "net-imap 0.4.19, response_parser.rb"
EVOLUTION: Final = "Evolution Data Server 3.46.4"
SEEN: Final = "seen by the tests of interoperability"

SOURCES: Final[dict[str, dict[str, str]]] = {
    "* or + or a tag and a status": {
        "Exchange": f"{ETPAN} (empty lines); ImapFlow 2.10.2, parser-instance.js (Server Unavailable.)",
    },
    "a literal within the limit": {"all": "IMAPLimits: the limit is the client's"},
    "a backslash escaped inside a quoted string": {"QQ Mail": f"{ETPAN} (a domain)"},
    "quotes escaped inside a quoted string": {"Domino": f"{ETPAN} (a charset)"},
    "a string or NIL": {"Exchange 2010": f"{JAVAMAIL} and {ETPAN} (a transfer encoding)"},
    "a string, not NIL": {"Exchange": f"{JAVAMAIL} and {ETPAN} (a parameter)"},
    "a space behind +": {"Exchange": "mutt 2.2.12, imap/auth_sasl.c"},
    "events in parentheses": {"Dovecot 2.3": f"Dovecot 2.3.19.1, imap/cmd-notify.c; {SEEN}"},
    "the end of the response": {"Exchange": f"{NET_IMAP}, which is not sure of it"},
    "flags that are atoms": {
        "Gmail": f"Geary 46.0, imap-quirks.vala; {NET_IMAP}",
        "MailSite": f"{ETPAN} (in quotes)",
    },
    "a delimiter of one character": {"Courier": "libetpan 1.9.4, imap/namespace_parser.c"},
    "a mailbox name in quotes": {
        "Gmail": f"{ETPAN} (STATUS)",
        "Strato": "JavaMail 1.6.5, StratoImapBugfixTest.java (STATUS)",
    },
    "each item of URLFETCH in its own parentheses": {
        "Dovecot 2.3": f"Dovecot 2.3.19.1, imap/cmd-urlfetch.c; {SEEN}",
    },
    "BINARY without .PEEK in a response": {"pymap 0.36": SEEN},
    "a size of 0 or more": {"Dovecot": IMAP_CODEC, "Exchange": ETPAN},
    "an envelope as the grammar has it": {"Yahoo": "JavaMail 1.6.5, imap/protocol/ENVELOPE.java"},
    "an envelope of ten fields": {"QQ Mail": ETPAN},
    "NIL for no addresses": {"Yahoo": "JavaMail 1.6.5, imap/protocol/ENVELOPE.java"},
    "a body structure as the grammar has it": {"mBox Mail": f"{ETPAN} (NIL for a size)"},
    "a media type and a subtype": {"mBox Mail": f"{ETPAN} (NIL)"},
    "a transfer encoding": {"Exchange": JAVAMAIL, "maddy": IMAP_CODEC},
    "a number of lines only of text": {"Gmail": f"{ETPAN} (twice)", "Lavabit": ETPAN},
    "a multipart with a part": {"Gmail": f"{EVOLUTION}, camel-imapx-utils.c"},
    "a message with its envelope and its body": {
        "Domino": f"{JAVAMAIL} and {ETPAN} (no body)",
        "Gmail": f"{JAVAMAIL} (neither)",
    },
    "NIL for no parameters": {"mBox Mail": ETPAN},
    "a disposition of a type and parameters": {
        "Citadel": f"{ETPAN} (no parameters)",
        "Exchange": f"{ETPAN} (no parentheses); {JAVAMAIL} (the description in its place)",
    },
    "a greeting other than BYE": {"Courier": "courier-imap 5.0.13, the texts of imapd and imaplogin"},
    "MIN and MAX of a sorted search as its first and its last": {
        "Cyrus 3.6": f"Cyrus 3.6.1, imap/search_query.c; {SEEN}",
    },
    "a LIST with the options that are offered": {
        "Cyrus 2.5": f"{EVOLUTION}, camel-imapx-server.c, which uses no LIST-EXTENDED up to 2.5.10",
    },
    "an EXPUNGE only of messages that exist": {"Exchange": "JavaMail 1.6.5, imap/IMAPFolder.java"},
    "a FETCH response only once for each message": {
        "UW IMAP": "NeoMutt 20250510, imap/message.c (a flag that the FETCH sets)",
    },
    "a response code that says why": {"Exchange Online": "ImapFlow 2.10.2, imap-flow.js"},
}
"""The rule of a quirk -> each of its products, and where that is known from. A rule of "several" has none."""

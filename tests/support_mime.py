"""Messages that several tests of `mailproto.mime` look at, and short ways to describe what was found."""

from __future__ import annotations

from typing import TypeAlias

from mailproto.mime.scanner import Part

Tree: TypeAlias = "tuple[bytes, bytes, tuple[Tree, ...]]"
"""Media type, body (of a leaf, else b""), parts."""


def crlf(text: str) -> bytes:
    """Return *text* as octets with CRLF line ends."""
    return text.encode().replace(b"\n", b"\r\n")


def tree(octets: bytes, part: Part) -> Tree:
    """Return what was found, by content instead of by offset."""
    children = tuple(tree(octets, child) for child in part.children)
    return part.content_type, b"" if children else octets[part.body : part.end], children


RFC2046_MIXED = crlf(
    """\
From: Nathaniel Borenstein <nsb@bellcore.com>
To: Ned Freed <ned@innosoft.com>
Date: Sun, 21 Mar 1993 23:56:48 -0800 (PST)
Subject: Sample message
MIME-Version: 1.0
Content-type: multipart/mixed; boundary="simple boundary"

This is the preamble.  It is to be ignored, though it
is a handy place for composition agents to include an
explanatory note to non-MIME conformant readers.

--simple boundary

This is implicitly typed plain US-ASCII text.
It does NOT end with a linebreak.
--simple boundary
Content-type: text/plain; charset=us-ascii

This is explicitly typed plain US-ASCII text.
It DOES end with a linebreak.

--simple boundary--

This is the epilogue.  It is also to be ignored.
"""
)

RFC2046_DIGEST = crlf(
    """\
From: Moderator-Address
To: Recipient-List
Date: Mon, 22 Mar 1994 13:34:51 +0000
Subject: Internet Digest, volume 42
MIME-Version: 1.0
Content-Type: multipart/mixed;
              boundary="---- main boundary ----"

------ main boundary ----

...Introductory text or table of contents...

------ main boundary ----
Content-Type: multipart/digest;
              boundary="---- next message ----"

------ next message ----

From: someone-else
Date: Fri, 26 Mar 1993 11:13:32 +0200
Subject: my opinion

...body goes here ...

------ next message ----

From: someone-else-again
Date: Fri, 26 Mar 1993 10:07:13 -0500
Subject: my different opinion

... another body goes here ...

------ next message ------

------ main boundary ------
"""
)

# The shape of the example of RFC 3501 section 6.4.5.
RFC3501_PARTS = crlf(
    """\
Subject: top
From: top@example.org
Content-Type: multipart/mixed; boundary=A

--A

[1]
--A
Content-Type: application/octet-stream

[2]
--A
Content-Type: message/rfc822

Subject: three
From: three@example.org
Content-Type: multipart/mixed; boundary=B

--B

[3.1]
--B
Content-Type: application/octet-stream

[3.2]
--B--

--A
Content-Type: multipart/mixed; boundary=C

--C
Content-Type: image/gif

[4.1]
--C
Content-Type: message/rfc822

Subject: four
From: four@example.org
Content-Type: multipart/mixed; boundary=D

--D
Content-Type: text/plain

[4.2.1]
--D
Content-Type: multipart/alternative; boundary=E

--E
Content-Type: text/plain

[4.2.2.1]
--E
Content-Type: text/richtext

[4.2.2.2]
--E--

--D--

--C--

--A--
"""
)

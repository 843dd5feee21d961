from __future__ import annotations

import email
import email.policy
import pickle
import sys
from collections.abc import Callable
from email.message import EmailMessage, Message
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.mime.extraction import part_octets
from mailproto.mime.scanner import MAX_BOUNDARY, MAX_DEPTH, MAX_PARTS, Part, scan
from mailproto.mime.structure import build_body_structure
from support_mime import RFC2046_DIGEST, RFC2046_MIXED, RFC3501_PARTS, Tree, crlf, tree


def text(body: bytes, *, subtype: bytes = b"plain") -> Tree:
    return b"text/" + subtype, body, ()


def mixed(*parts: Tree) -> Tree:
    return b"multipart/mixed", b"", parts


def message(body: Tree) -> Tree:
    return b"message/rfc822", b"", (body,)


LONG = b"b" * (MAX_BOUNDARY + 1)
M = "Content-Type: multipart/mixed; boundary=b\n\n"

CASES: dict[str, tuple[bytes, Tree]] = {
    "nothing": (b"", text(b"")),
    "a body alone": (b"\r\nbody", text(b"body")),
    "a body alone with bare LF": (b"\nbody", text(b"body")),
    "a header alone": (b"Subject: x\r\n", text(b"")),
    "a header that is cut": (b"Subject: x", text(b"")),
    "a blank line alone": (b"\r\n", text(b"")),
    "a text": (crlf("Subject: x\n\nbody\n"), text(b"body\r\n")),
    "bare LF": (b"Subject: x\n\nbody\n", text(b"body\n")),
    "both line ends": (b"Subject: x\r\n\nbody\n\r\n", text(b"body\n\r\n")),
    "bare CR is no line end": (b"Subject: x\r\rbody", text(b"")),
    "a type": (crlf("Subject: x\nContent-Type: text/HTML\n\nb"), text(b"b", subtype=b"html")),
    "a type in the first line": (crlf("CONTENT-TYPE : text/html\n\nb"), text(b"b", subtype=b"html")),
    "a folded type": (crlf("A: b\nContent-Type:\n text/html\n\nb"), text(b"b", subtype=b"html")),
    "a folded type in the first line": (crlf("Content-Type:\n text/html\n\nb"), text(b"b", subtype=b"html")),
    "two types": (crlf("Content-Type: text/html\nContent-Type: a/b\n\nb"), text(b"b", subtype=b"html")),
    "a bad type": (crlf("Content-Type: html\n\nb"), text(b"b")),
    "an empty type": (crlf("Content-Type:\n\nb"), text(b"b")),
    "a type after the header": (
        crlf("A: b\n\nContent-Type: text/html\n\nb"),
        text(b"Content-Type: text/html\r\n\r\nb"),
    ),
    "RFC 2046 section 5.1.1": (
        RFC2046_MIXED,
        mixed(
            text(b"This is implicitly typed plain US-ASCII text.\r\nIt does NOT end with a linebreak."),
            text(b"This is explicitly typed plain US-ASCII text.\r\nIt DOES end with a linebreak.\r\n"),
        ),
    ),
    "RFC 2046 section 5.1.5": (
        RFC2046_DIGEST,
        mixed(
            text(b"...Introductory text or table of contents...\r\n"),
            (
                b"multipart/digest",
                b"",
                (
                    message(text(b"...body goes here ...\r\n")),
                    message(text(b"... another body goes here ...\r\n")),
                ),
            ),
        ),
    ),
    "RFC 3501 section 6.4.5": (
        RFC3501_PARTS,
        mixed(
            text(b"[1]"),
            (b"application/octet-stream", b"[2]", ()),
            message(mixed(text(b"[3.1]"), (b"application/octet-stream", b"[3.2]", ()))),
            mixed(
                (b"image/gif", b"[4.1]", ()),
                message(
                    mixed(
                        text(b"[4.2.1]"),
                        (
                            b"multipart/alternative",
                            b"",
                            (text(b"[4.2.2.1]"), text(b"[4.2.2.2]", subtype=b"richtext")),
                        ),
                    )
                ),
            ),
        ),
    ),
    "bare LF in a multipart": ((M + "--b\n\na\n--b\n\nb\n--b--\n").encode(), mixed(text(b"a"), text(b"b"))),
    "no parameter": (
        crlf("Content-Type: multipart/mixed\n\n--b\n\na\n--b--\n"),
        text(b"--b\r\n\r\na\r\n--b--\r\n"),
    ),
    "an empty parameter": (
        crlf('Content-Type: multipart/mixed; boundary=""\n\n--\n\na'),
        text(b"--\r\n\r\na"),
    ),
    "a boundary of blanks": (
        crlf('Content-Type: multipart/mixed; boundary="  "\n\n--  \n'),
        text(b"--  \r\n"),
    ),
    "too long a boundary": (
        b"Content-Type: multipart/mixed; boundary=%b\n\n--%b\n" % (LONG, LONG),
        text(b"--%b\n" % LONG),
    ),
    "no boundary line": (crlf(M + "text\n"), text(b"text\r\n")),
    "only the close delimiter": (crlf(M + "text\n--b--\n"), text(b"text\r\n--b--\r\n")),
    "an empty multipart": (crlf(M), text(b"")),
    "no close delimiter": (crlf(M + "--b\n\na\n"), mixed(text(b"a\r\n"))),
    "cut in a boundary line": (crlf(M + "--b\n\na\n--b"), mixed(text(b"a"), text(b""))),
    "cut after a boundary line": (crlf(M + "--b\n"), mixed(text(b""))),
    "empty parts": (crlf(M + "--b\n--b\n\n--b\n\n\n--b--"), mixed(text(b""), text(b""), text(b""))),
    "a header without a body": (
        crlf(M + "--b\nContent-Type: text/html\n--b--\n"),
        mixed(text(b"", subtype=b"html")),
    ),
    "a header with a blank line that is the delimiter's": (
        crlf(M + "--b\nContent-Type: text/html\n\n--b--\n"),
        mixed(text(b"", subtype=b"html")),
    ),
    "a message without a header and a body": (
        crlf(M + "--b\nContent-Type: message/rfc822\n--b--\n"),
        mixed(message(text(b""))),
    ),
    "a multipart without a body": (
        crlf(M + "--b\nContent-Type: multipart/mixed; boundary=c\n--b--\n"),
        mixed(text(b"")),
    ),
    "dashes in a header": (
        crlf(M + "--b\nX: y\n--c\nContent-Type: text/html\n\na\n--b--"),
        mixed(text(b"a", subtype=b"html")),
    ),
    "dashes in a body": (crlf(M + "--b\n\n-- \n--c\n--\n--b--"), mixed(text(b"-- \r\n--c\r\n--"))),
    "white space after a boundary": (crlf(M + "--b \t\n\na\n--b-- \n--b\n"), mixed(text(b"a"))),
    "white space before a boundary": (crlf(M + "--b\n\na\n --b\n--b--"), mixed(text(b"a\r\n --b"))),
    "a boundary in the middle of a line": (crlf(M + "--b\n\na --b\n--b--"), mixed(text(b"a --b"))),
    "more on a boundary line": (
        crlf(M + "--b garbage\n\na\n--b- -\n\nc\n--b--d"),
        mixed(text(b"a"), text(b"c")),
    ),
    "a boundary line in the epilogue": (crlf(M + "--b\n\na\n--b--\n--b\n\nc\n"), mixed(text(b"a"))),
    "a boundary that is quoted, with blanks at its end": (
        crlf('Content-Type: multipart/mixed; boundary="b b  "\n\n--b b\n\na\n--b b--'),
        mixed(text(b"a")),
    ),
    "a boundary in two segments": (
        crlf("Content-Type: multipart/mixed; boundary*0=b; boundary*1=c\n\n--bc\n\na\n--bc--"),
        mixed(text(b"a")),
    ),
    "the inner boundary begins with the outer": (
        crlf(M + "--b\nContent-Type: multipart/mixed; boundary=bb\n\n--bb\n\na\n--bb--\n--b\n\nc\n--b--"),
        mixed(mixed(text(b"a")), text(b"c")),
    ),
    "the outer boundary begins with the inner": (
        crlf(
            "Content-Type: multipart/mixed; boundary=bb\n\n--bb\n"
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\na\n--bb\n\nc\n--bb--"
        ),
        mixed(mixed(text(b"a")), text(b"c")),
    ),
    "an outer boundary that looks like the inner's end": (
        crlf(
            "Content-Type: multipart/mixed; boundary=b--\n\n--b--\n"
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n\na\n--b--\n\nc\n--b----"
        ),
        mixed(mixed(text(b"a")), text(b"c")),
    ),
    "the same boundary inside": (
        crlf(M + "--b\n" + M + "--b\n\na\n--b--\n--b\n\nc\n--b--"),
        mixed(mixed(text(b"a")), text(b"c")),
    ),
    "the same boundary inside, not ended": (
        crlf(
            "Content-Type: multipart/mixed; boundary=x\n\n--x\n"
            + M
            + "--b\n"
            + M
            + "--b\n\na\n--x\n\nc\n--b\n--x--"
        ),
        mixed(mixed(mixed(text(b"a"))), text(b"c\r\n--b")),
    ),
    "the outer boundary ends the inner": (
        crlf(M + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\na\n--b\n\nd\n--c\n--b--"),
        mixed(mixed(text(b"a")), text(b"d\r\n--c")),
    ),
    "the outer boundary ends an inner one without parts": (
        crlf(M + "--b\nContent-Type: multipart/mixed; boundary=c\n\na\n--b\n\nd\n--b--"),
        mixed(text(b"a"), text(b"d")),
    ),
    "an epilogue of the inner": (
        crlf(
            M + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\na\n--c--\nepilogue\n--b\n\nd\n--b--"
        ),
        mixed(mixed(text(b"a")), text(b"d")),
    ),
    "delimiters that share line ends": (
        crlf(M + "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n--b\n--b--"),
        mixed(mixed(text(b"")), text(b"")),
    ),
    "a message in a message": (
        crlf("Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nSubject: x\n\nbody"),
        message(message(text(b"body"))),
    ),
    "a message without a header": (crlf("Content-Type: message/rfc822\n\n\nbody"), message(text(b"body"))),
    "a message without a blank line": (
        crlf("Content-Type: message/rfc822\n\nSubject: x"),
        message(text(b"")),
    ),
    "no message": (crlf("Content-Type: message/rfc822\n"), message(text(b""))),
    "a message in base64 is looked into as any": (
        crlf("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3Vi\n"),
        message(text(b"")),
    ),
    "message/global is opaque": (
        crlf("Content-Type: message/global\n\nSubject: x\n\nb"),
        (b"message/global", b"Subject: x\r\n\r\nb", ()),
    ),
    "a digest with a typed part": (
        crlf("Content-Type: multipart/digest; boundary=b\n\n--b\nContent-Type: text/plain\n\na\n--b--"),
        (b"multipart/digest", b"", (text(b"a"),)),
    ),
    "NUL and 8-bit": (b"Content-Type: text/html\0\xff\n\n\0\xff", (b"text/html\x80\xff", b"\0\xff", ())),
}


@pytest.mark.parametrize("octets, expected", CASES.values(), ids=CASES.keys())
def test_parts(octets: bytes, expected: Tree) -> None:
    assert tree(octets, scan(octets)) == expected


@pytest.mark.parametrize("octets, expected", CASES.values(), ids=CASES.keys())
def test_offsets_nest(octets: bytes, expected: Tree) -> None:
    assert_nested(octets)


@pytest.mark.parametrize("octets, expected", CASES.values(), ids=CASES.keys())
def test_cut_anywhere(octets: bytes, expected: Tree) -> None:
    for size in range(len(octets)):
        assert_nested(octets[:size])


def assert_nested(octets: bytes) -> None:
    root = scan(octets)
    assert root.span == (0, len(octets))
    for part in root.walk():
        assert 0 <= part.start <= part.body <= part.end
        assert part.is_multipart + part.is_message == bool(part.children)
        position = part.body
        for child in part.children:
            assert position <= child.start
            assert child.end <= part.end
            position = child.end
        if part.is_message:
            assert part.children[0].span == part.body_span


def test_offsets_of_rfc_2046() -> None:
    root = scan(RFC2046_MIXED)
    first, second = root.children
    assert RFC2046_MIXED[slice(*root.header_span)].endswith(b'"simple boundary"\r\n\r\n')
    assert RFC2046_MIXED[slice(*first.header_span)] == b"\r\n"
    assert RFC2046_MIXED[slice(*second.header_span)] == b"Content-type: text/plain; charset=us-ascii\r\n\r\n"
    assert RFC2046_MIXED[first.end : second.start] == b"\r\n--simple boundary\r\n"
    assert RFC2046_MIXED[second.end :].startswith(b"\r\n--simple boundary--\r\n")


def test_walk_goes_in_the_order_of_the_octets() -> None:
    starts = [part.start for part in scan(RFC3501_PARTS).walk()]
    assert starts == sorted(starts)
    assert len(starts) == 15


FRAGMENTS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"--",
    b"--b",
    b"--bb",
    b"--c",
    b"--b--",
    b"a",
    b" ",
    b"\0",
    b"\xff",
    b":",
    b"bb",
]
PHRASES = [
    b"Content-Type: ",
    b"multipart/mixed; boundary=",
    b"multipart/digest;boundary=",
    b'"c"',
    b"message/rfc822",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n",
    M.encode(),
]
ATTACKS = st.lists(st.sampled_from(FRAGMENTS + PHRASES), max_size=30).map(b"".join)


@given(ATTACKS)
def test_pieces_in_any_order_nest(octets: bytes) -> None:
    assert_nested(octets)
    assert_nested(M.encode() + octets)


@given(st.binary(max_size=200))
def test_random_octets_nest(octets: bytes) -> None:
    assert_nested(octets)


# --- against the standard library ---------------------------------------------------------------


@st.composite
def messages(draw: st.DrawFn, depth: int = 3) -> EmailMessage:
    made = EmailMessage(email.policy.SMTP)
    if depth and draw(st.booleans()):
        made["Content-Type"] = f"multipart/{draw(st.sampled_from(['mixed', 'alternative']))}"
        made.set_payload([])
        for _ in range(draw(st.integers(1, 3))):
            made.attach(draw(messages(depth - 1)))
    elif depth and draw(st.booleans()):
        made["Content-Type"] = "message/rfc822"
        made.set_payload([draw(messages(depth - 1))])
    else:
        made.set_content(draw(st.text(st.sampled_from("ab é-\n"), max_size=40)))
    return made


def tree_of_email(found: Message) -> Tree:
    kind = found.get_content_type().encode()
    if found.is_multipart():
        children = found.get_payload()
        assert isinstance(children, list)
        return kind, b"", tuple(tree_of_email(child) for child in children if isinstance(child, Message))
    payload = found.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return kind, payload, ()


def decoded_tree(octets: bytes, part: Part) -> Tree:
    children = tuple(decoded_tree(octets, child) for child in part.children)
    return part.content_type, b"" if children else part_octets(octets, part), children


@given(messages())
def test_the_standard_library_finds_the_same_parts(made: EmailMessage) -> None:
    octets = made.as_bytes()
    assert decoded_tree(octets, scan(octets)) == tree_of_email(email.message_from_bytes(octets))


# --- depth and growth -----------------------------------------------------------------------------


def nested_multiparts(depth: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%03d\r\n\r\n--b%03d\r\n" % (level, level)
        for level in range(depth)
    )


def nested_messages(depth: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * depth


def deepest(root: Part) -> tuple[int, bytes]:
    depth, part = 0, root
    while part.children:
        depth, part = depth + 1, part.children[0]
    return depth, part.content_type


@pytest.mark.parametrize("nested", [nested_multiparts, nested_messages])
def test_depth_is_bounded(nested: Callable[[int], bytes]) -> None:
    assert deepest(scan(nested(MAX_DEPTH))) == (MAX_DEPTH, b"text/plain")
    assert deepest(scan(nested(MAX_DEPTH + 1))) == (MAX_DEPTH, b"application/octet-stream")
    assert deepest(scan(nested(20 * MAX_DEPTH))) == (MAX_DEPTH, b"application/octet-stream")


def test_the_number_of_parts_is_bounded() -> None:
    octets = M.encode() + b"--b\n\na\n" * (MAX_PARTS + 10)
    *parts, last = scan(octets).children
    assert len(parts) == MAX_PARTS - 2
    assert {part.end - part.body for part in parts} == {1}
    assert octets[last.body : last.end] == b"a\n" + b"--b\n\na\n" * 11
    assert_nested(octets)


@pytest.mark.parametrize("nested", [nested_multiparts, nested_messages])
def test_the_deepest_can_be_kept(nested: Callable[[int], bytes]) -> None:
    octets = nested(2 * MAX_DEPTH)
    root = scan(octets)
    assert pickle.loads(pickle.dumps(root)) == root
    structure = build_body_structure(octets, root)
    assert pickle.loads(pickle.dumps(structure)) == structure
    assert hash(structure) == hash(build_body_structure(octets, root))


class _Counter:
    """Counts calls, of Python and of C, and the octets that searches of the message pass over."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        self.calls += event in ("call", "c_call")


class _Counted(bytes):
    """Octets that count what `find` and slices pass over."""

    passed = 0

    def find(self, needle, start=0, end=None):  # type: ignore[no-untyped-def]  # as bytes.find
        found = super().find(needle, start, len(self) if end is None else end)
        _Counted.passed += (found if found >= 0 else len(self)) - start
        return found

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # as bytes.__getitem__
        taken = super().__getitem__(index)
        _Counted.passed += len(taken) if isinstance(index, slice) else 1
        return taken


def work(octets: bytes) -> tuple[int, int]:
    """Return how many calls it takes to scan *octets*, and how many octets are passed over."""
    counter = _Counter()
    counted = _Counted(octets)
    _Counted.passed = 0
    sys.setprofile(counter)
    try:
        scan(counted)
    finally:
        sys.setprofile(None)
    return counter.calls, _Counted.passed


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "parts": lambda n: M.encode() + b"--b\n\na\n" * n,
    "empty parts": lambda n: M.encode() + b"--b\n" * n,
    "parts with unended multiparts": lambda n: M.encode()
    + b"--b\nContent-Type: multipart/mixed; boundary=c\n\n" * n,
    "dashes": lambda n: M.encode() + b"--b\n\n" + b"--\n" * n,
    "dashes under a hundred boundaries": lambda n: nested_multiparts(100) + b"\n--\n" * n,
    "lines that begin like a hundred boundaries": lambda n: nested_multiparts(100) + b"\n--b0000000\n" * n,
    "inner parts under a hundred boundaries": lambda n: nested_multiparts(100) + b"\n--b099\n\na" * n,
    "outer parts under a hundred boundaries": lambda n: nested_multiparts(100) + b"\n--b000\n\na" * n,
    "dashes in a header": lambda n: M.encode() + b"--b\n" + b"--\n" * n,
    "fields": lambda n: b"a: b\n" * n,
    "lines without a colon": lambda n: b"abc\n" * n,
    "types": lambda n: b"Content-Type: text/plain\n" * n,
    "a long line": lambda n: M.encode() + b"--b" + b"-" * n,
    "epilogues": lambda n: M.encode() + b"--b\n\n--b--\n" * n,
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_work_grows_with_the_size(make: Callable[[int], bytes]) -> None:
    base, small, large = work(make(0)), work(make(1000)), work(make(4000))
    for none, some, four_times in zip(base, small, large, strict=True):
        assert four_times - none <= 4.2 * (some - none) + 1000


def test_a_header_of_a_mebibyte() -> None:
    for octets in (b"a" * 2**20, b"a\r\n" * 2**18, b"a:\r\n b\r\n" * 2**17, b"a: b\r\n" + b" c\r\n" * 2**18):
        root = scan(octets)
        assert root == Part(start=0, body=len(octets), end=len(octets))
        build_body_structure(octets, root)

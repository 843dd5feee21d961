from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto._secret import Secret
from mailproto.errors import LocalProtocolError
from mailproto.imap.sections import Section
from mailproto.imap.url import IMAPURL

TOKEN = "91354a473744909de610943775f92038"
ZONE = timezone(timedelta(hours=1))
SEARCH = 'SUBJECT "x"'

# The text, and the arguments of `of` that give it.
CASES: list[tuple[str, dict[str, Any]]] = [
    ("imap://minbari.example.org/", {"host": "minbari.example.org"}),
    ("imap://[2001:db8::1]:1143/", {"host": "[2001:db8::1]", "port": 1143}),
    ("imap://joe@example.org/INBOX", {"host": "example.org", "user": "joe", "mailbox": "INBOX"}),
    ("imap://;AUTH=*@x.example/a%20b", {"host": "x.example", "auth": "*", "mailbox": "a b"}),
    ("imap://j%40x;AUTH=GSSAPI@h/m", {"host": "h", "user": "j@x", "auth": "GSSAPI", "mailbox": "m"}),
    (
        "imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97",
        {"host": "psicorp.example.org", "mailbox": "~peter/日本語/台北"},
    ),
    ("imap://h/a%3Bb%3Fc%25", {"host": "h", "mailbox": "a;b?c%"}),
    (
        "imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024",
        {
            "host": "minbari.example.org",
            "mailbox": "gray-council",
            "uid_validity": 385759045,
            "uid": 20,
            "partial": (0, 1024),
        },
    ),
    (
        "imap://h/gray-council/;UID=20/;SECTION=1.2/;PARTIAL=5",
        {"host": "h", "mailbox": "gray-council", "uid": 20, "section": Section((1, 2)), "partial": (5, None)},
    ),
    (
        "imap://h/m/;UID=4294967295/;SECTION=HEADER.FIELDS%20(To%20Cc)",
        {
            "host": "h",
            "mailbox": "m",
            "uid": 2**32 - 1,
            "section": Section((), "HEADER.FIELDS", ("To", "Cc")),
        },
    ),
    ("imap://h/%2F/%2E%2E/.a/%2E", {"host": "h", "mailbox": "//../.a/."}),
    ("imap://h/m?SUBJECT%20%22x%22", {"host": "h", "mailbox": "m", "search": SEARCH}),
    (
        "imap://h/m;UIDVALIDITY=1?%7B2+%7D%0D%0A%C3%A9",
        {"host": "h", "mailbox": "m", "uid_validity": 1, "search": "{2+}\r\né"},
    ),
    (
        "imap://joe@example.com/INBOX/;UID=20/;SECTION=1.2;URLAUTH=submit+fred",
        {
            "host": "example.com",
            "user": "joe",
            "mailbox": "INBOX",
            "uid": 20,
            "section": Section((1, 2)),
            "access": "submit+fred",
        },
    ),
    (
        "imap://joe@h/m/;UID=1;EXPIRE=2026-11-25T11:30:00Z;URLAUTH=user+a%40b",
        {
            "host": "h",
            "user": "joe",
            "mailbox": "m",
            "uid": 1,
            "expire": datetime(2026, 11, 25, 11, 30, tzinfo=UTC),
            "access": "user+a@b",
        },
    ),
    ("/foo/;UID=20", {"mailbox": "foo", "uid": 20}),
    ("/", {}),
]


@pytest.mark.parametrize(("text", "parts"), CASES)
def test_both_directions(text: str, parts: dict[str, Any]) -> None:
    url = IMAPURL(text)
    assert IMAPURL.of(**parts) == url
    assert str(IMAPURL.of(**parts)) == text
    names = ("host", "port", "user", "auth", "mailbox", "uid_validity", "search", "uid", "section", "partial")
    for name in (*names, "expire", "access"):
        assert getattr(url, name) == parts.get(name), name
    assert (url.mechanism, url.token, url.rump) == (None, None, text)


def test_a_url_with_a_token() -> None:
    rump = "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred"
    url = IMAPURL(f"{rump}:internal:{TOKEN}")
    assert (url.uid, url.section, url.access, url.mechanism) == (
        20,
        Section((1, 2)),
        "submit+fred",
        "INTERNAL",
    )
    assert url.token == Secret(TOKEN)
    assert url.rump == rump
    assert str(url) == f"{rump}:internal:{TOKEN}"
    assert repr(url) == f"IMAPURL('{rump}:***')"
    assert TOKEN not in f"{url!r}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "imap://h/m/;UID=1;EXPIRE=2007-11-02t12:00:00.5+01:00;URLAUTH=anonymous",
            datetime(2007, 11, 2, 12, 0, 0, 500_000, ZONE),
        ),
        (
            "imap://h/m/;UID=1;EXPIRE=2007-11-02T12:00:00.123456789Z;URLAUTH=stream",
            datetime(2007, 11, 2, 12, 0, 0, 123_456, UTC),
        ),
    ],
)
def test_dates_in_other_forms(text: str, expected: datetime) -> None:
    url = IMAPURL(text)
    assert url.expire == expected
    assert str(url) == text


def test_other_spellings_are_kept() -> None:
    assert IMAPURL("IMAP://H/a").host == "H"
    assert IMAPURL("imap://h:/a").port is None
    assert IMAPURL("imap://h").mailbox is None
    assert IMAPURL("imap://h/%61") != IMAPURL("imap://h/a")
    assert IMAPURL("imap://h/%61").mailbox == "a"
    assert IMAPURL("imap://;auth=gssapi@h").auth == "GSSAPI"


NOT_CASES = [
    "",
    "h",
    "a/;UID=1",
    "http://h/",
    "imaps://h/",
    "imap:",
    "imap://",
    "imap:///m",
    "imap://@h/",
    "imap://h/m#f",
    "imap://h/a b",
    "imap://h/é",
    "imap://h/a;b",
    "imap://h/%4",
    "imap://h/%FF",
    "imap://h/%00",
    "imap://u%00@h/",
    "imap://h/m\n",
    "imap://h:99999/",
    "imap://h:x/",
    "imap://a@b@h/",
    "imap://;AUTH=@h/",
    "imap://;AUTH=%2A@h/",
    "imap://[h/",
    "imap://h//m",
    "imap://h/;UID=1",
    "imap://h/m/;UID=0",
    "imap://h/m/;UID=4294967296",
    "imap://h/m;UIDVALIDITY=0",
    "imap://h/m;UIDVALIDITY=x",
    "imap://h/m/;SECTION=1",
    "imap://h/m/;UID=1/;SECTION=",
    "imap://h/m/;UID=1/;SECTION=X",
    "imap://h/m/;UID=1/;PARTIAL=1.0",
    "imap://h/m/;UID=1/;PARTIAL=4294967296",
    "imap://h/m/;UID=1/;PARTIAL=1/;SECTION=1",
    "imap://h/m/;UID=1?ALL",
    "imap://h/m?",
    "imap://h/m;URLAUTH=anonymous",
    "imap://h/m/;UID=1;EXPIRE=2007-11-02T12:00:00Z",
    "imap://h/m/;UID=1;EXPIRE=2007-13-02T12:00:00Z;URLAUTH=anonymous",
    "imap://h/m/;UID=1;EXPIRE=2007-11-02T12:00:00;URLAUTH=anonymous",
    "imap://h/m/;UID=1;EXPIRE=2007-11-02T12:00;URLAUTH=anonymous",
    "imap://h/m/;UID=1;URLAUTH=",
    "imap://h/m/;UID=1;URLAUTH=submit+",
    f"imap://h/m/;UID=1;URLAUTH=anonymous:INTERNAL:{TOKEN[1:]}",
    f"imap://h/m/;UID=1;URLAUTH=anonymous:INTERNAL:{TOKEN}x",
    f"imap://h/m/;UID=1;URLAUTH=anonymous::{TOKEN}",
]


@pytest.mark.parametrize("text", NOT_CASES)
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        IMAPURL(text)


ATTACKS: list[Callable[[], object]] = [
    lambda: IMAPURL(b"imap://h/"),  # type: ignore[arg-type]  # the mistake
    lambda: IMAPURL.of("h/m"),
    lambda: IMAPURL.of("h\r\n"),
    lambda: IMAPURL.of("h", user="\0"),
    lambda: IMAPURL.of("h", "\ud800"),
    lambda: IMAPURL.of("h", "m\0"),
    lambda: IMAPURL.of("h", auth="A B"),
    lambda: IMAPURL.of("h", auth="A@evil/m"),
    lambda: IMAPURL.of("joe@h"),
    lambda: IMAPURL.of("h:5"),
    lambda: IMAPURL.of("h", "m", uid=1, section="1/;PARTIAL=5"),
    lambda: IMAPURL.of("h", port=65_536),
    lambda: IMAPURL.of(user="joe"),
    lambda: IMAPURL.of(port=5),
    lambda: IMAPURL.of("h", uid=5),
    lambda: IMAPURL.of("h", "m", section="1"),
    lambda: IMAPURL.of("h", "m", uid=0),
    lambda: IMAPURL.of("h", "m", uid=1, search="ALL"),
    lambda: IMAPURL.of("h", "m", uid=1, section="1/"),
    lambda: IMAPURL.of("h", "m", uid=1, partial=(-1, None)),
    lambda: IMAPURL.of("h", "m", uid=1, expire=datetime(2026, 1, 1), access="anonymous"),
    lambda: IMAPURL.of("h", "m", uid=1, expire=datetime(2026, 1, 1, tzinfo=UTC)),
    lambda: IMAPURL.of("h", "m", uid=1, access="user +x"),
    lambda: IMAPURL.of("h", "m", uid=1, access=f"anonymous:INTERNAL:{TOKEN}"),
    lambda: IMAPURL("imap://h/").join("imap://h/\0"),
    lambda: IMAPURL("imap://h/m").join("..;UIDVALIDITY=385759045/;UID=20//"),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()


BASE = "imap://;AUTH=*@minbari.example.org/gray/council/;uid=20/;section=1.2"

JOINED = [
    ("", BASE),
    (";section=1.4", "imap://;AUTH=*@minbari.example.org/gray/council/;uid=20/;section=1.4"),
    ("/foo/;UID=20/..", "imap://;AUTH=*@minbari.example.org/foo/"),
    ("/foo/;UID=20", "imap://;AUTH=*@minbari.example.org/foo/;UID=20"),
    ("/a/./b/../c", "imap://;AUTH=*@minbari.example.org/a/c"),
    ("../;uid=21", "imap://;AUTH=*@minbari.example.org/gray/council/;uid=21"),
    ("//other.example/m", "imap://other.example/m"),
    ("imap://joe@other.example/m", "imap://joe@other.example/m"),
    ("/m?ALL", "imap://;AUTH=*@minbari.example.org/m?ALL"),
]


@pytest.mark.parametrize(("reference", "expected"), JOINED)
def test_relative_urls(reference: str, expected: str) -> None:
    assert str(IMAPURL(BASE).join(reference)) == expected


def test_a_relative_base() -> None:
    assert str(IMAPURL("/foo/;UID=1").join(";UID=2")) == "/foo/;UID=2"
    assert str(IMAPURL("imap://h").join("/m")) == "imap://h/m"


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(names, names, st.none() | names, st.booleans())
def test_round_trip(user: str, mailbox: str, search: str | None, is_message: bool) -> None:
    uid = 5 if is_message else None
    access = f"user+{user}" if is_message else None
    query = None if is_message else search
    url = IMAPURL.of("h.example", mailbox, user=user, search=query, uid=uid, access=access)
    assert IMAPURL(str(url)) == url
    assert (url.user, url.mailbox, url.search, url.access) == (user, mailbox, query, access)


@given(
    st.text(max_size=40),
    st.sampled_from(["", "imap://", "imap://h/", "/m/;UID=1", "imap://h/m/;UID=1;URLAUTH="]),
)
def test_any_text_is_a_url_or_refused(text: str, start: str) -> None:
    for read in (IMAPURL, IMAPURL(BASE).join):
        try:
            url = read(start + text)
        except LocalProtocolError:
            continue
        assert url.text.isascii()
        assert "\n" not in url.text

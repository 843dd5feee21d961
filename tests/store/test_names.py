"""Tests of mailproto.store._names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.store._names import (
    NamePattern,
    canonical_name,
    check_new_name,
    list_names,
    list_subscribed,
    superiors,
)
from mailproto.store._protocol import MailboxInfo, StoreError


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("inbox", "INBOX"),
        ("InBox/Sub", "INBOX/Sub"),
        ("inboxes", "inboxes"),
        ("work/inbox", "work/inbox"),
        ("", ""),
    ],
)
def test_inbox_is_written_in_capitals(name: str, canonical: str) -> None:
    assert canonical_name(name) == canonical


def test_a_delimiter_at_the_end_of_a_new_name_announces_inferiors() -> None:
    assert check_new_name("work/") == "work"


@pytest.mark.parametrize("name", ["", "/", "/a", "a//b", "a//", "a\nb", "a\x7f", "x" * 1001])
def test_names_that_cannot_be_created(name: str) -> None:
    with pytest.raises(StoreError) as caught:
        check_new_name(name)
    assert caught.value.code == "CANNOT"


def test_superiors() -> None:
    assert list(superiors("a/b/c")) == ["a/b", "a"]
    assert list(superiors("a")) == []


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "a/b/c", True),
        ("*", "", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("%/b", "a/b", True),
        ("a/%", "a/b", True),
        ("a/%", "a/", True),
        ("a/%", "a", False),
        ("a%/%c", "ab/bc", True),
        ("*b", "a/b", True),
        ("%b", "a/b", False),
        ("*%", "a/b", True),
        ("%*", "a/b", True),
        ("%%", "a/b", False),
        ("*a%b", "a/xa1b", True),
        ("a", "A", False),
        ("", "", True),
        ("", "a", False),
        ("a.c", "abc", False),
    ],
)
def test_patterns(pattern: str, name: str, expected: bool) -> None:
    assert NamePattern(pattern).matches(name) is expected


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
def test_patterns_match_as_regular_expressions_do(pattern: str, name: str) -> None:
    as_regex = "".join({"*": ".*", "%": "[^/]*"}.get(c, re.escape(c)) for c in pattern)
    assert NamePattern(pattern).matches(name) is (re.fullmatch(as_regex, name) is not None)


def test_many_wildcards_take_no_longer_than_the_name() -> None:
    assert not NamePattern("*a" * 1_000 + "b").matches("a" * 1_000)


MAILBOXES = [
    MailboxInfo("INBOX", 1, True),
    MailboxInfo("Sent", 2, False, frozenset({"\\Sent"})),
    MailboxInfo("work/2023", 3),
    MailboxInfo("work/2024/q1", 4, True),
    MailboxInfo("gone/away", 0, True),
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (
            "*",
            [
                ("INBOX", ("\\HasNoChildren",)),
                ("Sent", ("\\HasNoChildren", "\\Sent")),
                ("work", ("\\Noselect", "\\HasChildren")),
                ("work/2023", ("\\HasNoChildren",)),
                ("work/2024", ("\\Noselect", "\\HasChildren")),
                ("work/2024/q1", ("\\HasNoChildren",)),
            ],
        ),
        (
            "%",
            [
                ("INBOX", ("\\HasNoChildren",)),
                ("Sent", ("\\HasNoChildren", "\\Sent")),
                ("work", ("\\Noselect", "\\HasChildren")),
            ],
        ),
        ("inbox", [("INBOX", ("\\HasNoChildren",))]),
        ("iN%", [("INBOX", ("\\HasNoChildren",))]),
        ("work/%3", [("work/2023", ("\\HasNoChildren",))]),
        ("WORK", []),
        ("gone/*", []),
    ],
)
def test_what_list_shows(pattern: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert list_names(MAILBOXES, pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", [("INBOX", ()), ("gone/away", ()), ("work/2024/q1", ())]),
        ("%", [("INBOX", ()), ("gone", ("\\Noselect",)), ("work", ("\\Noselect",))]),
        ("work/%", [("work/2024", ("\\Noselect",))]),
        ("Sent", []),
    ],
)
def test_what_lsub_shows(pattern: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert list_subscribed(MAILBOXES, pattern) == expected

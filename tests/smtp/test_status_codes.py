from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mailproto.smtp
from mailproto.smtp import DOMAIN_ACCEPTS_NO_MAIL, HOST_ACCEPTS_NO_MAIL, STATUS_CODES, EnhancedCode
from mailproto.smtp.status_codes import CLASSES, SUBJECTS

DETAILS = {0: 0, 1: 10, 2: 4, 3: 6, 4: 7, 5: 6, 6: 10, 7: 30}
"""The greatest detail of each subject."""

CASES = [
    ("5.1.1", "bad destination mailbox address", 3463, (5,)),
    ("2.1.5", "destination address valid", 3463, (2,)),
    ("2.1.9", "message relayed to non-compliant mailer", 3886, (2,)),
    ("5.1.10", "recipient address has null MX", 7505, (5,)),
    ("4.2.2", "mailbox full", 3463, (4,)),
    ("2.3.6", "requested priority was changed", 6710, (2,)),
    ("4.4.3", "directory server failure", 3463, (4,)),
    ("5.5.6", "authentication exchange line is too long", 4954, (4, 5)),
    ("5.6.6", "message content not available", 4468, (4, 5)),
    ("5.7.10", "encryption needed", 5248, (5,)),
    ("4.7.12", "a password transition is needed", 4954, (4,)),
    ("5.7.19", "RRVS test cannot be completed", 7293, (5,)),
    ("5.7.26", "multiple authentication checks failed", 7372, (5,)),
    ("5.7.30", "REQUIRETLS support required", 8689, (5,)),
]


@pytest.mark.parametrize("text, name, rfc, classes", CASES)
def test_names(text: str, name: str, rfc: int, classes: tuple[int, ...]) -> None:
    code = EnhancedCode.parse(text)
    row = STATUS_CODES[code.subject, code.detail]
    assert (code.name, code.description) == (name, name)
    assert (row.rfc, row.classes) == (rfc, classes)
    assert str(row) == "X" + text[1:]


@pytest.mark.parametrize(
    "text, description",
    [
        ("5.1.999", "addressing status"),
        ("4.7.28", "security or policy status"),
        ("2.8.0", "other or undefined status"),
        ("5.999.999", "other or undefined status"),
    ],
)
def test_codes_without_a_name(text: str, description: str) -> None:
    code = EnhancedCode.parse(text)
    assert (code.name, code.description) == (None, description)


@given(st.sampled_from(sorted(CLASSES)), st.integers(0, 999), st.integers(0, 999))
def test_every_code_has_a_description(klass: int, subject: int, detail: int) -> None:
    assert EnhancedCode(klass, subject, detail).description


def test_the_table_is_whole() -> None:
    details = {
        subject: {row.detail for row in STATUS_CODES.values() if row.subject == subject}
        for subject in SUBJECTS
    }
    assert {subject: max(found) for subject, found in details.items()} == DETAILS
    gaps = {subject: set(range(DETAILS[subject])) - found for subject, found in details.items()}
    assert {subject: gap for subject, gap in gaps.items() if gap} == {7: {28}}
    for (subject, detail), row in STATUS_CODES.items():
        assert (row.subject, row.detail) == (subject, detail)
        assert set(row.classes) <= set(CLASSES)


def test_what_our_own_servers_say_is_registered() -> None:
    source = Path(mailproto.smtp.__file__).parent
    said = {
        code
        for path in source.glob("*.py")
        for code in re.findall(r'"([245]\.[0-9]{1,3}\.[0-9]{1,3})"', path.read_text())
    }
    assert len(said) > 20
    assert {code for code in said if EnhancedCode.parse(code).name is None} == set()


def test_the_replies_of_rfc_7504() -> None:
    assert HOST_ACCEPTS_NO_MAIL.serialize() == b"521 5.3.2 host does not accept mail\r\n"
    assert DOMAIN_ACCEPTS_NO_MAIL.serialize() == b"556 5.1.10 domain does not accept mail\r\n"
    assert HOST_ACCEPTS_NO_MAIL.is_permanent
    assert DOMAIN_ACCEPTS_NO_MAIL.is_permanent

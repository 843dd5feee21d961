from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import EXTENSIONS, PARAMETERS, Extension, Extensions, Offer
from mailproto.smtp.extensions import allowed_parameters

LINES = (
    "PIPELINING",
    "size 1000",
    "AUTH PLAIN login",
    "8BITMIME",
    "X-THING a  b",
    "STARTTLS",
    "ENHANCEDSTATUSCODES",
    "SMTPUTF8",
    "not_a_keyword",
    "",
    "SIZE 5",
)


def test_reads_the_lines_of_a_reply() -> None:
    extensions = Extensions.parse(LINES)
    assert extensions.size == 1000
    assert extensions.auth == ("PLAIN", "LOGIN")
    assert extensions.pipelining
    assert extensions.eight_bit_mime
    assert extensions.start_tls
    assert extensions.enhanced_status_codes
    assert extensions.smtputf8
    assert "x-thing" in extensions
    assert extensions.get("X-Thing") == "a  b"
    assert len(extensions.pairs) == 8


def test_lines_are_the_way_back() -> None:
    extensions = Extensions.parse(["SIZE 1000", "HELP", "AUTH PLAIN"])
    assert extensions.lines() == ("SIZE 1000", "HELP", "AUTH PLAIN")
    assert Extensions.parse(extensions.lines()) == extensions


def test_nothing_offered() -> None:
    none = Extensions()
    assert (none.size, none.auth, none.pipelining, none.get("X")) == (None, (), False, None)


@pytest.mark.parametrize(
    "line, size",
    [("SIZE", 0), ("SIZE 0", 0), ("SIZE 10", 10), ("SIZE x", 0), ("SIZE ٣", 0), ("SIZE " + "9" * 5_000, 0)],
)
def test_size(line: str, size: int) -> None:
    assert Extensions.parse([line]).size == size


@pytest.mark.parametrize(
    "lines, mechanisms",
    [
        (["AUTH=LOGIN PLAIN"], ("LOGIN", "PLAIN")),
        (["AUTH PLAIN", "AUTH=LOGIN PLAIN"], ("PLAIN", "LOGIN")),
        (["AUTH=LOGIN", "AUTH LOGIN"], ("LOGIN",)),
        (["AUTH"], ()),
    ],
)
def test_the_old_form_of_auth(lines: list[str], mechanisms: tuple[str, ...]) -> None:
    assert Extensions.parse(lines).auth == mechanisms


@pytest.mark.parametrize("pair", [("a", ""), ("A B", ""), ("", ""), ("A", " x"), ("A", "x\r\n250 B")])
def test_cannot_be_built(pair: tuple[str, str]) -> None:
    with pytest.raises(LocalProtocolError):
        Extensions((pair,))


def test_rows_decide_what_is_offered() -> None:
    offer = Offer(start_tls=False, auth_mechanisms=(), max_message=0)
    offered = {row.keyword: row.offered(offer) for row in EXTENSIONS}
    assert offered == {
        "PIPELINING": "",
        "SIZE": "",
        "8BITMIME": "",
        "CHUNKING": "",
        "STARTTLS": None,
        "AUTH": None,
        "ENHANCEDSTATUSCODES": "",
        "LIMITS": None,
        "HELP": "",
    }
    offer = Offer(start_tls=True, auth_mechanisms=("PLAIN", "LOGIN"), max_message=5)
    offered = {row.keyword: row.offered(offer) for row in EXTENSIONS}
    assert (offered["SIZE"], offered["STARTTLS"], offered["AUTH"]) == ("5", "", "PLAIN LOGIN")


def test_rows_say_which_parameters_they_allow() -> None:
    size = next(row for row in EXTENSIONS if row.keyword == "SIZE")
    assert allowed_parameters([size]) == {("MAIL", "SIZE"): PARAMETERS["SIZE"]}
    allowed = allowed_parameters([Extension("X", parameters=(("RCPT", "XP"), ("RCPT", "RRVS")))])
    assert set(allowed) == {("RCPT", "XP"), ("RCPT", "RRVS")}
    assert allowed["RCPT", "RRVS"] is PARAMETERS["RRVS"]

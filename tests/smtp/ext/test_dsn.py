from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LocalProtocolError
from mailproto.smtp import (
    ENVID,
    NOTIFY,
    ORCPT,
    RET,
    Notify,
    OriginalRecipient,
    Parameter,
    Parameters,
    Ret,
)
from support_smtp import check_refused_value, check_value

RETS = [("FULL", Ret.FULL, None), ("HDRS", Ret.HDRS, None), ("hdrs", Ret.HDRS, "HDRS")]
ENVIDS = [("QQ314159", "QQ314159"), ("a+2Bb+3Dc+20d+09", "a+b=c d\t"), ("x" * 100, "x" * 100)]
NOTIFIES = [
    ("NEVER", Notify.NEVER, None),
    ("SUCCESS", Notify.SUCCESS, None),
    ("SUCCESS,FAILURE,DELAY", Notify.SUCCESS | Notify.FAILURE | Notify.DELAY, None),
    ("delay,Failure,delay", Notify.FAILURE | Notify.DELAY, "FAILURE,DELAY"),
]
ORCPTS = [
    ("rfc822;Bob@Example.COM", OriginalRecipient("rfc822", "Bob@Example.COM"), None),
    ("rfc822;a+2Bb@x.example", OriginalRecipient("rfc822", "a+b@x.example"), None),
    ("X-Type;a;b", OriginalRecipient("X-Type", "a;b"), None),
    ("utf-8;j\\x{FC}rgen@x.example", OriginalRecipient("utf-8", "j\xfcrgen@x.example"), None),
    ("UTF-8;a\\x{2B}b\\x{5C}\\x{20}\\x{3D}", OriginalRecipient("UTF-8", "a+b\\ ="), None),
    ("utf-8;\\x{1f600}", OriginalRecipient("utf-8", "\U0001f600"), "utf-8;\\x{1F600}"),
    ("utf-8;\\x{10FFFF}\\x{D7FF}", OriginalRecipient("utf-8", "\U0010ffff\ud7ff"), None),
    ("utf-8;j\xfcrgen@x", OriginalRecipient("utf-8", "j\xfcrgen@x"), "utf-8;j\\x{FC}rgen@x"),
    # not in the encoding that it claims: "copied ... without alteration"
    ("utf-8;a+b\\x{FC}", OriginalRecipient("utf-8", "a+b\\x{FC}"), "utf-8;a\\x{2B}b\\x{5C}x{FC}"),
    ("utf-8;\\x{D800}", OriginalRecipient("utf-8", "\\x{D800}"), "utf-8;\\x{5C}x{D800}"),
    # as Postfix sends it: UTF-8 under a type that has only ASCII
    ("rfc822;gr+C3+B6+C3+9Fe+2Bx", OriginalRecipient("utf-8", "größe+x"), "utf-8;gr\\x{F6}\\x{DF}e\\x{2B}x"),
    ("rfc822;" + "x" * 493, OriginalRecipient("rfc822", "x" * 493), None),
]


@pytest.mark.parametrize("text, value, written", RETS)
def test_ret(text: str, value: Ret, written: str | None) -> None:
    check_value(RET, text, value, written)


@pytest.mark.parametrize("text, value", ENVIDS)
def test_envid(text: str, value: str) -> None:
    check_value(ENVID, text, value)


@pytest.mark.parametrize("text, value, written", NOTIFIES)
def test_notify(text: str, value: Notify, written: str | None) -> None:
    check_value(NOTIFY, text, value, written)


@pytest.mark.parametrize("text, value, written", ORCPTS)
def test_orcpt(text: str, value: OriginalRecipient, written: str | None) -> None:
    check_value(ORCPT, text, value, written)


NOT_CASES: list[tuple[Parameter[object], str | None]] = [
    (RET, None), (RET, "HALF"), (RET, "HDR\u017f"),
    (ENVID, None), (ENVID, "x" * 101), (ENVID, "+2b"), (ENVID, "a+"), (ENVID, "\xe9"),
    (ENVID, "a+0D+0Ab"), (ENVID, "+7F"), (ENVID, "+C3+BC"),
    (NOTIFY, None), (NOTIFY, "NEVER,DELAY"), (NOTIFY, "SUCCESS,"), (NOTIFY, "ALWAYS"),
    (NOTIFY, "FAILURE;DELAY"),
    (ORCPT, None), (ORCPT, "bob@x.example"), (ORCPT, ";bob"), (ORCPT, "rfc822;"), (ORCPT, "a.b;c"),
    (ORCPT, "rfc822;\xe9"), (ORCPT, "rfc822;a+0Ab"), (ORCPT, "rfc822;" + "x" * 494), (ORCPT, "utf-8;"),
    (ORCPT, "rfc822;+C3"), (ORCPT, "rfc822;+C3+B6+0A"), (ORCPT, "rfc822;+C3+B6+00"), (ORCPT, "X-Type;+C3+B6"),
]  # fmt: skip


@pytest.mark.parametrize("row, text", NOT_CASES)
def test_refuses(row: Parameter[object], text: str | None) -> None:
    check_refused_value(row, text)


@pytest.mark.parametrize(
    "address_type, address",
    [("", "a"), ("a b", "c"), ("a.b", "c"), ("rfc822", ""), ("rfc822", "a\r\nb"), ("rfc822", "\xe9"),
     ("utf-8", "a\r\n"), ("utf-8", "\0"), ("utf-8", "\ud800"), ("x\r\n", "c")],
)  # fmt: skip
def test_original_recipients_that_cannot_be_built(address_type: str, address: str) -> None:
    with pytest.raises(LocalProtocolError):
        OriginalRecipient(address_type, address)


def test_values_that_cannot_be_sent() -> None:
    for text in ("", "a\r\nb", "x" * 101, "\xe9"):
        with pytest.raises(LocalProtocolError):
            ENVID.pair(text)
    with pytest.raises(LocalProtocolError):
        ORCPT.pair(OriginalRecipient("utf-8", "\xfc" * 83))


def test_utf_8_as_it_is_for_a_server_that_takes_it() -> None:
    value = OriginalRecipient("utf-8", "j\xfcr+gen@x")
    assert value.serialize_utf8() == "utf-8;j\xfcr\\x{2B}gen@x"
    assert Parameters([("ORCPT", value.serialize_utf8())]).value(ORCPT) == value
    assert OriginalRecipient("rfc822", "a+b").serialize_utf8() == "rfc822;a+2Bb"


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_every_address_comes_back(address: str) -> None:
    value = OriginalRecipient("utf-8", address)
    assert OriginalRecipient.parse(value.serialize()) == value
    assert OriginalRecipient.parse(value.serialize_utf8()) == value
    assert value.serialize().isascii()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=33))
def test_every_envelope_identifier_comes_back(text: str) -> None:
    assert Parameters([ENVID.pair(text)]).value(ENVID) == text

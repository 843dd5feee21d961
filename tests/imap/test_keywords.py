from __future__ import annotations

import pytest

from mailproto.imap import keywords
from mailproto.imap.flags import FLAGGED, flag_set
from mailproto.imap.keywords import KEYWORDS, MAIL_FLAG_BITS, FlagColor, flag_color, keyword_of

DEFINED_BY = {
    3503: "$MDNSent",
    5550: "$Forwarded $Submitted $SubmitPending",
    8457: "$Important",
    9051: "$Junk $NotJunk $Phishing",
    9979: "$autosent $canunsubscribe $followed $hasattachment $hasmemo $hasnoattachment $imported $istrusted "
    "$MailFlagBit0 $MailFlagBit1 $MailFlagBit2 $maskedemail $memo $muted $new $notify $unsubscribed",
}


@pytest.mark.parametrize("rfc", DEFINED_BY)
def test_what_an_rfc_defines(rfc: int) -> None:
    names = {keyword.name for keyword in KEYWORDS.values() if keyword.rfc == rfc}
    assert names == set(DEFINED_BY[rfc].split())


def test_each_is_a_flag_and_a_constant() -> None:
    names = {keyword.name for keyword in KEYWORDS.values()}
    constants = [getattr(keywords, name) for name in keywords.__all__]
    assert names == {value for value in constants if isinstance(value, str)} | set(MAIL_FLAG_BITS)
    assert flag_set(names) == names
    assert all(keyword.meaning for keyword in KEYWORDS.values())


def test_they_exclude_one_another() -> None:
    for keyword in KEYWORDS.values():
        for name in keyword.excludes:
            assert keyword.name in KEYWORDS[name.lower()].excludes
    assert KEYWORDS["$junk"].excludes == ("$NotJunk",)


def test_the_case_does_not_matter() -> None:
    junk = keyword_of("$JUNK")
    assert junk is not None
    assert junk.name == "$Junk"
    assert keyword_of("$Nothing") is None


def test_those_on_which_something_may_act() -> None:
    acting = {keyword.name for keyword in KEYWORDS.values() if not keyword.is_advisory}
    assert acting == {"$followed", "$muted", "$notify", "$Submitted", "$SubmitPending"}


# RFC 9979 section 3.1, Table 1
COLORS = ["000 RED", "100 ORANGE", "010 YELLOW", "110 GREEN", "001 BLUE", "101 PURPLE", "011 GRAY"]


@pytest.mark.parametrize("row", COLORS)
def test_colors(row: str) -> None:
    bits, color = row.split()
    flags = {name for name, bit in zip(MAIL_FLAG_BITS, bits, strict=True) if bit == "1"}
    assert FlagColor[color].flags == flags
    assert flag_color([FLAGGED, *flags]) is FlagColor[color]
    assert flag_color([r"\FLAGGED", *(flag.upper() for flag in flags)]) is FlagColor[color]
    assert flag_color(flags) is None


def test_all_bits_are_no_color() -> None:
    assert len(FlagColor) == len(COLORS)
    assert flag_color([FLAGGED, *MAIL_FLAG_BITS]) is None

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.address import Path
from mailproto.errors import Defect, LimitExceeded, LocalProtocolError, RemoteProtocolError, SMTPReplyError
from mailproto.limits import SMTPLimits
from mailproto.smtp import EnhancedCode, Mail, MessageBody, Noop, Rcpt, Reply
from mailproto.smtp.commands import Request
from mailproto.smtp.reply import ReplyReader


def read(octets: bytes, limits: SMTPLimits | None = None) -> Reply:
    reader = ReplyReader(limits or SMTPLimits())
    replies = [reader.read_line(line + b"\n") for line in octets.split(b"\n")[:-1]]
    assert replies[:-1] == [None] * (len(replies) - 1)
    assert replies[-1] is not None
    assert not reader.is_inside
    return replies[-1]


CASES = [
    (b"250 OK\r\n", Reply(250, ("OK",))),
    (b"250 \r\n", Reply(250)),
    (b"354 go ahead\r\n", Reply(354, ("go ahead",))),
    (b"250-a\r\n250-\r\n250 c\r\n", Reply(250, ("a", "", "c"))),
    (b"250-\r\n250 \r\n", Reply(250, ("", ""))),
    (b"550 5.1.1 no such user\r\n", Reply(550, ("no such user",), EnhancedCode(5, 1, 1))),
    (b"550 5.1.1 \r\n", Reply(550, (), EnhancedCode(5, 1, 1))),
    (b"451-4.3.0 a\r\n451 4.3.0 b\r\n", Reply(451, ("a", "b"), EnhancedCode(4, 3, 0))),
    (b"250 2.999.999 x\r\n", Reply(250, ("x",), EnhancedCode(2, 999, 999))),
    (b"550 2.1.1 of another class\r\n", Reply(550, ("2.1.1 of another class",))),
    (b"250 2.1.1.5 a version\r\n", Reply(250, ("2.1.1.5 a version",))),
    ("250 grüß\r\n".encode(), Reply(250, ("grüß",))),
    (b"250 a\tb\r\n", Reply(250, ("a\tb",))),
]


@pytest.mark.parametrize("octets, reply", CASES)
def test_reads_and_writes(octets: bytes, reply: Reply) -> None:
    parsed = read(octets)
    assert parsed == reply
    assert parsed.defects == ()
    assert hash(parsed) == hash(reply)
    assert reply.serialize() == octets


LENIENT = [
    (b"250\r\n", Reply(250), ()),
    (b"250 5\n", Reply(250, ("5",)), (Defect("bare-lf", 5, b"\n"),)),
    (b"250 gr\xfc\xdf\r\n", Reply(250, ("grüß",)), (Defect("text-not-utf-8", 4, b"gr\xfc\xdf"),)),
    (b"250 a\rb\x00\r\n", Reply(250, ("a\ufffdb\ufffd",)), (Defect("control-in-text", 4, b"a\rb\x00"),)),
    (b"299 x\r\n", Reply(299, ("x",)), (Defect("reply-code", 0, b"299 x"),)),
    (
        b"250-a\r\n550 b\r\n",
        Reply(550, ("a", "b")),
        (Defect("reply-codes-differ", 7, b"550 b"),),
    ),
    (
        b"250-2.1.0 a\r\n250 b\r\n",
        Reply(250, ("a", "b"), EnhancedCode(2, 1, 0)),
        (Defect("enhanced-codes-differ", 0, b""),),
    ),
    (
        b"250-5.1.0 a\r\n550 5.1.0\r\n",
        Reply(550, ("a", ""), EnhancedCode(5, 1, 0)),
        (Defect("reply-codes-differ", 13, b"550 5.1.0"),),
    ),
]


@pytest.mark.parametrize("octets, reply, defects", LENIENT)
def test_reads_what_servers_really_send(octets: bytes, reply: Reply, defects: tuple[Defect, ...]) -> None:
    parsed = read(octets)
    assert parsed == reply
    assert parsed.defects == defects


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"25\r\n",
        b"2500 x\r\n",
        b"250Ok\r\n",
        b"150 x\r\n",
        b"650 x\r\n",
        b"abc x\r\n",
        b"250\tx\r\n",
        b" 250 x\r\n",
        b"\x00\r\n",
        b"\xff50 x\r\n",
    ],
)
def test_refuses_what_is_no_reply(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="expected a line of a reply"):
        read(octets)


def test_bounds_the_lines() -> None:
    limits = SMTPLimits(max_reply_lines=2)
    assert read(b"250-a\r\n250 b\r\n", limits) == Reply(250, ("a", "b"))
    with pytest.raises(LimitExceeded) as caught:
        read(b"250-a\r\n250-b\r\n250 c\r\n", limits)
    assert (caught.value.limit, caught.value.value, caught.value.maximum) == ("max_reply_lines", 3, 2)


def test_an_enhanced_code_in_the_text_is_taken_off_it() -> None:
    assert Reply(250, ("2.1.0 ok",)) == Reply(250, ("ok",), EnhancedCode(2, 1, 0))
    assert Reply.of(550, "5.7.1", "no") == Reply(550, ("5.7.1 no",))
    assert Reply.of(250, None, "a", "b") == Reply(250, ("a", "b"))


@pytest.mark.parametrize(
    "code, lines, enhanced",
    [
        (199, (), None),
        (600, (), None),
        (250, ("a\r\n250 b",), None),
        (250, ("a\rb",), None),
        (250, ("a\nb",), None),
        (250, ("\x00",), None),
        (250, ("\x7f",), None),
        (250, ("\ud800",), None),
        (250, (), EnhancedCode(5, 0, 0)),
        (354, (), EnhancedCode(2, 0, 0)),
    ],
)
def test_cannot_be_built(code: int, lines: tuple[str, ...], enhanced: EnhancedCode | None) -> None:
    with pytest.raises(LocalProtocolError):
        Reply(code, lines, enhanced)


@pytest.mark.parametrize("text", ["", "1.0.0", "5.1", "5.1.1 ", "5.1000.0", "5.1.1x", "٥.1.1"])
def test_what_is_no_enhanced_code(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        EnhancedCode.parse(text)


@pytest.mark.parametrize("parts", [(3, 0, 0), (5, -1, 0), (5, 0, 1000)])
def test_enhanced_codes_are_checked(parts: tuple[int, int, int]) -> None:
    with pytest.raises(LocalProtocolError):
        EnhancedCode(*parts)


def test_families_by_the_first_digit() -> None:
    table = {code: Reply(code) for code in (250, 354, 451, 550)}
    assert [reply.is_positive for reply in table.values()] == [True, False, False, False]
    assert [reply.is_intermediate for reply in table.values()] == [False, True, False, False]
    assert [reply.is_transient for reply in table.values()] == [False, False, True, False]
    assert [reply.is_permanent for reply in table.values()] == [False, False, False, True]
    assert [reply.is_negative for reply in table.values()] == [False, False, True, True]
    assert Reply(250, ("a", "b")).text == "a\nb"


A = Path.of("a@x")

# RFC 5321 section 4.5.3.1.10: RFC 821 had 552 for too many recipients, where it is 452 now.
OVERFLOWS: list[tuple[str, Request | None, bool]] = [
    ("552 too many recipients", Rcpt(A), True),
    ("552 5.5.3 too many recipients", Rcpt(A), True),
    ("550 no such user", Rcpt(A), False),
    ("552 message too big", Mail(A), False),
    ("552 message too big", MessageBody(), False),
    ("552 message too big", MessageBody(A), False),
    ("552 what?", None, False),
]


@pytest.mark.parametrize("line, command, is_transient", OVERFLOWS)
def test_552_in_answer_to_rcpt_is_transient(line: str, command: Request | None, is_transient: bool) -> None:
    reply = read(f"{line}\r\n".encode()).answering(command)
    assert (reply.is_transient, reply.is_permanent) == (is_transient, not is_transient)
    assert SMTPReplyError(reply).is_transient is is_transient


def test_challenges() -> None:
    assert Reply.of_challenge(b"Username:").serialize() == b"334 VXNlcm5hbWU6\r\n"
    assert Reply.of_challenge(b"x").challenge == b"x"
    assert Reply.of_challenge(b"").challenge == b""
    assert read(b"334\r\n").challenge == b""
    assert Reply(334, ("no base64",)).challenge is None
    assert Reply(334, ("YQ==", "YQ==")).challenge is None
    assert Reply(235).challenge is None


def test_context_counts_in_no_comparison() -> None:
    reply = Reply(250).answering(Noop())
    assert reply == Reply(250)
    assert reply.command == Noop()
    assert reply.serialize() == b"250 \r\n"


lines = st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12), max_size=4)
enhanced_codes = st.builds(EnhancedCode, st.sampled_from([2, 4, 5]), st.integers(0, 999), st.integers(0, 999))


@given(st.integers(200, 559).filter(lambda code: code % 100 < 60), lines, st.none() | enhanced_codes)
def test_what_is_written_reads_the_same(code: int, lines: list[str], enhanced: EnhancedCode | None) -> None:
    if enhanced is not None and enhanced.klass != code // 100:
        enhanced = None
    reply = Reply(code, tuple(lines), enhanced)
    parsed = read(reply.serialize())
    assert parsed == reply
    assert parsed.defects == ()
    assert parsed.serialize() == reply.serialize()


REPLY_LINES = rb"[2-6][0-9]{2}[ -]?([245]\.[0-9]\.[0-9] )?[ -\x7f]{0,8}[\x80-\xff]?\r?\n"


@given(st.from_regex(REPLY_LINES, fullmatch=True))
def test_the_short_way_reads_the_same_as_the_long_way(line: bytes) -> None:
    def outcome() -> object:
        try:
            found = ReplyReader(SMTPLimits()).read_line(line, Noop())
        except RemoteProtocolError as error:
            return str(error)
        return found and (found, found.command, found.defects)

    short = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mailproto.smtp.reply._MAX_USUAL", 0)
        assert outcome() == short

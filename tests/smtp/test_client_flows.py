from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from email.message import EmailMessage
from email.mime.text import MIMEText
from typing import Any, Literal

import pytest

from mailproto.address import Mailbox, Path
from mailproto.errors import (
    ConnectionClosed,
    ConnectionTimeout,
    LocalProtocolError,
    MailProtoError,
    SessionLimitReached,
    SMTPRecipientsRefused,
    SMTPReplyError,
)
from mailproto.limits import SMTPLimits
from mailproto.smtp import (
    ENVID,
    NOTIFY,
    RET,
    SMTPUTF8,
    Notify,
    Reply,
    Ret,
    SMTPClientConnection,
)
from mailproto.smtp.client_flows import SendResult, send_message
from mailproto.wants import Wants
from support_flows import END, FlowRun, run_script
from support_smtp import ready_client

PLAIN = b"250 mx.example\r\n"
PIPELINING = b"250-mx.example\r\n250-PIPELINING\r\n250-SIZE 100\r\n250 8BITMIME\r\n"
DSN_OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250 DSN\r\n"
ONE_BY_ONE = b"250-mx.example\r\n250 8BITMIME\r\n"

Script = list[tuple[bytes | None, Any]]

BODY = b"Subject: x\r\n\r\ntext\r\n"


def send(
    conn: SMTPClientConnection,
    script: Script,
    message: Any = BODY,
    to: Any = ("b@x", "c@x"),
    **arguments: Any,
) -> SendResult:
    arguments.setdefault("reverse_path", "a@x")
    return run_script(conn, send_message(conn, message, forward_paths=to, **arguments), script)


def group(*to: bytes, size: int = 20, body: bytes = b"") -> bytes:
    paths = b"".join(b"RCPT TO:<%b>\r\n" % path for path in to or (b"b@x", b"c@x"))
    return b"MAIL FROM:<a@x> SIZE=%d%b\r\n%bDATA\r\n" % (size, body, paths)


class TestSending:
    def test_one_group(self) -> None:
        result = send(
            ready_client(offer=PIPELINING),
            [(group(), b"250 a\r\n250 b\r\n250 c\r\n354 go\r\n"), (BODY + b".\r\n", b"250 taken\r\n")],
        )
        assert result == SendResult(("b@x", "c@x"), {}, Reply(250, ("taken",)))

    @pytest.mark.parametrize("form", [bytes, io.BytesIO], ids=["octets", "a file"])
    def test_a_small_message_is_looked_at_while_the_group_is_on_its_way(
        self, form: Callable[[bytes], Any]
    ) -> None:
        conn = ready_client(offer=PIPELINING)
        run = FlowRun(conn, send_message(conn, form(BODY), reverse_path="a@x", forward_paths="b@x"))
        assert run.flushes == [group(b"b@x")]
        run.take_sent()
        run.feed(b"250\r\n250\r\n354\r\n")
        assert run.take_sent() == BODY + b".\r\n"

    def test_one_by_one(self) -> None:
        result = send(
            ready_client(offer=ONE_BY_ONE),
            [
                (b"MAIL FROM:<a@x>\r\n", b"250\r\n"),
                (b"RCPT TO:<b@x>\r\n", b"550 no\r\n"),
                (b"RCPT TO:<c@x>\r\n", b"251 yes\r\n"),
                (b"DATA\r\n", b"354\r\n"),
                (BODY + b".\r\n", b"250 taken\r\n"),
            ],
        )
        assert result == SendResult(("c@x",), {"b@x": Reply(550, ("no",))}, Reply(250, ("taken",)))

    def test_some_refused(self) -> None:
        conn = ready_client(offer=PIPELINING)
        result = send(
            conn, [(group(), b"250\r\n450 later\r\n250\r\n354\r\n"), (BODY + b".\r\n", b"250 taken\r\n")]
        )
        assert result.accepted == ("c@x",)
        assert result.refused == {"b@x": Reply(450, ("later",))}
        send(conn, [(group(), b"250\r\n250\r\n250\r\n354\r\n"), (BODY + b".\r\n", b"250\r\n")])

    def test_all_refused(self) -> None:
        conn = ready_client(offer=PIPELINING)
        script: Script = [
            (group(), b"250\r\n550 no\r\n450 later\r\n503 nobody\r\n"),
            (b"RSET\r\n", b"250\r\n"),
        ]
        with pytest.raises(SMTPRecipientsRefused, match="RCPT: 450 later") as caught:
            send(conn, script)
        assert caught.value.refused == {"b@x": Reply(550, ("no",)), "c@x": Reply(450, ("later",))}
        assert caught.value.is_transient
        assert not caught.value.is_outcome_unknown
        send(conn, [(group(), b"250\r\n250\r\n250\r\n354\r\n"), (BODY + b".\r\n", b"250\r\n")])

    @pytest.mark.parametrize("answer", [b"554 nothing\r\n", b"250 thanks\r\n"])
    def test_all_refused_and_354_all_the_same(self, answer: bytes) -> None:
        conn = ready_client(offer=PIPELINING)
        with pytest.raises(SMTPRecipientsRefused, match="RCPT: 550 no"):
            send(conn, [(group(), b"250\r\n550 no\r\n550 no\r\n354 go\r\n"), (b".\r\n", answer)])
        send(conn, [(group(), b"250\r\n250\r\n250\r\n354\r\n"), (BODY + b".\r\n", b"250\r\n")])

    def test_mail_refused_and_354_all_the_same(self) -> None:
        conn = ready_client(offer=PIPELINING)
        with pytest.raises(SMTPReplyError, match="MAIL: 550 no"):
            send(conn, [(group(), b"550 no\r\n503\r\n503\r\n354 go\r\n"), (b".\r\n", b"554 nothing\r\n")])
        assert conn.wants is Wants.DATA

    def test_all_refused_one_by_one(self) -> None:
        script: Script = [
            (b"MAIL FROM:<a@x>\r\n", b"250\r\n"),
            (b"RCPT TO:<b@x>\r\n", b"550 no\r\n"),
            (b"RCPT TO:<c@x>\r\n", b"551 no\r\n"),
            (b"RSET\r\n", b"250\r\n"),
        ]
        with pytest.raises(SMTPRecipientsRefused, match="RCPT: 550 no"):
            send(ready_client(offer=ONE_BY_ONE), script)

    def test_mail_refused(self) -> None:
        with pytest.raises(SMTPReplyError, match="MAIL: 550 no"):
            send(ready_client(offer=PIPELINING), [(group(), b"550 no\r\n503\r\n503\r\n503\r\n")])
        with pytest.raises(SMTPReplyError, match="MAIL: 550 no"):
            send(ready_client(offer=ONE_BY_ONE), [(b"MAIL FROM:<a@x>\r\n", b"550 no\r\n")])

    def test_data_refused(self) -> None:
        script: Script = [(group(), b"250\r\n250\r\n250\r\n451 full\r\n"), (b"RSET\r\n", b"250\r\n")]
        with pytest.raises(SMTPReplyError, match="DATA: 451 full"):
            send(ready_client(offer=PIPELINING), script)

    def test_connection_lost_while_resetting_keeps_the_refusal(self) -> None:
        script: Script = [(group(), b"250\r\n250\r\n250\r\n552 full\r\n"), (b"RSET\r\n", b"421 bye\r\n")]
        with pytest.raises(SMTPReplyError, match="DATA: 552 full"):
            send(ready_client(offer=PIPELINING), script)

    def test_message_refused(self) -> None:
        conn = ready_client(offer=PIPELINING)
        script: Script = [(group(), b"250\r\n250\r\n250\r\n354\r\n"), (BODY + b".\r\n", b"554 spam\r\n")]
        with pytest.raises(SMTPReplyError, match="message: 554 spam") as caught:
            send(conn, script)
        assert not caught.value.is_outcome_unknown
        send(conn, [(group(), b"250\r\n250\r\n250\r\n354\r\n"), (BODY + b".\r\n", b"250\r\n")])

    @pytest.mark.parametrize(
        "answer", [b"421 bye\r\n", END, ConnectionTimeout("late")], ids=["421", "end", "late"]
    )
    def test_outcome_unknown(self, answer: Any) -> None:
        script: Script = [(group(), b"250\r\n250\r\n250\r\n354\r\n"), (BODY + b".\r\n", answer)]
        with pytest.raises(ConnectionClosed) as caught:
            send(ready_client(offer=PIPELINING), script)
        assert caught.value.is_outcome_unknown

    @pytest.mark.parametrize(
        "answers", [b"421 bye\r\n", b"250\r\n421 bye\r\n", b"250\r\n250\r\n250\r\n421 bye\r\n"]
    )
    def test_421_in_the_group(self, answers: bytes) -> None:
        with pytest.raises(ConnectionClosed) as caught:
            send(ready_client(offer=PIPELINING), [(group(), answers)])
        assert not caught.value.is_outcome_unknown

    def test_null_path_and_other_forms_of_addresses(self) -> None:
        to = (Path.of("b@x"), Mailbox("c", "x"), b"<d@x>", "<Postmaster>", "b@x")
        result = send(
            ready_client(offer=PIPELINING),
            [
                (
                    b"MAIL FROM:<> SIZE=20\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nRCPT TO:<d@x>\r\n"
                    b"RCPT TO:<Postmaster>\r\nRCPT TO:<b@x>\r\nDATA\r\n",
                    b"250\r\n250\r\n250\r\n250\r\n250\r\n550\r\n354\r\n",
                ),
                (None, b"250\r\n"),
            ],
            to=to,
            reverse_path="",
        )
        assert result.accepted == to[:4]
        assert list(result.refused) == ["b@x"]

    @pytest.mark.parametrize("to", ["b@x", b"b@x", Mailbox("b", "x")], ids=repr)
    def test_one_recipient_alone(self, to: Any) -> None:
        script: Script = [(group(b"b@x"), b"250\r\n250\r\n354\r\n"), (None, b"250\r\n")]
        assert send(ready_client(offer=PIPELINING), script, to=to).accepted == (to,)

    def test_the_same_recipient_twice_is_one(self) -> None:
        script: Script = [(group(b"b@x"), b"250\r\n250\r\n354\r\n"), (None, b"250\r\n")]
        assert send(ready_client(offer=PIPELINING), script, to=["b@x", "b@x"]).accepted == ("b@x",)

    def test_more_recipients_than_may_be_pending(self) -> None:
        conn = ready_client(SMTPClientConnection(SMTPLimits(max_pending=3)), PIPELINING)
        script: Script = [
            (b"MAIL FROM:<a@x> SIZE=20\r\nRCPT TO:<0@x>\r\nRCPT TO:<1@x>\r\n", b"250\r\n"),
            (b"RCPT TO:<2@x>\r\n", b"250\r\n250\r\n"),
            (b"RCPT TO:<3@x>\r\nDATA\r\n", b"250\r\n550\r\n354\r\n"),
            (BODY + b".\r\n", b"250\r\n"),
        ]
        result = send(conn, script, to=[f"{n}@x" for n in range(4)])
        assert result.accepted == ("0@x", "1@x", "2@x")

    @pytest.mark.parametrize("to", [(), "", "nobody", ["a@b", "a b@c"], "a@b\r\nRCPT TO:<c@d>"], ids=repr)
    def test_no_recipient(self, to: Any) -> None:
        with pytest.raises(LocalProtocolError):
            send(ready_client(offer=PIPELINING), [], to=to)

    def test_ascii_form_of_domains(self) -> None:
        script: Script = [(group(b"b@xn--bcher-kva.example"), b"250\r\n250\r\n354\r\n"), (None, b"250\r\n")]
        send(ready_client(offer=PIPELINING), script, to="b@bücher.example")
        with pytest.raises(LocalProtocolError, match=r"SMTPUTF8: .* does not offer it, which bücher@x needs"):
            send(ready_client(offer=PIPELINING), [], to="bücher@x")

    def test_utf8_addresses(self) -> None:
        conn = ready_client(offer=b"250-mx\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n")
        said = "MAIL FROM:<a@x> SMTPUTF8\r\nRCPT TO:<bücher@x>\r\nDATA\r\n".encode()
        send(conn, [(said, b"250\r\n250\r\n354\r\n"), (None, b"250\r\n")], to="bücher@x")

    def test_smtputf8_because_the_caller_says_so(self) -> None:
        conn = ready_client(offer=b"250-mx\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n")
        said = "MAIL FROM:<a@x> SMTPUTF8\r\nRCPT TO:<bücher@x>\r\nDATA\r\n".encode()
        script: Script = [(said, b"250\r\n250\r\n354\r\n"), (None, b"250\r\n")]
        send(conn, script, to="bücher@x", mail_parameters=[SMTPUTF8.pair(True)])

    def test_parameters_of_extensions(self) -> None:
        said = (
            b"MAIL FROM:<a@x> RET=HDRS ENVID=1\r\nRCPT TO:<b@x> NOTIFY=NEVER\r\n"
            b"RCPT TO:<c@x> NOTIFY=NEVER\r\nDATA\r\n"
        )
        send(
            ready_client(offer=DSN_OFFER),
            [(said, b"250\r\n250\r\n250\r\n354\r\n"), (None, b"250\r\n")],
            mail_parameters=(pair for pair in (RET.pair(Ret.HDRS), ENVID.pair("1"))),
            rcpt_parameters=(pair for pair in (NOTIFY.pair(Notify.NEVER),)),
        )

    def test_parameters_of_each_recipient(self) -> None:
        said = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x> NOTIFY=DELAY\r\nDATA\r\n"
        send(
            ready_client(offer=DSN_OFFER),
            [(said, b"250\r\n250\r\n250\r\n354\r\n"), (None, b"250\r\n")],
            rcpt_parameters={"c@x": [NOTIFY.pair(Notify.DELAY)]},
        )

    @pytest.mark.parametrize(
        "offer, arguments",
        [
            (PIPELINING, {"mail_parameters": [RET.pair(Ret.FULL)]}),
            (PIPELINING, {"rcpt_parameters": [NOTIFY.pair(Notify.NEVER)]}),
            (PIPELINING, {"rcpt_parameters": {"c@x": [NOTIFY.pair(Notify.NEVER)]}}),
            (PIPELINING, {"mail_parameters": [("SIZE", "7")]}),
            (DSN_OFFER, {"rcpt_parameters": {"d@x": [NOTIFY.pair(Notify.NEVER)]}}),
            (DSN_OFFER, {"mail_parameters": [("X", "a\r\nRSET")]}),
        ],
    )
    def test_parameters_that_cannot_be_sent(self, offer: bytes, arguments: dict[str, Any]) -> None:
        conn = ready_client(offer=offer)
        with pytest.raises(LocalProtocolError):
            send(conn, [], **arguments)
        assert (conn.unsent, conn.pending) == (0, 0)


def limited(limits: str, *more: str) -> bytes:
    lines = ["mx.example", "PIPELINING", *more, f"LIMITS {limits}"]
    return "".join(f"250{'-' if line != lines[-1] else ' '}{line}\r\n" for line in lines).encode()


def envelope(*to: bytes, mail: bytes = b"", last: bytes = b"DATA\r\n") -> bytes:
    return b"MAIL FROM:<a@x>%b\r\n%b%b" % (mail, b"".join(b"RCPT TO:<%b>\r\n" % path for path in to), last)


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False


class TestAnnouncedLimits:
    THREE = ("b@x", "c@x", "d@x")
    FIRST = (envelope(b"b@x", b"c@x"), b"250\r\n250\r\n250\r\n354\r\n")
    SECOND = (envelope(b"d@x"), b"250\r\n250\r\n354\r\n")

    @pytest.mark.parametrize("form", [bytes, io.BytesIO], ids=["bytes", "file"])
    def test_several_transactions(self, form: Callable[[bytes], Any]) -> None:
        body = b"Subject: x\r\n\r\n..text\r\n.\r\n"
        script: Script = [self.FIRST, (body, b"250 one\r\n"), self.SECOND, (body, b"250 two\r\n")]
        message = form(b"Subject: x\n\n.text\n")
        result = send(ready_client(offer=limited("RCPTMAX=2")), script, message, self.THREE)
        assert result == SendResult(self.THREE, {}, Reply(250, ("two",)))

    @pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
    def test_large_file_is_read_again_from_where_it_stood(self, newline: bytes) -> None:
        file = io.BytesIO(b"skipped" + (b"y" * 70 + newline) * 3000)
        file.seek(7)
        body = (b"y" * 70 + b"\r\n") * 3000 + b".\r\n"
        script: Script = [self.FIRST, (body, b"250\r\n"), self.SECOND, (body, b"250\r\n")]
        assert send(ready_client(offer=limited("RCPTMAX=2")), script, file, self.THREE).accepted == self.THREE

    def test_email_message(self) -> None:
        message = EmailMessage()
        message.set_content("text\n")
        body = message.as_bytes().replace(b"\n", b"\r\n") + b".\r\n"
        script: Script = [self.FIRST, (body, b"250\r\n"), self.SECOND, (body, b"250\r\n")]
        send(ready_client(offer=limited("RCPTMAX=2")), script, message, self.THREE)

    @pytest.mark.parametrize("message", [[BODY], Unseekable(BODY)], ids=["iterator", "pipe"])
    def test_what_is_read_once_is_refused_before_anything_is_sent(self, message: Any) -> None:
        conn = ready_client(offer=limited("RCPTMAX=2"))
        with pytest.raises(LocalProtocolError, match="RCPTMAX: 3 recipients need 2 transactions"):
            send(conn, [], message, self.THREE)
        assert (conn.mail_count, conn.unsent) == (0, 0)
        send(conn, [self.FIRST, (BODY + b".\r\n", b"250\r\n")], message)

    @pytest.mark.parametrize("refusal", [b"550 no\r\n", b"452 full\r\n"])
    @pytest.mark.parametrize("is_first", [True, False])
    def test_refused_as_a_whole_in_one(self, refusal: bytes, *, is_first: bool) -> None:
        answers = [refusal, b"250 taken\r\n"] if is_first else [b"250 taken\r\n", refusal]
        script: Script = [
            self.FIRST,
            (BODY + b".\r\n", answers[0]),
            self.SECOND,
            (BODY + b".\r\n", answers[1]),
        ]
        result = send(ready_client(offer=limited("RCPTMAX=2")), script, to=self.THREE)
        lost = self.THREE[:2] if is_first else self.THREE[2:]
        assert result.accepted == tuple(to for to in self.THREE if to not in lost)
        assert result.refused == dict.fromkeys(lost, Reply(int(refusal[:3]), (refusal[4:-2].decode(),)))

    def test_mail_refused_in_the_second(self) -> None:
        script: Script = [
            self.FIRST,
            (BODY + b".\r\n", b"250 taken\r\n"),
            (self.SECOND[0], b"451 busy\r\n503 what?\r\n503 what?\r\n"),
        ]
        result = send(ready_client(offer=limited("RCPTMAX=2")), script, to=self.THREE)
        assert result == SendResult(self.THREE[:2], {"d@x": Reply(451, ("busy",))}, Reply(250, ("taken",)))

    def test_nobody_gets_it(self) -> None:
        script: Script = [
            (self.FIRST[0], b"250\r\n550 no b\r\n550 no c\r\n503\r\n"),
            (b"RSET\r\n", b"250\r\n"),
            self.SECOND,
            (BODY + b".\r\n", b"452 full\r\n"),
        ]
        with pytest.raises(SMTPRecipientsRefused) as caught:
            send(ready_client(offer=limited("RCPTMAX=2")), script, to=self.THREE)
        assert caught.value.refused == {
            "b@x": Reply(550, ("no b",)),
            "c@x": Reply(550, ("no c",)),
            "d@x": Reply(452, ("full",)),
        }

    def test_lmtp(self) -> None:
        conn = ready_client(SMTPClientConnection(lmtp=True), limited("RCPTMAX=2"))
        script: Script = [
            self.FIRST,
            (BODY + b".\r\n", b"250 b\r\n452 full\r\n"),
            self.SECOND,
            (BODY + b".\r\n", b"250 d\r\n"),
        ]
        result = send(conn, script, to=self.THREE)
        assert result == SendResult(("b@x", "d@x"), {"c@x": Reply(452, ("full",))}, Reply(250, ("d",)))

    def test_prdr_where_there_are_two(self) -> None:
        script: Script = [
            (envelope(b"b@x", b"c@x", mail=b" PRDR"), self.FIRST[1]),
            (BODY + b".\r\n", b"353 one by one\r\n250 b\r\n550 no\r\n250 all\r\n"),
            self.SECOND,
            (BODY + b".\r\n", b"250 d\r\n"),
        ]
        result = send(ready_client(offer=limited("RCPTMAX=2", "PRDR")), script, to=self.THREE)
        assert result == SendResult(("b@x", "d@x"), {"c@x": Reply(550, ("no",))}, Reply(250, ("d",)))

    def test_chunking(self) -> None:
        bdat = b"BDAT 20 LAST\r\n" + BODY
        script: Script = [
            (envelope(b"b@x", b"c@x", last=b""), b"250\r\n250\r\n250\r\n"),
            (bdat, b"250\r\n"),
            (envelope(b"d@x", last=b""), b"250\r\n250\r\n"),
            (bdat, b"250\r\n"),
        ]
        conn = ready_client(offer=limited("RCPTMAX=2", "CHUNKING"))
        assert send(conn, script, to=self.THREE, chunking=True).accepted == self.THREE

    def test_parameters_of_a_later_recipient_are_checked_first(self) -> None:
        conn = ready_client(offer=limited("RCPTMAX=2"))
        with pytest.raises(LocalProtocolError, match="does not offer DSN"):
            send(conn, [], to=self.THREE, rcpt_parameters={"d@x": [NOTIFY.pair(Notify.NEVER)]})

    def test_session_that_has_used_up_its_transactions(self) -> None:
        conn = ready_client(offer=limited("MAILMAX=2"))
        refused: Script = [(self.SECOND[0], b"550 no\r\n503\r\n503\r\n")]
        for _ in range(2):
            with pytest.raises(SMTPReplyError):
                send(conn, refused, to="d@x")
        with pytest.raises(
            SessionLimitReached, match="MAILMAX: the session would have 3, the server takes 2"
        ):
            send(conn, [], to="d@x")

    def test_more_transactions_than_the_session_has(self) -> None:
        conn = ready_client(offer=limited("MAILMAX=1 RCPTMAX=2"))
        with pytest.raises(SessionLimitReached) as caught:
            send(conn, [], to=self.THREE)
        assert (caught.value.limit, caught.value.value, caught.value.maximum) == ("MAILMAX", 2, 1)

    def test_domains_of_a_session(self) -> None:
        conn = ready_client(offer=limited("RCPTDOMAINMAX=2"))
        script: Script = [
            (envelope(b"b@x", b"b@Y", b"Postmaster"), b"250\r\n550\r\n550\r\n250\r\n354\r\n"),
            (BODY + b".\r\n", b"250\r\n"),
        ]
        send(conn, script, to=("b@x", "b@Y", "<Postmaster>"))
        assert conn.recipient_domains == {"x", "y"}
        with pytest.raises(SessionLimitReached, match="RCPTDOMAINMAX: the session would have 3"):
            send(conn, [], to=("b@y", "b@z"))
        send(conn, [(envelope(b"c@X"), b"250\r\n250\r\n354\r\n"), (None, b"250\r\n")], to="c@X")


LMTP_OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250 SIZE 100\r\n"


UTF8 = "Subject: b\u00fccher\r\n\r\n".encode()
LATIN = b"Subject: b\xfccher\r\n\r\n"
IN_THE_BODY = "Subject: x\r\n\r\nb\u00fccher\r\n".encode()
SAYS_UTF8 = {
    "UTF-8 in the header": (UTF8, None, b" BODY=8BITMIME SMTPUTF8"),
    "and not wanted": (UTF8, False, b" BODY=8BITMIME"),
    "Latin-1 in the header": (LATIN, None, b" BODY=8BITMIME"),
    "cut off": (UTF8[:11], None, b" BODY=8BITMIME"),
    "UTF-8 in the body": (IN_THE_BODY, None, b" BODY=8BITMIME"),
    "no header": (b"\r\n" + UTF8, None, b" BODY=8BITMIME"),
    "ASCII": (b"a: b\r\n\r\n", None, b""),
    "ASCII and wanted": (b"a: b\r\n\r\n", True, b" SMTPUTF8"),
}


class TestSMTPUTF8:
    OFFER = b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"

    @pytest.mark.parametrize("form", [bytes, io.BytesIO], ids=["bytes", "file"])
    @pytest.mark.parametrize("octets, smtputf8, said", SAYS_UTF8.values(), ids=SAYS_UTF8)
    def test_found_in_the_header(
        self, octets: bytes, smtputf8: bool | None, said: bytes, form: Callable[[bytes], Any]
    ) -> None:
        script: Script = [(envelope(b"b@x", mail=said), b"250\r\n250\r\n354\r\n"), (None, b"250\r\n")]
        send(ready_client(offer=self.OFFER), script, form(octets), "b@x", smtputf8=smtputf8)

    def test_said_once(self) -> None:
        said = envelope("b\u00fccher@x".encode(), mail=b" BODY=8BITMIME SMTPUTF8")
        script: Script = [(said, b"250\r\n250\r\n354\r\n"), (None, b"250\r\n")]
        parameters = (pair for pair in [SMTPUTF8.pair(True)])
        conn = ready_client(offer=self.OFFER)
        send(conn, script, UTF8, "b\u00fccher@x", mail_parameters=parameters)

    def test_not_offered(self) -> None:
        conn = ready_client(offer=limited("X", "8BITMIME"))
        with pytest.raises(LocalProtocolError, match="SMTPUTF8: the server does not offer it, which UTF-8"):
            send(conn, [], UTF8)
        with pytest.raises(LocalProtocolError, match="does not offer SMTPUTF8"):
            send(conn, [], BODY, smtputf8=True)
        assert conn.mail_count == 0
        script: Script = [
            (envelope(b"b@x", mail=b" BODY=8BITMIME"), b"250\r\n250\r\n354\r\n"),
            (UTF8 + b".\r\n", b"250\r\n"),
        ]
        send(conn, script, UTF8, "b@x", smtputf8=False)


GIVEN: list[tuple[bytes, dict[str, Any]]] = [
    (b"To: undisclosed recipients\r\nFrom: a@x\r\n\r\n", {"reverse_path": None, "to": "b@x"}),
    (b"To: b@x\r\n\r\n", {"reverse_path": "a@x", "to": None}),
    (b"From: root\r\nTo: b@x\r\n\r\n", {"reverse_path": "a@x", "to": None}),
]


@pytest.mark.parametrize("message, arguments", GIVEN, ids=["recipients", "reverse-path", "a wrong From"])
def test_what_is_given_need_not_stand_in_the_header(message: bytes, arguments: dict[str, Any]) -> None:
    script: Script = [(envelope(b"b@x"), b"250\r\n250\r\n354\r\n"), (message + b".\r\n", b"250\r\n")]
    send(ready_client(offer=limited("X")), script, message, **arguments)


class TestRetrying:
    """For whom the same message may be sent again."""

    THREE = ("b@x", "c@x", "d@x")
    FIRST, SECOND = TestAnnouncedLimits.FIRST, TestAnnouncedLimits.SECOND

    def lost(self, offer: bytes, script: Script, *, lmtp: bool = False) -> MailProtoError:
        with pytest.raises(ConnectionClosed) as caught:
            send(ready_client(SMTPClientConnection(lmtp=lmtp), offer), script, to=self.THREE)
        return caught.value

    def test_result(self) -> None:
        to = (*self.THREE, "e@x")
        refusals = b"250\r\n450 4.2.1 later\r\n550 5.1.1 no\r\n552 too many recipients\r\n250\r\n354\r\n"
        script: Script = [(envelope(b"b@x", b"c@x", b"d@x", b"e@x"), refusals), (None, b"250\r\n")]
        result = send(ready_client(offer=limited("X")), script, to=to)
        assert (result.accepted, result.retriable) == (("e@x",), ("b@x", "d@x"))
        assert [str(reply.enhanced_code) for reply in result.refused.values()] == ["4.2.1", "5.1.1", "None"]

    def test_too_many_recipients_by_the_old_code(self) -> None:
        refusals = b"250\r\n550 no\r\n552 many\r\n552 many\r\n503\r\n"
        with pytest.raises(SMTPRecipientsRefused, match="RCPT: 552 many") as caught:
            send(ready_client(offer=limited("X")), [(None, refusals), (None, b"250\r\n")], to=self.THREE)
        assert (caught.value.is_transient, caught.value.retriable) == (True, ("c@x", "d@x"))

    def test_nobody_in_several_transactions(self) -> None:
        script: Script = [
            (self.FIRST[0], b"250\r\n250\r\n550 5.1.1 no c\r\n354\r\n"),
            (BODY + b".\r\n", b"554 5.7.1 spam\r\n"),
            (self.SECOND[0], b"451 4.3.0 busy\r\n503\r\n503\r\n"),
        ]
        with pytest.raises(SMTPRecipientsRefused, match="MAIL: 451 busy") as caught:
            send(ready_client(offer=limited("RCPTMAX=2")), script, to=self.THREE)
        assert {to: reply.code for to, reply in caught.value.refused.items()} == {
            "b@x": 554,
            "c@x": 550,
            "d@x": 451,
        }
        assert (caught.value.retriable, str(caught.value.enhanced_code)) == (("d@x",), "4.3.0")

    def test_who_has_no_room_in_the_session(self) -> None:
        with pytest.raises(SessionLimitReached) as caught:
            send(ready_client(offer=limited("RCPTMAX=2 MAILMAX=1")), [], to=self.THREE)
        error = caught.value
        assert (error.fitting, error.left, error.retriable) == (self.THREE[:2], self.THREE[2:], self.THREE)

    @pytest.mark.parametrize("code, who", [("451 4.3.0", ("c@x", "d@x")), ("554 5.6.0", ())])
    def test_message_refused(self, code: str, who: tuple[str, ...]) -> None:
        script: Script = [
            (envelope(b"b@x", b"c@x", b"d@x"), b"250\r\n550 no\r\n250\r\n250\r\n354\r\n"),
            (None, f"{code} what?\r\n".encode()),
        ]
        with pytest.raises(SMTPReplyError) as caught:
            send(ready_client(offer=limited("X")), script, to=self.THREE)
        assert (caught.value.retriable, str(caught.value.enhanced_code)) == (who, code[4:])
        assert [reply.code for reply in caught.value.refused.values()] == [550, int(code[:3]), int(code[:3])]

    def test_mail_refused(self) -> None:
        script: Script = [(None, b"451 later\r\n503\r\n503\r\n503\r\n503\r\n")]
        with pytest.raises(SMTPReplyError, match="MAIL: 451 later") as caught:
            send(ready_client(offer=limited("X")), script, to=self.THREE)
        assert caught.value.retriable == self.THREE

    def test_all_recipients_refused(self) -> None:
        script: Script = [
            (None, b"250\r\n550 no\r\n450 later\r\n550 no\r\n503\r\n"),
            (b"RSET\r\n", b"250\r\n"),
        ]
        with pytest.raises(SMTPRecipientsRefused) as caught:
            send(ready_client(offer=limited("X")), script, to=self.THREE)
        assert caught.value.retriable == ("c@x",)

    @pytest.mark.parametrize(
        "end", [b"421 bye\r\n", END, ConnectionTimeout("late")], ids=["421", "end", "late"]
    )
    def test_lost_before_the_end(self, end: Any) -> None:
        error = self.lost(limited("X"), [(None, end)])
        assert (error.accepted, error.retriable, error.is_outcome_unknown) == ((), self.THREE, False)

    @pytest.mark.parametrize(
        "end", [b"421 bye\r\n", END, ConnectionTimeout("late")], ids=["421", "end", "late"]
    )
    def test_lost_behind_the_end(self, end: Any) -> None:
        replies = b"250\r\n550 no\r\n450 later\r\n250\r\n354\r\n"
        error = self.lost(limited("X"), [(None, replies), (BODY + b".\r\n", end)])
        assert (error.accepted, error.retriable, error.is_outcome_unknown) == ((), ("c@x",), True)

    def test_lost_in_the_second_transaction(self) -> None:
        script: Script = [self.FIRST, (None, b"250\r\n"), (self.SECOND[0], END)]
        error = self.lost(limited("RCPTMAX=2"), script)
        assert (error.accepted, error.retriable) == (self.THREE[:2], ("d@x",))

    def test_lost_behind_the_first_transaction(self) -> None:
        error = self.lost(limited("RCPTMAX=2"), [self.FIRST, (BODY + b".\r\n", END)])
        assert (error.accepted, error.retriable, error.is_outcome_unknown) == ((), ("d@x",), True)

    @pytest.mark.parametrize("end", [b"421 bye\r\n", END], ids=["421", "end"])
    @pytest.mark.parametrize(
        "replies, accepted, retriable",
        [
            (b"", (), THREE),
            (b"250 b\r\n", THREE[:1], THREE[1:]),
            (b"250 b\r\n452 full\r\n", THREE[:1], THREE[1:]),
            (b"250 b\r\n550 no\r\n", THREE[:1], THREE[2:]),
        ],
    )
    def test_lost_between_the_replies_of_lmtp(
        self, replies: bytes, accepted: tuple[str, ...], retriable: tuple[str, ...], end: Any
    ) -> None:
        """A client must "treat the rest as temporary failures" (RFC 2033 section 5)."""
        conn = ready_client(SMTPClientConnection(lmtp=True), limited("X"))
        run = FlowRun(conn, send_message(conn, BODY, reverse_path="a@x", forward_paths=self.THREE))
        run.feed(b"250\r\n250\r\n250\r\n250\r\n354\r\n")
        run.feed(replies)
        run.feed(end)
        assert isinstance(run.error, ConnectionClosed)
        assert (run.error.accepted, run.error.retriable) == (accepted, retriable)
        assert run.error.is_outcome_unknown

    def test_nothing_of_what_cannot_be_sent(self) -> None:
        conn = ready_client(offer=limited("X"))
        run = FlowRun(conn, send_message(conn, iter([b"\x80"]), reverse_path="a@x", forward_paths=self.THREE))
        run.feed(b"250\r\n250\r\n450 later\r\n250\r\n354\r\n")
        assert isinstance(run.error, LocalProtocolError)
        assert (run.error.retriable, run.error.is_outcome_unknown) == ((), False)

    def test_nothing_of_our_own_mistakes(self) -> None:
        with pytest.raises(LocalProtocolError) as caught:
            send(ready_client(offer=limited("X")), [], to=())
        assert caught.value.retriable == ()


class TestLMTP:
    def client(self) -> SMTPClientConnection:
        return ready_client(SMTPClientConnection(lmtp=True), LMTP_OFFER)

    def test_one_reply_for_each_recipient(self) -> None:
        script: Script = [
            (group(b"b@x", b"c@x", b"d@x"), b"250\r\n250\r\n550 no\r\n250\r\n354\r\n"),
            (BODY + b".\r\n", b"250 b\r\n452 full\r\n"),
        ]
        result = send(self.client(), script, to=("b@x", "c@x", "d@x"))
        assert result == SendResult(
            ("b@x",), {"c@x": Reply(550, ("no",)), "d@x": Reply(452, ("full",))}, Reply(250, ("b",))
        )

    def test_nobody_gets_it(self) -> None:
        conn = self.client()
        script: Script = [
            (group(), b"250\r\n250\r\n250\r\n354\r\n"),
            (BODY + b".\r\n", b"550 no\r\n452 full\r\n"),
        ]
        with pytest.raises(SMTPRecipientsRefused, match="message: 452 full"):
            send(conn, script)
        send(conn, [(group(b"b@x"), b"250\r\n250\r\n354\r\n"), (BODY + b".\r\n", b"250\r\n")], to="b@x")

    def test_354_with_no_recipient(self) -> None:
        conn = self.client()
        run = FlowRun(conn, send_message(conn, BODY, reverse_path="a@x", forward_paths="b@x"))
        run.take_sent()
        run.feed(b"250\r\n550 no\r\n354\r\n")
        assert run.take_sent() == b".\r\n"
        assert isinstance(run.error, SMTPRecipientsRefused)

    def test_lost_between_the_replies(self) -> None:
        run = FlowRun(
            conn := self.client(), send_message(conn, BODY, reverse_path="a@x", forward_paths=["b@x", "c@x"])
        )
        run.feed(b"250\r\n250\r\n250\r\n354\r\n")
        run.feed(b"250\r\n")
        run.feed(END)
        assert isinstance(run.error, ConnectionClosed)
        assert run.error.is_outcome_unknown


NEEDS = {
    "7-bit": (b"a\r\n", None, b" SIZE=3"),
    "8-bit": (b"\xe4\r\n", None, b" SIZE=3 BODY=8BITMIME"),
    "no final CRLF": (b"a", None, b" SIZE=3"),
    "only a CR at the end": (b"a\r", None, b" SIZE=3"),
    "empty": (b"", None, b" SIZE=0"),
    "bare LF": (b"a\nb\n", None, b" SIZE=6"),
    "said to be 8-bit": (b"a\r\n", "8BITMIME", b" SIZE=3 BODY=8BITMIME"),
    "said to be 7-bit": (b"a\r\n", "7BIT", b" SIZE=3 BODY=7BIT"),
}


class TestNeeds:
    @pytest.mark.parametrize("form", [bytes, io.BytesIO], ids=["bytes", "file"])
    @pytest.mark.parametrize("octets, body, parameters", NEEDS.values(), ids=NEEDS)
    def test_parameters(
        self,
        octets: bytes,
        body: Literal["7BIT", "8BITMIME"] | None,
        parameters: bytes,
        form: Callable[[bytes], Any],
    ) -> None:
        said = b"MAIL FROM:<a@x>%b\r\nRCPT TO:<b@x>\r\nDATA\r\n" % parameters
        script: Script = [(said, b"250\r\n250\r\n354\r\n"), (None, b"250\r\n")]
        send(ready_client(offer=PIPELINING), script, form(octets), to="b@x", body=body)

    @pytest.mark.parametrize("form", [bytes, io.BytesIO], ids=["bytes", "file"])
    def test_too_big_is_not_even_begun(self, form: Callable[[bytes], Any]) -> None:
        conn = ready_client(offer=PIPELINING)
        with pytest.raises(LocalProtocolError, match="has 101 octets, the server takes 100"):
            send(conn, [], form(b"x" * 99))
        send(conn, [(None, b"250\r\n250\r\n250\r\n354\r\n"), (None, b"250\r\n")], form(b"x" * 98))

    def test_size_without_a_number(self) -> None:
        conn = ready_client(offer=b"250-mx\r\n250-PIPELINING\r\n250 SIZE\r\n")
        script: Script = [(group(size=100_002), b"250\r\n250\r\n250\r\n354\r\n"), (None, b"250\r\n")]
        send(conn, script, b"x" * 100_000)

    @pytest.mark.parametrize("message", [b"\xe4\r\n", io.BytesIO(b"\xe4\r\n")], ids=["bytes", "file"])
    def test_8_bit_without_8bitmime(self, message: Any) -> None:
        with pytest.raises(LocalProtocolError, match="8BITMIME"):
            send(ready_client(offer=PLAIN), [], message)

    def test_8_bit_and_said_to_be_7_bit(self) -> None:
        with pytest.raises(LocalProtocolError, match="7BIT"):
            send(ready_client(offer=PIPELINING), [], b"\xe4", body="7BIT")


OUTPUT = {
    "as it is": (b"a\r\n.b\r\n..\r\n", b"a\r\n..b\r\n...\r\n.\r\n"),
    "no final CRLF": (b"a", b"a\r\n.\r\n"),
    "LF": (b"a\n.b\n", b"a\r\n..b\r\n.\r\n"),
    "CR": (b"a\rb\r", b"a\r\nb\r\n.\r\n"),
    "all kinds": (b"a\rb\nc\r\nd\n\re\r\r\nf", b"a\r\nb\r\nc\r\nd\r\n\r\ne\r\n\r\nf\r\n.\r\n"),
    "empty": (b"", b".\r\n"),
    "a dot": (b".", b"..\r\n.\r\n"),
    "the end": (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
}


def one_by_one(octets: bytes) -> Iterator[bytes]:
    return (octets[at : at + 1] for at in range(len(octets)))


async def slowly(octets: bytes) -> AsyncIterator[bytes]:
    for chunk in one_by_one(octets):
        yield chunk


class AsyncFile:
    def __init__(self, octets: bytes) -> None:
        self._file = io.BytesIO(octets)

    async def read(self, size: int) -> bytes:
        return self._file.read(size)

    async def seekable(self) -> bool:
        return True

    async def tell(self) -> int:
        return self._file.tell()

    async def seek(self, offset: int) -> int:
        return self._file.seek(offset)


FORMS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "file": io.BytesIO,
    "pipe": Unseekable,
    "async file": AsyncFile,
    "chunks": one_by_one,
    "list": lambda octets: [octets],
    "async chunks": slowly,
    "MIMEText": lambda octets: FakeMessage(octets),
}


class FakeMessage:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def as_bytes(self) -> bytes:
        return self._octets


class TestForms:
    @pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
    @pytest.mark.parametrize("octets, expected", OUTPUT.values(), ids=OUTPUT)
    def test_what_is_sent(self, octets: bytes, expected: bytes, form: Callable[[bytes], Any]) -> None:
        script: Script = [(None, b"250\r\n250\r\n250\r\n354\r\n"), (expected, b"250\r\n")]
        send(ready_client(offer=PIPELINING), script, form(octets))

    @pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
    def test_newlines_are_refused_if_asked_for(self, form: Callable[[bytes], Any]) -> None:
        script: Script = [(None, b"250\r\n250\r\n250\r\n354\r\n"), (b"a\r\nb\r\n.\r\n", b"250\r\n")]
        send(ready_client(offer=PIPELINING), script, form(b"a\r\nb"), newlines="reject")
        for bad in (b"a\nb", b"a\rb", b"a\r", b"\na", b"a\r\r\n"):
            conn = ready_client(offer=PIPELINING)
            run = FlowRun(
                conn,
                send_message(conn, form(bad), reverse_path="a@x", forward_paths="b@x", newlines="reject"),
            )
            if not run.is_done:
                run.take_sent()
                run.feed(b"250\r\n250\r\n354\r\n")
                assert conn.wants is Wants.CLOSED
                assert not run.sent.endswith(b".\r\n")
            assert isinstance(run.error, LocalProtocolError)

    def test_a_file_is_sent_from_where_it_stands(self) -> None:
        file = io.BytesIO(b"skipped, sent")
        file.seek(9)
        script: Script = [(group(size=6), b"250\r\n250\r\n250\r\n354\r\n"), (b"sent\r\n.\r\n", b"250\r\n")]
        send(ready_client(offer=PIPELINING), script, file)

    def test_large(self) -> None:
        octets = b"x" * 79 + b"\r\n"
        octets *= 10_000
        conn = ready_client(offer=b"250-mx\r\n250 PIPELINING\r\n")
        for form in (bytes, io.BytesIO):
            script: Script = [(None, b"250\r\n250\r\n250\r\n354\r\n"), (octets + b".\r\n", b"250\r\n")]
            send(conn, script, form(octets))

    def test_policy_unknown(self) -> None:
        with pytest.raises(LocalProtocolError):
            send(ready_client(offer=PIPELINING), [], newlines="drop")

    @pytest.mark.parametrize("message", ["text", 5, None], ids=repr)
    def test_no_message(self, message: Any) -> None:
        with pytest.raises(LocalProtocolError, match="message: expected octets"):
            send(ready_client(offer=PIPELINING), [], message)

    @pytest.mark.parametrize("message", [io.StringIO("text"), ["text"]], ids=["file", "chunks"])
    def test_text_in_place_of_octets(self, message: Any) -> None:
        conn = ready_client(offer=PIPELINING)
        run = FlowRun(conn, send_message(conn, message, reverse_path="a@x", forward_paths="b@x"))
        if not run.is_done:
            run.feed(b"250\r\n250\r\n354\r\n")
        assert isinstance(run.error, LocalProtocolError)


class TestBodyThatCannotBeCompleted:
    def failing(self, error: Exception) -> Iterator[bytes]:
        yield b"begin\r\n"
        raise error

    def test_an_iterator_that_raises(self) -> None:
        conn = ready_client(offer=PIPELINING)
        flow = send_message(conn, self.failing(OSError("disk")), reverse_path="a@x", forward_paths="b@x")
        run = FlowRun(conn, flow)
        run.take_sent()
        run.feed(b"250\r\n250\r\n354\r\n")
        assert isinstance(run.error, OSError)
        assert run.take_sent() == b"begin\r\n"
        assert conn.wants is Wants.CLOSED

    def test_an_octet_against_body(self) -> None:
        conn = ready_client(offer=PIPELINING)
        flow = send_message(conn, iter([b"a\r\n", b"\xe4\r\n"]), reverse_path="a@x", forward_paths="b@x")
        run = FlowRun(conn, flow)
        run.take_sent()
        run.feed(b"250\r\n250\r\n354\r\n")
        assert isinstance(run.error, LocalProtocolError)
        assert run.take_sent() == b"a\r\n"
        assert conn.wants is Wants.CLOSED

    def test_8_bit_chunks_that_were_announced(self) -> None:
        script: Script = [
            (b"MAIL FROM:<a@x> BODY=8BITMIME\r\nRCPT TO:<b@x>\r\nDATA\r\n", b"250\r\n250\r\n354\r\n"),
            (b"\xe4\r\n.\r\n", b"250\r\n"),
        ]
        send(ready_client(offer=PIPELINING), script, iter([b"\xe4"]), to="b@x", body="8BITMIME")

    @pytest.mark.parametrize(
        "answer, kind",
        [(b"552 too much\r\n", SMTPReplyError), (END, ConnectionClosed), (b"421 x\r\n", ConnectionClosed)],
    )
    def test_the_server_gives_up_in_the_middle(self, answer: Any, kind: type[MailProtoError]) -> None:
        conn = ready_client(offer=PIPELINING)
        run: FlowRun[SendResult] | None = None

        def chunks() -> Iterator[bytes]:
            yield b"begin\r\n"
            if answer is END:
                conn.receive_eof()
            else:
                conn.receive_data(answer)
            yield b"more\r\n"
            raise AssertionError("nobody asks for more")

        run = FlowRun(conn, send_message(conn, chunks(), reverse_path="a@x", forward_paths="b@x"))
        run.feed(b"250\r\n250\r\n354\r\n")
        assert isinstance(run.error, kind)
        assert not run.error.is_outcome_unknown
        assert not run.sent.endswith(b".\r\n")
        assert conn.wants is Wants.CLOSED


def email(**fields: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content("text")
    return message


ENVELOPES: dict[str, tuple[dict[str, str], bytes]] = {
    "From and To": ({"From": "A <a@x>", "To": "b@x, C <c@x>"}, b"a b c"),
    "Sender": ({"From": "z@x", "Sender": "a@x", "To": "b@x"}, b"a b"),
    "several authors": ({"From": "a@x, z@x", "To": "b@x"}, b"a b"),
    "Cc and Bcc": ({"From": "a@x", "To": "b@x", "Cc": "c@x", "Bcc": "d@x, b@x"}, b"a b c d"),
    "group": ({"From": "a@x", "To": "Friends: b@x, c@x;, d@x"}, b"a b c d"),
    "resent": (
        {
            "From": "z@x",
            "To": "y@x",
            "Resent-From": "a@x",
            "Resent-To": "b@x",
            "Resent-Date": "Thu, 1 Jan 2026 00:00:00 +0000",
        },
        b"a b",
    ),
}


class TestEnvelopeFromTheHeader:
    @pytest.mark.parametrize("form", [lambda m: m, lambda m: m.as_bytes()], ids=["EmailMessage", "bytes"])
    @pytest.mark.parametrize("fields, names", ENVELOPES.values(), ids=ENVELOPES)
    def test_envelope(
        self, fields: dict[str, str], names: bytes, form: Callable[[EmailMessage], Any]
    ) -> None:
        first, *others = names.split()
        conn = ready_client(offer=b"250-mx\r\n250 PIPELINING\r\n")
        said = b"MAIL FROM:<%b@x>\r\n" % first + b"".join(b"RCPT TO:<%b@x>\r\n" % name for name in others)
        run = FlowRun(conn, send_message(conn, form(email(**fields))))
        assert run.take_sent() == said + b"DATA\r\n"
        run.feed(b"250\r\n" * (1 + len(others)) + b"354\r\n")
        assert b"Bcc" not in run.sent
        assert b"\r\n\r\ntext\r\n.\r\n" in run.sent

    def test_given_paths_win(self) -> None:
        message = email(From="z@x", To="y@x")
        script: Script = [
            (b"MAIL FROM:<a@x>\r\n", b"250\r\n"),
            (b"RCPT TO:<y@x>\r\n", b"550\r\n"),
            (None, b"250\r\n"),
        ]
        with pytest.raises(SMTPRecipientsRefused):
            send(ready_client(offer=ONE_BY_ONE), script, message, to=None)
        script = [
            (b"MAIL FROM:<z@x>\r\n", b"250\r\n"),
            (b"RCPT TO:<b@x>\r\n", b"550\r\n"),
            (None, b"250\r\n"),
        ]
        with pytest.raises(SMTPRecipientsRefused):
            send(ready_client(offer=ONE_BY_ONE), script, message, to="b@x", reverse_path=None)

    def test_bcc_of_an_email_message_is_never_sent(self) -> None:
        script: Script = [(None, b"250\r\n250\r\n354\r\n")]
        conn = ready_client(offer=PIPELINING)
        message = email(From="a@x", To="b@x", Bcc="secret@x")
        run = FlowRun(conn, send_message(conn, message, reverse_path="a@x", forward_paths="b@x"))
        run.feed(script[0][1])
        assert b"secret" not in run.sent

    def test_bcc_of_octets_is_theirs(self) -> None:
        script: Script = [(None, b"250\r\n250\r\n354\r\n"), (b"Bcc: x@x\r\n\r\n.\r\n", b"250\r\n")]
        send(ready_client(offer=PIPELINING), script, b"Bcc: x@x\r\n\r\n", to="b@x")

    @pytest.mark.parametrize(
        "message",
        [
            b"To: b@x\r\n\r\n",
            b"From: a@x\r\n\r\n",
            b"\r\nFrom: a@x\r\nTo: b@x\r\n",
            b"From: a@x\r\nTo: nobody\r\n\r\n",
            b"From: a@x\r\nTo: b@\xff\r\n\r\n",
            b"From: a@x\r\nTo: b@x\r\nResent-Date: 1\r\nResent-Date: 2\r\n\r\n",
            io.BytesIO(b"From: a@x\r\nTo: b@x\r\n\r\n"),
            [b"From: a@x\r\nTo: b@x\r\n\r\n"],
        ],
        ids=repr,
    )
    def test_no_envelope(self, message: Any) -> None:
        with pytest.raises(LocalProtocolError):
            send(ready_client(offer=PIPELINING), [], message, to=None, reverse_path=None)

    @pytest.mark.parametrize(
        "message", [MIMEText("blåbær", _charset="utf-8"), email(From="a@x")], ids=["MIMEText", "EmailMessage"]
    )
    def test_8_bit_email_is_encoded_anew_for_a_server_without_8bitmime(self, message: Any) -> None:
        if isinstance(message, EmailMessage):
            message.set_content("blåbær")
            assert b"8bit" in message.as_bytes()
        conn = ready_client(offer=b"250-mx\r\n250 PIPELINING\r\n")
        run = FlowRun(conn, send_message(conn, message, reverse_path="a@x", forward_paths="b@x"))
        assert run.take_sent() == b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n"
        run.feed(b"250\r\n250\r\n354\r\n")
        assert run.sent.isascii()
        assert run.sent.endswith(b"\r\n.\r\n")

    def test_8_bit_that_cannot_be_encoded_anew(self) -> None:
        with pytest.raises(LocalProtocolError, match="8BITMIME"):
            send(ready_client(offer=PLAIN), [], FakeMessage(b"\xe4"))

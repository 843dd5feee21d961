"""What a client refuses to send and what a server answers, for each extension of MAIL and RCPT."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailproto.address import NULL_PATH, Path
from mailproto.errors import LocalProtocolError
from mailproto.limits import SMTPLimits
from mailproto.smtp import (
    BINARYMIME,
    BY,
    CONNEG_EXTENSION,
    CONPERM_EXTENSION,
    DSN,
    ENVID,
    EXTENSIONS,
    HOLDFOR,
    LIMITS,
    MTRK_EXTENSION,
    NOTIFY,
    ORCPT,
    PARAMETERS,
    REQUIRETLS_EXTENSION,
    RET,
    RRVS_EXTENSION,
    SMTPUTF8_EXTENSION,
    ByMode,
    Command,
    DeliverBy,
    Expn,
    Extension,
    InvalidCommand,
    Mail,
    Notify,
    OriginalRecipient,
    Parameters,
    Rcpt,
    Ret,
    ServerEvent,
    SMTPClientConnection,
    SMTPServerConnection,
    Vrfy,
    burl,
    deliver_by,
    future_release,
    mt_priority,
    no_soliciting,
)
from mailproto.smtp.commands import parse_command
from support_smtp import greeted_server, pull, ready_client, ready_server, sent, serve
from support_split import for_every_split

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
ROWS: tuple[Extension, ...] = (
    *EXTENSIONS,
    DSN,
    deliver_by(240),
    future_release(3_600, NOON),
    mt_priority("MIXER"),
    REQUIRETLS_EXTENSION,
    RRVS_EXTENSION,
    no_soliciting("net.example:ADV"),
    CONPERM_EXTENSION,
    CONNEG_EXTENSION,
    MTRK_EXTENSION,
)
UTF8_ROWS = (*ROWS, SMTPUTF8_EXTENSION)
OFFERED = [
    b"250-DSN", b"250-DELIVERBY 240", b"250-FUTURERELEASE 3600 2030-01-01T12:00:00Z",
    b"250-MT-PRIORITY MIXER", b"250-RRVS", b"250-NO-SOLICITING net.example:ADV", b"250-CONPERM",
    b"250-CONNEG", b"250 MTRK",
]  # fmt: skip

LEGAL = [
    b"MAIL FROM:<> RET=HDRS ENVID=a+2Bb",
    b"MAIL FROM:<> BY=240;R",
    b"MAIL FROM:<> BY=-1;NT",
    b"MAIL FROM:<> BY=1;N",
    b"MAIL FROM:<> HOLDFOR=3600 BY=3600;R",
    b"MAIL FROM:<> HOLDUNTIL=2030-01-01T12:00:00Z",
    b"MAIL FROM:<> MT-PRIORITY=-9",
    b"MAIL FROM:<> SOLICIT=org.example:ADV:ADLT",
    b"MAIL FROM:<> CONPERM",
    b"MAIL FROM:<> MTRK=AAECAw:60 ENVID=1@x.example",
    b"RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b",
    b"RCPT TO:<a@b> RRVS=2014-04-03T23:01:00Z;C",
    b"RCPT TO:<a@b> CONNEG",
]
# What the rules of an extension forbid, with the answer of a server.
FORBIDDEN = [
    (b"MAIL FROM:<> BY=239;R", b"555 5.3.3 BY: the least time is 240 s\r\n"),
    (b"MAIL FROM:<> HOLDFOR=3601", b"501 5.5.4 HOLDFOR: the longest time is 3600 s\r\n"),
    (
        b"MAIL FROM:<> HOLDUNTIL=2030-01-01T12:00:01Z",
        b"501 5.5.4 HOLDUNTIL: the last is 2030-01-01T12:00:00Z\r\n",
    ),
    (
        b"MAIL FROM:<> HOLDFOR=1 HOLDUNTIL=2029-01-01T12:00:00Z",
        b"501 5.5.4 HOLDFOR and HOLDUNTIL exclude each other\r\n",
    ),
    (b"MAIL FROM:<> HOLDFOR=301 BY=300;N", b"501 5.5.4 HOLDFOR is longer than BY\r\n"),
    (b"MAIL FROM:<> SOLICIT=a,net.example:ADV", b"550 5.7.1 SOLICIT=net.example:ADV\r\n"),
    (b"MAIL FROM:<> MTRK=AAECAw", b"501 5.5.4 MTRK without an ENVID of the form local@host\r\n"),
    (b"MAIL FROM:<> MTRK=AAECAw ENVID=1", b"501 5.5.4 MTRK without an ENVID of the form local@host\r\n"),
    ("RCPT TO:<a@b> ORCPT=utf-8;ü@b".encode(), b"501 5.5.4 ORCPT in UTF-8 without SMTPUTF8\r\n"),
]
# What no EHLO reply without extensions allows.
NOT_OFFERED = [
    *((line, b"555 5.5.4 parameter not offered\r\n") for line in LEGAL if b"CON" not in line),
    (b"MAIL FROM:<> CONPERM", b"504 5.5.4 CONPERM not offered\r\n"),
    (b"RCPT TO:<a@b> CONNEG", b"504 5.5.4 CONNEG not offered\r\n"),
    (b"MAIL FROM:<> REQUIRETLS", b"555 5.5.4 parameter not offered\r\n"),
    (b"MAIL FROM:<> NOTIFY=NEVER", b"555 5.5.4 parameter not offered\r\n"),
    (b"RCPT TO:<a@b> RET=FULL", b"555 5.5.4 parameter not offered\r\n"),
]
MALFORMED = [
    b"MAIL FROM:<> RET=HALF", b"MAIL FROM:<> ENVID=+0A", b"MAIL FROM:<> BY=0;R", b"MAIL FROM:<> HOLDFOR=0",
    b"MAIL FROM:<> HOLDUNTIL=now", b"MAIL FROM:<> MT-PRIORITY=10", b"MAIL FROM:<> REQUIRETLS=x",
    b"MAIL FROM:<> SOLICIT=1", b"MAIL FROM:<> MTRK=A", b"RCPT TO:<a@b> NOTIFY=NEVER,DELAY",
    b"RCPT TO:<a@b> ORCPT=a@b", b"RCPT TO:<a@b> RRVS=2014", b"MAIL FROM:<> RET=FULL RET=FULL",
]  # fmt: skip


def server(rows: tuple[Extension, ...] = ROWS, limits: SMTPLimits | None = None) -> SMTPServerConnection:
    return ready_server(SMTPServerConnection(limits or SMTPLimits(), hostname="mx.example", extensions=rows))


def client(*offer: bytes) -> SMTPClientConnection:
    return ready_client(offer=b"250-mx.example\r\n250-PIPELINING\r\n" + b"\r\n".join(offer) + b"\r\n")


def answer(conn: SMTPServerConnection, line: bytes) -> bytes:
    """Return what *conn* says to *line*, behind an accepted MAIL if it is RCPT."""
    if line.startswith(b"RCPT"):
        serve(conn, [b"MAIL FROM:<>\r\n"])
    sent(conn)
    assert len(serve(conn, [line + b"\r\n"])) == 1
    return sent(conn)


def command(line: bytes) -> Command:
    return parse_command(line)


def send(conn: SMTPClientConnection, line: bytes) -> bytes:
    if line.startswith(b"RCPT"):
        conn.send_command(Mail(NULL_PATH))
        sent(conn)
    conn.send_command(command(line))
    return sent(conn)


def test_what_the_server_offers() -> None:
    conn = greeted_server(SMTPServerConnection(hostname="mx.example", extensions=ROWS))
    serve(conn, [b"EHLO a\r\n"])
    assert sent(conn).split(b"\r\n")[-1 - len(OFFERED) : -1] == OFFERED


# What a server may not offer without another extension: RFC 6531 section 3.1, RFC 3030 section 3, RFC 4468
# section 4, and RFC 2033 section 5.
INCOMPLETE: list[tuple[Extension | None, str, bool]] = [
    (SMTPUTF8_EXTENSION, "8BITMIME", False),
    (BINARYMIME, "CHUNKING", False),
    (burl("imap"), "8BITMIME", False),
    (Extension("X-OWN", needs=("SIZE",)), "SIZE", False),
    (None, "PIPELINING", True),
    (None, "ENHANCEDSTATUSCODES", True),
]


@pytest.mark.parametrize("row, needed, lmtp", INCOMPLETE)
def test_what_is_needed_beside_it(row: Extension | None, needed: str, lmtp: bool) -> None:
    rows = (*EXTENSIONS, *([] if row is None else [row]))
    ready_server(SMTPServerConnection(hostname="mx.example", extensions=rows, lmtp=lmtp))
    without = [row for row in rows if row.keyword != needed]
    who = "LMTP" if row is None else row.keyword
    with pytest.raises(LocalProtocolError, match=f"extensions: {who} needs {needed}"):
        SMTPServerConnection(hostname="mx.example", extensions=without, lmtp=lmtp)


@pytest.mark.parametrize("keyword", ["PIPELINING", "ENHANCEDSTATUSCODES"])
def test_smtp_goes_without(keyword: str) -> None:
    rows = [row for row in EXTENSIONS if row.keyword != keyword]
    conn = ready_server(SMTPServerConnection(hostname="mx.example", extensions=rows))
    assert keyword not in conn.extensions


@pytest.mark.parametrize("line", LEGAL)
def test_what_is_legal(line: bytes) -> None:
    assert send(client(*OFFERED), line) == line + b"\r\n"

    def run(pieces: list[bytes]) -> list[ServerEvent]:
        conn = server()
        serve(conn, [b"MAIL FROM:<>\r\n"] if line.startswith(b"RCPT") else [])
        return serve(conn, pieces)

    assert for_every_split(line + b"\r\n", run) == [command(line)]


@pytest.mark.parametrize("line, reply", FORBIDDEN)
def test_what_a_rule_forbids(line: bytes, reply: bytes) -> None:
    assert answer(server(), line) == reply
    conn = client(*OFFERED)
    with pytest.raises(LocalProtocolError):
        send(conn, line)
    assert sent(conn) == b""


@pytest.mark.parametrize("line, reply", NOT_OFFERED)
def test_what_is_not_offered(line: bytes, reply: bytes) -> None:
    assert answer(server(EXTENSIONS), line) == reply


@pytest.mark.parametrize("line", [*LEGAL, b"MAIL FROM:<> REQUIRETLS"])
def test_a_client_does_not_send_what_is_not_offered(line: bytes) -> None:
    conn = client(b"250 SIZE")
    with pytest.raises(LocalProtocolError, match="the server does not offer"):
        send(conn, line)


@pytest.mark.parametrize("line", MALFORMED)
def test_what_is_malformed(line: bytes) -> None:
    assert answer(server(), line)[:9] == b"501 5.5.4"


def test_unknown_parameters_pass_both_ends() -> None:
    line = b"MAIL FROM:<a@b> X-NEW=1;2 X-FLAG"
    assert send(client(b"250 XTHING"), line) == line + b"\r\n"
    row = Extension("XTHING", parameters=(("MAIL", "X-NEW"), ("MAIL", "X-FLAG")))
    assert serve(server((*EXTENSIONS, row)), [line + b"\r\n"]) == [command(line)]


def test_envid_and_orcpt_come_with_mtrk_too() -> None:
    conn = server((*EXTENSIONS, MTRK_EXTENSION))
    lines = [b"MAIL FROM:<> ENVID=1", b"RCPT TO:<a@b> ORCPT=rfc822;a@b"]
    assert serve(conn, [line + b"\r\n" for line in lines]) == [command(line) for line in lines]
    conn = server((*EXTENSIONS, MTRK_EXTENSION))
    assert answer(conn, b"MAIL FROM:<> RET=FULL") == b"555 5.5.4 parameter not offered\r\n"
    assert send(client(b"250 MTRK"), lines[0]) == lines[0] + b"\r\n"


def test_orcpt_in_utf_8_with_smtputf8() -> None:
    line = "RCPT TO:<a@b> ORCPT=utf-8;ü@b".encode()
    assert answer(server(UTF8_ROWS), line) == b"250 \r\n"
    assert send(client(b"250-DSN", b"250 SMTPUTF8"), line) == line + b"\r\n"


def test_requiretls_is_there_under_tls_only() -> None:
    conn = SMTPServerConnection(hostname="mx.example", extensions=(REQUIRETLS_EXTENSION,))
    assert "REQUIRETLS" not in ready_server(conn).extensions
    conn = SMTPServerConnection(hostname="mx.example", extensions=(REQUIRETLS_EXTENSION,))
    conn.tls_started()
    assert "REQUIRETLS" in ready_server(conn).extensions
    line = b"MAIL FROM:<> REQUIRETLS"
    assert serve(conn, [line + b"\r\n"]) == [command(line)]


def test_a_client_asks_for_requiretls_under_tls_only() -> None:
    line = b"MAIL FROM:<> REQUIRETLS"
    with pytest.raises(LocalProtocolError, match="REQUIRETLS needs TLS"):
        send(client(b"250 REQUIRETLS"), line)
    conn = SMTPClientConnection()
    conn.tls_started()
    assert send(ready_client(conn, b"250-mx\r\n250 REQUIRETLS\r\n"), line) == line + b"\r\n"


def test_all_commands_of_a_group_can_be_checked_before_the_first_is_sent() -> None:
    conn = client(b"250 DELIVERBY")
    conn.require_parameters(Mail(NULL_PATH, Parameters([BY.pair(DeliverBy(1, ByMode.RETURN))])))
    with pytest.raises(LocalProtocolError, match="RCPT: the server does not offer DSN"):
        conn.require_parameters(Rcpt(Path.of("a@b"), Parameters([NOTIFY.pair(Notify.NEVER)])))
    assert sent(conn) == b""


def test_a_client_takes_malformed_offers_for_no_bound() -> None:
    conn = client(b"250-DELIVERBY ?", b"250-NO-SOLICITING ?", b"250 FUTURERELEASE")
    for line in (b"MAIL FROM:<> BY=1;R HOLDFOR=1", b"MAIL FROM:<> SOLICIT=a"):
        conn.require_parameters(parsed_mail(line))


def parsed_mail(line: bytes) -> Mail:
    mail = command(line)
    assert isinstance(mail, Mail)
    return mail


def test_typed_values_in_a_session() -> None:
    mail = Mail(Path.of("a@b"), Parameters([RET.pair(Ret.HDRS), ENVID.pair("a b")]))
    rcpt = Rcpt(
        Path.of("c@d"),
        Parameters(
            [NOTIFY.pair(Notify.SUCCESS | Notify.DELAY), ORCPT.pair(OriginalRecipient("rfc822", "C+x@d"))]
        ),
    )
    sender = client(*OFFERED)
    sender.send_command(mail)
    sender.send_command(rcpt)
    octets = sent(sender)
    assert octets == (
        b"MAIL FROM:<a@b> RET=HDRS ENVID=a+20b\r\nRCPT TO:<c@d> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;C+2Bx@d\r\n"
    )
    events = for_every_split(octets, lambda pieces: serve(server(), pieces))
    assert events == [mail, rcpt]
    received = events[1]
    assert isinstance(received, Rcpt)
    assert received.parameters.value(NOTIFY) == Notify.SUCCESS | Notify.DELAY
    assert received.parameters.value(ORCPT) == OriginalRecipient("rfc822", "C+x@d")
    assert received.parameters.value(HOLDFOR) is None


UTF8_LINES = [
    ("MAIL FROM:<ü@b>", b"550 5.6.7 non-ASCII address without SMTPUTF8\r\n"),
    ("MAIL FROM:<a@bücher.example>", b"550 5.6.7 non-ASCII address without SMTPUTF8\r\n"),
    ("RCPT TO:<ü@b>", b"553 5.6.7 non-ASCII address without SMTPUTF8\r\n"),
    ("VRFY ü", None),
    ("EXPN ü SMTPUTF8", None),
    ("MAIL FROM:<ü@b> SMTPUTF8", None),
]


@pytest.mark.parametrize("line, reply", UTF8_LINES)
def test_utf_8_in_addresses_needs_the_parameter(line: str, reply: bytes | None) -> None:
    assert answer(server(UTF8_ROWS), line.encode()) == (reply or b"250 \r\n")
    conn = client(b"250-8BITMIME", b"250 SMTPUTF8")
    if reply is None:
        assert send(conn, line.encode()) == line.encode() + b"\r\n"
    else:
        with pytest.raises(LocalProtocolError, match="needs MAIL with SMTPUTF8"):
            send(conn, line.encode())


def test_utf_8_recipients_behind_mail_with_smtputf8() -> None:
    conn = server(UTF8_ROWS)
    octets = "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<ü@b>\r\n".encode()
    assert not any(isinstance(event, InvalidCommand) for event in serve(conn, [octets]))
    sender = client(b"250 SMTPUTF8")
    sender.send_command(Mail(NULL_PATH, Parameters.of(smtputf8=True)))
    sender.send_command(Rcpt(Path.of("ü@b")))
    assert sent(sender) == octets
    sender.receive_data(b"250 \r\n250 \r\n")
    pull(sender)
    sender.send_command(Rcpt(Path.of("ö@b")))
    assert sent(sender) == "RCPT TO:<ö@b>\r\n".encode()


@pytest.mark.parametrize(
    "line, reply",
    [("VRFY a SMTPUTF8", b"504 5.5.4 SMTPUTF8 not offered\r\n"),
     ("EXPN a smtputf8", b"504 5.5.4 SMTPUTF8 not offered\r\n"),
     ("VRFY ü", b"553 5.6.7 non-ASCII address without SMTPUTF8\r\n")],
)  # fmt: skip
def test_questions_in_utf_8_without_smtputf8(line: str, reply: bytes) -> None:
    assert answer(server(), line.encode()) == reply
    questions: list[Command] = [Vrfy("a", smtputf8=True), Expn("ü")]
    for question in questions:
        with pytest.raises(LocalProtocolError, match="does not offer SMTPUTF8"):
            client(b"250 DSN").send_command(question)


def test_limits_are_offered_and_kept() -> None:
    limits = SMTPLimits(max_recipients=2, max_transactions=2, max_recipient_domains=1)
    conn = SMTPServerConnection(limits, hostname="mx.example", extensions=(LIMITS,))
    announced = ready_server(conn).extensions.limits
    assert announced is not None
    assert announced.serialize() == "MAILMAX=2 RCPTMAX=2 RCPTDOMAINMAX=1"
    serve(conn, [b"MAIL FROM:<>\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<a@y.example>\r\n"])
    assert sent(conn) == b"250 \r\n250 \r\n452 4.5.3 too many domains of recipients\r\n"
    serve(conn, [b"RCPT TO:<b@X.example>\r\nRCPT TO:<c@x.example>\r\nRSET\r\nMAIL FROM:<>\r\n"])
    assert sent(conn) == b"250 \r\n452 4.5.3 too many recipients\r\n250 \r\n250 \r\n"
    serve(conn, [b"RCPT TO:<a@y.example>\r\nRSET\r\nMAIL FROM:<>\r\n"])
    assert sent(conn) == (
        b"452 4.5.3 too many domains of recipients\r\n250 \r\n421 4.7.0 too many transactions\r\n"
    )


def test_postmaster_without_a_domain_is_of_none() -> None:
    """RCPTDOMAINMAX counts "domains that can appear in a recipient" (RFC 9422 section 4.3)."""
    limits = SMTPLimits(max_recipient_domains=1)
    conn = ready_server(SMTPServerConnection(limits, hostname="mx.example"))
    serve(conn, [b"MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nRCPT TO:<a@x.example>\r\n"])
    serve(conn, [b"RCPT TO:<postmaster>\r\nRCPT TO:<a@y.example>\r\n"])
    assert sent(conn) == b"250 \r\n" * 4 + b"452 4.5.3 too many domains of recipients\r\n"


def test_every_row_is_collected() -> None:
    assert set(PARAMETERS) == {
        "SIZE", "BODY", "AUTH", "SMTPUTF8", "RET", "ENVID", "NOTIFY", "ORCPT", "BY", "HOLDFOR", "HOLDUNTIL",
        "MT-PRIORITY", "REQUIRETLS", "RRVS", "SOLICIT", "CONPERM", "CONNEG", "MTRK",
        "PRDR",
    }  # fmt: skip
    assert all(keyword == row.keyword for keyword, row in PARAMETERS.items())

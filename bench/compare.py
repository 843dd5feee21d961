"""What mailproto and its peers can do, found by trying it on loopback.

`python -m bench.compare` tries everything and writes the tables that docs/topics/comparison.rst shows. A row
says what is tried; its probe takes a client or a server and returns the cell. How peers take hostile input
is not tried. Here are the rows of SMTP and LMTP; those of IMAP are in `bench.compare_imap`.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from email import policy
from email.message import EmailMessage
from operator import methodcaller
from typing import Any, Final, TypeAlias

from bench._comparison import NOT_COMPARED, Row, Table
from bench._imap_peers import PEERS
from bench._mail_clients import CLIENTS, HOST, PASSWORD, SECONDS, SENDER, USER, Client
from bench._mail_servers import FULL, MAX_RECIPIENTS, REFUSED, SERVERS, Got, Server, contexts, ours
from bench.compare_imap import imap_rows
from mailproto.errors import MailProtoError, RemoteProtocolError
from mailproto.sync import SMTPClient
from mailproto.testing import SMTPTestServer

__all__ = ["NOT_COMPARED", "TABLES", "Row", "Table"]

ClientProbe: TypeAlias = Callable[[type[Client]], str]
ServerProbe: TypeAlias = Callable[[Server], str]


def _yes(found: object) -> str:
    return "yes" if found else "no"


def _message(text: str) -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message.set_content(text, cte="8bit")
    return message


TO: Final = ("b@x.example",)
MANY: Final = ("b@x.example", "c@x.example", "d@x.example")
OCTETS: Final = b"Subject: x\r\n\r\nx\r\n"
BINARY: Final = b"Subject: x\r\n\r\na\0b\nc\r\n"
LARGE: Final = b"\r\n" + b"a line of text\r\n" * 10_000


# Clients talk to our server: what it has got decides, whatever the client raises.


def does(act: Callable[[Client], object], judge: Callable[[Got], object], **server: Any) -> ClientProbe:
    """Let the client act, and judge what the server has got of it."""

    def probe(client: type[Client]) -> str:
        with ours(**server) as got:
            with suppress(Exception):
                act(client(got.port, contexts()[1], server.get("lmtp", False), server.get("implicit", False)))
            return _yes(judge(got))

    return probe


def sends(
    judge: Callable[[Got], object],
    message: Callable[[], object] = lambda: _message("x"),
    to: Sequence[str] = TO,
    mail: Sequence[str] = (),
    rcpt: Sequence[str] = (),
    **server: Any,
) -> ClientProbe:
    """Let the client send a message."""
    return does(lambda client: client.send(message(), to, mail, rcpt), judge, **server)


def says(octets: bytes) -> Callable[[Got], bool]:
    """Judge whether *octets* came."""
    return lambda got: octets in b"".join(got.lines).upper()


def has_verb(verb: bytes) -> Callable[[Got], bool]:
    """Judge whether the command came."""
    return lambda got: any(line.upper().split()[:1] == [verb] for line in got.lines)


def passes(command: str, good: str, bad: str) -> ClientProbe:
    """See whether a parameter is sent, and whether a *bad* one is kept back."""

    def is_sent(text: str) -> ClientProbe:
        mail, rcpt = (text.split(), []) if command == "MAIL" else ([], text.split())
        return sends(says(b" " + text.upper().encode()), mail=mail, rcpt=rcpt)

    def probe(client: type[Client]) -> str:
        if is_sent(good)(client) == "no":
            return "no"
        return "unchecked" if is_sent(bad)(client) == "yes" else "checked"

    return probe


def names_refused(refused: str, **server: Any) -> ClientProbe:
    """See whether the one of two recipients that is refused is named."""

    def probe(client: type[Client]) -> str:
        with ours(**server) as got, suppress(Exception):
            sending = client(got.port, contexts()[1], **server)
            return _yes(sending.send(_message("x"), (*TO, refused), (), ()) == {refused})
        return "no"

    return probe


def reads_enhanced_code(client: type[Client]) -> str:
    """Refuse the only recipient with 5.1.1, and look for that alone in what is raised."""
    with ours() as got:
        try:
            client(got.port, contexts()[1]).send(_message("x"), [REFUSED], (), ())
        except Exception as error:
            parts = [part for value in _attributes(error) for part in (value, *_attributes(value))]
            return _yes("5.1.1" in map(str, parts))
    raise RuntimeError("expected an exception")


def _attributes(value: object) -> list[object]:
    return [getattr(value, name, None) for name in dir(value) if not name.startswith("_")]


def pipelines(client: type[Client]) -> str:
    """Hold back the answer to MAIL, and see whether RCPT comes nevertheless."""
    seen = bytearray()

    def talk(listener: socket.socket) -> None:
        with listener.accept()[0] as sock, suppress(TimeoutError):
            sock.settimeout(SECONDS)
            sock.sendall(b"220 x\r\n")
            sock.recv(4096)
            sock.sendall(b"250-x\r\n250 PIPELINING\r\n")
            while b"RCPT" not in seen and (octets := sock.recv(4096)):
                seen.extend(octets.upper())
                sock.settimeout(0.5)

    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(SECONDS)
        thread = threading.Thread(target=talk, args=[listener])
        thread.start()
        with suppress(Exception):
            client(listener.getsockname()[1], contexts()[1]).send(_message("x"), TO, (), ())
        thread.join()
    if not seen.startswith(b"MAIL"):
        raise RuntimeError(f"expected MAIL, got {bytes(seen[:40])!r}")
    return _yes(b"RCPT" in seen)


def refuses_replies_before_tls(client: type[Client]) -> str:
    """Send a second reply in the clear behind the one to STARTTLS."""
    with SMTPTestServer(tls="starttls") as server:
        server.answer("STARTTLS", b"220 x\r\n250 x\r\n")
        try:
            client(server.port, contexts()[1]).login("PLAIN")
        except RemoteProtocolError:
            return "refused"
    return "accepted"


# Servers are talked to by our client, which sends commands as they are.

MAIL: Final = b"MAIL FROM:<a@x.example>"
RCPT: Final = b"RCPT TO:<b@x.example>"


@contextmanager
def _session(server: Server, **options: Any) -> Iterator[tuple[SMTPClient, Got]]:
    with server(**options) as got:
        client = SMTPClient.connect(
            *(HOST, got.port), tls="opportunistic", timeout=SECONDS, lmtp=options.get("lmtp", False)
        )
        try:
            yield client, got
        finally:
            client.close()


def _codes(client: SMTPClient, *commands: bytes) -> list[int]:
    return [client.exchange(command + b"\r\n").code for command in commands]


def answers(*commands: bytes) -> ServerProbe:
    """See whether all *commands* are accepted after a login."""

    def probe(server: Server) -> str:
        with _session(server) as (client, _):
            client.login(USER, PASSWORD)
            return _yes(max(_codes(client, *commands)) < 400)

    return probe


def takes(keyword: str, command: str, good: str, bad: str) -> ServerProbe:
    """See whether *keyword* is offered, the *bad* parameter refused and the *good* one accepted."""
    line, before = (RCPT, [MAIL]) if command == "RCPT" else (MAIL, [])

    def probe(server: Server) -> str:
        with _session(server) as (client, _):
            *_, refused, accepted = _codes(client, *before, *(line + b" " + x.encode() for x in (bad, good)))
            return _yes(keyword in client.extensions and refused >= 500 and accepted == 250)

    return probe


def streams_in(server: Server) -> str:
    """Send a message of 160 kB, and see whether it comes in pieces."""
    with _session(server) as (client, got):
        client.send_message(LARGE, reverse_path=SENDER, forward_paths=TO)
        return _yes(len(got.pieces) > 1 and b"".join(got.pieces) == LARGE)


def answers_group(server: Server) -> str:
    """Send a group of commands at once."""
    with _session(server) as (client, _):
        is_answered = client.exchange(b"\r\n".join((MAIL, RCPT, b"RSET", b"")), 3).is_positive
        return _yes(is_answered) + ("" if client.extensions.pipelining else ", not offered")


def keeps_limits(server: Server) -> str:
    """See whether RCPTMAX is announced, and one recipient more refused."""
    with _session(server) as (client, _):
        *_, last, another = _codes(client, MAIL, *[RCPT] * (MAX_RECIPIENTS + 1))
        limits = client.extensions.limits
        return _yes(limits and limits.rcpt_max == MAX_RECIPIENTS and (last, another) == (250, 452))


def says_enhanced_code(server: Server) -> str:
    """See whether the reply to MAIL has one."""
    with _session(server) as (client, _):
        return _yes(client.exchange(MAIL + b"\r\n").enhanced_code)


def authenticates(mechanism: str) -> ServerProbe:
    """Log in with our client."""

    def probe(server: Server) -> str:
        with server(mechanism=mechanism) as got:
            with suppress(MailProtoError):
                CLIENTS["mailproto"](got.port, contexts()[1]).login(mechanism)
            return _yes(got.logins)

    return probe


def answers_each_in_lmtp(server: Server) -> str:
    """Send a message to two recipients, behind it a command that is refused: whose is the second reply."""
    with _session(server, lmtp=True) as (client, _):
        _codes(client, MAIL, RCPT, RCPT, b"DATA")
        return _yes(client.exchange(OCTETS + b".\r\nX-NONE\r\n", 2).is_positive)


def begins_behind_proxy(server: Server) -> str:
    """Send a PROXY header before anything else."""
    with server(proxy=True) as got:
        sock = socket.create_connection((HOST, got.port), SECONDS)
        sock.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1025 25\r\n")
        with suppress(MailProtoError), SMTPClient.connect(sock=sock, tls="none", timeout=SECONDS):
            return "yes"
    return "no"


def begins_under_tls(server: Server) -> str:
    """Connect by implicit TLS."""
    with server(implicit=True) as got, suppress(MailProtoError):
        options: dict[str, Any] = {"tls": "implicit", "ssl_context": contexts()[1], "timeout": SECONDS}
        with SMTPClient.connect(HOST, got.port, **options) as client:
            return _yes(_codes(client, MAIL) == [250])
    return "no"


def requires_tls_and_login(server: Server) -> str:
    """Say MAIL in the clear, under TLS, and after a login."""
    codes = []
    with server(submission=True) as got:
        with SMTPClient.connect(HOST, got.port, tls="none", timeout=SECONDS) as client:
            codes += _codes(client, MAIL)
        options: dict[str, Any] = {"tls": "starttls", "ssl_context": contexts()[1], "timeout": SECONDS}
        with SMTPClient.connect(HOST, got.port, **options) as client:
            codes += _codes(client, MAIL)
            client.login(USER, PASSWORD)
            codes += _codes(client, MAIL)
    return _yes(codes == [530, 530, 250])


def drops_commands_before_tls(server: Server) -> str:
    """Send NOOP in the clear behind STARTTLS, and QUIT under TLS: whose is the first reply."""
    with server() as got, socket.create_connection((HOST, got.port), SECONDS) as sock:
        _codes(SMTPClient.connect(sock=sock, tls="none", timeout=SECONDS), b"STARTTLS\r\nNOOP")
        sock.settimeout(SECONDS)
        with contexts()[1].wrap_socket(sock, server_hostname=HOST) as tls:
            tls.sendall(b"QUIT\r\n")
            return "dropped" if tls.recv(4096).startswith(b"221") else "answered"


def refuses_bare_newlines(server: Server) -> str:
    """Send a message with a bare LF."""
    with _session(server) as (client, _):
        return "refused" if _codes(client, MAIL, RCPT, b"DATA", b"\r\na\nb\r\n.")[-1] >= 500 else "accepted"


# The rows.

MECHANISMS: Final = (
    *("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS", "SCRAM-SHA-1"),
    *("SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512-PLUS"),
)
PARAMETERS: Final = (
    ("AUTH", "MAIL", "AUTH=<>", "AUTH=+"),
    ("DSN", "MAIL", "RET=HDRS", "RET=SOME"),
    ("DSN", "MAIL", "ENVID=x", "ENVID=+"),
    ("DSN", "RCPT", "NOTIFY=NEVER", "NOTIFY=SOMETIMES"),
    ("DSN", "RCPT", "ORCPT=rfc822;b@x.example", "ORCPT=b"),
    ("DELIVERBY", "MAIL", "BY=120;R", "BY=soon"),
    ("FUTURERELEASE", "MAIL", "HOLDFOR=60", "HOLDFOR=soon"),
    ("FUTURERELEASE", "MAIL", "HOLDUNTIL=2098-01-01T00:00:00Z", "HOLDUNTIL=soon"),
    ("MT-PRIORITY", "MAIL", "MT-PRIORITY=3", "MT-PRIORITY=high"),
    ("REQUIRETLS", "MAIL", "REQUIRETLS", "REQUIRETLS=x"),
    ("RRVS", "RCPT", "RRVS=2014-04-03T23:01:00Z", "RRVS=then"),
    ("PRDR", "MAIL", "PRDR", "PRDR=x"),
    ("NO-SOLICITING", "MAIL", "SOLICIT=org.example:x", "SOLICIT=:"),
    ("CONPERM", "MAIL", "CONPERM", "CONPERM=x"),
    ("CONNEG", "RCPT", "CONNEG", "CONNEG=x"),
    ("MTRK", "MAIL", "ENVID=1@x.example MTRK=AAECAw", "MTRK=:"),
)
"""EHLO keyword, the command, a parameter of it and a wrong one."""
COMMANDS: Final = (
    *("VRFY b", "EXPN b", "HELP", "ETRN x.example", "XCLIENT ADDR=192.0.2.1", "XFORWARD ADDR=192.0.2.1"),
)


def client_rows() -> Iterator[Row]:
    """Give what is tried of clients."""
    yield Row("SMTP with STARTTLS", "a message arrives", sends(lambda got: got.pieces))
    yield Row("Implicit TLS", "a message arrives", sends(lambda got: got.pieces, implicit=True))
    yield Row("LMTP", "a message arrives", sends(lambda got: got.pieces, lmtp=True))
    way = "one of two recipients is refused at the end, and named"
    yield Row("LMTP: a result for each recipient", way, names_refused(FULL, lmtp=True))
    yield Row("Recipients refused one by one", "one of two is refused, and named", names_refused(REFUSED))
    way = "5.1.1 of a refusal stands alone in the exception"
    yield Row("ENHANCEDSTATUSCODES", way, reads_enhanced_code)
    yield Row("PIPELINING", "RCPT comes before the answer to MAIL", pipelines)
    yield Row("SIZE", "is said unasked", sends(says(b" SIZE=")))
    probe = sends(says(b" BODY=8BITMIME"), lambda: _message("ü"))
    yield Row("8BITMIME", "is said unasked of a body in UTF-8", probe)
    probe = sends(says(b" SMTPUTF8"), to=("ü@x.example",))
    yield Row("SMTPUTF8", "is said unasked with an address in UTF-8", probe)
    probe = sends(lambda got: b"".join(got.pieces) == BINARY, lambda: BINARY, mail=("BODY=BINARYMIME",))
    yield Row("CHUNKING, BINARYMIME", "a message with NUL and a bare LF arrives as it is", probe)
    probe = sends(lambda got: b"".join(got.pieces) == OCTETS * 2, lambda: iter((OCTETS, OCTETS)))
    yield Row("A message streamed out", "an iterator of octets arrives", probe)
    for keyword, command, good, bad in PARAMETERS:
        yield Row(f"{keyword}: {good}", f"said with {command}; {bad} kept back", passes(command, good, bad))
    way = "three recipients get it where RCPTMAX is 1"
    yield Row("LIMITS", way, sends(lambda got: got.pieces == [OCTETS] * 3, lambda: OCTETS, MANY, most=1))
    for verb in ("BURL", *(line.split()[0] for line in COMMANDS)):
        probe = does(methodcaller("ask", verb), has_verb(verb.encode()))
        yield Row(verb, "a method says it", probe)
    for name in MECHANISMS:
        probe = does(methodcaller("login", name), lambda got: got.logins, mechanism=name)
        yield Row(f"AUTH {name}", "logs in where nothing else is offered", probe)
    way = "a second reply is sent with the one to STARTTLS"
    yield Row("Replies in the clear", way, refuses_replies_before_tls, peers=False)


def server_rows() -> Iterator[Row]:
    """Give what is tried of servers."""
    yield Row("SMTP with STARTTLS", "a message is accepted", answers(MAIL, RCPT, b"DATA", OCTETS + b"."))
    yield Row("Implicit TLS", "a session begins under TLS", begins_under_tls)
    way = "MAIL is refused in the clear, and under TLS before a login"
    yield Row("Submission: TLS and a login required", way, requires_tls_and_login)
    yield Row("LMTP", "a message to two recipients has two replies", answers_each_in_lmtp)
    yield Row("ENHANCEDSTATUSCODES", "stands in the reply to MAIL", says_enhanced_code)
    yield Row("PIPELINING", "commands sent together are answered", answers_group)
    probe = takes("SIZE", "MAIL", "SIZE=9", "SIZE=999999999999999")
    yield Row("SIZE", "9 octets accepted, a petabyte refused", probe)
    probe = takes("8BITMIME", "MAIL", "BODY=8BITMIME", "BODY=9BIT")
    yield Row("8BITMIME", "accepted; BODY=9BIT refused", probe)
    yield Row("SMTPUTF8", "accepted; SMTPUTF8=x refused", takes("SMTPUTF8", "MAIL", "SMTPUTF8", "SMTPUTF8=x"))
    yield Row("CHUNKING", "BDAT is accepted", answers(MAIL, RCPT, b"BDAT 3 LAST\r\nx"))
    probe = answers(MAIL + b" BODY=BINARYMIME", RCPT, b"BDAT 4 LAST\r\n\0\n")
    yield Row("BINARYMIME", "BDAT with NUL and a bare LF is accepted", probe)
    yield Row("A message streamed in", "160 kB come to the handler in pieces", streams_in)
    for keyword, command, good, bad in PARAMETERS:
        way = f"accepted with {command}; {bad} refused"
        yield Row(f"{keyword}: {good}", way, takes(keyword, command, good, bad))
    yield Row("BURL", "accepted", answers(MAIL, RCPT, b"BURL imap://x.example/a LAST"))
    for line in COMMANDS:
        yield Row(line.split()[0], "accepted", answers(line.encode()))
    yield Row("LIMITS", "RCPTMAX is announced, one recipient more refused", keeps_limits)
    for name in MECHANISMS:
        yield Row(f"AUTH {name}", "our client logs in", authenticates(name))
    yield Row("PROXY protocol", "a session begins behind a header", begins_behind_proxy)
    way = "NOOP is sent with STARTTLS"
    yield Row("Commands in the clear", way, drops_commands_before_tls, peers=False)
    yield Row("A bare LF in a message", "one is sent", refuses_bare_newlines, peers=False)


TABLES: Final = (
    Table("comparison_clients.csv", CLIENTS, tuple(client_rows())),
    Table("comparison_servers.csv", SERVERS, tuple(server_rows())),
    Table("comparison_imap.csv", PEERS, tuple(imap_rows())),
)

if __name__ == "__main__":
    for table in TABLES:
        table.write()

"""`mailproto demo`: a message goes out over SMTP, arrives over IMAP, is searched, fetched and flagged.

It starts `mailproto serve` on free ports of loopback, does everything twice, once with each adapter, prints
the dialogue of both protocols, and exits with 0 only if every step was checked.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import mailproto.asyncio
import mailproto.sync
from mailproto.cli._exit import Exit, Failure
from mailproto.cli._output import Dialogue, require
from mailproto.imap import BODYSTRUCTURE, ENVELOPE, FLAGS, FetchData, NewMessages
from mailproto.imap.search import From, Subject, Unseen

__all__ = ["add_parser"]

ALICE, BOB, PASSWORD = "alice@example.org", "bob@example.org", "correct horse"
HOST: Final = "127.0.0.1"
TEXT: Final = "At noon, by the fountain.\n.a line that begins with a dot\n"
CRLF_TEXT: Final = TEXT.replace("\n", "\r\n").encode()
MARKS: Final = frozenset({r"\Seen", r"\Flagged", "$Lunch"})
EXPECTED_CHECKS: Final = 22
"""Both halves check eleven things; fewer mean that one was skipped."""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo", help="see mail go out and arrive", description=__doc__
    )
    parser.set_defaults(run=run)


@dataclass(slots=True)
class Steps:
    """What was checked; a check that fails ends the demo."""

    passed: list[str] = field(default_factory=list)

    def check(self, is_true: object, what: str) -> None:
        """Note that *what* holds, or raise Failure."""
        if not is_true:
            raise Failure(f"demo: not so: {what}", Exit.REFUSED)
        self.passed.append(what)
        print(f"   ok: {what}")


@dataclass(frozen=True, slots=True)
class MailServer:
    """The running system: ports by service, and a context that trusts its certificate."""

    ports: dict[str, int]
    context: ssl.SSLContext


def run(arguments: argparse.Namespace) -> int:
    """Run both halves; the result is DONE only if each check of both was made and held."""
    require("trustme", "the demo, which talks TLS with a certificate of its own,")
    steps = Steps()
    with running_server() as server:
        print("\n== blocking sockets: mailproto.sync")
        show_sync(server, steps)
        print("\n== asyncio: mailproto.asyncio")
        asyncio.run(show_asyncio(server, steps))
    if len(steps.passed) != EXPECTED_CHECKS:
        raise Failure(f"demo: {len(steps.passed)} checks of {EXPECTED_CHECKS} were made", Exit.REFUSED)
    print(f"\nall {len(steps.passed)} checks hold")
    return Exit.DONE


@contextmanager
def running_server() -> Iterator[MailServer]:
    """Run `mailproto serve` with two users while the block runs, and see it end cleanly."""
    with tempfile.TemporaryDirectory() as folder:
        context = write_certificate(Path(folder))
        command = [sys.executable, "-m", "mailproto", "serve", "--smtp", f"{HOST}:0", "--imaps", f"{HOST}:0"]
        command += ["--user", f"{ALICE}:{PASSWORD}", "--user", f"{BOB}:{PASSWORD}", "--hostname", "localhost"]
        command += ["--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem"]
        print(f"$ mailproto serve --smtp {HOST}:0 --imaps {HOST}:0 --user ... --tls-cert ... --tls-key ...")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield MailServer(dict(listeners(process)), context)
            finally:
                process.terminate()
    if process.returncode:
        raise Failure(f"demo: mailproto serve ended with {process.returncode}", Exit.REFUSED)


def write_certificate(folder: Path) -> ssl.SSLContext:
    """Write a certificate for loopback and its key; return a client's context that trusts it."""
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("localhost", HOST)
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def listeners(process: subprocess.Popen[str]) -> Iterator[tuple[str, int]]:
    """Yield service and port of each line `listening SERVICE HOST:PORT`, until `ready`."""
    for line in process.stdout or ():
        print(line, end="")
        if line == "ready\n":
            return
        _, service, address = line.split()
        yield service, int(address.rpartition(":")[2])
    raise Failure("demo: mailproto serve ended before it was ready", Exit.REFUSED)


def message_for(subject: str) -> EmailMessage:
    """Return a message with text, HTML and a subject beyond ASCII."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = f"Alice <{ALICE}>", BOB, subject
    message.set_content(TEXT)
    message.add_alternative("<p>At noon, by the fountain.</p>", subtype="html")
    return message


def trace(protocol: str) -> Dialogue:
    """Return a trace that prints the dialogue of *protocol*."""
    return Dialogue(label=f"{protocol} ", file=sys.stdout)


def check_structure(steps: Steps, message: FetchData, subject: str) -> None:
    """Check the ENVELOPE and the BODYSTRUCTURE of what was sent."""
    steps.check(message.envelope.subject_text == subject, "ENVELOPE has the subject that was sent")
    steps.check(message.envelope.from_[0].mailbox == b"alice", "ENVELOPE has the sender")
    types = [part.content_type for _, part in message.body_structure.walk()]
    steps.check("text/html" in types, f"BODYSTRUCTURE has the parts: {', '.join(types)}")


def show_sync(server: MailServer, steps: Steps) -> None:
    """Send, wait, search, fetch and flag over blocking sockets."""
    subject = "Mittagessen am Brunnen? (sync) 🥪"
    with mailproto.sync.IMAPClient.connect(
        HOST, server.ports["imaps"], ssl_context=server.context, trace=trace("IMAP")
    ) as imap:
        imap.login(BOB, PASSWORD)
        before = imap.select("INBOX").exists or 0
        with imap.idle() as updates:
            send_sync(server, steps, subject)
            update = next(update for update in updates if isinstance(update, NewMessages))
        steps.check(len(update.uids) == 1, "IDLE reports one new message while it is delivered")
        uids = imap.uid_search(Unseen() & From("alice") & Subject("Brunnen? (sync)"))
        steps.check(uids == update.uids, "SEARCH finds it by sender, subject and flag")
        [message] = imap.uid_fetch(uids, FLAGS, ENVELOPE, BODYSTRUCTURE).all()
        check_structure(steps, message, subject)
        with imap.download(uids.last(1), "1", decode=True) as part:
            text = part.read()
        steps.check(text == CRLF_TEXT, "part 1 is the text, dots and all")
        imap.uid_store(uids, "+FLAGS", MARKS)
        [message] = imap.uid_fetch(uids, FLAGS).all()
        steps.check(message.flags >= MARKS, "STORE has set the flags")
        steps.check(not imap.uid_search(Unseen()), "nothing is unseen any more")
        steps.check(imap.poll() is not None and imap.is_open, "the session is in good order")
        after = imap.select("INBOX").exists
        steps.check(after == before + 1, f"INBOX went from {before} to {after} messages")
        imap.logout()


def send_sync(server: MailServer, steps: Steps, subject: str) -> None:
    """Send one message, after STARTTLS and a login."""
    with mailproto.sync.SMTPClient.connect(
        HOST, server.ports["smtp"], tls="starttls", ssl_context=server.context, trace=trace("SMTP")
    ) as smtp:
        smtp.login(ALICE, PASSWORD)
        result = smtp.send_message(message_for(subject))
        steps.check(result.accepted == (BOB,) and not result.refused, "the SMTP server accepts the message")


async def show_asyncio(server: MailServer, steps: Steps) -> None:
    """Do the same with asyncio."""
    subject = "Mittagessen am Brunnen? (asyncio) 🥪"
    async with mailproto.asyncio.IMAPClient.connect(
        HOST, server.ports["imaps"], ssl_context=server.context, trace=trace("IMAP")
    ) as imap:
        await imap.login(BOB, PASSWORD)
        before = (await imap.select("INBOX")).exists or 0
        async with imap.idle() as updates:
            await send_asyncio(server, steps, subject)
            update = await anext(updates)
            while not isinstance(update, NewMessages):
                update = await anext(updates)
        steps.check(len(update.uids) == 1, "IDLE reports one new message while it is delivered")
        uids = await imap.uid_search(Unseen() & From("alice") & Subject("Brunnen? (asyncio)"))
        steps.check(uids == update.uids, "SEARCH finds it by sender, subject and flag")
        [message] = await imap.uid_fetch(uids, FLAGS, ENVELOPE, BODYSTRUCTURE).all()
        check_structure(steps, message, subject)
        async with imap.download(uids.last(1), "1", decode=True) as part:
            text = await part.read()
        steps.check(text == CRLF_TEXT, "part 1 is the text, dots and all")
        await imap.uid_store(uids, "+FLAGS", MARKS)
        [message] = await imap.uid_fetch(uids, FLAGS).all()
        steps.check(message.flags >= MARKS, "STORE has set the flags")
        steps.check(not await imap.uid_search(Unseen()), "nothing is unseen any more")
        steps.check(await imap.poll() is not None and imap.is_open, "the session is in good order")
        after = (await imap.select("INBOX")).exists
        steps.check(after == before + 1, f"INBOX went from {before} to {after} messages")
        await imap.logout()


async def send_asyncio(server: MailServer, steps: Steps, subject: str) -> None:
    """Send one message, after STARTTLS and a login."""
    async with mailproto.asyncio.SMTPClient.connect(
        HOST, server.ports["smtp"], tls="starttls", ssl_context=server.context, trace=trace("SMTP")
    ) as smtp:
        await smtp.login(ALICE, PASSWORD)
        result = await smtp.send_message(message_for(subject))
        steps.check(result.accepted == (BOB,) and not result.refused, "the SMTP server accepts the message")

"""`mailproto imap URL`: list mailboxes, list messages, fetch one, save all, from any server."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from mailproto.cli._backup import back_up
from mailproto.cli._exit import Exit, Failure
from mailproto.cli._output import Dialogue, print_table, with_progress
from mailproto.cli._server_url import (
    ServerURL,
    add_connection_options,
    parse_server_url,
    ssl_context,
    tls_mode,
)
from mailproto.imap import ENVELOPE, FLAGS, INTERNALDATE, RFC822_SIZE, FetchData
from mailproto.imap.search import All, Text
from mailproto.sync import IMAPClient

__all__ = ["add_parser"]


class _InThePlace(argparse.Action):
    """An option that stands in the place of positional arguments, which it makes needless."""

    def __init__(self, *args: Any, replaced: Sequence[argparse.Action], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._replaced = replaced

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option: Any = None) -> None:
        setattr(namespace, self.dest, values)
        for action in self._replaced:
            action.required = False


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "imap", help="list and fetch mail", description=__doc__
    )
    url = parser.add_argument(
        "url", metavar="URL", help="imap:// or imaps://user[:password]@host[:port][/MAILBOX]"
    )
    add_connection_options(parser)
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    backup = parser.add_argument_group("backup, in the place of URL and ACTION")
    backup.add_argument(
        "--backup",
        action=_InThePlace,
        replaced=(url, actions),
        nargs=2,
        metavar=("URL", "DIR"),
        help="save the mailbox of the URL, or all of them, to a folder; the next time only what is new",
    )
    backup.add_argument("--prune", action="store_true", help="remove what is gone on the server from DIR too")
    mailboxes = actions.add_parser("mailboxes", help="list mailboxes")
    mailboxes.add_argument("pattern", nargs="?", default="*", help="with the wildcards * and %%")
    mailboxes.set_defaults(action=list_mailboxes)
    messages = actions.add_parser("messages", help="list the messages of the mailbox")
    messages.add_argument("--search", metavar="TEXT", help="only those that hold TEXT")
    messages.add_argument("--last", type=int, default=50, metavar="N", help="the newest N (default: 50)")
    messages.set_defaults(action=list_messages)
    fetch = actions.add_parser("fetch", help="print a message, or a part of one")
    fetch.add_argument("uid", type=int)
    fetch.add_argument("--part", default="", metavar="NUMBER", help="such as 1.2, decoded; default: all")
    fetch.add_argument("--output", metavar="FILE", help="default: standard output")
    fetch.set_defaults(action=fetch_message)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Connect, log in and do what was asked for."""
    if arguments.backup is not None:
        if arguments.url is not None:
            raise Failure("expected --backup URL DIR, or URL ACTION, not both")
        arguments.url, arguments.action = arguments.backup[0], save_mailboxes
    elif arguments.prune:
        raise Failure("expected --prune only beside --backup")
    url = parse_server_url(arguments.url, ("imap", "imaps"))
    if url.user is None:
        raise Failure("expected a URL with a user: imaps://user@host")
    with IMAPClient.connect(
        url.host,
        url.port,
        tls=tls_mode(url, arguments),
        ssl_context=ssl_context(arguments),
        timeout=arguments.timeout,
        trace=Dialogue() if arguments.trace else None,
    ) as imap:
        imap.login(url.user, url.ask_password(), allow_cleartext=arguments.allow_cleartext_login)
        action: Callable[[IMAPClient, ServerURL, argparse.Namespace], Exit | None] = arguments.action
        done = action(imap, url, arguments)
        imap.logout()
    return done or Exit.DONE


def save_mailboxes(imap: IMAPClient, url: ServerURL, arguments: argparse.Namespace) -> Exit | None:
    """Save mailboxes to a folder, and print one line each: how many messages are new, changed and gone."""
    folder = Path(arguments.backup[1])
    try:
        is_whole = back_up(imap, folder, url.mailbox, prune=arguments.prune)
    except sqlite3.Error as error:
        raise Failure(f"{folder}: {error}", Exit.REFUSED) from error
    return None if is_whole else Exit.REFUSED


def list_mailboxes(imap: IMAPClient, url: ServerURL, arguments: argparse.Namespace) -> None:
    """Print one line a mailbox: attributes and name."""
    listed = imap.list("", arguments.pattern)
    print_table(
        ("attributes", "mailbox"), ((" ".join(sorted(row.attributes)), row.mailbox) for row in listed)
    )


def list_messages(imap: IMAPClient, url: ServerURL, arguments: argparse.Namespace) -> None:
    """Print one line a message: UID, flags, date, size, from, subject."""
    imap.examine(url.mailbox or "INBOX")
    uids = imap.uid_search(Text(arguments.search) if arguments.search else All()).last(arguments.last)
    items = FLAGS, INTERNALDATE, RFC822_SIZE, ENVELOPE
    messages = imap.uid_fetch(uids, *items) if uids else ()
    print_table(COLUMNS, (_row(message) for message in messages))


COLUMNS: Final = ("uid", "flags", "date", "octets", "from", "subject")


def _row(message: FetchData) -> tuple[str, ...]:
    envelope = message.envelope
    sender = envelope.from_[0].name_text or envelope.from_[0].address if envelope.from_ else ""
    return (
        str(message.uid),
        " ".join(sorted(message.flags)),
        f"{message.internal_date:%Y-%m-%d %H:%M}",
        str(message.size),
        sender or "",
        envelope.subject_text or "",
    )


def fetch_message(imap: IMAPClient, url: ServerURL, arguments: argparse.Namespace) -> None:
    """Stream a message, or one part decoded, to a file or to standard output."""
    imap.examine(url.mailbox or "INBOX")
    with ExitStack() as stack:
        part = stack.enter_context(imap.download(arguments.uid, arguments.part, decode=bool(arguments.part)))
        sink = (
            stack.enter_context(Path(arguments.output).open("wb")) if arguments.output else sys.stdout.buffer
        )
        chunks: Iterator[bytes] = iter(part)
        for chunk in with_progress(chunks, part.total, "fetching"):
            sink.write(chunk)
        sink.flush()
        for defect in part.defects:
            # A rule says what was expected.
            print(f"mailproto: octet {defect.offset} of the part: expected {defect.rule}", file=sys.stderr)

"""`mailproto send URL`: send a message file through any server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

from mailproto.cli._exit import Exit
from mailproto.cli._output import Dialogue, with_progress
from mailproto.cli._server_url import add_connection_options, parse_server_url, ssl_context, tls_mode
from mailproto.sync import SMTPClient

__all__ = ["add_parser"]

CHUNK: Final = 65_536


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "send", help="send a message file", description=__doc__
    )
    parser.add_argument(
        "url", metavar="URL", help="smtp://, smtps:// or lmtp://[user[:password]@]host[:port]"
    )
    parser.add_argument("file", metavar="FILE", help="the message; -: standard input")
    parser.add_argument("--from", dest="reverse_path", metavar="ADDRESS", default="", help="default: <>")
    parser.add_argument(
        "--to",
        dest="forward_paths",
        metavar="ADDRESS",
        action="append",
        required=True,
        help="may be repeated",
    )
    add_connection_options(parser, "opportunistic")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Send; the result is REFUSED if any recipient was."""
    url = parse_server_url(arguments.url, ("smtp", "smtps", "lmtp"))
    with ExitStack() as stack:
        file = _opened(arguments.file, stack)
        smtp = stack.enter_context(
            SMTPClient.connect(
                url.host,
                url.port,
                tls=tls_mode(url, arguments),
                ssl_context=ssl_context(arguments),
                lmtp=url.scheme == "lmtp",
                timeout=arguments.timeout,
                trace=Dialogue() if arguments.trace else None,
            )
        )
        if url.user is not None:
            password = url.ask_password()
            smtp.login(url.user, password, allow_cleartext=arguments.allow_cleartext_login)
        result = smtp.send_message(
            with_progress(_chunks(file), _size(arguments.file), "sending"),
            reverse_path=arguments.reverse_path,
            forward_paths=arguments.forward_paths,
            body="8BITMIME" if smtp.extensions.eight_bit_mime else "7BIT",
        )
    for recipient in arguments.forward_paths:
        reply = result.refused.get(recipient)
        print(f"refused\t{recipient}\t{reply.code} {reply.text}" if reply else f"accepted\t{recipient}")
    return Exit.REFUSED if result.refused else Exit.DONE


def _opened(name: str, stack: ExitStack) -> BinaryIO:
    return sys.stdin.buffer if name == "-" else stack.enter_context(Path(name).open("rb"))


def _size(name: str) -> int | None:
    return None if name == "-" else Path(name).stat().st_size


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk

"""The command line: `mailproto serve`, `demo`, `send` and `imap`, one file a subcommand.

Exit codes, for scripts: 0 done; 1 the server refused; 2 the call's words are off; 3 no connection, or it was
lost; 4 something is not installed; 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import mailproto
from mailproto.cli._exit import Exit, Failure
from mailproto.errors import CommandError, ConnectionClosed, MailProtoError

__all__ = ["main"]

SUBCOMMANDS: Final = ("serve", "demo", "send", "imap")
EXIT_BY_ERROR: Final[tuple[tuple[type[Exception], Exit], ...]] = (
    (CommandError, Exit.REFUSED),
    (ConnectionClosed, Exit.NO_CONNECTION),
    (MailProtoError, Exit.REFUSED),
    (OSError, Exit.NO_CONNECTION),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on *arguments* (default: those of the process) and return its exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Failure as failure:
        return _complain(str(failure), failure.code)
    except (MailProtoError, OSError) as error:
        code = next(code for kind, code in EXIT_BY_ERROR if isinstance(error, kind))
        return _complain(str(error) or type(error).__name__, code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mailproto", description="SMTP, LMTP and IMAP at both ends.")
    parser.add_argument("--version", action="version", version=f"mailproto {mailproto.__version__}")
    subparsers = parser.add_subparsers(title="subcommands", required=True, metavar="SUBCOMMAND")
    for name in SUBCOMMANDS:
        import_module(f"mailproto.cli.{name}").add_parser(subparsers)
    return parser


def _complain(message: str, code: Exit) -> int:
    print(f"mailproto: {message}", file=sys.stderr)
    return code

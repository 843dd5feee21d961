"""An IMAP server that says what it is told to, for `bench.compare_imap`; it keeps and checks nothing."""

from __future__ import annotations

import re
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedRWPair
from typing import Final

__all__ = ["Heard", "scripted"]

HOST: Final = "127.0.0.1"
SECONDS: Final = 10.0
CAPABILITIES: Final = (
    b"IMAP4rev1 AUTH=PLAIN SASL-IR ENABLE ID IDLE NAMESPACE UIDPLUS MOVE UNSELECT CHILDREN ESEARCH SEARCHRES"
    b" PARTIAL WITHIN SORT SORT=DISPLAY THREAD=REFERENCES ESORT CONDSTORE QRESYNC LIST-EXTENDED LIST-STATUS"
    b" SPECIAL-USE CREATE-SPECIAL-USE QUOTA ACL RIGHTS=texk METADATA BINARY CATENATE MULTIAPPEND REPLACE"
    b" URLAUTH OBJECTID SAVEDATE PREVIEW STATUS=SIZE UTF8=ACCEPT LANGUAGE I18NLEVEL=2 X-GM-EXT-1 XLIST"
    b" MULTISEARCH UNAUTHENTICATE JMAPACCESS LITERAL+"
)
SELECTED: Final = (
    *(rb"* FLAGS (\Seen \Deleted)", b"* 3 EXISTS", b"* 0 RECENT", b"* OK [UIDVALIDITY 9] ok"),
    *(b"* OK [UIDNEXT 8] ok", b"* OK [HIGHESTMODSEQ 40] ok"),
)
USUAL: Final[Mapping[bytes, Sequence[bytes]]] = {
    b"CAPABILITY": [b"* CAPABILITY " + CAPABILITIES],
    b"LOGIN": [b"%t OK [CAPABILITY " + CAPABILITIES + b"] logged in"],
    b"AUTHENTICATE": [b"%t OK [CAPABILITY " + CAPABILITIES + b"] logged in"],
    b"SELECT": [*SELECTED, b"%t OK [READ-WRITE] done"],
    b"LOGOUT": [b"* BYE then"],
}
_LITERAL: Final = re.compile(rb"\{(\d+)(\+?)\}\r\n\Z")


@dataclass(slots=True)
class Heard:
    """The port, and each command that came, whole, without its tag; whether two came at once."""

    port: int = 0
    commands: list[bytes] = field(default_factory=list)
    together: bool = False

    def has(self, pattern: bytes) -> bool:
        """Return whether a command has this in it, in any case of letters."""
        return any(re.search(pattern, command, re.IGNORECASE | re.DOTALL) for command in self.commands)


@contextmanager
def scripted(answers: Mapping[bytes, Sequence[bytes]], *, holds: bytes = b"") -> Iterator[Heard]:
    """Serve one connection: a command gets the lines that *answers* have for its name, and OK.

    A line that begins with `%t` is the tagged answer. Within IDLE it says that there are four messages. A
    command that is named *holds* is answered when another one has come, or after half a second.
    """
    heard = Heard()
    with socket.create_server((HOST, 0)) as listener:
        heard.port = listener.getsockname()[1]
        listener.settimeout(SECONDS)
        thread = threading.Thread(target=_serve, args=(listener, heard, {**USUAL, **answers}, holds))
        thread.start()
        try:
            yield heard
        finally:
            listener.close()
            thread.join()


def _serve(
    listener: socket.socket, heard: Heard, answers: Mapping[bytes, Sequence[bytes]], holds: bytes
) -> None:
    with suppress(OSError), listener.accept()[0] as sock, sock.makefile("rwb") as file:
        sock.settimeout(SECONDS)
        _say(file, b"* OK [CAPABILITY " + CAPABILITIES + b"] ready")
        while line := file.readline():
            tag, _, command = _whole(file, line).partition(b" ")
            heard.commands.append(command)
            name = _name_of(command)
            if name == b"IDLE":
                _say(file, b"+ idling")
                time.sleep(0.1)  # IMAPClient does not look at what came along
                _say(file, b"* 4 EXISTS")
                file.readline()
            if name == holds:
                heard.together = _has_more(sock, file)
                holds = b""
            lines = [text.replace(b"%t", tag, 1) for text in answers.get(name, ())]
            if not any(text.startswith(tag + b" ") for text in lines):
                lines.append(tag + b" OK done")
            _say(file, *lines)


def _whole(file: BufferedRWPair, line: bytes) -> bytes:
    while (found := _LITERAL.search(line)) is not None:
        if not found[2]:
            _say(file, b"+ go on")
        line += file.read(int(found[1])) + file.readline()
    return line[:-2]


def _name_of(command: bytes) -> bytes:
    first, _, rest = command.upper().partition(b" ")
    return b"UID " + rest.split(b" ")[0] if first == b"UID" else first


def _say(file: BufferedRWPair, *lines: bytes) -> None:
    file.write(b"".join(line + b"\r\n" for line in lines))
    file.flush()


def _has_more(sock: socket.socket, file: BufferedRWPair) -> bool:
    """Return whether more has come, or comes within half a second."""
    sock.setblocking(False)
    has_more = bool(file.peek(1)) or bool(select.select([sock], [], [], 0.5)[0])
    sock.settimeout(SECONDS)
    return has_more

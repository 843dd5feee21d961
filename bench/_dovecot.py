"""A private Dovecot with a large mailbox, and filling any IMAP server through imaplib."""

from __future__ import annotations

import imaplib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench._processes import free_port, running
from bench._reading import ITEMS

__all__ = ["PASSWORD", "USER", "append_large", "count", "fill", "running_dovecot", "version", "warm"]

USER, PASSWORD = "bench", "pass"
CONFIGURATION = """\
base_dir = {base}/run
state_dir = {base}/run
log_path = {base}/log
listen = 127.0.0.1
protocols = imap
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = mdbox:{base}/mail/%u
mail_fsync = never
passdb {{
  driver = static
  args = password=pass
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={base}/mail/%u allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


@contextmanager
def running_dovecot() -> Iterator[int]:
    """Run Dovecot in a temporary folder while the block runs; yield its port."""
    executable = shutil.which("dovecot", path="/usr/sbin:/usr/bin:/sbin")
    if executable is None:
        raise SystemExit("make bench needs Dovecot (Debian: apt-get install dovecot-imapd)")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        base.chmod(0o755)
        (base / "run").mkdir()
        (base / "mail").mkdir(mode=0o777)
        (base / "mail").chmod(0o777)
        port = free_port()
        (base / "dovecot.conf").write_text(CONFIGURATION.format(base=base, port=port))
        with running([executable, "-F", "-c", str(base / "dovecot.conf")], port):
            yield port


def fill(port: int, messages: Iterable[bytes], user: str = USER, password: str = PASSWORD) -> None:
    """Append *messages* to INBOX, many to one write: LITERAL+ spares a round trip each."""
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(user, password)
        batch: list[bytes] = []
        for octets in messages:
            batch.append(b"x APPEND INBOX {%d+}\r\n%s\r\n" % (len(octets), octets))
            if len(batch) == 100:
                _append(imap, batch)
        _append(imap, batch)


def _append(imap: imaplib.IMAP4, batch: list[bytes]) -> None:
    imap.send(b"".join(batch))
    done = 0
    while done < len(batch):
        line = imap.readline()
        if line.startswith(b"x "):
            if not line.startswith(b"x OK"):
                raise RuntimeError(repr(line))
            done += 1
    batch.clear()


def append_large(port: int, size: int) -> int:
    """Append one message of *size* octets to the INBOX of the bench user and return its UID."""
    line = b"0123456789" * 7 + b"\r\n"
    fill(port, [b"Subject: large\r\n\r\n" + line * (size // len(line))])
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(USER, PASSWORD)
        imap.select("INBOX")
        return int(imap.uid("SEARCH", "LARGER", str(size // 2))[1][0])


def warm(port: int) -> None:
    """Let Dovecot say everything that is asked for later once, so that it has it in its cache."""
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(USER, PASSWORD)
        imap.select("INBOX")
        imap.uid("FETCH", "1:*", f"({' '.join(ITEMS)})")


def count(port: int, user: str, password: str) -> int:
    """Return how many messages INBOX holds."""
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(user, password)
        return int(imap.select("INBOX")[1][0] or 0)


def version() -> str:
    """Return the version of Dovecot in words."""
    executable = shutil.which("dovecot", path="/usr/sbin:/usr/bin:/sbin") or "dovecot"
    printed = subprocess.run([executable, "--version"], capture_output=True, text=True, check=False).stdout
    return f"Dovecot {printed.split()[0]}" if printed else "no Dovecot"

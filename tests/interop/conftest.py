"""Real software on the other side: `mailproto serve` as a process, Dovecot, smtp-sink.

Everything listens on loopback, on free high ports, in a temporary folder; what is started here is ended
here, by its pid. A program that is not installed skips its tests, except in CI, where it is a failure.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support_interop import (
    OTHER,
    PASSWORD,
    USER,
    MailServer,
    free_port,
    program,
    start_mail_server,
    stop,
    wait_for_port,
)
from support_lines import authority

DOVECOT_CONF = """\
base_dir = {base}/run
state_dir = {base}/run
log_path = {base}/dovecot.log
listen = 127.0.0.1
protocols = imap
ssl = yes
ssl_cert = <{base}/cert.pem
ssl_key = <{base}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 anonymous
auth_anonymous_username = guest
auth_failure_delay = 0
first_valid_uid = 1
mail_location = mdbox:{base}/mail/%u
mail_max_userip_connections = 200
mail_fsync = never
passdb {{
  driver = static
  args = password=pass
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={base}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.interop)


LISTENERS = [
    option
    for service in ("smtp", "lmtp", "smtps", "imap", "imaps")
    for option in (f"--{service}", "127.0.0.1:0")
]


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A certificate for localhost and 127.0.0.1: the paths of certificate, key and authority."""
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    paths = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    issued.cert_chain_pems[0].write_to_path(paths[0])
    issued.private_key_pem.write_to_path(paths[1])
    authority.cert_pem.write_to_path(paths[2])
    return paths


@pytest.fixture(params=["memory", "sqlite"])
def mail_server(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: tuple[Path, Path, Path]
) -> Iterator[MailServer]:
    """Start `mailproto serve` with every listener, TLS and two users, over each store."""
    store = "memory" if request.param == "memory" else f"sqlite:{tmp_path / 'mail.db'}"
    server = start_mail_server(
        *LISTENERS,
        *("--user", f"{USER}:{PASSWORD}", "--user", f"{OTHER}:{PASSWORD}"),
        *("--store", store, "--allow-cleartext-login"),
        *("--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1])),
    )
    server.certificate = certificate[2]
    try:
        yield server
    finally:
        assert stop(server.process) == 0, "mailproto serve must end cleanly on SIGTERM"


@pytest.fixture(scope="session")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a private Dovecot: any user, password "pass"; `localhost` has a certificate."""
    executable = program("dovecot")
    base = tmp_path_factory.mktemp("dovecot")
    for folder in (base, *base.parents):
        if folder.owner() != "root" or folder == Path("/tmp"):
            break
        folder.chmod(0o755)
    for name in ("run", "mail"):
        (base / name).mkdir()
    (base / "mail").chmod(0o777)
    issued = authority().issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(base / "cert.pem")
    issued.private_key_pem.write_to_path(base / "key.pem")
    port = free_port()
    configuration = base / "dovecot.conf"
    configuration.write_text(DOVECOT_CONF.format(base=base, port=port))
    process = subprocess.Popen([executable, "-F", "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield port
    finally:
        stop(process)


@pytest.fixture
def smtp_sink() -> Iterator[int]:
    """The port of an smtp-sink, which accepts anything and keeps nothing."""
    executable = program("smtp-sink")
    port = free_port()
    process = subprocess.Popen([executable, "-u", "nobody", f"127.0.0.1:{port}", "64"])
    try:
        wait_for_port(port, process)
        yield port
    finally:
        stop(process)

"""Real software on the other side: `mailproto serve` as a process, Dovecot, smtp-sink.

Everything listens on loopback, on free high ports, in a temporary folder; what is started here is ended
here, by its pid. A program that is not installed skips its tests, except in CI, where it is a failure.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support_arrivals import ROUTES, SERVICES, Receiver, receiving
from support_imap_products import Product, cyrus_running, pymap_running
from support_interop import (
    OTHER,
    PASSWORD,
    USER,
    Certificate,
    Dovecot,
    MailServer,
    free_port,
    private_folder,
    program,
    start_mail_server,
    stop,
    wait_for_port,
)
from support_lines import authority, client_context
from support_mta import MTAS, Route, RunningMTA, relaying
from support_smtp_servers import KINDS

DOVECOT_CONF = """\
base_dir = {base}/run
state_dir = {base}/run
log_path = {base}/dovecot.log
listen = 127.0.0.1
protocols = imap lmtp
mail_plugins = zlib acl quota
protocol imap {{
  mail_plugins = zlib acl quota imap_zlib imap_acl imap_quota
}}
imap_metadata = yes
imap_urlauth_host = localhost
mail_attribute_dict = file:{base}/mail/%u/attributes
plugin {{
  acl = vfile
  quota = count:User quota
  quota_rule = *:storage=100M:messages=1000
  quota_vsizes = yes
}}
postmaster_address = postmaster@example.org
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
  args = password=pass nologin=y host=elsewhere.example.org port=1143
  username_filter = moved@*
}}
passdb {{
  driver = static
  args = password=pass
  username_filter = !nobody@*
}}
passdb {{
  driver = passwd-file
  args = /dev/null
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={base}/mail/%u
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
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp_port}
  }}
  unix_listener lmtp {{
    mode = 0666
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


@pytest.fixture(scope="session")
def certificate() -> Iterator[Certificate]:
    """A certificate for localhost and 127.0.0.1; servers that are not root may read its key."""
    import trustme

    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    with private_folder("certificate") as folder:
        files = Certificate(folder / "chain.pem", folder / "key.pem", folder / "authority.pem")
        issued.cert_chain_pems[0].write_to_path(files.chain)
        issued.private_key_pem.write_to_path(files.key)
        authority.cert_pem.write_to_path(files.authority)
        files.key.chmod(0o644)
        yield files


@pytest.fixture(params=["memory", "sqlite"])
def mail_server(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: Certificate
) -> Iterator[MailServer]:
    """Start `mailproto serve` with every listener, TLS and two users, over each store."""
    store = "memory" if request.param == "memory" else f"sqlite:{tmp_path / 'mail.db'}"
    server = start_mail_server(
        *LISTENERS,
        *("--user", f"{USER}:{PASSWORD}", "--user", f"{OTHER}:{PASSWORD}"),
        *("--store", store, "--allow-cleartext-login"),
        *("--tls-cert", str(certificate.chain), "--tls-key", str(certificate.key)),
    )
    server.certificate = certificate.authority
    try:
        yield server
    finally:
        assert stop(server.process) == 0, "mailproto serve must end cleanly on SIGTERM"


@pytest.fixture(scope="session")
def dovecot_server() -> Iterator[Dovecot]:
    """A private Dovecot."""
    executable = program("dovecot")
    program("lmtp")
    with private_folder("dovecot") as base:
        for name in ("run", "mail"):
            (base / name).mkdir()
        (base / "mail").chmod(0o777)
        issued = authority().issue_cert("localhost", "127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(base / "cert.pem")
        issued.private_key_pem.write_to_path(base / "key.pem")
        running = Dovecot(free_port(), free_port(), base / "run/lmtp")
        configuration = base / "dovecot.conf"
        configuration.write_text(
            DOVECOT_CONF.format(base=base, port=running.imap_port, lmtp_port=running.lmtp_port)
        )
        process = subprocess.Popen([executable, "-F", "-c", str(configuration)], stderr=subprocess.DEVNULL)
        try:
            wait_for_port(running.imap_port, process)
            yield running
        finally:
            stop(process)


@pytest.fixture(scope="session")
def dovecot(dovecot_server: Dovecot) -> int:
    """The port of a private Dovecot: any user, password "pass"; `localhost` has a certificate."""
    return dovecot_server.imap_port


@pytest.fixture(scope="session")
def dovecot_product(dovecot: int) -> Product:
    """The private Dovecot, as one of three."""
    return Product("Dovecot", dovecot, client_context())


@pytest.fixture(scope="session")
def cyrus_product(certificate: Certificate) -> Iterator[Product]:
    """A private Cyrus."""
    with cyrus_running(certificate) as product:
        yield product


@pytest.fixture(scope="session")
def pymap_product(certificate: Certificate) -> Iterator[Product]:
    """A private pymap."""
    with pymap_running(certificate) as product:
        yield product


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


@pytest.fixture(scope="session")
def receivers(certificate: Certificate) -> Iterator[dict[tuple[str, str], Receiver]]:
    """Our servers of each kind and service, where mail arrives."""
    with private_folder("receivers") as folder, contextlib.ExitStack() as stack:
        yield {
            (kind, service): stack.enter_context(receiving(kind, service, certificate, folder))
            for kind in KINDS
            for service in SERVICES
        }


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The adapter of our client and our server."""
    return str(request.param)


@pytest.fixture(scope="session")
def routes(receivers: dict[tuple[str, str], Receiver]) -> list[Route]:
    """To each receiver the mail for ROUTE.KIND.example, and by STARTTLS that for tls.KIND.example."""
    return [
        Route(
            domain=f"{name}.{kind}.example",
            port=target.port,
            path=target.path,
            lmtp=target.lmtp,
            tls=name == "tls",
        )
        for name, service in ROUTES.items()
        for kind in KINDS
        for target in [receivers[kind, service]]
    ]


@pytest.fixture(scope="session")
def postfix(routes: list[Route], certificate: Certificate) -> Iterator[RunningMTA]:
    """A Postfix that relays to our servers."""
    with relaying("postfix", routes, certificate) as running:
        yield running


@pytest.fixture(scope="session")
def exim(routes: list[Route], certificate: Certificate) -> Iterator[RunningMTA]:
    """An Exim that relays to our servers, by BDAT where that is offered."""
    with relaying("exim", routes, certificate) as running:
        yield running


@pytest.fixture(scope="session")
def opensmtpd(routes: list[Route], certificate: Certificate) -> Iterator[RunningMTA]:
    """An OpenSMTPD that relays to our servers."""
    with relaying("opensmtpd", routes, certificate) as running:
        yield running


@pytest.fixture(params=MTAS)
def mta(request: pytest.FixtureRequest) -> RunningMTA:
    """Each of the three."""
    running: RunningMTA = request.getfixturevalue(request.param)
    return running

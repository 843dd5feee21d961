"""Postfix, Exim and OpenSMTPD, each with a configuration, spool and queue of its own, relaying by domain.

All but nobody@ are taken as recipients, from anybody. Exim knows the user "user" with the password "pass".

They run as root in namespaces of their own: their /etc, /var/spool, /var/lib and /run are folders below the
temporary one, and with the first process all others end. Nothing is written elsewhere, no user is added to
the system, and an MTA that the system itself runs is never met.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent
from typing import Final

import pytest

from support_interop import Certificate, free_port, private_folder, program, wait_for_port

__all__ = ["MTAS", "Route", "RunningMTA", "relaying"]

USERS: Final = {"Debian-exim": 901, "opensmtpd": 902, "opensmtpq": 903}
"""The users whose names are compiled in; those of Postfix come with its package."""

FILES: Final = ("services", "nsswitch.conf", "ld.so.cache", "localtime", "ssl/openssl.cnf", "postfix")
"""What of /etc the programs need."""

LOG_SECONDS: Final = 30.0

ENTER: Final = """\
set -e
mount --bind "$1/etc" /etc
mount --bind "$1/spool" /var/spool
mount --bind "$1/lib" /var/lib
mount --bind "$1/run" /run
shift
exec "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where an MTA sends the mail for *domain*: to a port of loopback, or to a Unix socket (LMTP)."""

    domain: str
    port: int = 0
    path: Path | None = None
    lmtp: bool = False
    tls: bool = False


@dataclass(frozen=True)
class RunningMTA:
    """An MTA that listens on `port` of loopback, and the folder of its logs."""

    name: str
    port: int
    logs: Path

    def log(self, most: int = 30_000) -> str:
        """Return the end of what it has logged."""
        return "".join(file.read_text(errors="replace")[-most:] for file in self.logs.iterdir())

    def wait_for_log(self, *words: str) -> None:
        """Return once a line of the log has all *words*."""
        deadline = time.monotonic() + LOG_SECONDS
        while not any(all(word in line for word in words) for line in self.log(1_000_000).splitlines()):
            if time.monotonic() > deadline:
                pytest.fail(f"{words} is not logged:\n{self.log()}")
            time.sleep(0.05)


def _postfix(base: Path, port: int, routes: Iterable[Route], certificate: Certificate) -> list[str]:
    """The nexthop of a route with TLS is written [localhost], without it [127.0.0.1]."""

    def transport(route: Route) -> str:
        if route.path is not None:
            return f"lmtp:unix:{route.path}"
        return (
            f"{'lmtp' if route.lmtp else 'smtp'}:[{'localhost' if route.tls else '127.0.0.1'}]:{route.port}"
        )

    routes = tuple(routes)
    transports = "".join(f" {{ {route.domain} = {transport(route)} }}" for route in routes)
    policies = "".join(
        f" {{ [localhost]:{route.port} = secure match=localhost }}" for route in routes if route.tls
    )
    (base / "etc/postfix/main.cf").write_text(
        dedent(f"""\
        compatibility_level = 3.6
        queue_directory = {base}/spool
        data_directory = {base}/lib
        daemon_directory = /usr/lib/postfix/sbin
        command_directory = /usr/sbin
        mail_owner = postfix
        setgid_group = postdrop
        myhostname = postfix.example
        mydestination =
        mynetworks = 127.0.0.0/8
        inet_interfaces = 127.0.0.1
        inet_protocols = ipv4
        smtp_dns_support_level = disabled
        smtp_host_lookup = native
        lmtp_host_lookup = native
        default_transport = discard:
        transport_maps = inline:{{{transports} }}
        smtp_tls_policy_maps = inline:{{{policies} }}
        smtp_tls_CAfile = {certificate.authority}
        smtpd_tls_security_level = may
        smtpd_tls_chain_files = {certificate.key}, {certificate.chain}
        smtpd_relay_restrictions = permit_mynetworks, reject
        smtpd_recipient_restrictions = check_recipient_access inline:{{nobody@=REJECT}}
        alias_maps =
        alias_database =
        message_size_limit = 52428800
        queue_run_delay = 1s
        minimal_backoff_time = 1s
        maillog_file = {base}/log/postfix
        maillog_file_prefixes = {base}
        """)
    )
    services = Path("/usr/share/postfix/master.cf.dist").read_text()
    # The fifth column of a service says whether it is confined to the spool, where our Unix sockets are not.
    services = re.sub(r"^((?:\S+ +){4})[-y] ", r"\1n ", services, flags=re.MULTILINE)
    services = re.sub(r"^smtp +inet", f"127.0.0.1:{port} inet", services, flags=re.MULTILINE)
    (base / "etc/postfix/master.cf").write_text(services)
    shutil.chown(base / "lib", "postfix")
    return [program("postfix"), "start-fg"]


def _exim_route(route: Route, certificate: Certificate) -> tuple[str, str]:
    """Return router and transport, both called as the domain, in letters and underscores."""
    name = re.sub(r"\W", "_", route.domain)
    router = f"""\
        {name}:
          driver = {"accept" if route.path else "manualroute"}
          domains = {route.domain}
          transport = {name}
        """
    if route.path:
        transport = f"""\
            {name}:
              driver = lmtp
              socket = {route.path}
              user = nobody
            """
        return dedent(router), dedent(transport)
    tls = f"""\
          hosts_require_tls = *
          tls_verify_certificates = {certificate.authority}
          tls_verify_hosts = *
        """
    transport = f"""\
        {name}:
          driver = smtp
          port = {route.port}
          protocol = {"lmtp" if route.lmtp else "smtp"}
          allow_localhost
          hosts_try_chunking = *
          hosts_try_prdr = *
          utf8_downconvert = 0
        """
    transport = dedent(transport) + indent(dedent(tls if route.tls else "hosts_avoid_tls = *\n"), "  ")
    return dedent(router) + "  route_list = * localhost byname\n  self = send\n", transport


def _exim(base: Path, port: int, routes: Iterable[Route], certificate: Certificate) -> list[str]:
    pairs = [_exim_route(route, certificate) for route in routes]
    main = f"""\
        exim_path = {program("exim4")}
        primary_hostname = exim.example
        daemon_smtp_ports = {port}
        local_interfaces = 127.0.0.1
        log_file_path = {base}/log/%s
        message_size_limit = 50M
        keep_environment =
        never_users =
        smtp_accept_queue_per_connection = 0
        host_lookup =
        tls_advertise_hosts = *
        tls_certificate = {certificate.chain}
        tls_privatekey = {certificate.key}
        chunking_advertise_hosts = *
        dsn_advertise_hosts = *
        smtputf8_advertise_hosts = *
        prdr_enable = true
        acl_smtp_rcpt = accept_all_but_nobody
        acl_smtp_data = accept_all
        acl_smtp_data_prdr = accept_all_but_full
        acl_smtp_vrfy = accept_all
        begin acl
        accept_all_but_nobody:
          deny local_parts = nobody
          accept
        accept_all_but_full:
          deny condition = ${{if match{{$local_part}}{{^full}}}}
          accept
        accept_all:
          accept
        begin retry
        * * F,1m,5s
        begin authenticators
        PLAIN:
          driver = plaintext
          server_prompts = :
          server_condition = ${{if eq{{$auth2:$auth3}}{{user:pass}}}}
          server_set_id = $auth2
        LOGIN:
          driver = plaintext
          server_prompts = Username:: : Password::
          server_condition = ${{if eq{{$auth1:$auth2}}{{user:pass}}}}
          server_set_id = $auth1
        CRAM:
          driver = cram_md5
          public_name = CRAM-MD5
          server_secret = ${{if eq{{$auth1}}{{user}}{{pass}}fail}}
          server_set_id = $auth1
        """
    routers = "begin routers\n" + "".join(router for router, _ in pairs)
    transports = "begin transports\n" + "".join(transport for _, transport in pairs)
    (base / "etc/exim4").mkdir()
    (base / "etc/exim4/exim4.conf").write_text(dedent(main) + routers + transports)
    return [program("exim4"), "-bdf", "-q1s"]


def _opensmtpd(base: Path, port: int, routes: Iterable[Route], certificate: Certificate) -> list[str]:
    def line(route: Route) -> str:
        scheme = "lmtp" if route.lmtp else "smtp+tls" if route.tls else "smtp+notls"
        host = "localhost" if route.tls else "127.0.0.1"
        return (
            f'action "{route.domain}" relay host {scheme}://{host}:{route.port}\n'
            f'match from any for domain "{route.domain}" action "{route.domain}"\n'
        )

    head = f"""\
        smtp max-message-size "50M"
        mta limit conn-delay-route 0
        mta limit conn-delay-relay 0
        mta limit reconn-delay-route 0
        match from any for rcpt-to "nobody@" reject
        listen on 127.0.0.1 port {port} hostname opensmtpd.example
        """
    configuration = base / "etc/smtpd.conf"
    configuration.write_text(dedent(head) + "".join(line(route) for route in routes if not route.path))
    (base / "spool/smtpd").mkdir(mode=0o711)
    (base / "lib/opensmtpd/empty").mkdir(parents=True)
    return [program("smtpd"), "-d", "-f", str(configuration)]


MTAS: Final[dict[str, Callable[[Path, int, Iterable[Route], Certificate], list[str]]]] = {
    "postfix": _postfix,
    "exim": _exim,
    "opensmtpd": _opensmtpd,
}
"""What writes the configuration of an MTA and returns the command that runs it in the foreground."""


def _fill(base: Path, certificate: Certificate) -> None:
    """Make the folders that the namespace shows in place of the system's."""
    for name in ("etc", "spool", "lib", "run", "log"):
        (base / name).mkdir(mode=0o755)
    (base / "log").chmod(0o777)
    for name in FILES:
        source, target = Path("/etc", name), base / "etc" / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        elif source.exists():
            shutil.copy(source, target)
    # OpenSSL's default authorities, which OpenSMTPD takes.
    authorities = base / "etc/ssl/certs/ca-certificates.crt"
    authorities.parent.mkdir(parents=True)
    shutil.copy(certificate.authority, authorities)
    (base / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (base / "etc/mailname").write_text("localhost\n")
    accounts = [
        f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n" for name, number in USERS.items()
    ]
    (base / "etc/passwd").write_text(Path("/etc/passwd").read_text() + "".join(accounts))
    groups = [f"{name}:x:{number}:\n" for name, number in USERS.items()]
    (base / "etc/group").write_text(Path("/etc/group").read_text() + "".join(groups))


def _require_namespaces() -> None:
    if os.geteuid() == 0 and not subprocess.call([program("unshare"), "--mount", "true"]):
        return
    if os.environ.get("CI"):
        pytest.fail("in CI the tests must be root and may make namespaces")
    pytest.skip("only root can start an MTA in a namespace of its own")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the first process of the namespace, and with it all others; `unshare` then ends."""
    if process.poll() is not None:
        return
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(pid), signal.SIGKILL)
    process.wait(timeout=10)


@contextlib.contextmanager
def relaying(name: str, routes: Iterable[Route], certificate: Certificate) -> Iterator[RunningMTA]:
    """Run the MTA *name* until the end of the block."""
    _require_namespaces()
    with private_folder(name) as base:
        _fill(base, certificate)
        port = free_port()
        running = RunningMTA(name, port, base / "log")
        command = MTAS[name](base, port, routes, certificate)

        with (base / "log/output").open("wb") as output:
            process = subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--fork", "--mount-proc"),
                    "sh",
                    "-c",
                    ENTER,
                    name,
                    str(base),
                    *command,
                ],
                stdout=output,
                stderr=output,
            )
        try:
            wait_for_port(port, process)
            yield running
        finally:
            _end(process)
            print(running.log())

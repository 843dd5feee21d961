"""The pytest plugin: fixtures `smtp_server`, `lmtp_server`, `imap_server` and `mail_server`, and factories.

pytest loads it by itself where mailproto is installed. What it needs of mailproto it imports when a fixture
is used, so that other test runs start as fast as before. See `mailproto.testing` for what the servers can do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

if TYPE_CHECKING:
    from mailproto.testing import IMAPTestServer, MailTestServer, SMTPTestServer

__all__ = [
    "IMAPServerFactory",
    "SMTPServerFactory",
    "imap_server",
    "imap_server_factory",
    "lmtp_server",
    "mail_server",
    "pytest_configure",
    "smtp_server",
    "smtp_server_factory",
]

SMTPServerFactory: TypeAlias = "Callable[..., SMTPTestServer]"
IMAPServerFactory: TypeAlias = "Callable[..., IMAPTestServer]"

_MARKERS = {
    "smtp_server": "options of the fixture smtp_server, those of mailproto.testing.SMTPTestServer",
    "lmtp_server": "options of the fixture lmtp_server, those of mailproto.testing.SMTPTestServer",
    "imap_server": "options of the fixture imap_server, those of mailproto.testing.IMAPTestServer",
    "mail_server": "options of the fixture mail_server, those of mailproto.testing.MailTestServer",
}


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for name, text in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}(**options): {text}")


@pytest.fixture
def smtp_server_factory() -> Iterator[SMTPServerFactory]:
    """Start `SMTPTestServer(**options)` as often as it is called; all are stopped after the test."""
    from mailproto.testing import SMTPTestServer

    with ExitStack() as servers:
        yield lambda **options: servers.enter_context(SMTPTestServer(**options))


@pytest.fixture
def smtp_server(request: pytest.FixtureRequest, smtp_server_factory: SMTPServerFactory) -> SMTPTestServer:
    """An `SMTPTestServer` for this test, with the options of `@pytest.mark.smtp_server(...)`."""
    return smtp_server_factory(**_options(request, "smtp_server"))


@pytest.fixture
def lmtp_server(request: pytest.FixtureRequest, smtp_server_factory: SMTPServerFactory) -> SMTPTestServer:
    """An `SMTPTestServer` that speaks LMTP, with the options of `@pytest.mark.lmtp_server(...)`."""
    return smtp_server_factory(**{"lmtp": True, **_options(request, "lmtp_server")})


@pytest.fixture
def imap_server_factory() -> Iterator[IMAPServerFactory]:
    """Start `IMAPTestServer(**options)` as often as it is called; all are stopped after the test."""
    from mailproto.testing import IMAPTestServer

    with ExitStack() as servers:
        yield lambda **options: servers.enter_context(IMAPTestServer(**options))


@pytest.fixture
def imap_server(request: pytest.FixtureRequest, imap_server_factory: IMAPServerFactory) -> IMAPTestServer:
    """An `IMAPTestServer` for this test, with the options of `@pytest.mark.imap_server(...)`."""
    return imap_server_factory(**_options(request, "imap_server"))


@pytest.fixture
def mail_server(request: pytest.FixtureRequest) -> Iterator[MailTestServer]:
    """A `MailTestServer` for this test, with the options of `@pytest.mark.mail_server(...)`."""
    from mailproto.testing import MailTestServer

    with MailTestServer(**_options(request, "mail_server")) as server:
        yield server


def _options(request: pytest.FixtureRequest, name: str) -> dict[str, Any]:
    """Return the options of the markers *name* of a test; those nearest to the test win."""
    options: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers(name))):
        if marker.args:
            raise pytest.UsageError(f"@pytest.mark.{name}: expected options by name, got {marker.args!r}")
        options |= marker.kwargs
    return options

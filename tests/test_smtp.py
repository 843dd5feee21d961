"""What both SMTP adapters share."""

from __future__ import annotations

import socket

import pytest

from mailproto._network import Address
from mailproto._smtp import default_port, host_name, local_name

PORTS = {
    ("implicit", False): 465,
    ("starttls", False): 587,
    ("none", False): 25,
    ("opportunistic", False): 25,
    # "MUST NOT be used on the TCP service port 25" (RFC 2033 section 5), and 465 and 587 are of submission
    ("implicit", True): 24,
    ("starttls", True): 24,
    ("none", True): 24,
    ("opportunistic", True): 24,
    ("nonsense", False): 25,
}


@pytest.mark.parametrize("tls, lmtp", PORTS, ids=str)
def test_default_port(tls: str, lmtp: bool) -> None:
    assert default_port(tls, lmtp=lmtp) == PORTS[tls, lmtp]


NAMES: dict[str, tuple[str, Address, str]] = {
    "qualified": ("me.example.org", ("192.0.2.1", 1), "me.example.org"),
    "not qualified": ("me", ("192.0.2.1", 1), "[192.0.2.1]"),
    "IPv6": ("me", ("2001:db8::1", 1), "[IPv6:2001:db8::1]"),
    "IPv6 with a zone": ("me", ("fe80::1%eth0", 1), "[IPv6:fe80::1]"),
    "Unix socket": ("me", "/run/lmtp", "me"),
    "no domain": ("my_pc.local", ("192.0.2.1", 1), "[192.0.2.1]"),
    "not ASCII": ("bücher.example", ("192.0.2.1", 1), "xn--bcher-kva.example"),
    "nothing": ("", "", "localhost"),
}


@pytest.mark.parametrize("host, address, name", NAMES.values(), ids=NAMES)
def test_local_name(monkeypatch: pytest.MonkeyPatch, host: str, address: Address, name: str) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert local_name(address) == name


def test_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "me\r\nRSET")
    assert host_name() == "localhost"

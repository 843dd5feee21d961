"""What both adapters share beside TLS: who is let in."""

from __future__ import annotations

import tracemalloc

import pytest

from mailproto._network import Address, Admission

SAME: dict[str, tuple[Address, Address, bool]] = {
    "one IPv4 address": (("192.0.2.1", 1), ("192.0.2.1", 2), True),
    "two IPv4 addresses": (("192.0.2.1", 1), ("192.0.2.2", 1), False),
    "one IPv6 network": (("2001:db8:1:2::1", 1), ("2001:db8:1:2:ffff::", 1), True),
    "two IPv6 networks": (("2001:db8:1:2::1", 1), ("2001:db8:1:3::1", 1), False),
    "IPv6 with a zone": (("fe80::1%eth0", 1), ("fe80::2%eth1", 1), True),
    "IPv4 in IPv6": (("::ffff:192.0.2.1", 1), ("192.0.2.1", 1), True),
    "two of IPv4 in IPv6": (("::ffff:192.0.2.1", 1), ("::ffff:192.0.2.2", 1), False),
    "no address": (("somewhere", 1), ("somewhere", 2), True),
    "Unix sockets": ("", "", False),
    "Unix sockets with a name": ("/run/a", "/run/a", False),
}


@pytest.mark.parametrize("one, other, is_same", SAME.values(), ids=SAME)
def test_who_counts_as_one_peer(one: Address, other: Address, is_same: bool) -> None:
    admission = Admission(b"", most_per_peer=1)
    assert admission.admit(one)
    assert admission.admit(other) is not is_same


def test_one_at_the_limit_and_one_beyond() -> None:
    admission = Admission(b"", most=3, most_per_peer=2)
    one, other = ("192.0.2.1", 1), ("192.0.2.2", 1)
    assert [admission.admit(one) for _ in range(3)] == [True, True, False]
    assert [admission.admit(other) for _ in range(2)] == [True, False]
    admission.release(one)
    assert [admission.admit(other) for _ in range(2)] == [True, False]
    for peer in (one, other, other):
        admission.release(peer)
    assert [admission.admit(one) for _ in range(3)] == [True, True, False]


def test_all_count_in_all() -> None:
    admission = Admission(b"", most=1)
    assert admission.admit("")
    assert not admission.admit(("192.0.2.1", 1))


def test_nothing_is_kept_of_peers_that_are_gone() -> None:
    admission = Admission(b"", most_per_peer=1)
    tracemalloc.start()
    try:
        for number in range(20_000):
            peer = (f"2001:db8:{number:x}::1", 1)
            assert admission.admit(peer)
            admission.release(peer)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < 262_144


def test_nothing_is_bounded_unless_asked_for() -> None:
    admission = Admission(b"")
    assert all(admission.admit(("192.0.2.1", 1)) for _ in range(1_000))

"""Our client, then a mail transfer agent, then our server: Postfix, Exim and OpenSMTPD relay.

What an MTA adds stands in front of the message. All the rest must arrive octet for octet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from support_arrivals import ROUTES, SAMPLES, Arrival, Receiver, added_fields, unique
from support_mta import RunningMTA
from support_smtp_clients import connected

Receivers = dict[tuple[str, str], Receiver]

REVERSE_PATH = "a@example.net"


@contextlib.contextmanager
def submitting(kind: str, mta: RunningMTA, **options: Any) -> Iterator[Any]:
    with connected(f"{kind} client", mta.port, timeout=60, **options) as smtp:
        yield smtp
        smtp.quit()


def hand_over(smtp: Any, address: str, octets: bytes = SAMPLES["dots"].octets) -> None:
    smtp.send_message(octets, reverse_path=REVERSE_PATH, forward_paths=address)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_message_arrives_octet_for_octet(
    mta: RunningMTA, receivers: Receivers, kind: str, sample: str
) -> None:
    name = unique()
    with submitting(kind, mta) as smtp:
        hand_over(smtp, f"{name}@smtp.{kind}.example", SAMPLES[sample].octets)
    arrival = receivers[kind, "smtp"].arrivals.wait(name, mta.log)
    assert str(arrival.mail.reverse_path) == f"<{REVERSE_PATH}>"
    assert (arrival.protocol, arrival.tls) == ("ESMTP", None)
    assert added_fields(arrival.octets, SAMPLES[sample]) == ["Received"]


# OpenSMTPD relays to ports only.
LMTP_ROUTES = {"postfix": ("lmtp", "unix"), "exim": ("lmtp", "unix"), "opensmtpd": ("lmtp",)}


def test_messages_arrive_over_lmtp(mta: RunningMTA, receivers: Receivers, kind: str) -> None:
    sent = {(route, sample): unique() for route in LMTP_ROUTES[mta.name] for sample in SAMPLES}
    with submitting(kind, mta) as smtp:
        for (route, sample), name in sent.items():
            hand_over(smtp, f"{name}@{route}.{kind}.example", SAMPLES[sample].octets)
    for (route, sample), name in sent.items():
        arrival = receivers[kind, ROUTES[route]].arrivals.wait(name, mta.log)
        assert arrival.protocol == "LMTP"
        assert added_fields(arrival.octets, SAMPLES[sample]) == ["Received"]


def test_a_message_arrives_over_tls(mta: RunningMTA, receivers: Receivers, kind: str) -> None:
    name = unique()
    with submitting(kind, mta) as smtp:
        hand_over(smtp, f"{name}@tls.{kind}.example")
    arrival = receivers[kind, "smtp"].arrivals.wait(name, mta.log)
    assert arrival.protocol == "ESMTPS"
    assert arrival.tls is not None
    assert arrival.tls.version == "TLSv1.3"
    assert added_fields(arrival.octets, SAMPLES["dots"]) == ["Received"]


def test_exim_sends_bdat(exim: RunningMTA, receivers: Receivers, kind: str) -> None:
    receiver = receivers[kind, "smtp"]
    for sample in ("no final line end", "20 MiB"):
        name = unique()
        receiver.arrivals.dialogue.clear()
        with submitting(kind, exim) as smtp:
            hand_over(smtp, f"{name}@smtp.{kind}.example", SAMPLES[sample].octets)
        arrival = receiver.arrivals.wait(name, exim.log)
        assert added_fields(arrival.octets, SAMPLES[sample]) == ["Received"]
        verbs = {line[:4] for line in receiver.arrivals.dialogue}
        assert verbs & {b"DATA", b"BDAT"} == {b"BDAT"}


def send_from(back: str, to: list[str], kind: str, mta: RunningMTA) -> None:
    """Send to *to*; what comes back goes to *back* of the SMTP server."""
    with submitting(kind, mta) as smtp:
        smtp.send_message(
            SAMPLES["dots"].octets, reverse_path=f"{back}@smtp.{kind}.example", forward_paths=to
        )


def check_bounce(arrival: Arrival, good: str, bad: str, reason: bytes) -> None:
    """It comes from the null path, names who did not get the message, and says what our server said."""
    assert arrival.mail.reverse_path.mailbox is None
    assert bad.encode() in arrival.octets
    assert good.encode() not in arrival.octets
    assert reason in arrival.octets


def test_a_refused_recipient_makes_a_bounce(mta: RunningMTA, receivers: Receivers, kind: str) -> None:
    back, good, bad = unique("from"), unique(), unique("refused")
    domain = f"smtp.{kind}.example"
    send_from(back, [f"{bad}@{domain}", f"{good}@{domain}"], kind, mta)
    arrivals = receivers[kind, "smtp"].arrivals
    arrivals.wait(good, mta.log)
    check_bounce(arrivals.wait(back, mta.log), good, bad, b"nobody of that name here")


# OpenSMTPD 6.8 takes only the first of several replies that come in one segment.
@pytest.mark.parametrize("mta", ["postfix", "exim"], indirect=True)
def test_in_lmtp_one_of_two_is_refused_after_the_message(
    mta: RunningMTA, receivers: Receivers, kind: str
) -> None:
    back, good, bad = unique("from"), unique(), unique("late")
    domain = f"lmtp.{kind}.example"
    send_from(back, [f"{good}@{domain}", f"{bad}@{domain}"], kind, mta)
    receivers[kind, "lmtp"].arrivals.wait(good, mta.log)
    check_bounce(receivers[kind, "smtp"].arrivals.wait(back, mta.log), good, bad, b"mailbox is full")


def test_exim_asks_for_prdr_and_bounces_for_one_of_two(
    exim: RunningMTA, receivers: Receivers, kind: str
) -> None:
    back, good, bad = unique("from"), unique(), unique("late")
    domain = f"extended.{kind}.example"
    send_from(back, [f"{good}@{domain}", f"{bad}@{domain}"], kind, exim)
    arrival = receivers[kind, "extended"].arrivals.wait(good, exim.log)
    assert arrival.mail.parameters.has("PRDR")
    assert len(arrival.recipients) == 2
    check_bounce(receivers[kind, "smtp"].arrivals.wait(back, exim.log), good, bad, b"mailbox is full")


# OpenSMTPD waits some minutes, which cannot be set.
@pytest.mark.parametrize("mta", ["postfix", "exim"], indirect=True)
def test_a_recipient_that_was_put_off_is_tried_again(
    mta: RunningMTA, receivers: Receivers, kind: str
) -> None:
    name = unique("busy")
    with submitting(kind, mta) as smtp:
        hand_over(smtp, f"{name}@smtp.{kind}.example")
    arrival = receivers[kind, "smtp"].arrivals.wait(name, mta.log)
    assert added_fields(arrival.octets, SAMPLES["dots"]) == ["Received"]
    mta.wait_for_log(name, "450 4.2.1 come again later")

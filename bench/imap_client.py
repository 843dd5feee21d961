"""The rows of our client of IMAP: against Dovecot beside its peers, in memory, and over a slow link."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from bench import _dovecot
from bench._processes import client, seconds, seconds_of
from bench._table import Row, compare, memory_row
from bench.messages import varied_messages
from bench.pipelining import lock_step_seconds, pipelined_seconds

__all__ = ["against_dovecot", "parsing", "pipelining"]

MIB: Final = 1024 * 1024
MAX_GROWTH: Final = MIB
"""Octets by which a fetch of ten times the messages may take more memory."""
MAX_DOWNLOAD_GROWTH: Final = 5 * MIB

COMPARED: Final = (
    ("FETCH of the usual items of {:,} messages", "fetch", "imapclient", 5.0),
    ("FLAGS of {:,} messages", "flags", "imapclient", 4.0),
    ("50 times SEARCH ALL of {:,} messages", "search", "imapclient", 1.0),
)
"""What is done with the whole mailbox, the end of the clients' names, the peer, and the least ratio to it."""


def against_dovecot(
    messages: int = 20_000, bodies: int = 2_000, large: int = 50 * MIB, rounds: int = 5
) -> Iterator[Row]:
    """Time our client beside IMAPClient and imaplib on a large mailbox; then see what memory it takes.

    Dovecot has answered the same before, so that its cache is warm.
    """
    with _dovecot.running_dovecot() as port:
        _dovecot.fill(port, varied_messages(messages))
        _dovecot.warm(port)
        account = (_dovecot.USER, _dovecot.PASSWORD)
        for what, kind, peer, floor in COMPARED:
            yield compare(
                f"IMAP client, {what.format(messages)}",
                seconds(f"mailproto-{kind}", port, *account, str(messages)),
                "IMAPClient",
                seconds(f"{peer}-{kind}", port, *account, str(messages)),
                floor=floor,
                units=messages,
                rounds=rounds,
            )
        yield compare(
            f"IMAP client, {bodies:,} bodies",
            seconds("mailproto-bodies", port, *account, str(bodies)),
            "imaplib",
            seconds("imaplib-bodies", port, *account, str(bodies)),
            floor=1.0,
            units=bodies,
            rounds=rounds,
        )
        few = client("mailproto-fetch", port, *account, str(messages // 10))["growth"]
        all_ = client("mailproto-fetch", port, *account, str(messages))["growth"]
        yield memory_row(f"IMAP client, {messages:,} messages and not a tenth", all_ - few, MAX_GROWTH)
        yield from _one_body(port, large, rounds)


def _one_body(port: int, size: int, rounds: int) -> Iterator[Row]:
    account = (_dovecot.USER, _dovecot.PASSWORD, str(_dovecot.append_large(port, size)))
    yield compare(
        f"IMAP client, a body of {size // MIB} MiB",
        seconds("mailproto-download", port, *account),
        "imaplib",
        seconds("imaplib-download", port, *account),
        floor=0.5,
        units=1,
        rounds=rounds,
    )
    growth = client("mailproto-download", port, *account)["growth"]
    yield memory_row(f"IMAP client, a body of {size // MIB} MiB streamed", growth, MAX_DOWNLOAD_GROWTH)


def parsing(octets: int = 1_050, count: int = 2_000) -> Iterator[Row]:
    """Time the reading of FETCH responses of about *octets* octets, all fields of them, without IO."""
    yield compare(
        f"IMAP client, FETCH responses of {octets:,} octets in memory",
        partial(seconds_of, "bench.parse_fetch", "mailproto", str(octets), str(count)),
        "IMAPClient",
        partial(seconds_of, "bench.parse_fetch", "imapclient", str(octets), str(count)),
        floor=5.0,
        units=count,
    )


def pipelining(count: int = 1_000, delay: float = 0.005) -> Iterator[Row]:
    """Time NOOPs over a link that delays all by *delay* seconds, all at once and one after the other."""
    yield compare(
        f"IMAP client, {count:,} NOOPs over {delay * 1000:g} ms, pipelined",
        partial(pipelined_seconds, count, delay),
        "in lock-step",
        partial(lock_step_seconds, count, delay),
        floor=10.0,
        units=count,
        rounds=1,
    )

"""Varied messages: sizes, structures, folded headers and charsets as in a real mailbox, always the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

__all__ = ["varied_messages"]

WORDS = [
    *("meeting", "invoice", "lunch", "project", "deadline", "release", "mailbox", "protocol", "größe"),
    *("résumé", "日本語", "sequence", "budget", "travel", "holiday", "contract", "review", "server"),
    *("client", "weather", "garden", "music", "picture", "report", "question", "answer"),
]
NAMES = ["Alice Example", "Bob Builder", "Çelik Ömer", "Dora", "Eve (sales)", "Frank, Jr.", "山田太郎"]


def varied_messages(count: int, seed: int = 20) -> Iterator[bytes]:
    """Yield *count* messages, the same ones for the same *seed*."""
    chance = random.Random(seed)
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    for number in range(count):
        moment += timedelta(minutes=chance.randrange(1, 90))
        yield _message(chance, number, moment).as_bytes(policy=_POLICY)


def _message(chance: random.Random, number: int, moment: datetime) -> EmailMessage:
    message = EmailMessage()
    message["From"] = _address(chance)
    message["To"] = ", ".join(_address(chance) for _ in range(chance.choice((1, 1, 1, 2, 5))))
    if chance.random() < 0.3:
        message["Cc"] = ", ".join(_address(chance) for _ in range(chance.randrange(1, 4)))
    message["Subject"] = " ".join(chance.choices(WORDS, k=chance.randrange(2, 10)))
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = f"<{number}.{chance.getrandbits(48):x}@example.net>"
    if chance.random() < 0.5:
        message["In-Reply-To"] = f"<{chance.randrange(number + 1)}.{chance.getrandbits(48):x}@example.net>"
    text = "\n".join(" ".join(chance.choices(WORDS, k=10)) for _ in range(chance.randrange(1, 40))) + "\n"
    message.set_content(text)
    shape = chance.random()
    if shape < 0.5:
        message.add_alternative(f"<html><body><p>{text}</p></body></html>", subtype="html")
    if shape < 0.25:
        octets = chance.randbytes(chance.randrange(100, 4000))
        message.add_attachment(octets, maintype="application", subtype="pdf", filename=f"résumé {number}.pdf")
    if shape < 0.05:
        message.add_attachment(_message(chance, number, moment))
    return message


def _address(chance: random.Random) -> str:
    name = chance.choice(NAMES)
    quoted = name.replace('"', "")
    return f'"{quoted}" <user{chance.randrange(200)}@example{chance.randrange(20)}.org>'


_POLICY = EmailMessage().policy.clone(linesep="\r\n")

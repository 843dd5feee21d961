"""FETCH responses as a mailbox of years has them, drawn from a seed: for benchmarks and for tests."""

from __future__ import annotations

import random
from collections.abc import Callable

from mailproto.imap.values import Message

__all__ = ["responses", "responses_of", "size_of"]

_NAMES = ("Terry Gray", "Ana Müller", 'J. R. "Bob" Dobbs', "Lists (announce)", "O'Neil, Pat", "", "noreply")
_HOSTS = ("example.org", "cac.washington.edu", "lists.example.net", "CNRI.Reston.VA.US", "mail.example.com")
_WORDS = [
    "re",
    "the",
    "minutes",
    "of",
    "meeting",
    "invoice",
    "report",
    "build",
    "failed",
    "weekly",
    "digest",
    "lunch",
    "order",
    "shipped",
    "hello",
]


def responses(count: int, seed: int = 1) -> list[Message]:
    """Return *count* responses: UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE."""
    draw = random.Random(seed)
    people = [_person(draw) for _ in range(80)]
    return [_response(draw, people, number) for number in range(1, count + 1)]


def responses_of(octets: int, count: int) -> list[Message]:
    """Return *count* responses, none a twentieth of *octets* longer or shorter than that."""
    alike = [message for message in responses(16 * count) if abs(size_of(message) - octets) <= octets // 20]
    return alike[:count]


def size_of(message: Message) -> int:
    """Return how many octets a response has, its literals among them."""
    return len(message.text) + sum(len(octets) for octets in message.literals if isinstance(octets, bytes))


def _response(draw: random.Random, people: list[bytes], number: int) -> Message:
    literals: list[bytes] = []
    text = (
        b'* %d FETCH (UID %d FLAGS (%b) INTERNALDATE "%02d-Jul-20%02d 02:44:%02d +0%d00" RFC822.SIZE %d '
        % (
            number,
            number * 3,
            draw.choice((b"", b"\\Seen", b"\\Seen \\Answered", b"\\Seen $Junk", b"NonJunk \\Recent")),
            draw.randint(1, 31),
            draw.randint(0, 26),
            draw.randint(0, 59),
            draw.randint(0, 9),
            draw.randint(500, 9_000_000),
        )
    )
    text += b"ENVELOPE %b BODYSTRUCTURE %b)" % (_envelope(draw, people, literals, number), _body(draw))
    return Message(text, tuple(literals))


def _person(draw: random.Random) -> bytes:
    name = draw.choice(_NAMES)
    host = _quoted(draw.choice(_HOSTS))
    display = _quoted(f"=?utf-8?q?{name}?=" if not name.isascii() else name) if name else b"NIL"
    return b'(%b NIL "user%d" %b)' % (display, draw.randint(1, 5_000), host)


def _quoted(text: str) -> bytes:
    return b'"' + text.encode("ascii", "replace").replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _envelope(draw: random.Random, people: list[bytes], literals: list[bytes], number: int) -> bytes:
    sender = b"(%b)" % draw.choice(people)
    to = b"(%b)" % b"".join(draw.choices(people, k=draw.choice((1, 1, 1, 2, 6))))
    cc = b"(%b)" % b"".join(draw.choices(people, k=draw.randint(1, 4))) if draw.random() < 0.3 else b"NIL"
    subject = " ".join(draw.choices(_WORDS, k=draw.randint(1, 9)))
    written = _quoted(subject)
    if draw.random() < 0.27:
        literals.append(f"{subject}\r\n {subject}".encode("ascii"))
        written = b"{%d}\r\n" % len(literals[-1])
    reply = b'"<%d.1@example.org>"' % (number - 1) if draw.random() < 0.6 else b"NIL"
    fields = (
        sender,
        sender,
        sender,
        to,
        cc,
        b"NIL",
        reply,
        b'"<%d.%d@example.org>"' % (number, draw.randint(1, 9**9)),
    )
    return b'("Wed, 17 Jul 2024 02:23:%02d -0700 (PDT)" %b %b)' % (number % 60, written, b" ".join(fields))


def _leaf(draw: random.Random, kind: bytes) -> bytes:
    size = draw.randint(20, 200_000)
    if kind in (b"plain", b"html"):
        return b'("text" "%b" ("charset" "utf-8") NIL NIL "quoted-printable" %d %d NIL NIL NIL NIL)' % (
            kind,
            size,
            size // 40,
        )
    name = b"%b-%d.bin" % (kind, draw.randint(1, 10**6))
    return (
        b'("application" "%b" ("name" "%b") "<%d@local>" NIL "base64" %d'
        b' NIL ("attachment" ("filename" "%b")) NIL NIL)'
        % (
            kind,
            name,
            size,
            size,
            name,
        )
    )


def _multi(draw: random.Random, subtype: bytes, *parts: bytes) -> bytes:
    boundary = b"----=_Part_%d" % draw.randint(1, 10**12)
    return b'(%b "%b" ("boundary" "%b") NIL NIL NIL)' % (b"".join(parts), subtype, boundary)


def _body(draw: random.Random) -> bytes:
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: _leaf(draw, b"plain"),
        lambda: _alternative(draw),
        lambda: _multi(
            draw, b"mixed", _alternative(draw), *(_leaf(draw, b"pdf") for _ in range(draw.randint(1, 3)))
        ),
        lambda: _multi(draw, b"related", _alternative(draw), _leaf(draw, b"x-png")),
        lambda: _forwarded(draw),
    )
    return draw.choices(kinds, weights=(30, 35, 20, 12, 3))[0]()


def _alternative(draw: random.Random) -> bytes:
    return _multi(draw, b"alternative", _leaf(draw, b"plain"), _leaf(draw, b"html"))


def _forwarded(draw: random.Random) -> bytes:
    envelope = _plain_envelope(draw)
    message = b'("message" "rfc822" NIL NIL NIL "7bit" 4711 %b %b 112 NIL NIL NIL NIL)' % (
        envelope,
        _alternative(draw),
    )
    return _multi(draw, b"mixed", _leaf(draw, b"plain"), message)


def _plain_envelope(draw: random.Random) -> bytes:
    person = b"(%b)" % _person(draw)
    return b'(NIL "forwarded" %b %b %b %b NIL NIL NIL "<1@example.org>")' % ((person,) * 4)

"""ENVELOPE on the wire (RFC 3501 sections 7.4.2 and 9); the value is in `mailproto.mime.envelope`.

One fused pattern reads what nearly all servers send, literals included. What it does not match is read
production by production, and what no production matches, as a tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, cast

from mailproto.imap._loose import Repairs, as_nstring, is_word, parse_or_recover
from mailproto.imap.cursor import Cursor
from mailproto.imap.values import Content, Value
from mailproto.imap.writer import Writer
from mailproto.mime.addresses import EnvelopeAddress
from mailproto.mime.envelope import Envelope

__all__ = ["envelope_of_tree", "parse_envelope", "parse_exact_envelope", "unescaped", "write_envelope"]

Addresses = tuple[EnvelopeAddress, ...]

FIELDS: Final = 10
"""How many an envelope has."""

MAX_CACHED: Final = 512
"""Octets of an address list up to which it is remembered; the memory of all is bounded by it."""

MAX_KNOWN: Final = 1_024
"""Address lists that are remembered; when there are as many, all are forgotten."""

# quoted          = DQUOTE *QUOTED-CHAR DQUOTE
_QUOTED: Final = rb'"[^"\\\r\n\x00\x80-\xff]*+(?:\\["\\][^"\\\r\n\x00\x80-\xff]*+)*+"'
# nstring         = quoted / literal / nil
_NSTRING: Final = rb"(?:%b|[Nn][Ii][Ll]|\{[0-9]{1,10}\}\r\n)" % _QUOTED
# The same in two groups: what is between quotes without an escape, or anything else as it is.
_FIELD: Final = rb'(?:"([^"\\\r\n\x00\x80-\xff]*+)"|(%b))' % _NSTRING
# address         = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
_ADDRESS: Final = rb"\(%b %b %b %b\)" % ((_NSTRING,) * 4)
# env-from        = "(" 1*address ")" / nil
_ADDRESSES: Final = rb"([Nn][Ii][Ll]|\((?:%b)+\))" % _ADDRESS
# envelope        = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP
#                   env-cc SP env-bcc SP env-in-reply-to SP env-message-id ")"
_ENVELOPE: Final = re.compile(rb"\(%b\)" % b" ".join((_FIELD, _FIELD, *((_ADDRESSES,) * 6), _FIELD, _FIELD)))
# The same where a cursor is plain: each field is one group, which is not there for NIL.
_PLAIN_FIELD: Final = rb'(?:"([^"]*+)"|[Nn][Ii][Ll])'
_PLAIN_ADDRESSES: Final = _ADDRESSES.replace(_NSTRING, rb'(?:"[^"]*+"|[Nn][Ii][Ll])')
_BEHIND_SUBJECT: Final = b" ".join((*((_PLAIN_ADDRESSES,) * 6), _PLAIN_FIELD, _PLAIN_FIELD))
_PLAIN_ENVELOPE: Final = re.compile(rb"\(%b %b %b\)" % (_PLAIN_FIELD, _PLAIN_FIELD, _BEHIND_SUBJECT))
# And where that begins behind a subject that is a literal, as one is that was folded.
_FOLDED_ENVELOPE: Final = re.compile(
    rb'\((?:"([^"\\\r\n\x00\x80-\xff]*+)"|[Nn][Ii][Ll]) \{[0-9]{1,10}\}\r\n() %b\)' % _BEHIND_SUBJECT
)
_STRINGS: Final = re.compile(_NSTRING)
# An address of a list that _ENVELOPE has accepted, in which no string is empty or a literal or has an escape.
_PLAIN_ADDRESS: Final = re.compile(rb"\(%b %b %b %b\)" % ((rb'(?:"([^"]*+)"|[NnIiLl]{3})',) * 4))
# The commonest list of them: one such address.
_ONE_ADDRESS: Final = re.compile(rb"\(\(%b %b %b %b\)\)" % ((rb'(?:"([^"]++)"|[Nn][Ii][Ll])',) * 4))
_NO_ADDRESS: Final = (None,) * 4
_new: Final = tuple.__new__
# `in` takes a number in a tenth of the time that it takes octets.
_BACKSLASH: Final = 0x5C


def parse_envelope(cursor: Cursor) -> Envelope:
    """Read an `envelope`; what is against the grammar in it is a defect, or ParseError when strict."""
    return _parse_fused(cursor) or parse_or_recover(
        cursor, parse_exact_envelope, envelope_of_tree, "an envelope as the grammar has it"
    )


def _parse_fused(cursor: Cursor) -> Envelope | None:
    plain = _parse_plain(cursor) if cursor.position >= cursor.plain_from else _parse_folded(cursor)
    if plain is not None:
        return plain
    match = _ENVELOPE.match(cursor.text, cursor.position)
    if match is None:
        return None
    marks = cursor.text.count(b"\r\n", cursor.position, match.end())
    if marks:
        return _fused_with_literals(cursor, match, marks)
    cursor.position = match.end()
    return _read_fused(match, None)


def _parse_plain(cursor: Cursor) -> Envelope | None:
    match = _PLAIN_ENVELOPE.match(cursor.text, cursor.position)
    if match is None:
        return None
    cursor.position = match.end()
    return _read_plain(*match.groups())


def _parse_folded(cursor: Cursor) -> Envelope | None:
    waiting = cursor.literals[cursor.literal_index : cursor.literal_index + 1]
    match = _FOLDED_ENVELOPE.match(cursor.text, cursor.position) if waiting else None
    if match is None or match.start(2) < cursor.plain_from or not _is_text(waiting[0]):
        return None
    cursor.position, cursor.literal_index = match.end(), cursor.literal_index + 1
    date, _, *rest = match.groups()
    return _read_plain(date, cast(bytes, waiting[0]), *rest)


def _read_plain(
    date: bytes | None,
    subject: bytes | None,
    from_: bytes,
    sender: bytes,
    reply_to: bytes,
    to: bytes,
    cc: bytes,
    bcc: bytes,
    in_reply_to: bytes | None,
    message_id: bytes | None,
) -> Envelope:
    authors = _addresses(from_)
    return Envelope.of_parsed(
        date,
        subject,
        authors,
        # A server repeats From where the message has neither (RFC 3501 section 7.4.2).
        authors if sender == from_ else _addresses(sender),
        authors if reply_to == from_ else _addresses(reply_to),
        _addresses(to),
        () if cc == b"NIL" else _addresses(cc),
        () if bcc == b"NIL" else _addresses(bcc),
        in_reply_to,
        message_id,
    )


def _read_fused(match: re.Match[bytes], folded: bytes | None) -> Envelope:
    """Return the envelope; *folded* is its subject if that is a literal, and no other field is one."""
    groups = match.groups()
    date, date_, subject, subject_, from_, sender, reply_to, to, cc, bcc, reply, reply_, id_, id__ = groups
    if folded is not None:
        subject = folded
    elif subject_ is not None:
        subject = _nstring(subject_)
    return _read_plain(
        date if date_ is None else _nstring(date_),
        subject,
        *(from_, sender, reply_to, to, cc, bcc),
        reply if reply_ is None else _nstring(reply_),
        id_ if id__ is None else _nstring(id__),
    )


def _nstring(token: bytes) -> bytes | None:
    if token[0] != 0x22:
        return None
    return unescaped(token) if _BACKSLASH in token else token[1:-1]


def unescaped(token: bytes) -> bytes:
    """Return what a quoted string says in which something is escaped, without NUL as the grammar has it."""
    return token[1:-1].replace(b"\\\\", b"\0").replace(b"\\", b"").replace(b"\0", b"\\")


def _addresses(octets: bytes) -> Addresses:
    addresses = _known_lists.get(octets)
    if addresses is None:
        addresses = _parse_addresses(octets)
        if len(octets) <= MAX_CACHED:
            if len(_known_lists) >= MAX_KNOWN:
                _known_lists.clear()
            _known_lists[octets] = addresses
    return addresses


# A dict: where most lists are new, lru_cache takes about 1 us more an envelope.
_known_lists: Final[dict[bytes, Addresses]] = {}


def _parse_addresses(octets: bytes) -> Addresses:
    has_escape = _BACKSLASH in octets
    match = None if has_escape else _ONE_ADDRESS.fullmatch(octets)
    if match is not None:
        return (_new(EnvelopeAddress, match.groups()),)
    if octets[0] != 0x28:
        return ()
    if not has_escape and octets.find(b'""') < 0:
        # What findall has no text for is NIL. A list takes 1.4 us so, and 2.5 by finditer.
        found = _PLAIN_ADDRESS.findall(octets)
        return tuple(
            [_new(EnvelopeAddress, (a or None, b or None, c or None, d or None)) for a, b, c, d in found]
        )
    strings = map(_nstring, _STRINGS.findall(octets))
    # Four at a time are an address.
    return tuple([_new(EnvelopeAddress, four) for four in zip(*(strings,) * 4, strict=True)])


def _fused_with_literals(cursor: Cursor, match: re.Match[bytes], marks: int) -> Envelope | None:
    index = cursor.literal_index
    literals = cursor.literals[index : index + marks]
    if len(literals) < marks or not all(map(_is_text, literals)):
        return None
    cursor.position, cursor.literal_index = match.end(), index + marks
    subject = match[4]
    if marks == 1 and subject is not None and subject[0] == 0x7B:
        return _read_fused(match, cast(bytes, literals[0]))
    return _read_with_literals(match, iter(literals))


def _is_text(octets: Content) -> bool:
    return type(octets) is bytes and 0 not in octets


def _read_with_literals(match: re.Match[bytes], waiting: Iterator[Content]) -> Envelope:
    date, date_, subject, subject_, *lists, reply, reply_, message_id, message_id_ = match.groups()
    return _envelope(
        date if date_ is None else _nstring_or_next(date_, waiting),
        subject if subject_ is None else _nstring_or_next(subject_, waiting),
        [_addresses_with(octets, waiting) for octets in lists],
        reply if reply_ is None else _nstring_or_next(reply_, waiting),
        message_id if message_id_ is None else _nstring_or_next(message_id_, waiting),
    )


def _nstring_or_next(token: bytes, literals: Iterator[Content]) -> bytes | None:
    if token[0] != 0x7B:
        return _nstring(token)
    octets = next(literals)
    return octets if isinstance(octets, bytes) else None


def _addresses_with(octets: bytes, literals: Iterator[Content]) -> Addresses:
    if b"\r\n" not in octets:
        return _addresses(octets)
    strings = iter([_nstring_or_next(token, literals) for token in _STRINGS.findall(octets)])
    return tuple(map(EnvelopeAddress, strings, strings, strings, strings))


def parse_exact_envelope(cursor: Cursor) -> Envelope:
    """Read an `envelope`; raises ParseError where the grammar does not match."""
    return _parse_fused(cursor) or _parse_productions(cursor)


def _parse_productions(cursor: Cursor) -> Envelope:
    cursor.expect(b"(")
    date = _field(cursor)
    subject = _field(cursor)
    lists = [_address_list(cursor) for _ in range(6)]
    in_reply_to = _field(cursor)
    message_id = cursor.nstring()
    cursor.expect(b")")
    return _envelope(date, subject, lists, in_reply_to, message_id)


def _envelope(
    date: bytes | None,
    subject: bytes | None,
    lists: list[Addresses],
    in_reply_to: bytes | None,
    message_id: bytes | None,
) -> Envelope:
    from_, sender, reply_to, to, cc, bcc = lists
    return Envelope.of_parsed(date, subject, from_, sender, reply_to, to, cc, bcc, in_reply_to, message_id)


def _field(cursor: Cursor) -> bytes | None:
    octets = cursor.nstring()
    cursor.sp()
    return octets


def _address_list(cursor: Cursor) -> Addresses:
    addresses: list[EnvelopeAddress] = []
    if not cursor.accept_word(b"NIL"):
        cursor.expect(b"(")
        addresses.append(_address(cursor))
        while not cursor.accept(b")"):
            addresses.append(_address(cursor))
    cursor.sp()
    return tuple(addresses)


def _address(cursor: Cursor) -> EnvelopeAddress:
    cursor.expect(b"(")
    address = EnvelopeAddress(_field(cursor), _field(cursor), _field(cursor), cursor.nstring())
    cursor.expect(b")")
    return address


def envelope_of_tree(tree: tuple[Value, ...], repairs: Repairs) -> Envelope:
    """Return what can be read of a list that is no `envelope`; what is missing in it is NIL."""
    if len(tree) != FIELDS:
        repairs.append("an envelope of ten fields")
    fields = _with_ten_fields(tree)
    lists = [_addresses_of_tree(field, repairs) for field in fields[2:8]]
    date, subject = as_nstring(fields[0], repairs), as_nstring(fields[1], repairs)
    return _envelope(date, subject, lists, as_nstring(fields[8], repairs), as_nstring(fields[9], repairs))


def _with_ten_fields(tree: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return *tree* with NIL for what is missing.

    A string at the end, where a list of addresses should be, is the Message-ID: lists before it are missing.
    """
    missing = (None,) * (FIELDS - len(tree))
    if 2 < len(tree) < FIELDS - 1 and is_word(tree[-1]):
        place = len(tree) - 1 if isinstance(tree[-2], tuple) else max(2, len(tree) - 2)
        return (*tree[:place], *missing, *tree[place:])
    return (*tree, *missing)


def _addresses_of_tree(tree: Value, repairs: Repairs) -> Addresses:
    if tree is None:
        return ()
    if not tree or not isinstance(tree, tuple):
        repairs.append("NIL for no addresses")
        return ()
    return tuple(_addresses_in(tree, 0, repairs))


def _addresses_in(tree: tuple[Value, ...], depth: int, repairs: Repairs) -> Iterator[EnvelopeAddress]:
    """Yield the addresses of *tree*, which is one itself if a string stands in it."""
    if any(map(is_word, tree)) or (depth and tree == _NO_ADDRESS):
        if depth != 1:
            repairs.append("addresses in two pairs of parentheses")
        yield _address_of_tree(tree, repairs)
        return
    for member in tree:
        if isinstance(member, tuple):
            yield from _addresses_in(member, depth + 1, repairs)
        else:
            repairs.append("addresses, not NIL, in a list of addresses")


def _address_of_tree(members: tuple[Value, ...], repairs: Repairs) -> EnvelopeAddress:
    if len(members) != len(EnvelopeAddress._fields):
        repairs.append("an address of four fields")
    return EnvelopeAddress._make(as_nstring(field, repairs) for field in (*members, *(None,) * 4)[:4])


def write_envelope(writer: Writer, envelope: Envelope) -> None:
    """Write an `envelope`. Raises LocalProtocolError for NUL in a string."""
    writer.write(b"(")
    writer.nstring(envelope.date)
    writer.write(b" ")
    writer.nstring(envelope.subject)
    for addresses in _lists(envelope):
        writer.write(b" ")
        _write_addresses(writer, addresses)
    writer.write(b" ")
    writer.nstring(envelope.in_reply_to)
    writer.write(b" ")
    writer.nstring(envelope.message_id)
    writer.write(b")")


def _lists(envelope: Envelope) -> tuple[Addresses, ...]:
    return (
        envelope.from_,
        envelope.sender,
        envelope.reply_to,
        envelope.to,
        envelope.cc,
        envelope.bcc,
    )


def _write_addresses(writer: Writer, addresses: Addresses) -> None:
    if not addresses:
        writer.write(b"NIL")
        return
    writer.write(b"(")
    for address in addresses:
        for index, field in enumerate(address):
            writer.write(b" " if index else b"(")
            writer.nstring(field)
        writer.write(b")")
    writer.write(b")")

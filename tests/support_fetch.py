"""Strategies for what FETCH answers, and a switch that turns every fused pattern off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from unittest import mock

from hypothesis import strategies as st

from mailproto.imap import body, envelope, fetch_data, sections, short_fetch
from mailproto.imap.fetch import (
    BODY,
    BODYSTRUCTURE,
    ENVELOPE,
    FLAGS,
    INTERNALDATE,
    RFC822,
    RFC822_SIZE,
    RFC822_TEXT,
    UID,
    Answer,
    BodySection,
    OtherItem,
)
from mailproto.imap.fetch_data import FetchData
from mailproto.mime.addresses import EnvelopeAddress
from mailproto.mime.body_structure import (
    BasicPart,
    BodyStructure,
    Disposition,
    MessagePart,
    MultiPart,
    MultiPartExtension,
    SinglePartExtension,
    TextPart,
)
from mailproto.mime.envelope import Envelope

DAMAGE = (
    *(
        b"",
        b" ",
        b"(",
        b")",
        b'"',
        b'""',
        b"\\",
        b'\\"',
        b"\\\\",
        b"NIL",
        b"x",
        b"\xe9",
        b"\0",
        b"\r",
        b"\n",
        b"\r\n",
    ),
    *(b"{1}\r\n", b"{0}\r\n"),
)
"""What is put somewhere into octets that a pattern reads."""

_NEVER = re.compile(rb"(?!)")


@contextmanager
def general_path() -> Iterator[None]:
    """Read everything production by production."""
    with ExitStack() as stack:
        for module, name in (
            (envelope, "_ENVELOPE"),
            (envelope, "_PLAIN_ENVELOPE"),
            (envelope, "_FOLDED_ENVELOPE"),
            (envelope, "_ONE_ADDRESS"),
            (body, "_LEAF"),
            (body, "_PLAIN_LEAF"),
            (body, "_PARAMETERS"),
            (body, "_ATTACHED"),
            (body, "_MULTI_END"),
            (body, "_BOUNDED_END"),
            (body, "_PLAIN_BOUNDED_END"),
            (fetch_data, "_HEAD"),
            (short_fetch, "_SHORT"),
            (fetch_data, "_ITEM"),
            (sections, "_PLAIN"),
        ):
            stack.enter_context(mock.patch.object(module, name, _NEVER))
        yield


def _lists(strategy: st.SearchStrategy[EnvelopeAddress]) -> st.SearchStrategy[tuple[EnvelopeAddress, ...]]:
    return st.lists(strategy, max_size=3).map(tuple)


strings = st.one_of(
    st.sampled_from((b"", b"NIL", b"nil", b"a b", b'"', b"\\", b"{3}", b"(", b")", b"a\r\nb", b"\xc3\xa9")),
    st.binary(max_size=8).map(lambda octets: octets.replace(b"\0", b"0")),
)
nstrings = st.none() | strings
addresses = st.builds(EnvelopeAddress, nstrings, nstrings, nstrings, nstrings)
envelopes = st.builds(
    Envelope,
    date=nstrings,
    subject=nstrings,
    from_=_lists(addresses),
    sender=_lists(addresses),
    reply_to=_lists(addresses),
    to=_lists(addresses),
    cc=_lists(addresses),
    bcc=_lists(addresses),
    in_reply_to=nstrings,
    message_id=nstrings,
)

parameters = st.lists(st.tuples(strings, strings), max_size=3).map(tuple)
dispositions = st.none() | st.builds(Disposition, strings, parameters)
languages = st.lists(strings, max_size=3).map(tuple)
extension_values = st.recursive(
    nstrings | st.integers(0, 2**63 - 1), lambda inner: st.lists(inner, min_size=1, max_size=3).map(tuple)
)
more = st.lists(extension_values, max_size=2).map(tuple)
single_extensions = st.none() | st.builds(
    SinglePartExtension,
    md5=nstrings,
    disposition=dispositions,
    language=languages,
    location=nstrings,
    more=more,
)
multi_extensions = st.none() | st.builds(
    MultiPartExtension,
    parameters=parameters,
    disposition=dispositions,
    language=languages,
    location=nstrings,
    more=more,
)
sizes = st.integers(0, 2**63 - 1)
text_parts = st.builds(
    TextPart,
    type=st.sampled_from((b"TEXT", b"text")),
    subtype=strings,
    parameters=parameters,
    content_id=nstrings,
    description=nstrings,
    encoding=strings,
    size=sizes,
    lines=sizes,
    extension=single_extensions,
)
basic_parts = st.builds(
    BasicPart,
    type=strings.filter(lambda octets: octets.upper() != b"TEXT")
    | st.sampled_from((b"image", b"MULTIPART", b"message")),
    subtype=st.sampled_from((b"x", b"global", b"partial")),
    parameters=parameters,
    content_id=nstrings,
    description=nstrings,
    encoding=strings,
    size=sizes,
    extension=single_extensions,
)


def _nested(inner: st.SearchStrategy[BodyStructure]) -> st.SearchStrategy[BodyStructure]:
    return st.builds(
        MultiPart,
        parts=st.lists(inner, min_size=1, max_size=3).map(tuple),
        subtype=strings,
        extension=multi_extensions,
    ) | st.builds(
        MessagePart,
        type=st.sampled_from((b"MESSAGE", b"message")),
        subtype=st.sampled_from((b"RFC822", b"global")),
        envelope=envelopes,
        body=inner,
        lines=sizes,
        parameters=parameters,
        size=sizes,
        extension=single_extensions,
    )


bodies: st.SearchStrategy[BodyStructure] = st.recursive(text_parts | basic_parts, _nested, max_leaves=6)

field_names = st.text(min_size=1, max_size=8).filter(lambda name: "\0" not in name)
body_sections = st.one_of(
    st.builds(
        BodySection,
        st.lists(st.integers(1, 2**32 - 1), max_size=3).map(tuple),
        st.sampled_from((None, "HEADER", "TEXT")),
        partial=st.none() | st.tuples(st.integers(0, 2**32), st.integers(1, 2**32)),
        peek=st.booleans(),
    ),
    st.builds(BodySection, st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple), st.just("MIME")),
    st.builds(
        BodySection,
        st.just(()),
        st.sampled_from(("HEADER.FIELDS", "HEADER.FIELDS.NOT")),
        st.lists(field_names, min_size=1, max_size=3).map(tuple),
    ),
)
dates = st.datetimes(
    min_value=datetime(1000, 1, 2),
    max_value=datetime(9999, 12, 30),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
flags = st.frozensets(st.sampled_from(("\\Seen", "\\Recent", "$Junk", "a", "\\X")))
answers = st.one_of(
    flags.map(FLAGS.answer),
    st.integers(1, 2**32 - 1).map(UID.answer),
    dates.map(INTERNALDATE.answer),
    sizes.map(RFC822_SIZE.answer),
    envelopes.map(ENVELOPE.answer),
    bodies.map(BODYSTRUCTURE.answer),
    bodies.map(BODY.answer),
    strings.map(RFC822.answer),
    strings.map(RFC822_TEXT.answer),
    st.tuples(body_sections, nstrings).map(lambda pair: pair[0].answer(pair[1])),
    st.sampled_from((5, b"x", None, "atom", (1, (b"y",)))).map(OtherItem("X-OTHER").answer),
)


def _fetch_data(sequence_number: int, drawn: list[Answer]) -> FetchData:
    return FetchData(sequence_number, *{answer.key: answer for answer in drawn}.values())


fetch_data_values = st.builds(
    _fetch_data, st.integers(1, 2**32 - 1), st.lists(answers, min_size=1, max_size=5)
)

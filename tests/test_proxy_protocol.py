from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError
from mailproto.proxy_protocol import (
    MAX_LINE,
    TLV,
    ProxyHeader,
    ProxyProtocolReader,
    SSLInfo,
    TLVType,
    Transport,
    _crc32c,
)
from mailproto.wants import Wants
from support_split import splits

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
BEHIND = b"EHLO a\r\n\x16\x03\x01"


def read(octets: bytes) -> ProxyHeader:
    """Return the header of *octets* after every split; what is behind it comes back untouched."""
    headers = []
    for pieces in splits(octets + BEHIND):
        reader = ProxyProtocolReader()
        found = None
        for piece in pieces:
            assert reader.wants is (Wants.DATA if found is None else Wants.CLOSED)
            reader.receive_data(piece)
            found = reader.next_event() or found
        assert found is not None
        assert reader.take_rest() == BEHIND
        assert reader.buffered == 0
        headers.append(found)
    assert all(header == headers[0] for header in headers)
    return headers[0]


def v1(transport: Transport, source: tuple[str, int], destination: tuple[str, int]) -> ProxyHeader:
    return ProxyHeader(version=1, transport=transport, source=source, destination=destination)


LONGEST = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
LINES = [
    (b"PROXY UNKNOWN\r\n", ProxyHeader(version=1)),
    (
        b"PROXY TCP4 192.0.2.1 198.51.100.22 35646 25\r\n",
        v1(Transport.TCP4, ("192.0.2.1", 35_646), ("198.51.100.22", 25)),
    ),
    (
        b"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n",
        v1(Transport.TCP4, ("255.255.255.255", 65_535), ("0.0.0.0", 0)),
    ),
    (
        b"PROXY TCP6 2001:db8::1 ::1 1 143\r\n",
        v1(Transport.TCP6, ("2001:db8::1", 1), ("::1", 143)),
    ),
    (
        f"PROXY TCP6 {LONGEST} {LONGEST} 65535 65535\r\n".encode(),
        v1(Transport.TCP6, (LONGEST, 65_535), (LONGEST, 65_535)),
    ),
]
LENIENT_LINES = [
    (b"PROXY UNKNOWN " + LONGEST.encode() + b" x y 1\r\n", ProxyHeader(version=1)),
    (b"PROXY UNKNOWN ".ljust(MAX_LINE - 2, b"x") + b"\r\n", ProxyHeader(version=1)),
    (
        b"PROXY TCP6 2001:0DB8:0::1 ::0001 1 143\r\n",
        v1(Transport.TCP6, ("2001:db8::1", 1), ("::1", 143)),
    ),
]
NOT_LINES = [
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY UNKNOWNX\r\n",
    b"PROXY UNKNOWN\n",
    b"PROXY UNKNOWN\rx\r\n",
    b"PROXY UNKNOWN ".ljust(MAX_LINE - 1, b"x") + b"\r\n",
    b"PROXY UNKNOWN " + b"x" * 200,
    b"proxy UNKNOWN\r\n",
    b" PROXY UNKNOWN\r\n",
    b"PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 +2\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    b"PROXY TCP6 ::1 1:2:3 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
]


def v2(command: int, family: int, block: bytes = b"") -> bytes:
    return SIGNATURE + bytes((command, family)) + len(block).to_bytes(2) + block


INET = bytes((192, 0, 2, 1, 198, 51, 100, 22)) + b"\x8b\x3e\x00\x19"
INET6 = bytes.fromhex("20010db8" + "00" * 11 + "01") + bytes(15) + b"\x01" + b"\x00\x01\x00\x8f"
UNIX = b"/a".ljust(108, b"\0") + b"\0b\xff".ljust(108, b"\0")
SOURCE4: Any = {"source": ("192.0.2.1", 35_646), "destination": ("198.51.100.22", 25)}
SOURCE6: Any = {"source": ("2001:db8::1", 1), "destination": ("::1", 143)}
PATHS: Any = {"source": "/a", "destination": "\0b\udcff"}
BINARIES = [
    (v2(0x20, 0x00), ProxyHeader(is_local=True)),
    (v2(0x21, 0x00), ProxyHeader()),
    (v2(0x21, 0x11, INET), ProxyHeader(transport=Transport.TCP4, **SOURCE4)),
    (v2(0x21, 0x12, INET), ProxyHeader(transport=Transport.UDP4, **SOURCE4)),
    (v2(0x21, 0x21, INET6), ProxyHeader(transport=Transport.TCP6, **SOURCE6)),
    (v2(0x21, 0x22, INET6), ProxyHeader(transport=Transport.UDP6, **SOURCE6)),
    (v2(0x21, 0x31, UNIX), ProxyHeader(transport=Transport.UNIX_STREAM, **PATHS)),
    (v2(0x21, 0x32, UNIX), ProxyHeader(transport=Transport.UNIX_DGRAM, **PATHS)),
    (
        v2(0x21, 0x31, bytes(216)),
        ProxyHeader(transport=Transport.UNIX_STREAM, source="", destination=""),
    ),
    (
        v2(0x21, 0x00, b"\x05\x00\x02id"),
        ProxyHeader(tlvs=(TLV(TLVType.UNIQUE_ID, b"id"),)),
    ),
    (
        v2(0x21, 0x11, INET + b"\x01\x00\x04smtp\x04\x00\x00\xe0\x00\x01\xff"),
        ProxyHeader(
            transport=Transport.TCP4,
            tlvs=(TLV(TLVType.ALPN, b"smtp"), TLV(TLVType.NOOP, b""), TLV(0xE0, b"\xff")),
            **SOURCE4,
        ),
    ),
]
LENIENT_BINARIES = [
    (v2(0x20, 0x11, INET), ProxyHeader(is_local=True)),
    (v2(0x20, 0xFF, b"whatever"), ProxyHeader(is_local=True)),
]
NOT_BINARIES = [
    v2(0x10, 0x11, INET),
    v2(0x22, 0x11, INET),
    v2(0x31, 0x11, INET),
    v2(0x21, 0x01, INET),
    v2(0x21, 0x10, INET),
    v2(0x21, 0x13, INET),
    v2(0x21, 0x41, INET),
    v2(0x21, 0x11, INET[:-1]),
    v2(0x21, 0x21, INET),
    v2(0x21, 0x31, UNIX[:-1]),
    v2(0x21, 0x11),
    v2(0x21, 0x11, INET + b"\x01"),
    v2(0x21, 0x11, INET + b"\x01\x00"),
    v2(0x21, 0x11, INET + b"\x01\x00\x02x"),
    v2(0x21, 0x11, INET + b"\x05\x00\x81" + bytes(129)),
    v2(0x21, 0x11, INET + b"\x03\x00\x04\x00\x00\x00\x00"),
    v2(0x21, 0x11, INET + b"\x03\x00\x00"),
    v2(0x21, 0x00, b"address"),
    b"\r\n\r\n\x00\r\nQUIT\r\n",
]
CASES = [*LINES, *BINARIES]


@pytest.mark.parametrize("octets, header", CASES)
def test_reads_and_writes(octets: bytes, header: ProxyHeader) -> None:
    assert read(octets) == header
    assert header.serialize() == octets


@pytest.mark.parametrize("octets, header", [*LENIENT_LINES, *LENIENT_BINARIES])
def test_reads_what_we_write_otherwise(octets: bytes, header: ProxyHeader) -> None:
    assert read(octets) == header
    assert read(header.serialize()) == header


@pytest.mark.parametrize(
    "octets", [*NOT_LINES, *NOT_BINARIES, b"EHLO a\r\n", b"\x16\x03\x01", b"\r\nP", b"PUT /"]
)
def test_what_is_no_header(octets: bytes) -> None:
    for pieces in splits(octets):
        reader = ProxyProtocolReader()
        with pytest.raises(RemoteProtocolError):
            for piece in pieces:
                reader.receive_data(piece)
                assert reader.next_event() is None
        assert (reader.wants, reader.next_event()) == (Wants.CLOSED, None)
        with pytest.raises(LocalProtocolError, match="not complete"):
            reader.take_rest()


@pytest.mark.parametrize("octets", [octets for octets, _ in CASES])
def test_an_end_at_every_octet(octets: bytes) -> None:
    for at in range(len(octets)):
        reader = ProxyProtocolReader()
        reader.receive_data(octets[:at])
        assert reader.next_event() is None
        with pytest.raises(LocalProtocolError):
            reader.take_rest()
        reader.receive_eof()
        with pytest.raises(RemoteProtocolError, match="ended within the header"):
            reader.next_event()


@pytest.mark.parametrize("first", [b"E", b"\x16", b"\r\r", b"PR0", b"\r\n\r\n\x00\r\nQUIT\nX", b"PROXY A\rB"])
def test_what_cannot_become_a_header_is_refused_at_once(first: bytes) -> None:
    reader = ProxyProtocolReader()
    reader.receive_data(first[:-1])
    assert reader.next_event() is None
    reader.receive_data(first[-1:])
    with pytest.raises(RemoteProtocolError):
        reader.next_event()


def test_the_longest_line() -> None:
    worst = b"PROXY UNKNOWN " + LONGEST.encode() + b" " + LONGEST.encode() + b" 65535 65535\r\n"
    assert len(worst) == MAX_LINE
    assert read(worst) == ProxyHeader(version=1)
    reader = ProxyProtocolReader()
    reader.receive_data(worst.replace(b"\r\n", b"")[: MAX_LINE - 2])
    assert reader.next_event() is None
    reader.receive_data(b"xx")
    with pytest.raises(RemoteProtocolError):
        reader.next_event()


def test_a_binary_header_has_a_greatest_size() -> None:
    octets = v2(0x20, 0, bytes(100))
    assert len(octets) == 116
    reader = ProxyProtocolReader(max_header=116)
    reader.receive_data(octets)
    assert reader.next_event() == ProxyHeader(is_local=True)
    for at in range(16, len(octets)):
        reader = ProxyProtocolReader(max_header=115)
        reader.receive_data(octets[:at])
        with pytest.raises(LimitExceeded, match="max_header: 116 is more than 115"):
            reader.next_event()


INET_TLVS = (TLV(TLVType.AUTHORITY, b"mx.example"), TLV(TLVType.NETNS, b"blue"))


def test_a_checksum() -> None:
    header = ProxyHeader(transport=Transport.TCP4, tlvs=INET_TLVS, has_checksum=True, **SOURCE4)
    octets = header.serialize()
    assert octets[-7:-4] == b"\x03\x00\x04"
    assert read(octets) == header
    type_of_checksum = len(octets) - 7
    for at in {*range(16, len(octets))} - {type_of_checksum}:
        damaged = octets[:at] + bytes((octets[at] ^ 0x10,)) + octets[at + 1 :]
        reader = ProxyProtocolReader()
        reader.receive_data(damaged)
        with pytest.raises(RemoteProtocolError):
            reader.next_event()


def test_a_checksum_anywhere_among_the_others() -> None:
    blank = v2(0x21, 0x11, INET + b"\x03\x00\x04\0\0\0\0\x02\x00\x01x")
    at = blank.index(b"\x03\x00\x04") + 3
    octets = blank[:at] + _crc32c(blank).to_bytes(4) + blank[at + 4 :]
    assert read(octets) == ProxyHeader(
        transport=Transport.TCP4, tlvs=(TLV(TLVType.AUTHORITY, b"x"),), has_checksum=True, **SOURCE4
    )


def test_the_checksum_is_the_known_one() -> None:
    assert _crc32c(b"123456789") == 0xE3069283
    assert _crc32c(bytes(32)) == 0x8A9136AA


def test_named_values() -> None:
    tls = SSLInfo(7, 0, (TLV(TLVType.SSL_VERSION, b"TLSv1.3"), TLV(TLVType.SSL_CN, "jürgen".encode())))
    header = ProxyHeader(
        tlvs=(*INET_TLVS, TLV(TLVType.ALPN, b"smtp"), TLV(TLVType.UNIQUE_ID, b"\xff"), tls.to_tlv())
    )
    parsed = read(header.serialize())
    assert (parsed.authority, parsed.netns, parsed.alpn, parsed.unique_id) == (
        "mx.example",
        "blue",
        b"smtp",
        b"\xff",
    )
    assert parsed.ssl == tls
    assert [tls.text_of(kind) for kind in (TLVType.SSL_VERSION, TLVType.SSL_CN, TLVType.SSL_CIPHER)] == [
        "TLSv1.3",
        "jürgen",
        None,
    ]
    empty = ProxyHeader()
    assert (empty.authority, empty.netns, empty.alpn, empty.unique_id, empty.ssl) == (None,) * 5


@pytest.mark.parametrize("value", [b"", b"\x07\0\0\0", b"\x07\0\0\0\0\x21", b"\x07\0\0\0\0\x21\0\x01"])
def test_a_malformed_value_of_tls_is_none(value: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        SSLInfo.parse(value)
    assert ProxyHeader(tlvs=(TLV(TLVType.SSL, value),)).ssl is None


BAD: list[dict[str, Any]] = [
    {"version": 3},
    {"transport": Transport.TCP4},
    {"source": ("192.0.2.1", 1), "destination": ("192.0.2.1", 1)},
    {"transport": Transport.TCP4, "source": ("192.0.2.1", 1)},
    {"transport": Transport.TCP4, **SOURCE6},
    {"transport": Transport.TCP6, **SOURCE4},
    {"transport": Transport.TCP4, **PATHS},
    {"transport": Transport.UNIX_STREAM, **SOURCE4},
    {"transport": Transport.TCP4, "source": ("192.0.2.1", 65_536), "destination": ("192.0.2.1", 1)},
    {"transport": Transport.TCP6, "source": ("fe80::1%eth0", 1), "destination": ("::1", 1)},
    {"transport": Transport.TCP4, "source": ("192.0.2.1\r\n", 1), "destination": ("192.0.2.1", 1)},
    {"transport": Transport.UNIX_STREAM, "source": "a" * 109, "destination": ""},
    {"transport": Transport.UNIX_STREAM, "source": "a\0", "destination": ""},
    {"transport": Transport.TCP4, "is_local": True, **SOURCE4},
    {"is_local": True, "has_checksum": True},
    {"tlvs": (TLV(TLVType.CRC32C, bytes(4)),)},
    {"tlvs": (TLV(0xE0, bytes(65_533)),)},
    {"tlvs": (TLV(0xE0, bytes(65_532)),), "has_checksum": True},
    {"version": 1, "is_local": True},
    {"version": 1, "tlvs": (TLV(1, b"x"),)},
    {"version": 1, "transport": Transport.UDP4, **SOURCE4},
]


@pytest.mark.parametrize("arguments", BAD)
def test_headers_that_cannot_be(arguments: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        ProxyHeader(**arguments)


def test_values_that_cannot_be() -> None:
    for kind, value in ((-1, b""), (256, b""), (1, bytes(65_536)), (TLVType.UNIQUE_ID, bytes(129))):
        with pytest.raises(LocalProtocolError):
            TLV(kind, value)
    for client, verify in ((256, 0), (0, 2**32), (-1, 0)):
        with pytest.raises(LocalProtocolError):
            SSLInfo(client, verify).to_tlv()


ports = st.integers(0, 65_535)
four = st.tuples(st.ip_addresses(v=4).map(str), ports)
six = st.tuples(st.ip_addresses(v=6).map(str), ports)
tlvs = st.lists(
    st.builds(TLV, st.integers(0, 255).filter(lambda kind: kind != 3), st.binary(max_size=50)), max_size=5
).map(tuple)


@given(
    st.one_of(
        st.tuples(st.sampled_from([Transport.TCP4, Transport.UDP4]), four, four),
        st.tuples(st.sampled_from([Transport.TCP6, Transport.UDP6]), six, six),
        st.just((Transport.UNSPEC, None, None)),
    ),
    tlvs,
    st.booleans(),
)
def test_what_is_written_is_read(ends: Any, values: tuple[TLV, ...], has_checksum: bool) -> None:
    transport, source, destination = ends
    header = ProxyHeader(
        transport=transport, source=source, destination=destination, tlvs=values, has_checksum=has_checksum
    )
    reader = ProxyProtocolReader()
    reader.receive_data(header.serialize() + BEHIND)
    assert reader.next_event() == header
    assert reader.take_rest() == BEHIND


@given(st.binary(max_size=80), st.sampled_from([b"", b"PROXY ", SIGNATURE, SIGNATURE + b"\x21\x11\x00\x20"]))
def test_nothing_but_a_protocol_error_comes_out(octets: bytes, prefix: bytes) -> None:
    reader = ProxyProtocolReader()
    reader.receive_data(prefix + octets)
    try:
        header = reader.next_event()
    except RemoteProtocolError:
        return
    if header is not None:
        assert (prefix + octets).endswith(reader.take_rest())

"""The PROXY protocol, versions 1 and 2: what a proxy says of a connection before anything else is said.

The specification is haproxy's proxy-protocol.txt: section 2.1 is the line of version 1, section 2.2 the
binary header of version 2. `ProxyProtocolReader` reads either, piece by piece, and hands back what follows it
untouched; `ProxyHeader.serialize` writes both. A receiver must know that a header comes, and must not guess:
who can connect without the proxy could claim any address. So let nobody but the proxy connect.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias, final

from mailproto.errors import LimitExceeded, LocalProtocolError, RemoteProtocolError, excerpt
from mailproto.wants import Wants

__all__ = [
    "Address",
    "MAX_HEADER",
    "MAX_LINE",
    "ProxyHeader",
    "ProxyProtocolReader",
    "SSLInfo",
    "TLV",
    "TLVType",
    "Transport",
]

Address: TypeAlias = tuple[str, int] | str
"""(address, port), or the path of a Unix socket, where octets that are not UTF-8 are surrogate escapes."""

MAX_LINE: Final = 107
"""Octets of the line of version 1 with its CRLF: the worst case of section 2.1."""
MAX_HEADER: Final = 4_096
"""Octets of a header of version 2 that a reader accepts unless told otherwise; at least 232 are needed."""

_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_PREFIX: Final = b"PROXY "
_FIXED: Final = 16
"""Octets of version 2 in front of the addresses: signature, version and command, family, length."""
_PATH: Final = 108
_MAX_UNIQUE_ID: Final = 128

# "PROXY" SP "TCP4" / "TCP6" SP address SP address SP port SP port CRLF ;  port without leading zeros
_match_line: Final = re.compile(
    rb"PROXY (TCP[46]) ([0-9A-Fa-f.:]{2,39}) ([0-9A-Fa-f.:]{2,39})"
    rb" (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n"
).fullmatch
_match_unknown: Final = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n").fullmatch


class Transport(enum.Enum):
    """Address family and protocol of the proxied connection, as version 2 counts them (section 2.2)."""

    UNSPEC = 0x00
    TCP4 = 0x11
    UDP4 = 0x12
    TCP6 = 0x21
    UDP6 = 0x22
    UNIX_STREAM = 0x31
    UNIX_DGRAM = 0x32


class TLVType(enum.IntEnum):
    """The types of additional values that the specification names (section 2.2)."""

    ALPN = 0x01
    AUTHORITY = 0x02
    CRC32C = 0x03
    NOOP = 0x04
    UNIQUE_ID = 0x05
    SSL = 0x20
    SSL_VERSION = 0x21
    SSL_CN = 0x22
    SSL_CIPHER = 0x23
    SSL_SIG_ALG = 0x24
    SSL_KEY_ALG = 0x25
    NETNS = 0x30


@dataclass(frozen=True, slots=True)
class TLV:
    """An additional value of version 2: `type` from 0 to 255, also such as `TLVType` does not name."""

    type: int
    value: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.type <= 255:
            raise LocalProtocolError(f"TLV: expected a type from 0 to 255, got {self.type}")
        if len(self.value) > 65_535:
            raise LocalProtocolError(f"TLV: expected at most 65535 octets, got {len(self.value)}")
        if self.type == TLVType.UNIQUE_ID and len(self.value) > _MAX_UNIQUE_ID:
            raise LocalProtocolError(f"UNIQUE_ID: expected at most {_MAX_UNIQUE_ID} octets")

    def serialize(self) -> bytes:
        """Return type, length and value."""
        return bytes((self.type,)) + len(self.value).to_bytes(2) + self.value


@dataclass(frozen=True, slots=True)
class SSLInfo:
    """What the TLV `SSL` says of the client's TLS at the proxy (section 2.2.5).

    `client` has the flags 1 (TLS), 2 (a certificate on this connection), 4 (one in this session); `verify` is
    0 if the certificate was verified. `tlvs` has the names of version, cipher and so on.
    """

    client: int
    verify: int
    tlvs: tuple[TLV, ...] = ()

    @classmethod
    def parse(cls, octets: bytes) -> SSLInfo:
        """Read the value of the TLV. Raises RemoteProtocolError."""
        if len(octets) < 5:
            raise RemoteProtocolError(f"SSL: expected five octets or more, got {len(octets)}")
        return cls(octets[0], int.from_bytes(octets[1:5]), _parse_tlvs(octets, 5))

    def to_tlv(self) -> TLV:
        """Return the TLV. Raises LocalProtocolError for numbers that do not fit."""
        if not (0 <= self.client <= 255 and 0 <= self.verify < 2**32):
            raise LocalProtocolError("SSL: expected one octet for client and four for verify")
        return TLV(TLVType.SSL, bytes((self.client,)) + self.verify.to_bytes(4) + _serialize_all(self.tlvs))

    def text_of(self, type_: TLVType) -> str | None:
        """Return the text of a value, such as `TLVType.SSL_CN`; None if it is not there."""
        return _text(_first(self.tlvs, type_))


@dataclass(frozen=True, slots=True)
class _Family:
    """How version 2 writes the addresses of a family: the octets of one, and both ways to write it."""

    size: int
    to_octets: Callable[[Address], bytes]
    of_octets: Callable[[bytes], Address]


def _host(endpoint: Address) -> str:
    if isinstance(endpoint, str) or not 0 <= endpoint[1] <= 65_535 or "%" in endpoint[0]:
        raise ValueError("expected an address and a port")
    return endpoint[0]


def _path_to_octets(endpoint: Address) -> bytes:
    if not isinstance(endpoint, str):
        raise ValueError("expected a path")
    octets = endpoint.encode("utf-8", "surrogateescape")
    if len(octets) > _PATH or octets.endswith(b"\0"):
        raise ValueError(f"expected a path of at most {_PATH} octets that does not end in NUL")
    return octets.ljust(_PATH, b"\0")


def _path_of_octets(octets: bytes) -> Address:
    return octets.rstrip(b"\0").decode("utf-8", "surrogateescape")


_INET: Final = _Family(
    4,
    lambda endpoint: IPv4Address(_host(endpoint)).packed,
    lambda octets: (str(IPv4Address(octets[:4])), int.from_bytes(octets[4:])),
)
_INET6: Final = _Family(
    16,
    lambda endpoint: IPv6Address(_host(endpoint)).packed,
    lambda octets: (str(IPv6Address(octets[:16])), int.from_bytes(octets[16:])),
)
_UNIX: Final = _Family(_PATH, _path_to_octets, _path_of_octets)
_FAMILIES: Final = {
    Transport.TCP4: _INET,
    Transport.UDP4: _INET,
    Transport.TCP6: _INET6,
    Transport.UDP6: _INET6,
    Transport.UNIX_STREAM: _UNIX,
    Transport.UNIX_DGRAM: _UNIX,
}
_LINE_TRANSPORTS: Final = {b"TCP4": Transport.TCP4, b"TCP6": Transport.TCP6}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyHeader:
    """The header: who connected (`source`) to what (`destination`), both None where that is not said.

    Addresses are kept in their canonical form. `is_local` is the command LOCAL of version 2: the connection
    is the proxy's own, a health check say. `has_checksum`: the header has the TLV CRC32C, which is verified
    when read and computed when written, and so does not stand in `tlvs`. Version 1 has neither these nor
    other transports than TCP. Raises LocalProtocolError.
    """

    version: int = 2
    transport: Transport = Transport.UNSPEC
    source: Address | None = None
    destination: Address | None = None
    is_local: bool = False
    tlvs: tuple[TLV, ...] = ()
    has_checksum: bool = False

    def __post_init__(self) -> None:
        if self.version not in (1, 2):
            raise LocalProtocolError(f"version: expected 1 or 2, got {self.version}")
        family = _FAMILIES.get(self.transport)
        for name in ("source", "destination"):
            object.__setattr__(self, name, _canonical(name, getattr(self, name), family))
        if self.is_local and (family is not None or self.tlvs or self.has_checksum):
            raise LocalProtocolError("LOCAL: expected neither addresses nor TLVs")
        if any(tlv.type == TLVType.CRC32C for tlv in self.tlvs):
            raise LocalProtocolError("tlvs: CRC32C is computed, see has_checksum")
        if self.version == 1:
            self._check_line()
        elif len(self._block()) + (7 if self.has_checksum else 0) > 65_535:
            raise LocalProtocolError("tlvs: expected at most 65535 octets in all")

    def _check_line(self) -> None:
        if self.is_local or self.tlvs or self.has_checksum:
            raise LocalProtocolError("version 1: expected neither LOCAL nor TLVs")
        if self.transport not in (Transport.UNSPEC, Transport.TCP4, Transport.TCP6):
            raise LocalProtocolError(f"version 1: expected TCP4, TCP6 or UNSPEC, got {self.transport.name}")

    @property
    def alpn(self) -> bytes | None:
        """The protocol that the client negotiated with the proxy."""
        return _first(self.tlvs, TLVType.ALPN)

    @property
    def authority(self) -> str | None:
        """The host name that the client asked for (SNI)."""
        return _text(_first(self.tlvs, TLVType.AUTHORITY))

    @property
    def unique_id(self) -> bytes | None:
        """The proxy's own name for the connection, at most 128 octets."""
        return _first(self.tlvs, TLVType.UNIQUE_ID)

    @property
    def netns(self) -> str | None:
        """The name of the proxy's network namespace."""
        return _text(_first(self.tlvs, TLVType.NETNS))

    @property
    def ssl(self) -> SSLInfo | None:
        """What is said of the client's TLS; None if nothing is, or nothing that can be read."""
        value = _first(self.tlvs, TLVType.SSL)
        try:
            return None if value is None else SSLInfo.parse(value)
        except RemoteProtocolError:
            return None

    def serialize(self) -> bytes:
        """Return the header as its version writes it."""
        return self._line() if self.version == 1 else self._binary()

    def _line(self) -> bytes:
        if not isinstance(self.source, tuple) or not isinstance(self.destination, tuple):
            return b"PROXY UNKNOWN\r\n"
        (source, source_port), (destination, port) = self.source, self.destination
        return f"PROXY {self.transport.name} {source} {destination} {source_port} {port}\r\n".encode()

    def _binary(self) -> bytes:
        block = self._block()
        size = len(block) + (7 if self.has_checksum else 0)
        command = 0x20 if self.is_local else 0x21
        head = _SIGNATURE + bytes((command, self.transport.value)) + size.to_bytes(2) + block
        if not self.has_checksum:
            return head
        blank = head + TLV(TLVType.CRC32C, bytes(4)).serialize()
        return blank[:-4] + _crc32c(blank).to_bytes(4)

    def _block(self) -> bytes:
        addresses = b""
        family = _FAMILIES.get(self.transport)
        if family is not None and self.source is not None and self.destination is not None:
            ends = (self.source, self.destination)
            addresses = b"".join(map(family.to_octets, ends)) + b"".join(map(_port, ends))
        return addresses + _serialize_all(self.tlvs)


def _canonical(name: str, endpoint: Address | None, family: _Family | None) -> Address | None:
    if (endpoint is None) is not (family is None):
        raise LocalProtocolError(f"{name}: expected one exactly where the transport has addresses")
    if endpoint is None or family is None:
        return None
    try:
        return family.of_octets(family.to_octets(endpoint) + _port(endpoint))
    except ValueError as error:
        raise LocalProtocolError(f"{name}: {error}") from None


def _port(endpoint: Address) -> bytes:
    return b"" if isinstance(endpoint, str) else endpoint[1].to_bytes(2)


def _first(tlvs: tuple[TLV, ...], type_: TLVType) -> bytes | None:
    return next((tlv.value for tlv in tlvs if tlv.type == type_), None)


def _text(octets: bytes | None) -> str | None:
    return None if octets is None else octets.decode("utf-8", "replace")


def _serialize_all(tlvs: tuple[TLV, ...]) -> bytes:
    return b"".join(tlv.serialize() for tlv in tlvs)


def _parse_tlvs(octets: bytes, start: int) -> tuple[TLV, ...]:
    tlvs: list[TLV] = []
    while start < len(octets):
        size = int.from_bytes(octets[start + 1 : start + 3])
        end = start + 3 + size
        if start + 3 > len(octets) or end > len(octets):
            raise RemoteProtocolError("TLV: longer than what it is in", offset=start)
        try:
            tlvs.append(TLV(octets[start], octets[start + 3 : end]))
        except LocalProtocolError as error:
            raise RemoteProtocolError(str(error), offset=start) from None
        start = end
    return tuple(tlvs)


def _crc_row(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value


_CRC_TABLE: Final = tuple(map(_crc_row, range(256)))


def _crc32c(octets: bytes) -> int:
    """Return the checksum of RFC 4960 appendix B; a header is short enough for a loop over its octets."""
    value = 0xFFFFFFFF
    for octet in octets:
        value = (value >> 8) ^ _CRC_TABLE[(value ^ octet) & 0xFF]
    return value ^ 0xFFFFFFFF


@final
class ProxyProtocolReader:
    """Reads one header: feed it until `next_event` returns it, then take the rest for what comes behind.

    *max_header* bounds a header of version 2, in octets. What cannot become a header any more is refused at
    its first octet that is wrong.
    """

    __slots__ = ("_header", "_is_eof", "_is_failed", "_max_header", "_octets")

    def __init__(self, *, max_header: int = MAX_HEADER) -> None:
        self._max_header = max_header
        self._octets = bytearray()
        self._header: ProxyHeader | None = None
        self._is_eof = False
        self._is_failed = False

    def receive_data(self, data: bytes) -> None:
        """Buffer *data*."""
        self._octets += data

    def receive_eof(self) -> None:
        """Note that nothing more comes."""
        self._is_eof = True

    @property
    def wants(self) -> Wants:
        """DATA until there is a header, CLOSED behind it or an error."""
        return Wants.CLOSED if self._header is not None or self._is_failed else Wants.DATA

    @property
    def buffered(self) -> int:
        """Octets received, less those of the header once it is read."""
        return len(self._octets)

    def next_event(self) -> ProxyHeader | None:
        """Return the header once it is complete, and None ever after.

        Raises RemoteProtocolError for what is no header, and if the octets end before it does; LimitExceeded
        for one that is too long.
        """
        if self.wants is Wants.CLOSED:
            return None
        try:
            header = self._read()
            if header is None and self._is_eof:
                raise RemoteProtocolError("PROXY: the connection ended within the header")
        except RemoteProtocolError:
            self._is_failed = True
            raise
        self._header = header
        return header

    def take_rest(self) -> bytes:
        """Return the octets behind the header, which belong to another protocol, and forget them.

        Raises LocalProtocolError as long as there is no header.
        """
        if self._header is None:
            raise LocalProtocolError("PROXY: the header is not complete")
        rest = bytes(self._octets)
        self._octets.clear()
        return rest

    def _read(self) -> ProxyHeader | None:
        octets = self._octets
        if not octets:
            return None
        if octets[0] == _PREFIX[0]:
            return self._read_line()
        if not _SIGNATURE.startswith(bytes(octets[: len(_SIGNATURE)])):
            raise _unexpected(octets)
        return self._read_binary() if len(octets) >= len(_SIGNATURE) else None

    def _read_line(self) -> ProxyHeader | None:
        octets = self._octets
        if not _PREFIX.startswith(bytes(octets[: len(_PREFIX)])):
            raise _unexpected(octets)
        end = octets.find(b"\n", 0, MAX_LINE) + 1
        line = bytes(octets[: end or MAX_LINE])
        # A CR that is not the last octet yet, nor followed by LF, ends every hope.
        if not end and b"\r" not in line[:-1] and len(line) < MAX_LINE:
            return None
        header = _parse_line(line)
        del self._octets[:end]
        return header

    def _read_binary(self) -> ProxyHeader | None:
        octets = self._octets
        if len(octets) > 12 and octets[12] not in (0x20, 0x21):
            raise RemoteProtocolError(f"PROXY: expected version 2, got {octets[12]:#04x}", offset=12)
        if len(octets) < _FIXED:
            return None
        size = _FIXED + int.from_bytes(octets[14:16])
        if size > self._max_header:
            raise LimitExceeded("max_header", size, self._max_header, offset=14)
        if len(octets) < size:
            return None
        header = _parse_binary(bytes(octets[:size]))
        del self._octets[:size]
        return header


def _unexpected(octets: bytearray) -> RemoteProtocolError:
    return RemoteProtocolError(f"PROXY: expected a header, got {excerpt(bytes(octets))!r}", offset=0)


def _parse_line(line: bytes) -> ProxyHeader:
    if len(line) <= MAX_LINE and _match_unknown(line) is not None:
        return ProxyHeader(version=1)
    found = _match_line(line)
    if found is None:
        raise RemoteProtocolError(f"PROXY: expected the line of version 1, got {excerpt(line)!r}", offset=0)
    source, destination = (found[group].decode() for group in (2, 3))
    try:
        return ProxyHeader(
            version=1,
            transport=_LINE_TRANSPORTS[found[1]],
            source=(source, int(found[4])),
            destination=(destination, int(found[5])),
        )
    except LocalProtocolError as error:
        raise RemoteProtocolError(f"PROXY: {error}", offset=len(_PREFIX)) from None


def _parse_binary(octets: bytes) -> ProxyHeader:
    if octets[12] == 0x20:
        # "The receiver must accept this connection as valid and must use the real connection endpoints and
        # discard the protocol block including the family which is ignored."
        return ProxyHeader(is_local=True)
    try:
        transport = Transport(octets[13])
    except ValueError:
        raise RemoteProtocolError(f"PROXY: expected a family, got {octets[13]:#04x}", offset=13) from None
    family = _FAMILIES.get(transport)
    if family is None:
        return _with_tlvs(ProxyHeader(transport=transport), octets, _FIXED)
    middle, ports = _FIXED + family.size, _FIXED + 2 * family.size
    end = ports + (0 if family is _UNIX else 4)
    if end > len(octets):
        raise RemoteProtocolError("PROXY: the addresses are cut short", offset=_FIXED)
    header = ProxyHeader(
        transport=transport,
        source=family.of_octets(octets[_FIXED:middle] + octets[ports : min(end, ports + 2)]),
        destination=family.of_octets(octets[middle:ports] + octets[min(end, ports + 2) : end]),
    )
    return _with_tlvs(header, octets, end)


def _with_tlvs(header: ProxyHeader, octets: bytes, start: int) -> ProxyHeader:
    tlvs = _parse_tlvs(octets, start)
    others = tuple(tlv for tlv in tlvs if tlv.type != TLVType.CRC32C)
    if len(others) < len(tlvs):
        _check_crc(octets, start, tlvs)
    return replace(header, tlvs=others, has_checksum=len(others) < len(tlvs))


def _check_crc(octets: bytes, start: int, tlvs: tuple[TLV, ...]) -> None:
    """Verify the checksum, which is that of the header with four zeros in its place (section 2.2.3)."""
    for tlv in tlvs:
        if tlv.type == TLVType.CRC32C:
            blank = octets[: start + 3] + bytes(4) + octets[start + 7 :]
            if len(tlv.value) != 4 or _crc32c(blank) != int.from_bytes(tlv.value):
                raise RemoteProtocolError("PROXY: the checksum is wrong", offset=start)
            return
        start += 3 + len(tlv.value)

"""TLS as a transform of octets: an `ssl.SSLObject` over two memory buffers, shared by both adapters.

No socket is wrapped and no event loop asked: octets go in, octets come out, so octets that were read before
the handshake can be given to it, and both adapters run the same code. Contexts with the library's defaults
are made here.
"""

from __future__ import annotations

import hashlib
import ssl
from collections import deque
from typing import Final, final

from mailproto._der import read_element
from mailproto.errors import LocalProtocolError, RemoteProtocolError
from mailproto.flow import TLSInfo

__all__ = ["TLSStream", "certificate_in", "client_context", "unverified_context"]

_RECORD: Final = 65_536
"""Octets asked for at a time; OpenSSL gives at most one record of 16 KiB."""

_PKCS_1: Final = bytes.fromhex("06092a864886f70d0101")
_ECDSA_SHA_2: Final = bytes.fromhex("06082a8648ce3d0403")
_SIGNATURE_HASHES: Final = {
    _PKCS_1 + b"\x04": "sha256",
    _PKCS_1 + b"\x05": "sha256",
    _PKCS_1 + b"\x0b": "sha256",
    _PKCS_1 + b"\x0c": "sha384",
    _PKCS_1 + b"\x0d": "sha512",
    bytes.fromhex("06072a8648ce3d0401"): "sha256",
    _ECDSA_SHA_2 + b"\x02": "sha256",
    _ECDSA_SHA_2 + b"\x03": "sha384",
    _ECDSA_SHA_2 + b"\x04": "sha512",
}
"""The object identifiers of signatures with RSA and ECDSA, in DER, and the hash of RFC 5929 section 4.1."""


_RSA_PSS: Final = _PKCS_1 + b"\x0a"
_SHA_2: Final = bytes.fromhex("06096086480165030402")
_PSS_HASHES: Final = {_SHA_2 + b"\x01": "sha256", _SHA_2 + b"\x02": "sha384", _SHA_2 + b"\x03": "sha512"}
"""The hashes that the parameters of RSASSA-PSS name (RFC 4055 section 3.1)."""

_PEM_START: Final = b"-----BEGIN CERTIFICATE-----"
_PEM_END: Final = b"-----END CERTIFICATE-----"


@final
class TLSStream:
    """One end of a TLS session; raises LocalProtocolError if the context needs a host name and has none.

    *certificate* is, in DER, the one that a server shows: Python's ssl does not tell.
    `ssl.SSLError` comes out of `shake_hands`, `read_all` and `write` only.
    `data_to_send` must be drained after each call, also after one that raised: an alert may be in it.
    """

    __slots__ = ("_certificate", "_clear", "_incoming", "_is_ended", "_object", "_outgoing")

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        certificate: bytes | None = None,
    ) -> None:
        self._certificate = certificate
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        if context.check_hostname and not server_side and not server_hostname:
            raise LocalProtocolError("host: the certificate is to be verified, and no name is given")
        try:
            self._object = context.wrap_bio(
                self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
            )
        except ValueError as error:
            raise LocalProtocolError(f"server_hostname: {error}") from error
        self._clear: deque[bytes] = deque()
        self._is_ended = False

    @property
    def is_ended(self) -> bool:
        """True once the peer has said close_notify, or its octets have ended without it."""
        return self._is_ended

    def receive_data(self, data: bytes) -> None:
        """Take octets of the network."""
        self._incoming.write(data)

    def receive_eof(self) -> None:
        """Note that the network gives no more octets."""
        self._incoming.write_eof()

    def data_to_send(self) -> bytes:
        """Drain the octets for the network."""
        return self._outgoing.read()

    def shake_hands(self) -> bool:
        """Go on with the handshake; False if it waits for octets of the peer."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def read_all(self) -> list[bytes]:
        """Return what can be decrypted now, in pieces of at most a record; `is_ended` says if more may come.

        An end without close_notify is an end like any other: both protocols say in their own words when a
        message is complete.
        """
        pieces: list[bytes] = []
        read = self._object.read
        try:
            while piece := read(_RECORD):
                pieces.append(piece)
            self._is_ended = True
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._is_ended = True
        if self._clear:
            self._encrypt()
        return pieces

    def write(self, chunks: list[bytes]) -> None:
        """Encrypt *chunks*; during a renegotiation they wait for octets of the peer."""
        self._clear.extend(chunks)
        self._encrypt()

    def _encrypt(self) -> None:
        while self._clear:
            chunk = self._clear[0]
            try:
                written = self._object.write(chunk) if chunk else 0
            except ssl.SSLWantReadError:
                return
            if written < len(chunk):
                self._clear[0] = chunk[written:]
            else:
                self._clear.popleft()

    def close(self) -> None:
        """Queue close_notify; the peer's is not waited for."""
        try:
            self._object.unwrap()
        except (ssl.SSLError, ValueError):
            return

    def info(self) -> TLSInfo:
        """Return what the handshake gave."""
        cipher = self._object.cipher()
        certificate = self._object.getpeercert(binary_form=True)
        return TLSInfo(
            version=self._object.version() or "",
            cipher=cipher[0] if cipher else "",
            peer_certificate=certificate,
            peer_chain=self._peer_chain(certificate),
            channel_bindings=self._channel_bindings(),
        )

    def _peer_chain(self, certificate: bytes | None) -> tuple[bytes, ...]:
        """Return what the peer sent; before Python 3.13 ssl gives its own certificate only."""
        if certificate is None:
            # A client that was asked and had none: `get_unverified_chain` stumbles over that.
            return ()
        get_chain = getattr(self._object, "get_unverified_chain", None)
        return (certificate,) if get_chain is None else tuple(get_chain())

    def _channel_bindings(self) -> dict[str, bytes]:
        """Return those of RFC 5929 that can be had; "tls-unique" is undefined in TLS 1.3.

        "tls-exporter" (RFC 9266) is not among them, since Python's ssl exports no keying material.
        """
        bindings: dict[str, bytes] = {}
        if self._object.version() != "TLSv1.3":
            bindings["tls-unique"] = self._object.get_channel_binding("tls-unique") or b""
        is_server = self._object.server_side
        certificate = self._certificate if is_server else self._object.getpeercert(binary_form=True)
        if certificate:
            bindings["tls-server-end-point"] = _end_point(certificate)
        return {name: octets for name, octets in bindings.items() if octets}


def _end_point(certificate: bytes) -> bytes:
    """Return the hash of a server's certificate (RFC 5929 section 4.1), b"" where it is not defined.

    The hash is that of the certificate's signature, or SHA-256 in place of MD5 and SHA-1.
    """
    algorithm = _signature_algorithm(certificate)
    hashes = {name for oid, name in _SIGNATURE_HASHES.items() if algorithm.startswith(oid)}
    if algorithm.startswith(_RSA_PSS):
        # The parameters name the hash, and that of the mask; where there are none both are SHA-1.
        hashes = {name for oid, name in _PSS_HASHES.items() if oid in algorithm} or {"sha256"}
    return hashlib.new(hashes.pop(), certificate).digest() if len(hashes) == 1 else b""


def _signature_algorithm(certificate: bytes) -> bytes:
    """Return the second of the three elements of a certificate in DER, which OpenSSL has checked as a whole.

    See RFC 5280 section 4.1.
    """
    outer = read_element(certificate, 0, len(certificate))
    signed = read_element(certificate, outer.contents, outer.end)
    algorithm = read_element(certificate, signed.end, outer.end)
    return certificate[algorithm.contents : algorithm.end]


def certificate_in(octets: bytes) -> bytes:
    """Return the certificate in *octets*, which are DER or PEM; of several the first, which is the server's.

    Raises LocalProtocolError if there is none.
    """
    start, end = octets.find(_PEM_START), octets.find(_PEM_END)
    try:
        if start >= 0:
            octets = ssl.PEM_cert_to_DER_cert(octets[start : end + len(_PEM_END)].decode("ascii"))
        _signature_algorithm(octets)
    except (ValueError, RemoteProtocolError):
        raise LocalProtocolError("certificate: expected one in DER or PEM") from None
    return octets


def client_context() -> ssl.SSLContext:
    """Return a context that verifies the server against the system's authorities."""
    return ssl.create_default_context()


def unverified_context() -> ssl.SSLContext:
    """Return a context for opportunistic TLS, which hides from onlookers and proves nothing (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

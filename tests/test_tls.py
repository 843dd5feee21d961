from __future__ import annotations

import hashlib
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from mailproto._tls import TLSStream, unverified_context
from mailproto._tls import client_context as default_context
from mailproto.errors import LocalProtocolError
from support_lines import client_context, server_context


def make_pair(
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, hostname: str = "server.test"
) -> tuple[TLSStream, TLSStream]:
    client = TLSStream(client_context(), server_side=False, server_hostname=hostname)
    return client, TLSStream(server_context(version), server_side=True)


def shake(client: TLSStream, server: TLSStream, size: int = 1 << 20) -> None:
    done = [False, False]
    for _ in range(20_000):
        for index, (one, other) in enumerate(((client, server), (server, client))):
            try:
                done[index] = one.shake_hands()
            finally:
                octets = one.data_to_send()
                for start in range(0, len(octets), size):
                    other.receive_data(octets[start : start + size])
                    if not done[1 - index]:
                        done[1 - index] = other.shake_hands()
        if all(done):
            return
    raise AssertionError("no end to the handshake")


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("size", [1, 100, 1 << 20])
@pytest.mark.parametrize("version", VERSIONS)
def test_octets_go_through_in_both_directions(version: ssl.TLSVersion, size: int) -> None:
    client, server = make_pair(version)
    shake(client, server, size)
    octets = bytes(range(256)) * 1_000
    for one, other in ((client, server), (server, client)):
        one.write([octets[:7], b"", octets[7:]])
        other.receive_data(one.data_to_send())
        assert b"".join(other.read_all()) == octets
        assert not other.is_ended


def test_info_has_version_cipher_certificate_and_bindings() -> None:
    client, server = make_pair(ssl.TLSVersion.TLSv1_2)
    shake(client, server)
    seen, own = client.info(), server.info()
    assert seen.version == own.version == "TLSv1.2"
    assert seen.cipher == own.cipher != ""
    assert own.peer_certificate is None
    assert seen.peer_certificate is not None
    assert seen.peer_chain[0] == seen.peer_certificate
    assert own.peer_chain == ()
    assert seen.channel_bindings["tls-unique"] == own.channel_bindings["tls-unique"]
    digest = hashlib.sha256(seen.peer_certificate).digest()
    assert seen.channel_bindings["tls-server-end-point"] == digest


def test_the_chain_as_the_peer_sent_it() -> None:
    leaf = trustme.CA().create_child_ca().issue_cert("server.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    client = TLSStream(unverified_context(), server_side=False, server_hostname="server.test")
    shake(client, TLSStream(context, server_side=True))
    sent = [ssl.PEM_cert_to_DER_cert(pem.bytes().decode()) for pem in leaf.cert_chain_pems]
    assert len(sent) == 2
    assert client.info().peer_chain == tuple(sent if sys.version_info >= (3, 13) else sent[:1])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_that_is_asked_for_a_certificate_and_shows_none_has_no_chain(
    version: ssl.TLSVersion,
) -> None:
    context = server_context(version)
    context.verify_mode = ssl.CERT_OPTIONAL
    client, _ = make_pair()
    server = TLSStream(context, server_side=True)
    shake(client, server)
    info = server.info()
    assert (info.peer_certificate, info.peer_chain) == (None, ())


def test_tls_unique_is_not_given_in_tls_1_3() -> None:
    client, server = make_pair()
    shake(client, server)
    assert set(client.info().channel_bindings) == {"tls-server-end-point"}
    assert server.info().channel_bindings == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_both_ends_name_the_certificate_of_the_server(version: ssl.TLSVersion) -> None:
    context = server_context(version)
    client = TLSStream(client_context(), server_side=False, server_hostname="server.test")
    probe = TLSStream(context, server_side=True)
    shake(client, probe)
    certificate = client.info().peer_certificate
    other = TLSStream(client_context(), server_side=False, server_hostname="server.test")
    server = TLSStream(context, server_side=True, certificate=certificate)
    shake(other, server)
    name = "tls-server-end-point"
    assert server.info().channel_bindings[name] == other.info().channel_bindings[name]


def pss(mgf: hashes.HashAlgorithm) -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(mgf), salt_length=padding.PSS.DIGEST_LENGTH)


SIGNATURES: dict[str, tuple[Any, Any, str | None]] = {
    "RSA, SHA-512": (hashes.SHA512(), None, "sha512"),
    "RSA-PSS, SHA-384": (hashes.SHA384(), pss(hashes.SHA384()), "sha384"),
    "RSA-PSS, two hashes": (hashes.SHA384(), pss(hashes.SHA256()), None),
}


@pytest.mark.parametrize("algorithm, pad, name", SIGNATURES.values(), ids=SIGNATURES)
def test_the_hash_of_the_signature_is_that_of_the_end_point(
    algorithm: Any, pad: Any, name: str | None, tmp_path: Path
) -> None:
    """RFC 5929 section 4.1; what two hashes sign has no end point."""
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server.test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now + timedelta(days=1))
    certificate = builder.sign(key, algorithm, rsa_padding=pad)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, *form)
    (tmp_path / "both.pem").write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    der = certificate.public_bytes(serialization.Encoding.DER)
    client = TLSStream(unverified_context(), server_side=False, server_hostname="server.test")
    server = TLSStream(context, server_side=True, certificate=der)
    shake(client, server)
    expected = {} if name is None else {"tls-server-end-point": hashlib.new(name, der).digest()}
    assert client.info().channel_bindings == server.info().channel_bindings == expected


SIGNED_BY = {
    "RSA, MD5": ("2a864886f70d010104", "sha256"),
    "RSA, SHA-1": ("2a864886f70d010105", "sha256"),
    "RSA, SHA-256": ("2a864886f70d01010b", "sha256"),
    "RSA, SHA-384": ("2a864886f70d01010c", "sha384"),
    "RSA-PSS, SHA-1": ("2a864886f70d01010a", "sha256"),
    "ECDSA, SHA-1": ("2a8648ce3d0401", "sha256"),
    "ECDSA, SHA-512": ("2a8648ce3d040304", "sha512"),
    "Ed25519": ("2b6570", None),
}


@pytest.mark.parametrize("oid, name", SIGNED_BY.values(), ids=SIGNED_BY)
def test_sha_256_stands_in_for_hashes_that_are_broken(oid: str, name: str | None) -> None:
    """RFC 5929 section 4.1; of these certificates there is no more than how they are signed."""
    identifier = bytes.fromhex(oid)
    algorithm = bytes([0x30, len(identifier) + 2, 0x06, len(identifier)]) + identifier
    der = bytes([0x30, len(algorithm) + 2, 0x30, 0]) + algorithm
    client, _ = make_pair()
    server = TLSStream(server_context(), server_side=True, certificate=der)
    shake(client, server)
    expected = {} if name is None else {"tls-server-end-point": hashlib.new(name, der).digest()}
    assert server.info().channel_bindings == expected


def test_close_notify_and_a_bare_end_are_ends() -> None:
    client, server = make_pair()
    shake(client, server)
    client.write([b"last"])
    client.close()
    server.receive_data(client.data_to_send())
    assert server.read_all() == [b"last"]
    assert server.is_ended
    client.receive_eof()
    assert client.read_all() == []
    assert client.is_ended
    client.close()


def test_an_unknown_host_is_an_error_of_the_handshake() -> None:
    client, server = make_pair(hostname="other.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(client, server)
    server.receive_data(client.data_to_send())


def test_clear_text_is_an_error_of_the_handshake() -> None:
    _, server = make_pair()
    server.receive_data(b"EHLO client.test\r\n")
    with pytest.raises(ssl.SSLError):
        server.shake_hands()


def test_damaged_octets_are_an_error() -> None:
    client, server = make_pair()
    shake(client, server)
    client.write([b"x" * 100])
    octets = bytearray(client.data_to_send())
    octets[-1] ^= 1
    server.receive_data(bytes(octets))
    with pytest.raises(ssl.SSLError):
        server.read_all()


def test_the_contexts() -> None:
    assert default_context().verify_mode is ssl.CERT_REQUIRED
    assert default_context().check_hostname
    assert unverified_context().verify_mode is ssl.CERT_NONE


def test_a_context_that_verifies_needs_a_host_name() -> None:
    with pytest.raises(LocalProtocolError, match="no name"):
        TLSStream(default_context(), server_side=False)
    with pytest.raises(LocalProtocolError, match="server_hostname"):
        TLSStream(default_context(), server_side=False, server_hostname=".test")

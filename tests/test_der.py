"""Certificates are framed as DER wants it; every cut and every flipped length is refused."""

from __future__ import annotations

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from mailproto._der import Element, read_element, subject_public_key_info
from mailproto.errors import RemoteProtocolError


def issued() -> list[x509.Certificate]:
    authority = trustme.CA()
    chain = authority.issue_cert("mx.example").cert_chain_pems
    pems = [*(pem.bytes() for pem in chain), authority.cert_pem.bytes()]
    return [x509.load_pem_x509_certificate(pem) for pem in pems]


CERTIFICATES = issued()


def der(tag: int, *parts: bytes) -> bytes:
    contents = b"".join(parts)
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + contents


EMPTY = der(0x30)
KEY = der(0x30, der(0x30), der(0x03, b"\0key"))
SIGNED = (der(0x02, b"\1"), EMPTY, EMPTY, EMPTY, EMPTY, KEY)
TAIL = (EMPTY, der(0x03, b"\0signature"))
VERSION = der(0xA0, der(0x02, b"\2"))


@pytest.mark.parametrize("certificate", CERTIFICATES)
def test_the_public_key_of_a_real_certificate(certificate: x509.Certificate) -> None:
    expected = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert subject_public_key_info(certificate.public_bytes(Encoding.DER)) == expected


def test_every_cut_of_a_real_certificate_is_refused() -> None:
    octets = CERTIFICATES[0].public_bytes(Encoding.DER)
    for at in range(len(octets)):
        with pytest.raises(RemoteProtocolError, match=r"^DER: "):
            subject_public_key_info(octets[:at])
    with pytest.raises(RemoteProtocolError, match="expected the end of the certificate") as caught:
        subject_public_key_info(octets + b"\0")
    assert caught.value.offset == len(octets)


@pytest.mark.parametrize("version", [b"", VERSION], ids=["v1", "v3"])
@pytest.mark.parametrize("size", [0, 200, 70_000])
def test_certificates_made_by_hand(version: bytes, size: int) -> None:
    signed = der(0x30, version, *SIGNED, der(0xA3, bytes(size)))
    assert subject_public_key_info(der(0x30, signed, *TAIL)) == KEY


NOT_CERTIFICATES = {
    "no tag": b"",
    "not a sequence": der(0x31, der(0x30, *SIGNED), *TAIL),
    "indefinite": b"\x30\x80" + der(0x30, *SIGNED) + b"".join(TAIL) + b"\0\0",
    "no signature": der(0x30, der(0x30, *SIGNED), EMPTY),
    "no key": der(0x30, der(0x30, *SIGNED[:-1]), *TAIL),
    "the key is no sequence": der(0x30, der(0x30, *SIGNED[:-1], der(0x03, b"\0")), *TAIL),
    "the key is behind the end": der(0x30, der(0x30, *SIGNED[:-1], b"\x30\x05\x30"), *TAIL),
    "an empty certificate": der(0x30, der(0x30), *TAIL),
    "version twice": der(0x30, der(0x30, VERSION, VERSION, *SIGNED), *TAIL),
}


@pytest.mark.parametrize("octets", NOT_CERTIFICATES.values(), ids=NOT_CERTIFICATES)
def test_what_is_no_certificate(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^DER: "):
        subject_public_key_info(octets)


ELEMENTS = [
    (b"\x02\x00", Element(2, 0, 2, 2)),
    (b"\x02\x01x", Element(2, 0, 2, 3)),
    (b"\x04\x81\x80" + bytes(128), Element(4, 0, 3, 131)),
    (b"\x04\x82\x01\x00" + bytes(256), Element(4, 0, 4, 260)),
]
NOT_ELEMENTS = [
    b"\x02",
    b"\x02\x01",
    b"\x1f\x81\x00\x00",
    b"\x04\x80",
    b"\x04\x81",
    b"\x04\x81\x7f" + bytes(127),
    b"\x04\x82\x00\x80" + bytes(128),
    b"\x04\x82\x01",
    b"\x04\x85\x00\x00\x00\x00\x01x",
    b"\x04\xff" + bytes(127),
    b"\x04\x84\xff\xff\xff\xff",
]


@pytest.mark.parametrize("octets, element", ELEMENTS)
def test_elements(octets: bytes, element: Element) -> None:
    assert read_element(octets, 0, len(octets)) == element


@pytest.mark.parametrize("octets", NOT_ELEMENTS)
def test_what_is_no_element(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^DER: "):
        read_element(octets, 0, len(octets))


def test_an_element_ends_where_what_it_is_in_ends() -> None:
    with pytest.raises(RemoteProtocolError, match="longer than what it is in"):
        read_element(b"\x02\x02xx", 0, 3)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_changed_octet_gives_a_key_or_a_protocol_error(position: int, value: int) -> None:
    octets = bytearray(CERTIFICATES[0].public_bytes(Encoding.DER))
    octets[position % len(octets)] = value
    try:
        key = subject_public_key_info(bytes(octets))
    except RemoteProtocolError:
        return
    assert key in octets


@given(st.binary(max_size=100))
def test_anything_else_is_a_protocol_error(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        subject_public_key_info(octets[:16])

"""Strict base64 of SASL exchanges (RFC 4648 section 4), as SMTP and IMAP carry them."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

__all__ = ["decode", "encode", "encode_initial"]


def encode(data: bytes) -> bytes:
    """Return *data* in base64 without a line end; no octets give no octets."""
    return b2a_base64(data, newline=False)


def encode_initial(data: bytes) -> bytes:
    """Return an initial response in base64; an empty one is `=` (RFC 4954 section 4, RFC 4959 section 3)."""
    return encode(data) or b"="


def decode(text: bytes) -> bytes:
    """Return the octets that *text* stands for; `=` stands for none. Raises ValueError.

    Nothing is skipped: white space, missing or superfluous padding are errors.
    """
    if text == b"=":
        return b""
    try:
        return a2b_base64(text, strict_mode=True)
    except Error:
        raise ValueError("expected base64") from None

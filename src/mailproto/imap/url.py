"""IMAP URLs (RFC 5092), with authorization (RFC 4467 section 8, RFC 5593).

A URL is its text: a token authorizes exactly these characters, so nothing is ever written in another way.
What it says is read from properties. Commands that carry URLs are in `mailproto.imap.ext`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self, final

from mailproto._secret import Secret, hide_token
from mailproto.errors import LocalProtocolError
from mailproto.imap.mailbox import check_mailbox
from mailproto.imap.sections import Section

__all__ = ["IMAPURL"]

MAX_NUMBER: Final = 2**32 - 1

# uchar           = unreserved / sub-delims-sh / pct-encoded
# achar           = uchar / "&" / "="
# bchar           = achar / ":" / "@" / "/"
_ACHAR: Final = r"(?:[A-Za-z0-9._~!$'()*+,&=-]|%[0-9A-Fa-f]{2})"
_BCHAR: Final = r"(?:[A-Za-z0-9._~!$'()*+,&=:@/-]|%[0-9A-Fa-f]{2})"

# imapurl         = "imap://" iserver ipath-query
# iserver         = [iuserinfo "@"] host [ ":" port ]
# iuserinfo       = enc-user [iauth] / [enc-user] iauth
# iauth           = ";AUTH=" ( "*" / enc-auth-type )      ; a mechanism has nothing to encode
_HOST: Final = r"\[[0-9A-Fa-f:.v]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
_SERVER: Final = (
    rf"imap://(?:(?!@)(?P<user>{_ACHAR}+)?(?:;AUTH=(?P<auth>\*|[A-Za-z0-9_-]+))?@)?"
    rf"(?P<host>{_HOST})(?::(?P<port>[0-9]{{0,5}}))?"
)

# iurlauth        = iurlauth-rump iua-verifier
# iurlauth-rump   = [expire] ";URLAUTH=" access
# access          = application / (application "+" enc-user)          (RFC 5593 section 4)
# iua-verifier    = ":" uauth-mechanism ":" enc-urlauth
_AUTHORIZATION: Final = (
    r"(?:;EXPIRE=(?P<expire>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2})))?"
    rf";URLAUTH=(?P<application>[A-Za-z0-9]+)(?:\+(?P<access_user>{_ACHAR}+))?"
    r"(?::(?P<mechanism>[A-Za-z0-9.-]+):(?P<token>[0-9A-Fa-f]{32,}))?"
)

# icommand        = imessagelist / imessagepart [iurlauth]
# imessagelist    = imailbox-ref [ "?" enc-search ]
# imessagepart    = imailbox-ref iuid [isection] [ipartial]
# imailbox-ref    = enc-mailbox [";UIDVALIDITY=" nz-number]
_NZ_NUMBER: Final = "[1-9][0-9]{0,9}"
_PART: Final = (
    rf"/;UID=(?P<uid>{_NZ_NUMBER})(?:/;SECTION=(?P<section>{_BCHAR}+?))?"
    rf"(?:/;PARTIAL=(?P<offset>[0-9]{{1,10}})(?:\.(?P<length>{_NZ_NUMBER}))?)?(?:{_AUTHORIZATION})?"
)
_PATH: Final = (
    rf"/(?:(?!/)(?P<mailbox>{_BCHAR}+?)(?:;UIDVALIDITY=(?P<uid_validity>{_NZ_NUMBER}))?"
    rf"(?:\?(?P<search>{_BCHAR}+)|{_PART})?)?"
)
_URL: Final = re.compile(rf"(?=.)(?:{_SERVER})?(?:{_PATH})?\Z", re.IGNORECASE)

# RFC 3986 appendix B, without the fragment, which an IMAP URL does not have.
_REFERENCE: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?]*))?([^?]*)(\?.*)?\Z", re.DOTALL)

_ENCODED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*+,")
_PLAIN_IN_NAME: Final = _PLAIN | frozenset(b"&=")
_PLAIN_IN_PATH: Final = _PLAIN | frozenset(b"&=:@/")
_LONG_FRACTION: Final = re.compile(r"(?<=\.)([0-9]{6})[0-9]+")


@final
@dataclass(frozen=True, slots=True, repr=False)
class IMAPURL:
    """The URL of a server, a mailbox, a search, a message or a part of one; its token is not shown.

    Made of its text, or by `of` from what it is to say. Without `imap://` and a server it is relative to
    those of another one, and begins with a slash. `str(url)` is the text. Raises LocalProtocolError for what
    is no such URL.
    """

    text: str
    _parts: dict[str, str | None] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise LocalProtocolError(f"expected a URL as str, got {type(self.text).__name__}")
        match = _URL.match(self.text)
        if match is None:
            raise LocalProtocolError("expected an IMAP URL (RFC 5092 section 11)")
        parts = {
            name: value if name in _NOT_ENCODED else _decoded(value)
            for name, value in match.groupdict().items()
        }
        object.__setattr__(self, "_parts", parts)
        self._check()

    def _check(self) -> None:
        section, port = self._parts["section"], self.port
        if section is not None:
            Section.parse(section)
        if port is not None and port > 65_535:
            raise LocalProtocolError(f"expected a port, got {port}")
        for name in ("uid", "uid_validity", "offset", "length"):
            if (self._number(name) or 0) > MAX_NUMBER:
                raise LocalProtocolError(f"{name}: expected a number of 32 bits")
        if self._parts["expire"] is not None:
            _date_time(self._parts["expire"])
        if self.mailbox is not None:
            check_mailbox(self.mailbox)

    @classmethod
    def of(
        cls,
        host: str | None = None,
        mailbox: str | None = None,
        *,
        port: int | None = None,
        user: str | None = None,
        auth: str | None = None,
        uid_validity: int | None = None,
        search: str | None = None,
        uid: int | None = None,
        section: Section | str | None = None,
        partial: tuple[int, int | None] | None = None,
        expire: datetime | None = None,
        access: str | None = None,
    ) -> Self:
        """Return the URL that says this; see the properties. Raises LocalProtocolError.

        *access* says for whom a server may authorize it: "submit+USER", "user+USER", "authuser",
        "anonymous"; *expire*, which has a time zone, until when.
        """
        userinfo = _encoded(user, _PLAIN_IN_NAME) + _component(";AUTH=", auth)
        if host is None and (userinfo or port is not None):
            raise LocalProtocolError("expected a host where there is a user, a mechanism or a port")
        authority = f"{_component('', userinfo or None, '@')}{host}{_component(':', port)}"
        server = "" if host is None else f"imap://{authority}"
        path = "".join(
            (
                _encoded_mailbox(mailbox),
                _component(";UIDVALIDITY=", uid_validity),
                _component("?", None if search is None else _encoded(search, _PLAIN_IN_PATH)),
                _component("/;UID=", uid),
                _component("/;SECTION=", None if section is None else _encoded(str(section), _PLAIN_IN_PATH)),
                _component("/;PARTIAL=", None if partial is None else _range(*partial)),
                _component(";EXPIRE=", None if expire is None else _date_time_text(expire)),
                _component(";URLAUTH=", None if access is None else _access(access)),
            )
        )
        url = cls(f"{server}/{path}")
        url._check_says(host=host, port=port, auth=None if auth is None else auth.upper(), access=access)
        return url

    def _check_says(self, **arguments: object) -> None:
        """Raise LocalProtocolError if one of the arguments that nothing encodes reads as something else."""
        for name, value in arguments.items():
            if getattr(self, name) != value:
                raise LocalProtocolError(f"{name}: expected what can stand in a URL, got {str(value)[:40]!r}")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"IMAPURL({hide_token(self.text.encode()).decode()!r})"

    def _number(self, name: str) -> int | None:
        digits = self._parts[name]
        return int(digits) if digits else None

    @property
    def host(self) -> str | None:
        """The name or address of the server, an IPv6 address in brackets; None in a relative URL."""
        return self._parts["host"]

    @property
    def port(self) -> int | None:
        """The port, if the URL names one."""
        return self._number("port")

    @property
    def user(self) -> str | None:
        """The user whose mailboxes are meant, and who logs in."""
        return self._parts["user"]

    @property
    def auth(self) -> str | None:
        """The SASL mechanism to log in with, in upper case; "*" for any."""
        name = self._parts["auth"]
        return None if name is None else name.upper()

    @property
    def mailbox(self) -> str | None:
        """The mailbox; None in the URL of a server."""
        return self._parts["mailbox"]

    @property
    def uid_validity(self) -> int | None:
        """The UIDVALIDITY without which the URL is stale."""
        return self._number("uid_validity")

    @property
    def search(self) -> str | None:
        """What follows SEARCH, as it is sent; there may be non-synchronizing literals in it."""
        return self._parts["search"]

    @property
    def uid(self) -> int | None:
        """The UID of the message."""
        return self._number("uid")

    @property
    def section(self) -> Section | None:
        """The part of the message; None: all of it."""
        text = self._parts["section"]
        return None if text is None else Section.parse(text)

    @property
    def partial(self) -> tuple[int, int | None] | None:
        """The first octet of what is meant, from 0, and how many; None: up to the end."""
        offset = self._parts["offset"]
        return None if offset is None else (int(offset), self._number("length"))

    @property
    def expire(self) -> datetime | None:
        """Until when the authorization holds; None: until the key is replaced."""
        text = self._parts["expire"]
        return None if text is None else _date_time(text)

    @property
    def access(self) -> str | None:
        """For whom it is authorized: "submit+USER", "user+USER", "authuser", "anonymous" or another one."""
        application, user = self._parts["application"], self._parts["access_user"]
        return application if application is None or user is None else f"{application}+{user}"

    @property
    def mechanism(self) -> str | None:
        """How the token was made, in upper case: INTERNAL."""
        name = self._parts["mechanism"]
        return None if name is None else name.upper()

    @property
    def token(self) -> Secret[str] | None:
        """The token, in hexadecimal digits."""
        token = self._parts["token"]
        return None if token is None else Secret(token)

    @property
    def rump(self) -> str:
        """The text without mechanism and token: what a token authorizes, and what GENURLAUTH takes."""
        token = self._parts["token"]
        return self.text if token is None else self.text[: -len(f":{self._parts['mechanism']}:{token}")]

    def join(self, reference: str) -> IMAPURL:
        """Return what *reference*, perhaps relative, means where this is the base (RFC 3986 section 5.2)."""
        scheme, authority, path, query = _pieces(reference)
        if scheme:
            return IMAPURL(reference)
        _, own_authority, own_path, own_query = _pieces(self.text)
        if authority is None:
            authority = own_authority
            if not path:
                path, query = own_path, query or own_query
            elif not path.startswith("/"):
                path = own_path[: own_path.rfind("/") + 1] + path
        server = "" if authority is None else f"imap://{authority}"
        return IMAPURL(f"{server}{_without_dots(path)}{query}")


_NOT_ENCODED: Final = frozenset({"auth", "host", "expire", "application", "mechanism", "token"})


def _decoded(text: str | None) -> str | None:
    if text is None:
        return None
    octets = _ENCODED.sub(lambda match: bytes([int(match[1], 16)]), text.encode("ascii"))
    try:
        decoded = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise LocalProtocolError("expected a URL in UTF-8") from None
    if "\0" in decoded:
        raise LocalProtocolError("expected a URL without NUL")
    return decoded


def _encoded(text: str | None, plain: frozenset[int]) -> str:
    try:
        octets = (text or "").encode("utf-8")
    except UnicodeEncodeError:
        raise LocalProtocolError("expected valid Unicode in a URL") from None
    return "".join(chr(octet) if octet in plain else f"%{octet:02X}" for octet in octets)


def _encoded_mailbox(mailbox: str | None) -> str:
    """Return a mailbox in which nothing stands for a host or a segment of dots (RFC 5092 sections 7, 7.1)."""
    text = _encoded(mailbox, _PLAIN_IN_PATH)
    text = "/".join(part.replace(".", "%2E") if part in (".", "..") else part for part in text.split("/"))
    return f"%2F{text[1:]}" if text.startswith("/") else text


def _component(before: str, value: object, behind: str = "") -> str:
    return "" if value is None else f"{before}{value}{behind}"


def _range(offset: int, length: int | None) -> str:
    return f"{offset}{_component('.', length)}"


def _access(access: str) -> str:
    application, plus, user = access.partition("+")
    return f"{application}{plus}{_encoded(user, _PLAIN_IN_NAME)}"


def _date_time(text: str) -> datetime:
    """Return an RFC 3339 `date-time`, microseconds at most."""
    try:
        return datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", text.upper()))
    except ValueError:
        raise LocalProtocolError(f"EXPIRE: expected a date and time, got {text[:40]!r}") from None


def _date_time_text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise LocalProtocolError("EXPIRE: expected a date and time with a time zone")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _pieces(reference: str) -> tuple[str, str | None, str, str]:
    match = _REFERENCE.match(reference)
    if match is None:
        raise LocalProtocolError("expected a URL")
    scheme, authority, path, query = match.groups()
    return scheme or "", authority, path, query or ""


def _without_dots(path: str) -> str:
    """Return *path* without its segments `.` and `..` (RFC 3986 section 5.2.4)."""
    segments: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            segments[-1:] = []
        elif segment != ".":
            segments.append(segment)
    if path.endswith(("/.", "/..")):
        segments.append("")
    return "".join(f"/{segment}" for segment in segments)

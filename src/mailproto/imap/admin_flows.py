"""The client's procedures of extensions that administer a server: quotas, rights, metadata, URLs.

Each is a flow as those of `mailproto.imap.client_flows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, final

from mailproto.errors import ItemMissing, LocalProtocolError
from mailproto.flow import Flow
from mailproto.imap.capability import Capabilities
from mailproto.imap.client_flows import data_of, last_of, run
from mailproto.imap.commands import StoreAction
from mailproto.imap.ext.acl import (
    ACLData,
    DeleteACL,
    GetACL,
    ListRights,
    ListRightsData,
    MyRights,
    MyRightsData,
    Rights,
    SetACL,
    known_rights,
    right_set,
)
from mailproto.imap.ext.jmapaccess import GetJMAPAccess, JMAPAccessData
from mailproto.imap.ext.language import Comparator, ComparatorData, Language, LanguageData
from mailproto.imap.ext.metadata import (
    Depth,
    GetMetadata,
    MetadataCode,
    MetadataData,
    MetadataReason,
    SetMetadata,
)
from mailproto.imap.ext.quota import GetQuota, GetQuotaRoot, QuotaData, QuotaRootData, SetQuota
from mailproto.imap.ext.referrals import RList, RLSub
from mailproto.imap.ext.urlauth import (
    INTERNAL,
    GenURLAuth,
    GenURLAuthData,
    ResetKey,
    URLFetch,
    URLFetchData,
    URLMechCode,
)
from mailproto.imap.ext.urlauth_binary import URLMetadata, URLRequest
from mailproto.imap.inbox import Inboxes
from mailproto.imap.responses import ListData, LSubData
from mailproto.imap.status import StatusResponse
from mailproto.imap.url import IMAPURL
from mailproto.imap.values import Content

__all__ = [
    "Metadata",
    "compare_by",
    "delete_acl",
    "generate_urlauth",
    "get_acl",
    "get_metadata",
    "get_quota",
    "get_quota_root",
    "jmap_access",
    "languages",
    "list_remote",
    "list_rights",
    "list_subscribed_remote",
    "my_rights",
    "reset_key",
    "set_acl",
    "set_language",
    "set_metadata",
    "set_quota",
    "url_fetch",
    "url_fetch_items",
]


def get_quota(session: Inboxes, root: str) -> Flow[QuotaData]:
    """Return what a quota root uses and may use; nothing if the server does not say."""
    inbox = yield from run(session, GetQuota(root))
    return _quota_of(root, data_of(session, inbox, QuotaData))


def get_quota_root(session: Inboxes, mailbox: str) -> Flow[tuple[QuotaData, ...]]:
    """Return the quota roots of a mailbox, each with what it uses and may use."""
    inbox = yield from run(session, GetQuotaRoot(mailbox))
    events = session.take(inbox)
    quotas = [event for event in events if isinstance(event, QuotaData)]
    roots = [root for event in events if isinstance(event, QuotaRootData) for root in event.roots]
    return tuple(_quota_of(root, quotas) for root in roots)


def set_quota(
    session: Inboxes, root: str, limits: Mapping[str, int] | Iterable[tuple[str, int]]
) -> Flow[QuotaData]:
    """Replace all limits of a quota root; return those that hold now, as far as the server says."""
    pairs = limits.items() if isinstance(limits, Mapping) else limits
    inbox = yield from run(session, SetQuota(root, tuple(pairs)))
    return _quota_of(root, data_of(session, inbox, QuotaData))


def _quota_of(root: str, quotas: Iterable[QuotaData]) -> QuotaData:
    """Return the last of *quotas* that is of *root*, or one without limits."""
    return next((data for data in reversed([*quotas]) if data.root == root), QuotaData(root))


# Rights.

_SIGNS: Final = {action.value: action for action in StoreAction if action.value}


def set_acl(session: Inboxes, mailbox: str, identifier: str, rights: str | Iterable[str]) -> Flow[None]:
    """Give *identifier* these rights; with a `+` or `-` before them, add or remove them."""
    sign = rights[:1] if isinstance(rights, str) and rights[:1] in _SIGNS else ""
    given = right_set(rights[1:] if isinstance(rights, str) and sign else rights)
    action = _SIGNS.get(sign, StoreAction.REPLACE)
    yield from run(session, SetACL(mailbox, identifier, given, action))


def delete_acl(session: Inboxes, mailbox: str, identifier: str) -> Flow[None]:
    """Remove *identifier* and its rights."""
    yield from run(session, DeleteACL(mailbox, identifier))


def get_acl(session: Inboxes, mailbox: str) -> Flow[ACLData]:
    """Return all identifiers of a mailbox and their rights. Raises ItemMissing if the server does not."""
    inbox = yield from run(session, GetACL(mailbox))
    data = last_of(session, inbox, ACLData)
    return replace(data, entries=tuple((name, _known(session, rights)) for name, rights in data.entries))


def list_rights(session: Inboxes, mailbox: str, identifier: str) -> Flow[ListRightsData]:
    """Return the rights that *identifier* has always and can be given. Raises ItemMissing."""
    inbox = yield from run(session, ListRights(mailbox, identifier))
    data = last_of(session, inbox, ListRightsData)
    optional = (_known(session, rights) for rights in data.optional)
    return replace(
        data, required=_known(session, data.required), optional=tuple(rights for rights in optional if rights)
    )


def my_rights(session: Inboxes, mailbox: str) -> Flow[Rights]:
    """Return the rights of the user who has logged in. Raises ItemMissing if the server does not say."""
    inbox = yield from run(session, MyRights(mailbox))
    return _known(session, last_of(session, inbox, MyRightsData).rights)


def _known(session: Inboxes, rights: Rights) -> Rights:
    return known_rights(rights, session.conn.capabilities or Capabilities())


# Metadata.


@final
@dataclass(frozen=True, slots=True)
class Metadata:
    """The annotations that `get_metadata` has found, as pairs of name and value; None is NIL.

    `longest` is how many octets the largest value has that was left out for its size; None if none was.
    """

    values: tuple[tuple[str, Content | None], ...]
    longest: int | None = None

    def get(self, entry: str) -> bytes | None:
        """Return the value of *entry*, whose case does not matter; None where `metadata[entry]` raises."""
        value = {name.lower(): value for name, value in self.values}.get(entry.lower())
        return value if isinstance(value, bytes) else None

    def __getitem__(self, entry: str) -> bytes:
        """Return the value of *entry*. Raises ItemMissing if there is none, or one above `max_section`."""
        value = self.get(entry)
        if value is None:
            raise ItemMissing(entry)
        return value

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the annotations."""
        return iter([name for name, _ in self.values])

    def __len__(self) -> int:
        return len(self.values)


def get_metadata(
    session: Inboxes,
    mailbox: str,
    entries: Iterable[str],
    *,
    max_size: int | None = None,
    depth: Depth | None = None,
) -> Flow[Metadata]:
    """Return annotations of a mailbox, of the server if that is "": *entries*, and those below by *depth*.

    With *max_size* values of more octets are left out.
    """
    command = GetMetadata(mailbox, tuple(entries), max_size=max_size, depth=depth)
    inbox = yield from run(session, command)
    answers = data_of(session, inbox, MetadataData)
    values = tuple(pair for data in answers if data.mailbox == command.mailbox for pair in data.values)
    code = inbox.status.code if inbox.status is not None else None
    if isinstance(code, MetadataCode) and code.reason is MetadataReason.LONG_ENTRIES:
        return Metadata(values, code.size)
    return Metadata(values)


def set_metadata(session: Inboxes, mailbox: str, values: Mapping[str, bytes | str | None]) -> Flow[None]:
    """Set annotations of a mailbox, of the server if that is ""; None removes one, text goes as UTF-8."""
    pairs = (
        (entry, value.encode("utf-8") if isinstance(value, str) else value) for entry, value in values.items()
    )
    yield from run(session, SetMetadata(mailbox, tuple(pairs)))


# Authorized URLs.


def generate_urlauth(
    session: Inboxes, urls: Iterable[IMAPURL | str], *, mechanism: str = INTERNAL
) -> Flow[tuple[IMAPURL, ...]]:
    """Authorize URLs for those whom their access identifier names; return them with their tokens, in order.

    Raises ItemMissing if the server does not return as many.
    """
    rumps = tuple(_checked_rump(IMAPURL(str(url))) for url in urls)
    inbox = yield from run(session, GenURLAuth(tuple((rump, mechanism) for rump in rumps)))
    found = [url for data in data_of(session, inbox, GenURLAuthData) for url in data.urls]
    if len(found) != len(rumps):
        raise ItemMissing(inbox.name)
    return tuple(map(_returned_url, found))


def _checked_rump(url: IMAPURL) -> str:
    """Return the text of a URL that can be authorized (RFC 4467 section 7). Raises LocalProtocolError."""
    if url.user is None or url.access is None or url.token is not None:
        raise LocalProtocolError("expected a URL with a user and an access identifier, and without a token")
    return url.text


def _returned_url(text: str) -> IMAPURL:
    try:
        return IMAPURL(text)
    except LocalProtocolError as error:
        raise ItemMissing(GenURLAuth.name, str(error)) from None


def url_fetch(session: Inboxes, urls: Iterable[IMAPURL | str]) -> Flow[tuple[bytes | None, ...]]:
    """Return what authorized URLs name, in order; None for one that the server does not accept.

    Raises ItemMissing for what is larger than `max_section`.
    """
    texts = tuple(map(str, urls))
    values = yield from _url_fetch(session, URLFetch(texts))
    return tuple(_fetched(values.get(text)) for text in texts)


def url_fetch_items(
    session: Inboxes, urls: Iterable[IMAPURL | str], items: Iterable[str]
) -> Flow[tuple[URLMetadata | None, ...]]:
    """Return these *items* of what authorized URLs name, in order; None for one that is not accepted."""
    names = tuple(items)
    requests = tuple(URLRequest(str(url), names) for url in urls)
    values = yield from _url_fetch(session, URLFetch(requests))
    return tuple(_metadata(values.get(request.url)) for request in requests)


def _url_fetch(session: Inboxes, command: URLFetch) -> Flow[dict[str, Content | URLMetadata | None]]:
    inbox = yield from run(session, command)
    return {url: value for data in data_of(session, inbox, URLFetchData) for url, value in data.values}


def _metadata(value: Content | URLMetadata | None) -> URLMetadata | None:
    """Return *value*; what a server sends without its items are the octets as they are."""
    return value if value is None or isinstance(value, URLMetadata) else URLMetadata((("BODY", value),))


def _fetched(value: Content | URLMetadata | None) -> bytes | None:
    if isinstance(value, URLMetadata):
        return value.octets
    if value is not None and not isinstance(value, bytes):
        raise ItemMissing(URLFetch.name, f"its {value.size} octets are above a limit")
    return value


def reset_key(
    session: Inboxes, mailbox: str | None = None, mechanisms: Iterable[str] = ()
) -> Flow[URLMechCode | None]:
    """Take back what was authorized in a mailbox, or everywhere; return the mechanisms, if said."""
    inbox = yield from run(session, ResetKey(mailbox, tuple(mechanisms)))
    statuses = [event for event in session.take(inbox) if isinstance(event, StatusResponse)]
    codes = [status.code for status in (*statuses, inbox.status) if status is not None]
    return next((code for code in reversed(codes) if isinstance(code, URLMechCode)), None)


# Languages, referrals, JMAP.


def languages(session: Inboxes) -> Flow[tuple[str, ...]]:
    """Return the languages that the server speaks. Raises ItemMissing if it does not say."""
    inbox = yield from run(session, Language())
    return last_of(session, inbox, LanguageData).languages


def set_language(session: Inboxes, ranges: Iterable[str]) -> Flow[str]:
    """Ask for texts in the first of these languages that the server speaks, and return which one that is."""
    wanted = tuple(ranges)
    if not wanted:
        raise LocalProtocolError("expected a language or more, got none")
    inbox = yield from run(session, Language(wanted))
    found = last_of(session, inbox, LanguageData).active
    if found is None:
        raise ItemMissing(inbox.name)
    return found


def compare_by(session: Inboxes, orders: Iterable[str]) -> Flow[ComparatorData]:
    """Compare by the first of these collations that the server has, or ask which one is used."""
    inbox = yield from run(session, Comparator(tuple(orders)))
    return last_of(session, inbox, ComparatorData)


def list_remote(session: Inboxes, reference: str, pattern: str) -> Flow[tuple[ListData, ...]]:
    """Return the mailboxes whose names match, those at other servers too."""
    inbox = yield from run(session, RList(reference, pattern))
    return data_of(session, inbox, ListData)


def list_subscribed_remote(session: Inboxes, reference: str, pattern: str) -> Flow[tuple[LSubData, ...]]:
    """Return the subscribed names that match, those at other servers too."""
    inbox = yield from run(session, RLSub(reference, pattern))
    return data_of(session, inbox, LSubData)


def jmap_access(session: Inboxes) -> Flow[str]:
    """Return the URL of the JMAP session that has the same mail. Raises ItemMissing if there is none."""
    inbox = yield from run(session, GetJMAPAccess())
    return last_of(session, inbox, JMAPAccessData).url

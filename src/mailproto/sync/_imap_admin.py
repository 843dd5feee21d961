"""The methods of IMAPClient for extensions that administer a server: quotas, rights, metadata, URLs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from mailproto.flow import Flow
from mailproto.imap import admin_flows as flows
from mailproto.imap import session_flows
from mailproto.imap.admin_flows import Metadata
from mailproto.imap.ext.acl import ACLData, ListRightsData, Rights
from mailproto.imap.ext.language import ComparatorData
from mailproto.imap.ext.metadata import Depth
from mailproto.imap.ext.quota import QuotaData
from mailproto.imap.ext.urlauth import URLMechCode
from mailproto.imap.ext.urlauth_binary import URLMetadata
from mailproto.imap.inbox import Inboxes
from mailproto.imap.responses import ListData, LSubData
from mailproto.imap.url import IMAPURL

__all__ = ["AdminMethods"]

ResultT = TypeVar("ResultT")


class AdminMethods:
    """What `IMAPClient` has of these extensions."""

    _session: Inboxes

    def _run(self, flow: Flow[ResultT]) -> ResultT:
        raise NotImplementedError

    def get_quota(self, root: str) -> QuotaData:
        """Return what a quota root uses and may use (RFC 9208)."""
        return self._run(flows.get_quota(self._session, root))

    def get_quota_root(self, mailbox: str) -> tuple[QuotaData, ...]:
        """Return the quota roots of a mailbox, with what each uses and may use (RFC 9208)."""
        return self._run(flows.get_quota_root(self._session, mailbox))

    def set_quota(self, root: str, limits: Mapping[str, int] | Iterable[tuple[str, int]]) -> QuotaData:
        """Replace all limits of a quota root: "STORAGE" in units of 1,024 octets, "MESSAGE", ...

        Returns what holds now, as far as the server says: it may have rounded a limit.
        """
        return self._run(flows.set_quota(self._session, root, limits))

    def set_acl(self, mailbox: str, identifier: str, rights: str | Iterable[str]) -> None:
        """Give *identifier* these rights, "lrswi" or single ones; "+w" adds, "-w" removes (RFC 4314)."""
        self._run(flows.set_acl(self._session, mailbox, identifier, rights))

    def delete_acl(self, mailbox: str, identifier: str) -> None:
        """Remove *identifier* and its rights from a mailbox (RFC 4314)."""
        self._run(flows.delete_acl(self._session, mailbox, identifier))

    def get_acl(self, mailbox: str) -> ACLData:
        """Return all identifiers of a mailbox and their rights (RFC 4314).

        The rights `c` and `d` of RFC 2086 are left out where the server has those that they stand for.
        """
        return self._run(flows.get_acl(self._session, mailbox))

    def list_rights(self, mailbox: str, identifier: str) -> ListRightsData:
        """Return the rights that *identifier* always has, and those it can be given (RFC 4314)."""
        return self._run(flows.list_rights(self._session, mailbox, identifier))

    def my_rights(self, mailbox: str) -> Rights:
        """Return what the user who has logged in may do with a mailbox: a set of characters (RFC 4314)."""
        return self._run(flows.my_rights(self._session, mailbox))

    def get_metadata(
        self, mailbox: str, *entries: str, max_size: int | None = None, depth: Depth | None = None
    ) -> Metadata:
        """Return annotations of a mailbox, or of the server if that is "" (METADATA, RFC 5464).

        *depth* 1 also finds the children of the *entries*, "infinity" all that is below them. Values of more
        octets than *max_size* are left out; `longest` of the result says how many the largest of them has.
        """
        flow = flows.get_metadata(self._session, mailbox, entries, max_size=max_size, depth=depth)
        return self._run(flow)

    def set_metadata(self, mailbox: str, values: Mapping[str, bytes | str | None]) -> None:
        """Set annotations of a mailbox, or of the server if that is "" (METADATA, RFC 5464).

        None removes one; text goes as UTF-8. All are set or none: `IMAPStatusError.code` of a refusal is a
        `MetadataCode` that says why.
        """
        self._run(flows.set_metadata(self._session, mailbox, values))

    def generate_urlauth(self, *urls: IMAPURL | str, mechanism: str = "INTERNAL") -> tuple[IMAPURL, ...]:
        """Let those whom the access identifier of each URL names read what it names (URLAUTH, RFC 4467).

        `IMAPURL.of(host, mailbox, user=..., uid=..., access="submit+USER")` is such a URL. Returns them with
        their tokens, in order: who has one of them may read, as `BURL` of a submission server.
        """
        return self._run(flows.generate_urlauth(self._session, urls, mechanism=mechanism))

    def url_fetch(self, *urls: IMAPURL | str) -> tuple[bytes | None, ...]:
        """Return what authorized URLs name, in order; None for one that is not valid (URLAUTH, RFC 4467)."""
        return self._run(flows.url_fetch(self._session, urls))

    def url_fetch_items(
        self, *urls: IMAPURL | str, items: Iterable[str] = ("BINARY", "BODYPARTSTRUCTURE")
    ) -> tuple[URLMetadata | None, ...]:
        """Return what authorized URLs name, decoded and with its structure (URLAUTH=BINARY, RFC 5524).

        *items* are "BINARY" or "BODY", for octets that are decoded or as they are in the message, and
        "BODYPARTSTRUCTURE". The results are in order; None is for a URL that is not valid.
        """
        return self._run(flows.url_fetch_items(self._session, urls, items))

    def reset_key(self, mailbox: str | None = None, *mechanisms: str) -> URLMechCode | None:
        """Take back what was authorized in a mailbox, or everywhere without one (URLAUTH, RFC 4467).

        Returns which mechanisms there are beside INTERNAL, if the server says so.
        """
        return self._run(flows.reset_key(self._session, mailbox, mechanisms))

    def unauthenticate(self) -> None:
        """End the session of the user and be ready for another `login` (UNAUTHENTICATE, RFC 8437).

        The mailbox is left, and nothing is enabled any more. Not after `compress`.
        """
        self._run(session_flows.unauthenticate(self._session))

    def languages(self) -> tuple[str, ...]:
        """Return the languages that the server can speak (LANGUAGE, RFC 5255)."""
        return self._run(flows.languages(self._session))

    def set_language(self, *ranges: str) -> str:
        """Ask for texts in the first of these languages that there is: "de", "fr-CA", "default" (RFC 5255).

        Returns which one it is. What was asked for before TLS or the login has to be asked for again.
        """
        return self._run(flows.set_language(self._session, ranges))

    def comparator(self, *orders: str) -> ComparatorData:
        """Let searches and sorts compare by the first of these collations that there is (RFC 5255).

        Without one, ask which is used. This needs I18NLEVEL=2.
        """
        return self._run(flows.compare_by(self._session, orders))

    def rlist(self, reference: str = "", pattern: str = "*") -> tuple[ListData, ...]:
        """Return the mailboxes that match as `list` does, with those at other servers (RFC 2193).

        To select one of these is refused; the code of the `IMAPStatusError` is a `ReferralCode`.
        """
        return self._run(flows.list_remote(self._session, reference, pattern))

    def rlsub(self, reference: str = "", pattern: str = "*") -> tuple[LSubData, ...]:
        """Return the subscribed names that match, with those at other servers (RFC 2193)."""
        return self._run(flows.list_subscribed_remote(self._session, reference, pattern))

    def jmap_access(self) -> str:
        """Return the URL of the JMAP session that has the same mail (JMAPACCESS, RFC 9698)."""
        return self._run(flows.jmap_access(self._session))

"""Quotas, rights, metadata and authorized URLs, at a server that we did not write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailproto.errors import IMAPStatusError, LocalProtocolError
from mailproto.imap import IMAPURL
from mailproto.sync import IMAPClient

pytestmark = pytest.mark.interop

MESSAGE = b"Subject: one\r\n\r\nsome words\r\n"
ALL_RIGHTS = frozenset("lrwstipekxa")


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}@example.org"


@pytest.fixture
def imap(dovecot: int, user: str) -> Iterator[IMAPClient]:
    """A client with one message in a mailbox of its own."""
    with IMAPClient.connect("127.0.0.1", dovecot, tls="none", strict=True) as client:
        client.login(user, "pass", allow_cleartext=True)
        client.append("INBOX", MESSAGE)
        yield client


def test_quotas(imap: IMAPClient) -> None:
    (quota,) = imap.get_quota_root("INBOX")
    assert quota.root == "User quota"
    assert imap.get_quota(quota.root) == quota
    messages, storage = quota.get("MESSAGE"), quota.get("STORAGE")
    assert messages is not None
    assert (messages.usage, messages.limit) == (1, 1_000)
    assert storage is not None
    assert storage.limit == 102_400
    with pytest.raises(IMAPStatusError, match="admin"):
        imap.set_quota(quota.root, {"STORAGE": 5})


def test_rights(imap: IMAPClient, user: str) -> None:
    assert imap.my_rights("INBOX") == ALL_RIGHTS
    assert imap.list_rights("INBOX", "joe").required == frozenset()
    imap.set_acl("INBOX", "joe", "lr")
    imap.set_acl("INBOX", "joe", "+s")
    imap.set_acl("INBOX", "joe", "-r")
    acl = imap.get_acl("INBOX")
    assert acl.get(user) == ALL_RIGHTS
    assert acl.get("joe") == frozenset("ls")
    imap.delete_acl("INBOX", "joe")
    assert imap.get_acl("INBOX").get("joe") is None


def test_metadata(imap: IMAPClient) -> None:
    large = b"line\r\n" * 20_000
    imap.set_metadata("INBOX", {"/private/comment": "Größe", "/private/vendor/x/large": large})
    found = imap.get_metadata("INBOX", "/private", depth="infinity")
    assert found["/private/comment"].decode() == "Größe"
    assert found["/private/vendor/x/large"] == large
    small = imap.get_metadata("INBOX", "/private/comment", "/private/vendor/x/large", max_size=100)
    assert small.get("/private/vendor/x/large") is None
    assert small.longest == len(large)
    imap.set_metadata("INBOX", {"/private/comment": None})
    assert imap.get_metadata("INBOX", "/private/comment").get("/private/comment") is None
    assert "/shared/comment" in imap.get_metadata("", "/shared/comment")


def test_authorized_urls(imap: IMAPClient, user: str) -> None:
    url = IMAPURL.of("localhost", "INBOX", user=user, uid=1, section="TEXT", access="authuser")
    (authorized,) = imap.generate_urlauth(url)
    assert authorized.rump == str(url)
    assert authorized.token is not None
    assert imap.url_fetch(authorized) == (b"some words\r\n",)
    imap.reset_key("INBOX")
    assert imap.url_fetch(authorized) == (None,)


def test_what_it_does_not_offer(imap: IMAPClient) -> None:
    for call in (imap.unauthenticate, imap.languages, imap.comparator, imap.rlist, imap.jmap_access):
        with pytest.raises(LocalProtocolError, match="offer"):
            call()

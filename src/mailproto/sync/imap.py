"""IMAP over blocking sockets: a client, and a server for any mail store.

Every method is one flow of `mailproto.imap.client_flows` and its neighbours; `mailproto.asyncio.imap` has the
same ones.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import TypeVar, final

from mailproto._connection import Trace
from mailproto._imap import (
    Stores,
    Users,
    client_connection,
    client_mode,
    default_port,
    server_factory,
)
from mailproto._network import ServerTLS, client_setting
from mailproto._secret import Secret
from mailproto.errors import Defect, URLValue
from mailproto.flow import Flow, TLSInfo
from mailproto.imap import client_flows as flows
from mailproto.imap import session_flows
from mailproto.imap.annotate_flows import AnnotationValues, append_options
from mailproto.imap.capability import Capabilities
from mailproto.imap.client_flows import Appended, Exchange, MessageSource, Numbers, Progress
from mailproto.imap.commands import (
    Check,
    Close,
    Command,
    Copy,
    Delete,
    Expunge,
    Rename,
    StoreAction,
    Subscribe,
    UIDCopy,
    Unsubscribe,
)
from mailproto.imap.downloads import Downloading, SectionLike, Writable, left_to_write
from mailproto.imap.ext.compress import Compress
from mailproto.imap.ext.id import IDParameters
from mailproto.imap.ext.move import Move, UIDMove
from mailproto.imap.ext.notify import EventGroup
from mailproto.imap.ext.special_use import Use
from mailproto.imap.ext.uidplus import CopyUIDCode
from mailproto.imap.ext.unselect import Unselect
from mailproto.imap.fetch_data import FetchData
from mailproto.imap.fetching import Fetching, Items, fetch_modifiers
from mailproto.imap.holding import Holding
from mailproto.imap.idling import Idling, poll
from mailproto.imap.inbox import Inboxes
from mailproto.imap.items_flows import append_form
from mailproto.imap.notify_flows import Notified, notify
from mailproto.imap.responses import ListData, LSubData, NamespaceData, StatusData
from mailproto.imap.search import SearchKey
from mailproto.imap.sequence import SequenceSet, UIDSet
from mailproto.imap.session_flows import TLSMode
from mailproto.imap.sharing import Solitary
from mailproto.imap.updates import Update
from mailproto.imap.view import MailboxView
from mailproto.imap.watching import INTERVAL, Watching
from mailproto.limits import IMAPLimits
from mailproto.sasl._mechanism import ClientMechanism
from mailproto.sync._driver import ClientDriver
from mailproto.sync._imap_admin import AdminMethods
from mailproto.sync._imap_annotations import AnnotationMethods
from mailproto.sync._imap_convert import Converted, ConvertMethods
from mailproto.sync._imap_items import ItemsMethods
from mailproto.sync._imap_mirror import Mirror, MirrorMethods
from mailproto.sync._imap_modifiers import ModifierMethods
from mailproto.sync._server import Server

ResultT = TypeVar("ResultT")

__all__ = [
    "Converted",
    "Download",
    "IMAPClient",
    "Messages",
    "Mirror",
    "SelectedMailbox",
    "Updates",
    "serve_imap",
]


@final
class Messages:
    """The results of FETCH, as they come: an iterator, a window of messages after the other.

    Closing or dropping it throws away what is on its way. It raises `IMAPStatusError` if the server refuses.
    """

    def __init__(self, driver: ClientDriver, fetching: Fetching) -> None:
        self._driver = driver
        self._fetching = fetching

    def __iter__(self) -> Iterator[FetchData]:
        # A generator is resumed in a third of the time of a call; nothing is taken that it does not give.
        ready = self._fetching.ready
        while True:
            while ready:
                yield ready.popleft()
            self._driver.run(self._fetching.fill())
            if not ready:
                return

    def __next__(self) -> FetchData:
        ready = self._fetching.ready
        if not ready:
            self._driver.run(self._fetching.fill())
            if not ready:
                raise StopIteration
        return ready.popleft()

    def all(self) -> list[FetchData]:
        """Read to the end and return all that was not taken yet."""
        return list(self)

    @property
    def vanished(self) -> UIDSet:
        """The UIDs that the server said are gone, as far as the answer has been read (RFC 7162)."""
        return self._fetching.vanished

    def close(self) -> None:
        """Want no more; without IO."""
        self._fetching.close()

    __del__ = close


@final
class Download:
    """One body part as it comes: iterate over its chunks, `read()` it, or `write_to` a file.

    `size` counts octets as they travel. While it is open it has the connection to itself.
    """

    def __init__(self, driver: ClientDriver, downloading: Downloading) -> None:
        self._driver = driver
        self._downloading = downloading

    @property
    def size(self) -> int:
        """Octets of the part as they travel, before decoding."""
        return self._downloading.size or 0

    @property
    def total(self) -> int | None:
        """Octets that come out in all; None if they are decoded here, so that only the end tells."""
        return self._downloading.total

    @property
    def done(self) -> int:
        """Octets that were given out: `offset=` of a download that goes on with the next one."""
        return self._downloading.done

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What was malformed in a transfer encoding that is undone here, as far as it was read."""
        return self._downloading.defects

    def __iter__(self) -> Iterator[bytes]:
        downloading = self._downloading
        while not downloading.is_finished or downloading.chunks:
            self._driver.run(downloading.fill())
            while downloading.chunks:
                yield downloading.pop()

    def read(self) -> bytes:
        """Return all that is left, in memory."""
        return b"".join(self)

    def write_to(self, file: Writable) -> int:
        """Write all that is left to *file*, and return how many octets that were."""
        size = 0
        for chunk in self:
            size += len(chunk)
            while chunk:
                chunk = left_to_write(chunk, file.write(chunk))
        return size

    def close(self) -> None:
        """Want no more, and let others use the connection; without IO."""
        self._downloading.close()

    def __enter__(self) -> Download:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@final
class Updates:
    """What happens in mailboxes, as it happens: an iterator that does not end by itself.

    Between two updates other commands may be given; IDLE goes on after them.
    """

    def __init__(self, driver: ClientDriver, idling: Idling | Watching) -> None:
        self._driver = driver
        self._idling = idling

    def __iter__(self) -> Updates:
        return self

    def __next__(self) -> Update:
        ready = self._idling.ready
        if not ready:
            self._driver.run(self._idling.fill())
        return ready.popleft()

    def wait(self, timeout: float) -> Update | None:
        """Return the next update, None if there is none within *timeout* seconds."""
        ready = self._idling.ready
        if not ready:
            self._driver.run(self._idling.fill(timeout))
        return ready.popleft() if ready else None

    def close(self) -> None:
        """End IDLE, and what `watch` asked for."""
        if self._driver.is_open:
            self._driver.run(self._idling.close())

    def __enter__(self) -> Updates:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@final
class SelectedMailbox:
    """A mailbox that is selected and held from the beginning of a `with` block to its end."""

    def __init__(self, driver: ClientDriver, holding: Holding) -> None:
        self._driver = driver
        self._holding = holding

    def __enter__(self) -> MailboxView:
        return self._driver.run(self._holding.open())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._holding.close()


@final
class IMAPClient(
    AdminMethods, AnnotationMethods, ConvertMethods, ItemsMethods, MirrorMethods, ModifierMethods
):
    """A client of an IMAP server: made by `connect`, and a context manager that says LOGOUT.

    Methods raise `IMAPStatusError` for NO and BAD and `LocalProtocolError` for what cannot be sent; the
    session is usable then. After `ConnectionClosed` and `RemoteProtocolError` it is closed.
    """

    def __init__(self, driver: ClientDriver, session: Inboxes, enable: Capabilities) -> None:
        self._driver = driver
        self._session = session
        self._enable = enable

    @classmethod
    def connect(
        cls,
        host: str | None = None,
        port: int | None = None,
        *,
        tls: TLSMode = "implicit",
        ssl_context: ssl.SSLContext | None = None,
        path: str | os.PathLike[str] | None = None,
        sock: socket.socket | None = None,
        source_address: tuple[str, int] | None = None,
        timeout: float | None = None,
        limits: IMAPLimits | None = None,
        strict: bool = False,
        trace: Trace | None = None,
        enable: Iterable[str] = session_flows.ENABLED_BY_DEFAULT,
    ) -> IMAPClient:
        """Connect to *host*, to the Unix socket *path* or over the connected *sock*, and read the greeting.

        *tls*: "implicit" (port 993), "starttls" (143) or "none" (143). *timeout* bounds, in seconds, the wait
        for each answer. *trace* sees the dialogue, secrets replaced. *enable* names what is enabled once
        somebody is logged in, as far as the server offers it (RFC 5161); what has come of it is in `enabled`.
        Unless it is given, that is what only changes how the same things are written: IMAP4rev2 (RFC 9051)
        and UTF8=ACCEPT (RFC 9755). With () nothing is. Raises `ConnectionClosed` or `TLSUnavailable`.
        """
        mode = client_mode(tls)
        wanted = Capabilities(enable)
        conn = client_connection(limits, strict=strict, trace=trace)
        session = Inboxes(conn, limits, Solitary(time.monotonic))
        driver = ClientDriver.connect(
            session.conn,
            host,
            port or default_port(mode),
            tls=mode,
            ssl_context=ssl_context,
            path=path,
            sock=sock,
            source_address=source_address,
            timeout=timeout,
            is_shared=True,
        )
        try:
            driver.run(session_flows.open_session(session, tls=mode, server_hostname=host, enable=wanted))
        except BaseException:
            driver.close()
            raise
        return cls(driver, session, wanted)

    @property
    def capabilities(self) -> Capabilities:
        """What the server offers now."""
        return self._session.conn.capabilities or Capabilities()

    @property
    def enabled(self) -> frozenset[str]:
        """What ENABLE, or the arguments of commands, have switched on, in upper case (RFC 5161)."""
        return self._session.conn.enabled

    @property
    def mailbox(self) -> MailboxView | None:
        """The selected mailbox, kept up to date; None if none is selected."""
        return self._session.conn.view

    @property
    def tls(self) -> TLSInfo | None:
        """What the TLS handshake gave; None without TLS."""
        return self._driver.tls

    @property
    def alerts(self) -> tuple[str, ...]:
        """What the server wants the user to read (ALERT, RFC 3501 section 7.1): the last hundred texts.

        They are updates of `idle` and `poll` too.
        """
        return tuple(self._session.alerts)

    @property
    def referrals(self) -> tuple[URLValue, ...]:
        """Other servers where there is more of ours, as the last OK with REFERRAL names them (RFC 2221)."""
        return self._session.referrals

    @property
    def is_open(self) -> bool:
        """Whether the session is usable, as far as is known without IO."""
        return self._driver.is_open

    def login(
        self,
        user: str,
        password: str | Secret[str] | None = None,
        *,
        token: str | Secret[str] | None = None,
        allow_cleartext: bool = False,
        channel_binding: bool = True,
    ) -> None:
        """Log in with a password, or with an OAuth *token*, by the strongest mechanism there is.

        For a password the command LOGIN is the last resort. What sends a secret is used over a connection
        without TLS only with *allow_cleartext*. A server that offers to bind the login to the TLS connection
        may not know the way that we do; then, and only then, *channel_binding* has to be False. Raises
        `AuthenticationFailed`, whose `reason` says why, and LocalProtocolError if there is no mechanism.
        """
        self._run(
            session_flows.login(
                self._session,
                user,
                password,
                token=token,
                allow_cleartext=allow_cleartext,
                channel_binding=channel_binding,
                setting=client_setting(self._driver.service, self.tls),
                enable=self._enable,
            )
        )

    def authenticate(self, *mechanisms: ClientMechanism, allow_cleartext: bool = False) -> None:
        """Log in by the first of *mechanisms* that the server offers (RFC 3501 section 6.2.2)."""
        setting = client_setting(self._driver.service, self.tls)
        self._run(
            session_flows.authenticate(
                self._session,
                *mechanisms,
                allow_cleartext=allow_cleartext,
                setting=setting,
                enable=self._enable,
            )
        )

    def select(self, mailbox: str, *, condstore: bool = False, annotate: bool = False) -> MailboxView:
        """Select *mailbox*; the result is kept up to date while it is selected.

        With *condstore* the server tells mod-sequences from now on (RFC 7162), with *annotate* which
        annotations others change (`AnnotationsChanged`, RFC 5257).
        """
        parameters = flows.select_parameters(condstore=condstore, annotate=annotate)
        return self._run(flows.select(self._session, mailbox, parameters=parameters))

    def examine(self, mailbox: str, *, condstore: bool = False, annotate: bool = False) -> MailboxView:
        """Select *mailbox* to read it only; *condstore* and *annotate* as for `select`."""
        parameters = flows.select_parameters(condstore=condstore, annotate=annotate)
        return self._run(flows.select(self._session, mailbox, is_read_only=True, parameters=parameters))

    def selected(self, mailbox: str) -> SelectedMailbox:
        """Select *mailbox* unless it is, and hold it: until the end of the block no other one is selected."""
        return SelectedMailbox(self._driver, Holding(self._session, mailbox))

    def unselect(self) -> None:
        """Leave the selected mailbox without an expunge (RFC 3691)."""
        self._run(flows.run(self._session, Unselect()))

    def close_mailbox(self) -> None:
        """Leave the selected mailbox and expunge what has `\\Deleted` (CLOSE)."""
        self._run(flows.run(self._session, Close()))

    def check(self) -> None:
        """Ask for a checkpoint of the mailbox (CHECK, which IMAP4rev2 does not have: `noop`)."""
        self._run(flows.run(self._session, Check()))

    def create(self, mailbox: str, *, special_uses: Iterable[str] | None = None) -> str | None:
        """Make a mailbox, for *special_uses* such as "\\\\Drafts" if they are given (RFC 6154).

        The result is its identifier, if the server has OBJECTID (RFC 8474).
        """
        parameters = () if special_uses is None else (Use(frozenset(special_uses)),)
        return self._run(flows.create(self._session, mailbox, parameters))

    def delete(self, mailbox: str) -> None:
        """Remove a mailbox."""
        self._run(flows.run(self._session, Delete(mailbox)))

    def rename(self, mailbox: str, new: str) -> None:
        """Give a mailbox a new name; of INBOX, move its messages there."""
        self._run(flows.run(self._session, Rename(mailbox, new)))

    def subscribe(self, mailbox: str) -> None:
        """Add a mailbox to those that `lsub` lists."""
        self._run(flows.run(self._session, Subscribe(mailbox)))

    def unsubscribe(self, mailbox: str) -> None:
        """Take a mailbox from those that `lsub` lists."""
        self._run(flows.run(self._session, Unsubscribe(mailbox)))

    def list(self, reference: str = "", pattern: str = "*") -> tuple[ListData, ...]:
        """Return the mailboxes below *reference* whose names match *pattern*, with `%` and `*`."""
        return self._run(flows.list_mailboxes(self._session, reference, pattern))

    def lsub(self, reference: str = "", pattern: str = "*") -> tuple[LSubData, ...]:
        """Return the subscribed names that match (LSUB).

        In IMAP4rev2 that is `list_extended(pattern, selection=["SUBSCRIBED"])`.
        """
        return self._run(flows.list_subscribed(self._session, reference, pattern))

    def status(self, mailbox: str, *items: str) -> StatusData:
        """Return numbers of a mailbox that is not selected: "MESSAGES", "UIDNEXT", "UNSEEN", ..."""
        return self._run(flows.mailbox_status(self._session, mailbox, items))

    def namespace(self) -> NamespaceData:
        """Return where personal, other users' and shared mailboxes begin (RFC 2342)."""
        return self._run(flows.namespace(self._session))

    def id(self, parameters: Mapping[str, str | None] | None = None) -> IDParameters:
        """Say what software this is, and return what the server says it is (RFC 2971)."""
        return self._run(flows.identify(self._session, parameters))

    def enable(self, *capabilities: str) -> frozenset[str]:
        """Switch extensions on and return those that are on now (RFC 5161)."""
        return self._run(flows.enable(self._session, capabilities))

    def compress(self) -> None:
        """Let both ends compress all that follows (COMPRESS=DEFLATE, RFC 4978).

        Raises LocalProtocolError if the server does not offer it, and if it was done already.
        """
        self._run(flows.run(self._session, Compress()))

    def capability(self) -> Capabilities:
        """Ask the server what it offers."""
        return self._run(flows.capabilities(self._session))

    def fetch(
        self,
        sequence_set: SequenceSet | Numbers,
        *items: Items,
        changed_since: int | None = None,
        progress: Progress | None = None,
    ) -> Messages:
        """Iterate over *items* of the messages with these sequence numbers.

        With *changed_since* only of those whose mod-sequence is greater (RFC 7162). *progress* is called with
        the messages that have come, and how many there can be, None if that is not known.
        """
        numbers, modifiers = flows.sequence_set(sequence_set), fetch_modifiers(changed_since)
        return Messages(self._driver, Fetching(self._session, numbers, items, modifiers, progress))

    def uid_fetch(
        self,
        uids: UIDSet | Numbers,
        *items: Items,
        changed_since: int | None = None,
        vanished: bool = False,
        partial: tuple[int, int] | None = None,
        progress: Progress | None = None,
    ) -> Messages:
        """Iterate over *items* of the messages with these UIDs; the set may be `1:*`.

        *changed_since* as for `fetch`. With *vanished* beside it the result's `vanished` has, once all is
        read, the UIDs of those that are gone since; this needs `enable("QRESYNC")` before. *partial* are two
        places in the set, (1, 50) for the first fifty, (-1, -50) for the last (RFC 9394). *progress* as for
        `fetch`.
        """
        numbers = flows.uid_set(uids)
        modifiers = fetch_modifiers(changed_since, vanished=vanished, partial=partial)
        return Messages(self._driver, Fetching(self._session, numbers, items, modifiers, progress))

    def download(
        self,
        uid: UIDSet | Numbers,
        section: SectionLike = "",
        *,
        decode: bool = False,
        offset: int = 0,
        length: int | None = None,
        progress: Progress | None = None,
    ) -> Download:
        """Stream one part of the message with this UID: "" is all of it, "2" or "1.3" a part, "HEADER" ...

        With *decode* the content-transfer-encoding of the part is undone, by the server if it offers BINARY.
        *offset* and *length* count octets of what comes out: a download that was broken off goes on at
        `offset=done`. *progress* is called with the octets that have come, and with the total or None. Raises
        `ItemMissing` if there is no such part.
        """
        downloading = Downloading(
            self._session,
            flows.uid_set(uid),
            section,
            is_decoding=decode,
            offset=offset,
            length=length,
            progress=progress,
        )
        self._driver.run(downloading.open())
        return Download(self._driver, downloading)

    def search(self, *keys: SearchKey, charset: str | None = None) -> SequenceSet:
        """Return the sequence numbers of the messages that all *keys* match."""
        return self._run(flows.search(self._session, keys, charset))

    def uid_search(self, *keys: SearchKey, charset: str | None = None) -> UIDSet:
        """Return the UIDs of the messages that all *keys* match."""
        return self._run(flows.uid_search(self._session, keys, charset))

    def store(
        self,
        sequence_set: SequenceSet | Numbers,
        action: StoreAction | str,
        flags: str | Iterable[str],
        *,
        silent: bool = False,
    ) -> tuple[FetchData, ...]:
        """Change flags: "FLAGS" replaces, "+FLAGS" adds, "-FLAGS" removes; return the new flags."""
        numbers = flows.sequence_set(sequence_set)
        command = flows.store_command(numbers, flows.store_action(action), flags, silent=silent)
        return self._run(flows.store(self._session, command))

    def uid_store(
        self,
        uids: UIDSet | Numbers,
        action: StoreAction | str,
        flags: str | Iterable[str],
        *,
        silent: bool = False,
    ) -> tuple[FetchData, ...]:
        """Change flags by UID, as `store`."""
        command = flows.store_command(flows.uid_set(uids), flows.store_action(action), flags, silent=silent)
        return self._run(flows.store(self._session, command))

    def copy(self, sequence_set: SequenceSet | Numbers, mailbox: str) -> CopyUIDCode | None:
        """Copy messages to *mailbox*; the result has their UIDs there, if the server has UIDPLUS.

        All or none; but of more messages than a line or the server's MESSAGELIMIT has room for, parts are
        copied one after the other, and `done` and `result` of an error say which were.
        """
        return self._run(flows.copy(self._session, Copy(flows.sequence_set(sequence_set), mailbox)))

    def uid_copy(self, uids: UIDSet | Numbers, mailbox: str) -> CopyUIDCode | None:
        """Copy messages by UID, as `copy`."""
        return self._run(flows.copy(self._session, UIDCopy(flows.uid_set(uids), mailbox)))

    def move(self, sequence_set: SequenceSet | Numbers, mailbox: str) -> CopyUIDCode | None:
        """Move messages to *mailbox* (RFC 6851); the result is that of `copy`."""
        return self._run(flows.move(self._session, Move(flows.sequence_set(sequence_set), mailbox)))

    def uid_move(self, uids: UIDSet | Numbers, mailbox: str) -> CopyUIDCode | None:
        """Move messages by UID, as `move`."""
        return self._run(flows.move(self._session, UIDMove(flows.uid_set(uids), mailbox)))

    def expunge(self) -> None:
        """Remove the messages with `\\Deleted`."""
        self._run(flows.run(self._session, Expunge()))

    def uid_expunge(self, uids: UIDSet | Numbers) -> None:
        """Remove those of these messages that have `\\Deleted` (RFC 4315)."""
        self._run(flows.uid_expunge(self._session, flows.uid_set(uids)))

    def append(
        self,
        mailbox: str,
        message: MessageSource,
        flags: Iterable[str] = (),
        internal_date: datetime | None = None,
        *,
        size: int | None = None,
        binary: bool = False,
        utf8: bool = False,
        annotations: AnnotationValues | None = None,
        progress: Progress | None = None,
    ) -> Appended | None:
        """Add a message: octets, an EmailMessage, a file, or chunks of *size* octets in all.

        The result has its UID, if the server has UIDPLUS. A message from a file or in chunks streams; if it
        has more or fewer octets than its size the connection is closed, and nothing is added. With *binary*
        NUL may be in it (BINARY, RFC 3516). With *utf8* it is said that there is UTF-8 in its header, which
        servers of RFC 6855 ask for. It has these *annotations* from the beginning (see `store_annotations`).
        *progress* is called with the octets that were sent, and their total.
        """
        form = append_form(binary=binary, utf8=utf8)
        options = append_options(annotations)
        arguments = (mailbox, message, flags, internal_date, size)
        flow = flows.append(self._session, *arguments, form=form, options=options, progress=progress)
        return self._run(flow)

    def idle(self) -> Updates:
        """Wait for what happens in the selected mailbox (RFC 2177)."""
        idling = Idling(self._session)
        self._driver.run(idling.open())
        return Updates(self._driver, idling)

    def watch(self, *mailboxes: str, items: Iterable[Items] = (), interval: float = INTERVAL) -> Updates:
        """Wait for what happens in the selected mailbox and in *mailboxes*, as the server can tell it.

        By NOTIFY (RFC 5465) if it offers that, else by IDLE for the selected one, else by NOOP every
        *interval* seconds; without NOTIFY it is asked as often for the STATUS of *mailboxes*. What changes in
        them is a `MailboxChanged` with a StatusData, or with a ListData if they are made, renamed or deleted.
        *items* are fetched of new messages in the selected mailbox, for `NewMessages.messages`.
        """
        watching = Watching(self._session, mailboxes, items, interval)
        self._driver.run(watching.open())
        return Updates(self._driver, watching)

    def notify(self, *groups: EventGroup, status: bool = False) -> Notified:
        """Say of which mailboxes the server is to tell what, in place of what it was told before (RFC 5465).

        Without *groups* it tells nothing any more. With *status* the result has the STATUS of each mailbox
        but the selected one. What it tells are updates of `idle` and `poll`. While MessageExpunge of SELECTED
        is among it, methods with sequence numbers raise LocalProtocolError; SELECTED-DELAYED has no such
        effect. Raises `IMAPStatusError`, whose code is NOTIFICATIONOVERFLOW if it is too much.
        """
        return self._run(notify(self._session, groups, status=status))

    def noop(self) -> None:
        """Give the server a chance to say what is new, which `poll` returns."""
        self._run(flows.noop(self._session))

    def poll(self) -> tuple[Update, ...]:
        """Ask the server and return what has happened since the last time, in `idle` too."""
        return self._run(poll(self._session))

    def exchange(self, command: Command | bytes) -> Exchange:
        """Send a command, or octets exactly as they are, tag and all; a refusal is a value of the result."""
        return self._run(flows.exchange(self._session, command))

    def logout(self) -> None:
        """Say LOGOUT and close; on a closed session this does nothing."""
        if self.is_open:
            self._run(session_flows.logout(self._session))
        self.close()

    def close(self) -> None:
        """Close without a word."""
        self._driver.close()

    def _run(self, flow: Flow[ResultT]) -> ResultT:
        return self._driver.run(flow)

    def __enter__(self) -> IMAPClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.logout()
        else:
            self.close()


def serve_imap(
    store: Stores,
    host: str | None = None,
    port: int = 0,
    *,
    tls: ServerTLS = "none",
    ssl_context: ssl.SSLContext | None = None,
    certificate: bytes | None = None,
    path: str | os.PathLike[str] | None = None,
    sock: socket.socket | None = None,
    hostname: str | None = None,
    authenticator: Users | None = None,
    allow_cleartext: bool = False,
    timeout: float | None = None,
    limits: IMAPLimits | None = None,
    trace: Trace | None = None,
    proxy_protocol: bool = False,
) -> Server:
    """Serve IMAP from now on until `stop()` or the end of its `with` block.

    It listens on *host*, where "" is every address of the machine, and *port*, where 0 finds a free one (see
    `addresses`); or on the Unix socket *path*; or on *sock*, which is bound.

    *store* is a `MailStore` that every user sees, or a callable that gives the store of an identity. Without
    *authenticator* nobody needs to log in; with it, mechanisms that send a password are offered only behind
    TLS unless *allow_cleartext*. With *ssl_context* STARTTLS is offered unless *tls* is "implicit".
    *certificate*, the octets of the one in it (DER or PEM), lets logins be bound to it. *hostname* stands in
    the greeting. *timeout* caps, in seconds, what a client is granted.
    With *proxy_protocol* every connection must begin with a PROXY header, which says who the client is.
    """
    factory = server_factory(
        store,
        tls=tls,
        has_context=ssl_context is not None,
        hostname=hostname,
        authenticator=authenticator,
        allow_cleartext=allow_cleartext,
        limits=limits,
        trace=trace,
    )
    return Server(
        factory,
        host,
        port,
        tls=tls,
        ssl_context=ssl_context,
        certificate=certificate,
        path=path,
        sock=sock,
        timeout=timeout,
        proxy_protocol=proxy_protocol,
    )

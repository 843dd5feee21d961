"""The client's procedure of sending a message, written once: DATA, BDAT and BURL, in SMTP and LMTP.

`send_message` and `send_url` are flows (`mailproto.flow`) over an `SMTPClientConnection` whose session is
open, which is the business of `mailproto.smtp.session_flows`; what they raise is said there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Final, Literal, NoReturn, TypeAlias, cast

from mailproto.address import Mailbox, Path
from mailproto.errors import (
    ConnectionClosed,
    LocalProtocolError,
    MailProtoError,
    SMTPRecipientsRefused,
    SMTPReplyError,
)
from mailproto.flow import Flow, Flush, Receive
from mailproto.smtp.client import SMTPClientConnection
from mailproto.smtp.commands import (
    Bdat,
    Burl,
    Command,
    Data,
    Mail,
    MessageBody,
    Rcpt,
    Rset,
)
from mailproto.smtp.events import ConnectionLost
from mailproto.smtp.ext.burl import can_fetch
from mailproto.smtp.ext.prdr import PRDR
from mailproto.smtp.outgoing import Needs, Newlines
from mailproto.smtp.parameters import NO_PARAMETERS, Parameters
from mailproto.smtp.reply import Reply
from mailproto.smtp.session_flows import (
    command,
    error_of,
    raise_if_closing,
    read_reply,
    send,
    take_reply,
)
from mailproto.smtp.sources import CHUNK, ChunksSource, FileSource, Message, OctetsSource, Pieces, source_of
from mailproto.smtp.state import State
from mailproto.smtp.transactions import transactions_of
from mailproto.wants import Wants

__all__ = [
    "Body",
    "Pairs",
    "Recipient",
    "SendResult",
    "send_message",
    "send_url",
]

Body: TypeAlias = Literal["7BIT", "8BITMIME", "BINARYMIME"]
"""What octets a message has (RFC 6152, RFC 3030 section 3)."""

Recipient: TypeAlias = str | bytes | Mailbox | Path
"""An address as a caller gives it, with or without angle brackets."""

Pairs: TypeAlias = Iterable[tuple[str, str | None]]
"""Parameters of MAIL or RCPT, or what they are built of."""


_EIGHT_BIT: Final = frozenset({"8BITMIME", "BINARYMIME"})
_NOT_SEVEN_BIT: Final = "expected a message of 7-bit octets, since body is not 8BITMIME"
_ONE_RECIPIENT: Final = (str, bytes, Mailbox, Path)
_FLUSH: Final = Flush()
_RECEIVE: Final = Receive()
_DATA: Final = Data()


@dataclass(frozen=True, slots=True)
class SendResult:
    """Who gets a message: at least one. `refused` says for each of the others why.

    Recipients stand as the caller wrote them. `reply` is the one to the message, in LMTP the last positive
    one.
    """

    accepted: tuple[Recipient, ...]
    refused: Mapping[Recipient, Reply] = field(hash=False)
    reply: Reply

    @property
    def retriable(self) -> tuple[Recipient, ...]:
        """Those of the refused who may be tried again later, as their reply is transient."""
        return tuple(to for to, reply in self.refused.items() if reply.is_transient)


def send_message(
    conn: SMTPClientConnection,
    message: Message,
    *,
    reverse_path: Recipient | None = None,
    forward_paths: Recipient | Iterable[Recipient] | None = None,
    body: Body | None = None,
    newlines: Newlines = "convert",
    chunking: bool | None = None,
    smtputf8: bool | None = None,
    mail_parameters: Pairs = (),
    rcpt_parameters: Pairs | Mapping[Recipient, Pairs] = (),
) -> Flow[SendResult]:
    """Send *message* and return who gets it.

    Without *reverse_path* or *forward_paths* they are taken from the header of a message that is given as
    octets or as an EmailMessage, and its Bcc field is left out. What is sent ahead of the message, SIZE and
    BODY, is found by reading it first; of an iterator only *body* is known, 7BIT unless it says otherwise,
    and an octet against it ends the connection, or under BDAT the transaction.

    A message with a NUL, a line of more than 998 octets or, where *newlines* is "keep", a bare CR or LF goes
    as BINARYMIME if the server offers that, and so does any of which *body* says so, whose octets are sent
    as they are. The binary parts of an EmailMessage are encoded in base64 all the same, since `email` would
    write each CR and each LF in them as a line end. BINARYMIME needs BDAT. Else *chunking* decides: True
    sends by BDAT if the server offers CHUNKING; None and False by DATA, which every server has and every
    filter on the way understands, and which lets a server refuse before the octets are sent. False never
    sends BINARYMIME.

    A message with UTF-8 in its header is an internationalized one, whatever its addresses are (RFC 6531
    section 3.2): *smtputf8* None says SMTPUTF8 then. If the server does not offer it, an EmailMessage gets
    encoded words and A-labels in place of UTF-8, and anything else is a LocalProtocolError, as is a local
    part in UTF-8. True says SMTPUTF8 always. False leaves the header alone, as a relay has to that got the
    message without SMTPUTF8: much mail has raw 8-bit headers, and is taken as 8BITMIME nearly everywhere.
    Headers of body parts are not looked at, nor is what an iterator gives.

    More recipients than the server takes at once (RCPTMAX, RFC 9422) get the message in several transactions,
    which need one that can be read again: octets, an EmailMessage, a file that can seek. Raises
    SessionLimitReached, before anything is sent, if MAILMAX or RCPTDOMAINMAX leave no room in the session for
    all of them; it says who still fits.

    Under PRDR, which is asked for where it is offered, `refused` can have recipients that RCPT accepted.

    *mail_parameters* and *rcpt_parameters* go with MAIL and with each RCPT, beside those found here:
    `[RET.pair(Ret.HDRS)]`. A mapping gives each recipient, as it is named in *forward_paths*, its own.

    Raises SMTPReplyError if nobody will get the message: the transaction is reset then, and the session
    usable unless the server refused in the middle of the message. LocalProtocolError if it cannot be sent:
    too big for the server, octets without the 8BITMIME or BINARYMIME that they need, no recipient.
    `is_outcome_unknown` of any error is True if the message was sent and its reply did not come.

    `retriable`, of the result and of errors, says for whom the same may succeed later: those whose reply is
    transient, those for whom the message was not sent to its end when the session ended, and in LMTP those
    whose reply did not come (RFC 2033 section 5).
    """
    source = source_of(message, "keep" if body == "BINARYMIME" else newlines)
    needs = yield from source.survey()
    if reverse_path is None or forward_paths is None:
        envelope = source.take_envelope()
        reverse_path = envelope.reverse_path if reverse_path is None else reverse_path
        forward_paths = envelope.forward_paths if forward_paths is None else forward_paths
        needs = yield from source.survey()
    if needs.has_utf8_header or needs.is_eight_bit:
        needs = yield from _fit(conn, source, needs, smtputf8)
    recipients = _recipients_of(forward_paths)
    needed = _body_of(conn, needs, body, chunking)
    is_chunked = needed == "BINARYMIME" or (chunking is True and conn.extensions.chunking)
    parameters = _checked(conn, needs, needed)
    if mail_parameters:
        parameters = Parameters((*parameters, *mail_parameters))
    if smtputf8 or (smtputf8 is None and _is_utf8(conn, needs)):
        parameters = _with_smtputf8(parameters)
    mail, rcpts = _envelope(conn, reverse_path, recipients, parameters, rcpt_parameters)
    content = _Content(
        () if is_chunked else (_DATA,),
        partial(_send_source, conn, source, needed, is_chunked=is_chunked),
        source.is_repeatable,
        is_chunked=is_chunked,
        only_chunk=None if is_chunked else source.only_chunk,
    )
    return (yield from _send_transactions(conn, mail, rcpts, content))


def _fit(
    conn: SMTPClientConnection,
    source: OctetsSource | FileSource | ChunksSource,
    needs: Needs,
    smtputf8: bool | None,
) -> Flow[Needs]:
    """Make an EmailMessage anew for a server without SMTPUTF8 or 8BITMIME; return what is needed then."""
    is_utf8 = needs.has_utf8_header and smtputf8 is None
    if is_utf8 and not conn.extensions.smtputf8 and source.to_ascii_header():
        needs = yield from source.survey()
    if needs.is_eight_bit and not conn.extensions.eight_bit_mime and source.to_seven_bit():
        needs = yield from source.survey()
    return needs


@dataclass(slots=True)
class _Content:
    """What stands behind the envelope of each transaction: commands of its group, then the message."""

    commands: tuple[Command, ...]
    send: Callable[[], Flow[None]]
    is_repeatable: bool
    is_chunked: bool = False
    only_chunk: bytes | None = None


def _send_source(
    conn: SMTPClientConnection,
    source: OctetsSource | FileSource | ChunksSource,
    body: Body | None,
    *,
    is_chunked: bool,
) -> Flow[None]:
    yield from source.rewind()
    if is_chunked:
        pieces = Pieces(source, is_text=body != "BINARYMIME")
        yield from _send_chunks(conn, pieces, may_be_eight_bit=body in _EIGHT_BIT)
    else:
        yield from _send_body(conn, source, may_be_eight_bit=body in _EIGHT_BIT)


def _send_burl(conn: SMTPClientConnection, request: Burl) -> Flow[None]:
    yield from ()
    conn.send_command(request)


def _send_transactions(
    conn: SMTPClientConnection, mail: Mail, rcpts: Mapping[Recipient, Rcpt], content: _Content
) -> Flow[SendResult]:
    """Send the message in as many transactions as the LIMITS of the server ask for; return who gets it.

    What one of them is refused loses nothing that another was granted. A refusal that ends the session counts
    for the recipients that are left: it is the same message.
    """
    transactions = transactions_of(conn, rcpts)
    if len(transactions) > 1 and not content.is_repeatable:
        raise LocalProtocolError(
            f"RCPTMAX: {len(rcpts)} recipients need {len(transactions)} transactions,"
            " the message can be read once"
        )
    verdicts: dict[Recipient, Reply] = {}
    reply: Reply | None = None
    for transaction in transactions:
        try:
            reply = yield from _transact(conn, mail, transaction, content, verdicts)
        except SMTPReplyError as error:
            is_over = conn.wants is Wants.CLOSED
            refusal, failed = cast(Reply, error.reply), error
            verdicts |= {to: refusal for to in (rcpts if is_over else transaction) if to not in verdicts}
            if is_over:
                break
        except MailProtoError as error:
            # LMTP: "process the replies that arrived and treat the rest as temporary failures" (RFC 2033)
            unknown = transaction if error.is_outcome_unknown and not conn.is_lmtp else ()
            _advise(error, {to: verdicts.get(to) for to in rcpts if to in verdicts or to not in unknown})
            raise
    if reply is None:
        raise _failure(failed, verdicts, is_one=len(transactions) == 1)
    accepted = tuple([to for to in rcpts if verdicts[to].is_positive])
    return SendResult(accepted, _refused(verdicts), reply)


def _failure(last: SMTPReplyError, verdicts: Mapping[Recipient, Reply], *, is_one: bool) -> SMTPReplyError:
    """Return the error of a message that nobody gets; *last* is that of its last transaction."""
    if not is_one:
        return SMTPRecipientsRefused(verdicts, last.command)
    last.refused.update(verdicts.items())
    _advise(last, verdicts)
    return last


def _advise(error: MailProtoError, verdicts: Mapping[Recipient, Reply | None]) -> None:
    """Say in *error* who gets the message, and who may be tried again: None stands for not tried yet."""
    replies = verdicts.items()
    error.accepted = tuple(to for to, reply in replies if reply is not None and reply.is_positive)
    if not isinstance(error, LocalProtocolError):
        error.retriable = tuple(to for to, reply in replies if reply is None or reply.is_transient)


def _refused(verdicts: Mapping[Recipient, Reply]) -> dict[Recipient, Reply]:
    return {to: reply for to, reply in verdicts.items() if not reply.is_positive}


def _transact(
    conn: SMTPClientConnection,
    mail: Mail,
    rcpts: Mapping[Recipient, Rcpt],
    content: _Content,
    verdicts: dict[Recipient, Reply],
) -> Flow[Reply]:
    """Send the message to some recipients; *verdicts* gets the reply that each has, as soon as it has one."""
    if len(rcpts) > 1 and conn.extensions.prdr and not conn.is_lmtp and not mail.parameters.has("PRDR"):
        mail = Mail(mail.reverse_path, Parameters((*mail.parameters, PRDR.pair(True))))
    requests = (mail, *rcpts.values(), *content.commands)
    accepted = yield from _open_transaction(conn, tuple(rcpts), requests, verdicts, content.only_chunk)
    yield from content.send()
    try:
        return (yield from _read_outcome(conn, accepted, verdicts))
    except SMTPReplyError:
        if content.is_chunked:
            yield from _forget_chunks(conn)
        raise


def send_url(
    conn: SMTPClientConnection,
    url: str,
    *,
    reverse_path: Recipient,
    forward_paths: Recipient | Iterable[Recipient],
    mail_parameters: Pairs = (),
    rcpt_parameters: Pairs | Mapping[Recipient, Pairs] = (),
) -> Flow[SendResult]:
    """Submit the message that *url* stands for, which the server fetches itself (BURL, RFC 4468).

    *url* is an IMAP URL: one with URLAUTH, or of a server that ours says to be trusted by. A session that
    has logged in behind its EHLO says EHLO again, since only then a server tells what it can fetch. Raises
    what `send_message` raises; LocalProtocolError if the server does not offer to fetch the URL.
    """
    request = Burl(url, last=True)
    if conn.extensions.burl == () and conn.is_authenticated and conn.hello is not None:
        yield from command(conn, conn.hello)
    if not can_fetch(conn.extensions.burl or (), url):
        raise LocalProtocolError("BURL: the server does not offer to fetch this URL")
    recipients = _recipients_of(forward_paths)
    mail, rcpts = _envelope(conn, reverse_path, recipients, Parameters(mail_parameters), rcpt_parameters)
    content = _Content((), partial(_send_burl, conn, request), is_repeatable=True)
    return (yield from _send_transactions(conn, mail, rcpts, content))


def _open_transaction(
    conn: SMTPClientConnection,
    recipients: tuple[Recipient, ...],
    requests: tuple[Command, ...],
    verdicts: dict[Recipient, Reply],
    only_chunk: bytes | None,
) -> Flow[tuple[Recipient, ...]]:
    """Send MAIL, the RCPTs and what may stand behind; return who is accepted, note the others in *verdicts*.

    RFC 3030 section 2 sends BDAT only "after all MAIL and RCPT responses are collected and processed".
    """
    replies = yield from _send_envelope(conn, requests, only_chunk)
    is_begun = replies[0].is_positive
    if is_begun:
        # Else what RCPT is answered says nothing of the recipient.
        for recipient, reply in zip(recipients, replies[1:], strict=False):
            if not reply.is_positive:
                verdicts[recipient] = reply
    accepted = tuple([recipient for recipient in recipients if recipient not in verdicts])
    is_ready = not isinstance(requests[-1], Data) or replies[-1].is_intermediate
    if not (is_begun and accepted and is_ready):
        yield from _give_up(conn, replies, _refused(verdicts))
    return accepted


def _recipients_of(forward_paths: Recipient | Iterable[Recipient]) -> tuple[Recipient, ...]:
    if isinstance(forward_paths, _ONE_RECIPIENT):
        forward_paths = (forward_paths,)
    recipients = tuple(dict.fromkeys(forward_paths))
    if not recipients:
        raise LocalProtocolError("forward_paths: expected at least one recipient")
    return recipients


def _sendable(conn: SMTPClientConnection, path: Path) -> Path:
    """Return *path* with A-labels if the server does not take UTF-8 (RFC 6531 section 3.2)."""
    if path.mailbox is None or path.is_ascii or conn.extensions.smtputf8:
        return path
    if not path.mailbox.local_part.isascii():
        raise LocalProtocolError(f"SMTPUTF8: the server does not offer it, which {path.mailbox} needs")
    return Path(path.mailbox.to_ascii())


def _body_of(
    conn: SMTPClientConnection, needs: Needs, body: Body | None, chunking: bool | None
) -> Body | None:
    """Return what BODY has to say, None for nothing. Raises LocalProtocolError for what cannot be said."""
    is_binary_offered = conn.extensions.binary_mime and chunking is not False
    if body is None and needs.is_binary and is_binary_offered:
        return "BINARYMIME"
    if (body == "BINARYMIME" or needs.has_bare_newline) and not is_binary_offered:
        raise LocalProtocolError("BINARYMIME: the message needs it and the server does not offer it")
    if body == "BINARYMIME":
        return body
    if needs.has_bare_newline:
        raise LocalProtocolError(f"body: the message has a bare CR or LF, which is not {body}")
    return _text_body_of(conn, needs, body)


def _text_body_of(conn: SMTPClientConnection, needs: Needs, body: Body | None) -> Body | None:
    if needs.is_eight_bit and body == "7BIT":
        raise LocalProtocolError("body: the message has octets that are not 7BIT")
    if needs.is_eight_bit:
        body = "8BITMIME"
    if body is None or conn.extensions.eight_bit_mime:
        return body
    if body == "8BITMIME":
        raise LocalProtocolError("8BITMIME: the message needs it and the server does not offer it")
    return None


def _checked(conn: SMTPClientConnection, needs: Needs, body: Body | None) -> Parameters:
    """Return the parameters of MAIL. Raises LocalProtocolError if the message is too big for the server."""
    limit = conn.extensions.size
    if limit and needs.size is not None and needs.size > limit:
        raise LocalProtocolError(f"SIZE: the message has {needs.size} octets, the server takes {limit}")
    return Parameters.of(size=needs.size if limit is not None else None, body=body)


def _is_utf8(conn: SMTPClientConnection, needs: Needs) -> bool:
    if needs.has_utf8_header and not conn.extensions.smtputf8:
        raise LocalProtocolError("SMTPUTF8: the server does not offer it, which UTF-8 in the header needs")
    return needs.has_utf8_header


def _with_smtputf8(parameters: Parameters) -> Parameters:
    return parameters if parameters.smtputf8 else Parameters((*parameters, ("SMTPUTF8", None)))


def _envelope(
    conn: SMTPClientConnection,
    reverse_path: Recipient,
    forward_paths: tuple[Recipient, ...],
    parameters: Parameters,
    rcpt_parameters: Pairs | Mapping[Recipient, Pairs],
) -> tuple[Mail, dict[Recipient, Rcpt]]:
    """Return MAIL, and RCPT by recipient. Raises LocalProtocolError for parameters that cannot be sent."""
    first, *others = paths = [Path.of(path) for path in (reverse_path, *forward_paths)]
    if not all(map(_IS_ASCII, paths)):
        first, *others = paths = [_sendable(conn, path) for path in paths]
        if not all(map(_IS_ASCII, paths)):
            parameters = _with_smtputf8(parameters)
    each = _parameters_of_each(forward_paths, rcpt_parameters)
    rcpts = [Rcpt(path, own) for path, own in zip(others, each, strict=True)]
    for rcpt in rcpts:
        # Half an envelope must not be sent when RCPT has what is not offered; before MAIL nothing was.
        if rcpt.parameters:
            conn.require_parameters(rcpt)
    return Mail(first, parameters), dict(zip(forward_paths, rcpts, strict=True))


_IS_ASCII: Final = attrgetter("is_ascii")


def _parameters_of_each(
    forward_paths: tuple[Recipient, ...], parameters: Pairs | Mapping[Recipient, Pairs]
) -> Sequence[Parameters]:
    if not parameters:
        return [NO_PARAMETERS] * len(forward_paths)
    if not isinstance(parameters, Mapping):
        return [Parameters(parameters)] * len(forward_paths)
    unknown = [recipient for recipient in parameters if recipient not in forward_paths]
    if unknown:
        raise LocalProtocolError(f"rcpt_parameters: {str(unknown[0])[:40]!r} is no recipient")
    return [Parameters(parameters.get(recipient, ())) for recipient in forward_paths]


def _send_envelope(
    conn: SMTPClientConnection, requests: Sequence[Command], only_chunk: bytes | None
) -> Flow[list[Reply]]:
    """Send MAIL, the RCPTs and DATA, in one group if the server offers PIPELINING (RFC 2920).

    Return the replies in order. Without pipelining it stops where going on makes no sense. A message that is
    *only_chunk* is looked at while the server is at work.
    """
    window = conn.limits.max_pending if conn.extensions.pipelining else 1
    replies: list[Reply] = []
    sent = 0
    for request in requests:
        if sent - len(replies) >= window:
            replies.append((yield from read_reply(conn)))
        if len(replies) < sent:
            conn.send_command(request)
        elif _is_hopeless(replies, request):
            break
        else:
            send(conn, request)
        sent += 1
    if len(replies) < sent and not conn.buffered:
        if only_chunk is not None:
            yield _FLUSH
            conn.look_ahead(only_chunk)
        yield _RECEIVE
    while len(replies) < sent:
        reply = take_reply(conn)
        if reply is None:
            yield _RECEIVE
        else:
            replies.append(reply)
    return replies


def _is_hopeless(replies: list[Reply], request: Command) -> bool:
    if not replies:
        return False
    wanted = replies[1:] if isinstance(request, Data) else replies[:1]
    return not any(reply.is_positive for reply in wanted)


def _give_up(
    conn: SMTPClientConnection, replies: list[Reply], refused: dict[Recipient, Reply]
) -> Flow[NoReturn]:
    """Reset the transaction and raise.

    "If the DATA command was properly rejected the client SMTP can just issue RSET, but if the DATA command
    was accepted the client SMTP should send a single dot" (RFC 2920 section 3.1).
    """
    with contextlib.suppress(ConnectionClosed):
        if conn.wants is Wants.BODY:
            conn.end_body()
        elif replies[0].is_positive:
            conn.send_command(Rset())
        while conn.pending:
            yield from read_reply(conn)
    if not replies[0].is_positive:
        raise error_of(replies[0])
    if not any(reply.is_positive for reply in replies[1:]):
        raise SMTPRecipientsRefused(refused, "RCPT")
    raise error_of(replies[-1])


def _send_body(
    conn: SMTPClientConnection, source: OctetsSource | FileSource | ChunksSource, *, may_be_eight_bit: bool
) -> Flow[None]:
    """Send the message and its end; one that cannot be completed closes the connection without a dot."""
    try:
        while (chunk := (yield from source.read())) is not None:
            if not may_be_eight_bit and not chunk.isascii():
                raise LocalProtocolError(_NOT_SEVEN_BIT)
            conn.send_body(chunk)
            if conn.unsent > CHUNK // 2:
                yield _FLUSH
            _raise_early_refusal(conn)
        conn.end_body()
    except BaseException:
        conn.abort()
        raise


def _raise_early_refusal(conn: SMTPClientConnection) -> None:
    event = conn.next_event()
    if isinstance(event, ConnectionLost):
        raise ConnectionClosed("the server closed the connection in the middle of the message", phase="write")
    if event is not None:
        raise_if_closing(event)
        raise error_of(event)


def _send_chunks(conn: SMTPClientConnection, pieces: Pieces, *, may_be_eight_bit: bool) -> Flow[None]:
    """Send the message by BDAT, up to the last one or to the first that is refused.

    What cannot be sent ends the transaction by RSET if that is found between two chunks, else the session.
    """
    try:
        is_last = False
        while not is_last:
            octets, is_last = yield from pieces.read()
            if not may_be_eight_bit and not octets.isascii():
                raise LocalProtocolError(_NOT_SEVEN_BIT)
            conn.send_command(Bdat(len(octets), is_last))
            if octets:
                conn.send_body(octets)
            refusal = None if is_last else (yield from _read_along(conn))
            if refusal is not None:
                yield from _forget_chunks(conn)
                raise error_of(refusal)
    except SMTPReplyError:
        raise
    except LocalProtocolError:
        yield from _forget_chunks(conn)
        raise
    except BaseException:
        conn.abort()
        raise


def _read_along(conn: SMTPClientConnection) -> Flow[Reply | None]:
    """Send what is queued, and take the replies that have come, or must; return the first refusal."""
    if conn.unsent > CHUNK // 2:
        yield _FLUSH
    window = conn.limits.max_pending if conn.extensions.pipelining else 1
    while conn.pending:
        event = conn.next_event() if conn.pending < window else (yield from read_reply(conn))
        if event is None:
            break
        if isinstance(event, ConnectionLost):
            raise ConnectionClosed("the server closed the connection between two chunks", phase="write")
        raise_if_closing(event)
        if event.is_negative:
            return event
    return None


def _forget_chunks(conn: SMTPClientConnection) -> Flow[None]:
    """Say RSET, which "MUST be issued" behind a BDAT that failed, the last one too (RFC 3030 section 2)."""
    if conn.owed:
        conn.abort()
        return
    with contextlib.suppress(ConnectionClosed):
        while conn.pending:
            yield from read_reply(conn)
        conn.send_command(Rset())
        yield from read_reply(conn)


def _read_outcome(
    conn: SMTPClientConnection, accepted: tuple[Recipient, ...], verdicts: dict[Recipient, Reply]
) -> Flow[Reply]:
    """Read the replies to the message, note them in *verdicts*, and return the one for all.

    In LMTP, and under PRDR, there is one for each accepted recipient. LMTP has none for all: it is the last
    positive one.
    """
    replies: list[Reply] = []
    try:
        if conn.pending and not conn.buffered:
            yield _RECEIVE
        while conn.pending:
            reply = take_reply(conn)
            if reply is None:
                yield _RECEIVE
            else:
                replies.append(reply)
    except MailProtoError as error:
        error.is_outcome_unknown = True
        if conn.is_lmtp:
            # Each reply is final (RFC 2033 section 4.2); those of PRDR wait for the last.
            verdicts |= dict(zip(accepted, replies, strict=False))
        raise
    if conn.state is State.FAILED:
        raise error_of(next(reply for reply in replies if reply.is_negative))
    # A server may answer PRDR as if it was not asked: that counts for all.
    of_each = [reply for reply in replies if _is_of_one_recipient(reply)]
    own = dict.fromkeys(accepted, replies[-1])
    own.update(zip(accepted, of_each, strict=False))
    if not conn.is_lmtp and not replies[-1].is_positive:
        # Nobody gets it, whatever PRDR said of each.
        own = {to: replies[-1] if reply.is_positive else reply for to, reply in own.items()}
    verdicts |= own
    positive = [reply for reply in own.values() if reply.is_positive]
    if positive:
        return positive[-1] if conn.is_lmtp else replies[-1]
    if of_each:
        raise SMTPRecipientsRefused(_refused(verdicts), "message")
    raise SMTPReplyError(replies[-1], "message")


def _is_of_one_recipient(reply: Reply) -> bool:
    return isinstance(reply.command, MessageBody) and reply.command.forward_path is not None

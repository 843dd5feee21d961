"""What a server that takes mail from everywhere owes everybody, whatever its handler says (RFC 5321).

Submission is the other profile and needs no class: `require_tls` and `require_auth` of the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import GeneratorType
from typing import final

from mailproto.address import Mailbox
from mailproto.flow import Call, Flow
from mailproto.smtp.commands import Mail, Rcpt
from mailproto.smtp.handler import Answer, SMTPHandler, SMTPSession, overridden
from mailproto.smtp.reply import Reply

__all__ = ["Receiver"]


@final
class Receiver(SMTPHandler):
    """A handler around *handler* for the server that an MX record names.

    Two permanent refusals of it become acceptance: that of the null reverse-path in MAIL, which all
    notifications have (RFC 5321 sections 3.6.3 and 4.5.5), and that of the postmaster in RCPT, without a
    domain or at one of *domains* or the name of the server, in any case of letters (section 4.5.1). A 4yz
    stands: a server may be busy. The handler is asked all the same, and gets the messages like all others,
    so it has to know what to do with what is for `Postmaster`.
    """

    def __init__(self, handler: SMTPHandler, domains: Iterable[str] = ()) -> None:
        self._mail: Callable[..., object] = handler.mail
        self._rcpt: Callable[..., object] = handler.rcpt
        self._domains = frozenset(domain.lower() for domain in domains)
        for name, method in overridden(handler).items():
            if name not in ("mail", "rcpt"):
                # What the handler does not override stays as it is, and costs nothing.
                setattr(self, name, method)

    def mail(self, session: SMTPSession, mail: Mail) -> Answer:
        """Accept the null reverse-path."""
        return _answer(self._mail, session, mail, mail.reverse_path.is_null)

    def rcpt(self, session: SMTPSession, rcpt: Rcpt) -> Answer:
        """Accept the postmaster."""
        return _answer(self._rcpt, session, rcpt, self._is_postmaster(session, rcpt.forward_path.mailbox))

    def _is_postmaster(self, session: SMTPSession, mailbox: Mailbox | None) -> bool:
        if mailbox is None or mailbox.local_part.lower() != "postmaster":
            return False
        domain = mailbox.domain.lower()
        return not domain or domain in self._domains or domain == session.hostname.lower()


def _answer(
    method: Callable[..., object], session: SMTPSession, command: Mail | Rcpt, is_owed: bool
) -> Flow[Reply | None]:
    answer = yield Call(method, (session, command))
    if isinstance(answer, GeneratorType):
        answer = yield from answer
    is_refused = isinstance(answer, Reply) and answer.is_permanent
    return None if is_owed and is_refused else answer

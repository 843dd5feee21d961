from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import Etrn, EtrnAnswer, EtrnOutcome, Reply

CASES = [
    (EtrnAnswer(EtrnOutcome.STARTED), b"250 2.0.0 OK, queuing for node x.example started\r\n"),
    (EtrnAnswer(EtrnOutcome.NOTHING_PENDING), b"251 2.0.0 OK, no messages waiting for node x.example\r\n"),
    (
        EtrnAnswer(EtrnOutcome.PENDING_STARTED),
        b"252 2.0.0 OK, pending messages for node x.example started\r\n",
    ),
    (
        EtrnAnswer(EtrnOutcome.COUNTED_STARTED, 14),
        b"253 2.0.0 OK, 14 pending messages for node x.example started\r\n",
    ),
    (EtrnAnswer(EtrnOutcome.UNABLE), b"458 4.3.0 Unable to queue messages for node x.example\r\n"),
    (
        EtrnAnswer(EtrnOutcome.NOT_ALLOWED, reason="unable: {node}"),
        b"459 4.7.0 Node x.example not allowed: unable: {node}\r\n",
    ),
    (EtrnAnswer(EtrnOutcome.NOT_ALLOWED), b"459 4.7.0 Node x.example not allowed:\r\n"),
]


@pytest.mark.parametrize("answer, line", CASES, ids=lambda case: str(case) if isinstance(case, bytes) else "")
def test_both_ways(answer: EtrnAnswer, line: bytes) -> None:
    reply = answer.reply(Etrn("x.example"))
    assert reply.serialize() == line
    assert EtrnAnswer.of(reply) == answer


def test_options_are_part_of_the_node() -> None:
    reply = EtrnAnswer(EtrnOutcome.STARTED).reply(Etrn("{0}", "#"))
    assert reply.text == "OK, queuing for node #{0} started"


@pytest.mark.parametrize("code", [500, 501, 502, 550, 254])
def test_other_codes_mean_nothing_here(code: int) -> None:
    assert EtrnAnswer.of(Reply(code, ("14 pending",))) is None


@pytest.mark.parametrize("text", ["OK", "OK, many pending messages", "OK, 99999999999 pending messages"])
def test_a_253_without_a_number(text: str) -> None:
    assert EtrnAnswer.of(Reply(253, (text,))) == EtrnAnswer(EtrnOutcome.PENDING_STARTED)


def test_what_cannot_be_built() -> None:
    for outcome, pending in (
        (EtrnOutcome.STARTED, 1),
        (EtrnOutcome.COUNTED_STARTED, None),
        (EtrnOutcome.COUNTED_STARTED, -1),
    ):
        with pytest.raises(LocalProtocolError):
            EtrnAnswer(outcome, pending)
    with pytest.raises(LocalProtocolError):
        EtrnAnswer(EtrnOutcome.NOT_ALLOWED, reason="a\r\n250 b").reply(Etrn("x.example"))

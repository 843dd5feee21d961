from __future__ import annotations

from mailproto.smtp import CONNEG, CONPERM, Parameter, Parameters, Reply, capability_lines, capability_of
from support_smtp import check_refused_value


def test_they_have_no_value() -> None:
    rows: list[Parameter[bool]] = [CONPERM, CONNEG]
    for row in rows:
        assert row.pair(True) == (row.keyword, None)
        assert Parameters([row.pair(True)]).value(row) is True
        check_refused_value(row, "x")
    assert Parameters().value(CONPERM) is None


def test_what_a_recipient_can_show() -> None:
    capability = "(&(image-file-structure=TIFF-minimal)\n(MRC-mode=0))"
    lines = ("recipient ok", *capability_lines(capability))
    reply = Reply(250, lines)
    assert reply.serialize() == (
        b"250-recipient ok\r\n"
        b"250-CONNEG (&(image-file-structure=TIFF-minimal)\r\n"
        b"250 CONNEG (MRC-mode=0))\r\n"
    )
    assert capability_of(reply.lines) == capability
    assert capability_of(["recipient ok"]) is None

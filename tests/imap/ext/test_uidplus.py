from __future__ import annotations

from collections.abc import Callable

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.imap.codes import ResponseCode, UnknownCode, parse_resp_text_code, write_resp_text_code
from mailproto.imap.commands import parse_command
from mailproto.imap.cursor import ParseError
from mailproto.imap.ext.uidplus import AppendUIDCode, CopyUIDCode, UIDExpunge
from mailproto.imap.sequence import SequenceSet, UIDSet
from support_imap_wire import command_octets, cursor_at, frame, parse_octets, written


def test_uid_expunge_in_both_directions() -> None:
    assert parse_octets(b"a uid expunge 3000:3002,*\r\n") == UIDExpunge(UIDSet("3000:3002,*"))
    assert command_octets(UIDExpunge(UIDSet("3000:3002"))) == b"a UID EXPUNGE 3000:3002\r\n"


@pytest.mark.parametrize("wire", [b"UID EXPUNGE", b"UID EXPUNGE 0", b"UID EXPUNGE 1 2", b"EXPUNGE 1"])
def test_what_is_no_command(wire: bytes) -> None:
    with pytest.raises(ParseError):
        parse_command(frame(b"a " + wire + b"\r\n"))


CASES: list[tuple[bytes, ResponseCode]] = [
    (b"APPENDUID 38505 3955", AppendUIDCode(38505, UIDSet("3955"))),
    (b"APPENDUID 38505 3955:3957,4000", AppendUIDCode(38505, UIDSet("3955:3957,4000"))),
    (b"COPYUID 38505 304,319:320 3956:3958", CopyUIDCode(38505, UIDSet("304,319:320"), UIDSet("3956:3958"))),
    (b"COPYUID 1 4:2 7:9", CopyUIDCode(1, UIDSet("4:2"), UIDSet("7:9"))),
]


@pytest.mark.parametrize(("wire", "code"), CASES)
def test_codes_in_both_directions(wire: bytes, code: ResponseCode) -> None:
    assert parse_resp_text_code(cursor_at(wire + b"]", strict=True)) == code
    assert written(lambda writer: write_resp_text_code(writer, code)) == wire


@pytest.mark.parametrize(
    "wire",
    [
        b"APPENDUID 0 1",
        b"APPENDUID 1 *",
        b"APPENDUID 1",
        b"COPYUID 1 2",
        b"COPYUID 1 2 3:4",
        b"COPYUID 1 1:* 2",
    ],
)
def test_other_arguments_are_kept_with_a_defect(wire: bytes) -> None:
    cursor = cursor_at(wire + b"]")
    name, _, text = wire.partition(b" ")
    assert parse_resp_text_code(cursor) == UnknownCode.of_parsed(name.decode(), text)
    assert len(cursor.defects) == 1


ATTACKS: list[Callable[[], object]] = [
    lambda: UIDExpunge(UIDSet()),
    lambda: UIDExpunge(SequenceSet("1")),  # type: ignore[arg-type]  # the mistake
    lambda: UIDExpunge("1"),  # type: ignore[arg-type]  # the mistake
    lambda: AppendUIDCode(0, UIDSet("1")),
    lambda: AppendUIDCode(1, UIDSet("*")),
    lambda: AppendUIDCode(1, UIDSet()),
    lambda: CopyUIDCode(1, UIDSet("1"), UIDSet("1:2")),
    lambda: CopyUIDCode(1, UIDSet("1:*"), UIDSet("1:*")),
    lambda: CopyUIDCode(2**32, UIDSet("1"), UIDSet("1")),
]


@pytest.mark.parametrize("build", ATTACKS)
def test_attacks(build: Callable[[], object]) -> None:
    with pytest.raises(LocalProtocolError):
        build()

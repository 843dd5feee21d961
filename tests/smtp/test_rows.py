from __future__ import annotations

import pytest

from mailproto.errors import LocalProtocolError
from mailproto.smtp import Extension, Parameter, Parameters
from mailproto.smtp.rows import flag

ANSWER = Parameter("X-ANSWER", ("XTHING",), str.isdigit, int, str)
SET = flag("X-SET", "XTHING")


def test_a_row_of_your_own() -> None:
    parameters = Parameters([ANSWER.pair(42), SET.pair(True)])
    assert parameters.serialize() == b" X-ANSWER=42 X-SET"
    assert (parameters.value(ANSWER), parameters.value(SET)) == (42, True)
    assert (Parameters().value(ANSWER), Parameters().value(SET)) == (None, None)


def test_what_it_cannot_read() -> None:
    with pytest.raises(LocalProtocolError, match="X-ANSWER: expected a value of it, got 'x'"):
        Parameters.parse(b" X-ANSWER=x").value(ANSWER)
    with pytest.raises(LocalProtocolError, match="X-SET: expected a value of it, got 'x'"):
        Parameters.parse(b" X-SET=x").value(SET)
    with pytest.raises(LocalProtocolError):
        Parameters.parse(b" X-ANSWER").value(ANSWER)


def test_what_it_cannot_write() -> None:
    with pytest.raises(LocalProtocolError, match="X-ANSWER: expected a value of it, got -1"):
        ANSWER.pair(-1)
    with pytest.raises(LocalProtocolError):
        SET.pair(False)


def test_rows_show_their_keyword() -> None:
    assert (repr(ANSWER), repr(Extension("X-THING"))) == ("<Parameter X-ANSWER>", "<Extension X-THING>")

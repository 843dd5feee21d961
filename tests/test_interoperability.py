"""The table of `docs/topics/interoperability.rst`, against the rows that the tests prove."""

from __future__ import annotations

from pathlib import Path

from support_imap_rows import AFTER_LOGIN, BEFORE_LOGIN, NO_COMMAND, proofs_table

PAGE = Path(__file__).parents[1] / "docs/topics/interoperability.rst"


def test_the_page_has_what_is_proved() -> None:
    assert proofs_table() in PAGE.read_text()


def test_a_name_that_only_informs_has_no_row() -> None:
    assert not NO_COMMAND.keys() & {*AFTER_LOGIN, *BEFORE_LOGIN}
    text = PAGE.read_text()
    assert [name for name in NO_COMMAND if f"``{name}``" not in text] == []

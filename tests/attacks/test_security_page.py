"""The table of attacks in the documentation names tests that are there, and all that are about IMAP."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "topics" / "security.rst"
NAMED = re.findall(r"(test_\w+\.py)(?:::(\w+))?", PAGE.read_text("utf-8"))


def test_each_named_test_exists() -> None:
    assert NAMED
    for name, test in NAMED:
        assert f"def {test or 'test_'}" in (HERE / name).read_text("utf-8"), (name, test)


def test_each_file_of_attacks_on_imap_is_named() -> None:
    assert {path.name for path in HERE.glob("test_imap_*.py")} == {name for name, _ in NAMED}

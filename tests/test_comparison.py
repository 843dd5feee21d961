"""The comparison says what trying gives, for mailproto and for the peers that the tests have."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from bench.compare import NOT_COMPARED, TABLES, Table

from mailproto import smtp
from support_peers import run_of

CLIENTS, SERVERS, IMAP = TABLES
PAGE = Path(__file__).parents[1] / "docs" / "topics" / "comparison.rst"


def shown(table: Table) -> dict[str, list[str]]:
    """Return the columns of the page, by the first word of their titles."""
    with table.path.open(newline="") as file:
        columns = zip(*csv.reader(file), strict=True)
        return {title.split()[0]: cells for title, *cells in columns}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.file)
class TestThePage:
    def test_it_includes_the_table(self, table: Table) -> None:
        assert f".. csv-table::\n   :file: {table.file}\n" in PAGE.read_text()

    def test_the_table_has_the_columns_and_rows_of_the_script(self, table: Table) -> None:
        columns = shown(table)
        assert list(columns) == ["Feature", *table.subjects, "How"]
        assert columns["Feature"] == [row.feature for row in table.rows]
        assert columns["How"] == [row.how for row in table.rows]

    def test_it_says_nothing_of_how_peers_take_hostile_input(self, table: Table) -> None:
        columns = shown(table)
        for name in table.subjects.keys() - {"mailproto"}:
            cells = zip(table.rows, columns[name], strict=True)
            assert {row.peers for row, cell in cells if cell == NOT_COMPARED} <= {False}
            assert columns[name].count(NOT_COMPARED) == sum(not row.peers for row in table.rows)


@pytest.mark.parametrize("table", [CLIENTS, SERVERS], ids=lambda table: table.file)
def test_every_extension_and_parameter_of_smtp_has_a_row(table: Table) -> None:
    """But BODY, which is tried as 8BITMIME and BINARYMIME."""
    words = set(re.findall(r"[A-Z0-9][A-Z0-9-]+", " ".join(shown(table)["Feature"])))
    offered = {value.keyword for value in vars(smtp).values() if isinstance(value, smtp.Extension)}
    keywords = offered | {row.keyword for row in smtp.EXTENSIONS} | set(smtp.PARAMETERS)
    assert len(keywords) > 30
    assert keywords - words == {"BODY"}


@pytest.mark.parametrize(
    "table, name",
    [
        *[(CLIENTS, "mailproto"), (CLIENTS, "smtplib"), (SERVERS, "mailproto"), (SERVERS, "aiosmtpd")],
        *[(IMAP, "mailproto"), (IMAP, "imaplib")],
    ],
    ids=["our client", "smtplib", "our server", "aiosmtpd", "our client of IMAP", "imaplib"],
)
def test_the_page_says_what_trying_gives(table: Table, name: str) -> None:
    features = shown(table)["Feature"]
    with run_of(name):
        tried = dict(zip(features, table.column(name), strict=True))
    assert tried == dict(zip(features, shown(table)[name], strict=True))
    assert len(tried) == len(table.rows)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.file)
def test_the_probe_of_each_peer_works(table: Table) -> None:
    """The first row is what everybody can do: a peer that fails it was asked in the wrong way."""
    assert {shown(table)[name][0] for name in table.subjects} == {"yes"}

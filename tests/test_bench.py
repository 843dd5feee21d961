"""What is measured does what it says: each client reads what it is to read, and nothing is left behind."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import imap_client
from bench._imap_clients import IMAP_CLIENTS
from bench._processes import client
from bench._reading import read_fetch_data, read_imapclient
from bench._table import compare, memory_row, print_rows
from bench.fetch_corpus import responses, responses_of, size_of
from bench.messages import varied_messages
from bench.parse_fetch import seconds_of
from bench.pipelining import lock_step_seconds, pipelined_seconds
from imapclient.response_parser import parse_fetch_response

from mailproto.imap.fetch_data import FetchData
from mailproto.imap.responses import parse_response
from mailproto.testing import IMAPTestServer
from support_interop import program

MESSAGES = 25


@pytest.fixture(scope="module")
def server() -> Iterator[IMAPTestServer]:
    with IMAPTestServer(user="bench", password="pass") as server:
        for octets in varied_messages(MESSAGES):
            server.append(octets)
        yield server


class TestClients:
    @pytest.mark.parametrize("name", IMAP_CLIENTS)
    def test_it_finds_what_is_there(self, server: IMAPTestServer, name: str) -> None:
        printed = client(name, server.port, "bench", "pass", str(MESSAGES))
        assert printed["seconds"] > 0 <= printed["growth"]

    def test_it_does_not_take_less_for_it(self, server: IMAPTestServer) -> None:
        with pytest.raises(subprocess.CalledProcessError):
            client("mailproto-fetch", server.port, "bench", "pass", str(MESSAGES + 1))


class TestReading:
    def test_both_read_the_addresses_of_the_same_envelope(self) -> None:
        message = next(each for each in responses(50) if b"RFC822 " not in each.text and not each.literals)
        ours = parse_response(message)
        assert isinstance(ours, FetchData)
        (theirs,) = parse_fetch_response([message.text[2:].replace(b" FETCH", b"", 1)]).values()
        count = message.text.partition(b"BODYSTRUCTURE")[0].count(b' NIL "user')
        assert read_fetch_data(ours) == read_imapclient(theirs) == count > 0

    @pytest.mark.parametrize("name", ["mailproto", "imapclient"])
    def test_it_is_timed(self, name: str) -> None:
        assert 0 < seconds_of(name, 1_050, 20) < 20

    def test_responses_have_the_size_that_is_asked_for(self) -> None:
        sizes = [size_of(message) for message in responses_of(1_050, 40)]
        assert len(sizes) == 40
        assert 997 < min(sizes) <= max(sizes) < 1_103


class TestPipelining:
    def test_the_link_takes_its_time_either_way(self) -> None:
        assert lock_step_seconds(5, 0.01) >= 5 * 2 * 0.01

    def test_pipelined_commands_wait_once(self) -> None:
        assert 2 * 0.01 <= pipelined_seconds(40, 0.01) < 40 * 2 * 0.01


class TestTable:
    def test_a_ratio_below_the_floor_is_not_met(self, capsys: pytest.CaptureFixture[str]) -> None:
        rows = [
            compare("a", lambda: 1.0, "peer", lambda: 4.9, floor=5.0, units=10),
            compare("b", lambda: 1.0, "peer", lambda: 5.0, floor=5.0, units=10),
            memory_row("c", 2048, 2048),
        ]
        print_rows(rows)
        assert [row.is_met for row in rows] == [False, True, False]
        assert [line.endswith("NOT MET") for line in capsys.readouterr().out.splitlines()] == [
            *(False, True, False, True)
        ]


@pytest.mark.interop
def test_nothing_is_left_of_the_rows_of_dovecot(monkeypatch: pytest.MonkeyPatch) -> None:
    program("dovecot")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        rows = list(imap_client.against_dovecot(messages=40, bodies=20, large=imap_client.MIB, rounds=1))
        assert [row.what.removeprefix("IMAP client, ") for row in rows] == [
            "FETCH of the usual items of 40 messages",
            "FLAGS of 40 messages",
            "50 times SEARCH ALL of 40 messages",
            "20 bodies",
            "40 messages and not a tenth",
            "a body of 1 MiB",
            "a body of 1 MiB streamed",
        ]
        assert [row.is_met for row in rows if "x" not in row.result] == [True, True]
        assert list(Path(folder).iterdir()) == []
        assert not [path for path in Path("/proc").glob("[0-9]*") if folder in command_of(path)]


def command_of(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""

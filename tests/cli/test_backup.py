"""`mailproto imap --backup`: what is in the folder, that it goes on, and that no name leads out of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.cache import MailboxCache
from mailproto.cli import main
from mailproto.cli._backup import MAX_NAME, file_name
from mailproto.cli._exit import Exit
from mailproto.cli._output import printable, showing_progress
from mailproto.imap.sequence import UIDSet
from mailproto.store import MemoryStore, StoreError
from mailproto.sync import serve_imap

NOW = datetime(2024, 2, 29, 12, 0, 0, tzinfo=UTC)
USER, PASSWORD = "user", "secret"


class Store(MemoryStore):
    """A store that counts the messages that are read, and holds the reader of one of them."""

    def __init__(self) -> None:
        super().__init__(uid_validity=7)
        self.opened: list[int] = []
        self.held: int | None = None
        self.is_held, self.may_go_on = threading.Event(), threading.Event()
        self.broken: set[int] = set()
        self.going: set[int] = set()

    def open(self, mailbox: str, uid: int) -> Any:
        self.opened.append(uid)
        if uid == self.held:
            self.is_held.set()
            assert self.may_go_on.wait(60)
        if uid in self.going:
            self.expunge(mailbox, UIDSet.of((uid,)))
        if uid in self.broken:
            raise StoreError("UNAVAILABLE", "not this one")
        return super().open(mailbox, uid)

    def put(self, octets: bytes, mailbox: str = "INBOX") -> int:
        return self.append(mailbox, BytesIO(octets), frozenset(), NOW)


@contextmanager
def serving(store: MemoryStore) -> Iterator[str]:
    """Yield the URL of a server of *store*."""
    users = {USER: PASSWORD}
    with serve_imap(store, "127.0.0.1", authenticator=users, allow_cleartext=True) as server:
        yield f"imap://{USER}:{PASSWORD}@127.0.0.1:{server.addresses[0][1]}"


OPTIONS = ["--tls", "none", "--allow-cleartext-login"]


def back_up(url: str, folder: Path, *options: str) -> int:
    return main(["imap", "--backup", url, str(folder), *OPTIONS, *options])


def files(folder: Path) -> dict[str, bytes]:
    """Return all files but those of the cache."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("mailproto.sqlite")
    }


MESSAGES = {1: b"Subject: one\r\n\r\nx\r\n", 2: b"no header\nbare \r and \x80\xff", 3: b"", 4: b"y" * 200_000}


def test_messages_are_files_and_the_next_time_only_what_is_new_is_fetched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, folder = Store(), tmp_path / "deep" / "backup"
    for octets in MESSAGES.values():
        store.put(octets)
    store.create("Lists/python")
    store.put(b"z", "Lists/python")
    with serving(store) as url:
        assert back_up(url, folder) == Exit.DONE
        assert capsys.readouterr().out == "INBOX\t4\t0\t0\nLists/python\t1\t0\t0\n"
        saved = {f"INBOX/7-{uid}.eml": octets for uid, octets in MESSAGES.items()}
        assert files(folder) == {**saved, "Lists%2Fpython/8-1.eml": b"z"}

        store.opened.clear()
        store.expunge("INBOX", UIDSet("2"))
        store.set_flags("INBOX", 1, frozenset({"\\Seen"}), frozenset(), None)
        store.put(b"new")
        assert back_up(f"{url}/INBOX", folder) == Exit.DONE
        assert capsys.readouterr().out == "INBOX\t1\t1\t1\n"
        assert set(store.opened) == {5}
        assert files(folder)["INBOX/7-5.eml"] == b"new"
        assert files(folder)["INBOX/7-2.eml"] == MESSAGES[2]

        assert back_up(url, folder) == Exit.DONE
        assert capsys.readouterr().out == "INBOX\t0\t0\t0\nLists/python\t0\t0\t0\n"
    with MailboxCache(folder / "mailproto.sqlite") as cache:
        kept = {each.uid: (each.flags, each.internal_date, each.size) for each in cache.messages("INBOX")}
    assert kept[1] == (frozenset({"\\Seen"}), NOW, len(MESSAGES[1]))
    assert list(kept) == [1, 3, 4, 5]


def test_what_is_gone_goes_here_too_if_asked_for(tmp_path: Path) -> None:
    store = Store()
    for octets in MESSAGES.values():
        store.put(octets)
    with serving(store) as url:
        assert back_up(url, tmp_path) == Exit.DONE
        store.expunge("INBOX", UIDSet("2:3"))
        assert back_up(url, tmp_path, "--prune") == Exit.DONE
        assert list(files(tmp_path)) == ["INBOX/7-1.eml", "INBOX/7-4.eml"]
    again = Store()
    again.delete("INBOX")
    again.create("INBOX")
    again.put(b"another one")
    with serving(again) as url:
        assert back_up(url, tmp_path, "--prune") == Exit.DONE
    assert files(tmp_path) == {"INBOX/8-1.eml": b"another one"}


def test_a_new_uid_validity_does_not_touch_what_was_saved(tmp_path: Path) -> None:
    store, again = Store(), Store()
    store.put(b"first")
    again.delete("INBOX")
    again.create("INBOX")
    again.put(b"second")
    for each in (store, again):
        with serving(each) as url:
            assert back_up(url, tmp_path) == Exit.DONE
    assert files(tmp_path) == {"INBOX/7-1.eml": b"first", "INBOX/8-1.eml": b"second"}


@pytest.mark.parametrize("killed_at", [1, 60, 75])
def test_a_backup_that_is_killed_goes_on_where_it_was(tmp_path: Path, killed_at: int) -> None:
    store = Store()
    contents = {uid: b"message %d\r\n" % uid for uid in range(1, 76)}
    for octets in contents.values():
        store.put(octets)
    store.held = killed_at
    with serving(store) as url:
        command = [sys.executable, "-m", "mailproto", "imap", "--backup", url, str(tmp_path), *OPTIONS]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            assert store.is_held.wait(60)
            process.kill()
            process.wait(60)
        store.may_go_on.set()
        before = files(tmp_path)
        whole = {name: octets for name, octets in before.items() if name.endswith(".eml")}
        assert whole == {f"INBOX/7-{uid}.eml": contents[uid] for uid in range(1, killed_at)}
    # The server has ended, and with it what it still read for the process that was killed.
    store.opened.clear()
    with serving(store) as url:
        assert back_up(url, tmp_path) == Exit.DONE
    assert files(tmp_path) == {f"INBOX/7-{uid}.eml": octets for uid, octets in contents.items()}
    assert sorted(set(store.opened)) == list(range(killed_at, 76))
    with MailboxCache(tmp_path / "mailproto.sqlite") as cache:
        assert [each.uid for each in cache.messages("INBOX")] == list(contents)


def test_a_message_that_cannot_be_fetched_is_told_and_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store()
    for octets in MESSAGES.values():
        store.put(octets)
    store.broken = {2}
    with serving(store) as url:
        assert back_up(url, tmp_path) == Exit.REFUSED
        printed = capsys.readouterr()
        assert printed.out == "INBOX\t3\t0\t0\n"
        assert printed.err.startswith("mailproto: INBOX: UID 2: ")
        assert list(files(tmp_path)) == ["INBOX/7-1.eml", "INBOX/7-3.eml", "INBOX/7-4.eml"]
        store.broken.clear()
        store.opened.clear()
        assert back_up(url, tmp_path) == Exit.DONE
        assert capsys.readouterr().out == "INBOX\t1\t0\t0\n"
        assert set(store.opened) == {2}
    assert files(tmp_path) == {f"INBOX/7-{uid}.eml": octets for uid, octets in MESSAGES.items()}


def test_a_message_that_goes_while_it_is_fetched_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store()
    for octets in MESSAGES.values():
        store.put(octets)
    store.going = {2}
    (tmp_path / "INBOX").mkdir()
    (tmp_path / "INBOX" / "7-3.part").write_bytes(b"half of a mess")
    with serving(store) as url:
        assert back_up(url, tmp_path) == Exit.DONE
        assert back_up(url, tmp_path) == Exit.DONE
    assert capsys.readouterr().out == "INBOX\t3\t0\t0\nINBOX\t0\t0\t1\n"
    assert files(tmp_path) == {f"INBOX/7-{uid}.eml": MESSAGES[uid] for uid in (1, 3, 4)}


def test_a_mailbox_that_is_refused_does_not_end_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(Store()) as url:
        assert back_up(f"{url}/No%0dsuch", tmp_path) == Exit.REFUSED
    printed = capsys.readouterr()
    assert printed.out == "No\\x0dsuch\t0\t0\t0\n"
    assert printed.err.startswith("mailproto: No\\x0dsuch: ")


HOSTILE = [
    "../x",
    "..",
    ".",
    "/etc/passwd",
    "a/../../b",
    "a\\..\\b",
    ".hidden",
    "C:x",
    "a\x1b[31m",
    "%2E%2E",
    "",
]


def test_hostile_names_of_mailboxes_do_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    store = MemoryStore()
    for number, name in enumerate(HOSTILE):
        if name:
            store.create(name)
            store.append(name, BytesIO(b"%d" % number), frozenset(), NOW)
    with serving(store) as url:
        assert back_up(url, folder) == Exit.DONE
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]
    saved = files(folder)
    assert sorted(saved.values()) == sorted(b"%d" % number for number, name in enumerate(HOSTILE) if name)
    assert all(path.count("/") == 1 for path in saved)


@given(st.lists(st.text(st.characters()), unique=True, max_size=5))
def test_every_mailbox_has_a_safe_name_of_its_own(mailboxes: list[str]) -> None:
    names = [file_name(mailbox) for mailbox in [*mailboxes, *HOSTILE]]
    assert len(set(names)) == len({*mailboxes, *HOSTILE})
    for name in names:
        assert name.isascii()
        assert name.isprintable()
        assert 0 < len(name) <= MAX_NAME
        assert not set(name) & set('/\\:*?"<>| ')
        assert not name.startswith(".")


NAMES = [
    ("INBOX", "INBOX"),
    ("Sent mail", "Sent%20mail"),
    ("Entw\xfcrfe", "Entw%C3%BCrfe"),
    ("a.b", "a.b"),
    ("..", "%2E."),
    ("", "%-"),
    ("x" * 200, "x" * 200),
    ("x" * 201, "x" * 150 + "%-12bf1cc881648017342067435dc826c6"),
]


@pytest.mark.parametrize(("mailbox", "name"), NAMES)
def test_names(mailbox: str, name: str) -> None:
    assert file_name(mailbox) == name


def test_a_folder_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mailproto.sqlite").write_text("something else" * 100)
    with serving(Store()) as url:
        assert back_up(url, tmp_path) == Exit.REFUSED
    assert capsys.readouterr().err == f"mailproto: {tmp_path}: file is not a database\n"
    with MailboxCache(tmp_path / "other") as cache:
        cache.close()


WRONG_CALLS = [
    (
        ["--backup", "imap://u@h", "DIR", "imap://u@h", "mailboxes"],
        "expected --backup URL DIR, or URL",
    ),
    (["--prune", "imap://u@h", "mailboxes"], "expected --prune only beside --backup"),
    (["--backup", "http://u@h", "DIR"], "expected a URL like imap://host"),
]


@pytest.mark.parametrize(("arguments", "complaint"), WRONG_CALLS)
def test_a_wrong_call_is_told_in_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["imap", *arguments]) == Exit.USAGE
    printed = capsys.readouterr().err
    assert printed.startswith(f"mailproto: {complaint}")
    assert printed.count("\n") == 1


def test_what_no_terminal_has_is_printed_as_escapes() -> None:
    assert printable("a\x1b[31m\r\n\x9b\udcff\xf6") == "a\\x1b[31m\\x0d\\x0a\\x9b\\udcff\xf6"


def test_progress_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with showing_progress("[bold]INBOX") as show:
        show(3, 12)
    assert os.environ["FORCE_COLOR"]
    shown = capsys.readouterr().err
    assert "[bold]INBOX" in shown
    assert "3/12" in shown

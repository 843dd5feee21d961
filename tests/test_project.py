"""The project itself: what it depends on, what it ships, what `make` says when it cannot go on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import mailproto

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

FAKE_PYTHON = """#!/bin/sh
case "$2" in
*version_info*) exit {version} ;;
*ensurepip*) exit {venv} ;;
esac
exit 1
"""


def test_run_time_dependencies_are_typing_extensions_and_idna() -> None:
    names = {re.split(r"[<>=!~]", requirement)[0] for requirement in PROJECT["dependencies"]}
    assert names == {"typing-extensions", "idna"}
    assert PROJECT["requires-python"] == ">=3.11"
    assert PROJECT["license"] == "MIT"


def test_the_extras_are_there() -> None:
    extras = PROJECT["optional-dependencies"]
    assert {"cli", "testing", "test", "docs", "bench"} <= set(extras)
    assert {requirement.partition(">")[0] for requirement in extras["cli"]} == {"trustme", "rich"}


def test_types_are_shipped() -> None:
    assert (Path(mailproto.__file__).parent / "py.typed").is_file()


@pytest.mark.parametrize(
    "name", ["LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", ".editorconfig"]
)
def test_a_document_is_there_and_says_something(name: str) -> None:
    assert len((ROOT / name).read_text()) > 200


def test_the_changelog_begins_with_the_compatibility_policy() -> None:
    sections = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == "What you can rely on"
    assert sections[1].startswith(re.sub(r"\.dev\d+$", "", mailproto.__version__))


def test_contributing_names_the_packages_that_ci_installs() -> None:
    script = (ROOT / ".ci" / "install_programs").read_text()
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text().split())
    for name in ("packages", "unpacked"):
        [packages] = re.findall(rf"^{name}=\((.*)\)$", script, re.MULTILINE)
        assert f"`{packages}`" in text


@pytest.mark.parametrize(
    "version, venv, sentence",
    [
        (
            1,
            0,
            "mailproto needs Python 3.11 or newer as {python}; give another one: make PYTHON=python3.12 ...",
        ),
        (0, 1, "{python} lacks its venv module; on Debian and Ubuntu: apt-get install python3-venv"),
    ],
    ids=["old Python", "no venv"],
)
@pytest.mark.parametrize("target", ["demo", "test", "check", "bench", "docs"])
def test_make_says_in_one_sentence_what_is_missing(
    target: str, version: int, venv: int, sentence: str, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text(FAKE_PYTHON.format(version=version, venv=venv))
    python.chmod(0o755)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", f"PYTHON={python}", target],
        cwd=tmp_path,
        env={**environment, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert lines == [sentence.format(python=python)]

"""The floors of the library: who may import whom, and what the core never imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "mailproto"
FILES = sorted(SOURCE.rglob("*.py"))

FLOORS: list[tuple[int, tuple[str, ...]]] = [
    (7, ("cli", "testing", "pytest_plugin", "__main__")),
    (6, ("sync", "asyncio", "_smtp", "_tls", "_network", "_smtp", "_imap")),
    (5, ("store", "cache")),
    (
        4,
        (
            "flow",
            "smtp.client_flows",
            "smtp.session_flows",
            "smtp.server_flow",
            "smtp.handler",
            "smtp.sources",
            "imap.client_flows",
            "imap.server_flow",
            "imap.session",
            "imap.inbox",
            "imap.kept_literals",
            "imap.sharing",
        ),
    ),
    (
        3,
        tuple(f"smtp.{name}" for name in ("events", "state", "client", "server", "codec"))
        + tuple(
            f"imap.{name}"
            for name in (
                "events",
                "state",
                "client",
                "server",
                "view",
                "tracker",
                "codec",
                "pipelining",
                "refusals",
            )
        ),
    ),
    (2, ("smtp", "imap")),
    (1, ("address", "sasl", "mime", "proxy_protocol")),
    (0, ("errors", "limits", "wants", "_secret", "_buffer", "_ranges", "_der", "_connection")),
]
IO_MODULES = {
    *("socket", "ssl", "asyncio", "selectors", "select", "threading", "time", "logging", "random", "secrets"),
    "email",
}
SEPARATE = [("smtp", "imap"), ("sync", "asyncio")]
ENDS = [("client", "server")]


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(module: str) -> int:
    for floor, names in FLOORS:
        if any(module == name or module.startswith(name + ".") for name in names):
            return floor
    raise AssertionError(f"{module} has no floor: add it to the table")


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every imported module, those under TYPE_CHECKING and inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                if (
                    SOURCE / str(node.module).replace("mailproto", ".", 1).replace(".", "/") / alias.name
                ).exists():
                    yield f"{node.module}.{alias.name}", node.lineno


def own_imports(path: Path) -> Iterator[tuple[str, int]]:
    for name, line in imports_of(path):
        if name == "mailproto" or name.startswith("mailproto."):
            yield name.removeprefix("mailproto").removeprefix("."), line


IS_INIT = {module_name(path): path.name == "__init__.py" for path in FILES}
MODULES = [path for path in FILES if module_name(path) and path.name != "__init__.py"]


SHARED = {"flow": 4, "_tls": 6, "_network": 6, "_smtp": 6, "_imap": 6}
"""Modules beside packages that the packages of the same floor share."""


def may_import(module: str, target: str) -> bool:
    floor, below = floor_of(module), floor_of(target)
    same_package = target.partition(".")[0] == module.partition(".")[0]
    return below < floor or (below == floor and (same_package or target in SHARED or floor in (0, 7)))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_from_floors_below(path: Path) -> None:
    module = module_name(path)
    for target, line in own_imports(path):
        assert may_import(module, target) if target else floor_of(module) == 7, f"line {line}: {target}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_inside_no_module_imports_a_package_by_its_init(path: Path) -> None:
    module = module_name(path)
    if floor_of(module) < 7:
        for target, line in own_imports(path):
            assert not IS_INIT.get(target), f"{module}:{line} imports the package {target}"


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_what_must_stay_apart_does(path: Path) -> None:
    module = module_name(path)
    targets = [target for target, _ in own_imports(path)]
    for one, other in [*SEPARATE, *(pair[::-1] for pair in SEPARATE)]:
        if module.startswith(one + "."):
            assert not [target for target in targets if target.startswith(other + ".")]
    end = module.rpartition(".")[2].partition("_")[0]
    for one, other in [*ENDS, *(pair[::-1] for pair in ENDS)]:
        if end == one:
            assert not [target for target in targets if target.rpartition(".")[2].partition("_")[0] == other]


@pytest.mark.parametrize(
    "path", [path for path in MODULES if floor_of(module_name(path)) <= 4], ids=module_name
)
def test_the_core_imports_no_io(path: Path) -> None:
    used = {name.partition(".")[0] for name, _ in imports_of(path)}
    assert not used & IO_MODULES
    if module_name(path) != "address":
        assert "idna" not in used


LOADING = """
import sys
bare = set(sys.modules)
import dataclasses, enum, re, typing, typing_extensions
common = set(sys.modules)
import {}
print(*(set(sys.modules) - bare))
print(*(set(sys.modules) - common))
"""
LOADED: dict[str, set[str]] = {
    "mailproto.flow": set(),
    "mailproto.mime": {"binascii", "datetime", "math"},
    "mailproto.smtp": {
        *("base64", "binascii", "bisect", "datetime", "hashlib", "hmac", "idna", "json", "math"),
        *("stringprep", "struct", "unicodedata"),
    },
    "mailproto.imap": {
        *("array", "base64", "binascii", "bisect", "datetime", "hashlib", "hmac", "json", "math"),
        *("stringprep", "struct", "unicodedata", "zlib"),
    },
}
"""What the core loads besides what all modules need, on the Python that loads the most: nothing large."""


@pytest.mark.parametrize("module", LOADED)
def test_importing_the_core_loads_no_io_and_nothing_large(module: str) -> None:
    program = LOADING.format(module)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    everything, besides = (
        {name.partition(".")[0] for name in line.split()} for line in done.stdout.split("\n")[:2]
    )
    assert not everything & IO_MODULES
    assert {name for name in besides - {"mailproto"} if not name.startswith("_")} <= LOADED[module]


def test_run_time_dependencies_are_two() -> None:
    standard = sys.stdlib_module_names
    extras = {"cli": {"trustme", "rich"}, "testing": {"trustme"}, "pytest_plugin": {"pytest"}}
    for path in FILES:
        extra = extras.get(module_name(path).partition(".")[0], set())
        for name, line in imports_of(path):
            top = name.partition(".")[0]
            allowed = {"mailproto", "idna", "typing_extensions"} | extra
            assert top in standard or top in allowed, f"{path}:{line} imports {name}"

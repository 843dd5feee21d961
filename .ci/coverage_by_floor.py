"""Measure branch coverage of the core floors F0 to F4 by the unit tests, print it, and fail under 95 %.

Without the attacks, which `make test` runs: what only an attack reaches counts as not covered here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

MINIMUM = 95.0
FLOORS = {
    "F0": ("errors", "limits", "wants", "_secret", "_buffer", "_ranges", "_connection", "_der"),
    "F1": ("address", "sasl", "mime", "proxy_protocol"),
    "F2-F4 smtp": ("smtp",),
    "F2-F4 imap": ("imap",),
    "F4 flow": ("flow",),
    "F5 store": ("store",),
    "F6 adapters": ("sync", "asyncio", "_tls", "_network", "_smtp", "_imap"),
    "F7 testing": ("testing", "pytest_plugin"),
    "F7 cache": ("cache",),
    "F7 command line": ("cli", "__main__", "__init__"),
}
# Half of the time of all unit tests, and three times as much where each line is traced.
NOT_MEASURED = "tests/attacks"
CORE = ("F0", "F1", "F2-F4 smtp", "F2-F4 imap", "F4 flow")


def measure(folder: str) -> dict[str, dict[str, int]]:
    """Run the unit tests but the attacks, and return the summary of each file below src/mailproto."""
    data = f"{folder}/data"
    coverage = [sys.executable, "-m", "coverage"]
    tests = ["-m", "pytest", "-q", "-m", "not interop", f"--ignore={NOT_MEASURED}"]
    subprocess.run([*coverage, "run", f"--data-file={data}", *tests], check=True)
    subprocess.run(
        [*coverage, "json", f"--data-file={data}", "-q", "-o", f"{folder}/report.json"], check=True
    )
    files = json.loads(Path(folder, "report.json").read_text())["files"]
    return {name.partition("src/mailproto/")[2]: entry["summary"] for name, entry in files.items()}


def floor_of(name: str) -> str:
    """Return the floor of a file, by the first part of its path."""
    first = name.partition("/")[0].removesuffix(".py")
    found = [floor for floor, names in FLOORS.items() if first in names]
    if not found:
        raise SystemExit(f"{name}: stands on no floor of FLOORS")
    return found[0]


def main() -> int:
    """Print one line a floor and the worst files of the core; the result is the exit code."""
    for path in Path("src/mailproto").rglob("*.py"):
        floor_of(str(path.relative_to("src/mailproto")))  # before the tests run, not after
    with tempfile.TemporaryDirectory() as folder:
        files = measure(folder)
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, summary in files.items():
        for floor in (floor_of(name), "core" if floor_of(name) in CORE else "above the core"):
            totals[floor][0] += summary["covered_lines"] + summary["covered_branches"]
            totals[floor][1] += summary["num_statements"] + summary["num_branches"]
    for floor in (*FLOORS, "core", "above the core"):
        covered, possible = totals[floor]
        print(f"coverage by branch, {floor}: {100 * covered / max(possible, 1):.1f} %")
    for name, summary in sorted(files.items(), key=lambda item: item[1]["percent_covered"]):
        if floor_of(name) in CORE and summary["percent_covered"] < MINIMUM:
            print(f"  {summary['percent_covered']:.1f} % {name}")
    covered, possible = totals["core"]
    if 100 * covered < MINIMUM * possible:
        print(f"the core floors F0 to F4 must be at {MINIMUM:.0f} % or more")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Fail unless every public name of mailproto has a complete type, as a type checker of its users sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"


def main() -> int:
    """Run basedpyright --verifytypes and print what lacks a type; the result is the exit code."""
    command = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable]
    command += ["--verifytypes", "mailproto", "--ignoreexternal", "--outputjson"]
    with tempfile.TemporaryDirectory() as elsewhere:  # below the project it would read the project's settings
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
    report = json.loads(done.stdout)["typeCompleteness"]
    counts = report["exportedSymbolCounts"]
    incomplete = counts["withAmbiguousType"] + counts["withUnknownType"]
    for symbol in report["symbols"]:
        if symbol["isExported"] and not symbol["isTypeKnown"]:
            for diagnostic in symbol["diagnostics"]:
                print(f"{symbol['name']}: {diagnostic['message']}")
    print(f"public names: {counts['withKnownType']} with a complete type, {incomplete} without")
    return 1 if incomplete or not counts["withKnownType"] else 0


if __name__ == "__main__":
    sys.exit(main())

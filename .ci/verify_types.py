"""Fail unless every public name of mailproto has a complete type, as a type checker of its users sees it."""

from __future__ import annotations

import json
import subprocess
import sys


def main() -> int:
    """Run basedpyright --verifytypes and print what lacks a type; the result is the exit code."""
    command = [sys.executable, "-m", "basedpyright", "--verifytypes", "mailproto", "--ignoreexternal"]
    done = subprocess.run([*command, "--outputjson"], capture_output=True, text=True, check=False)
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

from __future__ import annotations

import subprocess
import sys

from mailproto import mime


def test_every_public_name_is_there() -> None:
    assert [name for name in mime.__all__ if not hasattr(mime, name)] == []
    assert len(set(mime.__all__)) == len(mime.__all__)


def test_the_import_pulls_in_no_io() -> None:
    program = (
        "import sys, mailproto.mime; "
        "print(*sorted({'email', 'socket', 'ssl', 'asyncio', 'logging', 'threading'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""

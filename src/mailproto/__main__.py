"""`python -m mailproto`."""

import sys

from mailproto.cli import main

if __name__ == "__main__":
    sys.exit(main())

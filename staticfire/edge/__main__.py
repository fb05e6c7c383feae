"""`python -m staticfire.edge CONFIG.json`: the edge as a process.

It logs to its standard error; whoever starts it in the background sends that to a file.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from staticfire.errors import StaticfireError

from .config import EdgeConfig
from .process import serve_until_signalled


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    if len(sys.argv) != 2:
        print("usage: python -m staticfire.edge CONFIG.json", file=sys.stderr)
        return 2
    try:
        serve_until_signalled(EdgeConfig.read(Path(sys.argv[1])))
    except StaticfireError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

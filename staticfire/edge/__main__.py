"""`python -m staticfire.edge CONFIG.json`: the edge as a process, compiled where the configuration says so.

It logs to its standard error; whoever starts it in the background sends that to a file.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from ..errors import StaticfireError
from . import compiled
from .config import EdgeConfig


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    if len(sys.argv) != 2:
        print("usage: python -m staticfire.edge CONFIG.json", file=sys.stderr)
        return 2
    try:
        config = EdgeConfig.read(Path(sys.argv[1]))
        if config.compiled:
            compiled.use(Path(config.compiled))
        from .process import serve_until_told  # what it imports is looked for among the compiled modules first

        serve_until_told(config)
    except StaticfireError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

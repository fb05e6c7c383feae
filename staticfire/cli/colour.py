"""Colours on a terminal that has them: none where the output is no terminal, or NO_COLOR or TERM=dumb say so."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

CODES: Mapping[str, str] = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


class Paint:
    """Text painted for one stream; control characters in it must be escaped before (`shown`)."""

    def __init__(self, stream: TextIO | None = None, environ: Mapping[str, str] = os.environ) -> None:
        stream = stream or sys.stdout
        self.terminal = stream.isatty() and environ.get("TERM", "") != "dumb"
        # https://no-color.org: any value but an empty one.
        self.coloured = self.terminal and not environ.get("NO_COLOR")

    def __call__(self, text: str, *styles: str) -> str:
        if not self.coloured or not styles or not text:
            return text
        return f"\x1b[{';'.join(CODES[style] for style in styles)}m{text}\x1b[0m"

    def link(self, text: str, address: str) -> str:
        """A link (OSC 8) where the terminal can: one that cannot shows the text alone."""
        if not self.coloured:
            return text
        return f"\x1b]8;;{address}\x1b\\{text}\x1b]8;;\x1b\\"

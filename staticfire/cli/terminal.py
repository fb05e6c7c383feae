"""What others wrote, on a terminal: mails, logs and errors may hold what would steer it."""

from __future__ import annotations

import re
import sys
from typing import TextIO

# The controls of ASCII and of Latin-1, but for tab and line feed; what changes the direction of text.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str, stream: TextIO | None = None) -> str:
    """As it is; where the stream (standard output) is a terminal, with its control characters escaped."""
    if not (stream or sys.stdout).isatty():
        return text
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)

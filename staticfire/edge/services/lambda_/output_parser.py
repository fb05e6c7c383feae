"""What a function writes, as log records: lines, and the runtime client's framed records, in their order."""

from __future__ import annotations

FRAME_MARK = b"\xa5\x5a\x00"
FRAME_HEAD = 16
FRAME_LIMIT = 16 * 1024 * 1024
LINE_LIMIT = 256 * 1024

# A record: when (milliseconds since the epoch, or None: now), and the text.
Record = tuple[int | None, str]


class OutputParser:
    """Bytes of the shared pipe into log records.

    A frame is `a55a00LL`, a length and a time in microseconds, then the message; it is one record however many lines it
    has. Anything else is text, a record a line, with its line feed as in CloudWatch Logs.
    """

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Record]:
        if self._rest:
            data = self._rest + data
        records: list[Record] = []
        position = 0
        while True:
            mark = data.find(FRAME_MARK, position)
            position = self._lines(data, position, len(data) if mark < 0 else mark, records)
            if mark < 0:
                break
            if position < mark:
                records.append((None, _text(data[position:mark])))
                position = mark
            if len(data) - mark < FRAME_HEAD:
                break
            size = int.from_bytes(data[mark + 4 : mark + 8], "big")
            if size > FRAME_LIMIT:
                position = self._lines(data, mark + len(FRAME_MARK), len(data), records)
                break
            end = mark + FRAME_HEAD + size
            if len(data) < end:
                break
            when = int.from_bytes(data[mark + 8 : mark + 16], "big") // 1000
            records.append((when, _text(data[mark + FRAME_HEAD : end])))
            position = end
        self._rest = data[position:]
        return records

    def end_line(self) -> list[Record]:
        """An unfinished line as it is; an unfinished frame stays."""
        if not self._rest or self._rest.startswith(FRAME_MARK):
            return []
        rest, self._rest = self._rest, b""
        return [(None, _text(rest))]

    @staticmethod
    def _lines(data: bytes, position: int, end: int, records: list[Record]) -> int:
        while position < end:
            newline = data.find(b"\n", position, end)
            if newline < 0:
                if end - position < LINE_LIMIT:
                    break
                newline = position + LINE_LIMIT
                records.append((None, _text(data[position:newline])))
                position = newline
                continue
            records.append((None, _text(data[position : newline + 1])))
            position = newline + 1
        return position


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")

"""Ids of requests in API Gateway's form, and the times that its logs and events show."""

from __future__ import annotations

import binascii
import random
import time

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def new_request_id() -> str:
    """API Gateway's form: 15 characters of base64 and a `=`."""
    random_bytes = random.getrandbits(88).to_bytes(11, "big")
    return binascii.b2a_base64(random_bytes, newline=False).translate(_URL_SAFE).decode("ascii")


class Clock:
    """`12/Mar/2020:19:03:58 +0000`, made once a second."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, now: float) -> str:
        second = int(now)
        if second != self._second:
            t = time.gmtime(second)
            self._second = second
            self._text = (
                f"{t.tm_mday:02d}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}"
                f":{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} +0000"
            )
        return self._text


clock = Clock()

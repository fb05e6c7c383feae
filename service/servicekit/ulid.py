"""ULIDs: 48 bits of milliseconds and 80 of chance in 26 characters that sort by time."""

import os
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PATTERN = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


def new_ulid() -> str:
    number = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))

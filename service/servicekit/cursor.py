"""Where a list goes on, as text that a client hands back: a key of the table, in base64url.

It is not signed. Whoever reads one must look only where the request may look anyway: take the partition from the
request, and of the cursor no more than the position in it.
"""

import base64
import json
from collections.abc import Collection, Mapping

from servicekit.validation import invalid, problem

LONGEST = 2000


def encode(key: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode(text: str, names: Collection[str], field: str = "cursor") -> dict[str, str]:
    """The key with exactly these names; Refused, naming the field, when it is none of ours."""
    try:
        key = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except (ValueError, RecursionError):
        key = None
    right = isinstance(key, dict) and key.keys() == set(names) and all(isinstance(value, str) for value in key.values())
    if not right or len(text) > LONGEST:
        raise invalid([problem(field, "must be the `next` of an answer, unchanged")])
    return dict(key)

"""What a request to the todos service must look like."""

import re
import uuid
from typing import Any

from servicekit import ulid
from servicekit.validation import Check, Field, boolean, digits, matching, text

BODY_LIMIT = 16 * 1024
EMAIL_LIMIT = 254
NAME_LIMIT = 128
TITLE_LIMIT = 256
PAGE_LIMIT = 100
PAGE = 20

ADDRESS = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@.\x00-\x1f\x7f]+(\.[^\s@.\x00-\x1f\x7f]+)+")
CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_email_text = text(3, EMAIL_LIMIT)


def email(value: Any) -> str | None:
    """Not the whole of RFC 5322: who can receive mail there is known only when somebody did."""
    if wrong := _email_text(value):
        return wrong
    return None if ADDRESS.fullmatch(value) else "must be an e-mail address, as ada@example.com"


def words(most: int) -> Check:
    """A text that shows something."""
    is_text = text(1, most)

    def check(value: Any) -> str | None:
        return is_text(value) or (None if value.strip() else "must not be blank")

    return check


USER = {"email": Field(email), "name": Field(words(NAME_LIMIT))}
NEW_TODO = {"title": Field(words(TITLE_LIMIT)), "done": Field(boolean, required=False)}
TODO = {"title": Field(words(TITLE_LIMIT)), "done": Field(boolean)}
PAGING = {
    "limit": Field(digits(1, PAGE_LIMIT), required=False),
    "cursor": Field(matching(ulid.PATTERN, "the `next` of an answer, unchanged"), required=False),
}


def user_id(value: str) -> uuid.UUID | None:
    """The user that a path names, if it can be one at all."""
    return uuid.UUID(value) if CANONICAL.fullmatch(value) else None

"""What a request to the todos service must look like."""

import re
import uuid
from typing import Annotated

from pydantic import AfterValidator, Field
from servicekit.requests import ULID, WITHOUT_NUL, Digits, Model, wrong

BODY_LIMIT = 16 * 1024

ADDRESS = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@.\x00-\x1f\x7f]+(\.[^\s@.\x00-\x1f\x7f]+)+")
CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _address(value: str) -> str:
    """Not the whole of RFC 5322: who can receive mail there is known only when somebody did."""
    if not ADDRESS.fullmatch(value):
        raise wrong("must be an e-mail address, as ada@example.com")
    return value


def _shown(value: str) -> str:
    if not value.strip():
        raise wrong("must not be blank")
    return value


SHOWN = AfterValidator(_shown)


class NewUser(Model):
    email: Annotated[str, Field(min_length=3, max_length=254), WITHOUT_NUL, AfterValidator(_address)]
    name: Annotated[str, Field(min_length=1, max_length=128), WITHOUT_NUL, SHOWN]


class NewTodo(Model):
    title: Annotated[str, Field(min_length=1, max_length=256), WITHOUT_NUL, SHOWN]
    done: bool = False


class ReplacedTodo(NewTodo):
    done: bool


class Paging(Model):
    """`cursor` is the `next` of the page before."""

    limit: Annotated[Digits, Field(ge=1, le=100)] = 20
    cursor: Annotated[str, Field(pattern=f"^{ULID}$")] | None = None


def user_id(value: str) -> uuid.UUID | None:
    """The user that a path names, if it can be one at all."""
    return uuid.UUID(value) if CANONICAL.fullmatch(value) else None

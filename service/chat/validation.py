"""What clients of the chat service may say."""

from typing import Annotated

from pydantic import Field
from servicekit.requests import WITHOUT_NUL, Digits, Model

BODY_LIMIT = 16 * 1024
ROOM = "^[a-z0-9-]{1,64}$"
LATEST = 100


class Joining(Model):
    """The query of the address that a client connects to."""

    room: Annotated[str, Field(pattern=ROOM), WITHOUT_NUL]
    user: Annotated[str, Field(min_length=1, max_length=64), WITHOUT_NUL]


class Saying(Model):
    """A message whose `action` is `say`."""

    action: str
    text: Annotated[str, Field(min_length=1, max_length=4096), WITHOUT_NUL]


class Paging(Model):
    limit: Annotated[Digits, Field(ge=1, le=LATEST)] = 20

"""What a request to the tasks service must look like."""

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field
from servicekit.errors import Refused
from servicekit.requests import ULID, WITHOUT_NUL, Digits, Model, Moment, invalid, problem

BODY_LIMIT = 16 * 1024

Status = Literal["open", "in_progress", "done"]

IDENTITY = re.compile(ULID)
# RFC 9110: "*", or entity tags; only strong ones can match.
TAG = r'(?:W/)?"[\x21\x23-\x7e]*"'
TAGS = re.compile(rf"{TAG}(?:\s*,\s*{TAG})*")
OURS = re.compile(r'(?<!W/)"([1-9][0-9]{0,17})"')


class NewTask(Model):
    title: Annotated[str, Field(min_length=1, max_length=256), WITHOUT_NUL]
    description: Annotated[str, Field(max_length=4096), WITHOUT_NUL] = ""
    status: Status = "open"
    due_at: Moment | None = None


class WholeTask(NewTask):
    status: Status


class Paging(Model):
    """`cursor` is the `next` of the page before."""

    status: Status | None = None
    limit: Annotated[Digits, Field(ge=1, le=100)] = 20
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """The versions that a request may change; None: whichever there is."""

    versions: frozenset[int] | None

    def allows(self, version: int) -> bool:
        return self.versions is None or version in self.versions


ANY = Expected(None)


def expected(header: str | None) -> Expected | None:
    """What If-Match says; None without it."""
    if header is None:
        return None
    if header.strip() == "*":
        return ANY
    if not TAGS.fullmatch(header.strip()):
        raise invalid([problem("If-Match", 'must be the ETag of an answer, as "3", or *')])
    return Expected(frozenset(int(version) for version in OURS.findall(header)))


def identity(text: str) -> str:
    """The id that a path names; there is no task with one that cannot be."""
    if not IDENTITY.fullmatch(text):
        raise no_task()
    return text


def no_task() -> Refused:
    return Refused(404, "There is no such task.")

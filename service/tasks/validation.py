"""What a request to the tasks service must look like."""

import re
from dataclasses import dataclass

from servicekit import ulid
from servicekit.errors import Refused
from servicekit.validation import Field, digits, invalid, matching, moment, nullable, one_of, problem, text

BODY_LIMIT = 16 * 1024
TITLE_LIMIT = 256
DESCRIPTION_LIMIT = 4096
PAGE_LIMIT = 100
PAGE = 20

STATUSES = ("open", "in_progress", "done")
OPEN = STATUSES[0]

IDENTITY = re.compile(ulid.PATTERN)
# RFC 9110: "*", or entity tags; only strong ones can match.
TAG = r'(?:W/)?"[\x21\x23-\x7e]*"'
TAGS = re.compile(rf"{TAG}(?:\s*,\s*{TAG})*")
OURS = re.compile(r'(?<!W/)"([1-9][0-9]{0,17})"')

NEW_TASK = {
    "title": Field(text(1, TITLE_LIMIT)),
    "description": Field(text(0, DESCRIPTION_LIMIT), required=False),
    "status": Field(one_of(STATUSES), required=False),
    "due_at": Field(nullable(moment), required=False),
}
TASK = NEW_TASK | {"status": Field(one_of(STATUSES))}
PAGING = {
    "status": Field(one_of(STATUSES), required=False),
    "limit": Field(digits(1, PAGE_LIMIT), required=False),
    "cursor": Field(matching("[A-Za-z0-9_-]{1,200}", "the `next` of an answer, unchanged"), required=False),
}


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

"""Patches of the Update operations: read, checked against what an operation lets be changed, and applied to members.

No library of JSON patches fits: AWS addresses lists by their values (`/binaryMediaTypes/image~1png`), knows for each
path which operations it takes, and has its own words for what it refuses, of which there are two kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from staticfire.edge.aws.calls import AwsError
from staticfire.edge.services.apigateway.rest.records import Record

from .common import bad_request, not_found


@dataclass(frozen=True)
class Patch:
    """One operation; `source` is the `from` of a copy. What a caller left out is `null`, as AWS words it for paths."""

    op: str
    path: str
    value: str | None
    source: str | None

    @property
    def parts(self) -> list[str]:
        """The path's names: `/a~1b/c` is ["a/b", "c"]."""
        return [unescaped(part) for part in self.path.removeprefix("/").split("/")]

    @property
    def top(self) -> str:
        return self.parts[0]


def unescaped(text: str) -> str:
    return text.replace("~1", "/").replace("~0", "~")


def read(params: Mapping[str, Any]) -> Iterator[Patch]:
    for one in params.get("patchOperations") or ():
        path = one.get("path")
        if path is None:
            raise invalid_path("null")
        yield Patch(one.get("op") or "null", path, one.get("value"), one.get("from"))


def invalid_path(path: str) -> AwsError:
    return bad_request(f"Invalid patch path {path}")


def must_be(patch: Patch, *operations: str) -> None:
    """Refuse other operations at this path, in the older words."""
    if patch.op not in operations:
        raise bad_request(f"Invalid patch operation specified. Must be one of: [{', '.join(operations)}]")


def supported(patch: Patch, paths: Sequence[str], *, also: Mapping[str, Sequence[str]] | None = None) -> None:
    """Refuse what is not a replacement of one of the paths, in the newer words. `also`: other operations' paths."""
    if patch.op != "replace":
        others = (also or {}).get(patch.op, ())
        if not _among(patch.path, others):
            raise bad_request(
                f"Invalid patch path  '{patch.path}' specified for op '{patch.op}'. Please choose supported operations"
            )
    elif not _among(patch.path, paths):
        raise bad_request(
            f"Invalid patch path  '{patch.path}' specified for op 'replace'. Must be one of: [{', '.join(paths)}]"
        )


def _among(path: str, paths: Sequence[str]) -> bool:
    return path in paths or any("{" in one and path.startswith(one.partition("{")[0]) for one in paths)


def change_map(
    record: Record, member: str, patch: Patch, value: Any, *, missing: str = "Invalid parameter name specified"
) -> None:
    """Add, replace or remove one entry of a map, named by the path's second part; an empty map is no member."""
    if len(patch.parts) != 2 or not patch.parts[1]:
        raise invalid_path(patch.path)
    must_be(patch, "add", "remove", "replace")
    entries = dict(record.get(member) or {})
    name = patch.parts[1]
    if patch.op != "add" and name not in entries:
        raise not_found(missing)
    if patch.op == "remove":
        del entries[name]
    else:
        entries[name] = value
    if entries:
        record[member] = entries
    else:
        record.pop(member, None)


def change_list(record: Record, member: str, patch: Patch, entry: str | None) -> None:
    """Add or remove an entry of a list of texts."""
    must_be(patch, "add", "remove")
    entries = [one for one in record.get(member) or [] if one != entry]
    if patch.op == "add" and entry:
        entries.append(entry)
    if entries:
        record[member] = entries
    else:
        record.pop(member, None)


def set_or_drop(record: Record, member: str, value: Any) -> None:
    """An empty text takes a member away."""
    if value in (None, ""):
        record.pop(member, None)
    else:
        record[member] = value

"""Operations on an API's parts (routes, integrations, authorizers, models and responses), which differ by a `Part`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.aws.protocol.operations import Carry
from staticfire.edge.store import Key

from .called import api_of, conflict, merged, missing, new_id, page_of
from .changes import Changes
from .records import Keys, Record, Records, V2Records


@dataclass(frozen=True)
class Context:
    """Where a part is written: its API and whatever else that has.

    `pending`: parts made in the same write. `afresh`: they take the place of all that the API has.
    """

    records: V2Records
    scope: Scope
    api: Record
    pending: dict[str, Records] = field(default_factory=dict)
    afresh: bool = False

    @property
    def is_http(self) -> bool:
        return bool(self.api["ProtocolType"] == "HTTP")

    def others(self, kind: str) -> Records:
        stored = [] if self.afresh else self.records.list(self.scope, kind, self.api["ApiId"])
        return [*stored, *self.pending.get(kind, ())]


def _nothing(context: Context, part: Record) -> Record:
    return {}


def _all_is_well(context: Context, part: Record, before: Record | None) -> None:
    """Nothing is demanded but what the model does."""


def _no_children(context: Context, part: Record) -> Keys:
    return []


def _changed(before: Record, changes: Mapping[str, Any]) -> Record:
    return merged(before, changes)


@dataclass(frozen=True)
class Part:
    """One kind. `unique`: the member that no other part of the API (and the parent) may have, with AWS's words.

    `check(context, part, before)` raises what is wrong with a part that is about to be written; `before` is None for a
    new one. `going(context, part)` says what goes with a part, or raises why it stays.
    """

    kind: str
    noun: str
    plural: str
    id_member: str
    id_length: int = 7
    unique: str = ""
    taken: str = ""
    parent_kind: str = ""
    parent_noun: str = ""
    parent_member: str = ""
    defaults: Callable[[Context, Record], Record] = field(default=_nothing)
    check: Callable[[Context, Record, Record | None], None] = field(default=_all_is_well)
    change: Callable[[Record, Mapping[str, Any]], Record] = field(default=_changed)
    going: Callable[[Context, Record], Keys] = field(default=_no_children)


class PartOperations:
    """Create, Get, Get all, Update and Delete of one kind of part."""

    def __init__(self, records: V2Records, changes: Changes, part: Part) -> None:
        self._records = records
        self._changes = changes
        self._part = part

    def table(self) -> dict[str, Carry]:
        noun, plural = self._part.noun, self._part.plural
        return {
            f"Create{noun}": self.create,
            f"Get{noun}": self.get,
            f"Get{plural}": self.list_all,
            f"Update{noun}": self.update,
            f"Delete{noun}": self.delete,
        }

    async def create(self, call: Call, params: Params) -> Record:
        async with self._records.changing(params["ApiId"]):
            context = self._context(call, params)
            puts, part = self.made(context, params, self._parent(context, params))
            await self._changes.write(call.scope, params["ApiId"], puts)
        return part

    def made(self, context: Context, members: Mapping[str, Any], parent: str = "") -> tuple[dict[Key, Record], Record]:
        """A new part, checked, to be written."""
        part = self._part
        content = {name: value for name, value in members.items() if name not in ("ApiId", part.parent_member)}
        content = merged({}, content)
        made_id = new_id((str(one[part.id_member]) for one in context.others(part.kind)), part.id_length)
        record: Record = {**part.defaults(context, content), **content, part.id_member: made_id}
        if parent:
            record["_parent"] = parent
        self._check(context, record, None)
        context.pending.setdefault(part.kind, []).append(record)
        return {self._key(context.scope, context.api["ApiId"], made_id): record}, record

    async def get(self, call: Call, params: Params) -> Record:
        context = self._context(call, params)
        return self._named(context, params)

    async def list_all(self, call: Call, params: Params) -> Record:
        context = self._context(call, params)
        parent = self._parent(context, params)
        items = [one for one in context.others(self._part.kind) if one.get("_parent", "") == parent]
        return page_of(items, params, self._part.id_member)

    async def update(self, call: Call, params: Params) -> Record:
        async with self._records.changing(params["ApiId"]):
            context = self._context(call, params)
            before = self._named(context, params)
            puts, part = self.updated(context, before, params)
            await self._changes.write(call.scope, params["ApiId"], puts)
        return part

    def updated(self, context: Context, before: Record, members: Mapping[str, Any]) -> tuple[dict[Key, Record], Record]:
        """A part with what an update says, checked, to be written."""
        part = self._part
        names = ("ApiId", part.id_member, part.parent_member)
        record = part.change(before, {name: value for name, value in members.items() if name not in names})
        self._check(context, record, before)
        return {self._key(context.scope, context.api["ApiId"], before[part.id_member]): record}, record

    async def delete(self, call: Call, params: Params) -> None:
        async with self._records.changing(params["ApiId"]):
            context = self._context(call, params)
            part = self._named(context, params)
            gone = [self._key(call.scope, params["ApiId"], part[self._part.id_member])]
            await self._changes.write(call.scope, params["ApiId"], deletes=[*gone, *self._part.going(context, part)])

    def _check(self, context: Context, record: Record, before: Record | None) -> None:
        part = self._part
        for other in context.others(part.kind) if part.unique else ():
            if other[part.id_member] == record[part.id_member] or other.get("_parent") != record.get("_parent"):
                continue
            if other.get(part.unique) == record.get(part.unique):
                raise conflict(part.taken.format(record.get(part.unique)))
        part.check(context, record, before)

    def _context(self, call: Call, params: Params) -> Context:
        return Context(self._records, call.scope, api_of(self._records, call, params["ApiId"]))

    def _parent(self, context: Context, params: Params) -> str:
        """The route or integration that a response belongs to."""
        part = self._part
        if not part.parent_member:
            return ""
        parent = str(params[part.parent_member])
        if self._records.get(context.scope, part.parent_kind, context.api["ApiId"], parent) is None:
            raise self._missing(part.parent_noun)
        return parent

    def _named(self, context: Context, params: Params) -> Record:
        parent = self._parent(context, params)
        record = self._records.get(context.scope, self._part.kind, context.api["ApiId"], params[self._part.id_member])
        if record is None or record.get("_parent", "") != parent:
            raise self._missing(self._part.noun)
        return record

    def _key(self, scope: Scope, api_id: str, part_id: str) -> Key:
        return self._records.key(scope, self._part.kind, api_id, part_id)

    @staticmethod
    def _missing(noun: str) -> AwsError:
        return missing(f"Invalid {noun} identifier specified")

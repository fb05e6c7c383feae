"""API keys: by which usage plans know who calls."""

from __future__ import annotations

import csv
import io

from staticfire.edge.aws.calls import Call, Scope
from staticfire.edge.aws.protocol import Params
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

from . import patches
from .common import bad_request, conflict, made, new_id, new_value, newest_first, not_found, now, page, truth, with_tags

SHORTEST_VALUE = 20
LONGEST_VALUE = 128
LONGEST_NAME = 1024
LONGEST_DESCRIPTION = 125_000
PATHS = ("/description", "/enabled", "/name", "/customerId", "/labels")
MOST_IMPORTED = 10_000


class ApiKeyOperations:
    def __init__(self, records: RestRecords) -> None:
        self._records = records

    async def create(self, call: Call, params: Params) -> Record:
        scope = call.scope
        async with self._records.changing(scope):
            key = _new(params, self._values(scope))
            await self._records.put(scope, "api-key", key["id"], record=key)
        return key

    def _values(self, scope: Scope) -> set[str]:
        return {key["value"] for key in self._records.api_keys(scope)}

    async def get(self, call: Call, params: Params) -> Record:
        return with_tags(_shown(required_key(self._records, call.scope, params["apiKey"]), params.get("includeValue")))

    async def list_all(self, call: Call, params: Params) -> Record:
        keys = [
            _shown(key, params.get("includeValues"))
            for key in newest_first(self._records.api_keys(call.scope))
            if (key.get("name") or "").startswith(params.get("nameQuery") or "")
            and (not params.get("customerId") or key.get("customerId") == params["customerId"])
        ]
        return page(keys, params)

    async def update(self, call: Call, params: Params) -> Record:
        scope = call.scope
        async with self._records.changing(scope):
            key = required_key(self._records, scope, params["apiKey"])
            for patch in patches.read(params):
                patches.supported(patch, PATHS, also={"add": ("/labels",), "remove": ("/labels",)})
                if patch.top == "enabled":
                    key["enabled"] = truth(patch.value)
                elif patch.top != "labels":
                    patches.set_or_drop(key, patch.top, patch.value)
            _check(key)
            key["lastUpdatedDate"] = now()
            await self._records.put(scope, "api-key", key["id"], record=key)
        return with_tags(_shown(key, False))

    async def delete(self, call: Call, params: Params) -> None:
        scope = call.scope
        async with self._records.changing(scope):
            key = required_key(self._records, scope, params["apiKey"])
            of_plans = [
                self._records.key(scope, kind, plan["id"], key["id"])
                for plan in self._records.usage_plans(scope)
                for kind in ("usage-plan-key", "usage")
            ]
            await self._records.write(deletes=[self._records.key(scope, "api-key", key["id"]), *of_plans])

    async def import_all(self, call: Call, params: Params) -> Record:
        """A CSV file with the columns `name`, `key`, and as one likes `description`, `enabled`, `usageplanIds`."""
        scope = call.scope
        if params.get("format") != "csv":
            raise bad_request("Invalid API key format: only csv is supported")
        rows = _rows(params.get("body") or b"")
        async with self._records.changing(scope):
            puts, ids, warnings = {}, [], []
            taken = self._values(scope)
            for row in rows:
                wants = {"name": row.get("name"), "value": row.get("key"), "description": row.get("description")}
                key = _new({**wants, "enabled": truth(row.get("enabled", "true"))}, taken)
                taken.add(key["value"])
                ids.append(key["id"])
                puts[self._records.key(scope, "api-key", key["id"])] = key
                for plan_id in filter(None, (row.get("usageplanids") or "").replace(";", ",").split(",")):
                    if self._records.get(scope, "usage-plan", plan_id.strip()) is None:
                        warnings.append(f"Invalid Usage Plan identifier specified: {plan_id.strip()}")
                        continue
                    puts[self._records.key(scope, "usage-plan-key", plan_id.strip(), key["id"])] = plan_key(key)
            if warnings and params.get("failOnWarnings"):
                raise bad_request(f"Warnings found during import: {', '.join(warnings)}")
            await self._records.write(puts)
        return {"ids": ids, "warnings": warnings}


def _new(params: Params, taken: set[str]) -> Record:
    """A key's document; `taken` are the values of all others."""
    value = params.get("value") or new_value()
    if len(value) < SHORTEST_VALUE:
        raise bad_request(f"API Key value should be at least {SHORTEST_VALUE} characters")
    if len(value) > LONGEST_VALUE:
        raise bad_request(f"API Key value exceeds maximum size of {LONGEST_VALUE} characters")
    _check(params)
    if value in taken:
        raise conflict("API Key already exists")
    stages = [f"{one.get('restApiId')}/{one.get('stageName')}" for one in params.get("stageKeys") or ()]
    moment = now()
    key = {
        "id": new_id(10),
        "value": value,
        "enabled": bool(params.get("enabled")),
        "createdDate": moment,
        "lastUpdatedDate": moment,
        "stageKeys": stages,
    }
    key |= {member: params[member] for member in ("name", "description", "customerId", "tags") if params.get(member)}
    return made(key)


def required_key(records: RestRecords, scope: Scope, key_id: str) -> Record:
    key = records.get(scope, "api-key", key_id)
    if key is None:
        raise not_found("Invalid API Key identifier specified")
    return key


def plan_key(key: Record) -> Record:
    """A key as a usage plan tells it."""
    return made({"id": key["id"], "type": "API_KEY", "value": key["value"], "name": key.get("name")})


def _check(key: Params) -> None:
    if len(key.get("name") or "") > LONGEST_NAME:
        raise bad_request(f"Invalid API Key name, can be at most {LONGEST_NAME} characters.")
    if len(key.get("description") or "") > LONGEST_DESCRIPTION:
        raise bad_request("Invalid API Key description specified.")


def _shown(key: Record, with_value: object) -> Record:
    return {name: value for name, value in key.items() if with_value or name != "value"}


def _rows(body: bytes) -> list[dict[str, str]]:
    try:
        reader = csv.DictReader(io.StringIO(body.decode()))
        rows = [{(name or "").strip().lower(): (text or "").strip() for name, text in row.items()} for row in reader]
    except (UnicodeDecodeError, csv.Error, AttributeError) as error:
        raise bad_request(f"Unable to read the imported API keys: {error}") from error
    if not rows or "key" not in rows[0] or "name" not in rows[0]:
        raise bad_request("Imported API keys must have at least the columns name and key")
    if len(rows) > MOST_IMPORTED:
        raise bad_request(f"At most {MOST_IMPORTED} API keys can be imported at once")
    return rows

"""What the operations have in common: refusals in AWS's words, ids, pages, and the API that a call names."""

from __future__ import annotations

import base64
import binascii
import math
import secrets
import string
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.services.apigateway.rest.records import Record, RestRecords

# The domain names that lead to an API, or to one stage of it.
MappedDomains = Callable[[str, str | None], list[str]]
PAGE = 25
LARGEST_PAGE = 500

_ID = string.ascii_lowercase + string.digits
_VALUE = string.ascii_letters + string.digits


def bad_request(message: str) -> AwsError:
    return AwsError(400, "BadRequestException", message)


def not_found(message: str) -> AwsError:
    return AwsError(404, "NotFoundException", message)


def conflict(message: str) -> AwsError:
    return AwsError(409, "ConflictException", message)


def concurrent() -> AwsError:
    return conflict("Unable to complete operation due to concurrent modification. Please try again later.")


def invalid_mapping(expression: str, what: str = "Invalid mapping expression specified") -> AwsError:
    return bad_request(
        f"Invalid mapping expression specified: Validation Result: warnings : [], errors : [{what}: {expression}]"
    )


def new_id(length: int = 6) -> str:
    return "".join(secrets.choice(_ID) for _ in range(length))


def new_value(length: int = 40) -> str:
    """An API key's value."""
    return "".join(secrets.choice(_VALUE) for _ in range(length))


def now() -> int:
    """API Gateway tells whole seconds."""
    return int(time.time())


def made(record: Record) -> Record:
    """The record with when it was made, by which lists are sorted."""
    return {**record, "_made": time.time_ns()}


def in_order(records: Sequence[Record]) -> list[Record]:
    """As they were made."""
    return sorted(records, key=lambda record: record.get("_made", 0))


def newest_first(records: Sequence[Record]) -> list[Record]:
    """As AWS lists API keys."""
    return in_order(records)[::-1]


def no_domains(api_id: str, stage: str | None) -> list[str]:
    return []


def refuse_mapped(what: str, domains: Sequence[str]) -> None:
    """What a domain name leads to stays."""
    if domains:
        raise bad_request(
            f"Deleting {what} failed. Please remove all base path mappings related to the {what} in your domains: "
            + ", ".join(domains)
        )


def required_api(records: RestRecords, scope: Scope, api_id: str) -> Record:
    api = records.api(scope, api_id)
    if api is None:
        raise not_found(f"Invalid API identifier specified {scope.account}:{api_id}")
    return api


def required_resource(records: RestRecords, scope: Scope, params: Mapping[str, Any]) -> Record:
    resource = records.resource(scope, params["restApiId"], params["resourceId"])
    if resource is None:
        raise not_found("Invalid Resource identifier specified")
    return resource


def required_method(resource: Record, params: Mapping[str, Any]) -> Record:
    method: Record | None = resource.get("resourceMethods", {}).get(params["httpMethod"])
    if method is None:
        raise not_found("Invalid Method identifier specified")
    return method


def page(items: Sequence[Record], params: Mapping[str, Any], *, member: str = "items", by: str = "id") -> Record:
    """A page of a list, and the position of the next one."""
    limit = params.get("limit")
    size = PAGE if limit is None or limit <= 0 else min(limit, LARGEST_PAGE)
    start = 0
    if position := params.get("position"):
        after = _position(position)
        start = next((index + 1 for index, item in enumerate(items) if item[by] == after), len(items))
    chosen = list(items[start : start + size])
    more = start + size < len(items)
    token = base64.urlsafe_b64encode(chosen[-1][by].encode()).decode() if more else None
    return {member: chosen, "position": token}


def _position(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeError):
        raise bad_request("Invalid position parameter specified") from None


def whole_number(text: str | None, what: str) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise bad_request(f"Invalid {what} specified: {text} is not a number") from None


def number(text: str | None, what: str) -> float:
    try:
        value = float(text or "")
        if not math.isfinite(value):
            raise ValueError
        return value
    except ValueError:
        raise bad_request(f"Invalid {what} specified: {text} is not a number") from None


def truth(text: str | None) -> bool:
    """Whatever is not "true" is false, as AWS reads it."""
    return (text or "").lower() == "true"


def with_tags(record: Record) -> Record:
    """As the operations tell it that always tell tags."""
    return {**record, "tags": record.get("tags") or {}}


def without_empty(record: Mapping[str, Any]) -> Record:
    """What has a value, a false or a zero too."""
    return {name: value for name, value in record.items() if value not in (None, "", {}, [])}

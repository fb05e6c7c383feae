"""What calls of apigatewayv2 have in common: whom they mean, AWS's errors, pages of lists, new ids."""

from __future__ import annotations

import base64
import binascii
import random
import string
import time
from collections.abc import Iterable, Mapping
from typing import Any

from staticfire.edge.aws.calls import AwsError, Call, Scope

from .records import Record, Records, V2Records

_ALPHABET = string.ascii_lowercase + string.digits
MOST = 500


def bad_request(message: str) -> AwsError:
    return AwsError(400, "BadRequestException", message)


def missing(message: str) -> AwsError:
    return AwsError(404, "NotFoundException", message)


def conflict(message: str) -> AwsError:
    return AwsError(409, "ConflictException", message)


def api_of(records: V2Records, call: Call, api_id: str) -> Record:
    """The API that a call names, of the caller's account and region."""
    api = records.get(call.scope, "api", api_id)
    if api is None:
        raise missing(f"Invalid API identifier specified {call.scope.account}:{api_id}")
    return api


def new_id(taken: Iterable[str] = (), length: int = 7) -> str:
    """An id as API Gateway makes them; unlike one that is taken."""
    used = set(taken)
    while True:
        made = "".join(random.choices(_ALPHABET, k=length))
        if made not in used:
            return made


def now() -> float:
    return float(int(time.time()))


def page_of(items: Records, params: Mapping[str, Any], key: str) -> Record:
    """One page of a list that is in the order of `key`; the token names the last key that was told."""
    ordered = sorted(items, key=lambda item: str(item.get(key, "")))
    size = _size(params.get("MaxResults"))
    after = _read_token(params.get("NextToken"))
    if after is not None:
        ordered = [item for item in ordered if str(item.get(key, "")) > after]
    page = ordered[:size]
    more = {"NextToken": _token(str(page[-1].get(key, "")))} if len(ordered) > size else {}
    return {"Items": page, **more}


def _size(text: str | None) -> int:
    if text is None:
        return MOST
    if not text.isdecimal() or int(text[:9]) < 1:
        raise bad_request("Invalid value for maxResults: it is a positive number.")
    return min(int(text[:9]), MOST)


def _token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _read_token(token: str | None) -> str | None:
    if not token:
        return None
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError):
        raise bad_request("Invalid nextToken specified.") from None


def merged(record: Record, changes: Mapping[str, Any], removable: Iterable[str] = ()) -> Record:
    """A record with what an update says: an empty text takes a member away; of `removable` maps, an empty value one."""
    after = dict(record)
    for name, value in changes.items():
        if name in removable:
            joined = {**(after.get(name) or {}), **value}
            value = {key: inner for key, inner in joined.items() if inner not in ("", {})}
        if value in ("", {}) or (value == [] and name not in record):
            after.pop(name, None)
        else:
            after[name] = value
    return after


def arn_of(scope: Scope, *path: str) -> str:
    """A resource of API Gateway's control plane, as tags and policies name it."""
    return f"arn:aws:apigateway:{scope.region}::/{'/'.join(path)}"

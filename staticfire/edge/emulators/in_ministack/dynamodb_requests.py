"""DynamoDB's checks of a request and of an item: what is plainly right passes in one look, the rest goes to MiniStack.

Each function answers that nothing is wrong where that is sure, and else asks upstream's, which finds the fault and
words it. So no message is written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from itertools import chain
from types import ModuleType
from typing import Any

# What was found right is remembered so often; a request with longer texts or more placeholders is looked at each time.
RIGHT, EXPRESSION, PLACEHOLDERS = 4096, 4096, 64
_CONTAINERS = ("Item", "Key", "ExclusiveStartKey", "ExpressionAttributeValues")
_FIRST_GENERATION = ("AttributeUpdates", "Expected", "KeyConditions", "QueryFilter")
_FLAT = ("S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS")
# Numbers that are written as DynamoDB writes them, far from its limits.
_CANONICAL = re.compile(r"-?[1-9][0-9]{0,35}|0|-?(?:0|[1-9][0-9]{0,17})\.[0-9]{0,17}[1-9]")
# A key's text of so many characters is within the limit of its bytes.
_SHORT_KEY = 256

_WRITTEN_FOR = {
    "_validate_item": "d58b826c9b223749",
    "_request_values": "2fd5ec042ab83508",
    "_values_error_response": "1993be33b639449a",
    "_older_layer_error": "f962c1cfa21bef09",
    "_validate_index_key_values": "261de38adb692bd9",
    "_index_key_type_reason": "9861660ee5cdc34b",
    "_index_key_empty_reason": "3f82d74e956139e6",
    "_vector_write_reason": "25ccc15a87d19800",
    "_apply_index_projection": "edab067f1dc84c96",
    "_key_length_error": "247abf0a8588edba",
    "_paginate_evaluated_items": "d70cfb58e3a279c9",
    "_empty_key_value_error": "4c9085ab934ea927",
}
_OF_RESPONSES = {"json_response": "e6a4da6038be24fa"}


def correct(upstream: ModuleType) -> None:
    """After dynamodb_items, whose functions these use."""
    from ministack.core import responses
    from ministack.services import dynamodb

    upstream.unchanged(dynamodb, _WRITTEN_FOR)
    upstream.unchanged(responses, _OF_RESPONSES)
    _know_canonical_numbers(dynamodb)
    _check_values(dynamodb)
    _check_items(dynamodb)
    _check_placeholders(dynamodb)
    _project(dynamodb)
    _fill_pages(dynamodb)
    _answer(dynamodb, responses)


def _know_canonical_numbers(dynamodb: Any) -> None:
    """A sum is a new number each time, which no memory has."""
    canonical, fault, size = dynamodb._ddb_canonicalize_number, dynamodb._number_error, dynamodb._number_size_bytes
    plain = _CANONICAL.fullmatch

    def canonicalize(text: Any) -> Any:
        return text if type(text) is str and plain(text) else canonical(text)

    def number_error(text: Any) -> Any:
        return None if type(text) is str and plain(text) else fault(text)

    def number_size(text: Any) -> Any:
        """A whole number's pairs of digits count from its end; zeros there count in pairs too."""
        if type(text) is not str or not text.isdecimal() or not plain(text) or text == "0":
            return size(text)
        digits = len(text.rstrip("0"))
        digits += (len(text) - digits) % 2
        return 1 + (digits + 1) // 2

    dynamodb._ddb_canonicalize_number = canonicalize
    dynamodb._number_error = number_error
    dynamodb._number_size_bytes = number_size


def _check_values(dynamodb: Any) -> None:
    values_of, values_error, older = (
        dynamodb._request_values,
        dynamodb._values_error_response,
        dynamodb._older_layer_error,
    )
    number_error = dynamodb._number_error

    def request_values(data: Any) -> Any:
        if any(field in data for field in _FIRST_GENERATION):
            return values_of(data)
        values: list[Any] = []
        for field in _CONTAINERS:
            container = data.get(field)
            if type(container) is dict:
                values.extend(container.values())
        return values

    def values_error_response(values: Iterable[Any], envelope: bool) -> Any:
        values = list(values)
        for value in values:
            if type(value) is dict and len(value) == 1:
                [(kind, content)] = value.items()
                if kind in ("S", "BOOL", "B", "NULL") or (kind == "N" and number_error(content) is None):
                    continue
            return values_error(values, envelope)
        return None

    def older_layer_error(data: Any, operation: str) -> Any:
        """Of a request without a Key, or with a deeply nested value."""
        if operation == "put" or "Key" in data:
            for value in request_values(data):
                if type(value) is dict and len(value) == 1 and next(iter(value)) in _FLAT:
                    continue
                return older(data, operation)
            return None
        return older(data, operation)

    dynamodb._request_values = request_values
    dynamodb._values_error_response = values_error_response
    dynamodb._older_layer_error = older_layer_error


def _check_items(dynamodb: Any) -> None:
    validate, validate_value = dynamodb._validate_item, dynamodb._validate_attribute_value
    canonical, number_size = dynamodb._ddb_canonicalize_number, dynamodb._number_size_bytes
    value_size, most = dynamodb._attribute_value_size, dynamodb._DDB_ITEM_MAX_BYTES

    def plain_key(value: Any) -> bool:
        if type(value) is not dict or len(value) != 1:
            return False
        [(kind, content)] = value.items()
        return type(content) is str and (kind == "N" or (kind == "S" and 0 < len(content) <= _SHORT_KEY))

    def validate_item(item: Any, hash_name: Any = None, range_name: Any = None, *message: str) -> Any:
        """Validated and measured in one walk; whatever is wrong is found again, by upstream's."""
        if type(item) is not dict:
            return validate(item, hash_name, range_name, *message)
        for name in (hash_name, range_name):
            if name in item and not plain_key(item[name]):
                return validate(item, hash_name, range_name, *message)
        total = 0
        for name, value in item.items():
            total += len(name) if name.isascii() else len(name.encode())
            if type(value) is dict and len(value) == 1:
                [(kind, content)] = value.items()
                if type(content) is str:
                    if kind == "S":
                        total += len(content) if content.isascii() else len(content.encode())
                        continue
                    if kind == "N" and (number := canonical(content)) is not None:
                        value["N"] = number
                        total += number_size(number)
                        continue
            if validate_value(name, value):
                return validate(item, hash_name, range_name, *message)
            total += value_size(value)
        return validate(item, hash_name, range_name, *message) if total > most else None

    index_keys = dynamodb._validate_index_key_values

    def validate_index_key_values(table: Any, item: Any, update_expr: bool = False) -> Any:
        if table.get("VectorIndexes"):
            return index_keys(table, item, update_expr)
        for indexes in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
            for index in table.get(indexes) or ():
                for key in index.get("KeySchema") or ():
                    name = key.get("AttributeName")
                    if name in item:
                        value = item[name]
                        kind = dynamodb._get_attr_type(table, name)
                        if type(value) is not dict or list(value) != [kind] or not value[kind]:
                            return index_keys(table, item, update_expr)
        return None

    dynamodb._validate_item = validate_item
    dynamodb._validate_index_key_values = validate_index_key_values


def _check_placeholders(dynamodb: Any) -> None:
    """Which placeholders there are, and which the texts name, is the same for each call that a line of code makes."""
    validate = dynamodb._validate_expression_attrs
    right: set[Any] = set()

    def validate_expression_attrs(data: Any, fields: tuple[str, ...], *wording: Any) -> Any:
        values, names = data.get("ExpressionAttributeValues"), data.get("ExpressionAttributeNames")
        texts = tuple([data.get(field) for field in fields])
        if not all(text is None or (type(text) is str and len(text) <= EXPRESSION // 4) for text in texts):
            return validate(data, fields, *wording)
        for container in (values, names):
            if container is not None and (type(container) is not dict or len(container) > PLACEHOLDERS):
                return validate(data, fields, *wording)
        request = (fields, texts, tuple(values or ()), tuple(names or ()))
        if request in right:
            return None
        wrong = validate(data, fields, *wording)
        if not wrong and sum(map(len, (*(values or ()), *(names or ())))) <= EXPRESSION:
            if len(right) >= RIGHT:
                right.clear()
            right.add(request)
        return wrong

    dynamodb._validate_expression_attrs = validate_expression_attrs


def _project(dynamodb: Any) -> None:
    project = dynamodb._apply_index_projection

    def apply_index_projection(item: Any, table: Any, index_name: Any) -> Any:
        for index in table.get("GlobalSecondaryIndexes") or ():
            if index.get("IndexName") == index_name:
                if (index.get("Projection") or {}).get("ProjectionType", "ALL") == "ALL":
                    return item
                break
        return project(item, table, index_name)

    dynamodb._apply_index_projection = apply_index_projection


def _fill_pages(dynamodb: Any) -> None:
    """Items are measured where their page may be full; else that they are not too large is enough."""
    fill, most = dynamodb._paginate_evaluated_items, dynamodb._DDB_PAGE_SIZE_BYTES
    value_size = dynamodb._attribute_value_size

    def at_most(item: Any) -> int:
        """A character has four bytes at most, a number 22; what an index shows of an item is not more than it."""
        total = 0
        for name, value in item.items():
            total += 4 * len(name)
            for kind, content in value.items():
                if kind in ("S", "B"):
                    total += 4 * len(content)
                else:
                    total += 22 if kind == "N" else value_size(value)
        return total

    def paginate(items: Iterable[Any], limit: Any, table: Any, index_name: Any = None) -> Any:
        page: list[Any] = []
        rest, room = iter(items), most
        longest = None if limit is None else int(limit)
        for item in rest:
            room -= at_most(item)
            if room <= 0:
                return fill(chain(page, (item,), rest), limit, table, index_name)
            page.append(item)
            if longest is not None and len(page) >= longest:
                return page, True
        return page, False

    dynamodb._paginate_evaluated_items = paginate


def _answer(dynamodb: Any, responses: Any) -> None:
    """`json.dumps` makes an encoder for each text."""
    encode: Callable[[Any], str] = json.JSONEncoder(ensure_ascii=False).encode
    answer, kind = responses.json_response, responses.JSON_1_0_CONTENT_TYPE

    def json_response(data: Any, status: int = 200, **more: Any) -> Any:
        if more:
            return answer(data, status, **more)
        return status, {"Content-Type": kind}, encode(data).encode()

    dynamodb.json_response = json_response

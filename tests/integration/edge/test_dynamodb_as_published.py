"""DynamoDB answers as the published MiniStack does where it was made quicker: thousands of calls are made to both.

They are drawn by a seed: right and wrong ones, of all that the changes in in_ministack/dynamodb_*.py touch, on tables
that fill, change and empty.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from staticfire.host.ports import free_port
from tests.integration.edge.kit import Edge, eventually

CALLS = 1500
REGION, ACCOUNT = "eu-west-1", "100000000001"
COMPARED = ("content-type", "x-amzn-errortype")
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}

Document = dict[str, Any]
Answer = tuple[int, dict[str, str | None], Any]


class Client:
    """Calls as they stand: no client checks or completes them."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=60)

    def call(self, operation: str, request: Document | bytes, service: str = "DynamoDB_20120810") -> Answer:
        scope = f"{ACCOUNT}/20260101/{REGION}/dynamodb/aws4_request"
        sent = {
            "x-amz-target": f"{service}.{operation}",
            "content-type": "application/x-amz-json-1.0",
            "authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
        }
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        self._connection.request("POST", "/", body, sent)
        response = self._connection.getresponse()
        content = response.read()
        checksum = response.headers["x-amz-crc32"]
        assert checksum in (None, str(zlib.crc32(content)))
        # The order of what an update answers is that of a set, in MiniStack: another one in each process.
        headers: dict[str, str | None] = {name: response.headers[name] for name in COMPARED}
        headers["checked"] = checksum and "yes"
        return response.status, headers, json.loads(content)


@pytest.fixture(scope="module")
def ours(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    edge = Edge(ministack_python, tmp_path_factory.mktemp("edge"))
    host, _, port = edge.endpoint.removeprefix("http://").partition(":")
    yield Client(host, int(port))
    edge.end()


@pytest.fixture(scope="module")
def published(ministack_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    home = tmp_path_factory.mktemp("published")
    port = free_port()
    variables = {"PATH": os.defpath, "HOME": str(home), "IOT_MTLS_ENABLED": "0", "LOG_LEVEL": "ERROR"}
    command = [ministack_python, "-m", "uvicorn", "ministack.app:app", "--port", str(port), "--log-level", "error"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, cwd=home, stdout=log, stderr=log)
    try:
        eventually(lambda: process.poll() is not None or _answers(port))
        assert process.poll() is None, Path(home, "log").read_text()
        yield Client("127.0.0.1", port)
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return Client("127.0.0.1", port).call("ListTables", {})[0] == 200
    except OSError:
        return False


class Draw:
    """Calls, one after the other, of a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.pick = self._random.choice

    def some(self, share: float) -> bool:
        return self._random.random() < share

    def number(self) -> Document:
        texts = (
            "0",
            "1",
            "2",
            "7",
            "10",
            "-3",
            "1.50",
            "0100",
            "1e2",
            "-0",
            "12345678901234567890123456789012345678",
            "9.9E125",
        )
        return {"N": self.pick(texts)}

    def whole(self) -> Document:
        return {"N": str(self._random.randint(-20, 20))}

    def text(self) -> Document:
        return {"S": self.pick(("a", "b", "ab", "abc", "ä", "zz", "\U0001f600", "a b"))}

    def binary(self) -> Document:
        return {"B": self.pick(("AQ==", "Ag==", "AQI=", "/w==", "AQID"))}

    def value(self, depth: int = 0) -> Document:
        plain: list[Callable[[], Document]] = [
            self.number,
            self.text,
            self.binary,
            lambda: {"BOOL": self.some(0.5)},
            lambda: {"NULL": True},
            lambda: {"SS": self._random.sample(["x", "y", "z"], self._random.randint(1, 3))},
            lambda: {"NS": self._random.sample(["1", "2.0", "3"], self._random.randint(1, 3))},
            lambda: {"BS": self._random.sample(["AQ==", "Ag=="], self._random.randint(1, 2))},
        ]
        deep: list[Callable[[], Document]] = [
            lambda: {"L": [self.value(depth + 1) for _ in range(self._random.randint(0, 3))]},
            lambda: {"M": {name: self.value(depth + 1) for name in ("in", "deep")[: self._random.randint(0, 2)]}},
        ]
        wrong: list[Document] = [
            {"N": "x"},
            {"N": "1" * 39},
            {"SS": []},
            {"S": "a", "N": "1"},
            {},
            {"NS": ["1", "1.0"]},
        ]
        if self.some(0.02):
            return self.pick(wrong)
        return self.pick([*plain, *(deep if depth < 3 else [])])()

    def key(self, table: str) -> Document:
        if self.some(0.02):
            return self.pick([{}, {"pk": {"N": "1"}}, {"pk": {"S": ""}}, {"pk": {"S": "a"}, "more": {"S": "a"}}])
        key: Document = {"pk": {"S": self.pick(("p", "q", "r"))}}
        if table != "hash":
            # Not "0100" and "100": they are one key, and the published MiniStack holds them for two.
            key["sk"] = {"number": self.whole, "text": self.text, "binary": self.binary}[table]()
        return key

    def item(self, table: str) -> Document:
        item = self.key(table)
        for name in ("group", "rank", "sum", "list", "map", "set", "naïve"):
            if self.some(0.5):
                item[name] = self.value()
        if self.some(0.7):
            item["group"] = {"S": self.pick(("g", "h"))}
        if self.some(0.7):
            item["rank"] = self.number()
        return item

    def condition(self) -> Document:
        conditions = (
            "attribute_exists(pk)",
            "attribute_not_exists(pk)",
            "attribute_not_exists(pk) OR #r <= :n",
            "#r BETWEEN :n AND :m",
            "#r IN (:n, :m) AND NOT (#r = :m)",
            "(attribute_exists(#r)) AND size(#l) > :n",
            "begins_with(pk, :t)",
            "begins_with(#r, :t)",
            "contains(#l, :t)",
            "attribute_type(#r, :t)",
            "#m.deep = :t OR #l[0] = :n",
            "((#r = :n))",
            "sum = :n",
            "status = :n",
            "#r = ",
            "#r <> :n",
            "#r = :missing",
            "NOT attribute_exists(#r) OR #r >= :n AND #r <> :m",
            "attribute_not_exists(#x) AND (:n < #r OR #r > :m OR pk = :t)",
            "#r BETWEEN :n AND #y OR :t <= #g",
        )
        return self._completed({"ConditionExpression": self.pick(conditions)})

    def update(self) -> Document:
        updates = (
            "SET #r = :n",
            "SET #r = #r + :n, #l = list_append(if_not_exists(#l, :e), :e)",
            "SET #r = if_not_exists(#r, :n) - :m",
            "SET #m = :o, #x = #m",
            "SET #x = #l, #r = :n REMOVE #l[0]",
            "SET #m.deep = :t",
            "SET #m.deep.er = :t, #l[1] = :n",
            "SET #x = #m REMOVE #m.deep ADD #y :n",
            "SET #x = #s ADD #s :s",
            "ADD #r :n",
            "ADD #s :s",
            "DELETE #s :s",
            "REMOVE #l[0], #m.deep, #r",
            "SET #x = (#r + :n)",
            "SET pk = :t",
            "SET sum = :n",
            "SET #r = ((:n))",
            "UP #r :n",
            "SET #x = #missing",
            "set #x = :t remove #r",
            "SET #x = :t, #y = #r - :n ADD #r :m",
            "SET #y = if_not_exists(#y, :n) + :m, #x = #y",
            "SET #r = :t, #x = #r REMOVE #g",
            "SET #y = :n + #missing",
            "ADD #r :n, #y :m DELETE #s :s",
        )
        return self._completed({"UpdateExpression": self.pick(updates)})

    def _of_no_key(self) -> Document:
        """The published MiniStack lets a transaction change a key, and keeps the item under the old one."""
        while (update := self.update())["UpdateExpression"].startswith("SET pk"):
            pass
        return update

    def _completed(self, expressions: Document) -> Document:
        """With the placeholders that are used, and now and then one more or less."""
        text = " ".join(expressions.values())
        names = {"#r": "rank", "#l": "list", "#m": "map", "#s": "set", "#x": "extra", "#y": "other", "#g": "group"}
        values: Document = {
            ":n": self.number(),
            ":m": self.number(),
            ":t": self.text(),
            ":e": {"L": [self.value(2)]},
            ":o": {"M": {"deep": {"M": {"er": self.number()}}, "in": self.text()}},
            ":s": {"SS": ["x", "w"]},
        }
        spare = self.some(0.02)
        names = {name: said for name, said in names.items() if name in text or spare}
        values = {name: said for name, said in values.items() if name in text or spare}
        if names:
            expressions["ExpressionAttributeNames"] = names
        if values:
            expressions["ExpressionAttributeValues"] = values
        return expressions

    def options(self, returned: tuple[str, ...]) -> Document:
        options: Document = {}
        if self.some(0.4):
            options["ReturnValues"] = self.pick(returned)
        if self.some(0.4):
            options["ReturnConsumedCapacity"] = self.pick(("TOTAL", "INDEXES", "NONE", "BAD"))
        if self.some(0.1):
            options["ReturnItemCollectionMetrics"] = "SIZE"
        if self.some(0.3):
            options["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return options

    def query(self, table: str) -> Document:
        index = self.pick((None, None, "by-group", "of-rank", "by-rank"))
        hashed, ranged = ("group", "rank") if index in ("by-group", "of-rank") else ("pk", "rank" if index else "sk")
        parts = {":h": {"S": self.pick(("p", "q", "g", "h", "none"))}}
        operand: Callable[[], Document] = self.number
        if not index:
            operand = {"hash": self.text, "number": self.number, "text": self.text, "binary": self.binary}[table]
        clauses = (
            "",
            "{r} = :a",
            "{r} < :a",
            "{r} <= :a",
            "{r} > :a",
            "{r} >= :a",
            "{r} BETWEEN :a AND :b",
            "begins_with({r}, :a)",
        )
        clause = self.pick(clauses).format(r="#r")
        shapes = ("#h = :h{}", "(#h = :h{})", ":h = #h{}", "#h = :h AND ({})", "{} AND #h = :h")
        shape = self.pick(shapes) if clause else "#h = :h"
        joined = f" AND {clause}" if shape.endswith(("h{}", "h{})")) else clause
        request: Document = {
            "TableName": table + "-table",
            "KeyConditionExpression": shape.format(joined),
            "ExpressionAttributeNames": {"#h": hashed, **({"#r": ranged} if clause else {})},
        }
        for name in (":a", ":b"):
            if name in clause:
                parts[name] = self.text() if self.some(0.05) else operand()
        request["ExpressionAttributeValues"] = parts
        if index:
            request["IndexName"] = index
        return request | self._page(("ALL_ATTRIBUTES", "COUNT", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES"))

    def scan(self, table: str) -> Document:
        request: Document = {"TableName": table + "-table"}
        if self.some(0.3):
            request["IndexName"] = self.pick(("by-group", "of-rank", "by-rank"))
        if self.some(0.3):
            request |= {"Segment": self.pick((0, 1)), "TotalSegments": 2}
        return request | self._page(("ALL_ATTRIBUTES", "COUNT"))

    def _page(self, selects: tuple[str, ...]) -> Document:
        page: Document = {}
        if self.some(0.5):
            page["Limit"] = self.pick((1, 2, 3, 100))
        if self.some(0.3):
            page["Select"] = self.pick(selects)
        if self.some(0.3):
            page["ReturnConsumedCapacity"] = self.pick(("TOTAL", "INDEXES"))
        return page

    def call(self) -> tuple[str, Document]:
        table = self.pick(("hash", "number", "text", "binary"))
        named = {"TableName": f"{table}-table"}
        kind = self._random.random()
        if kind < 0.25:
            condition = self.condition() if self.some(0.4) else {}
            return "PutItem", {
                **named,
                "Item": self.item(table),
                **condition,
                **self.options(("ALL_OLD", "NONE", "ALL_NEW")),
            }
        if kind < 0.32:
            condition = self.condition() if self.some(0.3) else {}
            return "DeleteItem", {**named, "Key": self.key(table), **condition, **self.options(("ALL_OLD", "NONE"))}
        if kind < 0.52:
            update = self.update()
            if self.some(0.3):
                both = {"UpdateExpression": update["UpdateExpression"], **self.condition()}
                update = self._completed({name: both[name] for name in ("UpdateExpression", "ConditionExpression")})
            returned = ("NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW")
            return "UpdateItem", {**named, "Key": self.key(table), **update, **self.options(returned)}
        if kind < 0.6:
            projected = self._completed({"ProjectionExpression": "#r, #m.deep, #l[0]"}) if self.some(0.5) else {}
            return "GetItem", {**named, "Key": self.key(table), **projected, "ReturnConsumedCapacity": "TOTAL"}
        if kind < 0.84:
            return "Query", self.query(table)
        if kind < 0.9:
            return "Scan", self.scan(table)
        return self._transaction()

    def _transaction(self) -> tuple[str, Document]:
        members = []
        for _ in range(self._random.randint(1, 3)):
            table = self.pick(("hash", "number", "text", "binary"))
            named = {"TableName": f"{table}-table", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
            condition = self.condition() if self.some(0.4) else {}
            members.append(
                self.pick(
                    [
                        {"Put": {**named, "Item": self.item(table), **condition}},
                        {"Update": {**named, "Key": self.key(table), **self._of_no_key()}},
                        {"Delete": {**named, "Key": self.key(table), **condition}},
                        {"ConditionCheck": {**named, "Key": self.key(table), **self.condition()}},
                    ]
                )
            )
        request: Document = {"TransactItems": members}
        if self.some(0.3):
            request["ReturnConsumedCapacity"] = self.pick(("TOTAL", "INDEXES"))
        if self.some(0.2):
            request["ClientRequestToken"] = self.pick(("one", "two"))
        return "TransactWriteItems", request


def _tables() -> Iterator[Document]:
    for name, kind in (("hash", None), ("number", "N"), ("text", "S"), ("binary", "B")):
        hashed, by_rank = _schema("pk"), _schema("pk", "rank")
        kinds = {"pk": "S", "group": "S", "rank": "N", **({"sk": kind} if kind else {})}
        indexes: Document = {
            "GlobalSecondaryIndexes": [
                _index("by-group", _schema("group"), {"ProjectionType": "KEYS_ONLY"}),
                _index("of-rank", _schema("group", "rank"), {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["sum"]}),
            ]
        }
        if kind:
            indexes["LocalSecondaryIndexes"] = [_index("by-rank", by_rank, {"ProjectionType": "ALL"})]
        else:
            indexes["GlobalSecondaryIndexes"].append(_index("by-rank", by_rank, {"ProjectionType": "ALL"}))
        yield {
            "TableName": f"{name}-table",
            "KeySchema": _schema("pk", "sk") if kind else hashed,
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": said} for key, said in kinds.items()],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": STREAM,
            **indexes,
        }


def _schema(*names: str) -> list[Document]:
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]


def _index(name: str, schema: list[Document], projection: Document) -> Document:
    return {"IndexName": name, "KeySchema": schema, "Projection": projection}


def test_every_answer_is_that_of_the_published_ministack(ours: Client, published: Client) -> None:
    draw = Draw(29)
    for table in _tables():
        assert {client.call("CreateTable", table)[0] for client in (ours, published)} == {200}
    answered: dict[str, set[int]] = {}
    pages = 0
    for number in range(CALLS):
        operation, request = draw.call()
        answer = published.call(operation, request)
        assert ours.call(operation, request) == answer, (number, operation, request)
        answered.setdefault(operation, set()).add(answer[0])
        while operation in ("Query", "Scan") and (last := answer[2].get("LastEvaluatedKey")):
            request["ExclusiveStartKey"] = last
            answer = published.call(operation, request)
            assert ours.call(operation, request) == answer, (number, operation, request)
            pages += 1
    # The calls were of all kinds, well and badly made, or nothing was compared.
    assert {operation for operation, statuses in answered.items() if statuses >= {200, 400}} == set(answered) - {"Scan"}
    assert len(answered) == 7
    assert pages > 50
    for table in _tables():
        assert _changes(ours, table["TableName"]) == _changes(published, table["TableName"])


def _changes(client: Client, table: str) -> list[Document]:
    """What a table's stream says, but for what every stream says its own way."""
    described = client.call("DescribeTable", {"TableName": table})[2]["Table"]
    arn = described["LatestStreamArn"]
    streams = "DynamoDBStreams_20120810"
    answer = client.call("DescribeStream", {"StreamArn": arn}, streams)[2]
    records: list[Document] = []
    for shard in answer["StreamDescription"]["Shards"]:
        start = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.call("GetShardIterator", start, streams)[2]["ShardIterator"]
        while iterator:
            page = client.call("GetRecords", {"ShardIterator": iterator}, streams)[2]
            if not page["Records"]:
                break
            records += page["Records"]
            iterator = page.get("NextShardIterator")
    assert records, f"{table} changed, and its stream says nothing"
    return [
        {
            "eventName": record["eventName"],
            **{name: record["dynamodb"].get(name) for name in ("Keys", "OldImage", "NewImage", "StreamViewType")},
        }
        for record in records
    ]


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b'{"TableName": "hash-table", "Key": null}'])
def test_a_body_that_is_none_is_refused_as_before(ours: Client, published: Client, body: bytes) -> None:
    assert ours.call("GetItem", body) == published.call("GetItem", body)


def test_what_is_no_operation_is_refused_as_before(ours: Client, published: Client) -> None:
    assert ours.call("GetThing", {}) == published.call("GetThing", {})


def test_a_transaction_changes_no_key(ours: Client) -> None:
    """As UpdateItem refuses it. The published MiniStack keeps the item under a key that it has no more."""
    name = "keys-stay"
    key = {"pk": {"S": "a"}}
    made = {
        "TableName": name,
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    assert ours.call("CreateTable", made)[0] == 200
    update = {
        "TableName": name,
        "Key": key,
        "UpdateExpression": "SET pk = :b",
        "ExpressionAttributeValues": {":b": {"S": "b"}},
    }
    put = {"TableName": name, "Item": {"pk": {"S": "c"}}}
    status, _, answer = ours.call("TransactWriteItems", {"TransactItems": [{"Put": put}, {"Update": update}]})
    assert status == 400
    assert [reason["Code"] for reason in answer["CancellationReasons"]] == ["None", "ValidationError"]
    assert "part of the key" in answer["CancellationReasons"][1]["Message"]
    assert ours.call("Scan", {"TableName": name})[2]["Count"] == 0

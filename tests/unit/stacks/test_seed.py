"""Seeds: what is given, what is missing before anything is applied, and failures with file and line."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pg8000.native import DatabaseError

from staticfire.errors import StaticfireError, UsageError
from staticfire.progress import Progress
from staticfire.settings import Seed, Settings
from staticfire.stacks.seed import BATCH, Seeding, _in_file, check_files

Project = Callable[[str], Settings]


class Aws:
    """What DynamoDB, S3 and Lambda are told; an item whose id is `bad` is refused."""

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self.objects: dict[str, tuple[str, bytes, str]] = {}
        self.batches: list[int] = []
        self.invoked: list[tuple[str, bytes]] = []
        self.answer: dict[str, Any] = {"Payload": io.BytesIO(b"null")}

    def client(self, service: str, **config: Any) -> Any:
        return self

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> Any:
        [(table, requests)] = RequestItems.items()
        items = [request["PutRequest"]["Item"] for request in requests]
        self.batches.append(len(items))
        if len({item["id"]["S"] for item in items}) < len(items):
            raise refusal("Provided list of item keys contains duplicates")
        for item in items:
            self.put_item(table, item)
        return {}

    def put_item(self, TableName: str, Item: Any) -> None:
        if Item["id"]["S"] == "bad":
            raise refusal("Type mismatch for key")
        self.items[Item["id"]["S"]] = TableName

    def put_object(self, Bucket: str, Key: str, Body: Any, ContentType: str) -> None:
        self.objects[Key] = (Bucket, Body.read(), ContentType)

    def invoke(self, FunctionName: str, Payload: bytes) -> Any:
        self.invoked.append((FunctionName, Payload))
        return self.answer


def refusal(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "PutItem")


def seed(aws: Aws, made: Seed, outputs: dict[str, Any] | None = None) -> str:
    seeding = Seeding("shop", made, outputs or {}, ["plans", "pages", "fill"], None, aws.client)
    with Progress().step("Apply shop") as step:
        return seeding.run(step)


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_items_go_to_the_table_that_an_output_names_in_batches(tmp_path: Path) -> None:
    file = written(tmp_path / "plans.jsonl", "".join(f'{{"id": "{number}"}}\n' for number in range(BATCH + 1)))
    aws = Aws()
    arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/of-terraform"
    assert seed(aws, Seed(items={"out": (file,)}), {"out": arn}) == f"{BATCH + 1} items in of-terraform"
    assert aws.batches == [BATCH, 1]
    assert set(aws.items.values()) == {"of-terraform"}


def test_a_key_that_comes_twice_in_a_file_is_put_twice(tmp_path: Path) -> None:
    file = written(tmp_path / "plans.jsonl", '{"id": "a"}\n{"id": "a", "n": 2}\n')
    aws = Aws()
    assert seed(aws, Seed(items={"plans": (file,)})) == "2 items in plans"
    assert aws.items == {"a": "plans"}


def test_an_item_that_the_table_refuses_is_told_with_its_line(tmp_path: Path) -> None:
    file = written(tmp_path / "plans.jsonl", '{"id": "good"}\n\n{"id": "bad"}\n')
    with pytest.raises(StaticfireError, match=r"plans\.jsonl:3: .*Type mismatch") as failed:
        seed(Aws(), Seed(items={"plans": (file,)}))
    assert "staticfire up shop" in failed.value.remedy


def test_what_is_no_json_is_told_with_its_line(tmp_path: Path) -> None:
    file = written(tmp_path / "plans.jsonl", '{"id": "good"}\nno\n')
    with pytest.raises(StaticfireError, match=r"plans\.jsonl:2: not JSON"):
        seed(Aws(), Seed(items={"plans": (file,)}))


def test_a_directory_is_a_buckets_objects_by_their_paths(tmp_path: Path) -> None:
    written(tmp_path / "site/a/index.html", "<p>")
    written(tmp_path / "site/raw", "?")
    aws = Aws()
    assert seed(aws, Seed(objects={"pages": tmp_path / "site"})) == "2 objects in pages"
    assert aws.objects == {
        "a/index.html": ("pages", b"<p>", "text/html"),
        "raw": ("pages", b"?", "application/octet-stream"),
    }


def test_a_function_is_invoked_last_by_its_own_name_or_an_outputs(tmp_path: Path) -> None:
    for outputs in ({}, {"fill": "arn:aws:lambda:eu-west-1:000000000000:function:fill"}):
        aws = Aws()
        assert seed(aws, Seed(function="fill", payload={"n": 1}), outputs) == "function fill"
        assert aws.invoked == [("fill", b'{"n": 1}')]


def test_a_function_that_fails_fails_the_seed() -> None:
    aws = Aws()
    aws.answer = {"Payload": io.BytesIO(b'{"errorMessage": "no plan"}'), "FunctionError": "Unhandled"}
    with pytest.raises(StaticfireError, match=r"the function fill failed: .*no plan"):
        seed(aws, Seed(function="fill"))


def test_a_name_that_nothing_has_is_told_with_those_that_there_are() -> None:
    with pytest.raises(StaticfireError, match=r"seed\.function names 'fil'") as failed:
        seed(Aws(), Seed(function="fil"), {"count": 3})
    assert list(failed.value.checked) == ["outputs: count", "made: fill, pages, plans"]


def test_an_error_of_postgres_has_the_line_where_it_says_one(tmp_path: Path) -> None:
    text = "SELECT 1;\n-- ä\nSELECT nothing;\n"
    error = DatabaseError({"M": "column does not exist", "P": str(text.index("nothing") + 1), "H": "Look."})
    assert _in_file(Path("a.sql"), text, error) == "a.sql:3: column does not exist (Look.)"
    assert _in_file(Path("a.sql"), text, DatabaseError({"M": "duplicate key"})) == "a.sql: duplicate key"


def test_files_that_are_not_there_are_all_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as failed:
        check_files("shop", Seed(sql=(tmp_path / "a.sql",), objects={"pages": tmp_path / "site"}))
    assert list(failed.value.checked) == [f"{tmp_path}/a.sql", f"{tmp_path}/site (a directory)"]


SEED = "[stacks.shop]\nroot = 'infra'\ndatabase = true\n[stacks.shop.seed]\n"


def test_the_settings_say_it(project: Project) -> None:
    text = "sql = ['a.sql']\nitems = { one = 'a.json', two = ['b.jsonl', 'c.ndjson'] }\nobjects = { pages = 'site' }\n"
    settings = project(f"{SEED}{text}function = 'fill'\npayload = {{ n = 1 }}\n")
    there = settings.project
    assert settings.stack("shop").seed == Seed(
        sql=(there / "a.sql",),
        items={"one": (there / "a.json",), "two": (there / "b.jsonl", there / "c.ndjson")},
        objects={"pages": there / "site"},
        function="fill",
        payload={"n": 1},
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("functions = 'a'", "stacks.shop.seed.functions is not a setting"),
        ("payload = { n = 1 }", "without a `function`"),
        ("items = { plans = 'a.csv' }", "a.csv is neither"),
        ("items = { plans = 7 }", "seed.items.plans is 7: a list of strings"),
        ("objects = { pages = ['site'] }", "seed.objects.pages is missing: a directory"),
    ],
)
def test_what_cannot_be_right_is_told(project: Project, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        project(SEED + text)


def test_sql_without_a_database_is_told(project: Project) -> None:
    with pytest.raises(UsageError, match="has no database of its own"):
        project("[stacks.shop]\nroot = 'infra'\n[stacks.shop.seed]\nsql = ['a.sql']\n")

"""What a stack is given after each apply and each reset: rows, items, objects, and what a function makes.

`[stacks.NAME.seed]` names it. The order is SQL, items, objects, function: the function finds the rest. All of it is
given anew each time; that giving it twice does no harm is the user's own care.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pg8000.native import DatabaseError

from staticfire.errors import StaticfireError, UsageError
from staticfire.progress import Step
from staticfire.settings import Seed

from .databases import StackDatabase
from .seed_items import Item, read_items

BATCH = 25  # items of a call, by DynamoDB's own limit
FUNCTION_SECONDS = 900


def check_files(stack: str, seed: Seed) -> None:
    """An error that names each file and directory of a seed which is not there."""
    files = [*seed.sql, *(file for files in seed.items.values() for file in files)]
    missing = [
        *(str(file) for file in files if not file.is_file()),
        *(f"{place} (a directory)" for place in seed.objects.values() if not place.is_dir()),
    ]
    if missing:
        raise UsageError(
            f"The stack {stack!r} is seeded with what is not there.",
            checked=missing,
            remedy=f"Correct [stacks.{stack}.seed]; its paths are relative to staticfire.toml.",
        )


@dataclass(frozen=True)
class Seeding:
    """Gives one applied stack its seed. `names`: what of functions, tables and buckets Terraform made."""

    stack: str
    seed: Seed
    outputs: Mapping[str, Any]
    names: Sequence[str]
    database: StackDatabase | None
    client: Callable[..., Any]

    def run(self, step: Step) -> str:
        """What was given, in words."""
        check_files(self.stack, self.seed)
        seeded = [
            *self._sql(step),
            *self._items(step),
            *self._objects(step),
            *self._function(step),
        ]
        return ", ".join(seeded) or "nothing"

    def _failed(self, what: str, *checked: str) -> StaticfireError:
        remedy = f"Correct it, then run `staticfire up {self.stack}`, which seeds again."
        return StaticfireError(f"The stack {self.stack!r} was not seeded: {what}", checked=checked, remedy=remedy)

    def _named(self, key: str, name: str, separator: str) -> str:
        """The name that an output holds, as it is or at the end of an ARN; else the name itself."""
        value = self.outputs.get(name)
        if isinstance(value, str):
            return value.rpartition(separator)[2] if value.startswith("arn:") else value
        if name in self.names:
            return name
        raise self._failed(
            f"stacks.{self.stack}.seed.{key} names {name!r}: neither an output of text nor anything that was made.",
            f"outputs: {', '.join(sorted(self.outputs)) or 'none'}",
            f"made: {', '.join(sorted(self.names)) or 'nothing'}",
        )

    def _sql(self, step: Step) -> Iterator[str]:
        if not self.seed.sql:
            return
        if self.database is None:
            raise self._failed("the target has no database for its SQL.")
        with self.database.connect() as connection:
            for file in self.seed.sql:
                step.note(file.name)
                try:
                    text = file.read_text(encoding="utf-8")
                    connection.run(text)
                except UnicodeDecodeError as error:
                    raise self._failed(f"{file} is not UTF-8: {error}") from error
                except DatabaseError as error:
                    raise self._failed(_in_file(file, text, error)) from error
                yield file.name

    def _items(self, step: Step) -> Iterator[str]:
        for name, files in self.seed.items.items():
            table = self._named("items", name, ":table/")
            count, dynamodb = 0, self.client("dynamodb")
            for file in files:
                step.note(f"{table}: {file.name}")
                try:
                    for batch in _batches(read_items(file)):
                        self._put(dynamodb, table, file, batch)
                        count += len(batch)
                except ValueError as error:
                    raise self._failed(str(error)) from error
            yield f"{count} items in {table}"

    def _put(self, dynamodb: Any, table: str, file: Path, items: Sequence[Item]) -> None:
        requests = [{"PutRequest": {"Item": item.values}} for item in items]
        try:
            if not dynamodb.batch_write_item(RequestItems={table: requests}).get("UnprocessedItems"):
                return
        except (
            ClientError,
            BotoCoreError,
        ):  # it does not say which item is wrong; one key twice is nothing wrong in a file
            pass
        for item in items:
            try:
                dynamodb.put_item(TableName=table, Item=item.values)
            except (ClientError, BotoCoreError) as error:
                raise self._failed(f"{file}:{item.place}: {error}", f"table: {table}") from error

    def _objects(self, step: Step) -> Iterator[str]:
        for name, directory in self.seed.objects.items():
            bucket, s3 = self._named("objects", name, ":"), self.client("s3")
            files = sorted(path for path in directory.rglob("*") if path.is_file())
            for file in files:
                key = file.relative_to(directory).as_posix()
                step.note(f"{bucket}: {key}")
                kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
                try:
                    with file.open("rb") as body:
                        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=kind)
                except ClientError as error:
                    raise self._failed(f"{file}: {error}", f"bucket: {bucket}, key: {key}") from error
            yield f"{len(files)} objects in {bucket}"

    def _function(self, step: Step) -> Iterator[str]:
        if self.seed.function:
            name = self._named("function", self.seed.function, ":function:")
            step.note(name)
            payload = json.dumps(dict(self.seed.payload), default=str)
            functions = self.client("lambda", read_timeout=FUNCTION_SECONDS)
            try:
                answer = functions.invoke(FunctionName=name, Payload=payload.encode())
            except ClientError as error:
                raise self._failed(f"the function {name} cannot be invoked: {error}") from error
            said = answer["Payload"].read().decode(errors="replace")
            if "FunctionError" in answer:
                logs = f"`staticfire logs {name}` has its logs"
                raise self._failed(f"the function {name} failed: {said}", f"payload: {payload}", logs)
            yield f"function {name}"


def _in_file(file: Path, text: str, error: DatabaseError) -> str:
    """What Postgres says of a file of SQL, with the line where it says one: it counts characters from 1."""
    fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    message = fields.get("M", str(error))
    details = "".join(f" ({fields[name]})" for name in ("D", "H") if name in fields)
    line = f":{text.count(chr(10), 0, int(fields['P']) - 1) + 1}" if fields.get("P", "").isdigit() else ""
    return f"{file}{line}: {message}{details}"


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch

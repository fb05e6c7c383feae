"""Tables of a TOML file that know where they stand: an error names the file, the key and what is right there."""

from __future__ import annotations

import argparse
import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .errors import UsageError
from .timespan import parse_timespan

Value = TypeVar("Value")
JSON, JSON_LINES = ".json", (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Table:
    """`name` is the table's dotted name in the file `source`, and empty for the whole file."""

    values: Mapping[str, Any]
    source: Path
    name: str = ""

    @classmethod
    def of_file(cls, source: Path) -> Table:
        try:
            return cls(tomllib.loads(source.read_text(encoding="utf-8")), source)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{source} is not valid TOML: {error}") from error

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def where(self, key: str) -> str:
        return f"{self.source}: {self.name}.{key}" if self.name else f"{self.source}: {key}"

    def only(self, *settings: str) -> Table:
        """This table; an error when it has a key that is not one of these."""
        for key in self.values:
            if key not in settings:
                raise UsageError(
                    f"{self.where(key)} is not a setting.",
                    remedy=nearest(key, settings) or f"The settings there are: {', '.join(settings)}.",
                )
        return self

    def table(self, key: str) -> Table:
        """The table below `key`, empty when there is none."""
        values = self.values.get(key, {})
        if not isinstance(values, dict):
            raise UsageError(f"{self.where(key)} must be a table.")
        return Table(values, self.source, f"{self.name}.{key}" if self.name else key)

    def get(self, key: str, convert: Callable[[Any], Value], default: Value) -> Value:
        return converted(convert, self.values[key], self.where(key)) if key in self.values else default

    def required(self, key: str, what: str) -> str:
        """The text below `key`; an error that says what is missing when there is none."""
        if not isinstance(self.values.get(key), str):
            raise UsageError(f"{self.where(key)} is missing: {what}.")
        return str(self.values[key])

    def path(self, key: str) -> Path | None:
        """A path that starts from the file's directory."""
        relative = self.get(key, path, None)
        return self.source.parent / relative if relative else None

    def required_path(self, key: str, what: str) -> Path:
        return self.source.parent / self.required(key, what)


def converted(convert: Callable[[Any], Value], value: Any, where: str) -> Value:
    """The value as `convert` makes it; an error that says where it stands when it cannot be right."""
    try:
        return convert(value)
    except ValueError as error:
        raise UsageError(f"{where} is {value!r}: {error}.") from error


def nearest(word: str, words: Iterable[str]) -> str:
    """A question for the word that was meant; empty when none is near."""
    matches = difflib.get_close_matches(word, list(words), 1)
    return f"Did you mean {matches[0]!r}?" if matches else ""


def integer(low: int, high: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        number = _number(int, value)
        if number is None or not low <= number <= high:
            raise ValueError(f"a whole number from {low} to {high} is needed")
        return number

    return convert


def timespan(value: Any) -> float:
    """Seconds, from text as flags take it."""
    try:
        seconds = parse_timespan(text(value))
    except argparse.ArgumentTypeError as error:
        raise ValueError(str(error)) from None
    if not seconds:
        raise ValueError("a length of time over 0 is needed")
    return seconds


def _number(kind: Callable[[str], Value], value: Any) -> Value | None:
    try:
        return None if isinstance(value, bool) else kind(str(value))
    except ValueError:
        return None


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is needed")
    return value


def switch(value: Any) -> bool:
    """As `boolean`, and as a variable says it: `true`, `false`, `1` or `0`."""
    return boolean({"true": True, "1": True, "false": False, "0": False}.get(str(value).lower()))


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string is needed")
    return value


def one_of(*words: str) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if value not in words:
            raise ValueError(f"one of these is needed: {', '.join(words)}")
        return str(value)

    return convert


def strings(value: Any) -> tuple[str, ...]:
    """A list of strings; as a variable says it, with commas between them."""
    if isinstance(value, str):
        return tuple(entry.strip() for entry in value.split(",") if entry.strip())
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise ValueError("a list of strings is needed")
    return tuple(value)


def item_files(value: Any) -> tuple[str, ...]:
    """A file of items, or a list of such files."""
    names = strings([value] if isinstance(value, str) else value)
    if others := [name for name in names if Path(name).suffix not in (*JSON_LINES, JSON)]:
        raise ValueError(f"{others[0]} is neither a file of JSON lines ({', '.join(JSON_LINES)}) nor of JSON ({JSON})")
    return names


def path(value: Any) -> Path | None:
    return Path(text(value)).expanduser() if value else None

"""Terraform's files, by hand, since python-hcl2 is slow and refuses files that Terraform takes: blocks and arguments.

Only what a look from outside needs: which blocks a directory has, their labels, the text of their arguments, their own
blocks. No expression is evaluated. `*.tf.json` is read as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
HEREDOC = re.compile(r"<<-?([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\r?\n")
STRING = re.compile(r'"((?:[^"\\$%]|\\.|\$(?!\{)|%(?!\{))*)"')
SUFFIXES = (".tf", ".tf.json", ".tofu", ".tofu.json")


@dataclass(frozen=True)
class Block:
    """`provider "aws" { region = "x" }`: type, labels, the text of its arguments, the blocks in it."""

    type: str
    labels: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    def text(self, argument: str) -> str | None:
        """The argument's value, when it is a plain string."""
        match = STRING.fullmatch(self.arguments.get(argument, "").strip())
        return None if match is None else json.loads(f'"{match[1]}"', strict=False)

    def of_type(self, name: str) -> Iterator[Block]:
        yield from (block for block in self.blocks if block.type == name)


def files_in(directory: Path) -> list[Path]:
    """The files that make up the module in this directory, as Terraform takes them: hidden ones are none of them."""
    if not directory.is_dir():
        return []
    return sorted(
        path
        for path in directory.iterdir()
        if path.name.endswith(SUFFIXES) and not path.name.startswith((".", "#")) and path.is_file()
    )


def module_in(directory: Path) -> Block:
    """All that the files of a directory say, as one block."""
    bodies = [_parsed(path, path.stat().st_mtime_ns, path.stat().st_size) for path in files_in(directory)]
    return Block("", blocks=tuple(block for body in bodies for block in body.blocks))


@lru_cache(1024)
def _parsed(path: Path, changed: int, size: int) -> Block:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return parse_json(text) if path.name.endswith(".json") else parse(text)


def parse(text: str) -> Block:
    """A file's blocks. What is not HCL gives fewer: Terraform itself says what is wrong with it."""
    return _body(text, 0, "", ())[0]


def values(text: str) -> Mapping[str, str]:
    """The arguments of a `*.tfvars` file, or of the inside of an object."""
    return parse(text).arguments


def _body(text: str, at: int, kind: str, labels: tuple[str, ...]) -> tuple[Block, int]:
    """The body that begins here, and where it ends: at its closing brace, or with the text."""
    arguments: dict[str, str] = {}
    blocks: list[Block] = []
    while (at := _skip_blank(text, at)) < len(text):
        if text[at] == "}":
            return Block(kind, labels, arguments, tuple(blocks)), at + 1
        word = WORD.match(text, at) or STRING.match(text, at)
        if word is None:
            at += 1
            continue
        name, at = word[0].strip('"'), _skip_blank(text, word.end(), lines=False)
        own: list[str] = []
        while (label := WORD.match(text, at) or STRING.match(text, at)) is not None:
            own.append(label[0].strip('"'))
            at = _skip_blank(text, label.end(), lines=False)
        if text[at : at + 1] == "{":
            block, at = _body(text, at + 1, name, tuple(own))
            blocks.append(block)
        elif text[at : at + 1] in ("=", ":") and not own:
            begin, at = at + 1, _end_of_expression(text, at + 1)
            arguments[name] = text[begin:at].strip()
    return Block(kind, labels, arguments, tuple(blocks)), at


def _skip_blank(text: str, at: int, *, lines: bool = True) -> int:
    """Past blanks and comments; `lines`: past the ends of lines and past commas, too."""
    while at < len(text):
        if text[at] in (" \t\r\n," if lines else " \t"):
            at += 1
        elif (comment := _comment(text, at)) and (lines or text.startswith("/*", at)):
            at = comment
        else:
            break
    return at


def _comment(text: str, at: int) -> int:
    """Where the comment that begins here ends; 0 when none does."""
    if text.startswith("/*", at):
        end = text.find("*/", at + 2)
        return len(text) if end < 0 else end + 2
    if text[at] == "#" or text.startswith("//", at):
        end = text.find("\n", at)
        return len(text) if end < 0 else end
    return 0


def _end_of_expression(text: str, at: int) -> int:
    """Where the expression ends: with its line, a comma or a bracket that closes what is around it."""
    depth = 0
    while at < len(text):
        character = text[at]
        if character == '"':
            at = _end_of_string(text, at + 1)
            continue
        if heredoc := HEREDOC.match(text, at):
            end = re.compile(rf"^[ \t]*{heredoc[1]}\b", re.MULTILINE).search(text, heredoc.end())
            at = len(text) if end is None else end.end()
            continue
        if comment := _comment(text, at):
            if depth == 0 and not text.startswith("/*", at):
                return at
            at = comment
            continue
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and character in "\n,"):
            return at
        at += 1
    return at


def _end_of_string(text: str, at: int) -> int:
    """Past the closing quote; a template in the string may have strings of its own."""
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == '"' or text[at] == "\n":
            return at + 1
        elif text.startswith(("${", "%{"), at) and text[at - 1] != text[at]:
            at = _end_of_template(text, at + 2)
        else:
            at += 1
    return at


def _end_of_template(text: str, at: int) -> int:
    depth = 1
    while at < len(text) and depth:
        if text[at] == '"':
            at = _end_of_string(text, at + 1)
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at


LABELS = {"resource": 2, "data": 2, "provider": 1, "variable": 1, "output": 1, "module": 1, "backend": 1}


def parse_json(text: str) -> Block:
    """The same of a `*.tf.json` file."""
    try:
        document = json.loads(text)
    except ValueError:
        return Block("")
    return _of_json("", (), document) if isinstance(document, dict) else Block("")


def _of_json(kind: str, labels: tuple[str, ...], document: Mapping[str, Any]) -> Block:
    blocks: list[Block] = []
    arguments = {name: json.dumps(value) for name, value in document.items()}
    for name, value in document.items():
        blocks += _labelled(name, (), value, LABELS.get(name, 0))
    return Block(kind, labels, arguments, tuple(blocks))


def _labelled(kind: str, labels: tuple[str, ...], value: Any, missing: int) -> Iterator[Block]:
    for entry in value if isinstance(value, list) else [value]:
        if not isinstance(entry, dict):
            continue
        if missing:
            for label, inner in entry.items():
                yield from _labelled(kind, (*labels, label), inner, missing - 1)
        else:
            yield _of_json(kind, labels, entry)

"""A request that came in, as a line of a shell and as a test of Python: nothing that it held is carried out."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from staticfire.console import server

STATIC = Path(server.__file__).with_name("static")
SCRIPT = """
import { asCurl, quoted, python } from "./again.js";
const texts = JSON.parse(process.argv[2]);
const request = { method: "POST", url: "http://127.0.0.1:4566/x?a[]=1", headers: [], body: "@/etc/passwd" };
console.log(JSON.stringify({ words: texts.map(quoted), literals: texts.map(python), curl: asCurl(request) }));
"""
TEXTS = [
    "plain",
    "it's $(id) `id` \\ \"",
    "a\nb\tc",
    "\x1b[201~\nid\n",
    "'\x01\\'",
    "\u009b2J",
    "grin \U0001f600 ä",
    "",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine")
    directory = tmp_path_factory.mktemp("again")
    for name in ("again.js", "api.js"):
        shutil.copy(STATIC / name, directory)
    (directory / "package.json").write_text('{"type": "module"}')
    (directory / "script.js").write_text(SCRIPT)
    command = [node, "script.js", json.dumps(TEXTS)]
    run = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=True)
    document: dict[str, list[str]] = json.loads(run.stdout)
    return document


def test_a_word_of_a_shell_is_the_text_and_holds_no_control_character(made: dict[str, list[str]]) -> None:
    for text, word in zip(TEXTS, made["words"], strict=True):
        said = subprocess.run(
            ["bash", "-c", f"printf %s {word}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
        )
        assert said.stdout.decode() == text
        assert "\x1b" not in word


def test_a_string_of_python_is_the_text(made: dict[str, list[str]]) -> None:
    literals = [ast.literal_eval(literal) for literal in made["literals"]]
    assert literals == TEXTS
    assert all(literal.encode() for literal in literals if literal)


def test_a_body_that_looks_like_a_file_is_a_body(made: dict[str, list[str]]) -> None:
    assert str(made["curl"]) == "curl -sS --globoff -X POST 'http://127.0.0.1:4566/x?a[]=1' --data-raw @/etc/passwd"

"""A request that came in, as a line of a shell and as a test of Python: nothing that it held is carried out."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from staticfire.console import server

STATIC = Path(server.__file__).with_name("static")
SCRIPT = """
import { readFileSync } from "node:fs";
import { stack } from "./api.js";
import { asCurl, asPytest, quoted, python, requestOf } from "./again.js";
const texts = JSON.parse(process.argv[2]);
const request = { method: "POST", url: "http://127.0.0.1:4566/x?a[]=1", headers: [], body: "@/etc/passwd" };
stack.overview = { endpoint: "http://127.0.0.1:4566" };
const traced = ([body, length]) => {
  const headers = length === null ? [] : [["Content-Length", String(length)]];
  const facts = { method: "POST", path: "/x", body, headers };
  return requestOf({ id: "1", waterfall: [{ kind: "api", status: 200, facts }] });
};
const again = JSON.parse(readFileSync("bodies.json", "utf8")).map(traced);
const binary = again.find((one) => one.base64);
console.log(JSON.stringify({
  cuts: again.map((one) => one.cut),
  binary: [asCurl(binary), asPytest(binary, { id: "1" })],
  words: texts.map(quoted), literals: texts.map(python), curl: asCurl(request),
}));
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

PNG = b"\x89PNG\r\n\x00\xff"
# What is kept of a body, and the length that its header told.
BODIES: list[object] = [
    ["ä", 2],
    ["ä", None],
    [{"base64": b64encode(PNG).decode()}, len(PNG)],
    ["x" * 65536, 65537],
    ["x" * 65536, 65536],
    ["x" * 65536, None],
    [{"base64": b64encode(PNG).decode()}, 100_000],
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
    (directory / "bodies.json").write_text(json.dumps(BODIES))
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


def test_a_body_that_was_cut_is_not_sent_again_and_why(made: dict[str, list[str]]) -> None:
    assert [bool(cut) for cut in made["cuts"]] == [False, False, False, True, False, True, True]
    assert made["cuts"][3].startswith("The body had 65,537 bytes, and its trace keeps 65,536 of them")


def test_a_body_that_is_not_text_is_sent_as_it_was(made: dict[str, list[str]]) -> None:
    curl, test = made["binary"]
    sender = curl.partition(" | curl")[0]
    sent = subprocess.run(["bash", "-c", sender], capture_output=True, check=True).stdout
    assert sent == PNG
    assert curl.endswith("--data-binary @-")
    calls = [node for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Call)]
    body = next(keyword.value for call in calls for keyword in call.keywords if keyword.arg == "body")
    assert eval(compile(ast.Expression(body), "", "eval"), {"b64decode": b64decode}) == PNG

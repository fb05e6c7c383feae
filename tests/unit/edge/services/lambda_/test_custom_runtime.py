"""Custom runtimes: a bootstrap of the zip or of a layer, compiled or a script, and what keeps one from starting."""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.edge.services.lambda_.kit import Lab, Said

OWN = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
CUSTOM: dict[str, Any] = {"Runtime": "provided.al2023", "Handler": "my.handler"}

# AWS's tutorial has this script, with the same programs.
SCRIPT = """#!/bin/sh
set -euo pipefail
echo "starts with $_HANDLER in $PWD"
if [ "${BREAKS:-}" ]; then exit 4; fi
while true; do
  HEADERS="$(mktemp)"
  EVENT=$(curl -sS -LD "$HEADERS" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  echo "got $EVENT"
  if [ "$EVENT" = '"fail"' ]; then
    curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$ID/error" \\
      -H 'Lambda-Runtime-Function-Error-Type: My.Error' -d '{"errorType": "My.Error", "errorMessage": "as told"}'
  elif [ "$EVENT" = '"exit"' ]; then exit 9
  else
    curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$ID/response" -d "[$EVENT, \\"$(ls /var)\\"]"
  fi
done
"""

# Only the standard library: what is tested is a program of this machine, not a client.
COMPILED = r"""
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

fn call(head: &str, body: &str) -> (String, String) {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    let length = body.len();
    write!(stream, "{head} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .unwrap();
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end();
        if line.is_empty() { break; }
        if let Some((name, value)) = line.split_once(": ") {
            match name.to_lowercase().as_str() {
                "lambda-runtime-aws-request-id" => id = value.to_string(),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
    }
    let mut content = vec![0; length];
    reader.read_exact(&mut content).unwrap();
    (id, String::from_utf8(content).unwrap())
}

fn main() {
    let mut calls = 0;
    loop {
        let (id, event) = call("GET /2018-06-01/runtime/invocation/next", "");
        calls += 1;
        println!("call {calls}");
        if event == "\"allocate\"" {
            let kept: Vec<Vec<u8>> = (0..4000).map(|_| vec![1; 1_000_000]).collect();
            println!("{}", kept.len());
        }
        call(&format!("POST /2018-06-01/runtime/invocation/{id}/response"), &format!("[{calls}, {event}]"));
    }
}
"""


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A bootstrap in Rust."""
    if not shutil.which("rustc"):
        pytest.skip("rustc is not here")
    directory = tmp_path_factory.mktemp("rust")
    (directory / "bootstrap.rs").write_text(COMPILED)
    # rustup looks for its compilers below HOME, which a test run may have changed.
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    variables = {"RUSTUP_HOME": str(home / ".rustup"), **os.environ}
    command = ["rustc", "-O", "-o", "bootstrap", "bootstrap.rs"]
    subprocess.run(command, cwd=directory, env=variables, check=True, timeout=300)
    return (directory / "bootstrap").read_bytes()


needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="AWS's script calls curl, which is not here")


@needs_curl
@pytest.mark.parametrize("runtime", ["provided.al2", "provided.al2023"])
async def test_a_script_answers_fails_and_writes(lab: Lab, said: Said, runtime: str) -> None:
    ref = lab.deploy({"bootstrap": SCRIPT}, **CUSTOM | {"Runtime": runtime})
    async with lab.running() as functions:
        first = await functions.invoke(ref, b'{"a": 1}', tail=True)
        failed = await functions.invoke(ref, b'"fail"')
        again = await functions.invoke(ref, b"2", tail=True)
        await functions.reset()
    lines = [line.removesuffix("\n") for line in lab.emulator.lines["/aws/lambda/f"]]
    assert said(first)[0] == {"a": 1}
    assert (failed.error, said(failed)["errorMessage"]) == ("Unhandled", "as told")
    assert "got 2" in again.log_tail.splitlines()
    assert lines.count("starts with my.handler in /var/task") == 1
    assert any(line.startswith("INIT_START Runtime Version: provided:al2") for line in lines)
    assert sum(line.startswith("REPORT RequestId: ") for line in lines) == 3


@needs_curl
async def test_it_comes_from_a_layer_unless_the_zip_has_one(lab: Lab, said: Said) -> None:
    lab.add_layer("arn:layer:1", {"bootstrap": SCRIPT.replace("[$EVENT", "[$EVENT, 1")})
    layers: dict[str, Any] = {"Layers": [{"Arn": "arn:layer:1"}]}
    of_layer = lab.deploy({"data": ""}, name="l", **CUSTOM, **layers)
    of_zip = lab.deploy({"bootstrap": SCRIPT}, name="z", **CUSTOM, **layers)
    async with lab.running() as functions:
        assert said(await functions.invoke(of_layer, b"0"))[:2] == [0, 1]
        assert said(await functions.invoke(of_zip, b"0"))[1] != 1


@needs_curl
async def test_a_script_that_ends_costs_its_own_invocation(lab: Lab, said: Said) -> None:
    ref = lab.deploy({"bootstrap": SCRIPT}, **CUSTOM)
    async with lab.running() as functions:
        failed = said(await functions.invoke(ref, b'"exit"'))
        assert (failed["errorType"], "exit status 9" in failed["errorMessage"]) == ("Runtime.ExitError", True)
        assert said(await functions.invoke(ref, b"1"))[0] == 1


async def test_one_that_ends_while_it_starts(lab: Lab, said: Said) -> None:
    ref = lab.deploy({"bootstrap": SCRIPT}, **CUSTOM, Environment={"Variables": {"BREAKS": "1"}})
    async with lab.running() as functions:
        failed = said(await functions.invoke(ref, b"1"))
    assert (failed["errorType"], "exit status 4" in failed["errorMessage"]) == ("Runtime.ExitError", True)


async def test_a_compiled_program_answers(lab: Lab, said: Said, compiled: bytes) -> None:
    ref = lab.deploy({"bootstrap": compiled}, **CUSTOM, Architectures=[OWN])
    async with lab.running() as functions:
        assert [said(await functions.invoke(ref, b"7")) for _ in range(3)] == [[1, 7], [2, 7], [3, 7]]
        outcome = await functions.invoke(ref, b"8", tail=True)
    assert "call 4" in outcome.log_tail.splitlines()


async def test_its_memory_is_limited(lab: Lab, said: Said, compiled: bytes) -> None:
    ref = lab.deploy({"bootstrap": compiled}, **CUSTOM, MemorySize=128, Architectures=[OWN])
    async with lab.running() as functions:
        failed = said(await functions.invoke(ref, b'"allocate"'))
        assert failed["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError")
        assert said(await functions.invoke(ref, b"7")) == [1, 7]


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little") + bytes(44)


BROKEN = {
    "not there": ({"other": "x"}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]", ""),
    "not a program": ({"bootstrap": "x"}, "fork/exec /var/task/bootstrap: exec format error", ""),
    "its shell is not here": (
        {"bootstrap": "#!/bin/nosuch\n"},
        "fork/exec /var/task/bootstrap: no such file or directory",
        "",
    ),
    "another architecture": (
        {"bootstrap": elf(183)},
        "fork/exec /var/task/bootstrap: exec format error",
        "/var/task/bootstrap is built for arm64; the function's architecture is x86_64",
    ),
}


@pytest.mark.parametrize(("files", "message", "line"), BROKEN.values(), ids=BROKEN)
async def test_what_cannot_start_is_told_as_aws_tells_it(
    lab: Lab, said: Said, files: dict[str, str | bytes], message: str, line: str
) -> None:
    ref = lab.deploy(files, **CUSTOM)
    async with lab.running() as functions:
        outcome = await functions.invoke(ref, b"{}")
        await functions.reset()
    assert (outcome.error, said(outcome)["errorType"]) == ("Unhandled", "Runtime.InvalidEntrypoint")
    assert said(outcome)["errorMessage"].endswith(f" Error: {message}")
    assert outcome.request_id in said(outcome)["errorMessage"]
    assert not line or f"{line}\n" in lab.emulator.lines["/aws/lambda/f"]


SEES = """#!/bin/sh
rm -rf /tmp/* /var/task/* 2>/dev/null
touch /tmp/own
ls / /var /tmp /var/task > /tmp/seen
env >> /tmp/seen
ls /proc/self/fd >> /tmp/seen
"""


async def test_it_sees_its_code_and_nothing_of_python_or_node(lab: Lab, tmp_path: Path) -> None:
    ref = lab.deploy({"bootstrap": f"{SEES}cat /tmp/seen\n[ -e {tmp_path} ] && echo SEEN\nexit 1\n"}, **CUSTOM)
    async with lab.running() as functions:
        await functions.invoke(ref, b"{}")
        if functions.isolation != "namespaces":
            pytest.skip("the kernel grants no namespaces here")
        await functions.reset()
    lines = {line.removesuffix("\n") for line in lab.emulator.lines["/aws/lambda/f"]}
    assert {"bootstrap", "own", "task", "_HANDLER=my.handler", "LAMBDA_TASK_ROOT=/var/task"} <= lines
    assert not {"SEEN", "root", "home", "lang", "runtime"} & lines
    not_lambdas = ("AWS_EXECUTION_ENV=", "_LAMBDA_TELEMETRY", "STATICFIRE", "PYTHON")
    assert not any(line.startswith(not_lambdas) for line in lines)


async def test_a_program_of_this_machine_does_not_run_as_another_architectures(
    lab: Lab, said: Said, compiled: bytes
) -> None:
    other = "x86_64" if OWN == "arm64" else "arm64"
    ref = lab.deploy({"bootstrap": compiled}, **CUSTOM, Architectures=[other])
    async with lab.running() as functions:
        assert said(await functions.invoke(ref, b"{}"))["errorType"] == "Runtime.InvalidEntrypoint", "as on AWS"

"""AWS's runtime client compiled by this machine's compilers, and what becomes of a build that cannot be made."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from staticfire import client_build, environments
from staticfire.doctor import checks
from staticfire.errors import PrerequisiteError
from staticfire.layout import Layout
from staticfire.native import LOG, Build
from staticfire.progress import Progress
from staticfire.settings import Settings, load
from staticfire.venvs import Interpreter, environment, lock_file

ROOT = Path(__file__).parents[3]
MACHINES_OWN = ("linux-vdso", "ld-linux", "libc.", "libm.", "libpthread.", "libstdc++.", "libgcc_s.")


def can_compile() -> bool:
    try:
        client_build.compilers(Layout.of(load(ROOT)), this_python())
    except PrerequisiteError:
        return False
    return sys.platform == "linux"


def this_python() -> Interpreter:
    return environments.interpreters()[f"3.{sys.version_info.minor}"]


pytestmark = pytest.mark.skipif(not can_compile(), reason="a C++ compiler is optional, and there is none")


@pytest.fixture
def stack() -> Settings:
    """The project's own, whose environments all tests share."""
    return load(ROOT, overrides={"runtimes": [f"python3.{sys.version_info.minor}"], "compile_client": True})


@pytest.fixture
def elsewhere(tmp_path: Path, stack: Settings) -> Settings:
    """A cache that has nothing but the compiler's environment."""
    settings = load(ROOT, overrides={"cache_dir": str(tmp_path)})
    compiler = environment("compiler", lock_file("compiler"), Path(sys.executable), Layout.of(stack)).parents[1]
    envs = Layout.of(settings).envs
    envs.mkdir()
    (envs / compiler.name).symlink_to(compiler)
    return settings


def client(settings: Settings) -> Build:
    python, progress = this_python(), Progress(stream=io.StringIO())
    return client_build.clients([python], settings, Layout.of(settings), progress)[python.minor]


def doctors_note(settings: Settings) -> str:
    return next(check.found for check in checks(settings) if check.name == "Runtime client" and check.mark == "note")


def test_functions_have_the_compiled_client_which_does_all_that_the_published_one_does(stack: Settings) -> None:
    runtime = environments.runtimes(stack, Layout.of(stack), Progress())[stack.runtimes[0]]
    published = environment(
        f"runtime-{runtime.interpreter.minor}", lock_file("runtime"), runtime.interpreter.path, Layout.of(stack)
    )

    def ask(python: Path) -> list[str]:
        question = "import runtime_client; print(runtime_client.__file__, *dir(runtime_client))"
        command = [str(python), "-I", "-c", question]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.split()

    (ours, *functions), (theirs, *expected) = ask(runtime.python), ask(published)
    assert {"initialize_client", "next", "post_invocation_result", "post_error"} <= set(expected)
    assert functions == expected
    assert Path(ours).name == Path(theirs).name
    assert runtime.client.path is not None
    assert Path(ours).read_bytes() == runtime.client.path.read_bytes() != Path(theirs).read_bytes()


def test_the_compiled_client_needs_no_library_that_a_machine_may_lack(stack: Settings) -> None:
    module = client(stack).path
    assert module is not None
    needed = subprocess.run(["ldd", str(module)], capture_output=True, text=True, check=True, timeout=60).stdout
    names = [Path(line.split()[0]).name for line in needed.splitlines()]
    assert names
    assert [name for name in names if not name.startswith(MACHINES_OWN)] == []


def test_where_the_compiler_fails_the_client_is_as_published_and_nobody_waits_for_it_twice(
    elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "false")
    build = client(elsewhere)
    assert build.path is None
    assert "as published" in build.note
    assert "Compiling it failed" in build.note
    (log,) = Layout.of(elsewhere).envs.glob(f"client-*/{LOG}")
    assert str(log) in build.note
    log.unlink()
    assert client(elsewhere) == build
    assert not log.exists()
    assert "Compiling it failed" in doctors_note(elsewhere)


def test_sources_that_cannot_be_fetched_leave_no_trace_so_that_the_next_up_fetches_them(
    elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    build = client(elsewhere)
    assert build.path is None
    assert "cannot be fetched" in build.note
    assert "Check the network" in build.note
    assert not list(Layout.of(elsewhere).envs.glob("client-*"))


def test_sources_that_cannot_be_fetched_are_asked_for_once_for_all_pythons(
    elsewhere: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Index(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
        progress = Progress(stream=io.StringIO())
        builds = client_build.clients([this_python()] * 2, elsewhere, Layout.of(elsewhere), progress)
        server.shutdown()
    assert "cannot be fetched" in builds[this_python().minor].note
    assert asked == ["/awslambdaric/"]

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from staticfire.errors import PrerequisiteError, StaticfireError
from staticfire.host.locks import file_lock
from staticfire.host.waiting import wait_until
from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.stacks import packages
from staticfire.toolchain import venvs
from staticfire.toolchain.runtimes import interpreters, nearest, runtimes_in_use
from staticfire.toolchain.venvs import Interpreter, install, lock_file, locked, virtual_environment
from staticfire.toolchain.wheels import WheelTarget


def python(minor: int, micro: int = 0) -> Interpreter:
    return Interpreter((3, minor, micro), Path(f"/python3.{minor}"))


@pytest.mark.parametrize(
    ("runtime", "here", "chosen"),
    [
        ("python3.12", [11, 12, 13], "3.12"),
        ("python3.13", [10, 11], "3.11"),
        ("python3.9", [11, 12], "3.11"),
        ("python3.12", [11, 13], "3.13"),
    ],
)
def test_a_runtime_runs_on_its_own_python_else_on_the_nearest(runtime: str, here: list[int], chosen: str) -> None:
    pythons = {f"3.{minor}": python(minor) for minor in here}
    assert nearest(runtime, pythons).minor == chosen


def test_a_machine_without_any_fit_python_is_told_so() -> None:
    with pytest.raises(PrerequisiteError, match="No Python"):
        nearest("python3.13", {})


def test_the_python_that_runs_us_is_among_the_interpreters() -> None:
    assert f"3.{sys.version_info[1]}" in interpreters()


def test_a_shim_of_a_version_that_is_not_there_is_no_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "python3.14"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert all(interpreter.path != shim for interpreter in interpreters().values())


def test_the_runtimes_in_use_are_read_from_the_terraform_files(project: Callable[[str], Settings]) -> None:
    settings = project("[stacks.a]\nroot = 'infra/stacks/a'\n")
    module = 'module "f" {\n  source = "../../modules/f"\n}\n'
    for name, text in (
        ("stacks/a/main.tf", f'runtime = "python3.9"\n{module}'),
        ("modules/f/main.tf", 'default = "python3.13"'),
    ):
        path = settings.project / "infra" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    assert runtimes_in_use(settings) == ("python3.9", "python3.13")


def test_runtimes_of_the_settings_come_before_those_of_the_files(project: Callable[[str], Settings]) -> None:
    assert runtimes_in_use(project("[staticfire]\nruntimes = ['python3.12']\n")) == ("python3.12",)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "state", tmp_path / "cache")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "lock.txt"
    path.write_text("# nothing\n")
    return path


@pytest.fixture
def no_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venvs, "_uv", lambda layout: None)


def empty(lock: Path, layout: Layout) -> Path:
    """The root of a virtual environment that holds what the lock names."""
    return virtual_environment("empty", lock, Path(sys.executable), layout).parent.parent


def test_a_virtual_environment_is_built_once_and_again_when_its_build_was_killed(lock: Path, layout: Layout) -> None:
    root = empty(lock, layout)
    (root / "marker").touch()
    assert empty(lock, layout) == root
    assert (root / "marker").exists()
    (root / "complete").unlink()
    assert empty(lock, layout) == root
    assert not (root / "marker").exists()


def test_another_lock_file_is_another_virtual_environment(lock: Path, layout: Layout) -> None:
    first = empty(lock, layout)
    lock.write_text("# something else\n")
    assert empty(lock, layout) != first


def test_many_projects_at_once_build_it_once(lock: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = []
    monkeypatch.setattr(venvs, "by_pip", lambda *arguments: builds.append(arguments))
    monkeypatch.setattr(venvs, "_uv", lambda layout: None)
    with ThreadPoolExecutor(8) as projects:
        roots = list(projects.map(lambda _: empty(lock, layout), range(8)))
    assert len(set(roots)) == len(builds) == 1


def test_nobody_builds_while_the_installer_of_a_killed_build_still_writes(lock: Path, layout: Layout) -> None:
    """kill -9 ends staticfire, not the uv or pip that it had started: that one holds the lock until it has ended."""
    script = (
        "import sys; from pathlib import Path\n"
        "from staticfire.host.locks import file_lock; from staticfire.layout import Layout\n"
        "from staticfire.toolchain import venvs\n"
        "with file_lock(Path(sys.argv[1])):\n"
        "    venvs._start(['sh', '-c', 'echo started >&2; sleep 2'], Layout(Path('.'), Path('.')))\n"
    )
    path = layout.cache / "lock"
    builder = subprocess.Popen([sys.executable, "-c", script, str(path)], start_new_session=True)
    assert wait_until(path.exists, 30)
    assert wait_until(lambda: _children(builder.pid), 30)
    builder.kill()
    builder.wait()
    begun = time.monotonic()
    with file_lock(path):
        assert time.monotonic() - begun > 0.5


def _children(pid: int) -> list[str]:
    run = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return run.stdout.split()


def test_a_full_disk_is_named_with_what_to_do_and_nothing_half_is_left(
    lock: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        venvs._run(["sh", "-c", "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1"], layout, "It failed")

    monkeypatch.setattr(venvs, "install", full)
    with pytest.raises(StaticfireError, match="No space left") as error:
        empty(lock, layout)
    assert "STATICFIRE_CACHE_DIR" in error.value.remedy
    assert not [path for path in layout.virtual_environments.iterdir() if path.is_dir()]


def test_a_cache_that_cannot_be_written_to_is_named(lock: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StaticfireError, match="cannot be kept") as error:
        empty(lock, Layout(tmp_path, tmp_path / "file"))
    assert "STATICFIRE_CACHE_DIR" in error.value.remedy


@pytest.mark.usefixtures("no_uv")
def test_a_requirement_without_a_hash_is_refused_with_pips_own_words(lock: Path, layout: Layout) -> None:
    lock.write_text("six==1.17.0\n")
    with pytest.raises(StaticfireError, match=r"(?s)cannot be filled.*hash"):
        empty(lock, layout)


def test_uv_refuses_it_too_and_pip_says_why(lock: Path, layout: Layout) -> None:
    lock.write_text("six==1.17.0\n")
    with pytest.raises(StaticfireError, match=r"(?s)cannot be filled.*hash"):
        empty(lock, layout)


def test_an_index_that_pip_is_configured_with_is_not_passed_by(
    lock: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def works(command: list[str], layout: Layout) -> bool:
        commands.append(command)
        return False

    monkeypatch.setenv("PIP_INDEX_URL", "https://pypi.example.com/simple")
    monkeypatch.setattr(venvs, "_uv", lambda layout: Path("/uv"))
    monkeypatch.setattr(venvs, "_works", works)
    monkeypatch.setattr(venvs, "_run", lambda command, layout, failure: commands.append(command))
    venvs._pip_has_an_index.cache_clear()
    install(locked(lock), Path(sys.executable), layout, "It failed")
    venvs._pip_has_an_index.cache_clear()
    assert ["--offline" in command for command in commands] == [True, False]
    assert "pip" in commands[1][2]


def test_uv_and_pip_install_the_same_bytes(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = Path(__file__).parents[3] / "service/servicekit/requirements.txt"
    target = WheelTarget.here(f"3.{sys.version_info[1]}")
    by_uv = packages.install(requirements, layout, target)
    monkeypatch.setattr(venvs, "_uv", lambda layout: None)
    by_pip = packages.install(requirements, Layout(tmp_path, tmp_path / "another"), target)
    assert _contents(by_uv) == _contents(by_pip)


def _contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in packages.files_of(root)}


def test_virtual_environments_can_be_made_by_a_python_that_has_its_standard_library_alone() -> None:
    command = [sys.executable, "-S", "-c", "import staticfire.toolchain.venvs"]
    run = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("name", ["ministack", "runtime", "postgres", "uv"])
def test_every_line_of_a_lock_has_hashes_and_none_names_an_index(name: str) -> None:
    text = lock_file(name).read_text()
    pins = [line for line in text.splitlines() if "==" in line]
    assert pins
    assert all(line.endswith("\\") for line in pins)
    assert "://" not in text

"""Targets are picked by name, and say what they need; the containers find a Terraform."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import platform
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from staticfire.errors import PrerequisiteError, UsageError
from staticfire.settings import Settings
from staticfire.targets.base import target
from staticfire.targets.compose import Compose, require_engine
from staticfire.targets.postgres.server import RunningPostgres

FINDER = Path(__file__).parents[3] / "docker" / "terraform.py"


def test_an_unknown_target_is_refused_with_those_that_there_are(project: Callable[..., Settings]) -> None:
    with pytest.raises(UsageError) as refused:
        target(replace(project(), target="clouds"))
    assert "embedded, compose, containers, external" in str(refused.value)


def test_the_old_name_of_a_target_answers_with_the_new_one(project: Callable[..., Settings]) -> None:
    with pytest.raises(UsageError) as refused:
        target(replace(project(), target="given"))
    assert "`external`" in refused.value.remedy


@pytest.mark.parametrize("name", ["compose", "containers", "external"])
def test_where_no_emulator_enforces_iam_it_is_refused(project: Callable[..., Settings], name: str) -> None:
    with pytest.raises(UsageError, match="IAM is not enforced"):
        target(replace(project(), target=name, enforce_iam=True))


@pytest.mark.parametrize("name", ["embedded", "compose", "containers", "external"])
def test_each_target_is_there(project: Callable[..., Settings], name: str) -> None:
    assert type(target(replace(project(), target=name))).__name__.lower() == name


def test_the_external_target_needs_an_address(project: Callable[..., Settings]) -> None:
    with pytest.raises(UsageError, match="needs the edge's address"):
        target(replace(project(), target="external")).describe()


def test_where_nothing_answers_nothing_runs(project: Callable[..., Settings]) -> None:
    assert target(replace(project(), target="external", endpoint="http://127.0.0.1:9")).describe() is None


def test_without_an_engine_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(PrerequisiteError) as refused:
        require_engine()
    assert "Start Docker" in refused.value.remedy
    assert "none.sock" in str(refused.value)


def test_a_project_without_a_compose_file_is_told_of_the_other_target(project: Callable[..., Settings]) -> None:
    with pytest.raises(PrerequisiteError, match="target `compose` needs") as refused:
        _ = Compose(project()).command
    assert "`containers`" in refused.value.remedy


def test_only_another_state_directory_has_a_project_of_its_own(
    project: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = project()
    (settings.project / "compose.yaml").write_text("services: {}\n")
    assert "--project-name" not in Compose(settings).command
    others = [Compose(replace(settings, state_dir=tmp_path / name)).command[-1] for name in "ab"]
    assert len(set(others)) == 2


def test_the_password_of_a_role_is_the_same_for_whoever_knows_the_servers() -> None:
    one, two = (RunningPostgres(host, 1, "postgres", "secret", "17", True) for host in ("127.0.0.1", "postgres"))
    assert one.password_of("usage") == two.password_of("usage")
    assert one.password_of("usage") != one.password_of("usage_gw0")
    assert one.password_of("usage") != replace(one, admin_password="another").password_of("usage")


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server of releases: its URL, and the directory that it serves."""
    root = tmp_path / "releases"
    (root / "9.9.9").mkdir(parents=True)

    serve = partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", root / "9.9.9"
        server.shutdown()


def release(directory: Path, digest: str | None = None) -> None:
    processor = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("terraform", "#!/bin/sh\necho Terraform v9.9.9\n")
    name = f"terraform_9.9.9_linux_{processor}.zip"
    (directory / name).write_bytes(packed.getvalue())
    digest = digest or hashlib.sha256(packed.getvalue()).hexdigest()
    (directory / "terraform_9.9.9_SHA256SUMS").write_text(f"{digest}  {name}\n")


def find(host: Path, state: Path, releases: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "STATICFIRE_HOST_DIR": str(host),
        "STATICFIRE_STATE_DIR": str(state),
        "STATICFIRE_TERRAFORM_RELEASES": releases,
        "STATICFIRE_TERRAFORM_VERSION": "9.9.9",
    }
    command = [sys.executable, str(FINDER), "sh", "-c", 'echo "$STATICFIRE_TERRAFORM"']
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_the_hosts_terraform_is_used_when_it_runs(tmp_path: Path) -> None:
    binary = tmp_path / "host" / "bin" / "terraform"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    done = find(tmp_path / "host", tmp_path / "state", "http://127.0.0.1:9")
    assert done.stdout.strip() == str(binary)


def test_where_the_hosts_does_not_run_the_release_is_downloaded_once(
    tmp_path: Path, releases: tuple[str, Path]
) -> None:
    url, directory = releases
    binary = tmp_path / "host" / "bin" / "terraform"
    binary.parent.mkdir(parents=True)
    binary.write_bytes(b"\xcf\xfa\xed\xfe")  # another system's
    binary.chmod(0o755)
    release(directory)
    first = find(tmp_path / "host", tmp_path / "state", url)
    again = find(tmp_path / "host", tmp_path / "state", "http://127.0.0.1:9")
    path = first.stdout.splitlines()[-1]
    assert path.startswith(str(tmp_path / "state"))
    assert again.stdout.strip() == path


def test_a_release_with_another_digest_is_not_used(tmp_path: Path, releases: tuple[str, Path]) -> None:
    url, directory = releases
    release(directory, "0" * 64)
    done = find(tmp_path / "host", tmp_path / "state", url)
    assert done.returncode == 1
    assert "not used" in done.stderr


def test_without_any_terraform_it_is_said_what_to_set(tmp_path: Path) -> None:
    done = find(tmp_path / "host", tmp_path / "state", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "STATICFIRE_TERRAFORM_DIR" in done.stderr
    assert "STATICFIRE_PROVIDER_DIR" in done.stderr

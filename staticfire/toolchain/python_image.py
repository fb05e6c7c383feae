"""The base of images that are put together without an engine: this machine's Python and AWS's runtime client, a layer.

It stands in for AWS's base image for Python, which an engine has to pull. What runs there runs here: the client at
/var/runtime, Python at /var/lang, `/lambda-entrypoint.sh HANDLER`, the variables that AWS's sets. The operating system
is not Amazon Linux but what of this machine Python needs: its libraries, a shell, certificates.

By hand, as what builds images (buildah, kaniko) is on few machines, and needs a base from a registry.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from staticfire.errors import PrerequisiteError
from staticfire.host.locks import file_lock
from staticfire.layout import Layout

from .runtimes import interpreters, nearest
from .venvs import Interpreter, lock_file, virtual_environment

# What of the standard library no function needs: what is tested, drawn, installed or compiled with.
UNNEEDED = re.compile(
    r"/(?:test|tests|idlelib|tkinter|ensurepip|(?:site|dist)-packages|lib2to3|turtledemo|config-[^/]*)/"
    r"|/_tkinter\.|\.opt-[12]\.pyc$"
)
# Which Python looks for while it runs, and what wheels may expect of any Linux (the list of manylinux).
OPENED_LATER = re.compile(
    r"lib(?:nss_(?:dns|files)|resolv|anl|m|rt|dl|pthread|util|nsl|gcc_s|stdc\+\+|atomic|z|expat)\.so\.\d+"
)
BASH = Path("/bin/bash")
PACKED = 1  # how hard gzip tries: the layer is pushed to this machine alone
ENTRYPOINT = "lambda-entrypoint.sh"
SCRIPT = b"""#!/bin/bash
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
export _HANDLER="$1"
exec /var/lang/bin/python3 -m awslambdaric "$1"
"""
LIBRARIES = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
VARIABLES: Mapping[str, str] = {
    "LANG": "C.UTF-8",
    "TZ": ":/etc/localtime",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": LIBRARIES,
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
    "PYTHONPATH": "/var/task:/opt/python:/var/runtime",
}


@dataclass(frozen=True)
class PythonBase:
    """`key` is of all that goes into it; its layer is made when somebody asks for it."""

    python: Interpreter
    key: str
    _layout: Layout

    @classmethod
    def of(cls, minor: str, layout: Layout) -> PythonBase:
        """That of a Python, as `3.13`: where this machine has none of it, of the nearest."""
        if sys.platform != "linux":
            raise PrerequisiteError(
                "An image is put together from this machine's Python and libraries, which Linux alone has.",
                remedy="Have an engine build it: `dockerfile` in the place of `zips`. Or deploy the function as a zip.",
            )
        python = nearest(f"python{minor}", interpreters())
        made_of = [Path(__file__).read_bytes(), lock_file("runtime").read_bytes()]
        made_of += [os.fsencode(python.path.resolve()), python.full_version.encode()]
        return cls(python, hashlib.sha256(b"|".join(made_of)).hexdigest()[:16], layout)

    def layer(self) -> tuple[Path, str]:
        """The layer, packed, and the digest of its tar; made once for all projects of this user."""
        path = self._layout.cache / "images" / f"python{self.python.minor}-{self.key}.tar.gz"
        digest = path.with_suffix(".sha256")
        path.parent.mkdir(parents=True, exist_ok=True)
        with file_lock(path.with_name(f".{path.name}.lock")):
            if not path.exists():
                with tempfile.TemporaryDirectory(prefix="layer-", dir=path.parent) as temporary:
                    tar, packed = Path(temporary, "tar"), Path(temporary, "packed")
                    self._write(tar)
                    with tar.open("rb") as read:
                        digest.write_text(f"sha256:{hashlib.file_digest(read, 'sha256').hexdigest()}")
                        read.seek(0)
                        with gzip.GzipFile("", "wb", PACKED, packed.open("wb"), mtime=0) as written:
                            shutil.copyfileobj(read, written, 1 << 20)
                    packed.rename(path)
        return path, digest.read_text()

    def _write(self, path: Path) -> None:
        runtime = virtual_environment(
            f"runtime-{self.python.minor}", lock_file("runtime"), self.python.path, self._layout
        )
        prefix = Path(interpreter_says(self.python.path, "sys.base_prefix"))
        files = dict(_python(prefix, self.python))
        native = [source for name, source in files.items() if ".so" in name]
        for site in runtime.parents[1].glob("lib/python*/site-packages"):
            client = {f"var/runtime/{file.relative_to(site).as_posix()}": file for file in _files(site)}
            files |= client
            native += [source for name, source in client.items() if name.endswith(".so")]
        programs = [self.python.path.resolve(), BASH]
        files |= {str(source).lstrip("/"): source for source in (*programs, *shared_libraries([*programs, *native]))}
        files |= {place: source for place, source in _certificates() if source.is_file()}
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            for name, source in sorted(files.items()):
                add(archive, name, source)
            add_content(archive, ENTRYPOINT, SCRIPT, 0o755)
            link(archive, "bin/sh", "bash")
            link(archive, "var/lang", str(prefix))
            for name in ("python3", f"python{self.python.minor}"):
                place = prefix / "bin" / name
                if place != programs[0]:
                    link(archive, str(place).lstrip("/"), str(programs[0]))


def _python(prefix: Path, python: Interpreter) -> Iterator[tuple[str, Path]]:
    """The standard library, with its byte code."""
    library = prefix / "lib" / f"python{python.minor}"
    for path in _files(library):
        if not UNNEEDED.search(f"/{path.relative_to(library).as_posix()}"):
            yield str(path).lstrip("/"), path


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def _certificates() -> Iterator[tuple[str, Path]]:
    """Where this machine's OpenSSL looks for them, and where Amazon Linux has them."""
    for file in (ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt"):
        if file and os.path.isfile(file):
            for place in ("etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/certs/ca-certificates.crt", file.lstrip("/")):
                yield place, Path(file)
            return


def interpreter_says(python: Path, expression: str) -> str:
    command = [str(python), "-c", f"import sys; print({expression})"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def shared_libraries(files: Iterable[Path]) -> set[Path]:
    """Those of this machine that these need, by `ldd`; and those beside them that are opened while a program runs."""
    listed = subprocess.run(["ldd", *map(str, files)], check=False, capture_output=True, text=True).stdout
    words = {word for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    needed = {Path(word) for word in words if not word.endswith(":") and Path(word).is_file()}
    folders = {path.parent for path in needed if path.name.startswith("libc.")}
    later = {path for folder in folders for path in folder.iterdir() if OPENED_LATER.fullmatch(path.name)}
    return needed | {path for path in later if path.is_file()}


# Entries of a layer: everybody's to read, and nobody's to write to.


def add(archive: tarfile.TarFile, name: str, source: Path) -> None:
    """A file with the second that it was written in, by which Python knows whether byte code is of its source."""
    status = source.stat()
    info = tarfile.TarInfo(name)
    info.size, info.mtime = status.st_size, int(status.st_mtime)
    info.mode = 0o755 if status.st_mode & 0o100 else 0o644
    with source.open("rb") as file:
        archive.addfile(info, file)


def add_content(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    archive.addfile(info, io.BytesIO(content))


def link(archive: tarfile.TarFile, name: str, target: str) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
    archive.addfile(info)

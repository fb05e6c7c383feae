"""Container images made by hand, and a registry's client: what tests push, well made or not.

The program in a good one is this machine's bash with the libraries that it needs, and a client of the Runtime API in
its own language: nothing has to be fetched or compiled.
"""

from __future__ import annotations

import base64
import compileall
import gzip
import hashlib
import io
import json
import py_compile
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.conformance.lab import Answer, Pairs, send

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

# A runtime client: answers what HANDLER (a function of the script `handler`) prints for the event in $EVENT.
BOOTSTRAP = r"""#!/bin/bash
LC_ALL=C
API=/dev/tcp/${AWS_LAMBDA_RUNTIME_API/:/\/}
source "${HANDLER_FILE:-/app/handler}"
while true; do
  exec 3<>"$API"
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: api\r\n\r\n' >&3
  LENGTH=0
  while IFS= read -r LINE <&3; do
    LINE=${LINE%$'\r'}
    [ -z "$LINE" ] && break
    NAME=${LINE%%:*}; VALUE=${LINE#*: }
    case "${NAME,,}" in
      lambda-runtime-aws-request-id) ID=$VALUE ;;
      content-length) LENGTH=$VALUE ;;
    esac
  done
  EVENT=
  [ "$LENGTH" -gt 0 ] && IFS= read -r -N "$LENGTH" EVENT <&3
  RESULT=$(handle "$@")
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: api\r\nContent-Length: %d\r\n\r\n%s' \
    "$ID" "${#RESULT}" "$RESULT" >&3
  IFS= read -r LINE <&3
  exec 3>&-
done
"""

# As AWS's base images have it.
ENTRYPOINT = r"""#!/bin/bash
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" 1>&2
  exit 142
fi
export _HANDLER="$1"
RUNTIME_ENTRYPOINT=/var/runtime/bootstrap
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
  exec /usr/local/bin/aws-lambda-rie $RUNTIME_ENTRYPOINT
else
  exec $RUNTIME_ENTRYPOINT
fi
"""


@dataclass(frozen=True)
class Entry:
    """One entry of a layer's tar."""

    name: str
    content: bytes = b""
    mode: int = 0o644
    kind: bytes = tarfile.REGTYPE
    target: str = ""
    mtime: float = 0


def file(name: str, content: bytes | str, mode: int = 0o644) -> Entry:
    return Entry(name, content.encode() if isinstance(content, str) else content, mode)


def copied(name: str, path: Path, mode: int = 0o755) -> Entry:
    """A file of this machine with its time, by which Python knows whether byte code is of its source."""
    return Entry(name, path.read_bytes(), mode, mtime=int(path.stat().st_mtime))


def program(name: str, content: bytes | str) -> Entry:
    return file(name, content, 0o755)


def directory(name: str, mode: int = 0o755) -> Entry:
    return Entry(name, mode=mode, kind=tarfile.DIRTYPE)


def link(name: str, target: str) -> Entry:
    return Entry(name, kind=tarfile.SYMTYPE, target=target, mode=0o777)


def hard_link(name: str, target: str) -> Entry:
    return Entry(name, kind=tarfile.LNKTYPE, target=target)


def tarred(entries: Iterable[Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.mode, info.type, info.linkname = entry.mode, entry.kind, entry.target
            info.size, info.mtime = len(entry.content), entry.mtime
            archive.addfile(info, io.BytesIO(entry.content))
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class BuiltImage:
    """`layers` are as they are pushed; a layer that is given as bytes is a tar."""

    layers: tuple[bytes, ...]
    config: bytes
    manifest: bytes
    media_type: str = MANIFEST

    @property
    def digest(self) -> str:
        return sha256(self.manifest)

    @property
    def blobs(self) -> tuple[bytes, ...]:
        return (*self.layers, self.config)


def build(
    layers: Sequence[Sequence[Entry] | bytes],
    *,
    diff_ids: Sequence[str] | None = None,
    architecture: str = "amd64",
    layer_type: str = LAYER,
    **config: Any,
) -> BuiltImage:
    """`config`: Entrypoint, Cmd, Env, WorkingDir."""
    tars = [layer if isinstance(layer, bytes) else tarred(layer) for layer in layers]
    packed = tuple(gzip.compress(tar, 1, mtime=0) for tar in tars)
    document = {
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": list(diff_ids or map(sha256, tars))},
    }
    return assemble(packed, json.dumps(document).encode(), layer_type=layer_type)


def assemble(packed: Sequence[bytes], config: bytes, *, layer_type: str = LAYER) -> BuiltImage:
    described = [{"mediaType": layer_type, "digest": sha256(data), "size": len(data)} for data in packed]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": sha256(config), "size": len(config)},
        "layers": described,
    }
    return BuiltImage(tuple(packed), config, json.dumps(manifest).encode())


@cache
def bash_layer() -> tuple[Entry, ...]:
    """This machine's bash at /bin/bash, with its libraries where it looks for them."""
    listed = subprocess.run(["ldd", "/bin/bash"], check=True, capture_output=True, text=True).stdout
    paths = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
    entries = [file(path.lstrip("/"), Path(path).read_bytes(), 0o755) for path in paths]
    return (*entries, program("bin/bash", Path("/bin/bash").read_bytes()))


def bash_image(handler: str, *layers: Sequence[Entry], **config: Any) -> BuiltImage:
    """An image whose function answers what `handler`, a line of bash, prints; the event is in $EVENT."""
    own = [program("bootstrap", BOOTSTRAP), file("app/handler", f"handle() {{ {handler}\n}}\n")]
    settings = {"Entrypoint": ["/bootstrap"], "Env": ["PATH=/bin"], **config}
    return build([bash_layer(), own, *layers], **settings)


@dataclass
class RegistryClient:
    """The distribution API of one registry, request by request."""

    endpoint: str
    authorization: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, ecr: Any) -> RegistryClient:
        (data,) = ecr.get_authorization_token()["authorizationData"]
        return cls(data["proxyEndpoint"], f"Basic {data['authorizationToken']}")

    def send(self, method: str, path: str, headers: Pairs = (), body: bytes | None = None) -> Answer:
        pairs = dict(headers)
        return send(method, self.endpoint + path, {"authorization": self.authorization, **self.headers, **pairs}, body)

    def push_blob(self, repository: str, data: bytes) -> None:
        begun = self.send("POST", f"/v2/{repository}/blobs/uploads/", body=b"")
        assert begun.status == 202, begun.body
        answer = self.send("PUT", f"{begun.headers['location']}?digest={sha256(data)}", body=data)
        assert answer.status == 201, answer.body

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str = MANIFEST) -> Answer:
        return self.send("PUT", f"/v2/{repository}/manifests/{reference}", {"content-type": media_type}, data)

    def push(self, repository: str, tag: str, image: BuiltImage) -> str:
        for blob in image.blobs:
            self.push_blob(repository, blob)
        answer = self.put_manifest(repository, tag, image.manifest, image.media_type)
        assert answer.status == 201, answer.body
        return image.digest


def repository_path(uri: str) -> str:
    """Of a repositoryUri: what stands after the host."""
    return urlsplit(f"//{uri}").path.lstrip("/")


def password(authorization_token: str) -> str:
    return base64.b64decode(authorization_token).decode().partition(":")[2]


# What of the standard library no function needs.
_LEFT_OUT = {"test", "idlelib", "tkinter", "ensurepip", "site-packages", "lib2to3", "turtledemo"}


def _shared_libraries(binaries: Iterable[Path]) -> set[Path]:
    """Those of this machine that these files need."""
    listed = subprocess.run(["ldd", *map(str, binaries)], check=False, capture_output=True, text=True).stdout
    words = {word for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    return {Path(word) for word in words if not word.endswith(":") and Path(word).is_file()}


@cache
def python_layer() -> tuple[Entry, ...]:
    """This Python, where it lies on this machine: the interpreter, its library, and the libraries that both need."""
    prefix, version = Path(sys.base_prefix), f"python{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = Path(sys.executable).resolve()
    library = prefix / "lib" / version
    files = [
        path
        for path in library.rglob("*")
        if path.is_file() and not _LEFT_OUT & set(path.parts) and not path.is_relative_to(library / "config")
    ]
    binaries = [interpreter, *(path for path in files if path.suffix == ".so")]
    kept = {str(path): path for path in (interpreter, *files, *_shared_libraries(binaries))}
    entries = [copied(name.lstrip("/"), path) for name, path in sorted(kept.items())]
    return (*entries, link("bin/python3", str(interpreter)))


# Of botocore's models, those that services here call; all of them are 100 MB.
_MODELS = re.compile(r"botocore/data/(?!dynamodb/|secretsmanager/|sts/|lambda/|[^/]*\.json$)")


def distribution_files(*names: str, site: Path) -> tuple[Entry, ...]:
    """What is installed, in `site` or here, of these distributions and of those that they need, below var/task."""
    entries: dict[str, Entry] = {}
    native: list[Path] = []
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        distribution = next(iter(metadata.distributions(name=name, path=[str(site), *sys.path])), None)
        if distribution is None:
            continue  # of another platform, or of an extra that nobody asked for
        for path in distribution.files or ():
            located = Path(str(distribution.locate_file(path)))
            unneeded = {"..", "__pycache__"} & set(path.parts) or _MODELS.match(str(path))
            if not unneeded and located.is_file():
                entries[str(path)] = copied(f"var/task/{path}", located)
                native += [located] if ".so" in path.suffixes else []
        waiting += [
            re.split(r"[^A-Za-z0-9._-]", text)[0] for text in distribution.requires or () if "extra ==" not in text
        ]
    shared = [path for path in _shared_libraries(native) if not str(path).startswith(str(site))]
    return (*entries.values(), *_byte_code(entries), *(copied(str(path).lstrip("/"), path) for path in shared))


def _byte_code(entries: Mapping[str, Entry]) -> tuple[Entry, ...]:
    """As whoever builds an image for Lambda does: it cannot be written at a start, and to compile takes seconds."""
    with tempfile.TemporaryDirectory() as directory:
        for name, entry in entries.items():
            if name.endswith(".py"):
                path = Path(directory, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(entry.content)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(directory, quiet=2, workers=2, invalidation_mode=mode)
        made = sorted(Path(directory).rglob("*.pyc"))
        return tuple(file(f"var/task/{path.relative_to(directory)}", path.read_bytes()) for path in made)


def source_files(root: Path, *packages: str) -> tuple[Entry, ...]:
    """Packages of a source tree, below var/task."""
    paths = [path for package in packages for path in (root / package).rglob("*.py")]
    return tuple(file(f"var/task/{path.relative_to(root)}", path.read_bytes()) for path in paths)

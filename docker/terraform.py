"""Find Terraform for the containers: the host's own, else the pinned release, kept in /state/bin.

    docker/terraform.py COMMAND [ARGUMENT ...]     becomes COMMAND, with Terraform on its PATH

The host's directories are mounted below /host. What is there may be of another system (macOS) or processor: it is used
only if it runs. The release is downloaded once, from releases.hashicorp.com, and checked against its list of digests.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

VERSION = os.environ.get("STATICFIRE_TERRAFORM_VERSION") or "1.11.4"
RELEASES = os.environ.get("STATICFIRE_TERRAFORM_RELEASES") or "https://releases.hashicorp.com/terraform"
HOST = Path(os.environ.get("STATICFIRE_HOST_DIR", "/host"))
STATE = Path(os.environ.get("STATICFIRE_STATE_DIR", "/state"))
PROCESSORS = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def runs(path: Path) -> bool:
    try:
        return subprocess.run([path, "version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def download(name: str) -> bytes:
    with urllib.request.urlopen(f"{RELEASES}/{VERSION}/{name}", timeout=60) as answer:
        return bytes(answer.read())


def fetch(target: Path) -> None:
    archive = f"terraform_{VERSION}_linux_{PROCESSORS[platform.machine().lower()]}.zip"
    print(f"No Terraform of the host runs here: downloading {archive}", flush=True)
    digests = dict(reversed(line.split()) for line in download(f"terraform_{VERSION}_SHA256SUMS").decode().splitlines())
    data = download(archive)
    found = hashlib.sha256(data).hexdigest()
    if found != digests.get(archive):
        sys.exit(f"{archive} has the digest {found}, but its list says {digests.get(archive)}: not used.")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    unfinished.write_bytes(zipfile.ZipFile(io.BytesIO(data)).read("terraform"))
    unfinished.chmod(0o755)
    unfinished.rename(target)


def main() -> None:
    release = STATE / "bin" / VERSION / "terraform"
    candidates = (HOST / "bin" / "terraform", HOST / "bin" / "tofu", release)
    found = next((path for path in candidates if runs(path)), None)
    if found is None:
        try:
            fetch(release)
        except (urllib.error.URLError, TimeoutError) as error:
            sys.exit(
                f"There is no Terraform for the stacks, and {RELEASES} cannot be reached: {error}.\n"
                f"  checked: terraform and tofu in the host's STATICFIRE_TERRAFORM_DIR (default: /usr/local/bin)\n"
                "  remedy: set STATICFIRE_TERRAFORM_DIR to the directory of a Linux terraform, and where the registry "
                "cannot be reached either, STATICFIRE_PROVIDER_DIR to the parent of a provider mirror."
            )
        found = release
    os.environ["STATICFIRE_TERRAFORM"] = str(found)
    mirrors = [path.parent for path in (HOST / "opt").glob("*/registry.terraform.io/hashicorp")]
    if mirrors:
        os.environ.setdefault("STATICFIRE_PROVIDER_MIRROR", str(mirrors[0].parent))
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()

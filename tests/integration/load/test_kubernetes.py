"""The manifest of Locust's workers in Kubernetes: as its schema says, and with the Locust that is pinned here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MANIFEST = ROOT / "loadtests/kubernetes/workers.yaml"
VALIDATOR = "kubernetes-validate==1.37.0"


def test_the_manifest_is_as_its_schema_says() -> None:
    command = [sys.executable, "-m", "uv", "tool", "run", "--from", VALIDATOR, "kubernetes-validate", "--strict"]
    done = subprocess.run([*command, str(MANIFEST)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workers_have_the_locust_of_their_master() -> None:
    pinned = re.search(r"^locust==([\d.]+)", (ROOT / "requirements/load.txt").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"image: locustio/locust:{pinned[1]}\n" in MANIFEST.read_text()

"""docs/fidelity.md tells what the conformance cases show, no less and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[3]


def test_the_table_of_fidelity_is_that_of_the_cases(tmp_path: Path) -> None:
    written = tmp_path / "fidelity.md"
    options = ["--collect-only", "-qq", "-p", "no:cacheprovider", "--fidelity", str(written)]
    subprocess.run(
        [sys.executable, "-m", "pytest", "tests/conformance", "tests/recorded", *options],
        cwd=PROJECT,
        check=True,
        timeout=120,
    )
    assert (PROJECT / "docs/fidelity.md").read_text() == written.read_text(), "make fidelity writes it anew"

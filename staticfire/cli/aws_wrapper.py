"""A program `aws` before the AWS CLI on PATH: version 1 asks AWS itself for some services unless a flag says not to.

Version 1 puts the names of old certificates in place of AWS_ENDPOINT_URL (its overridesslcommonname.py). A flag
holds for both versions. It is a program and not a function of the shell so that scripts and Makefiles meet it too.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from staticfire.host.files import write_atomically
from staticfire.layout import Layout

PAST_THE_ENDPOINT = "sqs, rds, docdb, neptune, emr and health"


def path_with_wrapper(layout: Layout) -> str | None:
    """The PATH whose first `aws` leads to the running stack; None where the AWS CLI is not installed."""
    wrapper = layout.programs / "aws"
    path = os.pathsep.join(_without(layout.programs))
    cli = shutil.which("aws", path=path)
    if cli is None:
        return None
    lines = (
        "#!/bin/sh",
        "# Written by `staticfire env`. AWS CLI version 1 heeds the flag where it passes over AWS_ENDPOINT_URL.",
        f'exec {shlex.quote(cli)} ${{AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"}} "$@"',
    )
    layout.make_state()
    write_atomically(wrapper, "\n".join((*lines, "")).encode(), 0o755)
    return os.pathsep.join((str(layout.programs), path))


def is_wrapped(layout: Layout) -> bool:
    """Whether `aws` means the wrapper here."""
    cli = shutil.which("aws")
    return cli is not None and Path(cli).parent == layout.programs


def cli_version(layout: Layout) -> str | None:
    """The AWS CLI's version; None where it is not installed."""
    cli = shutil.which("aws", path=os.pathsep.join(_without(layout.programs)))
    if cli is None:
        return None
    run = subprocess.run([cli, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"aws-cli/(\S+)", run.stdout + run.stderr)
    return match[1] if match else None


def _without(programs: Path) -> list[str]:
    return [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if entry and Path(entry) != programs]

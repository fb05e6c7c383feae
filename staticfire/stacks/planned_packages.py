"""Zips of a plan's functions that hold native modules for another Python or architecture: said before apply.

A zip that does not exist before the apply is not seen: its function's log tells, once an import fails.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from staticfire.host.native_modules import misfits
from staticfire.settings import Settings

from .compatibility import PYTHON_RUNTIME, local_targets
from .terraform.obstacle import Obstacle, Weight
from .terraform.output import Resource


def obstacles_in_zips(resources: Iterable[Resource], root: Path, settings: Settings) -> Iterator[Obstacle]:
    """`root` is what relative file names start from."""
    for resource in resources:
        python = PYTHON_RUNTIME.fullmatch(str(resource.values.get("runtime")))
        if resource.type != "aws_lambda_function" or python is None or not resource.values.get("filename"):
            continue
        package = root / resource.values["filename"]
        if not package.is_file() or not zipfile.is_zipfile(package):
            continue
        [target] = local_targets([python[1]], settings)
        [architecture] = resource.values.get("architectures") or ["x86_64"]
        here = list(misfits(package, target.python, target.architecture))
        on_aws = list(misfits(package, python[1], architecture))
        for sentence in dict.fromkeys([*here, *on_aws]):
            places = [place for place, sentences in (("here", here), ("on AWS", on_aws)) if sentence in sentences]
            what = f"has a zip that does not fit: {sentence}. Its import fails {' and '.join(places)}"
            remedy = (
                "Install it for the function: `pip install --only-binary :all: --python-version "
                f"{python[1]} --platform manylinux2014_{'aarch64' if architecture == 'arm64' else architecture}`"
            )
            yield Obstacle(resource.address, what, remedy, Weight.LESS)

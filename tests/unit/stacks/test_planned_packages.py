from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from staticfire.host.native_modules import this_architecture
from staticfire.settings import Settings
from staticfire.stacks.planned_packages import obstacles_in_zips
from staticfire.stacks.terraform.output import Resource

OTHER = {"x86_64": ("arm64", 0xB7), "arm64": ("x86_64", 0x3E)}[this_architecture()]


def said(root: Path, module: str, machine: int, **values: Any) -> list[str]:
    with zipfile.ZipFile(root / "code.zip", "w") as archive:
        archive.writestr(module, b"\x7fELF\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little"))
    function = {"runtime": "python3.12", "filename": "./code.zip", "architectures": [this_architecture()], **values}
    settings = Settings(project=root, target="external")
    resources = [Resource("aws_lambda_function.shop", "aws_lambda_function", function)]
    return [str(obstacle) for obstacle in obstacles_in_zips(resources, root, settings)]


def test_a_module_for_another_python_fails_here_and_on_aws(tmp_path: Path) -> None:
    machine = {"x86_64": 0x3E, "arm64": 0xB7}[this_architecture()]
    [text] = said(tmp_path, "orjson/orjson.cpython-311-linux-gnu.so", machine)
    assert (
        "aws_lambda_function.shop has a zip that does not fit: the native module of orjson is for cpython-311" in text
    )
    assert "fails here and on AWS" in text
    assert "--python-version 3.12" in text


def test_a_module_for_another_architecture_fails_where_that_is(tmp_path: Path) -> None:
    architecture, machine = OTHER
    [here] = said(tmp_path, "orjson/orjson.cpython-312-linux-gnu.so", machine, architectures=[architecture])
    assert f"is for {architecture}, not for {this_architecture()}. Its import fails here." in here
    [both] = said(tmp_path, "orjson/orjson.cpython-312-linux-gnu.so", machine)
    assert "fails here and on AWS" in both


def test_nothing_is_said_of_what_fits_or_is_not_there_yet(tmp_path: Path) -> None:
    machine = {"x86_64": 0x3E, "arm64": 0xB7}[this_architecture()]
    module = "orjson/orjson.cpython-312-linux-gnu.so"
    assert said(tmp_path, module, machine) == []
    for values in ({"filename": "later.zip"}, {"filename": None}, {"runtime": "nodejs22.x"}, {"runtime": None}):
        assert said(tmp_path, "orjson/orjson.cpython-311-linux-gnu.so", machine, **values) == []

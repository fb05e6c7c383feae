from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from staticfire.errors import StaticfireError
from staticfire.host.native_modules import misfits, modules_in
from staticfire.layout import Layout
from staticfire.toolchain import venvs
from staticfire.toolchain.runtimes import interpreters, nearest
from staticfire.toolchain.wheels import WheelTarget, install


def packed(requirements: Sequence[str], target: WheelTarget, into: Path) -> Path:
    python = nearest(f"python{target.python}", interpreters())
    install(requirements, "requirements.txt", target, python, Layout(into.parent, into.parent / "cache"), into)
    return into


@pytest.mark.parametrize("python", ["3.12", "3.13"])
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_native_modules_are_for_the_functions_python_and_architecture(
    python: str, architecture: str, tmp_path: Path
) -> None:
    """The ELF headers say so, of wheels for a version (orjson) and for all (cryptography: abi3)."""
    directory = packed(["orjson", "cryptography"], WheelTarget.on_aws(python, architecture), tmp_path / "into")
    modules = list(modules_in(directory))
    assert {module.architecture for module in modules} == {architecture}
    assert {module.python for module in modules} == {python, ""}
    assert list(misfits(directory, python, architecture)) == []


def test_conditions_are_judged_by_the_functions_python(tmp_path: Path) -> None:
    """Not by the one that this runs on."""
    requirements = ["six; python_version >= '3.12'", "idna; python_version < '3.12'"]
    for python, there, absent in (("3.11", "idna", "six.py"), ("3.13", "six.py", "idna")):
        directory = packed(requirements, WheelTarget.on_aws(python, "x86_64"), tmp_path / python)
        assert (directory / there).exists()
        assert not (directory / absent).exists()


def test_what_has_no_wheel_for_it_is_refused_with_the_versions_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(StaticfireError, match=r"for python3\.13 on arm64: orjson==3\.6\.0 has no wheel") as error:
        packed(["orjson==3.6.0"], WheelTarget.on_aws("3.13", "arm64"), tmp_path / "into")
    assert "3.11.4" in error.value.checked[0]
    assert "`runtime` and `architecture`" in error.value.remedy


def test_the_refusal_is_the_same_where_that_python_is_not_on_this_machine(tmp_path: Path) -> None:
    python = nearest("python3.11", interpreters())
    target = WheelTarget.on_aws("3.14", "x86_64")
    layout = Layout(tmp_path, tmp_path / "cache")
    with pytest.raises(StaticfireError, match=r"orjson==3\.6\.0 has no wheel"):
        install(["orjson==3.6.0"], "requirements.txt", target, python, layout, tmp_path / "into")


def test_a_package_without_wheels_is_built_where_its_list_says_so(tmp_path: Path) -> None:
    target = WheelTarget.on_aws("3.13", "arm64")
    with pytest.raises(StaticfireError, match="no version of docopt has a wheel") as error:
        packed(["docopt"], target, tmp_path / "refused")
    assert "--no-binary docopt" in error.value.remedy
    directory = packed(["docopt", "--no-binary", "docopt"], target, tmp_path / "into")
    assert (directory / "docopt.py").exists()


def test_pip_does_not_judge_conditions_by_another_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venvs, "_uv", lambda layout: None)
    python = nearest("python3.{}".format(*sys.version_info[1:]), interpreters())
    layout = Layout(tmp_path, tmp_path / "cache")
    with pytest.raises(StaticfireError, match="by the Python that it runs on"):
        install(["six"], "requirements.txt", WheelTarget.on_aws("3.14", "x86_64"), python, layout, tmp_path / "into")
    install(["six"], "requirements.txt", WheelTarget.on_aws(python.minor, "arm64"), python, layout, tmp_path / "own")
    assert (tmp_path / "own" / "six.py").exists()


def test_a_module_that_was_built_here_for_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(arguments: Sequence[str], layout: Layout) -> bool:
        place = Path(arguments[arguments.index("--target") + 1])
        place.mkdir()
        (place / "fast.cpython-311-x86_64-linux-gnu.so").write_bytes(elf(0x3E))
        return True

    monkeypatch.setattr(venvs, "by_uv", build)
    target = WheelTarget.on_aws("3.13", "arm64")
    with pytest.raises(StaticfireError, match=r"fast is for cpython-311 on x86_64, not for python3\.13 on arm64"):
        packed(["fast"], target, tmp_path / "into")
    assert not (tmp_path / "into").exists()


def elf(machine: int) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(11) + machine.to_bytes(2, "little")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"orjson/orjson.cpython-312-x86_64-linux-gnu.so": elf(0x3E)}, []),
        ({"cryptography/_rust.abi3.so": elf(0x3E), "lib/libpq.so": elf(0x3E), "data.so": b"text"}, []),
        (
            {
                "orjson/orjson.cpython-311-x86_64-linux-gnu.so": elf(0x3E),
                "orjson/orjson.cpython-312-x86_64-linux-gnu.so": elf(0x3E),
            },
            [],
        ),
        (
            {"python/orjson/orjson.cpython-311-x86_64-linux-gnu.so": elf(0x3E)},
            ["the native module of orjson is for cpython-311, not for python3.12"],
        ),
        (
            {"_cffi_backend.cpython-312-aarch64-linux-gnu.so": elf(0xB7)},
            ["the native module of _cffi_backend is for arm64, not for x86_64"],
        ),
        (
            {"numpy/core.cpython-312-darwin.so": b"\xcf\xfa\xed\xfe" + bytes(20)},
            ["the native module of numpy is for macOS, not for x86_64"],
        ),
        (
            {"numpy/core.cp311-win_amd64.pyd": b"MZ" + bytes(20), "numpy/rest.cp311-win_amd64.pyd": b"MZ" + bytes(20)},
            ["the native module of numpy is for cpython-311 on Windows, not for python3.12 on x86_64"],
        ),
    ],
)
def test_what_cannot_be_imported(files: dict[str, bytes], said: list[str], tmp_path: Path) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert list(misfits(tmp_path, "3.12", "x86_64")) == said

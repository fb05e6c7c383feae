from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from staticfire.cli.main import run
from staticfire.errors import StaticfireError, UsageError
from staticfire.host.native_modules import this_architecture
from staticfire.layout import Layout
from staticfire.settings import Zip
from staticfire.stacks.packages import build_zip
from staticfire.toolchain.wheels import WheelTarget


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "state", tmp_path / "cache")


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_the_same_sources_give_the_same_bytes_wherever_and_whenever(tmp_path: Path) -> None:
    files = {"b.py": "b", "a.py": "a", "deep/c.sql": "c"}
    first = tree(tmp_path / "first", files)
    second = tree(tmp_path / "second", dict(reversed(files.items())))
    os.utime(second / "a.py", (1, 1))
    os.chmod(second / "b.py", 0o600)
    built = [
        build_zip(Zip("app", source, "app"), Layout(tmp_path / "state", tmp_path / source.name / ".cache"))
        for source in (first, second)
    ]
    assert built[0].read_bytes() == built[1].read_bytes()
    assert names(built[0]) == ["app/a.py", "app/b.py", "app/deep/c.sql"]


def test_a_package_that_did_not_change_is_not_written_again(tmp_path: Path, layout: Layout) -> None:
    package = Zip("app", tree(tmp_path / "app", {"a.py": "a"}))
    before = build_zip(package, layout).stat()
    assert build_zip(package, layout).stat().st_ino == before.st_ino
    (tmp_path / "app" / "a.py").write_text("b")
    assert build_zip(package, layout).stat().st_ino != before.st_ino


def test_what_tools_leave_behind_stays_outside(tmp_path: Path, layout: Layout) -> None:
    source = tree(
        tmp_path / "app",
        {
            "a.py": "",
            "__pycache__/a.cpython-311.pyc": "",
            "old.pyc": "",
            ".env": "",
            ".cache/x": "",
            "tests/test_a.py": "",
            "requirements.txt": "",
            "requirements.in": "",
        },
    )
    assert names(build_zip(Zip("app", source), layout)) == ["a.py"]


def test_what_a_package_is_to_be_without_stays_outside(tmp_path: Path, layout: Layout) -> None:
    files = ("app.py", "demo.py", "docs/api.yaml", "docs/more/a.txt", "docsy.py", "sub/demo.py")
    source = tree(tmp_path / "app", dict.fromkeys(files, ""))
    package = Zip("app", source, without=("demo.py", "docs"))
    assert names(build_zip(package, layout)) == ["app.py", "docsy.py", "sub/demo.py"]


def test_a_script_stays_executable(tmp_path: Path, layout: Layout) -> None:
    source = tree(tmp_path / "app", {"bootstrap": "", "a.py": ""})
    (source / "bootstrap").chmod(0o755)
    with zipfile.ZipFile(build_zip(Zip("app", source), layout)) as opened:
        modes = {info.filename: info.external_attr >> 16 for info in opened.infolist()}
    assert modes == {"bootstrap": 0o755, "a.py": 0o644}


def test_requirements_are_installed_from_hashes_below_python_in_a_layer(tmp_path: Path, layout: Layout) -> None:
    wheel = tmp_path / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("thing/__init__.py", "VALUE = 1\n")
        archive.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        archive.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("thing-1.0.dist-info/RECORD", "")
    source = tree(tmp_path / "layer", {"kit/__init__.py": ""})
    requirements = source / "requirements.txt"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    requirements.write_text(f"thing @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    package = Zip("layer", source, requirements=requirements, layer=True)
    targets = [WheelTarget.here("3.12"), WheelTarget.here("3.13")]
    built = build_zip(package, layout, targets)
    assert [name for name in names(built) if "dist-info" not in name] == [
        "python/kit/__init__.py",
        "python/thing/__init__.py",
    ]
    before = built.read_bytes()
    again = build_zip(package, Layout(tmp_path / "state", tmp_path / "elsewhere"), targets)
    assert again.read_bytes() == before

    requirements.write_text(f"thing @ {wheel.as_uri()} --hash=sha256:{'0' * 64}\n")
    with pytest.raises(StaticfireError, match=r"(?s)cannot be packed.*DO NOT MATCH THE HASHES"):
        build_zip(package, layout, targets)


def test_one_zip_for_two_pythons_holds_the_native_modules_of_both(tmp_path: Path, layout: Layout) -> None:
    source = tree(tmp_path / "app", {"app.py": "", "requirements.txt": "orjson==3.11.4\n"})
    package = Zip("app", source, requirements=source / "requirements.txt")
    targets = [WheelTarget.on_aws("3.12", "x86_64"), WheelTarget.on_aws("3.13", "x86_64")]
    native = [name for name in names(build_zip(package, layout, targets)) if name.endswith(".so")]
    assert native == [f"orjson/orjson.cpython-{version}-x86_64-linux-gnu.so" for version in (312, 313)]


def test_a_zip_that_cannot_be_for_both_is_refused(tmp_path: Path, layout: Layout) -> None:
    """A module of the stable ABI has the same name on each architecture."""
    source = tree(tmp_path / "app", {"app.py": "", "requirements.txt": "cryptography\n"})
    package = Zip("app", source, requirements=source / "requirements.txt")
    targets = [WheelTarget.on_aws("3.13", architecture) for architecture in ("arm64", "x86_64")]
    with pytest.raises(UsageError, match=r"on arm64 and for python3\.13 on x86_64: .*(abi3|_cffi)") as error:
        build_zip(package, layout, targets)
    assert "zips.app" in error.value.remedy


def test_a_list_without_hashes_is_packed_with_a_note(
    tmp_path: Path, layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"app.py": "", "requirements.txt": "-r more.txt\n", "more.txt": "six\n"}
    source = tree(tmp_path / "app", files)
    package = Zip("app", source, requirements=source / "requirements.txt", without=("more.txt",))
    targets = [WheelTarget.here("3.13")]
    assert "six.py" in names(build_zip(package, layout, targets))
    assert "has no hashes" in caplog.text
    (source / "more.txt").write_text("idna\n")
    assert "idna/core.py" in names(build_zip(package, layout, targets))


def test_build_for_aws_packs_for_the_architecture_that_the_terraform_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the ELF headers in the zip; without the flag, for this machine's."""
    other, machine = {"x86_64": ("arm64", 0xB7), "arm64": ("x86_64", 0x3E)}[this_architecture()]
    terraform = (
        f'variable "packages" {{}}\nresource "aws_lambda_function" "shop" {{\n  filename = var.packages.shop\n'
        f'  runtime = "python3.13"\n  architectures = ["{other}"]\n}}\n'
    )
    tree(tmp_path, {"infra/main.tf": terraform, "src/app.py": "", "src/requirements.txt": "orjson\n"})
    (tmp_path / "staticfire.toml").write_text(
        '[stacks.shop]\nroot = "infra"\n[stacks.shop.zips.shop]\n'
        'source = "src"\nrequirements = "src/requirements.txt"\n'
    )
    monkeypatch.delenv("STATICFIRE_STATE_DIR", raising=False)
    machines = []
    for flags in (["--for-aws"], []):
        assert run(["--project", str(tmp_path), "build", *flags]) == 0
        with zipfile.ZipFile(tmp_path / ".staticfire/build/shop.zip") as archive:
            [module] = [name for name in archive.namelist() if name.endswith(".so")]
            machines.append(int.from_bytes(archive.read(module)[18:20], "little"))
    assert machines == [machine, {0xB7: 0x3E, 0x3E: 0xB7}[machine]]


def test_sources_that_are_missing_are_named(tmp_path: Path, layout: Layout) -> None:
    with pytest.raises(StaticfireError) as error:
        build_zip(Zip("app", tmp_path / "nowhere"), layout)
    assert str(tmp_path / "nowhere") in str(error.value)
    assert "zips.app" in error.value.remedy

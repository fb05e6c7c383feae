"""The edge compiled by this machine's C compiler, and what becomes of a build that fails or is killed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from staticfire.edge.compiled import COMPLETE, SUFFIX
from staticfire.edge_build import Sources, compiled, compilers
from staticfire.errors import PrerequisiteError, StaticfireError
from staticfire.layout import Layout, free_port
from staticfire.native import LOG
from staticfire.progress import Progress
from staticfire.settings import Settings, load
from staticfire.targets.embedded import Embedded

ROOT = Path(__file__).parents[3]


def has_a_c_compiler() -> bool:
    try:
        compilers()
    except PrerequisiteError:
        return False
    return True


compiling = pytest.mark.skipif(not has_a_c_compiler(), reason="a C compiler is optional, and there is none")


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """One environment of the compiler for all builds of this file."""
    directory = tmp_path_factory.mktemp("cache")
    return Layout(directory, directory)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    given = {"state_dir": str(tmp_path / "state"), "port": free_port(), "postgres_port": 0}
    settings = load(ROOT, {}, given)
    yield settings
    Embedded(settings).stop(Progress())


def sources(root: Path, *, returns: str = "int") -> Sources:
    """A package of two modules, one of which uses the other."""
    package = root / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "sums.py").write_text(f"def double(number: int) -> {returns}:\n    return number * 2\n")
    (package / "till.py").write_text("from .sums import double\n\n\ndef pay() -> int:\n    return double(21)\n")
    return Sources(root, ["shop.sums", "shop.till"], sorted(package.iterdir()))


@compiling
def test_what_was_built_is_imported_and_a_killed_build_is_built_again(tmp_path: Path, layout: Layout) -> None:
    shop = sources(tmp_path)
    built = compiled(shop, layout)
    script = "import sys; from pathlib import Path; from staticfire.edge import compiled\n"
    script += "compiled.use(Path(sys.argv[1])); from shop import till; print(till.__file__, till.pay())"
    command = [sys.executable, "-c", script, str(built)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stdout.split() == [str(built / "shop" / f"till{SUFFIX}"), "42"], done.stderr

    marker = built / "marker"
    marker.touch()
    assert compiled(shop, layout) == built
    assert marker.exists()
    (built / COMPLETE).unlink()
    assert compiled(shop, layout) == built
    assert (built / COMPLETE).exists()
    assert not marker.exists()


@compiling
def test_a_build_that_fails_is_not_tried_again_with_the_same_compiler_until_its_directory_is_deleted(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its directory says why it failed, and is its memory."""
    cache = Layout(tmp_path, tmp_path)
    cache.envs.mkdir()
    for environment in layout.envs.glob("compiler-*"):
        (cache.envs / environment.name).symlink_to(environment)
    shop = sources(tmp_path)
    monkeypatch.setenv("CC", "false")  # a compiler that always fails
    with pytest.raises(StaticfireError, match="Compiling it failed") as failed:
        compiled(shop, cache)
    root = cache.envs / f"edge-{shop.fingerprint()}"
    assert "'false'" in (root / LOG).read_text()
    assert str(root / LOG) in failed.value.what
    assert str(root) in failed.value.remedy
    (root / LOG).unlink()
    with pytest.raises(StaticfireError, match="Compiling it failed"):
        compiled(shop, cache)
    assert not (root / LOG).exists()
    shutil.rmtree(root)
    with pytest.raises(StaticfireError, match="Compiling it failed"):
        compiled(shop, cache)
    assert (root / LOG).exists()
    monkeypatch.delenv("CC")
    assert compiled(shop, cache) == root


@compiling
def test_a_module_that_mypy_finds_wrong_is_not_compiled(tmp_path: Path, layout: Layout) -> None:
    wrong = sources(tmp_path, returns="str")
    with pytest.raises(StaticfireError, match="Compiling it failed"):
        compiled(wrong, layout)
    assert 'expected "str"' in (layout.envs / f"edge-{wrong.fingerprint()}" / LOG).read_text()


def test_a_started_edge_says_whether_it_is_compiled_and_the_setting_decides(settings: Settings) -> None:
    running = Embedded(settings).start(Progress())
    assert running.health.parts["edge"] == {"state": "running", "compiled": has_a_c_compiler()}
    assert any("plain Python" in note for note in running.notes) != has_a_c_compiler()
    plain = Embedded(replace(settings, compile_edge=False)).start(Progress())
    assert plain.health.parts["edge"] == {"state": "running", "compiled": False}
    assert not any("plain Python" in note for note in plain.notes)

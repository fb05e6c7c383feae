"""A zip that is changed by a few files is the one that would have been packed, and its tree shares the other files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from staticfire.edge.services.lambda_.linked_trees import link_tree
from staticfire.edge.services.lambda_.zip_changes import CannotSplice, spliced
from staticfire.stacks.packages import pack
from tests.unit.edge.services.lambda_.kit import packed


@pytest.fixture
def entries(tmp_path: Path) -> dict[str, Path]:
    names = ("app.py", "data/ü.csv", "shop/api.py", "shop/models.py", "z.txt")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name} as it was")
    return {name: tmp_path / name for name in names}


@pytest.mark.parametrize("changed", [["app.py"], ["data/ü.csv", "z.txt"], ["new.py", "a/first.py"], []])
@pytest.mark.parametrize("removed", [[], ["shop/api.py"], ["shop/api.py", "shop/models.py"]])
def test_it_is_what_would_have_been_packed(entries: dict[str, Path], changed: list[str], removed: list[str]) -> None:
    base = pack(entries)
    top = entries["app.py"].parent
    for name in changed:
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(f"{name} as it is now, longer")
        entries[name] = top / name
    (top / "z.txt").chmod(0o755)
    files = pack({name: entries[name] for name in {*changed, "z.txt"}})
    after = {name: path for name, path in entries.items() if name not in removed}
    made = spliced(base, files, removed)
    assert made.data == pack(after)
    assert made.is_plain
    assert made.unpacked == sum(path.stat().st_size for path in after.values())


def test_a_zip_of_somebody_else_keeps_its_order_and_its_compression() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("z.py", "a.py"):
            archive.writestr(name, "x" * 1000)
    made = spliced(buffer.getvalue(), packed({"z.py": "new", "b.py": ""}), [])
    with zipfile.ZipFile(io.BytesIO(made.data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["z.py", "a.py", "b.py"]
        assert (archive.read("z.py"), archive.read("a.py")) == (b"new", b"x" * 1000)


def test_what_cannot_be_changed_says_so() -> None:
    base, files = packed({"a.py": ""}), packed({"b.py": ""})
    with pytest.raises(CannotSplice, match=r"does not hold 'gone.py'"):
        spliced(base, files, ["gone.py"])
    for other in (b"", b"no zip" * 10, base + b"more", b"more" + base):
        with pytest.raises(CannotSplice):
            spliced(other, files, [])
    buffer = io.BytesIO(base)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("a.py", "again")
    with pytest.raises(CannotSplice, match="twice"):
        spliced(buffer.getvalue(), files, [])


@pytest.mark.parametrize("name", ["a/../b.py", "./b.py", "/b.py", "a/__pycache__/b.cpython-311.pyc"])
def test_a_tree_is_not_made_of_names_that_lie_elsewhere(name: str) -> None:
    made = spliced(packed({"a.py": "", name: ""}), packed({"a.py": "1"}), [])
    assert not made.is_plain


def test_a_tree_shares_what_did_not_change(tmp_path: Path) -> None:
    before, tree = tmp_path / "before", tmp_path / "tree"
    for name in ("app.py", "same.py", "shop/api.py", "only/gone.py"):
        path = before / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        (path.parent / "__pycache__").mkdir(exist_ok=True)
        for ending in (".cpython-311.pyc", ".cpython-311.pyc.123"):
            (path.parent / "__pycache__" / f"{path.stem}{ending}").write_text("compiled")
    (before / "link").symlink_to("same.py")
    (before / "empty").mkdir()
    tree.mkdir()
    (tree / "app.py").write_text("new")
    link_tree(before, tree, {"app.py", "only/gone.py"})
    linked = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if not path.is_dir()}
    byte_code = {"__pycache__/same.cpython-311.pyc", "shop/__pycache__/api.cpython-311.pyc"}
    assert linked == {"app.py", "same.py", "link", "shop/api.py", *byte_code}
    assert (tree / "app.py").read_text() == "new"
    assert (tree / "same.py").samefile(before / "same.py")
    assert (tree / "link").is_symlink()
    assert (tree / "empty").is_dir()
    assert not (tree / "only").exists()


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    for name in ("before", "tree"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text(name)
    with pytest.raises(FileExistsError):
        link_tree(tmp_path / "before", tmp_path / "tree", ())
    assert (tmp_path / "before" / "a.py").read_text() == "before"

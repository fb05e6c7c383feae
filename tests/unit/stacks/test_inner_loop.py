"""What a package is made of, which saves count, what is broken, and what editors are told."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from watchfiles import Change

from staticfire.errors import NotRunningError, StaticfireError, UsageError
from staticfire.settings import Zip
from staticfire.stacks import saved as stacks_saved
from staticfire.stacks import watch
from staticfire.stacks.deployed import Archive, CodePackage, OwnZip
from staticfire.stacks.editors import Attachment, write_launch_json
from staticfire.stacks.packages import pack
from staticfire.stacks.saved import PutPackage, held_in, signatures_of
from staticfire.stacks.sources import Sources
from staticfire.stacks.syntax import problems
from staticfire.stacks.watch import Saved, ignored_by_git, links_in, unchanged


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("app.py", "shop/api.py", "shop/tests/test_api.py", "shop/notes.txt", "data/a.csv"):
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "src"


@pytest.mark.parametrize(
    ("excludes", "left"),
    [
        ((), ["app.py", "data/a.csv", "shop/api.py", "shop/notes.txt", "shop/tests/test_api.py"]),
        (("data", "shop/tests/"), ["app.py", "shop/api.py", "shop/notes.txt"]),
        (("**/*.txt", "**/tests/**"), ["app.py", "data/a.csv", "shop/api.py"]),
        (("*.py",), ["data/a.csv", "shop/api.py", "shop/notes.txt", "shop/tests/test_api.py"]),
    ],
)
def test_an_archive_has_what_the_provider_would_pack(tree: Path, excludes: tuple[str, ...], left: list[str]) -> None:
    assert sorted(Archive("a", tree, excludes).entries()) == left


def test_an_archive_of_one_file(tree: Path) -> None:
    archive = Archive("a", tree / "app.py")
    assert archive.entries() == {"app.py": tree / "app.py"}
    assert archive.seen("/var/task") == {"/var/task/app.py": tree / "app.py"}


def test_linked_directories_and_files_are_in_it(tree: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "common.py").write_text("x")
    (tree / "linked").symlink_to(shared)
    (tree / "one.py").symlink_to(shared / "common.py")
    entries = Archive("a", tree).entries()
    assert {"linked/common.py", "one.py"} <= entries.keys()
    assert links_in({"one.py": entries["one.py"]}) == {(shared / "common.py").resolve()}
    assert "linked/common.py" not in Archive("a", tree, (), True).entries()


def test_the_zip_of_terraform_is_kept_where_it_holds_the_same(tree: Path, tmp_path: Path) -> None:
    entries = Archive("a", tree).entries()
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in entries.items():
            archive.writestr(name, path.read_text())
    assert unchanged(other, entries) == other.read_bytes() != pack(entries)
    (tree / "app.py").write_text("app.pz")
    assert unchanged(other, entries) is None
    assert unchanged(tmp_path / "none.zip", entries) is None


def test_the_users_file_behind_a_path(tree: Path) -> None:
    zip_of_toml = OwnZip(Zip("shop", tree / "shop", package="shop"), None, ())  # type: ignore[arg-type]
    layer = OwnZip(Zip("common", tree / "data", package="common", layer=True), None, ())  # type: ignore[arg-type]
    places = [*zip_of_toml.seen("/var/task").items(), *layer.seen("/opt").items()]
    sources = Sources({"f": places})
    assert sources.user_file("f", "/var/task/shop/api.py") == tree / "shop" / "api.py"
    assert sources.user_file("f", "/opt/python/common/a.csv") == tree / "data" / "a.csv"
    assert sources.user_file("f", "/var/task/shop/other.py") is None
    assert sources.user_file("f", "/var/runtime/x.py") is None
    assert sources.user_file("g", "/var/task/shop/api.py") is None


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("src/api.py", True),
        ("src/.env", True),
        ("src/.api.py.swp", False),
        ("src/api.py~", False),
        ("src/4913", False),
        ("src/.#api.py", False),
        ("src/__pycache__/api.cpython-311.pyc", False),
        (".venv/lib/x.py", False),
        (".git/index", False),
    ],
)
def test_which_saves_count(name: str, counts: bool) -> None:
    assert Saved([Path("/venv/project")])(Change.modified, f"/venv/project/{name}") is counts


def test_what_git_ignores(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.log\ndist/\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / ".gitignore").write_text("generated.py\n")
    names = ("a.py", "a.log", "dist/b.py", "src/generated.py", "src/gone/c.log")
    ignored = ignored_by_git([tmp_path / name for name in names])
    assert ignored == {tmp_path / name for name in names[1:]}


def test_without_git_nothing_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*\n")
    assert ignored_by_git([tmp_path / "a.py"]) == set()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.py", "x = 1\ndef broken(:\n", "a.py:2: invalid syntax"),
        ("a.py", "x = '\n", "a.py:1: unterminated string literal"),
        ("a.py", "x = 1\n", ""),
        ("a.py", "x = 1\0\n", "a.py:1: "),
        ("a.txt", "def (", ""),
        ("gone.py", None, ""),
    ],
)
def test_a_broken_file_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path(name).write_text(text)
    lines = list(problems([Path(name)], ["python3.11"]))
    assert [line.startswith(said) for line in lines] == [True] * bool(said)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.mjs", "export const x = 1;\nconst = 2;\n", "a.mjs:2: "),
        ("a.js", "module.exports = {\n  a: ,\n};\n", "a.js:2: "),
        ("a.js", "import x from 'y';\nexport const z = x;\n", ""),
        ("a.mjs", "export const x = await 1;\n", ""),
    ],
)
def test_a_broken_file_of_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    lines = list(problems([Path(name)], ["nodejs20.x"]))
    assert [line.startswith(said) for line in lines] == [True] * bool(said)


def python(project: Path, port: int = 5678) -> dict[str, Any]:
    places = [("/opt", project / "layer"), ("/var/task", project / "src")]
    return Attachment("shop", port, "python3.13", places).configuration(project)


def test_what_vs_code_is_told(tmp_path: Path) -> None:
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn" / "index.mjs").touch()
    configuration = python(tmp_path)
    assert configuration["connect"] == {"host": "127.0.0.1", "port": 5678}
    assert configuration["pathMappings"] == [
        {"localRoot": "${workspaceFolder}/layer", "remoteRoot": "/opt"},
        {"localRoot": "${workspaceFolder}/src", "remoteRoot": "/var/task"},
    ]
    node = Attachment("n", 9229, "nodejs20.x", [("/var/task/index.mjs", tmp_path / "fn" / "index.mjs")])
    assert node.configuration(tmp_path)["localRoot"] == "${workspaceFolder}/fn"
    assert node.configuration(tmp_path)["remoteRoot"] == "/var/task"
    assert node.configuration(tmp_path / "elsewhere")["localRoot"] == str(tmp_path / "fn")


def test_launch_json_keeps_what_is_the_users(tmp_path: Path) -> None:
    path = tmp_path / ".vscode" / "launch.json"
    path.parent.mkdir()
    path.write_text('{"version": "0.2.0", "inputs": [1], "configurations": [{"name": "mine"}]}')
    write_launch_json(tmp_path, python(tmp_path))
    write_launch_json(tmp_path, python(tmp_path, 5679))
    document = json.loads(path.read_text())
    assert (document["inputs"], [one["name"] for one in document["configurations"]]) == (
        [1],
        ["mine", "staticfire: shop"],
    )
    assert document["configurations"][1]["connect"]["port"] == 5679


def test_launch_json_with_comments_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / ".vscode" / "launch.json"
    path.parent.mkdir()
    text = '{\n  // mine\n  "configurations": []\n}'
    path.write_text(text)
    with pytest.raises(UsageError, match="not plain JSON"):
        write_launch_json(tmp_path, python(tmp_path))
    assert path.read_text() == text


def test_code_that_is_refused_is_told_and_watching_goes_on(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    errors: list[StaticfireError] = [StaticfireError("it is too large"), NotRunningError("it is gone")]

    def refuse(*_: object) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(watch, "put", refuse)
    watcher = watch.Watcher([], said.append, lambda stack: None)
    archive = Archive("a", tree)
    package = CodePackage(tree / "none.zip", archive, functions=("arn",))
    watched = watch._Watched(None, package, archive, [tree], set(), False, {"arn": "before"})  # type: ignore[arg-type]
    watcher._update(watched, set(), 0.0)
    assert "a is refused: it is too large" in said[0]
    assert watched.deployed == {"arn": "before"}
    with pytest.raises(NotRunningError):
        watcher._update(watched, set(), 0.0)


def put_package(package: Path, contents: Archive) -> PutPackage:
    entries = contents.entries()
    return PutPackage("sha", signatures_of(entries), held_in(pack(entries)), held_in(package))


def test_what_was_saved_is_all_that_is_read_again(tree: Path, tmp_path: Path) -> None:
    put = put_package(tmp_path / "none.zip", Archive("a", tree))
    (tree / "app.py").write_text("saved")
    (tree / "new.py").write_text("new")
    (tree / "data" / "a.csv").unlink()
    saved = put.saved(Archive("a", tree).entries(), ())
    assert saved is not None
    assert set(held_in(saved.files)) == {"app.py", "new.py"}
    assert saved.removed == ("data/a.csv",)
    again = saved.after.saved(Archive("a", tree).entries(), {tree / "shop" / "api.py"})
    assert again is not None
    assert set(held_in(again.files)) == {"shop/api.py"}  # somebody says that it was saved


def test_what_terraform_deployed_goes_back_as_it_is(tree: Path, tmp_path: Path) -> None:
    package = tmp_path / "package.zip"
    package.write_bytes(pack(Archive("a", tree).entries()))
    (tree / "app.py").write_text("saved")
    put = put_package(package, Archive("a", tree))
    (tree / "app.py").write_text("app.py")
    assert put.saved(Archive("a", tree).entries(), ()) is None


def test_much_at_once_goes_as_a_whole(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = put_package(tmp_path / "none.zip", Archive("a", tree))
    (tree / "app.py").write_text("saved")
    monkeypatch.setattr(stacks_saved, "BYTES", 4)
    assert put.saved(Archive("a", tree).entries(), ()) is None
    monkeypatch.undo()
    monkeypatch.setattr(stacks_saved, "FILES", 0)
    assert put.saved(Archive("a", tree).entries(), ()) is None


def test_only_what_was_saved_is_put_where_the_rest_is_there(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole goes first, then what was saved; and the whole again where the edge has not what it was made of."""
    calls: list[tuple[str, object]] = []
    answers: list[dict[str, Any] | None] = [{"CodeSha256": "second"}, None]

    def whole(stack: object, functions: object, layers: object, data: bytes) -> dict[str, Any]:
        calls.append(("whole", len(held_in(data))))
        return {}

    def part(stack: object, functions: object, layers: object, files: bytes, base: str, removed: object) -> object:
        calls.append((base, set(held_in(files))))
        return answers.pop(0)

    monkeypatch.setattr(watch, "put", whole)
    monkeypatch.setattr(watch, "change", part)
    watcher = watch.Watcher([], lambda line: None, lambda stack: None)
    archive = Archive("a", tree)
    package = CodePackage(tree / "none.zip", archive, functions=("arn",))
    watched = watch._Watched(None, package, archive, [tree], set(), False, {"arn": "before"})  # type: ignore[arg-type]
    watcher._update(watched, set(), 0.0)
    first = watched.deployed["arn"]
    for text in ("one", "two"):
        (tree / "app.py").write_text(text)
        watcher._update(watched, {tree / "app.py"}, 0.0)
    assert calls == [("whole", 5), (first, {"app.py"}), ("second", {"app.py"}), ("whole", 5)]

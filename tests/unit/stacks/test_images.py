"""Images that a stack pushes before its functions are made: of zips, of a Dockerfile, and what is refused."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from staticfire.errors import PrerequisiteError, StaticfireError, UnsupportedError, UsageError
from staticfire.layout import Layout
from staticfire.progress import Progress
from staticfire.settings import ImageSettings, Settings
from staticfire.stacks import stack as stack_module
from staticfire.stacks.images import of_engine
from staticfire.stacks.images.of_engine import ImageOfEngine, engine_that_answers
from staticfire.stacks.images.of_zips import ImageOfZips
from staticfire.stacks.images.stack_images import StackImages
from staticfire.stacks.packages import build
from staticfire.stacks.public_layers import PublicLayers
from staticfire.stacks.stack import Stack
from staticfire.stacks.terraform.output import Resource
from staticfire.toolchain.python_image import PythonBase
from tests.unit.stacks.test_stack import RUNNING, PlanningCopy

SHOP = """
[stacks.shop]
root = "infra"
[stacks.shop.zips.api]
source = "service"
package = "shop"
[stacks.shop.zips.layer]
source = "layer"
layer = true
[stacks.shop.images.shop]
variable = "image_tag"
zips = ["api", "layer"]
handler = "shop.api.handler"
"""


@pytest.fixture
def shop(project: Callable[[str], Settings]) -> Settings:
    settings = project(SHOP)
    for name, text in (
        ("service/api.py", "here = 1\n"),
        ("service/broken.py", "def\n"),
        ("layer/shared.py", "x = 1\n"),
    ):
        path = settings.project / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return settings


@pytest.fixture
def small_base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The base itself is made of all of a Python: scenarios/gateway run on it."""
    base = tmp_path / "base.tar.gz"
    base.write_bytes(b"\x1f\x8bbase")
    monkeypatch.setattr(PythonBase, "layer", lambda self: (base, "sha256:" + "b" * 64))


def of_zips(settings: Settings) -> ImageOfZips:
    stack = settings.stack("shop")
    return ImageOfZips.of(stack.images[0], stack, settings, build(settings, stack))


def test_an_image_of_zips_has_them_where_lambda_unpacks_them(shop: Settings, small_base: None) -> None:
    image = of_zips(shop).build()
    base, code = image.layers
    with tarfile.open(code.path) as archive:
        names = archive.getnames()
        assert all(member.uid == 0 and member.mode in (0o644, 0o755) for member in archive)
    plain = [name for name in names if "__pycache__" not in name]
    assert plain == ["opt/python/shared.py", "var/task/shop/api.py", "var/task/shop/broken.py"]
    assert {Path(name).name.partition(".")[0] for name in names if name.endswith(".pyc")} == {"api", "shared"}
    config = json.loads(image.config.path.read_text())
    assert config["config"]["Cmd"] == ["shop.api.handler"]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + "b" * 64, code.digest]
    described = json.loads(image.manifest)["layers"]
    assert [layer["mediaType"].rpartition(".")[2] for layer in described] == ["gzip", "tar"]
    assert [layer["digest"] for layer in described] == [base.digest, code.digest]


def test_a_tag_is_of_the_content(shop: Settings, small_base: None) -> None:
    first = of_zips(shop).tag
    assert of_zips(shop).tag == first
    (shop.project / "service/api.py").write_text("here = 2\n")
    assert of_zips(shop).tag != first


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ("variable = 'tag'", "needs either `zips` or a `dockerfile`"),
        ("variable = 'tag'\nzips = ['api']\ndockerfile = 'Dockerfile'", "needs either"),
        ("zips = ['api']", "variable is missing"),
        ("variable = 'tag'\nzips = ['apy']", "'api'"),
        ("variable = 'tag'\ndockerfile = 'Dockerfile'\nhandler = 'a.b'", "goes with `zips` alone"),
        ("variable = 'tag'\nzips = ['api']\ncontext = '.'", "goes with `dockerfile` alone"),
    ],
)
def test_what_an_image_cannot_be(project: Callable[[str], Settings], image: str, problem: str) -> None:
    text = "[stacks.a]\nroot = 'infra'\n[stacks.a.zips.api]\nsource = 'service'\n[stacks.a.images.own]\n"
    with pytest.raises(UsageError) as refused:
        project(text + image)
    assert problem in str(refused.value)


class Ecr:
    """ECR with these repositories, of which each has these tags."""

    def __init__(self, repositories: Mapping[str, list[str]]) -> None:
        self._repositories = repositories

    def describe_repositories(self, repositoryNames: list[str]) -> None:
        if repositoryNames[0] not in self._repositories:
            raise ClientError({"Error": {"Code": "RepositoryNotFoundException", "Message": ""}}, "DescribeRepositories")

    def describe_images(self, repositoryName: str, imageIds: list[dict[str, str]]) -> None:
        if imageIds[0]["imageTag"] not in self._repositories[repositoryName]:
            raise ClientError({"Error": {"Code": "ImageNotFoundException", "Message": ""}}, "DescribeImages")


class Said(list[str]):
    """A step that remembers its notes."""

    def note(self, text: str) -> None:
        self.append(text)


def prepared(settings: Settings, planned: list[Resource], there: Mapping[str, list[str]]) -> tuple[Any, list[str]]:
    stack, said = settings.stack("shop"), Said()
    images: Any = StackImages(settings, stack, build(settings, stack))
    return images.prepare(planned, Ecr(there), said), said


def test_a_repository_that_is_not_there_is_made_first_and_what_is_there_is_not_built(
    shop: Settings, small_base: None
) -> None:
    planned = [Resource("module.own.aws_ecr_repository.this[0]", "aws_ecr_repository", {"name": "shop"})]
    assert prepared(shop, planned, {}) == (["module.own.aws_ecr_repository.this[0]"], ["image shop"])
    assert prepared(shop, planned, {"shop": []}) == ([], ["image shop"])
    assert prepared(shop, planned, {"shop": [of_zips(shop).tag]}) == ([], [])


def test_an_image_without_a_repository_is_refused(shop: Settings) -> None:
    planned = [Resource("aws_ecr_repository.other", "aws_ecr_repository", {"name": "shops"})]
    with pytest.raises(UsageError, match="has no repository") as refused:
        prepared(shop, planned, {})
    assert "repositories in its plan: shops" in str(refused.value)


# Stands for an engine: `build` notes down what it was asked, `save` writes what engines write.
ENGINE = """#!/usr/bin/env python3
import io, json, sys, tarfile
command, *rest = sys.argv[1:]
if command == "build":
    open(__file__ + ".built", "w").write(" ".join(rest))
    if "broken" in " ".join(rest): sys.exit("no such base")
if command == "save":
    with tarfile.open(rest[rest.index("--output") + 1], "w") as archive:
        for name, content in (("a/layer.tar", b"layer"), ("config.json", b"{}"),
                ("manifest.json", json.dumps([{"Config": "config.json", "Layers": ["a/layer.tar"]}]).encode())):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bin" / "docker"
    path.parent.mkdir()
    path.write_text(ENGINE)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
    engine_that_answers.cache_clear()
    return path


@pytest.fixture
def of_dockerfile(tmp_path: Path) -> ImageOfEngine:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    image = ImageSettings("shop", "image_tag", dockerfile=context / "Dockerfile", context=context)
    return ImageOfEngine(image, Layout(tmp_path / "state", tmp_path / "cache"))


def test_an_engine_builds_a_dockerfile(of_dockerfile: ImageOfEngine, engine: Path) -> None:
    tag = of_dockerfile.tag
    image = of_dockerfile.build()
    assert [layer.path.read_bytes() for layer in image.layers] == [b"layer"]
    assert image.config.path.read_bytes() == b"{}"
    assert f"--tag staticfire/shop:{tag}" in Path(f"{engine}.built").read_text()
    (of_dockerfile.context / "more.py").write_text("")
    assert of_dockerfile.tag != tag


def test_what_an_engine_says_is_told(of_dockerfile: ImageOfEngine, engine: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "Dockerfile").write_text("FROM nowhere\n")
    image = replace(of_dockerfile.image, dockerfile=broken / "Dockerfile", context=broken)
    with pytest.raises(StaticfireError, match="no such base"):
        replace(of_dockerfile, image=image).build()


def test_without_an_engine_a_dockerfile_is_refused(
    of_dockerfile: ImageOfEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_engine, "ENGINES", ("no-engine-of-this-name",))
    engine_that_answers.cache_clear()
    with pytest.raises(PrerequisiteError, match="none answers; nothing was applied"):
        of_dockerfile.check()
    engine_that_answers.cache_clear()


class ImagesCopy(PlanningCopy):
    """One whose plan has a function that is an image."""

    planned = (Resource("aws_lambda_function.own", "aws_lambda_function", {"package_type": "Image"}),)


def test_images_are_refused_before_apply_where_nothing_can_start_them(
    project: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Edge:
        def prepare_runtime(self, name: str) -> str:
            assert name == "image"
            raise StaticfireError("A function is a container image, and this machine's kernel grants none")

    stack = Stack(project("[stacks.plain]\nroot = 'infra'\n"), "plain", replace(RUNNING, token="t"))
    monkeypatch.setattr(stack_module, "WorkingCopy", ImagesCopy)
    monkeypatch.setattr(type(RUNNING), "edge", lambda self, timeout: Edge())
    monkeypatch.setattr(PublicLayers, "bring", lambda self, edge: None)
    with pytest.raises(UnsupportedError, match="nothing of the plan was applied") as refused:
        stack.up(Progress(), {})
    assert "grants none" in str(refused.value)
    assert "--allow-unsupported" in str(refused.value)
    assert stack.applied is None


def test_who_may_not_steer_the_edge_is_refused_by_what_its_health_tells(
    project: Callable[[str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {"functions": {"state": "running", "isolation": "none"}}
    running = replace(RUNNING, token="", health=replace(RUNNING.health, parts=parts))
    stack = Stack(project("[stacks.plain]\nroot = 'infra'\n"), "plain", running)
    monkeypatch.setattr(stack_module, "WorkingCopy", ImagesCopy)
    monkeypatch.setattr(PublicLayers, "bring", lambda self, edge: None)
    with pytest.raises(UnsupportedError, match="nothing of the plan was applied") as refused:
        stack.up(Progress(), {})
    assert "without namespaces" in str(refused.value)
    assert stack.applied is None

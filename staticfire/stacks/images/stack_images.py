"""A stack's images: the tags that Terraform gets, and what is done between the repository and the function of an image.

A tag is of the content, so that Terraform sees another image. Each is built before anything is applied; where its
repository is not there yet, that one is applied first, alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from staticfire.errors import UsageError
from staticfire.layout import Layout
from staticfire.progress import Step
from staticfire.settings import Settings, StackSettings

from ..terraform.output import Resource
from .built import ImageOnDisk, is_there, push
from .of_engine import ImageOfEngine
from .of_zips import ImageOfZips

REPOSITORY = "aws_ecr_repository"


class StackImages:
    def __init__(self, settings: Settings, stack: StackSettings, built: Mapping[str, Path]) -> None:
        """`built`: the stack's zips."""
        self._stack = stack
        layout = Layout.of(settings)
        sources = [
            ImageOfEngine(image, layout) if image.dockerfile else ImageOfZips.of(image, stack, settings, built)
            for image in stack.images
        ]
        self._tagged = [(source, source.tag) for source in sources]
        self._built: list[tuple[str, str, ImageOnDisk]] = []

    @property
    def variables(self) -> Mapping[str, str]:
        """The Terraform variables that take the tags."""
        return {source.image.variable: tag for source, tag in self._tagged}

    def prepare(self, planned: Sequence[Resource], ecr: Any, step: Step) -> Sequence[str]:
        """Build what ECR does not have; the addresses of the repositories that have to be made before it gets it."""
        repositories = {
            str(resource.values.get("name")): resource.address for resource in planned if resource.type == REPOSITORY
        }
        addresses = []
        for source, tag in self._tagged:
            name = source.image.name
            if not _repository_is_there(ecr, name):
                if name not in repositories:
                    raise UsageError(
                        f"The image {name!r} has no repository: neither is one of this name in ECR, nor does the stack "
                        f"{self._stack.name!r} make one.",
                        checked=[f"repositories in its plan: {', '.join(sorted(repositories)) or 'none'}"],
                        remedy=f"Name one of them: [stacks.{self._stack.name}.images.NAME].",
                    )
                addresses.append(repositories[name])
            elif is_there(ecr, name, tag):
                continue
            source.check()
            step.note(f"image {name}")
            self._built.append((name, tag, source.build()))
        return addresses

    def push(self, ecr: Any, step: Step) -> None:
        for name, tag, image in self._built:
            push(image, ecr, name, tag, step)


def _repository_is_there(ecr: Any, name: str) -> bool:
    try:
        ecr.describe_repositories(repositoryNames=[name])
    except ClientError as error:
        if error.response["Error"]["Code"] == "RepositoryNotFoundException":
            return False
        raise
    return True

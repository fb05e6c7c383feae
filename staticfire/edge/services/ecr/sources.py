"""Images that functions are made of: which one a URI names, and AWS's words where Lambda does not take it."""

from __future__ import annotations

import asyncio

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.images.errors import BadImage, UnsupportedImage
from staticfire.edge.images.unpacking import ImageTrees

from .images import Images
from .names import ImageName


class ImageSources:
    def __init__(self, images: Images, trees: ImageTrees) -> None:
        self._images = images
        self._trees = trees

    async def resolve(self, scope: Scope, uri: str) -> str:
        """The digest of the image, as its tag stands now."""
        name = ImageName.parse(uri)
        if name is None:
            raise _invalid(
                f"Source image {uri} is not valid. Provide a valid source image. (Lambda takes images of ECR, "
                "which is here too: push it to a repository of this endpoint, as ACCOUNT.dkr.ecr.REGION/NAME:TAG.)"
            )
        if name.scope.region != scope.region:
            raise _invalid(f"Source image {uri} is not valid. Provide a valid source image.")
        if name.scope.account != scope.account:
            raise AwsError(
                403,
                "AccessDeniedException",
                f"Lambda does not have permission to access the ECR image {uri}: here a function's image is of its own "
                "account.",
            )
        image = self._images.find(name.scope, name.repository, tag=name.tag, digest=name.digest)
        if image is None:
            raise _invalid(f"Source image {uri} does not exist. Provide a valid source image.")
        digest: str = image["imageDigest"]
        try:
            await asyncio.to_thread(self._trees.read, digest)
        except UnsupportedImage as error:
            raise _invalid(
                f"The image manifest, config or layer media type for the source image {uri} is not supported. ({error})"
            ) from error
        except BadImage as error:
            raise _invalid(f"Source image {uri} is not valid. Provide a valid source image. ({error})") from error
        return digest


def _invalid(message: str) -> AwsError:
    return AwsError(400, "InvalidParameterValueException", message)

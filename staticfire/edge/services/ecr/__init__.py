"""ECR: repositories and images that are really kept, by AWS's API and by the OCI distribution API (`docker push`).

records     what is described, in the store; blobs are files (staticfire.edge.images)
images      images and tags of a repository: put, described, removed
layers      layers of a repository: which blobs it may be read from
lifecycle   which images a lifecycle policy expires
tokens      authorization tokens of registries
operations  AWS's API: repositories, image_operations, layer_operations, policies
registry    the OCI distribution API
service     all of it together, and what is removed when nobody needs it any more
"""

from .service import Ecr

__all__ = ["Ecr"]

"""The OCI distribution API: what `docker push`, skopeo and crane speak. (AWS calls may have /v2/ in their path too.)

    /v2/                                     who may, and that it is spoken here
    /v2/NAME/blobs/DIGEST                    a layer: GET (with ranges), HEAD, DELETE
    /v2/NAME/blobs/uploads/                  POST: begin, or all at once, or mount another repository's layer
    /v2/NAME/blobs/uploads/ID                PATCH: go on; PUT: end; GET: how far; DELETE: cancel
    /v2/NAME/manifests/REFERENCE             GET, HEAD, PUT, DELETE by tag or digest
    /v2/NAME/tags/list, /v2/NAME/referrers/DIGEST

NAME is a repository of the token's registry, or ACCOUNT.dkr.ecr.REGION/REPOSITORY (names.py).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from staticfire.edge.aws.calls import AwsError, Scope
from staticfire.edge.http1.messages import BodyTooLarge, Request, Response
from staticfire.edge.images.blobs import DIGEST, Upload
from staticfire.edge.images.errors import DigestMismatch, UploadRefused
from staticfire.edge.images.manifest import INDEXES, MAX_MANIFEST

from .images import Images
from .layers import Layers
from .names import NAME, TAG, registry_of_host, split_registry
from .records import EcrRecord, EcrRecords
from .tokens import Tokens

_PATH = re.compile(
    rf"/v2/(?P<name>{NAME})/(?:(?P<manifests>manifests)/(?P<reference>[^/]+)|(?P<begin>blobs/uploads)/?"
    r"|(?P<upload>blobs/uploads)/(?P<id>[^/]+)|(?P<blobs>blobs)/(?P<digest>[^/]+)|(?P<tags>tags)/list"
    r"|(?P<referrers>referrers)/(?P<subject>[^/]+))"
)
_VERSION = ("docker-distribution-api-version", "registry/2.0")
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})", re.ASCII)
_CONTENT_RANGE = re.compile(r"(?:bytes )?(\d{1,18})-(\d{1,18})(?:/.*)?", re.ASCII)
PAGE = 1000

# How the distribution API names errors of AWS's.
_CODES: Mapping[str, tuple[int, str]] = {
    "RepositoryNotFoundException": (404, "NAME_UNKNOWN"),
    "ImageNotFoundException": (404, "MANIFEST_UNKNOWN"),
    "LayersNotFoundException": (400, "MANIFEST_BLOB_UNKNOWN"),
    "ReferencedImagesNotFoundException": (400, "MANIFEST_BLOB_UNKNOWN"),
    "ImageTagAlreadyExistsException": (400, "TAG_INVALID"),
    "ImageDigestDoesNotMatchException": (400, "DIGEST_INVALID"),
    "InvalidParameterException": (400, "MANIFEST_INVALID"),
}


class RegistryError(Exception):
    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


Handle = Callable[[Request, Scope, str, re.Match[str]], Awaitable[Response]]


class Registry:
    def __init__(self, records: EcrRecords, images: Images, layers: Layers, tokens: Tokens, endpoint: str) -> None:
        self._records = records
        self._images = images
        self._layers = layers
        self._tokens = tokens
        self._endpoint = endpoint
        self._handlers: Mapping[str, Handle] = {
            "manifests": self._manifest,
            "begin": self._begin,
            "upload": self._upload,
            "blobs": self._blob,
            "tags": self._tags,
            "referrers": self._referrers,
        }

    def match(self, request: Request) -> bool:
        """Whether a request is for the registry: by its path, unless AWS's signature says that it is a call."""
        if not request.path.startswith("/v2"):
            return False
        if request.headers.get("authorization").startswith("AWS4-") or "x-amz-target" in request.headers:
            return False
        path = unquote(request.path)
        return path in ("/v2", "/v2/") or _PATH.fullmatch(path) is not None or self._of_host(request) is not None

    async def serve(self, request: Request) -> Response:
        try:
            response = await self._answer(request)
        except RegistryError as error:
            response = _error(error)
        except AwsError as error:
            status, code = _CODES.get(error.code, (error.status, "DENIED" if error.status == 403 else "UNSUPPORTED"))
            response = _error(RegistryError(status, code, error.message))
        except DigestMismatch as error:
            response = _error(RegistryError(400, "DIGEST_INVALID", str(error)))
        except UploadRefused as error:
            at = {"range": f"0-{max(0, error.received - 1)}"}
            response = _error(RegistryError(416, "BLOB_UPLOAD_INVALID", str(error), at))
        response.headers.append(_VERSION)
        return response

    async def _answer(self, request: Request) -> Response:
        holder = self._tokens.holder(request.headers.get("authorization"))
        if holder is None:
            challenge = {"www-authenticate": f'Basic realm="http://{self._endpoint}/",service="ecr.amazonaws.com"'}
            said = "no token" if "authorization" not in request.headers else "a token that is wrong or has ended"
            hint = "`aws ecr get-login-password | docker login --username AWS --password-stdin` gets one"
            raise RegistryError(401, "UNAUTHORIZED", f"There is {said}: {hint}", challenge)
        path = unquote(request.path)
        match = _PATH.fullmatch(path)
        if match is None:
            if path in ("/v2", "/v2/"):
                return Response(200, [("content-type", "application/json")], b"{}")
            raise RegistryError(404, "NAME_INVALID", f"{path} is not a path of the distribution API")
        scope, name = split_registry(match["name"])
        scope = scope or self._of_host(request) or holder
        if scope != holder:
            raise RegistryError(403, "DENIED", f"The token is for the registry of {holder.account} in {holder.region}.")
        self._records.repository(scope, name)
        kind = next(kind for kind in self._handlers if match[kind])
        return await self._handlers[kind](request, scope, name, match)

    @staticmethod
    def _of_host(request: Request) -> Scope | None:
        return registry_of_host(request.headers.get("host"))

    # Manifests.

    async def _manifest(self, request: Request, scope: Scope, name: str, match: re.Match[str]) -> Response:
        reference = match["reference"]
        is_digest = DIGEST.fullmatch(reference) is not None
        if not is_digest and TAG.fullmatch(reference) is None:
            raise RegistryError(400, "MANIFEST_INVALID", f"{reference!r} is neither a tag nor a SHA-256 digest")
        which = {"digest" if is_digest else "tag": reference}
        if request.method == "PUT":
            return await self._put_manifest(request, scope, name, **which)
        image = self._images.find(scope, name, **which)
        if image is None:
            raise RegistryError(404, "MANIFEST_UNKNOWN", f"Requested image not found: {name} has no {reference}")
        if request.method == "DELETE":
            one = {"imageDigest": reference} if is_digest else {"imageTag": reference}
            _, failures = await self._images.remove(scope, name, [one])
            if failures:
                raise RegistryError(400, "DENIED", failures[0]["failureReason"])
            return Response(202)
        _only(request, "GET", "HEAD", "PUT", "DELETE")
        data = self._images.read(image)
        headers = [("docker-content-digest", image["imageDigest"])]
        headers += [("content-type", image["imageManifestMediaType"]), ("content-length", str(len(data)))]
        return Response(200, headers[:2] if request.method == "GET" else headers, data)

    async def _put_manifest(
        self, request: Request, scope: Scope, name: str, *, tag: str = "", digest: str = ""
    ) -> Response:
        try:
            data = await request.body(MAX_MANIFEST)
        except BodyTooLarge:
            raise RegistryError(413, "SIZE_INVALID", f"A manifest has at most {MAX_MANIFEST} bytes") from None
        kind = request.headers.get("content-type")
        image: EcrRecord | None
        try:
            put = await self._images.put(scope, name, data, media_type=kind, tag=tag, digest=digest)
            actual = put.digest
        except AwsError as error:
            if error.code != "ImageAlreadyExistsException":
                raise
            # Pushed again as it is, which is right.
            image = self._images.find(scope, name, tag=tag, digest=digest)
            actual = image["imageDigest"] if image else digest
        image = self._images.find(scope, name, digest=actual)
        headers = [("docker-content-digest", actual), ("location", f"/v2/{_path_of(scope, name)}/manifests/{actual}")]
        if image and image["_subject"]:
            headers.append(("oci-subject", image["_subject"]))
        return Response(201, headers)

    async def _tags(self, request: Request, scope: Scope, name: str, match: re.Match[str]) -> Response:
        _only(request, "GET", "HEAD")
        query = dict(parse_qsl(request.query))
        tags = sorted(tag for tag, _ in self._records.list(scope, "tag", f"{name}:"))
        tags = [tag for tag in tags if tag > query.get("last", "")]
        count = min(int(query["n"][:9]), PAGE) if query.get("n", "").isdecimal() else PAGE
        headers = [("content-type", "application/json")]
        if 0 < count < len(tags):
            path = f"/v2/{match['name']}/tags/list?n={count}&last={tags[count - 1]}"
            headers.append(("link", f'<{path}>; rel="next"'))
        return Response(200, headers, orjson.dumps({"name": match["name"], "tags": tags[:count]}))

    async def _referrers(self, request: Request, scope: Scope, name: str, match: re.Match[str]) -> Response:
        _only(request, "GET", "HEAD")
        manifests: list[dict[str, Any]] = []
        for image in self._images.listed(scope, name):
            if image["_subject"] == match["subject"]:
                size = self._images.blobs.size(image["imageDigest"]) or 0
                kind = image["imageManifestMediaType"]
                one = {"mediaType": kind, "digest": image["imageDigest"], "size": size}
                manifests.append({**one, "artifactType": image.get("artifactMediaType") or ""})
        document = {"schemaVersion": 2, "mediaType": INDEXES[1], "manifests": manifests}
        return Response(200, [("content-type", INDEXES[1])], orjson.dumps(document))

    # Layers.

    async def _blob(self, request: Request, scope: Scope, name: str, match: re.Match[str]) -> Response:
        digest = match["digest"]
        record = self._layers.get(scope, name, digest) if DIGEST.fullmatch(digest) else None
        size = self._layers.blobs.size(digest) if record is not None else None
        if size is None:
            raise RegistryError(404, "BLOB_UNKNOWN", f"{name} has no layer {digest}")
        if request.method == "DELETE":
            images = [image for _, image in self._records.list(scope, "image", f"{name}:")]
            if any(digest in image["_blobs"] for image in images):
                raise RegistryError(405, "UNSUPPORTED", f"An image of {name} needs {digest}: delete the image")
            await self._layers.remove(scope, name, digest)
            return Response(202)
        _only(request, "GET", "HEAD", "DELETE")
        headers = [("docker-content-digest", digest), ("content-type", "application/octet-stream")]
        headers.append(("accept-ranges", "bytes"))
        start, end, status = 0, size - 1, 200
        if asked_range := _RANGE.fullmatch(request.headers.get("range")):
            start, end = int(asked_range[1]), min(int(asked_range[2] or end), end)
            if start > end:
                raise RegistryError(
                    416, "SIZE_INVALID", f"{digest} has {size} bytes", {"content-range": f"bytes */{size}"}
                )
            status = 206
            headers.append(("content-range", f"bytes {start}-{end}/{size}"))
        length = end - start + 1
        headers.append(("content-length", str(length)))
        return Response(status, headers, self._layers.blobs.pieces(digest, start, length))

    async def _begin(self, request: Request, scope: Scope, name: str, match: re.Match[str]) -> Response:
        _only(request, "POST")
        query = dict(parse_qsl(request.query))
        if mount := query.get("mount"):
            source_scope, source = split_registry(query.get("from", ""))
            same = (source_scope or scope) == scope
            if same and DIGEST.fullmatch(mount) and await self._layers.mount(scope, source, name, mount):
                return self._created(scope, name, mount)
        upload = await self._layers.blobs.begin(Layers.owner(scope, name))
        if digest := query.get("digest"):
            await self._layers.blobs.append(upload, request.stream())
            return await self._finish(scope, name, upload, digest)
        return self._under_way(202, scope, name, upload)

    async def _upload(self, request: Request, scope: Scope, name: str, match: re.Match[str]) -> Response:
        upload = self._layers.blobs.upload(Layers.owner(scope, name), match["id"])
        if upload is None:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", f"{name} has no upload {match['id']}")
        if request.method == "GET":
            return self._under_way(204, scope, name, upload)
        if request.method == "DELETE":
            self._layers.blobs.cancel(upload)
            return Response(204)
        _only(request, "GET", "PATCH", "PUT", "DELETE")
        digest = dict(parse_qsl(request.query)).get("digest", "")
        if request.method == "PUT" and DIGEST.fullmatch(digest) is None:
            raise RegistryError(400, "DIGEST_INVALID", f"{digest!r} is not a SHA-256 digest")
        at = _CONTENT_RANGE.fullmatch(request.headers.get("content-range"))
        await self._layers.blobs.append(upload, request.stream(), int(at[1]) if at else None)
        if request.method == "PUT":
            return await self._finish(scope, name, upload, digest)
        return self._under_way(202, scope, name, upload)

    async def _finish(self, scope: Scope, name: str, upload: Upload, digest: str) -> Response:
        try:
            await self._layers.finish(scope, name, upload, digest)
        except DigestMismatch:
            self._layers.blobs.cancel(upload)
            raise
        return self._created(scope, name, digest)

    @staticmethod
    def _created(scope: Scope, name: str, digest: str) -> Response:
        location = f"/v2/{_path_of(scope, name)}/blobs/{digest}"
        return Response(201, [("location", location), ("docker-content-digest", digest)])

    @staticmethod
    def _under_way(status: int, scope: Scope, name: str, upload: Upload) -> Response:
        location = f"/v2/{_path_of(scope, name)}/blobs/uploads/{upload.id}"
        at = f"0-{max(0, upload.size - 1)}"
        return Response(status, [("location", location), ("docker-upload-uuid", upload.id), ("range", at)])


def _path_of(scope: Scope, name: str) -> str:
    return f"{scope.account}.dkr.ecr.{scope.region}/{name}"


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise RegistryError(405, "UNSUPPORTED", f"{request.method} is not served here: {', '.join(methods)} are")


def _error(error: RegistryError) -> Response:
    document = {"errors": [{"code": error.code, "message": str(error)}]}
    headers = [("content-type", "application/json"), *error.headers.items()]
    return Response(error.status, headers, orjson.dumps(document))

"""Addresses at which a layer can be fetched without a token, as AWS's presigned ones: good for an hour."""

from __future__ import annotations

import hashlib
import hmac
import re
import time

from staticfire.edge.aws.calls import Scope
from staticfire.edge.http1.messages import Request, Response
from staticfire.edge.images.blobs import BlobStore

PATH = "/_staticfire-layers/"
SECONDS = 60 * 60

_PATH = re.compile(re.escape(PATH) + r"(sha256:[0-9a-f]{64})/(\d{1,12})/([0-9a-f]{64})")


class LayerLocations:
    def __init__(self, secret: str, endpoint: str, blobs: BlobStore) -> None:
        self._secret = hashlib.sha256(b"layers " + secret.encode()).digest()
        self._endpoint = endpoint
        self._blobs = blobs

    def address(self, scope: Scope, name: str, digest: str) -> str:
        ends = str(int(time.time()) + SECONDS)
        return f"http://{self._endpoint}{PATH}{digest}/{ends}/{self._sign(digest, ends)}"

    def serve(self, request: Request) -> Response | None:
        """None for a request to something else."""
        if not request.path.startswith(PATH):
            return None
        match = _PATH.fullmatch(request.path)
        if match is None or request.method not in ("GET", "HEAD"):
            return Response(404, [("content-type", "text/plain")], b"That is not the address of a layer.\n")
        digest, ends, signature = match.groups()
        if not hmac.compare_digest(signature, self._sign(digest, ends)) or int(ends) < time.time():
            return Response(403, [("content-type", "text/plain")], b"The address of the layer has ended or is wrong.\n")
        size = self._blobs.size(digest)
        if size is None:
            return Response(404, [("content-type", "text/plain")], b"The layer is not here any more.\n")
        headers = [("content-type", "application/octet-stream"), ("content-length", str(size))]
        return Response(200, headers, self._blobs.pieces(digest, 0, size))

    def _sign(self, digest: str, ends: str) -> str:
        return hmac.digest(self._secret, f"{digest}/{ends}".encode(), "sha256").hex()
